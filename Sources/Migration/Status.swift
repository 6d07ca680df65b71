// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// What the journal alone can tell.
///
/// Sends nothing.
public struct JournalReader: Sendable {
    private let journal: any Journal

    /// Reads a journal.
    public init(_ journal: any Journal) { self.journal = journal }

    /// How far a migration is, over all its runs.
    public func status() async throws -> RunReport {
        let run = try await journal.lastRun()
        let counts = try await journal.counts()
        var report = RunReport(state: run?.state ?? .interrupted)
        report.counts.created = counts.tickets[.complete] ?? 0
        report.counts.takenBack = counts.tickets[.takenBack] ?? 0
        report.messages["created"] = (counts.steps[.create] ?? 0) + (counts.steps[.append] ?? 0)
        // The catalogue is one unit of work too, but no ticket, and its entries are no messages.
        if let (record, steps) = try await journal.ticket(CatalogueEntry.ticketID) {
            if record.state == .complete { report.counts.created -= 1 }
            if record.state == .takenBack { report.counts.takenBack -= 1 }
            report.messages["created", default: 0] -= steps.count { $0.verb == .create && $0.state == .done }
        }
        report.undoBegan = try await journal.memo(.undo)?.string
        report.counts.failed = counts.tickets[.failed] ?? 0
        report.counts.uncertain = counts.tickets[.setAside] ?? 0
        report.losses = counts.losses
        report.borrowed = try await journal.borrowings(open: true)
        report.failures = try await journal.failures(limit: 1000)
        report.counts.conflicts = counts.conflicts
        report.conflicts = try await journal.conflicts(limit: 1000).filter { !$0.isGone }
        report.purged = try await journal.purgedAt()
        report.started = run?.began
        report.finished = run?.ended
        return report
    }

    /// What happened to one ticket: by its id, its number or its id in the target; nil if the journal does not know it.
    public func history(of text: String) async throws -> TicketHistory? {
        let id: String
        if try await journal.ticket(text) != nil {
            id = text
        } else if let record = try await journal.find(numberOrTargetID: text) {
            id = record.id
        } else {
            return nil
        }
        guard let (ticket, steps) = try await journal.ticket(id) else { return nil }
        return TicketHistory(ticket: ticket, steps: steps, losses: try await journal.losses(of: id))
    }
}

/// All that the journal knows of one ticket.
public struct TicketHistory: Sendable {
    /// How far it is and where it went.
    public var ticket: TicketRecord
    /// In the order in which they were understood; those without an answer first.
    public var steps: [StepRecord]
    /// What the target does not hold of it.
    public var losses: [Loss]

    /// The form of `show --json`.
    public var json: JSON {
        [
            "version": 1, "id": .string(ticket.id), "number": JSON(ticket.number),
            "state": .string(ticket.state.rawValue), "targetId": JSON(ticket.targetID), "url": JSON(ticket.targetURL),
            "failure": ticket.failure == nil ? .null : ticket.failureJSON,
            "steps": .array(
                steps.map {
                    [
                        "name": .string($0.name), "verb": .string($0.verb.rawValue),
                        "state": .string($0.state.rawValue),
                        "value": JSON($0.value), "targetId": JSON($0.receipt?.id), "url": JSON($0.receipt?.url),
                        "sentAt": .string($0.sentAt.description),
                    ]
                }),
            "losses": .array(losses.map(\.json)),
        ]
    }
}

/// Gives back what runs borrowed and nothing else.
public struct Restore: Sendable {
    private let target: any TicketTarget
    private let journal: any Journal
    private let clock: any RunClock
    private let sink: any DiagnosticSink
    private let observer: any RunObserver

    /// Prepares; nothing is sent yet.
    public init(
        target: any TicketTarget, journal: any Journal, clock: any RunClock, sink: any DiagnosticSink,
        observer: any RunObserver = QuietObserver()
    ) {
        self.target = target
        self.journal = journal
        self.clock = clock
        self.sink = sink
        self.observer = observer
    }

    /// Logs in and gives back all that is borrowed; where somebody changed it meanwhile, it is left alone and said.
    ///
    /// - Returns: what was borrowed before, and what of it still is.
    public func run() async throws -> (before: [BorrowingRecord], after: [BorrowingRecord]) {
        let before = try await journal.borrowings(open: true)
        guard !before.isEmpty else { return ([], []) }
        try await target.prepare(policy: .allow, sink: sink)
        // A crash a moment ago may have left a request at work: with e-mails on again it would send one.
        let doubts = try await journal.inDoubt().map(\.sentAt.seconds).max()
        let settleTime = await target.features.settleTime
        if let last = doubts, clock.now().seconds - last < max(600, settleTime.components.seconds) {
            // Half a minute of silence looks like a command that hangs.
            let until = clock.elapsed() + settleTime
            while case let left = until - clock.elapsed(), left > .zero {
                var progress = RunProgress()
                progress.phase = .settling
                progress.waiting = "writes that may still be at work: \(left.components.seconds + 1) s more"
                observer.progress(progress)
                try await clock.sleep(for: min(left, .seconds(1)))
            }
        }
        await Borrowed(target: target, journal: journal, clock: clock, sink: sink).giveBackAll()
        return (before, try await journal.borrowings(open: true))
    }
}
