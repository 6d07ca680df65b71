// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Makes a canonical ticket of a row of the listing, its replies and its files.
struct KBSupportTicketReader {
    let site: KBSupportSite
    let row: JSON
    /// The oldest first.
    let replies: [JSON]
    /// By what they hang on.
    let media: [Int: [JSON]]
    /// By reply; empty where the site does not tell.
    var authors: [Int: KBSupportReplyAuthor] = [:]
    /// Accounts of people who are no agents.
    var accounts: [Int: KBSupportSite.Account] = [:]
    var organization: String?

    init(site: KBSupportSite, row: JSON, replies: [JSON], media: [Int: [JSON]]) {
        self.site = site
        self.row = row
        self.replies = replies
        self.media = media
    }

    /// A time of the API: UTC without saying so; nil for none.
    static func time(_ value: JSON?) -> Timestamp? {
        guard let text = value?.string, !text.isEmpty, !text.hasPrefix("0000") else { return nil }
        return Timestamp(text) ?? Timestamp(text.replacing(" ", with: "T") + "Z")
    }

    func ticket(url: String?) -> Ticket {
        var rest = row
        var data = rest.take("ticket_data") ?? .object([])
        let id = rest.take("id")?.text ?? ""
        var ticket = Ticket(id: id)
        ticket.url = url
        if let number = data.take("number")?.text, number != id, !number.isEmpty { ticket.number = number }
        ticket.subject = KBSupportPreflight.raw(rest.take("title"))
        ticket.statusLabel = rest.take("status")?.string
        ticket.status = ["new": .new, "open": .open, "hold": .onHold, "closed": .closed][ticket.statusLabel ?? ""]
        ticket.channel = data.take("source")?.string
        ticket.createdAt = Self.time(rest.take("date_gmt"))
        ticket.updatedAt = Self.time(rest.take("modified_gmt"))
        // On the site's clock, unlike the two above.
        ticket.resolvedAt = site.zone.time(data.take("resolved_date")?.string)
        let requester = requester(&data)
        ticket.requester = requester
        if let agent = data.take("agent")?.int, agent != 0 {
            ticket.assignee =
                site.agents?[agent]?.person(role: .agent) ?? (site.me.id == agent ? site.me : nil)?.person(role: .agent)
                ?? Person(id: String(agent), role: .agent)
        }
        ticket.participants = (data.take("participants")?.texts ?? [])
            .filter { $0.lowercased() != requester?.email?.lowercased() }
            .map { Person(email: $0) }
        let categories = names(rest.take("ticket_categories"), site.categories)
        let departments = names(rest.take("ticket_departments") ?? data.take("department"), site.departments)
        ticket.department = departments.first ?? categories.first
        let more = departments.isEmpty ? Array(categories.dropFirst()) : Array(departments.dropFirst()) + categories
        ticket.tags = Set(names(rest.take("ticket_tag"), site.tags)).sorted {
            $0.utf8.lexicographicallyPrecedes($1.utf8)
        }
        ticket.organization = organization
        let form = rest.take("form_data")
        if let fields = form ?? data.take("form_data") { take(form: fields, into: &ticket) }
        ticket.messages = messages(id: id, rest.take("content"), ticket)
        if !more.isEmpty { ticket.extras.append(.init("ticket_categories", .array(more.map { .string($0) }))) }
        keepRest(rest, data, in: &ticket)
        return ticket
    }

    private func messages(id: String, _ content: JSON?, _ ticket: Ticket) -> [Message] {
        var opening = Message(kind: .reply)
        opening.author = ticket.requester
        opening.createdAt = ticket.createdAt
        opening.body = body(content)
        opening.attachments = attachments(Int(id))
        return [opening]
            + replies.map { reply in
                var message = Message(kind: .reply)
                message.id = reply["id"]?.text
                message.createdAt = Self.time(reply["date_gmt"])
                message.body = body(reply["content"])
                message.attachments = attachments(reply["id"]?.int)
                message.author = reply["id"]?.int.flatMap { authors[$0] }.flatMap { author($0, ticket) }
                return message
            }
    }

    private func body(_ content: JSON?) -> Message.Body? {
        (content?["raw"]?.string ?? content?.string ?? content?["rendered"]?.string).map { .html($0, lineBreaks: true) }
    }

    private func requester(_ data: inout JSON) -> Person? {
        let info = data.take("user_info")
        let customer = data.take("customer")?.text
        let email = data.take("email")?.string ?? info?["email"]?.string
        func text(_ key: String) -> String? { info?[key]?.string.flatMap { $0.isEmpty ? nil : $0 } }
        let id = customer.flatMap { $0 == "0" || $0.isEmpty ? nil : $0 }
        if id == nil, email?.isEmpty != false { return nil }
        return Person(
            id: id, role: .customer, givenName: text("first_name"), familyName: text("last_name"),
            email: email.flatMap { $0.isEmpty ? nil : $0 }, phone: text("primary_phone"))
    }

    /// Who wrote a reply: the account that made it wherever there is one, else the participant's address, else the
    /// customer (checked against a database: right for all; the noted agent is not always the writer).
    private func author(_ author: KBSupportReplyAuthor, _ ticket: Ticket) -> Person? {
        let id = author.account
        guard id != 0 else {
            guard let address = author.participant, address.lowercased() != ticket.requester?.email?.lowercased() else {
                return ticket.requester
            }
            return Person(role: .customer, email: address)
        }
        let account = site.agents?[id] ?? accounts[id] ?? (site.me.id == id ? site.me : nil)
        if author.isAgent { return account?.person(role: .agent) ?? Person(id: String(id), role: .agent) }
        let own = row["ticket_data"]?["user_id"]?.int
        let address = account?.email?.lowercased()
        if own == id || address != nil && address == ticket.requester?.email?.lowercased() { return ticket.requester }
        let isAgent = site.agents?[id] != nil || row["ticket_data"]?["agent"]?.int == id || site.me.id == id
        if let address, address == author.participant?.lowercased() { return account?.person(role: .customer) }
        return account?.person(role: isAgent ? .agent : .customer)
            ?? Person(id: String(id), role: isAgent ? .agent : .customer)
    }

    private func attachments(_ parent: Int?) -> [Attachment] {
        guard let rows = parent.flatMap({ media[$0] }) else { return [] }
        return rows.map { row in
            var attachment = Attachment()
            attachment.url = row["source_url"]?.string
            attachment.name = Self.name(of: row)
            attachment.mediaType = row["mime_type"]?.string
            attachment.size = row["media_details"]?["filesize"]?.int
            return attachment
        }
    }

    /// The title is the name, mostly without its ending, which the address has.
    static func name(of row: JSON) -> String? {
        let file = row["source_url"]?.string?.split(separator: "/").last.map(String.init) ?? ""
        guard let title = KBSupportPreflight.raw(row["title"]), !title.isEmpty else { return file.isEmpty ? nil : file }
        guard let dot = file.lastIndex(of: ".") else { return title }
        let ending = String(file[dot...])
        return title.lowercased().hasSuffix(ending.lowercased()) ? title : title + ending
    }

    private func names(_ value: JSON?, _ known: [Int: String]) -> [String] {
        (value?.array ?? value.map { [$0] } ?? []).compactMap { item in
            if let id = item.int { return known[id] ?? (id == 0 ? nil : String(id)) }
            return item.string.flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    /// What a submission form asked for beside what has a place of its own.
    private func take(form: JSON, into ticket: inout Ticket) {
        for member in form.members ?? [] {
            switch member.value {
            case .string(let text): if !text.isEmpty { ticket.customFields[member.key] = .string(text) }
            case .number(let digits): ticket.customFields[member.key] = .number(digits)
            case .bool(let bool): ticket.customFields[member.key] = .bool(bool)
            case .array(let items) where items.allSatisfy { $0.text != nil } && !items.isEmpty:
                ticket.customFields[member.key] = .list(items.compactMap(\.text))
            case .null: continue
            default: ticket.extras.append(.init("form_data.\(member.key)", member.value))
            }
        }
    }

    private func keepRest(_ rest: JSON, _ data: JSON, in ticket: inout Ticket) {
        let derived: Set<String> = [
            "date", "modified", "_links", "links", "replies", "ticket_sources", "slug", "guid", "link", "type",
        ]
        // The key opens the ticket's page to everybody; files come from the media library.
        let own: Set<String> = ["key", "attachments", "files", "user_id", "company"]
        func isThere(_ value: JSON) -> Bool {
            switch value {
            case .null: false
            case .string(let text): !text.isEmpty
            case .array(let items): !items.isEmpty
            case .object(let members): !members.isEmpty
            default: true
            }
        }
        for member in rest.members ?? [] where !derived.contains(member.key) && isThere(member.value) {
            ticket.extras.append(member)
        }
        for member in data.members ?? [] where !own.contains(member.key) && isThere(member.value) {
            ticket.extras.append(.init("ticket_data.\(member.key)", member.value))
        }
    }
}
