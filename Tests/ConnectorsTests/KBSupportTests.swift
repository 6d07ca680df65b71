// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Mapping
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite struct KBSupportTests {
    /// A practice site with its API.
    private struct Bench {
        let sandbox: KBSupportSandbox
        let api: KBSupportAPI

        init(
            _ switches: Set<String> = [], tickets: Int = 0, user: String = "admin", password: String = "any",
            logins: [SandboxLogin]? = nil
        ) async throws {
            var options = SandboxOptions(tickets: tickets, timeZone: "Europe/Berlin", logins: logins)
            options.switches = switches
            sandbox = try await KBSupportSandbox.open(options)
            let (base, _) = try BaseURL.parse("http://127.0.0.1", api: KBSupportAPI.plugin)
            let connection = Connection(
                base: base, transport: InProcessTransport(sandbox), pacer: Pacer(PacingCurve(ceiling: 8)))
            api = KBSupportAPI(client: connection.client(.basic(user: user, Secret(password))))
        }

        func read(since: Timestamp? = nil, perPage: Int = 7, xmlrpc: Bool = true) async throws -> [Ticket] {
            let source = KBSupportSource(api: api, usesXMLRPC: xmlrpc, sink: Notes(), perPage: perPage)
            var out: [String: Ticket] = [:]
            var cursor: Cursor?
            repeat {
                let page = try await source.list(since: since, after: cursor)
                for stub in page.stubs where out[stub.id] == nil {
                    out[stub.id] = try await source.fetch(stub).ticket()
                }
                cursor = page.next
            } while cursor != nil
            return out.values.sorted { (Int($0.id) ?? 0) < (Int($1.id) ?? 0) }
        }
    }

    static let identity = MigrationIdentity(migration: "kbs", source: "test")
    static let ways: [Set<String>] = [[]] + KBSupportSandbox.switches.filter { !$0.refuses }.map { [$0.name] }

    // MARK: Reading

    @Test(arguments: ways) func `Under every switch all tickets are read, twice the same`(_ switches: Set<String>)
        async throws
    {
        let bench = try await Bench(switches, tickets: 40)
        let first = try await bench.read()
        #expect(first.count == 40)
        #expect(try await bench.read(perPage: 100) == first)
        let hasAuthors = first.allSatisfy { $0.messages.allSatisfy { $0.author != nil } }
        #expect(hasAuthors == !switches.contains("xmlrpc-off"))
    }

    @Test func `A ticket of a status that nobody registers is read by XML-RPC, one in the trash is not`() async throws {
        let bench = try await Bench(tickets: 10)
        try await bench.sandbox.edit { tables in
            let ids = tables["posts"].all.filter { $0["type"]?.string == "kbs_ticket" }.compactMap { $0["id"]?.int }
            tables["posts"][ids[2]]?["status"] = "waiting"
            tables["posts"][ids[3]]?["status"] = "trash"
        }
        let all = try await bench.read()
        #expect(all.count == 9)
        #expect(all.contains { $0.statusLabel == "waiting" && $0.status == nil })
        #expect(try await bench.read(xmlrpc: false).count == 8)
    }

    @Test func `Tickets that go away or change between pages hide no other`() async throws {
        let bench = try await Bench(tickets: 30)
        let source = KBSupportSource(api: bench.api, sink: Notes(), perPage: 5)
        var seen: Set<String> = []
        var page = try await source.list(since: nil, after: nil)
        let gone = page.stubs.prefix(3).compactMap { Int($0.id) }
        while true {
            for stub in page.stubs { seen.insert(stub.id) }
            guard let next = page.next else { break }
            try await bench.sandbox.edit { for id in gone { $0["posts"][id] = nil } }
            page = try await source.list(since: nil, after: next)
        }
        #expect(seen.count == 30)

        let delta = KBSupportSource(api: bench.api, sink: Notes(), perPage: 5)
        let since = Timestamp(seconds: 0)
        seen = []
        page = try await delta.list(since: since, after: nil)
        var isFirst = true
        while true {
            for stub in page.stubs { seen.insert(stub.id) }
            guard let next = page.next else { break }
            if isFirst {
                isFirst = false
                // One that no page has shown yet is changed, and moves to the front.
                let shown = seen
                try await bench.sandbox.edit { tables in
                    let row = tables["posts"].all.first {
                        $0["type"]?.string == "kbs_ticket" && !shown.contains($0["id"]?.text ?? "")
                    }
                    if let id = row?["id"]?.int { tables["posts"][id]?["modified"] = 1_900_000_000 }
                }
            }
            page = try await delta.list(since: since, after: next)
        }
        #expect(seen.count == 27)
    }

    // MARK: Wrong inputs

    @Test(arguments: [
        ("wrong-password", "wrong-password"), ("passwords-off", "passwords-off"),
        ("header-dropped", "header-dropped"), ("customer", "no-rights"), ("plugin-absent", "not-installed"),
        ("maintenance", "maintenance"), ("firewall-page", "html-page"),
    ])
    func `What stands in the way is told apart`(_ what: String, _ code: String) async throws {
        let bench = try await Bench(
            [what], tickets: 2, user: what == "customer" ? "liwei" : "admin",
            password: what == "wrong-password" ? "wrong" : "right",
            logins: [SandboxLogin(user: "admin", password: "right"), SandboxLogin(user: "liwei", password: "right")])
        var api = bench.api
        api.client.retries.attempts = 1
        let target = KBSupportTarget(api: api)
        let error = await #expect(throws: Diagnostic.self) { try await target.prepare(policy: nil, sink: Notes()) }
        #expect(error?.code.hasSuffix(code) == true, "\(error?.code ?? "")")
        #expect(error?.remedy.isEmpty == false)
    }

    // MARK: Writing

    @Test(arguments: ways)
    func `What is written is read again but for the losses, with the e-mails of the plan and no note`(
        _ switches: Set<String>
    ) async throws {
        let bench = try await Bench(switches)
        let target = KBSupportTarget(api: bench.api)
        try await target.prepare(policy: .allow, sink: Notes())
        let ticket = Ticket.sample()
        let plan = await target.plan(ticket.draft, files: [], identity: Self.identity, progress: TicketProgress())
        #expect(plan.refusals.isEmpty)
        var receipts: [WriteKey: Receipt] = [:]
        for step in plan.steps {
            #expect(try await isNotFound(target, step, receipts))
            guard case .understood(let receipt, _) = await target.apply(step, receipts: receipts) else {
                Issue.record("\(step.name)")
                return
            }
            receipts[step.key] = receipt
            // As if the answer had been lost.
            if step.verb != .set, case .found(let again) = try await target.lookUp(step, receipts: receipts) {
                #expect(again.id == receipt.id)
            } else if step.verb != .set {
                Issue.record("\(step.name) is not found again")
            }
        }
        #expect(await bench.sandbox.mails().count == plan.steps.map(\.mails).reduce(0, +))
        #expect(await target.features.notes == false)
        let found = try await target.inventory()
        #expect(found.count == 1)
        let stored = try await target.storedFingerprint(
            ticket: try #require(receipts.values.first { $0.stored != nil }))
        #expect(stored == receipts.values.compactMap(\.stored).last)

        let again = try #require(try await bench.read().first)
        let fields = Set(plan.losses.map(\.field))
        let xmlrpc = !switches.contains("xmlrpc-off")
        let replies = ticket.messages.filter { $0.kind == .reply }
        #expect(again.messages.count == replies.count)
        #expect(!again.messages.contains { $0.body?.content.contains("internal") == true })
        #expect(again.status == .closed)
        if !switches.contains("agent-login") {
            #expect(again.subject == ticket.subject)
            for (a, b) in zip(replies, again.messages) {
                #expect(b.body?.content.contains(a.body?.content ?? "?") == true)
            }
        }
        #expect((again.createdAt == ticket.createdAt) == !fields.contains("createdAt"))
        #expect(fields.contains("createdAt") == !xmlrpc)
        #expect((again.messages[1].createdAt == replies[1].createdAt) == !fields.contains("messages[].createdAt"))
        #expect(Set(again.tags) == (xmlrpc ? Set(ticket.tags) : []))
        #expect(plan.losses.contains { $0.field == "messages[]" && $0.value == "note" })
        #expect(plan.losses.contains { $0.field == "priority" })
    }

    @Test(arguments: [200, 500])
    func `A site whose XML-RPC is in trouble is not taken for one without it, where replies are e-mailed`(status: Int)
        async throws
    {
        let sandbox = try await KBSupportSandbox.open(SandboxOptions())
        let front = SandboxFront(sandbox) { moment, request, _ in
            guard moment == .arrived, request.path.hasSuffix("/xmlrpc.php") else { return .goOn }
            return .answer(SandboxResponse(status: status, json: ["message": "busy"]))
        }
        let (base, _) = try BaseURL.parse("http://127.0.0.1", api: KBSupportAPI.plugin)
        let connection = Connection(
            base: base, transport: InProcessTransport(front), pacer: Pacer(PacingCurve(ceiling: 8)))
        let target = KBSupportTarget(api: KBSupportAPI(client: connection.client(.basic(user: "admin", Secret("any")))))
        let error = await #expect(throws: Diagnostic.self) { try await target.prepare(policy: .allow, sink: Notes()) }
        #expect(error?.cause == .unavailable && error?.remedy.contains("xmlrpc: off") == true)
    }

    @Test func `Texts in small letters, with blanks and controls arrive by XML-RPC as they are`() async throws {
        let bench = try await Bench()
        let target = KBSupportTarget(api: bench.api)
        try await target.prepare(policy: .allow, sink: Notes())
        var ticket = Ticket.sample()
        ticket.subject = "iphone \\ <b>x</b> & y"
        let texts = ["  blanks  ", "a\r\nb \u{1} c", "<\u{301}x &\u{301} ]]> &amp;lt;", "\\\\server\\x", "👨‍👩‍👧 \u{202E}x"]
        ticket.messages = texts.enumerated().map { index, text in
            var message = ticket.messages[index == 0 ? 0 : 1]
            message.id = "m\(index)"
            message.body = .html(text, lineBreaks: true)
            return message
        }
        let plan = await target.plan(ticket.draft, files: [], identity: Self.identity, progress: TicketProgress())
        var receipts: [WriteKey: Receipt] = [:]
        for step in plan.steps {
            guard case .understood(let receipt, _) = await target.apply(step, receipts: receipts) else {
                Issue.record("\(step.name)")
                return
            }
            receipts[step.key] = receipt
        }
        let again = try #require(try await bench.read().first)
        #expect(again.subject == ticket.subject)
        for (text, message) in zip(texts, again.messages) {
            #expect(message.body?.content.hasPrefix("\(text)<!-- ferry-") == true, "\(message.body?.content ?? "")")
        }
        #expect(!plan.losses.contains { $0.field == "messages[].body" || $0.field == "subject" })
    }

    private func isNotFound(
        _ target: KBSupportTarget, _ step: Step, _ receipts: [WriteKey: Receipt]
    ) async throws -> Bool {
        if step.verb == .set { return true }
        if case .notFound = try await target.lookUp(step, receipts: receipts) { return true }
        return false
    }
}
