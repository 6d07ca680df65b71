// SPDX-License-Identifier: Apache-2.0
package import TicketModel

/// What an answer's body turned out to be.
package enum JSONAnswer: Sendable, Hashable {
    /// JSON, whatever the status. A bare string or number counts.
    case json(status: Int, JSON)
    /// Something else; the excerpt is short, plain text on one line. It may hold what the server chose to say.
    case notJSON(NotJSON, status: Int, excerpt: String)

    /// What a body is that is not JSON.
    package enum NotJSON: String, Sendable, Hashable, CaseIterable {
        /// A web page: a firewall, a login form, a maintenance page, a theme's 404.
        case html
        /// Nothing.
        case empty
        /// JSON that breaks off.
        case truncated
        /// Messages of PHP and nothing after them: the site's code has crashed.
        case phpError = "php-error"
        /// Anything else.
        case other
    }

    /// The answer's status.
    package var status: Int {
        switch self {
        case .json(let status, _), .notJSON(_, let status, _): status
        }
    }

    /// The JSON, where it is that.
    package var json: JSON? {
        if case .json(_, let json) = self { json } else { nil }
    }

    /// Whether the status is 2xx and the body JSON.
    package var isSuccess: Bool { (200..<300).contains(status) && json != nil }
}

extension JSONAnswer {
    /// Reads a body, and what stood around the JSON: PHP's warnings before or after it.
    ///
    /// A byte order mark and blanks are skipped. A JSON value is taken only where it ends the body, or where nothing but
    /// messages of PHP follow it, so that no scrap of a broken answer passes as one.
    ///
    /// `clean` takes secrets out of what is shown, before it is shortened: half a secret is one, too.
    package static func read(
        _ body: [UInt8], status: Int, clean: (String) -> String = { $0 }
    ) -> (answer: JSONAnswer, noise: String?) {
        func excerpt(_ bytes: ArraySlice<UInt8>) -> String { Excerpt.plain(bytes, clean: clean) }
        let start = skipMarks(body, from: 0)
        let text = body[start...]
        guard let first = text.first else { return (.notJSON(.empty, status: status, excerpt: ""), nil) }
        if let json = try? JSON(parsing: text) { return (.json(status: status, json), nil) }
        let isPage = looksLikePage(text)
        if !isPage, let found = search(body, from: start) {
            switch found {
            case .value(let json, let noise): return (.json(status: status, json), excerpt(noise))
            case .truncated: return (.notJSON(.truncated, status: status, excerpt: excerpt(text)), nil)
            }
        }
        let kind: NotJSON =
            if isPage {
                .html
            } else if PHPNoise.starts(text) {
                .phpError
            } else if first == UInt8(ascii: "<"), contains(text.prefix(2048), "<html") {
                .html
            } else {
                .other
            }
        return (.notJSON(kind, status: status, excerpt: excerpt(text)), nil)
    }

    private enum Found {
        case value(JSON, noise: ArraySlice<UInt8>)
        case truncated
    }

    /// Looks for a value that begins the body or follows PHP's messages.
    ///
    /// Linear but for a bounded number of tries.
    ///
    /// It never looks inside of what may itself be the answer: the last record of a list that breaks off is no answer.
    ///
    /// With `anywhere`, objects with members count within lines, too; so it is tried where no bracket begins a line. A
    /// list does not: `Undefined offset [3]` is no answer.
    private static func search(_ body: [UInt8], from start: Int, anywhere: Bool = false) -> Found? {
        let hasNoise = PHPNoise.starts(body[start...])
        var hasCandidate = false
        var at = start
        var triesLeft = 1000
        while triesLeft > 0 {
            triesLeft -= 1
            guard let open = body[at...].firstIndex(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") })
            else {
                break
            }
            // Without messages before it, JSON begins the body or is not there.
            if !hasNoise && open != start { return nil }
            let beginsLine = beginsLine(body, at: open)
            if !beginsLine, !beginsObject(body, at: open) {
                at = open + 1
                continue
            }
            if !anywhere, !beginsLine {
                // What never closes may be the answer itself, and then the lines within it are scraps.
                if endOfValue(body, from: open) == nil { return .truncated }
                at = open + 1
                triesLeft -= 15
                continue
            }
            hasCandidate = true
            if let end = endOfValue(body, from: open) {
                let rest = body[end...].drop { $0.isBlank }
                if rest.isEmpty || PHPNoise.starts(rest), let json = try? JSON(parsing: body[open..<end]) {
                    return .value(json, noise: body[start..<open] + rest)
                }
                // Brackets in a message: `[12-Jan-2026 10:00:00 UTC]`. Each costs a walk to its end.
                at = end
                triesLeft -= 15
            } else if looksLikeValue(body, at: open) {
                return .truncated
            } else {
                at = open + 1
                triesLeft -= 15
            }
        }
        return hasCandidate || anywhere ? nil : search(body, from: start, anywhere: true)
    }

    /// Whether only blanks and marks stand between a place and a line's start or a tag's end: PHP ends its messages so,
    /// and the brackets within them stand elsewhere.
    private static func beginsLine(_ body: [UInt8], at place: Int) -> Bool {
        for byte in body[..<place].reversed() {
            switch byte {
            case UInt8(ascii: "\n"), UInt8(ascii: ">"): return true
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), 0xEF, 0xBB, 0xBF: continue
            default: return false
            }
        }
        return true
    }

    /// The index after the bracket that closes the one at `open`; nil where the text ends before.
    private static func endOfValue(_ body: [UInt8], from open: Int) -> Int? {
        var depth = 0
        var inString = false
        var at = open
        while at < body.count {
            let byte = body[at]
            if inString {
                if byte == UInt8(ascii: "\\") { at += 1 } else if byte == UInt8(ascii: "\"") { inString = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): inString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    if depth == 0 { return at + 1 }
                default: break
                }
            }
            at += 1
        }
        return nil
    }

    /// Whether a bracket opens an object that has members.
    private static func beginsObject(_ body: [UInt8], at open: Int) -> Bool {
        body[open] == UInt8(ascii: "{") && body[(open + 1)...].first { !$0.isBlank } == UInt8(ascii: "\"")
    }

    /// Whether a bracket is followed by what may follow it in JSON.
    private static func looksLikeValue(_ body: [UInt8], at open: Int) -> Bool {
        guard let next = body[(open + 1)...].first(where: { !$0.isBlank }) else { return true }
        if body[open] == UInt8(ascii: "{") { return next == UInt8(ascii: "\"") }
        return "{[\"-tfn".utf8.contains(next) || next.isDigit
    }

    private static func skipMarks(_ body: [UInt8], from start: Int) -> Int {
        var at = start
        while at < body.count {
            if body[at...].starts(with: [0xEF, 0xBB, 0xBF]) {
                at += 3
            } else if body[at].isBlank {
                at += 1
            } else {
                break
            }
        }
        return at
    }

    private static func looksLikePage(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.first == UInt8(ascii: "<") else { return false }
        let head = String(decoding: text.prefix(64), as: UTF8.self).lowercased()
        return ["<!doctype", "<html", "<head", "<body", "<title", "<!--", "<?xml", "<script", "<meta"]
            .contains { head.hasPrefix($0) }
    }

    private static func contains(_ text: ArraySlice<UInt8>, _ word: String) -> Bool {
        String(decoding: text, as: UTF8.self).lowercased().contains(word)
    }
}

/// Messages that PHP prints into answers where the site shows errors.
enum PHPNoise {
    /// Whether a text begins with one: `<br />\n<b>Warning</b>: …`, or `Warning: …` where HTML errors are off.
    static func starts(_ text: ArraySlice<UInt8>) -> Bool {
        let head = String(decoding: text.prefix(120), as: UTF8.self).lowercased()
        let plain = head.replacingTags().trimmed
        let levels = [
            "warning", "notice", "deprecated", "strict standards", "fatal error", "parse error", "recoverable",
        ]
        return levels.contains { plain.hasPrefix("\($0):") || plain.hasPrefix("php \($0):") }
            || plain.hasPrefix("recoverable fatal error") || plain.hasPrefix("wordpress database error")
            || plain.hasPrefix("catchable fatal error")
    }
}

/// Short plain texts from bodies.
enum Excerpt {
    /// The title of a page, else its first words: one line, no tags, no control characters, at most 200 characters.
    static func plain(_ bytes: ArraySlice<UInt8>, clean: (String) -> String = { $0 }) -> String {
        let text = clean(String(decoding: bytes.prefix(16 << 10), as: UTF8.self))
        let lower = text.lowercased()
        var picked = Substring(text)
        // Lower-casing may change lengths, then the ranges do not fit; the first words do as well.
        if lower.utf8.count == text.utf8.count, let open = lower.range(ofText: "<title"),
            let close = lower[open.upperBound...].range(ofText: "</title")
        {
            let start = lower.utf8.distance(from: lower.startIndex, to: open.upperBound)
            let end = lower.utf8.distance(from: lower.startIndex, to: close.lowerBound)
            let title = String(decoding: Array(text.utf8)[start..<end], as: UTF8.self)
            picked = title.drop { $0 != ">" }.dropFirst()
        }
        let line = String(picked).replacingTags().map { $0.isWhitespace ? " " : String($0) }.joined()
        let visible = line.unicodeScalars.filter {
            $0.value >= 32 && $0.value != 127 && !(0x80...0x9F).contains($0.value)
        }
        let words = String(String.UnicodeScalarView(visible)).split(separator: " ").joined(separator: " ")
        return words.count > 200 ? "\(words.prefix(199))…" : words
    }
}

extension StringProtocol {
    /// Without what stands between `<` and `>`; an open one at the end goes too.
    func replacingTags() -> String {
        var out = ""
        var inTag = false
        for character in self {
            switch character {
            case "<": inTag = true
            case ">" where inTag:
                inTag = false
                out.append(" ")
            default: if !inTag { out.append(character) }
            }
        }
        // "<b>Warning</b>:" would come out with a blank before the colon.
        return out.split(separator: " :", omittingEmptySubsequences: false).joined(separator: ":")
    }

    /// The first place of a text.
    func range(ofText text: String) -> Range<Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(text), let end = index(at, offsetBy: text.count, limitedBy: endIndex) {
                return at..<end
            }
            at = index(after: at)
        }
        return nil
    }
}
