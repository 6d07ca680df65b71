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
    /// One past the last of the record's own nodes.
    private var end = 0
    /// Trees that `let` made beside the record's own children.
    private(set) var tops: [UInt32] = []

    private let constants: [UInt8]
    private let nothing: [[UInt8]]
    /// The lengths of the texts that mean nothing, as bits; the last bit for all longer ones.
    private let nothingLengths: UInt64
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
        nothingLengths = rules.nothing.reduce(0) { $0 | 1 << UInt64(min($1.count, 63)) }
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
        grow(to: names.count)
        root = record.root
        end = Int(record.end)
        var child = nodes[Int(root)].firstChild
        while child != Self.none {
            index(child)
            child = nodes[Int(child)].next
        }
    }

    private mutating func index(_ node: UInt32) {
        let name = Int(nodes[Int(node)].name)
        if name >= stamps.count { grow(to: name + 1) }
        nextSame[Int(node)] = Self.none
        if stamps[name] == stamp {
            nextSame[Int(last[name])] = node
        } else {
            stamps[name] = stamp
            first[name] = node
        }
        last[name] = node
    }

    private mutating func grow(to count: Int) {
        while stamps.count < count {
            first.append(Self.none)
            last.append(Self.none)
            stamps.append(0)
        }
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
        if nothingLengths & (1 << UInt64(min(n.length, 63))) != 0, meansNothing(text(node)) { return true }
        if n.firstChild != Self.none { return bytes[text(node)].allSatisfy { $0 <= 0x20 } }
        return false
    }

    private func meansNothing(_ range: Range<Int>) -> Bool {
        for word in nothing where word.count == range.count && bytes[range].elementsEqual(word) { return true }
        return false
    }

    /// Whether a node is an attribute.
    func isAttribute(_ node: UInt32) -> Bool { names.name(nodes[Int(node)].name).first == UInt8(ascii: "@") }

    /// Whether a node is the mark that its element is nil.
    func isNilMark(_ node: UInt32) -> Bool { nodes[Int(node)].name == nilName }

    /// Calls for every node at a path, in the order of the record, until told to stop.
    ///
    /// Inlined, so that what a caller keeps in its closure costs nothing; only paths of several steps make a list first.
    ///
    /// - Returns: whether it was stopped.
    @inline(__always)
    @discardableResult
    func each(_ path: RulePath, from context: UInt32, _ body: (UInt32) -> Bool) -> Bool {
        if path.name != Self.none {
            var node = first(path.name, in: context)
            while node != Self.none {
                if body(node) { return true }
                node = next(path.name, in: context, after: node)
            }
            return false
        }
        for node in all(path, from: context) where body(node) { return true }
        return false
    }

    /// The first node at a path that says something.
    @inline(__always)
    func firstFull(_ path: RulePath, from context: UInt32) -> UInt32? {
        let found = full(path, from: context)
        return found == Self.none ? nil : found
    }

    private func full(_ path: RulePath, from context: UInt32) -> UInt32 {
        if path.name != Self.none {
            var node = first(path.name, in: context)
            while node != Self.none, isEmpty(node) { node = next(path.name, in: context, after: node) }
            return node
        }
        if let head = whole(path, context) {
            var node = head
            while node != Self.none, isEmpty(node) { node = nextSame[Int(node)] }
            return node
        }
        let base = up(path.ups, from: context)
        return base == Self.none ? base : full(path, 0, in: base)
    }

    private func full(_ path: RulePath, _ depth: Int, in base: UInt32) -> UInt32 {
        if depth == path.steps.count { return isEmpty(base) ? Self.none : base }
        let step = path.steps[depth]
        var node = first(step, in: base)
        while node != Self.none {
            let found = full(path, depth + 1, in: node)
            if found != Self.none { return found }
            node = next(step, in: base, after: node)
        }
        return Self.none
    }

    /// All nodes at a path, in the order of the record.
    func all(_ path: RulePath, from context: UInt32) -> [UInt32] {
        var found: [UInt32] = []
        if let head = whole(path, context) {
            var node = head
            while node != Self.none {
                found.append(node)
                node = nextSame[Int(node)]
            }
        } else {
            let base = up(path.ups, from: context)
            if base != Self.none { collect(path, 0, in: base, &found) }
        }
        return found
    }

    private func collect(_ path: RulePath, _ depth: Int, in base: UInt32, _ found: inout [UInt32]) {
        if depth == path.steps.count {
            found.append(base)
            return
        }
        let step = path.steps[depth]
        var node = first(step, in: base)
        while node != Self.none {
            collect(path, depth + 1, in: node, &found)
            node = next(step, in: base, after: node)
        }
    }

    /// All nodes at steps from the record's root.
    func nodes(at steps: [UInt32]) -> [UInt32] { all(RulePath(steps: steps, text: ""), from: root) }

    /// The first column whose header is the whole path; nil where none is.
    @inline(__always)
    private func whole(_ path: RulePath, _ context: UInt32) -> UInt32? {
        guard let whole = path.whole, context == root, Int(whole) < stamps.count, stamps[Int(whole)] == stamp else {
            return nil
        }
        return first[Int(whole)]
    }

    private func up(_ steps: Int, from context: UInt32) -> UInt32 {
        var base = context
        var left = steps
        while left > 0, base != Self.none {
            base = nodes[Int(base)].parent
            left -= 1
        }
        return base
    }

    /// The first child of that name; the record's root has its children by name.
    @inline(__always)
    func first(_ name: UInt32, in base: UInt32) -> UInt32 {
        if base == root {
            return Int(name) < stamps.count && stamps[Int(name)] == stamp ? first[Int(name)] : Self.none
        }
        return named(name, from: nodes[Int(base)].firstChild)
    }

    @inline(__always)
    func next(_ name: UInt32, in base: UInt32, after node: UInt32) -> UInt32 {
        base == root ? nextSame[Int(node)] : named(name, from: nodes[Int(node)].next)
    }

    @inline(__always)
    private func named(_ name: UInt32, from start: UInt32) -> UInt32 {
        var node = start
        while node != Self.none, nodes[Int(node)].name != name { node = nodes[Int(node)].next }
        return node
    }

    /// A range without the blanks around it.
    @inline(__always)
    func trimmed(_ range: Range<Int>) -> Range<Int> { bytes.withUnsafeBytes { ByteText.trimmed($0, range) } }

    /// Whether a range holds those bytes.
    @inline(__always)
    func isEqual(_ range: Range<Int>, _ other: [UInt8]) -> Bool {
        range.count == other.count
            && bytes.withUnsafeBytes { bytes in other.withUnsafeBytes { ByteText.equal(bytes, range, $0) } }
    }

    /// Appends a copy of some of its own bytes.
    mutating func copy(_ range: Range<Int>) {
        for i in range { bytes.append(bytes[i]) }
    }

    /// Appends the pieces of a text between separators, without the blanks around them and without empty ones; without a
    /// separator the whole text as it stands.
    func append(piecesOf range: Range<Int>, by separator: [UInt8], to pieces: inout [Range<Int>]) {
        guard let mark = separator.first else {
            pieces.append(range)
            return
        }
        bytes.withUnsafeBytes { bytes in
            var start = range.lowerBound
            var at = start
            func close(_ end: Int) {
                let piece = ByteText.trimmed(bytes, start..<end)
                if !piece.isEmpty { pieces.append(piece) }
            }
            while at + separator.count <= range.upperBound {
                if bytes[at] == mark,
                    separator.count == 1 || bytes[at..<at + separator.count].elementsEqual(separator)
                {
                    close(at)
                    at += separator.count
                    start = at
                } else {
                    at += 1
                }
            }
            close(range.upperBound)
        }
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

    /// Whether anything in the record that says something is not mapped.
    var hasUnused: Bool {
        if !tops.isEmpty { return true }
        for node in Int(root)..<end where !used[node] && !isEmpty(UInt32(node)) && !isNilMark(UInt32(node)) {
            return true
        }
        return false
    }

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
