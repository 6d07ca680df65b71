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

@Suite("A delta into Fluent Support")
struct FluentSupportDeltaTests {
    private func plan(_ migration: FluentSupportMigration) async throws -> (PlanSummary, [TicketChange]) {
        var changes: [TicketChange] = []
        let summary = try await Planner(
            setup: migration.setup, target: migration.target(), journal: migration.journal
        ).plan { if $0.action != .unchanged { changes.append($0) } }
        return (summary, changes)
    }

    @Test("sets a property back to what it was born with after a request that got no answer")
    func setsBackAfterSilence() async throws {
        var ticket = Ticket.sample(id: "s2", status: .open)
        let migration = try FluentSupportMigration(try await .practice(), tickets: [ticket])
        defer { migration.close() }
        try await migration.migrate()
        // The old desk closed it, and the answer to that got lost with the process; then it was opened again.
        ticket.status = .closed
        migration.source.replace([ticket])
        let identity = MigrationIdentity(migration: "verified", source: "acme")
        let target = migration.target()
        try await target.prepare(policy: nil, sink: Notes())
        let known = try #require(await migration.journal.ticket("s2"))
        var progress = TicketProgress()
        for step in known.steps {
            guard let receipt = step.receipt else { continue }
            progress.done[identity.key(ticket: "s2", part: step.part)] = .init(
                receipt: receipt, fingerprint: step.fingerprint, order: step.order, value: step.value)
        }
        let plan = await target.plan(ticket.draft, files: [], identity: identity, progress: progress)
        let step = try #require(plan.steps.first { $0.name == "status" })
        var record = known.ticket
        record.state = .begun
        try await migration.journal.record([.ticket(record), .intent(StepRecord(step, sentAt: Timestamp(seconds: 0)))])
        _ = await target.apply(step, receipts: progress.done.mapValues(\.receipt))
        ticket.status = .open
        migration.source.replace([ticket])
        try await migration.migrate()
        let found = try await migration.verify()
        #expect(found.exitCause == nil, "\(found.json.canonicalText)")
    }

    @Test("has dates that wait for the finishing file to be run again, and texts that changed in the source named so")
    func afterTheFinishingFile() async throws {
        var tickets = [Ticket.sample(id: "s1"), Ticket.sample(id: "s2", status: .open)]
        let migration = try FluentSupportMigration(try await .practice(), tickets: tickets)
        defer { migration.close() }
        try await migration.migrate()
        try await migration.finish()
        tickets[0] = try FluentSupportLaterRunTests.with(tickets[0], reply: "late", day: 9)
        migration.source.replace(tickets)
        try await migration.migrate()
        var found = try await migration.verify()
        #expect(found.exitCause == nil && found.waitingDates == 1, "\(found.shown)")
        try await migration.finish()
        found = try await migration.verify()
        #expect(found.exitCause == nil && found.waitingDates == 0, "\(found.shown)")
        tickets[1].messages[1].body = .html("other words", lineBreaks: false)
        migration.source.replace(tickets)
        found = try await migration.verify()
        #expect(found.counts == [.text: 1], "\(found.shown)")
        #expect(found.different[0].differences[0].found == "as it was written, and the source changed since")
    }

    @Test("is no changed mapping, and leaves notes that verify knows for ours")
    func isNoChangedMapping() async throws {
        let tickets = [Ticket.sample(id: "s1"), Ticket.sample(id: "s2", status: .open)]
        let migration = try FluentSupportMigration(try await .practice(), tickets: tickets)
        defer { migration.close() }
        try await migration.migrate()
        var changed = tickets
        changed[0] = try FluentSupportLaterRunTests.with(changed[0], reply: "late", day: 9)
        changed[0].customFields["Order"] = .string("another order")
        changed[0].customFields["Basket"] = .string("3 kettles")
        changed[1].status = .closed
        for now in [tickets, changed] {
            migration.source.replace(now)
            #expect(try await plan(migration).0.remapped == 0)
            try await migration.migrate()
            let (summary, _) = try await plan(migration)
            #expect(summary.isEmpty && summary.remapped == 0)
            let found = try await migration.verify()
            #expect(found.exitCause == nil, "\(found.shown)")
        }
        // What is in none of the notes is missed.
        let sandbox = try #require(migration.bench.sandbox)
        try await sandbox.edit { state in
            for var response in state.responses.all where response.content.contains("3 kettles") {
                response.content = response.content.replacingOccurrences(of: "3 kettles", with: "2 kettles")
                state.responses[response.id] = response
            }
        }
        let found = try await migration.verify()
        #expect(found.counts == [.text: 1], "\(found.shown)")
    }

    @Test("sets what changed, there and back, and calls no text changed")
    func setsWhatChanged() async throws {
        let tickets = [Ticket.sample(id: "s1"), Ticket.sample(id: "s2", status: .open)]
        let migration = try FluentSupportMigration(try await .practice(), tickets: tickets)
        defer { migration.close() }
        try await migration.migrate()
        var changed = tickets
        changed[1].status = .closed
        changed[1].subject = "Another subject"
        for (now, wanted) in [(changed, ["status", "title"]), (tickets, ["status", "title"])] {
            migration.source.replace(now)
            let (summary, changes) = try await plan(migration)
            #expect(summary.update == 1 && summary.changedTexts == 0)
            #expect(changes.map(\.id) == ["s2"])
            let moved = Set([
                "last_agent_response", "last_customer_response", "waiting_since", "mailbox_id", "updated_at",
            ])
            #expect(changes[0].fields.map(\.name).filter { !moved.contains($0) } == wanted)
            try await migration.migrate()
            #expect(try await plan(migration).0.isEmpty)
            let found = try await migration.verify()
            #expect(found.exitCause == nil, "\(found.json.canonicalText)")
        }
    }
}
