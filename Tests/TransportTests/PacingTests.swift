// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing
import Transport

@Suite("The pacing curve")
struct PacingCurveTests {
    /// Plays rounds of a full window whose requests all take `latency`.
    func play(_ curve: inout PacingCurve, rounds: Int, latency: Duration, from start: Duration) -> Duration {
        var now = start
        for _ in 0..<rounds {
            let begun = now
            now += latency
            for _ in 0..<curve.places { curve.ended(startedAt: begun, now: now, outcome: .answered) }
        }
        return now
    }

    @Test("starts with two, reaches the ceiling while answers stay fast, and never passes it")
    func grows() {
        var curve = PacingCurve(ceiling: 8)
        #expect(curve.places == 2)
        _ = play(&curve, rounds: 3, latency: .milliseconds(20), from: .zero)
        #expect(curve.places == 8)
        _ = play(&curve, rounds: 50, latency: .milliseconds(20), from: .seconds(1))
        #expect(curve.places == 8)
        #expect(PacingCurve(ceiling: 1).places == 1)
    }

    @Test("halves once for requests that were throttled together, down to one, and recovers slowly")
    func halves() {
        var curve = PacingCurve(ceiling: 16)
        var now = play(&curve, rounds: 6, latency: .milliseconds(20), from: .zero)
        #expect(curve.places == 16)
        for _ in 0..<16 {
            curve.ended(startedAt: now, now: now + .milliseconds(5), outcome: .throttled(retryAfter: nil))
        }
        #expect(curve.places == 8)
        now = play(&curve, rounds: 1, latency: .milliseconds(20), from: now + .milliseconds(10))
        #expect(curve.places <= 9)
        for _ in 0..<20 {
            now += .seconds(1)
            curve.ended(startedAt: now, now: now, outcome: .throttled(retryAfter: nil))
        }
        #expect(curve.places == 1)
        #expect(curve.decision(inFlight: 0, now: now) == .go)
    }

    @Test("a latency that blows up shrinks the window, a small change does not")
    func latency() {
        var curve = PacingCurve(ceiling: 8)
        var now = play(&curve, rounds: 10, latency: .milliseconds(50), from: .zero)
        now = play(&curve, rounds: 3, latency: .milliseconds(120), from: now)
        #expect(curve.places == 8)
        now = play(&curve, rounds: 2, latency: .seconds(3), from: now)
        #expect(curve.places <= 4)
    }

    @Test("a site that is slow for good is not kept at one request for ever")
    func adapts() {
        var curve = PacingCurve(ceiling: 4)
        var now = play(&curve, rounds: 5, latency: .milliseconds(20), from: .zero)
        now = play(&curve, rounds: 500, latency: .seconds(2), from: now)
        #expect(curve.places >= 3)
    }

    @Test("an idle window proves nothing")
    func idle() {
        var curve = PacingCurve(ceiling: 8)
        for i in 0..<20 {
            curve.ended(startedAt: .seconds(i), now: .seconds(i), outcome: .answered, wasFull: false)
        }
        #expect(curve.places == 2)
    }

    @Test("Retry-After stops everything until then; a shorter one does not cut a longer one short")
    func pauses() {
        var curve = PacingCurve(ceiling: 8)
        curve.ended(startedAt: .zero, now: .seconds(1), outcome: .throttled(retryAfter: .seconds(30)))
        curve.ended(startedAt: .zero, now: .seconds(2), outcome: .throttled(retryAfter: .seconds(1)))
        #expect(curve.decision(inFlight: 0, now: .seconds(5)) == .wait(until: .seconds(31), .retryAfter))
        #expect(curve.decision(inFlight: 0, now: .seconds(31)) == .go)
    }

    @Test("a rate spreads starts evenly")
    func rate() {
        var curve = PacingCurve(ceiling: 8, perMinute: 60)
        var now = Duration.zero
        for _ in 0..<5 {
            #expect(curve.decision(inFlight: 0, now: now) == .go)
            curve.started(at: now)
            #expect(curve.decision(inFlight: 0, now: now) == .wait(until: now + .seconds(1), .rate))
            now += .seconds(1)
        }
    }
}

/// Counts what runs at once.
final class Tally: Sendable {
    private let state = Mutex((now: 0, most: 0, ended: 0))

    var most: Int { state.withLock { $0.most } }
    var ended: Int { state.withLock { $0.ended } }

    func begin() {
        state.withLock {
            $0.now += 1
            $0.most = max($0.most, $0.now)
        }
    }

    func end() {
        state.withLock {
            $0.now -= 1
            $0.ended += 1
        }
    }
}

@Suite("The pacer", .timeLimit(.minutes(1)))
struct PacerTests {
    @Test("never lets more run than the ceiling, runs everything, and counts")
    func ceiling() async throws {
        let pacer = Pacer(PacingCurve(ceiling: 4))
        let running = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    try await pacer.pace(outcome: { _ in .answered }) {
                        running.begin()
                        try await Task.sleep(for: .milliseconds(1))
                        running.end()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(running.most <= 4)
        #expect(running.most >= 2)
        #expect(pacer.report.requests == 200)
        #expect(pacer.report.inFlight == 0)
    }

    @Test("cancelling those who wait leaves the others their turn")
    func cancellation() async throws {
        let pacer = Pacer(PacingCurve(ceiling: 1))
        let done = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for i in 0..<100 {
                group.addTask {
                    let task = Task {
                        try await pacer.pace(outcome: { _ in .answered }) {
                            try await Task.sleep(for: .milliseconds(1))
                            done.end()
                        }
                    }
                    if i % 2 == 0 {
                        try await Task.sleep(for: .milliseconds(i / 4))
                        task.cancel()
                    }
                    _ = await task.result
                }
            }
            try await group.waitForAll()
        }
        #expect(done.ended >= 50)
        #expect(pacer.report.inFlight == 0)
    }

    @Test("says what it waits for")
    func report() async throws {
        let clock = JumpingClock()
        let pacer = Pacer(PacingCurve(ceiling: 4), timekeeper: Timekeeper(clock: clock))
        try await pacer.pace(outcome: { _ in .throttled(retryAfter: .seconds(40)) }) {}
        #expect(pacer.report.waiting == .retryAfter(.seconds(40)))
        #expect(pacer.report.throttled == 1)
        try await pacer.pace(isRetry: true, outcome: { _ in .answered }) {}
        #expect(clock.now.offset == .seconds(40))
        #expect(pacer.report.waiting == .nothing)
        #expect(pacer.report.retries == 1)
    }
}
