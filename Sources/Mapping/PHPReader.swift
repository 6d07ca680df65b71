// SPDX-License-Identifier: Apache-2.0

/// Reads PHP's serialised values into nodes: strings are slices by their length in bytes, nothing is copied.
///
/// Arrays with the keys 0, 1, 2 … are lists: repeated nodes of one name. Objects are read by their properties (the marks
/// of private and protected ones taken off); references and PHP's own serialised classes are refused. Nothing is attached
/// unless all of the text could be read.
struct PHPReader {
    // A copy: a shared buffer would be copied whole with the first text appended to the tree.
    private let bytes: [UInt8]
    private let base: Int
    private var at = 0
    private var end: Int { bytes.count }
    private var depth = 0

    private indirect enum Value {
        case nothing
        case text(Range<Int>)
        case literal([UInt8])
        case list([Value])
        case map([(key: Value, value: Value)])
    }

    init(tree: RecordTree, text: Range<Int>) {
        bytes = Array(tree.bytes[text])
        base = text.lowerBound
    }

    /// Reads the whole text and attaches it at the record's top.
    ///
    /// - Returns: false, with nothing attached, for a text that is none of PHP's.
    mutating func read(into tree: inout RecordTree, name: UInt32?) -> Bool {
        guard let value = value(), at == end else { return false }
        if let name {
            attachTop(value, name, &tree)
        } else if case .map(let pairs) = value {
            for pair in pairs { attachTop(pair.value, id(pair.key, &tree), &tree) }
        } else {
            return false
        }
        return true
    }

    private func id(_ key: Value, _ tree: inout RecordTree) -> UInt32 {
        switch key {
        case .text(let range):
            return bytes.withUnsafeBytes { tree.names.id(UnsafeRawBufferPointer(rebasing: $0[range])) }
        case .literal(let text): return text.withUnsafeBytes { tree.names.id($0) }
        default: return tree.names.id("")
        }
    }

    private func attachTop(_ value: Value, _ name: UInt32, _ tree: inout RecordTree) {
        var elements = [value]
        if case .list(let list) = value { elements = list }
        for element in elements {
            if let node = make(element, name, tree.root, &tree) { tree.addTop(node) }
        }
    }

    private func make(_ value: Value, _ name: UInt32, _ parent: UInt32, _ tree: inout RecordTree) -> UInt32? {
        switch value {
        case .nothing: return nil
        case .text(let range):
            return tree.add(name: name, parent: parent, text: range.lowerBound + base..<range.upperBound + base)
        case .literal(let text):
            let range = tree.scratch(text)
            return tree.add(name: name, parent: parent, text: range)
        case .list(let elements):
            let node = tree.add(name: name, parent: parent, text: 0..<0)
            var tail = RecordTree.none
            for element in elements {
                if let child = make(element, name, node, &tree) { tree.link(child, under: node, after: &tail) }
            }
            return node
        case .map(let pairs):
            let node = tree.add(name: name, parent: parent, text: 0..<0)
            var tail = RecordTree.none
            for pair in pairs {
                let name = id(pair.key, &tree)
                var elements = [pair.value]
                if case .list(let list) = pair.value { elements = list }
                for element in elements {
                    if let child = make(element, name, node, &tree) { tree.link(child, under: node, after: &tail) }
                }
            }
            return node
        }
    }

    private mutating func value() -> Value? {
        guard at + 1 < end, depth < 100 else { return nil }
        depth += 1
        defer { depth -= 1 }
        let kind = bytes[at]
        if kind == UInt8(ascii: "N") {
            at += 1
            return take(";") ? .nothing : nil
        }
        at += 1
        guard take(":") else { return nil }
        switch kind {
        case UInt8(ascii: "i"), UInt8(ascii: "d"): return scalar().map { .text($0) }
        case UInt8(ascii: "b"):
            guard let range = scalar(), range.count == 1 else { return nil }
            return .literal(Array((bytes[range.lowerBound] == UInt8(ascii: "1") ? "true" : "false").utf8))
        case UInt8(ascii: "s"):
            guard let range = string() else { return nil }
            return take(";") ? .text(range) : nil
        case UInt8(ascii: "a"): return array()
        case UInt8(ascii: "O"):
            guard string() != nil, take(":") else { return nil }
            return array()
        default: return nil
        }
    }

    private mutating func take(_ byte: Character) -> Bool {
        guard at < end, bytes[at] == byte.asciiValue else { return false }
        at += 1
        return true
    }

    private mutating func scalar() -> Range<Int>? {
        let start = at
        while at < end, bytes[at] != UInt8(ascii: ";") { at += 1 }
        guard at < end, at > start else { return nil }
        at += 1
        return start..<at - 1
    }

    private mutating func count() -> Int? {
        var value = 0
        let start = at
        while at < end, at - start < 10, bytes[at] &- 0x30 < 10 {
            value = value * 10 + Int(bytes[at] - 0x30)
            at += 1
        }
        return at > start && take(":") ? value : nil
    }

    /// `5:"hello"`, the count in bytes.
    private mutating func string() -> Range<Int>? {
        guard let count = count(), take("\""), at + count < end else { return nil }
        let range = at..<at + count
        at += count
        return take("\"") ? range : nil
    }

    /// `2:{key;value;key;value;}`.
    private mutating func array() -> Value? {
        guard let count = count(), take("{"), count <= end - at else { return nil }
        var pairs: [(key: Value, value: Value)] = []
        var isList = true
        for index in 0..<count {
            let kind = at < end ? bytes[at] : 0
            guard kind == UInt8(ascii: "i") || kind == UInt8(ascii: "s"), var key = value(), let value = value() else {
                return nil
            }
            guard case .text(var range) = key else { return nil }
            if kind == UInt8(ascii: "s"), bytes[range].first == 0, let mark = bytes[range].dropFirst().firstIndex(of: 0)
            {
                range = mark + 1..<range.upperBound
                key = .text(range)
            }
            if isList { isList = kind == UInt8(ascii: "i") && bytes[range].elementsEqual(String(index).utf8) }
            pairs.append((key, value))
        }
        guard take("}") else { return nil }
        return isList ? .list(pairs.map(\.value)) : .map(pairs)
    }
}
