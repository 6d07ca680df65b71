// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// The customers' side, also for agents who speak for a customer with `on_behalf`.
    func portal(_ call: Call, _ parts: [String]) throws -> JSON {
        guard call.user != nil else { throw Failure.forbidden(loggedIn: false) }
        if call["on_behalf"]?.phpTruth == true { try require(call, "fst_sensitive_data", "fst_manage_other_tickets") }
        let method = call.request.method
        switch (method, parts.first, parts.count) {
        case ("GET", "me", 1): return try me(call)
        case ("POST", "ticket_file_upload", 1): return try upload(call)
        case ("GET", "tickets", 1): return try portalTickets(call)
        case ("POST", "tickets", 1): return try createPortalTicket(call)
        default: break
        }
        guard parts.first == "tickets", parts.count > 1, let id = Int(parts[1]) else { throw Failure.noRoute }
        switch (method, parts.dropFirst(2).first, parts.count) {
        case ("GET", nil, 2): return try portalTicket(call, id)
        case ("POST", "responses", 3): return try createCustomerResponse(call, id)
        case ("POST", "close", 3), ("POST", "re-open", 3):
            guard var ticket = state.tickets[id] else { throw Failure.notFound("Ticket", String(id)) }
            let customer = try portalCustomer(call)
            if parts[2] == "close" {
                try checkAccess(customer, ticket, action: "close")
                let closed = close(ticket, by: customer, loud: true)
                return ["message": "Ticket has been closed", "ticket": shape(closed)]
            }
            try checkAccess(customer, ticket, action: "reopen")
            if ticket.status == "closed" {
                ticket["status"] = "active"
                ticket["waiting_since"] = localNow
                ticket["updated_at"] = localNow
                state.tickets[id] = ticket
                addEvent("Ticket has been reopened", ticket: id, person: customer.id)
            }
            return ["message": "Ticket has been opened again", "ticket": shape(customer)]
        default: throw Failure.noRoute
        }
    }

    /// The customer for whom a request speaks: whom `on_behalf` names, else the login's own customer record.
    func portalCustomer(_ call: Call) throws -> Person {
        let email = call["on_behalf"]?["email"]?.plainText.map { Text.field($0) }
        let found =
            if let email { customer(email: email) } else {
                state.persons.all.first {
                    $0.isCustomer && ($0.userID == call.user?.id || $0.email == call.user?.email)
                }
            }
        guard let found else { throw Self.portalFailure("Sorry! No customer found") }
        return found
    }

    /// Who is blocked, or no owner of a private ticket, may not.
    func checkAccess(_ customer: Person, _ ticket: Ticket, action: String?) throws {
        if customer["status"] == "inactive" {
            throw Self.portalFailure("Sorry, You do not have access to customer portal")
        }
        guard ticket["privacy"] == "private", customer.id != ticket.customerID else { return }
        throw Self.portalFailure(
            action.map { "Sorry! You cannot \($0) this ticket" }
                ?? "You do not have permission to view this support ticket")
    }

    static func portalFailure(_ text: String) -> Failure {
        Failure(status: 422, body: ["message": .string(text), "error_type": 0])
    }

    /// `POST /customer-portal/tickets`: makes customer and ticket; the message_id is one of the plugin's own.
    private func createPortalTicket(_ call: Call) throws -> JSON {
        guard call["title"]?.phpTruth == true, let title = call["title"]?.plainText else {
            throw Failure.invalid("title", "required", "Title is required")
        }
        guard call["content"]?.phpTruth == true, let content = call["content"]?.plainText else {
            throw Failure.invalid("content", "required", "Content is required")
        }
        let given = call["on_behalf"] ?? .null
        let email = given["email"]?.plainText.map { Text.field($0) } ?? call.user?.email ?? ""
        guard Self.isEmail(email) else {
            throw Failure(
                status: 403,
                body: [
                    "message": "Unable to identify. Please make sure you have provided correct information.",
                    "error_type": "403",
                ])
        }
        var columns = customerColumns(given)
        columns["email"] = email
        columns["status"] = "active"
        if let user = state.users.all.first(where: { $0.email.lowercased() == email.lowercased() }) {
            columns["user_id"] = String(user.id)
            if !user.firstName.isEmpty { columns["first_name"] = user.firstName }
            if !user.lastName.isEmpty { columns["last_name"] = user.lastName }
        }
        let customer = self.customer(email: email) ?? insertPerson(columns, agent: false)
        if customer["status"] == "inactive" {
            throw Self.portalFailure("Sorry, You do not have access to customer portal")
        }
        let box = state.mailboxes[call.int("mailbox_id")] ?? defaultMailbox()
        var row: [String: String] = [:]
        for member in call.parameters.members ?? [] where Self.fillable.contains(member.key) {
            row[member.key] = member.value.plainText.map { Text.field($0) }
        }
        row["title"] = Text.title(title)
        row["content"] = Text.ticketBody(content)
        row["customer_id"] = String(customer.id)
        row["mailbox_id"] = box.map { String($0.id) }
        row["product_source"] = "local"
        row["source"] = "web"
        row["message_id"] = "<\(token(10)).\(token(8))@\(email.split(separator: "@").last ?? "")>"
        let (ticket, answer) = store(row, order: row.keys.sorted(), customer: customer)
        attach(call["attachments"]?.texts ?? [], to: ticket.id, response: nil, person: customer.id, anyTicket: true)
        mailCreated(ticket, customer: customer, byAgent: false)
        return ["message": "Ticket has been created successfully", "ticket": answer]
    }

    private func portalTickets(_ call: Call) throws -> JSON {
        guard let customer = try? portalCustomer(call) else {
            return [
                "tickets": [
                    "data": [], "current_page": 1, "last_page": 1, "per_page": 10, "total": 0, "from": .null,
                    "to": .null,
                ]
            ]
        }
        guard customer["status"] == "active" else {
            throw Failure(
                status: 403,
                body: ["message": "Your account is not active. Please contact support.", "error_type": "403"])
        }
        let groups = ["open": ["new", "active", "on-hold"], "closed": ["closed"]]
        let wanted = call.field("filter_type").flatMap { groups[$0] }
        let rows = state.tickets.all.filter {
            $0.customerID == customer.id && (wanted?.contains($0.status) ?? true)
        }.sorted { ($0["created_at"] ?? "", $0.id) > ($1["created_at"] ?? "", $1.id) }
        var sized = call
        if call["per_page"] == nil {
            sized = Call(call.request, site: options.url)
            return [
                "tickets": try paginate(
                    rows, sized, path: "customer-portal/tickets", table: "wp_fs_tickets", order: "", shape: portalRow)
            ]
        }
        return [
            "tickets": try paginate(
                rows, sized, path: "customer-portal/tickets", table: "wp_fs_tickets", order: "", shape: portalRow)
        ]
    }

    private func portalRow(_ ticket: Ticket) -> JSON {
        var row = shape(ticket)
        row["human_date"] = "some time ago"
        row["preview_response"] =
            responses(of: ticket.id).last { $0.kind == "response" }.map { shape($0) } ?? .null
        return row
    }

    /// `GET /customer-portal/tickets/{id}`: responses only, their texts without paragraphs made of them; no e-mails.
    private func portalTicket(_ call: Call, _ id: Int) throws -> JSON {
        guard let ticket = state.tickets[id] else {
            throw Failure.crash("Attempt to assign property \"human_date\" on null")
        }
        let customer = try portalCustomer(call)
        try checkAccess(customer, ticket, action: nil)
        func hidden(_ person: Person?) -> JSON {
            guard let person else { return .null }
            var row = shortShape(person)
            row["email"] = nil
            row["person_type"] = JSON(person["person_type"])
            return row
        }
        var row = shape(ticket)
        row["content"] = .string(Rendering.portal(ticket["content"] ?? ""))
        row["human_date"] = "some time ago"
        row["customer"] = hidden(self.customer(ticket.customerID))
        row["agent"] = hidden(agent(ticket.agentID))
        row["product"] = ticket.productID.flatMap { state.products[$0] }.map { shape($0) } ?? .null
        row["attachments"] = .array(
            attachments(of: id).filter { $0.status == "active" && $0.responseID == nil }.map { shape($0, call) })
        let all = responses(of: id).reversed().filter { $0.kind == "response" }.map { response -> JSON in
            var one = shape(response)
            one["content"] = .string(Rendering.portal(response.content))
            one["human_date"] = "some time ago"
            one["person"] = hidden(state.persons[response.personID])
            one["attachments"] = .array(files(of: response).map { shape($0, call) })
            return one
        }
        return ["ticket": row, "responses": .array(all), "sign_on_id": JSON(ticket["customer_id"])]
    }
}
