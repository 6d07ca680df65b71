// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Sees a target whose answers take longer and longer.
///
/// Fewer tickets at once are tried first (``WindowCurve``); only where that does not help, the run stops. Pure.
struct Slowness: Hashable, Sendable {
    /// Answers before anything is judged.
    static let warmUp = 8
    /// Below that nothing is slow.
    static let leastSeconds = 10.0
    /// So many times as long as at its best.
    static let factor = 10.0
    /// So many answers one after another, each while one ticket alone is at work.
    static let inARow = 6

    /// The smallest mean so far: how long answers take when the target is well.
    private var best: Double?
    private var mean: Double?
    private var count = 0
    private var slow = 0

    /// Counts an answer.
    ///
    /// - Parameters:
    ///   - duration: how long it took.
    ///   - isNarrow: whether no fewer tickets could be at work.
    /// - Returns: the reason to stop, if there is one.
    mutating func add(_ duration: Duration, isNarrow: Bool) -> Diagnostic? {
        let seconds = max(0, duration.totalSeconds)
        count += 1
        mean = mean.map { $0 * 0.8 + seconds * 0.2 } ?? seconds
        guard let mean, count >= Self.warmUp else { return nil }
        best = min(best ?? mean, mean)
        guard let best, mean >= Self.leastSeconds, mean >= best * Self.factor else {
            slow = 0
            return nil
        }
        slow = isNarrow ? slow + 1 : 0
        guard slow >= Self.inARow else { return nil }
        return Diagnostic(
            code: "run.target-slow",
            """
            the run stopped: the target answers slower and slower, also with one ticket at a time: \
            answers took \(Self.text(best)), now \(Self.text(mean))
            """,
            remedy: "wait until the target is well again, then run the same command again to go on; "
                + "a lower `concurrency` or `--rate` spares it", cause: .unavailable)
    }

    /// `0.4 s`, `31 s`.
    private static func text(_ seconds: Double) -> String {
        if seconds >= 10 { return "\(Int(seconds.rounded())) s" }
        let tenths = Int((seconds * 10).rounded())
        return tenths == 0 ? "less than 0.1 s" : "\(tenths / 10).\(tenths % 10) s"
    }
}
