// SPDX-License-Identifier: Apache-2.0
import Foundation
import Migration
import Synchronization
import Testing
import TicketModel

@Suite("A run stops by itself")
struct BrakeTests {
    /// How long the target's answers take, as a test changes it.
    private final class Pace: Sendable {
        private let answers = Mutex(0)

        /// Fast for a while, then slower with each answer, up to 40 s.
        func next() -> Duration {
            answers.withLock { answers in
                answers += 1
                return answers < 30 ? .milliseconds(400) : .milliseconds(min(40_000, 400 * (answers - 28)))
            }
        }
    }

    private func run(_ world: World, delay: @escaping @Sendable () -> Duration) async throws -> RunReport {
        let target = FakeTarget(world.helpdesk, clock: world.clock, delay: delay)
        return try await Runner(
            setup: world.setup(), target: target, journal: world.journal, options: RunOptions()
        ).migrate()
    }

    @Test("where the target answers slower and slower, and the same command goes on", arguments: [1, 4])
    func slower(concurrency: Int) async throws {
        let tickets = madeUpTickets(120)
        let expected = try await World.undisturbed(tickets)
        let world = World(tickets)
        world.concurrency = concurrency
        let pace = Pace()
        let report = try await run(world) { pace.next() }
        #expect(report.state == .stopped && report.exitCause == .unavailable)
        let reason = try #require(report.stoppedBy)
        #expect(reason.code == "run.target-slow" && reason.remedy.contains("again to go on"))
        if concurrency == 1 { #expect(reason.message.contains("answers took 0.4 s, now 1"), "\(reason.message)") }
        #expect(!world.helpdesk.isMuted && world.helpdesk.content.count < 120)
        let rest = try await run(world) { .milliseconds(400) }
        #expect(rest.exitCause == nil)
        #expect(differences(world.helpdesk.content, expected) == [])
    }

    @Test("but not where it was slow from the start, nor for single slow answers", arguments: [false, true])
    func steady(isSingle: Bool) async throws {
        let world = World(madeUpTickets(30))
        world.concurrency = 1
        let count = Mutex(0)
        let report = try await run(world) {
            let n = count.withLock { count in
                count += 1
                return count
            }
            return isSingle ? (n % 9 == 0 ? .seconds(40) : .milliseconds(300)) : .seconds(25)
        }
        #expect(report.state == .finished)
    }

    @Test("at the time that was said, gives back, says so, and goes on later")
    func until() async throws {
        let tickets = madeUpTickets(20)
        let expected = try await World.undisturbed(tickets)
        for minute in 1...8 {
            let world = World(tickets)
            let stop = StopSignal()
            let target = FakeTarget(world.helpdesk, clock: world.clock, delay: { .seconds(15) })
            let now = world.clock.now()
            let time = try StopTime(
                parsing: Timestamp(seconds: now.seconds + Int64(minute) * 60).description, now: now)
            // The time passes with the answers only.
            let clock = world.clock
            let observer = Watch { if clock.now().seconds >= time.instant.seconds { stop.stop(time.reason) } }
            let report = try await Runner(
                setup: world.setup(stop: stop, observer: observer), target: target, journal: world.journal,
                options: RunOptions()
            ).migrate()
            #expect(report.state == .interrupted && report.exitCause == .interrupted)
            #expect(report.stoppedBy?.code == "run.until" && report.stoppedBy?.remedy.contains("to go on") == true)
            #expect(!world.helpdesk.isMuted && world.helpdesk.content.count < 20)
            try await world.run()
            #expect(differences(world.helpdesk.content, expected) == [], "stopped after \(minute) minutes")
        }
    }

    @Test("whose time comes before the plan is made, writes nothing")
    func untilBeforeTheFirstWrite() async throws {
        let world = World(madeUpTickets(3))
        let stop = StopSignal()
        stop.stop(try StopTime(parsing: "06:00").reason)
        let error = await #expect(throws: Diagnostic.self) { try await world.run(stop: stop) }
        #expect(error?.code == "run.until" && error?.cause == .interrupted && world.helpdesk.writes.isEmpty)
    }

    /// Looks on.
    private struct Watch: RunObserver {
        let look: @Sendable () -> Void
        init(_ look: @escaping @Sendable () -> Void) { self.look = look }
        func progress(_ progress: RunProgress) { look() }
    }
}

@Suite("--until")
struct StopTimeTests {
    @Test(arguments: [
        ("06:00", "2026-11-22T05:00:00Z"), ("6:00", "2026-11-22T05:00:00Z"), ("23:59:30", "2026-11-21T22:59:30Z"),
        ("09:00", "2026-11-22T08:00:00Z"), ("2026-12-01T06:00", "2026-12-01T05:00:00Z"),
        ("2026-12-01 06:00:07", "2026-12-01T05:00:07Z"), ("2026-12-01T06:00:00Z", "2026-12-01T06:00:00Z"),
        ("2026-12-01T06:00:00+05:30", "2026-12-01T00:30:00Z"), ("2027-07-01T06:00", "2027-07-01T04:00:00Z"),
    ])
    func isRead(text: String, instant: String) throws {
        let now = try #require(Timestamp("2026-11-21T08:00:00Z"))
        let zone = try #require(TimeZone(identifier: "Europe/Berlin"))
        #expect(try StopTime(parsing: text, now: now, zone: zone).instant.description == instant)
    }

    @Test("of a night when the clocks change")
    func clocksChange() throws {
        let zone = try #require(TimeZone(identifier: "Europe/Berlin"))
        let spring = try #require(Timestamp("2027-03-27T22:00:00Z"))
        #expect(try StopTime(parsing: "02:30", now: spring, zone: zone).instant.description == "2027-03-28T01:00:00Z")
        let autumn = try #require(Timestamp("2027-10-30T20:00:00Z"))
        #expect(try StopTime(parsing: "02:30", now: autumn, zone: zone).instant.description == "2027-10-31T00:30:00Z")
    }

    @Test(arguments: [
        "", "6", "24:00", "06:60", "6:0", "06:00 ", "T06:00", "tomorrow", "2026-02-30T06:00", "2026-12-01",
        "1-1-1T06:00",
        "2026-12-01T06:00x", "+6:00", "2020-01-01T06:00", "2026-11-21T07:59:59Z", "06:00:00:00", "2026-12-01T",
    ])
    func isRefused(text: String) throws {
        let now = try #require(Timestamp("2026-11-21T08:00:00Z"))
        let error = #expect(throws: Diagnostic.self) { try StopTime(parsing: text, now: now) }
        #expect(error?.cause == .usage)
    }
}
