// SPDX-License-Identifier: Apache-2.0

/// Finds its way in the bytes of a canonical line without decoding it.
///
/// Trusts that the bytes are canonical, and never reads outside of them even if they are not.
package enum CanonicalScan {
    /// One past the string that starts (with its quote) at `start`.
    @inline(__always)
    package static func endOfString(_ b: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var i = start + 1
        while i < b.count {
            let byte = b[i]
            if byte == UInt8(ascii: "\"") { return i + 1 }
            i += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        return b.count
    }

    /// One past the value that starts at `start`.
    package static func endOfValue(_ b: UnsafeRawBufferPointer, _ start: Int) -> Int {
        guard start < b.count else { return b.count }
        switch b[start] {
        case UInt8(ascii: "\""): return endOfString(b, start)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            var depth = 0
            var i = start
            while i < b.count {
                switch b[i] {
                case UInt8(ascii: "\""):
                    i = endOfString(b, i)
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    if depth == 0 { return i + 1 }
                default: break
                }
                i += 1
            }
            return b.count
        default:
            var i = start
            while i < b.count, b[i] != UInt8(ascii: ","), b[i] != UInt8(ascii: "}"), b[i] != UInt8(ascii: "]") {
                i += 1
            }
            return i
        }
    }

    /// Calls back for each member of the object at `object`: the range of the key (with its quotes) and of the value.
    ///
    /// Stops when the callback gives false.
    package static func members(
        of b: UnsafeRawBufferPointer, object: Range<Int>, _ each: (Range<Int>, Range<Int>) throws -> Bool
    ) rethrows {
        var i = object.lowerBound + 1
        while i < object.upperBound, b[i] == UInt8(ascii: "\"") {
            let keyEnd = endOfString(b, i)
            let valueEnd = min(endOfValue(b, keyEnd + 1), object.upperBound)
            guard keyEnd + 1 <= valueEnd, try each(i..<keyEnd, keyEnd + 1..<valueEnd) else { return }
            i = valueEnd + 1
        }
    }

    /// Calls back for each element of the array at `array`.
    package static func elements(
        of b: UnsafeRawBufferPointer, array: Range<Int>, _ each: (Range<Int>) throws -> Void
    ) rethrows {
        var i = array.lowerBound + 1
        while i < array.upperBound - 1 {
            let end = min(endOfValue(b, i), array.upperBound)
            guard end > i else { return }
            try each(i..<end)
            i = end + 1
        }
    }

    /// The range of a member's value; nil if there is none of that name.
    ///
    /// Reads only up to it.
    package static func member(
        _ name: StaticString, of b: UnsafeRawBufferPointer, object: Range<Int>
    ) -> Range<Int>? {
        var found: Range<Int>?
        members(of: b, object: object) { key, value in
            if key.count == name.utf8CodeUnitCount + 2, equal(b, key.lowerBound + 1, name) {
                found = value
                return false
            }
            return true
        }
        return found
    }

    @inline(__always)
    static func equal(_ b: UnsafeRawBufferPointer, _ start: Int, _ name: StaticString) -> Bool {
        for i in 0..<name.utf8CodeUnitCount where b[start + i] != name.utf8Start[i] { return false }
        return true
    }

    /// The text of the string at a range (with its quotes), escapes undone.
    package static func string(_ b: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        guard range.count >= 2 else { return "" }
        let inner = UnsafeRawBufferPointer(rebasing: b[range.lowerBound + 1..<range.upperBound - 1])
        guard inner.contains(UInt8(ascii: "\\")) else { return String(decoding: inner, as: UTF8.self) }
        var text: [UInt8] = []
        text.reserveCapacity(inner.count)
        unescape(inner, into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the text of a canonical string's inside, escapes undone.
    package static func unescape(_ b: UnsafeRawBufferPointer, into text: inout [UInt8]) {
        var i = 0
        while i < b.count {
            let byte = b[i]
            guard byte == UInt8(ascii: "\\"), i + 1 < b.count else {
                text.append(byte)
                i += 1
                continue
            }
            switch b[i + 1] {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"):
                if i + 5 < b.count, let high = hex(b[i + 4]), let low = hex(b[i + 5]) { text.append(high << 4 | low) }
                i += 4
            default: text.append(b[i + 1])
            }
            i += 2
        }
    }

    @inline(__always)
    static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

extension CanonicalLine {
    /// Where the top-level fields stand: for comparing and picking without decoding.
    public struct Fields: Sendable {
        /// One field: its key, and where its value stands in the line's bytes.
        public struct Entry: Sendable {
            /// The field's name, decoded.
            public let key: String
            /// The range of the value, in bytes from the start of the line.
            public let value: Range<Int>
        }
        /// In the order of the line, which is that of the keys' bytes.
        public let entries: [Entry]

        /// Where the value of a field stands.
        public subscript(_ key: String) -> Range<Int>? { entries.first { $0.key == key }?.value }
    }

    /// The index of the top-level fields.
    ///
    /// One pass over the bytes, no value is decoded.
    public func fields() -> Fields {
        bytes.withUnsafeBytes { buffer in
            var entries: [Fields.Entry] = []
            CanonicalScan.members(of: buffer, object: 0..<buffer.count) { key, value in
                entries.append(.init(key: CanonicalScan.string(buffer, key), value: value))
                return true
            }
            return Fields(entries: entries)
        }
    }

    /// Where each message stands in the line's bytes.
    public func messageRanges() -> [Range<Int>] {
        bytes.withUnsafeBytes { buffer in
            var ranges: [Range<Int>] = []
            if let array = CanonicalScan.member("messages", of: buffer, object: 0..<buffer.count) {
                CanonicalScan.elements(of: buffer, array: array) { ranges.append($0) }
            }
            return ranges
        }
    }
}
