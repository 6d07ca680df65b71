// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import Synchronization
internal import TicketModel
internal import Transport

/// Writes tickets into SupportEngine; see the `+Topic` files for steps and look-ups.
///
/// The API has no keys, no transactions and no way to take anything back: each write is looked for before it could
/// double, and what was stored is read back wherever the server has not yet shown that it keeps such a text.
final class SupportEngineTarget: TicketTarget {
    /// The connector's own options.
    struct Options: Hashable, Sendable {
        /// Whether texts of this server are HTML.
        var isHTML = false
        /// Whether the sizes of the columns are known (255 characters, 65,535 bytes); else nothing is cut or split.
        var hasLimits = true
        /// Whether a server that changes texts may go on doing so, each change a loss; else the run stops.
        var acceptsChanges = false
        /// The category of tickets whose own is not there; by name.
        var category: String?
        /// Addresses to look at for tickets that earlier runs wrote.
        var addresses: [String] = []
        /// How long the server may still work on a request whose answer got lost.
        var settleTime = Duration.seconds(60)
    }

    private struct State {
        var api: SupportEngineAPI
        var site = SupportEngineSite()
        /// Addresses that plans named.
        var addresses: Set<String> = []
        /// Tickets that this process made: nothing of an earlier run can be in them.
        var fresh: Set<String> = []
        /// The markers of tickets that were made or looked at: they stay what they are.
        var marked: [String: String] = [:]
        /// The ids of replies by marker, of tickets that were looked at.
        var markers: [String: [String: String]] = [:]
        /// Where the pre-flight's findings went, until it was told that the addresses are not all known.
        var sink: (any DiagnosticSink)?
    }

    let options: Options
    let gate = SupportEngineGate()
    private let state: Mutex<State>

    /// Wraps an API; nothing is sent before ``prepare(policy:sink:)``.
    init(api: SupportEngineAPI, options: Options = Options()) {
        self.options = options
        state = Mutex(State(api: api))
    }

    /// The API as the pre-flight left it.
    var api: SupportEngineAPI { state.withLock { $0.api } }

    /// What the pre-flight found.
    var site: SupportEngineSite { state.withLock { $0.site } }

    /// Where to tell something once; nil ever after.
    func takeSink() -> (any DiagnosticSink)? {
        state.withLock { state in
            defer { state.sink = nil }
            return state.sink
        }
    }

    /// Addresses at which tickets of ours may be.
    var addresses: [String] { state.withLock { Set(options.addresses).union($0.addresses) }.sorted() }

    /// Notes that this process made a ticket.
    func learn(fresh ticket: String) { state.withLock { _ = $0.fresh.insert(ticket) } }

    /// Notes which marker a ticket carries.
    func learn(marker: String, ofTicket id: String) { state.withLock { $0.marked[id] = marker } }

    /// The marker that a ticket carries, as far as it was looked at.
    func marker(ofTicket id: String) -> String? { state.withLock { $0.marked[id] } }

    /// Whether this process made a ticket.
    func isFresh(_ ticket: String) -> Bool { state.withLock { $0.fresh.contains(ticket) } }

    /// The replies of a ticket by marker, as they were when it was looked at; nil before.
    func markers(of ticket: String) -> [String: String]? { state.withLock { $0.markers[ticket] } }

    /// Notes that a write to a ticket is in doubt: it is looked at before the next one.
    func forget(_ ticket: String) {
        state.withLock { state in
            state.fresh.remove(ticket)
            state.markers[ticket] = nil
        }
    }

    /// Notes a reply that this process wrote.
    func learn(reply id: String, marker: String, of ticket: String) {
        state.withLock { $0.markers[ticket, default: [:]][marker] = id }
    }

    /// Notes the replies of a ticket.
    func learn(markers: [String: String], of ticket: String) { state.withLock { $0.markers[ticket] = markers } }

    var address: String { get async { api.address } }

    var features: TargetFeatures {
        get async {
            TargetFeatures(
                notes: false, notificationPolicies: [.refuse, .allow], settleTime: options.settleTime,
                tellsGone: false, requestTime: site.requestTime)
        }
    }

    func prepare(policy: NotificationPolicy?, sink: any DiagnosticSink) async throws {
        var api = api
        let (began, sent) = (ContinuousClock.now, api.client.pacer.report.requests)
        try await api.begin(sink)
        var site = SupportEngineSite(
            categories: try await api.extra("ticket_categories.php", "categories"),
            fields: try await api.extra("ticket_custom_fields.php", "fields"))
        site.requestTime = (ContinuousClock.now - began) / max(1, api.client.pacer.report.requests - sent)
        site.policy = policy ?? .refuse
        if site.categories == nil || site.fields == nil {
            sink.emit(
                Diagnostic(
                    .warning, code: "supportengine.no-names",
                    "this server does not tell its \(site.categories == nil ? site.fields == nil ? "categories and custom fields" : "categories" : "custom fields"): they cannot be written, and required fields are only found when a ticket is refused",
                    subject: api.address,
                    remedy:
                        "put the pages ticket_categories.php and ticket_custom_fields.php of the vendor's server kit there",
                    cause: .refused))
        }
        // A server that cannot show what others stored would end every look-up before a write.
        for email in options.addresses.prefix(8) {
            if let id = try await api.list(email).first?["id"]?.text { _ = try await api.view(id, email: email) }
        }
        if let name = options.category, site.category(name) == nil {
            throw Diagnostic(
                code: "supportengine.category", "SupportEngine has no category “\(name)”", subject: api.address,
                remedy: site.categories.map { "write one of: \($0.keys.sorted().joined(separator: ", "))" }
                    ?? "leave `category` out: this server does not tell its categories", cause: .badInput)
        }
        let (known, found) = (api, site)
        state.withLock { state in
            state.api = known
            state.site = found
            state.sink = sink
        }
    }

    func policy() async throws -> NotificationPolicy {
        let policy = site.policy
        if policy == .stage || policy == .mute {
            throw Diagnostic(
                code: "supportengine.cannot-mute", "SupportEngine's API sends no e-mails and has nothing to mute",
                subject: api.address, remedy: "leave `notifications` out, or write `refuse`", cause: .refused)
        }
        return policy
    }

    func borrowings() async throws -> [Borrowing] { [] }

    func preparations() async throws -> [String] {
        ["the first ticket is read back and compared before the second is sent"]
    }

    func borrow(_ borrowing: Borrowing) async throws {}

    func giveBack(_ borrowing: Borrowing) async throws -> GiveBack { .givenBack }

    func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]],
        identity: MigrationIdentity, progress: TicketProgress
    ) async -> TicketPlan {
        var planner = SupportEnginePlanner(
            site: site, options: options, draft: draft, identity: identity, progress: progress)
        let plan = planner.make()
        let email = planner.email
        state.withLock { _ = $0.addresses.insert(email) }
        return plan
    }

    func close() async { await api.client.transport.close() }
}
