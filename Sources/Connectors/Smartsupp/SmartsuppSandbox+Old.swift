// SPDX-License-Identifier: Apache-2.0
internal import Sandbox
internal import TicketModel

/// The account API v1: GET and POST only, ids as strings, errors `{error, message}`.
extension SmartsuppSandbox {
    /// Answers one request outside of `/v2`; commits nothing.
    func old(_ request: SandboxRequest) throws -> SandboxResponse {
        guard request.method == "GET" || request.method == "POST" else {
            throw Failure.old(405, "MethodError", "Only GET and POST are allowed.")
        }
        let key = request.headers["apikey"] ?? Self.field(request, "apiKey")
        guard let isOwn = admits(key) else {
            throw Failure.old(401, "AuthError", "No account found for apiKey \(key ?? "").")
        }
        let parts = request.path.split(separator: "/").map(String.init)
        if request.method == "GET", parts == ["test"] { return SandboxResponse(json: ["success": true]) }
        guard parts.first == "accounts" else { throw Failure.old(404, "NotFoundError", "No such method.") }
        guard let body = request.body.isEmpty ? .object([]) : try? JSON(parsing: request.body) else {
            throw Failure.old(400, "ParseError", "The body is no JSON.")
        }
        if request.method == "POST", parts == ["accounts", "create"] { return try makeAccount(body) }
        guard parts.count >= 3, let account = Int(parts[1]), tables["accounts"][account] != nil else {
            throw Failure.old(404, "NotFoundError", "Account \(parts.count > 1 ? parts[1] : "") not found.")
        }
        guard isOwn else { throw Failure.old(403, "AccessError", "The apiKey has no access to this account.") }
        if request.method == "GET", parts.count == 5, parts[4] == "delete" {
            return try delete(account, parts[2], parts[3])
        }
        switch (request.method, parts[2], parts.dropFirst(3).first) {
        case ("GET", "users", nil): return rows("agents", account)
        case ("POST", "users", "create"): return try makeUser(account, body)
        case ("GET", "triggers", nil): return rows("triggers", account)
        case ("POST", "triggers", "create"): return try makeTrigger(account, body)
        case ("POST", "officehours", "update"):
            guard body["days"]?.array != nil, body["config"]?.array != nil else {
                throw Failure.old(400, "ValidationError", "days and config are required.")
            }
            tables["hours"][account] = body
            return SandboxResponse(json: body)
        default: throw Failure.old(404, "NotFoundError", "No such method.")
        }
    }

    private func rows(_ table: String, _ account: Int) -> SandboxResponse {
        SandboxResponse(json: .array(tables[table].all.filter { $0["account"]?.int == account }.map(Self.shown)))
    }

    /// A user or a trigger is gone; what its users wrote stays.
    private func delete(_ account: Int, _ what: String, _ id: String) throws -> SandboxResponse {
        let table = ["users": "agents", "triggers": "triggers"][what]
        guard let table, let id = Int(id), tables[table][id]?["account"]?.int == account else {
            throw Failure.old(404, "NotFoundError", "Nothing to delete was found.")
        }
        tables[table][id] = nil
        return has("empty-answers") ? SandboxResponse(status: 204) : SandboxResponse(json: ["success": true])
    }

    /// Without what is never shown; the id as a string.
    private static func shown(_ row: JSON) -> JSON {
        var out = row
        out["account"] = nil
        out["password"] = nil
        out["id"] = JSON(row["id"]?.text)
        return out
    }

    private func makeAccount(_ body: JSON) throws -> SandboxResponse {
        guard let title = body["title"]?.string, !title.isEmpty, let lang = body["lang"] else {
            throw Failure.old(400, "ValidationError", "title and lang are required.")
        }
        let row = tables["accounts"].insert { id in
            ["id": JSON(id), "title": .string(title), "lang": lang, "accountKey": .string("key-of-\(id)")]
        }
        return SandboxResponse(json: Self.shown(row))
    }

    private func makeUser(_ account: Int, _ body: JSON) throws -> SandboxResponse {
        guard let email = body["email"]?.string, SmartsuppPlanner.isAddress(email) else {
            throw Failure.old(400, "ValidationError", "email is not valid.")
        }
        guard let role = body["role"]?.string, ["agent", "admin"].contains(role) else {
            throw Failure.old(400, "ValidationError", "role is not valid.")
        }
        guard let password = body["password"]?.string, password.count >= 6 else {
            throw Failure.old(400, "ValidationError", "password is too short.")
        }
        if tables["agents"].all.contains(where: { $0["email"]?.string?.lowercased() == email.lowercased() }) {
            throw Failure.old(400, "EmailExistsError", "User with this email already exists.")
        }
        let row = tables["agents"].insert { id in
            [
                "id": JSON(id), "account": JSON(account), "role": .string(role), "email": .string(email),
                "fullname": body["fullname"] ?? "", "avatar": "", "note": "",
                // Of the password only how long it is: a dump shows none.
                "password": JSON(password.count),
            ]
        }
        _ = tables["mails"].insert { _ in ["to": .string(email), "kind": "user"] }
        return SandboxResponse(json: Self.shown(row))
    }

    private func makeTrigger(_ account: Int, _ body: JSON) throws -> SandboxResponse {
        guard let name = body["name"]?.string, !name.isEmpty, body["event"]?.string != nil,
            body["actions"]?.array?.isEmpty == false
        else { throw Failure.old(400, "ValidationError", "name, event and actions are required.") }
        let row = tables["triggers"].insert { id in
            var row = body
            row["id"] = JSON(id)
            row["account"] = JSON(account)
            row["only_once"] = body["only_once"] ?? true
            row["constraints"] = body["constraints"] ?? "all"
            return row
        }
        return SandboxResponse(json: Self.shown(row))
    }
}
