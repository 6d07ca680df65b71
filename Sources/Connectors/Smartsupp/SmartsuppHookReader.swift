// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Makes a canonical ticket of one chat as the old POST hook sent it.
struct SmartsuppHookReader {
    private var clock: SmartsuppClock

    /// How many times had no zone while none was told.
    var zoneless: Int { clock.zoneless }

    /// A clock for times that have no zone; the hook's own are milliseconds since 1970.
    init(clock: SmartsuppClock) { self.clock = clock }

    /// The ticket; nil for an object that is no chat.
    mutating func ticket(_ chat: JSON) -> Ticket? {
        guard Self.rows(chat["messages"]) != nil || chat["visitor"]?.members != nil || chat["beginAt"] != nil else {
            return nil
        }
        var fields = SmartsuppFields(chat)
        var visitor = SmartsuppFields(fields.take("visitor") ?? .object([]))
        let visitorID = visitor.text("id")
        let begin = fields.take("beginAt")
        let account = fields.text("accountId")
        var ticket = Ticket(
            id: fields.text("id")
                ?? "chat-\(Digest.of([account ?? "", begin?.text ?? "", visitorID ?? ""]))")
        ticket.createdAt = clock.time(begin)
        ticket.closedAt = clock.time(fields.take("endAt"))
        // The hook sends a chat when it has ended.
        if ticket.closedAt != nil { ticket.status = .closed }
        var requester = Person(id: visitorID.map { "visitor:\($0)" }, role: .customer)
        requester.name = visitor.text("name")
        requester.email = visitor.text("email")
        requester.phone = visitor.text("phone")
        if requester.id != nil || requester.displayName != nil { ticket.requester = requester }
        SmartsuppVariables.read(visitor.take("variables"), into: &ticket)
        if let account { ticket.extras.append(.init("accountId", .string(account))) }
        channel(fields.take("channel"), into: &ticket)
        for member in visitor.extras { ticket.extras.append(.init("visitor/\(member.key)", member.value)) }
        let messages = fields.take("messages")
        ticket.messages = order(Self.rows(messages) ?? [], requester: ticket.requester)
        // Neither list nor object: whatever it is stays.
        if let messages, Self.rows(messages) == nil { ticket.extras.append(.init("messages", messages)) }
        ticket.updatedAt = (ticket.messages.compactMap(\.createdAt) + [ticket.closedAt].compactMap { $0 }).max()
        ticket.extras += fields.extras
        return ticket
    }

    /// Messages as a list, or as the object that PHP makes of a list with gaps: by number where all keys are numbers,
    /// else by key.
    private static func rows(_ json: JSON?) -> [JSON]? {
        if let list = json?.array { return list }
        guard let members = json?.members else { return nil }
        let numbers = members.compactMap { Int($0.key) }
        guard numbers.count == members.count else {
            return members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map(\.value)
        }
        return zip(numbers, members).sorted { $0.0 < $1.0 }.map(\.1.value)
    }

    private func channel(_ json: JSON?, into ticket: inout Ticket) {
        guard let json else { return }
        var fields = SmartsuppFields(json)
        let offline = fields.take("isOffline")?.bool
        if let offline { ticket.channel = offline ? "offline" : "chat" }
        let rating = fields.take("rating")
        let comment = fields.text("ratingDesc") ?? fields.text("ratingText") ?? rating?["text"]?.text
        if let value = rating?.text ?? rating?["value"]?.text, !value.isEmpty {
            ticket.rating = Ticket.Rating(score: value, comment: comment)
        } else if let comment, !comment.isEmpty {
            ticket.rating = Ticket.Rating(score: "", comment: comment)
        }
        for member in fields.extras { ticket.extras.append(.init("channel/\(member.key)", member.value)) }
    }

    private mutating func order(_ messages: [JSON], requester: Person?) -> [Message] {
        var last: Timestamp?
        var rows: [(time: Timestamp?, place: Int, message: Message)] = []
        for (place, json) in messages.enumerated() {
            let message = message(json, requester: requester)
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

    private mutating func message(_ json: JSON, requester: Person?) -> Message {
        guard json.members != nil else {
            // Words without anything about them: whose they are is not told.
            var message = Message(kind: .note)
            message.body = .text(json.text ?? json.canonicalText)
            return message
        }
        var fields = SmartsuppFields(json)
        let type = fields.text("type")
        let name = fields.text("name")
        let from = fields.text("from")
        let trigger = fields.take("triggeredBy")
        let isAutomatic = trigger?.text?.hasPrefix("trigger") == true
        var message = Message(kind: .note)
        message.id = fields.text("id")
        message.createdAt = clock.time(fields.take("sentAt"))
        let content = fields.take("content")
        switch type {
        case "visitor":
            message.kind = .reply
            message.author = requester ?? Person(role: .customer, name: name)
            // They went by another name then.
            if let name, message.author?.name != name { message.extras.append(.init("name", .string(name))) }
        case "agent" where isAutomatic:
            // Sent by a rule under an agent's name: nobody said it.
            message.kind = .event
            message.author = Person(role: .system, name: name)
        case "agent":
            message.kind = .reply
            let id = from.flatMap { $0.hasPrefix("agent:") ? String($0.dropFirst("agent:".count)) : nil }
            message.author = Person(id: id, role: .agent, name: name)
        case "system":
            message.kind = .event
            message.author = Person(role: .system)
        default:
            if let name { message.author = Person(name: name) }
            if let type { message.extras.append(.init("type", .string(type))) }
        }
        if let text = content?.string {
            if type == "system" {
                let words = Self.words(text, name: name)
                message.body = .text(words)
                if words != text { message.extras.append(.init("content", .string(text))) }
            } else {
                message.body = .text(text)
            }
        } else if let content {
            message.extras.append(.init("content", content))
        }
        if let trigger { message.extras.append(.init("triggeredBy", trigger)) }
        if type == "system", let name { message.extras.append(.init("name", .string(name))) }
        if type != "agent" || message.kind == .event, let from, from != "system", !from.hasPrefix("visitor:") {
            message.extras.append(.init("from", .string(from)))
        }
        message.extras += fields.extras
        return message
    }

    /// A system line in words; one that is not known stays as it is.
    static func words(_ code: String, name: String?) -> String {
        let who = name.map { " (\($0))" } ?? ""
        return switch code {
        case "agent.join": "An agent joined the chat\(who)"
        case "agent.leave": "An agent left the chat\(who)"
        case "agent.assign": "The chat was assigned to an agent\(who)"
        case "agent.unassign": "The chat was taken from an agent\(who)"
        case "visitor.connect": "The visitor came back"
        case "visitor.disconnect": "The visitor left the site"
        case "close.visitorClose": "The visitor closed the chat"
        case "close.agentClose": "An agent closed the chat\(who)"
        case "close.visitorLeave": "The chat was closed because the visitor left"
        case "close.timeout": "The chat was closed because nobody wrote any more"
        default: code
        }
    }
}
