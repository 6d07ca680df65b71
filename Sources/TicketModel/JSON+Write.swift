// SPDX-License-Identifier: Apache-2.0

extension JSON {
    /// The canonical bytes: no blanks, members sorted by the bytes of their names, strings escaped as the canonical
    /// line escapes them (only `"`, `\` and controls).
    public func canonicalBytes() -> [UInt8] {
        var out: [UInt8] = []
        write(into: &out)
        return out
    }

    /// ``canonicalBytes()`` as a string.
    public var canonicalText: String { String(decoding: canonicalBytes(), as: UTF8.self) }

    /// Appends the canonical bytes.
    package func write(into out: inout [UInt8]) {
        switch self {
        case .null: out.append(contentsOf: "null".utf8)
        case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let digits): out.append(contentsOf: digits.utf8)
        case .string(let text): JSONText.append(quoted: text, to: &out)
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            for (i, element) in elements.enumerated() {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                element.write(into: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            out.append(UInt8(ascii: "{"))
            for (i, member) in members.sorted(by: { JSONText.precedes($0.key, $1.key) }).enumerated() {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                JSONText.append(quoted: member.key, to: &out)
                out.append(UInt8(ascii: ":"))
                member.value.write(into: &out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }
}

/// How strings stand in canonical JSON.
package enum JSONText {
    /// Whether one key stands before another: by bytes, not by Unicode's collation.
    package static func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

    /// Appends a string with its quotes.
    package static func append(quoted text: String, to out: inout [UInt8]) {
        var text = text
        text.withUTF8 { append(quoted: UnsafeRawBufferPointer($0), to: &out) }
    }

    /// Appends UTF-8 bytes with quotes; escapes `"`, `\` and controls (`\b \f \n \r \t`, else `\u00xx`) and nothing
    /// else.
    ///
    /// The caller vouches for the bytes being UTF-8. One pass, runs without escapes are copied whole.
    package static func append(quoted bytes: UnsafeRawBufferPointer, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        append(escaped: bytes, to: &out)
        out.append(UInt8(ascii: "\""))
    }

    /// Appends UTF-8 bytes escaped, without quotes.
    ///
    /// Eight bytes are looked at together: bodies are long, and hardly any byte in them is escaped.
    package static func append(escaped bytes: UnsafeRawBufferPointer, to out: inout [UInt8]) {
        var run = 0
        var i = 0
        let count = bytes.count
        while true {
            while i &+ 8 <= count, !needsEscape(bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)) { i &+= 8 }
            guard i < count else { break }
            let end = min(i &+ 8, count)
            while i < end {
                let byte = bytes[i]
                if byte < 0x20 || byte == 0x22 || byte == 0x5C {
                    if run < i { out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[run..<i])) }
                    run = i + 1
                    append(escape: byte, to: &out)
                }
                i &+= 1
            }
        }
        if run < count { out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[run...])) }
    }

    /// Whether one of eight bytes may need an escape; never false where one does.
    @inline(__always)
    private static func needsEscape(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let controls = (word &- ones &* 0x20) & ~word
        let quotes = word ^ ones &* 0x22
        let slashes = word ^ ones &* 0x5C
        let found = controls | ((quotes &- ones) & ~quotes) | ((slashes &- ones) & ~slashes)
        return found & (ones &* 0x80) != 0
    }

    private static func append(escape byte: UInt8, to out: inout [UInt8]) {
        out.append(0x5C)
        switch byte {
        case 0x22, 0x5C: out.append(byte)
        case 0x08: out.append(UInt8(ascii: "b"))
        case 0x09: out.append(UInt8(ascii: "t"))
        case 0x0A: out.append(UInt8(ascii: "n"))
        case 0x0C: out.append(UInt8(ascii: "f"))
        case 0x0D: out.append(UInt8(ascii: "r"))
        default:
            out.append(contentsOf: "u00".utf8)
            for digit in [byte >> 4, byte & 15] { out.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
        }
    }
}
