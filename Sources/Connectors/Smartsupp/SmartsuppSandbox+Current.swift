// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

/// The API v2.
extension SmartsuppSandbox {
    /// Answers one request below `/v2`; commits nothing.
    func current(_ request: SandboxRequest) throws -> SandboxResponse {
        let field = request.headers["authorization"] ?? ""
        let token = field.lowercased().hasPrefix("bearer ") ? String(field.dropFirst(7)) : nil
        guard let isOwn = admits(token) else {
            throw Failure.current(401, "unauthorized", "Access token is missing or invalid")
        }
        guard isOwn else { throw Failure.current(403, "forbidden", "The token has no access to this account") }
        let parts = request.path.split(separator: "/").dropFirst().map(String.init)
        let body = try Self.body(request)
        switch (request.method, parts.first, parts.count) {
        case ("GET", "agents", 1): return list(agents(), request)
        case ("GET", "contacts", 1): return list(tables["contacts"].all.map { contact($0) }, request)
        case ("POST", "contacts", 1): return SandboxResponse(status: 201, json: contact(try makeContact(body)))
        case ("GET", "contacts", 2) where parts[1] == "find":
            guard let email = Self.field(request, "email"),
                let row = tables["contacts"].rows(where: "email", isLike: email).first
            else { throw notFound }
            return SandboxResponse(json: contact(row))
        case ("GET", "contacts", 2): return SandboxResponse(json: contact(try row("contacts", parts[1])))
        case ("GET", "visitors", 2): return SandboxResponse(json: shape(try row("visitors", parts[1]), "vis"))
        case ("POST", "conversations", 2) where parts[1] == "search": return try search(body)
        case ("GET", "conversations", 2) where parts[1] == "find":
            let wanted = Self.field(request, "ext_id")
            guard let wanted, let row = tables["conversations"].rows(where: "ext_id", is: wanted).first else {
                throw notFound
            }
            return SandboxResponse(json: conversation(row))
        case ("POST", "conversations", 1): return try create(body)
        case ("GET", "conversations", 2): return SandboxResponse(json: conversation(try row("conversations", parts[1])))
        case ("GET", "conversations", 3) where parts[2] == "messages":
            return messages(try row("conversations", parts[1]), request)
        case ("POST", "conversations", 3) where parts[2] == "messages":
            return try append(try row("conversations", parts[1]), body)
        case ("PATCH", "conversations", 3) where parts[2] == "close":
            return try close(try row("conversations", parts[1]))
        default: throw Failure.current(404, "not_found", "No such route")
        }
    }

    private var notFound: Failure { .current(404, "not_found", "Resource not found") }

    static func body(_ request: SandboxRequest) throws -> JSON {
        guard !request.body.isEmpty else { return .object([]) }
        guard let json = try? JSON(parsing: request.body) else {
            throw Failure.current(400, "bad_request", "The body is no JSON")
        }
        return json
    }

    static func field(_ request: SandboxRequest, _ name: String) -> String? {
        request.query.first { $0.name == name }?.value
    }

    /// The row of an id, with or without the letters that stand before it.
    private func row(_ table: String, _ id: String) throws -> JSON {
        guard let number = Int(id.drop { $0.isLetter }), let row = tables[table][number] else { throw notFound }
        return row
    }

    // MARK: Contacts

    private func makeContact(_ body: JSON) throws -> JSON {
        if let email = body["email"]?.string {
            guard SmartsuppPlanner.isAddress(email) else {
                throw Failure.current(400, "bad_request", "email should match format email")
            }
            if !tables["contacts"].rows(where: "email", isLike: email).isEmpty {
                throw Failure.current(409, "already_exists", "A contact with this email exists")
            }
        }
        let now = now
        return tables["contacts"].insert { id in
            var row: JSON = ["id": JSON(id), "created_at": JSON(now), "updated_at": JSON(now), "tags": []]
            for name in ["email", "name", "phone", "note"] { row[name] = body[name] ?? .null }
            return row
        }
    }

    /// Now in milliseconds, later than all conversations: the service's clock is finer than two requests.
    private var now: Int {
        let last = tables["clock"][1]?["at"]?.int ?? 0
        return max(Self.milliseconds(options.now()), last)
    }

    private func tick() -> Int {
        let last = tables["clock"][1]?["at"]?.int ?? 0
        let at = max(Self.milliseconds(options.now()), last + 1)
        tables["clock"][1] = ["at": JSON(at)]
        return at
    }

    // MARK: Conversations

    private func search(_ body: JSON) throws -> SandboxResponse {
        var rows = Array(tables["conversations"].all)
        for condition in body["query"]?.array ?? [] {
            guard let field = condition["field"]?.string, let value = condition["value"] else {
                throw Failure.current(400, "bad_request", "query should have field and value")
            }
            rows.removeAll { $0[field] != value }
        }
        let descends = body["sort"]?[0]?["createdAt"]?.string == "desc"
        rows.sort { a, b in
            let (x, y) = (a["created_at"]?.int ?? 0, b["created_at"]?.int ?? 0)
            return x == y ? (a["id"]?.int ?? 0) < (b["id"]?.int ?? 0) : x < y
        }
        if descends { rows.reverse() }
        let (page, after) = page(
            rows, size: body["size"]?.int ?? 50, after: body["after"], descends: descends, limit: 250)
        var answer: JSON = [
            "items": .array(page.map { conversation($0) }), "after": after.map { isText ? $0 : [$0] } ?? .null,
        ]
        if !has("totals-absent") { answer["total"] = JSON(rows.count) }
        return SandboxResponse(json: answer)
    }

    private var isText: Bool { has("cursor-as-string") }

    /// A page and its cursor: the time of the last row alone, as the service has it, or an opaque text.
    private func page(
        _ rows: [JSON], size: Int, after: JSON?, descends: Bool, limit: Int
    ) -> (rows: [JSON], after: JSON?) {
        var start = 0
        if let text = after?.text ?? after?[0]?.text, !text.isEmpty {
            if isText, text.hasPrefix("c:"), let id = Int(text.dropFirst(2)) {
                start = (rows.firstIndex { $0["id"]?.int == id } ?? rows.count - 1) + 1
            } else if let time = Int(text) {
                start =
                    rows.firstIndex { row in
                        let at = row["created_at"]?.int ?? 0
                        return descends ? at < time : at > time
                    } ?? rows.count
            }
            if has("duplicate-on-page-boundaries"), start > 0, start < rows.count { start -= 1 }
        }
        let count = has("small-pages") ? 7 : min(max(1, size), limit)
        let page = Array(rows[min(start, rows.count)...].prefix(count))
        guard let last = page.last else { return ([], nil) }
        return (page, isText ? .string("c:\(last["id"]?.text ?? "")") : last["created_at"])
    }

    private func create(_ body: JSON) throws -> SandboxResponse {
        guard let text = body["text"]?.string, !text.isEmpty else {
            throw Failure.current(400, "bad_request", "should have required property 'text'")
        }
        guard let id = body["contact_id"]?.text, let contact = try? row("contacts", id) else {
            throw Failure.current(400, "bad_request", "contact_id does not exist")
        }
        // A true key of idempotency: what is there already is given again.
        let key = body["ext_id"]?.string
        if let key, let old = tables["conversations"].rows(where: "ext_id", is: key).first {
            return SandboxResponse(json: conversation(old))
        }
        let at = tick()
        let row = tables["conversations"].insert { id in
            [
                "id": JSON(id), "ext_id": JSON(key), "status": "open", "created_at": JSON(at), "updated_at": JSON(at),
                "finished_at": .null, "contact_id": contact["id"] ?? .null, "visitor_id": .null, "agent_ids": [],
                "assigned_ids": [], "group_id": .null, "rating_value": .null, "rating_text": .null, "domain": .null,
                "referer": .null, "is_offline": false, "is_served": false,
                "channel": ["type": "default", "id": .null], "location": .null,
                "variables": body["variables"] ?? [:], "tags": [],
            ]
        }
        insert([
            "conversation": row["id"] ?? .null, "type": "message", "sub_type": "contact",
            "content": ["type": "text", "text": .string(text)], "contact_id": contact["id"] ?? .null,
            "created_at": JSON(at), "attachments": [],
        ])
        return SandboxResponse(status: 201, json: conversation(row))
    }

    @discardableResult
    private func insert(_ message: JSON) -> JSON {
        tables["messages"].insert { id in
            var row = message
            row["id"] = JSON(id)
            return row
        }
    }

    private func append(_ conversation: JSON, _ body: JSON) throws -> SandboxResponse {
        guard let content = body["content"], let text = content["text"]?.string, !text.isEmpty else {
            throw Failure.current(400, "bad_request", "should have required property 'content.text'")
        }
        guard body["type"]?.string ?? "message" == "message" else {
            throw Failure.current(400, "bad_request", "type should be equal to one of the allowed values")
        }
        if let key = body["ext_id"]?.string, !has("no-ext-id-in-answers"),
            let old = tables["messages"].rows(where: "ext_id", is: key)
                .first(where: { $0["conversation"] == conversation["id"] })
        {
            return SandboxResponse(json: message(old))
        }
        var row: JSON = [
            "conversation": conversation["id"] ?? .null, "type": "message", "content": content,
            "created_at": JSON(tick()), "attachments": [], "ext_id": body["ext_id"] ?? .null,
        ]
        let kind = body["sub_type"]?.string ?? ""
        switch kind {
        case "contact":
            guard let id = body["contact_id"]?.text, let contact = try? self.row("contacts", id) else {
                throw Failure.current(400, "bad_request", "contact_id does not exist")
            }
            row["contact_id"] = contact["id"]
        case "agent":
            guard let id = body["agent_id"]?.text, let number = Int(id), tables["agents"][number] != nil else {
                throw Failure.current(400, "bad_request", "agent_id does not exist")
            }
            row["agent_id"] = JSON(number)
        case "bot": break
        default: throw Failure.current(400, "bad_request", "sub_type should be equal to one of the allowed values")
        }
        row["sub_type"] = .string(kind)
        let made = insert(row)
        if let id = conversation["id"]?.int, var old = tables["conversations"][id] {
            old["updated_at"] = row["created_at"]
            // A message opens what was closed.
            if old["status"]?.string == "closed" { (old["status"], old["finished_at"]) = ("open", .null) }
            if let agent = row["agent_id"], old["agent_ids"]?.array?.contains(agent) == false {
                old["agent_ids"] = .array((old["agent_ids"]?.array ?? []) + [agent])
            }
            tables["conversations"][id] = old
            let contact = old["contact_id"]?.int.flatMap { tables["contacts"][$0] }
            if kind != "contact", let email = contact?["email"]?.string {
                _ = tables["mails"].insert { _ in ["to": .string(email), "kind": .string(kind), "ticket": JSON(id)] }
            }
        }
        return SandboxResponse(status: 201, json: message(made))
    }

    private func close(_ conversation: JSON) throws -> SandboxResponse {
        guard let id = conversation["id"]?.int, var row = tables["conversations"][id] else { throw notFound }
        if row["status"]?.string != "closed" {
            let at = tick()
            row["status"] = "closed"
            (row["finished_at"], row["updated_at"]) = (JSON(at), JSON(at))
            tables["conversations"][id] = row
        }
        return has("empty-answers") ? SandboxResponse(status: 204) : SandboxResponse(json: self.conversation(row))
    }

    private func messages(_ conversation: JSON, _ request: SandboxRequest) -> SandboxResponse {
        var rows = conversation["id"]?.text.map { tables["messages"].rows(where: "conversation", is: $0) } ?? []
        rows.sort { a, b in
            let (x, y) = (a["created_at"]?.int ?? 0, b["created_at"]?.int ?? 0)
            return x == y ? (a["id"]?.int ?? 0) < (b["id"]?.int ?? 0) : x < y
        }
        let descends = Self.field(request, "sort") == "desc"
        if descends { rows.reverse() }
        let size = Self.field(request, "size").flatMap { Int($0) } ?? 50
        if has("no-message-cursor") {
            var answer: JSON = ["items": .array(rows.prefix(min(size, 200)).map { message($0) })]
            if !has("totals-absent") { answer["total"] = JSON(rows.count) }
            return SandboxResponse(json: answer)
        }
        let cursor = Self.field(request, "after").map { JSON.string($0) }
        let (page, after) = page(rows, size: size, after: cursor, descends: descends, limit: 200)
        var answer: JSON = ["items": .array(page.map { message($0) }), "after": after ?? .null]
        if !has("totals-absent") { answer["total"] = JSON(rows.count) }
        return SandboxResponse(json: answer)
    }

    private func list(_ rows: [JSON], _ request: SandboxRequest) -> SandboxResponse {
        SandboxResponse(json: ["items": .array(rows), "after": .null, "total": JSON(rows.count)])
    }

    private func agents() -> [JSON] {
        tables["agents"].all.filter { $0["account"]?.int == Self.accountID }.map { row in
            var row = row
            row["account"] = nil
            row["id"] = has("ids-as-numbers") ? row["id"] : JSON(row["id"]?.text)
            row["active"] = true
            return row
        }
    }
}
