// SPDX-License-Identifier: Apache-2.0
package import Migration
package import TicketModel
internal import Transport

extension FluentSupportTarget {
    package func prepare(policy: NotificationPolicy?, sink: any DiagnosticSink) async throws {
        var api = api
        var site = FluentSupportSite()
        let (began, sent) = (ContinuousClock.now, api.client.pacer.report.requests)
        let index = try await FluentSupportPreflight.index(&api)
        self.api = api
        site.zone = FluentSupportZone(
            identifier: index["timezone_string"]?.string, offset: index["gmt_offset"]?.text.flatMap(Double.init) ?? 0)
        let me = try await FluentSupportPreflight.login(api, index: index)
        site.me = me.agent
        site.agents[me.agent.email] = me.agent.id
        let isAdmin = me.permissions.contains("administrator") || me.permissions.contains("fst_manage_settings")
        if !isAdmin, !me.permissions.contains("fst_manage_other_tickets") {
            throw Diagnostic(
                code: "fluent-support.permissions",
                "the agent \(me.agent.email) may not reply to other agents' tickets",
                subject: api.address,
                remedy:
                    "give the agent “Manage other tickets” and “Sensitive data” in Fluent Support, or use an administrator's login",
                cause: .refused)
        }
        try await readCatalogue(api, into: &site)
        site.routes = api.routes
        if api.routes.contains("saved-replies") {
            site.savedReplies = Set(try await api.all("saved-replies", "")?.compactMap { $0["title"]?.string } ?? [])
        }
        site.canMute = try await readMailboxes(api, into: &site)
        try await readSettings(api, into: &site, sink: sink)
        try await checkLogins(api, into: &site, sink: sink)
        let probe = try await api.read("tickets", [("per_page", "1")])["tickets"]?["data"]?[0]
        if let probe, probe["message_id"] == nil { site.keepsMessageID = false }
        site.requestTime = (ContinuousClock.now - began) / max(1, api.client.pacer.report.requests - sent)
        site.policy = policy ?? (site.canMute ? .stage : .refuse)
        learn(site)
        if try await self.policy() == .stage,
            site.mailboxes.contains(where: { $0.name == options.staging && !$0.isOurs })
        {
            throw notOurs()
        }
        if let wanted = options.mailbox, mailbox(named: wanted, in: site) == nil {
            throw Diagnostic(
                code: "fluent-support.mailbox", "Fluent Support has no mailbox “\(wanted)”", subject: api.address,
                remedy: "write one of: \(site.mailboxes.map(\.name).joined(separator: ", "))", cause: .badInput)
        }
        if liveMailboxes(site).isEmpty {
            throw Diagnostic(
                code: "fluent-support.no-mailbox", "Fluent Support has no mailbox yet", subject: api.address,
                remedy: "make one in Fluent Support under Business Inboxes", cause: .refused)
        }
    }

    private func readCatalogue(_ api: FluentSupportAPI, into site: inout FluentSupportSite) async throws {
        let all = try await api.read("tickets/ticket-essentials")
        func titles(_ list: JSON?) -> [String: Int] {
            var out: [String: Int] = [:]
            for item in list?.array ?? [] {
                if let id = item["id"]?.int, let title = item["title"]?.string, out[title] == nil { out[title] = id }
            }
            return out
        }
        site.tags = titles(all["ticket_tags"])
        site.products = titles(all["support_products"])
        if let words = all["ticket_statuses"]?.members, !words.isEmpty { site.statuses = Set(words.map(\.key)) }
        if let words = all["client_priorities"]?.members, !words.isEmpty { site.priorities = Set(words.map(\.key)) }
        site.mailboxes = (all["mailboxes"]?.array ?? []).compactMap { box in
            guard let id = box["id"]?.int, let name = box["name"]?.string else { return nil }
            let isOurs = name == options.staging || name.hasPrefix("Ticketferry staging")
            return FluentSupportSite.Mailbox(id: id, name: name, isDefault: false, isOurs: isOurs)
        }
        let agents = try await api.get("agents", [("per_page", "1000")])
        for agent in agents.json?["agents"]?["data"]?.array ?? agents.json?["agents"]?.array ?? [] {
            if let id = agent["id"]?.int, let email = agent["email"]?.string { site.agents[email.lowercased()] = id }
        }
    }

    /// Reads which mailbox is the default one and which e-mails are on; false where the login may not.
    private func readMailboxes(_ api: FluentSupportAPI, into site: inout FluentSupportSite) async throws -> Bool {
        let answer = try await api.get("mailboxes")
        guard answer.isSuccess, let boxes = answer.json?["mailboxes"]?.array else { return false }
        site.mailboxes = []
        for box in boxes {
            guard let id = box["id"]?.int, let name = box["name"]?.string else { continue }
            var mailbox = FluentSupportSite.Mailbox(
                id: id, name: name, isDefault: box["is_default"]?.string == "yes", isOurs: Self.isOurs(box))
            for config in try await emailConfigs(of: id, api) {
                if let key = config["key"]?.string { mailbox.mails[key] = config["status"]?.string != "no" }
            }
            site.mailboxes.append(mailbox)
        }
        site.staging = site.mailboxes.first { $0.name == options.staging && $0.isOurs }
        return true
    }

    /// Whether a mailbox is one that a migration made for staging.
    static func isOurs(_ box: JSON) -> Bool {
        box["email"]?.string?.lowercased() == FluentSupportSite.stagingAddress
    }

    /// A mailbox of people's has the name that ours should have: muting and removing it would hit them.
    func notOurs() -> Diagnostic {
        Diagnostic(
            code: "fluent-support.staging-taken",
            "the mailbox “\(options.staging)” is there already and was not made for staging", subject: api.address,
            remedy: "write another name in `staging:`, or leave it out; nothing was written", cause: .refused)
    }

    /// A mailbox's e-mails as they are.
    func emailConfigs(of mailbox: Int, _ api: FluentSupportAPI) async throws -> [JSON] {
        try await api.read("mailboxes/\(mailbox)/email_configs")["email_configs"]?.array ?? []
    }

    private func readSettings(
        _ api: FluentSupportAPI, into site: inout FluentSupportSite, sink: any DiagnosticSink
    ) async throws {
        // Only WordPress administrators may read these; without them the plugin's defaults are taken.
        let answer = try await api.get("settings", [("settings_key", "global_business_settings")])
        if let settings = answer.isSuccess ? answer.json?["settings"] : nil {
            if let megabytes = settings["max_file_size"]?.text.flatMap(Double.init), megabytes > 0 {
                site.maxFileSize = Int(megabytes * 1_048_576)
            }
            if let types = settings["accepted_file_types"]?.array { site.fileTypes = Set(types.compactMap(\.string)) }
        }
        let connected = try await api.get("settings/integration-statuses")
        let names = (connected.json?["connections"]?.members ?? []).filter { $0.value["is_integrated"]?.bool == true }
            .map { $0.value["title"]?.string ?? $0.key }
        if !names.isEmpty {
            sink.emit(
                Diagnostic(
                    .warning, code: "fluent-support.integrations",
                    "these are connected to Fluent Support and may act on migrated tickets: \(names.joined(separator: ", "))",
                    subject: api.address, remedy: "switch them off for the time of the run if they send messages",
                    cause: .refused))
        }
    }

    /// Logs in as each agent: a login that the site refuses is warned of, and that agent's replies name them in a header.
    ///
    /// - Throws: a `Diagnostic` where the site does not answer: to write on would turn all replies of the agent into
    ///   somebody else's for a failure of a moment.
    private func checkLogins(
        _ api: FluentSupportAPI, into site: inout FluentSupportSite, sink: any DiagnosticSink
    ) async throws {
        for email in api.agents.keys.sorted() {
            let answer: APIAnswer
            do {
                answer = try await api.get("me", as: email)
            } catch let failure as HTTPFailure { throw failure.diagnostic }
            let person = answer.json?["person"]
            if answer.isSuccess, let person, let id = person["id"]?.int, person["email"]?.string?.lowercased() == email
            {
                site.logins.insert(email)
                site.agents[email] = id
                continue
            }
            let isTold = answer.isSuccess && answer.json?.members != nil
            guard isTold || answer.status == 401 || answer.status == 403 else {
                throw FluentSupportAPI.diagnostic(of: answer, client: api.login(email))
            }
            let why = answer.isSuccess ? "the login is no agent of that address" : "HTTP \(answer.status)"
            sink.emit(
                Diagnostic(
                    .warning, code: "fluent-support.agent-login",
                    "the login of agent \(email) does not work (\(why)): replies will name them in a header",
                    subject: api.address,
                    remedy:
                        "make a new application password for them (\(api.authorizePage)) and check that they are an agent",
                    cause: .refused))
        }
        site.logins.insert(site.me.email)
    }

    /// Mailboxes that people work in: all but ours.
    func liveMailboxes(_ site: FluentSupportSite) -> [FluentSupportSite.Mailbox] {
        site.mailboxes.filter { !$0.isOurs }
    }

    /// The live mailbox of that name, or of that id.
    func mailbox(named name: String, in site: FluentSupportSite) -> FluentSupportSite.Mailbox? {
        let live = liveMailboxes(site)
        return live.first { $0.name == name } ?? live.first { $0.name.lowercased() == name.lowercased() }
            ?? Int(name).flatMap { id in live.first { $0.id == id } }
    }

    package func policy() async throws -> NotificationPolicy {
        let site = site
        if site.policy == .stage || site.policy == .mute, !site.canMute {
            throw Diagnostic(
                code: "fluent-support.cannot-mute", "this login may not change mailboxes, so no e-mails can be muted",
                subject: api.address,
                remedy: "use an administrator's login, or `notifications: allow` with --allow-notifications",
                cause: .refused)
        }
        return site.policy
    }
}
