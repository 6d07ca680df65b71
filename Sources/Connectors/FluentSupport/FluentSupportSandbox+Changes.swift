// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// `PUT /tickets/{id}/property`: any column.
    ///
    /// Falsy values and dates of another form are answered with 200 and change nothing.
    func setProperty(_ call: Call, _ id: Int) throws -> JSON {
        var ticket = try ticket(call, id)
        let agent = try requireAgent(call)
        let name = Text.field(call.field("prop_name") ?? "")
        let text = Text.field(call.field("prop_value") ?? "")
        let words = name.split(separator: "_").joined(separator: " ")
        let message = "\(words.prefix(1).uppercased())\(words.dropFirst()) has been updated"
        let before = ticket[name]
        if name == "agent_id" {
            guard call.can("fst_assign_agents") else { throw Failure.bare("Permission denied to assign agent") }
            guard let other = self.agent(Int(text)) else { throw Failure.missing("Agent", text) }
            if let box = ticket.mailboxID, other.restricted?.contains(box) == true {
                throw Failure.bare("Agent is restricted for this mailbox ticket")
            }
        }
        if !name.isEmpty, !text.isEmpty, text != "0", before != text {
            guard Self.ticketColumns.contains(name) else {
                throw Failure.bare(
                    "Unknown column '\(name)' in 'field list' (SQL: update `wp_fs_tickets` set `\(name)` = \(text), "
                        + "`wp_fs_tickets`.`updated_at` = \(localNow) where `id` = \(id))")
            }
            let lost = Self.moments.contains(name) && CivilTime.seconds(text) == nil
            if !lost {
                let cut = String(String.UnicodeScalarView(text.unicodeScalars.prefix(192)))
                ticket[name] =
                    name == "content" ? text : Self.numeric.contains(name) ? String(JSON.string(text).phpInt) : cut
                if name != "updated_at" { ticket["updated_at"] = localNow }
                state.tickets[id] = ticket
            }
        }
        var data = JSON.array([])
        if name == "product_id" {
            data = ["product": ticket.productID.flatMap { state.products[$0] }.map { shape($0) } ?? .null]
        } else if name == "agent_id", let other = self.agent(ticket.agentID) {
            let line =
                other.userID != agent.userID
                ? "\(agent.fullName) assigned \(other.fullName) in this ticket"
                : "\(agent.fullName) assign this ticket to self"
            addEvent(line, ticket: id, person: agent.id)
            if before != ticket["agent_id"] { mailAssigned(ticket, to: other, by: call.user) }
            data = ["agent": shape(other), "assigner": shape(agent)]
        }
        return ["message": .string(message), "update_data": data]
    }

    /// A line that the plugin writes into the ticket by itself.
    func addEvent(_ text: String, ticket: Int, person: Int) {
        let now = localNow
        _ = insertResponse {
            Response(
                id: $0, ticketID: ticket, personID: person, kind: "internal_info", content: text, source: "web",
                contentHash: nil, messageID: nil, createdAt: now, updatedAt: now)
        }
    }

    /// Closes a ticket that is not; `loud` fires what hangs on closing.
    func close(_ ticket: Ticket, by person: Person, loud: Bool) -> Ticket {
        guard ticket.status != "closed" else { return ticket }
        var ticket = ticket
        ticket["status"] = "closed"
        ticket["resolved_at"] = localNow
        ticket["closed_by"] = String(person.id)
        ticket["total_close_time"] = String(age(ticket))
        ticket["updated_at"] = localNow
        state.tickets[ticket.id] = ticket
        if loud {
            if person.isAgent { mailClosed(ticket) }
            dropFilesOnClose(ticket.id)
        }
        addEvent("Ticket has been closed", ticket: ticket.id, person: person.id)
        return ticket
    }

    /// Seconds since a ticket was made, by the site's clock.
    func age(_ ticket: Ticket) -> Int {
        let now = CivilTime.seconds(localNow) ?? 0
        return now - (ticket["created_at"].flatMap { CivilTime.seconds($0) } ?? now)
    }

    /// With `del_files_on_close` the files of a ticket go when it is closed aloud.
    func dropFilesOnClose(_ ticket: Int) {
        guard business["del_files_on_close"]?.string == "yes" else { return }
        for file in attachments(of: ticket) { removeAttachment(file) }
    }

    /// `POST /tickets/{id}/close`.
    ///
    /// The flag that says "silently" is turned round: any true value fires the mails.
    func close(_ call: Call, _ id: Int) throws -> JSON {
        let before = try ticket(call, id)
        let agent = try requireAgent(call)
        let flag = call["close_ticket_silently"]
        let said = flag?.plainText?.lowercased() ?? ""
        let loud = flag?.phpTruth == true && said != "false"
        let ticket = close(before, by: agent, loud: loud)
        let fresh: Set<String> = before.status == "closed" ? [] : ["closed_by", "total_close_time"]
        return ["message": "Ticket has been closed", "ticket": shape(ticket, fresh: fresh)]
    }

    /// `POST /tickets/{id}/re-open`: answers with the agent under the key of the ticket.
    func reopen(_ call: Call, _ id: Int) throws -> JSON {
        var ticket = try ticket(call, id)
        let agent = try requireAgent(call)
        if ticket.status == "closed" {
            ticket["status"] = "active"
            ticket["waiting_since"] = localNow
            ticket["updated_at"] = localNow
            state.tickets[id] = ticket
            addEvent("Ticket has been reopened", ticket: id, person: agent.id)
        }
        return ["message": "Ticket has been opened again", "ticket": shape(agent)]
    }

    /// `DELETE /tickets/{id}/delete`: an agent may delete what is assigned to them even without the permission.
    func delete(_ call: Call, _ id: Int) throws -> JSON {
        let agent = call.agent
        guard let ticket = state.tickets[id] else { throw Failure.notFound("Ticket", String(id)) }
        guard call.can("fst_delete_tickets") || (agent != nil && ticket.agentID == agent?.id) else {
            throw Failure.bare("You are not allowed to delete this ticket")
        }
        remove(ticket)
        return ["message": "Ticket has been deleted successfully"]
    }

    /// Removes a ticket with its files and responses; the links to its tags stay behind.
    func remove(_ ticket: Ticket) {
        for file in attachments(of: ticket.id) { removeAttachment(file) }
        for response in responses(of: ticket.id) { removeResponse(response) }
        state.tickets[ticket.id] = nil
        index.responses[ticket.id] = nil
        index.attachments[ticket.id] = nil
    }

    func changeCustomer(_ call: Call, _ id: Int) throws -> JSON {
        let customer = call.int("customer")
        guard customer != 0 else { throw Failure.bare("Invalid customer selected.") }
        guard var ticket = state.tickets[id], ticket.customerID != customer else {
            throw Failure.bare("Ticket not found or customer already assigned.")
        }
        ticket["customer_id"] = String(customer)
        ticket["updated_at"] = localNow
        state.tickets[id] = ticket
        return ["message": "Customer has been updated"]
    }

    /// `POST /tickets/{id}/tags`: the tags in the answer are those before the change; updated_at stays.
    func addTag(_ call: Call, _ id: Int) throws -> JSON {
        guard state.tickets[id] != nil else { throw Failure.notFound("Ticket", String(id)) }
        let before = tagShapes(id)
        link(ticket: id, tag: call.int("tag_id"))
        return ["message": "Tag has been added to this ticket", "tags": before]
    }

    func removeTag(_ call: Call, _ id: Int, _ tag: Int) throws -> JSON {
        guard state.tickets[id] != nil else { throw Failure.notFound("Ticket", String(id)) }
        let before = tagShapes(id)
        unlink(ticket: id, tag: tag)
        return ["message": "Tag has been removed from this ticket", "tags": before]
    }

    /// `POST /tickets/bulk-actions`.
    ///
    /// Of a string of ids only the first number is read.
    func bulk(_ call: Call) throws -> JSON {
        let action = call.field("bulk_action") ?? ""
        if action == "delete_tickets" { try require(call, "fst_delete_tickets") }
        let given = call["ticket_ids"] ?? .array([])
        guard let list = given.array ?? given.members?.map(\.value) else {
            throw Failure.crash("array_map(): Argument #2 ($array) must be of type array, string given")
        }
        let ids = Set(list.map(\.phpInt))
        var rows = ids.sorted().compactMap { state.tickets[$0] }
        if !call.can("fst_manage_other_tickets") { rows = rows.filter { $0.agentID == call.agent?.id } }
        switch action {
        case "close_tickets":
            let agent = try requireAgent(call)
            for ticket in rows { _ = close(ticket, by: agent, loud: true) }
            return ["message": .string("\(rows.count) tickets have been closed.")]
        case "delete_tickets":
            for ticket in rows { remove(ticket) }
            return ["message": .string("\(rows.count) tickets have been deleted")]
        case "assign_agent":
            guard call["agent_id"] != nil else { throw Failure.bare("agent_id param is required") }
            guard let agent = agent(call.int("agent_id")) else {
                throw Failure.missing("Agent", String(call.int("agent_id")))
            }
            rows = rows.filter { $0.agentID != agent.id }
            let allowed = rows.filter { ticket in
                ticket.mailboxID.map { agent.restricted?.contains($0) != true } ?? true
            }
            for var ticket in allowed {
                ticket["agent_id"] = String(agent.id)
                ticket["updated_at"] = localNow
                state.tickets[ticket.id] = ticket
                mailAssigned(ticket, to: agent, by: call.user)
            }
            let skipped = rows.count - allowed.count
            let rest = " \(skipped) tickets were skipped due to mailbox restrictions or already being assigned."
            return [
                "message": .string(
                    "\(allowed.count) tickets have been assigned to \(agent.fullName).\(skipped > 0 ? rest : "")")
            ]
        case "assign_tags":
            guard let tags = call["tag_ids"] else { throw Failure.bare("tag_ids param is required") }
            let wanted = (tags.array ?? []).map { abs($0.phpInt) }.filter { $0 != 0 }
            for ticket in rows { for tag in wanted { link(ticket: ticket.id, tag: tag) } }
            return ["message": "Selected tags has been added to tickets"]
        default:
            throw Failure.bare("Sorry no action found as available")
        }
    }
}
