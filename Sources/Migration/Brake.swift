// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Stops a run that does not get anywhere.
///
/// One bad ticket never does; too many in a row do. Pure.
struct Brake: Hashable, Sendable {
    /// Refused tickets one after another.
    static let refusedInARow = 25
    /// Tickets one after another that the target had no understood answer for.
    static let unansweredInARow = 8
    /// Looked at from so many tickets on: more than half of all failed.
    static let rateFrom = 200

    private var refused = 0
    private var unanswered = 0
    private var finished = 0
    private var failed = 0

    /// Counts a ticket; gives the reason to stop, if there is one.
    mutating func add(failure: Diagnostic?, answered: Bool) -> Diagnostic? {
        finished += 1
        guard let failure else {
            (refused, unanswered) = (0, 0)
            return nil
        }
        failed += 1
        if answered { refused += 1 } else { unanswered += 1 }
        let why: String
        if unanswered >= Self.unansweredInARow {
            why = "\(unanswered) tickets in a row had no answer that could be understood"
        } else if refused >= Self.refusedInARow {
            why = "\(refused) tickets in a row were refused"
        } else if finished >= Self.rateFrom, failed * 2 > finished {
            why = "\(failed) of \(finished) tickets failed"
        } else {
            return nil
        }
        return Diagnostic(
            code: "run.too-many-failures", "the run stopped: \(why); the last: \(failure.message) [\(failure.code)]",
            subject: failure.subject, remedy: failure.remedy + "; then run the same command again to go on",
            cause: .unavailable)
    }
}
