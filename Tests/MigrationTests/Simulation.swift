// SPDX-License-Identifier: Apache-2.0
import Migration
import Synchronization
import TicketModel

/// Time that passes only when somebody waits.
final class SimulatedClock: RunClock {
    private let time = Mutex<Duration>(.seconds(1_000_000))

    func now() -> Timestamp { Timestamp(seconds: Int64(elapsed().components.seconds)) }

    func elapsed() -> Duration { time.withLock { $0 } }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        time.withLock { $0 += duration }
        await Task.yield()
    }
}

/// What everything throws after the plug was pulled.
struct Unplugged: Error {}

/// The moment at which a process dies: counted over all points where it could.
final class Plug: Sendable {
    private let state = Mutex<(passed: Int, at: Int?)>((0, nil))

    init(at: Int? = nil) { state.withLock { $0.at = at } }

    /// How many points were passed.
    var passed: Int { state.withLock { $0.passed } }

    /// A point where the process could die; throws if it is dead.
    func point() throws {
        try state.withLock { state in
            state.passed += 1
            if let at = state.at, state.passed >= at { throw Unplugged() }
        }
    }

    var isPulled: Bool { state.withLock { state in state.at.map { state.passed >= $0 } ?? false } }
}

/// A journal whose process dies before or after a commit.
struct UnplugableJournal: Journal {
    let journal: any Journal
    let plug: Plug

    func record(_ entries: [JournalEntry]) async throws {
        try plug.point()
        try await journal.record(entries)
        try plug.point()
    }

    private func alive() throws { if plug.isPulled { throw Unplugged() } }

    func head() async throws -> JournalHead? { try alive(); return try await journal.head() }
    func setHead(_ head: JournalHead) async throws { try alive(); try await journal.setHead(head) }
    func ticket(_ id: String) async throws -> (ticket: TicketRecord, steps: [StepRecord])? {
        try alive()
        return try await journal.ticket(id)
    }
    func tickets(after id: String?, limit: Int) async throws -> [TicketRecord] {
        try await journal.tickets(after: id, limit: limit)
    }
    func find(numberOrTargetID text: String) async throws -> TicketRecord? {
        try await journal.find(numberOrTargetID: text)
    }
    func inDoubt() async throws -> [StepRecord] { try await journal.inDoubt() }
    func losses(of ticket: String) async throws -> [Loss] { try await journal.losses(of: ticket) }
    func finishing(after id: String?, limit: Int) async throws -> [(ticket: String, lines: [String])] {
        try await journal.finishing(after: id, limit: limit)
    }
    func borrowings(open: Bool) async throws -> [BorrowingRecord] {
        try alive()
        return try await journal.borrowings(open: open)
    }
    func failures(limit: Int) async throws -> [TicketRecord] { try await journal.failures(limit: limit) }
    func conflicts(limit: Int) async throws -> [TicketRecord] { try await journal.conflicts(limit: limit) }
    func counts() async throws -> JournalCounts { try await journal.counts() }
    func memo(_ name: JournalMemo) async throws -> JSON? { try await journal.memo(name) }
    func lastRun() async throws -> RunRecord? { try await journal.lastRun() }
    func close() async { await journal.close() }
}

/// Random numbers that can be played again.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

/// Keeps what was said.
final class Heard: DiagnosticSink {
    private let all = Mutex<[Diagnostic]>([])

    func emit(_ diagnostic: Diagnostic) { all.withLock { $0.append(diagnostic) } }

    var codes: [String] { all.withLock { $0.map(\.code) } }
}

/// Tickets in memory, a few a page.
final class ListSource: TicketSource {
    private let tickets: Mutex<[Ticket]>
    private let pageSize: Int
    let timesWithoutZone = Mutex(0)
    /// What the tickets become as soon as they have been listed once.
    let later = Mutex<[Ticket]?>(nil)
    /// The ids of tickets that are listed and cannot be read.
    let unreadable = Mutex(Set<String>())
    /// The ids of all tickets that a listing showed.
    let listed = Mutex(Set<String>())
    /// By the attachment's name.
    let files = Mutex<[String: ResolvedFile]>([:])

    init(_ tickets: [Ticket], pageSize: Int = 3) {
        self.tickets = Mutex(tickets)
        self.pageSize = pageSize
    }

    var now: [Ticket] { tickets.withLock { $0 } }

    func replace(_ tickets: [Ticket]) { self.tickets.withLock { $0 = tickets } }

    var changesWithoutDate: String? { "nothing that is simulated" }

    func identity() async throws -> String? { "old desk" }

    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        let all = tickets.withLock { all in
            all.filter { ticket in
                guard let since, let updated = ticket.updatedAt else { return true }
                return updated >= since
            }
        }
        listed.withLock { $0.formUnion(all.map(\.id)) }
        let start = after.flatMap { Int($0.text) } ?? 0
        let end = min(start + pageSize, all.count)
        let broken = unreadable.withLock { $0 }
        let stubs = all[start..<end].map { ticket in
            Stub(id: ticket.id, line: broken.contains(ticket.id) ? nil : CanonicalLine(ticket))
        }
        if end == all.count, let later = later.withLock({ $0 }) { replace(later) }
        return Page(stubs: Array(stubs), next: end < all.count ? Cursor("\(end)") : nil, total: all.count)
    }

    func fetch(_ stub: Stub) async throws -> CanonicalLine {
        if unreadable.withLock({ $0.contains(stub.id) }) {
            throw Diagnostic(code: "simulated.page", "a web page came", remedy: "look", cause: .unavailable)
        }
        guard let ticket = tickets.withLock({ $0.first { $0.id == stub.id } }) else { throw Unplugged() }
        return CanonicalLine(ticket)
    }

    func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        if let file = attachment.name.flatMap({ name in files.withLock { $0[name] } }) { return .success(file) }
        return .failure(FileUnavailable("the simulation has no such file"))
    }

    func losses() async -> [Loss] { [] }

    func readReport() async -> ReadReport {
        var report = ReadReport()
        report.timesWithoutZone = timesWithoutZone.withLock { $0 }
        return report
    }
}

/// Made-up tickets: `t1` with one message, `t2` with two and so on, round about.
func madeUpTickets(_ count: Int, messages: Int = 3) -> [Ticket] {
    (1...max(1, count)).map { n in
        var ticket = Ticket(id: "t\(n)")
        ticket.number = "T-\(n)"
        ticket.subject = "Subject \(n)"
        ticket.status = n % 2 == 0 ? .closed : .open
        ticket.tags = n % 3 == 0 ? ["vip"] : []
        ticket.requester = Person(email: "customer\(n % 2)@x.example")
        ticket.createdAt = Timestamp(seconds: Int64(n) * 1000)
        ticket.messages = (0..<(n % messages + 1)).map { m in
            var message = Message(kind: m % 3 == 2 ? .note : .reply)
            message.id = "\(n)m\(m)"
            message.body = .text("text \(n).\(m)")
            return message
        }
        return ticket
    }
}
