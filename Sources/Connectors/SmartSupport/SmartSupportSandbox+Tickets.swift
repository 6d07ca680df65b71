// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

extension SmartSupportSandbox {
    // MARK: Lists

    func list(_ request: SandboxRequest, user: Int?) throws -> JSON {
        func query(_ name: String) -> String? {
            request.query.first { $0.name == name }?.value.nonEmpty
        }
        var size = query("per_page").flatMap { Int($0) } ?? (has("per-page-refused") ? 10 : 20)
        if has("per-page-refused"), size > 10 {
            throw Failure(400, "rest_invalid_param", "Invalid parameter(s): per_page")
        }
        size = max(1, min(size, has("per-page-clamped") ? 7 : 100))
        let page = max(1, query("page").flatMap { Int($0) } ?? 1)
        var rows = tables["tickets"].all.filter { row in
            if let user, row["user"]?.int != user { return false }
            for (parameter, column) in [("status", "status"), ("state", "state"), ("priority", "priority")] {
                if let value = query(parameter), row[column]?.text != value { return false }
            }
            for (parameter, column) in [
                ("department_id", "department"), ("product_id", "product"), ("agent_id", "agent"), ("user_id", "user"),
            ] {
                if let value = query(parameter), row[column]?.text != value { return false }
            }
            if let email = query("customer_email"),
                row["user"]?.int.flatMap({ tables["users"][$0] })?["email"]?.string?.lowercased() != email.lowercased()
            {
                return false
            }
            if let after = query("updated_after") {
                let moment = row["updated"]?.int ?? 0
                let updated =
                    has("updated-after-utc") ? SmartSupportClock.text(wall: Int64(moment)) : local(moment)
                let isLater = has("updated-after-strict") ? updated > after : updated >= after
                if !isLater { return false }
            }
            // Last, since it looks at the whole text.
            if let words = query("search")?.lowercased() {
                let texts = [row["subject"]?.string, row["message"]?.string, row["id"]?.int.map { "SS-\(1000 + $0)" }]
                if !texts.contains(where: { $0?.lowercased().range(of: words, options: .literal) != nil }) {
                    return false
                }
            }
            return true
        }
        let isAscending = query("order")?.uppercased() == "ASC" && !has("order-ignored")
        let column = ["created_at": "created", "id": "id"][query("orderby") ?? ""] ?? "updated"
        func place(_ row: JSON) -> (Int, Int) { (row[column]?.int ?? 0, row["id"]?.int ?? 0) }
        rows.sort { isAscending ? place($0) < place($1) : place($0) > place($1) }
        let slice = rows.dropFirst((page - 1) * size).prefix(size)
        var shapes = slice.map(shape(ticket:))
        if has("list-without-message") {
            for i in shapes.indices {
                shapes[i]["message"] = nil
                shapes[i]["content"] = nil
            }
        }
        let pages = (rows.count + size - 1) / size
        let meta: JSON =
            has("meta-under-other-names")
            ? ["pagination": ["total_items": JSON(rows.count), "current_page": JSON(page), "pages": JSON(pages)]]
            : ["total": JSON(rows.count), "page": JSON(page), "per_page": JSON(size), "total_pages": JSON(pages)]
        return envelope("Tickets retrieved.", many(shapes, "tickets"), meta)
    }

    // MARK: Writing

    func create(_ body: JSON) throws -> JSON {
        func needed(_ name: String) throws -> String {
            guard let text = body[name]?.string, !text.allSatisfy(\.isWhitespace) else {
                throw Failure(400, "missing_\(name)", "The field \(name) is required.")
            }
            return text
        }
        let email = try needed("email")
        guard EmailAddress.isTakenByWordPress(email) else {
            throw Failure(400, "invalid_email", "A valid email address is required.")
        }
        let (subject, message) = (line(try needed("subject")), filtered(try needed("message")))
        var ticket: JSON = [
            "subject": .string(subject), "message": .string(message), "status": "new", "state": "opened",
            "priority": "medium", "department": JSON(1), "product": .null, "agent": .null,
        ]
        try apply(body, ["status", "state", "priority", "product_id", "agent_id"], to: &ticket)
        if let department = try department(body) { ticket["department"] = JSON(department) }
        let known = user(email: email)
        if let known, has("submissions-limited") || has("submissions-limited-400") {
            let recent = tables["tickets"].all.count {
                $0["user"] == known["id"] && ($0["created"]?.int ?? 0) > seconds - 3600
            }
            if recent >= Self.submissions {
                throw Failure(
                    has("submissions-limited") ? 429 : 400, "submission_limit",
                    "You have reached the maximum number of submissions per hour.")
            }
        }
        let customer = known ?? newUser(email, body["name"]?.string)
        ticket["user"] = customer["id"]
        ticket["created"] = JSON(seconds)
        ticket["updated"] = JSON(seconds)
        let made = insert("tickets", ticket)
        let id = made["id"]?.int ?? 0
        if known == nil, !has("no-welcome") { mail(email, "welcome", id) }
        mail(email, "created", id)
        mailAgent(made, id)
        return envelope("Ticket created.", one(shape(ticket: made), "ticket"))
    }

    func change(_ id: Int, _ body: JSON, _ fields: [String], isNeeded: Bool = false) throws -> JSON {
        guard var ticket = tables["tickets"][id] else {
            throw Failure(404, "ticket_not_found", "Ticket not found.")
        }
        if isNeeded, let name = fields.first, body[name] == nil {
            throw Failure(400, "missing_\(name)", "The field \(name) is required.")
        }
        try apply(body, fields, to: &ticket)
        if fields.contains("subject"), let subject = body["subject"]?.string {
            ticket["subject"] = .string(line(subject))
        }
        if fields.contains("department_id"), let department = try department(body) {
            ticket["department"] = JSON(department)
        }
        ticket["updated"] = JSON(seconds)
        tables["tickets"][id] = ticket
        if fields.contains("status"), body["status"] != nil, !has("quiet-changes") {
            let email = ticket["user"]?.int.flatMap { tables["users"][$0] }?["email"]?.string ?? ""
            mail(email, ticket["status"]?.string == "closed" ? "closed" : "status", id)
        }
        if fields.contains("agent_id"), body["agent_id"] != nil { mailAgent(ticket, id) }
        return envelope("Ticket updated.", one(shape(ticket: ticket), "ticket"))
    }

    func reply(_ id: Int, _ body: JSON) throws -> JSON {
        guard let text = body["message"]?.string, !text.allSatisfy(\.isWhitespace) else {
            throw Failure(400, "missing_message", "The field message is required.")
        }
        guard var ticket = tables["tickets"][id] else {
            throw Failure(404, "ticket_not_found", "Ticket not found.")
        }
        let author =
            body["user_id"]?.int.flatMap { tables["users"][$0] }
            ?? body["author_email"]?.string.flatMap { user(email: $0) }
        guard let author else {
            throw Failure(400, "invalid_author", "No user was found for user_id or author_email.")
        }
        let type = body["author_type"]?.string ?? (author["role"] == "customer" ? "customer" : "agent")
        guard type == "customer" || type == "agent" else {
            throw Failure(400, "invalid_author_type", "author_type must be agent or customer.")
        }
        if type == "agent", author["role"] == "customer" {
            throw Failure(400, "invalid_author", "The author is not a support agent.")
        }
        // A customer's reply is never internal, whatever is asked for.
        let isInternal = type == "agent" && SmartSupportTicketReader.flag(body["is_internal"]) == true
        if isInternal, has("no-notes-scope") {
            throw Failure(403, "insufficient_scope", "This API key is not allowed to write internal notes.")
        }
        let made = insert(
            "replies",
            [
                "ticket": JSON(id), "user": author["id"] ?? .null, "type": .string(type), "internal": .bool(isInternal),
                "message": .string(filtered(text)), "created": JSON(seconds),
            ])
        ticket["updated"] = JSON(seconds)
        if !isInternal {
            let status = ticket["status"]?.string
            if type == "customer", status == "closed" || status == "delayed" { ticket["status"] = "open" }
            if type == "agent", status == "new" { ticket["status"] = "open" }
            let customer = ticket["user"]?.int.flatMap { tables["users"][$0] }?["email"]?.string ?? ""
            mail(type == "agent" ? customer : "ada@lab.example", "reply", id)
        }
        tables["tickets"][id] = ticket
        return envelope("Reply added.", one(shape(reply: made), "reply"))
    }

    private func mail(_ to: String, _ kind: String, _ ticket: Int) {
        _ = insert("mails", ["to": .string(to), "kind": .string(kind), "ticket": JSON(ticket)])
    }

    private func mailAgent(_ ticket: JSON, _ id: Int) {
        guard !has("quiet-changes"), let agent = ticket["agent"]?.int.flatMap({ tables["users"][$0] }) else { return }
        mail(agent["email"]?.string ?? "", "assigned", id)
    }

    // MARK: Fields

    private func apply(_ body: JSON, _ fields: [String], to ticket: inout JSON) throws {
        for name in fields {
            guard let value = body[name] else { continue }
            switch name {
            case "status", "priority":
                let known = name == "status" ? SmartSupportSite.statuses : SmartSupportSite.priorities
                guard let word = value.string, known.contains(word) else {
                    throw Failure(400, "invalid_\(name)", "The \(name) is not valid.")
                }
                ticket[name] = .string(word)
            case "state": ticket["state"] = value
            case "product_id":
                guard let id = value.int, tables["products"][id] != nil else {
                    throw Failure(400, "invalid_product", "The product does not exist.")
                }
                ticket["product"] = JSON(id)
            case "agent_id":
                guard let id = value.int, let user = tables["users"][id], user["role"] != "customer" else {
                    throw Failure(400, "invalid_agent", "The assigned user must be a valid Smart Support agent.")
                }
                ticket["agent"] = JSON(id)
            default: continue
            }
        }
    }

    /// The department that a body names: by id, then slug, then any of them (the document's order).
    private func department(_ body: JSON) throws -> Int? {
        let all = Array(tables["departments"].all)
        func refuse() -> Failure {
            Failure(
                400, "invalid_department", "The department does not exist.",
                [
                    .init(
                        "allowed_departments",
                        .array(
                            all.map {
                                ["id": $0["id"] ?? .null, "name": $0["name"] ?? .null, "slug": $0["slug"] ?? .null]
                            }))
                ])
        }
        if let id = body["department_id"], !id.isNull {
            guard let found = all.first(where: { $0["id"]?.int == id.int }) else { throw refuse() }
            return found["id"]?.int
        }
        if let slug = body["department_slug"]?.string {
            guard let found = all.first(where: { $0["slug"]?.string == slug }) else { throw refuse() }
            return found["id"]?.int
        }
        if let text = body["department"]?.text {
            guard
                let found = all.first(where: {
                    $0["id"]?.text == text || $0["slug"]?.string == text || $0["name"]?.string == text
                })
            else { throw refuse() }
            return found["id"]?.int
        }
        return nil
    }

    private func filtered(_ text: String) -> String {
        guard has("text-filtered") else { return text }
        return String(decoding: FluentSupportSandbox.PostHTML.clean(Array(text.utf8)), as: UTF8.self)
    }

    private func line(_ text: String) -> String {
        has("text-filtered") ? FluentSupportSandbox.Text.field(text) : text
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
