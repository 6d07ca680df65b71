// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import TicketModel
internal import Transport

/// What the service holds, for verify: a request a conversation, one for each 200 messages of it, and one for a contact
/// whom the pre-flight did not list.
///
/// A text is compared byte for byte, and so is its markup where answers show it. Lines of the system and triggers are
/// nobody's words and are left out.
extension SmartsuppTarget {
    func stored(ticket: Receipt) async throws -> StoredTicket? {
        let path = "conversations/\(PercentEncoding.encode(ticket.id))"
        guard let row = try await api.find(path) else { return nil }
        let messages = try await api.messages(of: ticket.id)
        var fields = SmartsuppFields(row)
        var out = StoredTicket(id: ticket.id, url: ticket.url, fingerprint: Self.stored(row))
        out.properties["status"] = fields.text("status") == "closed" ? "closed" : "open"
        let contact = fields.text("contact_id")
        let customer: String? = if let contact { try await key(ofContact: contact) } else { nil }
        out.properties["contact"] = customer
        for (name, value) in Self.variables(fields.take("variables")) { out.properties["variable \(name)"] = value }
        for tag in fields.take("tags")?.array ?? [] {
            if let name = tag.text ?? tag["name"]?.text ?? tag["id"]?.text { out.tags.insert(name) }
        }
        let agents = Dictionary(site.agents.map { ($1, $0) }, uniquingKeysWith: { a, _ in a })
        var clock = SmartsuppClock(zone: nil)
        for (place, json) in messages.enumerated() {
            var fields = SmartsuppFields(json)
            let subType = fields.text("sub_type")
            let kind = SmartsuppTicketReader.kind(fields.text("type"), subType)
            guard kind != .event else { continue }
            let isOpening = place == 0
            let marker = isOpening ? Self.extID(row) : Self.extID(json)
            let author: String? =
                switch subType {
                case "agent": fields.text("agent_id").flatMap { agents[$0] ?? $0 }
                case "bot": "bot"
                case "contact", "visitor": fields.text("contact_id").map { $0 == contact ? customer ?? $0 : $0 }
                default: nil
                }
            let content = fields.take("content")
            let words = content?.string ?? content?["text"]?.string ?? ""
            out.messages.append(
                StoredMessage(
                    id: isOpening ? ticket.id : json["id"]?.text ?? "",
                    digest: marker.flatMap { WriteKey.parse(marker: $0)?.digest }, kind: kind, author: author,
                    text: Self.both(words, content?["html"]?.string), createdAt: clock.time(fields.take("created_at")),
                    files: (fields.take("attachments")?.array ?? []).map { file in
                        StoredFile(
                            name: file["file_name"]?.text ?? file["name"]?.text ?? "", size: file["size"]?.int,
                            locator: nil)
                    }))
        }
        return out
    }

    /// From the steps as they are sent.
    ///
    /// Where answers show a text alone, that its markup is gone is no difference: the run says so.
    func expectation(of plan: TicketPlan) async -> ExpectedTicket {
        var out = ExpectedTicket()
        for step in plan.steps {
            let payload = step.payload
            switch payload["op"]?.string {
            case "create":
                let email = payload["contact"]?["email"]?.string?.lowercased()
                let contact = email ?? payload["person"]?.string
                out.properties["contact"] = contact
                // Closed by a later step, else open.
                out.properties["status"] = "open"
                for member in payload["variables"]?.members ?? [] {
                    out.properties["variable \(member.key)"] = member.value.text
                }
                out.messages.append(
                    ExpectedMessage(
                        name: step.name, digest: step.key.digest, kind: .reply, author: contact,
                        texts: [payload["text"]?.string ?? ""]))
            case "message":
                let author: String? =
                    switch payload["sub_type"]?.string {
                    case "agent": payload["agent"]?.string
                    case "contact": out.properties["contact"]
                    default: "bot"
                    }
                let (text, html) = (payload["text"]?.string ?? "", payload["html"]?.string)
                out.messages.append(
                    ExpectedMessage(
                        name: step.name, digest: step.key.digest, kind: .reply, author: author,
                        texts: html == nil ? [text] : [Self.both(text, html), text]))
            case "close": out.properties["status"] = "closed"
            default: continue
            }
        }
        return out
    }

    /// A text, with its markup below it where there is some.
    private static func both(_ text: String, _ html: String?) -> String {
        guard let html, !html.isEmpty else { return text }
        return "\(text)\n\u{0}\(html)"
    }

    /// The address in lower case, or the marker, of a contact; its id where it has neither.
    private func key(ofContact id: String) async throws -> String {
        if let known = contacts.key(ofID: id) { return known }
        guard let row = try await api.find("contacts/\(PercentEncoding.encode(id))") else { return id }
        if let email = row["email"]?.text, !email.isEmpty { return email.lowercased() }
        return row["note"]?.text ?? id
    }

    /// Variables in any of the forms that the service shows.
    private static func variables(_ json: JSON?) -> [(String, String)] {
        let members: [(String, JSON?)] =
            json?.members.map { $0.map { ($0.key, $0.value) } }
            ?? json?.array?.compactMap { item in (item["key"] ?? item["name"])?.text.map { ($0, item["value"]) } } ?? []
        return members.compactMap { name, value in
            (value?["value"] ?? value).flatMap { $0.text }.map { (name, $0) }
        }
    }

    /// The search's own count.
    func independentCount() async throws -> Int? {
        try await api.search(after: nil, size: 1, timezone: "UTC")["total"]?.int
    }
}
