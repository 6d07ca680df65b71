// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import HTTPTypes
import Migration
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("A plan of a delta into Fluent Support")
struct FluentSupportDeltaPlanTests {
    private func plan(_ migration: FluentSupportMigration) async throws -> (PlanSummary, [String: TicketChange]) {
        var changes: [String: TicketChange] = [:]
        let planner = Planner(setup: migration.setup, target: migration.target(), journal: migration.journal)
        let summary = try await planner.plan { changes[$0.id] = $0 }
        return (summary, changes)
    }

    /// Open, with the customer's question alone.
    private static func question(_ id: String) -> Ticket {
        var ticket = Ticket.sample(id: id, status: .open)
        ticket.messages = [ticket.messages[0]]
        return ticket
    }

    @Test("calls no opening text changed where the source was answered for the first time, or closed")
    func openingText() async throws {
        var tickets = [Self.question("s1"), Self.question("s2"), Self.question("s3")]
        let migration = try FluentSupportMigration(try await .practice(), tickets: tickets)
        defer { migration.close() }
        try await migration.migrate()
        tickets[0].messages.append(Ticket.sample().messages[1])
        (tickets[1].status, tickets[1].closedAt) = (.closed, Timestamp("2024-06-09T12:00:00Z"))
        tickets[2].messages[0].body = .text("said otherwise")
        migration.source.replace(tickets)
        for isDone in [false, true] {
            let (summary, changes) = try await plan(migration)
            #expect(summary.update == (isDone ? 0 : 2) && summary.remapped == 0)
            #expect(changes["s1"]?.changedTexts == [] && changes["s2"]?.changedTexts == [])
            #expect(changes["s3"]?.changedTexts == ["ticket"])
            try await migration.migrate()
        }
    }

    @Test("calls neither a text nor the mapping changed where a customer has another name now, and names the customer")
    func customer() async throws {
        var tickets = [Self.question("s1"), Self.question("s2"), Self.question("s3")]
        let address = tickets[0].requester?.email
        tickets[1].requester?.email = address
        let second = tickets[1].requester
        tickets[1].messages[0].author = second
        let migration = try FluentSupportMigration(try await .practice(), tickets: tickets)
        defer { migration.close() }
        try await migration.migrate()
        // The second ticket's line is as it was; its customer is the first one's.
        tickets[0].requester?.familyName = "Neumann"
        migration.source.replace(tickets)
        let (summary, changes) = try await plan(migration)
        #expect(summary.remapped == 0 && summary.isEmpty)
        #expect(changes["s1"]?.changedTexts == ["the customer"] && changes["s2"]?.changedTexts == ["the customer"])
        #expect(changes["s3"]?.changedTexts == [])
    }

    @Test("names for a conflict what people changed, and what of the source is kept back")
    func conflict() async throws {
        var tickets = [Self.question("s1"), Self.question("s2")]
        let migration = try FluentSupportMigration(try await .practice(), tickets: tickets)
        defer { migration.close() }
        try await migration.migrate()
        let id = try await migration.id("s1")
        _ = await migration.bench.api.send(
            APICall(
                .put, "tickets/\(id)/property",
                body: .json(["prop_name": "client_priority", "prop_value": "normal"])))
        _ = await migration.bench.api.send(
            APICall(
                .post, "tickets/\(id)/responses",
                body: .json(["content": "we see to it", "conversation_type": "response"])))
        for i in tickets.indices { tickets[i].status = .closed }
        migration.source.replace(tickets)
        let (summary, changes) = try await plan(migration)
        #expect(summary.conflict == 1 && summary.update == 1)
        let change = try #require(changes["s1"])
        #expect(change.keptBack.contains(FieldChange(name: "status", before: "active", after: "closed")))
        #expect(change.edits.contains("1 message added"), "\(change.edits)")
        #expect(
            change.edits.contains("priority is “normal”, the source says “critical”"), "\(change.edits)")
    }
}
