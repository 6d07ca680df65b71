// SPDX-License-Identifier: Apache-2.0
import Foundation
import Mapping
import Migration
import Synchronization
import Testing
import TicketModel

@Suite("updatedSince: last")
struct SinceLastTests {
    private let world: World
    /// Long before the first run, so that no overlap reaches them.
    private var old: [Ticket]

    init() {
        let clock = SimulatedClock()
        old = madeUpTickets(6, messages: 2)
        for i in old.indices { old[i].updatedAt = Timestamp(seconds: clock.now().seconds - 10 * 86_400) }
        world = World(old)
    }

    /// One process' run, and what its listings showed.
    private func run(
        definition: String? = "as it was", target fault: @escaping @Sendable (Step) -> Fault = { _ in .none }
    ) async throws -> (RunReport, listed: Set<String>) {
        var setup = world.setup()
        setup.definition = definition
        setup.selection.isSinceLast = true
        try await setup.settleSelection(by: world.journal)
        world.source.listed.withLock { $0 = [] }
        let target = FakeTarget(world.helpdesk, clock: world.clock, fault: fault)
        let report = try await Runner(
            setup: setup, target: target, journal: world.journal, options: RunOptions()
        ).migrate()
        return (report, world.source.listed.withLock { $0 })
    }

    private func change(_ at: Int) {
        var tickets = old
        tickets[at].status = .closed
        tickets[at].messages.append(tickets[at].messages[0])
        tickets[at].messages[tickets[at].messages.count - 1].id = "later"
        tickets[at].updatedAt = world.clock.now()
        var new = madeUpTickets(7)[6]
        new.updatedAt = world.clock.now()
        world.source.replace(tickets + [new])
    }

    @Test("a delta reads what changed since the last run, and nothing else")
    func readsTheDelta() async throws {
        let (first, all) = try await run()
        #expect(first.counts.created == 6 && all.count == 6)
        change(2)
        let (second, listed) = try await run()
        #expect(listed == ["t3", "t7"])
        #expect(second.counts.created == 1 && second.counts.updated == 1)
        let undisturbed = World(world.source.now)
        try await undisturbed.run()
        #expect(differences(world.helpdesk.content, undisturbed.helpdesk.content).isEmpty)
        let gone = try await Planner(
            setup: narrowed(), target: FakeTarget(world.helpdesk, clock: world.clock), journal: world.journal
        ).plan().gone
        #expect(gone.isEmpty)
    }

    private func narrowed() async throws -> MigrationSetup {
        var setup = world.setup()
        setup.definition = "as it was"
        setup.selection.isSinceLast = true
        try await setup.settleSelection(by: world.journal)
        #expect(setup.selection.updatedSince != nil)
        return setup
    }

    @Test("all is read where the journal cannot vouch for the rest")
    func readsAll() async throws {
        #expect(try await run(target: { $0.key.ticket == "t1" ? .rejected : .none }).0.counts.failed == 1)
        #expect(try await run().listed.count == 6, "a ticket failed")
        #expect(try await run(definition: "another mapping").listed.count == 6)
        #expect(try await run(definition: nil).listed.count == 6)
        #expect(try await run(definition: "another mapping").listed.isEmpty)
        try await world.journal.record([.runBegan(world.clock.now())])
        #expect(try await run(definition: "another mapping").listed.count == 6, "a run did not end")
    }
}
