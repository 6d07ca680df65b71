// SPDX-License-Identifier: Apache-2.0
import Formats
import TicketModel

extension RecordTree {
    /// Makes the tree of one `let` in the current record.
    ///
    /// - Returns: a text that could not be read as what the mapping says it is; it stays as it was.
    mutating func make(_ item: Let) -> Range<Int>? {
        switch item.source {
        case .pairs(let elements, let name, let value):
            makePairs(item.name, elements, name, value)
            return nil
        case .split(let path, let by, let into):
            for node in all(path) { makeSplit(item.name, node, by, into) }
            return nil
        case .php(let path):
            var bad: Range<Int>?
            for node in all(path) {
                var reader = PHPReader(tree: self, text: text(node))
                if reader.read(into: &self, name: item.name) { useAll(node) } else { bad = text(node) }
            }
            return bad
        case .json(let path):
            var bad: Range<Int>?
            for node in all(path) {
                guard let value = try? JSON(parsing: bytes[text(node)]) else {
                    bad = text(node)
                    continue
                }
                attach(value, name: item.name)
                useAll(node)
            }
            return bad
        }
    }

    private func all(_ path: RulePath) -> [UInt32] {
        all(path, from: root).filter { !isEmpty($0) }
    }

    private mutating func makePairs(_ name: UInt32?, _ elements: [UInt32], _ namePath: [UInt32], _ valuePath: [UInt32])
    {
        var parent = root
        var tail = Self.none
        if let name {
            parent = add(name: name, parent: root, text: 0..<0)
        }
        for element in nodes(at: elements) {
            guard let key = child(namePath, of: element), !text(key).isEmpty, let value = child(valuePath, of: element)
            else { continue }
            let range = text(key)
            let id = bytes.withUnsafeBytes { names.id(UnsafeRawBufferPointer(rebasing: $0[range])) }
            var below = nodes[Int(value)].firstChild
            while below != Self.none, isAttribute(below) { below = nodes[Int(below)].next }
            let node = add(name: id, parent: parent, text: text(value), firstChild: below)
            if name == nil {
                addTop(node)
            } else {
                link(node, under: parent, after: &tail)
            }
            // What stands below the value is seen through the new node; only the pair itself is used up.
            use(key)
            if below == Self.none || valuePath.isEmpty { useAll(element) } else { use(value) }
        }
        if name != nil { addTop(parent) }
    }

    private func child(_ steps: [UInt32], of node: UInt32) -> UInt32? {
        // Nearly all are one step: pairs are looked at for every field of every row.
        guard steps.count == 1 else {
            return steps.isEmpty ? node : all(RulePath(steps: steps, text: ""), from: node).first
        }
        let found = first(steps[0], in: node)
        return found == Self.none ? nil : found
    }

    private mutating func makeSplit(_ name: UInt32?, _ node: UInt32, _ by: [UInt8], _ into: [UInt32]) {
        let pieces = split(text(node), by: by, most: into.isEmpty ? .max : into.count)
        use(node)
        if into.isEmpty {
            for piece in pieces { addTop(add(name: name ?? nodes[Int(node)].name, parent: root, text: piece)) }
            return
        }
        var parent = root
        var tail = Self.none
        if let name { parent = add(name: name, parent: root, text: 0..<0) }
        for (id, piece) in zip(into, pieces) {
            let part = add(name: id, parent: parent, text: piece)
            if name == nil { addTop(part) } else { link(part, under: parent, after: &tail) }
        }
        if name != nil { addTop(parent) }
    }

    /// The pieces of a text between separators, at most so many (the last takes the rest).
    func split(_ range: Range<Int>, by: [UInt8], most: Int = .max) -> [Range<Int>] {
        guard !by.isEmpty else { return [range] }
        var pieces: [Range<Int>] = []
        var start = range.lowerBound
        var at = start
        while at + by.count <= range.upperBound, pieces.count + 1 < most {
            if bytes[at] == by[0], bytes[at..<at + by.count].elementsEqual(by) {
                pieces.append(start..<at)
                at += by.count
                start = at
            } else {
                at += 1
            }
        }
        pieces.append(start..<range.upperBound)
        return pieces
    }

    /// Attaches a JSON value as nodes: objects by their keys, lists as repeated nodes, `null` as nothing.
    private mutating func attach(_ value: JSON, name: UInt32?) {
        if let name {
            for element in value.array ?? [value] {
                if let node = make(element, name: name, parent: root) { addTop(node) }
            }
        } else {
            for member in value.members ?? [] { attach(member.value, name: names.id(member.key)) }
        }
    }

    private mutating func make(_ value: JSON, name: UInt32, parent: UInt32) -> UInt32? {
        switch value {
        case .null: return nil
        case .bool(let flag): return leaf(flag ? "true" : "false", name, parent)
        case .number(let text), .string(let text): return leaf(text, name, parent)
        case .array(let elements):
            // A list within a list: a node of the list's own name that holds it.
            let node = add(name: name, parent: parent, text: 0..<0)
            var tail = Self.none
            for element in elements {
                if let child = make(element, name: name, parent: node) { link(child, under: node, after: &tail) }
            }
            return node
        case .object(let members):
            let node = add(name: name, parent: parent, text: 0..<0)
            var tail = Self.none
            for member in members {
                let id = names.id(member.key)
                for element in member.value.array ?? [member.value] {
                    if let child = make(element, name: id, parent: node) { link(child, under: node, after: &tail) }
                }
            }
            return node
        }
    }

    private mutating func leaf(_ text: String, _ name: UInt32, _ parent: UInt32) -> UInt32 {
        let range = scratch(text.utf8)
        return add(name: name, parent: parent, text: range)
    }
}
