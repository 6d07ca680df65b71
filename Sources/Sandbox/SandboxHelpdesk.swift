// SPDX-License-Identifier: Apache-2.0

public import TicketModel

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A practice helpdesk: it behaves like the real one, keeps its own state and sends no mail.
///
/// `respond(to:)` is the whole helpdesk; sockets, faults and delays are put around it by ``SandboxFront``, so that a
/// test can also call it directly. An answer is given only after its change is in the state file.
public protocol SandboxHelpdesk: Sendable {
    /// Answers one request. Never throws: what is wrong is said as the real helpdesk says it.
    func respond(to request: SandboxRequest) async -> SandboxResponse
    /// The e-mails that the real helpdesk would have sent, oldest first.
    func mails() async -> [SandboxMail]
    /// Everything that is stored, in an order that depends on nothing but the content; for comparing.
    func dump() async -> JSON
    /// The shape of a request's path, ids replaced by `{id}`, so that requests can be counted by kind.
    nonisolated func route(of request: SandboxRequest) -> String
    /// Writes what is left to write and lets go of the state file.
    func close() async
}

/// A login that a practice helpdesk accepts when it is told to be strict.
public struct SandboxLogin: Sendable, Hashable {
    /// The name or the e-mail of the user.
    public var user: String
    /// The password, with or without blanks.
    public var password: String

    /// Pairs a user with a password.
    public init(user: String, password: String) {
        self.user = user
        self.password = password
    }
}

/// How a practice helpdesk starts.
public struct SandboxOptions: Sendable {
    /// The file that keeps the state; nil: memory only.
    ///
    /// It is made when it is absent, and files lie beside it.
    public var state: String?
    /// What the made-up tickets and all random choices come from.
    public var seed: UInt64
    /// How many made-up tickets a new state gets.
    public var tickets: Int
    /// The zone of the site, by its name in the tz database.
    public var timeZone: String
    /// The logins that are accepted; nil: any.
    public var logins: [SandboxLogin]?
    /// The names of the helpdesk's switches that are on: what the vendor's document leaves open, done the other way.
    public var switches: Set<String> = []
    /// Whether the site looks as right after installation: nothing set up yet.
    public var fresh: Bool
    /// The address that the site believes to have; nil: what the `Host` field of each request says.
    public var url: String?
    /// The clock.
    public var now: @Sendable () -> Date

    /// The defaults: memory only, no tickets, UTC, any login, set up, the system's clock.
    public init(
        state: String? = nil, seed: UInt64 = 1, tickets: Int = 0, timeZone: String = "UTC",
        logins: [SandboxLogin]? = nil, fresh: Bool = false, url: String? = nil,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.state = state
        self.seed = seed
        self.tickets = tickets
        self.timeZone = timeZone
        self.logins = logins
        self.fresh = fresh
        self.url = url
        self.now = now
    }
}
