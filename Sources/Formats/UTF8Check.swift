// SPDX-License-Identifier: Apache-2.0

/// Tells whether bytes are UTF-8, at memory speed for ASCII, and how far they are.
package enum UTF8Check {
    /// Why the valid part of a buffer ends where it ends.
    package enum Verdict: Sendable {
        /// All bytes are valid.
        case valid
        /// The last character is not there completely.
        case cut
        /// The byte after the valid part cannot stand there.
        case invalid
    }

    /// The length of the longest valid prefix and why it ends there.
    ///
    /// Strict as RFC 3629: no surrogates, no overlong forms, nothing past U+10FFFF.
    package static func prefix(_ p: UnsafePointer<UInt8>, count: Int) -> (length: Int, verdict: Verdict) {
        let raw = UnsafeRawPointer(p)
        var i = 0
        while i < count {
            if p[i] < 0x80 {
                while i &+ 16 <= count,
                    (raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)
                        | raw.loadUnaligned(fromByteOffset: i &+ 8, as: UInt64.self)) & 0x8080_8080_8080_8080 == 0
                {
                    i &+= 16
                }
                while i < count, p[i] < 0x80 { i &+= 1 }
                continue
            }
            let lead = p[i]
            let length: Int
            var low: UInt8 = 0x80
            var high: UInt8 = 0xBF
            switch lead {
            case 0xC2...0xDF: length = 2
            case 0xE0:
                length = 3
                low = 0xA0
            case 0xED:
                length = 3
                high = 0x9F
            case 0xE1...0xEF: length = 3
            case 0xF0:
                length = 4
                low = 0x90
            case 0xF1...0xF3: length = 4
            case 0xF4:
                length = 4
                high = 0x8F
            default: return (i, .invalid)
            }
            guard i &+ 1 < count else { return (i, .cut) }
            let second = p[i &+ 1]
            guard second >= low, second <= high else { return (i, .invalid) }
            var k = 2
            while k < length {
                guard i &+ k < count else { return (i, .cut) }
                guard p[i &+ k] & 0xC0 == 0x80 else { return (i, .invalid) }
                k &+= 1
            }
            i &+= length
        }
        return (count, .valid)
    }

    /// The same for an array.
    package static func prefix(_ bytes: [UInt8]) -> (length: Int, verdict: Verdict) {
        bytes.withUnsafeBufferPointer { buffer in
            guard let p = buffer.baseAddress else { return (0, .valid) }
            return prefix(p, count: buffer.count)
        }
    }
}
