// SPDX-License-Identifier: Apache-2.0

/// Filters HTML to what WordPress stores unchanged, and notes what that takes away.
///
/// One pass over the bytes. The result is in WordPress's own spelling: attributes one blank apart, `<br />`, character
/// references of at least three digits.
enum FluentSupportMarkup {
    /// Stands for a `<` that begins no tag, in texts for the ticket's body; never in a text, since controls are taken out.
    static let bareLess: UInt8 = 0x01

    /// Filters a text for a place; see the type.
    static func clean(
        _ bytes: [UInt8], place: FluentSupportText.Place, changes: inout FluentSupportTextChanges
    ) -> [UInt8] {
        var cleaner = Cleaner(bytes: bytes, isBody: place == .body)
        cleaner.run()
        changes.merge(cleaner.changes)
        return cleaner.out
    }

    /// One attribute of a tag.
    struct Attribute {
        var name: String
        /// Nil for one without a value.
        var value: [UInt8]?
        var quote: UInt8
    }
}

private struct Cleaner {
    let bytes: [UInt8]
    let isBody: Bool
    var out: [UInt8] = []
    var changes = FluentSupportTextChanges()
    var at = 0

    init(bytes: [UInt8], isBody: Bool) {
        self.bytes = bytes
        self.isBody = isBody
        out.reserveCapacity(bytes.count + bytes.count / 8)
    }

    mutating func run() {
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "<"): less()
            case UInt8(ascii: ">"):
                at += 1
                if isBody {
                    out.append(UInt8(ascii: ">"))
                } else {
                    out.append(contentsOf: "&gt;".utf8)
                    changes.entities = true
                }
            case UInt8(ascii: "&"): textReference()
            case 0..<0x09, 0x0B, 0x0C, 0x0E..<0x20:
                changes.controls = true
                at += 1
            case let byte:
                out.append(byte)
                at += 1
            }
        }
    }

    private mutating func textReference() {
        var end = at
        var written: [UInt8] = []
        reference(from: bytes, at: &end, into: &written)
        at = end
        out.append(contentsOf: written)
    }

    // MARK: Tags

    private mutating func less() {
        let next = at + 1 < bytes.count ? bytes[at + 1] : 0
        if starts(with: "<!--") { return comment() }
        let beginsTag =
            next.isLetter || next == UInt8(ascii: "/") || next == UInt8(ascii: "!") || next == UInt8(ascii: "?")
        guard beginsTag else {
            at += 1
            if isBody { out.append(FluentSupportMarkup.bareLess) } else { escapedLess() }
            return
        }
        guard let end = tagEnd() else {
            at += 1
            return escapedLess()
        }
        tag(Array(bytes[(at + 1)..<end]), end: end + 1)
    }

    private mutating func escapedLess() {
        out.append(contentsOf: "&lt;".utf8)
        changes.entities = true
    }

    private mutating func comment() {
        let start = at + 4
        var end = start
        while end < bytes.count, !(bytes[end] == UInt8(ascii: "-") && starts(with: "-->", from: end)) { end += 1 }
        let inner = bytes[min(start, bytes.count)..<min(end, bytes.count)]
        let isPlain =
            end < bytes.count && inner.last != UInt8(ascii: "-")
            && !inner.contains {
                [UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&")].contains($0) || $0 < 0x20 && $0 != 0x0A
            }
            && !zip(inner, inner.dropFirst()).contains { $0 == UInt8(ascii: "-") && $1 == UInt8(ascii: "-") }
        if isPlain {
            out.append(contentsOf: bytes[at..<(end + 3)])
        } else {
            changes.comments = true
        }
        at = min(bytes.count, end + 3)
    }

    /// The place of the `>` that ends the tag here; nil where none does before the next `<` outside quotes.
    private func tagEnd() -> Int? {
        var quote: UInt8 = 0
        var i = at + 1
        var afterEquals = false
        while i < bytes.count {
            let byte = bytes[i]
            if quote != 0 {
                if byte == quote { quote = 0 }
            } else if byte == UInt8(ascii: ">") {
                return i
            } else if byte == UInt8(ascii: "<") {
                return nil
            } else if afterEquals, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            }
            if !byte.isHTMLBlank { afterEquals = byte == UInt8(ascii: "=") }
            i += 1
        }
        return nil
    }

    private mutating func tag(_ inner: [UInt8], end: Int) {
        let isClosing = inner.first == UInt8(ascii: "/")
        var i = isClosing ? 1 : 0
        let start = i
        while i < inner.count, inner[i].isLetter || inner[i].isDigit || inner[i] == UInt8(ascii: "-") { i += 1 }
        let written = String(decoding: inner[start..<i], as: UTF8.self)
        let name = written.lowercased()
        let endsName = i == inner.count || inner[i].isHTMLBlank || inner[i] == UInt8(ascii: "/")
        guard !name.isEmpty, endsName, let own = FluentSupportAllowedHTML.elements[name] else {
            at = end
            // `<o:p>`, `<!doctype …>`, `<user@example.com>`: the name up to what ends it, for the report.
            let shown =
                name.isEmpty || !endsName
                ? String(decoding: inner.prefix { !$0.isHTMLBlank }.prefix(40), as: UTF8.self) : name
            if !isClosing { changes.elements.insert(shown) }
            if !isClosing, ["script", "style"].contains(name) { skipContents(of: name) }
            // An address in angle brackets is text that people wrote, not a tag.
            if !isClosing, inner.contains(UInt8(ascii: "@")), !inner.contains(UInt8(ascii: "=")) {
                changes.elements.remove(shown)
                changes.entities = true
                out.append(contentsOf: "&lt;".utf8)
                out.append(contentsOf: inner.filter { $0 != UInt8(ascii: "&") && $0 >= 0x20 })
                out.append(contentsOf: "&gt;".utf8)
            }
            return
        }
        at = end
        if isClosing {
            let tail = inner[i...]
            if tail.contains(where: { !$0.isHTMLBlank }) || !tail.isEmpty { changes.spelling = true }
            out.append(contentsOf: "</\(written)>".utf8)
            return
        }
        var built = Array("<\(written)".utf8)
        var isEmptyTag = false
        for attribute in attributes(inner[i...], isEmptyTag: &isEmptyTag) {
            guard let attribute = allowed(attribute, own: own) else { continue }
            built.append(0x20)
            built.append(contentsOf: attribute.name.utf8)
            if let value = attribute.value {
                built.append(contentsOf: [UInt8(ascii: "="), attribute.quote] + value + [attribute.quote])
            }
        }
        if isEmptyTag { built.append(contentsOf: " /".utf8) }
        built.append(UInt8(ascii: ">"))
        if built != [UInt8(ascii: "<")] + inner + [UInt8(ascii: ">")] { changes.spelling = true }
        out.append(contentsOf: built)
    }

    private mutating func skipContents(of name: String) {
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "<"), starts(with: "</\(name)") { return }
            at += 1
        }
    }

    private func starts(with text: String, from start: Int? = nil) -> Bool {
        let start = start ?? at
        let wanted = Array(text.utf8)
        guard start + wanted.count <= bytes.count else { return false }
        return zip(bytes[start...], wanted).allSatisfy { ($0.isLetter ? $0 | 0x20 : $0) == $1 }
    }

    // MARK: Attributes

    private func attributes(_ text: ArraySlice<UInt8>, isEmptyTag: inout Bool) -> [FluentSupportMarkup.Attribute] {
        var out: [FluentSupportMarkup.Attribute] = []
        var i = text.startIndex
        while i < text.endIndex {
            if text[i].isHTMLBlank { i += 1; continue }
            if text[i] == UInt8(ascii: "/") {
                isEmptyTag = text[(i + 1)...].allSatisfy(\.isHTMLBlank)
                i += 1
                continue
            }
            let start = i
            while i < text.endIndex, !text[i].isHTMLBlank, text[i] != UInt8(ascii: "="), text[i] != UInt8(ascii: "/") {
                i += 1
            }
            let name = String(decoding: text[start..<i], as: UTF8.self)
            while i < text.endIndex, text[i].isHTMLBlank { i += 1 }
            guard i < text.endIndex, text[i] == UInt8(ascii: "=") else {
                if !name.isEmpty { out.append(.init(name: name, value: nil, quote: UInt8(ascii: "\""))) }
                continue
            }
            i += 1
            while i < text.endIndex, text[i].isHTMLBlank { i += 1 }
            guard i < text.endIndex else { break }
            let quote = text[i]
            if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
                let close = text[(i + 1)...].firstIndex(of: quote) ?? text.endIndex
                out.append(.init(name: name, value: Array(text[(i + 1)..<close]), quote: quote))
                i = min(text.endIndex, close + 1)
            } else {
                let from = i
                while i < text.endIndex, !text[i].isHTMLBlank { i += 1 }
                var value = Array(text[from..<i])
                if value.last == UInt8(ascii: "/"), i == text.endIndex, value.count > 1 {
                    value.removeLast()
                    isEmptyTag = true
                }
                out.append(.init(name: name, value: value, quote: UInt8(ascii: "\"")))
            }
        }
        return out
    }

    /// The attribute as the site keeps it; nil where it does not.
    private mutating func allowed(
        _ attribute: FluentSupportMarkup.Attribute, own: Set<String>
    ) -> FluentSupportMarkup.Attribute? {
        var attribute = attribute
        let name = attribute.name.lowercased()
        let isData =
            name.hasPrefix("data-") && name.utf8.dropFirst(5).allSatisfy { $0.isNameByte || $0 == UInt8(ascii: "-") }
        guard own.contains(name) || FluentSupportAllowedHTML.everywhere.contains(name) || isData && name.utf8.count > 5
        else {
            changes.attributes.insert(String(name.prefix(40)))
            return nil
        }
        guard let value = attribute.value else { return attribute }
        if name == "style" {
            let kept = FluentSupportAllowedHTML.style(value, dropped: &changes.styles)
            if kept.isEmpty { return nil }
            attribute.value = kept
            return attribute
        }
        if FluentSupportAllowedHTML.addresses.contains(name), let scheme = Self.foreignScheme(value) {
            changes.schemes.insert(scheme)
            return nil
        }
        var kept: [UInt8] = []
        var i = 0
        while i < value.count {
            switch value[i] {
            case UInt8(ascii: "&"): reference(from: value, at: &i, into: &kept)
            case UInt8(ascii: "<"), UInt8(ascii: ">"):
                kept.append(contentsOf: (value[i] == UInt8(ascii: "<") ? "&lt;" : "&gt;").utf8)
                changes.entities = true
                i += 1
            case 0..<0x20 where value[i] != 0x0A && value[i] != 0x09 && value[i] != 0x0D:
                changes.controls = true
                i += 1
            case let byte:
                kept.append(byte)
                i += 1
            }
        }
        attribute.value = kept
        return attribute
    }

    /// The scheme of an address that WordPress would mangle; nil for one that it leaves alone.
    private static func foreignScheme(_ value: [UInt8]) -> String? {
        let head = value.prefix { ![UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains($0) }
        // A colon may hide behind a reference: what is not plain is not trusted.
        if head.contains(UInt8(ascii: "&")), !head.contains(UInt8(ascii: ":")) {
            let text = String(decoding: head, as: UTF8.self).lowercased()
            return text.contains("&#") || text.contains("&colon") ? "hidden" : nil
        }
        guard let colon = head.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let scheme = String(decoding: head[..<colon], as: UTF8.self).lowercased().filter { !$0.isWhitespace }
        if FluentSupportAllowedHTML.schemes.contains(scheme) { return nil }
        return String(scheme.prefix(20))
    }

    // MARK: Character references

    /// Reads what begins with the `&` at `i` and writes it as WordPress stores it.
    private mutating func reference(from source: [UInt8], at i: inout Int, into target: inout [UInt8]) {
        let limit = min(source.count, i + 12)
        var end = i + 1
        while end < limit,
            source[end].isLetter || source[end].isDigit || end == i + 1 && source[end] == UInt8(ascii: "#")
        {
            end += 1
        }
        let closes = end < source.count && source[end] == UInt8(ascii: ";")
        let name = String(decoding: source[(i + 1)..<end], as: UTF8.self)
        if closes, name.hasPrefix("#"), let written = Self.numeric(name) {
            if written != "&\(name);" { changes.entities = true }
            target.append(contentsOf: written.utf8)
            i = end + 1
            return
        }
        let isKnown = closes && FluentSupportAllowedHTML.entities.contains(name)
        if isKnown || isBody { target.append(UInt8(ascii: "&")) } else { target.append(contentsOf: "&amp;".utf8) }
        if isKnown {
            target.append(contentsOf: "\(name);".utf8)
            i = end + 1
            // `&amp;#39;` would be taken for a reference by number: the hash is written as one itself.
            if name == "amp", i + 1 < source.count, source[i] == UInt8(ascii: "#"),
                source[i + 1].isDigit || source[i + 1] | 0x20 == UInt8(ascii: "x")
            {
                target.append(contentsOf: "&#035;".utf8)
                changes.entities = true
                i += 1
            }
        } else {
            if !isBody { changes.entities = true }
            i += 1
        }
    }

    /// A reference by number in WordPress's spelling; `&`, `<` and `>` by their names, since the body's filter decodes
    /// their numbers too.
    ///
    /// Nil for what stands for no character.
    private static func numeric(_ name: String) -> String? {
        let digits = name.dropFirst()
        let isHex = digits.first == "x" || digits.first == "X"
        let text = isHex ? digits.dropFirst() : digits
        guard !text.isEmpty, text.utf8.count <= (isHex ? 6 : 7), let value = UInt32(text, radix: isHex ? 16 : 10) else {
            return nil
        }
        switch value {
        case 38: return "&amp;"
        case 60: return "&lt;"
        case 62: return "&gt;"
        case 9, 10, 13, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: break
        default: return nil
        }
        let decimal = String(value)
        return "&#\(String(repeating: "0", count: max(0, 3 - decimal.count)))\(decimal);"
    }
}
