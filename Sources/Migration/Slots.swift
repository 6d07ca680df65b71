// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// How many tickets may be at work: grows while the answers stay fast, shrinks when the target is troubled.
///
/// Pure.
struct WindowCurve: Hashable, Sendable {
    let ceiling: Int
    private(set) var width: Double
    /// Doubling until the first trouble, then step by step.
    private var isStarting = true
    private var best: Double?
    private var recent: Double?
    private var lastTrouble: Duration?

    init(ceiling: Int) {
        self.ceiling = max(1, ceiling)
        width = Double(min(2, max(1, ceiling)))
    }

    /// Whole tickets.
    var slots: Int { max(1, Int(width)) }

    /// An answer came back after that long.
    mutating func answered(after duration: Duration, at now: Duration) {
        let seconds = max(0.0001, duration.totalSeconds)
        best = min(best ?? seconds, seconds)
        recent = (recent ?? seconds) * 0.9 + seconds * 0.1
        if let best, let recent, recent > 1, recent > best * 8 {
            // Answers that take longer and longer: more at once would only make it worse.
            troubled(at: now, by: 0.75)
        } else {
            width = min(Double(ceiling), width + (isStarting ? 1 : 1 / width))
        }
    }

    /// The target asked to wait or did not answer; counted once a second.
    mutating func troubled(at now: Duration, by factor: Double = 0.5) {
        if let lastTrouble, now - lastTrouble < .seconds(1) { return }
        lastTrouble = now
        isStarting = false
        width = max(1, width * factor)
    }
}

/// Lets as many tickets work as the window allows; those that only wait give their slot away meanwhile.
final class Slots: Sendable {
    private struct State {
        var curve: WindowCurve
        var used = 0
        var parked = 0
        /// Tickets that wait for the disk alone.
        var committing = 0
        /// Tickets that are begun and want to go on: before new ones.
        var returning: [CheckedContinuation<Void, Never>] = []
        var new: [CheckedContinuation<Void, Never>] = []
    }

    /// No new tickets while so many wait: memory stays bounded.
    private static let parkedLimit = 64
    /// So many times as many tickets may wait for the disk as may work: a write and its commit take turns, and a disk
    /// that is slower than the target must not leave the target idle.
    private static let committingShare = 4
    private let state: Mutex<State>

    init(ceiling: Int) { state = Mutex(State(curve: WindowCurve(ceiling: ceiling))) }

    /// For a ticket not yet begun.
    func acquire() async {
        await withCheckedContinuation { continuation in
            state.withLock { $0.new.append(continuation) }
            wake()
        }
    }

    func release() {
        state.withLock { $0.used -= 1 }
        wake()
    }

    /// Gives the slot away while `wait` waits.
    func parked<Result>(_ wait: () async throws -> Result) async rethrows -> Result {
        state.withLock {
            $0.used -= 1
            $0.parked += 1
        }
        wake()
        let result: Result
        do {
            result = try await wait()
        } catch {
            await unpark()
            throw error
        }
        await unpark()
        return result
    }

    private func unpark() async {
        await withCheckedContinuation { continuation in
            state.withLock {
                $0.parked -= 1
                $0.returning.append(continuation)
            }
            wake()
        }
    }

    /// Gives the slot away while the journal's disk works: the target is kept busy meanwhile.
    ///
    /// Not where one ticket alone may work: there they go one after another.
    func committing(_ commit: () async throws -> Void) async throws {
        let gives = state.withLock { state in
            guard state.curve.ceiling > 1 else { return false }
            state.used -= 1
            state.committing += 1
            return true
        }
        guard gives else { return try await commit() }
        wake()
        let result: Result<Void, any Error>
        do {
            result = .success(try await commit())
        } catch {
            result = .failure(error)
        }
        await withCheckedContinuation { continuation in
            state.withLock {
                $0.committing -= 1
                $0.returning.append(continuation)
            }
            wake()
        }
        try result.get()
    }

    func answered(after duration: Duration, at now: Duration) {
        state.withLock { $0.curve.answered(after: duration, at: now) }
        wake()
    }

    func troubled(at now: Duration) { state.withLock { $0.curve.troubled(at: now) } }

    /// How many work, wait, and may work.
    var numbers: (used: Int, parked: Int, window: Int) {
        state.withLock { ($0.used, $0.parked, $0.curve.slots) }
    }

    private func wake() {
        let woken = state.withLock { state in
            var woken: [CheckedContinuation<Void, Never>] = []
            while state.used < state.curve.slots {
                if !state.returning.isEmpty {
                    woken.append(state.returning.removeFirst())
                } else if !state.new.isEmpty, state.parked < Self.parkedLimit,
                    state.committing < Self.committingShare * state.curve.slots
                {
                    woken.append(state.new.removeFirst())
                } else {
                    break
                }
                state.used += 1
            }
            return woken
        }
        for continuation in woken { continuation.resume() }
    }
}

/// Names that only one step in flight may hold.
final class ExclusiveNames: Sendable {
    private struct State {
        var held = Set<String>()
        var waiting: [(names: Set<String>, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    /// Takes all names if all are free.
    func take(_ names: Set<String>) -> Bool {
        state.withLock { state in
            guard state.held.isDisjoint(with: names) else { return false }
            state.held.formUnion(names)
            return true
        }
    }

    /// Waits until all names are free and takes them.
    func waitFor(_ names: Set<String>) async {
        await withCheckedContinuation { continuation in
            let free = state.withLock { state in
                guard state.held.isDisjoint(with: names) else {
                    state.waiting.append((names, continuation))
                    return false
                }
                state.held.formUnion(names)
                return true
            }
            if free { continuation.resume() }
        }
    }

    func release(_ names: Set<String>) {
        let woken = state.withLock { state in
            state.held.subtract(names)
            var woken: [CheckedContinuation<Void, Never>] = []
            var still: [(names: Set<String>, continuation: CheckedContinuation<Void, Never>)] = []
            for waiter in state.waiting {
                if state.held.isDisjoint(with: waiter.names) {
                    state.held.formUnion(waiter.names)
                    woken.append(waiter.continuation)
                } else {
                    still.append(waiter)
                }
            }
            state.waiting = still
            return woken
        }
        for continuation in woken { continuation.resume() }
    }
}
