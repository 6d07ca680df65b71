// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Makes a canonical ticket of a conversation, its messages and the people in it.
struct SmartsuppTicketReader {
    /// The people that ids stand for.
    struct People {
        /// Who asks.
        var requester: Person?
        /// Agents by id.
        var agents: [String: Person] = [:]
        /// Contacts who are not the requester, by id.
        var contacts: [String: Person] = [:]
    }

    var clock: SmartsuppClock
    let people: People

    /// The ticket; `messages` in the API's order, oldest first.
    mutating func ticket(_ conversation: JSON, messages: [JSON]) -> Ticket {
        var fields = SmartsuppFields(conversation)
        var ticket = Ticket(id: fields.text("id") ?? "")
        ticket.statusLabel = fields.text("status")
        ticket.status = Self.status(ticket.statusLabel)
        ticket.createdAt = clock.time(fields.take("created_at"))
        ticket.updatedAt = clock.time(fields.take("updated_at"))
        ticket.closedAt = clock.time(fields.take("finished_at"))
        if let channel = fields.take("channel") {
            ticket.channel = channel["type"]?.text ?? channel.text
            if let id = channel["id"], !SmartsuppFields.saysNothing(id) {
                ticket.extras.append(.init("channel/id", id))
            }
        }
        ticket.requester = people.requester
        let assigned = (fields.take("assigned_ids")?.array ?? []).compactMap(\.text)
        if let first = assigned.first { ticket.assignee = agent(first) }
        if assigned.count > 1 {
            ticket.extras.append(.init("assigned_ids", .array(assigned.map { .string($0) })))
        }
        ticket.rating = rating(&fields)
        for tag in fields.take("tags")?.array ?? [] {
            guard let name = tag.text ?? tag["name"]?.text ?? tag["id"]?.text, !name.isEmpty else { continue }
            if !ticket.tags.contains(name) { ticket.tags.append(name) }
        }
        SmartsuppVariables.read(fields.take("variables"), into: &ticket)
        // Links to what stands elsewhere in the ticket, and what belongs to who looks.
        fields.drop(
            "contact_id", "visitor_id", "last_message", "unread_info", "read_info", "contact_details", "contact",
            "messages", "is_served", "is_closed", "type")
        ticket.extras += fields.extras
        ticket.messages = order(messages)
        return ticket
    }

    static func status(_ label: String?) -> Ticket.Status? {
        switch label {
        case "open", "served": .open
        case "pending": .pending
        case "closed": .closed
        default: nil
        }
    }

    /// `rating_value` and `rating_text`, or an object of both.
    private func rating(_ fields: inout SmartsuppFields) -> Ticket.Rating? {
        let object = fields.take("rating")
        let value = fields.text("rating_value") ?? object?["value"]?.text ?? object?.text
        let text = fields.text("rating_text") ?? object?["text"]?.text
        guard let value, !value.isEmpty else { return text.map { Ticket.Rating(score: "", comment: $0) } }
        return Ticket.Rating(score: value, comment: text.flatMap { $0.isEmpty ? nil : $0 })
    }

    private func agent(_ id: String) -> Person { people.agents[id] ?? Person(id: id, role: .agent) }

    // MARK: Messages

    /// By time; equal times, and messages without one, stay where the API has them.
    private mutating func order(_ messages: [JSON]) -> [Message] {
        var last: Timestamp?
        var rows: [(time: Timestamp?, place: Int, message: Message)] = []
        for (place, json) in messages.enumerated() {
            let message = message(json)
            last = message.createdAt ?? last
            rows.append((last, place, message))
        }
        rows.sort { a, b in
            if let x = a.time, let y = b.time, x < y || y < x { return x < y }
            if (a.time == nil) != (b.time == nil) { return a.time == nil }
            return a.place < b.place
        }
        return rows.map(\.message)
    }

    private mutating func message(_ json: JSON) -> Message {
        var fields = SmartsuppFields(json)
        let type = fields.text("type")
        let subType = fields.text("sub_type")
        var message = Message(kind: Self.kind(type, subType))
        message.id = fields.text("id")
        message.createdAt = clock.time(fields.take("created_at"))
        let agentID = fields.text("agent_id")
        let contactID = fields.text("contact_id")
        let visitorID = fields.text("visitor_id")
        switch subType {
        case "agent": message.author = agentID.map(agent) ?? Person(role: .agent)
        case "contact", "visitor": message.author = customer(contact: contactID, visitor: visitorID)
        // Nobody's words: a bot's text stays one of the system, whatever name it goes by.
        case "bot", "system", "trigger": message.author = Person(role: .system)
        default:
            if let agentID {
                message.author = agent(agentID)
            } else if contactID != nil || visitorID != nil {
                message.author = customer(contact: contactID, visitor: visitorID)
            }
        }
        if let content = fields.take("content") { body(content, into: &message) }
        message.attachments = (fields.take("attachments")?.array ?? []).map(Self.attachment)
        if Self.isKnown(subType) == false, let subType { message.extras.append(.init("sub_type", .string(subType))) }
        if let type, type != "message", type != "note", type != "event" {
            message.extras.append(.init("type", .string(type)))
        }
        if subType == "system" || subType == "trigger", let agentID {
            message.extras.append(.init("agent_id", .string(agentID)))
        }
        fields.drop("chat_id", "conversation_id", "group_id", "channel", "response_time", "updated_at", "ext_id")
        message.extras += fields.extras
        return message
    }

    private static func isKnown(_ subType: String?) -> Bool {
        subType.map { ["agent", "contact", "visitor", "bot", "system", "trigger"].contains($0) } ?? true
    }

    /// A message whose kind is not told is a note.
    static func kind(_ type: String?, _ subType: String?) -> Message.Kind {
        switch (type, subType) {
        case ("note", _): .note
        case ("event", _), ("message", "system"), ("message", "trigger"), (nil, "system"), (nil, "trigger"): .event
        case ("message", "agent"), ("message", "contact"), ("message", "visitor"), ("message", "bot"): .reply
        case (nil, "agent"), (nil, "contact"), (nil, "visitor"), (nil, "bot"): .reply
        default: .note
        }
    }

    private func customer(contact: String?, visitor: String?) -> Person? {
        if let contact, let other = people.contacts[contact] { return other }
        guard let requester = people.requester else {
            return visitor.map(Self.placeholder) ?? Person(role: .customer)
        }
        // A visitor who is no contact: another browser is another, unknown person.
        if let visitor, let id = requester.id, id.hasPrefix("visitor:"), id != "visitor:\(visitor)" {
            return Self.placeholder(visitor)
        }
        return requester
    }

    /// A visitor of whom nothing is known but the id; never an address.
    static func placeholder(_ visitor: String) -> Person { Person(id: "visitor:\(visitor)", role: .customer) }

    private func body(_ content: JSON, into message: inout Message) {
        if let text = content.string {
            message.body = .text(text)
            return
        }
        var fields = SmartsuppFields(content)
        let text = fields.take("text")?.string
        let html = fields.take("html")?.string
        if let html, !html.isEmpty, html != text {
            message.body = .html(html, lineBreaks: false)
        } else if let text {
            message.body = .text(text)
        }
        let type = fields.text("type")
        if let type, type != "text" { message.extras.append(.init("content/type", .string(type))) }
        for member in fields.extras { message.extras.append(.init("content/\(member.key)", member.value)) }
    }

    private static func attachment(_ json: JSON) -> Attachment {
        var fields = SmartsuppFields(json)
        var file = Attachment()
        file.name = fields.text("file_name") ?? fields.text("name") ?? fields.text("filename")
        file.mediaType = fields.text("file_type") ?? fields.text("mime_type") ?? fields.text("content_type")
        file.size = fields.take("size")?.int
        file.url = fields.text("url") ?? fields.text("download_url")
        return file
    }

    /// A contact, a visitor or an embedded part of one as a customer; nil where nothing is known at all.
    static func person(_ json: JSON, id: String?) -> Person? {
        var fields = SmartsuppFields(json)
        var person = Person(id: id, role: .customer)
        person.name = fields.text("name")
        person.email = fields.text("email")
        person.phone = fields.text("phone")
        return person.id == nil && person.displayName == nil ? nil : person
    }

    /// An agent or a user as an agent.
    static func agent(_ json: JSON) -> Person? {
        var fields = SmartsuppFields(json)
        guard let id = fields.text("id") else { return nil }
        return Person(
            id: id, role: .agent, name: fields.text("fullname") ?? fields.text("name") ?? fields.text("nickname"),
            email: fields.text("email"))
    }
}
