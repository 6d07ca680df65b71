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

@Suite("Fluent Support as a target")
struct FluentSupportTargetTests {
    /// Unique per run: the real site keeps what earlier runs wrote.
    let identity = MigrationIdentity(migration: "test \(UUID().uuidString)", source: "acme")

    static let benches: [Bool] = FluentSupportBench.isReal ? [false, true] : [false]

    func bench(_ real: Bool, agents: [String: Secret] = ["ada@lab.example": Secret("any")]) async throws
        -> FluentSupportBench
    {
        real ? try FluentSupportBench.real() : try await .practice(agents: agents)
    }

    @Test("plans messages + files + 6 requests at most, + 1 with dates in the file", arguments: [false, true])
    func requests(datesInFile: Bool) async throws {
        let bench = try await bench(false)
        let target = try await bench.target(.init(datesInFile: datesInFile))
        let plan = await target.plan(Ticket.sample().draft, files: [], identity: identity, progress: TicketProgress())
        let messages = plan.steps.count { $0.verb == .create || $0.verb == .append }
        #expect(messages == 6, "five messages that it can hold and the migration note")
        #expect(plan.steps.reduce(0) { $0 + $1.requests } <= messages + (datesInFile ? 1 : 6))
        #expect(plan.refusals.isEmpty)
        #expect(plan.steps.allSatisfy { $0.mails == 0 })
        #expect(plan.finishing.count == (datesInFile ? 6 : 4))
    }

    @Test("plans equal steps for equal drafts, before and after the staging mailbox is made")
    func deterministic() async throws {
        let bench = try await bench(false)
        let target = try await bench.target()
        let before = await target.plan(Ticket.sample().draft, files: [], identity: identity, progress: TicketProgress())
        for borrowing in try await target.borrowings() { try await target.borrow(borrowing) }
        let after = await target.plan(Ticket.sample().draft, files: [], identity: identity, progress: TicketProgress())
        #expect(before.steps == after.steps)
        #expect(before.losses == after.losses)
    }

    @Test("refuses a status that the site does not have")
    func unknownStatus() async throws {
        let target = try await bench(false).target()
        var draft = Ticket.sample().draft
        draft.status = "on-hold"
        let plan = await target.plan(draft, files: [], identity: identity, progress: TicketProgress())
        #expect(plan.refusals.map(\.code) == ["fluent-support.unknown-status"])
        #expect(plan.steps.isEmpty)
    }

    @Test("counts the mails that a site would send when nothing is muted")
    func mails() async throws {
        let target = try await bench(false).target(policy: .refuse)
        let plan = await target.plan(Ticket.sample().draft, files: [], identity: identity, progress: TicketProgress())
        // The ticket to the admin, two agents' replies to the customer, one customer's reply to the agent.
        #expect(plan.steps.reduce(0) { $0 + $1.mails } == 4)
    }

    @Test("writes a ticket that reads back equal, with no mail and everything given back", arguments: benches)
    func wholeTicket(real: Bool) async throws {
        let bench = try await bench(real)
        let target = try await bench.target()
        let borrowings = try await target.borrowings()
        for borrowing in borrowings { try await target.borrow(borrowing) }
        let mailsBefore = await bench.sandbox?.mails().count ?? 0
        let ticket = Ticket.sample(id: "T\(UUID().uuidString.prefix(6))")
        let plan = await target.plan(ticket.draft, files: [], identity: identity, progress: TicketProgress())
        let before = bench.requests.count
        let (receipts, losses) = try await bench.perform(plan, target)
        let tags = plan.steps.count { $0.batch != nil }
        #expect(bench.requests.count - before == plan.steps.reduce(0) { $0 + $1.requests } + tags)
        #expect(losses.isEmpty, "every content_hash is as foreseen: \(losses)")
        #expect(await bench.sandbox?.mails().count ?? 0 == mailsBefore)

        for step in plan.steps where step.verb != .set {
            guard case .found(let receipt) = try await target.lookUp(step, receipts: receipts) else {
                Issue.record("\(step.name) is not found")
                continue
            }
            #expect(receipt.id == receipts[step.key]?.id)
        }
        let created = try #require(receipts[identity.key(ticket: ticket.id, part: "ticket")])
        let adopted = try await target.adopt(plan.steps, ticket: created)
        #expect(
            Set(plan.steps.map(\.key)).subtracting(adopted.keys).isEmpty,
            "\(plan.steps.filter { adopted[$0.key] == nil }.map(\.name))")
        #expect(try await target.inventory().contains { $0.receipt.id == created.id })
        // People's changes show; ours, and tags, do not.
        let stored = receipts[identity.key(ticket: ticket.id, part: "set:updated_at")]?.stored
        #expect(stored != nil)
        let now = try await target.storedFingerprint(ticket: created)
        #expect(now == stored)

        let source = FluentSupportSource(api: bench.api, sink: Notes())
        let back = try await source.fetch(Stub(id: created.id)).ticket()
        #expect(back.subject == ticket.subject)
        #expect(back.status == .closed && back.priority == .urgent)
        #expect(
            back.createdAt == ticket.createdAt && back.updatedAt == ticket.updatedAt
                && back.resolvedAt == ticket.resolvedAt)
        #expect(back.assignee?.email == "ada@lab.example" && back.requester?.email == ticket.requester?.email)
        #expect(back.mailbox == "Support" && back.tags == ["bug", "vip"])
        #expect(back.messages[0].body == ticket.messages[0].body)
        let byKind = Dictionary(grouping: back.messages, by: \.kind).mapValues(\.count)
        #expect(byKind == [.reply: 4, .note: 2])
        let authors = back.messages.map { $0.author?.email ?? "" }
        #expect(authors.count { $0 == ticket.requester?.email } == 2 && authors.count { $0 == "ada@lab.example" } == 2)

        _ = await bench.api.send(
            APICall(
                .put, "tickets/\(created.id)/property",
                body: .json(["prop_name": "client_priority", "prop_value": "medium"])))
        let touched = try await target.storedFingerprint(ticket: created)
        #expect(touched != stored && touched != nil)
        #expect(try await target.storedFingerprint(ticket: Receipt(id: "999999")) == nil)

        for borrowing in borrowings {
            guard case .givenBack = try await target.giveBack(borrowing) else {
                Issue.record("\(borrowing.name) was not given back")
                continue
            }
        }
        let boxes = try await bench.api.read("mailboxes")["mailboxes"]?.array ?? []
        #expect(!boxes.contains { $0["name"]?.string == "Ticketferry staging" })
    }

    @Test("moves a ticket through the staging mailbox again when messages are added", arguments: benches)
    func later(real: Bool) async throws {
        let bench = try await bench(real)
        let target = try await bench.target()
        for borrowing in try await target.borrowings() { try await target.borrow(borrowing) }
        var ticket = Ticket.sample(id: "L\(UUID().uuidString.prefix(6))", status: .open)
        let first = await target.plan(ticket.draft, files: [], identity: identity, progress: TicketProgress())
        let (receipts, _) = try await bench.perform(first, target)
        var progress = TicketProgress()
        for (index, step) in first.steps.enumerated() {
            progress.done[step.key] = .init(
                receipt: try #require(receipts[step.key]), fingerprint: "", order: index, value: step.value)
        }
        let same = await target.plan(ticket.draft, files: [], identity: identity, progress: progress)
        #expect(same.steps.allSatisfy { progress.done[$0.key] != nil || $0.verb == .set }, "\(same.steps.map(\.name))")
        var more = try #require(ticket.messages.first { $0.kind == .reply && $0.author?.role == .agent })
        more.id = "m9"
        more.createdAt = Timestamp("2024-06-09T12:00:00Z")
        ticket.messages.append(more)
        let second = await target.plan(ticket.draft, files: [], identity: identity, progress: progress)
        #expect(second.steps.count { progress.done[$0.key] == nil && $0.verb == .append } == 1)
        let index = try #require(second.steps.firstIndex { $0.name == "staging mailbox" })
        #expect(index < second.steps.firstIndex { $0.verb == .append } ?? 0)
        let mails = await bench.sandbox?.mails().count ?? 0
        var rest = second
        rest.steps.removeAll { progress.done[$0.key] != nil && !$0.undoneByOthers }
        _ = try await bench.perform(rest, target, receipts: receipts)
        #expect(await bench.sandbox?.mails().count ?? 0 == mails)
        for borrowing in try await target.borrowings() { _ = try await target.giveBack(borrowing) }
    }

    @Test("every text of the table arrives as foreseen at its place", arguments: benches)
    func texts(real: Bool) async throws {
        let bench = try await bench(real)
        let target = try await bench.target(policy: .stage)
        for borrowing in try await target.borrowings() { try await target.borrow(borrowing) }
        var wrong: [String] = []
        for (number, row) in FluentSupportTextTests.rows.enumerated() {
            var ticket = Ticket.sample(id: "X\(number)-\(UUID().uuidString.prefix(6))")
            ticket.tags = []
            let html = Message.Body.html(row.text + ".", lineBreaks: true)
            switch row.place {
            case .body: ticket.messages = [ticket.messages[0]]
            case .agent: ticket.messages = Array(ticket.messages[0...1])
            case .customer: ticket.messages = [ticket.messages[0], ticket.messages[4]]
            case .title: continue
            }
            ticket.messages[ticket.messages.count - 1].body = html
            let plan = await target.plan(ticket.draft, files: [], identity: identity, progress: TicketProgress())
            var short = plan
            short.steps.removeAll { $0.verb == .set && $0.name != "mailbox_id" }
            let (_, losses) = try await bench.perform(short, target)
            if !losses.isEmpty { wrong.append("\(row.testDescription): \(losses.map(\.reason))") }
        }
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }

    @Test("tells a wrong password from passwords switched off")
    func wrongPassword() async throws {
        guard FluentSupportBench.isReal else { return }
        var api = try FluentSupportBench.real().api
        api.client.authentication = .basic(user: "admin", Secret("wrong wrong wrong"))
        let target = FluentSupportTarget(api: api)
        await #expect {
            try await target.prepare(policy: nil, sink: Notes())
        } throws: { error in
            (error as? Diagnostic)?.code == "fluent-support.wrong-password"
        }
    }

    @Test("uploads files with their ticket, and names what the site does not take", arguments: benches)
    func files(real: Bool) async throws {
        let bench = try await bench(real)
        let target = try await bench.target()
        for borrowing in try await target.borrowings() { try await target.borrow(borrowing) }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ferry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ name: String, _ text: String) throws -> Result<ResolvedFile, FileUnavailable> {
            let url = folder.appendingPathComponent(UUID().uuidString)
            try Data(text.utf8).write(to: url)
            return .success(
                ResolvedFile(name: name, mediaType: "text/plain", path: url.path, size: text.utf8.count, sha256: ""))
        }
        var ticket = Ticket.sample(id: "F\(UUID().uuidString.prefix(6))")
        ticket.messages = Array(ticket.messages[0...1])
        ticket.tags = []
        let files = [
            [try file("a b.txt", "hello world, this is a text"), try file("mail.eml", "From: a\n\nb")],
            [try file("n.txt", "another text of some length"), .failure(FileUnavailable("it is not in the folder"))],
        ]
        let plan = await target.plan(ticket.draft, files: files, identity: identity, progress: TicketProgress())
        #expect(plan.steps.flatMap(\.files).map(\.name) == ["a b.txt", "n.txt"])
        #expect(plan.losses.count { $0.field == "messages[].attachments[]" } == 2)
        let (receipts, losses) = try await bench.perform(plan, target)
        #expect(losses.isEmpty, "\(losses)")
        let source = FluentSupportSource(api: bench.api, sink: Notes())
        let id = try #require(receipts[identity.key(ticket: ticket.id, part: "ticket")]?.id)
        let back = try await source.fetch(Stub(id: id)).ticket()
        #expect(back.messages[0].attachments.map(\.name) == ["a-b.txt"])
        #expect(back.messages[1].attachments.map(\.name) == ["n.txt"])
        if real {
            let got = try await source.file(for: back.messages[0].attachments[0]).get()
            #expect(got.size == 27)
        }
        for borrowing in try await target.borrowings() { _ = try await target.giveBack(borrowing) }
    }
}
