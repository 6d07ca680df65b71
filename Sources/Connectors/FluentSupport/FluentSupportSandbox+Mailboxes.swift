// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// Everything under `/mailboxes`.
    func mailboxes(_ call: Call, _ parts: [String]) throws -> JSON {
        try require(call, "fst_manage_settings")
        let method = call.request.method
        if parts.isEmpty {
            switch method {
            case "GET": return listMailboxes()
            case "POST": return try createMailbox(call)
            default: throw Failure.noRoute
            }
        }
        guard let id = Int(parts[0]) else { throw Failure.noRoute }
        switch (method, parts.dropFirst().first, parts.count) {
        case ("GET", nil, 1): return ["mailbox": shape(try mailbox(id))]
        case ("PUT", nil, 1): return try updateMailbox(call, id)
        case ("DELETE", nil, 1): return deleteMailbox(call, id)
        case ("GET", "email_configs", 2):
            let box = try mailbox(id)
            return [
                "email_configs": .array(Mail.allCases.map { shape(config($0, box)) }),
                "email_keys": .array(Mail.allCases.map { .string($0.rawValue) }),
            ]
        case ("GET", "email_settings", 2):
            let box = try mailbox(id)
            guard let mail = Mail(rawValue: call.field("email_type") ?? "") else { return ["email_settings": false] }
            return ["email_settings": shape(config(mail, box))]
        case ("PUT", "email_settings", 2): return try saveEmail(call, id)
        case ("PUT", "move_tickets", 2): return try moveTickets(call, id)
        case ("PUT", "set_default", 2):
            _ = try mailbox(id)
            for var box in Array(state.mailboxes.all) where box.isDefault != (box.id == id) {
                box.isDefault = box.id == id
                state.mailboxes[box.id] = box
            }
            return ["message": "Selected Business has been set as default"]
        case ("GET", "tickets", 2):
            let rows = state.tickets.all.filter { $0.mailboxID == id }
            return [
                "tickets": try paginate(
                    rows, call, path: "mailboxes/\(id)/tickets", table: "wp_fs_tickets", order: "", shape: { shape($0) }
                )
            ]
        default: throw Failure.noRoute
        }
    }

    private func mailbox(_ id: Int) throws -> Mailbox {
        guard let box = state.mailboxes[id] else { throw Failure.notFound("MailBox", String(id)) }
        return box
    }

    private func listMailboxes() -> JSON {
        var counts: [Int: Int] = [:]
        for ticket in state.tickets.all { if let box = ticket.mailboxID { counts[box, default: 0] += 1 } }
        return [
            "mailboxes": .array(
                state.mailboxes.all.map { box in
                    var row = shape(box)
                    row["tickets_count"] = JSON(counts[box.id] ?? 0)
                    return row
                })
        ]
    }

    private func shape(_ config: EmailConfig) -> JSON {
        [
            "key": .string(config.key), "title": .string(config.title), "email_subject": .string(config.subject),
            "email_body": .string(config.body), "status": .string(config.status),
            "can_edit_subject": .string(config.canEditSubject), "send_attachments": .string(config.sendAttachments),
        ]
    }

    /// The address for administrators is taken from `email`, whatever is said beside it; a box of the type `email` has
    /// none.
    private func createMailbox(_ call: Call) throws -> JSON {
        let given = call["business"] ?? .null
        let name = Text.field(given["name"]?.plainText ?? "")
        let email = given["email"]?.plainText?.trimmingBlanks() ?? ""
        try requireNameAndEmail(name, email)
        let type = given["box_type"]?.plainText?.lowercased() ?? ""
        let now = localNow
        let base = Text.slug(name)
        let taken = state.mailboxes.all.contains { $0.slug == base }
        let first = state.mailboxes.isEmpty
        let box = state.mailboxes.insert {
            Mailbox(
                id: $0, name: name, slug: taken ? "\(base)-\(seconds)" : base, boxType: type, email: email,
                mappedEmail: given["mapped_email"]?.plainText ?? "",
                emailFooter: Text.edited(given["email_footer"]?.plainText ?? ""),
                adminEmail: type == "email" ? "" : email,
                isDefault: first || given["is_default"]?.plainText == "yes", createdAt: now, updatedAt: now, emails: [:]
            )
        }
        var row = shape(box)
        if !first, given["is_default"] == nil { row["is_default"] = "no" }
        return ["message": "Mailbox has been created successfully", "mailbox": row]
    }

    private func requireNameAndEmail(_ name: String, _ email: String) throws {
        var problems: [JSON.Member] = []
        if name.isEmpty { problems.append(.init("name", ["required": "The name field is required."])) }
        if email.isEmpty { problems.append(.init("email", ["required": "The email field is required."])) }
        if !problems.isEmpty { throw Failure(status: 422, body: .object(problems)) }
    }

    private func updateMailbox(_ call: Call, _ id: Int) throws -> JSON {
        let given = call["business"] ?? .null
        let name = Text.field(given["name"]?.plainText ?? "")
        let email = given["email"]?.plainText?.trimmingBlanks() ?? ""
        try requireNameAndEmail(name, email)
        guard var box = state.mailboxes[id] else { return ["message": .string(Failure.text("MailBox", String(id)))] }
        (box.name, box.email, box.updatedAt) = (name, email, localNow)
        box.boxType = given["box_type"]?.plainText?.lowercased() ?? ""
        box.mappedEmail = given["mapped_email"]?.plainText ?? ""
        box.emailFooter = Text.edited(given["email_footer"]?.plainText ?? "")
        box.isDefault = given["is_default"]?.plainText == "yes"
        if let admin = given["settings"]?["admin_email_address"]?.plainText { box.adminEmail = admin }
        state.mailboxes[id] = box
        return ["message": "Mailbox has been saved", "mailbox": shape(box)]
    }

    /// Errors come with 200 here, as a message.
    private func deleteMailbox(_ call: Call, _ id: Int) -> JSON {
        let fallback = call.int("fallback_id")
        if fallback == id { return ["message": "Fallback Box cannot be the same as MailBox ID"] }
        guard let box = state.mailboxes[id] else { return ["message": .string(Failure.text("MailBox", String(id)))] }
        guard var other = state.mailboxes[fallback] else {
            return ["message": .string(Failure.text("MailBox", String(fallback)))]
        }
        if box.isDefault {
            other.isDefault = true
            state.mailboxes[fallback] = other
        }
        state.mailboxes[id] = nil
        for var ticket in Array(state.tickets.all) where ticket.mailboxID == id {
            ticket["mailbox_id"] = String(fallback)
            ticket["updated_at"] = localNow
            state.tickets[ticket.id] = ticket
        }
        return ["message": "Selected Business has been deleted"]
    }

    /// `PUT /mailboxes/{id}/email_settings`: one kind of e-mail, whole.
    private func saveEmail(_ call: Call, _ id: Int) throws -> JSON {
        let given = call["email_settings"] ?? .null
        func text(_ key: String) -> String { Text.field(given[key]?.plainText ?? "") }
        let subject = text("email_subject")
        let body = Text.string(PostHTML.clean(Array((given["email_body"]?.plainText ?? "").utf8)))
        var problems: [JSON.Member] = []
        if subject.isEmpty {
            problems.append(.init("email_subject", ["required": "The email subject field is required."]))
        }
        if body.isEmpty { problems.append(.init("email_body", ["required": "The email body field is required."])) }
        if !problems.isEmpty { throw Failure(status: 422, body: .object(problems)) }
        var box = try mailbox(id)
        let type = call.field("email_type") ?? ""
        guard Mail(rawValue: type) != nil else { return ["message": "Settings has been updated"] }
        box.emails[type] = EmailConfig(
            key: text("key"), title: text("title"), subject: subject, body: body, status: text("status"),
            canEditSubject: text("can_edit_subject"), sendAttachments: text("send_attachments"))
        state.mailboxes[id] = box
        return ["message": "Settings has been updated"]
    }

    /// `PUT /mailboxes/{id}/move_tickets`: no mails, but updated_at becomes now.
    private func moveTickets(_ call: Call, _ id: Int) throws -> JSON {
        let target = call.int("new_box_id")
        if target == id { throw Failure.bare("New Box cannot be the same as MailBox ID") }
        let ids = (call["ticket_ids"]?.array ?? []).map(\.phpInt)
        if call.field("move_type") == "Custom", ids.isEmpty {
            throw Failure.bare("Invalid request submitted. Please select a ticket first")
        }
        for number in ids where state.tickets[number] == nil { throw Failure.missing("Ticket", String(number)) }
        for box in [target, id] where state.mailboxes[box] == nil { throw Failure.missing("MailBox", String(box)) }
        let wanted = Set(ids)
        for var ticket in Array(state.tickets.all)
        where wanted.isEmpty ? ticket.mailboxID == id : wanted.contains(ticket.id) {
            ticket["mailbox_id"] = String(target)
            ticket["updated_at"] = localNow
            state.tickets[ticket.id] = ticket
        }
        return ["message": "All ticket moves to the selected Business"]
    }
}
