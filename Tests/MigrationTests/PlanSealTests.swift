// SPDX-License-Identifier: Apache-2.0
import Testing
import TicketModel

@testable import Migration

@Suite("A signed plan")
struct PlanSealTests {
    private func options(_ seal: PlanSeal) -> RunOptions {
        var options = RunOptions()
        options.seal = seal
        return options
    }

    @Test("of another migration, source, target or generation is refused before anything, whatever is written already")
    func ofAnother() async throws {
        let tickets = madeUpTickets(3)
        let world = World(tickets)
        let own = try #require(try await world.plan().0.head)
        #expect(own.identity == MigrationIdentity(migration: "test", source: own.identity.source))
        #expect(JournalHead(json: own.json) == own)
        try await world.run()
        world.source.replace(madeUpTickets(5))
        let written = world.helpdesk.writes.count
        var others = Array(repeating: own, count: 4)
        others[0].identity.migration = "another"
        others[1].identity.source = "another"
        others[2].target = "https://another.example"
        others[3].identity.generation = 1
        for head in others {
            let error = await #expect(throws: Diagnostic.self) {
                try await world.run(options: options(PlanSeal(of: head, digest: "")))
            }
            #expect(error?.code == "plan.of-another" && error?.cause == .refused)
            #expect(error?.remedy.contains("plan \(world.setup().file) -o FILE") == true)
        }
        #expect(world.helpdesk.writes.count == written && !world.helpdesk.isMuted)
        #expect(try await world.run(options: options(PlanSeal(of: own, digest: ""))).unsigned == 2)
    }

    @Test("of before an `undo` is refused after it, and a new one is taken")
    func beforeUndo() async throws {
        let world = World(madeUpTickets(3))
        let old = try await world.signed()
        try await world.run(options: options(old))
        let target = FakeTarget(world.helpdesk, clock: world.clock)
        _ = try await Undoer(setup: world.setup(), target: target, journal: world.journal).undo()
        let written = world.helpdesk.writes.count
        let error = await #expect(throws: Diagnostic.self) { try await world.run(options: options(old)) }
        #expect(error?.code == "plan.of-another" && error?.message.contains("`undo`") == true)
        #expect(world.helpdesk.writes.count == written)
        let report = try await world.run(options: options(try await world.signed()))
        #expect(report.counts.created == 3 && report.unsigned == 0)
    }
}
