// SPDX-License-Identifier: Apache-2.0

/// The encodings of text that dumps come in and that we convert ourselves.
package enum TextEncoding: String, Sendable, CaseIterable {
    case utf8 = "utf-8"
    case utf16LE = "utf-16le"
    case utf16BE = "utf-16be"
    case windows1252 = "windows-1252"
    case latin1 = "iso-8859-1"

    /// The encoding of a label as mappings and XML declarations write it, in any case; nil for one that we do not convert.
    ///
    /// `utf-16` alone leaves the order of the bytes open: see ``detect(_:isWhole:)``.
    package init?(label: String) {
        switch label.lowercased() {
        case "utf-8", "utf8", "us-ascii", "ascii": self = .utf8
        case "utf-16le", "utf16le": self = .utf16LE
        case "utf-16be", "utf16be": self = .utf16BE
        case "windows-1252", "cp1252", "cp-1252", "win1252": self = .windows1252
        case "iso-8859-1", "iso8859-1", "latin1", "latin-1": self = .latin1
        default: return nil
        }
    }

    /// The byte order mark of the encoding, if it has one.
    package var byteOrderMark: [UInt8] {
        switch self {
        case .utf8: [0xEF, 0xBB, 0xBF]
        case .utf16LE: [0xFF, 0xFE]
        case .utf16BE: [0xFE, 0xFF]
        case .windows1252, .latin1: []
        }
    }

    /// What the first bytes of an input tell about its encoding.
    package struct Detection: Sendable {
        /// The encoding.
        package var encoding: TextEncoding
        /// Whether the bytes prove it (a byte order mark, the zeros of UTF-16) or it is only the best guess.
        package var isSure: Bool
        /// Where the first byte stands that is not UTF-8, if that is why the guess is another one.
        package var firstForeignByte: Int?
    }

    /// Looks at the first bytes of an input: a byte order mark, the zero bytes of UTF-16, valid UTF-8, else windows-1252.
    package static func detect(_ head: [UInt8], isWhole: Bool) -> Detection {
        for encoding in [TextEncoding.utf8, .utf16LE, .utf16BE] where head.starts(with: encoding.byteOrderMark) {
            return Detection(encoding: encoding, isSure: true)
        }
        if let wide = wideEncoding(head) { return Detection(encoding: wide, isSure: true) }
        let (length, verdict) = UTF8Check.prefix(head)
        if verdict == .valid || (verdict == .cut && !isWhole) { return Detection(encoding: .utf8, isSure: false) }
        return Detection(encoding: .windows1252, isSure: false, firstForeignByte: length)
    }

    /// UTF-16 without a mark: most of the text that dumps start with is ASCII, so every second byte is zero.
    private static func wideEncoding(_ head: [UInt8]) -> TextEncoding? {
        let pairs = min(head.count, 4096) / 2
        guard pairs >= 2 else { return nil }
        var even = 0
        var odd = 0
        for pair in 0..<pairs {
            if head[2 * pair] == 0 { even += 1 }
            if head[2 * pair + 1] == 0 { odd += 1 }
        }
        if odd * 10 > pairs * 4, even * 20 < pairs { return .utf16LE }
        if even * 10 > pairs * 4, odd * 20 < pairs { return .utf16BE }
        return nil
    }
}
