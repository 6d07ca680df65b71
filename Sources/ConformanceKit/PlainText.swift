// SPDX-License-Identifier: Apache-2.0

/// The words and line breaks that a text shows.
enum PlainText {
    /// Of a plain text.
    static func of(text: String) -> String {
        tidy(text.replacing("\r\n", with: "\n").replacing("\r", with: "\n"))
    }

    /// Of HTML that has nothing but paragraphs and line breaks; nil where it has more to lose.
    static func of(html: String, lineBreaks: Bool) -> String? {
        var scan = TextScan(html, isHTML: true)
        var out = String.UnicodeScalarView()
        while let scalar = scan.next() {
            if scalar == "\u{FFFC}", let element = scan.element {
                switch element {
                case "br", "br/":
                    out.append("\n")
                    // The break in the source that editors put after the element.
                    if scan.isAtNewline { _ = scan.next() }
                case "p": if !out.isEmpty, out.last != "\n" { out.append("\n") }
                case "/p": out.append(contentsOf: "\n\n".unicodeScalars)
                default: return nil
                }
            } else if scalar == "\n", !lineBreaks, scan.isLiteral {
                out.append(" ")
            } else if scalar != "\r" {
                out.append(scalar)
            }
        }
        return tidy(String(out))
    }

    /// No-break blanks stand for runs of blanks; blanks and breaks at the end show nothing.
    private static func tidy(_ text: String) -> String {
        var scalars = text.unicodeScalars.map { $0 == "\u{A0}" ? " " : $0 }
        while let last = scalars.last, last == "\n" || last == " " { scalars.removeLast() }
        return String(String.UnicodeScalarView(scalars))
    }
}

/// Goes through the characters of a text, in HTML with references decoded and elements as U+FFFC.
struct TextScan {
    private let scalars: [Unicode.Scalar]
    private let isHTML: Bool
    private var at = 0
    /// The last character given.
    private(set) var last: Unicode.Scalar?
    /// The name of the element that was passed last, with `/` before it for an end; nil: the last was a character.
    private(set) var element: String?
    /// Whether the last character stood for itself.
    private(set) var isLiteral = true

    init(_ text: String, isHTML: Bool) {
        scalars = Array(text.unicodeScalars)
        self.isHTML = isHTML
    }

    var isAtNewline: Bool { at < scalars.count && scalars[at] == "\n" }

    mutating func next() -> Unicode.Scalar? {
        element = nil
        isLiteral = true
        guard at < scalars.count else {
            last = nil
            return nil
        }
        let scalar = scalars[at]
        last = scalar
        if isHTML, scalar == "<", let end = elementEnd() {
            let inside = String(String.UnicodeScalarView(scalars[at + 1..<end])).lowercased()
            element = String(inside.prefix { $0 != " " && $0 != "\n" && $0 != "\t" })
            at = end + 1
            last = "\u{FFFC}"
        } else if isHTML, scalar == "&", let (decoded, length) = reference() {
            at += length
            last = decoded
            isLiteral = false
        } else {
            at += 1
        }
        return last
    }

    /// What follows, without what ends the line: closing elements, breaks, blank lines.
    mutating func restAfterLine() -> String {
        while at < scalars.count {
            let place = at
            guard let scalar = next() else { break }
            if scalar.properties.isWhitespace, isLiteral { continue }
            if let element, element.hasPrefix("/") || element.hasPrefix("br") || element.hasPrefix("hr") { continue }
            at = place
            break
        }
        return String(String.UnicodeScalarView(scalars[at...]))
    }

    /// Where an element ends; nil for a `<` that begins none.
    private func elementEnd() -> Int? {
        guard at + 1 < scalars.count else { return nil }
        let first = scalars[at + 1]
        guard first == "/" || first == "!" || (first.isASCII && first.properties.isAlphabetic) else { return nil }
        return scalars[at...].firstIndex(of: ">")
    }

    private func reference() -> (Unicode.Scalar, Int)? {
        guard let end = scalars[at...].prefix(12).firstIndex(of: ";") else { return nil }
        let name = String(String.UnicodeScalarView(scalars[at + 1..<end]))
        let length = end - at + 1
        let named: [String: Unicode.Scalar] = [
            "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}",
        ]
        if let scalar = named[name] { return (scalar, length) }
        guard name.hasPrefix("#") else { return nil }
        let digits = name.dropFirst()
        let value = digits.lowercased().hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        return value.flatMap(Unicode.Scalar.init).map { ($0, length) }
    }
}
