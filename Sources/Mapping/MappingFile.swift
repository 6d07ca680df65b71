// SPDX-License-Identifier: Apache-2.0
import TicketModel

/// A mapping file, decoded: each half may stand alone.
package struct MappingFile: Sendable {
    /// The file's name without folder and ending.
    package var name: String
    /// Records to tickets, with the words.
    package var read: ReadPlan?
    /// Tickets to what a target should hold.
    package var write: WriteMapping?
    /// Texts that all stand near the start of a dump of this kind: how a shipped mapping is found without being named.
    package var recognise: [String] = []

    /// Decodes a mapping.
    ///
    /// - Parameters:
    ///   - yaml: the file's bytes, UTF-8.
    ///   - file: its path as the user named it, for diagnostics.
    /// - Throws: `Diagnostic` with line and column: `mapping.syntax`, `mapping.unknown-key` (with the nearest known key),
    ///   `mapping.wrong-type`, `mapping.unknown-word`, `mapping.bad-value`.
    package init(yaml: [UInt8], file: String) throws {
        let text = String(decoding: yaml, as: UTF8.self)
        let root = try YAMLValue.document(text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text, file: file)
        let entries = try root.entries(
            "a mapping", known: ["ticketferry-mapping", "recognise", "read", "words", "write"])
        let last = file.split(separator: "/").last.map(String.init) ?? file
        name =
            last.hasSuffix(".yaml")
            ? String(last.dropLast(5)) : last.hasSuffix(".yml") ? String(last.dropLast(4)) : last

        if let version = entries.first(where: { $0.key == "ticketferry-mapping" }) {
            guard version.value.text == "1" else {
                throw version.value.error(
                    "mapping.version",
                    "this tool knows version 1 of the mapping language, not `\(version.value.text ?? "")`",
                    remedy: "write `ticketferry-mapping: 1`, or get a newer Ticketferry")
            }
        }
        recognise = try entries.first { $0.key == "recognise" }.map { try $0.value.strings("recognise") } ?? []
        let words = try entries.first { $0.key == "words" }.map { try WordsDecoder.decode($0.value) } ?? [:]
        if let entry = entries.first(where: { $0.key == "read" }) {
            read = try ReadPlanDecoder.decode(entry.value, name: name, words: words)
        } else if let entry = entries.first(where: { $0.key == "words" }) {
            throw entry.keyValue.error(
                "mapping.words-alone", "`words` stand for a `read` half, and there is none",
                remedy: "add `read:`, or take `words:` away")
        }
        if let entry = entries.first(where: { $0.key == "write" }) {
            write = try WriteMapping(entry.value, name: name)
        }
        if read == nil && write == nil {
            throw root.error(
                "mapping.empty", "the mapping has neither `read` nor `write`", remedy: "add one of them")
        }
    }
}

/// Decodes `words:`.
enum WordsDecoder {
    private static let fields: [String: [String]] = [
        "status": Ticket.Status.allCases.map(\.rawValue),
        "priority": Ticket.Priority.allCases.map(\.rawValue),
        "kind": Message.Kind.allCases.map(\.rawValue),
    ]

    static func decode(_ value: YAMLValue) throws -> [String: Words] {
        var all: [String: Words] = [:]
        for field in try value.entries("words", known: fields.keys.sorted()) {
            let canonical = fields[field.key] ?? []
            var words = Words(canonical: canonical, isTold: true)
            for entry in try field.value.entries("words.\(field.key)") {
                if entry.key == "*" {
                    switch try entry.value.word("`*`", of: ["fail", "keep"] + canonical) {
                    case "fail": words.otherwise = .fail
                    case "keep": words.otherwise = .keep
                    case let word: words.otherwise = .word(Array(word.utf8))
                    }
                    continue
                }
                let word = Array(try entry.value.word("the word for `\(entry.key)`", of: canonical).utf8)
                let label = Array(entry.key.utf8)
                words.exact[label] = word
                words.folded[label.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }] = word
            }
            all[field.key] = words
        }
        return all
    }
}
