// SPDX-License-Identifier: Apache-2.0
import Foundation
import Reports
import Synchronization

/// What long work tells while it runs: on a terminal one line that is drawn over, elsewhere a plain line every five seconds.
final class ProgressLine: Sendable {
    /// How far some work is.
    struct State: Sendable {
        /// What is going on: `reading`, `writing tickets`.
        var label: String
        var done: Int
        /// Nil while nobody knows.
        var total: Int?
        /// `tickets`, `bytes`.
        var unit: String
        var failures = 0
        /// What it waits for, if it waits: `the helpdesk asked to wait 30 s`.
        var waitsFor: String?
    }

    private struct Shown {
        var started: ContinuousClock.Instant?
        var last: ContinuousClock.Instant?
        var drawn = false
    }
    private let terminal: Bool
    private let quiet: Bool
    private let width: Int
    private let shown = Mutex(Shown())

    init(terminal: Bool, quiet: Bool, width: Int) {
        self.terminal = terminal
        self.quiet = quiet
        self.width = width
    }

    /// Shows a state, at most ten times a second on a terminal and every five seconds elsewhere.
    func update(_ state: State) {
        guard !quiet else { return }
        let now = ContinuousClock.now
        shown.withLock { shown in
            if shown.started == nil { shown.started = now }
            let interval: Duration = terminal ? .milliseconds(100) : .seconds(5)
            // Short work stays silent where nobody watches.
            if let last = shown.last ?? (terminal ? nil : shown.started), now - last < interval { return }
            shown.last = now
            let elapsed = now - shown.started!
            let text = Self.text(
                state, seconds: Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18)
            if terminal {
                Console.write("\r\u{1B}[2K" + TerminalText.clipped(text, to: width - 1), to: STDERR_FILENO)
                shown.drawn = true
            } else {
                Console.write(text + "\n", to: STDERR_FILENO)
            }
        }
    }

    /// Takes the line away, so that something else can be printed.
    func clear() {
        shown.withLock { shown in
            guard shown.drawn else { return }
            Console.write("\r\u{1B}[2K", to: STDERR_FILENO)
            shown.drawn = false
        }
    }

    static func text(_ state: State, seconds: Double) -> String {
        func amount(_ value: Int) -> String {
            state.unit == "bytes" ? TerminalText.bytes(value) : TerminalText.count(value)
        }
        var parts = [state.label + ":"]
        if let total = state.total, total > 0 {
            let percent = min(100, state.done * 100 / total)
            parts.append(
                "\(amount(state.done)) of \(amount(total))\(state.unit == "bytes" ? "" : " " + state.unit) (\(percent) %)"
            )
        } else {
            parts.append(amount(state.done) + (state.unit == "bytes" ? "" : " " + state.unit))
        }
        let rate = seconds > 0 ? Double(state.done) / seconds : 0
        if rate > 0, seconds > 1 {
            parts.append("· \(amount(Int(rate.rounded())))/s")
            if let total = state.total, total > state.done {
                parts.append("· \(TerminalText.duration(seconds: Double(total - state.done) / rate)) left")
            }
        }
        if state.failures > 0 { parts.append("· \(TerminalText.count(state.failures)) failed") }
        if let waitsFor = state.waitsFor { parts.append("· waits: \(TerminalText.safe(waitsFor))") }
        return parts.joined(separator: " ")
    }
}
