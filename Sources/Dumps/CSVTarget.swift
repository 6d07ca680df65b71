// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import TicketModel

/// Writes tickets as a CSV: one row a message, the ticket's columns on each, canonical paths as headers.
///
/// Lists of texts are joined by line breaks. What is more than a text stands as canonical JSON: `participants`,
/// `relations`, `timeEntries` and `messages.attachments` one object a line, `extras` whole. A custom field is its text; one
/// that is a number, a boolean or a list, or a text that could be taken for one, is JSON.
enum CSVTarget {
    private static let person = ["email", "familyName", "givenName", "id", "name", "phone", "role"]
    private static let ticketColumns =
        ["id", "number", "subject", "status", "statusLabel", "priority", "priorityLabel", "type", "channel", "department"]
        + ["product", "mailbox", "brand", "language", "organization"] + person.map { "requester.\($0)" }
        + person.map { "assignee.\($0)" } + ["participants", "tags", "createdAt", "updatedAt", "resolvedAt", "closedAt"]
        + ["dueAt", "rating.score", "rating.comment", "relations", "timeEntries", "spam", "url", "extras"]
    private static let messageColumns =
        ["opens", "id", "kind"] + person.map { "author.\($0)" }
        + ["body.html", "body.lineBreaks", "body.text", "createdAt", "messageId", "inReplyTo", "to", "cc", "attachments"]
        + ["extras"]

    /// Writes all lines of a spool and finishes the sink.
    ///
    /// - Returns: what the file cannot hold.
    static func write(_ spool: LineSpool, to sink: any ByteSink) throws -> [Loss] {
        var used: Set<String> = []
        var customFields: Set<[UInt8]> = []
        var brokenLists = 0
        try spool.forEach { line in
            let ticket = try JSON(parsing: line)
            for (path, _) in cells(of: ticket, prefix: "", &brokenLists) { used.insert(path) }
            for field in ticket["customFields"]?.members ?? [] { customFields.insert(Array(field.key.utf8)) }
            for message in ticket["messages"]?.array ?? [] {
                for (path, _) in cells(of: message, prefix: "messages.", &brokenLists) { used.insert(path) }
            }
        }
        let custom = customFields.sorted { $0.lexicographicallyPrecedes($1) }
            .map { "customFields." + String(decoding: $0, as: UTF8.self) }
        // A ticket's own columns are always there where a reader needs them.
        used.formUnion(["id", "messages.kind", "messages.opens"])
        let ticketPaths = ticketColumns.filter(used.contains) + custom
        let messagePaths = messageColumns.map { "messages.\($0)" }.filter(used.contains)
        var writer = try CSVWriter(sink, header: ticketPaths + messagePaths)
        try spool.forEach { line in
            let ticket = try JSON(parsing: line)
            var ignored = 0
            let own = Dictionary(cells(of: ticket, prefix: "", &ignored)) { a, _ in a }
            let messages = ticket["messages"]?.array ?? []
            for (i, message) in (messages.isEmpty ? [.object([])] : messages).enumerated() {
                var parts = Dictionary(cells(of: message, prefix: "messages.", &ignored)) { a, _ in a }
                if i == 0, !messages.isEmpty { parts["messages.opens"] = "true" }
                for path in ticketPaths { writer.cell(own[path] ?? "") }
                for path in messagePaths { writer.cell(parts[path] ?? "") }
                try writer.endRow()
            }
        }
        try writer.finish()
        guard brokenLists > 0 else { return [] }
        return [
            Loss(
                field: "lists", value: nil,
                reason: "elements of lists with a line break in them: \(brokenLists); a reader takes each for several",
                fallback: .substitute)
        ]
    }

    /// The cells of an object, by path.
    private static func cells(of json: JSON, prefix: String, _ brokenLists: inout Int) -> [(String, String)] {
        var cells: [(String, String)] = []
        for member in json.members ?? [] {
            let path = prefix + member.key
            switch (member.key, member.value) {
            case ("messages", _): break
            case ("extras", _): cells.append((path, member.value.canonicalText))
            case ("customFields", .object(let fields)):
                for field in fields { cells.append(("\(path).\(field.key)", customField(field.value))) }
            case (_, .array(let elements)):
                for element in elements { if element.string?.contains("\n") ?? false { brokenLists += 1 } }
                cells.append((path, elements.map { $0.string ?? $0.canonicalText }.joined(separator: "\n")))
            case (_, .object): cells += Self.cells(of: member.value, prefix: path + ".", &brokenLists)
            case (_, .bool(let flag)): cells.append((path, flag ? "true" : "false"))
            default: cells.append((path, member.value.text ?? ""))
            }
        }
        return cells
    }

    private static func customField(_ value: JSON) -> String {
        // A text that reads as JSON would come back as what it is not.
        if let text = value.string, (try? JSON(parsing: text)) == nil { return text }
        return value.canonicalText
    }
}
