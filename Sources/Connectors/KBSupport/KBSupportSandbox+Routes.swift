// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

extension KBSupportSandbox {
    typealias Call = FluentSupportSandbox.Call

    /// A WordPress account.
    struct User: Sendable {
        var id: Int
        var login: String
        var email: String
        var first: String
        var last: String
        var role: String

        init(_ row: JSON) {
            id = row["id"]?.int ?? 0
            login = row["login"]?.string ?? ""
            email = row["email"]?.string ?? ""
            first = row["first"]?.string ?? ""
            last = row["last"]?.string ?? ""
            role = row["role"]?.string ?? ""
        }

        var name: String { first.isEmpty ? login : [first, last].filter { !$0.isEmpty }.joined(separator: " ") }
        var isAgent: Bool { ["administrator", "support_manager", "support_agent"].contains(role) }
        /// Whether WordPress takes this user's HTML as it is.
        var isUnfiltered: Bool { role == "administrator" || role == "support_manager" }
    }

    /// An answer that is not 200.
    struct Failure: Error {
        var status: Int
        var code: String
        var message: String
        var data: [JSON.Member] = []

        var body: JSON {
            [
                "code": .string(code), "message": .string(message),
                "data": .object([.init("status", JSON(status))] + data),
            ]
        }

        static let login = Failure(status: 401, code: "rest_forbidden_context", message: "Authentication failed.")
        static let forbidden = Failure(status: 403, code: "rest_forbidden_context", message: "Authentication failed.")
        static let noRoute = Failure(
            status: 404, code: "rest_no_route", message: "No route was found matching the URL and request method.")
        static func cannotDelete(_ what: String, isKnown: Bool) -> Failure {
            Failure(
                status: isKnown ? 403 : 401, code: "rest_cannot_delete",
                message: "Sorry, you are not allowed to delete this \(what).")
        }
        static let noPost = Failure(status: 404, code: "rest_post_invalid_id", message: "Invalid post ID.")

        static func invalid(_ name: String, _ message: String, _ code: String) -> Failure {
            Failure(
                status: 400, code: "rest_invalid_param", message: "Invalid parameter(s): \(name)",
                data: [
                    .init("params", .object([.init(name, .string(message))])),
                    .init(
                        "details",
                        .object([.init(name, ["code": .string(code), "message": .string(message), "data": .null])])),
                ])
        }
    }

    /// What a route gives.
    struct Answer {
        var status = 200
        var body: JSON
        var headers: [String: String] = [:]
    }

    /// One request, from who asks to what is answered; commits nothing.
    func answer(_ request: SandboxRequest) -> SandboxResponse {
        if isOn("maintenance") {
            return page(
                503, "<!DOCTYPE html><title>Maintenance</title><p>Briefly unavailable for scheduled maintenance.")
        }
        if isOn("firewall-page") {
            return page(200, "<!DOCTYPE html><html><title>Checking your browser</title></html>")
        }
        if request.path.hasSuffix("/xmlrpc.php") { return xmlRPC(request) }
        let isRoute = request.query.contains { $0.name == "rest_route" }
        if let mark = request.path.range(of: "/wp-content/uploads/") {
            return file(String(request.path[mark.upperBound...]))
        }
        guard Call.isREST(request), isRoute || !isOn("plain-permalinks") else {
            return page(404, "<!DOCTYPE html><html><title>Page not found</title></html>")
        }
        let call = Call(request, site: options.url)
        var answer: Answer
        do { answer = try route(call) } catch let failure as Failure {
            answer = Answer(status: failure.status, body: failure.body)
        } catch { answer = Answer(status: 500, body: ["message": .string("\(error)")]) }
        if answer.headers["Link"] == nil {
            answer.headers["Link"] = "<\(call.site)/wp-json/>; rel=\"https://api.w.org/\""
        }
        var response = SandboxResponse(status: answer.status, json: answer.body, headers: answer.headers)
        if isOn("php-warnings") {
            let warning =
                "<br />\n<b>Warning</b>:  Undefined array key \"x\" in <b>/srv/wp/wp-content/plugins/other/a.php</b> on line <b>7</b><br />\n"
            response.body = Array(warning.utf8) + response.body
        }
        return response
    }

    private func page(_ status: Int, _ text: String) -> SandboxResponse {
        SandboxResponse(
            status: status, headers: ["Content-Type": "text/html; charset=UTF-8"], body: Array(text.utf8))
    }

    private func file(_ path: String) -> SandboxResponse {
        let found = tables["files"].all.first { $0["path"]?.string == path }
        guard let text = found?["bytes"]?.string, let data = Data(base64Encoded: text) else {
            return page(404, "<!DOCTYPE html><html><title>Page not found</title></html>")
        }
        return SandboxResponse(
            status: 200, headers: ["Content-Type": found?["mime"]?.string ?? "application/octet-stream"],
            body: Array(data))
    }

    private func route(_ call: Call) throws -> Answer {
        let parts = call.path.split(separator: "/").map(String.init)
        if parts.isEmpty { return Answer(body: index(call)) }
        let user = identify(call.request)
        if parts.starts(with: ["wp", "v2"]) { return try core(call, Array(parts.dropFirst(2)), user) }
        guard parts.starts(with: ["kbs", "v1"]), !isOn("plugin-absent") else { throw Failure.noRoute }
        let rest = Array(parts.dropFirst(2))
        if rest.isEmpty { return Answer(body: namespace()) }
        guard let user else { throw Failure.login }
        switch (rest[0], call.request.method) {
        case ("agents", "GET"):
            guard user.isUnfiltered else { throw Failure.forbidden }
            return try agents(call, rest.dropFirst().first)
        case ("customers", "GET"): return try customers(call, rest.dropFirst().first)
        case ("companies", "GET"): return companies(call)
        case ("forms", "GET"): return Answer(body: [])
        case ("tickets", _): return try tickets(call, Array(rest.dropFirst()), user)
        case ("replies", _): return try replies(call, Array(rest.dropFirst()), user)
        default: throw Failure.noRoute
        }
    }

    private func index(_ call: Call) -> JSON {
        let authentication: JSON =
            isOn("passwords-off")
            ? []
            : [
                "application-passwords": [
                    "endpoints": ["authorization": .string("\(call.site)/wp-admin/authorize-application.php")]
                ]
            ]
        let names = ["oembed/1.0"] + (isOn("plugin-absent") ? [] : ["kbs/v1"]) + ["wp/v2"]
        return [
            "name": "WP lab", "home": .string(call.site),
            "gmt_offset": JSON(zone.secondsFromGMT(for: options.now()) / 3600),
            "timezone_string": .string(options.timeZone), "namespaces": .array(names.map { .string($0) }),
            "authentication": authentication,
        ]
    }

    private func namespace() -> JSON {
        let words = JSON.array(statuses.map { .string($0) })
        let status: JSON = ["type": "array", "items": ["enum": words, "type": "string"], "required": false]
        return [
            "namespace": "kbs/v1",
            "routes": [
                "/kbs/v1/tickets": ["endpoints": [["methods": ["GET"], "args": ["status": status]]]]
            ],
        ]
    }

    // MARK: Who asks

    var users: [User] { tables["users"].all.map(User.init) }

    func user(named name: String) -> User? {
        let name = name.lowercased()
        return users.first { $0.login.lowercased() == name || $0.email.lowercased() == name }
    }

    /// Who a request comes from; nil for nobody.
    private func identify(_ request: SandboxRequest) -> User? {
        guard !isOn("passwords-off"), !isOn("header-dropped"), let field = request.headers["authorization"],
            field.lowercased().hasPrefix("basic "),
            let data = Data(base64Encoded: field.dropFirst(6).trimmingBlanks())
        else { return nil }
        let parts = String(decoding: data, as: UTF8.self).split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? login(String(parts[0]), String(parts[1])) : nil
    }

    /// The user of a login; any is taken unless the site was opened with a list, an unknown name as the administrator.
    func login(_ name: String, _ password: String) -> User? {
        guard !isOn("passwords-off") else { return nil }
        var found = user(named: name)
        if let logins = options.logins {
            let bare = FluentSupportSandbox.withoutBlanks(password)
            let isListed = logins.contains {
                user(named: $0.user)?.id == found?.id && FluentSupportSandbox.withoutBlanks($0.password) == bare
            }
            guard found != nil, isListed else { return nil }
        } else if found == nil {
            found = users.first
        }
        if isOn("agent-login"), found?.role == "administrator" { found?.role = "support_agent" }
        return found
    }

    // MARK: People

    private func agents(_ call: Call, _ id: String?) throws -> Answer {
        let all = users.filter(\.isAgent).sorted { $0.name.lowercased() < $1.name.lowercased() }
        func shape(_ user: User) -> JSON {
            let base = "\(call.site)/wp-json/kbs/v1/agents"
            return [
                "id": JSON(user.id), "name": .string(user.name), "first_name": .string(user.first),
                "last_name": .string(user.last), "email": .string(user.email),
                "_links": [
                    "self": [["href": .string("\(base)/\(user.id)")]], "collection": [["href": .string(base)]],
                ],
            ]
        }
        if let id {
            guard let user = all.first(where: { String($0.id) == id }) else { throw Failure.noPost }
            return Answer(body: shape(user))
        }
        let (page, perPage) = try paging(call)
        let rows = all.dropFirst((page - 1) * perPage).prefix(perPage).map(shape)
        return Answer(body: .array(Array(rows)), headers: totals(all.count, perPage))
    }

    /// All of them whatever page is asked for, the newest first, without a count.
    private func customers(_ call: Call, _ id: String?) throws -> Answer {
        var counts: [Int: Int] = [:]
        for ticket in posts("kbs_ticket") { counts[ticket.meta["customer"]?.int ?? 0, default: 0] += 1 }
        func shape(_ row: JSON) -> JSON {
            let id = row["id"]?.int ?? 0
            let base = "\(call.site)/wp-json/kbs/v1"
            return [
                "id": .string(String(id)), "name": row["name"] ?? "", "email": row["email"] ?? "",
                "additional_emails": [],
                "date_created": .string(CivilTime(row["created"]?.int ?? 0).text(separator: " ")),
                "ticket_count": JSON(counts[id] ?? 0),
                "_links": [
                    "self": [["href": .string("\(base)/customers/\(id)")]],
                    "collection": [["href": .string("\(base)/customers")]],
                    "tickets": [["embeddable": true, "href": .string("\(base)/tickets/?customer=\(id)")]],
                ],
            ]
        }
        if let id {
            guard let row = Int(id).flatMap({ tables["customers"][$0] }) else { throw Failure.noPost }
            return Answer(body: shape(row))
        }
        return Answer(body: .array(tables["customers"].all.reversed().map(shape)))
    }

    private func companies(_ call: Call) -> Answer {
        let rows = posts("kbs_company").sorted { $0.id > $1.id }.map { post -> JSON in
            [
                "id": JSON(post.id), "slug": .string(post.slug),
                "title": ["raw": .string(post.title), "rendered": .string(post.title)],
                "content": ["raw": "", "rendered": ""],
            ]
        }
        return Answer(body: .array(rows), headers: totals(rows.count, 100))
    }

    // MARK: Pages

    func paging(_ call: Call) throws -> (page: Int, perPage: Int) {
        let perPage = call["per_page"] == nil ? 10 : call.int("per_page")
        guard (1...100).contains(perPage) else {
            throw Failure.invalid(
                "per_page", "per_page must be between 1 (inclusive) and 100 (inclusive)", "rest_out_of_bounds")
        }
        return (max(1, call["page"] == nil ? 1 : call.int("page")), perPage)
    }

    func totals(_ count: Int, _ perPage: Int) -> [String: String] {
        ["X-WP-Total": String(count), "X-WP-TotalPages": String((count + perPage - 1) / perPage)]
    }

    static func ids(_ value: JSON?) -> [Int] {
        (value?.texts ?? []).flatMap { $0.split(separator: ",") }.compactMap { Int($0.trimmingBlanks()) }
    }
}
