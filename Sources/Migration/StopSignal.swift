// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// Asks a run to finish what is in flight, commit and end.
///
/// Given once, it stays.
public final class StopSignal: Sendable {
    private let given = Atomic<Bool>(false)

    /// Not given yet.
    public init() {}

    /// Gives the signal; may be called from any task, also from what handles signals.
    public func stop() { given.store(true, ordering: .releasing) }

    /// Whether it was given.
    public var isStopped: Bool { given.load(ordering: .acquiring) }
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
