// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import TicketModel

/// Takes the chats out of a file of the old hook, one after another: one object, an array of them, or JSON lines.
///
/// Memory holds one chat, not the file.
struct SmartsuppHookScanner {
    private let source: any ByteSource
    private let name: String
    private var buffer: [UInt8] = []
    private var at = 0
    private var line = 1
    private var isInArray = false
    private var isAtEnd = false
    private var chunk = [UInt8](repeating: 0, count: 1 << 18)
    /// The most bytes of one chat.
    private static let limit = 64 << 20

    init(_ source: any ByteSource, name: String) {
        self.source = source
        self.name = name
    }

    /// The next chat; nil at the end.
    ///
    /// - Throws: a `Diagnostic` with file and line for what is no JSON.
    mutating func next() throws -> JSON? {
        while let byte = try byte() {
            switch byte {
            case UInt8(ascii: "\n"):
                line += 1
                at += 1
            case 0x20, 0x09, 0x0D: at += 1
            case 0xEF where line == 1: at += 1
            case 0xBB where line == 1, 0xBF where line == 1: at += 1
            case UInt8(ascii: "[") where !isInArray:
                isInArray = true
                at += 1
            case UInt8(ascii: "]") where isInArray:
                isInArray = false
                at += 1
            case UInt8(ascii: ","): at += 1
            case UInt8(ascii: "{"): return try object()
            default: throw malformed("a chat should begin here with {", line)
            }
        }
        if isInArray { throw malformed("the file breaks off: the list of chats has no end", line) }
        return nil
    }

    private mutating func byte() throws -> UInt8? {
        if at < buffer.count { return buffer[at] }
        if isAtEnd { return nil }
        buffer.removeAll(keepingCapacity: true)
        at = 0
        let count = try chunk.withUnsafeMutableBytes { try source.read(into: $0) }
        if count == 0 {
            isAtEnd = true
            return nil
        }
        buffer.append(contentsOf: chunk[..<count])
        return buffer[at]
    }

    private mutating func object() throws -> JSON {
        let first = line
        var bytes: [UInt8] = []
        var depth = 0
        var isInString = false
        var isEscaped = false
        while let byte = try byte() {
            at += 1
            bytes.append(byte)
            if byte == UInt8(ascii: "\n") { line += 1 }
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            if depth == 0 { return try parse(bytes, first) }
            if bytes.count > Self.limit { throw malformed("one chat is longer than \(Self.limit >> 20) MB", first) }
        }
        // Brackets that do not match show as a missing end: the parser knows the place.
        do { return try JSON(parsing: bytes) } catch {
            guard error.offset < bytes.count else {
                throw malformed("the file breaks off in the middle of a chat", first)
            }
            throw malformed(error.problem, first + Self.breaks(bytes, error.offset))
        }
    }

    private static func breaks(_ bytes: [UInt8], _ offset: Int) -> Int {
        bytes[..<min(offset, bytes.count)].count { $0 == UInt8(ascii: "\n") }
    }

    private func parse(_ bytes: [UInt8], _ first: Int) throws -> JSON {
        do { return try JSON(parsing: bytes) } catch {
            throw malformed(error.problem, first + Self.breaks(bytes, error.offset))
        }
    }

    private func malformed(_ problem: String, _ line: Int) -> Diagnostic {
        Diagnostic(
            code: "smartsupp.hook-json", "this is no chat of Smartsupp's hook: \(problem)",
            at: SourceLocation(file: name, line: line),
            remedy: "keep the hook's JSON as it was sent: one chat, a list of chats, or one chat a line")
    }
}
