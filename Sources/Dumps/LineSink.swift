// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import TicketModel

/// Takes canonical lines, many at a time.
protocol LineSink: AnyObject {
    /// Takes whole lines, each with its line break.
    func take(_ lines: UnsafeRawBufferPointer) throws
}

/// Lines in a private file: of a source that is read page by page, and before a second pass.
final class LineSpool: LineSink {
    let file: PrivateFile

    init() throws { file = try PrivateFile() }

    func take(_ lines: UnsafeRawBufferPointer) throws { try file.append(lines) }

    /// Reads whole lines from an offset, about `size` bytes or one long line; empty at the end.
    func lines(from offset: Int, size: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var size = size
        while true {
            bytes = Array(repeating: 0, count: min(size, file.count - offset))
            if bytes.isEmpty { return [] }
            _ = try bytes.withUnsafeMutableBytes { try file.read(at: offset, into: $0) }
            if let end = bytes.lastIndex(of: 0x0A) {
                bytes.removeLast(bytes.count - end - 1)
                return bytes
            }
            size *= 2
        }
    }

    /// Hands every line, without its break, to `body`.
    func forEach(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try file.flush()
        var offset = 0
        while true {
            let block = try lines(from: offset, size: 1 << 20)
            if block.isEmpty { return }
            offset += block.count
            try block.withUnsafeBytes { try Self.split($0) { line, _ in try body(line) } }
        }
    }

    /// Hands every line of a block, without its break and with its number from 0, to `body`.
    static func split(
        _ block: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, Int) throws -> Void
    ) rethrows {
        var start = 0
        var number = 0
        var end = 0
        // By hand: a search in a slice takes most of the time of reading canonical lines where nothing is optimised.
        while end < block.count {
            if block[end] == 0x0A {
                try body(UnsafeRawBufferPointer(rebasing: block[start..<end]), number)
                start = end + 1
                number += 1
            }
            end += 1
        }
    }
}

/// Lines into a file or to standard output, as they are.
final class LineFile: LineSink {
    let sink: any ByteSink

    init(_ sink: any ByteSink) { self.sink = sink }

    func take(_ lines: UnsafeRawBufferPointer) throws { try sink.write(lines) }
}
