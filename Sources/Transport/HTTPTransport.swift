// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes

/// Sends one request and brings its answer: sockets, or a sandbox in this process.
///
/// No retries, redirects or logins.
package protocol HTTPTransport: Sendable {
    /// Sends a request and hands the answer's body to a sink as it comes.
    ///
    /// An answer of any status is an answer, not an error.
    ///
    /// - Parameters:
    ///   - request: what is sent.
    ///   - deadline: how long it may take from here to the body's last byte.
    ///   - sink: takes the body, after decompression; what it throws ends the exchange and is thrown on as it is.
    /// - Returns: status and header fields.
    /// - Throws: ``HTTPFailure``, which says whether the request may have arrived; `CancellationError` only when
    ///   nothing was sent (a request cancelled on its way is an uncertain failure).
    func send(_ request: OutgoingRequest, deadline: Duration, into sink: any ResponseSink) async throws -> HTTPResponse

    /// The addresses that a host's name resolves to now, as digits; nil where nothing is resolved (in-process).
    func addresses(of host: String) async -> [String]?

    /// A transport that reaches a host at that address, whatever its name resolves to by then.
    func pinned(_ host: String, to address: String) -> any HTTPTransport

    /// Gives back sockets and threads; nothing can be sent afterwards. Safe to call twice.
    func close() async
}

extension HTTPTransport {
    /// Sends a request and collects the answer's body in memory, up to `limit` bytes.
    package func send(
        _ request: OutgoingRequest, deadline: Duration, limit: Int = 64 << 20
    ) async throws -> IncomingResponse {
        let sink = MemorySink(limit: limit)
        let head = try await send(request, deadline: deadline, into: sink)
        return IncomingResponse(status: head.status.code, fields: head.headerFields, body: sink.bytes)
    }

    package func close() async {}

    package func addresses(of host: String) async -> [String]? { nil }

    package func pinned(_ host: String, to address: String) -> any HTTPTransport { self }
}

/// A request as a transport sends it: everything is decided already.
package struct OutgoingRequest: Sendable {
    package var method: HTTPRequest.Method
    package var url: EndpointURL
    /// Without `Host` and `Content-Length`, which the transport sets.
    package var fields: HTTPFields
    package var body: OutgoingBody

    /// Puts a request together.
    package init(
        method: HTTPRequest.Method = .get, url: EndpointURL, fields: HTTPFields = [:], body: OutgoingBody = .empty
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
    }

    /// `GET https://host/path?…`, without the query's values that may be secret.
    package var summary: String { "\(method.rawValue) \(Redactor.redacted(url))" }
}

/// Neither fields nor body are shown: they hold the login.
extension OutgoingRequest: CustomStringConvertible, CustomReflectable {
    package var description: String { summary }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

/// An answer whose body was collected.
package struct IncomingResponse: Sendable {
    package var status: Int
    package var fields: HTTPFields
    package var body: [UInt8]

    /// Makes an answer, as in-process sandboxes do.
    package init(status: Int, fields: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}
