// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// Which migration a journal belongs to.
public struct JournalHead: Hashable, Sendable {
    /// Migration, source and generation: part of every key.
    public var identity: MigrationIdentity
    /// The target's address, without user or password.
    public var target: String

    /// Names a migration and its target.
    public init(identity: MigrationIdentity, target: String) {
        self.identity = identity
        self.target = target
    }
}

/// What the journal knows of one ticket.
public struct TicketRecord: Hashable, Sendable {
    /// How far a ticket is.
    public enum State: String, Sendable, CaseIterable {
        /// Some of its steps are done, or none yet.
        case begun
        /// All steps of its last plan are done.
        case complete
        /// A step was refused; the next run tries again.
        case failed
        /// Only a person can tell whether a step was written (`resolve`).
        case setAside
        /// `undo` took back what was written of it; a new migration writes it anew.
        case takenBack
    }

    /// In the source.
    public var id: String
    /// What people quote in the source.
    public var number: String?
    /// How far it is, as of its last entry.
    public var state: State
    /// Of the canonical line as read.
    public var source: String
    /// Of what the mapping makes of it.
    public var draft: String
    /// As the target gave it back right after the last write; nil where it does not tell.
    public var stored: String?
    /// Its id in the target; nil until its creation was understood.
    public var targetID: String?
    /// Where people see it in the target; nil where the target does not tell.
    public var targetURL: String?
    /// What is known of people's edits besides what ``stored`` shows; nil: nothing.
    public var edits: Edits?
    /// Why it failed or was set aside: code, message, remedy.
    ///
    /// Never a message's text.
    public var failure: Failure?

    /// What is known of people's edits of a ticket in the target.
    public enum Edits: String, Sendable, CaseIterable {
        /// People edited it, and what is missing of it is still written: `undo` leaves it.
        case noticed
        /// Its properties are left to people: `undo` leaves it, and no run sets them until one that overwrites conflicts has
        /// brought the ticket to its end.
        case conflict
    }

    /// A failure in short.
    public struct Failure: Hashable, Sendable {
        /// The diagnostic's `area.problem`.
        public var code: String
        /// What happened, at most 400 characters when taken from a diagnostic.
        public var message: String
        /// What to do about it, cut like ``message``.
        public var remedy: String

        /// Names a failure.
        public init(code: String, message: String, remedy: String) {
            self.code = code
            self.message = message
            self.remedy = remedy
        }

        /// The same of a diagnostic, cut to what a list can show.
        public init(_ diagnostic: Diagnostic) {
            self.init(
                code: diagnostic.code, message: String(diagnostic.message.prefix(400)),
                remedy: String(diagnostic.remedy.prefix(400)))
        }
    }

    /// A ticket of which nothing is written yet.
    public init(id: String, number: String? = nil, state: State = .begun, source: String = "", draft: String = "") {
        self.id = id
        self.number = number
        self.state = state
        self.source = source
        self.draft = draft
    }
}

/// What the journal knows of one step.
public struct StepRecord: Hashable, Sendable {
    /// How far a step is.
    public enum State: String, Sendable, CaseIterable {
        /// About to be sent, or sent with no word of what became of it: in doubt after a crash.
        case intent
        case done
        /// Sent, and the answer proved nothing.
        case uncertain
        case setAside
        /// The target said no. Looked up once before it is sent again: some say no to what they have done.
        case rejected
    }

    /// The ticket's id in the source.
    public var ticket: String
    /// Which write of the ticket it is; see ``WriteKey/part``.
    public var part: String
    /// The generation that it was written in; those before an `undo` do not count any more.
    public var generation: Int
    /// What it does, and so whether sending it again could double.
    public var verb: Step.Verb
    /// For people: `reply m3`.
    public var name: String
    /// Of the payload.
    public var fingerprint: String
    /// What a `set` made of the property, at most 200 characters; nil for other verbs.
    public var value: String?
    /// How far it is.
    public var state: State
    /// The last answer that was understood, kept while the step is sent again; nil before the first.
    public var receipt: Receipt?
    /// Grows with each understood step; 0 before.
    public var order: Int
    /// When the intent was written.
    public var sentAt: Timestamp

    /// Whether it may be in the target or not.
    public var inDoubt: Bool { state == .intent || state == .uncertain }

    /// The intent to send a step.
    public init(_ step: Step, sentAt: Timestamp) {
        ticket = step.key.ticket
        part = step.key.part
        generation = step.key.generation
        verb = step.verb
        name = step.name
        fingerprint = step.fingerprint
        value = step.verb == .set ? step.value.map { String($0.prefix(200)) } : nil
        state = .intent
        order = 0
        self.sentAt = sentAt
    }

    /// A record as a journal stored it.
    package init(
        ticket: String, part: String, generation: Int, verb: Step.Verb, name: String, fingerprint: String,
        value: String?, state: State, receipt: Receipt?, order: Int, sentAt: Timestamp
    ) {
        self.ticket = ticket
        self.part = part
        self.generation = generation
        self.verb = verb
        self.name = name
        self.fingerprint = fingerprint
        self.value = value
        self.state = state
        self.receipt = receipt
        self.order = order
        self.sentAt = sentAt
    }
}

/// A borrowed setting in the journal.
public struct BorrowingRecord: Hashable, Sendable {
    /// What was changed, with the value to give back.
    public var borrowing: Borrowing
    /// When it was journalled, right before the setting was changed.
    public var since: Timestamp
    /// Nil while it is borrowed.
    public var until: Timestamp?
    /// `given back`, or what somebody made of it meanwhile.
    public var outcome: String?

    /// A borrowing and what became of it.
    public init(borrowing: Borrowing, since: Timestamp, until: Timestamp? = nil, outcome: String? = nil) {
        self.borrowing = borrowing
        self.since = since
        self.until = until
        self.outcome = outcome
    }
}

/// One thing to be made durable.
public enum JournalEntry: Sendable {
    /// Replaces what is known of a ticket.
    case ticket(TicketRecord)
    /// The same, of a ticket that was complete and of which something is set now: in the journal's file itself when it is
    /// recorded, also if the log after it is lost. A run that took it for complete would take our half for people's edits.
    case reopened(TicketRecord)
    /// Before a step is sent.
    case intent(StepRecord)
    /// The answer proved nothing.
    case uncertain(WriteKey)
    /// Nothing was written for certain: the intent is taken back.
    case withdrawn(WriteKey)
    /// Understood. Fails the whole call with ``JournalConflict`` if another ticket's creation has the same target id.
    case done(WriteKey, Receipt)
    case setAside(WriteKey)
    /// The answer was a no; for what could double.
    case rejected(WriteKey)
    /// Replaces the losses that the plan of a ticket names.
    case losses(ticket: String, [Loss])
    /// Replaces the losses that only the answer to a step showed; they stay when the ticket's are replaced.
    case stepLosses(WriteKey, [Loss])
    /// Replaces the finishing lines of a ticket.
    case finishing(ticket: String, [String])
    /// Before a setting is changed.
    case borrowed(Borrowing, since: Timestamp)
    /// After it was given back.
    case givenBack(name: String, until: Timestamp, outcome: String)
    /// Replaces what is kept under a name; `null` removes it.
    case memo(JournalMemo, JSON)
    /// All that could be taken back is: writes from now on are of that generation.
    ///
    /// What stands in the journal of tickets that were left in the target becomes of it, so that they are not written
    /// again; of those taken back only their steps stay, as history.
    case generationRaised(to: Int)
    /// Removes all but the head, the runs and this memo; ``Journal/counts()`` gives the counts in it from now on.
    case purged(JSON)
    case runBegan(Timestamp)
    /// Of the run that began last.
    case runEnded(Timestamp, RunState)

    /// Whether it stays known also where a journal loses the log of its last commits, as with a disk that lies.
    public var outlivesTheLog: Bool {
        switch self {
        case .runBegan, .memo, .reopened: true
        default: false
        }
    }
}

/// What a journal keeps of a migration as a whole.
public enum JournalMemo: String, Sendable, CaseIterable {
    /// What stood in the target before the first write; see ``TicketTarget/learn(baseline:)``.
    case baseline
    /// An `undo` is under way or was broken off: when it began.
    case undo
    /// All that was known of people is removed: when, and the counts of what was known.
    case purged
    /// Tickets were taken over from the target since their journal was lost: when. What was made with them is not known.
    case adopted
    /// That an `undo` rebuilt a lost journal: an earlier one may have begun, and nobody knows how far it came.
    case rebuilt
    /// A run did not end, so that the journal may lack its last commits, and no run since has gone through all tickets.
    case mistrusted
    /// Where the last run that went through all tickets left off; see ``MigrationSetup/settleSelection(by:)``.
    case read
}

/// Two tickets claim one id of the target.
public struct JournalConflict: Error, Hashable, Sendable {
    /// The target's id.
    public var targetID: String
    /// The ticket that has it.
    public var owner: String

    /// Names the id and who has it.
    public init(targetID: String, owner: String) {
        self.targetID = targetID
        self.owner = owner
    }
}

/// How a run stands or ended.
public enum RunState: String, Sendable, CaseIterable {
    case running, finished, interrupted, stopped
    /// Finished with the tickets that were asked for (`--limit`, `--only`, `--sample`): the migration goes on.
    case partial
}

/// The counts that a journal can give at once.
public struct JournalCounts: Hashable, Sendable {
    /// Tickets by how far they are; an absent state is 0.
    public var tickets: [TicketRecord.State: Int] = [:]
    /// Understood steps by verb, those of the present generation: what an `undo` took back is not there any more.
    public var steps: [Step.Verb: Int] = [:]
    /// Steps of which nobody knows whether they are written.
    public var inDoubt = 0
    /// Tickets whose properties are left to people.
    public var conflicts = 0
    /// Losses, those of all tickets added up.
    public var losses = 0

    /// Nothing yet.
    public init() {}
}

/// The last run in a journal.
public struct RunRecord: Hashable, Sendable {
    /// When it began.
    public var began: Timestamp
    /// When it ended; nil while it is under way and after a crash.
    public var ended: Timestamp?
    /// How it ended; still `running` after a crash.
    public var state: RunState

    /// A run and how it stands.
    public init(began: Timestamp, ended: Timestamp? = nil, state: RunState = .running) {
        self.began = began
        self.ended = ended
        self.state = state
    }
}

/// What is durable of a migration.
///
/// One writer; no secrets; message bodies only as fingerprints.
///
/// All methods throw a `Diagnostic` with cause `machine` when the disk fails.
public protocol Journal: Sendable {
    /// Which migration it belongs to; nil for a new one.
    func head() async throws -> JournalHead?
    /// Says which migration it belongs to. Durable when it returns; only the generation may change later.
    func setHead(_ head: JournalHead) async throws
    /// Makes entries durable, all or none, in their order. Calls of many tickets at once share a commit.
    func record(_ entries: [JournalEntry]) async throws
    /// What is known of a ticket and of its steps in the present generation.
    func ticket(_ id: String) async throws -> (ticket: TicketRecord, steps: [StepRecord])?
    /// The tickets in the order of their ids' bytes, after an id.
    func tickets(after id: String?, limit: Int) async throws -> [TicketRecord]
    /// The ticket with that number in the source or that id in the target.
    func find(numberOrTargetID text: String) async throws -> TicketRecord?
    /// All steps of which nobody knows whether they are written.
    func inDoubt() async throws -> [StepRecord]
    /// What the target does not hold of a ticket, as last recorded: of its plan, then of its steps, each once.
    func losses(of ticket: String) async throws -> [Loss]
    /// The finishing lines of tickets after an id, in the order of the ids' bytes.
    func finishing(after id: String?, limit: Int) async throws -> [(ticket: String, lines: [String])]
    /// All borrowings, the oldest first; with `open`, those that are not given back.
    func borrowings(open: Bool) async throws -> [BorrowingRecord]
    /// Tickets that failed or were set aside.
    func failures(limit: Int) async throws -> [TicketRecord]
    /// Tickets whose properties are left to people, in the order of the ids' bytes.
    func conflicts(limit: Int) async throws -> [TicketRecord]
    /// Counts over all tickets and steps, of every run; of a purged journal, what they were then.
    func counts() async throws -> JournalCounts
    /// The run that began last; nil before the first.
    func lastRun() async throws -> RunRecord?
    /// What is kept under a name; nil where nothing is.
    func memo(_ name: JournalMemo) async throws -> JSON?
    /// Releases file and lock; nothing may be called after it.
    func close() async
}
