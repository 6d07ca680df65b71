// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// Makes a canonical ticket of what the API gives.
///
/// The document names no field of an answer: those of its requests are looked for first, then the usual other names.
/// What is known is taken, all else is `extras`.
struct SmartSupportTicketReader {
    static let updatedNames = [
        "updated_at", "date_updated", "updated", "updated_on", "last_updated", "modified_at", "date_modified",
        "modified",
    ]
    private static let createdNames = ["created_at", "date_created", "created", "created_on", "date"]
    private static let bodyNames = ["message", "content", "body", "description", "text"]

    let clock: SmartSupportClock
    /// Whether texts are plain.
    var areTexts = false
    /// The ids of replies that also come without asking for notes; nil where that was not asked.
    var open: Set<String>?

    // MARK: A ticket

    func ticket(_ row: JSON, replies: [JSON]) -> Ticket {
        var rest = SmartSupportFields(row)
        var ticket = Ticket(id: SmartSupportAPI.id(row, "ticket") ?? "")
        _ = rest.take(["id", "ticket_id", "ID"])
        ticket.number = rest.text(["ticket_number", "number", "ticket_no", "reference"])
        if ticket.number == ticket.id { ticket.number = nil }
        ticket.subject = rest.text(["subject", "title"])
        ticket.statusLabel = rest.label(["status"])
        ticket.status = Self.status(ticket.statusLabel)
        ticket.priorityLabel = rest.label(["priority"])
        ticket.priority = Self.priority(ticket.priorityLabel)
        // What every ticket is by default; anything else is kept.
        if rest.peek("state")?.string?.lowercased() == "opened" { _ = rest.take(["state"]) }
        ticket.department = rest.named("department")
        ticket.product = rest.named("product")
        ticket.channel = rest.text(["channel", "source"])
        ticket.url = rest.text(["url", "link", "permalink"])
        ticket.createdAt = rest.time(Self.createdNames, clock)
        ticket.updatedAt = rest.time(Self.updatedNames, clock)
        ticket.closedAt = rest.time(["closed_at", "date_closed", "closed_on"], clock)
        ticket.resolvedAt = rest.time(["resolved_at", "date_resolved"], clock)
        ticket.requester = rest.person(
            ["customer", "user", "requester", "author"], prefixes: ["customer_", "user_", "requester_", "author_", ""],
            role: .customer)
        ticket.assignee = rest.person(
            ["agent", "assigned_agent", "assignee"], prefixes: ["agent_", "assignee_"], role: .agent)
        ticket.tags = rest.texts(["tags"])
        var opening = Message(kind: .reply)
        opening.author = ticket.requester
        opening.createdAt = ticket.createdAt
        let text = rest.string(Self.bodyNames)
        opening.body = text.map { SmartSupportText.body($0, isText: areTexts) }
        opening.attachments = rest.attachments()
        let messages = replies.map(message).sorted { a, b in
            if let x = a.createdAt, let y = b.createdAt, x != y { return x < y }
            return (Int(a.id ?? "") ?? 0) < (Int(b.id ?? "") ?? 0)
        }
        let hasOpening = text != nil || !opening.attachments.isEmpty || messages.isEmpty
        ticket.messages = (hasOpening ? [opening] : []) + messages
        // The replies have a route of their own, counts tell nothing.
        for name in ["replies", "reply_count", "replies_count", "message_count", "last_reply_at", "last_reply"] {
            _ = rest.take([name])
        }
        ticket.extras = rest.extras
        return ticket
    }

    static func status(_ label: String?) -> Ticket.Status? {
        switch label?.lowercased() {
        case "new": .new
        case "open", "opened", "reopened": .open
        // Waits for somebody, most often the customer.
        case "delayed", "pending": .pending
        case "resolved": .resolved
        case "closed": .closed
        default: nil
        }
    }

    static func priority(_ label: String?) -> Ticket.Priority? {
        switch label?.lowercased() {
        case "low": .low
        case "medium", "normal": .normal
        case "high": .high
        case "urgent": .urgent
        default: nil
        }
    }

    // MARK: A reply

    private func message(_ row: JSON) -> Message {
        var rest = SmartSupportFields(row)
        let told = Self.isInternal(row)
        let id = SmartSupportAPI.id(row, "reply")
        let type = SmartSupportAPI.text(row, ["author_type", "user_type", "author_role"])?.lowercased()
        let kind: Message.Kind
        if type == "system" {
            kind = .event
        } else if let told {
            kind = told ? .note : .reply
        } else {
            // Not told is private, but for a customer's words that come without asking for notes: a customer's reply
            // is never internal.
            let isOpen = id.map { open?.contains($0) ?? false } ?? false
            kind = isOpen && type == "customer" ? .reply : .note
        }
        var message = Message(kind: kind)
        message.id = id
        _ = rest.take(["id", "reply_id", "ID"])
        for name in ["is_internal", "internal", "is_note", "is_private", "private"] { _ = rest.take([name]) }
        let role: Person.Role? =
            switch type {
            case "customer", "client", "user": .customer
            case "agent", "supervisor", "administrator", "admin", "staff": .agent
            case "system": .system
            default: nil
            }
        _ = rest.take(["author_type", "user_type", "author_role"])
        message.author = rest.person(["author", "user"], prefixes: ["author_", "user_", ""], role: role)
        message.createdAt = rest.time(Self.createdNames, clock)
        message.body = rest.string(Self.bodyNames).map { SmartSupportText.body($0, isText: areTexts) }
        message.attachments = rest.attachments()
        for name in ["ticket_id", "ticket"] + Self.updatedNames { _ = rest.take([name]) }
        message.extras = rest.extras
        return message
    }

    /// Whether a reply is internal; nil where it does not say.
    static func isInternal(_ row: JSON) -> Bool? {
        for name in ["is_internal", "internal", "is_note", "is_private", "private"] {
            if let flag = flag(row[name]) { return flag }
        }
        switch SmartSupportAPI.text(row, ["visibility", "reply_type", "type"])?.lowercased() {
        case "internal", "note", "internal_note", "private": return true
        case "public": return false
        default: return nil
        }
    }

    /// A flag as PHP and JSON write them.
    static func flag(_ value: JSON?) -> Bool? {
        if let bool = value?.bool { return bool }
        switch value?.text?.lowercased() {
        case "1", "true", "yes": return true
        case "0", "false", "no", "": return false
        default: return nil
        }
    }
}
