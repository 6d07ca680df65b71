// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Migration
internal import Synchronization
package import TicketModel
package import Transport

/// Time that passes only when somebody waits, and a little with each request: an hour of pauses costs nothing.
package final class ExamTime: RunClock {
    /// The steady clock's zero, as the calendar has it.
    private let start: Int64
    private let passed = Mutex<Duration>(.zero)

    /// Starts in the morning of 15 January 2026, or at another time in UTC.
    package init(_ start: Timestamp = Timestamp(seconds: 1_768_464_000)) { self.start = start.seconds }

    package func elapsed() -> Duration { passed.withLock { $0 } }

    package func now() -> Timestamp { Timestamp(seconds: start + elapsed().components.seconds) }

    package func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        advance(duration)
        await Task.yield()
    }

    /// Lets time pass.
    package func advance(_ duration: Duration) { passed.withLock { $0 += max(.zero, duration) } }

    /// Goes on to a moment; one that is past already changes nothing.
    package func advance(to moment: Timestamp) { advance(.seconds(moment.seconds - start) - elapsed()) }

    /// Takes back the time that a process that is dead already seemed to wait for.
    func rewind(to moment: Duration) { passed.withLock { $0 = min($0, moment) } }

    /// Seconds since 1970.
    var calendar: Double { Double(start) + elapsed().inSeconds }

    /// The same for the sandbox.
    var date: Date { Date(timeIntervalSince1970: calendar) }

    /// The same for clients.
    package var timekeeper: Timekeeper { Timekeeper(clock: Steady(time: self)) { self.calendar } }

    private struct Steady: Clock {
        struct Instant: InstantProtocol {
            var since: Duration
            func advanced(by duration: Duration) -> Instant { Instant(since: since + duration) }
            func duration(to other: Instant) -> Duration { other.since - since }
            static func < (a: Instant, b: Instant) -> Bool { a.since < b.since }
        }

        let time: ExamTime
        var now: Instant { Instant(since: time.elapsed()) }
        var minimumResolution: Duration { .nanoseconds(1) }
        func sleep(until deadline: Instant, tolerance: Duration?) async throws {
            try await time.sleep(for: deadline.since - time.elapsed())
        }
    }
}
