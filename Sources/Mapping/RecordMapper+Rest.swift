// SPDX-License-Identifier: Apache-2.0
import Formats
import TicketModel

/// The paths of what is left over, numbered, with their JSON keys and their order.
struct RestWriter {
    /// Raw bytes of each path.
    private(set) var paths: [[UInt8]] = []
    /// `"path":` of each.
    private(set) var keys: [[UInt8]] = []
    private var ids: [UInt64: Int] = [:]
    private var ranks: [Int] = []

    /// The number of a path one step below another (-1: the top).
    mutating func path(_ parent: Int, _ name: UInt32, _ names: NameTable) -> Int {
        let code = UInt64(parent + 1) << 32 | UInt64(name)
        if let id = ids[code] { return id }
        let bytes = (parent < 0 ? [] : paths[parent] + [UInt8(ascii: "/")]) + names.name(name)
        var key: [UInt8] = []
        bytes.withUnsafeBytes { JSONText.append(quoted: $0, to: &key) }
        key.append(UInt8(ascii: ":"))
        paths.append(bytes)
        keys.append(key)
        ids[code] = paths.count - 1
        return paths.count - 1
    }

    /// The place of a path among all, by bytes.
    mutating func rank(_ path: Int) -> Int {
        if ranks.count < paths.count {
            let order = paths.indices.sorted { paths[$0].lexicographicallyPrecedes(paths[$1]) }
            ranks = Array(repeating: 0, count: paths.count)
            for (rank, path) in order.enumerated() { ranks[path] = rank }
        }
        return ranks[path]
    }
}

extension RecordMapper {
    /// Gives what no rule took to the fragments of the record: what stands in a nested element to that one's message,
    /// everything else to the ticket, or without one to the record's own message.
    mutating func addRest() {
        // Most records are mapped whole, or hold nothing else than what is.
        guard hasRest() else { return }
        let takers = pending.indices.filter { pending[$0].extrasAt != nil }
        guard !takers.isEmpty else { return }
        for index in takers where pending[index].context != tree.root { splice(index) }
        let own = takers.filter { pending[$0].context == tree.root }
        let first = own.first { pending[$0].kind == .ticket } ?? own.first
        if let first { splice(first) }
        for index in own where index != first && !extras(of: index).isEmpty { splice(index) }
    }

    private func hasRest() -> Bool {
        !givenExtras.isEmpty || (plan.rules.keepsRest && tree.hasUnused)
    }

    private func extras(of index: Int) -> [JSON.Member] { givenExtras.first { $0.pending == index }?.members ?? [] }

    /// Writes `extras` of one fragment: its payload moves to the end of the buffer.
    private mutating func splice(_ index: Int) {
        guard let at = pending[index].extrasAt else { return }
        let payload = pending[index].payload
        var leaves: [(path: Int, node: UInt32)] = []
        if plan.rules.keepsRest { collect(pending[index].context, -1, &leaves, isTop: true) }
        var members: [(key: [UInt8], value: [UInt8])] = extras(of: index).map { member in
            var key: [UInt8] = []
            JSONText.append(quoted: member.key, to: &key)
            key.append(UInt8(ascii: ":"))
            return (key, member.value.canonicalBytes())
        }
        pending[index].extrasAt = nil
        if leaves.isEmpty && members.isEmpty { return }
        let start = out.count
        out.append(contentsOf: Array(out[payload.lowerBound..<at]))
        out.append(contentsOf: "\"extras\":{".utf8)
        if members.isEmpty {
            append(leaves)
        } else {
            append(leaves, to: &members)
            members.sort { $0.key.dropLast(2).lexicographicallyPrecedes($1.key.dropLast(2)) }
            for (i, member) in members.enumerated() {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                out.append(contentsOf: member.key)
                out.append(contentsOf: member.value)
            }
        }
        out.append(contentsOf: "},".utf8)
        pending[index].places?.shift(
            behind: at - payload.lowerBound, by: out.count - start - (at - payload.lowerBound))
        out.append(contentsOf: Array(out[at..<payload.upperBound]))
        pending[index].payload = start..<out.count
    }

    private mutating func collect(
        _ node: UInt32, _ path: Int, _ leaves: inout [(path: Int, node: UInt32)], isTop: Bool
    ) {
        if isTop, !tree.isUsed(node), !tree.isEmpty(node) {
            tree.use(node)
            leaves.append((rest.path(-1, tree.nodes[Int(node)].name, tree.names), node))
        }
        var child = tree.nodes[Int(node)].firstChild
        while child != RecordTree.none {
            visit(child, path, &leaves)
            child = tree.nodes[Int(child)].next
        }
        if node == tree.root { for top in tree.tops { visit(top, path, &leaves) } }
    }

    private mutating func visit(_ node: UInt32, _ parent: Int, _ leaves: inout [(path: Int, node: UInt32)]) {
        // Most nodes are mapped and have nothing below.
        if tree.isUsed(node), tree.nodes[Int(node)].firstChild == RecordTree.none { return }
        let path = rest.path(parent, tree.nodes[Int(node)].name, tree.names)
        if !tree.isUsed(node), !tree.isEmpty(node), !tree.isNilMark(node) {
            tree.use(node)
            leaves.append((path, node))
        }
        collect(node, path, &leaves, isTop: false)
    }

    /// Leaves by path; several of one path are a list, in the order of the record.
    private mutating func append(_ leaves: [(path: Int, node: UInt32)]) {
        let sorted = ranked(leaves)
        var i = 0
        while i < sorted.count {
            if i > 0 { out.append(UInt8(ascii: ",")) }
            let path = sorted[i].path
            var end = i + 1
            while end < sorted.count, sorted[end].path == path { end += 1 }
            out.append(contentsOf: rest.keys[path])
            if end > i + 1 { out.append(UInt8(ascii: "[")) }
            for j in i..<end {
                if j > i { out.append(UInt8(ascii: ",")) }
                append(quoted: tree.text(sorted[j].node))
            }
            if end > i + 1 { out.append(UInt8(ascii: "]")) }
            i = end
        }
    }

    private mutating func append(
        _ leaves: [(path: Int, node: UInt32)], to members: inout [(key: [UInt8], value: [UInt8])]
    ) {
        let sorted = ranked(leaves)
        for group in Dictionary(grouping: sorted, by: \.path)
        where !members.contains(where: { $0.key == rest.keys[group.key] }) {
            let start = out.count
            append(group.value)
            let value = Array(out[(start + rest.keys[group.key].count)...])
            out.removeLast(out.count - start)
            members.append((rest.keys[group.key], value))
        }
    }

    private mutating func ranked(_ leaves: [(path: Int, node: UInt32)]) -> [(path: Int, node: UInt32)] {
        let order = leaves.enumerated().map { (rank: rest.rank($0.element.path), place: $0.offset) }
        return order.sorted { ($0.rank, $0.place) < ($1.rank, $1.place) }.map { leaves[$0.place] }
    }

    /// Writes the record's fragments out.
    mutating func finish(into block: inout FragmentBlock, kind: UInt32, ordinal: UInt64, line: UInt32) {
        for (part, fragment) in pending.enumerated() {
            let keyStart = block.bytes.count
            tree.bytes.withUnsafeBytes {
                block.bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[fragment.ticketKey]))
            }
            let key = keyStart..<block.bytes.count
            var messageKey: Range<Int>?
            if let range = fragment.messageKey {
                let start = block.bytes.count
                block.bytes.append(contentsOf: tree.bytes[range])
                messageKey = start..<block.bytes.count
            }
            let start = block.bytes.count
            let isObject = fragment.kind != .tag && fragment.kind != .participant
            if isObject { block.bytes.append(UInt8(ascii: "{")) }
            out.withUnsafeBytes {
                block.bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[fragment.payload]))
            }
            if isObject {
                if fragment.payload.isEmpty {
                    block.bytes.append(UInt8(ascii: "}"))
                } else {
                    block.bytes[block.bytes.count - 1] = UInt8(ascii: "}")
                }
            }
            var places = fragment.places
            // The brace in front; behind the last member the brace stands where the comma was.
            places?.shift(behind: 0, by: 1)
            places?.limit(to: block.bytes.count - start - 1)
            block.fragments.append(
                Fragment(
                    kind: fragment.kind, flags: fragment.flags,
                    ruleIndex: fragment.ruleIndex, kindOfRecord: kind, record: ordinal,
                    part: UInt32(part), line: line, ticketKey: key, messageKey: messageKey,
                    payload: start..<block.bytes.count, seconds: fragment.seconds, nanoseconds: fragment.nanoseconds,
                    places: places))
        }
    }
}
