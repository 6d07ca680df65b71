// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Migration
internal import TicketModel
internal import Transport

/// What the site holds, for verify: two requests a ticket, a third where replies do not say which are internal.
///
/// Texts are compared as they were sent, byte for byte, with their marker's line: only HTML that WordPress' filter leaves
/// as it is was sent. Lines of the system are nobody's words and are left out. A key that is not shown internal notes
/// finds them missing.
extension SmartSupportTarget {
    package func stored(ticket: Receipt) async throws -> StoredTicket? {
        let (api, site) = (api, site)
        guard let row = try await api.ticket(ticket.id), let replies = try await replies(of: ticket.id, api) else {
            return nil
        }
        var open: Set<String> = []
        if replies.contains(where: { SmartSupportTicketReader.isInternal($0) == nil }) {
            let without = try await api.replies(ticket.id, notes: false) ?? []
            open = Set(without.compactMap { SmartSupportAPI.id($0, "reply") })
        }
        let read = SmartSupportTicketReader(clock: site.clock).ticket(row, replies: replies)
        let internals = Dictionary(
            replies.map { row in
                let id = SmartSupportAPI.id(row, "reply") ?? ""
                return (id, SmartSupportTicketReader.isInternal(row) ?? !open.contains(id))
            }, uniquingKeysWith: { $0 || $1 })
        var out = StoredTicket(
            id: ticket.id, url: read.url ?? api.page(ofTicket: ticket.id), tags: Set(read.tags),
            fingerprint: Self.stored(row))
        for name in ["subject", "status", "priority", "department", "product", "agent", "customer"] {
            out.properties[name] = Self.property(name, of: row, site: site)
        }
        for (place, message) in read.messages.enumerated() where message.kind != .event {
            let isOpening = place == 0 && message.id == nil
            let text = message.body?.content ?? ""
            let isInternal = !isOpening && internals[message.id ?? ""] != false
            out.messages.append(
                StoredMessage(
                    id: isOpening ? ticket.id : message.id ?? "", digest: SmartSupportText.marker(in: text)?.digest,
                    kind: isInternal ? .note : .reply, author: message.author?.email?.lowercased(), text: text,
                    createdAt: message.createdAt,
                    files: message.attachments.map {
                        StoredFile(name: $0.name ?? "", size: $0.size, locator: nil)
                    }))
        }
        return out
    }

    /// From the steps as they are sent; an agent whose user id nobody told may turn out to be none, so that the text
    /// under the line that names them is as right.
    package func expectation(of plan: TicketPlan) async -> ExpectedTicket {
        let site = site
        var out = ExpectedTicket()
        for step in plan.steps {
            let payload = step.payload
            switch payload["op"]?.string {
            case "create":
                for name in ["subject", "status", "priority", "department", "product", "agent"] {
                    let value = payload[name]?.string
                    out.properties[name] = value.flatMap { Self.wanted(name, $0, site: site) }
                }
                let customer = payload["email"]?.string?.lowercased()
                out.properties["customer"] = customer
                out.messages.append(
                    ExpectedMessage(
                        name: step.name, digest: step.key.digest, kind: .reply, author: customer,
                        texts: [payload["text"]?.string ?? ""]))
            case "reply", "note": out.messages.append(Self.expected(step, site: site))
            case "set":
                guard let name = payload["name"]?.string, let value = payload["value"]?.string else { continue }
                out.properties[name] = Self.wanted(name, value, site: site)
            default: continue
            }
        }
        return out
    }

    private static func expected(_ step: Step, site: SmartSupportSite) -> ExpectedMessage {
        let payload = step.payload
        let isNote = payload["op"]?.string == "note"
        var writer = SmartSupportPlanner.writer(payload, site: site)
        if isNote, writer.isCustomer, let service = site.service { writer = .init(email: service, isHeaded: true) }
        let (text, headed) = (payload["text"]?.string, payload["headed"]?.string)
        let isSure = writer.isHeaded || writer.isCustomer || site.agentID(writer.email) != nil
        let texts = isSure ? [(writer.isHeaded ? headed : nil) ?? text] : [text, headed]
        return ExpectedMessage(
            name: step.name, digest: step.key.digest, kind: isNote ? .note : .reply,
            author: isSure ? writer.email.lowercased() : nil, texts: texts.compactMap { $0 })
    }

    /// The total that the list's answer tells beside its rows.
    package func independentCount() async throws -> Int? {
        let api = api
        let answer = try await api.client.read(APICall(.get, "tickets", query: [("page", "1"), ("per_page", "1")]))
        guard answer.isSuccess else { throw SmartSupportAPI.diagnostic(of: answer, client: api.client) }
        return SmartSupportAPI.total(answer)
    }

    // MARK: Properties

    /// A property as a ticket shows it, in the words that ``wanted(_:_:site:)`` uses; nil where it does not.
    static func property(_ name: String, of row: JSON, site: SmartSupportSite) -> String? {
        let ticket = SmartSupportTicketReader(clock: site.clock).ticket(row, replies: [])
        func named(_ shown: String?, _ all: [SmartSupportSite.Named]) -> String? {
            let id = row["\(name)_id"]?.text ?? row[name].flatMap { SmartSupportAPI.id($0, name) }
            return id.flatMap { id in all.first { $0.id == id }?.name } ?? shown
        }
        switch name {
        case "status": return ticket.statusLabel
        case "priority": return ticket.priorityLabel
        case "department": return named(ticket.department, site.departments)
        case "product": return named(ticket.product, site.products)
        case "agent":
            let id = ticket.assignee?.id
            return ticket.assignee?.email?.lowercased() ?? site.agents.first { $0.value != nil && $0.value == id }?.key
        case "customer": return ticket.requester?.email?.lowercased()
        default: return ticket.subject
        }
    }

    /// What a property must be once it is set; nil where the site's word for it is not known.
    static func wanted(_ name: String, _ value: String, site: SmartSupportSite) -> String? {
        func named(_ all: [SmartSupportSite.Named]) -> String? {
            SmartSupportSite.find(value, in: all).flatMap { $0.id == nil ? nil : $0.name }
        }
        switch name {
        case "department": return named(site.departments)
        case "product": return named(site.products)
        case "agent": return site.agentID(value) == nil ? nil : value.lowercased()
        default: return value
        }
    }
}
