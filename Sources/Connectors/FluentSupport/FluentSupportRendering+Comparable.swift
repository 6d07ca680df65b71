// SPDX-License-Identifier: Apache-2.0
internal import Foundation

extension FluentSupportRendering {
    /// What a stored text and the same one rendered have in common: equal for both, and differs where people can see a
    /// difference.
    ///
    /// Rendering puts paragraphs and line breaks around blocks, makes links of bare addresses and opens them in a new
    /// window; all else stays. Breaks between words stay one break, those beside tags are left out.
    static func comparable(_ text: String) -> String {
        var text = withoutLinks(withoutAnyTarget(text))
        for tag in ["<p>", "</p>", "<br />", "<br>", "<br/>"] { text = text.replacing(tag, with: "\n") }
        text = text.replacing("&#038;", with: "&").replacing("&amp;", with: "&")
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var i = 0
        while i < bytes.count {
            guard bytes[i].isHTMLBlank else {
                out.append(bytes[i])
                i += 1
                continue
            }
            let start = i
            while i < bytes.count, bytes[i].isHTMLBlank { i += 1 }
            let run = bytes[start..<i]
            guard run.contains(0x0A) || run.contains(0x0D) else {
                out.append(contentsOf: run)
                continue
            }
            let isBesideTag =
                out.isEmpty || i == bytes.count || out.last == UInt8(ascii: ">") || bytes[i] == UInt8(ascii: "<")
            if !isBesideTag { out.append(0x0A) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Links without the window that they open in; the site writes its own.
    private static func withoutAnyTarget(_ text: String) -> String {
        var out = ""
        var rest = text[...]
        while let open = rest.range(of: "<a ") {
            out += rest[..<open.lowerBound]
            let end = rest[open.lowerBound...].firstIndex(of: ">") ?? rest.endIndex
            var tag = String(rest[open.lowerBound..<end])
            for quote in ["\"", "'"] {
                while let start = tag.range(of: " target=\(quote)"),
                    let close = tag[start.upperBound...].range(of: quote)
                {
                    tag.removeSubrange(start.lowerBound..<close.upperBound)
                }
            }
            out += tag.replacing(" rel=\"noopener\"", with: "").replacing(" rel=\"noopener noreferrer\"", with: "")
            rest = rest[end...]
        }
        return out + rest
    }
}
