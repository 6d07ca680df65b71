// SPDX-License-Identifier: Apache-2.0

/// Base64 as RFC 4648 has it, for text that XML 1.0 cannot hold.
enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Encodes bytes, padded and on one line.
    static func encode(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        var i = 0
        while i < bytes.count {
            let left = bytes.count - i
            let group =
                UInt32(bytes[i]) << 16 | (left > 1 ? UInt32(bytes[i + 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[i + 2]) : 0)
            out.append(digits[Int(group >> 18)])
            out.append(digits[Int(group >> 12 & 63)])
            out.append(left > 1 ? digits[Int(group >> 6 & 63)] : 0x3D)
            out.append(left > 2 ? digits[Int(group & 63)] : 0x3D)
            i += 3
        }
        return out
    }

    /// Decodes UTF-8 text; nil if it is no base64, or not text.
    static func decode(_ text: UnsafePointer<UInt8>, _ count: Int) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(count / 4 * 3)
        var group: UInt32 = 0
        var bits = 0
        var padding = 0
        for i in 0..<count {
            let byte = text[i]
            let value: UInt8
            switch byte {
            case 0x41...0x5A: value = byte - 0x41
            case 0x61...0x7A: value = byte - 0x61 + 26
            case 0x30...0x39: value = byte - 0x30 + 52
            case 0x2B: value = 62
            case 0x2F: value = 63
            case 0x3D:
                padding += 1
                continue
            case 0x09, 0x0A, 0x0D, 0x20: continue
            default: return nil
            }
            guard padding == 0 else { return nil }
            group = group << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        guard UTF8Check.prefix(out).verdict == .valid else { return nil }
        return out
    }
}
