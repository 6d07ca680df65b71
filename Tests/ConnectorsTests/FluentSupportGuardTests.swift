// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Foundation
import HTTPTypes
import Mapping
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("What Fluent Support holds for others")
struct FluentSupportGuardTests {
    let identity = MigrationIdentity(migration: "guard", source: "acme")

    @Test("has a staging mailbox for each migration, whose name WordPress keeps")
    func names() {
        let one = FluentSupportTarget.Options.staging(of: "acme <2024> from Zendesk")
        #expect(one != FluentSupportTarget.Options.staging(of: "acme <2025> from Zendesk"))
        #expect(one.hasPrefix("Ticketferry staging acme 2024 from Zendesk ("))
        #expect(FluentSupportTarget.Options.staging(of: "a<b") != FluentSupportTarget.Options.staging(of: "a>b"))
    }

    @Test("leaves a staging mailbox alone that was there before the journal")
    func foreignStaging() async throws {
        let bench = try await FluentSupportBench.practice()
        let first = try await bench.target()
        let ours = try await first.borrowings()
        for borrowing in ours { try await first.borrow(borrowing) }
        let second = try await bench.target()
        let theirs = try await second.borrowings()
        for borrowing in theirs { try await second.borrow(borrowing) }
        func isThere() async throws -> Bool {
            (try await bench.api.read("mailboxes")["mailboxes"]?.array ?? []).contains {
                $0["email"]?.string == FluentSupportSite.stagingAddress
            }
        }
        for borrowing in theirs { _ = try await second.giveBack(borrowing) }
        #expect(try await isThere())
        for borrowing in ours { _ = try await first.giveBack(borrowing) }
        #expect(try await !isThere())
    }

    @Test("refuses to stage in a mailbox of people's")
    func peoplesMailbox() async throws {
        let bench = try await FluentSupportBench.practice()
        let error = await #expect(throws: Diagnostic.self) { _ = try await bench.target(.init(staging: "Support")) }
        #expect(error?.code == "fluent-support.staging-taken" && error?.cause == .refused)
        // Under another policy the name is of no matter, and the mailbox is muted like any other.
        let target = try await bench.target(.init(staging: "Support"), policy: .mute)
        #expect(try await target.borrowings().count == 1)
    }

    @Test("is stopped by an agent's login that gives no answer, and not by one that is refused")
    func agentLogin() async throws {
        for (status, body) in [(500, #"{"message":"x"}"#), (401, #"{"code":"rest_forbidden","message":"Sorry"}"#)] {
            let sandbox = try await FluentSupportSandbox.open(SandboxOptions())
            let inner = InProcessTransport(sandbox)
            var api = try FluentSupportAnswerTests.api { request, body in
                try await inner.send(
                    OutgoingRequest(
                        method: request.method, url: request.url, fields: request.fields, body: .bytes(body)),
                    deadline: .seconds(5))
            }
            api.agents["ada@lab.example"] = try FluentSupportAnswerTests.api { _, _ in
                IncomingResponse(status: status, body: Array(body.utf8))
            }.client
            let target = FluentSupportTarget(api: api)
            let notes = Notes()
            if status == 500 {
                await #expect(throws: Diagnostic.self) { try await target.prepare(policy: nil, sink: notes) }
            } else {
                try await target.prepare(policy: nil, sink: notes)
                #expect(notes.all.map(\.code) == ["fluent-support.agent-login"])
            }
        }
    }

    /// A target that wrote a ticket, and the step of its note.
    func noted(_ bench: FluentSupportBench) async throws -> (FluentSupportTarget, Step, [WriteKey: Receipt], Int) {
        let target = try await bench.target()
        for borrowing in try await target.borrowings() { try await target.borrow(borrowing) }
        let plan = await target.plan(Ticket.sample().draft, files: [], identity: identity, progress: .init())
        let step = try #require(plan.steps.first { $0.payload["op"]?.string == "note" })
        guard case .understood(let receipt, _) = await target.apply(plan.steps[0], receipts: [:]) else {
            throw FluentSupportBench.Failed()
        }
        return (target, step, [plan.steps[0].key: receipt], try #require(Int(receipt.id)))
    }

    @Test("takes a title with backslashes for its own when a journal is rebuilt")
    func adoptedTitle() async throws {
        let bench = try await FluentSupportBench.practice()
        let target = try await bench.target()
        for borrowing in try await target.borrowings() { try await target.borrow(borrowing) }
        var ticket = Ticket.sample()
        ticket.subject = #"C:\temp\new and \\server"#
        let plan = await target.plan(ticket.draft, files: [], identity: identity, progress: TicketProgress())
        guard case .understood(let created, _) = await target.apply(plan.steps[0], receipts: [:]) else {
            throw FluentSupportBench.Failed()
        }
        let adopted = try await target.adopt(Array(plan.steps.prefix(1)), ticket: created)
        #expect(adopted.values.flatMap(\.losses).isEmpty, "\(adopted.values.flatMap(\.losses))")
    }

    @Test("takes a note back at once that the site stored as public")
    func publicNotes() async throws {
        let bench = try await FluentSupportBench.practice()
        let (target, step, receipts, id) = try await noted(bench)
        func store() async {
            _ = await bench.api.send(
                APICall(
                    .post, "tickets/\(id)/responses",
                    body: .json([
                        "content": "secret", "message_id": .string(step.key.marker), "conversation_type": "response",
                    ])))
        }
        await store()
        guard case .cannotTell(let diagnostic) = try await target.lookUp(step, receipts: receipts) else {
            Issue.record("adopted in silence")
            return
        }
        #expect(diagnostic.cause == .refused && diagnostic.message.contains("ticket \(id)"))
        #expect(await bench.sandbox?.dump()["responses"]?.array?.isEmpty == true)
        await store()
        let ticket = try #require(receipts.values.first)
        await #expect(throws: Diagnostic.self) { _ = try await target.adopt([step], ticket: ticket) }
        #expect(await bench.sandbox?.dump()["responses"]?.array?.isEmpty == true)

        // The answer to the write itself tells it, too.
        var loose = step
        loose.payload["op"] = "response"
        let sent = await target.apply(loose, receipts: receipts)
        guard case .understood(let made, _) = sent else { throw FluentSupportBench.Failed() }
        let told = await target.takeBack(["id": .string(made.id)], step, ticket: id)
        #expect(told.message.contains("deleted again"))
        #expect(target.isExposed(["conversation_type": "response"], step))
        #expect(!target.isExposed(["conversation_type": "note"], step))
    }

    @Test("says what differs in a write that is found again")
    func foundOtherwise() async throws {
        let bench = try await FluentSupportBench.practice()
        var (target, step, receipts, id) = try await noted(bench)
        _ = await bench.api.send(
            APICall(
                .post, "tickets/\(id)/responses",
                body: .json([
                    "content": "another text", "message_id": .string(step.key.marker), "conversation_type": "note",
                ])))
        step.files = [ResolvedFile(name: "a.txt", mediaType: nil, path: "/nowhere", size: 3, sha256: "")]
        guard case .found(let receipt) = try await target.lookUp(step, receipts: receipts) else {
            Issue.record("not found")
            return
        }
        #expect(receipt.losses.map(\.field) == ["messages[].body", "messages[].attachments[]"])
    }
}
