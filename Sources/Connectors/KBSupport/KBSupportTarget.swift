// SPDX-License-Identifier: Apache-2.0
package import Mapping
package import Migration
internal import Synchronization
package import TicketModel
internal import Transport

/// Writes tickets into KB Support; see the `+Topic` files for its steps and look-ups.
package final class KBSupportTarget: TicketTarget {
    /// The connector's own options.
    package struct Options: Hashable, Sendable {
        /// Whether XML-RPC is tried.
        package var usesXMLRPC: Bool
        /// How long the site may still work on a request whose answer got lost.
        package var settleTime: Duration

        /// Sets options; see the properties.
        package init(usesXMLRPC: Bool = true, settleTime: Duration = .seconds(60)) {
            self.usesXMLRPC = usesXMLRPC
            self.settleTime = settleTime
        }
    }

    private struct State {
        var api: KBSupportAPI
        var site: KBSupportSite?
        /// What stood there before the first write; see ``readBaseline()``.
        var baseline = JSON.null
    }

    let options: Options
    private let now: @Sendable () -> Timestamp
    private let state: Mutex<State>

    /// Wraps an API; nothing is sent before ``prepare(policy:sink:)``.
    package init(
        api: KBSupportAPI, options: Options = Options(),
        now: @escaping @Sendable () -> Timestamp = { KBSupportClock.now }
    ) {
        self.options = options
        self.now = now
        state = Mutex(State(api: api))
    }

    /// The API as the pre-flight left it (with or without pretty links).
    var api: KBSupportAPI { state.withLock { $0.api } }

    /// What the pre-flight found; a plain site before it.
    var site: KBSupportSite { state.withLock { $0.site } ?? KBSupportSite() }

    /// What stood there before the first write; `null` where nobody said.
    var baseline: JSON {
        get { state.withLock { $0.baseline } }
        set { state.withLock { $0.baseline = newValue } }
    }

    /// Notes the tags that the site has by now.
    func learn(tags: [Int: String]) { state.withLock { $0.site?.tags = tags } }

    package var address: String { get async { api.address } }

    package var features: TargetFeatures {
        get async {
            TargetFeatures(
                notes: false, notificationPolicies: [.refuse, .allow], settleTime: options.settleTime,
                listsCheaply: true, filesArePublic: true, requestTime: site.requestTime)
        }
    }

    package func prepare(policy: NotificationPolicy?, sink: any DiagnosticSink) async throws {
        var api = api
        let (began, sent) = (ContinuousClock.now, api.client.pacer.report.requests)
        var site = try await KBSupportPreflight.site(&api, usesXMLRPC: options.usesXMLRPC, sink: sink)
        // Which customers have an account, where the login may see that.
        let query = [("roles", "support_customer"), ("context", "edit")].map { (name: $0.0, value: $0.1) }
        for row in try await api.all("users", query, api: KBSupportAPI.core) ?? [] {
            if let id = row["id"]?.int, let email = row["email"]?.string { site.accounts[email.lowercased()] = id }
        }
        site.policy = policy ?? .refuse
        site.preparedAt = now()
        site.requestTime = (ContinuousClock.now - began) / max(1, api.client.pacer.report.requests - sent)
        if options.usesXMLRPC, !site.hasXMLRPC {
            sink.emit(
                Diagnostic(
                    .warning, code: "kb-support.no-xmlrpc",
                    "the site's XML-RPC does not answer this login: dates, tags and titles in small letters get lost, and every reply and closing sends an e-mail",
                    subject: api.address,
                    remedy: "allow xmlrpc.php for the time of the run (a security plugin or the web server blocks it)",
                    cause: .refused))
        }
        let found = (api, site)
        state.withLock { state in
            state.api = found.0
            state.site = found.1
        }
        _ = try await self.policy()
    }

    package func policy() async throws -> NotificationPolicy {
        let policy = site.policy
        guard policy == .refuse || policy == .allow else {
            throw Diagnostic(
                code: "kb-support.cannot-mute", "no API can mute KB Support's e-mails",
                subject: api.address,
                remedy:
                    "switch them off by hand under Tickets > Settings > Emails, then `notifications: allow` with --allow-notifications",
                cause: .refused)
        }
        return policy
    }

    package func borrowings() async throws -> [Borrowing] { [] }

    package func borrow(_ borrowing: Borrowing) async throws {}

    package func giveBack(_ borrowing: Borrowing) async throws -> GiveBack { .givenBack }

    package func preparations() async throws -> [String] {
        let site = site
        return [
            "customers whom KB Support does not know yet are made with their first ticket",
            site.hasXMLRPC
                ? "tags that KB Support does not know yet are made with their first ticket; 2 e-mails a ticket, none for replies and closings (XML-RPC)"
                : "2 e-mails a ticket, 1 a reply, 1 a closing: no API mutes them; by hand: Tickets > Settings > Emails",
        ]
    }

    package func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]],
        identity: MigrationIdentity, progress: TicketProgress
    ) async -> TicketPlan {
        var planner = KBSupportPlanner(site: site, draft: draft, files: files, identity: identity, progress: progress)
        return planner.make()
    }

    package func close() async { await api.client.transport.close() }
}
