// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// A text that was read back, without what we put there ourselves, and when it says the same as a drafted one.
struct MessageText {
    let body: Message.Body?
    /// Whether a header line was taken off, and the blank lines below it.
    private let isBelowHeader: Bool

    /// Takes our marker and, where one is given, the header line off.
    init(_ body: Message.Body?, header: String?) {
        guard let body else {
            self.body = nil
            isBelowHeader = false
            return
        }
        let text = Self.withoutMarker(body.content)
        switch body {
        case .html(_, let lineBreaks):
            let rest = header.flatMap { Self.without($0, text, isHTML: true) }
            isBelowHeader = rest != nil
            self.body = .html(rest ?? text, lineBreaks: lineBreaks)
        case .text:
            let rest = header.flatMap { Self.without($0, text, isHTML: false) }
            isBelowHeader = rest != nil
            self.body = .text(rest ?? text)
        }
    }

    func isEqual(to drafted: Message.Body?) -> Bool {
        var (a, b) = (drafted?.content ?? "", body?.content ?? "")
        if isBelowHeader {
            // Where the line ended and the text began cannot be told.
            let isHTML = if case .html = drafted { true } else { false }
            var scan = TextScan(a, isHTML: isHTML)
            a = scan.restAfterLine()
            scan = TextScan(b, isHTML: true)
            if case .text? = body { scan = TextScan(b, isHTML: false) }
            b = scan.restAfterLine()
        }
        if a.isEmpty && b.isEmpty { return true }
        switch (drafted, body) {
        case (.text, .text): return a == b
        case (.html(_, let breaks), .html(_, let otherBreaks)):
            return a == b && (breaks == otherBreaks || !a.utf8.contains(0x0A))
        case (.text, .html(_, let breaks)):
            return isSame(PlainText.of(html: b, lineBreaks: breaks), PlainText.of(text: a))
        case (.html(_, let breaks), .text):
            return isSame(PlainText.of(html: a, lineBreaks: breaks), PlainText.of(text: b))
        case (nil, _), (_, nil): return false
        }
    }

    /// Below a header line, blanks at the start cannot be told from those that follow the line.
    private func isSame(_ a: String?, _ b: String) -> Bool {
        guard let a else { return false }
        if a == b { return true }
        return isBelowHeader && a.drop(while: \.isWhitespace) == b.drop(while: \.isWhitespace)
    }

    /// Whether a text that is equal is spelled in another way: a loss that says so is true.
    func isRespelled(_ drafted: Message.Body?) -> Bool {
        guard case .text(let text) = drafted, case .html(let html, _) = body else { return false }
        return html.contains("&") || text.contains { "&<>{}#".contains($0) }
    }

    // MARK: Header

    /// What follows the header line; nil where the text does not begin with it.
    ///
    /// Blanks and elements between the line's characters do not count.
    static func without(_ header: String, _ text: String, isHTML: Bool) -> String? {
        let wanted = header.unicodeScalars.filter { !$0.properties.isWhitespace }
        guard !wanted.isEmpty else { return nil }
        var scan = TextScan(text, isHTML: isHTML)
        for scalar in wanted {
            while let next = scan.next(), next.properties.isWhitespace || next == "\u{FFFC}" { continue }
            guard scan.last == scalar else { return nil }
        }
        return scan.restAfterLine()
    }

    // MARK: Marker

    /// Without a line, an element or a comment that holds our marker alone.
    ///
    /// `[ferry k3f9q…-0]`, `(ferry-k3f9q…-0-)` and the like.
    static func withoutMarker(_ text: String) -> String {
        var text = text
        while let range = marker(in: text) { text.removeSubrange(range) }
        return text
    }

    private static func marker(in text: String) -> Range<String.Index>? {
        var from = text.startIndex
        while let found = text[from...].firstRange(of: "ferry") {
            from = found.upperBound
            var rest = text[found.upperBound...]
            guard let joint = rest.popFirst(), joint == " " || joint == "-" else { continue }
            let digest = rest.prefix(13)
            guard digest.utf8.count == 13, digest.utf8.allSatisfy(isBase32) else { continue }
            rest = rest.dropFirst(13)
            guard rest.popFirst() == "-" else { continue }
            let number = rest.prefix { $0.isASCII && $0.isNumber }
            guard !number.isEmpty else { continue }
            rest = rest.dropFirst(number.count)
            if rest.first == "-" { rest = rest.dropFirst() }
            if let range = widened(found.lowerBound..<rest.startIndex, in: text) { return range }
        }
        return nil
    }

    private static func isBase32(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x32...0x37).contains(byte)
    }

    /// With the brackets, the comment, the empty element and the blank lines around it; nil where it is a part of
    /// somebody's words.
    private static func widened(_ range: Range<String.Index>, in text: String) -> Range<String.Index>? {
        var (start, end) = (range.lowerBound, range.upperBound)
        func take(_ open: String, _ close: String) -> Bool {
            guard text[..<start].hasSuffix(open), text[end...].hasPrefix(close) else { return false }
            start = text.index(start, offsetBy: -open.count)
            end = text.index(end, offsetBy: close.count)
            return true
        }
        var goesOn = true
        var isComment = false
        while goesOn {
            isComment = isComment || take("<!-- ", " -->") || take("<!--", "-->")
            goesOn =
                take("[", "]") || take("(", ")") || take("<p>", "</p>")
                || take("<small>", "</small>") || take("<em>", "</em>") || take("<div>", "</div>")
        }
        let isAlone =
            (start == text.startIndex || text[text.index(before: start)].isNewline || text[..<start].hasSuffix(">"))
            && (end == text.endIndex || text[end].isNewline || text[end...].hasPrefix("<"))
        guard isAlone || isComment else { return nil }
        // Its own line goes with it.
        if start > text.startIndex {
            while start > text.startIndex, text[text.index(before: start)].isNewline, end == text.endIndex {
                start = text.index(before: start)
            }
            for element in ["<br />", "<br/>", "<br>"] where end == text.endIndex {
                while text[..<start].hasSuffix(element) { start = text.index(start, offsetBy: -element.count) }
            }
        } else {
            while end < text.endIndex, text[end].isNewline { end = text.index(after: end) }
        }
        return start..<end
    }
}
