// SPDX-License-Identifier: Apache-2.0
internal import Synchronization
internal import TicketModel

/// What the tickets of one run share.
final class Run: Sendable {
    let preparation: TicketPreparation
    let target: any TicketTarget
    let slots: Slots
    let names = ExclusiveNames()
    let batches = Batches()
    let settleTime: Duration
    /// When this process began: what an earlier one sent, it sent before.
    let began: Duration
    /// What the target holds, by marker, if the last run did not end; else nil.
    let mistrusted: [String: [FoundTicket]]?
    /// What was signed; nil: whatever is to be done.
    let seal: PlanSeal?
    /// What progress is shown as.
    let phase: RunPhase
    /// Whether anything may be sent: false where the plan had nothing to send, so that nobody was asked and nothing muted.
    let sends: Bool
    private let tally: Mutex<Tally>

    private struct Tally {
        var counts = RunReport.Counts()
        var messages: [String: Int] = [:]
        var losses = 0
        var unsigned = 0
        var adoptedWrites = 0
        var sentAgain = 0
        var brake = Brake()
        var slowness = Slowness()
        var stoppedBy: Diagnostic?
        var catalogueFailure: Diagnostic?
        var done = 0
        var total: Int?
        var waiting: String?
        var lastUncertain: Duration?
        var isBorrowingInDoubt = false
        var stopSeen: Duration?
    }

    /// How long tickets that are begun go on after the operator's signal: half-written ones keep what is borrowed.
    static let grace = Duration.seconds(10)

    var setup: MigrationSetup { preparation.setup }
    var journal: any Journal { preparation.journal }
    var clock: any RunClock { preparation.setup.clock }

    init(
        preparation: TicketPreparation, target: any TicketTarget, settleTime: Duration, began: Duration, total: Int?,
        sends: Bool = true, mistrusted: [String: [FoundTicket]]? = nil, phase: RunPhase = .writing,
        seal: PlanSeal? = nil
    ) {
        self.seal = seal
        self.phase = phase
        self.preparation = preparation
        self.target = target
        self.settleTime = settleTime
        self.sends = sends
        self.mistrusted = mistrusted
        slots = Slots(ceiling: preparation.setup.concurrency)
        self.began = began
        tally = Mutex(Tally())
        tally.withLock { $0.total = total }
    }

    /// Whether nothing new is to be begun: the operator's signal or the brake.
    var isStopping: Bool { setup.stop.isStopped || tally.withLock { $0.stoppedBy != nil } }

    /// Whether a ticket that is begun may be written to its end although the run is stopping: after the operator's signal
    /// for a while, never after the brake.
    var mayFinish: Bool {
        let now = clock.elapsed()
        return tally.withLock { tally in
            guard tally.stoppedBy == nil else { return false }
            let since = tally.stopSeen ?? now
            tally.stopSeen = since
            return now - since < Self.grace
        }
    }

    /// Ends the run with a reason; the first counts.
    func stop(_ reason: Diagnostic) { tally.withLock { $0.stoppedBy = $0.stoppedBy ?? reason } }

    /// Takes how long the target took for a step that it answered: fewer or more tickets at once, and the brake.
    ///
    /// - Parameters:
    ///   - duration: from the step's start to its end.
    ///   - meter: the exchanges of the step, where what carries them counts them.
    ///   - now: by the run's clock.
    func answered(after duration: Duration, _ meter: AnswerMeter, at now: Duration) {
        let taken = meter.mean ?? duration
        slots.answered(after: taken, at: now)
        look(at: taken)
    }

    /// Takes that the target asked to wait or gave no answer that could be understood.
    func troubled(after duration: Duration, _ meter: AnswerMeter, at now: Duration) {
        slots.troubled(at: now)
        // A connection that broke at once says nothing of how fast it is.
        let taken = meter.mean ?? duration
        if taken.totalSeconds >= Slowness.leastSeconds { look(at: taken) }
    }

    private func look(at taken: Duration) {
        let isNarrow = slots.numbers.window == 1
        if let reason = tally.withLock({ $0.slowness.add(taken, isNarrow: isNarrow) }) { stop(reason) }
    }

    /// Counts what became of a write whose answer proved nothing.
    func settled(adopted: Bool) {
        tally.withLock { tally in
            if adopted { tally.adoptedWrites += 1 } else { tally.sentAgain += 1 }
        }
    }

    /// Notes that a request may still be at work.
    func uncertain(at time: Duration) { tally.withLock { $0.lastUncertain = time } }

    /// Notes that a setting may still be changed by a request that got no answer.
    func borrowingFailed(at time: Duration) {
        tally.withLock { tally in
            tally.lastUncertain = time
            tally.isBorrowingInDoubt = true
        }
    }

    /// Waits until nothing that was sent can be at work any more: what is given back too early lets the target send
    /// e-mails for it.
    ///
    /// Only where a write or a borrowing is in doubt, and also after the signal to stop.
    func settleBeforeGivingBack() async {
        guard let doubts = try? await journal.inDoubt(),
            !doubts.isEmpty || tally.withLock({ $0.isBorrowingInDoubt }),
            let open = try? await journal.borrowings(open: true), !open.isEmpty
        else { return }
        let left = settleTime - (clock.elapsed() - (tally.withLock { $0.lastUncertain } ?? began))
        guard left > .zero else { return }
        waiting("writes that may still be at work, before e-mails are switched on again")
        try? await clock.sleep(for: left)
        waiting(nil)
    }

    /// Counts a ticket that is through.
    func finished(_ end: TicketEnd) {
        tally.withLock { tally in
            tally.done += 1
            tally.losses += end.losses
            for (name, count) in end.messages { tally.messages[name, default: 0] += count }
            if end.adopted { tally.counts.adopted += 1 }
            var failure: Diagnostic?
            var answered = true
            switch end.kind {
            case .created: tally.counts.created += 1
            case .updated: tally.counts.updated += 1
            case .unchanged: tally.counts.unchanged += 1
            case .conflict:
                tally.counts.conflicts += 1
                if end.wrote { tally.counts.updated += 1 } else { tally.counts.unchanged += 1 }
            case .skipped: tally.counts.skipped += 1
            case .failed(let diagnostic):
                tally.counts.failed += 1
                failure = diagnostic
            case .setAside(let diagnostic):
                tally.counts.uncertain += 1
                failure = diagnostic
            case .unanswered(let diagnostic, let inDoubt):
                if inDoubt { tally.counts.uncertain += 1 } else { tally.counts.failed += 1 }
                failure = diagnostic
                answered = false
            case .leftOff(let inDoubt):
                tally.done -= 1
                if inDoubt { tally.counts.uncertain += 1 }
                return
            }
            // What people deleted says nothing of how the target fares: nothing was sent for it.
            if failure?.isTicketGone == true { return }
            if let reason = tally.brake.add(failure: failure, answered: answered) {
                tally.stoppedBy = tally.stoppedBy ?? reason
            }
        }
        report()
    }

    /// Notes that the catalogue could not be made whole.
    func catalogueFailed(_ diagnostic: Diagnostic) { tally.withLock { $0.catalogueFailure = diagnostic } }

    /// Counts a ticket that is not as it was when the plan was signed.
    ///
    /// With `goesOn`, the signed steps of it are still written, and it is counted as done then.
    func leaveUnsigned(goesOn: Bool) {
        tally.withLock { tally in
            if !goesOn { tally.done += 1 }
            tally.unsigned += 1
        }
        report()
    }

    /// Says what everything waits for; nil when it goes on.
    func waiting(_ what: String?) {
        tally.withLock { $0.waiting = what }
        report()
    }

    private func report() {
        let numbers = slots.numbers
        var progress = RunProgress()
        progress.phase = phase
        (progress.inFlight, progress.settling, progress.window) = numbers
        tally.withLock { tally in
            progress.done = tally.done
            progress.total = tally.total
            progress.failed = tally.counts.failed + tally.counts.uncertain
            progress.waiting = tally.waiting
        }
        setup.observer.progress(progress)
    }

    /// Puts what was counted into a report.
    func fill(_ report: inout RunReport) {
        tally.withLock { tally in
            report.counts = tally.counts
            report.messages = tally.messages
            report.losses = tally.losses
            report.unsigned = tally.unsigned
            (report.adoptedWrites, report.sentAgain) = (tally.adoptedWrites, tally.sentAgain)
            report.stoppedBy = tally.stoppedBy
            report.catalogueFailure = tally.catalogueFailure
        }
    }
}

/// What became of one ticket in a run.
struct TicketEnd: Sendable {
    enum Kind: Sendable {
        case created, updated, unchanged, conflict, skipped
        case failed(Diagnostic)
        case setAside(Diagnostic)
        /// The target had no answer that could be understood, for too long.
        case unanswered(Diagnostic, inDoubt: Bool)
        /// The run was asked to stop; the next one goes on.
        case leftOff(inDoubt: Bool)
    }

    var kind: Kind
    var wrote = false
    /// Whether a write was found instead of being sent.
    var adopted = false
    var messages: [String: Int] = [:]
    var losses = 0

    init(_ kind: Kind) { self.kind = kind }
}
