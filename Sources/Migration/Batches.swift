// SPDX-License-Identifier: Apache-2.0
internal import Synchronization
internal import TicketModel

/// A ticket of which only batched steps are left.
final class DeferredTicket: Sendable {
    /// What is written to the journal when all its steps are done.
    let completion: [JournalEntry]
    private let state: Mutex<(record: TicketRecord, end: TicketEnd, remaining: Int)>

    init(record: TicketRecord, end: TicketEnd, completion: [JournalEntry], remaining: Int) {
        self.completion = completion
        state = Mutex((record, end, remaining))
    }

    /// Counts a step that is done; true when it was the last and none failed.
    func stepDone() -> Bool {
        state.withLock { state in
            state.remaining -= 1
            state.end.wrote = true
            return state.remaining == 0
        }
    }

    /// The ticket as it was before the batch.
    var record: TicketRecord { state.withLock { $0.record } }

    /// What became of it, if nothing went wrong.
    var end: TicketEnd { state.withLock { $0.end } }

    /// Whether somebody has told already what became of it; told once.
    func tell(_ kind: TicketEnd.Kind) -> TicketEnd? {
        state.withLock { state in
            guard state.remaining > Int.min / 2 else { return nil }
            state.remaining = Int.min
            var end = state.end
            end.kind = kind
            return end
        }
    }
}

/// Collects steps of many tickets that go in one request.
///
/// They are `set`: sent again as a whole if there is doubt.
final class Batches: Sendable {
    struct Item: Sendable {
        var step: Step
        var receipts: [WriteKey: Receipt]
        var ticket: DeferredTicket
    }

    /// Steps in one request.
    static let size = 100
    /// Steps that wait in all batches together.
    private static let waitingLimit = 2000
    private let waiting = Mutex<[String: [Item]]>([:])

    /// Adds steps and sends what is full.
    func add(_ items: [Item], run: Run) async throws {
        let full = waiting.withLock { waiting in
            var full: [[Item]] = []
            for item in items {
                let name = item.step.batch ?? ""
                waiting[name, default: []].append(item)
                if let batch = waiting[name], batch.count >= Self.size {
                    full.append(waiting.removeValue(forKey: name) ?? [])
                }
            }
            if waiting.values.reduce(0, { $0 + $1.count }) > Self.waitingLimit,
                let largest = waiting.max(by: { ($0.value.count, $0.key) < ($1.value.count, $1.key) })
            {
                full.append(waiting.removeValue(forKey: largest.key) ?? [])
            }
            return full
        }
        for batch in full { try await send(batch, run: run) }
    }

    /// Sends what is left, one batch after another.
    func flush(run: Run) async throws {
        let rest = waiting.withLock { waiting in
            defer { waiting = [:] }
            return waiting.sorted { $0.key < $1.key }.map(\.value)
        }
        for batch in rest {
            if run.isStopping && !run.mayFinish {
                for item in batch { end(item, .leftOff(inDoubt: false), run: run) }
            } else {
                await run.slots.acquire()
                defer { run.slots.release() }
                try await send(batch, run: run)
            }
        }
    }

    private func end(_ item: Item, _ kind: TicketEnd.Kind, run: Run) {
        if let end = item.ticket.tell(kind) { run.finished(end) }
    }

    private func send(_ batch: [Item], run: Run) async throws {
        guard let first = batch.first else { return }
        let steps = batch.map(\.step)
        let receipts = batch.reduce(into: [:]) { $0.merge($1.receipts) { a, _ in a } }
        var attempt = 0
        while true {
            attempt += 1
            let now = run.clock.now()
            try await run.journal.record(steps.map { .intent(StepRecord($0, sentAt: now)) })
            let sent = run.clock.elapsed()
            let meter = AnswerMeter()
            let outcome = await AnswerMeter.$current.withValue(meter) {
                await run.target.applyBatch(steps, receipts: receipts)
            }
            let answered = run.clock.elapsed()
            let trouble: (Diagnostic, Duration, inDoubt: Bool)
            switch outcome {
            case .understood(let receipt, let losses):
                run.answered(after: answered - sent, meter, at: answered)
                return try await done(batch, receipt, losses, run: run)
            case .rejected(let diagnostic):
                try await run.journal.record(steps.map { .withdrawn($0.key) })
                guard batch.count > 1 else {
                    var record = first.ticket.record
                    record.state = .failed
                    record.failure = .init(diagnostic)
                    let losses = first.ticket.completion.filter { if case .losses = $0 { true } else { false } }
                    try await run.journal.record([.ticket(record)] + losses)
                    return end(first, .failed(diagnostic), run: run)
                }
                // One bad ticket must not fail the others of its batch.
                try await send(Array(batch[..<(batch.count / 2)]), run: run)
                return try await send(Array(batch[(batch.count / 2)...]), run: run)
            case .notNow(let diagnostic, let retryAfter): trouble = (diagnostic, retryAfter, false)
            case .uncertain(let diagnostic):
                run.uncertain(at: answered)
                trouble = (diagnostic, .zero, true)
            }
            run.troubled(after: answered - sent, meter, at: answered)
            let isOver = attempt >= Patience.attempts
            if !isOver {
                let pause = max(trouble.1, Patience.backOff(attempt))
                let waited = try await run.slots.parked {
                    try await run.clock.sleep(for: pause, unless: { run.isStopping })
                }
                if waited { continue }
            }
            for item in batch {
                end(
                    item,
                    isOver ? .unanswered(trouble.0, inDoubt: trouble.inDoubt) : .leftOff(inDoubt: trouble.inDoubt),
                    run: run)
            }
            return
        }
    }

    private func done(_ batch: [Item], _ receipt: Receipt, _ losses: [Loss], run: Run) async throws {
        var entries: [JournalEntry] = []
        var complete: [Item] = []
        for item in batch {
            entries.append(.done(item.step.key, receipt))
            // An answer for many does not tell which ticket it is about.
            if !losses.isEmpty { entries.append(.stepLosses(item.step.key, losses)) }
            if item.ticket.stepDone() {
                entries += item.ticket.completion
                complete.append(item)
            }
        }
        try await run.journal.record(entries)
        for item in complete { end(item, item.ticket.end.kind, run: run) }
    }
}
