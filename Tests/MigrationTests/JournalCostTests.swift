// SPDX-License-Identifier: Apache-2.0
import Foundation
import Journal
import Mapping
import Migration
import Synchronization
import Testing
import TicketModel

/// What durability costs: the same migration with the journal on the disk and with one in memory.
///
/// Only where the environment asks for it (`MEASURE_JOURNAL=1`), since it measures the machine too:
/// `MEASURE_JOURNAL=1 swift test --filter JournalCost`, with `-c release` for the numbers that users see. `TMPDIR` chooses the disk.
@Suite("The journal's cost", .serialized, .enabled(if: ProcessInfo.processInfo.environment["MEASURE_JOURNAL"] != nil))
struct JournalCostTests {
    @Test("is less than 5 % of the wall time at 64 concurrent writes with 20 ms of latency")
    func cost() async throws {
        let tickets = madeUpTickets(Int(ProcessInfo.processInfo.environment["MEASURE_TICKETS"] ?? "") ?? 2000)
        let folder = NSTemporaryDirectory() + "ticketferry-cost-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func run(_ journal: any Journal) async throws -> (seconds: Double, mean: Double) {
            let world = World(tickets, pageSize: 500)
            world.concurrency = 64
            let target = SleepingTarget()
            let runner = Runner(setup: world.setup(), target: target, journal: journal, options: RunOptions())
            let began = ContinuousClock.now
            let report = try await runner.migrate()
            let took = began.duration(to: .now)
            #expect(report.counts.created == tickets.count)
            return (took.totalSeconds, target.meanInFlight)
        }
        _ = try await run(MemoryJournal())
        var ratios: [Double] = []
        for round in 1...3 {
            let memory = try await run(MemoryJournal())
            let journal = try SQLiteJournal(path: folder + "/\(round).journal")
            let disk = try await run(journal)
            let (commits, durability) = (await journal.commits, try await journal.durability())
            #expect(durability.synchronous == 2 && durability.journalMode == "wal")
            await journal.close()
            ratios.append(disk.seconds / memory.seconds - 1)
            print(
                "journal-cost round \(round): \(tickets.count) tickets, 20 ms; memory \(memory.seconds) s (\(memory.mean) at work), "
                    + "disk \(disk.seconds) s (\(disk.mean) at work), \(commits) commits, "
                    + "cost \((disk.seconds / memory.seconds - 1) * 100) %")
        }
        #expect(ratios.sorted()[1] < 0.05)
    }
}

/// Answers everything after 20 ms and keeps nothing.
private final class SleepingTarget: TicketTarget {
    private let inFlight = Mutex<(now: Int, sum: Int, count: Int)>((0, 0, 0))
    private let last = Mutex(0)

    var meanInFlight: Double { inFlight.withLock { Double($0.sum) / Double(max(1, $0.count)) } }
    var features: TargetFeatures {
        TargetFeatures(notes: true, notificationPolicies: [.allow], settleTime: .seconds(1), finishingHead: [])
    }
    var address: String { "https://new.example" }

    func prepare(policy: NotificationPolicy?, sink: any DiagnosticSink) async throws {}
    func policy() async throws -> NotificationPolicy { .mute }
    func borrowings() async throws -> [Borrowing] { [] }
    func preparations() async throws -> [String] { [] }
    func inventory() async throws -> [FoundTicket] { [] }
    func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp { .notFound }
    func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] { [:] }
    func storedFingerprint(ticket: Receipt) async throws -> String? { nil }
    func borrow(_ borrowing: Borrowing) async throws {}
    func giveBack(_ borrowing: Borrowing) async throws -> GiveBack { .givenBack }

    func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]],
        identity: MigrationIdentity, progress: TicketProgress
    ) async -> TicketPlan {
        let ticket = draft.ticket
        let create = Step(
            key: identity.key(ticket: ticket.id, part: "ticket"), verb: .create, name: "ticket", undo: .delete,
            payload: ["subject": JSON(ticket.subject)])
        var steps = [create]
        for key in ticket.messageKeys() {
            steps.append(
                Step(
                    key: identity.key(ticket: ticket.id, part: "message:\(key)"), verb: .append, name: "reply",
                    needs: [create.key], undo: .withTicket, payload: ["text": "x"]))
        }
        return TicketPlan(steps: steps)
    }

    func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        inFlight.withLock { inFlight in
            inFlight.now += 1
            inFlight.sum += inFlight.now
            inFlight.count += 1
        }
        try? await Task.sleep(for: .milliseconds(20))
        inFlight.withLock { $0.now -= 1 }
        let id = last.withLock { last in
            last += 1
            return last
        }
        return .understood(Receipt(id: "\(id)"), losses: [])
    }

    func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome {
        .understood(Receipt(id: "batch"), losses: [])
    }
}
