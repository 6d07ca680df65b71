// SPDX-License-Identifier: Apache-2.0
import Foundation
import Mapping
import Migration
import Sandbox
import Synchronization
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Smartsupp as a target")
struct SmartsuppTargetTests {
    @Test(
        "what arrives is what was drafted but for declared losses, under every switch",
        arguments: [[]] + SmartsuppBench.switches.filter { $0 != "rate-limited" }.map { [$0] as Set<String> }
            + SmartsuppBench.combinations)
    func roundTrip(switches: Set<String>) async throws {
        let bench = try SmartsuppBench(switches)
        let journal = MemoryJournal()
        let tickets = Ticket.chats()
        let report = try await bench.run(tickets, journal: journal)
        #expect(report.counts.created == tickets.count && report.failures.isEmpty, "\(report.failures.map(\.failure))")
        let back = try await SmartsuppBench.read(bench.source()).mapValues { try $0.ticket() }
        #expect(back.count == tickets.count)
        for ticket in tickets {
            let record = try #require(await journal.ticket(ticket.id))
            let found = try #require(record.ticket.targetID.flatMap { back[$0] })
            let losses = await journal.losses(of: ticket.id)
            let unexplained = SmartsuppComparison(ticket, losses: losses, found).unexplained(losses)
            #expect(
                unexplained.isEmpty, "\(ticket.id) with \(switches.sorted()): \(unexplained.joined(separator: "\n"))")
        }
        // Not a word of a note anywhere, and as many mails as were counted.
        #expect(await !bench.sandbox.dump().canonicalText.contains("PRIVATE-WORD"))
        #expect(await bench.sandbox.mails().count == report.plan?.mails)
        #expect(!bench.log.all.contains { $0.contains("good-token") })
        // A second run finds nothing to do.
        let before = await bench.sandbox.dump()
        let again = try await bench.run(tickets, journal: journal)
        #expect(again.counts.unchanged == tickets.count)
        #expect(await bench.sandbox.dump() == before)
    }

    @Test(
        "answers lost before and after the commit leave each thing once", arguments: [[], ["no-ext-id-in-answers"]],
        [1, 2, 3] as [UInt64])
    func lost(switches: Set<String>, seed: UInt64) async throws {
        let quiet = try SmartsuppBench(switches)
        let tickets = Array(Ticket.chats().prefix(12))
        try await quiet.run(tickets)
        let faults = try SandboxFaults(
            parsing: "drop-before=0.06,drop-after=0.12,504-after=0.05,truncate=0.04,html-after=0.03", seed: seed)
        let bench = try SmartsuppBench(switches, faults: faults)
        let journal = MemoryJournal()
        for _ in 0..<6 {
            let report = try? await bench.run(tickets, journal: journal)
            if let report, report.counts.unchanged == tickets.count { break }
        }
        func content(_ bench: SmartsuppBench) async -> [String] {
            let state = await bench.sandbox.dump()
            var out: [String] = []
            for row in state["conversations"]?.array ?? [] {
                let words = (state["messages"]?.array ?? []).filter { $0["conversation"] == row["id"] }
                    .map { "\($0["sub_type"]?.text ?? "") \($0["content"]?["text"]?.text ?? "")" }
                out.append("\(row["ext_id"]?.text ?? "") \(row["status"]?.text ?? "") \(words)")
            }
            return out.sorted()
        }
        #expect(await content(bench) == content(quiet))
        let contacts = await bench.sandbox.dump()["contacts"]?.array?.count
        #expect(await contacts == quiet.sandbox.dump()["contacts"]?.array?.count)
    }

    @Test(
        "a lost journal is rebuilt from the target, and the same write twice is one",
        arguments: [[], ["no-ext-id-in-answers"]])
    func adoption(switches: Set<String>) async throws {
        let bench = try SmartsuppBench(switches)
        let tickets = Ticket.chats()
        try await bench.run(tickets)
        let before = await bench.sandbox.dump()
        await #expect(throws: Diagnostic.self) { try await bench.run(tickets) }
        let report = try await bench.run(tickets, adopts: true)
        #expect(report.counts.failed == 0 && report.counts.uncertain == 0)
        #expect(await bench.sandbox.dump() == before)
        let target = try await bench.target()
        try await target.prepare(policy: nil, sink: Notes())
        let identity = MigrationIdentity(migration: "test", source: "acme")
        let plan = await target.plan(tickets[0].draft, files: [], identity: identity, progress: TicketProgress())
        let create = try #require(plan.steps.first)
        for _ in 0..<2 {
            guard case .understood = await target.apply(create, receipts: [:]) else {
                Issue.record("the same conversation was not understood")
                return
            }
        }
        #expect(await bench.sandbox.dump()["conversations"]?.array?.count == tickets.count)
    }

    @Test("plans are pure and say what they cost")
    func plans() async throws {
        let bench = try SmartsuppBench()
        let target = try await bench.target()
        try await target.prepare(policy: nil, sink: Notes())
        let before = await bench.front.requestCounts()
        for ticket in Ticket.chats() {
            let identity = MigrationIdentity(migration: "m", source: "s")
            let one = await target.plan(ticket.draft, files: [], identity: identity, progress: TicketProgress())
            let two = await target.plan(ticket.draft, files: [], identity: identity, progress: TicketProgress())
            #expect(one.steps == two.steps && one.losses == two.losses)
            #expect(one.steps.allSatisfy { !$0.payload.canonicalText.contains("PRIVATE-WORD") })
            #expect(!one.losses.contains { $0.value?.contains("PRIVATE-WORD") == true })
        }
        #expect(await bench.front.requestCounts() == before)
    }

    @Test("counts a mail for each agent's text to a contact with an address, and refuses them unless allowed")
    func mails() async throws {
        let bench = try SmartsuppBench()
        let target = try await bench.target()
        try await target.prepare(policy: nil, sink: Notes())
        #expect(try await target.policy() == .refuse)
        let identity = MigrationIdentity(migration: "m", source: "s")
        let plan = await target.plan(Ticket.sample().draft, files: [], identity: identity, progress: TicketProgress())
        // Ada's reply and Mary Ann's, which the bot carries.
        #expect(plan.steps.reduce(0) { $0 + $1.mails } == 2)
        var nobody = Ticket.sample()
        nobody.requester?.email = nil
        let silent = await target.plan(nobody.draft, files: [], identity: identity, progress: TicketProgress())
        #expect(silent.steps.reduce(0) { $0 + $1.mails } == 0)
        for policy in [NotificationPolicy.stage, .mute] {
            try await target.prepare(policy: policy, sink: Notes())
            let error = await #expect(throws: Diagnostic.self) { _ = try await target.policy() }
            #expect(error?.cause == .refused)
        }
    }

    @Test("nobody is made to have said what somebody else wrote")
    func authors() async throws {
        let bench = try SmartsuppBench()
        var ticket = Ticket.sample(id: "a1")
        ticket.messages[1].author = Person(role: .agent, name: "Gone Agent", email: "gone@old.example")
        try await bench.run([ticket])
        let rows = await bench.sandbox.dump()["messages"]?.array ?? []
        #expect(rows.compactMap { $0["sub_type"]?.string } == ["contact", "bot", "bot", "contact"])
        #expect(
            rows[1]["content"]?["text"]?.string?.hasPrefix("Originally written by Gone Agent on 2024-06-02") == true)
        #expect(rows[2]["content"]?["text"]?.string?.hasPrefix("Originally written by Mary Ann") == true)
        #expect(rows.allSatisfy { $0["agent_id"] == nil })
        #expect(
            rows[0]["content"]?["text"]?.string?.hasPrefix("Originally written by Zoë de la Cruz on 2024-06-01") == true
        )
    }

    @Test("later messages are added and a closed conversation is closed again")
    func later() async throws {
        let bench = try SmartsuppBench()
        let journal = MemoryJournal()
        var ticket = Ticket.sample(id: "L1")
        try await bench.run([ticket], journal: journal)
        var more = Message(kind: .reply)
        more.id = "m9"
        more.author = ticket.requester
        more.body = .text("one more thing")
        more.createdAt = Timestamp("2024-06-09T12:00:00Z")
        ticket.messages.append(more)
        let report = try await bench.run([ticket], journal: journal)
        #expect(report.counts.updated == 1)
        let state = await bench.sandbox.dump()
        #expect(state["conversations"]?[0]?["status"] == "closed" && state["conversations"]?.array?.count == 1)
        #expect(state["messages"]?.array?.count == 5)
    }

    @Test("sees what people changed")
    func touched() async throws {
        let bench = try SmartsuppBench()
        let journal = MemoryJournal()
        try await bench.run([Ticket.sample(id: "t1")], journal: journal)
        let record = try #require(await journal.ticket("t1")?.ticket)
        let target = try await bench.target()
        try await target.prepare(policy: nil, sink: Notes())
        let receipt = Receipt(id: try #require(record.targetID))
        #expect(try await target.storedFingerprint(ticket: receipt) == record.stored)
        try await bench.sandbox.edit { $0["conversations"][1]?["tags"] = ["seen"] }
        #expect(try await target.storedFingerprint(ticket: receipt) != record.stored)
        #expect(try await target.storedFingerprint(ticket: Receipt(id: "con99")) == nil)
    }

    @Test("refuses a status that cannot be set")
    func unknownStatus() async throws {
        let target = try await SmartsuppBench().target()
        try await target.prepare(policy: nil, sink: Notes())
        var draft = Ticket.sample().draft
        draft.status = "served"
        let plan = await target.plan(
            draft, files: [], identity: MigrationIdentity(migration: "m", source: "s"), progress: TicketProgress())
        #expect(plan.refusals.map(\.code) == ["smartsupp.unknown-status"] && plan.steps.isEmpty)
    }

    @Test("a firewall's page for one text is that ticket's failure alone")
    func firewall() async throws {
        let bench = try SmartsuppBench(observer: { moment, request, _ in
            guard moment == .arrived, request.method == "POST", request.body.count > 0,
                String(decoding: request.body, as: UTF8.self).contains("third words")
            else { return .goOn }
            return .answer(
                SandboxResponse(
                    status: 403, headers: ["Content-Type": "text/html"], body: Array("<html>no</html>".utf8)))
        })
        var good = Ticket.sample(id: "good")
        good.messages.remove(at: 3)
        let report = try await bench.run([Ticket.sample(id: "bad"), good])
        #expect(report.counts.created == 1 && report.counts.failed + report.counts.uncertain == 1)
    }
}
