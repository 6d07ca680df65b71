// SPDX-License-Identifier: Apache-2.0

import Foundation
import TicketModel

extension FluentSupportSandbox {
    /// What the site makes of stored text when it shows it: paragraphs, links that can be clicked, a new window for
    /// each.
    ///
    /// Near enough to the real thing that nobody takes a shown text for a stored one; not exact.
    enum Rendering {
        static let blocks: Set<String> = [
            "table", "thead", "tfoot", "caption", "col", "colgroup", "tbody", "tr", "td", "th", "div", "dl", "dd", "dt",
            "ul", "ol", "li", "pre", "form", "map", "area", "blockquote", "address", "style", "p", "h1", "h2", "h3",
            "h4", "h5", "h6", "hr", "fieldset", "legend", "section", "article", "aside", "hgroup", "header", "footer",
            "nav", "figure", "figcaption", "details", "menu", "summary",
        ]

        /// As `GET /tickets/{id}` shows a text.
        static func page(_ text: String) -> String { newWindow(clickable(paragraphs(text))) }

        /// As the customers' portal shows a text.
        static func portal(_ text: String) -> String { newWindow(clickable(text)) }

        /// One line for each block: a block's opening tag starts a line, its closing tag ends one, text that stands in
        /// no block of its own becomes a paragraph, blank lines part paragraphs.
        ///
        /// What is in `pre` stays.
        static func paragraphs(_ text: String) -> String {
            guard text.contains(where: { !$0.isWhitespace }) else { return "" }
            var out = ""
            for piece in pieces(text) {
                if piece.kept {
                    out += piece.text + "\n"
                    continue
                }
                for part in blankLines(piece.text) {
                    let body = part.trimmingCharacters(in: CharacterSet(charactersIn: "\n\r"))
                    guard body.contains(where: { !$0.isWhitespace }) else { continue }
                    let opens = startsWithBlock(body)
                    let closes = endsWithBlock(body)
                    if body.lowercased().hasPrefix("<blockquote"), closes,
                        let open = body.firstIndex(of: ">"), body.hasSuffix("</blockquote>")
                    {
                        out += body[...open] + "<p>" + body[body.index(after: open)...].dropLast(13)
                        out += "</p></blockquote>\n"
                    } else {
                        out +=
                            (opens ? "" : "<p>") + body + (closes || (opens && !closesInside(body)) ? "" : "</p>")
                            + "\n"
                    }
                }
            }
            return out
        }

        private static func closesInside(_ body: String) -> Bool {
            guard let end = body.firstIndex(of: ">") else { return false }
            return body.index(after: end) < body.endIndex
        }

        /// Cuts before opening and after closing tags of blocks; `pre` is one piece.
        private static func pieces(_ text: String) -> [(text: String, kept: Bool)] {
            let bytes = Array(text.replacingOccurrences(of: "\r\n", with: "\n").utf8)
            var out: [(text: String, kept: Bool)] = []
            var current: [UInt8] = []
            func cut() {
                if !current.isEmpty { out.append((String(decoding: current, as: UTF8.self), false)) }
                current = []
            }
            var i = 0
            while i < bytes.count {
                guard bytes[i] == PostHTML.lt, let (name, closing) = blockTag(bytes[i...]),
                    let end = bytes[i...].firstIndex(of: PostHTML.gt)
                else {
                    current.append(bytes[i])
                    i += 1
                    continue
                }
                if closing {
                    current += bytes[i...end]
                    cut()
                    i = end + 1
                } else if name == "pre" {
                    cut()
                    var stop = end
                    while stop < bytes.count, !bytes[stop...].starts(with: "</pre>".utf8) { stop += 1 }
                    let last = min(stop + 6, bytes.count)
                    out.append((String(decoding: bytes[i..<last], as: UTF8.self), true))
                    i = last
                } else {
                    cut()
                    current += bytes[i...end]
                    i = end + 1
                    if name == "hr" { cut() }
                }
            }
            cut()
            return out
        }

        private static func blockTag(_ text: ArraySlice<UInt8>) -> (name: String, closing: Bool)? {
            var rest = text.dropFirst()
            let closing = rest.first == PostHTML.slash
            if closing { rest = rest.dropFirst() }
            let name = String(
                decoding: rest.prefix { PostHTML.isLetter($0) || PostHTML.isDigit($0) }, as: UTF8.self)
            return blocks.contains(name) ? (name, closing) : nil
        }

        private static func startsWithBlock(_ text: String) -> Bool {
            let bytes = Array(text.utf8).drop(while: PostHTML.isBlank)
            return bytes.first == PostHTML.lt && blockTag(bytes) != nil
        }

        private static func endsWithBlock(_ text: String) -> Bool {
            let bytes = Array(text.utf8)
            guard let ink = bytes.lastIndex(where: { !PostHTML.isBlank($0) }), bytes[ink] == PostHTML.gt,
                let start = bytes[...ink].lastIndex(of: PostHTML.lt)
            else { return false }
            return blockTag(bytes[start...]) != nil
        }

        private static func blankLines(_ text: String) -> [String] {
            var parts: [String] = []
            var current: [Substring] = []
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                if line.allSatisfy({ $0 == " " || $0 == "\t" }), !current.isEmpty, line.isEmpty || current.count > 0 {
                    parts.append(current.joined(separator: "\n"))
                    current = []
                } else {
                    current.append(line)
                }
            }
            parts.append(current.joined(separator: "\n"))
            return parts
        }

        /// Bare addresses outside tags and links become links.
        static func clickable(_ text: String) -> String {
            guard text.contains("://") || text.contains("www.") || text.contains("@") else { return text }
            var out = ""
            var rest = text[...]
            var depth = 0
            while let open = rest.firstIndex(of: "<") {
                out += depth == 0 ? linked(rest[..<open]) : String(rest[..<open])
                let end = rest[open...].firstIndex(of: ">").map { rest.index(after: $0) } ?? rest.endIndex
                let tag = rest[open..<end]
                if tag.hasPrefix("<a ") { depth += 1 }
                if tag.hasPrefix("</a") { depth = max(0, depth - 1) }
                out += tag
                rest = rest[end...]
            }
            return out + (depth == 0 ? linked(rest) : String(rest))
        }

        private static func linked(_ text: Substring) -> String {
            guard text.contains("://") || text.contains("www.") || text.contains("@") else { return String(text) }
            var out = ""
            var word = ""
            for scalar in text.unicodeScalars {
                if scalar.properties.isWhitespace || "(),".unicodeScalars.contains(scalar) {
                    out += link(word)
                    out.unicodeScalars.append(scalar)
                    word = ""
                } else {
                    word.unicodeScalars.append(scalar)
                }
            }
            return out + link(word)
        }

        private static func link(_ word: String) -> String {
            var bare = word[...]
            while let last = bare.last, ".,;:".contains(last) { bare = bare.dropLast() }
            let tail = word[bare.endIndex...]
            if bare.hasPrefix("http://") || bare.hasPrefix("https://") || bare.hasPrefix("ftp://") {
                return "<a href=\"\(bare)\" rel=\"nofollow\">\(bare)</a>\(tail)"
            }
            if bare.hasPrefix("www.") { return "<a href=\"http://\(bare)\" rel=\"nofollow\">http://\(bare)</a>\(tail)" }
            let sides = bare.split(separator: "@", omittingEmptySubsequences: false)
            if sides.count == 2, !sides[0].isEmpty, sides[1].contains("."), bare.utf8.allSatisfy({ $0 < 0x80 }) {
                return "<a href=\"mailto:\(bare)\">\(bare)</a>\(tail)"
            }
            return word
        }

        /// Links open a new window.
        static func newWindow(_ text: String) -> String {
            guard text.contains("<a ") else { return text }
            var out = ""
            var rest = text[...]
            while let open = rest.range(of: "<a ") {
                out += rest[..<open.lowerBound]
                let end = rest[open.lowerBound...].firstIndex(of: ">") ?? rest.endIndex
                let tag = rest[open.lowerBound..<end].replacingOccurrences(
                    of: #" target=("[^"]*"|'[^']*'|\S+)"#, with: "", options: .regularExpression)
                out += tag + " target=\"_blank\""
                rest = rest[end...]
            }
            return out + rest
        }
    }
}
