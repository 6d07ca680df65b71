// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// Takes how long a helpdesk's answers took while something is done: the exchanges alone, not what we wait before them
/// (a rate, a pause that was asked for, a retry).
///
/// Whoever asks sets ``current``; whoever carries requests adds to it.
package final class AnswerMeter: Sendable {
    /// The one of the task that asks; nil where nobody does.
    @TaskLocal package static var current: AnswerMeter?

    /// Exchanges with more bytes than that are left out: their time is the line's, not the helpdesk's.
    package static let bytesCounted = 256 << 10

    private let state = Mutex<(sum: Duration, count: Int)>((.zero, 0))

    /// Nothing yet.
    package init() {}

    /// Counts an exchange, also one that failed.
    package func add(_ duration: Duration, bytes: Int) {
        guard bytes <= Self.bytesCounted else { return }
        state.withLock { state in
            state.sum += duration
            state.count += 1
        }
    }

    /// How long an answer took on average; nil where none was counted.
    package var mean: Duration? { state.withLock { $0.count > 0 ? $0.sum / $0.count : nil } }
}
