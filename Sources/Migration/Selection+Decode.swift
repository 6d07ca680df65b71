// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Mapping
internal import TicketModel

extension Selection {
    /// Decodes `select:`.
    init(_ value: YAMLValue, folder: String) throws {
        self.init()
        let known = ["status", "createdSince", "updatedSince", "ids", "exclude", "order"]
        let entries = Entries(try value.entries("`select`", known: known), of: "`select`", in: value)
        status = try entries["status"].map(Self.statuses) ?? []
        createdSince = try entries["createdSince"].map { try Self.time($0, "`createdSince`") }
        isSinceLast = try entries["updatedSince"]?.string("`updatedSince`") == "last"
        if !isSinceLast { updatedSince = try entries["updatedSince"].map { try Self.time($0, "`updatedSince`") } }
        ids = try entries["ids"].map { Set(try Self.list($0, "`ids`", folder)) }
        order =
            try entries["order"].flatMap {
                Order(rawValue: try $0.word("`order`", of: Order.allCases.map(\.rawValue)))
            } ?? .created
        do {
            if let value = entries["exclude"] { try exclude(value, folder) }
        } catch var diagnostic as Diagnostic {
            // Whatever is wrong in it, most often the form was not known.
            diagnostic.remedy += "; for example: `exclude: {requester: [robot@shop.example], tag: [spam, test]}`"
            throw diagnostic
        }
    }

    private mutating func exclude(_ value: YAMLValue, _ folder: String) throws {
        let known = ["requester", "tag"]
        let entries = Entries(try value.entries("`exclude`", known: known), of: "`exclude`", in: value)
        let requesters = try entries["requester"].map { try Self.list($0, "`requester`", folder) } ?? []
        excludedRequesters = Set(requesters.map { $0.lowercased() })
        excludedTags = Set(try entries["tag"].map { try Self.list($0, "`tag`", folder) } ?? [])
    }

    /// Canonical words, and labels of the source that no mapping has a word for: what is almost a canonical word is a slip.
    private static func statuses(_ value: YAMLValue) throws -> [String] {
        let words = Ticket.Status.allCases.map(\.rawValue)
        let texts = try value.strings("`status`")
        for text in texts where !words.contains(text) {
            guard let near = words.first(where: { EditDistance.between(text, $0) <= 1 }) else { continue }
            throw value.error(
                "migration.unknown-word", "`status` cannot be `\(text)`",
                remedy: "write `\(near)`, or one of: " + words.joined(separator: ", ")
                    + "; or a label of the source that has none of these words")
        }
        return texts
    }

    /// A date or a time of RFC 3339; a date is its midnight in UTC.
    private static func time(_ value: YAMLValue, _ what: String) throws -> Timestamp {
        let text = try value.string(what)
        if let time = Timestamp(text) ?? Timestamp(text + "T00:00:00Z") { return time }
        throw value.error(
            "migration.bad-value", "\(what) is no date",
            remedy: "write 2024-01-31 or 2024-01-31T12:00:00Z (for `updatedSince` also: last)")
    }

    /// Texts, or with `file:PATH` the lines of a file.
    private static func list(_ value: YAMLValue, _ what: String, _ folder: String) throws -> [String] {
        try value.strings(what).flatMap { text -> [String] in
            guard text.hasPrefix("file:") else { return [text] }
            let path = MigrationFile.absolute(String(text.dropFirst(5)), folder)
            guard let content = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw value.error(
                    "migration.no-file", "\(what) names a file that cannot be read: \(path)",
                    remedy: "write a file of one entry a line")
            }
            return content.split(whereSeparator: \.isNewline)
                .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        }
    }
}
