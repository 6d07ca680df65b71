// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Writes one ticket: its steps in order, each with its intent durable before it is sent and its receipt right after.
///
/// Only failures of the journal are thrown; they end the run, since nothing may be sent that is not written down.
struct TicketWriter {
    private let run: Run
    private let work: TicketWork
    private var record: TicketRecord
    private var receipts: [WriteKey: Receipt]
    /// Those of the plan; what answers showed is in the journal with their steps.
    private let losses: [Loss]
    private var end: TicketEnd
    /// What is to be made durable with the next commit: a receipt shares one with the intent that follows it.
    private var owed: [JournalEntry] = []
    /// Whether the last fingerprint is older than a write that was found again or that an earlier run made.
    private var needsStored: Bool
    /// Until when a property that was sent without an answer may still be set once more.
    private var lateUntil: Duration?

    init(run: Run, work: TicketWork) {
        self.run = run
        self.work = work
        receipts = work.progress.done.mapValues(\.receipt)
        losses = work.losses
        needsStored = work.record.map { $0.state != .complete } ?? false
        var record = work.record ?? TicketRecord(id: work.id)
        record.number = work.number
        record.source = work.source
        record.draft = work.draft
        // Durable before the first write: a run after this one cannot tell people's edits from half of what this one writes.
        if work.action == .conflict { record.edits = .conflict }
        if work.overwritesEdits { record.edits = record.edits ?? .noticed }
        self.record = record
        let kind: TicketEnd.Kind =
            switch work.action {
            case .create: .created
            case .update: .updated
            case .unchanged: .unchanged
            case .conflict: .conflict
            case .skip: .skipped
            }
        end = TicketEnd(kind)
        end.losses = work.action == .unchanged ? 0 : work.losses.count
    }

    /// Writes the ticket; nil if the rest of it waits in a batch, which then tells what became of it.
    mutating func write() async throws -> TicketEnd? {
        for notice in work.notices { run.setup.sink.emit(notice) }
        if let gone = work.gone { return try await fail(gone) }
        if work.action == .skip {
            record.state = work.progress.done.isEmpty ? .failed : record.state
            record.failure = work.refusals.first.map { .init($0) }
            try await run.journal.record([.ticket(record), .losses(ticket: work.id, losses)])
            for refusal in work.refusals { run.setup.sink.emit(refusal) }
            return end
        }
        guard !work.steps.isEmpty else { return try await settleUnchanged() }
        guard run.sends else {
            // It changed after the plan was made, which had nothing to send: nobody was asked, and nothing is muted.
            run.setup.sink.emit(.changedSincePlan(work.id))
            return leftOff(inDoubt: false)
        }
        record.state = .begun
        record.failure = nil
        // Doubts that the journal lacks are written down first: this run may end before it comes to them.
        let isReopened = work.record?.state == .complete && work.steps.contains { $0.verb == .set }
        owed = [isReopened ? .reopened(record) : .ticket(record)] + work.presumed.map { .intent($0) }
        if try await !waitForLateProperties() { return leftOff(inDoubt: true) }
        var deferred: [Step] = []
        for step in work.steps {
            if run.isStopping {
                let isBegun = end.wrote || !work.progress.done.isEmpty
                if !isBegun || !run.mayFinish {
                    try await commit([])
                    end.kind = .leftOff(inDoubt: false)
                    return end
                }
            }
            if let missing = step.needs.first(where: { receipts[$0] == nil }) {
                return try await fail(
                    Diagnostic(
                        code: "plan.missing-step", "\(step.name) needs \(missing.part), which is not written",
                        remedy: "report this: a plan must put what is needed first", cause: .bug))
            }
            if step.batch != nil {
                deferred.append(step)
                continue
            }
            switch try await perform(step) {
            case .done(let receipt, let adopted, let lost): note(receipt, of: step, adopted: adopted, losses: lost)
            case .ended(let end): return end
            }
        }
        // Where no property is ever set, nothing of people's can be overwritten.
        let hasProperties = work.all.contains { $0.verb == .set }
        if needsStored || record.stored == nil && hasProperties, work.endState != .takenBack, work.action != .conflict {
            await readStored()
        }
        guard deferred.isEmpty else {
            try await commit([])
            let rest = DeferredTicket(record: record, end: end, completion: completion(), remaining: deferred.count)
            try await run.batches.add(deferred.map { .init(step: $0, receipts: receipts, ticket: rest) }, run: run)
            return nil
        }
        try await commit(completion())
        if work.endState == .complete, work.action != .conflict { try await readStoredAfterLateProperties() }
        return end
    }

    /// Looks once more at a complete ticket when no unanswered property can be set any more: set late, it moves the ticket's
    /// clock, which would then look as if people had edited it.
    ///
    /// Where it is stopped meanwhile it may look so, and is left alone.
    private mutating func readStoredAfterLateProperties() async throws {
        guard let lateUntil, let before = record.stored else { return }
        let left = lateUntil - run.clock.elapsed()
        if left > .zero, try await !wait(left) { return }
        await readStored()
        if record.stored == nil || record.stored == before { return }
        if case .ticket(let record)? = completion().first { try await commit([.ticket(record)]) }
    }

    /// Waits where an earlier run was setting a property when it broke off, and messages are to be sent now.
    ///
    /// Set late, it would undo what stands before them: it moves a ticket out of the mailbox that is muted for them.
    /// - Returns: false where it was asked to stop meanwhile.
    private func waitForLateProperties() async throws -> Bool {
        guard work.steps.contains(where: \.verb.canDouble),
            work.inDoubt.values.contains(where: { $0.inDoubt && $0.verb == .set })
        else { return true }
        let left = run.settleTime - (run.clock.elapsed() - run.began)
        return left > .zero ? try await wait(left) : true
    }

    // MARK: One step

    private enum Performed {
        case done(Receipt, adopted: Bool, losses: [Loss])
        case ended(TicketEnd)
    }

    private mutating func perform(_ step: Step) async throws -> Performed {
        let names = Set(step.exclusive)
        guard !names.isEmpty else { return try await performAlone(step) }
        if !run.names.take(names) {
            // The slot goes back first: whoever holds the name may wait for one. What is understood is durable first.
            try await commit([])
            await run.slots.parked { await run.names.waitFor(names) }
        }
        defer { run.names.release(names) }
        if run.isStopping && !run.mayFinish { return .ended(leftOff(inDoubt: false)) }
        return try await performAlone(step)
    }

    private mutating func performAlone(_ step: Step) async throws -> Performed {
        if let doubt = work.inDoubt[step.key] {
            if doubt.state == .setAside {
                return .ended(try await aside(step, .undecided(step, in: record, run.setup.file)))
            }
            if step.mayNotRepeat {
                try await commit([])
                let isRejected = doubt.state == .rejected
                if let performed = try await settle(step, since: run.began, once: isRejected) { return performed }
            } else if step.verb == .set, doubt.inDoubt {
                lateUntil = max(lateUntil ?? .zero, run.began + run.settleTime)
            }
        }
        var attempt = 0
        while true {
            attempt += 1
            try await commit([.intent(StepRecord(step, sentAt: run.clock.now()))])
            let sent = run.clock.elapsed()
            let meter = AnswerMeter()
            let outcome = await AnswerMeter.$current.withValue(meter) {
                await run.target.apply(step, receipts: receipts)
            }
            let answered = run.clock.elapsed()
            switch outcome {
            case .understood(let receipt, let losses):
                run.answered(after: answered - sent, meter, at: answered)
                if let conflict = try await take(receipt, of: step, losses: losses) { return .ended(conflict) }
                return .done(receipt, adopted: false, losses: losses)
            case .rejected(let diagnostic):
                run.answered(after: answered - sent, meter, at: answered)
                owed.append(step.mayNotRepeat ? .rejected(step.key) : .withdrawn(step.key))
                if let gone = try await failGone(step) { return .ended(gone) }
                return .ended(try await fail(diagnostic))
            case .notNow(let diagnostic, let retryAfter):
                run.troubled(after: answered - sent, meter, at: answered)
                try await commit([.withdrawn(step.key)])
                if attempt >= Patience.attempts { return .ended(unanswered(diagnostic, inDoubt: false)) }
                run.waiting(diagnostic.message)
                let waited = try await wait(max(retryAfter, Patience.backOff(attempt)))
                run.waiting(nil)
                if !waited { return .ended(leftOff(inDoubt: false)) }
            case .uncertain(let diagnostic):
                run.troubled(after: answered - sent, meter, at: answered)
                run.uncertain(at: answered)
                try await commit([.uncertain(step.key)])
                if attempt >= Patience.attempts { return .ended(unanswered(diagnostic, inDoubt: true)) }
                if step.mayNotRepeat {
                    if let performed = try await settle(step, since: answered) { return performed }
                } else {
                    if step.verb == .set { lateUntil = answered + run.settleTime }
                    if try await !wait(Patience.backOff(attempt)) { return .ended(leftOff(inDoubt: true)) }
                }
            }
            if run.isStopping { return .ended(leftOff(inDoubt: false)) }
        }
    }

    /// Looks an uncertain write up, at once and again after the settle time; nil: it is not there and may be sent.
    ///
    /// With `once` it was answered, so that nothing can be at work any more. A property is looked at only when nothing
    /// can be at work on it: it may have had its value before, and a late request would undo what comes after it.
    private mutating func settle(_ step: Step, since: Duration, once: Bool = false) async throws -> Performed? {
        for final in once ? [false] : step.verb == .set ? [true] : [false, true] {
            if final {
                let left = run.settleTime - (run.clock.elapsed() - since)
                if left > .zero, !(try await wait(left)) { return .ended(leftOff(inDoubt: true)) }
            }
            switch await lookUp(step) {
            case .success(.found(let receipt)):
                if let conflict = try await take(receipt, of: step, losses: receipt.losses) { return .ended(conflict) }
                run.settled(adopted: true)
                return .done(receipt, adopted: true, losses: receipt.losses)
            case .success(.notFound): continue
            case .success(.cannotTell(let diagnostic)):
                if let gone = try await failGone(step) { return .ended(gone) }
                return .ended(try await aside(step, diagnostic))
            case .failure(let diagnostic):
                return .ended(
                    run.isStopping ? leftOff(inDoubt: !once) : unanswered(diagnostic, inDoubt: !once))
            }
        }
        run.settled(adopted: false)
        return nil
    }

    /// Whether a step is in the target: a property, by what the ticket has now.
    private func seek(_ step: Step) async throws -> LookUp {
        guard step.verb == .set else { return try await run.target.lookUp(step, receipts: receipts) }
        guard let ticket = step.needs.first.flatMap({ receipts[$0] }) else { return .notFound }
        guard var found = try await run.target.adopt([step], ticket: ticket)[step.key] else { return .notFound }
        // The fingerprint of a ticket's receipt may be as old as the ticket.
        found.stored = nil
        return .found(found)
    }

    /// A look-up, repeated while it fails.
    private func lookUp(_ step: Step) async -> Result<LookUp, Diagnostic> {
        var attempt = 0
        while true {
            attempt += 1
            do {
                return .success(try await seek(step))
            } catch {
                let diagnostic = error as? Diagnostic ?? .unexpected(error)
                let mayRepeat = attempt < Patience.attempts && diagnostic.cause == .unavailable
                guard mayRepeat, (try? await wait(Patience.backOff(attempt))) == true else {
                    return .failure(diagnostic)
                }
            }
        }
    }

    /// Waits without a slot; false: asked to stop meanwhile.
    private func wait(_ duration: Duration) async throws -> Bool {
        try await run.slots.parked {
            try await run.clock.sleep(for: duration, unless: { run.isStopping })
        }
    }

    // MARK: What is known

    /// Takes a receipt: owed to the journal, or at once where it could claim an id that another ticket has.
    private mutating func take(_ receipt: Receipt, of step: Step, losses: [Loss]) async throws -> TicketEnd? {
        var entries: [JournalEntry] = [.done(step.key, receipt)]
        if !losses.isEmpty || work.progress.done[step.key] != nil { entries.append(.stepLosses(step.key, losses)) }
        guard step.verb == .create else {
            owed += entries
            return nil
        }
        if step.key.part == "ticket" || record.targetID == nil {
            record.targetID = receipt.id
            record.targetURL = receipt.url
        }
        do {
            try await commit(entries + [.ticket(record)])
            return nil
        } catch let conflict as JournalConflict {
            (record.targetID, record.targetURL) = (work.record?.targetID, work.record?.targetURL)
            owed = []
            return try await aside(step, .claimed(conflict, by: work.id, run.setup.file))
        }
    }

    private mutating func note(_ receipt: Receipt, of step: Step, adopted: Bool, losses lost: [Loss]) {
        receipts[step.key] = receipt
        end.losses += lost.count
        // In a conflict the answer shows what people changed too, and must not make it ours.
        if let stored = receipt.stored, work.action != .conflict { record.stored = stored }
        needsStored = receipt.stored == nil && (adopted || needsStored)
        end.wrote = true
        if adopted { end.adopted = true }
        if step.verb == .create || step.verb == .append {
            end.messages[adopted ? "adopted" : "created", default: 0] += 1
        }
    }

    /// Reads the fingerprint that no answer told, or none since a write that was found again; unknown rather than one that
    /// would make our own write look like people's.
    private mutating func readStored() async {
        guard let create = work.all.first(where: { $0.key.part == "ticket" }), let ticket = receipts[create.key] else {
            return
        }
        record.stored = try? await run.target.storedFingerprint(ticket: ticket)
    }

    private func completion() -> [JournalEntry] {
        var record = record
        record.state = work.endState
        record.failure = nil
        if work.endState == .takenBack { return [.ticket(record)] }
        // Overwritten as asked: the rest of what people made stays theirs, also for `undo`. Or they put it back.
        if work.endState == .complete, work.action == .update, record.edits == .conflict {
            record.edits = work.overwritesEdits ? .noticed : nil
        }
        var entries: [JournalEntry] = [.ticket(record), .losses(ticket: work.id, losses)]
        let lines = FinishingFile.resolve(work.finishing, steps: work.all, receipts: receipts)
        if !lines.isEmpty || !work.finishing.isEmpty { entries.append(.finishing(ticket: work.id, lines)) }
        return entries
    }

    private mutating func settleUnchanged() async throws -> TicketEnd {
        let isKnown = record.state == work.endState && work.record == record
        if !isKnown {
            // All was written, but not how the ticket stood then.
            if record.state == .begun, record.stored == nil, record.edits == nil { await readStored() }
            try await commit(completion())
        }
        return end
    }

    private mutating func commit(_ entries: [JournalEntry]) async throws {
        let all = owed + entries
        owed = []
        if !all.isEmpty { try await run.slots.committing { try await run.journal.record(all) } }
    }

    // MARK: Other ends

    private mutating func fail(_ diagnostic: Diagnostic) async throws -> TicketEnd {
        record.state = .failed
        record.failure = .init(diagnostic)
        try await commit([.ticket(record), .losses(ticket: work.id, losses)])
        end.kind = .failed(diagnostic)
        return end
    }

    /// Fails a ticket that an earlier run made and people deleted since; nil: it is there.
    private mutating func failGone(_ step: Step) async throws -> TicketEnd? {
        guard step.verb != .create, let gone = await work.whyGone(from: run.target, file: run.setup.file) else {
            return nil
        }
        // A doubt about the step stays: from a trash the ticket may come back, with half of what this run wrote in it.
        record.stored = nil
        return try await fail(gone)
    }

    private mutating func aside(_ step: Step, _ diagnostic: Diagnostic) async throws -> TicketEnd {
        record.state = .setAside
        record.failure = .init(diagnostic)
        try await commit([.ticket(record), .losses(ticket: work.id, losses), .setAside(step.key)])
        end.kind = .setAside(diagnostic)
        return end
    }

    private func unanswered(_ diagnostic: Diagnostic, inDoubt: Bool) -> TicketEnd {
        var end = end
        end.kind = .unanswered(diagnostic, inDoubt: inDoubt)
        return end
    }

    private func leftOff(inDoubt: Bool) -> TicketEnd {
        var end = end
        end.kind = .leftOff(inDoubt: inDoubt)
        return end
    }
}

/// How long a ticket keeps trying by itself before the run takes note.
enum Patience {
    static let attempts = 6

    /// 1, 2, 4 … 60 s.
    static func backOff(_ attempt: Int) -> Duration { .seconds(min(60, 1 << min(6, max(0, attempt - 1)))) }
}

extension Diagnostic {
    static func unexpected(_ error: any Error) -> Diagnostic {
        Diagnostic(
            code: "run.unexpected-error", "an error that nobody foresaw: \(error)",
            remedy: "report this with the log; the journal keeps the place", cause: .bug)
    }

    fileprivate static func changedSincePlan(_ ticket: String) -> Diagnostic {
        Diagnostic(
            .warning, code: "run.changed-since-plan",
            "ticket \(ticket) has something to write since the plan was made, which had nothing; it is left as it is",
            remedy: "run the same command again")
    }

    fileprivate static func undecided(_ step: Step, in record: TicketRecord, _ file: String) -> Diagnostic {
        Diagnostic(
            code: "run.undecided", record.failure?.message ?? "nobody has decided whether \(step.name) was written",
            remedy: record.failure?.remedy
                ?? "look in the target, then `ticketferry resolve \(file) \(step.key.ticket) written` or `not-written`",
            cause: .someFailed)
    }

    fileprivate static func claimed(_ conflict: JournalConflict, by ticket: String, _ file: String) -> Diagnostic {
        Diagnostic(
            code: "run.claimed-id",
            "the target answered with its ticket \(conflict.targetID), which belongs to ticket \(conflict.owner)",
            remedy:
                "look at it in the target, then `ticketferry resolve \(file) \(ticket) written` or `not-written`",
            cause: .someFailed)
    }
}
