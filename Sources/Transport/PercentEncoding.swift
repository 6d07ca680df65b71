// SPDX-License-Identifier: Apache-2.0

/// Percent-encoding of parts of addresses and of forms, by bytes.
package enum PercentEncoding {
    /// A path segment or a value of a query: all but RFC 3986's unreserved characters is encoded, `+` and `/` too.
    package static func encode(_ text: String, keeping kept: String = "") -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            if byte.isUnreserved || kept.utf8.contains(byte) {
                out.append(byte)
            } else {
                append(byte, to: &out)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Names and values as a query; a blank is `%20` and a plus `%2B`, which every server reads alike.
    package static func query(_ items: [(name: String, value: String)]) -> String {
        items.map { "\(encode($0.name))=\(encode($0.value))" }.joined(separator: "&")
    }

    /// Names and values as `application/x-www-form-urlencoded`; a blank is `%20` here as well, which is equal to `+`.
    package static func form(_ items: [(name: String, value: String)]) -> [UInt8] { Array(query(items).utf8) }

    /// The text with `%xx` undone and, as in forms, `+` read as a blank; what is no UTF-8 is shown as U+FFFD.
    package static func decode(_ text: some StringProtocol, plusIsBlank: Bool = false) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "%"), at + 2 < bytes.count, bytes[at + 1].isHexDigit, bytes[at + 2].isHexDigit,
                let value = UInt8(String(decoding: bytes[at + 1...at + 2], as: UTF8.self), radix: 16)
            {
                out.append(value)
                at += 3
            } else {
                out.append(plusIsBlank && bytes[at] == UInt8(ascii: "+") ? UInt8(ascii: " ") : bytes[at])
                at += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Encodes only what may not stand in an address at all (blanks, controls, non-ASCII, brackets, a lone `%`), for
    /// addresses that others wrote: what is encoded stays as it is.
    ///
    /// Nothing is left that a URL parser would mend: Foundation's encodes every `%` once more where it finds one
    /// character that does not belong, such as the bracket of `name[]`.
    static func tidy(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        for (i, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "%"):
                let isEscape = i + 2 < bytes.count && bytes[i + 1].isHexDigit && bytes[i + 2].isHexDigit
                if isEscape { out.append(byte) } else { append(byte, to: &out) }
            case _ where byte.isUnreserved, _ where "!$&'()*+,;=:@/?".utf8.contains(byte): out.append(byte)
            default: append(byte, to: &out)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func append(_ byte: UInt8, to out: inout [UInt8]) {
        let hex = Array("0123456789ABCDEF".utf8)
        out.append(contentsOf: [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]])
    }
}

extension UInt8 {
    var isDigit: Bool { (0x30...0x39).contains(self) }
    var isLetterOrDigit: Bool { isDigit || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
    var isHexDigit: Bool { isDigit || (0x41...0x46).contains(self) || (0x61...0x66).contains(self) }
    var isUnreserved: Bool { isLetterOrDigit || self == 0x2D || self == 0x2E || self == 0x5F || self == 0x7E }
    var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}

extension StringProtocol {
    /// Without blanks and line breaks at both ends.
    var trimmed: String {
        let start = self.drop { $0.isWhitespace }
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}
