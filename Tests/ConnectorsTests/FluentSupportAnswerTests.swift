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

@Suite("What Fluent Support's answers prove")
struct FluentSupportAnswerTests {
    static func api(_ handler: @escaping InProcessTransport.Handler) throws -> FluentSupportAPI {
        let (base, _) = try BaseURL.parse("http://127.0.0.1", api: FluentSupportAPI.plugin)
        var api = FluentSupport.api(
            Connection(base: base, transport: InProcessTransport(handler), pacer: Pacer(PacingCurve(ceiling: 4))),
            user: "admin", password: Secret("abcd efgh"))
        api.client.retries = .never
        return api
    }

    static func kind(_ sent: Sent) -> String {
        switch sent {
        case .understood: "understood"
        case .refused: "refused"
        case .notNow: "notNow"
        case .uncertain: "uncertain"
        }
    }

    @Test(
        "is told by status and body together",
        arguments: [
            (200, #"{"message":"ok"}"#, "understood"), (200, "", "uncertain"), (200, #"{"ticket":{"id":"#, "uncertain"),
            (200, "<html><title>Maintenance</title></html>", "uncertain"), (200, #""""#, "uncertain"),
            (
                200, "<br />\n<b>Warning</b>:  x in <b>/y.php</b> on line <b>3</b><br />\n{\"message\":\"ok\"}",
                "understood"
            ),
            (401, #"{"code":"rest_forbidden","message":"Sorry"}"#, "refused"),
            (403, "<html>Blocked by firewall</html>", "uncertain"),
            (404, #"{"message":"No query results for model [X] 9999","data":{}}"#, "refused"),
            (422, #""No query results for model [X] 99999""#, "refused"),
            (422, #"{"content":{"required":"Reply content is required"}}"#, "refused"),
            (413, "<html>too large</html>", "refused"),
            (408, #"{"message":"Request timeout"}"#, "uncertain"), (409, #"{"message":"x"}"#, "uncertain"),
            (423, #"{"message":"x"}"#, "uncertain"), (425, #"{"message":"x"}"#, "uncertain"),
            (499, #"{"message":"x"}"#, "uncertain"), (400, #"{"error":"bad gateway"}"#, "uncertain"),
            (403, #"{"errors":[{"reason":"blocked"}]}"#, "uncertain"), (422, "[]", "uncertain"),
            (429, "slow down", "notNow"), (500, #"{"message":"Division by zero"}"#, "uncertain"),
            (502, "<html>Bad gateway</html>", "uncertain"),
        ])
    func classes(status: Int, body: String, expected: String) async throws {
        let api = try Self.api { _, _ in IncomingResponse(status: status, body: Array(body.utf8)) }
        #expect(Self.kind(await api.send(APICall(.post, "tickets", body: .json([:])))) == expected)
    }

    @Test("is nothing when the connection breaks, and all may be sent again when none was made")
    func connections() async throws {
        let lost = try Self.api { _, _ in throw HTTPFailure(.uncertain, .connectionLost, "gone") }
        #expect(Self.kind(await lost.send(APICall(.post, "tickets"))) == "uncertain")
        let never = try Self.api { _, _ in throw HTTPFailure(.notSent, .unreachable, "nobody there") }
        #expect(Self.kind(await never.send(APICall(.post, "tickets"))) == "notNow")
    }

    @Test("never repeats the password")
    func secrets() async throws {
        let api = try Self.api { _, _ in
            IncomingResponse(status: 500, body: Array(#"{"message":"SQL with abcd efgh in it"}"#.utf8))
        }
        guard case .uncertain(let diagnostic) = await api.send(APICall(.post, "tickets")) else {
            Issue.record("not uncertain")
            return
        }
        #expect(!diagnostic.description.contains("abcd efgh"))
    }

    @Test("is looked up after a lost answer: the write is found, and only once", arguments: [true, false])
    func lostAnswers(arrived: Bool) async throws {
        let sandbox = try await FluentSupportSandbox.open(SandboxOptions())
        let inner = InProcessTransport(sandbox)
        let breaks = Mutex(false)
        var api = try Self.api { request, body in
            let isWrite = request.method == .post && !request.url.path.hasSuffix("mailboxes")
            let breaksNow = isWrite && breaks.withLock { $0 }
            if breaksNow, !arrived { throw HTTPFailure(.uncertain, .connectionLost, "gone") }
            let answer = try await inner.send(
                OutgoingRequest(method: request.method, url: request.url, fields: request.fields, body: .bytes(body)),
                deadline: .seconds(5))
            if breaksNow { throw HTTPFailure(.uncertain, .connectionLost, "gone") }
            return answer
        }
        api.client.retries = .never
        let target = FluentSupportTarget(api: api)
        try await target.prepare(policy: nil, sink: Notes())
        for borrowing in try await target.borrowings() { try await target.borrow(borrowing) }
        let identity = MigrationIdentity(migration: "m", source: "s")
        let plan = await target.plan(Ticket.sample().draft, files: [], identity: identity, progress: TicketProgress())
        var receipts: [WriteKey: Receipt] = [:]
        for step in plan.steps where step.verb != .set {
            breaks.withLock { $0 = true }
            guard case .uncertain = await target.apply(step, receipts: receipts) else {
                Issue.record("\(step.name) is not uncertain")
                return
            }
            breaks.withLock { $0 = false }
            switch try await target.lookUp(step, receipts: receipts) {
            case .found(let receipt):
                #expect(arrived)
                receipts[step.key] = receipt
            case .notFound:
                #expect(!arrived)
                guard case .understood(let receipt, _) = await target.apply(step, receipts: receipts) else { return }
                receipts[step.key] = receipt
            case .cannotTell(let diagnostic): Issue.record("\(diagnostic)")
            }
        }
        #expect(receipts.count == plan.steps.count { $0.verb != .set })
        let dump = await sandbox.dump()
        #expect(dump["tickets"]?.array?.count == 1)
        #expect(dump["responses"]?.array?.count == 5)
        #expect(await sandbox.mails().isEmpty)
    }

    @Test(
        "explains a login that fails",
        arguments: [
            ("off", "fluent-support.passwords-off"), ("dropped", "fluent-support.header-dropped"),
            ("wrong", "fluent-support.wrong-password"), ("unknown", "fluent-support.unauthorized"),
            ("no agent", "fluent-support.no-agent"),
            ("no plugin", "fluent-support.not-installed"),
        ])
    func logins(state: String, code: String) async throws {
        let api = try Self.api { request, _ in
            func json(_ status: Int, _ text: String) -> IncomingResponse {
                IncomingResponse(status: status, body: Array(text.utf8))
            }
            if request.url.path.hasSuffix("xmlrpc.php") {
                switch state {
                case "dropped":
                    return json(
                        200,
                        "<?xml version=\"1.0\"?><methodResponse><params><param><value><array><data><value><struct><member><name>isAdmin</name></member></struct></value></data></array></value></param></params></methodResponse>"
                    )
                case "wrong":
                    return json(
                        200,
                        "<?xml version=\"1.0\"?><methodResponse><fault><value><struct><member><name>faultCode</name><value><int>403</int></value></member></struct></value></fault></methodResponse>"
                    )
                default: return json(405, "XML-RPC server accepts POST requests only.")
                }
            }
            if request.url.path.hasSuffix("/me") {
                if state == "no agent" { return json(200, #"{"email":"a@b.example","person":null,"permissions":[]}"#) }
                return json(401, #"{"code":"rest_forbidden","message":"Sorry","data":{"status":401}}"#)
            }
            let names = state == "no plugin" ? "[\"wp/v2\"]" : "[\"wp/v2\",\"fluent-support/v2\"]"
            let login = state == "off" ? "[]" : #"{"application-passwords":{"endpoints":{"authorization":"x"}}}"#
            return json(200, "{\"namespaces\":\(names),\"timezone_string\":\"UTC\",\"authentication\":\(login)}")
        }
        let target = FluentSupportTarget(api: api)
        let error = await #expect(throws: Diagnostic.self) { try await target.prepare(policy: nil, sink: Notes()) }
        #expect(error?.code == code)
        #expect(error?.cause == .refused)
        #expect(error?.remedy.isEmpty == false)
    }

    @Test("mutes mailboxes and switches their e-mails on again, with the texts that people changed meanwhile")
    func mute() async throws {
        let bench = try await FluentSupportBench.practice()
        let target = try await bench.target(policy: .mute)
        let before = try await target.emailConfigs(of: 1, bench.api)
        let borrowings = try await target.borrowings()
        #expect(borrowings.map(\.name) == ["mailbox 1 e-mails"])
        for borrowing in borrowings { try await target.borrow(borrowing) }
        #expect(try await target.emailConfigs(of: 1, bench.api).allSatisfy { $0["status"]?.string == "no" })
        for borrowing in borrowings {
            guard case .givenBack = try await target.giveBack(borrowing) else { Issue.record("kept"); return }
        }
        #expect(try await target.emailConfigs(of: 1, bench.api) == before)
        for borrowing in borrowings { try await target.borrow(borrowing) }
        var touched = try #require(
            try await target.emailConfigs(of: 1, bench.api).first {
                $0["key"]?.string == "ticket_replied_by_agent_email_to_customer"
            })
        touched["email_subject"] = "Somebody's own"
        _ = await bench.api.send(
            APICall(
                .put, "mailboxes/1/email_settings",
                body: .json(["email_type": "ticket_replied_by_agent_email_to_customer", "email_settings": touched])))
        guard case .givenBack = try await target.giveBack(borrowings[0]) else {
            Issue.record("left off"); return
        }
        let after = try await target.emailConfigs(of: 1, bench.api)
        #expect(after.map { $0["status"] } == before.map { $0["status"] })
        #expect(after.contains { $0["email_subject"]?.string == "Somebody's own" })
    }

    @Test("keeps a staging mailbox that still holds tickets")
    func stagingWithTickets() async throws {
        let bench = try await FluentSupportBench.practice()
        let target = try await bench.target()
        let borrowings = try await target.borrowings()
        for borrowing in borrowings { try await target.borrow(borrowing) }
        let plan = await target.plan(
            Ticket.sample().draft, files: [], identity: MigrationIdentity(migration: "m", source: "s"),
            progress: TicketProgress())
        _ = await target.apply(plan.steps[0], receipts: [:])
        guard case .stillNeeded = try await target.giveBack(borrowings[0]) else {
            Issue.record("removed with a ticket in it"); return
        }
    }
}
