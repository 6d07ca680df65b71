// SPDX-License-Identifier: Apache-2.0
public import Mapping
public import TicketModel

/// What the operator wants done about the target's e-mails (the migration file's `notifications:`).
public enum NotificationPolicy: String, Sendable, CaseIterable {
    /// Through a muted staging mailbox of its own.
    case stage
    /// Each mailbox's e-mails muted for the time of the run.
    case mute
    /// Nothing is muted.
    case allow
    /// Not a single one may be sent.
    case refuse
}

/// Flags and limits of a target; abilities are protocols.
public struct TargetFeatures: Hashable, Sendable {
    /// Whether it holds internal notes.
    ///
    /// Where not, notes stay in the archive and in the losses.
    public var notes: Bool
    /// Which policies it can follow, the safest first.
    public var notificationPolicies: [NotificationPolicy]
    /// How long after the last byte of an uncertain request it may still be at work.
    public var settleTime: Duration
    /// The largest file in bytes; nil where it is not told.
    public var maxFileSize: Int?
    /// Whether all tickets of an address show the same name: that of the first one written.
    public var keepsOneNamePerAddress: Bool
    /// Lines at the head of the finishing file: comments that say what it is for and how to run it.
    public var finishingHead: [String]
    /// Whether ``TargetReader/inventory()`` shows all tickets of ours at about one request for a hundred of them.
    ///
    /// A plan then looks which of them people deleted.
    public var listsCheaply: Bool
    /// Whether it tells a ticket that is gone from one that it does not show (SupportEngine answers alike for a ticket that
    /// was given another address).
    public var tellsGone: Bool
    /// Whether everybody who has a file's address can read it, which a plan warns of.
    public var filesArePublic: Bool
    /// About how long a request takes, as measured while preparing: for the plan's estimate.
    public var requestTime: Duration

    /// Makes features; see the properties.
    public init(
        notes: Bool, notificationPolicies: [NotificationPolicy], settleTime: Duration = .seconds(60),
        maxFileSize: Int? = nil, keepsOneNamePerAddress: Bool = false, finishingHead: [String] = [],
        listsCheaply: Bool = false, tellsGone: Bool = true, filesArePublic: Bool = false,
        requestTime: Duration = .milliseconds(100)
    ) {
        self.keepsOneNamePerAddress = keepsOneNamePerAddress
        self.notes = notes
        self.notificationPolicies = notificationPolicies
        self.settleTime = settleTime
        self.maxFileSize = maxFileSize
        self.finishingHead = finishingHead
        self.listsCheaply = listsCheaply
        self.tellsGone = tellsGone
        self.filesArePublic = filesArePublic
        self.requestTime = requestTime
    }
}

/// What is in the journal about the steps of one ticket: what a plan for a ticket already begun starts from.
public struct TicketProgress: Sendable {
    /// Understood steps by key.
    public var done: [WriteKey: Done]

    /// An understood step.
    public struct Done: Hashable, Sendable {
        /// The last answer that was understood.
        public var receipt: Receipt
        /// Of the payload that was sent; empty where the receipt was adopted and the payload is not known.
        public var fingerprint: String
        /// Grows with each understood step of the migration: which of two was done later.
        public var order: Int
        /// The step's ``Step/value`` when it was done.
        public var value: String?
        /// The step's ``Step/name`` when it was done; nil where nobody knows.
        public var name: String?
        /// What the step did; nil where nobody knows.
        public var verb: Step.Verb?

        /// Pairs a receipt with its payload's fingerprint.
        public init(
            receipt: Receipt, fingerprint: String, order: Int = 0, value: String? = nil, name: String? = nil,
            verb: Step.Verb? = nil
        ) {
            self.name = name
            self.verb = verb
            self.receipt = receipt
            self.fingerprint = fingerprint
            self.order = order
            self.value = value
        }
    }

    /// What is done so far; nothing for a new ticket.
    public init(done: [WriteKey: Done] = [:]) { self.done = done }
}

/// The steps that make a draft true in the target, in their order, and what the target cannot hold of it.
public struct TicketPlan: Sendable {
    /// All steps of the ticket, also those that the journal shows as done: the engine leaves those out by key and
    /// fingerprint.
    public var steps: [Step]
    /// What the target cannot hold, and what is done instead.
    public var losses: [Loss]
    /// What cannot be written at all: the ticket is set aside (a status the target does not have, …).
    public var refusals: [Diagnostic]
    /// Lines for the finishing file, each idempotent, with `{id:PART}` standing for the receipt's id of the step with
    /// that part.
    public var finishing: [String]
    /// The largest files that the target will not take, already in ``losses``.
    public var overLimit: Int

    /// Makes a plan of a ticket; see the properties.
    public init(
        steps: [Step] = [], losses: [Loss] = [], refusals: [Diagnostic] = [], finishing: [String] = [],
        overLimit: Int = 0
    ) {
        self.steps = steps
        self.losses = losses
        self.refusals = refusals
        self.finishing = finishing
        self.overLimit = overLimit
    }
}

/// A setting of the target that a run changes and gives back.
public struct Borrowing: Hashable, Sendable {
    /// Stable: `mailbox 3 e-mails`.
    public var name: String
    /// For people: what is changed and what that does to those who work there.
    public var summary: String
    /// The value before, as ``TargetReader/borrowings()`` read it; holds no secret.
    ///
    /// `null` for something that is made new (a staging mailbox).
    public var before: JSON
    /// The value that the run sets.
    public var during: JSON

    /// Makes a borrowing; see the properties.
    public init(name: String, summary: String, before: JSON = .null, during: JSON) {
        self.name = name
        self.summary = summary
        self.before = before
        self.during = during
    }
}

/// What became of giving a setting back.
public enum GiveBack: Sendable {
    case givenBack
    /// Somebody changed it meanwhile: left alone, with what it is now.
    case changedMeanwhile(JSON)
    /// It cannot go yet, for this reason: tickets of ours that are not complete are in it. It stays borrowed.
    case stillNeeded(String)
}

/// One of our writes that was found in the target.
public struct FoundTicket: Sendable {
    /// The marker that the target holds.
    public var digest: String
    /// The generation that it was written in, as the target shows it.
    public var generation: Int
    /// Of the ticket; with ``Receipt/stored`` where the list tells it.
    public var receipt: Receipt
    /// Whether it carries the mark of a ticket that `undo` could only close.
    public var isTakenBack = false

    /// Makes a find; see the properties.
    public init(digest: String, generation: Int, receipt: Receipt) {
        self.digest = digest
        self.generation = generation
        self.receipt = receipt
    }
}

/// The side of a target that only reads: all that a dry run is given.
public protocol TargetReader: Sendable {
    /// What it can hold; known after ``prepare(policy:sink:)``.
    var features: TargetFeatures { get async }
    /// Names the target for the journal and reports: the site's address without user or password.
    var address: String { get async }
    /// Logs in, checks permissions, reads settings and catalogue once. Must be called first. Sends only reads.
    ///
    /// - Throws: `Diagnostic` (cause `refused` or `unavailable`) when a migration could not be written.
    func prepare(policy: NotificationPolicy?, sink: any DiagnosticSink) async throws
    /// The policy that holds: the one asked for, else the safest the target has.
    ///
    /// - Throws: `Diagnostic` with cause `refused` where the target cannot follow it.
    func policy() async throws -> NotificationPolicy
    /// The settings that a run will change under the policy, with their values as they are now, without changing them.
    /// A setting that already is as the run wants it is listed too: a resumed run has it borrowed still.
    func borrowings() async throws -> [Borrowing]
    /// What will be changed or created besides tickets (a staging mailbox, customers), for the plan.
    func preparations() async throws -> [String]
    /// The steps for a draft. No I/O after ``prepare(policy:sink:)``; equal input gives equal steps.
    ///
    /// `losses` are what the mapping's rules left out of the draft. The engine reports them; those that fall back to the
    /// migration note are for the target to write there, and are not to be repeated in ``TicketPlan/losses``.
    func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]], identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan
    /// The steps that make the source's catalogue true in the target; no I/O after ``prepare(policy:sink:)``.
    ///
    /// Entries are matched to what the target has; those of a kind in `creating` that are missing become `create` steps
    /// where the API can, the others losses of the field `catalogue.KIND`. The keys' ticket is ``CatalogueEntry/ticketID``.
    /// Their receipts' ids name the kind too (`product:1`): one target id belongs to one write.
    func plan(
        catalogue: [CatalogueEntry], creating: Set<CatalogueEntry.Kind>, identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan
    /// All tickets in the target that carry a marker of ours, whatever migration: the list is read once, page by page.
    func inventory() async throws -> [FoundTicket]
    /// Looks for an uncertain step. Receipts of the steps it needs are given.
    func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp
    /// Which of a ticket's steps are in the target: rebuilds a lost journal (`--adopt`).
    func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt]
    /// A fingerprint of what people can change in a ticket; differs after they touched it. Nil when it is gone.
    func storedFingerprint(ticket: Receipt) async throws -> String?
    /// What the target holds of a ticket now; nil when it is gone. Sends only reads, as few as it can.
    func stored(ticket: Receipt) async throws -> StoredTicket?
    /// What all steps of a plan leave in the target, once done. No I/O after ``prepare(policy:sink:)``.
    ///
    /// From the steps alone: a plan that was made without the journal gives the same.
    func expectation(of plan: TicketPlan) async -> ExpectedTicket
    /// The hash of a stored file's bytes, in hex; or why the target does not give them. Called for files with a locator.
    func sha256(of file: StoredFile) async throws -> Result<String, FileUnavailable>
    /// How many tickets the target says that it has, by another way than its list (a report, a total); nil: it does not
    /// tell.
    func independentCount() async throws -> Int?
    /// How a ticket is taken back. No I/O.
    func undo(_ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity) async -> UndoPlan
    /// How what the migration made besides tickets is taken back: the catalogue's entries, and ``Receipt/made``.
    ///
    /// Each step deletes one thing, and only if nothing else uses it: that is looked at when the step is performed, and
    /// what is still used is understood with a loss that says by what. No I/O. The keys' ticket is
    /// ``CatalogueEntry/ticketID``.
    func undo(catalogue: WrittenTicket?, made: Set<String>, identity: MigrationIdentity) async -> UndoPlan
    /// Ends connections; nothing may be called after it.
    func close() async
}

/// The side of a target that writes.
public protocol TicketTarget: TargetReader {
    /// What stands in the target now that `undo` must leave (the highest id of a customer), read before the first write
    /// of a migration and kept in the journal; `null` where nothing is needed.
    func readBaseline() async throws -> JSON
    /// Tells the target what ``readBaseline()`` gave before the first write, also in later runs.
    func learn(baseline: JSON) async
    /// Takes a setting. The engine has journalled it, with the value before, before this is called. Taking what is taken
    /// already changes nothing (a resumed run does that): what is made new is looked for by name first.
    func borrow(_ borrowing: Borrowing) async throws
    /// Puts the value before back, unless somebody changed it meanwhile.
    func giveBack(_ borrowing: Borrowing) async throws -> GiveBack
    /// Sends one step. Never throws: what happened is the outcome.
    func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome
    /// Sends steps of one batch in one request. All or nothing; sent again as a whole if uncertain (they are `set`).
    ///
    /// The receipt of an understood batch stands for each of its steps.
    func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome
}

extension TicketTarget {
    /// Nothing is needed.
    public func readBaseline() async throws -> JSON { .null }

    /// Nothing is needed.
    public func learn(baseline: JSON) async {}
}

extension TargetReader {
    /// Nothing of a catalogue can be made, and nothing of it is looked for.
    public func plan(
        catalogue: [CatalogueEntry], creating: Set<CatalogueEntry.Kind>, identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan { TicketPlan() }

    /// Nothing can be read back.
    public func stored(ticket: Receipt) async throws -> StoredTicket? {
        throw Diagnostic(
            code: "target.not-readable", "tickets of \(await address) cannot be read back",
            remedy: "compare them by hand", cause: .refused)
    }

    /// Nothing is expected.
    public func expectation(of plan: TicketPlan) async -> ExpectedTicket { ExpectedTicket() }

    /// No file can be fetched.
    public func sha256(of file: StoredFile) async throws -> Result<String, FileUnavailable> {
        .failure(FileUnavailable("this helpdesk gives out no files"))
    }

    /// The target does not tell.
    public func independentCount() async throws -> Int? { nil }

    /// Tickets stay as they are.
    public func undo(
        _ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity
    ) async -> UndoPlan { UndoPlan(.left) }

    /// Nothing is made besides tickets.
    public func undo(
        catalogue: WrittenTicket?, made: Set<String>, identity: MigrationIdentity
    ) async -> UndoPlan { UndoPlan(.deleted) }

    /// The steps for a draft of which the mapping lost nothing.
    public func plan(
        _ draft: Draft, files: [[Result<ResolvedFile, FileUnavailable>]], identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan {
        await plan(draft, losses: [], files: files, identity: identity, progress: progress)
    }

    /// Ends connections; nothing may be called after it.
    ///
    /// By default there are none.
    public func close() async {}
}
