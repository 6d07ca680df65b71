import Synchronization
import Testing
import TicketModel

// SPDX-License-Identifier: Apache-2.0
@testable import Migration

@Suite("Verify")
struct VerifyTests {
    let tickets = madeUpTickets(5, messages: 4)

    private func verify(_ world: World) async throws -> Verification {
        try await Verifier(
            setup: world.setup(), target: FakeTarget(world.helpdesk, clock: world.clock), journal: world.journal
        ).verify()
    }

    @Test("finds nothing on a clean target, also when the journal is lost")
    func findsNothing() async throws {
        let world = World(tickets)
        try await world.run()
        for journal in [world.journal, MemoryJournal()] {
            world.journal = journal
            let result = try await verify(world)
            #expect(result.exitCause == nil, "\(result.json.canonicalText)")
            #expect(result.tickets == 5 && result.listed == 5 && result.messages > 5)
        }
    }

    /// What somebody or something did to a ticket of the target, and what of it must be found.
    struct Defect: Sendable, CustomTestStringConvertible {
        var name: String
        var kinds: Set<Difference.Kind>
        var harm: @Sendable (inout FakeHelpdesk.State, Int) -> Void
        var testDescription: String { name }
    }

    static let defects = [
        Defect(name: "ticket gone", kinds: [.missingTicket]) { state, i in state.tickets.remove(at: i) },
        Defect(name: "ticket twice", kinds: [.doubledTicket]) { state, i in
            var double = state.tickets[i]
            double.id = "900"
            state.tickets.append(double)
        },
        Defect(name: "message gone", kinds: [.missingMessage]) { state, i in state.tickets[i].parts.remove(at: 0) },
        Defect(name: "message twice", kinds: [.doubledMessage]) { state, i in
            state.tickets[i].parts.append(state.tickets[i].parts[0])
        },
        Defect(name: "message added", kinds: [.addedMessage]) { state, i in
            state.tickets[i].parts.append("words of an agent")
        },
        Defect(name: "messages swapped", kinds: [.order]) { state, i in state.tickets[i].parts.swapAt(0, 1) },
        Defect(name: "a byte changed", kinds: [.text]) { state, i in state.tickets[i].parts[0] += "." },
        Defect(name: "subject changed", kinds: [.text]) { state, i in state.tickets[i].subject += "!" },
        Defect(name: "status changed", kinds: [.property]) { state, i in
            state.tickets[i].properties["status"] = "other"
        },
        Defect(name: "tag gone", kinds: [.missingTag]) { state, i in state.tickets[i].tags = [] },
    ]

    @Test("finds a defect, the same with and without the journal", arguments: defects)
    func finds(_ defect: Defect) async throws {
        let world = World(tickets)
        try await world.run()
        let at = try #require(
            world.helpdesk.state.withLock { state in
                state.tickets.firstIndex { $0.parts.count >= 2 && !$0.tags.isEmpty }
            })
        let messages = world.helpdesk.state.withLock { 1 + $0.tickets[at].parts.count }
        world.helpdesk.state.withLock { defect.harm(&$0, at) }
        for journal in [world.journal, MemoryJournal()] {
            world.journal = journal
            let result = try await verify(world)
            #expect(Set(result.counts.keys) == defect.kinds, "\(result.json.canonicalText)")
            #expect(result.differentTickets == 1 && result.exitCause == .someFailed)
            let json = result.json
            let missing = defect.kinds == [.missingTicket] ? 1 : 0
            #expect(json["tickets"]?["expected"]?.int == 5 && json["tickets"]?["found"]?.int == 5 - missing)
            #expect(json["tickets"]?["missing"]?.int == missing && json["tickets"]?["different"]?.int == 1)
            #expect(json["tickets"]?["extra"]?.int == (defect.kinds == [.doubledTicket] ? 1 : 0))
            let lost = defect.kinds == [.missingMessage] ? 1 : missing * messages
            #expect(json["messages"]?["missing"]?.int == lost)
            let lines = json["differences"]?.array ?? []
            #expect(lines.count == result.counts.values.reduce(0, +))
            #expect(lines.allSatisfy { $0["id"]?.string != nil && $0["kind"]?.string != nil })
        }
    }
}

@Suite("What verify tells besides differences")
struct VerifyTellsTests {
    let tickets = madeUpTickets(5, messages: 4)

    private func verify(_ world: World) async throws -> Verification {
        try await Verifier(
            setup: world.setup(), target: FakeTarget(world.helpdesk, clock: world.clock), journal: world.journal
        ).verify()
    }

    @Test("tags that people added, and no tag of ours")
    func addedTags() async throws {
        let world = World(tickets)
        try await world.run()
        // A tag that left the source stays in the target, and is ours.
        var changed = tickets
        changed[2].tags = []
        world.source.replace(changed)
        world.helpdesk.state.withLock { state in
            let at = state.tickets.firstIndex { $0.subject == "Subject 1" }!
            state.tickets[at].tags.formUnion(["urgent", "back office"])
        }
        let result = try await verify(world)
        #expect(result.exitCause == nil && result.addedTagsCount == 2)
        #expect(result.addedTags.map(\.id) == ["t1"] && result.addedTags[0].tags == ["back office", "urgent"])
        #expect(result.json["addedByPeople"]?.array?.first?["tags"] == ["back office", "urgent"])
    }

    @Test("tickets that `undo` took back, which nobody misses")
    func takenBack() async throws {
        let world = World(tickets)
        try await world.run()
        _ = try await Undoer(
            setup: world.setup(), target: FakeTarget(world.helpdesk, clock: world.clock), journal: world.journal
        ).undo()
        var result = try await verify(world)
        #expect(result.exitCause == nil && result.takenBack == 5 && result.missing == 0)
        #expect(result.json["tickets"]?["takenBack"]?.int == 5)
        // Written again: of the next generation, also for who has no journal.
        try await world.run()
        for journal in [world.journal, MemoryJournal()] {
            world.journal = journal
            result = try await verify(world)
            #expect(result.exitCause == nil && result.tickets == 5, "\(result.json.canonicalText)")
            #expect(result.isWithoutJournal == (try await journal.head() == nil))
        }
    }
}

@Suite("Pairing messages without marks")
struct PairingTests {
    private func expected(_ texts: [String], kind: Message.Kind = .reply) -> [ExpectedMessage] {
        texts.enumerated().map { i, text in
            ExpectedMessage(name: "m\(i)", digest: "d\(i)", kind: kind, author: "a@x.example", texts: [text])
        }
    }

    private func stored(_ texts: [String], kind: Message.Kind = .reply) -> [StoredMessage] {
        texts.enumerated().map { i, text in
            StoredMessage(id: "\(i)", kind: kind, author: "a@x.example", text: text)
        }
    }

    private func kinds(_ expected: [ExpectedMessage], _ stored: [StoredMessage]) -> [String] {
        TicketComparison(ExpectedTicket(messages: expected), StoredTicket(id: "1", messages: stored)).differences
            .map { "\($0.kind.rawValue) \($0.part)" }
    }

    @Test func equalTextsArePairedInOrder() {
        #expect(kinds(expected(["hi", "yes", "yes", "bye"]), stored(["hi", "yes", "yes", "bye"])) == [])
    }

    @Test func oneOfTwoEqualTextsIsMissed() {
        #expect(kinds(expected(["hi", "yes", "yes", "bye"]), stored(["hi", "yes", "bye"])) == ["missingMessage m2"])
    }

    @Test func aChangedTextIsNoLossAndNoAddition() {
        #expect(kinds(expected(["hi", "all of this", "bye"]), stored(["hi", "all of that", "bye"])) == ["text m1"])
    }

    @Test func somethingElseInItsPlaceIsBoth() {
        #expect(
            kinds(expected(["hi", "all of this", "bye"]), stored(["hi", "-", "bye"]))
                == ["missingMessage m1", "addedMessage reply 1"])
    }

    @Test func theFewestAreOutOfOrder() {
        #expect(
            kinds(expected(["a1", "b2", "c3", "d4"]), stored(["a1", "d4", "b2", "c3"])) == ["order m3"])
    }

    @Test func aNoteMadePublicIsExposedAndAReplyMadeInternalIsHidden() {
        #expect(kinds(expected(["psst"], kind: .note), stored(["psst"])) == ["exposed m0"])
        #expect(kinds(expected(["hello"]), stored(["hello"], kind: .note)) == ["hidden m0"])
    }

    @Test func aDoubleIsToldFromAnAddition() {
        #expect(
            kinds(expected(["hi", "yes"]), stored(["hi", "yes", "yes", "new"]))
                == ["doubledMessage m1", "addedMessage reply 3"])
    }

    @Test func anotherAuthorIsSeen() {
        var there = stored(["hi"])
        there[0].author = "b@x.example"
        #expect(kinds(expected(["hi"]), there) == ["author m0"])
    }

    @Test func datesOfTheFinishingFileWaitUntilOneIsSet() {
        var wanted = expected(["hi", "yes"])
        for i in wanted.indices { wanted[i].createdAt = Timestamp(seconds: Int64(100 + i)) }
        var ticket = ExpectedTicket(messages: wanted)
        ticket.datesInFile = true
        var there = stored(["hi", "yes"])
        for i in there.indices { there[i].createdAt = Timestamp(seconds: 999) }
        #expect(TicketComparison(ticket, StoredTicket(id: "1", messages: there)).differences.isEmpty)
        there[0].createdAt = wanted[0].createdAt
        #expect(
            TicketComparison(ticket, StoredTicket(id: "1", messages: there)).differences.map(\.kind) == [.date])
    }

    @Test func filesDifferByNameSizeAndNumber() {
        var wanted = expected(["hi"])
        wanted[0].files = [
            ExpectedFile(names: ["a.png", "a-1.png"], size: 3, sha256: "x"),
            ExpectedFile(names: ["b.png"], size: 4, sha256: "y"), ExpectedFile(names: ["c.png"], size: 5, sha256: "z"),
        ]
        var there = stored(["hi"])
        there[0].files = [
            StoredFile(name: "a-1.png", size: 3, locator: nil), StoredFile(name: "b.png", size: 2, locator: nil),
            StoredFile(name: "new.png", size: 1, locator: nil),
        ]
        #expect(
            kinds(wanted, there) == ["changedFile m0: b.png", "missingFile m0: c.png", "addedFile m0: new.png"])
    }
}
