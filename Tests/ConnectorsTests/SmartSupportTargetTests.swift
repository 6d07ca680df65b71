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

@Suite("Writing Smart Support")
struct SmartSupportTargetTests {
    // MARK: Round trips

    @Test(
        "what is written is read again leaf by leaf: every difference is a loss, every loss a difference",
        arguments: [
            [], ["text-filtered"], ["data-array", "other-names", "ids-as-strings"],
            ["data-items", "nulls-absent", "bearer-only"],
            ["no-notes-scope"], ["list-without-message", "per-page-clamped", "php-noise", "plain-links"],
            ["zone-tokyo", "updated-after-strict", "order-ignored"], ["submissions-limited"],
            ["submissions-limited-400"],
        ] as [[String]])
    func roundTrip(_ switches: [String]) async throws {
        let bench = try await SmartSupportBench.open(Set(switches))
        try await Self.compare(bench, HostileTickets.all(), "\(switches)")
    }

    @Test("random combinations of switches change nothing of that", arguments: 0..<10)
    func combinations(_ seed: Int) async throws {
        var chance = SmartSupportSandbox.Chance(seed: UInt64(seed + 77))
        let all = SmartSupportBench.shapes + ["text-filtered", "no-notes-scope", "submissions-limited", "no-welcome"]
        let switches = Set(all.filter { _ in chance.next(3) == 0 })
        let bench = try await SmartSupportBench.open(switches)
        try await Self.compare(bench, HostileTickets.all(20, sharing: seed % 2 == 0), "\(switches)")
    }

    /// Writes, reads, and holds each ticket's differences against its losses.
    static func compare(_ bench: SmartSupportBench, _ tickets: [Ticket], _ what: String) async throws {
        let journal = MemoryJournal()
        let report = try await bench.run(tickets, journal)
        #expect(report.state == .finished && report.failures.isEmpty, "\(what): \(report.failures)")
        let source = try bench.source()
        let found = try await bench.read(source).mapValues { try $0.ticket() }
        #expect(found.count == tickets.count, "\(what)")
        // Two of one address have the name of the first.
        let names = Dictionary(
            tickets.compactMap { $0.requester }.map { ($0.email?.lowercased() ?? "", $0.displayName ?? "") },
            uniquingKeysWith: { a, _ in a })
        for ticket in tickets {
            let record = try #require(await journal.ticket(ticket.id)?.ticket)
            let read = try #require(found[record.targetID ?? ""])
            let losses = await journal.losses(of: ticket.id)
            var draft = ticket
            if let email = ticket.requester?.email?.lowercased(), let name = names[email] {
                draft.requester?.name = name
            }
            let differing = Self.differences(draft, read)
            let lost = Set(losses.map(\.field)).subtracting(["extras", "messages[].extras"])
            #expect(differing == lost, "\(what), ticket \(ticket.id): \(differing.symmetricDifference(lost).sorted())")
        }
    }

    /// Whether a text came back as it was, but for our marker and the line that names an author.
    static func isSame(_ drafted: Message.Body?, _ read: Message.Body?) -> Bool {
        var text = SmartSupportText.withoutMarker(read?.content ?? "")
        if text.hasPrefix("<p><em>"), let end = text.range(of: "</em></p>") { text = String(text[end.upperBound...]) }
        switch drafted {
        case .text(let plain):
            // References are another spelling, which a loss tells.
            return text == FluentSupportText.html(text: plain) && !text.contains("&")
                && !plain.contains { "&<>{}#".contains($0) }
        case .html(let html, let lineBreaks):
            let hasBreakAtEnd = ["\n", "<br>", "<br/>", "<br />"].contains { html.hasSuffix($0) }
            return text == html && !hasBreakAtEnd && (lineBreaks || !html.contains("\n"))
        case nil: return text.isEmpty
        }
    }

    static func differences(_ a: Ticket, _ b: Ticket) -> Set<String> {
        var out: Set<String> = []
        func check(_ field: String, _ x: String?, _ y: String?) { if x != y, x != nil { out.insert(field) } }
        check("subject", a.subject ?? "", b.subject)
        check("status", a.status?.rawValue, b.status?.rawValue)
        check("priority", a.priority?.rawValue, b.priority?.rawValue)
        check("department", a.department, b.department)
        check("product", a.product, b.product)
        check("assignee", a.assignee?.email, b.assignee?.email)
        check("requester.email", a.requester?.email, b.requester?.email)
        check("requester.name", a.requester?.displayName, b.requester?.displayName)
        check("createdAt", a.createdAt?.description, b.createdAt?.description)
        check("updatedAt", a.updatedAt?.description, b.updatedAt?.description)
        for tag in a.tags where !b.tags.contains(tag) { out.insert("tags[]") }
        for name in a.customFields.keys where b.customFields[name] == nil { out.insert("customFields.\(name)") }
        // The migration note is ours.
        let read = b.messages.filter { $0.body?.content.contains("<strong>Ticketferry</strong>") != true }
        var left = read
        for message in a.messages {
            guard let i = left.firstIndex(where: { $0.kind == message.kind }) else {
                out.insert("messages[]")
                continue
            }
            let other = left.remove(at: i)
            if message.author?.email?.lowercased() != other.author?.email?.lowercased() {
                out.insert("messages[].author")
            }
            if !isSame(message.body, other.body) { out.insert("messages[].body") }
            check("messages[].createdAt", message.createdAt?.description, other.createdAt?.description)
            if message.attachments.count != other.attachments.count { out.insert("messages[].attachments[]") }
        }
        if !left.isEmpty { out.insert("messages[]") }
        return out
    }

    // MARK: Private, mails, twice

    @Test(
        "no note is ever public, whoever wrote it",
        arguments: [[], ["other-names", "ids-as-strings"], ["no-notes-scope"]] as [[String]])
    func notesStayPrivate(_ switches: [String]) async throws {
        for agents in [SmartSupportSandbox.agents, ""] {
            let bench = try await SmartSupportBench.open(Set(switches))
            let options = SmartSupportBench.options {
                $0.agents = SmartSupportSite.pairs(agents).map { ($0.name, $0.id) }
            }
            try await bench.run(HostileTickets.all(), MemoryJournal(), options: options)
            let dump = await bench.sandbox.dump()
            let replies = dump["replies"]?.array ?? []
            let exposed = replies.filter {
                $0["message"]?.string?.contains("SECRET") == true && $0["internal"]?.bool != true
            }
            #expect(exposed.isEmpty)
            let isWritten = replies.contains { $0["internal"]?.bool == true }
            #expect(isWritten == (switches != ["no-notes-scope"] && !agents.isEmpty))
            #expect((dump["tickets"]?.array ?? []).allSatisfy { $0["message"]?.string?.contains("SECRET") != true })
        }
    }

    @Test("the mails that are sent are those of the plan, where every ticket has a customer of its own")
    func mails() async throws {
        let bench = try await SmartSupportBench.open()
        let report = try await bench.run(HostileTickets.all(), MemoryJournal())
        #expect(await bench.sandbox.mails().count == report.plan?.mails)
        // Of one customer there is one welcome, and the plan counts the most there can be.
        let shared = try await SmartSupportBench.open()
        let other = try await shared.run(HostileTickets.all(20, sharing: true), MemoryJournal())
        #expect(await shared.sandbox.mails().count <= other.plan?.mails ?? 0)
    }

    @Test("the requests that are sent are those of the plan")
    func requests() async throws {
        let bench = try await SmartSupportBench.open()
        let report = try await bench.run(HostileTickets.all(), MemoryJournal())
        // All but the pre-flight: writes, and one reading back for each ticket with notes.
        let sent = await bench.front.requestCounts().filter { !$0.key.hasPrefix("GET") || $0.key.hasSuffix("replies") }
        #expect(sent.values.reduce(0, +) == report.plan?.requests)
    }

    @Test("without an allowance nothing is written, and muting is refused")
    func refuses() async throws {
        let bench = try await SmartSupportBench.open()
        for (policy, code) in [
            (NotificationPolicy.refuse, "notifications.refused"), (.mute, "smart-support.cannot-mute"),
        ] {
            let setup = MigrationSetup(
                name: "t", sourceName: "s", source: FixedSource(tickets: HostileTickets.all(2)),
                mapping: TicketMapping { WriteMapping.none.draft(of: $0) }, notifications: policy, clock: bench.clock,
                sink: Notes())
            let error = await #expect(throws: Diagnostic.self) {
                _ = try await Runner(
                    setup: setup, target: try bench.target(), journal: MemoryJournal(), options: RunOptions()
                ).migrate()
            }
            #expect(error?.code == code)
            #expect(error?.cause == .refused)
        }
        #expect(await bench.front.requestCounts().keys.allSatisfy { $0.hasPrefix("GET") })
    }

    @Test("a second run writes nothing; a changed ticket gets its changes alone")
    func again() async throws {
        let bench = try await SmartSupportBench.open()
        let journal = MemoryJournal()
        var tickets = HostileTickets.all()
        try await bench.run(tickets, journal)
        let before = await bench.front.requestCounts().filter { !$0.key.hasPrefix("GET") }
        let second = try await bench.run(tickets, journal)
        #expect(await bench.front.requestCounts().filter { !$0.key.hasPrefix("GET") } == before)
        #expect(second.plan?.isEmpty == true)
        tickets[0].priority = .urgent
        tickets[0].status = .closed
        tickets[3].status = .open
        tickets[1].subject = "another"
        var more = Message(kind: .reply)
        more.id = "late"
        more.author = tickets[2].requester
        more.body = .html("late words", lineBreaks: true)
        tickets[2].messages.append(more)
        try await bench.run(tickets, journal)
        let found = try await bench.read(try bench.source()).mapValues { try $0.ticket() }
        func at(_ i: Int) async throws -> Ticket {
            let id = await journal.ticket(tickets[i].id)?.ticket.targetID ?? ""
            return try #require(found[id])
        }
        #expect(try await at(0).priority == .urgent)
        #expect(try await at(0).status == .closed)
        #expect(try await at(3).status == .open)
        #expect(try await at(1).subject == "another")
        // A customer's words opened it again; its own status comes last.
        #expect(try await at(2).status == .pending)
        let texts = try await at(2).messages.compactMap { $0.body?.content }
        #expect(texts.contains { $0.hasPrefix("late words") }, "\(texts.map { $0.prefix(60) })")
        let third = try await bench.run(tickets, journal)
        #expect(third.plan?.isEmpty == true)
    }

    @Test("a status is not sent, and mailed, again where only another property changed")
    func onlyPriority() async throws {
        let bench = try await SmartSupportBench.open()
        let journal = MemoryJournal()
        var ticket = try #require(HostileTickets.all().first { $0.messages.count { $0.kind == .reply } > 1 })
        ticket.status = .closed
        ticket.priority = .low
        try await bench.run([ticket], journal)
        func closings() async -> Int {
            await bench.front.requestCounts().filter { $0.key.contains("close") }.values.reduce(0, +)
        }
        #expect(await closings() == 1)
        ticket.priority = .urgent
        let report = try await bench.run([ticket], journal)
        #expect(report.plan?.steps == 1 && report.plan?.mails == 0)
        #expect(await closings() == 1)
        var more = Message(kind: .reply)
        more.id = "late"
        more.author = ticket.requester
        more.body = .html("late words", lineBreaks: true)
        ticket.messages.append(more)
        try await bench.run([ticket], journal)
        #expect(await closings() == 2)
        #expect(try await bench.run([ticket], journal).plan?.isEmpty == true)
    }

    // MARK: Lost answers

    @Test("a write whose answer is lost is written once, before the commit and after it", arguments: 0..<24)
    func lostAnswers(_ number: Int) async throws {
        let counter = Mutex(0)
        let moment: SandboxMoment = number % 2 == 0 ? .arrived : .committed
        let bench = try await SmartSupportBench.open(observer: { now, request, _ in
            guard now == moment, request.method != "GET" else { return .goOn }
            let count = counter.withLock { count in
                count += 1
                return count
            }
            return count == number + 1 || count % 7 == 3 ? .drop : .goOn
        })
        let tickets = HostileTickets.all(6)
        let report = try await bench.run(tickets, MemoryJournal(), concurrency: 1)
        #expect(report.failures.isEmpty)
        let quiet = try await SmartSupportBench.open()
        try await quiet.run(tickets, MemoryJournal(), concurrency: 1)
        #expect(try await Self.contents(bench) == Self.contents(quiet))
    }

    /// All texts with their tickets' subjects, without dates.
    static func contents(_ bench: SmartSupportBench) async throws -> [String] {
        let dump = await bench.sandbox.dump()
        let tickets = dump["tickets"]?.array ?? []
        let replies = dump["replies"]?.array ?? []
        return
            (tickets.map {
                "\($0["subject"]?.string ?? "") \($0["status"]?.string ?? "") \($0["message"]?.string ?? "")"
            }
            + replies.map {
                "\($0["internal"]?.bool ?? false) \($0["type"]?.string ?? "") \($0["message"]?.string ?? "")"
            })
            .sorted()
    }

    @Test(
        "a lost journal is rebuilt from the site, and nothing is written twice",
        arguments: [[], ["list-without-message", "other-names", "per-page-clamped"]] as [[String]])
    func adopts(_ switches: [String]) async throws {
        let bench = try await SmartSupportBench.open(Set(switches))
        let tickets = HostileTickets.all()
        try await bench.run(tickets, MemoryJournal())
        let before = try await Self.contents(bench)
        let error = await #expect(throws: Diagnostic.self) { try await bench.run(tickets, MemoryJournal()) }
        #expect(error?.code == "journal.lost")
        let setup = MigrationSetup(
            name: "test", sourceName: "fixed", source: FixedSource(tickets: tickets),
            mapping: TicketMapping { WriteMapping.none.draft(of: $0) }, notifications: .allow, clock: bench.clock,
            sink: Notes())
        var options = RunOptions()
        options.allowsNotifications = true
        options.adopts = true
        _ = try await Runner(setup: setup, target: try bench.target(), journal: MemoryJournal(), options: options)
            .migrate()
        #expect(try await Self.contents(bench) == before)
    }

    // MARK: What the site refuses

    @Test("a department that is not there is a loss that lists the others; one that all tickets go to is an error")
    func departments() async throws {
        var ticket = HostileTickets.ticket(0, email: "zoe@cust.example")
        ticket.department = "Ghost"
        let bench = try await SmartSupportBench.open()
        let notes = Notes()
        let journal = MemoryJournal()
        let wrong = SmartSupportBench.options { $0.departments.append(.init(name: "Ghost")) }
        #expect(try await bench.run([ticket], journal, options: wrong, sink: notes).failures.isEmpty)
        let said = try #require(notes.all.first { $0.code == "smart-support.unknown-department" })
        #expect(said.message.contains("Billing, Sales, Support"))
        #expect(await journal.losses(of: ticket.id).contains { $0.field == "department" })
        // Where nobody names it, the plan says so beforehand.
        let target = try bench.target()
        try await target.prepare(policy: .allow, sink: Notes())
        let plan = await target.plan(
            ticket.draft, files: [], identity: MigrationIdentity(migration: "m", source: "s"),
            progress: TicketProgress())
        #expect(plan.losses.contains { $0.field == "department" && $0.reason.contains("Billing, Sales, Support") })
        let other = try await SmartSupportBench.open()
        let all = SmartSupportBench.options { $0.department = "Nowhere" }
        let more = Notes()
        let report = try await other.run([ticket], MemoryJournal(), options: all, sink: more)
        #expect(report.failures.count == 1)
        #expect(report.failures.first?.failure?.message.contains("Billing, Sales, Support") == true)
        #expect(more.all.contains { $0.code == "smart-support.unknown-department" })
    }

    @Test("an agent whom the site does not know is named above the text of the agent who stands in")
    func unknownAgent() async throws {
        let bench = try await SmartSupportBench.open()
        let journal = MemoryJournal()
        let options = SmartSupportBench.options { $0.agents.append((email: "gone@old.example", id: nil)) }
        var ticket = HostileTickets.ticket(0, email: "zoe@cust.example")
        ticket.messages[2].author = ticket.messages[4].author
        #expect(try await bench.run([ticket], journal, options: options).failures.isEmpty)
        let found = try await bench.read(try bench.source()).values.first.map { try $0.ticket() }
        let note = found?.messages.first {
            $0.kind == .note && $0.body?.content.contains("written by Gone Agent") == true
        }
        #expect(note?.author?.email == "ada@lab.example")
        let message = try #require(found?.messages.first { $0.body?.content.contains("written by Gone Agent") == true })
        #expect(message.author?.email == "ada@lab.example")
        #expect(
            await journal.losses(of: ticket.id).contains {
                $0.field == "messages[].author" && $0.value == "gone@old.example"
            })
    }

    @Test("notes that a key without the scope left out are written later, where the migration asks for it")
    func notesAgain() async throws {
        let clock = BenchClock()
        let journal = MemoryJournal()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("smart-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        func open(_ switches: Set<String>) async throws -> SmartSupportBench {
            var options = SandboxOptions(state: file, now: { clock.date })
            options.switches = switches
            let sandbox = try await SmartSupportSandbox.open(options)
            let front = SandboxFront(sandbox)
            return SmartSupportBench(sandbox: sandbox, front: front, transport: InProcessTransport(front), clock: clock)
        }
        let tickets = HostileTickets.all(3)
        let bench = try await open(["no-notes-scope"])
        let notes = Notes()
        try await bench.run(tickets, journal, sink: notes)
        #expect(notes.all.filter { $0.code == "smart-support.notes-refused" }.count == 1)
        #expect(await journal.losses(of: "s0").contains { $0.field == "messages[]" && $0.value == "note" })
        await bench.sandbox.close()
        let later = try await open([])
        try await later.run(tickets, journal, options: SmartSupportBench.options { $0.notes = .again })
        let texts = (await later.sandbox.dump()["replies"]?.array ?? []).filter { $0["internal"]?.bool == true }
        #expect(texts.count { $0["message"]?.string?.contains("SECRET") == true } == 6)
        try await later.run(tickets, journal, options: SmartSupportBench.options { $0.notes = .again })
        #expect(
            (await later.sandbox.dump()["replies"]?.array ?? []).filter { $0["internal"]?.bool == true }.count
                == texts.count)
        await later.sandbox.close()
    }

    @Test("a customer's tickets keep within the site's submissions an hour, and a refused one waits")
    func pace() async throws {
        let tickets = (0..<30).map { HostileTickets.ticket($0 * 8 + 6, email: "zoe@cust.example") }
        for (limit, switches) in [
            (12, "submissions-limited"), (nil, "submissions-limited-400"), (nil, "submissions-limited"),
        ] as [(Int?, String)] {
            let refused = Mutex(0)
            let bench = try await SmartSupportBench.open(
                [switches],
                observer: { moment, _, response in
                    if moment == .committed, let status = response?.status, status == 429 || status == 400 {
                        refused.withLock { $0 += 1 }
                    }
                    return .goOn
                })
            let began = bench.clock.elapsed()
            let options = SmartSupportBench.options { $0.submissionsPerHour = limit }
            let report = try await bench.run(tickets, MemoryJournal(), options: options)
            #expect(
                report.failures.isEmpty && report.state == .finished,
                "\(limit ?? 0) \(switches): \(report.state) \(String(describing: report.stoppedBy))")
            #expect(bench.clock.elapsed() - began >= .seconds(2 * 3600))
            #expect((refused.withLock { $0 } == 0) == (limit != nil))
        }
    }

    @Test("a ticket is made with department, product, agent, priority, status and state")
    func everything() async throws {
        let bench = try await SmartSupportBench.open()
        var ticket = HostileTickets.ticket(0, email: "zoe@cust.example")
        ticket.messages = Array(ticket.messages.prefix(1))
        ticket.status = .pending
        let options = SmartSupportBench.options { $0.state = "archived" }
        try await bench.run([ticket], MemoryJournal(), options: options)
        let found = try #require(try await bench.read(try bench.source()).values.first?.ticket())
        #expect([found.department, found.product, found.assignee?.email] == ["Billing", "App", "ada@lab.example"])
        #expect(found.priority == .low && found.status == .pending)
        #expect(found.extras == [JSON.Member("state", "archived")])
        // On a site with tickets the same is learnt from these, and who stands in is said.
        let other = try await SmartSupportBench.open(tickets: 30)
        let notes = Notes()
        let target = try other.target(.init())
        try await target.prepare(policy: .allow, sink: notes)
        #expect(target.site.agentID("ada@lab.example") == "2")
        #expect(SmartSupportSite.find("sales-team", in: target.site.departments)?.id == "3")
        #expect(SmartSupportSite.find("App", in: target.site.products)?.id == "2")
        #expect(notes.all.contains { $0.code == "smart-support.stand-in" })
    }

    @Test("an admin's note that the site makes public is refused at once and never taken for written")
    func exposed() async throws {
        let bench = try await SmartSupportBench.open(observer: { moment, request, response in
            guard moment == .answering, request.method == "POST", let response,
                let text = String(bytes: response.body, encoding: .utf8), text.contains("\"is_internal\":true")
            else { return .goOn }
            var other = response
            other.body = Array(text.replacing("\"is_internal\":true", with: "\"is_internal\":false").utf8)
            return .answer(other)
        })
        let report = try await bench.run([HostileTickets.ticket(0, email: "zoe@cust.example")], MemoryJournal())
        #expect(report.failures.first?.failure?.message.contains("as a public message") == true)
    }
}
