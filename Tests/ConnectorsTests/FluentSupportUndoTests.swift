// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Foundation
import HTTPTypes
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Taking a migration back from Fluent Support")
struct FluentSupportUndoTests {
    @Test("leaves the site as it was, byte for byte, without a mail")
    func everything() async throws {
        let bench = try await FluentSupportVerifyTests.bench()
        let sandbox = try #require(bench.sandbox)
        let before = await sandbox.dump()
        let migration = try FluentSupportMigration(bench)
        defer { migration.close() }
        try await migration.migrate()
        #expect(await sandbox.dump() != before)
        let report = try await migration.undo()
        #expect(report.exitCause == nil, "\(report.json)")
        #expect(report.deleted == FluentSupportMigration.tickets.count && report.mails == 0)
        #expect(report.besides > 0, "customers were made")
        let after = await sandbox.dump()
        for table in before.members ?? [] { #expect(after[table.key] == table.value, "\(table.key)") }
        #expect(after == before)
    }

    @Test("takes back customers and all else that the migration after it made, too")
    func twice() async throws {
        let bench = try await FluentSupportVerifyTests.bench()
        let sandbox = try #require(bench.sandbox)
        let before = await sandbox.dump()
        let migration = try FluentSupportMigration(bench)
        defer { migration.close() }
        for round in 1...2 {
            try await migration.migrate()
            let report = try await migration.undo()
            #expect(report.exitCause == nil && report.besides > 0, "\(round): \(report.json)")
            #expect(await sandbox.dump() == before, "\(round)")
        }
    }

    @Test("and a new migration after it starts clean")
    func again() async throws {
        let migration = try FluentSupportMigration(
            try await FluentSupportVerifyTests.bench(), tickets: Array(FluentSupportMigration.tickets.prefix(6)))
        defer { migration.close() }
        try await migration.migrate()
        _ = try await migration.undo()
        try await migration.migrate()
        let found = try await migration.verify()
        #expect(found.exitCause == nil && found.listed == found.tickets, "\(found.shown)")
    }

    @Test("counts its requests exactly")
    func requests() async throws {
        let bench = try await FluentSupportVerifyTests.bench()
        let migration = try FluentSupportMigration(bench, tickets: [.sample(id: "s1")])
        defer { migration.close() }
        try await migration.migrate()
        let target = migration.target()
        try await target.prepare(policy: .allow, sink: Notes())
        if let baseline = await migration.journal.memo(.baseline) { await target.learn(baseline: baseline) }
        let record = try #require(await migration.journal.ticket("s1"))
        let receipt = Receipt(id: try #require(record.ticket.targetID))
        let stored = try #require(try await target.stored(ticket: receipt))
        let identity = MigrationIdentity(migration: "verified", source: "acme")
        var plan = await target.undo(
            WrittenTicket(record: record.ticket, steps: record.steps), stored: stored, identity: identity)
        plan.steps += await target.undo(
            catalogue: nil, made: Set(record.steps.flatMap { $0.receipt?.made ?? [] }), identity: identity
        ).steps
        #expect(plan.steps.map(\.requests) == [4, 3])
        for step in plan.steps {
            let count = bench.requests.count
            #expect(step.mails == 0)
            guard case .understood = await target.apply(step, receipts: [:]) else {
                Issue.record("\(step.name) was not understood")
                continue
            }
            #expect(bench.requests.count - count == step.requests, "\(step.name)")
            guard case .found = try await target.lookUp(step, receipts: [:]) else {
                Issue.record("\(step.name) is not gone")
                continue
            }
            // Sent again, it finds nothing to do.
            guard case .understood(_, let losses) = await target.apply(step, receipts: [:]), losses.isEmpty else {
                Issue.record("\(step.name) again was not understood")
                continue
            }
        }
    }

    @Test("leaves customers who have other tickets, or whom somebody changed, or who were there")
    func customers() async throws {
        let bench = try await FluentSupportVerifyTests.bench()
        let sandbox = try #require(bench.sandbox)
        func new(_ email: String) async throws -> Int {
            let sent = await bench.api.send(
                APICall(
                    .post, "tickets",
                    body: .json([
                        "ticket": ["title": "of people's", "content": "x"],
                        "newCustomer": ["email": .string(email), "first_name": "Who"],
                    ])))
            guard case .understood(let json) = sent else { throw FluentSupportBench.Failed() }
            return try #require(json["ticket"]?["id"]?.int)
        }
        let tickets = ["s1", "s2", "s3", "s4"].map { Ticket.sample(id: $0) }
        let old = try await new("zoe-s1@cust.example")
        let migration = try FluentSupportMigration(bench, tickets: tickets)
        defer { migration.close() }
        try await migration.migrate()
        let later = try await new("zoe-s2@cust.example")
        try await sandbox.edit { state in
            guard var person = state.persons.all.first(where: { $0.email == "zoe-s3@cust.example" }) else { return }
            person["note"] = "call her"
            person["updated_at"] = "2027-01-01 00:00:00"
            state.persons[person.id] = person
        }
        let report = try await migration.undo()
        #expect(report.deleted == 4 && report.failed.isEmpty)
        #expect(
            report.left.map(\.why).sorted().map { String($0.prefix(20)) } == [
                "zoe-s2@cust.example:", "zoe-s3@cust.example:",
            ])
        let dump = await sandbox.dump()
        let emails = Set((dump["persons"]?.array ?? []).compactMap { $0["columns"]?["email"]?.string })
        #expect(emails.isSuperset(of: ["zoe-s1@cust.example", "zoe-s2@cust.example", "zoe-s3@cust.example"]))
        #expect(!emails.contains("zoe-s4@cust.example"))
        let left = Set((dump["tickets"]?.array ?? []).compactMap { $0["id"]?.int })
        #expect(left.isSuperset(of: [old, later]) && left.count == 14)
    }

    /// Edits that leave the ticket's date of change alone.
    static let edits: [(name: String, edit: @Sendable (FluentSupportAPI, Int, JSON) async -> Sent)] = [
        (
            "a note is added",
            { api, id, _ in
                await api.send(
                    APICall(
                        .post, "tickets/\(id)/responses",
                        body: .json(["content": "seen", "conversation_type": "note"])))
            }
        ),
        (
            "a reply is edited",
            { api, id, all in
                await api.send(
                    APICall(
                        .put, "tickets/\(id)/responses/\(all["responses"]?[0]?["id"]?.int ?? 0)",
                        body: .json(["content": "other words"])))
            }
        ),
        (
            "a reply is deleted",
            { api, id, all in
                await api.send(
                    APICall(.delete, "tickets/\(id)/responses/\(all["responses"]?[1]?["id"]?.int ?? 0)"))
            }
        ),
        (
            "a tag is put on",
            { api, id, _ in await api.send(APICall(.post, "tickets/\(id)/tags", body: .json(["tag_id": 4]))) }
        ),
    ]

    @Test("leaves what people touched, also where its date of change did not move", arguments: edits.indices)
    func touched(edit: Int) async throws {
        let bench = try await FluentSupportVerifyTests.bench()
        let migration = try FluentSupportMigration(bench, tickets: [.sample(id: "s1"), .sample(id: "s2")])
        defer { migration.close() }
        try await migration.migrate()
        let id = try await migration.id("s1")
        let before = try await bench.api.read("tickets/\(id)")
        // The clock of the practice site counts seconds.
        try await Task.sleep(for: .milliseconds(2200))
        guard case .understood = await Self.edits[edit].edit(bench.api, id, before) else {
            Issue.record("\(Self.edits[edit].name): not done")
            return
        }
        #expect(try await bench.api.read("tickets/\(id)")["ticket"]?["updated_at"] == before["ticket"]?["updated_at"])
        let report = try await migration.undo()
        #expect(report.deleted == 1 && (report.touched + report.left).count { $0.id == "s1" } == 1, "\(report.json)")
        let target = migration.target()
        try await target.prepare(policy: .allow, sink: Notes())
        #expect(try await target.stored(ticket: Receipt(id: String(id))) != nil)
        // A new migration writes the other one and leaves this one as it is.
        let left = try await bench.api.read("tickets/\(id)")
        try await migration.migrate()
        let after = try await bench.api.read("tickets/\(id)")
        #expect(after == left)
        #expect(await migration.journal.ticket("s2")?.ticket.targetID != nil)
    }

    @Test("deletes no ticket that changed since that was planned, or is another's")
    func race() async throws {
        let bench = try await FluentSupportVerifyTests.bench()
        let migration = try FluentSupportMigration(bench, tickets: [.sample(id: "s1")])
        defer { migration.close() }
        try await migration.migrate()
        let target = migration.target()
        try await target.prepare(policy: .allow, sink: Notes())
        let record = try #require(await migration.journal.ticket("s1"))
        let id = try await migration.id("s1")
        let stored = try #require(try await target.stored(ticket: Receipt(id: String(id))))
        let identity = MigrationIdentity(migration: "verified", source: "acme")
        func step(_ identity: MigrationIdentity) async throws -> Step {
            let plan = await target.undo(
                WrittenTicket(record: record.ticket, steps: record.steps), stored: stored, identity: identity)
            return try #require(plan.steps.first)
        }
        let other = try await step(MigrationIdentity(migration: "another", source: "acme"))
        guard case .rejected(let why) = await target.apply(other, receipts: [:]) else {
            Issue.record("deleted what another migration wrote")
            return
        }
        #expect(why.code == "fluent-support.not-ours")
        _ = await bench.api.send(
            APICall(.post, "tickets/\(id)/responses", body: .json(["content": "n", "conversation_type": "note"])))
        guard case .rejected(let late) = await target.apply(try await step(identity), receipts: [:]) else {
            Issue.record("deleted a note that came just before")
            return
        }
        #expect(late.code == "fluent-support.touched")
    }
}
