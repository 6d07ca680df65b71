// SPDX-License-Identifier: Apache-2.0
internal import Connectors
internal import HTTPTypes
internal import Mapping
package import Migration
package import Sandbox
internal import Synchronization
package import TicketModel
package import Transport

/// How a connector reaches its practice site in the exam.
package enum Wire: String, Sendable, CaseIterable {
    case inProcess, socket
}

/// A practice site of an examinee, on its own clock, and the ways to open the connector on it.
package final class ExamSite: Sendable {
    /// Who is examined.
    package let examinee: Examinee
    /// The practice site behind all.
    package let sandbox: any SandboxHelpdesk
    /// What goes on between connector and site.
    package let time: ExamTime
    /// All that was said.
    package let heard = Heard()
    private let base: String
    private let carrier: any HTTPTransport
    private let server: SandboxServer.Running?
    private let customers = Mutex<Set<String>>([])

    /// Opens a practice site.
    ///
    /// - Parameters:
    ///   - examinee: whose.
    ///   - tickets: how many made-up tickets are in it.
    ///   - seed: what they come from.
    ///   - wire: in this process, or on a port of 127.0.0.1.
    ///   - time: its clock.
    ///   - observer: sees every request on the site's side.
    /// - Throws: what the practice site throws.
    package init(
        _ examinee: Examinee, tickets: Int = 0, seed: UInt64 = 1, over wire: Wire = .inProcess,
        time: ExamTime = ExamTime(), observer: SandboxObserver? = nil
    ) async throws {
        self.examinee = examinee
        self.time = time
        var options = SandboxOptions(
            seed: seed, tickets: tickets, timeZone: examinee.timeZone, logins: examinee.logins, now: { time.date })
        options.switches = examinee.switches
        sandbox = try await examinee.helpdesk.practice.open(options)
        let front = SandboxFront(sandbox, observer: observer)
        switch wire {
        case .inProcess:
            base = "http://127.0.0.1"
            carrier = InProcessTransport(front)
            server = nil
        case .socket:
            let running = try await SandboxServer.start(front)
            base = "http://127.0.0.1:\(running.port)"
            carrier = AsyncHTTPClientTransport(connections: 8)
            server = running
        }
        await learnCustomers()
    }

    /// Ends the site and what leads to it.
    package func close() async {
        await carrier.close()
        if let server { await server.stop() } else { await sandbox.close() }
    }

    /// Tells sources that list by address of customers who are about to come.
    package func expect(_ tickets: [Ticket]) {
        let emails = tickets.flatMap { [$0.requester?.email] + $0.messages.map { $0.author?.email } }.compactMap { $0 }
        customers.withLock { $0.formUnion(emails) }
    }

    /// Every address that stands in the site's state.
    package func learnCustomers() async {
        var found = Set<String>()
        Self.collect(await sandbox.dump(), into: &found)
        customers.withLock { [found] in $0.formUnion(found) }
    }

    private static func collect(_ json: JSON, into found: inout Set<String>) {
        switch json {
        case .string(let text):
            let isAddress =
                text.utf8.count < 200 && text.split(separator: "@", omittingEmptySubsequences: false).count == 2
                && !text.hasPrefix("@") && !text.hasSuffix("@")
                && !text.contains { $0.isWhitespace || $0 == "/" || $0 == "<" }
            if isAddress { found.insert(text) }
        case .array(let all): for one in all { collect(one, into: &found) }
        case .object(let members): for member in members { collect(member.value, into: &found) }
        default: break
        }
    }

    // MARK: Opening

    /// What stands between and how it is asked.
    package struct Opening: Sendable {
        /// Stands between connector and site.
        package var between: ExamTransport.Interference?
        /// Rows of a page.
        package var pageSize: Int?
        /// Requests at once.
        package var concurrency = 4
        /// Tries of a request.
        package var retries = RetryPolicy()

        /// As people open it.
        package init(
            pageSize: Int? = nil, retries: RetryPolicy = RetryPolicy(), between: ExamTransport.Interference? = nil
        ) {
            self.pageSize = pageSize
            self.retries = retries
            self.between = between
        }
    }

    /// The connector's source on this site, a new one each time, with the transport that counts its requests.
    ///
    /// - Throws: `ExamFailure` where the connector has none; what opening throws.
    package func source(_ opening: Opening = Opening()) async throws -> (any TicketSource, ExamTransport) {
        guard let open = examinee.helpdesk.source else { throw ExamFailure("it cannot be read from") }
        let (context, connection, transport) = try connect(.source, opening)
        return (try await open(context, connection), transport)
    }

    /// The connector's target on this site, a new one each time, with the transport that counts its requests.
    ///
    /// - Throws: `ExamFailure` where the connector has none; what opening throws.
    package func target(_ opening: Opening = Opening()) async throws -> (any TicketTarget, ExamTransport) {
        guard let open = examinee.helpdesk.target else { throw ExamFailure("it cannot be written to") }
        let (context, connection, transport) = try connect(.target, opening)
        return (try await open(context, connection), transport)
    }

    private func connect(
        _ side: ConnectorOption.Side, _ opening: Opening
    ) throws -> (OpenContext, Connection, ExamTransport) {
        let transport = ExamTransport(carrier, time: time, between: opening.between ?? { try await $2($0) })
        let context = OpenContext(
            options: examinee.options(side, url: base, customers: customers.withLock { $0.sorted() }), folder: "/tmp",
            file: "exam.yaml", concurrency: opening.concurrency, sink: heard, log: { [heard] in heard.log($0) },
            clock: time, migration: "exam")
        let (address, _) = try BaseURL.parse(base, api: examinee.helpdesk.api)
        var connection = Connection(
            base: address, transport: transport,
            pacer: Pacer(PacingCurve(ceiling: opening.concurrency), timekeeper: time.timekeeper),
            log: { [heard] in heard.log($0) })
        connection.timekeeper = time.timekeeper
        connection.retries = opening.retries
        connection.pageSize = opening.pageSize
        return (context, connection, transport)
    }

    // MARK: Reading

    /// All tickets that a source gives, by id; of an id that comes twice the later.
    package func readAll(_ opening: Opening = Opening()) async throws -> [String: CanonicalLine] {
        try await Self.readAll(source(opening).0)
    }

    /// All tickets of a source, by id.
    package static func readAll(_ source: any TicketSource) async throws -> [String: CanonicalLine] {
        var out: [String: CanonicalLine] = [:]
        var cursor: Cursor?
        var pages = 0
        repeat {
            let page = try await source.list(since: nil, after: cursor)
            for stub in page.stubs {
                out[stub.id] = if let line = stub.line { line } else { try await source.fetch(stub) }
            }
            cursor = page.next
            pages += 1
            guard pages < 10_000 else { throw ExamFailure("the listing does not end") }
        } while cursor != nil
        return out
    }
}

/// Why a check is not passed, in a line for people.
package struct ExamFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was found.
    package var description: String

    /// Says what was found.
    package init(_ description: String) { self.description = description }
}
