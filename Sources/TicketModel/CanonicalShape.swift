// SPDX-License-Identifier: Apache-2.0

/// What may stand where in a canonical line: the one truth that the validator, the lenient reader and the published
/// JSON Schema are made from.
indirect enum CanonicalShape: Sendable {
    /// Text that is not empty.
    case string
    /// One of a few words.
    case word([String])
    /// RFC 3339 in UTC with `Z`, a fraction only with digits.
    case time
    /// `true`; `false` is left out.
    case flag
    /// A whole number, not negative.
    case count
    /// 64 hexadecimal digits in lower case.
    case sha256
    /// At least one element.
    case list(CanonicalShape)
    /// At least one element, none twice; the order is the source's, or that of the bytes where the source has none.
    case set(CanonicalShape)
    /// The messages: always there, may be empty.
    case messages(CanonicalShape)
    /// An object with at least one member; its fields are sorted by the bytes of their keys.
    case object(name: String, [Field])
    /// Names to strings, numbers, booleans or lists of strings.
    case customFields
    /// An object with any JSON inside.
    case free

    /// One member of an object.
    struct Field: Sendable {
        let key: String
        let shape: CanonicalShape
        let required: Bool

        init(_ key: String, _ shape: CanonicalShape, required: Bool = false) {
            self.key = key
            self.shape = shape
            self.required = required
        }
    }
}

extension CanonicalShape {
    static let person = object(
        name: "person",
        [
            Field("email", .string), Field("familyName", .string), Field("givenName", .string), Field("id", .string),
            Field("name", .string), Field("phone", .string), Field("role", .word(Person.Role.allCases.map(\.rawValue))),
        ])

    static let attachment = object(
        name: "attachment",
        [
            Field("contentId", .string), Field("file", .string), Field("inline", .flag), Field("mediaType", .string),
            Field("name", .string), Field("sha256", .sha256), Field("size", .count), Field("url", .string),
        ])

    /// `html` or `text`, exactly one; `lineBreaks` only beside `html`.
    ///
    /// The validator and the schema know this by name.
    static let body = object(
        name: "body", [Field("html", .string), Field("lineBreaks", .flag), Field("text", .string)])

    static let message = object(
        name: "message",
        [
            Field("attachments", .list(attachment)), Field("author", person), Field("body", body),
            Field("cc", .list(.string)), Field("createdAt", .time), Field("extras", .free), Field("id", .string),
            Field("inReplyTo", .string),
            Field("kind", .word(Message.Kind.allCases.map(\.rawValue)), required: true),
            Field("messageId", .string), Field("to", .list(.string)),
        ])

    private static let rating = object(
        name: "rating", [Field("comment", .string), Field("score", .string, required: true)])

    private static let relation = object(
        name: "relation",
        [
            Field("kind", .word(Ticket.Relation.Kind.allCases.map(\.rawValue)), required: true),
            Field("ticket", .string, required: true),
        ])

    private static let timeEntry = object(
        name: "timeEntry",
        [
            Field("author", person), Field("createdAt", .time), Field("note", .string),
            Field("seconds", .count, required: true),
        ])

    static let ticket = object(
        name: "ticket",
        [
            Field("assignee", person), Field("brand", .string), Field("channel", .string), Field("closedAt", .time),
            Field("createdAt", .time), Field("customFields", .customFields), Field("department", .string),
            Field("dueAt", .time), Field("extras", .free), Field("id", .string, required: true),
            Field("language", .string), Field("mailbox", .string),
            Field("messages", .messages(message), required: true),
            Field("number", .string), Field("organization", .string), Field("participants", .set(person)),
            Field("priority", .word(Ticket.Priority.allCases.map(\.rawValue))), Field("priorityLabel", .string),
            Field("product", .string), Field("rating", rating), Field("relations", .list(relation)),
            Field("requester", person), Field("resolvedAt", .time), Field("spam", .flag),
            Field("status", .word(Ticket.Status.allCases.map(\.rawValue))), Field("statusLabel", .string),
            Field("subject", .string), Field("tags", .set(.string)), Field("timeEntries", .list(timeEntry)),
            Field("type", .string), Field("updatedAt", .time), Field("url", .string),
        ])
}
