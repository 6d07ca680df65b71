// SPDX-License-Identifier: Apache-2.0
internal import Foundation

extension FluentSupportRendering {
    /// What a stored text and the same one rendered have in common: equal for both, and differs where people can see a
    /// difference.
    ///
    /// Rendering puts paragraphs and line breaks around blocks, makes links of bare addresses and opens them in a new
    /// window; all else stays. Breaks between words stay one break; those beside tags are left out, and all blanks beside
    /// blocks and at the ends.
    static func comparable(_ text: String) -> String {
        var text = withoutLinks(withoutAnyTarget(text))
        for tag in ["<p>", "</p>", "<br />", "<br>", "<br/>"] { text = text.replacing(tag, with: "\n") }
        text = text.replacing("&#038;", with: "&").replacing("&amp;", with: "&")
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        // Whether what stands last in `out` is the tag of a block.
        var isAfterBlock = false
        var i = 0
        while i < bytes.count {
            guard bytes[i].isHTMLBlank else {
                if bytes[i] == UInt8(ascii: "<") { isAfterBlock = isBlockTag(bytes[i...]) }
                out.append(bytes[i])
                i += 1
                continue
            }
            let start = i
            while i < bytes.count, bytes[i].isHTMLBlank { i += 1 }
            let run = bytes[start..<i]
            let isBesideBlock =
                out.isEmpty || i == bytes.count || out.last == UInt8(ascii: ">") && isAfterBlock
                || isBlockTag(bytes[i...])
            if isBesideBlock { continue }
            guard run.contains(0x0A) || run.contains(0x0D) else {
                out.append(contentsOf: run)
                continue
            }
            if out.last != UInt8(ascii: ">"), bytes[i] != UInt8(ascii: "<") { out.append(0x0A) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Whether a text begins with the opening or closing tag of a block.
    private static func isBlockTag(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.first == UInt8(ascii: "<") else { return false }
        var name = text.dropFirst()
        if name.first == UInt8(ascii: "/") { name = name.dropFirst() }
        return FluentSupportSandbox.Rendering.blocks.contains(
            String(decoding: name.prefix { $0.isLetter || $0.isDigit }, as: UTF8.self).lowercased())
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
