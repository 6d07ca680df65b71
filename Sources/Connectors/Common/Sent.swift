// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel
internal import Transport

/// What is known after a request that writes, in the words of a helpdesk's answers.
enum Sent: Sendable {
    /// Success, with the API's JSON.
    case understood(JSON)
    /// The API's own refusal: nothing was written.
    case refused(status: Int, Diagnostic)
    /// Nothing was written; come back later.
    case notNow(Diagnostic, Duration)
    /// Nothing is proven.
    case uncertain(Diagnostic)

    /// As the outcome of a step that was not understood; nil for success.
    var failure: Outcome? {
        switch self {
        case .understood: nil
        case .refused(_, let diagnostic): .rejected(diagnostic)
        case .notNow(let diagnostic, let pause): .notNow(diagnostic, retryAfter: pause)
        case .uncertain(let diagnostic): .uncertain(diagnostic)
        }
    }
}

extension APIClient {
    /// Sends a request that writes; what its answer proves is the helpdesk's to say.
    ///
    /// A request that never left, or was told to come back later (429), is `notNow`; one whose connection was lost is
    /// `uncertain`; only a complete answer of another status goes to `judge`.
    func send(_ call: APICall, judge: (APIAnswer) -> Sent) async -> Sent {
        let answer: APIAnswer
        do {
            answer = try await self.call(call)
        } catch let failure as HTTPFailure {
            return failure.certainty == .notSent
                ? .notNow(failure.diagnostic, .seconds(5)) : .uncertain(failure.diagnostic)
        } catch is CancellationError {
            return .notNow(
                Diagnostic(
                    code: "http.interrupted", "the run was interrupted before this was sent",
                    remedy: "run the same command again to go on", cause: .interrupted), .zero)
        } catch {
            return .uncertain(
                Diagnostic(
                    code: "http.unknown", "the request ended in an unknown way", subject: call.path,
                    remedy: "run the same command again: what was written is looked up first", cause: .unavailable))
        }
        if answer.status == 429 { return .notNow(answer.problem, answer.retryAfter ?? .seconds(30)) }
        return judge(answer)
    }

    /// Reads; what keeps an answer from coming is thrown as the `Diagnostic` that users see.
    func read(_ call: APICall) async throws -> APIAnswer {
        do { return try await self.call(call) } catch let failure as HTTPFailure { throw failure.diagnostic }
    }
}
