// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing

@testable import Transport

@Suite struct `The curve of the pace` {
    /// Ends one request after another, each of which took `latency`.
    private func play(_ curve: inout PacingCurve, _ latencies: [Double], from start: Double = 0) -> Double {
        var now = start
        for latency in latencies {
            curve.ended(startedAt: .seconds(now), now: .seconds(now + latency), outcome: .answered)
            now += latency
        }
        return now
    }

    @Test func `it starts low and grows to its ceiling while answers stay fast`() {
        var curve = PacingCurve(ceiling: 8)
        #expect(curve.places == 2)
        _ = play(&curve, Array(repeating: 0.1, count: 3))
        #expect(curve.places == 5)
        _ = play(&curve, Array(repeating: 0.1, count: 50), from: 1)
        #expect(curve.places == 8)
    }

    @Test func `a ceiling of nothing is one`() {
        #expect(PacingCurve(ceiling: 0).places == 1)
        #expect(PacingCurve(ceiling: 1).places == 1)
    }

    @Test func `an idle window proves nothing and does not grow`() {
        var curve = PacingCurve(ceiling: 8)
        for _ in 0..<9 { curve.ended(startedAt: .zero, now: .seconds(0.1), outcome: .answered, wasFull: false) }
        #expect(curve.places == 2)
    }

    @Test(arguments: [PacingCurve.Outcome.failed, .throttled(retryAfter: nil), .throttled(retryAfter: .seconds(9))])
    func `trouble halves it, once for all that were under way together, and it grows slowly afterwards`(
        outcome: PacingCurve.Outcome
    ) {
        var curve = PacingCurve(ceiling: 8)
        _ = play(&curve, Array(repeating: 0.1, count: 9))
        for _ in 0..<5 { curve.ended(startedAt: .seconds(1), now: .seconds(2), outcome: outcome) }
        #expect(curve.places == 4)
        for _ in 0..<3 { curve.ended(startedAt: .seconds(3), now: .seconds(3.1), outcome: .answered) }
        #expect(curve.places == 4)
        for _ in 0..<3 { curve.ended(startedAt: .seconds(3), now: .seconds(3.1), outcome: .answered) }
        #expect(curve.places == 5)
    }

    @Test func `it never falls below one`() {
        var curve = PacingCurve(ceiling: 8)
        for i in 0..<9 { curve.ended(startedAt: .seconds(i), now: .seconds(Double(i) + 0.5), outcome: .failed) }
        #expect(curve.places == 1)
    }

    @Test func `answers much slower than usual halve it, and what is slow for good becomes usual`() {
        var curve = PacingCurve(ceiling: 8)
        var now = play(&curve, Array(repeating: 0.1, count: 20))
        now = play(&curve, Array(repeating: 2, count: 8), from: now)
        #expect(curve.places < 8)
        now = play(&curve, Array(repeating: 2, count: 200), from: now)
        #expect(curve.places == 8)
    }

    @Test func `cheap requests among expensive ones do not make these look slow`() {
        var curve = PacingCurve(ceiling: 8)
        _ = play(&curve, (0..<300).map { $0.isMultiple(of: 2) ? 0.02 : 0.6 })
        #expect(curve.places == 8)
    }

    @Test func `a few milliseconds more are not slow`() {
        var curve = PacingCurve(ceiling: 8)
        _ = play(&curve, Array(repeating: 0.002, count: 20) + Array(repeating: 0.05, count: 20))
        #expect(curve.places == 8)
    }

    @Test func `a pause holds all, a rate spaces starts, and a full window waits for an end`() {
        var curve = PacingCurve(ceiling: 8, perMinute: 30)
        #expect(curve.decision(inFlight: 0, now: .zero) == .go)
        curve.started(at: .zero)
        #expect(curve.decision(inFlight: 1, now: .seconds(1)) == .wait(until: .seconds(2), .rate))
        #expect(curve.decision(inFlight: 2, now: .seconds(2)) == .full)
        curve.ended(startedAt: .zero, now: .seconds(1), outcome: .throttled(retryAfter: .seconds(60)))
        curve.ended(startedAt: .zero, now: .seconds(1), outcome: .throttled(retryAfter: .seconds(5)))
        #expect(curve.decision(inFlight: 0, now: .seconds(60)) == .wait(until: .seconds(61), .retryAfter))
        #expect(curve.decision(inFlight: 0, now: .seconds(61)) == .go)
    }
}

@Suite(.timeLimit(.minutes(1))) struct `The pacer` {
    /// Opens once; whoever comes earlier waits.
    private final class Gate: Sendable {
        private let state = Mutex<(open: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))
        func pass() async {
            await withCheckedContinuation { waiter in
                let isOpen = state.withLock { state in
                    if !state.open { state.waiting.append(waiter) }
                    return state.open
                }
                if isOpen { waiter.resume() }
            }
        }
        func open() {
            let waiting = state.withLock { state in
                state.open = true
                return state.waiting
            }
            for waiter in waiting { waiter.resume() }
        }
    }

    private func until(_ condition: () -> Bool) async throws {
        for _ in 0..<5000 where !condition() { try await Task.sleep(for: .milliseconds(1)) }
        #expect(condition())
    }

    @Test func `who finds no place waits until one ends`() async throws {
        let pacer = Pacer(PacingCurve(ceiling: 1))
        let gate = Gate()
        let order = Kept<[Int]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await pacer.pace(outcome: { _ in .answered }) {
                    await gate.pass(); order.value.withLock { $0.append(1) }
                }
            }
            try await until { pacer.report.inFlight == 1 }
            group.addTask {
                try await pacer.pace(isRetry: true, outcome: { _ in .answered }) {
                    order.value.withLock { $0.append(2) }
                }
            }
            try await Task.sleep(for: .milliseconds(30))
            #expect(order.value.withLock { $0 } == [])
            gate.open()
            try await group.waitForAll()
        }
        #expect(order.value.withLock { $0 } == [1, 2])
        #expect(pacer.report == PacerReport(requests: 2, retries: 1, throttled: 0, inFlight: 0, window: 1))
    }

    @Test func `a wait that is cancelled ends at once and starts nothing`() async throws {
        let pacer = Pacer(PacingCurve(ceiling: 1))
        let gate = Gate()
        let first = Task { try await pacer.pace(outcome: { _ in .answered }) { await gate.pass() } }
        try await until { pacer.report.inFlight == 1 }
        let second = Task { try await pacer.pace(outcome: { _ in .answered }) { Issue.record("it started") } }
        try await Task.sleep(for: .milliseconds(20))
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        gate.open()
        try await first.value
        #expect(pacer.report.requests == 1)
    }

    @Test func `a pause that the server asks for holds the next request for all of it`() async throws {
        let clock = JumpingClock()
        let pacer = Pacer(PacingCurve(ceiling: 4), timekeeper: Timekeeper(clock: clock))
        try await pacer.pace(outcome: { _ in .throttled(retryAfter: .seconds(7)) }) {}
        #expect(pacer.report.waiting == .retryAfter(.seconds(7)))
        #expect(pacer.report.throttled == 1)
        #expect(pacer.report.window == 1)
        try await pacer.pace(outcome: { _ in .answered }) { #expect(clock.now.since == .seconds(7)) }
        #expect(clock.waited == [.seconds(7)])
    }

    @Test func `the window shrinks on errors, which are passed on`() async throws {
        let pacer = Pacer(PacingCurve(ceiling: 4))
        await #expect(throws: HTTPFailure.self) {
            try await pacer.pace(outcome: { _ in .answered }) { throw HTTPFailure(.uncertain, .timeout, "") }
        }
        #expect(pacer.report.window == 1)
        #expect(pacer.report.inFlight == 0)
    }

    @Test func `many at once are never more than the ceiling, and none waits for ever, though some are cancelled`()
        async throws
    {
        let pacer = Pacer(PacingCurve(ceiling: 4))
        let done = Kept(0)
        let most = Kept(0)
        let tasks = (0..<300).map { i in
            Task {
                try await pacer.pace(outcome: { _ in i.isMultiple(of: 17) ? .failed : .answered }) {
                    most.value.withLock { $0 = max($0, pacer.report.inFlight) }
                    try await Task.sleep(for: .microseconds(200 * (i % 5)))
                }
                done.value.withLock { $0 += 1 }
            }
        }
        for i in stride(from: 0, to: 300, by: 3) {
            await Task.yield()
            tasks[i].cancel()
        }
        var cancelled = 0
        for task in tasks {
            if case .failure(let error) = await task.result {
                #expect(error is CancellationError)
                cancelled += 1
            }
        }
        #expect(done.value.withLock { $0 } + cancelled == 300)
        #expect(done.value.withLock { $0 } >= 200)
        #expect(most.value.withLock { $0 } <= 4)
        #expect(pacer.report.inFlight == 0)
    }
}
