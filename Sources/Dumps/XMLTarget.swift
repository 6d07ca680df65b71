// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import TicketModel

/// Writes tickets as XML: `<tickets><ticket>` with the canonical names.
///
/// A member is an element of its name; an element of a list stands in its list's element under the singular
/// (`<tags><tag>…</tag></tags>`). A custom field is `<customField name="…">` with its text, or with JSON where it is a number, a
/// boolean, a list or a text that could be taken for one; `extras` are canonical JSON, since their names need not be names
/// of XML. `position` counts a ticket's messages from 0.
enum XMLTarget {
    private static let singulars = [
        "messages": "message", "tags": "tag", "participants": "participant", "timeEntries": "timeEntry",
        "relations": "relation", "attachments": "attachment", "to": "address", "cc": "address",
    ]

    /// Writes all lines of a spool and finishes the sink.
    static func write(_ spool: LineSpool, to sink: any ByteSink) throws {
        var writer = XMLWriter(sink)
        try writer.start("tickets")
        try spool.forEach { line in try element("ticket", try JSON(parsing: line), to: &writer) }
        try writer.end()
        try writer.finish()
    }

    private static func element(
        _ name: String, _ json: JSON, _ attributes: [XMLWriter.Attribute] = [], to writer: inout XMLWriter
    ) throws {
        switch json {
        case .object(let members):
            if name == "extras" { return try writer.leaf(name, json.canonicalText) }
            try writer.start(name, attributes)
            for member in members {
                if member.key == "customFields" {
                    try customFields(member.value, to: &writer)
                } else {
                    try element(member.key, member.value, to: &writer)
                }
            }
            try writer.end()
        case .array(let elements):
            try writer.start(name)
            for (i, value) in elements.enumerated() {
                // Their order, and what files of messages without an id hang on.
                let attributes = name == "messages" ? [(name: "position", value: String(i))] : []
                try element(singulars[name] ?? "item", value, attributes, to: &writer)
            }
            try writer.end()
        case .bool(let flag): try writer.leaf(name, flag ? "true" : "false")
        default: try writer.leaf(name, json.text ?? "")
        }
    }

    private static func customFields(_ json: JSON, to writer: inout XMLWriter) throws {
        try writer.start("customFields")
        for field in json.members ?? [] {
            // Text that reads as JSON is written as JSON, like all that is no text.
            let plain = field.value.string.flatMap { (try? JSON(parsing: $0)) == nil ? $0 : nil }
            try writer.leaf("customField", plain ?? field.value.canonicalText, [(name: "name", value: field.key)])
        }
        try writer.end()
    }
}
