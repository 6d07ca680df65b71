// SPDX-License-Identifier: Apache-2.0

/// How many requests may be under way and when the next may start: state in, decision out, no clock and no waiting.
///
/// The window starts low, doubles with each round trip until something slows down, then grows by one a round trip. It
/// halves when the server throttles or answers much more slowly than it did. Times are those of a ``Timekeeper``.
package struct PacingCurve: Sendable {
    /// What may be done now.
    package enum Decision: Sendable, Hashable {
        /// Start.
        case go
        /// All places of the window are taken; ask again when a request ends.
        case full
        /// Not before this time.
        case wait(until: Duration, Cause)
    }

    /// Why a start has to wait for a time.
    package enum Cause: String, Sendable, Hashable {
        /// The server asked for it.
        case retryAfter
        /// The rate that the operator or the connector set.
        case rate
    }

    /// How a request ended, as far as pace goes.
    package enum Outcome: Sendable, Hashable {
        /// It was answered.
        case answered
        /// The server is over its limits (429, 503), and says for how long if it does.
        case throttled(retryAfter: Duration?)
        /// No answer: a time-out, a lost connection.
        case failed
    }

    /// The most that may ever be under way at once.
    package let ceiling: Int
    /// The time between two starts that a rate demands; zero without one.
    package let spacing: Duration
    /// How many may be under way now.
    package private(set) var window: Double
    /// Until when the server asked us to wait.
    package private(set) var pausedUntil: Duration = .zero

    private var nextStart: Duration = .zero
    private var lastCut: Duration = .seconds(-1)
    private var hasCut = false
    private var usual: Double?
    private var recent: Double?

    /// Starts with a window of 2, or the ceiling if that is lower.
    ///
    /// - Parameters:
    ///   - ceiling: the migration's `concurrency`, at least 1.
    ///   - perMinute: the most starts in a minute, spread evenly; nil for no limit.
    package init(ceiling: Int, perMinute: Int? = nil) {
        self.ceiling = max(1, ceiling)
        window = Double(min(2, max(1, ceiling)))
        spacing = perMinute.map { .seconds(60.0 / Double(max(1, $0))) } ?? .zero
    }

    /// How many may be under way now, as a whole number.
    package var places: Int { max(1, Int(window)) }

    /// Whether a request may start.
    package func decision(inFlight: Int, now: Duration) -> Decision {
        if now < pausedUntil { return .wait(until: pausedUntil, .retryAfter) }
        if inFlight >= places { return .full }
        if now < nextStart { return .wait(until: nextStart, .rate) }
        return .go
    }

    /// Notes that a request started.
    package mutating func started(at now: Duration) {
        if spacing > .zero { nextStart = max(nextStart, now) + spacing }
    }

    /// Notes that a request ended.
    ///
    /// `wasFull` tells whether all places were taken meanwhile: an idle window proves nothing and does not grow.
    package mutating func ended(startedAt start: Duration, now: Duration, outcome: Outcome, wasFull: Bool = true) {
        switch outcome {
        case .throttled(let retryAfter):
            if let retryAfter { pausedUntil = max(pausedUntil, now + retryAfter) }
            cut(startedAt: start, now: now)
        case .failed:
            cut(startedAt: start, now: now)
        case .answered:
            if isSlow(latency: (now - start).inSeconds) {
                cut(startedAt: start, now: now)
            } else if wasFull, start >= lastCut {
                window = min(Double(ceiling), window + (hasCut ? 1 / window : 1))
            }
        }
    }

    /// Halves the window, once for all requests that were under way together: they tell of the same moment.
    private mutating func cut(startedAt start: Duration, now: Duration) {
        guard start >= lastCut else { return }
        window = max(1, window / 2)
        lastCut = now
        hasCut = true
    }

    /// Whether answers take four times as long as they used to, and not merely a few milliseconds more.
    private mutating func isSlow(latency: Double) -> Bool {
        let known = usual ?? latency
        // The usual time follows slower answers slowly, so that trouble shows before it has become usual, and yet a site
        // that has become slower for good is not kept at one request for ever. It follows faster ones only five times
        // as fast: cheap requests among expensive ones must not make these look slow.
        usual = known + (latency - known) * (latency < known ? 0.1 : 0.02)
        let smoothed = (recent ?? latency) * 0.7 + latency * 0.3
        recent = smoothed
        guard smoothed > known * 4, smoothed > known + 0.25 else { return false }
        recent = nil
        return true
    }
}
