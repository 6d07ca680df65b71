// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes
internal import Synchronization
package import Transport

/// A transport that counts requests, lets a little time pass with each, and lets a check stand between both sides.
package final class ExamTransport: HTTPTransport {
    /// Stands between: gets the request, its number from 0, and what brings the true answer.
    package typealias Interference =
        @Sendable (
            _ request: OutgoingRequest, _ number: Int, _ next: (OutgoingRequest) async throws -> IncomingResponse
        ) async throws -> IncomingResponse

    private let inner: any HTTPTransport
    private let time: ExamTime
    private let between: Interference
    private let seen = Mutex<[String]>([])

    /// Wraps a transport.
    package init(_ inner: any HTTPTransport, time: ExamTime, between: @escaping Interference = { try await $2($0) }) {
        self.inner = inner
        self.time = time
        self.between = between
    }

    /// How many requests were sent, repeated ones among them.
    package var count: Int { seen.withLock { $0.count } }

    /// `METHOD url` of each request.
    package var requests: [String] { seen.withLock { $0 } }

    package func send(
        _ request: OutgoingRequest, deadline: Duration, into sink: any ResponseSink
    ) async throws -> HTTPResponse {
        try Task.checkCancellation()
        time.advance(.milliseconds(250))
        let number = seen.withLock { seen in
            seen.append("\(request.method.rawValue) \(request.url.text)")
            return seen.count - 1
        }
        let answer = try await between(request, number) { [inner] request in
            try await inner.send(request, deadline: deadline, limit: 64 << 20)
        }
        let head = HTTPResponse(status: .init(code: answer.status), headerFields: answer.fields)
        if !answer.body.isEmpty, request.method != .head { try await sink.receive(answer.body, of: head) }
        return head
    }
}
