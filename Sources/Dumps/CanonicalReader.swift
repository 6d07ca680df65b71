// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import TicketModel

/// Reads JSON Lines of tickets, block by block: whole lines, each with its break.
final class CanonicalReader {
    struct Block {
        let bytes: [UInt8]
        /// The number of its first line, from 1.
        let firstLine: Int
    }

    private let source: any ByteSource
    private var rest: [UInt8] = []
    private var line = 1
    private var isOver = false
    private(set) var bytesRead = 0
    private static let chunk = 512 << 10
    /// A line that is longer is no ticket: a file without line breaks must not fill the memory.
    private static let longest = 64 << 20

    init(_ source: any ByteSource) throws { self.source = source }

    func nextBlock() throws -> Block? {
        while !isOver {
            let start = rest.count
            rest.append(contentsOf: repeatElement(0, count: Self.chunk))
            let count = try rest.withUnsafeMutableBytes {
                try source.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[start...]))
            }
            rest.removeLast(Self.chunk - count)
            bytesRead += count
            if count == 0 {
                isOver = true
                if !rest.isEmpty { rest.append(0x0A) }
            }
            guard let end = rest.lastIndex(of: 0x0A) else {
                guard rest.count < Self.longest else {
                    throw Diagnostic(
                        code: "jsonl.long-line", "a line is longer than \(Self.longest >> 20) MB",
                        at: SourceLocation(file: source.name, line: line), remedy: "give one ticket a line")
                }
                continue
            }
            let block = Block(bytes: Array(rest[...end]), firstLine: line)
            rest.removeSubrange(...end)
            line += block.bytes.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) }
            return block
        }
        return nil
    }

    /// The canonical bytes of a line in any spelling of JSON.
    ///
    /// - Throws: `Diagnostic` with the line and the path of what is wrong.
    static func line(_ bytes: UnsafeRawBufferPointer, of file: String, at line: Int) throws -> [UInt8] {
        if let exact = try? CanonicalLine(validating: bytes) { return exact.bytes }
        do {
            return try CanonicalLine(canonicalizing: bytes).bytes
        } catch let error as CanonicalLineError {
            // A line that ends inside of a value, at the end of a file, was cut off.
            let isCut = error.offset.map { $0 >= bytes.count } ?? false
            throw Diagnostic(
                code: isCut ? "jsonl.cut-off" : "jsonl.not-canonical",
                isCut ? "the line ends in the middle of a ticket" : "no canonical ticket: \(error)",
                at: SourceLocation(file: file, line: line, column: error.offset.map { $0 + 1 }),
                remedy: isCut
                    ? "the file or its download was cut off: make it again"
                    : "each line is one ticket as `ticketferry convert` writes it; other JSON needs a mapping")
        }
    }
}
