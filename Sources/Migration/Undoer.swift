// SPDX-License-Identifier: Apache-2.0
internal import Synchronization
internal import TicketModel

/// What an `undo` may do.
public struct UndoOptions: Sendable {
    /// Also what people changed since it was written.
    public var isForced = false
    /// The operator has seen how many e-mails would be sent and allows them.
    public var allowsNotifications = false
    /// Rebuilds the journal first, from the source and from what the target holds: for one that was lost.
    ///
    /// What was made besides tickets is known to nobody then, and stays.
    public var adopts = false
    /// Rewritten for what stays; nil: there is none.
    public var finishingFile: String?
    /// Asked once before the first write; false ends it.
    public var confirm: @Sendable (UndoReport) async -> Bool = { _ in true }

    /// An `undo` without any allowance.
    public init() {}
}

/// Takes back what a migration wrote: deletes it where the target can, else closes and marks it; leaves alone what people
/// changed since, and says so.
///
/// From the journal's receipts and the target's list; the source is read only to rebuild a lost journal. It can be
/// interrupted and begun again at any moment: its steps have intents and receipts like any write, and a `migrate` in between
/// is refused. At its end the generation is raised, so that a new migration starts clean; tickets that were left are known
/// to it.
public struct Undoer: Sendable {
    private let setup: MigrationSetup
    private let target: any TicketTarget
    private let journal: any Journal
    private let options: UndoOptions

    /// Prepares; nothing is sent yet.
    public init(
        setup: MigrationSetup, target: any TicketTarget, journal: any Journal, options: UndoOptions = UndoOptions()
    ) {
        self.setup = setup
        self.target = target
        self.journal = journal
        self.options = options
    }

    /// Says what would be taken back, with reads alone.
    ///
    /// - Throws: `Diagnostic` where there is nothing to take back, or target or journal cannot be read.
    public func plan() async throws -> UndoReport {
        try await report(with: prepare()).report
    }

    /// Takes back all that can be.
    ///
    /// - Throws: `Diagnostic` when nothing could be begun (refused, unreachable) or the journal failed.
    public func undo() async throws -> UndoReport {
        let began = setup.clock.elapsed()
        let preparation = try await prepare()
        let (planned, made) = try await report(with: preparation)
        if planned.mails > 0, !options.allowsNotifications {
            throw Diagnostic(
                code: "undo.mails",
                "taking it back would send \(planned.mails.counted("e-mail")) to customers and agents",
                remedy: "look at `ticketferry undo --dry-run`, then add --allow-notifications if they are meant",
                cause: .refused)
        }
        guard await options.confirm(planned) else {
            throw Diagnostic(
                code: "run.declined", "not begun: the question was answered with no",
                remedy: "run it again when it is meant; nothing was written", cause: .refused)
        }
        // Durable in the file itself before the first write: nobody may take deleted tickets for complete ones.
        try await journal.record([.memo(.undo, .string(setup.clock.now().description))])
        return try await write(preparation, planned: planned, made: made, began: began)
    }

    // MARK: Looking

    private func prepare() async throws -> UndoPreparation {
        try await target.prepare(policy: .allow, sink: setup.sink)
        if options.adopts { try await adopt() }
        guard let head = try await journal.head() else {
            throw Diagnostic(
                code: "undo.nothing", "the journal knows of nothing that was written",
                remedy: "if the journal was lost, `ticketferry undo --adopt` rebuilds it from source and target first",
                cause: .refused)
        }
        try await journal.refuseIfPurged()
        let identity = head.identity
        try await setup.check(
            head,
            identity: MigrationIdentity(
                migration: setup.name, source: setup.sourceName ?? identity.source, generation: identity.generation),
            target: target.address)
        if let baseline = try await journal.memo(.baseline) { await target.learn(baseline: baseline) }
        try await waitForDoubts()
        let found = try await target.inventory().filter { $0.generation == identity.generation }
        return UndoPreparation(
            target: target, journal: journal, identity: identity,
            found: Dictionary(grouping: found.filter { !$0.isTakenBack }, by: \.digest),
            marked: Set(found.filter(\.isTakenBack).map(\.receipt.id)), isForced: options.isForced,
            isResumed: try await isResumed)
    }

    /// Whether an earlier `undo` may have begun: nobody knows it of a journal that was rebuilt.
    private var isResumed: Bool {
        get async throws {
            if try await journal.memo(.undo) != nil { return true }
            return try await journal.memo(.rebuilt) != nil
        }
    }

    /// Takes what the target holds of the newest generation into the journal; nothing where it holds nothing.
    private func adopt() async throws {
        var identity = try await setup.identity(in: journal)
        try await setup.check(journal.head(), identity: identity, target: target.address)
        let found = try await target.inventory().filter { !$0.isTakenBack }
        guard let newest = found.map(\.generation).max() else { return }
        // A journal that is there only gets what it lacks, and knows of its own `undo`.
        if try await journal.head() == nil { try await journal.record([.memo(.rebuilt, true)]) }
        // What an interrupted `undo` closed already is out of the way; the rest is of the same generation.
        identity.generation = max(identity.generation, newest)
        _ = try await Adoption(setup: setup, target: target, journal: journal, isForUndo: true)
            .adopt(Dictionary(grouping: found, by: \.digest), identity: identity)
        try await journal.record([.runEnded(setup.clock.now(), .finished)])
    }

    /// What was sent a moment ago may still arrive: what is not in the list then is not there.
    private func waitForDoubts() async throws {
        guard let last = try await journal.inDoubt().map(\.sentAt.seconds).max() else { return }
        let left = await target.features.settleTime - .seconds(max(0, setup.clock.now().seconds - last))
        guard left > .zero else { return }
        var progress = RunProgress()
        progress.phase = .settling
        progress.waiting = "writes that may still be at work"
        setup.observer.progress(progress)
        _ = try await setup.clock.sleep(for: left, unless: { setup.stop.isStopped })
    }

    /// Visits the tickets of the journal that are not taken back, a page at a time, the next ones read meanwhile.
    private func visit(
        _ preparation: UndoPreparation, _ body: (TicketRecord, Result<UndoWork, Diagnostic>) async throws -> Void
    ) async throws {
        var last: String?
        var progress = RunProgress()
        progress.phase = .planning
        while true {
            let page = try await journal.realTickets(after: last, limit: setup.concurrency)
            guard let end = page.last else { return }
            last = end.id
            let works = try await withThrowingTaskGroup(of: (Int, Result<UndoWork, Diagnostic>).self) { group in
                for (i, record) in page.enumerated() where record.state != .takenBack {
                    group.addTask {
                        do {
                            // Apart: in one expression the optimiser of Swift 6.3 loses `i`.
                            let work = try await preparation.work(for: record)
                            return (i, .success(work))
                        } catch let diagnostic as Diagnostic where diagnostic.cause != .machine {
                            return (i, .failure(diagnostic))
                        }
                    }
                }
                var works: [Int: Result<UndoWork, Diagnostic>] = [:]
                for try await (i, work) in group { works[i] = work }
                return works
            }
            for (i, record) in page.enumerated() {
                progress.done += 1
                if let work = works[i] { try await body(record, work) }
            }
            setup.observer.progress(progress)
            if setup.stop.isStopped { throw Diagnostic.interrupted(setup.stop.reason) }
        }
    }

    /// What would be done, and what the migration made besides tickets.
    private func report(with preparation: UndoPreparation) async throws -> (report: UndoReport, made: Set<String>) {
        var report = UndoReport()
        try await visit(preparation) { record, work in
            switch work {
            case .failure(let diagnostic): report.failed.append((record.id, diagnostic))
            case .success(let work): report.add(work)
            }
        }
        let made = try await made()
        let rest = await besides(preparation.identity, made)
        report.besides = rest.work?.steps.count ?? 0
        report.mails += rest.work?.mails ?? 0
        report.requests += rest.work?.steps.reduce(0) { $0 + $1.requests } ?? 0
        report.remains = rest.remains
        report.borrowed = try await journal.borrowings(open: true)
        return (report, made)
    }

    /// What the receipts of all tickets say was made besides, those of tickets already taken back too.
    private func made() async throws -> Set<String> {
        var made = Set<String>()
        var last: String?
        while case let page = try await journal.realTickets(after: last, limit: 500), let end = page.last {
            for record in page {
                for step in try await journal.ticket(record.id)?.steps ?? [] {
                    made.formUnion(step.receipt?.made ?? [])
                }
            }
            last = end.id
        }
        return made
    }

    /// How what was made besides tickets goes back, and what of it stays; no work: there is nothing to send.
    private func besides(
        _ identity: MigrationIdentity, _ made: Set<String>
    ) async -> (work: TicketWork?, remains: [String]) {
        let known = try? await journal.ticket(CatalogueEntry.ticketID)
        let record = known?.ticket ?? TicketRecord(id: CatalogueEntry.ticketID)
        let written = known.map { WrittenTicket(record: $0.ticket, steps: $0.steps.filter { $0.receipt != nil }) }
        var plan = await target.undo(catalogue: written, made: made, identity: identity)
        if let time = try? await journal.memo(.adopted)?.string {
            plan.remains.append(
                "what was made with tickets (customers) before the journal was rebuilt at \(time): nobody can tell any more what that was"
            )
        }
        if plan.steps.isEmpty && known == nil { return (nil, plan.remains) }
        return (TicketWork(takingBack: record, plan, steps: known?.steps ?? [], identity: identity), plan.remains)
    }

    // MARK: Writing

    private func write(
        _ preparation: UndoPreparation, planned: UndoReport, made: Set<String>, began: Duration
    ) async throws -> UndoReport {
        var setup = setup
        setup.selection = Selection()
        let tickets = TicketPreparation(
            setup: setup, target: target, journal: journal, identity: preparation.identity)
        let run = Run(
            preparation: tickets, target: target, settleTime: await target.features.settleTime, began: began,
            total: planned.deleted + planned.closed, phase: .undoing)
        let tally = Mutex(UndoReport())
        do {
            try await takeBackTickets(preparation, run, tally)
            if !run.isStopping, tally.withLock({ $0.failed.isEmpty }) {
                try await takeBackTheRest(preparation.identity, made, run, tally)
            }
        } catch {
            await giveBack()
            throw error
        }
        await giveBack()
        return try await finish(run, tally.withLock { $0 }, identity: preparation.identity)
    }

    private func giveBack() async {
        await Borrowed(target: target, journal: journal, clock: setup.clock, sink: setup.sink).giveBackAll()
    }

    private func takeBackTickets(
        _ preparation: UndoPreparation, _ run: Run, _ tally: borrowing Mutex<UndoReport>
    ) async throws {
        try await visitForWriting(preparation, run, tally)
        try await run.batches.flush(run: run)
    }

    private func visitForWriting(
        _ preparation: UndoPreparation, _ run: Run, _ tally: borrowing Mutex<UndoReport>
    ) async throws {
        var last: String?
        while !run.isStopping {
            let page = try await journal.realTickets(after: last, limit: max(8, setup.concurrency * 2))
            guard let end = page.last else { return }
            last = end.id
            let ends = try await withThrowingTaskGroup(of: (TicketRecord, UndoEnd).self) { group in
                for record in page where record.state != .takenBack {
                    await run.slots.acquire()
                    if run.isStopping {
                        run.slots.release()
                        break
                    }
                    group.addTask {
                        defer { run.slots.release() }
                        return (record, try await takeBack(record, preparation, run))
                    }
                }
                var ends: [(TicketRecord, UndoEnd)] = []
                for try await end in group { ends.append(end) }
                return ends
            }
            tally.withLock { tally in for (record, end) in ends { tally.add(record, end) } }
        }
    }

    /// What became of one ticket.
    enum UndoEnd: Sendable {
        case planned(UndoWork)
        case failed(Diagnostic)
        case leftOff
    }

    private func takeBack(_ record: TicketRecord, _ preparation: UndoPreparation, _ run: Run) async throws -> UndoEnd {
        let work: UndoWork
        do {
            // Read again right before: people may have come to it since the plan was shown.
            work = try await preparation.work(for: record)
        } catch let diagnostic as Diagnostic where diagnostic.cause != .machine {
            return .failed(diagnostic)
        }
        switch work {
        case .touched, .left: return .planned(work)
        case .gone(var record):
            record.state = .takenBack
            try await journal.record([.ticket(record)])
            return .planned(work)
        case .steps(let steps, _, _):
            var writer = TicketWriter(run: run, work: steps)
            guard let end = try await writer.write() else { return .planned(work) }
            run.finished(end)
            switch end.kind {
            case .failed(let diagnostic), .setAside(let diagnostic), .unanswered(let diagnostic, _):
                return .failed(diagnostic)
            case .leftOff: return .leftOff
            default: return .planned(work)
            }
        }
    }

    private func takeBackTheRest(
        _ identity: MigrationIdentity, _ made: Set<String>, _ run: Run, _ tally: borrowing Mutex<UndoReport>
    ) async throws {
        let rest = await besides(identity, made)
        tally.withLock { $0.remains = rest.remains }
        guard let work = rest.work else { return }
        await run.slots.acquire()
        defer { run.slots.release() }
        let before = try await journal.losses(of: CatalogueEntry.ticketID)
        var writer = TicketWriter(run: run, work: work)
        let end = try await writer.write()
        let losses = try await journal.losses(of: CatalogueEntry.ticketID).filter { !before.contains($0) }
        tally.withLock { tally in
            switch end?.kind {
            case .failed(let diagnostic)?, .setAside(let diagnostic)?, .unanswered(let diagnostic, _)?:
                tally.failed.append((work.id, diagnostic))
            default: tally.besides = work.all.count
            }
            for loss in losses {
                tally.besides -= 1
                tally.left.append(
                    .init(id: nil, targetID: nil, url: nil, why: "\(loss.value ?? loss.field): \(loss.reason)"))
            }
        }
    }

    private func finish(_ run: Run, _ tally: UndoReport, identity: MigrationIdentity) async throws -> UndoReport {
        var report = tally
        var counted = RunReport(state: .finished)
        run.fill(&counted)
        report.stoppedBy = counted.stoppedBy
        report.state = counted.stoppedBy != nil ? .stopped : setup.stop.isStopped ? .interrupted : .finished
        report.borrowed = try await journal.borrowings(open: true)
        // Deletions that went in batches are told by the journal alone.
        for record in try await journal.failures(limit: 1000)
        where record.failure != nil && !report.failed.contains(where: { $0.id == record.id })
            && !(report.touched + report.left).contains(where: { $0.id == record.id })
        {
            report.failed.append((record.id, .recorded(record)))
            report.deleted -= 1
        }
        if report.state == .finished, report.failed.isEmpty {
            try await journal.record([
                .generationRaised(to: identity.generation + 1), .memo(.undo, .null), .memo(.baseline, .null),
                .memo(.read, .null), .memo(.adopted, .null), .memo(.rebuilt, .null),
            ])
        }
        if let path = options.finishingFile {
            _ = try await FinishingFile.write(to: path, head: target.features.finishingHead, journal: journal)
        }
        return report
    }
}

extension Diagnostic {
    /// What the journal has of a failure.
    fileprivate static func recorded(_ record: TicketRecord) -> Diagnostic {
        Diagnostic(
            code: record.failure?.code ?? "undo.failed", record.failure?.message ?? "it could not be taken back",
            remedy: record.failure?.remedy ?? "run the same command again", cause: .someFailed)
    }
}

extension UndoReport {
    /// Counts what is to become of a ticket.
    fileprivate mutating func add(_ work: UndoWork) {
        switch work {
        case .gone: gone += 1
        case .touched(let record, let stored, let what):
            touched.append(
                Left(
                    id: record.id, targetID: stored.id, url: stored.url ?? record.targetURL,
                    why: what.joined(separator: "; ")))
        case .left(let record, let stored, let plan):
            left.append(
                Left(
                    id: record.id, targetID: stored.id, url: stored.url ?? record.targetURL,
                    why: plan.remains.joined(separator: "; ")))
        case .steps(let work, let plan, let stored):
            if plan.ending == .deleted { deleted += 1 } else { closed += 1 }
            mails += work.mails
            requests += work.steps.reduce(0) { $0 + ($1.batch == nil ? $1.requests : 0) }
            for what in plan.remains where plan.ending == .deleted {
                left.append(Left(id: work.id, targetID: stored.id, url: nil, why: what))
            }
        }
    }

    fileprivate mutating func add(_ record: TicketRecord, _ end: Undoer.UndoEnd) {
        switch end {
        case .planned(let work): add(work)
        case .failed(let diagnostic): failed.append((record.id, diagnostic))
        case .leftOff: break
        }
    }
}
