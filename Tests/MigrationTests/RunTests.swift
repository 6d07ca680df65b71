// SPDX-License-Identifier: Apache-2.0
import Foundation
import Migration
import Synchronization
import Testing
import TicketModel

@Suite("Runs")
struct RunTests {
    @Test func aPlanIsWhatTheRunThenDoes() async throws {
        let world = World(madeUpTickets(7, messages: 4))
        let (summary, changes) = try await world.plan()
        #expect(world.helpdesk.writes.isEmpty, "a plan writes nothing")
        let report = try await world.run()
        #expect(summary.create == 7 && report.counts.created == 7)
        #expect(summary.steps == world.helpdesk.writes.count)
        #expect(changes.flatMap(\.steps).count == world.helpdesk.writes.count)
        #expect(summary.digest == report.plan?.digest)
        let (after, _) = try await world.plan()
        #expect(after.isEmpty && after.unchanged == 7 && after.digest != summary.digest)
    }

    @Test func aSecondRunWritesNothingAndBorrowsNothing() async throws {
        let world = World(madeUpTickets(5))
        try await world.run()
        let writes = world.helpdesk.writes.count
        let report = try await world.run()
        #expect(world.helpdesk.writes.count == writes)
        #expect(report.counts.unchanged == 5 && report.exitCause == nil)
        #expect(try await world.journal.borrowings(open: false).count == 1)
    }

    @Test func aNewMessageIsAppendedAndTheDatesAreSetAgainAfterIt() async throws {
        var tickets = madeUpTickets(3)
        let world = World(tickets)
        try await world.run()
        let before = world.helpdesk.writes.count
        var message = Message(kind: .reply)
        message.id = "new"
        message.body = .text("and another thing")
        tickets[1].messages.append(message)
        world.source.replace(tickets)
        let report = try await world.run()
        #expect(report.counts.updated == 1 && report.counts.unchanged == 2)
        let written = world.helpdesk.writes.dropFirst(before).map { $0.prefix(6) }
        #expect(written == ["append", "set fe"], "the message, then the date that it moved")
        #expect(world.helpdesk.content.allSatisfy { $0.properties["updatedAt"] == "2020" })
    }

    @Test func aTextThatChangedIsListedAndNeverRewritten() async throws {
        var tickets = madeUpTickets(2)
        let world = World(tickets)
        try await world.run()
        let writes = world.helpdesk.writes.count
        tickets[1].messages[1].body = .text("edited")
        world.source.replace(tickets)
        let (summary, changes) = try await world.plan()
        #expect(summary.changedTexts == 1 && changes[1].changedTexts == ["message 2m1"])
        try await world.run()
        #expect(world.helpdesk.writes.count == writes)
    }

    @Test func ticketsGoneFromTheSourceAreListed() async throws {
        let tickets = madeUpTickets(3)
        let world = World(tickets)
        try await world.run()
        world.source.replace(Array(tickets.dropFirst()))
        let (summary, _) = try await world.plan()
        #expect(summary.gone == ["t1"])
        try await world.run()
        #expect(world.helpdesk.content.count == 3)
    }

    @Test func whatPeopleChangedInTheTargetIsAConflictAndStays() async throws {
        var tickets = madeUpTickets(1)
        let world = World(tickets)
        try await world.run()
        world.helpdesk.state.withLock { $0.tickets[0].properties["status"] = "by people" }
        tickets[0].status = .closed
        world.source.replace(tickets)
        let (summary, _) = try await world.plan()
        #expect(summary.conflict == 1)
        try await world.run()
        #expect(world.helpdesk.content[0].properties["status"] == "by people")
    }

    @Test func oneRefusedTicketFailsAloneAndIsTriedAgain() async throws {
        let world = World(madeUpTickets(6))
        let report = try await world.run { $0.key.ticket == "t2" && $0.verb == .append ? .rejected : .none }
        #expect(report.counts.created == 5 && report.counts.failed == 1 && report.exitCause == .someFailed)
        #expect(report.failures.map(\.id) == ["t2"] && report.failures[0].failure?.code == "fake.rejected")
        let again = try await world.run()
        #expect(again.counts.updated == 1 && again.counts.unchanged == 5 && again.exitCause == nil)
    }

    @Test func aRefusedBatchFailsOnlyTheTicketThatSpoiledIt() async throws {
        let world = World(madeUpTickets(12))
        let report = try await world.run { $0.batch != nil && $0.key.ticket == "t6" ? .rejected : .none }
        #expect(report.counts.failed <= 4 && report.counts.created >= 8)
        #expect(try await world.run().exitCause == nil)
        #expect(world.helpdesk.content.filter { !$0.tags.isEmpty }.count == 4)
    }

    @Test func whatTheTargetCannotHoldIsSkippedWithItsReason() async throws {
        var tickets = madeUpTickets(2)
        tickets[0].subject = "unwritable"
        let world = World(tickets)
        let report = try await world.run()
        #expect(report.counts.skipped == 1 && report.counts.created == 1)
        #expect(world.heard.codes == ["fake.unwritable"] && report.exitCause == .someFailed)
    }

    @Test func tooManyRefusalsInARowStopTheRun() async throws {
        let world = World(madeUpTickets(80))
        let report = try await world.run { _ in .rejected }
        #expect(report.state == .stopped && report.stoppedBy?.code == "run.too-many-failures")
        #expect(report.exitCause == .unavailable && report.counts.failed < 40)
        #expect(!world.helpdesk.isMuted)
    }

    @Test func aTargetThatDoesNotAnswerStopsTheRun() async throws {
        let world = World(madeUpTickets(40))
        let report = try await world.run { _ in .busy }
        #expect(report.exitCause == .unavailable && world.helpdesk.writes.isEmpty)
        #expect(try await world.run().exitCause == nil)
    }

    @Test func whatCannotBeToldIsSetAsideAlone() async throws {
        let world = World(madeUpTickets(4))
        let report = try await world.run(cannotTell: true) { step in
            step.key.ticket == "t2" && step.verb == .create ? .answerLost : .none
        }
        #expect(report.counts.uncertain == 1 && report.counts.created == 3)
        // It stays aside: nothing may be sent for it until somebody has decided.
        let again = try await world.run()
        #expect(again.counts.uncertain == 1 && world.helpdesk.content.count == 4)
    }

    @Test func oneIdOfTheTargetBelongsToOneTicket() async throws {
        let journal = MemoryJournal()
        let identity = MigrationIdentity(migration: "m", source: "s")
        func entries(_ ticket: String) -> [JournalEntry] {
            let step = Step(
                key: identity.key(ticket: ticket, part: "ticket"), verb: .create, name: "ticket", undo: .delete,
                payload: .null)
            return [
                .ticket(TicketRecord(id: ticket)), .intent(StepRecord(step, sentAt: Timestamp(seconds: 0))),
                .done(step.key, Receipt(id: "77")),
            ]
        }
        try await journal.record(entries("a"))
        await #expect(throws: JournalConflict(targetID: "77", owner: "a")) { try await journal.record(entries("b")) }
    }

    @Test func anInterruptedRunGivesBackAndGoesOnLater() async throws {
        let tickets = madeUpTickets(9)
        let expected = try await World.undisturbed(tickets)
        for after in 0..<30 {
            let world = World(tickets)
            let stop = StopSignal()
            let sent = Mutex(0)
            let report = try? await world.run(stop: stop) { _ in
                let n = sent.withLock { sent in
                    sent += 1
                    return sent
                }
                if n > after { stop.stop() }
                return .none
            }
            #expect(report == nil || report?.exitCause == .interrupted || report?.state == .finished)
            #expect(!world.helpdesk.isMuted && world.helpdesk.content.count <= 9)
            try await world.run()
            #expect(differences(world.helpdesk.content, expected) == [], "stopped after \(after)")
        }
    }

    @Test(arguments: [
        (NotificationPolicy.allow, "notifications.not-allowed"), (.refuse, "notifications.refused"),
    ])
    func mailsAreRefusedUnlessTheyAreAllowed(policy: NotificationPolicy, code: String) async throws {
        let world = World(madeUpTickets(2))
        let error = await #expect(throws: Diagnostic.self) { try await world.run(policy: policy) }
        #expect(error?.code == code && error?.cause == .refused)
        #expect(world.helpdesk.writes.isEmpty && world.helpdesk.mails == 0)
    }

    @Test func thePlanCountsTheMailsThatTheRunThenSends() async throws {
        let world = World(madeUpTickets(5))
        let (summary, _) = try await world.plan(policy: .allow)
        var options = RunOptions()
        options.allowsNotifications = true
        try await world.run(policy: .allow, options: options)
        #expect(summary.mails == world.helpdesk.mails && summary.mails > 0)
    }

    @Test("a run by a signed plan writes what was signed, and leaves what changed since for the next plan")
    func aSignedPlanIsKeptTo() async throws {
        var tickets = madeUpTickets(4)
        let world = World(tickets)
        let (_, changes) = try await world.plan()
        var options = RunOptions()
        options.seal = try await world.signed()
        tickets[0].subject = "another"
        tickets[1].messages.append(Message(kind: .reply))
        tickets[1].messages[tickets[1].messages.count - 1].id = "late"
        tickets.append(madeUpTickets(5)[4])
        world.source.replace(tickets)
        // The process dies on the way, and goes on by the same plan.
        _ = try? await world.run(plug: Plug(at: 25), options: options)
        let report = try await world.run(options: options)
        #expect(report.exitCause == nil && report.unsigned == 3)
        #expect(world.helpdesk.content.map(\.subject).sorted() == ["Subject 3", "Subject 4"])
        let signed = Set(changes.flatMap { $0.seals.map { String($0.prefix(22)) } })
        let written = world.helpdesk.writes.map { String($0.drop { $0 != "f" }.prefix(22)) }
        #expect(Set(written).subtracting(signed).isEmpty)
        #expect(try await world.run().counts.created == 3, "the next run takes the rest")
    }

    @Test("a signed plan writes nothing more of a ticket that it has completed, and no message before an unsigned one")
    func aSignedPlanEnds() async throws {
        var tickets = madeUpTickets(3, messages: 4)
        for id in ["x", "y", "z"] {
            tickets[2].messages.append(Message(kind: .reply))
            tickets[2].messages[tickets[2].messages.count - 1].id = id
            tickets[2].messages[tickets[2].messages.count - 1].body = .text("text \(id)")
        }
        let world = World(tickets)
        world.concurrency = 1
        var options = RunOptions()
        options.seal = try await world.signed()
        // Dies after the first messages of the third ticket; then its next one and the first ticket change.
        func parts() -> Int { world.helpdesk.content.first { $0.subject == tickets[2].subject }?.parts.count ?? 0 }
        var at = 1
        while parts() < 1 {
            at += 1
            _ = try? await world.run(plug: Plug(at: at), options: options)
        }
        let before = parts()
        try #require(before < 3)
        tickets[2].messages[before + 1].body = .text("edited before it went")
        tickets[0].messages.append(Message(kind: .reply))
        tickets[0].messages[tickets[0].messages.count - 1].id = "late"
        tickets[0].status = .closed
        world.source.replace(tickets)
        let written = world.helpdesk.writes.count
        let first = try await world.run(options: options)
        #expect(first.unsigned == 2)
        #expect(parts() == before)
        #expect(!world.helpdesk.writes.dropFirst(written).contains { $0.contains(tickets[0].id) })
        try await world.run()
        let expected = try await World.undisturbed(tickets)
        #expect(differences(world.helpdesk.content, expected).isEmpty)
    }

    @Test("a complete ticket that cannot be read once is named, and stays complete")
    func anUnreadableTicketStaysComplete() async throws {
        let world = World(madeUpTickets(3))
        try await world.run()
        world.source.unreadable.withLock { $0 = ["t1"] }
        let report = try await world.run()
        #expect(report.exitCause == .someFailed && report.counts.failed == 1)
        #expect(world.heard.codes.contains("simulated.page"))
        #expect(try await world.journal.ticket("t1")?.ticket.state == .complete)
        world.source.unreadable.withLock { $0 = [] }
        let again = try await world.run()
        #expect(again.exitCause == nil && again.counts.unchanged == 3)
    }

    @Test("a run over a part of the tickets ends no mistrust of the journal")
    func aPartClearsNothing() async throws {
        let world = World(madeUpTickets(3))
        try await world.run()
        try await world.journal.record([.memo(.mistrusted, true)])
        world.selection.ids = ["t1"]
        try await world.run()
        #expect(try await world.journal.memo(.mistrusted)?.bool == true)
        world.selection.ids = nil
        try await world.run()
        #expect(try await world.journal.memo(.mistrusted)?.bool != true)
    }

    @Test("a ticket that is begun goes to its end as far as it was signed, though it changed meanwhile")
    func aBegunTicketGoesOnAsSigned() async throws {
        var tickets = madeUpTickets(3, messages: 4)
        let expected = try await World.undisturbed(tickets)
        let world = World(tickets)
        world.concurrency = 1
        var options = RunOptions()
        options.seal = try await world.signed()
        // Dies in the middle of the third ticket, which is answered before the run goes on.
        var at = 1
        while world.helpdesk.content.count < 3 {
            at += 1
            _ = try? await world.run(plug: Plug(at: at), options: options)
        }
        let before = tickets[2]
        tickets[2].messages.append(Message(kind: .reply))
        tickets[2].messages[tickets[2].messages.count - 1].id = "late"
        world.source.replace(tickets)
        let report = try await world.run(options: options)
        #expect(report.unsigned == 1 && report.borrowed.isEmpty)
        let parts = world.helpdesk.content.first { $0.subject == before.subject }?.parts
        #expect(parts == expected.first { $0.subject == before.subject }?.parts)
        let delta = try await world.run()
        #expect(delta.counts.updated == 1 && delta.counts.conflicts == 0)
        let after = world.helpdesk.content.first { $0.subject == before.subject }?.parts ?? []
        #expect(after.count == before.messages.count)
    }

    @Test func aSignedPlanOfWhichNothingIsLeftAsItWasIsRefused() async throws {
        let world = World(madeUpTickets(2))
        var options = RunOptions()
        let other = World(madeUpTickets(1))
        other.source.replace([])
        options.seal = try await other.signed()
        let error = await #expect(throws: Diagnostic.self) { try await world.run(options: options) }
        #expect(error?.code == "plan.differs" && error?.cause == .refused && world.helpdesk.writes.isEmpty)
    }

    @Test func timesWithoutAZoneAreRefused() async throws {
        let world = World(madeUpTickets(1))
        world.source.timesWithoutZone.withLock { $0 = 4 }
        let error = await #expect(throws: Diagnostic.self) { try await world.run() }
        #expect(error?.code == "source.no-zone" && world.helpdesk.writes.isEmpty)
    }

    @Test func aJournalOfAnotherMigrationIsRefused() async throws {
        let world = World(madeUpTickets(1))
        try await world.journal.setHead(
            JournalHead(identity: MigrationIdentity(migration: "other", source: "old desk"), target: "x"))
        let error = await #expect(throws: Diagnostic.self) { try await world.run() }
        #expect(error?.code == "journal.another-migration" && error?.cause == .machine)
    }

    @Test func aNoBeforeTheFirstWriteEndsTheRun() async throws {
        let world = World(madeUpTickets(1))
        var options = RunOptions()
        options.confirm = { _ in false }
        let error = await #expect(throws: Diagnostic.self) { try await world.run(options: options) }
        #expect(error?.code == "run.declined" && world.helpdesk.writes.isEmpty && !world.helpdesk.isMuted)
    }

    @Test func aLimitTakesTheTicketsThatThePlanTook() async throws {
        let world = World(madeUpTickets(9))
        world.selection.limit = 4
        let (summary, changes) = try await world.plan()
        #expect(summary.total == 4 && summary.gone.isEmpty)
        try await world.run()
        #expect(Set(world.helpdesk.content.map(\.subject)) == Set(changes.map { "Subject \($0.id.dropFirst())" }))
    }

    @Test func openTicketsGoFirstIfAsked() async throws {
        let world = World(madeUpTickets(8, messages: 1))
        world.selection.order = .openFirst
        world.concurrency = 1
        try await world.run()
        let subjects = world.helpdesk.state.withLock { $0.tickets.map(\.subject) }
        #expect(subjects.prefix(4) == ["Subject 1", "Subject 3", "Subject 5", "Subject 7"])
    }

    @Test func theWindowIsFilledAsFarAsItIsAllowed() async throws {
        for concurrency in [1, 8] {
            let world = World(madeUpTickets(60, messages: 4))
            world.concurrency = concurrency
            let target = FakeTarget(world.helpdesk, clock: world.clock, pause: .milliseconds(20))
            let options = RunOptions()
            let runner = Runner(setup: world.setup(), target: target, journal: world.journal, options: options)
            _ = try await runner.migrate()
            // What each request saw at work beside itself: it does not hang on how busy this machine is.
            let mean = target.meanInFlight
            #expect(mean <= Double(concurrency) && mean >= Double(concurrency) * 0.7, "\(mean) of \(concurrency)")
        }
    }

    @Test func archiveAndFinishingFileHoldWhatTheyShould() async throws {
        let folder = NSTemporaryDirectory() + "ticketferry-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let tickets = madeUpTickets(6)
        let world = World(tickets)
        var options = RunOptions()
        options.archive = folder + "/a.archive"
        options.finishingFile = folder + "/a.finish.sql"
        let report = try await world.run(options: options)
        let lines = try String(contentsOfFile: folder + "/a.archive/tickets.jsonl", encoding: .utf8)
        #expect(lines == tickets.map { String(decoding: CanonicalLine($0).bytes, as: UTF8.self) + "\n" }.joined())
        let finishing = try String(contentsOfFile: folder + "/a.finish.sql", encoding: .utf8)
        let appended = tickets.reduce(0) { $0 + $1.messages.count - 1 }
        #expect(finishing.hasPrefix("-- finish\n") && !finishing.contains("{id:"))
        #expect(report.finishingLines == appended && finishing.split(separator: "\n").count == appended + 1)
        for path in ["/a.archive/tickets.jsonl", "/a.finish.sql"] {
            let mode = try FileManager.default.attributesOfItem(atPath: folder + path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
        // A run over a part keeps the others' lines.
        world.selection.ids = ["t2"]
        try await world.run(options: options)
        let again = try String(contentsOfFile: folder + "/a.archive/tickets.jsonl", encoding: .utf8)
        #expect(Set(again.split(separator: "\n")) == Set(lines.split(separator: "\n")))
        #expect(try String(contentsOfFile: folder + "/a.finish.sql", encoding: .utf8) == finishing)
    }

    @Test func restoreGivesBackWhatACrashLeftBorrowed() async throws {
        let world = World(madeUpTickets(3))
        world.concurrency = 1
        _ = try? await world.run(plug: Plug(at: 14))
        #expect(world.helpdesk.isMuted)
        let target = FakeTarget(world.helpdesk, clock: world.clock)
        let restore = Restore(target: target, journal: world.journal, clock: world.clock, sink: world.heard)
        let (before, after) = try await restore.run()
        #expect(before.count == 1 && after.isEmpty && !world.helpdesk.isMuted)
        #expect(try await restore.run().before.isEmpty)
    }

    @Test func theHistoryOfATicketIsFoundByEachOfItsNumbers() async throws {
        let world = World(madeUpTickets(3))
        world.concurrency = 1
        try await world.run()
        let reader = JournalReader(world.journal)
        for text in ["t2", "T-2", "2"] {
            let history = try #require(try await reader.history(of: text))
            #expect(history.ticket.id == "t2" && history.ticket.targetURL == "https://new.example/2")
            #expect(history.steps.allSatisfy { $0.state == .done })
        }
        #expect(try await reader.history(of: "nobody")?.ticket == nil)
        let status = try await reader.status()
        #expect(status.state == .finished && status.counts.created == 3 && status.borrowed.isEmpty)
    }

    @Test func aSampleShowsEveryValueAndEveryExtreme() async throws {
        var tickets = madeUpTickets(60, messages: 4)
        tickets[40].department = "Billing"
        tickets[41].messages[0].body = .text(String(repeating: "long ", count: 500))
        tickets[42].extras = [JSON.Member("lossy", 1)]
        let world = World(tickets)
        let planner = Planner(
            setup: world.setup(), target: FakeTarget(world.helpdesk, clock: world.clock), journal: world.journal)
        let ids = try await planner.sample(20)
        #expect(ids.isSuperset(of: ["t41", "t42", "t43", "t1", "t60"]) && ids.count <= 9)
        #expect(try await planner.sample(2).count == 2)
        #expect(world.helpdesk.writes.isEmpty)
    }

    @Test("a plan of many changed tickets reads the target's list, and finds what people edited all the same")
    func aPlanOfManyChangesReadsTheList() async throws {
        var tickets = madeUpTickets(100)
        let world = World(tickets)
        try await world.run()
        world.helpdesk.state.withLock { $0.tickets[70].properties["status"] = "edited by people" }
        for i in tickets.indices { tickets[i].status = .pending }
        world.source.replace(tickets)
        let before = world.helpdesk.state.withLock { $0.fingerprintsRead }
        let (summary, _) = try await world.plan()
        #expect(summary.update == 99 && summary.conflict == 1)
        #expect(world.helpdesk.state.withLock { $0.fingerprintsRead } - before <= 20)
    }
}
