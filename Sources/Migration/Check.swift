// SPDX-License-Identifier: Apache-2.0
internal import Mapping
public import TicketModel

/// Whether a migration is ready: both sides answer, the mapping's words are the target's, nothing would be refused.
///
/// Sends nothing but reads.
public struct Check: Sendable {
    private let setup: MigrationSetup
    private let target: any TargetReader
    private let journal: any Journal
    /// The labels that the mapping gives, by field, to be held against the target.
    private let labels: [String: [String]]

    /// What was found.
    public struct Findings: Sendable {
        /// The source's name.
        public var source = ""
        /// The target's address, without user or password.
        public var target = ""
        /// The policy that a run would follow; `refuse` also where the target cannot follow the one asked for.
        public var policy = NotificationPolicy.refuse
        /// How many tickets the source tells that it has; nil where it does not.
        public var tickets: Int?
        /// What a run does before the first ticket.
        public var preparations: [String] = []
        /// The settings that a run would change and give back.
        public var borrowings: [Borrowing] = []
        /// What a run would be refused for, and what would make tickets fail.
        public var problems: [Diagnostic] = []
        /// The plan of the first tickets.
        public var sample = PlanSummary()

        /// What `migrate` would end with; nil: it is ready.
        public var cause: ExitCause? { problems.map(\.cause).max() }
    }

    /// Prepares a check; nothing is sent yet.
    ///
    /// - Parameters:
    ///   - setup: the migration; its limit is lowered to ``sampleSize``.
    ///   - target: not yet prepared.
    ///   - journal: what runs before this one did; opened for reading will do.
    ///   - labels: by field (`status`, `priority`), what the mapping may send.
    public init(
        setup: MigrationSetup, target: any TargetReader, journal: any Journal, labels: [String: [String]]
    ) {
        self.setup = setup
        self.target = target
        self.journal = journal
        self.labels = labels
    }

    /// How many tickets are planned as a sample.
    public static let sampleSize = 50

    /// Looks at both sides and plans the first ``sampleSize`` tickets.
    ///
    /// - Throws: `Diagnostic` where one side cannot be looked at at all.
    public func run() async throws -> Findings {
        var findings = Findings()
        var setup = setup
        setup.selection.limit = min(setup.selection.limit ?? Self.sampleSize, Self.sampleSize)
        let identity = try await setup.identity(in: journal)
        findings.source = identity.source
        findings.tickets = try await setup.source.list(since: nil, after: nil).total
        try await target.prepare(policy: setup.notifications, sink: setup.sink)
        findings.target = await target.address
        do {
            findings.policy = try await target.policy()
        } catch let diagnostic as Diagnostic where diagnostic.cause == .refused {
            findings.problems.append(diagnostic)
        }
        findings.problems += await words(identity)
        findings.sample = try await Planner(setup: setup, target: target, journal: journal).plan()
        findings.preparations = findings.sample.preparations
        findings.borrowings = findings.sample.borrowings
        if findings.sample.read.timesWithoutZone > 0 {
            findings.problems.append(.noZone(findings.sample.read.timesWithoutZone))
        }
        if let lost = findings.sample.lostJournal { findings.problems.append(lost) }
        if findings.sample.policy == .refuse, findings.sample.mails > 0 {
            findings.problems.append(.mailsRefused(findings.sample.mails))
        }
        return findings
    }

    /// Holds each label of the mapping against the target by planning a made-up ticket with it.
    private func words(_ identity: MigrationIdentity) async -> [Diagnostic] {
        var problems: [Diagnostic] = []
        for (field, labels) in labels.sorted(by: { $0.key < $1.key }) {
            for label in labels {
                var ticket = Ticket(id: "check")
                ticket.subject = "check"
                ticket.requester = Person(role: .customer, email: "check@check.invalid")
                var message = Message(kind: .reply)
                message.author = ticket.requester
                message.body = .text("check")
                ticket.messages = [message]
                var draft = Draft(ticket: ticket, authorships: [.init(choice: .asWritten, header: "")])
                switch field {
                case "status": draft.status = label
                case "priority": draft.priority = label
                default: continue
                }
                let plan = await target.plan(draft, files: [[]], identity: identity, progress: TicketProgress())
                problems += plan.refusals
            }
        }
        return problems
    }
}

extension Diagnostic {
    /// Times that nobody can place.
    static func noZone(_ times: Int) -> Diagnostic {
        Diagnostic(
            code: "source.no-zone", "\(times) times in the source have no zone, and nobody said which one is meant",
            remedy: "add `zone: Europe/Berlin` (or whichever holds) under `source:`")
    }

    /// Tickets of this migration that the target holds, and a journal that is not there or an old copy.
    static func journalLost(_ tickets: Int, isMissing: Bool, _ file: String) -> Diagnostic {
        let held = "the target already holds \(tickets) ticket\(tickets == 1 ? "" : "s") of this migration"
        return Diagnostic(
            code: "journal.lost",
            held + (isMissing ? ", and its journal is missing" : " that the journal does not know: an old copy?"),
            remedy: "put the journal back, or rebuild it from the target: `ticketferry migrate \(file) --adopt`; "
                + "nothing was written",
            cause: .refused)
    }

    /// E-mails under a policy that allows none.
    static func mailsRefused(_ count: Int) -> Diagnostic {
        Diagnostic(
            code: "notifications.refused", "the target would send \(count.counted("e-mail")), and none is allowed",
            remedy: "say `notifications: stage` or `mute` where the target can; nothing was written", cause: .refused)
    }
}
