// SPDX-License-Identifier: Apache-2.0
package import Mapping
package import TicketModel

/// The look-up tables of a plan: in memory up to a limit, past it in a sorted file with an index of its blocks.
///
/// Rows of one key are settled by the table's `onRepeat` when the pass that brings them ends.
package final class TableStore: TableLookup {
    /// By table: how many keys came twice under `onRepeat: ambiguous`; look-ups of them find nothing.
    package private(set) var ambiguousKeys: [Int: Int] = [:]
    let tables: [ReadPlan.Table]
    private let limit: Int
    private let place: (UInt64, UInt32) -> SourceLocation
    private var sorter: SpillSorter?
    private var passes: [Int: any SettledRows] = [:]

    /// An empty store.
    ///
    /// - Parameters:
    ///   - tables: the tables that the mapping asks for.
    ///   - limit: how many bytes may be held in memory.
    ///   - place: where a record (by its number and line) stands.
    package init(tables: [ReadPlan.Table], limit: Int, place: @escaping (UInt64, UInt32) -> SourceLocation) {
        self.tables = tables
        self.limit = limit
        self.place = place
    }

    /// Takes the rows of a block.
    package func add(_ block: TableRowBlock) throws {
        let sorter = self.sorter ?? SpillSorter(limit: limit)
        self.sorter = sorter
        var key: [UInt8] = []
        try block.bytes.withUnsafeBytes { bytes in
            for row in block.rows {
                Self.makeKey(table: row.table, UnsafeRawBufferPointer(rebasing: bytes[row.key]), into: &key)
                try key.withUnsafeBytes { key in
                    try sorter.add(key: key) { out in
                        withUnsafeBytes(of: (row.record, UInt64(row.line))) { out.append(contentsOf: $0) }
                        out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[row.fields]))
                    }
                }
            }
        }
    }

    /// Settles the rows that were added since the last call: from now on they can be looked up.
    ///
    /// - Parameter finished: the tables that the pass was about.
    /// - Throws: `Diagnostic` `table.repeated-key` where a table says `fail`.
    package func finishPass(tables finished: [Int]) throws {
        guard let sorter else { return }
        self.sorter = nil
        let items = try sorter.finish()
        let rows: any SettledRows & RowCollector = sorter.spilled > 0 ? try RowsOnDisk() : RowsInMemory()
        var current: (key: [UInt8], row: [UInt8], record: UInt64, line: UInt32, isDropped: Bool)?
        func settle() throws {
            if let current, !current.isDropped { try rows.add(key: current.key, row: current.row) }
        }
        while try items.next({ key, item in
            let record = item.loadUnaligned(as: UInt64.self)
            let line = UInt32(truncatingIfNeeded: item.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let row = item[16...]
            guard let earlier = current, earlier.key.elementsEqual(key) else {
                try settle()
                current = (Array(key), Array(row), record, line, false)
                return
            }
            let table = Int(key[0]) << 8 | Int(key[1])
            switch tables[table].onRepeat {
            case .fail:
                // The same row twice tells nothing new and does no harm.
                if earlier.row.elementsEqual(row) { return }
                throw Diagnostic(
                    code: "table.repeated-key",
                    "the key \(String(decoding: key[2...], as: UTF8.self)) of the table `\(tables[table].name)` comes twice, "
                        + "first at \(place(earlier.record, earlier.line))",
                    at: place(record, line),
                    remedy: "say `onRepeat: first`, `last`, `fill` or `ambiguous` at that table in the mapping")
            case .first: break
            case .last: current?.row = Array(row)
            case .fill: current?.row = TableRow.filled(earlier.row, from: Array(row))
            case .ambiguous:
                if !earlier.isDropped { ambiguousKeys[table, default: 0] += 1 }
                current?.isDropped = true
            }
        }) {}
        try settle()
        try rows.seal()
        for table in finished { passes[table] = rows }
    }

    package func append(rowOf table: Int, key: UnsafeRawBufferPointer, to out: inout [UInt8]) throws -> Bool {
        guard let rows = passes[table] else { return false }
        return try rows.append(table: table, key: key, to: &out)
    }

    /// Hands every settled row (its table, key and fields) to `body`, sorted within each pass.
    func forEachRow(_ body: (Int, UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void) throws {
        var done: [any SettledRows] = []
        for table in passes.keys.sorted() {
            guard let rows = passes[table], !done.contains(where: { $0 === rows }) else { continue }
            done.append(rows)
            try rows.forEach { key, row in
                try body(Int(key[0]) << 8 | Int(key[1]), UnsafeRawBufferPointer(rebasing: key[2...]), row)
            }
        }
    }

    static func makeKey(table: Int, _ key: UnsafeRawBufferPointer, into out: inout [UInt8]) {
        out.removeAll(keepingCapacity: true)
        out.append(UInt8(truncatingIfNeeded: table >> 8))
        out.append(UInt8(truncatingIfNeeded: table))
        out.append(contentsOf: key)
    }
}

/// Rows with one row a key.
private protocol SettledRows: AnyObject {
    func append(table: Int, key: UnsafeRawBufferPointer, to out: inout [UInt8]) throws -> Bool
    /// Hands every row to `body`: its whole key (table and key) and its fields.
    func forEach(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void) throws
}

/// Takes rows in the order of their keys.
private protocol RowCollector: AnyObject {
    func add(key: [UInt8], row: [UInt8]) throws
    func seal() throws
}

/// A hash table over one buffer: no allocation for a look-up.
private final class RowsInMemory: SettledRows, RowCollector {
    private var bytes: [UInt8] = []
    private var rows: [(start: Int, key: Int, end: Int)] = []
    /// Index in ``rows`` plus one; 0 is empty.
    ///
    /// A power of two long, at most half full.
    private var buckets: [UInt32] = []

    func add(key: [UInt8], row: [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: key)
        bytes.append(contentsOf: row)
        rows.append((start, start + key.count, bytes.count))
    }

    func seal() {
        var size = 16
        while size < rows.count * 2 { size *= 2 }
        buckets = Array(repeating: 0, count: size)
        bytes.withUnsafeBytes { bytes in
            for (i, row) in rows.enumerated() {
                let table = Int(bytes[row.start]) << 8 | Int(bytes[row.start + 1])
                var bucket =
                    Self.hash(table, UnsafeRawBufferPointer(rebasing: bytes[row.start + 2..<row.key])) & (size - 1)
                while buckets[bucket] != 0 { bucket = (bucket + 1) & (size - 1) }
                buckets[bucket] = UInt32(i + 1)
            }
        }
    }

    func append(table: Int, key: UnsafeRawBufferPointer, to out: inout [UInt8]) -> Bool {
        let mask = buckets.count - 1
        var bucket = Self.hash(table, key) & mask
        return bytes.withUnsafeBytes { bytes in
            while buckets[bucket] != 0 {
                let row = rows[Int(buckets[bucket]) - 1]
                if row.key - row.start - 2 == key.count,
                    Int(bytes[row.start]) << 8 | Int(bytes[row.start + 1]) == table,
                    bytes[row.start + 2..<row.key].elementsEqual(key)
                {
                    out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[row.key..<row.end]))
                    return true
                }
                bucket = (bucket + 1) & mask
            }
            return false
        }
    }

    func forEach(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void) throws {
        try bytes.withUnsafeBytes { bytes in
            for row in rows {
                try body(
                    UnsafeRawBufferPointer(rebasing: bytes[row.start..<row.key]),
                    UnsafeRawBufferPointer(rebasing: bytes[row.key..<row.end]))
            }
        }
    }

    /// FNV-1a: short keys, no enemies (a table that somebody fills with collisions is slow, not wrong).
    private static func hash(_ table: Int, _ key: UnsafeRawBufferPointer) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(table)
        for byte in key { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) & 0x7FFF_FFFF)
    }
}

/// Rows sorted in a private file, and in memory the first key of every 16 kB.
private final class RowsOnDisk: SettledRows, RowCollector {
    private let file: PrivateFile
    private var firstKeys: [[UInt8]] = []
    private var starts: [Int] = []
    private var cached = -1
    private var block: [UInt8] = []
    private static let blockSize = 16 << 10

    init() throws { file = try PrivateFile() }

    func add(key: [UInt8], row: [UInt8]) throws {
        if starts.last.map({ file.count - $0 >= Self.blockSize }) ?? true {
            starts.append(file.count)
            firstKeys.append(key)
        }
        try withUnsafeBytes(of: (UInt32(key.count), UInt32(row.count))) { try file.append($0) }
        try key.withUnsafeBytes { try file.append($0) }
        try row.withUnsafeBytes { try file.append($0) }
    }

    func seal() throws { try file.flush() }

    func append(table: Int, key: UnsafeRawBufferPointer, to out: inout [UInt8]) throws -> Bool {
        var whole: [UInt8] = []
        TableStore.makeKey(table: table, key, into: &whole)
        // The last block whose first key is not after ours.
        var low = 0
        var high = firstKeys.count
        while low < high {
            let middle = (low + high) / 2
            if IdentifierOrder.precedes(whole, firstKeys[middle]) { high = middle } else { low = middle + 1 }
        }
        guard low > 0 else { return false }
        try load(low - 1)
        return block.withUnsafeBytes { block in
            var at = 0
            while at < block.count {
                let item = SpillSorter.item(block, at)
                let itemKey = SpillSorter.key(block, at)
                if itemKey.elementsEqual(whole) {
                    out.append(contentsOf: UnsafeRawBufferPointer(rebasing: item[(8 + itemKey.count)...]))
                    return true
                }
                at += item.count
            }
            return false
        }
    }

    func forEach(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void) throws {
        for index in starts.indices {
            try load(index)
            try block.withUnsafeBytes { block in
                var at = 0
                while at < block.count {
                    let item = SpillSorter.item(block, at)
                    let key = SpillSorter.key(block, at)
                    try body(key, UnsafeRawBufferPointer(rebasing: item[(8 + key.count)...]))
                    at += item.count
                }
            }
        }
    }

    private func load(_ index: Int) throws {
        guard cached != index else { return }
        let end = index + 1 < starts.count ? starts[index + 1] : file.count
        block = Array(repeating: 0, count: end - starts[index])
        _ = try block.withUnsafeMutableBytes { try file.read(at: starts[index], into: $0) }
        cached = index
    }
}
