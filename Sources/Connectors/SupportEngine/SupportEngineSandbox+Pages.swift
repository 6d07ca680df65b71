// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

/// The six pages, each as the vendor's file behaves.
extension SupportEngineSandbox {
    /// A request's input as PHP sees it.
    struct Input {
        var post: [String: JSON] = [:]
        var query: [String: JSON] = [:]
    }

    func answer(_ request: SandboxRequest) -> SandboxResponse {
        let parts = request.path.split(separator: "/").map(String.init)
        guard parts.count >= 2, parts[parts.count - 2] == "api", let page = parts.last else { return absent() }
        let isOpen = page == "ticket_categories.php" || page == "ticket_custom_fields.php"
        if isOpen, isOn("no-undocumented-routes") { return absent() }
        let known: Set<String> = ["tickets_create.php", "tickets_list.php", "ticket_view.php", "ticket_reply.php"]
        guard isOpen || known.contains(page) else { return absent() }
        if !isOpen, !isAuthorized(request) {
            return say(["success": false, "error": "Invalid API token"], status: isOn("bad-token-200") ? 200 : 401)
        }
        var noise = ""
        let input = read(request, noise: &noise)
        do {
            let json: JSON =
                switch page {
                case "tickets_create.php": try create(input.post, noise: &noise)
                case "tickets_list.php": list(input)
                case "ticket_view.php": view(input)
                case "ticket_reply.php": try reply(input.post)
                case "ticket_categories.php": categories()
                default: fields()
                }
            return say(json, noise: noise)
        } catch {
            return crash(error as? Crash ?? .type, page: page, noise: noise)
        }
    }

    // MARK: Pages

    private func create(_ post: [String: JSON], noise: inout String) throws -> JSON {
        // A null stands for a value that is absent.
        func given(_ name: String) -> JSON? { post[name].flatMap { $0.isNull ? nil : $0 } }
        let custom = try Self.decodeFields(given("custom_fields"))
        let (subject, message, email) = (given("subject"), given("message"), given("user_email"))
        guard Self.isTrue(subject), Self.isTrue(message), Self.isTrue(email) else {
            return ["success": false, "error": "Missing required fields"]
        }
        var errors: [JSON.Member] = []
        for field in activeFields where Self.isTrue(field["required"]) {
            let id = field["id"]?.text ?? ""
            let value = custom[id]
            if value == nil || value?.isNull == true || value == "" {
                errors.append(.init(id, "This field is required."))
            }
        }
        if !errors.isEmpty {
            return [
                "success": false, "error": "Missing required custom fields", "custom_field_errors": .object(errors),
            ]
        }
        func text(_ json: JSON?) -> String { Self.text(json, page: "tickets_create.php", line: 76, noise: &noise) }
        let id = try silently { () -> Int in
            var row: [JSON.Member] = [
                .init("subject", try column("subject", text(subject), .characters)),
                .init("message", try column("message", text(message), .bytes)), .init("status", "open"),
                .init("priority", try priority(given("priority").map { text($0) } ?? "medium")),
                .init("email", try column("email", text(email), .characters)),
            ]
            for name in ["name", "company"] {
                let value = given(name)
                row.append(
                    .init(name, Self.isTrue(value) ? try column(name, text(value), .characters) : .null))
            }
            let category = given("category_id")
            row.append(.init("category_id", Self.isTrue(category) ? try number("category_id", text(category)) : .null))
            if isOn("foreign-keys"), let id = row.last?.value.int, tables["ticket_categories"][id] == nil {
                throw Crash.database("SQLSTATE[23000]: Integrity constraint violation: 1452", line: 76)
            }
            let now = now
            row += [
                .init("created_at", .string(now)), .init("updated_at", isOn("updated-at-null") ? .null : .string(now)),
            ]
            if isOn("more-columns") {
                row += ["assigned_to", "ip_address", "is_spam", "meta"].map { .init($0, .null) }
            }
            return tables["tickets"].insert { .object([.init("id", JSON($0))] + row) }["id"]?.int ?? 0
        }
        // Not in one transaction with the ticket: one that fails leaves it behind.
        for field in activeFields {
            let fieldID = field["id"]?.text ?? ""
            let value = custom[fieldID].map {
                $0.isNull ? "" : Self.text($0, page: "tickets_create.php", line: 84, noise: &noise)
            }
            _ = try silently { () -> Int in
                let stored = try column("value", value ?? "", .bytes)
                _ = tables["custom_field_values"].insert { made in
                    [
                        "id": JSON(made), "field_id": JSON(Int(fieldID) ?? 0), "item_id": JSON(id ?? 0),
                        "value": stored,
                    ]
                }
                return 0
            }
        }
        return ["success": true, "ticket_id": .string(String(id ?? 0))]
    }

    private func reply(_ post: [String: JSON]) throws -> JSON {
        let (ticket, email, message) = (post["ticket_id"], post["user_email"], post["message"])
        guard Self.isTrue(ticket), Self.isTrue(email), Self.isTrue(message) else {
            return ["success": false, "error": "Missing required fields"]
        }
        var noise = ""
        func text(_ json: JSON?) -> String { Self.text(json, page: "ticket_reply.php", line: 41, noise: &noise) }
        let address = text(email)
        let user = rows(of: "users", where: ["email"], are: address).first
        let id = try silently { () -> Int in
            let number = try number("ticket_id", text(ticket))
            if isOn("foreign-keys"), number.int.flatMap({ tables["tickets"][$0] }) == nil {
                throw Crash.database("SQLSTATE[23000]: Integrity constraint violation: 1452", line: 41)
            }
            var row: [JSON.Member] = [
                .init("ticket_id", number), .init("user_id", user?["id"] ?? .null),
                .init("message", try column("message", text(message), .bytes)), .init("attachment", .null),
                .init("created_at", .string(now)),
            ]
            if isOn("more-columns") { row.append(.init("is_read", .null)) }
            return tables["ticket_replies"].insert { .object([.init("id", JSON($0))] + row) }["id"]?.int ?? 0
        }
        if id != nil, let ticket = Int(text(ticket)), tables["tickets"][ticket] != nil {
            tables["tickets"][ticket]?["updated_at"] = .string(now)
        }
        return ["success": true, "reply_id": .string(String(id ?? 0))]
    }

    private func list(_ input: Input) -> JSON {
        let given = input.post["user_email"] ?? input.query["user_email"]
        guard Self.isTrue(given), let address = given?.text else {
            return ["success": false, "error": "Missing user_email"]
        }
        let rows = rows(of: "tickets", where: ["email", "name"], are: address)
            .sorted { ($0["updated_at"]?.string ?? "") > ($1["updated_at"]?.string ?? "") }
        return [
            "success": true,
            "tickets": .array(
                rows.map { row in
                    let names = ["id", "subject", "status", "priority", "created_at", "updated_at"]
                    return .object(
                        names.map { .init($0, row[$0] ?? .null) } + (row["_web"].map { [.init("_web", $0)] } ?? []))
                }),
        ]
    }

    private func view(_ input: Input) -> JSON {
        let (id, given) = (
            input.post["ticket_id"] ?? input.query["ticket_id"], input.post["user_email"] ?? input.query["user_email"]
        )
        guard Self.isTrue(id), Self.isTrue(given), let address = given?.text else {
            return ["success": false, "error": "Missing ticket_id or user_email"]
        }
        // MySQL reads the digits that a text begins with.
        let number = Int((id?.text ?? "").drop { $0 == " " }.prefix { $0.isASCII && $0.isNumber }) ?? 0
        guard let ticket = tables["tickets"][number],
            isSame(ticket["email"]?.string, address) || isSame(ticket["name"]?.string, address)
        else { return ["success": false, "error": "Ticket not found or no permission"] }
        let replies = tables["ticket_replies"].rows(where: "ticket_id", is: String(number))
            .sorted {
                ($0["created_at"]?.string ?? "", $0["id"]?.int ?? 0) < (
                    $1["created_at"]?.string ?? "", $1["id"]?.int ?? 0
                )
            }
        let values = tables["custom_field_values"].rows(where: "item_id", is: String(number))
        let fields = activeFields.map { field in
            let value = values.last { $0["field_id"]?.int == field["id"]?.int }
            return JSON.Member(
                field["id"]?.text ?? "",
                [
                    "name": field["name"] ?? .null, "type": field["type"] ?? .null,
                    "required": field["required"] ?? .null, "value": value?["value"] ?? .null,
                ])
        }
        return [
            "success": true, "ticket": ticket, "replies": .array(Array(replies)),
            "custom_fields": fields.isEmpty ? [] : .object(fields),
        ]
    }

    private func categories() -> JSON {
        if isOn("no-category-table") {
            return [
                "success": false,
                "error":
                    "SQLSTATE[42S02]: Base table or view not found: 1146 Table 'supportengine.ticket_categories' doesn't exist",
            ]
        }
        let rows = tables["ticket_categories"].all.sorted { ($0["name"]?.string ?? "") < ($1["name"]?.string ?? "") }
        return ["success": true, "categories": .array(rows)]
    }

    private func fields() -> JSON {
        let rows = activeFields.sorted {
            ($0["sort_order"]?.int ?? 0, $0["id"]?.int ?? 0) < ($1["sort_order"]?.int ?? 0, $1["id"]?.int ?? 0)
        }
        return [
            "success": true,
            "fields": .array(
                rows.map { row in
                    .object(["id", "name", "type", "required", "possible_values"].map { .init($0, row[$0] ?? .null) })
                }),
        ]
    }
}
