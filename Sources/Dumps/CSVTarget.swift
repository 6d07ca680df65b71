// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import TicketModel

/// Writes tickets as a CSV: one row a message, the ticket's columns on each, canonical paths as headers.
///
/// `messages.position` counts a ticket's messages from 0, so that they keep their order and files find messages without id.
/// Lists of texts are joined by line breaks; where an element is empty or holds one, they are JSON. What is more than a text stands as canonical JSON: `participants`,
/// `relations`, `timeEntries` and `messages.attachments` one object a line, `extras` whole. A custom field is its text; one
/// that is a number, a boolean or a list, or a text that could be taken for one, is JSON.
enum CSVTarget {
    private static let person = ["email", "familyName", "givenName", "id", "name", "phone", "role"]
    private static let ticketColumns =
        [
            "id", "number", "subject", "status", "statusLabel", "priority", "priorityLabel", "type", "channel",
            "department",
        ]
        + ["product", "mailbox", "brand", "language", "organization"] + person.map { "requester.\($0)" }
        + person.map { "assignee.\($0)" } + [
            "participants", "tags", "createdAt", "updatedAt", "resolvedAt", "closedAt",
        ]
        + ["dueAt", "rating.score", "rating.comment", "relations", "timeEntries", "spam", "url", "extras"]
    private static let messageColumns =
        ["position", "id", "kind"] + person.map { "author.\($0)" }
        + [
            "body.html", "body.lineBreaks", "body.text", "createdAt", "messageId", "inReplyTo", "to", "cc",
            "attachments",
        ]
        + ["extras"]

    /// Writes all lines of a spool and finishes the sink.
    static func write(_ spool: LineSpool, to sink: any ByteSink) throws {
        var used: Set<String> = []
        var customFields: Set<[UInt8]> = []
        try spool.forEach { line in
            let ticket = try JSON(parsing: line)
            for (path, _) in cells(of: ticket, prefix: "") { used.insert(path) }
            for field in ticket["customFields"]?.members ?? [] { customFields.insert(Array(field.key.utf8)) }
            for message in ticket["messages"]?.array ?? [] {
                for (path, _) in cells(of: message, prefix: "messages.") { used.insert(path) }
            }
        }
        let custom = customFields.sorted { $0.lexicographicallyPrecedes($1) }
            .map { "customFields." + String(decoding: $0, as: UTF8.self) }
        // A ticket's own columns are always there where a reader needs them.
        used.formUnion(["id", "messages.kind", "messages.position"])
        let ticketPaths = ticketColumns.filter(used.contains) + custom
        let messagePaths = messageColumns.map { "messages.\($0)" }.filter(used.contains)
        var writer = try CSVWriter(sink, header: ticketPaths + messagePaths)
        try spool.forEach { line in
            let ticket = try JSON(parsing: line)
            let own = Dictionary(cells(of: ticket, prefix: "")) { a, _ in a }
            let messages = ticket["messages"]?.array ?? []
            for (i, message) in (messages.isEmpty ? [.object([])] : messages).enumerated() {
                var parts = Dictionary(cells(of: message, prefix: "messages.")) { a, _ in a }
                if !messages.isEmpty { parts["messages.position"] = String(i) }
                for path in ticketPaths { writer.cell(own[path] ?? "") }
                for path in messagePaths { writer.cell(parts[path] ?? "") }
                try writer.endRow()
            }
        }
        try writer.finish()
    }

    /// The cells of an object, by path.
    private static func cells(of json: JSON, prefix: String) -> [(String, String)] {
        var cells: [(String, String)] = []
        for member in json.members ?? [] {
            let path = prefix + member.key
            switch (member.key, member.value) {
            case ("messages", _): break
            case ("extras", _): cells.append((path, member.value.canonicalText))
            case ("customFields", .object(let fields)):
                for field in fields { cells.append(("\(path).\(field.key)", customField(field.value))) }
            case (_, .array(let elements)):
                let texts = elements.compactMap(\.string)
                let isPlain = texts.allSatisfy { !$0.isEmpty && !$0.utf8.contains(0x0A) } && texts.first?.first != "["
                let lines = isPlain ? elements.map { $0.string ?? $0.canonicalText } : [member.value.canonicalText]
                cells.append((path, lines.joined(separator: "\n")))
            case (_, .object): cells += Self.cells(of: member.value, prefix: path + ".")
            case (_, .bool(let flag)): cells.append((path, flag ? "true" : "false"))
            default: cells.append((path, member.value.text ?? ""))
            }
        }
        return cells
    }

    private static func customField(_ value: JSON) -> String {
        // A text that reads as JSON would come back as what it is not.
        if let text = value.string, !text.isEmpty, (try? JSON(parsing: text)) == nil { return text }
        return value.canonicalText
    }
}
