// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing
import TicketModel

@testable import Migration

@Suite("A plan with tickets that people edited in the target")
struct ConflictPlanTests {
    @Test("names what people did, which change of the source is kept back, and each ticket that status names")
    func names() async throws {
        var tickets = madeUpTickets(3)
        let world = World(tickets)
        try await world.run()
        world.helpdesk.state.withLock { state in
            for i in state.tickets.indices where state.tickets[i].subject != tickets[2].subject {
                state.tickets[i].properties["status"] = "by people"
                state.tickets[i].parts.append("an answer of theirs")
            }
        }
        let before = tickets
        tickets[0].status = .closed
        tickets[0].tags = ["new"]
        tickets[1].status = .onHold
        world.source.replace(tickets)
        var (summary, changes) = try await world.plan()
        #expect(summary.conflict == 2 && summary.leftToPeople == 0)
        #expect(
            changes[0].keptBack == [
                FieldChange(name: "status", before: "by people", after: "closed"),
                FieldChange(name: "tag new", before: nil, after: nil),
            ])
        #expect(changes[0].edits == ["1 message added"] && changes[0].isLeftToPeople)
        #expect(
            changes[0].json["keptBack"]?[0]?["after"] == "closed" && changes[0].json["edits"] == ["1 message added"])
        #expect(changes[2].keptBack.isEmpty && changes[2].edits.isEmpty && !changes[2].isLeftToPeople)
        try await world.run()
        // The source takes it back: nothing is kept back any more, and it is people's still.
        tickets[1] = before[1]
        world.source.replace(tickets)
        (summary, changes) = try await world.plan()
        #expect(summary.conflict == 1 && summary.unchanged == 2 && summary.leftToPeople == 1)
        let named = changes.filter(\.isLeftToPeople).map(\.id)
        #expect(try await JournalReader(world.journal).status().conflicts.map(\.id) == named && named.count == 2)
    }

    @Test("reads at most twenty of them as a whole")
    func readsFew() async throws {
        var tickets = madeUpTickets(30)
        let world = World(tickets)
        try await world.run()
        world.helpdesk.state.withLock { state in
            for i in state.tickets.indices { state.tickets[i].properties["status"] = "by people" }
        }
        for i in tickets.indices { tickets[i].status = .onHold }
        world.source.replace(tickets)
        let (summary, changes) = try await world.plan()
        #expect(summary.conflict == 30)
        #expect(changes.count { $0.keptBack.first?.before == "by people" } == 20)
        #expect(changes.allSatisfy { $0.keptBack.map(\.after) == ["onHold"] })
    }

    @Test("tells a changed mapping from a changed source")
    func remapped() async throws {
        var tickets = madeUpTickets(3)
        let world = World(tickets)
        try await world.run()
        #expect(try await world.plan().0.remapped == 0)
        tickets[0].status = .onHold
        world.source.replace(tickets)
        world.mappingLosses = [Loss(field: "brand", value: "x", reason: "left out", fallback: .archive)]
        #expect(try await world.plan().0.remapped == 2)
        // What a journal of an earlier version holds there says nothing of the mapping.
        for var record in try await world.journal.tickets(after: nil, limit: 9) {
            record.draft = "0123"
            try await world.journal.record([.ticket(record)])
        }
        #expect(try await world.plan().0.remapped == 0)
    }
}
