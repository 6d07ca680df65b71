// SPDX-License-Identifier: Apache-2.0

/// What a plan or a run is at.
public enum RunPhase: String, Sendable, CaseIterable {
    case preparing, planning, adopting, settling, reading, writing, verifying, undoing, finishing
}

/// How far a plan or a run is.
public struct RunProgress: Hashable, Sendable {
    /// What is done now.
    public var phase: RunPhase = .preparing
    /// Tickets that are through, whatever became of them.
    public var done = 0
    /// Of how many; nil where nobody knows yet.
    public var total: Int?
    /// Tickets that failed, were set aside or are left in doubt.
    public var failed = 0
    /// Tickets at work now.
    public var inFlight = 0
    /// Tickets that wait until an uncertain write can be looked up for good.
    public var settling = 0
    /// How many tickets may be at work now; at most `concurrency`.
    public var window = 0
    /// What everything waits for, if it does: `the target asks to wait 30 s`.
    public var waiting: String?

    /// Not begun.
    public init() {}
}

/// Watches a plan or a run.
///
/// Calls are cheap, never fail and come from any task.
public protocol RunObserver: Sendable {
    /// After each ticket, and when the phase or what it waits for changes. The rate is the observer's to take.
    func progress(_ progress: RunProgress)
}

/// Watches nothing.
public struct QuietObserver: RunObserver {
    /// Makes one.
    public init() {}

    /// Does nothing.
    public func progress(_ progress: RunProgress) {}
}
