// SPDX-License-Identifier: Apache-2.0
import Mapping
import Migration
import Sandbox
import Synchronization
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("What SupportEngine's answers prove")
struct SupportEngineAnswerTests {
    static func kind(_ sent: Sent) -> String {
        switch sent {
        case .understood: "understood"
        case .refused: "refused"
        case .notNow: "notNow"
        case .uncertain: "uncertain"
        }
    }

    @Test(
        "is told by the body",
        arguments: [
            (200, #"{"success":true,"ticket_id":"61"}"#, "understood"),
            (200, #"{"success":true,"ticket_id":61}"#, "understood"),
            (200, #"{"success":true,"ticket_id":"0"}"#, "uncertain"), (200, #"{"success":true}"#, "uncertain"),
            (200, "", "uncertain"), (500, "", "uncertain"), (404, "<html>no</html>", "uncertain"),
            (200, "<!DOCTYPE html><html><title>Shop</title></html>", "uncertain"),
            (200, #"{"success":false,"error":"Missing required fields"}"#, "uncertain"),
            (200, #"{"success":false,"error":"Invalid API token"}"#, "uncertain"),
            (401, #"{"success":false,"error":"Invalid API token"}"#, "refused"),
            (200, #"{"success":false,"error":"x","custom_field_errors":{"1":"This field is required."}}"#, "refused"),
            (
                200,
                "<br />\n<b>Warning</b>:  Array to string conversion in <b>/x.php</b> on line <b>84</b><br />\n{\"success\":true,\"ticket_id\":\"63\"}",
                "understood"
            ), (200, "<br />\n<b>Fatal error</b>:  Uncaught PDOException: x in <b>/x.php</b>", "uncertain"),
            (413, "<html>too large</html>", "refused"), (403, "<html>firewall</html>", "uncertain"),
        ])
    func classes(status: Int, body: String, expected: String) async throws {
        let api = try SupportEngineBench.api(
            InProcessTransport { _, _ in IncomingResponse(status: status, body: Array(body.utf8)) })
        let sent = await api.send("tickets_create.php", [("a", "b")], id: "ticket_id").sent
        #expect(Self.kind(sent) == expected)
    }

    @Test(
        "each ticket and reply is there once, whatever is lost on the way",
        arguments: [
            "drop-before=0.2", "drop-after=0.2", "truncate=0.2", "html-after=0.2", "html=0.1", "500-after=0.2",
            "503=0.2",
            "drop-before=0.1,drop-after=0.15,truncate=0.1,html-after=0.1,504-after=0.1",
        ], [1, 2, 3])
    func lost(faults: String, seed: UInt64) async throws {
        let text = faults.replacing("500-after", with: "502-after")
        let bench = try await SupportEngineBench(seed: seed, faults: text)
        let tickets = Ticket.hostile(14)
        let journal = MemoryJournal()
        var last: RunReport?
        var ends: [String] = []
        for _ in 0..<20 {
            let report: RunReport
            do { report = try await bench.migrate(tickets, journal: journal).report } catch {
                ends.append("\(error)")
                continue
            }
            ends.append(
                "\(report.counts) \(report.failures.map { "\($0.id): \($0.state) \(String(describing: $0.failure))" })")
            last = report
            if report.state == .finished, report.counts.failed == 0, report.counts.uncertain == 0 { break }
        }
        let (failed, uncertain) = (last?.counts.failed, last?.counts.uncertain)
        #expect(failed == 0 && uncertain == 0, "\(ends.suffix(3))")
        let stored = await bench.site.dump()
        #expect(stored["tickets"]?.array?.count == 14)
        let target = SupportEngineTarget(api: try SupportEngineBench.api(InProcessTransport(bench.site)))
        try await target.prepare(policy: nil, sink: Notes())
        var expected = 0
        for ticket in tickets {
            let plan = await target.plan(
                ticket.benchDraft, files: [], identity: SupportEngineBench.identity, progress: .init())
            expected += plan.steps.count { $0.verb == .append }
        }
        #expect(stored["ticket_replies"]?.array?.count == expected)
    }

    @Test("a ticket whose fields failed behind it is found, and what it lacks is a loss")
    func halfStored() async throws {
        // Emoji that the connection does not take, in a field's value alone: 500, and the ticket is there.
        let bench = try await SupportEngineBench(["utf8mb3"])
        var tickets = [Ticket(id: "a"), Ticket(id: "b")]
        for index in tickets.indices {
            tickets[index].subject = "half"
            tickets[index].requester = Person(role: .customer, email: "zoe@cust.example")
            tickets[index].customFields = ["Order number": .string(index == 0 ? "plain" : "😀")]
        }
        let journal = MemoryJournal()
        let (report, _) = try await bench.migrate(tickets, journal: journal, concurrency: 1)
        #expect(report.counts.adopted == 1, "\(report.counts)")
        #expect(await bench.site.dump()["tickets"]?.array?.count == 2)
        let losses = await journal.losses(of: "b")
        #expect(losses.contains { $0.field == "customFields.Order number" && $0.reason.contains("empty") }, "\(losses)")
    }

    @Test("success with the id 0 is nothing, and it fails without a double")
    func zero() async throws {
        let bench = try await SupportEngineBench(["silent-errors", "utf8mb3"])
        var ticket = Ticket(id: "a")
        ticket.subject = "😀"
        ticket.requester = Person(role: .customer, email: "zoe@cust.example")
        let (report, _) = try await bench.migrate([ticket])
        #expect(report.counts.created == 0, "\(report.counts)")
        #expect(await bench.site.dump()["tickets"]?.array?.isEmpty ?? true)
    }

    @Test("a look-up cannot tell where the server has cut the mark off")
    func cut() async throws {
        let bench = try await SupportEngineBench()
        let target = SupportEngineTarget(api: try bench.api())
        try await target.prepare(policy: nil, sink: Notes())
        let ticket = Ticket.hostile(1)[0]
        let plan = await target.plan(
            ticket.benchDraft, files: [], identity: SupportEngineBench.identity, progress: .init())
        let step = try #require(plan.steps.first)
        guard case .understood = await target.apply(step, receipts: [:]) else { return }
        try await bench.site.edit { tables in
            let text = tables["tickets"][1]?["message"]?.string ?? ""
            tables["tickets"][1]?["message"] = .string(String(text.prefix(60)))
        }
        guard case .cannotTell(let diagnostic) = try await target.lookUp(step, receipts: [:]) else {
            Issue.record("told")
            return
        }
        #expect(diagnostic.code == "supportengine.unmarked")
    }

    @Test("a reply is not sent to a ticket that is gone")
    func goneTicket() async throws {
        let bench = try await SupportEngineBench()
        let ticket = try #require(Ticket.hostile(30).first { $0.messages.count(where: { $0.kind == .reply }) > 2 })
        var receipts: [WriteKey: Receipt] = [:]
        let first = SupportEngineTarget(api: try bench.api())
        try await first.prepare(policy: nil, sink: Notes())
        let plan = await first.plan(
            ticket.benchDraft, files: [], identity: SupportEngineBench.identity, progress: .init())
        if case .understood(let receipt, _) = await first.apply(plan.steps[0], receipts: [:]) {
            receipts[plan.steps[0].key] = receipt
        }
        try await bench.site.edit { $0["tickets"][1] = nil }
        let other = SupportEngineTarget(api: try bench.api())
        try await other.prepare(policy: nil, sink: Notes())
        guard case .rejected(let diagnostic) = await other.apply(plan.steps[1], receipts: receipts) else {
            Issue.record("sent")
            return
        }
        #expect(diagnostic.code == "supportengine.gone")
        #expect(await bench.site.dump()["ticket_replies"]?.array?.isEmpty ?? true)
    }
}
