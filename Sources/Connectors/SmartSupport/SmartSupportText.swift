// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Migration
internal import TicketModel

/// Texts on their way in and out: what is sent, what the source will read of it, and the marker in its last line.
///
/// Nobody outside of the vendor knows how texts are filtered. So only HTML is sent that WordPress' own filter leaves as it
/// is: a site that filters and one that does not then hold the same, and what that costs is known beforehand.
struct SmartSupportText: Hashable, Sendable {
    /// What is sent, without the marker.
    var sent: String
    /// What WordPress' filter would have changed.
    var changes = FluentSupportTextChanges()

    /// A body, under the line that names its author where there is one.
    init(_ body: Message.Body?, header: String? = nil) {
        let html: String =
            switch body {
            case .html(let html, lineBreaks: true): html
            case .html(let html, lineBreaks: false): Self.withoutLineBreaks(html)
            case .text(let text): FluentSupportText.html(text: text)
            case nil: ""
            }
        // The place that only filters: slashes and placeholders are that other plugin's.
        let clean = FluentSupportText(html: html, place: .customer)
        var line = ""
        if let header, !header.isEmpty { line = "<p><em>\(FluentSupportText.html(text: header))</em></p>" }
        sent = FluentSupportText(html: line, place: .customer).stored + clean.stored
        changes = clean.changes
    }

    /// Plain text of ours as HTML.
    init(plain: String) { self.init(.text(plain)) }

    /// Whether nothing would be left to see: a message is required.
    var isEmpty: Bool { sent.utf8.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) } }

    /// A subject as WordPress' filter for lines leaves it: no tags, no `%41`, single blanks.
    init(subject: String) {
        var out: [UInt8] = []
        let bytes = Array(subject.utf8)
        func isHex(_ at: Int) -> Bool {
            at < bytes.count
                && (bytes[at].isDigit || (0x41...0x46).contains(bytes[at]) || (0x61...0x66).contains(bytes[at]))
        }
        for (i, byte) in bytes.enumerated() {
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: if out.last != 0x20 { out.append(0x20) }
            case 0..<0x20, 0x7F: continue
            case UInt8(ascii: "<"): out.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: "%") where isHex(i + 1) && isHex(i + 2): out.append(contentsOf: "％".utf8)
            default: out.append(byte)
            }
        }
        while out.first == 0x20 { out.removeFirst() }
        while out.last == 0x20 { out.removeLast() }
        sent = String(decoding: out, as: UTF8.self)
    }

    /// In HTML line breaks are blanks; a site that makes them breaks again must not find any.
    private static func withoutLineBreaks(_ html: String) -> String {
        guard html.utf8.contains(0x0A) || html.utf8.contains(0x0D),
            html.range(of: "<pre", options: .caseInsensitive) == nil
        else { return html }
        var out: [UInt8] = []
        for byte in html.utf8 {
            if byte == 0x0A || byte == 0x0D {
                if out.last != 0x20 { out.append(0x20) }
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    // MARK: Reading

    /// A text of the site, in which line breaks count as everywhere in WordPress.
    static func body(_ text: String, isText: Bool = false) -> Message.Body {
        isText ? .text(text) : .html(text, lineBreaks: true)
    }

    // MARK: Markers

    /// With the marker as its last line: the only key that the API can search.
    func marked(_ key: WriteKey) -> String { Self.marked(sent, key) }

    static func marked(_ text: String, _ key: WriteKey) -> String {
        "\(text)\n[\(key.marker)]"
    }

    /// Without a last line that is only a marker.
    static func withoutMarker(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let start = (bytes.lastIndex(of: 0x0A)).map { $0 + 1 } ?? 0
        let line = String(decoding: bytes[start...], as: UTF8.self)
        guard start > 0, line.hasPrefix("["), line.hasSuffix("]"),
            WriteKey.parse(marker: String(line.dropFirst().dropLast())) != nil
        else { return text }
        return String(decoding: bytes[..<(start - 1)], as: UTF8.self)
    }

    /// Whether a text carries the marker of a key.
    static func carries(_ text: String?, _ key: WriteKey) -> Bool {
        text?.range(of: "[\(key.marker)]", options: .literal) != nil
    }

    /// The last marker of a text, wherever the site put it.
    static func marker(in text: String) -> (digest: String, generation: Int)? {
        guard let open = text.range(of: "[ferry-", options: [.literal, .backwards]),
            let close = text.range(of: "]", options: .literal, range: open.upperBound..<text.endIndex)
        else { return nil }
        return WriteKey.parse(marker: "ferry-\(text[open.upperBound..<close.lowerBound])")
    }

    /// The text of a row, as it came.
    static func text(of row: JSON) -> String? {
        for name in ["message", "content", "body", "description", "text"] {
            if let text = row[name]?.string ?? row[name]?["raw"]?.string { return text }
        }
        return nil
    }
}
