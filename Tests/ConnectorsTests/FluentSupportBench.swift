import Foundation
// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import Mapping
import Migration
import Sandbox
import Synchronization
import Testing
import TicketModel
import Transport

@testable import Connectors

/// A site to write to: the practice site in this process, or a real one that the environment names
/// (`TICKETFERRY_FLUENT_URL`, `…_USER`, `…_PASSWORD`, `…_AGENTS` as `address=password;…`).
struct FluentSupportBench {
    let api: FluentSupportAPI
    let sandbox: FluentSupportSandbox?
    let requests: Counter

    static let isReal = ProcessInfo.processInfo.environment["TICKETFERRY_FLUENT_URL"] != nil

    /// The practice site, in a zone with summer time.
    static func practice(
        zone: String = "Europe/Berlin", agents: [String: Secret] = [:], tickets: Int = 0
    ) async throws -> FluentSupportBench {
        let sandbox = try await FluentSupportSandbox.open(SandboxOptions(tickets: tickets, timeZone: zone))
        let (base, _) = try BaseURL.parse("http://127.0.0.1", api: FluentSupportAPI.plugin)
        return make(
            base: base, user: "admin", password: Secret("any"), agents: agents, InProcessTransport(sandbox),
            sandbox)
    }

    /// The real site of the environment.
    static func real() throws -> FluentSupportBench {
        let all = ProcessInfo.processInfo.environment
        let url = try #require(all["TICKETFERRY_FLUENT_URL"])
        let (base, _) = try BaseURL.parse(url, api: FluentSupportAPI.plugin)
        var agents: [String: Secret] = [:]
        for pair in (all["TICKETFERRY_FLUENT_AGENTS"] ?? "").split(separator: ";") {
            let halves = pair.split(separator: "=", maxSplits: 1)
            if halves.count == 2 { agents[String(halves[0])] = Secret(String(halves[1])) }
        }
        return make(
            base: base, user: all["TICKETFERRY_FLUENT_USER"] ?? "admin",
            password: Secret(all["TICKETFERRY_FLUENT_PASSWORD"] ?? ""), agents: agents, AsyncHTTPClientTransport(), nil)
    }

    private static func make(
        base: BaseURL, user: String, password: Secret, agents: [String: Secret], _ transport: any HTTPTransport,
        _ sandbox: FluentSupportSandbox?
    ) -> FluentSupportBench {
        let counter = Counter()
        let api = FluentSupport.api(
            Connection(
                base: base, transport: CountingTransport(inner: transport, counter: counter),
                pacer: Pacer(PacingCurve(ceiling: 8))),
            user: user, password: password, agents: agents)
        return FluentSupportBench(api: api, sandbox: sandbox, counter: counter)
    }

    private init(api: FluentSupportAPI, sandbox: FluentSupportSandbox?, counter: Counter) {
        self.api = api
        self.sandbox = sandbox
        self.requests = counter
    }

    /// A prepared target.
    func target(
        _ options: FluentSupportTarget.Options = .init(), policy: NotificationPolicy? = nil
    ) async throws -> FluentSupportTarget {
        let target = FluentSupportTarget(api: api, options: options)
        try await target.prepare(policy: policy, sink: Notes())
        return target
    }

    /// Performs a plan as the engine would; gives the receipts, and the losses that only answers showed.
    func perform(
        _ plan: TicketPlan, _ target: FluentSupportTarget, receipts: [WriteKey: Receipt] = [:]
    ) async throws -> (receipts: [WriteKey: Receipt], losses: [Loss]) {
        var receipts = receipts
        var losses: [Loss] = []
        for step in plan.steps.filter({ $0.batch == nil }) + plan.steps.filter({ $0.batch != nil }) {
            let outcome =
                step.batch == nil
                ? await target.apply(step, receipts: receipts) : await target.applyBatch([step], receipts: receipts)
            guard case .understood(let receipt, let more) = outcome else {
                Issue.record("\(step.name): \(outcome)")
                throw Failed()
            }
            receipts[step.key] = receipt
            losses += more
        }
        return (receipts, losses)
    }

    struct Failed: Error {}
}

/// Counts requests.
final class Counter: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }
    func add() { value.withLock { $0 += 1 } }
}

struct CountingTransport: HTTPTransport {
    var inner: any HTTPTransport
    var counter: Counter
    func send(_ request: OutgoingRequest, deadline: Duration, into sink: any ResponseSink) async throws -> HTTPResponse
    {
        counter.add()
        return try await inner.send(request, deadline: deadline, into: sink)
    }
    func close() async { await inner.close() }
}

/// Collects diagnostics.
final class Notes: DiagnosticSink {
    private let value = Mutex<[Diagnostic]>([])
    var all: [Diagnostic] { value.withLock { $0 } }
    func emit(_ diagnostic: Diagnostic) { value.withLock { $0.append(diagnostic) } }
}

extension Ticket {
    /// A ticket of all kinds of messages, in a fixed order of days.
    static func sample(id: String = "1042", status: Ticket.Status = .closed) -> Ticket {
        let zoe = Person(
            id: "7", role: .customer, givenName: "Zoë", familyName: "de la Cruz", email: "zoe-\(id)@cust.example")
        let ada = Person(role: .agent, name: "Ada Okafor", email: "ada@lab.example")
        let mary = Person(role: .customer, name: "Mary Ann", email: "mary.ann@partner.example")
        var ticket = Ticket(id: id)
        ticket.subject = "Path C:\\Users\\new & more"
        ticket.status = status
        ticket.priority = .urgent
        ticket.requester = zoe
        ticket.assignee = ada
        ticket.tags = ["bug", "unknown tag", "vip"]
        ticket.createdAt = Timestamp("2024-06-01T12:00:00Z")
        ticket.updatedAt = Timestamp("2024-07-01T12:00:00Z")
        if status == .closed { ticket.resolvedAt = Timestamp("2024-06-30T08:00:00Z") }
        ticket.customFields = ["Order": .string("A-1")]
        func message(_ kind: Message.Kind, _ author: Person, _ html: String, _ day: Int) -> Message {
            var message = Message(kind: kind)
            message.id = "m\(day)"
            message.author = author
            message.body = .html(html, lineBreaks: true)
            message.createdAt = Timestamp("2024-06-0\(day)T12:00:00Z")
            return message
        }
        ticket.messages = [
            message(.reply, zoe, "<p>It & C:\\ &lt;b&gt; 5 < 6 > 4</p>", 1),
            message(.reply, ada, "Look at {{customer.email}} &amp; C:\\x", 2),
            message(.note, ada, "internal \\ note ##agent.email##", 3), message(.reply, mary, "third words", 4),
            message(.reply, zoe, "thanks \\o/ &lt;3 a & b", 5),
            message(.event, Person(role: .system), "Ticket closed", 6),
        ]
        return ticket
    }

    var draft: Draft {
        Draft(
            ticket: self, assignee: assignee?.email.map { .agent(email: $0) } ?? .unassigned,
            authorships: messages.map {
                .init(
                    choice: .asWritten, header: "\($0.author?.displayName ?? "?"), \($0.createdAt?.description ?? "")")
            })
    }
}
