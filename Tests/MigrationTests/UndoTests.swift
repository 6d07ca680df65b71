// SPDX-License-Identifier: Apache-2.0
import Migration
import Synchronization
import Testing
import TicketModel

@Suite("Undo")
struct UndoTests {
    let tickets = madeUpTickets(6)

    private func undoer(_ world: World, plug: Plug = Plug(), isForced: Bool = false) -> Undoer {
        var options = UndoOptions()
        options.isForced = isForced
        return Undoer(
            setup: world.setup(), target: FakeTarget(world.helpdesk, clock: world.clock, plug: plug),
            journal: UnplugableJournal(journal: world.journal, plug: plug), options: options)
    }

    private func isUnfinished(_ world: World) async throws -> Bool {
        try await world.journal.memo(.undo) != nil
    }

    @Test("takes all back, and a new migration starts clean and ends the same")
    func takesAllBack() async throws {
        let expected = try await World.undisturbed(tickets)
        let world = World(tickets)
        try await world.run()
        let report = try await undoer(world).undo()
        #expect(report.exitCause == nil && report.deleted == 6 && report.failed.isEmpty)
        #expect(world.helpdesk.content.isEmpty)
        #expect(try await world.journal.head()?.identity.generation == 1)
        let again = try await world.run()
        #expect(again.counts.created == 6)
        // The keys are of another generation; the rest is the same.
        func plain(_ all: [FakeHelpdesk.Stored]) -> [String] {
            all.map { "\($0.subject) \($0.parts.map { $0.dropFirst(23) }) \($0.tags)" }.sorted()
        }
        #expect(plain(world.helpdesk.content) == plain(expected))
        #expect(world.helpdesk.content.allSatisfy { WriteKey.parse(marker: $0.marker)?.generation == 1 })
    }

    @Test("is in the status: what it took back counts no more, and one that has not come to its end is named")
    func status() async throws {
        let world = World(tickets)
        try await world.run()
        let written = try await JournalReader(world.journal).status()
        let plug = Plug()
        _ = try await undoer(world, plug: plug).undo()
        let after = try await JournalReader(world.journal).status()
        #expect(after.counts.created == 0 && after.counts.takenBack == 6 && after.messages["created"] == 0)
        #expect(after.json["counts"]?["takenBack"]?.int == 6 && after.undoBegan == nil)
        try await world.run()
        let again = try await JournalReader(world.journal).status()
        #expect(again.messages == written.messages && again.counts.created == 6 && again.counts.takenBack == 0)
        _ = try? await undoer(world, plug: Plug(at: plug.passed / 2)).undo()
        let broken = try await JournalReader(world.journal).status()
        #expect(broken.undoBegan != nil && broken.json["undoUnfinished"]?.string == broken.undoBegan)
    }

    @Test("that is interrupted at any moment, once and again, ends as if undisturbed; nobody migrates in between")
    func maybeInterrupted() async throws {
        let counting = World(tickets)
        try await counting.run()
        let plug = Plug()
        _ = try await undoer(counting, plug: plug).undo()
        for at in 1...plug.passed {
            let world = World(tickets)
            world.concurrency = 1
            try await world.run()
            _ = try? await undoer(world, plug: Plug(at: at)).undo()
            if !world.helpdesk.content.isEmpty, world.helpdesk.content.count < tickets.count {
                let error = await #expect(throws: Diagnostic.self, "died at \(at)") { try await world.run() }
                #expect(error?.code == "undo.unfinished")
            }
            _ = try? await undoer(world, plug: Plug(at: at / 2 + 1)).undo()
            if try await isUnfinished(world) || !world.helpdesk.content.isEmpty {
                let report = try await undoer(world).undo()
                #expect(report.exitCause == nil, "died at \(at)")
            }
            #expect(world.helpdesk.content.isEmpty, "died at \(at)")
            #expect(try await !isUnfinished(world), "died at \(at)")
            #expect(!world.helpdesk.isMuted, "died at \(at)")
        }
    }

    @Test("leaves alone what people touched, and a later migration does not write it twice")
    func leavesWhatPeopleTouched() async throws {
        let world = World(tickets)
        try await world.run()
        world.helpdesk.state.withLock { state in
            state.tickets[0].parts.append("a reply by an agent")
            state.tickets[1].properties["status"] = "closed by people"
            let answered = state.tickets.indices.last { !state.tickets[$0].parts.isEmpty } ?? 2
            state.tickets[answered].parts.removeLast()
        }
        let plan = try await undoer(world).plan()
        #expect(plan.touched.count == 3 && plan.deleted == 3)
        #expect(plan.touched.contains { $0.why.contains("was added") })
        #expect(plan.touched.contains { $0.why.contains("was deleted") })
        #expect(world.helpdesk.content.count == 6, "a dry run writes nothing")
        let report = try await undoer(world).undo()
        #expect(report.exitCause == .someFailed && report.touched.count == 3)
        #expect(world.helpdesk.content.count == 3)
        let again = try await world.run()
        #expect(again.counts.created == 3)
        #expect(world.helpdesk.content.count == 6, "\(world.heard.codes)")
        let forced = try await undoer(world, isForced: true).undo()
        #expect(forced.exitCause == nil && world.helpdesk.content.isEmpty)
    }

    @Test("after `migrate --adopt` takes what people deleted since for theirs, not for its own earlier work")
    func deletedAfterAdopting() async throws {
        let world = World(tickets)
        try await world.run()
        world.journal = MemoryJournal()
        var options = RunOptions()
        options.adopts = true
        try await world.run(options: options)
        let cut = world.helpdesk.state.withLock { state in
            state.tickets.remove(at: 0)
            let at = state.tickets.indices.last { !state.tickets[$0].parts.isEmpty } ?? 1
            state.tickets[at].parts.removeLast()
            return state.tickets[at].id
        }
        let plan = try await undoer(world).plan()
        #expect(plan.touched.map(\.targetID) == [cut] && plan.touched[0].why.contains("was deleted"))
        #expect(plan.gone == 1 && plan.deleted == 4)
        let report = try await undoer(world).undo()
        #expect(report.exitCause == .someFailed && report.touched.map(\.targetID) == [cut])
        #expect(report.gone == 1 && report.deleted == 4 && report.failed.isEmpty)
        #expect(world.helpdesk.state.withLock { $0.tickets.map(\.id) } == [cut])
    }

    @Test("finds what was written without a receipt")
    func findsWhatHasNoReceipt() async throws {
        let world = World(tickets)
        world.concurrency = 1
        // Dies right after the third creation, before its receipt.
        let counting = Plug()
        try await World(tickets).run(plug: counting)
        for at in stride(from: 10, to: counting.passed, by: 3) {
            let world = World(tickets)
            world.concurrency = 1
            _ = try? await world.run(plug: Plug(at: at))
            guard try await world.journal.head() != nil else { continue }
            let report = try await undoer(world).undo()
            #expect(report.touched.isEmpty && report.failed.isEmpty, "died at \(at)")
            #expect(world.helpdesk.content.isEmpty && !world.helpdesk.isMuted, "died at \(at)")
        }
    }

    @Test("of a migration that never wrote is refused")
    func refusesNothing() async throws {
        let error = await #expect(throws: Diagnostic.self) { _ = try await undoer(World(tickets)).undo() }
        #expect(error?.code == "undo.nothing")
    }
}
