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

@Suite("A delta into Fluent Support")
struct FluentSupportDeltaTests {
    /// A closed and an open ticket, and the migration that has written both.
    private func written() async throws -> (FluentSupportMigration, [Ticket]) {
        let tickets = [Ticket.sample(id: "s1"), Ticket.sample(id: "s2", status: .open)]
        let migration = try FluentSupportMigration(try await .practice(), tickets: tickets)
        try await migration.migrate()
        return (migration, tickets)
    }

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
        let (migration, first) = try await written()
        var tickets = first
        defer { migration.close() }
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
        let (migration, tickets) = try await written()
        defer { migration.close() }
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
        let (migration, tickets) = try await written()
        defer { migration.close() }
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
