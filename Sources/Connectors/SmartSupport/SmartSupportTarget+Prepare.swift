// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Migration
internal import Synchronization
package import TicketModel
internal import Transport

extension SmartSupportTarget {
    /// How many pages of the site's latest tickets are looked at for agents, departments, products and customers.
    private static let pages = 3
    /// How many of them are looked at for an internal note, where a look-up needs to know that the key sees them.
    private static let recent = 20

    package func prepare(policy: NotificationPolicy?, sink: any DiagnosticSink) async throws {
        var api = api
        state.withLock { $0.sink = sink }
        let (began, sent) = (ContinuousClock.now, api.client.pacer.report.requests)
        let greeting = try await api.connect()
        if let warning = greeting.warning { say(warning) }
        var site = SmartSupportSite()
        site.clock = greeting.clock
        site.takesNotes = state.withLock { $0.site?.takesNotes } ?? true
        for agent in options.agents { site.agents[agent.email.lowercased()] = .some(agent.id) }
        site.departments = options.departments
        site.products = options.products
        try await learn(api, into: &site)
        site.service = options.agents.first?.email ?? site.agents.keys.min()
        site.requestTime = (ContinuousClock.now - began) / max(1, api.client.pacer.report.requests - sent)
        site.policy = policy ?? .refuse
        let (found, ready) = (api, site)
        state.withLock { state in
            state.api = found
            state.site = ready
        }
        warn(site)
    }

    /// What the latest tickets show; the list that the key may not read is a key that cannot look anything up.
    private func learn(_ api: SmartSupportAPI, into site: inout SmartSupportSite) async throws {
        var last: [String] = []
        for page in 1...Self.pages {
            let query = [("page", String(page)), ("orderby", "updated_at"), ("order", "DESC")]
            var answer = try await api.client.read(APICall(.get, "tickets", query: query + [("per_page", "100")]))
            if answer.status == 400 { answer = try await api.client.read(APICall(.get, "tickets", query: query)) }
            guard answer.isSuccess, let json = answer.json, let rows = SmartSupportAPI.rows(json, ["tickets"]) else {
                if page > 1 { return }
                throw SmartSupportAPI.diagnostic(of: answer, client: api.client)
            }
            let ids = rows.compactMap { SmartSupportAPI.id($0, "ticket") }
            if ids.isEmpty || ids == last { return }
            last = ids
            for row in rows { site.learn(from: row) }
            if page == 1 { state.withLock { [ids] in $0.recent = Array(ids.prefix(Self.recent)) } }
        }
    }

    /// Names what the API cannot show and can wreck a run (field notes).
    private func warn(_ site: SmartSupportSite) {
        func warn(_ code: String, _ message: String, _ remedy: String) {
            say(
                Diagnostic(
                    .warning, code: "smart-support.\(code)", message, subject: api.address, remedy: remedy,
                    cause: .refused))
        }
        let settings = "in Smart Support > Settings"
        warn(
            "auto-assign", "the site may assign new tickets and replied ones by itself; the API does not show it",
            "switch auto-assign off \(settings) for the time of the run")
        warn(
            "auto-close", "the site may delay and close waiting tickets by itself and warn customers by e-mail",
            "switch auto-delay and auto-close off \(settings) until the tickets have been looked through")
        warn(
            "user-approval",
            "a new address becomes a WordPress user, who may be asked for approval and welcomed by e-mail",
            "switch approval and the welcome e-mail off \(settings) for the time of the run")
        if options.submissionsPerHour == nil {
            warn(
                "submission-limit",
                "the site may take only some tickets of a customer within an hour, or only some open ones",
                "raise both limits \(settings), or write the first one as `submissionsPerHour`")
        }
        if site.service == nil {
            warn(
                "no-agent",
                "no agent of the site is known, so internal notes cannot be written and agents' replies show as the customer's, with a line that names the agent",
                "write the agents' addresses and user ids: `agents: ada@example.com=25`")
        }
        if let service = site.service, options.agents.isEmpty {
            warn(
                "stand-in", "\(service) writes internal notes and what nobody else can, since `agents` names nobody",
                "write the agents' addresses and user ids, the one who stands in first: `agents: ada@example.com=25`")
        }
        if let name = options.department, !site.departments.isEmpty,
            SmartSupportSite.find(name, in: site.departments) == nil
        {
            warn(
                "unknown-department",
                "the department “\(name)” is not among those known: \(SmartSupportSite.list(site.departments))",
                "write one of these, or add it to `departments` if it is there")
        }
    }
}
