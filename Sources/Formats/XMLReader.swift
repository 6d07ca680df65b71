// SPDX-License-Identifier: Apache-2.0

import TicketModel

/// Reads an XML document: one record an element that stands at a set's path, with its whole subtree.
///
/// The text of an element is its own text and CDATA sections joined, white space as it stands (line ends are LF, as XML
/// says); attributes are children named `@name`. Elements around a record are reachable by its root's `parent` and carry
/// their attributes only. An element may belong to several sets, and a record may stand inside another one. One pass;
/// memory is about a block.
package final class XMLReader: XMLPushParser, RecordReader {
    /// What the reader is told beside the source.
    package struct Options: Sendable {
        /// Prefix → URI: names with such a prefix mean the URI, whatever prefix the document uses.
        ///
        /// The empty prefix is the namespace of names without one.
        package var namespaces: [String: String]
        /// The encoding if the document does not declare it, or declares a wrong one.
        package var encoding: TextEncoding?
        /// Undoes what ``XMLWriter`` does to text that XML cannot hold.
        package var base64: Bool
        /// About how many bytes of text a block has.
        package var blockSize: Int
        /// See ``XMLPushParser/Limits``.
        package var limits: Limits

        /// Makes options; the defaults are right for files.
        package init(
            namespaces: [String: String] = [:], encoding: TextEncoding? = nil, base64: Bool = false,
            blockSize: Int = 256 * 1024, limits: Limits = Limits()
        ) {
            self.namespaces = namespaces
            self.encoding = encoding
            self.base64 = base64
            self.blockSize = blockSize
            self.limits = limits
        }
    }

    /// How many records are complete.
    @exclusivity(unchecked) package private(set) var recordsRead = 0

    private struct Frame: BitwiseCopyable {
        /// Its node in the block, if it belongs to a record.
        var node: UInt32
        /// Its last child so far.
        var last: UInt32
        /// Where its text starts on the stack of texts.
        var text: Int
        var state: Int32
        /// How many records start with it.
        var begun: UInt32
        var isBase64: Bool
    }

    /// An open element that belongs to no record.
    private struct Surrounding {
        var name: UInt32
        var attributes: [(name: UInt32, value: [UInt8])]
        /// Its node in the block that is being made, if a record there needed it.
        var node: UInt32
    }

    // Exclusivity is not checked where every element passes by: the checks were a quarter of the time. The reader is
    // confined to one task, and libxml2 calls back only from within `feed`, one event after the other.
    private let options: Options
    @exclusivity(unchecked) private var names: XMLNames
    @exclusivity(unchecked) private var paths: XMLPaths
    @exclusivity(unchecked) private var bytes = RawBuffer<UInt8>(capacity: 512 * 1024)
    @exclusivity(unchecked) private var nodes = RawBuffer<RecordBlock.Node>(capacity: 32 * 1024)
    @exclusivity(unchecked) private var records = RawBuffer<RecordBlock.Record>(capacity: 1024)
    /// The text of the open elements, the innermost on top: so each stays in one piece, whatever stands between its parts.
    @exclusivity(unchecked) private var texts = RawBuffer<UInt8>(capacity: 64 * 1024)
    @exclusivity(unchecked) private var frames = RawBuffer<Frame>(capacity: 64)
    @exclusivity(unchecked) private var surroundings: [Surrounding] = []
    @exclusivity(unchecked) private var openRecords: [Int] = []
    /// How many open elements belong to a record.
    @exclusivity(unchecked) private var recordDepth = 0
    /// Where the outermost open record starts: what is dropped if it never ends.
    @exclusivity(unchecked) private var recordStart = (bytes: 0, nodes: 0, records: 0)
    private var ready: [RecordBlock] = []
    private var nextReady = 0
    private var isOver = false

    /// Opens a document.
    ///
    /// - Parameters:
    ///   - source: the raw bytes.
    ///   - sets: for each set its path from the root, as the mapping writes it: `/rss/channel/item`.
    ///   - options: see the type.
    /// - Throws: `Diagnostic` `xml.not-xml`, or what the source throws.
    package init(_ source: any ByteSource, sets: [String], options: Options = Options()) throws {
        self.options = options
        names = XMLNames(namespaces: options.namespaces)
        paths = XMLPaths(sets)
        try super.init(source, encoding: options.encoding, limits: options.limits)
    }

    package func nextBlock() throws -> RecordBlock? {
        while nextReady == ready.count {
            guard !isOver else {
                try throwFailure()
                return nil
            }
            ready.removeAll(keepingCapacity: true)
            nextReady = 0
            if !feed() {
                isOver = true
                if records.count > 0 { seal() }
            }
        }
        defer { nextReady += 1 }
        return ready[nextReady]
    }

    override var completeRecords: Int { recordsRead }
    override var pendingBytes: Int {
        recordDepth == 0 ? 0 : bytes.count - recordStart.bytes + texts.count + (nodes.count - recordStart.nodes) * 24
    }

    override func elementStarted(
        _ local: UnsafePointer<UInt8>, _ prefix: UnsafePointer<UInt8>?, _ uri: UnsafePointer<UInt8>?,
        _ attributes: XMLAttributes
    ) {
        let name = names.index(local, prefix, uri, isAttribute: false)
        let above = frames.count == 0 ? XMLPaths.root : frames.base[frames.count - 1].state
        let state = paths.step(above, name, names)
        let begun = state == XMLPaths.nowhere ? 0 : paths.accepted[Int(state)].count
        guard recordDepth > 0 || begun > 0 else {
            if state != XMLPaths.nowhere { surround(name, attributes) }
            frames.append(
                Frame(
                    node: RecordBlock.Node.none, last: RecordBlock.Node.none, text: 0, state: state, begun: 0,
                    isBase64: false))
            return
        }
        var parent = RecordBlock.Node.none
        if recordDepth == 0 {
            parent = placeSurroundings()
            recordStart = (bytes.count, nodes.count, records.count)
        } else {
            parent = frames.base[frames.count - 1].node
        }
        let node = UInt32(nodes.count)
        nodes.append(
            RecordBlock.Node(
                name: name, parent: parent, firstChild: RecordBlock.Node.none, next: RecordBlock.Node.none,
                start: UInt32(bytes.count), length: 0))
        if recordDepth > 0 { link(node, into: frames.count - 1) }
        if begun > 0 {
            let place = tagPlace()
            for set in paths.accepted[Int(state)] {
                openRecords.append(records.count)
                records.append(
                    RecordBlock.Record(
                        set: set, root: node, end: node, line: UInt32(truncatingIfNeeded: place.line),
                        column: UInt32(truncatingIfNeeded: place.column)))
            }
        }
        frames.append(
            Frame(
                node: node, last: RecordBlock.Node.none, text: texts.count, state: state, begun: UInt32(begun),
                isBase64: false))
        recordDepth += 1
        if attributes.count > 0 { add(attributes) }
    }

    override func characters(_ text: UnsafePointer<UInt8>, _ count: Int) {
        if recordDepth > 0 { texts.append(text, count: count) }
    }

    override func elementEnded() {
        let frame = frames.base[frames.count - 1]
        frames.truncate(to: frames.count - 1)
        guard recordDepth > 0 else {
            if frame.state != XMLPaths.nowhere { surroundings.removeLast() }
            return
        }
        let node = Int(frame.node)
        let length = texts.count - frame.text
        nodes.base[node].start = UInt32(bytes.count)
        if frame.isBase64, let plain = Base64.decode(texts.base + frame.text, length) {
            bytes.append(contentsOf: plain)
            nodes.base[node].length = UInt32(plain.count)
        } else {
            bytes.append(texts.base + frame.text, count: length)
            nodes.base[node].length = UInt32(length)
        }
        texts.truncate(to: frame.text)
        for _ in 0..<frame.begun { records.base[openRecords.removeLast()].end = UInt32(nodes.count) }
        recordsRead += Int(frame.begun)
        recordDepth -= 1
        if recordDepth == 0 {
            texts.reset(keeping: 1 << 20)
            if bytes.count + nodes.count * 4 >= options.blockSize { seal() }
        }
    }

    override func abandonRecord() {
        guard recordDepth > 0 else { return }
        // Inner records of the dropped one that were complete are dropped with it.
        for index in recordStart.records..<records.count where !openRecords.contains(index) { recordsRead -= 1 }
        bytes.truncate(to: recordStart.bytes)
        nodes.truncate(to: recordStart.nodes)
        records.truncate(to: recordStart.records)
        recordDepth = 0
    }

    @inline(__always)
    private func link(_ node: UInt32, into frame: Int) {
        let last = frames.base[frame].last
        if last == RecordBlock.Node.none {
            nodes.base[Int(frames.base[frame].node)].firstChild = node
        } else {
            nodes.base[Int(last)].next = node
        }
        frames.base[frame].last = node
    }

    /// Adds the attributes of the innermost element.
    private func add(_ attributes: XMLAttributes) {
        let top = frames.count - 1
        for k in 0..<attributes.count {
            guard var name = attributes.name(k, in: &names) else { continue }
            var plain: [UInt8]?
            if options.base64 {
                let text = names.names[Int(name)]
                if text == "@base64" {
                    frames.base[top].isBase64 = true
                    continue
                }
                if text.hasSuffix(".base64") {
                    plain = attributes.withValue(k) { Base64.decode($0, $1) } ?? nil
                    if plain != nil { name = names.intern(String(text.dropLast(7))) }
                }
            }
            let node = UInt32(nodes.count)
            let at = UInt32(bytes.count)
            if let plain {
                bytes.append(contentsOf: plain)
            } else {
                _ = attributes.withValue(k) { bytes.append($0, count: $1) }
            }
            nodes.append(
                RecordBlock.Node(
                    name: name, parent: frames.base[top].node, firstChild: RecordBlock.Node.none,
                    next: RecordBlock.Node.none, start: at, length: UInt32(bytes.count) - at))
            link(node, into: top)
        }
    }

    /// Remembers an element on the way to a record.
    private func surround(_ name: UInt32, _ attributes: XMLAttributes) {
        var kept: [(name: UInt32, value: [UInt8])] = []
        for k in 0..<attributes.count {
            guard let index = attributes.name(k, in: &names) else { continue }
            let value = attributes.withValue(k) { Array(UnsafeBufferPointer(start: $0, count: $1)) }
            kept.append((index, value ?? []))
        }
        surroundings.append(Surrounding(name: name, attributes: kept, node: RecordBlock.Node.none))
    }

    /// Puts the elements around a record into the block, once a block, and gives the nearest.
    private func placeSurroundings() -> UInt32 {
        var parent = RecordBlock.Node.none
        for level in surroundings.indices {
            if surroundings[level].node == RecordBlock.Node.none {
                let node = UInt32(nodes.count)
                let attributes = surroundings[level].attributes
                nodes.append(
                    RecordBlock.Node(
                        name: surroundings[level].name, parent: parent,
                        firstChild: attributes.isEmpty ? RecordBlock.Node.none : node + 1, next: RecordBlock.Node.none,
                        start: UInt32(bytes.count), length: 0))
                for (k, attribute) in attributes.enumerated() {
                    nodes.append(
                        RecordBlock.Node(
                            name: attribute.name, parent: node, firstChild: RecordBlock.Node.none,
                            next: k + 1 < attributes.count ? UInt32(nodes.count + 1) : RecordBlock.Node.none,
                            start: UInt32(bytes.count), length: UInt32(attribute.value.count)))
                    bytes.append(contentsOf: attribute.value)
                }
                surroundings[level].node = node
            }
            parent = surroundings[level].node
        }
        return parent
    }

    /// Closes the block that is being made.
    private func seal() {
        var block = RecordBlock(file: fileName, names: names.names)
        block.bytes = bytes.array()
        block.nodes = nodes.array()
        block.records = records.array()
        ready.append(block)
        bytes.reset(keeping: 2 << 20)
        nodes.reset(keeping: 256 * 1024)
        records.reset(keeping: 64 * 1024)
        for level in surroundings.indices { surroundings[level].node = RecordBlock.Node.none }
    }
}
