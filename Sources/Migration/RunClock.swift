internal import Foundation
// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// Time as a run sees it: injected, so that whole runs are simulated.
public protocol RunClock: Sendable {
    /// The calendar's time in UTC, for journal and reports.
    func now() -> Timestamp
    /// A steady clock since some moment of the past, to measure and to wait by.
    func elapsed() -> Duration
    /// Waits; throws `CancellationError` when the task is cancelled.
    func sleep(for duration: Duration) async throws
}

/// The machine's own clocks.
public struct SystemRunClock: RunClock {
    private let start = ContinuousClock.now

    /// Starts to measure now.
    public init() {}

    /// The machine's time in UTC, to the millisecond.
    public func now() -> Timestamp {
        let date = Date().timeIntervalSince1970
        let seconds = date.rounded(.down)
        return Timestamp(seconds: Int64(seconds), fraction: UInt32((date - seconds) * 1000), fractionDigits: 3)
    }

    /// Since this value was made; goes on while the machine sleeps.
    public func elapsed() -> Duration { start.duration(to: .now) }

    /// Waits.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}

extension Duration {
    /// In seconds, with the fraction.
    package var totalSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
