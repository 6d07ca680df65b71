// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

extension KBSupportSandbox {
    func tickets(_ call: Call, _ rest: [String], _ user: User) throws -> Answer {
        let method = call.request.method
        if rest.isEmpty {
            if method == "GET" { return try list(call, user) }
            guard method == "POST" else { throw Failure.noRoute }
            return Answer(body: shape(try create(call, user), call))
        }
        guard rest.count == 1, let id = Int(rest[0]) else { throw rest.count == 1 ? Failure.noPost : .noRoute }
        guard let ticket = post(id), ticket.type == "kbs_ticket" else { throw Failure.noPost }
        guard user.isAgent else { throw Failure.forbidden }
        if method == "GET" { return Answer(body: shape(ticket, call)) }
        guard ["POST", "PUT", "PATCH"].contains(method) else { throw Failure.noRoute }
        return Answer(body: shape(update(ticket, call), call))
    }

    // MARK: Listing

    private func list(_ call: Call, _ user: User) throws -> Answer {
        let (page, perPage) = try paging(call)
        let wanted = call["status"]?.texts.flatMap { $0.split(separator: ",").map { $0.trimmingBlanks() } } ?? []
        for (place, word) in wanted.enumerated() where !statuses.contains(word) {
            let words = statuses.dropLast().joined(separator: ", ") + ", and \(statuses.last ?? "")"
            throw Failure.invalid("status", "status[\(place)] is not one of \(words).", "rest_not_in_enum")
        }
        let found = matches(call, statuses: Set(wanted.isEmpty ? statuses : wanted))
        let pages = (found.count + perPage - 1) / perPage
        let offset = call["offset"].map { _ in max(0, call.int("offset")) } ?? (page - 1) * perPage
        if call["offset"] == nil, page > pages, !found.isEmpty {
            throw Failure(
                status: 400, code: "rest_post_invalid_page_number",
                message: "The page number requested is larger than the number of pages available.")
        }
        // A customer sees nothing, and is told how many there are all the same.
        let rows = user.isAgent ? Array(found.dropFirst(offset).prefix(perPage)) : []
        var headers = totals(found.count, perPage)
        headers["Link"] = link(call, page: page, pages: pages)
        let fields = Set((call["_fields"]?.texts ?? []).flatMap { $0.split(separator: ",").map(String.init) })
        return Answer(
            body: .array(
                rows.map { row in
                    let whole = shape(row, call)
                    guard !fields.isEmpty else { return whole }
                    return .object((whole.members ?? []).filter { fields.contains($0.key) })
                }), headers: headers)
    }

    /// The plugin leaves its version out of the addresses of other pages: they lead nowhere.
    private func link(_ call: Call, page: Int, pages: Int) -> String {
        func address(_ page: Int) -> String {
            var isThere = false
            var items = call.request.query.filter { $0.name != "rest_route" }.map { item -> String in
                if item.name == "page" { isThere = true }
                return "\(item.name)=\(item.name == "page" ? String(page) : item.value)"
            }
            if !isThere { items.append("page=\(page)") }
            return "<\(call.site)/wp-json/kbs/v/tickets?\(items.joined(separator: "&"))>"
        }
        var links: [String] = []
        if page > 1 { links.append("\(address(page - 1)); rel=\"prev\"") }
        if page < pages { links.append("\(address(page + 1)); rel=\"next\"") }
        return links.isEmpty ? "<\(call.site)/wp-json/>; rel=\"https://api.w.org/\"" : links.joined(separator: ", ")
    }

    private func matches(_ call: Call, statuses: Set<String>) -> [Post] {
        var found = posts("kbs_ticket").filter { statuses.contains($0.status) }
        let (include, exclude) = (Self.ids(call["include"]), Self.ids(call["exclude"]))
        if !include.isEmpty { found.removeAll { !include.contains($0.id) } }
        if !exclude.isEmpty { found.removeAll { exclude.contains($0.id) } }
        for name in ["customer", "agent", "company"] where call[name] != nil {
            found.removeAll { $0.meta[name]?.int != call.int(name) }
        }
        for name in ["ticket_tag", "ticket_categories"] where call[name] != nil {
            let ids = Self.ids(call[name])
            found.removeAll { !($0.terms[name] ?? []).contains { ids.contains($0) } }
        }
        if let words = call["search"]?.plainText, !words.isEmpty {
            let terms = words.lowercased().split(separator: " ").map(String.init)
            found.removeAll { post in
                let text = (post.title + "\n" + post.content).lowercased()
                return !terms.allSatisfy { text.contains($0) }
            }
        }
        let isAscending = call["order"]?.plainText == "asc"
        func before(_ a: Post, _ b: Post) -> Bool {
            switch call["orderby"]?.plainText {
            case "modified" where a.modified != b.modified: return a.modified < b.modified
            case "title" where a.title != b.title: return a.title < b.title
            case "date" where a.date != b.date, nil where a.date != b.date: return a.date < b.date
            default: return a.id < b.id
            }
        }
        return found.sorted { isAscending ? before($0, $1) : before($1, $0) }
    }

    // MARK: Shape

    func shape(_ ticket: Post, _ call: Call) -> JSON {
        let base = "\(call.site)/wp-json/kbs/v1"
        let meta = ticket.meta
        var data: [JSON.Member] = [
            .init("number", meta["number"] ?? JSON(ticket.id)), .init("key", meta["key"] ?? ""),
        ]
        let files = posts("attachment", below: ticket.id).sorted { $0.title.lowercased() < $1.title.lowercased() }
        if !files.isEmpty {
            let shown = files.map { file -> JSON in
                ["filename": .string(file.title), "url": .string(url(of: file, call))]
            }
            data.append(.init("attachments", .array(shown)))
        }
        let agent = meta["agent"]?.int ?? 0
        data.append(.init("agent", .string(agent == 0 ? "" : String(agent))))
        if let more = meta["additional_agents"] { data.append(.init("additional_agents", more)) }
        let customer = meta["customer"]?.int ?? 0
        data += [
            .init("customer", .string(String(customer))), .init("email", meta["email"] ?? ""),
            .init("user_info", meta["user_info"] ?? .object([])),
        ]
        if let account = account(of: meta["email"]?.string ?? "") { data.append(.init("user_id", .string(account))) }
        if !isOn("no-participants") { data.append(.init("participants", meta["participants"] ?? [])) }
        data.append(.init("source", meta["source"] ?? "REST API"))
        var links: [JSON.Member] = [
            .init("self", [["href": .string("\(base)/tickets/\(ticket.id)")]]),
            .init("collection", [["href": .string("\(base)/tickets")]]),
        ]
        func related(_ name: String, _ address: String) {
            links.append(.init(name, [["embeddable": true, "href": .string(address)]]))
        }
        if agent != 0 { related("agent", "\(call.site)/wp-json/wp/v2/users/\(agent)") }
        related("customer", "\(base)/customers/\(customer)")
        let count = posts("kbs_ticket_reply", below: ticket.id).filter { $0.status == "publish" }.count
        if count > 0 { related("replies", "\(base)/replies/ticket/\(ticket.id)") }
        func terms(_ name: String) -> JSON { .array((ticket.terms[name] ?? []).map { JSON($0) }) }
        var out: [JSON.Member] =
            [.init("id", JSON(ticket.id))] + times(ticket) + [
                .init("status", .string(ticket.status)), .init("title", text(ticket.title)),
                .init("content", text(ticket.content, isBody: true)),
                .init("ticket_categories", terms("ticket_categories")), .init("ticket_tag", terms("ticket_tag")),
                .init("ticket_sources", terms("ticket_sources")),
            ]
        if isOn("departments-on") { out.append(.init("ticket_departments", terms("ticket_departments"))) }
        out.append(.init("ticket_data", .object(data)))
        if let form = meta["form_data"] { out.append(.init("form_data", form)) }
        if count > 0 { out.append(.init("replies", JSON(count))) }
        out.append(.init("_links", .object(links)))
        return .object(out)
    }

    func times(_ post: Post) -> [JSON.Member] {
        [
            .init("date", local(post.date)), .init("date_gmt", gmt(post.date)),
            .init("modified", local(post.modified)), .init("modified_gmt", gmt(post.modified)),
        ]
    }

    func text(_ raw: String, isBody: Bool = false) -> JSON {
        ["raw": .string(raw), "rendered": .string(isBody && !raw.hasPrefix("<") ? "<p>\(raw)</p>\n" : raw)]
    }

    /// The account of a customer, by the address.
    func account(of email: String) -> String? {
        users.first { $0.email.lowercased() == email.lowercased() && !email.isEmpty }.map { String($0.id) }
    }

    // MARK: Writing

    private func create(_ call: Call, _ user: User) throws -> Post {
        func given(_ name: String) -> String? {
            call[name]?.plainText.flatMap { $0.isEmpty || $0 == "0" ? nil : $0 }
        }
        guard let title = given("ticket_title"), let content = given("ticket_content"),
            let address = given("customer_email"), let first = given("customer_first"),
            let last = given("customer_last")
        else { throw Failure(status: 500, code: "required_fields", message: "Required fields missing.") }
        guard EmailAddress.isTakenByWordPress(address) else {
            throw Failure(status: 500, code: "invalid_email", message: "Invalid email address.")
        }
        let email = address.lowercased()
        let names = (Self.name(first), Self.name(last))
        var info: JSON = ["first_name": .string(names.0), "last_name": .string(names.1), "email": .string(email)]
        if let phone = given("customer_phone1") {
            info["primary_phone"] = .string(Self.field(phone))
            info["additional_phone"] = .string(given("customer_phone2").map(Self.field) ?? "")
            info["website"] = .string(given("customer_website") ?? "")
        }
        let now = seconds
        let known = tables["customers"].rows(where: "email", is: email).first
        let customer =
            known
            ?? tables["customers"].insert {
                [
                    "id": JSON($0), "email": .string(email), "created": JSON(now),
                    "name": .string("\(names.0) \(names.1)"),
                ]
            }
        var ticket = Post()
        ticket.type = "kbs_ticket"
        ticket.title = stored(title: Self.capitalized(title), user)
        ticket.content = stored(Self.capitalized(content), user)
        ticket.author = user.id
        (ticket.date, ticket.modified) = (now, now)
        ticket.slug = FluentSupportSandbox.Text.slug(ticket.title)
        let agent = given("agent_id").flatMap(agent)
        ticket.status = agent == nil ? "new" : "open"
        ticket.terms["ticket_sources"] = [4]
        if let id = given("post_category").flatMap({ Int($0) }), tables["ticket_categories"][id] != nil {
            ticket.terms["ticket_categories"] = [id]
        }
        if isOn("departments-on"), let id = given("department").flatMap({ Int($0) }),
            tables["ticket_departments"][id] != nil
        {
            ticket.terms["ticket_departments"] = [id]
        }
        ticket.meta = [
            "key": .string(token(32)), "agent": JSON(agent ?? 0), "customer": customer["id"] ?? 0,
            "email": .string(email), "user_info": info, "participants": [.string(email)],
        ]
        if isOn("sequential-numbers") {
            ticket.meta["number"] = .string("T-\(posts("kbs_ticket").count + 1)")
        }
        ticket = store(ticket)
        mail(to: email, "ticket_received", ticket: ticket.id)
        mail(to: "admin@lab.example", "admin_notice", ticket: ticket.id)
        return ticket
    }

    private func update(_ ticket: Post, _ call: Call) -> Post {
        var ticket = ticket
        if let id = call["agent"]?.plainText.flatMap({ Int($0) }), let agent = agent(String(id)) {
            ticket.meta["agent"] = JSON(agent)
            if ticket.status == "new" { ticket.status = "open" }
        }
        if call["company"] != nil { ticket.meta["company"] = JSON(call.int("company")) }
        if let id = call["post_category"]?.plainText.flatMap({ Int($0) }), tables["ticket_categories"][id] != nil,
            ticket.terms["ticket_categories"]?.contains(id) != true
        {
            ticket.terms["ticket_categories", default: []].append(id)
        }
        // Not just the named one.
        if call["delete_category"] != nil { ticket.terms["ticket_categories"] = [] }
        if isOn("departments-on"), let id = call["department"]?.plainText.flatMap({ Int($0) }) {
            ticket.terms["ticket_departments"] = [id]
        }
        if let status = call["status"]?.plainText, statuses.contains(status), status != "new" {
            set(status, of: &ticket)
        }
        ticket.modified = seconds
        return store(ticket)
    }

    /// Changes a status as the plugin does it: closing tells the customer.
    func set(_ status: String, of ticket: inout Post) {
        if status == "closed", ticket.status != "closed" {
            mail(to: ticket.meta["email"]?.string ?? "", "ticket_closed", ticket: ticket.id)
        }
        ticket.status = status
    }

    /// An agent by id or address.
    func agent(_ text: String) -> Int? {
        users.first { $0.isAgent && (String($0.id) == text || $0.email.lowercased() == text.lowercased()) }?.id
    }

    // MARK: Texts

    /// What is stored of a text by REST: one level of backslashes goes, and the HTML of agents is filtered.
    func stored(_ text: String, _ user: User) -> String {
        let bytes = FluentSupportSandbox.Text.unslash(Array(text.utf8))
        return String(
            decoding: user.isUnfiltered ? bytes : FluentSupportSandbox.PostHTML.clean(bytes), as: UTF8.self)
    }

    func stored(title: String, _ user: User) -> String {
        KBSupportText.title(stored(title, user), KBSupportSite())
    }

    static func capitalized(_ text: String) -> String { KBSupportText.capitalized(text) }

    private static func field(_ text: String) -> String {
        FluentSupportSandbox.Text.field(
            String(decoding: FluentSupportSandbox.Text.unslash(Array(text.utf8)), as: UTF8.self))
    }

    private static func name(_ text: String) -> String { capitalized(field(text)) }
}
