// SPDX-License-Identifier: Apache-2.0
import Foundation
import Migration
import Synchronization
import Testing
import TicketModel

@Suite("What may never happen")
struct SafetyTests {
    /// A message with a text and an id.
    private func message(_ id: String?, _ text: String, _ kind: Message.Kind = .reply) -> Message {
        var message = Message(kind: kind)
        message.id = id
        message.body = .text(text)
        return message
    }

    @Test func nothingIsSentBeforeItsIntentIsDurable() async throws {
        let world = World(madeUpTickets(12))
        let journal = ForgetfulJournal()
        world.journal = journal
        let sent = Mutex<[String: Int]>([:])
        let early = Mutex<[String]>([])
        try await world.run { step in
            let name = "\(step.key.ticket) \(step.key.part)"
            let count = sent.withLock { sent in
                sent[name, default: 0] += 1
                return sent[name] ?? 0
            }
            if journal.intents.withLock({ $0[name] ?? 0 }) < count { early.withLock { $0.append(name) } }
            // Every other one once more: each time has an intent of its own.
            return count == 1 && step.key.part.utf8.count.isMultiple(of: 2) ? .lost : .none
        }
        #expect(early.withLock { $0 } == [])
        #expect(sent.withLock { $0.count } > 24 && sent.withLock { $0.values.contains(2) })
    }

    @Test func aLimitedSelectionThatMatchesNothingWritesNothing() async throws {
        let world = World(madeUpTickets(5))
        world.selection.ids = ["no such ticket"]
        world.selection.limit = 2
        let report = try await world.run()
        #expect(world.helpdesk.writes.isEmpty && world.helpdesk.mails == 0 && report.plan?.total == 0)
    }

    @Test func whatChangesAfterAnEmptyPlanIsNotSent() async throws {
        var tickets = madeUpTickets(3)
        let world = World(tickets)
        try await world.run()
        let writes = world.helpdesk.writes.count
        tickets[1].messages.append(message("new", "and another thing"))
        world.source.later.withLock { $0 = tickets }
        try await world.run()
        #expect(world.helpdesk.writes.count == writes && world.helpdesk.mails == 0)
        #expect(world.heard.codes == ["run.changed-since-plan"])
        try await world.run()
        #expect(world.helpdesk.writes.count == writes + 2 && world.helpdesk.mails == 0)
    }

    @Test func aJournalWithAFewTicketsDoesNotHideThatItLacksTheOthers() async throws {
        let tickets = madeUpTickets(5)
        let expected = try await World.undisturbed(tickets)
        let world = World(Array(tickets.prefix(4)))
        try await world.run()
        world.journal = MemoryJournal()
        world.source.replace(tickets)
        world.selection.ids = ["t5"]
        try await world.run()
        world.selection.ids = nil
        let writes = world.helpdesk.writes.count
        let error = await #expect(throws: Diagnostic.self) { try await world.run() }
        #expect(error?.code == "journal.lost" && error?.cause == .refused)
        #expect(world.helpdesk.writes.count == writes)
        var options = RunOptions()
        options.adopts = true
        try await world.run(options: options)
        #expect(differences(world.helpdesk.content, expected) == [])
        #expect(try await world.run().plan?.isEmpty == true)
    }

    @Test func whatAnAnswerShowedStaysInTheJournal() async throws {
        var tickets = madeUpTickets(2)
        tickets[0].messages = [message("a", "first"), message("b", "mangled"), message("c", "third")]
        func isKept(_ journal: any Journal) async throws -> Bool {
            try await journal.losses(of: "t1").contains { $0.reason.contains("mangled") }
        }
        let plug = Plug()
        let whole = World(tickets)
        try await whole.run(plug: plug)
        #expect(try await isKept(whole.journal))
        for at in 1...plug.passed {
            let world = World(tickets)
            _ = try? await world.run(plug: Plug(at: at))
            try await world.run()
            #expect(try await isKept(world.journal), "died at \(at)")
        }
        tickets[0].messages.append(message("d", "fourth"))
        whole.source.replace(tickets)
        try await whole.run()
        #expect(try await isKept(whole.journal), "a later run that loses nothing")
        #expect(try await whole.journal.counts().losses == 1)
    }

    @Test func theTargetIsToldWhatTheMappingLost() async throws {
        let world = World(madeUpTickets(1))
        world.mappingLosses = [Loss(field: "tags", value: "x", reason: "left out", fallback: .migrationNote)]
        let (summary, changes) = try await world.plan()
        #expect(changes[0].steps.contains("append note of losses") && summary.losses == 1)
    }

    @Test func filesThatTheTargetDoesNotTakeAreInTheArchive() async throws {
        let folder = NSTemporaryDirectory() + "ticketferry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("bytes".utf8).write(to: URL(fileURLWithPath: folder + "/in"))
        var tickets = madeUpTickets(1)
        tickets[0].subject = "unwritable"
        var attachment = Attachment()
        attachment.name = "a.txt"
        tickets[0].messages[0].attachments = [attachment]
        let world = World(tickets)
        let file = ResolvedFile(
            name: "a.txt", mediaType: nil, path: folder + "/in", size: 5,
            sha256: "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9")
        world.source.files.withLock { $0["a.txt"] = file }
        var options = RunOptions()
        options.archive = folder + "/archive"
        try await world.run(options: options)
        #expect(FileManager.default.fileExists(atPath: folder + "/archive/files/" + file.sha256))
    }

    @Test func aFileThatTurnsUpLaterIsListedAndItsLossStays() async throws {
        var tickets = madeUpTickets(1)
        var attachment = Attachment()
        attachment.name = "a.txt"
        tickets[0].messages = [message("a", "first"), message("b", "second")]
        tickets[0].messages[1].attachments = [attachment]
        let world = World(tickets)
        try await world.run()
        world.source.files.withLock {
            $0["a.txt"] = ResolvedFile(name: "a.txt", mediaType: nil, path: "/none", size: 5, sha256: "ab")
        }
        tickets[0].status = .pending
        world.source.replace(tickets)
        let (_, changes) = try await world.plan()
        #expect(changes[0].changedTexts == ["message b"])
        try await world.run()
        #expect(try await world.journal.losses(of: "t1").map(\.field) == ["messages[].attachments[]"])
    }

    @Test func whatAMessageThatIsGoneHasMovedIsPutRight() async throws {
        let before = madeUpTickets(1)
        var tickets = before
        let world = World(tickets)
        try await world.run()
        tickets[0].messages += [message("x", "one"), message("y", "two")]
        world.source.replace(tickets)
        try await world.run { $0.key.part == "message:y" ? .rejected : .none }
        #expect(world.helpdesk.content[0].properties["updatedAt"] == "now")
        world.source.replace(before)
        try await world.run()
        #expect(world.helpdesk.content[0].properties["updatedAt"] == "2020")
        #expect(try await world.run().plan?.isEmpty == true)
    }

    @Test(arguments: [false, true])
    func inAConflictNoPropertyIsTouchedHoweverManyRunsFollow(messagesMoveStatus: Bool) async throws {
        var tickets = madeUpTickets(1)
        let world = World(tickets)
        world.helpdesk.state.withLock { $0.movesStatus = messagesMoveStatus }
        try await world.run()
        world.helpdesk.state.withLock { $0.tickets[0].properties["status"] = "by people" }
        tickets[0].status = .closed
        tickets[0].tags = ["new"]
        tickets[0].messages.append(message("x", "one"))
        world.source.replace(tickets)
        for _ in 0..<3 {
            let report = try await world.run()
            #expect(report.plan?.conflict == 1)
            let stored = world.helpdesk.content[0]
            #expect(stored.properties["status"] == "by people" && stored.tags.isEmpty)
            #expect(stored.properties["updatedAt"] == "2020" && stored.parts.count == tickets[0].messages.count - 1)
        }
    }

    /// A world with one complete ticket that people closed and to which the source adds two messages and a status.
    private func inConflict() async throws -> World {
        var tickets = madeUpTickets(1)
        let world = World(tickets)
        try await world.run()
        world.helpdesk.state.withLock { $0.tickets[0].properties["status"] = "by people" }
        tickets[0].status = .closed
        tickets[0].tags = ["new"]
        tickets[0].messages += [message("x", "one"), message("y", "two")]
        world.source.replace(tickets)
        return world
    }

    @Test func aConflictWhoseWriteBrokeOffIsOneUntilItIsWritten() async throws {
        let world = try await inConflict()
        let failed = try await world.run { $0.key.part == "message:y" ? .rejected : .none }
        #expect(failed.counts.failed == 1 && failed.conflicts.map(\.id) == ["t1"])
        let report = try await world.run()
        #expect(report.counts.conflicts == 1 && report.plan?.conflict == 1)
        let stored = world.helpdesk.content[0]
        #expect(stored.properties["status"] == "by people" && stored.tags.isEmpty)
        #expect(stored.properties["updatedAt"] == "2020" && stored.parts.last?.hasSuffix("two") == true)
        #expect(try await JournalReader(world.journal).status().json["conflicts"]?[0]?["id"] == "t1")
        var options = world.setup()
        options.overwritesConflicts = true
        let target = FakeTarget(world.helpdesk, clock: world.clock)
        _ = try await Runner(setup: options, target: target, journal: world.journal, options: RunOptions()).migrate()
        #expect(world.helpdesk.content[0].properties["status"] == "closed")
        #expect(try await JournalReader(world.journal).status().conflicts.isEmpty)
        // What people made besides is not taken for ours: `undo` leaves it.
        #expect(try await world.journal.ticket("t1")?.ticket.edits == .noticed)
        let undone = try await Undoer(setup: world.setup(), target: target, journal: world.journal).undo()
        #expect(undone.touched.map(\.id) == ["t1"])
    }

    @Test func aRunThatDiesInAConflictOverwritesNothingWhereverItDies() async throws {
        let counting = try await inConflict()
        let plug = Plug()
        try await counting.run(plug: plug)
        let expected = counting.helpdesk.content
        for at in 1...plug.passed {
            let world = try await inConflict()
            _ = try? await world.run(plug: Plug(at: at))
            try await world.run()
            #expect(differences(world.helpdesk.content, expected) == [], "died at \(at)")
        }
    }

    @Test func whatPeopleChangeAfterTheJournalWasRebuiltIsAConflict() async throws {
        var tickets = madeUpTickets(1)
        let world = World(tickets)
        try await world.run()
        world.journal = MemoryJournal()
        var options = RunOptions()
        options.adopts = true
        try await world.run(options: options)
        world.helpdesk.state.withLock { $0.tickets[0].properties["status"] = "by people" }
        tickets[0].status = .closed
        world.source.replace(tickets)
        let report = try await world.run()
        #expect(report.counts.conflicts == 1)
        #expect(world.helpdesk.content[0].properties["status"] == "by people")
    }

    @Test(arguments: [false, true])
    func whatPeopleChangedBeforeTheJournalWasRebuiltIsTheirs(answered: Bool) async throws {
        var tickets = madeUpTickets(2)
        let world = World(tickets)
        world.concurrency = 1
        try await world.run()
        world.helpdesk.state.withLock { state in
            if answered {
                state.tickets[0].parts.append("a reply by an agent")
                state.tickets[0].properties["updatedAt"] = "now"
            } else {
                state.tickets[0].parts[0] += " and more"
            }
        }
        world.journal = MemoryJournal()
        var options = RunOptions()
        options.adopts = true
        try await world.run(options: options)
        #expect(world.heard.codes == ["adopt.edited"])
        // Its date of change is not ours any more, and is nobody's in this target: half of a ticket, as far as that shows.
        #expect(try await world.journal.ticket("t1")?.ticket.edits == (answered ? .noticed : .conflict))
        #expect(try await world.journal.ticket("t2")?.ticket.edits == nil)
        tickets[0].status = .closed
        world.source.replace(tickets)
        let report = try await world.run()
        #expect(report.counts.conflicts == (answered ? 0 : 1))
        let target = FakeTarget(world.helpdesk, clock: world.clock)
        let undone = try await Undoer(setup: world.setup(), target: target, journal: world.journal).undo()
        #expect(undone.touched.map(\.id) == ["t1"] && undone.deleted == 1)
        #expect(undone.remains.contains { $0.contains("before the journal was rebuilt") })
        #expect(world.helpdesk.content.count == 1)
    }

    @Test func aMessageWaitsForAPropertyThatAnEarlierRunMayStillBeSetting() async throws {
        var tickets = madeUpTickets(1)
        let world = World(tickets)
        try await world.run()
        tickets[0].status = .closed
        world.source.replace(tickets)
        let broken = try await world.run { $0.name == "status" ? .late : .none }
        #expect(broken.counts.uncertain == 1)
        tickets[0].messages.append(message("x", "one"))
        world.source.replace(tickets)
        let clock = world.clock
        let sent = Mutex(Duration.zero)
        let before = clock.elapsed()
        let report = try await world.run { step in
            if step.verb == .append { sent.withLock { $0 = clock.elapsed() } }
            return .none
        }
        #expect(report.exitCause == nil)
        #expect(sent.withLock { $0 } - before >= .seconds(60))
    }

    @Test func aStatusThatWasFoundAgainIsOursAndNoConflict() async throws {
        var tickets = madeUpTickets(1)
        let world = World(tickets)
        world.helpdesk.state.withLock { ($0.mailsStatus, $0.onlyStatusTells) = (true, true) }
        var options = RunOptions()
        options.allowsNotifications = true
        try await world.run(policy: .allow, options: options)
        for status in [Ticket.Status.closed, .pending] {
            tickets[0].status = status
            world.source.replace(tickets)
            let report = try await world.run(policy: .allow, options: options) {
                $0.name == "status" ? .answerLost : .none
            }
            #expect(report.counts.conflicts == 0 && report.counts.updated == 1)
            #expect(world.helpdesk.content[0].properties["status"] == status.rawValue)
        }
    }

    @Test func theTargetIsReadForManyTicketsAtATimeWhereAJournalIsRebuilt() async throws {
        let tickets = madeUpTickets(12)
        let world = World(tickets)
        try await world.run()
        let target = FakeTarget(world.helpdesk, clock: world.clock, pause: .milliseconds(20))
        var options = RunOptions()
        options.adopts = true
        let runner = Runner(setup: world.setup(), target: target, journal: MemoryJournal(), options: options)
        let report = try await runner.migrate()
        #expect(report.counts.unchanged == 12)
        #expect((2...world.concurrency).contains(world.helpdesk.state.withLock { $0.mostReading }))
    }

    @Test func aNewPropertyAloneIsAConflictToo() async throws {
        var tickets = madeUpTickets(1)
        let world = World(tickets)
        try await world.run()
        world.helpdesk.state.withLock { $0.tickets[0].properties["status"] = "by people" }
        tickets[0].tags = ["new"]
        world.source.replace(tickets)
        // It would be told in a note of ours, which is no reason to write either.
        world.mappingLosses = [Loss(field: "updatedAt", reason: "changed", fallback: .header)]
        let writes = world.helpdesk.writes.count
        try await world.run()
        #expect(world.helpdesk.content[0].tags.isEmpty)
        #expect(world.helpdesk.writes.count == writes)
    }

    @Test(arguments: [Step.Verb.create, .append])
    func aNoToWhatWasDoneAllTheSameDoublesNothing(verb: Step.Verb) async throws {
        let tickets = madeUpTickets(4)
        let expected = try await World.undisturbed(tickets)
        let world = World(tickets)
        let report = try await world.run { $0.key.ticket == "t2" && $0.verb == verb ? .rejectedButDone : .none }
        #expect(report.counts.failed == 1 && report.counts.uncertain == 0)
        let waited = world.clock.elapsed()
        #expect(try await world.run().exitCause == nil)
        #expect(differences(world.helpdesk.content, expected) == [])
        #expect(world.clock.elapsed() == waited, "an answer needs no settling")
    }

    @Test func restoreWaitsAsLongAsTheTargetMayTake() async throws {
        let world = World(madeUpTickets(3))
        world.concurrency = 1
        world.helpdesk.state.withLock { $0.settleTime = .seconds(3600) }
        for at in 8...30 {
            world.journal = MemoryJournal()
            world.helpdesk.state.withLock { $0.tickets = [] }
            _ = try? await world.run(plug: Plug(at: at))
            let isBorrowed = try await !world.journal.borrowings(open: true).isEmpty
            guard isBorrowed, try await !world.journal.inDoubt().isEmpty else { continue }
            try await world.clock.sleep(for: .seconds(700))
            let before = world.clock.elapsed()
            let target = FakeTarget(world.helpdesk, clock: world.clock)
            _ = try await Restore(
                target: target, journal: world.journal, clock: world.clock, sink: world.heard
            ).run()
            #expect(world.clock.elapsed() - before >= .seconds(3600))
            return
        }
        Issue.record("no run died with something in doubt")
    }

    @Test func aTargetThatCannotMuteIsPlannedAndWrittenIfThatIsAllowed() async throws {
        let world = World(madeUpTickets(2))
        world.helpdesk.state.withLock { $0.cannotMute = true }
        let (summary, _) = try await world.plan(policy: .allow)
        #expect(summary.mails > 0 && summary.policy == .allow && world.heard.codes == ["fake.cannot-mute"])
        await #expect(throws: Diagnostic.self) { try await world.run(policy: .allow) }
        var options = RunOptions()
        options.allowsNotifications = true
        #expect(try await world.run(policy: .allow, options: options).counts.created == 2)
    }

    @Test func messagesWithoutIdsWhoseTimesAllMovedAreNotWrittenAgain() async throws {
        func tickets(at hour: Int64) -> [Ticket] {
            var tickets = madeUpTickets(2)
            tickets[0].messages = (0..<3).map { n in
                var message = message(nil, "text \(n)")
                message.createdAt = Timestamp(seconds: hour * 3600 + Int64(n))
                return message
            }
            return tickets
        }
        let world = World(tickets(at: 1))
        try await world.run()
        let writes = world.helpdesk.writes.count
        world.source.replace(tickets(at: 2))
        let report = try await world.run()
        #expect(world.helpdesk.writes.count == writes && report.counts.skipped == 1)
        #expect(world.heard.codes.contains("plan.messages-renamed"))
    }

    @Test func aReplyThatIsANoteNowIsSaidAsAnError() async throws {
        var tickets = madeUpTickets(1)
        tickets[0].messages = [message("a", "first"), message("b", "second")]
        let world = World(tickets)
        try await world.run()
        tickets[0].messages[1].kind = .note
        world.source.replace(tickets)
        let (_, changes) = try await world.plan()
        #expect(changes[0].diagnostics.map(\.code) == ["plan.kind-changed"])
        #expect(changes[0].diagnostics.map(\.severity) == [.error])
        try await world.run()
        #expect(world.heard.codes == ["plan.kind-changed"])
    }
}
