// SPDX-License-Identifier: Apache-2.0
internal import Foundation
import Synchronization

/// Time as this module uses it: a steady clock to wait by, and the calendar for dates in headers and logs.
///
/// It hides which `Clock` stands behind it, so that clients need no generic parameter and tests own time.
package struct Timekeeper: Sendable {
    /// How long the steady clock has run since this timekeeper was made.
    package let now: @Sendable () -> Duration
    /// Seconds since 1970, UTC.
    package let calendar: @Sendable () -> Double
    /// Waits; throws `CancellationError` when the task is cancelled.
    package let sleep: @Sendable (Duration) async throws -> Void

    /// Goes by a clock and a calendar.
    package init<C: Clock>(
        clock: C, calendar: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 }
    ) where C.Duration == Duration {
        let start = clock.now
        now = { start.duration(to: clock.now) }
        self.calendar = calendar
        sleep = { try await clock.sleep(until: clock.now.advanced(by: $0), tolerance: nil) }
    }

    /// The machine's own clocks.
    package static var system: Timekeeper { Timekeeper(clock: ContinuousClock()) }
}

/// Random numbers from a given generator, for jitter and multipart boundaries.
package final class Dice: Sendable {
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    /// Draws from a generator; the system's unless a test wants to repeat itself.
    package init(_ generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()) {
        self.generator = Mutex(generator)
    }

    /// A share between 0 and 1.
    package func share() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// 64 random bits.
    package func next() -> UInt64 { generator.withLock { $0.next() } }
}

extension Duration {
    /// In seconds, with the fraction.
    package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }

    /// In whole milliseconds.
    package var inMilliseconds: Int { Int(inSeconds * 1000) }
}
