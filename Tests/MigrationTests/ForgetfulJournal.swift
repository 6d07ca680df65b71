// SPDX-License-Identifier: Apache-2.0
import Migration
import Synchronization
import TicketModel

/// A journal whose last commits can be lost, as when the power goes and the disk had lied.
actor ForgetfulJournal: Journal {
    private var calls: [[JournalEntry]] = []
    private var journal = MemoryJournal()
    private var lastHead: JournalHead?
    /// How often the intent of a step is durable, by ticket and part.
    nonisolated let intents = Mutex<[String: Int]>([:])

    func record(_ entries: [JournalEntry]) async throws {
        try await journal.record(entries)
        calls.append(entries)
        for case .intent(let step) in entries {
            intents.withLock { $0["\(step.ticket) \(step.part)", default: 0] += 1 }
        }
    }

    /// Loses the last commits, but for what outlives the log, and what is before that.
    func forget(last count: Int = 3) async {
        let durable = calls.lastIndex { $0.contains(where: \.outlivesTheLog) }.map { $0 + 1 } ?? calls.count
        calls = Array(calls.prefix(max(durable, calls.count - count)))
        journal = MemoryJournal()
        if let lastHead { await journal.setHead(lastHead) }
        for call in calls { try? await journal.record(call) }
    }

    func head() async throws -> JournalHead? { await journal.head() }
    func setHead(_ head: JournalHead) async throws {
        lastHead = head
        await journal.setHead(head)
    }
    func ticket(_ id: String) async throws -> (ticket: TicketRecord, steps: [StepRecord])? { await journal.ticket(id) }
    func tickets(after id: String?, limit: Int) async throws -> [TicketRecord] {
        await journal.tickets(after: id, limit: limit)
    }
    func find(numberOrTargetID text: String) async throws -> TicketRecord? {
        await journal.find(numberOrTargetID: text)
    }
    func inDoubt() async throws -> [StepRecord] { await journal.inDoubt() }
    func losses(of ticket: String) async throws -> [Loss] { await journal.losses(of: ticket) }
    func finishing(after id: String?, limit: Int) async throws -> [(ticket: String, lines: [String])] {
        await journal.finishing(after: id, limit: limit)
    }
    func borrowings(open: Bool) async throws -> [BorrowingRecord] { await journal.borrowings(open: open) }
    func failures(limit: Int) async throws -> [TicketRecord] { await journal.failures(limit: limit) }
    func conflicts(limit: Int) async throws -> [TicketRecord] { await journal.conflicts(limit: limit) }
    func counts() async throws -> JournalCounts { await journal.counts() }
    func memo(_ name: JournalMemo) async throws -> JSON? { await journal.memo(name) }
    func lastRun() async throws -> RunRecord? { await journal.lastRun() }
    func close() async {}
}
