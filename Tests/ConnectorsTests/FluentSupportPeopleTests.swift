// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Foundation
import HTTPTypes
import Mapping
import Migration
import Sandbox
import Synchronization
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("People who work in Fluent Support meanwhile")
struct FluentSupportPeopleTests {
    func migration(_ tickets: [Ticket] = FluentSupportMigration.tickets) async throws -> FluentSupportMigration {
        try FluentSupportMigration(
            await .practice(agents: ["ada@lab.example": Secret("any"), "ben@lab.example": Secret("any")]),
            tickets: tickets)
    }

    func row(_ migration: FluentSupportMigration, _ ticket: String) async throws -> JSON {
        try await migration.bench.api.read("tickets/\(try await migration.id(ticket))")["ticket"] ?? .null
    }

    func put(_ migration: FluentSupportMigration, _ ticket: String, _ name: String, _ value: JSON) async throws {
        let id = try await migration.id(ticket)
        let sent = await migration.bench.api.send(
            APICall(.put, "tickets/\(id)/property", body: .json(["prop_name": .string(name), "prop_value": value])))
        guard case .understood = sent else { throw FluentSupportBench.Failed() }
    }

    @Test("are told from us by what answers showed, wherever the dates go", arguments: [false, true])
    func fingerprints(datesInFile: Bool) async throws {
        let migration = try await migration()
        defer { migration.close() }
        try await migration.migrate(datesInFile: datesInFile)
        let target = migration.target(datesInFile: datesInFile)
        try await target.prepare(policy: nil, sink: migration.notes)
        let listed = Dictionary(
            try await target.inventory().map { ($0.receipt.id, $0.receipt.stored) }, uniquingKeysWith: { a, _ in a })
        for record in await migration.journal.tickets(after: nil, limit: 1000) {
            guard let id = record.targetID, record.id != CatalogueEntry.ticketID else { continue }
            let now = try await target.storedFingerprint(ticket: Receipt(id: id))
            #expect(record.stored != nil && record.stored == now, "\(record.id)")
            #expect(listed[id] == now, "\(record.id)")
        }
    }

    @Test("are seen with the dates in the file, also after it was run, which is nobody's edit")
    func finishingFile() async throws {
        var tickets = ["s1", "s2", "s3"].map { Ticket.sample(id: $0) }
        let migration = try await migration(tickets)
        defer { migration.close() }
        try await migration.migrate(datesInFile: true)
        try await put(migration, "s2", "status", "active")
        let sandbox = try #require(migration.bench.sandbox)
        try await sandbox.edit { state in
            // As the lines for the tickets' clocks do.
            for ticket in Array(state.tickets.all) {
                for name in ["updated_at", "waiting_since", "last_customer_response", "last_agent_response"] {
                    state.tickets[ticket.id]?[name] = "2024-07-01 14:00:00"
                }
            }
        }
        try await put(migration, "s3", "title", "by people")
        for i in tickets.indices { tickets[i].priority = .normal }
        migration.source.replace(tickets)
        try await migration.migrate(datesInFile: true)
        #expect(try await row(migration, "s1")["client_priority"]?.string == "normal")
        #expect(try await row(migration, "s2")["client_priority"]?.string == "critical")
        #expect(try await row(migration, "s3")["client_priority"]?.string == "critical")
        #expect(await migration.journal.conflicts(limit: 9).map(\.id) == ["s2", "s3"])
        // What the second run set is ours.
        tickets[0].priority = .high
        migration.source.replace(tickets)
        try await migration.migrate(datesInFile: true)
        #expect(try await row(migration, "s1")["client_priority"]?.string == "medium")
    }

    @Test("keep the clocks of their answers where a late message is added, and the mailbox is put right")
    func clocks() async throws {
        let tickets = [Ticket.sample(id: "s1", status: .open)]
        let migration = try await migration(tickets)
        defer { migration.close() }
        try await migration.migrate()
        let id = try await migration.id("s1")
        _ = await migration.bench.api.send(
            APICall(
                .post, "tickets/\(id)/responses",
                body: .json(["content": "we see to it", "conversation_type": "response"])))
        let before = try await row(migration, "s1")
        migration.source.replace([try FluentSupportLaterRunTests.with(tickets[0], reply: "m9", day: 9)])
        try await migration.migrate()
        let after = try await row(migration, "s1")
        for name in ["last_agent_response", "waiting_since", "updated_at"] {
            let (old, new) = (before[name]?.string ?? "", after[name]?.string ?? "")
            #expect(!old.isEmpty && new >= old, "\(name): \(old) → \(new)")
        }
        #expect(after["mailbox_id"]?.int == 1)
        #expect(await migration.journal.losses(of: "s1").contains { $0.value?.contains("last_agent_response") == true })
        let report = try await Runner(
            setup: migration.setup, target: migration.target(), journal: migration.journal, options: RunOptions()
        ).migrate()
        #expect(try await row(migration, "s1") == after)
        #expect(report.plan?.isEmpty == true && report.plan?.conflict == 0, "all is said")
        #expect(report.counts.unchanged == 1 && report.conflicts.map(\.id) == ["s1"])
    }

    @Test("are not made responsible for what the plugin does by itself, when a journal is rebuilt")
    func adopted() async throws {
        let tickets = [Ticket.sample(id: "s1", status: .new), .sample(id: "s2", status: .open), .sample(id: "s3")]
        let migration = try await migration(tickets)
        defer { migration.close() }
        try await migration.migrate()
        #expect(try await row(migration, "s1")["status"]?.string == "active")
        try await put(migration, "s2", "status", "closed")
        let id = try await migration.id("s3")
        _ = await migration.bench.api.send(
            APICall(
                .post, "tickets/\(id)/responses",
                body: .json(["content": "we see to it", "conversation_type": "response"])))
        let journal = MemoryJournal()
        var options = RunOptions()
        options.adopts = true
        _ = try await Runner(
            setup: migration.setup, target: migration.target(), journal: journal, options: options
        ).migrate()
        let warnings = migration.notes.all.filter { $0.code.hasPrefix("adopt.") }
        #expect(warnings.map(\.code) == ["adopt.edited", "adopt.edited"], "\(warnings)")
        let texts = warnings.map(\.message).sorted()
        #expect(texts.first?.hasPrefix("ticket s2: ") == true && texts.last?.hasPrefix("ticket s3: ") == true)
        #expect(await journal.conflicts(limit: 9).map(\.id) == ["s3"], "a status may be what the source said meanwhile")
        let undone = try await Undoer(setup: migration.setup, target: migration.target(), journal: journal).undo()
        #expect(undone.touched.map(\.id) == ["s2", "s3"] && undone.deleted == 1)
    }

    @Test("are not told by e-mail of a ticket that is given to them five seconds after our time-out")
    func lateAssignee() async throws {
        let sandbox = try await FluentSupportSandbox.open(SandboxOptions())
        let inner = InProcessTransport(sandbox)
        let time = ExamTime()
        let late = Mutex<(at: Duration, request: OutgoingRequest)?>(nil)
        let delays = Mutex(false)
        let api = try FluentSupportAnswerTests.api { request, body in
            let whole = OutgoingRequest(
                method: request.method, url: request.url, fields: request.fields, body: .bytes(body))
            let due = late.withLock { late -> OutgoingRequest? in
                guard let one = late, one.at <= time.elapsed() else { return nil }
                late = nil
                return one.request
            }
            if let due { _ = try await inner.send(due, deadline: .seconds(5)) }
            let assigns = String(decoding: body, as: UTF8.self).contains("\"agent_id\"")
            let delaysNow = delays.withLock { delays -> Bool in
                guard delays, assigns, request.method == .put else { return false }
                delays = false
                return true
            }
            if delaysNow {
                late.withLock { $0 = (time.elapsed() + .seconds(5), whole) }
                throw HTTPFailure(.uncertain, .timeout, "no answer")
            }
            return try await inner.send(whole, deadline: .seconds(5))
        }
        var ticket = Ticket.sample()
        let site = FluentSupportTarget(api: api)
        try await site.prepare(policy: nil, sink: Notes())
        ticket.assignee = Person(role: .agent, email: site.site.me.email)
        let source = MemorySource([ticket])
        let journal = MemoryJournal()
        let notes = Notes()
        func run() async throws -> RunReport {
            let setup = MigrationSetup(
                name: "late", sourceName: "acme", source: source, mapping: PairRun.mapping, clock: time, sink: notes)
            let target = FluentSupportTarget(api: api, options: .init(settleTime: .seconds(10)))
            return try await Runner(setup: setup, target: target, journal: journal, options: RunOptions()).migrate()
        }
        #expect(try await run().exitCause == nil)
        ticket.assignee = Person(role: .agent, email: "ada@lab.example")
        source.replace([ticket])
        delays.withLock { $0 = true }
        let report = try await run()
        #expect(report.exitCause == nil && !delays.withLock { $0 } && late.withLock { $0 } == nil)
        let id = try #require(await journal.ticket("1042")?.ticket.targetID)
        let row = try await api.read("tickets/\(id)")["ticket"] ?? .null
        #expect(row["agent_id"]?.int == site.site.agents["ada@lab.example"])
        #expect(row["mailbox_id"]?.int == 1)
        #expect(await sandbox.mails().isEmpty)
        // Given to her where people look for the ticket, it would have mailed.
        for agent in [site.site.me.id, site.site.agents["ada@lab.example"] ?? 0] {
            _ = await site.put("agent_id", JSON(agent), ticket: Int(id) ?? 0)
        }
        #expect(await sandbox.mails().count == 1)
    }
}
