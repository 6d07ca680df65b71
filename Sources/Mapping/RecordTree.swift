// SPDX-License-Identifier: Apache-2.0
import Formats

/// The records of one block with what `let` makes in them: one table of nodes, one buffer of bytes.
///
/// Everything that rules yield is a range of ``bytes``: values stay slices, and texts that are put together, unescaped or
/// looked up are appended behind the block's own bytes and dropped with the record.
struct RecordTree {
    typealias Node = RecordBlock.Node
    static let none = Node.none

    /// The block's nodes with names numbered by ``names``, then the record's `let` nodes.
    private(set) var nodes: [Node] = []
    /// The block's bytes, the mapping's constants, then the record's scratch.
    var bytes: [UInt8] = []
    /// All names met so far.
    var names: NameTable
    /// The current record's root.
    private(set) var root = none
    /// Trees that `let` made beside the record's own children.
    private(set) var tops: [UInt32] = []

    private let constants: [UInt8]
    private let nothing: [[UInt8]]
    private let nilName: UInt32
    private var constantsAt = 0
    private var baseNodes = 0
    private var baseBytes = 0
    private var used: [Bool] = []
    private var log: [UInt32] = []
    /// By node: the next child of the record's root with the same name.
    private var nextSame: [UInt32] = []
    // By name: the first and last child of the record's root, valid where the stamp is the current one.
    private var first: [UInt32] = []
    private var last: [UInt32] = []
    private var stamps: [UInt32] = []
    private var stamp: UInt32 = 0
    private var translation: [UInt32] = []
    private var file = ""

    init(rules: ReadRules) {
        names = rules.names
        nilName = names.id("@xsi:nil")
        constants = rules.constants
        nothing = rules.nothing
    }

    /// Takes a block in.
    mutating func load(_ block: consuming RecordBlock) {
        if block.file != file || block.names.count < translation.count {
            translation = []
            file = block.file
        }
        for name in block.names[translation.count...] { translation.append(names.id(name)) }
        nodes = block.nodes
        for i in nodes.indices { nodes[i].name = translation[Int(nodes[i].name)] }
        bytes = block.bytes
        constantsAt = bytes.count
        bytes.append(contentsOf: constants)
        baseNodes = nodes.count
        baseBytes = bytes.count
        log.removeAll(keepingCapacity: true)
        used = Array(repeating: false, count: nodes.count)
        nextSame = Array(repeating: Self.none, count: nodes.count)
    }

    /// Goes to a record of the block: drops what the last one made.
    mutating func enter(_ record: RecordBlock.Record) {
        for node in log where Int(node) < baseNodes { used[Int(node)] = false }
        log.removeAll(keepingCapacity: true)
        tops.removeAll(keepingCapacity: true)
        if nodes.count > baseNodes {
            nodes.removeLast(nodes.count - baseNodes)
            used.removeLast(used.count - baseNodes)
            nextSame.removeLast(nextSame.count - baseNodes)
        }
        if bytes.count > baseBytes { bytes.removeLast(bytes.count - baseBytes) }
        stamp &+= 1
        while first.count < names.count {
            first.append(Self.none)
            last.append(Self.none)
            stamps.append(0)
        }
        root = record.root
        var child = nodes[Int(root)].firstChild
        while child != Self.none {
            index(child)
            child = nodes[Int(child)].next
        }
    }

    private mutating func index(_ node: UInt32) {
        let name = Int(nodes[Int(node)].name)
        while first.count <= name {
            first.append(Self.none)
            last.append(Self.none)
            stamps.append(0)
        }
        nextSame[Int(node)] = Self.none
        if stamps[name] == stamp {
            nextSame[Int(last[name])] = node
        } else {
            stamps[name] = stamp
            first[name] = node
        }
        last[name] = node
    }

    /// A constant's place.
    func constant(_ range: Range<Int>) -> Range<Int> { range.lowerBound + constantsAt..<range.upperBound + constantsAt }

    /// Adds a node that `let` makes; text must be in ``bytes`` already.
    mutating func add(name: UInt32, parent: UInt32, text: Range<Int>, firstChild: UInt32 = none) -> UInt32 {
        let node = UInt32(nodes.count)
        nodes.append(
            Node(
                name: name, parent: parent, firstChild: firstChild, next: Self.none, start: UInt32(text.lowerBound),
                length: UInt32(text.count)))
        used.append(false)
        nextSame.append(Self.none)
        return node
    }

    /// Puts a node behind the last child of its parent; `tail` is the last one so far.
    mutating func link(_ node: UInt32, under parent: UInt32, after tail: inout UInt32) {
        if tail == Self.none { nodes[Int(parent)].firstChild = node } else { nodes[Int(tail)].next = node }
        tail = node
    }

    /// Makes a node stand at the record's top, found by its name like the record's own children.
    mutating func addTop(_ node: UInt32) {
        tops.append(node)
        index(node)
    }

    // MARK: reading

    /// A node's own text.
    func text(_ node: UInt32) -> Range<Int> {
        let n = nodes[Int(node)]
        return Int(n.start)..<Int(n.start) + Int(n.length)
    }

    /// Whether a node says nothing: no text, a text that means nothing, or the blanks between its elements.
    func isEmpty(_ node: UInt32) -> Bool {
        let n = nodes[Int(node)]
        if n.length == 0 { return true }
        let range = text(node)
        for word in nothing where word.count == range.count && bytes[range].elementsEqual(word) { return true }
        if n.firstChild != Self.none { return bytes[range].allSatisfy { $0 <= 0x20 } }
        return false
    }

    /// Whether a node is an attribute.
    func isAttribute(_ node: UInt32) -> Bool { names.name(nodes[Int(node)].name).first == UInt8(ascii: "@") }

    /// Whether a node is the mark that its element is nil.
    func isNilMark(_ node: UInt32) -> Bool { nodes[Int(node)].name == nilName }

    /// Calls for every node at a path, in the order of the record, until told to stop.
    ///
    /// - Returns: whether it was stopped.
    @discardableResult
    func each(_ path: RulePath, from context: UInt32, _ body: (UInt32) -> Bool) -> Bool {
        var base = context
        if let whole = path.whole, base == root, stamps.count > Int(whole), stamps[Int(whole)] == stamp {
            return chain(first[Int(whole)], body)
        }
        for _ in 0..<path.ups {
            base = nodes[Int(base)].parent
            if base == Self.none { return false }
        }
        return path.steps.withUnsafeBufferPointer { each($0[...], from: base, body) }
    }

    private func chain(_ start: UInt32, _ body: (UInt32) -> Bool) -> Bool {
        var node = start
        while node != Self.none {
            if body(node) { return true }
            node = nextSame[Int(node)]
        }
        return false
    }

    private func each(_ steps: Slice<UnsafeBufferPointer<UInt32>>, from base: UInt32, _ body: (UInt32) -> Bool) -> Bool
    {
        guard let step = steps.first else { return body(base) }
        let rest = steps.dropFirst()
        if base == root {
            guard Int(step) < stamps.count, stamps[Int(step)] == stamp else { return false }
            var node = first[Int(step)]
            while node != Self.none {
                if rest.isEmpty ? body(node) : each(rest, from: node, body) { return true }
                node = nextSame[Int(node)]
            }
            return false
        }
        var node = nodes[Int(base)].firstChild
        while node != Self.none {
            if nodes[Int(node)].name == step {
                if rest.isEmpty ? body(node) : each(rest, from: node, body) { return true }
            }
            node = nodes[Int(node)].next
        }
        return false
    }

    /// The first node at a path that says something.
    func firstFull(_ path: RulePath, from context: UInt32) -> UInt32? {
        var found = Self.none
        each(path, from: context) { node in
            if isEmpty(node) { return false }
            found = node
            return true
        }
        return found == Self.none ? nil : found
    }

    /// All nodes at steps from the record's root.
    func nodes(at steps: [UInt32]) -> [UInt32] {
        var found: [UInt32] = []
        each(RulePath(steps: steps, text: ""), from: root) {
            found.append($0); return false
        }
        return found
    }

    // MARK: what is used

    /// How much has been marked as used so far.
    var mark: Int { log.count }

    /// Marks a node's text as mapped: it is not left over.
    mutating func use(_ node: UInt32) {
        if !used[Int(node)] {
            used[Int(node)] = true
            log.append(node)
        }
    }

    /// Takes back all marks since: what a rule looked at without taking it.
    mutating func undo(to mark: Int) {
        while log.count > mark { used[Int(log.removeLast())] = false }
    }

    /// Whether a node's text is mapped.
    func isUsed(_ node: UInt32) -> Bool { used[Int(node)] }

    /// Marks a node and all below it as used.
    mutating func useAll(_ node: UInt32) {
        use(node)
        var child = nodes[Int(node)].firstChild
        while child != Self.none {
            useAll(child)
            child = nodes[Int(child)].next
        }
    }

    /// Appends scratch text and gives its place.
    mutating func scratch(_ text: some Collection<UInt8>) -> Range<Int> {
        let start = bytes.count
        bytes.append(contentsOf: text)
        return start..<bytes.count
    }
}
