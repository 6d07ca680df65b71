// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import Synchronization
internal import TicketModel

/// What everything throws after a process died.
struct CrashedError: Error {}

/// What is being done, for those who count requests and commits.
enum CrashLabel {
    /// On whose behalf something is sent.
    enum Role: Hashable, Sendable { case step, lookUp, borrow, adopt, other }

    struct Value: Hashable, Sendable {
        var role: Role
        var step: String
    }

    @TaskLocal static var current = Value(role: .other, step: "log in, list")

    /// The step's kind in a word or two.
    static func kind(of step: Step) -> String {
        if step.key.part.hasPrefix(UndoPlan.partPrefix) {
            return step.batch == nil ? "undo: \(step.verb.rawValue)" : "undo: batch of \(step.verb.rawValue)s"
        }
        if step.key.ticket == CatalogueEntry.ticketID { return "catalogue: \(step.verb.rawValue)" }
        if step.batch != nil { return "batch of sets" }
        switch step.verb {
        case .create:
            return step.key.part == "ticket" ? "create ticket" : "create \(step.key.part.prefix { $0 != ":" })"
        case .attach: return "attach file"
        case .set: return "set"
        case .delete: return "delete"
        case .append:
            if step.key.part == "note" || step.key.part.hasPrefix("note:") { return "append migration note" }
            return step.name.hasPrefix("note") || step.name.hasPrefix("internal") ? "append note" : "append reply"
        }
    }
}

/// Counts where a process is and pulls the plug there.
final class CrashPlug: Sendable {
    /// A request or a commit of an undisturbed process.
    struct Point: Sendable {
        enum Kind: Hashable, Sendable { case request(Int), commit(Int) }

        var kind: Kind
        var label: CrashLabel.Value
        /// Whether the request changed what is stored.
        var isWrite = false
        /// Whether the target can die in the middle of it.
        var hasMiddle = false
        /// Frames of the write-ahead log before and after the commit.
        var frames = (before: 0, after: 0)
        /// Whether the commit holds a receipt.
        var hasReceipt = false
    }

    private struct State {
        var requests = 0
        var commits = 0
        var recovery: Int?
        var lookUps = 0
        var adoption: Int?
        var died: Duration?
        var fell = false
        var points: [Point] = []
        var borrowed: CrashLabel.Value?
    }

    let strike: CrashStrike?
    /// What a person gives to end it in good order.
    let stop = StopSignal()
    let clock: any RunClock
    private let state = Mutex(State())

    init(_ strike: CrashStrike?, clock: any RunClock) {
        self.strike = strike
        self.clock = clock
    }

    /// Whether the process is dead.
    var isDead: Bool { state.withLock { $0.died != nil } }
    /// When it died.
    var died: Duration? { state.withLock { $0.died } }
    /// Whether the blow fell.
    var fell: Bool { state.withLock { $0.fell } }
    /// What an undisturbed process passed.
    var points: [Point] { state.withLock { $0.points } }

    /// Ends the process.
    func die() {
        let now = clock.elapsed()
        state.withLock { $0.died = $0.died ?? now }
    }

    func check() throws { if isDead { throw CrashedError() } }

    func note(_ point: Point) { state.withLock { $0.points.append(point) } }

    /// Counts a request; what is to happen to it.
    func request(_ label: CrashLabel.Value) -> (number: Int, moment: CrashMoment?) {
        state.withLock { state in
            let number = state.requests
            state.requests += 1
            var hit = strike?.place == .request(number)
            hit = Self.count(&state, label, at: strike?.place) || hit
            if label.role == .lookUp {
                hit = hit || strike?.place == .lookUp(state.lookUps)
                state.lookUps += 1
            }
            guard hit, !state.fell else { return (number, nil) }
            state.fell = true
            return (number, strike?.moment)
        }
    }

    /// Counts a commit; what is to happen to it.
    func commit(_ label: CrashLabel.Value) -> (number: Int, moment: CrashMoment?) {
        state.withLock { state in
            let number = state.commits
            state.commits += 1
            var hit = strike?.place == .commit(number)
            hit = Self.count(&state, label, at: strike?.place) || hit
            guard hit, !state.fell else { return (number, nil) }
            state.fell = true
            return (number, strike?.moment)
        }
    }

    private static func count(_ state: inout State, _ label: CrashLabel.Value, at place: CrashPlace?) -> Bool {
        var hit = false
        if state.recovery != nil || label.role == .step || label.role == .lookUp || label.role == .borrow {
            hit = place == .recovery(state.recovery ?? 0)
            state.recovery = (state.recovery ?? 0) + 1
        }
        if state.adoption != nil || label.role == .adopt {
            hit = hit || place == .adoption(state.adoption ?? 0)
            state.adoption = (state.adoption ?? 0) + 1
        }
        return hit
    }
}

/// A journal whose process dies before or after a commit.
struct CrashJournal: Journal {
    let inner: any Journal
    let plug: CrashPlug
    /// How many frames the write-ahead log has now.
    let frames: @Sendable () -> Int
    /// Knows what steps are called.
    let tally: ExamNotes<CrashTarget.Tally>

    func record(_ entries: [JournalEntry]) async throws {
        try await commit(label(of: entries), hasReceipt: Self.hasReceipt(entries)) {
            try await inner.record(entries)
        }
    }

    func setHead(_ head: JournalHead) async throws {
        try await commit(.init(role: .other, step: "begin and end"), hasReceipt: false) {
            try await inner.setHead(head)
        }
    }

    private func commit(_ label: CrashLabel.Value, hasReceipt: Bool, _ work: () async throws -> Void) async throws {
        try plug.check()
        let (number, moment) = plug.commit(label)
        if moment == .before {
            plug.die()
            throw CrashedError()
        }
        let before = frames()
        try await work()
        var point = CrashPlug.Point(kind: .commit(number), label: label)
        point.frames = (before, frames())
        point.hasReceipt = hasReceipt
        plug.note(point)
        if moment == .stop { plug.stop.stop() }
        if let moment, moment.isDeath {
            plug.die()
            throw CrashedError()
        }
    }

    private static func hasReceipt(_ entries: [JournalEntry]) -> Bool {
        entries.contains {
            switch $0 {
            case .done, .givenBack: true
            default: false
            }
        }
    }

    /// By the first receipt, else the first intent.
    private func label(of entries: [JournalEntry]) -> CrashLabel.Value {
        let current = CrashLabel.current
        if current.role == .adopt { return current }
        for entry in entries {
            switch entry {
            case .borrowed: return .init(role: .borrow, step: "borrow")
            case .givenBack: return .init(role: .borrow, step: "give back")
            default: break
            }
        }
        for entry in entries {
            if case .done(let key, _) = entry { return .init(role: .step, step: kind(key.ticket, key.part)) }
        }
        for entry in entries {
            switch entry {
            case .intent(let record): return .init(role: .step, step: kind(record.ticket, record.part))
            case .uncertain(let key), .withdrawn(let key), .rejected(let key), .setAside(let key):
                return .init(role: .step, step: kind(key.ticket, key.part))
            default: break
            }
        }
        return .init(role: .other, step: "begin and end")
    }

    private func kind(_ ticket: String, _ part: String) -> String {
        tally.value.kinds["\(ticket) \(part)"] ?? "set"
    }

    func head() async throws -> JournalHead? {
        try plug.check()
        return try await inner.head()
    }
    func ticket(_ id: String) async throws -> (ticket: TicketRecord, steps: [StepRecord])? {
        try plug.check()
        return try await inner.ticket(id)
    }
    func tickets(after id: String?, limit: Int) async throws -> [TicketRecord] {
        try plug.check()
        return try await inner.tickets(after: id, limit: limit)
    }
    func find(numberOrTargetID text: String) async throws -> TicketRecord? {
        try plug.check()
        return try await inner.find(numberOrTargetID: text)
    }
    func inDoubt() async throws -> [StepRecord] {
        try plug.check()
        return try await inner.inDoubt()
    }
    func losses(of ticket: String) async throws -> [Loss] {
        try plug.check()
        return try await inner.losses(of: ticket)
    }
    func finishing(after id: String?, limit: Int) async throws -> [(ticket: String, lines: [String])] {
        try plug.check()
        return try await inner.finishing(after: id, limit: limit)
    }
    func borrowings(open: Bool) async throws -> [BorrowingRecord] {
        try plug.check()
        return try await inner.borrowings(open: open)
    }
    func failures(limit: Int) async throws -> [TicketRecord] {
        try plug.check()
        return try await inner.failures(limit: limit)
    }
    func conflicts(limit: Int) async throws -> [TicketRecord] {
        try plug.check()
        return try await inner.conflicts(limit: limit)
    }
    func counts() async throws -> JournalCounts {
        try plug.check()
        return try await inner.counts()
    }
    func lastRun() async throws -> RunRecord? {
        try plug.check()
        return try await inner.lastRun()
    }
    func memo(_ name: JournalMemo) async throws -> JSON? {
        try plug.check()
        return try await inner.memo(name)
    }
    func close() async { await inner.close() }
}
