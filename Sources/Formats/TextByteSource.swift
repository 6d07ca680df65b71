// SPDX-License-Identifier: Apache-2.0

package import TicketModel

/// A byte that cannot stand in the encoding of an input.
///
/// The reader, which knows lines, makes a `Diagnostic` of it.
package struct EncodingFault: Error, Sendable {
    /// The byte, or the first of the two of a UTF-16 unit.
    package var byte: UInt8
    /// The encoding that it is not.
    package var encoding: TextEncoding
    /// Whether the encoding was our own guess.
    package var wasGuessed: Bool

    /// The fault as users see it: `csv.encoding`, `xml.encoding`.
    package func diagnostic(area: String, at location: SourceLocation) -> Diagnostic {
        let digits = "0123456789ABCDEF".map(String.init)
        let hex = "0x" + digits[Int(byte >> 4)] + digits[Int(byte & 15)]
        let start = wasGuessed ? "the file starts as \(encoding.rawValue), but " : ""
        let other: TextEncoding = encoding == .utf8 ? .windows1252 : .utf8
        return Diagnostic(
            code: "\(area).encoding", "\(start)byte \(hex) here is not \(encoding.rawValue)", at: location,
            remedy: "say the encoding that the export was written in, for instance `encoding: \(other.rawValue)`, "
                + "in the mapping; if it is \(encoding.rawValue), the file is damaged here: export it again")
    }
}

/// Turns an input of a known encoding into checked UTF-8, without its byte order mark.
///
/// Everything before a bad byte is given out first; then `read` throws an ``EncodingFault``, so that the reader can work
/// up to the place and name it. UTF-8 is checked where it lies, without a copy.
package final class TextByteSource: ByteSource {
    package var name: String { source.name }
    /// The encoding that is read.
    package let encoding: TextEncoding
    /// How many bytes were taken from the source below.
    package private(set) var rawBytesRead = 0
    private let source: any ByteSource
    private let wasGuessed: Bool
    private var atStart = true
    private var carry: [UInt8] = []
    private var fault: EncodingFault?

    /// Reads `source` as `encoding`; `wasGuessed` only changes what a fault says.
    package init(_ source: any ByteSource, encoding: TextEncoding, wasGuessed: Bool = false) {
        self.source = source
        self.encoding = encoding
        self.wasGuessed = wasGuessed
    }

    /// Fills a part of the buffer, which must have room for 64 bytes, with whole characters.
    ///
    /// - Throws: ``EncodingFault``, or what the source below throws.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if let fault { throw fault }
        if atStart {
            atStart = false
            try skipMark()
        }
        return encoding == .utf8 ? try readUTF8(buffer) : try readOther(buffer)
    }

    private func skipMark() throws {
        let mark = encoding.byteOrderMark
        guard !mark.isEmpty else { return }
        while carry.count < mark.count, try take(mark.count - carry.count) {}
        if carry == mark { carry = [] }
    }

    /// Takes up to `count` bytes into the carry; false at the end.
    private func take(_ count: Int) throws -> Bool {
        let got = try [UInt8](unsafeUninitializedCapacity: count) { into, got in
            got = try source.read(into: UnsafeMutableRawBufferPointer(into))
        }
        rawBytesRead += got.count
        carry += got
        return !got.isEmpty
    }

    private func fail(_ byte: UInt8) -> EncodingFault {
        let made = EncodingFault(byte: byte, encoding: encoding, wasGuessed: wasGuessed)
        fault = made
        return made
    }

    private func readUTF8(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let bytes = buffer.bindMemory(to: UInt8.self)
        guard let base = bytes.baseAddress else { return 0 }
        var filled = carry.count
        buffer.copyBytes(from: carry)
        carry.removeAll(keepingCapacity: true)
        while true {
            let got = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            rawBytesRead += got
            filled += got
            let (length, verdict) = UTF8Check.prefix(base, count: filled)
            switch verdict {
            case .valid: return length
            case .invalid:
                let made = fail(base[length])
                if length > 0 { return length }
                throw made
            case .cut:
                if got == 0 {
                    let made = fail(base[length])
                    if length > 0 { return length }
                    throw made
                }
                if length == 0 { continue }
                carry.append(contentsOf: bytes[length..<filled])
                return length
            }
        }
    }

    private func readOther(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let bytes = buffer.bindMemory(to: UInt8.self)
        guard let base = bytes.baseAddress else { return 0 }
        // No byte of these encodings becomes more than three bytes of UTF-8.
        let room = max(4, bytes.count / 3 - 4)
        while true {
            let more = carry.count >= room ? true : try take(room - carry.count)
            if carry.isEmpty { return 0 }
            let count = try decode(into: base, atEnd: !more)
            if count > 0 { return count }
        }
    }

    /// Converts the carry and keeps what is not a whole character yet.
    private func decode(into out: UnsafeMutablePointer<UInt8>, atEnd: Bool) throws -> Int {
        var written = 0
        func put(_ scalar: UInt32) {
            switch scalar {
            case 0..<0x80:
                out[written] = UInt8(truncatingIfNeeded: scalar)
                written += 1
                return
            case 0x80..<0x800:
                out[written] = UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6)
                written += 1
            case 0x800..<0x10000:
                out[written] = UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12)
                out[written + 1] = UInt8(truncatingIfNeeded: 0x80 | (scalar >> 6 & 0x3F))
                written += 2
            default:
                out[written] = UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18)
                out[written + 1] = UInt8(truncatingIfNeeded: 0x80 | (scalar >> 12 & 0x3F))
                out[written + 2] = UInt8(truncatingIfNeeded: 0x80 | (scalar >> 6 & 0x3F))
                written += 3
            }
            out[written] = UInt8(truncatingIfNeeded: 0x80 | (scalar & 0x3F))
            written += 1
        }
        var used = 0
        var bad: Int?
        carry.withUnsafeBufferPointer { raw in
            switch encoding {
            case .utf8: break
            case .latin1:
                for byte in raw { put(UInt32(byte)) }
                used = raw.count
            case .windows1252:
                for byte in raw {
                    put(byte >= 0x80 && byte < 0xA0 ? UInt32(Self.windows1252[Int(byte) - 0x80]) : UInt32(byte))
                }
                used = raw.count
            case .utf16LE, .utf16BE:
                let high = encoding == .utf16LE ? 1 : 0
                func unit(_ at: Int) -> UInt32 { UInt32(raw[at + high]) << 8 | UInt32(raw[at + 1 - high]) }
                while used + 2 <= raw.count {
                    let first = unit(used)
                    guard first & 0xF800 == 0xD800 else {
                        put(first)
                        used += 2
                        continue
                    }
                    guard first < 0xDC00 else {
                        bad = used
                        return
                    }
                    guard used + 4 <= raw.count else { break }
                    let second = unit(used + 2)
                    guard second & 0xFC00 == 0xDC00 else {
                        bad = used
                        return
                    }
                    put(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
                    used += 4
                }
                if atEnd, used < raw.count { bad = used }
            }
        }
        if let bad {
            let made = fail(carry[bad])
            if written == 0 { throw made }
        }
        carry.removeFirst(used)
        return written
    }

    /// U+0080…U+009F of windows-1252 as the WHATWG's encoding standard has them: no byte is undefined.
    private static let windows1252: [UInt16] = [
        0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,
        0x017D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
        0x0153, 0x9D, 0x017E, 0x0178,
    ]
}
