// SPDX-License-Identifier: Apache-2.0
import Foundation
import Mapping
import Synchronization
import Testing
import TicketModel

@testable import Migration

/// A source whose listing has no lines: each ticket is fetched, the first ones slowest.
private final class SlowSource: TicketSource {
    struct State {
        var tickets: [Ticket]
        var fetched: [String] = []
        var filesAsked = 0
        var atOnce = 0
        var most = 0
        var broken: Set<String> = []
    }

    let state: Mutex<State>
    let hasFingerprints: Bool
    let file: ResolvedFile?

    init(_ tickets: [Ticket], fingerprints: Bool = false, file: ResolvedFile? = nil) {
        state = Mutex(State(tickets: tickets))
        hasFingerprints = fingerprints
        self.file = file
    }

    func identity() async throws -> String? { "slow desk" }

    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        let all = state.withLock { $0.tickets }
        let start = after.flatMap { Int($0.text) } ?? 0
        let end = min(start + 4, all.count)
        let stubs = all[start..<end].map { ticket in
            Stub(
                id: ticket.id, updatedAt: ticket.updatedAt,
                fingerprint: hasFingerprints ? CanonicalLine(ticket).fingerprint.text : nil)
        }
        return Page(stubs: stubs, next: end < all.count ? Cursor("\(end)") : nil, total: all.count)
    }

    func fetch(_ stub: Stub) async throws -> CanonicalLine {
        let ticket = try state.withLock { state in
            state.fetched.append(stub.id)
            state.atOnce += 1
            state.most = max(state.most, state.atOnce)
            if state.broken.contains(stub.id) {
                state.atOnce -= 1
                throw Diagnostic(code: "test.broken", "broken", remedy: "none")
            }
            return state.tickets.first { $0.id == stub.id }
        }
        try await Task.sleep(for: .milliseconds(stub.id.hasSuffix("1") ? 20 : 1))
        state.withLock { $0.atOnce -= 1 }
        guard let ticket else { throw Unplugged() }
        return CanonicalLine(ticket)
    }

    func file(for attachment: TicketModel.Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        state.withLock { $0.filesAsked += 1 }
        return file.map { .success($0) } ?? .failure(FileUnavailable("none"))
    }

    func losses() async -> [Loss] { [] }
    func readReport() async -> ReadReport { ReadReport() }

    var fetched: [String] {
        state.withLock { state in
            defer { state.fetched = [] }
            return state.fetched
        }
    }
}

/// Keeps an export in memory.
private final class MemoryExport: TicketExport {
    private var lines: [String] = []
    private let done: @Sendable ([String]) -> Void
    init(_ done: @escaping @Sendable ([String]) -> Void) { self.done = done }
    func add(_ line: CanonicalLine) throws { lines.append(line.description) }
    func finish() throws { done(lines) }
}

private func tickets(_ count: Int, attachment: Bool = false) -> [Ticket] {
    (1...count).map { number in
        var ticket = Ticket(id: "\(number)")
        ticket.subject = "ticket \(number)"
        ticket.updatedAt = Timestamp(seconds: 1000)
        var message = Message(kind: .note)
        message.body = .text("text\nwith a break")
        if attachment {
            var file = TicketModel.Attachment()
            file.name = "a.txt"
            file.url = "https://desk.example/a/\(number)"
            message.attachments = [file]
        }
        ticket.messages = [message]
        return ticket
    }
}

private func withFolder(_ body: (String) async throws -> Void) async throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "reading-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    try await body(url.path)
}

private func setup(_ source: any TicketSource, clock: any RunClock = SimulatedClock()) -> MigrationSetup {
    MigrationSetup(
        name: "reading", source: source, mapping: TicketMapping { (Draft(ticket: $0), []) }, concurrency: 4,
        clock: clock, sink: Heard())
}

@Suite("Reading a source into an archive or a file")
struct ReadingTests {
    @Test("keeps the source's order, never reads more at once than allowed, and each ticket once")
    func order() async throws {
        try await withFolder { folder in
            let source = SlowSource(tickets(41))
            let report = try await ArchiveRun(setup: setup(source), folder: folder + "/a").run()
            #expect(report.tickets == 41 && report.reused == 0)
            let lines = try String(contentsOfFile: folder + "/a/tickets.jsonl", encoding: .utf8)
            #expect(lines == tickets(41).map { CanonicalLine($0).description + "\n" }.joined())
            #expect(source.state.withLock { $0.most } <= 4)
            #expect(source.fetched.sorted() == (1...41).map(String.init).sorted())
            #expect(try String(contentsOfFile: folder + "/a/.source", encoding: .utf8) == "slow desk\n")
        }
    }

    @Test("goes on where it was stopped; what changed meanwhile is read again; a cut-off end of the log too")
    func stopped() async throws {
        try await withFolder { folder in
            let source = SlowSource(tickets(40))
            var stopping = setup(source)
            let stop = stopping.stop
            stopping.observer = Watcher { if $0.done >= 20 { stop.stop() } }
            await #expect(throws: Diagnostic.self) { try await ArchiveRun(setup: stopping, folder: folder).run() }
            #expect(!FileManager.default.fileExists(atPath: folder + "/tickets.jsonl"))
            let first = source.fetched.count
            #expect(first >= 20 && first < 40)
            // A process that died in the middle of a write.
            let log = folder + "/.reading"
            let bytes = try Data(contentsOf: URL(fileURLWithPath: log))
            try bytes.dropLast(30).write(to: URL(fileURLWithPath: log))
            source.state.withLock { state in
                state.tickets[0].subject = "changed"
                state.tickets[0].updatedAt = Timestamp(seconds: 2000)
            }
            let report = try await ArchiveRun(setup: setup(source), folder: folder).run()
            let second = source.fetched
            #expect(second.contains("1") && Set(second).count == second.count)
            #expect(report.reused == 40 - second.count && report.reused >= first - 6)
            let expected = source.state.withLock { $0.tickets }.map { CanonicalLine($0).description + "\n" }.joined()
            #expect(try String(contentsOfFile: folder + "/tickets.jsonl", encoding: .utf8) == expected)
            #expect(!FileManager.default.fileExists(atPath: log))
        }
    }

    @Test("what was read more than a day ago is read again, unless a fingerprint proves it", arguments: [false, true])
    func oldReading(fingerprints: Bool) async throws {
        try await withFolder { folder in
            let clock = SimulatedClock()
            let source = SlowSource(tickets(12), fingerprints: fingerprints)
            source.state.withLock { $0.broken = ["12"] }
            let report = try await ArchiveRun(setup: setup(source, clock: clock), folder: folder).run()
            #expect(report.failures.map(\.id) == ["12"] && report.tickets == 11)
            _ = source.fetched
            #expect(try await ArchiveRun(setup: setup(source, clock: clock), folder: folder).run().reused == 11)
            #expect(source.fetched == ["12"], "one bad ticket never makes the others be read again")
            try await clock.sleep(for: .seconds(90_000))
            source.state.withLock { $0.broken = [] }
            _ = try await ArchiveRun(setup: setup(source, clock: clock), folder: folder).run()
            #expect(source.fetched.count == (fingerprints ? 1 : 12))
            // The reading is complete: only a fingerprint proves that a ticket is as it was.
            _ = try await ArchiveRun(setup: setup(source, clock: clock), folder: folder).run()
            #expect(source.fetched.count == (fingerprints ? 0 : 12))
        }
    }

    @Test("a file that the archive has under its address is not fetched again")
    func keptFiles() async throws {
        try await withFolder { folder in
            let path = folder + "/a.txt"
            try Data("hello".utf8).write(to: URL(fileURLWithPath: path))
            let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
            let file = ResolvedFile(name: "a.txt", mediaType: nil, path: path, size: 5, sha256: hash)
            let source = SlowSource(tickets(3, attachment: true), file: file)
            for expected in [3, 0] {
                var setup = setup(source)
                setup.archive = folder + "/a"
                let report = try await ArchiveRun(setup: setup, folder: folder + "/a").run()
                #expect(report.files == 3)
                let asked = source.state.withLock { state in
                    defer { state.filesAsked = 0 }
                    return state.filesAsked
                }
                #expect(asked == expected)
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/a/files/" + hash)) == Data("hello".utf8))
        }
    }

    @Test("a bad ticket of an export fails alone, is in the report, and comes with the next run")
    func exportWithABadTicket() async throws {
        try await withFolder { folder in
            let path = folder + "/out.jsonl"
            let target = ExportTarget(path: path, files: folder + "/f", catalogue: folder + "/c") {
                MemoryExport { lines in
                    _ = FileManager.default.createFile(atPath: path, contents: Data(lines.joined().utf8))
                }
            }
            let source = SlowSource(tickets(9))
            source.state.withLock { $0.broken = ["4"] }
            let journal = MemoryJournal()
            func run() async throws -> RunReport {
                try await Export(setup: setup(source), target: target, journal: journal, archive: folder + "/a")
                    .migrate()
            }
            let first = try await run()
            #expect(first.counts.created == 8 && first.counts.failed == 1 && first.exitCause == .someFailed)
            #expect(first.failures.map(\.id) == ["4"])
            source.state.withLock { $0.broken = [] }
            let second = try await run()
            #expect(second.counts.created == 1 && second.counts.unchanged == 8 && second.exitCause == nil)
            #expect(second.failures.isEmpty)
            let status = try await JournalReader(journal).status()
            #expect(status.state == .finished && status.counts.created == 9)
        }
    }

    @Test("the mapping's labels, assignees and authors become the ticket's; redacted addresses stay redacted")
    func exported() {
        var ticket = Ticket(id: "1")
        ticket.status = .pending
        ticket.assignee = Person(role: .agent, email: "ada@x.example")
        var message = Message(kind: .reply)
        message.author = Person(role: .agent, name: "Gone", email: "gone@x.example")
        ticket.messages = [message, message]
        var redacted = ticket
        redacted.assignee?.email = "p1@redacted.invalid"
        var draft = Draft(
            ticket: redacted, status: "Waiting", priority: "high", assignee: .agent(email: "ada@x.example"),
            authorships: [
                .init(choice: .placeholder("Former agent"), header: ""), .init(choice: .header, header: ""),
            ])
        var (made, losses) = draft.exported(of: ticket)
        #expect(made.status == .pending && made.statusLabel == "Waiting")
        #expect(made.priority == .high && made.priorityLabel == nil)
        #expect(made.assignee?.email == "p1@redacted.invalid")
        #expect(made.messages.map(\.author?.name) == ["Former agent", "Gone"])
        #expect(losses.map(\.field) == ["messages[].author.email", "messages[].author.name"])
        draft.assignee = .unassigned
        #expect(draft.exported(of: ticket).ticket.assignee == nil)
        draft.assignee = .agent(email: "new@x.example")
        (made, losses) = draft.exported(of: ticket)
        #expect(made.assignee == Person(role: .agent, email: "new@x.example"))
    }
}

/// Watches by a closure.
private struct Watcher: RunObserver {
    let watch: @Sendable (RunProgress) -> Void
    init(_ watch: @escaping @Sendable (RunProgress) -> Void) { self.watch = watch }
    func progress(_ progress: RunProgress) { watch(progress) }
}
