// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// What becomes of text on its way into the site's database, by the place it goes to (section 6 of the notes).
    enum Text {
        /// The body of a ticket: entities are decoded last, so that `&lt;b&gt;` ends as a real tag.
        static func ticketBody(_ text: String) -> String {
            string(decode(unslash(PostHTML.clean(PostHTML.clean(lines(text))))))
        }

        /// A response or a note of an agent; smartcodes are replaced between the two passes.
        static func agentReply(_ text: String, smartcodes: (String) -> String) -> String {
            let first = string(PostHTML.clean(lines(text)))
            return string(unslash(PostHTML.clean(Array(smartcodes(first).utf8))))
        }

        /// A customer's response: two levels of slashes go, and what decoding made a tag is removed as one.
        static func customerReply(_ text: String) -> String {
            let first = decode(unslash(PostHTML.clean(lines(text))))
            return string(unslash(PostHTML.clean(first)))
        }

        /// An edited response: one pass, no smartcodes.
        static func edited(_ text: String) -> String { string(unslash(PostHTML.clean(lines(text)))) }

        /// The title of a ticket.
        static func title(_ text: String) -> String { field(string(unslash(Array(field(text).utf8)))) }

        /// A field of one line: tags, line breaks, doubled blanks and percent-encoded bytes are removed.
        static func field(_ text: String) -> String {
            var bytes = Array(text.utf8)
            if bytes.contains(PostHTML.lt) {
                bytes = trim(stripTags(withoutScripts(PostHTML.escapeLoneOpenings(bytes))))
            }
            bytes = trim(collapse(bytes))
            let found = withoutPercent(bytes)
            if found != bytes { bytes = trim(collapse(found)) }
            return string(bytes)
        }

        /// CRLF to LF, as every body was found in the database.
        private static func lines(_ text: String) -> [UInt8] {
            let bytes = Array(text.utf8)
            guard bytes.contains(0x0D) else { return bytes }
            var out: [UInt8] = []
            for byte in bytes {
                if byte == 0x0A, out.last == 0x0D { out.removeLast() }
                out.append(byte)
            }
            return out
        }

        /// One level of backslashes goes; `\0` is the byte 0.
        static func unslash(_ text: [UInt8]) -> [UInt8] {
            var out: [UInt8] = []
            out.reserveCapacity(text.count)
            var i = 0
            while i < text.count {
                if text[i] == UInt8(ascii: "\\") {
                    i += 1
                    guard i < text.count else { break }
                    out.append(text[i] == UInt8(ascii: "0") ? 0 : text[i])
                } else {
                    out.append(text[i])
                }
                i += 1
            }
            return out
        }

        /// `&lt;`, `&gt;` and `&amp;`, named or by number, become the characters; one pass.
        static func decode(_ text: [UInt8]) -> [UInt8] {
            guard text.contains(PostHTML.amp) else { return text }
            var out: [UInt8] = []
            var i = 0
            while i < text.count {
                if text[i] == PostHTML.amp, let end = text[i...].prefix(16).firstIndex(of: UInt8(ascii: ";")),
                    let character = decoded(String(decoding: text[(i + 1)..<end], as: UTF8.self))
                {
                    out.append(character)
                    i = end + 1
                } else {
                    out.append(text[i])
                    i += 1
                }
            }
            return out
        }

        private static func decoded(_ entity: String) -> UInt8? {
            switch entity {
            case "lt": return PostHTML.lt
            case "gt": return PostHTML.gt
            case "amp": return PostHTML.amp
            default: break
            }
            guard entity.hasPrefix("#") else { return nil }
            let digits = entity.dropFirst()
            if digits.lowercased().hasPrefix("x") {
                return UInt32(digits.dropFirst(), radix: 16) == 38 ? PostHTML.amp : nil
            }
            switch UInt32(digits) {
            case 60: return PostHTML.lt
            case 62: return PostHTML.gt
            case 38: return PostHTML.amp
            default: return nil
            }
        }

        private static func collapse(_ text: [UInt8]) -> [UInt8] {
            var out: [UInt8] = []
            for byte in text {
                let blank = byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
                if blank && out.last == 0x20 { continue }
                out.append(blank ? 0x20 : byte)
            }
            return out
        }

        /// Without blanks (and the byte 0) at its ends.
        private static func trim(_ text: [UInt8]) -> [UInt8] {
            func goes(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D, 0x0B, 0x00].contains(byte) }
            guard let first = text.firstIndex(where: { !goes($0) }), let last = text.lastIndex(where: { !goes($0) })
            else { return [] }
            return Array(text[first...last])
        }

        private static func withoutPercent(_ text: [UInt8]) -> [UInt8] {
            var out: [UInt8] = []
            func isHex(_ byte: UInt8) -> Bool {
                PostHTML.isDigit(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
            }
            var i = 0
            while i < text.count {
                if text[i] == UInt8(ascii: "%"), i + 2 < text.count, isHex(text[i + 1]), isHex(text[i + 2]) {
                    i += 3
                } else {
                    out.append(text[i])
                    i += 1
                }
            }
            return out == text ? out : withoutPercent(out)
        }

        /// Scripts and styles go with what is in them.
        private static func withoutScripts(_ text: [UInt8]) -> [UInt8] {
            var rest = string(text)
            for name in ["script", "style"] {
                while let start = rest.range(of: "<\(name)", options: .caseInsensitive),
                    let end = rest.range(
                        of: "</\(name)>", options: .caseInsensitive, range: start.upperBound..<rest.endIndex)
                {
                    rest.removeSubrange(start.lowerBound..<end.upperBound)
                }
            }
            return Array(rest.utf8)
        }

        /// Tags go, what stands between them stays; a `<` before a blank is text; quotes inside tags hide `>`.
        static func stripTags(_ text: [UInt8]) -> [UInt8] {
            var out: [UInt8] = []
            var i = 0
            while i < text.count {
                guard text[i] == PostHTML.lt, i + 1 < text.count, !PostHTML.isBlank(text[i + 1]) else {
                    out.append(text[i])
                    i += 1
                    continue
                }
                if text[i...].starts(with: "<!--".utf8) {
                    var end = i + 4
                    while end < text.count, !text[end...].starts(with: "-->".utf8) { end += 1 }
                    i = min(end + 3, text.count)
                    continue
                }
                var mark: UInt8?
                i += 1
                while i < text.count {
                    let byte = text[i]
                    i += 1
                    if let open = mark {
                        if byte == open { mark = nil }
                    } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                        mark = byte
                    } else if byte == PostHTML.gt {
                        break
                    }
                }
            }
            return out
        }

        static func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    }
}

extension FluentSupportSandbox.Text {
    /// Replaces `{{customer.first_name}}` and `##agent.email##`; `people` gives the values by word.
    ///
    /// What names somebody else stays as it is.
    static func smartcodes(_ text: String, people: [String: [String: String]]) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var i = 0
        func opens(_ at: Int) -> Bool { bytes[at...].starts(with: "{{".utf8) || bytes[at...].starts(with: "##".utf8) }
        func closes(_ at: Int) -> Bool { bytes[at...].starts(with: "}}".utf8) || bytes[at...].starts(with: "##".utf8) }
        while i < bytes.count {
            guard opens(i) else {
                out.append(bytes[i])
                i += 1
                continue
            }
            var start = i
            while start < bytes.count, opens(start) { start += 2 }
            var end = start
            while end < bytes.count, bytes[end] != 0x0A, !closes(end) { end += 1 }
            guard end < bytes.count, bytes[end] != 0x0A else {
                out.append(bytes[i])
                i += 1
                continue
            }
            let whole = bytes[i..<(end + 2)]
            out += value(string(Array(bytes[start..<end])), people: people).map { Array($0.utf8) } ?? Array(whole)
            i = end + 2
        }
        return string(out)
    }

    /// The value of one code; nil leaves it as it stands.
    private static func value(_ code: String, people: [String: [String: String]]) -> String? {
        let parts = code.trimmingBlanks().split(separator: ".", maxSplits: 1).map { $0.trimmingBlanks() }
        guard parts.count == 2, let person = people[parts[0]], !parts[1].isEmpty else { return nil }
        let key = parts[1].split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let fallback = key.count > 1 ? key[1].trimmingBlanks() : ""
        guard let found = person[key[0]], !found.isEmpty, found != "0" else { return fallback }
        return found
    }
}
