// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import Synchronization
internal import TicketModel
internal import Transport

/// What the pre-flight found of an account.
struct SmartsuppSite: Sendable {
    /// Ids of agents by their address in lower case.
    var agents: [String: String] = [:]
    /// Addresses, in lower case, of agents whom the catalogue makes before the first ticket.
    var coming: Set<String> = []
    /// Users of the account API by their address in lower case.
    var users: [String: String] = [:]
    /// Ids of triggers by name.
    var triggers: [String: String] = [:]
    /// Whether the account API can be used on an account that exists.
    var hasAccount = false
    /// About how long a request takes.
    var requestTime = Duration.milliseconds(100)
    /// The policy that was asked for.
    var policy: NotificationPolicy?
}

/// Writes tickets into Smartsupp; see the `+Topic` files for its pre-flight, steps, look-ups and catalogue.
final class SmartsuppTarget: TicketTarget {
    /// The connector's own options.
    struct Options: Sendable {
        /// How long Smartsupp may still work on a request whose answer got lost.
        var settleTime: Duration = .seconds(60)
        /// The account's id, for the account API.
        var account: String?
        /// Whether an account may be made, which costs money.
        var createsAccount = false
        /// The file for generated passwords.
        var passwords: String?
    }

    private struct State {
        var site = SmartsuppSite()
    }

    /// Stands for a ticket in the keys of contacts without an address; no source has a ticket of it.
    static let contactTicket = "\u{1}contact"

    let api: SmartsuppAPI
    let account: SmartsuppAccountAPI?
    let options: Options
    /// Who is a contact already, or will be.
    let contacts = SmartsuppContacts()
    private let state = Mutex(State())

    /// Wraps the APIs; nothing is sent before ``prepare(policy:sink:)``.
    init(api: SmartsuppAPI, account: SmartsuppAccountAPI? = nil, options: Options = Options()) {
        self.api = api
        self.account = account
        self.options = options
    }

    /// What the pre-flight found.
    var site: SmartsuppSite { state.withLock { $0.site } }

    /// Keeps what the pre-flight found.
    func learn(_ site: SmartsuppSite) { state.withLock { $0.site = site } }

    /// Notes who will be an agent before the first ticket.
    func learn(coming: Set<String>) { state.withLock { $0.site.coming = coming } }

    /// Keeps agents by address.
    func learn(agents: [String: String]) { state.withLock { $0.site.agents = agents } }

    var address: String { get async { api.address } }

    var features: TargetFeatures {
        get async {
            TargetFeatures(
                notes: false, notificationPolicies: [.refuse, .allow], settleTime: options.settleTime,
                listsCheaply: true, requestTime: site.requestTime)
        }
    }

    func prepare(policy: NotificationPolicy?, sink: any DiagnosticSink) async throws {
        var site = SmartsuppSite()
        site.policy = policy
        let (began, sent) = (ContinuousClock.now, api.client.pacer.report.requests)
        site.agents = try await readAgents()
        contacts.learn(try await api.contacts())
        // Whether conversations may be read at all: every look-up needs it.
        _ = try await api.search(after: nil, size: 1, timezone: "UTC")
        site.requestTime = (ContinuousClock.now - began) / max(1, api.client.pacer.report.requests - sent)
        if let account {
            try await account.test()
            if let id = options.account {
                for row in try await account.users(id) {
                    if let email = row["email"]?.text, let user = row["id"]?.text {
                        site.users[email.lowercased()] = user
                    }
                }
                for row in try await account.triggers(id) {
                    if let name = row["name"]?.text, let trigger = row["id"]?.text { site.triggers[name] = trigger }
                }
                site.hasAccount = true
            } else if !options.createsAccount {
                sink.emit(
                    Diagnostic(
                        .warning, code: "smartsupp.no-account-id", "`apiKey` is given and `account` is not",
                        remedy: "add `account: ID`, or leave `apiKey` out: users and triggers are not made without it"))
            }
        }
        learn(site)
    }

    /// Ids of agents who are not deleted, by address in lower case.
    func readAgents() async throws -> [String: String] {
        var agents: [String: String] = [:]
        for row in try await api.agents() {
            guard let agent = SmartsuppTicketReader.agent(row), let id = agent.id, let email = agent.email else {
                continue
            }
            if row["deleted_at"]?.text != nil || row["deletedAt"]?.text != nil { continue }
            agents[email.lowercased()] = id
        }
        return agents
    }

    func policy() async throws -> NotificationPolicy {
        let wanted = site.policy ?? .refuse
        guard wanted == .refuse || wanted == .allow else {
            throw Diagnostic(
                code: "smartsupp.cannot-mute", "Smartsupp has no way to \(wanted.rawValue) e-mails",
                subject: api.address,
                remedy:
                    "look at the plan's count of mails, then say `notifications: allow` and run with --allow-notifications",
                cause: .refused)
        }
        return wanted
    }

    func borrowings() async throws -> [Borrowing] { [] }

    func borrow(_ borrowing: Borrowing) async throws {}

    func giveBack(_ borrowing: Borrowing) async throws -> GiveBack { .givenBack }

    func preparations() async throws -> [String] {
        ["contacts whom Smartsupp does not know yet are made with their first conversation"]
    }

    func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]],
        identity: MigrationIdentity, progress: TicketProgress
    ) async -> TicketPlan {
        var planner = SmartsuppPlanner(
            site: site, contacts: contacts, draft: draft, files: files, identity: identity, progress: progress)
        return planner.make()
    }

    func close() async { await api.client.transport.close() }
}
