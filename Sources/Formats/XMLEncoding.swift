// SPDX-License-Identifier: Apache-2.0

import TicketModel

/// Finds out in which encoding an XML document is written, as XML 1.0, appendix F, tells.
enum XMLEncoding {
    /// Who converts the document.
    enum Choice {
        /// We do.
        case ours(TextEncoding)
        /// libxml2 does, by the document's declaration: an encoding that we do not know.
        case foreign
    }

    /// A mark first, then what the mapping tells, then the declaration, then UTF-8.
    ///
    /// - Throws: `Diagnostic` `xml.not-xml` for what cannot be XML at all.
    static func settle(_ source: PeekedByteSource, asked: TextEncoding?) throws -> Choice {
        let head = source.head
        let kinds: [(start: [UInt8], what: String)] = [
            ([0x50, 0x4B, 0x03, 0x04], "a ZIP archive"), ([0x1F, 0x8B], "compressed with gzip"),
            (Array("%PDF".utf8), "a PDF"),
        ]
        if let kind = kinds.first(where: { head.starts(with: $0.start) }) {
            throw Diagnostic(
                code: "xml.not-xml", "this is not XML: it is \(kind.what)", at: SourceLocation(file: source.name),
                remedy: "unpack it and read what is in it")
        }
        let found = TextEncoding.detect(head, isWhole: source.isWhole)
        if found.isSure { return .ours(found.encoding) }
        if let asked { return .ours(asked) }
        guard let label = declared(head) else { return .ours(.utf8) }
        // A declaration that can be read byte by byte is not UTF-16, whatever it says.
        if label.lowercased().hasPrefix("utf-16") { return .ours(.utf8) }
        return TextEncoding(label: label).map { .ours($0) } ?? .foreign
    }

    /// The encoding in the XML declaration.
    private static func declared(_ head: [UInt8]) -> String? {
        let text = head.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }.prefix(400)
        guard text.starts(with: "<?xml".utf8), let end = text.firstIndex(of: 0x3E) else { return nil }
        let declaration = String(decoding: text[..<end], as: UTF8.self)
        guard let name = declaration.firstRange(of: "encoding") else { return nil }
        let rest = declaration[name.upperBound...].drop { $0 == " " || $0 == "=" || $0 == "\t" || $0.isNewline }
        guard let quote = rest.first, quote == "\"" || quote == "'" else { return nil }
        let label = rest.dropFirst().prefix { $0 != quote }
        return label.isEmpty ? nil : String(label)
    }
}
