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

@Suite("A ticket of Fluent Support that is written in several runs")
struct FluentSupportLaterRunTests {
    let identity = MigrationIdentity(migration: "later", source: "acme")

    /// A run of the engine over one ticket: borrows, sends what is not done, and gives back.
    ///
    /// With `dyingAfter` the process dies after so many steps, and gives nothing back.
    func run(
        _ ticket: Ticket, _ bench: FluentSupportBench, _ progress: TicketProgress = .init(),
        policy: NotificationPolicy? = nil, dyingAfter count: Int? = nil
    ) async throws -> TicketProgress {
        let target = try await bench.target(policy: policy)
        let borrowings = try await target.borrowings()
        for borrowing in borrowings { try await target.borrow(borrowing) }
        let plan = await target.plan(ticket.draft, files: [], identity: identity, progress: progress)
        try #require(plan.refusals.isEmpty)
        func isNew(_ step: Step) -> Bool {
            guard let done = progress.done[step.key] else { return true }
            return step.verb == .set && done.fingerprint != step.fingerprint
        }
        let writes = plan.steps.contains { isNew($0) && !$0.undoneByOthers && $0.batch == nil }
        var progress = progress
        var todo = plan.steps.filter { isNew($0) || writes && $0.undoneByOthers }
        if let count { todo = Array(todo.prefix(count)) }
        for step in todo {
            let receipts = progress.done.mapValues(\.receipt)
            guard case .understood(let receipt, _) = await target.apply(step, receipts: receipts) else {
                Issue.record("\(step.name) was not understood")
                return progress
            }
            progress.done[step.key] = .init(
                receipt: receipt, fingerprint: step.fingerprint,
                order: 1 + (progress.done.values.map(\.order).max() ?? 0), value: step.value)
        }
        guard count == nil else { return progress }
        for borrowing in borrowings.reversed() {
            guard case .givenBack = try await target.giveBack(borrowing) else {
                Issue.record("\(borrowing.name) was not given back")
                continue
            }
        }
        return progress
    }

    func bench() async throws -> FluentSupportBench { try await .practice(agents: ["ada@lab.example": Secret("any")]) }

    func mails(_ bench: FluentSupportBench) async -> Int { await bench.sandbox?.mails().count ?? -1 }

    func row(_ bench: FluentSupportBench, _ progress: TicketProgress) async throws -> JSON {
        let id = try #require(progress.done[identity.key(ticket: "1042", part: "ticket")]?.receipt.id)
        return try await bench.api.read("tickets/\(id)")["ticket"] ?? .null
    }

    func responses(_ bench: FluentSupportBench) async -> [JSON] {
        (await bench.sandbox?.dump()["responses"]?.array ?? [])
    }

    static func with(_ ticket: Ticket, reply id: String, day: Int, first: Bool = false) throws -> Ticket {
        var ticket = ticket
        var more = try #require(ticket.messages.first { $0.kind == .reply && $0.author?.role == .agent })
        more.id = id
        more.body = .html("text of \(id)", lineBreaks: false)
        more.createdAt = Timestamp("2024-06-0\(day)T11:00:00Z")
        ticket.messages.insert(more, at: first ? 0 : ticket.messages.count)
        return ticket
    }

    /// Deletes the staging mailbox as an admin would: its tickets fall into the default one.
    func deleteStaging(_ bench: FluentSupportBench) async throws {
        let boxes = try await bench.api.read("mailboxes")["mailboxes"]?.array ?? []
        let box = try #require(boxes.first { $0["email"]?.string == FluentSupportSite.stagingAddress }?["id"]?.int)
        _ = await bench.api.send(APICall(.delete, "mailboxes/\(box)", body: .json(["fallback_id": 1])))
    }

    func newMailbox(_ bench: FluentSupportBench, _ name: String) async throws -> Int {
        let sent = await bench.api.send(
            APICall(
                .post, "mailboxes",
                body: .json(["business": ["name": .string(name), "email": "box@lab.example", "box_type": "web"]])))
        guard case .understood(let json) = sent else { throw FluentSupportBench.Failed() }
        return try #require(json["mailbox"]?["id"]?.int)
    }

    @Test("sends no mail when an earlier run had another policy")
    func otherPolicy() async throws {
        let bench = try await bench()
        let ticket = Ticket.sample(status: .open)
        let done = try await run(ticket, bench, policy: .mute)
        #expect(await mails(bench) == 0)
        var more = try Self.with(ticket, reply: "m9", day: 9)
        more.assignee = Person(role: .agent, email: "nobody@lab.example")
        _ = try await run(more, bench, done)
        #expect(await mails(bench) == 0)
        #expect(await responses(bench).count { $0["content"]?.string?.contains("text of m9") == true } == 1)
    }

    @Test("sends no mail when the staging mailbox was deleted under a run that died", arguments: [1, 2, 4])
    func deletedStaging(count: Int) async throws {
        let bench = try await bench()
        let half = try await run(.sample(), bench, dyingAfter: count)
        try await deleteStaging(bench)
        let done = try await run(.sample(), bench, half)
        #expect(await mails(bench) == 0)
        let ticket = try await row(bench, done)
        #expect(ticket["mailbox_id"]?.int == 1)
        #expect(await responses(bench).count { $0["kind"]?.string != "internal_info" } == 5)
    }

    @Test("sends no mail when a ticket that was found again stands elsewhere")
    func foundElsewhere() async throws {
        let bench = try await bench()
        _ = try await run(.sample(), bench, dyingAfter: 1)
        try await deleteStaging(bench)
        let target = try await bench.target()
        for borrowing in try await target.borrowings() { try await target.borrow(borrowing) }
        var plan = await target.plan(Ticket.sample().draft, files: [], identity: identity, progress: .init())
        guard case .found(let receipt) = try await target.lookUp(plan.steps[0], receipts: [:]) else {
            Issue.record("not found")
            return
        }
        let create = plan.steps.removeFirst()
        _ = try await bench.perform(plan, target, receipts: [create.key: receipt])
        #expect(await mails(bench) == 0)
    }

    @Test("gives a live ticket to another agent without a mail, and leaves it where it stands")
    func assignee() async throws {
        let bench = try await bench()
        var ticket = Ticket.sample()
        let site = try await bench.target().site
        let ada = try #require(site.agents["ada@lab.example"])
        // Nobody is told of what they give themselves: the ticket goes from the login's own agent to another.
        ticket.assignee = Person(role: .agent, email: site.me.email)
        let done = try await run(ticket, bench)
        let box = try await newMailbox(bench, "People's choice")
        let id = try #require(try await row(bench, done)["id"]?.int)
        _ = await bench.api.send(
            APICall(.put, "tickets/\(id)/property", body: .json(["prop_name": "mailbox_id", "prop_value": JSON(box)])))
        ticket.assignee = Person(role: .agent, email: "ada@lab.example")
        ticket.subject = "Another title"
        let target = try await bench.target()
        for borrowing in try await target.borrowings() { try await target.borrow(borrowing) }
        let plan = await target.plan(ticket.draft, files: [], identity: identity, progress: done)
        let step = try #require(plan.steps.first { $0.name == "agent_id" })
        guard case .understood = await target.apply(step, receipts: done.done.mapValues(\.receipt)) else {
            Issue.record("not understood")
            return
        }
        let row = try await row(bench, done)
        #expect(row["agent_id"]?.int == ada)
        #expect(row["mailbox_id"]?.int == box)
        #expect(await mails(bench) == 0)
        // The same where the ticket stands would have mailed.
        for agent in [site.me.id, ada] { _ = await target.put("agent_id", JSON(agent), ticket: id) }
        #expect(await mails(bench) == 1)
    }

    @Test("mutes all mailboxes, whatever `mailbox` says")
    func muteAll() async throws {
        let bench = try await bench()
        let other = try await newMailbox(bench, "Other")
        let target = try await bench.target(.init(mailbox: "Support"), policy: .mute)
        #expect(try await target.borrowings().map(\.name) == ["mailbox 1 e-mails", "mailbox \(other) e-mails"])
    }

    @Test("goes back to the mailbox that people chose after new messages")
    func peoplesMailbox() async throws {
        let bench = try await bench()
        let ticket = Ticket.sample()
        let done = try await run(ticket, bench)
        let box = try await newMailbox(bench, "People's choice")
        let id = try #require(try await row(bench, done)["id"]?.int)
        _ = await bench.api.send(
            APICall(.put, "tickets/\(id)/property", body: .json(["prop_name": "mailbox_id", "prop_value": JSON(box)])))
        let more = try Self.with(ticket, reply: "m8", day: 8)
        // The second run dies in the staging mailbox, the third one ends it.
        let half = try await run(more, bench, done, dyingAfter: 1)
        #expect(try await row(bench, half)["mailbox_id"]?.int != box)
        let whole = try await run(more, bench, half)
        #expect(try await row(bench, whole)["mailbox_id"]?.int == box)
        let last = try await run(try Self.with(more, reply: "m9", day: 9), bench, whole)
        #expect(try await row(bench, last)["mailbox_id"]?.int == box)
        #expect(await mails(bench) == 0)
    }

    @Test("keeps its opening text when an earlier message comes later", arguments: [false, true])
    func earlierMessage(adopted: Bool) async throws {
        let bench = try await bench()
        let ticket = Ticket.sample()
        var done = try await run(ticket, bench)
        let before = await responses(bench).count
        if adopted {
            let key = identity.key(ticket: "1042", part: "ticket")
            done.done[key]?.receipt.details = .null
        }
        let more = try Self.with(ticket, reply: "m0", day: 1, first: true)
        _ = try await run(more, bench, done)
        let all = await responses(bench)
        #expect(all.count == before + 1)
        #expect(all.last?["content"]?.string?.contains("text of m0") == true)
    }

    @Test("writes another note for what is lost later, and cuts nothing")
    func furtherNote() async throws {
        let bench = try await bench()
        var ticket = Ticket.sample()
        let done = try await run(ticket, bench)
        let before = await responses(bench).count
        ticket.customFields["Long"] = .string(String(repeating: "0123456789", count: 90) + "end")
        let more = try await run(ticket, bench, done)
        let all = await responses(bench)
        #expect(all.count == before + 1)
        let note = try #require(all.last?["content"]?.string)
        #expect(note.contains("end") && !note.contains("Order"))
        _ = try await run(ticket, bench, more)
        #expect(await responses(bench).count == before + 1)
    }

    @Test("has lines in the finishing file that leave people's later changes alone")
    func finishing() async throws {
        let bench = try await bench()
        var ticket = Ticket.sample()
        ticket.assignee = nil
        let target = try await bench.target(.init(datesInFile: true))
        let plan = await target.plan(ticket.draft, files: [], identity: identity, progress: .init())
        let ada = try #require(target.site.agents["ada@lab.example"])
        let unassigns = try #require(plan.finishing.first { $0.contains("agent_id = NULL") })
        #expect(unassigns.contains(" AND agent_id = \(ada) AND NOT EXISTS (SELECT 1 FROM "))
        // Whoever gives the ticket to somebody leaves such a line, also where it is the one who replied first.
        #expect(unassigns.contains("c.conversation_type IN ('response', 'internal_info')"))
        #expect(unassigns.hasSuffix(" AND COALESCE(c.message_id, '') NOT LIKE 'ferry-%');"))
        let dates = plan.finishing.filter { $0.contains("fs_tickets SET") && !$0.contains("agent_id = NULL") }
        #expect(dates.count == 2)
        #expect(dates.allSatisfy { $0.contains("LEAST(") })
        #expect(dates.allSatisfy { $0.contains("updated_at") == $0.contains("NOT EXISTS") })
    }
}
