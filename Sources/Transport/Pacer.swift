// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// What a pacer has counted and what it waits for: for progress, for the plan's comparison, for tests.
package struct PacerReport: Sendable, Hashable {
    /// What requests wait for now.
    package enum Waiting: Sendable, Hashable {
        case nothing
        /// For the helpdesk, which asked for a pause, this long still.
        case retryAfter(Duration)
        /// For the rate that was set, this long still.
        case rate(Duration)
    }

    /// Requests sent, retries among them.
    package var requests = 0
    /// Requests sent again.
    package var retries = 0
    /// Answers that said to slow down.
    package var throttled = 0
    /// Requests under way.
    package var inFlight = 0
    /// How many may be under way now.
    package var window = 0
    /// What waits.
    package var waiting = Waiting.nothing
}

/// Lets requests to one helpdesk start at the pace that it bears; all clients of a run to one host share one.
///
/// A ``PacingCurve`` decides, this waits. It is no actor because a cancelled wait must end at once, from a handler that
/// cannot await.
package final class Pacer: Sendable {
    private struct State {
        var curve: PacingCurve
        var report = PacerReport()
        var waiters: [(id: Int, wake: CheckedContinuation<Void, Never>)] = []
        var nextID = 0
    }

    private let state: Mutex<State>
    private let timekeeper: Timekeeper

    /// Starts at the curve's own start.
    package init(_ curve: PacingCurve, timekeeper: Timekeeper = .system) {
        state = Mutex(State(curve: curve))
        self.timekeeper = timekeeper
    }

    /// What has been counted and what is waited for at this moment.
    package var report: PacerReport {
        let now = timekeeper.now()
        return state.withLock { state in
            var report = state.report
            report.window = state.curve.places
            if case .wait(let until, let cause) = state.curve.decision(inFlight: report.inFlight, now: now) {
                report.waiting = cause == .retryAfter ? .retryAfter(until - now) : .rate(until - now)
            }
            return report
        }
    }

    /// Does one exchange when its turn has come.
    ///
    /// - Parameters:
    ///   - isRetry: whether it was sent before, for the count.
    ///   - outcome: what the exchange's result says about the server's load; a thrown error is a failure.
    ///   - exchange: what is done.
    /// - Returns: what `exchange` returns.
    /// - Throws: `CancellationError` while it waits; else what `exchange` throws.
    package func pace<Result: Sendable>(
        isRetry: Bool = false, outcome: (Result) -> PacingCurve.Outcome, _ exchange: () async throws -> Result
    ) async throws -> Result {
        let start: Duration
        do { start = try await begin(isRetry: isRetry) } catch {
            // It may have been woken for a place that it will not take.
            wakeNext()
            throw error
        }
        do {
            let result = try await exchange()
            end(start, outcome(result))
            return result
        } catch {
            end(start, .failed)
            throw error
        }
    }

    private func begin(isRetry: Bool) async throws -> Duration {
        while true {
            try Task.checkCancellation()
            let now = timekeeper.now()
            let decision = state.withLock { state in
                let decision = state.curve.decision(inFlight: state.report.inFlight, now: now)
                if decision == .go {
                    state.curve.started(at: now)
                    state.report.inFlight += 1
                    state.report.requests += 1
                    if isRetry { state.report.retries += 1 }
                }
                return decision
            }
            switch decision {
            case .go: return now
            case .wait(let until, _): try await timekeeper.sleep(until - now)
            case .full: await waitForPlace()
            }
        }
    }

    private func end(_ start: Duration, _ outcome: PacingCurve.Outcome) {
        let now = timekeeper.now()
        let woken = state.withLock { state in
            let wasFull = state.report.inFlight >= state.curve.places
            state.report.inFlight -= 1
            if case .throttled = outcome { state.report.throttled += 1 }
            state.curve.ended(startedAt: start, now: now, outcome: outcome, wasFull: wasFull)
            let free = max(0, state.curve.places - state.report.inFlight)
            let woken = Array(state.waiters.prefix(free))
            state.waiters.removeFirst(woken.count)
            return woken
        }
        for waiter in woken { waiter.wake.resume() }
    }

    private func wakeNext() {
        let next = state.withLock { $0.waiters.isEmpty ? nil : $0.waiters.removeFirst() }
        next?.wake.resume()
    }

    /// Waits until a request ends; also returns when cancelled, and may return early: the caller asks again.
    private func waitForPlace() async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { wake in
                let isFull = state.withLock { state in
                    // A place may have become free, or the task cancelled, since it was looked at.
                    guard state.report.inFlight >= state.curve.places, !Task.isCancelled else { return false }
                    state.waiters.append((id, wake))
                    return true
                }
                if !isFull { wake.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.wake.resume()
        }
    }
}
