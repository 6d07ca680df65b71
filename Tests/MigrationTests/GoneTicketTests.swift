// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing
import TicketModel

@testable import Migration

@Suite("A ticket that people deleted in the target")
struct GoneTicketTests {
    let tickets = madeUpTickets(6)

    /// A world whose ticket t2 somebody deleted after the run.
    private func world() async throws -> (World, targetID: String) {
        let world = World(tickets)
        world.helpdesk.state.withLock { $0.listsCheaply = true }
        try await world.run()
        let id = try #require(try await world.journal.ticket("t2")?.ticket.targetID)
        world.helpdesk.state.withLock { state in state.tickets.removeAll { $0.id == id } }
        return (world, id)
    }

    private func grown() -> [Ticket] {
        var grown = tickets
        var more = Message(kind: .reply)
        more.id = "2m9"
        more.body = .text("one more")
        grown[1].messages.append(more)
        return grown
    }

    private func target(_ world: World) -> FakeTarget { FakeTarget(world.helpdesk, clock: world.clock) }

    @Test("is named by a plan, where the target lists cheaply")
    func isNamed() async throws {
        let (world, _) = try await world()
        var (summary, _) = try await world.plan()
        #expect(summary.goneFromTarget == ["t2"] && summary.isEmpty)
        #expect(summary.warnings.map(\.code) == ["plan.gone-from-target"])
        #expect(summary.warnings.first?.message.hasPrefix("1 ticket that was written is") == true)
        #expect(summary.warnings.first?.remedy.contains("`ticketferry resolve world.yaml t2 not-written`") == true)
        #expect(summary.json["goneFromTarget"]?.int == 1)
        #expect(try await world.run().json["goneFromTarget"] == ["t2"])
        world.selection.ids = ["t1"]
        (summary, _) = try await world.plan()
        #expect(summary.goneFromTarget.isEmpty)
        world.selection = Selection()
        world.helpdesk.state.withLock { $0.listsCheaply = false }
        (summary, _) = try await world.plan()
        #expect(summary.goneFromTarget.isEmpty)
    }

    @Test("is gone and no conflict where a property was to be changed, by plan and run, also by the next ones")
    func isNoConflict() async throws {
        let (world, _) = try await world()
        var changed = tickets
        for i in 0...1 { changed[i].status = .onHold }
        world.source.replace(changed)
        for run in 1...3 {
            world.helpdesk.state.withLock { $0.listsCheaply = run != 2 }
            let (summary, changes) = try await world.plan()
            #expect(summary.conflict == 0 && summary.goneFromTarget == ["t2"])
            #expect(changes[1].action == .skip && changes[1].diagnostics.map(\.code) == ["run.ticket-gone"])
            #expect(changes[1].steps.isEmpty)
            let report = try await world.run()
            #expect(report.counts.failed == 1 && report.counts.conflicts == 0 && report.conflicts.isEmpty)
            #expect(report.failures.map { $0.failure?.code } == ["run.ticket-gone"])
        }
        // As from a trash.
        let whole = World(tickets)
        try await whole.run()
        let back = whole.helpdesk.state.withLock { $0.tickets }.first { $0.subject == tickets[1].subject }
        let id = try #require(try await world.journal.ticket("t2")?.ticket.targetID)
        world.helpdesk.state.withLock { state in
            guard var back else { return }
            back.id = id
            state.tickets.append(back)
        }
        #expect(try await world.run().exitCause == nil)
        #expect(try await world.plan().0.isEmpty)
    }

    @Test("fails by that name in a delta, and is written anew after `not-written`")
    func isWrittenAnew() async throws {
        let (world, id) = try await world()
        world.source.replace(grown())
        let report = try await world.run()
        #expect(report.counts.failed == 1 && report.counts.uncertain == 0)
        #expect(report.failures.map(\.id) == ["t2"] && report.failures[0].failure?.code == "run.ticket-gone")
        #expect(report.failures[0].failure?.message.contains("ticket \(id) is no longer in the target") == true)
        #expect(report.failures[0].failure?.remedy.contains("`ticketferry resolve world.yaml t2 not-written`") == true)
        let resolve = Resolve(world.journal)
        #expect(try await resolve.isWritten("t2"))
        _ = try await resolve.writeAnew(ticket: "t2", setup: world.setup(), target: target(world))
        let again = try await world.run()
        #expect(again.exitCause == nil && again.counts.created == 1)
        #expect(try await world.plan().0.isEmpty)
        #expect(world.helpdesk.content == (try await World.undisturbed(grown())))
    }

    @Test("also where a look-up cannot tell")
    func cannotTell() async throws {
        let (world, _) = try await world()
        world.source.replace(grown())
        let report = try await world.run(cannotTell: true) { step in
            step.name == "message 2m9" ? .lost : .none
        }
        #expect(report.failures.map { $0.failure?.code } == ["run.ticket-gone"])
        #expect(report.counts.failed == 1 && report.counts.uncertain == 0)
    }

    @Test("is not forgotten while the target has it, nor by another target's journal")
    func isRefused() async throws {
        let (world, _) = try await world()
        let resolve = Resolve(world.journal)
        var error = await #expect(throws: Diagnostic.self) {
            try await resolve.writeAnew(ticket: "t3", setup: world.setup(), target: target(world))
        }
        #expect(error?.code == "resolve.still-there" && error?.cause == .refused)
        error = await #expect(throws: Diagnostic.self) {
            try await resolve.writeAnew(ticket: "t9", setup: world.setup(), target: target(world))
        }
        #expect(error?.code == "resolve.nothing")
        var setup = world.setup()
        setup.practiceFile = "/another.json"
        error = await #expect(throws: Diagnostic.self) {
            try await resolve.writeAnew(ticket: "t2", setup: setup, target: target(world))
        }
        #expect(error?.code == "journal.another-migration")
        #expect(try await world.plan().0.create == 0)
    }

    /// A world of many tickets, all of which change in the source after people deleted most of them.
    private func manyGone() async throws -> World {
        var tickets = madeUpTickets(240)
        let world = World(tickets, pageSize: 50)
        world.helpdesk.state.withLock { $0.listsCheaply = true }
        try await world.run()
        world.helpdesk.state.withLock { $0.tickets.removeFirst(180) }
        for i in tickets.indices { tickets[i].status = .onHold }
        world.source.replace(tickets)
        return world
    }

    @Test("many of them stop no run: what is left is written")
    func manyStopNothing() async throws {
        let world = try await manyGone()
        let report = try await world.run()
        #expect(report.state == .finished && report.stoppedBy == nil)
        #expect(report.counts.failed == 180 && report.counts.updated == 60)
        #expect(try await world.plan().0.update == 0)
    }

    @Test("many of them are all named, and few are asked for by themselves")
    func manyAreNamed() async throws {
        let world = try await manyGone()
        for _ in 1...2 {
            world.helpdesk.state.withLock { $0.fingerprintsRead = 0 }
            let (summary, _) = try await world.plan()
            #expect(Set(summary.goneFromTarget).count == 180 && summary.goneFromTarget.count == 180)
            #expect(world.helpdesk.state.withLock { $0.fingerprintsRead } <= 80)
            try await world.run()
        }
    }

    @Test("keeps what people made of it before, when it comes back")
    func comesBackEdited() async throws {
        let world = World(tickets)
        try await world.run()
        let id = try #require(try await world.journal.ticket("t2")?.ticket.targetID)
        func change(_ body: (inout [FakeHelpdesk.Stored], Int) -> Void) {
            world.helpdesk.state.withLock { state in
                if let i = state.tickets.firstIndex(where: { $0.id == id }) { body(&state.tickets, i) }
            }
        }
        change { $0[$1].properties["status"] = "spam" }
        var trash: [FakeHelpdesk.Stored] = []
        change { trash = [$0.remove(at: $1)] }
        var changed = tickets
        changed[1].status = .onHold
        world.source.replace(changed)
        #expect(try await world.run().failures.map { $0.failure?.code } == ["run.ticket-gone"])
        world.helpdesk.state.withLock { $0.tickets += trash }
        #expect(try await world.plan().0.conflict == 1)
        let report = try await world.run()
        #expect(report.counts.conflicts == 1 && report.counts.failed == 0)
        var status: String?
        change { status = $0[$1].properties["status"] }
        #expect(status == "spam")
    }
}
