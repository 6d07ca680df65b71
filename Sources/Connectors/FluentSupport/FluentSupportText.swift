// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import TicketModel

/// A text on its way into Fluent Support: what is sent, what the site will store of it, and what that changes.
///
/// Every place of the plugin filters differently (slashes taken off once or twice, entities decoded, placeholders filled
/// in), always ending in WordPress's list of allowed HTML. We filter first, to a subset that the site leaves alone, and
/// escape the rest, so that what is stored can be told before it is sent and proven by the site's `content_hash`.
struct FluentSupportText: Hashable, Sendable {
    /// Where a text goes; each has its own filters.
    enum Place: Sendable, CaseIterable {
        /// The ticket's own content.
        case body
        /// An agent's response or note: placeholders such as `{{customer.email}}` are filled in by the site.
        case agent
        /// A reply through the customers' portal: slashes are taken off twice, entities decoded once.
        case customer
        /// The ticket's title: no HTML at all.
        case title
    }

    /// What is sent.
    var sent: String
    /// What the site stores.
    var stored: String
    /// What differs between the source's text and the stored one.
    var changes: FluentSupportTextChanges

    /// The hashes that the site may give for the stored text.
    var proofs: [String] { [Self.md5(stored)] }

    /// MD5 in lower-case hex: the plugin's `content_hash`.
    static func md5(_ text: String) -> String { Digest.hex(Insecure.MD5.hash(data: Array(text.utf8))) }

    private static func withoutCarriageReturns(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        for (i, byte) in bytes.enumerated() {
            if byte == 0x0D, i + 1 < bytes.count, bytes[i + 1] == 0x0A { continue }
            out.append(byte)
        }
        return out
    }

    /// Prepares HTML for one of the places that take HTML.
    init(html: String, place: Place) {
        var changes = FluentSupportTextChanges()
        var bytes = Array(html.utf8)
        if bytes.contains(0x0D) {
            // Some versions of the plugin do so by themselves: done before, it is the same with all.
            let plain = Self.withoutCarriageReturns(bytes)
            changes.lineEnds = plain.count != bytes.count
            bytes = plain
        }
        let clean = FluentSupportMarkup.clean(bytes, place: place, changes: &changes)
        var stored = clean
        if place == .agent { stored = Self.withoutPlaceholders(stored, changes: &changes) }
        var sent = stored
        if place != .agent { sent = Self.replacing(sent, "&", with: "&amp;") }
        if place == .body {
            // The body's filter decodes `&lt;` as its last deed: the only way for a bare `<` to arrive as one. Only before
            // what can never begin a tag, so that nothing hostile is brought to life.
            stored = Self.mapping(stored, FluentSupportMarkup.bareLess, to: Array("<".utf8))
            sent = Self.mapping(sent, FluentSupportMarkup.bareLess, to: Array("&lt;".utf8))
        }
        sent = Self.doubling(sent, times: place == .customer ? 4 : 2)
        self.stored = String(decoding: stored, as: UTF8.self)
        self.sent = String(decoding: sent, as: UTF8.self)
        self.changes = changes
    }

    /// Prepares a title.
    ///
    /// WordPress takes tags, `%41` and repeated blanks out of titles; the column holds 192 characters.
    init(title: String) {
        var changes = FluentSupportTextChanges()
        var out: [UInt8] = []
        let bytes = Array(title.utf8)
        for (i, byte) in bytes.enumerated() {
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: if out.last != 0x20 { out.append(0x20) }
            case 0..<0x20: changes.controls = true
            case UInt8(ascii: "<"):
                out.append(contentsOf: "&lt;".utf8)
                changes.entities = true
            case UInt8(ascii: "%")
            where i + 2 < bytes.count && Self.isHex(bytes[i + 1]) && Self.isHex(bytes[i + 2]):
                out.append(contentsOf: "％".utf8)
                changes.titleCharacters = true
            default: out.append(byte)
            }
        }
        while out.first == 0x20 { out.removeFirst() }
        while out.last == 0x20 { out.removeLast() }
        var text = String(decoding: out, as: UTF8.self)
        if text.unicodeScalars.count > 192 {
            // The site would cut it in silence while its answer shows the whole.
            changes.cut = true
            text = String(String.UnicodeScalarView(text.unicodeScalars.prefix(191))) + "…"
        }
        changes.blanks =
            !changes.controls && !changes.entities && !changes.titleCharacters && !changes.cut && text != title
        stored = text
        sent = String(decoding: Self.doubling(Array(text.utf8), times: 2), as: UTF8.self)
        self.changes = changes
    }

    /// Whether nothing would be left to see: the site refuses such texts, some versions with a crash.
    var isEmpty: Bool { stored.utf8.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) } }

    /// Plain text as HTML that shows the same: escaped, each line break as `<br />` (the portal shows none of the bare
    /// ones), runs of blanks kept.
    static func html(text: String) -> String {
        var out: [UInt8] = []
        let bytes = Array(text.utf8)
        var i = 0
        while i < bytes.count {
            switch bytes[i] {
            case UInt8(ascii: "&"): out.append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "<"): out.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): out.append(contentsOf: "&gt;".utf8)
            case 0x0D where i + 1 < bytes.count && bytes[i + 1] == 0x0A: break
            case 0x0A, 0x0D: out.append(contentsOf: "<br />".utf8)
            case 0x20 where i + 1 < bytes.count && bytes[i + 1] == 0x20: out.append(contentsOf: "&nbsp;".utf8)
            case let byte: out.append(byte)
            }
            i += 1
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func doubling(_ bytes: [UInt8], times: Int) -> [UInt8] {
        mapping(bytes, UInt8(ascii: "\\"), to: [UInt8](repeating: UInt8(ascii: "\\"), count: times))
    }

    private static func replacing(_ bytes: [UInt8], _ byte: Unicode.Scalar, with text: String) -> [UInt8] {
        mapping(bytes, UInt8(ascii: byte), to: Array(text.utf8))
    }

    private static func mapping(_ bytes: [UInt8], _ byte: UInt8, to other: [UInt8]) -> [UInt8] {
        guard bytes.contains(byte) else { return bytes }
        var out: [UInt8] = []
        for b in bytes { if b == byte { out.append(contentsOf: other) } else { out.append(b) } }
        return out
    }

    /// Writes the opening of `{{name.…}}` and `##name.…##` as character references, so that the site does not fill them in.
    private static func withoutPlaceholders(_ bytes: [UInt8], changes: inout FluentSupportTextChanges) -> [UInt8] {
        let brace = UInt8(ascii: "{")
        let hash = UInt8(ascii: "#")
        var out: [UInt8] = []
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            guard byte == brace || byte == hash, i + 1 < bytes.count, bytes[i + 1] == byte,
                startsPlaceholder(bytes, at: i + 2)
            else {
                out.append(byte)
                i += 1
                continue
            }
            let reference = byte == brace ? "&#123;" : "&#035;"
            while i < bytes.count, bytes[i] == byte {
                out.append(contentsOf: reference.utf8)
                i += 1
            }
            changes.placeholders = true
        }
        return out
    }

    /// Whether blanks, a name and a dot follow, and later on the line a closing.
    private static func startsPlaceholder(_ bytes: [UInt8], at start: Int) -> Bool {
        var i = start
        while i < bytes.count, [0x20, 0x09, UInt8(ascii: "{"), UInt8(ascii: "#")].contains(bytes[i]) { i += 1 }
        let name = i
        while i < bytes.count, bytes[i].isNameByte { i += 1 }
        guard i > name, i < bytes.count, bytes[i] == UInt8(ascii: ".") else { return false }
        while i + 1 < bytes.count, bytes[i] != 0x0A {
            if bytes[i] == bytes[i + 1], bytes[i] == UInt8(ascii: "}") || bytes[i] == UInt8(ascii: "#") { return true }
            i += 1
        }
        return false
    }
}

extension UInt8 {
    /// A letter, digit or underscore.
    var isNameByte: Bool { isLetter || isDigit || self == UInt8(ascii: "_") }
    /// An ASCII letter.
    var isLetter: Bool { (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
    /// An ASCII digit.
    var isDigit: Bool { (0x30...0x39).contains(self) }
    /// A blank of HTML.
    var isHTMLBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0C || self == 0x0D }
}

/// What the way into Fluent Support changes of a text, in kinds that a report can name.
struct FluentSupportTextChanges: Hashable, Sendable {
    /// Bare `&`, `<`, `>` and numbers of characters are stored in WordPress's spelling; it shows the same.
    var entities = false
    /// The spelling of tags: quotes, blanks, `<br/>`; it shows the same.
    var spelling = false
    /// Placeholders of the plugin are stored as character references; it shows the same.
    var placeholders = false
    /// Windows line ends are line feeds.
    var lineEnds = false
    /// Control characters are gone.
    var controls = false
    /// Comments are gone.
    var comments = false
    /// Blanks at the ends and repeated ones, and line breaks, of a title.
    var blanks = false
    /// `%41` in a title has a wide percent sign.
    var titleCharacters = false
    /// A title was too long.
    var cut = false
    /// Elements that are gone; their text stays, but for scripts and style sheets.
    var elements: Set<String> = []
    /// Attributes that are gone.
    var attributes: Set<String> = []
    /// Style properties that are gone.
    var styles: Set<String> = []
    /// Schemes of addresses that are gone.
    var schemes: Set<String> = []

    /// Adds those of another text.
    mutating func merge(_ other: FluentSupportTextChanges) {
        entities = entities || other.entities
        spelling = spelling || other.spelling
        placeholders = placeholders || other.placeholders
        lineEnds = lineEnds || other.lineEnds
        controls = controls || other.controls
        comments = comments || other.comments
        blanks = blanks || other.blanks
        titleCharacters = titleCharacters || other.titleCharacters
        cut = cut || other.cut
        elements.formUnion(other.elements)
        attributes.formUnion(other.attributes)
        styles.formUnion(other.styles)
        schemes.formUnion(other.schemes)
    }

    /// As losses of a field; equal for equal changes.
    ///
    /// The texts as they were are in the archive.
    func losses(field: String, original: String? = nil) -> [Loss] {
        var out: [Loss] = []
        func add(_ on: Bool, _ reason: String, _ value: String? = nil, _ fallback: Loss.Fallback = .archive) {
            if on { out.append(Loss(field: field, value: value, reason: reason, fallback: fallback)) }
        }
        func list(_ names: Set<String>) -> String { names.sorted().prefix(12).joined(separator: ", ") }
        add(
            entities, "WordPress spells &, <, > and character references its own way; it shows the same", nil,
            .substitute)
        add(spelling, "WordPress spells tags its own way; it shows the same", nil, .substitute)
        add(
            placeholders, "what Fluent Support would fill in is written as character references; it shows the same",
            nil, .substitute)
        add(blanks, "WordPress takes repeated blanks and line breaks out of titles", original, .substitute)
        add(
            titleCharacters,
            "WordPress takes `%` with two hex digits out of titles; it is written with a wide percent sign", original,
            .substitute)
        add(cut, "titles have at most 192 characters", original, .migrationNote)
        add(lineEnds, "windows line ends are written as line feeds; it shows the same", nil, .substitute)
        add(controls, "WordPress drops control characters")
        add(comments, "comments in HTML do not survive WordPress's filter")
        add(
            !elements.isEmpty,
            "WordPress does not allow these elements; their text stays, but for scripts and style sheets",
            list(elements))
        add(!attributes.isEmpty, "WordPress does not allow these attributes", list(attributes))
        add(!styles.isEmpty, "WordPress does not allow these styles", list(styles))
        add(!schemes.isEmpty, "WordPress does not allow addresses of these schemes", list(schemes))
        return out
    }
}
