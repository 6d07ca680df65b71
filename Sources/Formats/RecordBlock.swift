// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// A block of records as a reader gives them: one buffer of bytes, one flat table of nodes.
///
/// Every record is a small tree: a CSV row (a root with one child a cell), an XML element, a JSON object. Values stay
/// slices of `bytes`; nothing is a `String` until somebody asks. What crosses a module boundary is a block, not a field.
/// All text in `bytes` is valid UTF-8: readers convert and check.
public struct RecordBlock: Sendable {
    /// The text of all nodes, one after another.
    public var bytes: [UInt8]
    /// The nodes of all records; a record's nodes are contiguous, in document order, its root first.
    public var nodes: [Node]
    /// The records, in the order of the input.
    public var records: [Record]
    /// The names that ``Node/name`` counts into: elements as the mapping writes them (`wp:post_id`), attributes with `@`,
    /// CSV headers as they stand.
    ///
    /// Only ever grows within one reader, so an index found in one block holds in the next.
    public var names: [String]
    /// The file all records of this block come from, as the user named it.
    public var file: String

    /// One value of a record's tree.
    public struct Node: Sendable, BitwiseCopyable {
        /// Index in ``RecordBlock/names``.
        public var name: UInt32
        /// Index of the parent in ``RecordBlock/nodes``; of a record's root: the nearest element around it (a node that
        /// belongs to no record and carries attributes only), or ``none``.
        public var parent: UInt32
        /// Index of the first child (attributes come first), or ``none``.
        public var firstChild: UInt32
        /// Index of the next sibling, or ``none``.
        public var next: UInt32
        /// Where its own direct text starts in ``RecordBlock/bytes``.
        public var start: UInt32
        /// How many bytes of text it has.
        public var length: UInt32
        /// The value that stands for no node.
        public static let none = UInt32.max

        /// Makes a node; see the properties.
        public init(name: UInt32, parent: UInt32, firstChild: UInt32, next: UInt32, start: UInt32, length: UInt32) {
            self.name = name
            self.parent = parent
            self.firstChild = firstChild
            self.next = next
            self.start = start
            self.length = length
        }
    }

    /// One record: which set it belongs to, its root and where it stands in the file.
    public struct Record: Sendable, BitwiseCopyable {
        /// Index of the set in the list that the reader was opened with; always 0 for CSV.
        public var set: UInt32
        /// Index of its root in ``RecordBlock/nodes``.
        ///
        /// For CSV the children of the root are `root + 1 ..< end`, one a cell.
        public var root: UInt32
        /// One past its last node.
        public var end: UInt32
        /// The line it starts on, from 1.
        public var line: UInt32
        /// The column in bytes it starts at, from 1.
        public var column: UInt32

        /// Makes a record; see the properties.
        public init(set: UInt32, root: UInt32, end: UInt32, line: UInt32, column: UInt32) {
            self.set = set
            self.root = root
            self.end = end
            self.line = line
            self.column = column
        }
    }

    /// An empty block of a file.
    public init(file: String, names: [String] = []) {
        self.bytes = []
        self.nodes = []
        self.records = []
        self.names = names
        self.file = file
    }
}

extension RecordBlock {
    /// Where a record stands.
    public func location(of record: Record) -> SourceLocation {
        SourceLocation(file: file, line: Int(record.line), column: Int(record.column))
    }

    /// The text of a node, made into a `String` now.
    public func text(of node: Node) -> String {
        String(decoding: bytes[Int(node.start)..<Int(node.start + node.length)], as: UTF8.self)
    }
}

/// Gives the records of one input, block by block.
///
/// Synchronous, confined to one task, memory independent of the input.
public protocol RecordReader: AnyObject {
    /// The next block with at least one record, or nil at the end.
    ///
    /// - Throws: `Diagnostic` with file, line and column for input that cannot be read on.
    func nextBlock() throws -> RecordBlock?
    /// How many bytes of the input have been taken so far: for progress.
    var bytesRead: Int { get }
}

/// Where bytes come from: a file, standard input, a buffer in a test.
public protocol ByteSource: AnyObject {
    /// Fills a part of the buffer and gives how many bytes; 0 only at the end.
    ///
    /// - Throws: `Diagnostic` when the machine cannot read.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
    /// The name for diagnostics: the path as the user wrote it, `-` for standard input.
    var name: String { get }
}
