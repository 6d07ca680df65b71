// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import TicketModel
internal import Transport

/// What is known of a site after its pre-flight: all that planning needs, so that it needs no requests.
struct KBSupportSite: Sendable {
    /// A WordPress account.
    struct Account: Hashable, Sendable {
        var id: Int
        var name: String?
        var givenName: String?
        var familyName: String?
        var email: String?

        /// As a person of a ticket.
        func person(role: Person.Role) -> Person {
            Person(
                id: String(id), role: role, name: name, givenName: givenName, familyName: familyName, email: email)
        }
    }

    /// The login's own account; 0 where the site does not tell.
    var me = Account(id: 0)
    /// Whether WordPress takes this login's HTML as it is (`unfiltered_html`).
    var isUnfiltered = true
    /// Whether this login may upload files.
    var mayUpload = true
    /// Whether this login may see the fields that are for editing (`context=edit`) of media.
    var editsPosts = false
    /// Whether this login may delete tickets and replies for good (XML-RPC does it without an e-mail).
    var deletesTickets = true
    /// Whether this login may delete files of the media library.
    var deletesFiles = true
    /// Whether this login may delete tags.
    var deletesTags = true
    /// Agents by id; nil where the login may not list them.
    var agents: [Int: Account]?
    /// Customers' accounts by address, in lower case; only for writing.
    var accounts: [String: Int] = [:]
    /// Names by id.
    var categories: [Int: String] = [:]
    var departments: [Int: String] = [:]
    var tags: [Int: String] = [:]
    var companies: [Int: String] = [:]
    /// The statuses that the site registers.
    var statuses: [String] = ["new", "open", "hold", "closed"]
    /// Whether XML-RPC answers this login.
    var hasXMLRPC = false
    /// The site's clock.
    var zone = FluentSupportZone(identifier: "UTC", offset: 0)
    var policy = NotificationPolicy.refuse
    /// When the pre-flight was; replies dated later would be hidden by WordPress until then.
    var preparedAt = Timestamp(seconds: 0)
    /// What a request of the pre-flight took on average.
    var requestTime = Duration.milliseconds(100)

    /// The id of an agent by address.
    func agent(_ email: String?) -> Int? {
        guard let email = email?.lowercased() else { return nil }
        if let all = agents { return all.values.filter { $0.email?.lowercased() == email }.map(\.id).min() }
        return me.email?.lowercased() == email ? me.id : nil
    }

    /// Whom an account belongs to, as ``StoredMessage/author`` names them; nil where the site does not tell its login.
    func author(account id: Int) -> String? {
        if id == 0 { return nil }
        let email = agents?[id]?.email ?? (me.id == id ? me.email : nil) ?? accounts.first { $0.value == id }?.key
        return email?.lowercased() ?? "account \(id)"
    }

    /// The id under a name: as it is, else without regard to case, the lowest.
    static func id(of name: String, in names: [Int: String]) -> Int? {
        names.filter { $0.value == name }.keys.min()
            ?? names.filter { $0.value.lowercased() == name.lowercased() }.keys.min()
    }
}

/// Finds out what a site has and what the login may.
enum KBSupportPreflight {
    /// Logs in and reads what every direction needs.
    ///
    /// - Throws: a `Diagnostic` that tells apart what may stand in the way.
    static func site(
        _ api: inout KBSupportAPI, usesXMLRPC: Bool, sink: any DiagnosticSink
    ) async throws -> KBSupportSite {
        var site = KBSupportSite()
        let index = try await KBSupportAPI.wordPress.index(&api.client)
        site.zone = FluentSupportZone(
            identifier: index["timezone_string"]?.string, offset: index["gmt_offset"]?.text.flatMap(Double.init) ?? 0)
        let probe = try await api.get("tickets", [("per_page", "1")])
        if probe.status == 401 {
            throw await KBSupportAPI.wordPress.unauthorized(api.client, index: index, request: probe.request)
        }
        guard probe.isSuccess, let rows = probe.json?.array else {
            throw KBSupportAPI.diagnostic(of: probe, client: api.client)
        }
        try await login(api, into: &site)
        let counted = probe.total ?? 0
        if rows.isEmpty, counted > 0 { throw noRights(site.me.email, counted, api) }
        site.agents = try await api.all("agents")?.reduce(into: [:]) { out, row in
            if let account = account(row) { out[account.id] = account }
        }
        if site.agents == nil {
            sink.emit(
                Diagnostic(
                    .warning, code: "kb-support.agents-unknown",
                    "this login may not list the agents: only those who tickets are assigned to are known as such",
                    subject: api.address, remedy: "use the login of an administrator or of a support manager",
                    cause: .refused))
        }
        site.categories = try await names("ticket_categories", api)
        site.tags = try await names("ticket_tag", api)
        site.departments = try await names("ticket_departments", api)
        for row in try await api.all("companies") ?? [] {
            if let id = row["id"]?.int, let name = raw(row["title"]) { site.companies[id] = name }
        }
        // The plugin's own index lists the statuses that add-ons register.
        let routes = try await api.get("")
        let arguments = routes.json?["routes"]?["/kbs/v1/tickets"]?["endpoints"]?[0]?["args"]?["status"]
        if let words = arguments?["items"]?["enum"]?.array?.compactMap(\.string), !words.isEmpty {
            site.statuses = words
        }
        if usesXMLRPC { site.hasXMLRPC = try await allowsXMLRPC(api) }
        return site
    }

    /// Who the login is and what it may do.
    private static func login(_ api: KBSupportAPI, into site: inout KBSupportSite) async throws {
        let answer = try await api.get("users/me", [("context", "edit")], api: KBSupportAPI.core)
        // Some sites hide their users: then only trying tells.
        guard answer.isSuccess, let me = answer.json, let found = account(me) else { return }
        site.me = found
        guard let abilities = me["capabilities"], abilities.members != nil else { return }
        func may(_ name: String) -> Bool { abilities[name]?.bool == true || abilities[name]?.int == 1 }
        guard may("edit_tickets") else { throw noRights(found.email, nil, api) }
        site.isUnfiltered = may("unfiltered_html")
        site.mayUpload = may("upload_files")
        site.editsPosts = may("edit_posts")
        site.deletesTickets = may("delete_others_tickets") && may("delete_published_tickets")
        site.deletesFiles = may("delete_published_posts")
        site.deletesTags = may("delete_ticket_terms")
    }

    private static func noRights(_ email: String?, _ counted: Int?, _ api: KBSupportAPI) -> Diagnostic {
        let count = counted.map { " (it counts \($0) tickets and shows none)" } ?? ""
        return Diagnostic(
            code: "kb-support.no-rights",
            "the login \(email ?? "") works in WordPress but is no agent of KB Support\(count)",
            subject: api.address,
            remedy: "give this user the role Support Manager, or use an administrator's login", cause: .refused)
    }

    /// Whether WordPress's XML-RPC answers this login and shows it replies.
    ///
    /// - Throws: a `Diagnostic` where that cannot be told now. It must not pass for a no: without XML-RPC every reply is
    ///   e-mailed.
    private static func allowsXMLRPC(_ api: KBSupportAPI) async throws -> Bool {
        let query: XMLRPC.Value = .object([("post_type", .string("kbs_ticket_reply")), ("number", .int(1))])
        let fields: XMLRPC.Value = .array([.string("post_id"), .string("post_author")])
        guard case .answer(let posts)? = try await api.askIfThere("wp.getPosts", [query, fields]) else { return false }
        return posts.array != nil
    }

    static func names(_ taxonomy: String, _ api: KBSupportAPI) async throws -> [Int: String] {
        var out: [Int: String] = [:]
        for row in try await api.all(taxonomy, [("hide_empty", "false")], api: KBSupportAPI.core) ?? [] {
            if let id = row["id"]?.int, let name = row["name"]?.string { out[id] = HTMLEntities.decode(name) }
        }
        return out
    }

    /// `{"raw": …, "rendered": …}`, or a bare text.
    static func raw(_ value: JSON?) -> String? {
        value?["raw"]?.string ?? value?.string ?? value?["rendered"]?.string.map(HTMLEntities.decode)
    }

    /// An account of the plugin's or WordPress's listings.
    static func account(_ row: JSON) -> KBSupportSite.Account? {
        guard let id = row["id"]?.int else { return nil }
        func text(_ key: String) -> String? { row[key]?.string.flatMap { $0.isEmpty ? nil : $0 } }
        return KBSupportSite.Account(
            id: id, name: text("name"), givenName: text("first_name"), familyName: text("last_name"),
            email: text("email"))
    }
}

extension APIAnswer {
    /// What `X-WP-Total` says, where it is there.
    var total: Int? {
        guard let name = HTTPField.Name("X-WP-Total") else { return nil }
        return fields[name].flatMap { Int($0) }
    }
}
