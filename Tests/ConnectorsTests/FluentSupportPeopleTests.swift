// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Foundation
import HTTPTypes
import Mapping
import Migration
import Sandbox
import Testing
import TicketModel

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
        let writes = migration.bench.requests.count
        try await migration.migrate()
        #expect(try await row(migration, "s1") == after)
        #expect(migration.bench.requests.count > writes, "only reads")
    }

    @Test("are not made responsible for what the plugin does by itself, when a journal is rebuilt")
    func adopted() async throws {
        let tickets = [Ticket.sample(id: "s1", status: .new), .sample(id: "s2", status: .open)]
        let migration = try await migration(tickets)
        defer { migration.close() }
        try await migration.migrate()
        #expect(try await row(migration, "s1")["status"]?.string == "active")
        try await put(migration, "s2", "status", "closed")
        let journal = MemoryJournal()
        var options = RunOptions()
        options.adopts = true
        _ = try await Runner(
            setup: migration.setup, target: migration.target(), journal: journal, options: options
        ).migrate()
        let warnings = migration.notes.all.filter { $0.code.hasPrefix("adopt.") }
        #expect(warnings.map(\.code) == ["adopt.edited"], "\(warnings)")
        #expect(warnings.first?.message.contains("ticket s2: ") == true)
        #expect(await journal.conflicts(limit: 9).map(\.id) == ["s2"])
        let undone = try await Undoer(setup: migration.setup, target: migration.target(), journal: journal).undo()
        #expect(undone.touched.map(\.id) == ["s2"] && undone.deleted == 1)
    }
}
