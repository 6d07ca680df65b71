// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// Everything under `/tickets`.
    func tickets(_ call: Call, _ parts: [String]) throws -> JSON {
        try require(call, "fst_manage_own_tickets", "fst_manage_unassigned_tickets", "fst_manage_other_tickets")
        let method = call.request.method
        switch (method, parts.count, parts.first) {
        case ("GET", 0, _): return try listTickets(call)
        case ("POST", 0, _): return try createTicket(call)
        case ("GET", 1, "ticket-essentials"): return essentials()
        case ("POST", 1, "bulk-actions"): return try bulk(call)
        case ("GET", 1, "search-contact"): return searchContact(call)
        default: break
        }
        guard let word = parts.first, let id = Int(word), id >= 0 else { throw Failure.noRoute }
        switch (method, parts.dropFirst().first, parts.count) {
        case ("GET", nil, 1): return try getTicket(call, id)
        case ("POST", "responses", 2): return try createResponse(call, id)
        case ("PUT", "responses", 3): return try editResponse(call, id, Int(parts[2]) ?? 0)
        case ("DELETE", "responses", 3): return try deleteResponse(call, id, Int(parts[2]) ?? 0)
        // The plugin's handler is empty: it answers and does nothing.
        case ("POST", "customer-responses", 2): return ""
        case ("PUT", "property", 2): return try setProperty(call, id)
        case ("POST", "tags", 2): return try addTag(call, id)
        case ("DELETE", "tags", 3): return try removeTag(call, id, Int(parts[2]) ?? 0)
        case ("POST", "close", 2): return try close(call, id)
        case ("POST", "re-open", 2): return try reopen(call, id)
        case ("DELETE", "delete", 2): return try delete(call, id)
        case ("PUT", "change-customer", 2): return try changeCustomer(call, id)
        case ("GET", "custom-data", 2): return ["custom_data": [], "rendered_fields": []]
        default: throw Failure.noRoute
        }
    }

    /// Whether an agent may see and change a ticket.
    func may(see ticket: Ticket, _ call: Call, _ agent: Person) -> Bool {
        if let restricted = agent.restricted, let box = ticket.mailboxID, restricted.contains(box) { return false }
        if call.can("fst_manage_other_tickets") { return true }
        if let owner = ticket.agentID { return owner == agent.id && call.can("fst_manage_own_tickets") }
        return call.can("fst_manage_unassigned_tickets")
    }

    /// A ticket that the one who asks may work on.
    func ticket(_ call: Call, _ id: Int) throws -> Ticket {
        let agent = try requireAgent(call)
        guard let ticket = state.tickets[id] else { throw Failure.missing("Ticket", String(id)) }
        guard may(see: ticket, call, agent) else {
            throw Failure.bare("Sorry, You do not have permission to this ticket")
        }
        return ticket
    }

    /// `POST /tickets`: a ticket made by an agent for a customer.
    func createTicket(_ call: Call) throws -> JSON {
        let given = call["ticket"] ?? .null
        if given["title"]?.phpTruth != true {
            throw Failure.invalid("ticket.title", "required", "Ticket title is required")
        }
        if given["content"]?.phpTruth != true {
            throw Failure.invalid("ticket.content", "required", "Ticket content is required")
        }
        if given["create_customer"]?.plainText == "yes", call["newCustomer"]?["email"]?.phpTruth != true {
            throw Failure.invalid("newCustomer.email", "required", "Customer email is required")
        }
        var columns: [String: String] = [:]
        var order: [String] = []
        for member in given.members ?? [] where Self.fillable.contains(member.key) {
            guard let text = member.value.plainText else { continue }
            switch member.key {
            case "customer_id", "mailbox_id", "product_id": columns[member.key] = String(member.value.phpInt)
            case "content": columns[member.key] = Text.ticketBody(text)
            case "title": columns[member.key] = Text.title(text)
            default: columns[member.key] = Text.field(text)
            }
            order.append(member.key)
        }
        if columns["customer_id"] == nil || columns["customer_id"] == "0" {
            let person = try findOrMakeCustomer(call["newCustomer"] ?? .null)
            columns["customer_id"] = String(person.id)
            order.append("customer_id")
        }
        let number = columns["customer_id"] ?? ""
        guard let customer = customer(Int(number)) else { throw Failure.notFound("Customer", number) }
        let box = columns["mailbox_id"] ?? "0"
        if box == "0" {
            columns["mailbox_id"] = defaultMailbox().map { String($0.id) }
            order.append("mailbox_id")
        } else if Int(box).flatMap({ state.mailboxes[$0] }) == nil {
            throw Failure.notFound("MailBox", box)
        }
        if let product = columns["product_id"], product != "0" {
            columns["product_source"] = "local"
            order.append("product_source")
        }
        let (ticket, answer) = store(columns, order: order, customer: customer)
        attach(call["attachments"]?.texts ?? [], to: ticket.id, response: nil, person: customer.id, anyTicket: true)
        var shape = answer
        if call["attachments"]?.texts.isEmpty == false {
            shape["attachments"] = .array(
                attachments(of: ticket.id).filter { $0.responseID == nil && $0.status == "active" }
                    .map { self.shape($0, call) })
        }
        mailCreated(ticket, customer: customer, byAgent: true)
        return ["message": "Ticket has been successfully created", "ticket": shape]
    }

    /// Stores a new ticket and gives it with the answer that the plugin would give: the values as they were sent, not as
    /// the database cut them.
    func store(_ columns: [String: String], order: [String], customer: Person) -> (Ticket, JSON) {
        var columns = columns
        let now = localNow
        let sent = columns["slug"] ?? ""
        columns["slug"] = sent.isEmpty ? uniqueSlug(columns["title"] ?? "") : sent
        columns["hash"] = token(8) + String(Int.random(in: 10...99, using: &random))
        columns["content_hash"] = Self.md5(columns["content"] ?? "")
        for column in ["last_customer_response", "created_at", "updated_at", "waiting_since"] { columns[column] = now }
        var answer = JSON.object([])
        let generated = [
            "slug", "hash", "content_hash", "last_customer_response", "created_at", "updated_at", "waiting_since",
        ]
        for column in order + generated {
            answer[column] = value(
                Ticket(id: 0, columns: columns), column, fresh: ["customer_id", "mailbox_id", "product_id"])
        }
        let defaults = [
            "privacy": "private", "priority": "normal", "client_priority": "normal", "status": "new",
            "response_count": "0",
        ]
        columns.merge(defaults) { given, _ in given }
        for (column, text) in columns {
            if text.isEmpty, Self.moments.contains(column) || Self.numeric.contains(column) { columns[column] = nil }
            if Self.moments.contains(column), CivilTime.seconds(text) == nil { columns[column] = nil }
            // VARCHAR(192): the rest is cut off without a word.
            if column != "content", text.unicodeScalars.count > 192 {
                columns[column] = String(String.UnicodeScalarView(text.unicodeScalars.prefix(192)))
            }
        }
        let stored = columns
        let ticket = state.tickets.insert { Ticket(id: $0, columns: stored) }
        answer["id"] = JSON(ticket.id)
        if let box = ticket.mailboxID.flatMap({ state.mailboxes[$0] }) { answer["mailbox"] = shape(box) }
        if var person = state.persons[customer.id] {
            person["last_response_at"] = now
            person["updated_at"] = now
            state.persons[person.id] = person
        }
        return (ticket, answer)
    }

    private func uniqueSlug(_ title: String) -> String {
        let slug = Text.slug(title)
        return state.tickets.all.contains { $0["slug"] == slug } ? "\(slug)-\(seconds)" : slug
    }

    private func findOrMakeCustomer(_ given: JSON) throws -> Person {
        let email = given["email"]?.plainText?.trimmingBlanks() ?? ""
        guard Self.isEmail(email) else { throw Failure.message("Ticket could not be created") }
        if let known = customer(email: email) { return known }
        return insertPerson(customerColumns(given).merging(["status": "active"]) { given, _ in given }, agent: false)
    }

    func defaultMailbox() -> Mailbox? {
        state.mailboxes.all.first { $0.isDefault } ?? state.mailboxes.all.first { _ in true }
    }

    /// `GET /tickets/{id}`: texts rendered, responses newest first and twice.
    func getTicket(_ call: Call, _ id: Int) throws -> JSON {
        let agent = try requireAgent(call)
        let relations = call["with"]?.array?.compactMap(\.plainText).map { Text.field($0) } ?? []
        let known = [
            "customer", "agent", "product", "mailbox", "tags", "attachments", "responses", "closed_by_person",
            "watchers",
            "preview_response",
        ]
        if let wrong = relations.first(where: { !known.contains($0) }) {
            throw Failure.bare(
                "Call to undefined relationship [\(wrong)] on model [FluentSupport\\App\\Models\\Ticket].")
        }
        guard let ticket = state.tickets[id] else { throw Failure.missing("Ticket", String(id)) }
        guard let customer = customer(ticket.customerID) else {
            throw Failure.crash("Call to a member function getUserProfileEditUrl() on null")
        }
        guard may(see: ticket, call, agent) else {
            throw Failure.bare("Sorry, You do not have permission to this ticket")
        }
        let with = relations.isEmpty ? ["customer", "agent", "product", "mailbox", "tags", "attachments"] : relations
        var row = shape(ticket)
        row["content"] = .string(Rendering.page(ticket["content"] ?? ""))
        row["live_activity"] = [
            [
                "email": .string(agent.email), "first_name": JSON(agent["first_name"]),
                "last_name": JSON(agent["last_name"]), "full_name": .string(agent.fullName),
                "photo": .string(Self.photo(agent)),
            ]
        ]
        row["carbon_copy"] = ""
        var person = shape(customer)
        person["custom_field_keys"] = nil
        person["custom_field_keys"] = .null
        person["profile_edit_url"] = .string(
            customer.userID.map { "\(call.site)/wp-admin/user-edit.php?user_id=\($0)" } ?? "")
        row["customer"] = person
        for relation in with {
            switch relation {
            case "agent": row["agent"] = self.agent(ticket.agentID).map { shape($0) } ?? .null
            case "product":
                row["product"] = ticket.productID.flatMap { state.products[$0] }.map { shape($0) } ?? .null
            case "mailbox":
                row["mailbox"] = ticket.mailboxID.flatMap { state.mailboxes[$0] }.map { shape($0) } ?? .null
            case "tags": row["tags"] = tagShapes(id)
            case "attachments":
                row["attachments"] = .array(
                    attachments(of: id).filter { $0.status == "active" && $0.responseID == nil }.map { shape($0, call) }
                )
            default: break
            }
        }
        if ticket.status == "closed" {
            row["closed_by_person"] = ticket.closedBy.flatMap { state.persons[$0] }.map { shape($0) } ?? .null
        }
        let all = responses(of: id).reversed().map { response -> JSON in
            var one = shape(response)
            one["content"] = .string(Rendering.page(response.content))
            one["cc_info"] = ""
            one["person"] = state.persons[response.personID].map { shape($0) } ?? .null
            one["attachments"] = .array(files(of: response).map { shape($0, call) })
            one["ccinfo"] = .null
            return one
        }
        row["responses"] = .array(all)
        return ["ticket": row, "responses": .array(all), "agent_id": JSON(agent.id)]
    }

    func files(of response: Response) -> [Attachment] {
        attachments(of: response.ticketID).filter { $0.responseID == response.id }
    }

    /// `GET /tickets/ticket-essentials`: what forms need.
    func essentials() -> JSON {
        let priorities: JSON = ["normal": "Normal", "medium": "Medium", "critical": "Critical"]
        return [
            "client_priorities": priorities, "admin_priorities": priorities,
            "ticket_statuses_group": [
                "open": ["new", "active"], "active": ["active"], "closed": ["closed"], "new": ["new"], "all": [],
            ],
            "changeable_ticket_statuses": ["active": ["active"], "closed": ["closed"], "new": ["new"]],
            "ticket_statuses": ["new": "New", "active": "Active", "closed": "Closed"],
            "agents": .array(
                state.persons.all.filter(\.isAgent).map {
                    [
                        "id": JSON($0.id), "first_name": JSON($0["first_name"]), "last_name": JSON($0["last_name"]),
                        "full_name": .string($0.fullName), "photo": "",
                    ]
                }),
            "enable_draft_mode": business["enable_draft_mode"] ?? "no",
            "max_file_upload": business["max_file_upload"] ?? 3,
            "support_products": .array(state.products.all.map { ["id": JSON($0.id), "title": .string($0.title)] }),
            "ticket_tags": .array(state.tags.all.map { ["id": JSON($0.id), "title": .string($0.title)] }),
            "mailboxes": .array(
                state.mailboxes.all.map {
                    [
                        "id": JSON($0.id), "name": .string($0.name),
                        "settings": ["admin_email_address": .string($0.adminEmail)],
                    ]
                }),
        ]
    }
}
