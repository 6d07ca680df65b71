// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// `POST /tickets/{id}/responses`: the author is always the agent who asks.
    func createResponse(_ call: Call, _ id: Int) throws -> JSON {
        guard call["content"]?.phpTruth == true, let content = call["content"]?.plainText else {
            throw Failure.invalid("content", "required", "Reply content is required")
        }
        guard let agent = call.agent else { throw Failure.bare("You do not have permission to reply to this ticket") }
        let ticket = try ticket(call, id)
        let people = [
            "customer": customer(ticket.customerID).map { values($0) } ?? [:], "agent": values(agent),
        ].filter { !$0.value.isEmpty }
        let text = Text.agentReply(content) { Text.smartcodes($0, people: people) }
        let kind = call.field("conversation_type").flatMap { $0.isEmpty ? nil : $0 } ?? "response"
        var reply = store(text, kind: kind, author: agent, ticket: ticket, call)
        var shape = reply.shape
        shape["content"] = .string(Text.string(Text.decode(Array(Rendering.paragraphs(text).utf8))))
        if kind == "response" {
            mailAgentReplied(reply.ticket)
            if reply.closed { mailClosed(reply.ticket) }
        }
        reply.fresh.formUnion(reply.assigned ? ["agent_id"] : [])
        var row = self.shape(reply.ticket, fresh: reply.fresh)
        row["customer"] = customer(reply.ticket.customerID).map { self.shape($0) } ?? .null
        if reply.assigned { row["agent"] = self.shape(agent) }
        if kind == "response" {
            row["mailbox"] = reply.ticket.mailboxID.flatMap { state.mailboxes[$0] }.map { self.shape($0) } ?? .null
        }
        let data: JSON = reply.assigned ? ["agent_id": JSON(agent.id), "agent": self.shape(agent)] : []
        return ["message": "Response has been added", "response": shape, "ticket": row, "update_data": data]
    }

    /// `POST /customer-portal/tickets/{id}/responses`: as the customer whom `on_behalf` names.
    func createCustomerResponse(_ call: Call, _ id: Int) throws -> JSON {
        guard call["content"]?.phpTruth == true, let content = call["content"]?.plainText else {
            throw Failure.invalid("content", "required", "Reply content is required")
        }
        guard let ticket = state.tickets[id] else { throw Failure.notFound("Ticket", String(id)) }
        let customer = try portalCustomer(call)
        try checkAccess(customer, ticket, action: "response")
        let reply = store(Text.customerReply(content), kind: "response", author: customer, ticket: ticket, call)
        mailCustomerReplied(reply.ticket)
        var row = shape(reply.ticket, fresh: reply.fresh)
        row["customer"] = self.customer(reply.ticket.customerID).map { shape($0) } ?? .null
        if let box = reply.ticket.mailboxID.flatMap({ state.mailboxes[$0] }) {
            row["mailbox"] = shape(box)
            if config(.repliedByCustomer, box).status == "yes" {
                row["agent"] = agent(reply.ticket.agentID).map { shape($0) } ?? .null
            }
        }
        return ["message": "Reply has been added", "response": reply.shape, "ticket": row]
    }

    private struct Stored {
        var shape: JSON
        var ticket: Ticket
        /// The ticket's columns that were just set, and so are numbers in the answer.
        var fresh: Set<String>
        var assigned: Bool
        var closed: Bool
    }

    /// Stores a response and moves the ticket's clocks.
    private func store(_ text: String, kind: String, author: Person, ticket: Ticket, _ call: Call) -> Stored {
        let now = localNow
        let source = call.field("source") ?? "web"
        let marker = call["message_id"]?.phpTruth == true ? call.field("message_id") : nil
        let response = insertResponse {
            Response(
                id: $0, ticketID: ticket.id, personID: author.id, kind: String(kind.prefix(100)), content: text,
                source: source, contentHash: Self.md5(text),
                messageID: marker.map { String(String.UnicodeScalarView($0.unicodeScalars.prefix(192))) },
                createdAt: now, updatedAt: now)
        }
        var ticket = ticket
        var fresh: Set<String> = []
        var assigned = false
        if author.isAgent {
            if kind == "response" {
                if ticket.status == "new" {
                    ticket["status"] = "active"
                    ticket["first_response_time"] = String(age(ticket))
                    fresh.insert("first_response_time")
                }
                if ticket.agentID == nil {
                    ticket["agent_id"] = String(author.id)
                    assigned = true
                }
                if call["informational_reply"]?.phpTruth != true {
                    ticket["last_agent_response"] = now
                    ticket["waiting_since"] = now
                }
            }
        } else {
            if let answered = ticket["last_agent_response"], answered > (ticket["last_customer_response"] ?? "") {
                ticket["waiting_since"] = now
            }
            ticket["last_customer_response"] = now
            if var person = state.persons[author.id] {
                person["last_response_at"] = now
                person["updated_at"] = now
                state.persons[author.id] = person
            }
        }
        if kind == "response" {
            ticket["response_count"] = String((ticket["response_count"].flatMap { Int($0) } ?? 0) + 1)
            fresh.insert("response_count")
        }
        let closed = call.field("close_ticket") == "yes" && ticket.status != "closed"
        if closed {
            ticket["status"] = "closed"
            ticket["resolved_at"] = now
            ticket["closed_by"] = String(author.id)
            ticket["total_close_time"] = String(age(ticket))
            fresh.formUnion(["closed_by", "total_close_time"])
            addEvent("Ticket has been closed", ticket: ticket.id, person: author.id)
        }
        // A note changes no column, so the database does not touch updated_at.
        if author.isCustomer || kind == "response" || closed { ticket["updated_at"] = now }
        state.tickets[ticket.id] = ticket
        let hashes = call["attachments"]?.texts ?? []
        let taken = attach(hashes, to: ticket.id, response: response.id, person: author.id, anyTicket: false)
        var shape: JSON = [
            "person_id": JSON(author.id), "ticket_id": JSON(ticket.id), "conversation_type": .string(kind),
            "content": .string(text), "source": .string(source), "content_hash": JSON(response.contentHash),
            "created_at": iso(now), "updated_at": iso(now), "id": JSON(response.id),
            "person": state.persons[author.id].map { self.shape($0) } ?? .null,
        ]
        if let marker { shape["message_id"] = .string(marker) }
        if !taken.isEmpty { shape["attachments"] = .array(taken.map { self.shape($0, call) }) }
        if closed { dropFilesOnClose(ticket.id) }
        return Stored(shape: shape, ticket: ticket, fresh: fresh, assigned: assigned, closed: closed)
    }

    /// What smartcodes may ask of a person.
    private func values(_ person: Person) -> [String: String] {
        var values = person.columns
        values["id"] = String(person.id)
        values["full_name"] = person.fullName
        values["photo"] = Self.photo(person)
        return values
    }

    /// `PUT /tickets/{id}/responses/{id}`: the text alone; its hash goes stale, the ticket's clocks stand still.
    func editResponse(_ call: Call, _ id: Int, _ number: Int) throws -> JSON {
        guard call["content"]?.phpTruth == true, let content = call["content"]?.plainText else {
            throw Failure.invalid("content", "required", "Reply content is required")
        }
        guard let ticket = state.tickets[id] else { throw Failure.missing("Ticket", String(id)) }
        guard var response = state.responses[number] else { throw Failure.missing("Conversation", String(number)) }
        guard call.can("fst_manage_other_tickets") || ticket.agentID == call.agent?.id else {
            throw Failure.bare("Sorry, you do not have permission to update this response.")
        }
        response.content = Text.edited(content)
        response.updatedAt = localNow
        state.responses[number] = response
        return ["message": "Selected response has been updated", "response": shape(response)]
    }

    /// `DELETE /tickets/{id}/responses/{id}`: whether the one belongs to the other is not asked.
    func deleteResponse(_ call: Call, _ id: Int, _ number: Int) throws -> JSON {
        guard let ticket = state.tickets[id] else { throw Failure.missing("Ticket", String(id)) }
        guard let response = state.responses[number] else { throw Failure.missing("Conversation", String(number)) }
        guard call.can("fst_delete_tickets") || ticket.agentID == call.agent?.id else {
            throw Failure.bare("Sorry, you do not have permission to delete this response.")
        }
        removeResponse(response)
        return ["message": "Selected response has been deleted"]
    }
}
