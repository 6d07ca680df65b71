// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import TicketModel
internal import Transport

/// Makes a canonical ticket of the answer to a view.
struct SupportEngineTicketReader {
    /// Of the server's times; nil: nobody said, they are read as UTC and counted.
    let zone: Zone?
    /// Whether texts are HTML.
    let isHTML: Bool
    /// Names by id; empty where the page that tells them is absent.
    let categories: [String: String]
    /// Times that nobody can place.
    private(set) var timesWithoutZone = 0
    /// Whether a reply that says the same in the same second was taken for the first text.
    private(set) var joinedFirst = false

    init(zone: Zone?, isHTML: Bool, categories: [String: String]) {
        self.zone = zone
        self.isHTML = isHTML
        self.categories = categories
    }

    mutating func ticket(_ all: JSON) -> Ticket {
        var rest = all["ticket"] ?? .null
        var ticket = Ticket(id: rest.take("id")?.text ?? "")
        ticket.subject = words(rest.take("subject"))
        ticket.statusLabel = words(rest.take("status"))
        ticket.status = ticket.statusLabel.flatMap { Self.statuses[$0.lowercased()] }
        ticket.priorityLabel = words(rest.take("priority"))
        ticket.priority = ticket.priorityLabel.flatMap { Self.priorities[$0.lowercased()] }
        let (email, name) = (words(rest.take("email")), words(rest.take("name")))
        if email != nil || name != nil { ticket.requester = Person(role: .customer, name: name, email: email) }
        ticket.organization = words(rest.take("company"))
        if let id = words(rest["category_id"]), id != "0", let name = categories[id] {
            ticket.department = name
            rest["category_id"] = nil
        }
        ticket.createdAt = time("created_at", of: &rest, extras: &ticket.extras)
        ticket.updatedAt = time("updated_at", of: &rest, extras: &ticket.extras)
        let text = words(rest.take("message"))
        fields(all["custom_fields"], of: &ticket)

        var replies = (all["replies"]?.array ?? []).map { message($0) }
        // By time and id: the server promises the order of neither.
        replies.sort { a, b in
            let (x, y) = (a.createdAt?.seconds ?? .max, b.createdAt?.seconds ?? .max)
            return x == y ? (Int(a.id ?? "") ?? 0) < (Int(b.id ?? "") ?? 0) : x < y
        }
        if let text, !text.isEmpty {
            var opening = Message(kind: .reply)
            opening.author = ticket.requester
            opening.createdAt = ticket.createdAt
            opening.body = body(text)
            // The document shows the first message among the replies, too; the server's files make none there.
            if let first = replies.first, first.author == nil, first.body == opening.body, isOnce(first, opening) {
                (opening.id, opening.attachments, opening.extras) = (first.id, first.attachments, first.extras)
                replies.removeFirst()
                joinedFirst = true
            }
            ticket.messages = [opening]
        }
        ticket.messages += replies
        for member in rest.members ?? [] where !member.value.isNull && member.value.string?.isEmpty != true {
            ticket.extras.append(member)
        }
        let known: Set<String> = ["success", "ticket", "replies", "custom_fields"]
        for member in all.members ?? [] where !known.contains(member.key) && !member.value.isNull {
            ticket.extras.append(.init("answer.\(member.key)", member.value))
        }
        return ticket
    }

    private static let statuses: [String: Ticket.Status] = [
        "new": .new, "open": .open, "pending": .pending, "on hold": .onHold, "on-hold": .onHold, "on_hold": .onHold,
        "resolved": .resolved, "closed": .closed,
    ]

    private static let priorities: [String: Ticket.Priority] = [
        "low": .low, "medium": .normal, "normal": .normal, "high": .high, "urgent": .urgent,
    ]

    /// Whether two equal texts are one: written in the same moment.
    private func isOnce(_ a: Message, _ b: Message) -> Bool {
        guard let x = a.createdAt, let y = b.createdAt else { return a.createdAt == b.createdAt }
        return abs(x.seconds - y.seconds) <= 1
    }

    private mutating func message(_ json: JSON) -> Message {
        var rest = json
        var message = Message(kind: .reply)
        message.id = words(rest.take("id"))
        _ = rest.take("ticket_id")
        // Null is the customer, a stranger or a typing error: nobody is told apart. An agent has an id and no name.
        if let id = words(rest.take("user_id")), id != "0" { message.author = Person(id: id, role: .agent) }
        message.createdAt = time("created_at", of: &rest, extras: &message.extras)
        if let text = words(rest.take("message")) { message.body = body(text) }
        if let files = rest.take("attachment"), !files.isNull { attach(files, to: &message) }
        for member in rest.members ?? [] where !member.value.isNull && member.value.string?.isEmpty != true {
            message.extras.append(member)
        }
        return message
    }

    private func attach(_ files: JSON, to message: inout Message) {
        var texts = files.array?.compactMap(\.text) ?? [files.text].compactMap { $0 }
        if texts.count == 1, texts[0].hasPrefix("["), let list = try? JSON(parsing: Array(texts[0].utf8)).array {
            texts = list.compactMap(\.text)
        }
        for text in texts where !text.isEmpty {
            var attachment = Attachment()
            let path = text.prefix { $0 != "?" && $0 != "#" }
            let name = PercentEncoding.decode(path.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? path)
            attachment.name = name.isEmpty ? text : name
            if EndpointURL(text) != nil {
                attachment.url = text
            } else {
                message.extras.append(.init("attachment", .string(text)))
            }
            message.attachments.append(attachment)
        }
    }

    /// By their names; an empty value is what every field has that nobody filled.
    private func fields(_ json: JSON?, of ticket: inout Ticket) {
        var fields = json?.members?.map { ($0.key, $0.value) } ?? []
        if fields.isEmpty { fields = (json?.array ?? []).enumerated().map { (String($0), $1) } }
        for (id, field) in fields {
            var rest = field
            let name = words(rest.take("name")) ?? id
            _ = rest.take("type")
            _ = rest.take("required")
            let value = rest.take("value")
            let key = ticket.customFields[name] == nil ? name : "\(name) (\(id))"
            if let text = value.flatMap(Self.scalar), !text.isEmpty {
                ticket.customFields[key] = .string(text)
            } else if let list = value?.array?.compactMap(\.text), !list.isEmpty {
                ticket.customFields[key] = .list(list)
            }
            for member in rest.members ?? [] where !member.value.isNull {
                ticket.extras.append(.init("custom_fields.\(id).\(member.key)", member.value))
            }
        }
    }

    private func body(_ text: String) -> Message.Body { isHTML ? .html(text, lineBreaks: false) : .text(text) }

    private func words(_ json: JSON?) -> String? {
        guard let text = json.flatMap(Self.scalar), !text.isEmpty else { return nil }
        return text
    }

    private static func scalar(_ json: JSON) -> String? {
        json.text ?? json.bool.map { $0 ? "true" : "false" }
    }

    /// A time of the server's clock; one that is no time is kept as it is.
    private mutating func time(_ key: String, of row: inout JSON, extras: inout [JSON.Member]) -> Timestamp? {
        guard let text = words(row.take(key)), !text.hasPrefix("0000") else { return nil }
        if let exact = Timestamp(text) { return exact }
        guard let read = Self.time(text, zone: zone) else {
            extras.append(.init(key, .string(text)))
            return nil
        }
        if zone == nil { timesWithoutZone += 1 }
        return read.time
    }

    /// `2024-06-01 12:00:00` on a clock, and whether that hour came twice or never; nil for what is no time.
    static func time(_ text: String, zone: Zone?) -> (time: Timestamp, doubtful: Bool)? {
        guard let local = Timestamp(text.trimmingBlanks + "Z") else { return nil }
        guard let zone else { return (local, false) }
        let instant = zone.instant(ofLocal: local.seconds)
        return (
            Timestamp(
                seconds: instant.seconds, fraction: local.fraction, fractionDigits: local.fractionDigits),
            instant.doubtful
        )
    }
}
