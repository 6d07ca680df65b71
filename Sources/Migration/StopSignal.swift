// SPDX-License-Identifier: Apache-2.0
internal import Synchronization
public import TicketModel

/// Asks a run to finish what is in flight, commit and end.
///
/// Given once, it stays.
public final class StopSignal: Sendable {
    private let given = Atomic<Bool>(false)
    private let why = Mutex<Diagnostic?>(nil)

    /// Not given yet.
    public init() {}

    /// Gives the signal; may be called from any task, also from what handles signals.
    ///
    /// - Parameter reason: what the report says; nil for somebody's ctrl-C, which needs no word. The first counts.
    public func stop(_ reason: Diagnostic? = nil) {
        why.withLock { if !isStopped { $0 = reason } }
        given.store(true, ordering: .releasing)
    }

    /// Whether it was given.
    public var isStopped: Bool { given.load(ordering: .acquiring) }

    /// Why it was given, where somebody said so.
    public var reason: Diagnostic? { why.withLock { $0 } }

    /// Gives the signal at a time of the calendar; returns then, or when the task is cancelled.
    ///
    /// It goes by the calendar's clock, looked at every few seconds: a machine that slept stops when it wakes.
    public func stop(at time: StopTime, clock: any RunClock = SystemRunClock()) async {
        while case let left = time.instant.seconds - clock.now().seconds, left > 0 {
            guard (try? await clock.sleep(for: .seconds(min(left, 5)))) != nil else { return }
        }
        stop(time.reason)
    }
}

extension RunClock {
    /// Waits, but not past a signal to stop (looked at every quarter of a second).
    ///
    /// - Returns: whether the whole time was waited out.
    func sleep(for duration: Duration, unless stop: () -> Bool) async throws -> Bool {
        let end = elapsed() + duration
        while !stop() {
            let left = end - elapsed()
            guard left > .zero else { return true }
            try await sleep(for: min(left, .milliseconds(250)))
        }
        return false
    }
}
