// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// A text as Smartsupp takes it: plain, and with its markup beside where a message has some.
struct SmartsuppText: Sendable {
    /// What is sent as `text`.
    var text: String
    /// What is sent as `html`; nil: the text is all.
    var html: String?
    /// Whether the reader sees something else than the source's: markup left out, or line breaks written as elements.
    var isChanged = false
    /// Whether the markup says more than paragraphs and line breaks.
    var isRich = false

    /// Whether nothing can be seen.
    var isEmpty: Bool { text.allSatisfy(\.isWhitespace) }

    /// Writes a body for a place.
    ///
    /// - Parameters:
    ///   - body: the message's.
    ///   - takesHTML: a message of a conversation takes markup, the first text does not.
    init(_ body: Message.Body?, takesHTML: Bool) {
        switch body {
        case nil: text = ""
        case .text(let plain): text = plain
        case .html(let markup, let lineBreaks):
            let (plain, isSimple) = Self.plain(markup, lineBreaks: lineBreaks)
            text = plain
            isRich = !isSimple
            guard takesHTML, !(isSimple && lineBreaks && markup.utf8.contains(0x0A)) else {
                isChanged = !isSimple
                return
            }
            if lineBreaks, markup.utf8.contains(0x0A) {
                html = markup.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "<br />\n")
                isChanged = true
            } else {
                html = markup
            }
            // Nothing to read without its markup (a picture): the text must not be empty.
            if isEmpty, !markup.allSatisfy(\.isWhitespace) { text = "[…]" }
        }
    }

    /// With a line above it.
    func below(_ header: String?) -> SmartsuppText {
        guard let header, !header.isEmpty else { return self }
        var out = self
        out.text = "\(header)\n\(text)"
        out.html = html.map { "<p><em>\(Self.escaped(header))</em></p>\($0)" }
        return out
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }

    /// The words and line breaks of markup, and whether it has nothing else to lose: only paragraphs and line breaks.
    static func plain(_ html: String, lineBreaks: Bool) -> (text: String, isSimple: Bool) {
        let scalars = Array(html.unicodeScalars)
        var out = String.UnicodeScalarView()
        var isSimple = true
        var at = 0
        var hidden: String?
        while at < scalars.count {
            let scalar = scalars[at]
            if scalar == "<", let (name, end) = element(scalars, at) {
                at = end
                if let open = hidden {
                    if name == "/\(open)" { hidden = nil }
                    continue
                }
                switch name {
                case "br", "br/":
                    out.append("\n")
                    // The break in the source that editors put after the element.
                    if at < scalars.count, scalars[at] == "\n" { at += 1 }
                case "p": if !out.isEmpty, out.last != "\n" { out.append("\n") }
                case "/p": out.append(contentsOf: "\n\n".unicodeScalars)
                case "script", "style":
                    hidden = name
                    isSimple = false
                default:
                    isSimple = false
                    let blocks: Set<String> = [
                        "/div", "/li", "/tr", "/h1", "/h2", "/h3", "/h4", "/blockquote", "hr", "/pre",
                    ]
                    if blocks.contains(name), out.last != "\n" { out.append("\n") }
                    if name == "/td" || name == "/th" { out.append(" ") }
                }
                continue
            }
            at += 1
            if hidden != nil { continue }
            if scalar == "&", let (decoded, end) = reference(scalars, at - 1) {
                out.append(decoded)
                at = end
            } else if scalar == "\n", !lineBreaks {
                out.append(" ")
            } else if scalar != "\r" {
                out.append(scalar)
            }
        }
        while let last = out.last, last == "\n" || last == " " { out.removeLast() }
        return (String(out), isSimple)
    }

    private static func element(_ scalars: [Unicode.Scalar], _ at: Int) -> (String, Int)? {
        guard at + 1 < scalars.count else { return nil }
        let first = scalars[at + 1]
        guard first == "/" || first == "!" || (first.isASCII && first.properties.isAlphabetic),
            let end = scalars[at...].firstIndex(of: ">")
        else { return nil }
        let name = scalars[at + 1..<end].prefix { $0 != " " && $0 != "\n" && $0 != "\t" }
        return (String(String.UnicodeScalarView(name)).lowercased(), end + 1)
    }

    private static func reference(_ scalars: [Unicode.Scalar], _ at: Int) -> (Unicode.Scalar, Int)? {
        guard let end = scalars[at...].prefix(12).firstIndex(of: ";") else { return nil }
        let name = String(String.UnicodeScalarView(scalars[at + 1..<end]))
        let named: [String: Unicode.Scalar] = [
            "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}",
        ]
        if let scalar = named[name] { return (scalar, end + 1) }
        guard name.hasPrefix("#") else { return nil }
        let digits = name.dropFirst()
        let value = digits.lowercased().hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        return value.flatMap(Unicode.Scalar.init).map { ($0, end + 1) }
    }
}
