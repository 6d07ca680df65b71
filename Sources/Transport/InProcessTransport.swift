// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes

/// Answers requests with a closure: tests, and the sandboxes behind `sandbox:` addresses.
package struct InProcessTransport: HTTPTransport {
    /// Gives the answer to a request whose body has been collected.
    package typealias Handler = @Sendable (OutgoingRequest, _ body: [UInt8]) async throws -> IncomingResponse

    private let timekeeper: Timekeeper
    private let handler: Handler

    /// Answers by the handler.
    ///
    /// What the handler throws is passed on where it is an ``HTTPFailure`` and is a lost connection otherwise: the way
    /// for a sandbox to play a crash.
    package init(timekeeper: Timekeeper = .system, _ handler: @escaping Handler) {
        self.timekeeper = timekeeper
        self.handler = handler
    }

    package func send(
        _ request: OutgoingRequest, deadline: Duration, into sink: any ResponseSink
    ) async throws -> HTTPResponse {
        try Task.checkCancellation()
        try request.body.checkFiles()
        let body = try request.body.collected()
        let answer = try await withDeadline(deadline, by: timekeeper) { [handler] in
            do {
                return try await handler(request, body)
            } catch let failure as HTTPFailure {
                throw failure
            } catch is CancellationError {
                throw HTTPFailure.cancelled
            } catch {
                throw HTTPFailure(.uncertain, .connectionLost, "the connection was lost before the answer came")
            }
        }
        let head = HTTPResponse(status: .init(code: answer.status), headerFields: answer.fields)
        guard !answer.body.isEmpty, request.method != .head else { return head }
        do { try await sink.receive(answer.body, of: head) } catch is CancellationError { throw HTTPFailure.cancelled }
        return head
    }
}

/// Runs something that ends with an uncertain `timeout` when it takes too long.
///
/// The operation is cancelled then and waited for, so it must heed cancellation.
func withDeadline<Result: Sendable>(
    _ deadline: Duration, by timekeeper: Timekeeper, _ operation: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await timekeeper.sleep(deadline)
            return nil
        }
        defer { group.cancelAll() }
        do {
            if let result = try await group.next(), let result { return result }
        } catch let error as CancellationError {
            // Both children end with this when the caller is cancelled; the operation's own word counts.
            group.cancelAll()
            if let result = try await group.next(), let result { return result }
            throw error
        }
        throw HTTPFailure(
            .uncertain, .timeout, "no complete answer came within \(Int(deadline.inSeconds.rounded(.up))) s")
    }
}
