// SPDX-License-Identifier: Apache-2.0

/// Whether bytes are UTF-8, as Unicode's table 3-7 has it: no overlong forms, no surrogates, nothing past U+10FFFF.
enum UTF8Check {
    /// The offset of the first byte that is no UTF-8; nil if all is well.
    ///
    /// Eight ASCII bytes cost one comparison.
    static func firstInvalid(_ b: UnsafeRawBufferPointer) -> Int? {
        var i = 0
        let count = b.count
        @inline(__always) func continues(_ at: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            at < count && range.contains(b[at])
        }
        while i < count {
            if i + 8 <= count, b.loadUnaligned(fromByteOffset: i, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
                i += 8
                continue
            }
            switch b[i] {
            case 0..<0x80: i += 1
            case 0xC2...0xDF:
                guard continues(i + 1) else { return i }
                i += 2
            case 0xE0...0xEF:
                let second: ClosedRange<UInt8> = b[i] == 0xE0 ? 0xA0...0xBF : b[i] == 0xED ? 0x80...0x9F : 0x80...0xBF
                guard continues(i + 1, second), continues(i + 2) else { return i }
                i += 3
            case 0xF0...0xF4:
                let second: ClosedRange<UInt8> = b[i] == 0xF0 ? 0x90...0xBF : b[i] == 0xF4 ? 0x80...0x8F : 0x80...0xBF
                guard continues(i + 1, second), continues(i + 2), continues(i + 3) else { return i }
                i += 4
            default: return i
            }
        }
        return nil
    }
}
