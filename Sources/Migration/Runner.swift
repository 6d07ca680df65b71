// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// What a run may do and where it leaves its files.
public struct RunOptions: Sendable {
    /// The operator has seen how many e-mails would be sent and allows them.
    public var allowsNotifications = false
    /// Rebuilds the journal from what the target holds.
    public var adopts = false
    /// The plan that was signed: a ticket that is not as it was then is left for the next plan, and a plan of another
    /// migration, or of before an `undo`, is refused.
    public var seal: PlanSeal?
    /// The archive's folder; nil: none.
    public var archive: String?
    /// Where lines for the target's database go; nil: nowhere.
    public var finishingFile: String?
    /// Asked once before the first write; false ends the run.
    ///
    /// By default: yes.
    public var confirm: @Sendable (PlanSummary) async -> Bool = { _ in true }

    /// A run without any allowance.
    public init() {}
}

/// Carries a migration out, or goes on with it: exactly once, whatever happened to earlier runs.
///
/// The order: log in and check, adopt if asked, plan all, refuse what must be refused, borrow, then tickets in parallel
/// and steps in order, give back, finishing file. Writes that an earlier run left in doubt are looked up before anything
/// else is sent for their ticket.
public struct Runner: Sendable {
    let setup: MigrationSetup
    let target: any TicketTarget
    let journal: any Journal
    let options: RunOptions

    /// Prepares a run; nothing is sent yet.
    ///
    /// The journal must be the only writer's.
    public init(setup: MigrationSetup, target: any TicketTarget, journal: any Journal, options: RunOptions) {
        self.setup = setup
        self.target = target
        self.journal = journal
        self.options = options
    }

    /// Runs to the end, to the operator's signal or to the brake.
    ///
    /// - Throws: `Diagnostic` when nothing could be begun (refused, bad input, unreachable) or the journal failed. What is
    ///   borrowed has been given back as far as the target let it; the journal knows what is left.
    public func migrate() async throws -> RunReport {
        let began = setup.clock.elapsed()
        var progress = RunProgress()
        setup.observer.progress(progress)
        var identity = try await setup.identity(in: journal)
        try await setup.check(journal.head(), identity: identity, target: target.address)
        if let since = try await journal.memo(.undo)?.string {
            throw Diagnostic.undoUnfinished(since: since, setup.file)
        }
        let policy = try await prepare()
        if options.adopts {
            progress.phase = .adopting
            setup.observer.progress(progress)
            let found = Dictionary(grouping: try await target.inventory(), by: \.digest)
            if !found.isEmpty {
                identity = try await Adoption(setup: setup, target: target, journal: journal)
                    .adopt(found, identity: identity)
            }
        }
        try await options.seal?.check(
            JournalHead(identity: identity, target: setup.place(of: target.address)), file: setup.file)
        let (summary, ids) = try await plan(identity: identity, policy: policy)
        if let reason = setup.stop.reason { throw Diagnostic.interrupted(reason) }
        try refuseIfNeeded(summary)
        if summary.isEmpty {
            // Nothing to send: what an earlier run borrowed still goes back, and complete tickets are noted as such.
            return try await write(summary, identity: identity, ids: ids, borrows: false, began: began)
        }
        guard await options.confirm(summary) else { throw Diagnostic.declined }
        return try await write(summary, identity: identity, ids: ids, borrows: true, began: began)
    }

    private var planner: Planner { Planner(setup: setup, target: target, journal: journal) }

    /// Logs in; the policy that holds.
    private func prepare() async throws -> NotificationPolicy {
        do {
            try await target.prepare(policy: setup.notifications, sink: setup.sink)
            return try await target.policy()
        } catch let diagnostic as Diagnostic where diagnostic.cause == .refused && options.allowsNotifications {
            try await target.prepare(policy: .allow, sink: setup.sink)
            return try await target.policy()
        }
    }

    /// Plans all tickets and writes the archive on the way; with the ids that a limit lets through.
    private func plan(
        identity: MigrationIdentity, policy: NotificationPolicy
    ) async throws -> (PlanSummary, Set<String>?) {
        let archive = try options.archive.map { try ArchiveWriter(folder: $0) }
        var ids = Set<String>()
        let limited = setup.selection.limit != nil
        var (signed, unsigned) = (0, 0)
        let summary = try await planner.summary(identity: identity, policy: policy, adopted: options.adopts) {
            work, ticket, line in
            if limited { ids.insert(work.id) }
            if let seal = options.seal, !work.steps.isEmpty {
                if seal.holds(work) { signed += 1 } else { unsigned += 1 }
            }
            try archive?.add(id: work.id, line: work.archived(line, of: ticket), files: work.files)
        }
        try archive?.finish { try? setup.mapping.decode($0).id }
        // Not one ticket is as it was, and none was written by it yet: another mapping, target or migration.
        if signed == 0, unsigned > 0, try await journal.realTickets(after: nil, limit: 1).isEmpty {
            throw Diagnostic.planDiffers
        }
        return (summary, limited ? ids : nil)
    }

    private func refuseIfNeeded(_ summary: PlanSummary) throws {
        if summary.read.timesWithoutZone > 0 {
            throw Diagnostic.noZone(summary.read.timesWithoutZone)
        }
        if let lost = summary.lostJournal { throw lost }
        try refuseMails(summary)
    }

    private func refuseMails(_ summary: PlanSummary) throws {
        guard !summary.isEmpty else { return }
        let count = summary.mails
        switch summary.policy {
        case .refuse where count > 0:
            throw Diagnostic.mailsRefused(count)
        case .allow where !options.allowsNotifications:
            throw Diagnostic(
                code: "notifications.not-allowed",
                "nothing is muted: the target would send \(count.counted("e-mail")) to customers and agents",
                remedy: "look at the plan, then add --allow-notifications if they are meant; nothing was written",
                cause: .refused)
        case .stage where count > 0 && !options.allowsNotifications,
            .mute where count > 0 && !options.allowsNotifications:
            throw Diagnostic(
                code: "notifications.not-muted",
                "the target would send \(count.counted("e-mail")) although its e-mails are muted",
                remedy: "look at the plan, then add --allow-notifications if they are meant; nothing was written",
                cause: .refused)
        default: break
        }
    }

    // MARK: Writing

    private func write(
        _ summary: PlanSummary, identity: MigrationIdentity, ids: Set<String>?, borrows: Bool, began: Duration
    ) async throws -> RunReport {
        try await journal.setHead(JournalHead(identity: identity, target: setup.place(of: target.address)))
        // A run that did not end may have lost its last commits with the machine's power: the journal is then believed
        // only in what it has, not in what it lacks, until a run has gone through all tickets.
        let isMistrusted = try await journal.isMistrusted
        let mistrusted: [String: [FoundTicket]]? =
            borrows && isMistrusted ? try await planner.inventory(from: identity.generation) : nil
        let started = setup.clock.now()
        try await journal.record([.runBegan(started)] + (isMistrusted ? [.memo(.mistrusted, true)] : []))
        var setup = setup
        if let ids {
            setup.selection.ids = ids
            setup.selection.limit = nil
        }
        let preparation = TicketPreparation(setup: setup, target: target, journal: journal, identity: identity)
        let run = Run(
            preparation: preparation, target: target, settleTime: await target.features.settleTime,
            began: began, total: summary.total, sends: borrows, mistrusted: mistrusted, seal: options.seal)
        let borrowed = Borrowed(
            target: target, journal: journal, clock: setup.clock, sink: setup.sink,
            settleTime: await target.features.settleTime, isStopping: { run.isStopping })
        do {
            if borrows {
                try await learnBaseline()
                do { try await borrowed.take(summary.borrowings) } catch {
                    run.borrowingFailed(at: setup.clock.elapsed())
                    throw error
                }
            } else if options.adopts {
                // What the run borrowed whose journal is lost is given back as far as the target shows it.
                try await borrowed.note(summary.borrowings)
            }
            try await writeCatalogue(run)
            try await writeTickets(run)
        } catch {
            await run.settleBeforeGivingBack()
            await borrowed.giveBackAll()
            throw error
        }
        await run.settleBeforeGivingBack()
        await borrowed.giveBackAll()
        return try await finish(run, summary: summary, started: started)
    }

    /// Keeps what stood in the target before the migration's first write, for `undo`; later runs go by the same.
    private func learnBaseline() async throws {
        if let baseline = try await journal.memo(.baseline) { return await target.learn(baseline: baseline) }
        let baseline = try await target.readBaseline()
        if baseline.isNull { return }
        // After a lost journal, what the migration made before stands in it too: it is left then.
        try await journal.record([.memo(.baseline, baseline)])
        await target.learn(baseline: baseline)
    }

    private func finish(_ run: Run, summary: PlanSummary, started: Timestamp) async throws -> RunReport {
        var report = RunReport(state: .finished)
        run.fill(&report)
        report.state = report.stoppedBy != nil ? .stopped : setup.stop.isStopped ? .interrupted : .finished
        if report.state == .interrupted { report.stoppedBy = setup.stop.reason }
        report.started = started
        report.plan = summary
        if let path = options.finishingFile {
            report.finishingLines = try await FinishingFile.write(
                to: path, head: target.features.finishingHead, journal: journal)
            if report.finishingLines > 0 { report.finishingFile = path }
        }
        let ended = setup.clock.now()
        report.finished = ended
        let state = report.state == .finished ? setup.endState(tickets: summary.total) : report.state
        let counts = report.counts
        // A part that was selected, or signed, says nothing of the other tickets.
        let isWhole =
            state == .finished && setup.selection.isAll && report.unsigned == 0
            && counts.failed + counts.uncertain + counts.skipped == 0 && report.catalogueFailure == nil
        try await journal.record([.runEnded(ended, state)] + (isWhole ? [.memo(.mistrusted, .null)] : []))
        if isWhole, counts.conflicts + counts.adopted == 0 { try await journal.record(setup.lastRead(began: started)) }
        report.borrowed = try await journal.borrowings(open: true)
        report.failures = try await journal.failures(limit: 1000)
        report.conflicts = try await journal.conflicts(limit: 1000).filter { !$0.isGone }
        return report
    }

    private func writeTickets(_ run: Run) async throws {
        let passes: [@Sendable (Ticket) -> Bool] =
            switch setup.selection.order {
            case .created: [{ _ in true }]
            case .openFirst: [{ $0.status != .closed }, { $0.status == .closed }]
            }
        for pass in passes where !run.isStopping {
            try await withThrowingDiscardingTaskGroup { group in
                do {
                    try await pull(run, pass: pass) { stub in
                        group.addTask {
                            defer { run.slots.release() }
                            try await Self.migrate(stub, pass: pass, run: run)
                        }
                    }
                } catch let diagnostic as Diagnostic where diagnostic.cause != .machine {
                    // The source broke off: what is in flight is finished, then the run ends with that reason.
                    run.stop(diagnostic)
                }
            }
        }
        try await run.batches.flush(run: run)
    }

    /// Lists the source and starts a ticket for each slot that gets free.
    private func pull(
        _ run: Run, pass: @Sendable (Ticket) -> Bool, start: (Stub) -> Void
    ) async throws {
        var cursor: Cursor?
        var seen = Set<Int>()
        repeat {
            let page = try await setup.source.list(since: setup.selection.updatedSince, after: cursor)
            for stub in page.stubs {
                guard seen.insert(stub.id.hashValue).inserted, run.setup.selection.admits(id: stub.id) else { continue }
                await run.slots.acquire()
                if run.isStopping {
                    run.slots.release()
                    return
                }
                start(stub)
            }
            cursor = page.next
        } while cursor != nil
    }

    private static func migrate(_ stub: Stub, pass: @Sendable (Ticket) -> Bool, run: Run) async throws {
        let preparation = run.preparation
        var work: TicketWork
        do {
            guard let mapped = try await preparation.mapped(stub), pass(mapped.ticket) else { return }
            work = try await preparation.work(for: mapped)
            if let found = run.mistrusted { work.doubtWhatIsMissing(found: found) }
            if let seal = run.seal, !seal.holds(work) {
                // What is begun is brought to its end as far as it was signed: half a ticket keeps what is borrowed.
                let goesOn = seal.keep(in: &work)
                run.leaveUnsigned(goesOn: goesOn)
                if !goesOn { return }
            }
        } catch let diagnostic as Diagnostic where diagnostic.cause == .machine {
            throw diagnostic
        } catch let error as CancellationError {
            throw error
        } catch {
            return try await unreadable(stub, error as? Diagnostic ?? .unreadable(stub.id, error), run: run)
        }
        var writer = TicketWriter(run: run, work: work)
        if let end = try await writer.write() { run.finished(end) }
    }

    /// A ticket that could not even be planned fails alone.
    private static func unreadable(_ stub: Stub, _ diagnostic: Diagnostic, run: Run) async throws {
        var record = try await run.journal.ticket(stub.id)?.ticket ?? TicketRecord(id: stub.id)
        if record.state == .complete {
            // It stays so, or people's edits of it would be taken for half a ticket of ours; the journal's list of failures
            // does not name it.
            var named = diagnostic
            named.message = "ticket \(stub.id) was not read: \(diagnostic.message)"
            run.setup.sink.emit(named)
        } else {
            if record.state != .setAside { record.state = .failed }
            record.failure = .init(diagnostic)
            try await run.journal.record([.ticket(record)])
        }
        run.finished(TicketEnd(.failed(diagnostic)))
    }
}

extension Journal {
    /// Whether it may lack what was written.
    var isMistrusted: Bool {
        get async throws {
            if let last = try await lastRun(), last.ended == nil { return true }
            return try await memo(.mistrusted)?.bool == true
        }
    }
}

extension Diagnostic {
    fileprivate static func undoUnfinished(since: String, _ file: String) -> Diagnostic {
        Diagnostic(
            code: "undo.unfinished", "an `undo` that began at \(since) has not come to its end",
            remedy: "run `ticketferry undo \(file)` again to finish it, then migrate; nothing was written",
            cause: .refused)
    }

    fileprivate static var declined: Diagnostic {
        Diagnostic(
            code: "run.declined", "not begun: the question was answered with no",
            remedy: "run it again when the plan is as it should be; nothing was written", cause: .refused)
    }
}
