// SPDX-License-Identifier: Apache-2.0
import Foundation
import Journal
import Migration
import Synchronization
import Testing
import TicketModel

@Suite("Crashes, lost answers and late commits")
struct CrashTests {
    let tickets = madeUpTickets(4)

    /// How many points a whole run passes.
    private func points() async throws -> Int {
        let plug = Plug()
        let world = World(tickets)
        world.concurrency = 1
        try await world.run(plug: plug)
        return plug.passed
    }

    @Test func dyingAtAnyPointAndStartingAgainEndsAsIfNothingHadHappened() async throws {
        let expected = try await World.undisturbed(tickets)
        for at in 1...(try await points()) {
            let world = World(tickets)
            world.concurrency = 1
            _ = try? await world.run(plug: Plug(at: at))
            let report = try await world.run()
            #expect(report.exitCause == nil, "died at \(at): \(world.heard.codes)")
            #expect(differences(world.helpdesk.content, expected) == [], "died at \(at)")
            #expect(world.helpdesk.mails == 0, "died at \(at)")
            #expect(!world.helpdesk.isMuted, "died at \(at)")
            let writes = world.helpdesk.writes.count
            let again = try await world.run()
            #expect(world.helpdesk.writes.count == writes && again.plan?.isEmpty == true, "died at \(at)")
        }
    }

    @Test func dyingTwiceEndsAsIfNothingHadHappened() async throws {
        let expected = try await World.undisturbed(tickets)
        let all = try await points()
        for first in stride(from: 1, to: all, by: 5) {
            for second in stride(from: 1, through: 21, by: 2) {
                let world = World(tickets)
                world.concurrency = 1
                _ = try? await world.run(plug: Plug(at: first))
                _ = try? await world.run(plug: Plug(at: second))
                try await world.run()
                #expect(differences(world.helpdesk.content, expected) == [], "died at \(first), then at \(second)")
                #expect(world.helpdesk.mails == 0 && !world.helpdesk.isMuted, "died at \(first), then at \(second)")
            }
        }
    }

    @Test(arguments: [Fault.lost, .answerLost, .late, .busy])
    func anyStepMayMeetAnyFault(_ fault: Fault) async throws {
        let expected = try await World.undisturbed(tickets)
        let (_, changes) = try await World(tickets).plan()
        for victim in 0..<changes.reduce(0, { $0 + $1.steps.count }) {
            let world = World(tickets)
            let sent = Mutex(0)
            let report = try await world.run { _ in
                sent.withLock { sent in
                    defer { sent += 1 }
                    return sent == victim ? fault : .none
                }
            }
            #expect(report.state == .finished && report.exitCause == nil, "\(fault) at \(victim)")
            #expect(differences(world.helpdesk.content, expected) == [], "\(fault) at \(victim)")
            #expect(world.helpdesk.mails == 0)
        }
    }

    @Test func aCrashWithACommitStillUnderWayIsWaitedOut() async throws {
        let expected = try await World.undisturbed(tickets)
        for at in 1...(try await points()) {
            let world = World(tickets)
            world.concurrency = 1
            // Every request of the first process is done five seconds after it gave up; then it dies.
            _ = try? await world.run(plug: Plug(at: at)) { $0.verb.canDouble ? .late : .none }
            try await world.run()
            #expect(differences(world.helpdesk.content, expected) == [], "died at \(at)")
            #expect(world.helpdesk.mails == 0, "died at \(at)")
        }
    }

    @Test(arguments: 1...60)
    func wholeRunsFromOneSeedLoseNothingAndDoubleNothing(seed: UInt64) async throws {
        let tickets = madeUpTickets(12, messages: 5)
        let expected = try await World.undisturbed(tickets)
        let world = World(tickets)
        let random = Mutex(Seeded(seed))
        world.concurrency = Int(seed % 6) + 1
        for _ in 0..<4 {
            let at = random.withLock { Int.random(in: 1...160, using: &$0) }
            _ = try? await world.run(plug: Plug(at: at)) { _ in
                random.withLock { random in
                    switch Int.random(in: 0..<100, using: &random) {
                    case 0..<4: .lost
                    case 4..<8: .answerLost
                    case 8..<12: .late
                    case 12..<15: .busy
                    default: .none
                    }
                }
            }
        }
        let report = try await world.run()
        #expect(report.exitCause == nil, "seed \(seed)")
        #expect(differences(world.helpdesk.content, expected) == [], "seed \(seed)")
        #expect(world.helpdesk.mails == 0 && !world.helpdesk.isMuted, "seed \(seed)")
        #expect(try await world.run().plan?.isEmpty == true, "seed \(seed)")
    }

    @Test func aLostJournalIsRefusedAndRebuiltOnRequest() async throws {
        let expected = try await World.undisturbed(tickets)
        for at in stride(from: 6, through: try await points(), by: 3) {
            let world = World(tickets)
            world.concurrency = 1
            _ = try? await world.run(plug: Plug(at: at))
            world.journal = MemoryJournal()
            let holdsOurs = !world.helpdesk.content.isEmpty
            if holdsOurs {
                let error = await #expect(throws: Diagnostic.self) { try await world.run() }
                #expect(error?.code == "journal.lost" && error?.cause == .refused)
            }
            var options = RunOptions()
            options.adopts = true
            try await world.run(options: options)
            #expect(differences(world.helpdesk.content, expected) == [], "died at \(at)")
            #expect(try await world.run().plan?.isEmpty == true, "died at \(at)")
        }
    }

    @Test func commitsLostWithThePowerAreFoundInTheTarget() async throws {
        let expected = try await World.undisturbed(tickets)
        for at in 8...(try await points()) {
            let world = World(tickets)
            world.concurrency = 1
            // The journal keeps that the run began, and loses everything after.
            let journal = ForgetfulJournal()
            world.journal = journal
            _ = try? await world.run(plug: Plug(at: at))
            guard try await journal.lastRun() != nil else { continue }
            await journal.forget()
            guard try await !journal.tickets(after: nil, limit: 1).isEmpty else { continue }
            try await world.run()
            #expect(differences(world.helpdesk.content, expected) == [], "died at \(at)")
        }
    }

    @Test("what the journal lost of a delta is not taken for people's edits", arguments: 1...5)
    func commitsLostInADelta(count: Int) async throws {
        var later = tickets
        for i in later.indices {
            later[i].status = later[i].status == .closed ? .open : .closed
            later[i].subject = "\(later[i].subject ?? ""), renamed"
            later[i].messages.append(Message(kind: .reply))
            later[i].messages[later[i].messages.count - 1].id = "late"
        }
        func began() async throws -> World {
            let world = World(tickets)
            world.concurrency = 1
            world.journal = ForgetfulJournal()
            try await world.run()
            world.source.replace(later)
            return world
        }
        let undisturbed = try await began()
        let plug = Plug()
        #expect(try await undisturbed.run(plug: plug).counts.updated == tickets.count)
        for at in 1...plug.passed {
            let world = try await began()
            _ = try? await world.run(plug: Plug(at: at))
            await (world.journal as? ForgetfulJournal)?.forget(last: count)
            let report = try await world.run()
            #expect(report.counts.conflicts == 0, "died at \(at)")
            #expect(differences(world.helpdesk.content, undisturbed.helpdesk.content) == [], "died at \(at)")
        }
    }

    @Test func dyingWhileTheJournalIsRebuiltDoublesNothing() async throws {
        let expected = try await World.undisturbed(tickets)
        for at in 1...40 {
            let world = World(tickets)
            world.concurrency = 1
            try await world.run()
            world.journal = MemoryJournal()
            var options = RunOptions()
            options.adopts = true
            _ = try? await world.run(plug: Plug(at: at), options: options)
            try await world.run(options: options)
            #expect(differences(world.helpdesk.content, expected) == [], "died at \(at)")
            #expect(world.helpdesk.mails == 0 && !world.helpdesk.isMuted)
        }
    }

    @Test func eMailsStayOffUntilNothingCanBeAtWork() async throws {
        for victim in 0..<9 {
            let world = World(tickets)
            let stop = StopSignal()
            let sent = Mutex(0)
            // The operator stops the run while a request is still at work, which the target ends five seconds later.
            _ = try? await world.run(stop: stop) { step in
                sent.withLock { sent in
                    defer { sent += 1 }
                    guard sent == victim else { return .none }
                    stop.stop()
                    return step.verb.canDouble ? .late : .none
                }
            }
            // The next look at the helpdesk lets the late request end, with the e-mails as they then are.
            _ = try await FakeTarget(world.helpdesk, clock: world.clock).inventory()
            #expect(world.helpdesk.mails == 0, "stopped at \(victim)")
        }
    }

    @Test func theJournalOnDiskBringsARunBackToo() async throws {
        let expected = try await World.undisturbed(tickets)
        let folder = NSTemporaryDirectory() + "ticketferry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for at in stride(from: 4, through: try await points(), by: 5) {
            let world = World(tickets)
            world.concurrency = 1
            let path = folder + "/\(at).journal"
            for plug in [Plug(at: at), Plug(at: at + 7), Plug()] {
                let journal = try SQLiteJournal(path: path)
                world.journal = journal
                let report = try? await world.run(plug: plug)
                await journal.close()
                if !plug.isPulled { #expect(report?.exitCause == nil && report != nil, "died at \(at)") }
            }
            #expect(differences(world.helpdesk.content, expected) == [], "died at \(at)")
            #expect(world.helpdesk.mails == 0 && !world.helpdesk.isMuted, "died at \(at)")
        }
    }

    @Test(
        "a property whose answer got lost is not e-mailed twice",
        arguments: [Fault.answerLost, .late, .rejectedButDone])
    func aPropertyIsNotMailedTwice(_ fault: Fault) async throws {
        let world = World(tickets)
        world.helpdesk.state.withLock { $0.mailsStatus = true }
        let (summary, _) = try await world.plan(policy: .allow)
        var options = RunOptions()
        options.allowsNotifications = true
        let seen = Mutex(Set<WriteKey>())
        try await world.run(policy: .allow, options: options) { step in
            step.name == "status" && seen.withLock { $0.insert(step.key).inserted } ? fault : .none
        }
        try await world.run(policy: .allow, options: options)
        #expect(seen.withLock { $0.count } == tickets.count)
        #expect(world.helpdesk.mails == summary.mails && summary.mails > 0)
        #expect(try await world.plan(policy: .allow).0.isEmpty)
    }

    @Test func aPropertyThatIsMailedIsNotMailedAgainAfterACrash() async throws {
        for at in 1...(try await points()) {
            let world = World(tickets)
            world.concurrency = 1
            world.helpdesk.state.withLock { $0.mailsStatus = true }
            let mails = try await world.plan(policy: .allow).0.mails
            var options = RunOptions()
            options.allowsNotifications = true
            _ = try? await world.run(plug: Plug(at: at), policy: .allow, options: options)
            try await world.run(policy: .allow, options: options)
            #expect(world.helpdesk.mails == mails, "died at \(at)")
        }
    }
}
