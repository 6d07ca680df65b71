// SPDX-License-Identifier: Apache-2.0

/// Counts what is in tickets, one after another: what `inspect` tells.
///
/// Memory grows with the number of different labels and tags only, each list bounded by ``limit``.
public struct TicketCensus: Sendable {
    /// How many different values of a field are counted; the rest is added up as ``other``.
    public static let limit = 1000
    /// The name that values past ``limit`` are counted under.
    public static let other = "(others)"

    /// How many were added.
    public private(set) var tickets = 0
    /// Messages by kind and the author's role: `reply by agent`, `note by nobody told`.
    public private(set) var messages: [String: Int] = [:]
    /// The most messages of one ticket.
    public private(set) var mostMessages = 0
    /// Files of all messages, also those of unknown size.
    public private(set) var attachments = 0
    /// Of the attachments whose size is known, in bytes.
    public private(set) var attachmentBytes = 0
    /// By field (`status`, `priority`, `assignee`, `department`, `tag`, …): value → count.
    ///
    /// A status and a priority stand with the source's own label.
    public private(set) var values: [String: [String: Int]] = [:]
    /// The earliest time that a ticket was opened; nil while none tells it.
    public private(set) var earliest: Timestamp?
    /// The latest time that a ticket was opened; nil while none tells it.
    public private(set) var latest: Timestamp?
    /// What an admin should look at, each with its count: `tickets without a requester's e-mail`.
    public private(set) var oddities: [String: Int] = [:]

    /// Nothing counted yet.
    public init() {}

    /// Adds a ticket.
    public mutating func add(_ ticket: Ticket) {
        tickets += 1
        mostMessages = max(mostMessages, ticket.messages.count)
        count("status", ticket.statusLabel ?? ticket.status?.rawValue)
        count("priority", ticket.priorityLabel ?? ticket.priority?.rawValue)
        count("assignee", ticket.assignee?.email ?? ticket.assignee?.displayName)
        for (field, value) in [
            ("department", ticket.department), ("product", ticket.product), ("mailbox", ticket.mailbox),
            ("channel", ticket.channel), ("type", ticket.type),
        ] { count(field, value) }
        for tag in ticket.tags { count("tag", tag) }
        for name in ticket.customFields.keys { count("custom field", name) }
        if let created = ticket.createdAt {
            earliest = min(earliest ?? created, created)
            latest = max(latest ?? created, created)
        }
        note("tickets without a subject", if: (ticket.subject ?? "").isEmpty)
        note("tickets without a status", if: ticket.status == nil && ticket.statusLabel == nil)
        note("tickets with a status that has no canonical word", if: ticket.status == nil && ticket.statusLabel != nil)
        note("tickets without a date", if: ticket.createdAt == nil)
        note("tickets without a requester's e-mail", if: ticket.requester?.email == nil)
        note("tickets without a message", if: ticket.messages.isEmpty)
        for message in ticket.messages { add(message) }
    }

    private mutating func add(_ message: Message) {
        messages["\(message.kind.rawValue) by \(message.author?.role?.rawValue ?? "nobody told")", default: 0] += 1
        attachments += message.attachments.count
        for attachment in message.attachments {
            attachmentBytes += attachment.size ?? 0
            note("attachments without a name", if: attachment.name == nil)
        }
        note("messages without an author", if: message.author == nil)
        note("messages without a date", if: message.createdAt == nil)
        note("messages without a text", if: message.body == nil)
    }

    private mutating func count(_ field: String, _ value: String?) {
        guard let value else { return }
        let isNew = values[field]?[value] == nil
        let key = isNew && (values[field]?.count ?? 0) >= Self.limit ? Self.other : value
        values[field, default: [:]][key, default: 0] += 1
    }

    private mutating func note(_ oddity: String, if condition: Bool) {
        if condition { oddities[oddity, default: 0] += 1 }
    }
}
