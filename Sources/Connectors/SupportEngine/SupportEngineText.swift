// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

/// Texts as SupportEngine stores them: byte by byte, within the sizes of its columns.
enum SupportEngineText {
    /// The most characters (Unicode scalars) of subject, name, address and company: a column of 255.
    static let lineLimit = 255
    /// The most bytes of a message or of a field's value: MySQL's TEXT.
    static let textLimit = 65_535

    /// The last line of every text that we write: the only key that the system can hold.
    static func marker(_ key: WriteKey) -> String { "[\(key.marker)]" }

    /// The digest and generation of the last line of ours in a text; nil where there is none.
    static func marker(in text: String) -> (digest: String, generation: Int)? {
        for line in text.utf8.split(separator: UInt8(ascii: "\n")).reversed() {
            guard line.first == UInt8(ascii: "["), line.last == UInt8(ascii: "]") else { continue }
            if let marker = WriteKey.parse(marker: String(decoding: line.dropFirst().dropLast(), as: UTF8.self)) {
                return marker
            }
        }
        return nil
    }

    /// Whether a text carries a key's marker.
    static func carries(_ text: String, _ key: WriteKey) -> Bool {
        marker(in: text).map { $0.digest == key.digest && $0.generation == key.generation } ?? false
    }

    /// A text of at most so many Unicode scalars, cut between letters.
    static func line(_ text: String, limit: Int) -> String {
        guard text.unicodeScalars.count > limit else { return text }
        var out = ""
        var count = 0
        for character in text {
            count += character.unicodeScalars.count
            if count > limit { break }
            out.append(character)
        }
        if out.isEmpty { out = String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit))) }
        return out
    }

    /// A text in pieces of at most so many bytes; put together they are the text.
    ///
    /// Cut after a line break near the end of a piece where there is one, else between letters.
    static func pieces(_ text: String, limit: Int) -> [String] {
        guard text.utf8.count > limit, limit > 4 else { return [text] }
        var out: [String] = []
        var piece = String.UnicodeScalarView()
        var size = 0
        var lastBreak: (index: String.UnicodeScalarView.Index, size: Int)?
        func close() {
            var rest = String.UnicodeScalarView()
            if let cut = lastBreak, cut.size > limit * 3 / 4 {
                rest.append(contentsOf: piece[cut.index...])
                piece = String.UnicodeScalarView(piece[..<cut.index])
                size -= cut.size
            } else {
                size = 0
            }
            out.append(String(piece))
            piece = rest
            lastBreak = nil
        }
        for character in text {
            let count = character.utf8.count
            if count > limit {
                // One letter with thousands of marks: between its parts.
                for scalar in character.unicodeScalars {
                    let count = UTF8.width(scalar)
                    if size + count > limit { close() }
                    piece.append(scalar)
                    size += count
                }
                continue
            }
            if size + count > limit { close() }
            piece.append(contentsOf: character.unicodeScalars)
            size += count
            if character.isNewline { lastBreak = (piece.endIndex, size) }
        }
        if !piece.isEmpty { out.append(String(piece)) }
        return out
    }

    // MARK: HTML

    /// HTML as people read it: line breaks for paragraphs, links with their addresses, no tags.
    static func plain(html: String, lineBreaks: Bool) -> String {
        var out = ""
        var rest = Substring(html)
        var hidden: String?
        var link: (address: String, start: Int)?
        func newline(_ count: Int) {
            while out.last == " " { out.removeLast() }
            guard !out.isEmpty else { return }
            let there = out.reversed().prefix { $0 == "\n" }.count
            if there < count { out += String(repeating: "\n", count: count - there) }
        }
        while let first = rest.first {
            if let inside = hidden {
                // What is not shown ends with its own tag alone.
                while !rest.isEmpty, !rest.prefix(inside.count + 2).lowercased().hasPrefix("</\(inside)") {
                    rest = rest.dropFirst().drop { $0 != "<" }
                }
                rest = rest.drop { $0 != ">" }.dropFirst()
                hidden = nil
                continue
            }
            if first == "<", let end = rest.firstIndex(of: ">"), let name = tagName(rest) {
                let tag = rest[...end]
                rest = rest[rest.index(after: end)...]
                switch name {
                case "script", "style", "head", "title": hidden = tag.hasSuffix("/>") ? nil : name
                case "br": out += "\n"
                case "p", "/p", "h1", "h2", "h3", "h4", "h5", "h6", "/h1", "/h2", "/h3", "/h4", "/h5", "/h6", "table",
                    "/table", "ul", "/ul", "ol", "/ol", "blockquote", "/blockquote", "pre", "/pre", "hr":
                    newline(2)
                case "div", "/div", "tr", "/tr", "dt", "dd": newline(1)
                case "li":
                    newline(1)
                    out += "- "
                case "/td", "/th": out += "\t"
                case "a": link = attribute("href", of: tag).map { (entities(Substring($0)), out.utf8.count) }
                case "/a":
                    if let (address, start) = link, !address.isEmpty, !address.hasPrefix("#"),
                        String(decoding: Array(out.utf8)[min(start, out.utf8.count)...], as: UTF8.self) != address
                    {
                        out += " (\(address))"
                    }
                    link = nil
                case "img":
                    let words = attribute("alt", of: tag) ?? attribute("src", of: tag)
                    if let words { out += "[\(entities(Substring(words)))]" }
                default: break
                }
                continue
            }
            if rest.hasPrefix("<!--") {
                guard let end = rest.range(ofText: "-->") else { return out.trimmingNewlines }
                rest = rest[end.upperBound...]
                continue
            }
            let end = rest.dropFirst().firstIndex(of: "<") ?? rest.endIndex
            let text = entities(rest[..<end])
            if lineBreaks {
                out += text
            } else {
                for character in text {
                    if character == " " || character == "\t" || character.isNewline {
                        if !out.isEmpty, out.last != "\n", out.last != " " { out += " " }
                    } else {
                        out.append(character)
                    }
                }
            }
            rest = rest[end...]
        }
        return out.trimmingNewlines
    }

    /// The words and line breaks of HTML that has nothing but paragraphs and breaks; nil where it has more to lose.
    ///
    /// Blanks count, unlike in ``plain(html:lineBreaks:)``: what a browser would not show is there all the same.
    static func words(html: String, lineBreaks: Bool) -> String? {
        var out = ""
        var rest = Substring(html.replacing("\r\n", with: "\n").replacing("\r", with: ""))
        while let first = rest.first {
            if rest.hasPrefix("<!") { return nil }
            if first == "<", let end = rest.firstIndex(of: ">"), let name = tagName(rest) {
                rest = rest[rest.index(after: end)...]
                switch name {
                case "br":
                    out += "\n"
                    if rest.first == "\n" { rest = rest.dropFirst() }
                case "p": if !out.isEmpty, out.last != "\n" { out += "\n" }
                case "/p": out += "\n\n"
                default: return nil
                }
                continue
            }
            let end = rest.dropFirst().firstIndex(of: "<") ?? rest.endIndex
            let text = String(rest[..<end])
            out += entities(Substring(lineBreaks ? text : text.replacing("\n", with: " ")))
            rest = rest[end...]
        }
        return tidy(out)
    }

    /// Without blanks and line breaks at both ends; one kind of each.
    static func tidy(_ text: String) -> String {
        text.replacing("\r\n", with: "\n").replacing("\r", with: "\n").replacing("\u{A0}", with: " ").trimmingNewlines
    }

    /// Plain text as HTML that shows it.
    static func html(text: String) -> String {
        WordPressSite.escaped(text).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .joined(separator: "<br>\n")
    }

    /// HTML in which line breaks count, as HTML in which they do not.
    static func html(withBreaks html: String) -> String {
        var out = ""
        for line in html.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            if !out.isEmpty { out += out.hasSuffix(">") ? "\n" : "<br>\n" }
            out += line
        }
        return out
    }

    private static func tagName(_ text: Substring) -> String? {
        let name = text.dropFirst().prefix { $0.isLetter || $0.isNumber || $0 == "/" }.lowercased()
        guard let first = name.first(where: { $0 != "/" }), first.isLetter else { return nil }
        return name.count > 1 && name.hasSuffix("/") ? String(name.dropLast()) : name
    }

    private static func attribute(_ name: String, of tag: Substring) -> String? {
        guard let start = tag.range(ofText: " \(name)=") else { return nil }
        let rest = tag[start.upperBound...]
        guard let quote = rest.first, quote == "\"" || quote == "'" else {
            return String(rest.prefix { $0 != " " && $0 != ">" })
        }
        return String(rest.dropFirst().prefix { $0 != quote })
    }

    private static let named: [Substring: String] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": " ", "hellip": "…", "ndash": "–",
        "mdash": "—", "rsquo": "’", "lsquo": "‘", "rdquo": "”", "ldquo": "“", "euro": "€", "copy": "©", "auml": "ä",
        "ouml": "ö", "uuml": "ü", "Auml": "Ä", "Ouml": "Ö", "Uuml": "Ü", "szlig": "ß", "eacute": "é", "egrave": "è",
    ]

    private static func entities(_ text: Substring) -> String {
        guard text.contains("&") else { return String(text) }
        var out = ""
        var rest = text
        while let mark = rest.firstIndex(of: "&") {
            out += rest[..<mark]
            rest = rest[mark...]
            let name = rest.dropFirst().prefix(10).prefix { $0 != ";" && $0 != "&" && $0 != " " }
            let after = rest.index(mark, offsetBy: name.count + 1)
            guard after < rest.endIndex, rest[after] == ";", let value = value(of: name) else {
                out += "&"
                rest = rest.dropFirst()
                continue
            }
            out += value
            rest = rest[rest.index(after: after)...]
        }
        return out + rest
    }

    private static func value(of name: Substring) -> String? {
        guard name.hasPrefix("#") else { return named[name] }
        let digits = name.dropFirst()
        let code = digits.lowercased().hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        return code.flatMap(Unicode.Scalar.init).map { String(Character($0)) }
    }
}

extension String {
    /// Without line breaks and blanks at both ends.
    fileprivate var trimmingNewlines: String {
        let start = drop { $0.isNewline || $0 == " " }
        return String(start.reversed().drop { $0.isNewline || $0 == " " }.reversed())
    }
}

extension Substring {
    /// The first place of a text.
    fileprivate func range(ofText text: String) -> Range<Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(text) { return at..<index(at, offsetBy: text.count) }
            at = index(after: at)
        }
        return nil
    }
}
