// SPDX-License-Identifier: Apache-2.0

import Foundation
import TicketModel

extension FluentSupportSandbox.Text {
    /// What WordPress makes of a title for use in an address.
    static func slug(_ title: String) -> String {
        let plain = withoutAccents(string(stripTags(Array(title.utf8)))).lowercased()
        var out = ""
        let scalars = Array(plain.unicodeScalars)
        for (i, scalar) in scalars.enumerated() {
            switch scalar.value {
            case 0x30...0x39, 0x61...0x7A, 0x5F: out.unicodeScalars.append(scalar)
            case 0x25 where scalars[i...].dropFirst().prefix(2).allSatisfy(\.properties.isASCIIHexDigit):
                out += "%"
            case 0x2E, 0x2F, 0x20, 0x2D, 0xA0, 0x2013, 0x2014: out += "-"
            case ..<0x80, 0xA1, 0xAB, 0xB4, 0xBB, 0xBF, 0x200B...0x200F, 0x2018...0x201F, 0x2026, 0x2032, 0x2039,
                0x203A:
                break
            default:
                let bytes = Array(String(scalar).utf8)
                if out.utf8.count + bytes.count * 3 > 200 { break }
                for byte in bytes { out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
            }
        }
        return out.split(separator: "-").joined(separator: "-")
    }

    /// What WordPress makes of the name of an uploaded file.
    static func fileName(_ name: String) -> String {
        let refused = Set("?[]/\\=<>:;,'\"&$#*()|~`!{}%+’«»”“".unicodeScalars)
        var out = String.UnicodeScalarView()
        for scalar in withoutAccents(name).unicodeScalars where !refused.contains(scalar) && scalar.value != 0 {
            let blank = scalar.properties.isWhitespace || scalar == "-"
            if blank && out.last == "-" { continue }
            out.append(blank ? "-" : scalar)
        }
        var parts = String(out).trimmingCharacters(in: CharacterSet(charactersIn: ".-_")).components(separatedBy: ".")
        guard parts.count > 2 else { return parts.joined(separator: ".") }
        for i in 1..<(parts.count - 1) where (2...5).contains(parts[i].count) && !known.contains(parts[i].lowercased())
        {
            if parts[i].allSatisfy({ $0.isASCII && $0.isLetter }) { parts[i] += "_" }
        }
        return parts.joined(separator: ".")
    }

    private static let known: Set<String> = [
        "jpg", "jpeg", "png", "gif", "pdf", "csv", "txt", "zip", "doc", "docx", "xls", "xlsx", "gz", "tar", "mp3",
        "mp4",
    ]

    /// Latin letters without their accents; other scripts stay.
    static func withoutAccents(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.precomposedStringWithCanonicalMapping.unicodeScalars {
            if let special = letters[scalar] {
                out.append(contentsOf: special.unicodeScalars)
            } else if (0xC0...0x24F).contains(scalar.value) || (0x1E00...0x1EFF).contains(scalar.value) {
                let parts = String(scalar).decomposedStringWithCanonicalMapping.unicodeScalars
                out.append(contentsOf: parts.filter { !(0x300...0x36F).contains($0.value) })
            } else {
                out.append(scalar)
            }
        }
        return String(out)
    }

    private static let letters: [Unicode.Scalar: String] = [
        "ß": "s", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d",
        "Þ": "TH", "þ": "th", "Œ": "OE", "œ": "oe", "ı": "i", "Ħ": "H", "ħ": "h", "Ŋ": "N", "ŋ": "n", "ĸ": "k",
        "ª": "a", "º": "o", "ſ": "s", "×": "x",
    ]
}
