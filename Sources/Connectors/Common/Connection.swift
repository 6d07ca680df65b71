// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Migration
package import Sandbox
internal import TicketModel
package import Transport

/// The way to one helpdesk: its address, what carries the requests, and the pace that all its logins share.
package struct Connection: Sendable {
    /// Where its API is.
    package var base: BaseURL
    /// What carries requests.
    package var transport: any HTTPTransport
    /// One for all logins of the helpdesk.
    package var pacer: Pacer
    /// Takes one line for each request, secrets taken out.
    package var log: @Sendable (String) -> Void
    /// The time that pauses are waited by; the machine's but in simulations.
    package var timekeeper = Timekeeper.system
    /// When a request is sent again unseen.
    package var retries = RetryPolicy()
    /// How many rows a listing asks for at a time; nil: the connector's own number.
    ///
    /// The exam sets it, so that few tickets fill many pages.
    package var pageSize: Int?

    /// Reads an address as a user typed it; what is odd about it is emitted to the context's sink.
    ///
    /// - Throws: a `Diagnostic` for an address that cannot hold.
    package init(url: String, api: APIPath, transport: any HTTPTransport, context: OpenContext) throws {
        let (base, warnings) = try BaseURL.parse(url, api: api)
        for warning in warnings { context.sink.emit(warning) }
        self.init(
            base: base, transport: transport,
            pacer: Pacer(PacingCurve(ceiling: context.concurrency, perMinute: context.requestsPerMinute)),
            log: context.log)
    }

    /// Gathers a connection; see the properties.
    package init(
        base: BaseURL, transport: any HTTPTransport, pacer: Pacer,
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.base = base
        self.transport = transport
        self.pacer = pacer
        self.log = log
    }

    /// A client with a login of its own.
    package func client(_ authentication: Authentication) -> APIClient {
        APIClient(
            base: base, authentication: authentication, transport: transport, pacer: pacer, version: "0.1",
            retries: retries, log: LineLog(line: log), timekeeper: timekeeper)
    }

    private struct LineLog: TransportLog {
        var line: @Sendable (String) -> Void
        func record(_ exchange: LoggedExchange) { line(exchange.line) }
    }
}

extension InProcessTransport {
    /// Asks a practice site in this process.
    package init(_ site: any SandboxHelpdesk) { self.init(answeredBy: { await site.respond(to: $0) }) }

    /// Asks the front of a practice site in this process: with its faults and observers.
    package init(_ front: SandboxFront) { self.init(answeredBy: { try await front.exchange($0) }) }

    private init(answeredBy respond: @escaping @Sendable (SandboxRequest) async throws -> SandboxResponse) {
        self.init { request, body in
            var headers: [String: String] = [:]
            for field in request.fields { headers[field.name.canonicalName] = field.value }
            let target = request.url.path + (request.url.query.map { "?\($0)" } ?? "")
            let answer = try await respond(
                SandboxRequest(request.method.rawValue, target: target, headers: headers, body: body))
            var fields = HTTPFields()
            for (name, value) in answer.headers {
                if let name = HTTPField.Name(name) { fields[name] = value }
            }
            return IncomingResponse(status: answer.status, fields: fields, body: answer.body)
        }
    }
}
