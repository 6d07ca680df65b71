// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes

/// When a request is sent again by this layer, and after how long.
package struct RetryPolicy: Sendable {
    /// How many tries in all.
    package var attempts: Int
    /// The mean grows from here, doubling with each try.
    package var base: Duration
    /// The longest back-off.
    package var cap: Duration
    /// The longest `Retry-After` that is waited for; a longer one gives the answer to the caller.
    package var longestPause: Duration
    /// Statuses after which a read is sent again.
    ///
    /// 500 is not among them: helpdesks use it for errors of the request.
    package var statuses: Set<Int>

    /// A policy; the defaults suit helpdesks on shared hosting.
    package init(
        attempts: Int = 5, base: Duration = .milliseconds(500), cap: Duration = .seconds(30),
        longestPause: Duration = .seconds(900),
        statuses: Set<Int> = [408, 425, 429, 502, 503, 504, 520, 521, 522, 523, 524, 529]
    ) {
        self.attempts = attempts
        self.base = base
        self.cap = cap
        self.longestPause = longestPause
        self.statuses = statuses
    }

    /// No retries at all.
    package static var never: RetryPolicy { RetryPolicy(attempts: 1) }

    /// The wait before the next try, with full jitter: anything between nothing and the bound of that try.
    ///
    /// - Parameters:
    ///   - attempt: the try that failed, from 1.
    ///   - share: a random number between 0 and 1.
    /// - Returns: how long to wait.
    package func delay(after attempt: Int, share: Double) -> Duration {
        let bound = min(cap.inSeconds, base.inSeconds * pow2(min(attempt - 1, 30)))
        return .seconds(bound * share)
    }

    private func pow2(_ exponent: Int) -> Double { Double(UInt64(1) << UInt64(max(0, exponent))) }

    /// How many times a read is sent again that a web page answered instead of the API.
    ///
    /// Firewalls and caches show one now and then; a wrong address always does, and is to be said soon. Other trouble
    /// between two pages does not count: a lost connection says nothing of the address.
    package static let triesAfterPage = 2

    /// Whether an answer to a read is worth another try: by status, because it broke off, or for a page in its place.
    ///
    /// - Parameters:
    ///   - status: the answer's.
    ///   - answer: what its body is.
    ///   - pages: how many web pages came for this read, with this answer; XML that looks like one does not count.
    /// - Returns: whether it is sent again.
    package func retriesRead(status: Int, answer: JSONAnswer, pages: Int = 1) -> Bool {
        if statuses.contains(status) { return true }
        switch answer {
        case .notJSON(.truncated, _, _): return true
        case .notJSON(.html, _, _) where status == 200 || status == 403:
            return (1...Self.triesAfterPage).contains(pages)
        case .notJSON(_, _, _): return status == 500
        case .json: return false
        }
    }

    /// Whether a failure of a read is worth another try.
    package func retriesRead(_ failure: HTTPFailure) -> Bool {
        switch failure.reason {
        case .unreachable, .timeout, .connectionLost, .malformed: true
        case .unknownHost, .tls, .tooLarge, .file, .invalidRequest, .redirectElsewhere, .redirectedWrite, .redirectLoop,
            .cancelled:
            false
        }
    }

    /// Whether a write may be sent again unseen: only where nothing of it can have been done.
    ///
    /// 429 is the server's word that it did not take the request. 503 is no such word, with `Retry-After` or without:
    /// gateways send it while the work behind them goes on.
    package func retriesWrite(status: Int) -> Bool { status == 429 }

    /// See ``retriesWrite(status:)``.
    package func retriesWrite(_ failure: HTTPFailure) -> Bool {
        failure.certainty == .notSent && failure.reason == .unreachable
    }
}

/// The `Retry-After` field.
package enum RetryAfter {
    /// How long an answer asks to wait, as seconds or as a date in any of HTTP's three forms.
    ///
    /// Nil where it does not ask, or in no way that makes sense. A date is taken against the answer's own `Date`, if it
    /// has one, since servers' clocks are wrong more often than they disagree with themselves. Never negative.
    package static func read(_ fields: HTTPFields, now: Double) -> Duration? {
        guard let text = fields[.retryAfter]?.trimmed, !text.isEmpty else { return nil }
        if let seconds = Double(text), text.utf8.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ".") }) {
            return .seconds(min(seconds, 1e9))
        }
        guard let date = HTTPDate.parse(text, now: now) else { return nil }
        let serverNow = fields[.date].flatMap { HTTPDate.parse($0, now: now) } ?? now
        return .seconds(max(0, date - serverNow))
    }
}
