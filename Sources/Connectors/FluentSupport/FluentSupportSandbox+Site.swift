// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// `GET /wp-json/`: what a site says about itself without a login.
    func index(_ call: Call) -> JSON {
        let offset = zone.secondsFromGMT(for: options.now())
        let hours: JSON =
            offset % 3600 == 0 ? JSON(offset / 3600) : .number(String(Double(offset) / 3600))
        return [
            "name": "Practice site", "description": "", "url": .string(call.site), "home": .string(call.site),
            "gmt_offset": hours, "timezone_string": .string(options.timeZone),
            "namespaces": ["oembed/1.0", "fluent-support/v2", "wp/v2", "wp-site-health/v1", "wp-block-editor/v1"],
            "authentication": [
                "application-passwords": [
                    "endpoints": ["authorization": .string("\(call.site)/wp-admin/authorize-application.php")]
                ]
            ],
            "routes": proRoutes,
        ]
    }

    /// The few routes of WordPress itself that a migration needs.
    func wordpress(_ call: Call, _ parts: [String]) throws -> JSON {
        switch (call.request.method, parts.first, parts.count) {
        case ("GET", "settings", 1):
            guard let user = call.user, user.isAdministrator else {
                throw Failure.forbidden(loggedIn: call.user != nil)
            }
            return [
                "title": "Practice site", "description": "", "url": .string(call.site), "email": .string(user.email),
                "timezone": .string(options.timeZone), "date_format": "F j, Y", "time_format": "g:i a",
                "start_of_week": 1, "language": "en_US",
            ]
        case ("GET", "users", 1):
            guard call.user?.isAdministrator == true else { throw Failure.forbidden(loggedIn: call.user != nil) }
            let search = (call.field("search") ?? "").lowercased()
            return .array(
                state.users.all.filter {
                    search.isEmpty || $0.email.lowercased().contains(search) || $0.login.lowercased().contains(search)
                }.map { userShape($0, call, edit: call.field("context") == "edit") })
        case ("GET", "users", 2):
            guard let user = call.user else {
                throw Failure(
                    status: 401,
                    body: [
                        "code": "rest_not_logged_in", "message": "You are not currently logged in.",
                        "data": ["status": 401],
                    ])
            }
            if parts[1] == "me" { return userShape(user, call, edit: call.field("context") == "edit") }
            guard let id = Int(parts[1]), let other = state.users[id] else {
                throw Failure(
                    status: 404,
                    body: ["code": "rest_user_invalid_id", "message": "Invalid user ID.", "data": ["status": 404]])
            }
            return userShape(other, call, edit: call.field("context") == "edit")
        case (_, "users", 3...) where parts[2] == "application-passwords":
            return try applicationPasswords(call, parts)
        default:
            throw Failure.noRoute
        }
    }

    private func applicationPasswords(_ call: Call, _ parts: [String]) throws -> JSON {
        guard let user = call.user, let owner = parts[1] == "me" ? user : Int(parts[1]).flatMap({ state.users[$0] }),
            user.isAdministrator || user.id == owner.id
        else { throw Failure.forbidden(loggedIn: call.user != nil) }
        func shape(_ made: AppPassword) -> JSON {
            [
                "uuid": .string(made.uuid), "app_id": "", "name": .string(made.name),
                "created": .string(made.createdAt), "last_used": .null, "last_ip": .null,
            ]
        }
        switch (call.request.method, parts.count) {
        case ("GET", 3):
            return .array(state.passwords.all.filter { $0.userID == owner.id }.map(shape))
        case ("POST", 3):
            guard let name = call.field("name"), !name.isEmpty else {
                throw Failure(
                    status: 400,
                    body: [
                        "code": "rest_missing_callback_param", "message": "Missing parameter(s): name",
                        "data": ["status": 400, "params": ["name"]],
                    ])
            }
            let secret = token(24)
            let uuid = [token(8), token(4), token(4), token(4), token(12)].joined(separator: "-")
            let now = localNow.replacingOccurrences(of: " ", with: "T")
            let made = state.passwords.insert {
                AppPassword(id: $0, userID: owner.id, uuid: uuid, name: name, password: secret, createdAt: now)
            }
            var body = shape(made)
            body["password"] = .string(secret)
            throw Created(body: body)
        case ("DELETE", 4):
            guard let made = state.passwords.all.first(where: { $0.userID == owner.id && $0.uuid == parts[3] }) else {
                throw Failure(
                    status: 404,
                    body: [
                        "code": "rest_application_password_not_found", "message": "Application password not found.",
                        "data": ["status": 404],
                    ])
            }
            state.passwords[made.id] = nil
            return ["deleted": true, "previous": shape(made)]
        default:
            throw Failure.noRoute
        }
    }

    private func userShape(_ user: User, _ call: Call, edit: Bool) -> JSON {
        var shape: JSON = [
            "id": JSON(user.id), "name": .string(user.login), "url": "", "description": "",
            "link": .string("\(call.site)/author/\(user.login)/"), "slug": .string(user.login), "meta": [],
        ]
        if edit {
            shape["username"] = .string(user.login)
            shape["first_name"] = .string(user.firstName)
            shape["last_name"] = .string(user.lastName)
            shape["email"] = .string(user.email)
            shape["roles"] = .array(user.roles.map { .string($0) })
        }
        return shape
    }

    /// `GET /me`: who the login is; `person` is null for an administrator who is no agent.
    func me(_ call: Call) throws -> JSON {
        guard let user = call.user else { throw Failure.forbidden(loggedIn: false) }
        let person = call.agent ?? state.persons.all.first { $0.userID == user.id }
        let order = Self.allPermissions.filter { call.permissions.contains($0) }
        return [
            "user_id": JSON(user.id), "email": .string(user.email), "person": person.map { shape($0) } ?? .null,
            "permissions": .array(order.map { .string($0) }),
            "request": call.parameters == .object([]) ? [] : call.parameters,
        ]
    }

    /// Makes a new site.
    func setUp() {
        let now = localNow
        func user(_ login: String, _ first: String, _ last: String, _ role: String) -> User {
            state.users.insert {
                User(
                    id: $0, login: login, email: "\(login)@lab.example", firstName: first, lastName: last, roles: [role]
                )
            }
        }
        let admin = user("admin", "Site", "Admin", "administrator")
        guard !options.fresh else { return }
        let people =
            [admin]
            + [("ada", "Ada", "Okafor"), ("bruno", "Bruno", "Sá Carvalho"), ("chiyo", "Chiyo", "O'Neill")].map {
                user($0.0, $0.1, $0.2, "support_agent")
            }
        for user in people {
            _ = insertPerson(
                [
                    "first_name": user.firstName, "last_name": user.lastName, "email": user.email, "title": "",
                    "user_id": String(user.id),
                ], agent: true, permissions: user.isAdministrator ? Self.allPermissions : Self.agentPermissions)
        }
        _ = state.mailboxes.insert {
            Mailbox(
                id: $0, name: "Support", slug: "support", boxType: "web", email: "support@lab.example", mappedEmail: "",
                emailFooter: "", adminEmail: "support@lab.example", isDefault: true, createdAt: now, updatedAt: now,
                emails: [:])
        }
        for title in ["billing", "bug", "vip", "feature request", "schön & gut"] {
            _ = state.tags.insert { Tag(id: $0, title: title, slug: Text.slug(title), createdAt: now) }
        }
        for number in 0..<options.tickets { makeUpTicket(number) }
    }

    /// What importers stumble over, as the plugin stores it; nothing for some numbers.
    private static func oddText(_ number: Int) -> String {
        let texts = [
            "", "<p>C:\\temp\\new \\\\server\\share \\'quoted\\'</p>", "<p>if a &lt; b &amp;&amp; c &gt; d</p>",
            "one line\nand one more\n\nand a paragraph", "", "<p>🚨👩‍👩‍👧‍👦 שלום עולם العربية 中文 e\u{301}</p>",
            "<p>windows\r\nline ends</p>",
            "<blockquote>she said &quot;no&quot;</blockquote><p>'; DROP TABLE tickets; --</p>",
            "<p>Dear {{customer.full_name}}, ##user.email## %s [gallery ids=\"1\"]</p>", "",
            "<ul><li>a</li><li><a href=\"https://x.example/?a=1&amp;b=2\">b</a></li></ul>",
            "<p>\(String(repeating: "All work and no play. ", count: 200))</p>", "=cmd|' /C calc'!A0",
            "see https://x.example/page and mail zoe@x.example",
        ]
        return texts[number % texts.count]
    }

    /// A ticket of chance, made without mails, as if it had come years ago.
    private func makeUpTicket(_ number: Int) {
        let names = [("Max", "Doe"), ("Inès", "van der Berg"), ("Олег", "Łukasiewicz"), ("伟", "李"), ("Pat", "O'Brien")]
        let subjects = ["Cannot log in", "Refund for order", "Größe & Menge falsch", "请求退款", "🚨 site down"]
        let name = names.randomElement(using: &random) ?? names[0]
        let email = "user\(Int.random(in: 0..<max(1, options.tickets), using: &random))@cust.example"
        let person =
            customer(email: email)
            ?? insertPerson(
                ["first_name": name.0, "last_name": name.1, "email": email, "status": "active"], agent: false)
        let start = 1_616_895_000 + number * 86_400 + Int.random(in: 0..<86_400, using: &random)
        let title = "\(subjects.randomElement(using: &random) ?? "") \(1000 + number)"
        let closed = Bool.random(using: &random)
        let agent = Int.random(in: 2...4, using: &random)
        let replies = Int.random(in: 0...4, using: &random)
        let content = "<p>Hello,</p><p>this is made-up ticket \(number).</p>" + Self.oddText(number)
        let end = start + replies * 3600
        let hash = token(10)
        let ticket = state.tickets.insert { id in
            var columns = [
                "customer_id": String(person.id), "agent_id": String(agent), "mailbox_id": "1", "privacy": "private",
                "priority": "normal", "client_priority": "normal", "status": closed ? "closed" : "active",
                "title": title, "slug": Text.slug(title), "hash": hash, "content": content,
                "content_hash": Self.md5(content), "last_customer_response": local(end), "waiting_since": local(end),
                "response_count": String(replies), "created_at": local(start), "updated_at": local(end),
            ]
            if closed { (columns["resolved_at"], columns["closed_by"]) = (local(end), String(agent)) }
            return Ticket(id: id, columns: columns)
        }
        for reply in 0..<replies {
            let kind = Int.random(in: 0...2, using: &random)
            let text = "<p>Reply \(reply + 1).</p>" + Self.oddText(number * 5 + reply)
            _ = insertResponse {
                Response(
                    id: $0, ticketID: ticket.id, personID: kind == 0 ? person.id : agent,
                    kind: kind == 2 ? "note" : "response", content: text, source: "web", contentHash: Self.md5(text),
                    messageID: nil, createdAt: local(start + (reply + 1) * 3600),
                    updatedAt: local(start + (reply + 1) * 3600))
            }
        }
    }
}
