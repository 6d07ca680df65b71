// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Sorts items of bytes by a key, in memory up to a limit and past it in sorted runs on disk.
///
/// The order is ``IdentifierOrder`` (numbers by value); items of one key stay in the order they were added in. Runs that
/// follow each other in order become one, so data that is in order already is merged with nothing.
final class SpillSorter {
    private struct Entry {
        /// Orders most keys without looking at them.
        var prefix: UInt64
        /// Where the item stands in ``arena``; unique, so that equal keys keep their order.
        var offset: Int
    }

    private let limit: Int
    private var arena: [UInt8] = []
    private var entries: [Entry] = []
    private var file: PrivateFile?
    private var runs: [Range<Int>] = []
    private var lastKeyOfRun: [UInt8] = []
    /// How many items were added.
    private(set) var count = 0
    /// How many bytes were spilled to disk: for tests and reports.
    var spilled: Int { file?.count ?? 0 }

    /// A sorter that holds at most about `limit` bytes in memory, and at least one item.
    init(limit: Int) { self.limit = limit }

    /// Adds an item; `write` appends its payload.
    func add(key: UnsafeRawBufferPointer, _ write: (inout [UInt8]) -> Void) throws {
        let offset = arena.count
        withUnsafeBytes(of: (UInt32(key.count), UInt32(0))) { arena.append(contentsOf: $0) }
        arena.append(contentsOf: key)
        write(&arena)
        let payload = UInt32(arena.count - offset - 8 - key.count)
        withUnsafeBytes(of: payload) { bytes in
            for i in 0..<4 { arena[offset + 4 + i] = bytes[i] }
        }
        entries.append(Entry(prefix: Self.prefix(key), offset: offset))
        count += 1
        // The index is sorted beside a copy of half its size.
        if arena.count + entries.count * 24 >= limit { try spill() }
    }

    /// Gives all items in order.
    ///
    /// Nothing can be added afterwards.
    func finish() throws -> SortedItems {
        guard let file else {
            sort()
            return SortedItems(arena: arena, offsets: entries.map(\.offset))
        }
        if !entries.isEmpty { try spill() }
        try file.flush()
        arena = []
        entries = []
        return try SortedItems(file: file, runs: runs, limit: max(limit, 1 << 20))
    }

    private func sort() {
        arena.withUnsafeBytes { arena in
            entries.sort { a, b in
                if a.prefix != b.prefix { return a.prefix < b.prefix }
                let order = IdentifierOrder.compare(Self.key(arena, a.offset), Self.key(arena, b.offset))
                return order != 0 ? order < 0 : a.offset < b.offset
            }
        }
    }

    private func spill() throws {
        guard let first = entries.indices.first else { return }
        sort()
        let file = try self.file ?? PrivateFile()
        self.file = file
        let start = file.count
        let continues = try arena.withUnsafeBytes { arena in
            for entry in entries { try file.append(Self.item(arena, entry.offset)) }
            let follows = lastKeyOfRun.withUnsafeBytes {
                IdentifierOrder.compare($0, Self.key(arena, entries[first].offset)) <= 0
            }
            lastKeyOfRun = Array(Self.key(arena, entries[entries.count - 1].offset))
            return follows
        }
        if continues, let last = runs.popLast() {
            runs.append(last.lowerBound..<file.count)
        } else {
            runs.append(start..<file.count)
        }
        arena.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    static func item(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UnsafeRawBufferPointer {
        let key = Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        let payload = Int(bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + 8 + key + payload])
    }

    @inline(__always)
    static func key(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UnsafeRawBufferPointer {
        let key = Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        return UnsafeRawBufferPointer(rebasing: bytes[offset + 8..<offset + 8 + key])
    }

    /// Ordered like the keys where two differ; equal ones say nothing.
    static func prefix(_ key: UnsafeRawBufferPointer) -> UInt64 {
        if !key.isEmpty, key.allSatisfy({ (0x30...0x39).contains($0) }) {
            let digits = key.drop { $0 == 0x30 }
            if digits.count > 18 { return 1 << 62 }
            return digits.reduce(0) { $0 * 10 + UInt64($1 - 0x30) }
        }
        var prefix: UInt64 = 0
        for i in 0..<8 { prefix = prefix << 8 | (i < key.count ? UInt64(key[i]) : 0) }
        return 1 << 63 | prefix >> 1
    }
}

/// The items of a ``SpillSorter`` in order.
final class SortedItems {
    /// One run on disk, read through a window.
    private struct Run {
        var next: Int
        let end: Int
        var window: [UInt8] = []
        var at = 0
        var prefix: UInt64 = 0
    }

    private let arena: [UInt8]
    private let offsets: [Int]
    private var position = 0
    private let file: PrivateFile?
    private var runs: [Run] = []
    private var heap: [Int] = []
    private let windowSize: Int

    init(arena: [UInt8], offsets: [Int]) {
        self.arena = arena
        self.offsets = offsets
        file = nil
        windowSize = 0
    }

    init(file: PrivateFile, runs ranges: [Range<Int>], limit: Int) throws {
        arena = []
        offsets = []
        self.file = file
        windowSize = min(1 << 20, max(4096, limit / max(1, ranges.count)))
        runs = ranges.map { Run(next: $0.lowerBound, end: $0.upperBound) }
        for i in runs.indices where try load(i) { push(i) }
    }

    /// Hands the next item (key and payload, valid only meanwhile) to `body`.
    ///
    /// - Returns: false at the end.
    func next(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
        if file == nil {
            guard position < offsets.count else { return false }
            try arena.withUnsafeBytes { try Self.split(SpillSorter.item($0, offsets[position]), body) }
            position += 1
            return true
        }
        guard let first = heap.first else { return false }
        let size = try runs[first].window.withUnsafeBytes { window in
            let item = SpillSorter.item(window, runs[first].at)
            try Self.split(item, body)
            return item.count
        }
        runs[first].at += size
        if try load(first) { sink(0) } else { pop() }
        return true
    }

    private static func split(
        _ item: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        let key = SpillSorter.key(item, 0)
        try body(key, UnsafeRawBufferPointer(rebasing: item[(8 + key.count)...]))
    }

    /// Makes sure that the run's next item is whole in its window; false at the run's end.
    private func load(_ i: Int) throws -> Bool {
        guard let file else { return false }
        var needed = 8
        while true {
            let have = runs[i].window.count - runs[i].at
            if have >= 8 {
                needed = runs[i].window.withUnsafeBytes { window in
                    8 + Int(window.loadUnaligned(fromByteOffset: runs[i].at, as: UInt32.self))
                        + Int(window.loadUnaligned(fromByteOffset: runs[i].at + 4, as: UInt32.self))
                }
            }
            if have >= needed, have >= 8 {
                let at = runs[i].at
                runs[i].prefix = runs[i].window.withUnsafeBytes { SpillSorter.prefix(SpillSorter.key($0, at)) }
                return true
            }
            let more = min(max(windowSize, needed) - have, runs[i].end - runs[i].next)
            if more <= 0 { return false }
            var window = runs[i].window
            runs[i].window = []
            window.removeSubrange(..<runs[i].at)
            window.append(contentsOf: repeatElement(0, count: more))
            let got = try window.withUnsafeMutableBytes {
                try file.read(at: runs[i].next, into: UnsafeMutableRawBufferPointer(rebasing: $0[have...]))
            }
            window.removeLast(more - got)
            runs[i].window = window
            runs[i].at = 0
            runs[i].next += got
            if got == 0 { return false }
        }
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        if runs[a].prefix != runs[b].prefix { return runs[a].prefix < runs[b].prefix }
        let order = runs[a].window.withUnsafeBytes { x in
            runs[b].window.withUnsafeBytes { y in
                IdentifierOrder.compare(SpillSorter.key(x, runs[a].at), SpillSorter.key(y, runs[b].at))
            }
        }
        // Runs are in the order of the input.
        return order != 0 ? order < 0 : a < b
    }

    private func push(_ run: Int) {
        heap.append(run)
        var i = heap.count - 1
        while i > 0, precedes(heap[i], heap[(i - 1) / 2]) {
            heap.swapAt(i, (i - 1) / 2)
            i = (i - 1) / 2
        }
    }

    private func pop() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        sink(0)
    }

    private func sink(_ start: Int) {
        var i = start
        while true {
            var least = i
            for child in [2 * i + 1, 2 * i + 2] where child < heap.count && precedes(heap[child], heap[least]) {
                least = child
            }
            if least == i { return }
            heap.swapAt(i, least)
            i = least
        }
    }
}
