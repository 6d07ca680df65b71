// SPDX-License-Identifier: Apache-2.0
internal import Connectors
internal import Foundation
internal import HTTPTypes
internal import Journal
internal import Migration
internal import Sandbox
internal import Synchronization
internal import TicketModel
internal import Transport

/// A practice site and a journal on a disk, and the processes that come and die over them.
final class CrashWorld: Sendable {
    /// Ends a target in the middle of what a request makes: takes back the rest of it; false where it has no middle.
    typealias Middle = @Sendable (_ site: any SandboxHelpdesk, _ before: JSON) async -> Bool

    /// How one process ended.
    enum End: Sendable {
        case died
        case refused(Diagnostic)
        case ended(Ending)
    }

    /// What a command that came to its end says.
    struct Ending: Sendable {
        /// Whether nothing is left that the same command would do.
        var isDone: Bool
        /// Tickets that a person has to decide about: `ID: why`.
        var setAside: [String] = []
        /// What is still borrowed.
        var borrowed: [String]
        /// All of it, for people.
        var words: String
    }

    let scenario: CrashScenario
    let site: ExamSite
    let time = ExamTime()
    let policy: NotificationPolicy?
    let tally = ExamNotes(CrashTarget.Tally())
    private let folder: String
    private let carrier: InProcessTransport
    private let middle: Middle?
    private let isRecording: Bool
    private let late = Mutex<[(due: Duration, request: OutgoingRequest)]>([])
    private let generation = Mutex(0)
    /// How long a client waits for an answer.
    static let patience = Duration.seconds(30)

    init(
        _ examinee: Examinee, scenario: CrashScenario, policy: NotificationPolicy?, middle: Middle?,
        records: Bool = false
    ) async throws {
        self.scenario = scenario
        self.policy = policy
        self.middle = middle
        isRecording = records
        folder = "\(scenario.folder)/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        site = try await ExamSite(examinee, time: time)
        carrier = InProcessTransport(site.sandbox)
        site.expect(scenario.tickets.flatMap { $0 })
    }

    func close() async {
        await site.close()
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: The journal's files

    private var path: String { "\(folder)/\(generation.withLock { $0 }).journal" }

    /// Frames of 4,096 bytes in the write-ahead log.
    private static func frames(of path: String) -> Int {
        var info = stat()
        guard stat(path + "-wal", &info) == 0 else { return 0 }
        return max(0, (Int(info.st_size) - 32) / 4120)
    }

    /// Copies what is on the disk at a process' death, with the damage done to it.
    private func inherit(_ moment: CrashMoment?) throws {
        let old = path
        generation.withLock { $0 += 1 }
        if moment == .gone { return }
        let files = FileManager.default
        for ending in ["", "-wal"] where files.fileExists(atPath: old + ending) {
            try files.copyItem(atPath: old + ending, toPath: path + ending)
        }
        switch moment {
        case .cut(let frames):
            guard let file = FileHandle(forUpdatingAtPath: path + "-wal") else { return }
            try file.truncate(atOffset: UInt64(32 + frames * 4120))
            try file.close()
        case .torn(let frame):
            guard let file = FileHandle(forUpdatingAtPath: path + "-wal") else { return }
            let place = UInt64(32 + frame * 4120 + 24 + 1000)
            try file.seek(toOffset: place)
            let byte = try file.read(upToCount: 1)?.first ?? 0
            try file.seek(toOffset: place)
            try file.write(contentsOf: Data([byte ^ 0x55]))
            try file.close()
        default: break
        }
    }

    // MARK: Processes

    /// Runs a command as a process of its own, up to its end or to the blow; the one after the last run is `undo`.
    func process(_ command: Int, strike: CrashStrike? = nil, adopts: Bool = false) async throws -> (End, CrashPlug) {
        let plug = CrashPlug(strike, clock: time)
        let path = path
        let journal = try SQLiteJournal(path: path)
        let wrapped = CrashJournal(inner: journal, plug: plug, frames: { Self.frames(of: path) }, tally: tally)
        let (target, _) = try await site.target(opening(plug))
        let tickets = scenario.tickets[min(command, scenario.tickets.count - 1)]
        var setup = MigrationSetup(
            name: "exam", sourceName: "exam source",
            source: MemorySource(tickets, files: scenario.files, catalogue: scenario.catalogue),
            mapping: PairRun.mapping, notifications: policy, concurrency: 1, clock: time, sink: site.heard,
            stop: plug.stop)
        setup.creating = Set(CatalogueEntry.Kind.allCases)
        let watched = CrashTarget(target, tally: tally)
        let end: End
        do {
            let ending =
                command < scenario.tickets.count
                ? try await migrate(setup, watched, wrapped, adopts: adopts)
                : try await undo(setup, watched, wrapped, adopts: adopts)
            end = plug.isDead ? .died : .ended(ending)
        } catch let diagnostic as Diagnostic where !plug.isDead {
            end = .refused(diagnostic)
        } catch  where plug.isDead {
            end = .died
        }
        if let died = plug.died {
            try inherit(plug.strike?.moment)
            time.rewind(to: died)
        }
        await journal.close()
        time.advance(.seconds(1))
        return (end, plug)
    }

    private func migrate(
        _ setup: MigrationSetup, _ target: CrashTarget, _ journal: CrashJournal, adopts: Bool
    ) async throws -> Ending {
        var options = RunOptions()
        options.allowsNotifications = true
        options.adopts = adopts
        let report = try await Runner(setup: setup, target: target, journal: journal, options: options).migrate()
        return Ending(
            isDone: report.exitCause == nil,
            setAside: report.failures.filter { $0.state == .setAside }.map { "\($0.id): \($0.failure?.message ?? "")" },
            borrowed: report.borrowed.map(\.borrowing.name),
            words: "\(report.counts) \(report.failures.map { $0.failure?.message ?? "" })")
    }

    private func undo(_ setup: MigrationSetup, _ target: CrashTarget, _ journal: CrashJournal, adopts: Bool)
        async throws -> Ending
    {
        var options = UndoOptions()
        options.adopts = adopts
        options.allowsNotifications = true
        let report = try await Undoer(setup: setup, target: target, journal: journal, options: options).undo()
        // Nobody touched a ticket here: one that is taken for touched is left for ever. What has no way back is no failure.
        return Ending(
            isDone: report.state == .finished && report.failed.isEmpty && report.touched.isEmpty,
            borrowed: report.borrowed.map(\.borrowing.name),
            words: report.json.canonicalText)
    }

    /// What the journal shows of all tickets.
    func journalled<Value>(_ look: (SQLiteJournal) async throws -> Value) async throws -> Value {
        let journal = try SQLiteJournal(path: path)
        do {
            let value = try await look(journal)
            await journal.close()
            return value
        } catch {
            await journal.close()
            throw error
        }
    }

    /// The losses of tickets, a text `TICKET FIELD` for each field.
    func losses(of tickets: [String]) async throws -> Set<String> {
        try await journalled { journal in
            var out: Set<String> = []
            for ticket in tickets {
                for loss in try await journal.losses(of: ticket) { out.insert("\(ticket) \(loss.field)") }
            }
            return out
        }
    }

    /// Whether nothing of the catalogue is left to be done.
    func isCatalogueDone() async throws -> Bool {
        try await journalled { journal in
            guard let (record, _) = try await journal.ticket(CatalogueEntry.ticketID) else { return true }
            return record.state == .complete || record.state == .takenBack
        }
    }

    // MARK: Requests

    private func opening(_ plug: CrashPlug) -> ExamSite.Opening {
        ExamSite.Opening { request, _, next in try await self.answer(request, plug, next) }
    }

    private func answer(
        _ request: OutgoingRequest, _ plug: CrashPlug, _ next: (OutgoingRequest) async throws -> IncomingResponse
    ) async throws -> IncomingResponse {
        if plug.isDead { throw CancellationError() }
        await deliver()
        let label = CrashLabel.current
        let (number, moment) = plug.request(label)
        guard let moment else {
            guard isRecording else { return try await next(request) }
            return try await record(request, number, label, plug, next)
        }
        switch moment {
        case .answer(let answer): return try await give(answer, to: request, next)
        case .stop:
            plug.stop.stop()
            return try await next(request)
        case .before: break
        case .late(let seconds): pend(request, after: .seconds(seconds))
        case .middle:
            let before = await site.sandbox.dump()
            _ = try await next(request)
            _ = await middle?(site.sandbox, before)
        case .after, .cut, .torn, .gone: _ = try await next(request)
        }
        plug.die()
        throw CancellationError()
    }

    private func record(
        _ request: OutgoingRequest, _ number: Int, _ label: CrashLabel.Value, _ plug: CrashPlug,
        _ next: (OutgoingRequest) async throws -> IncomingResponse
    ) async throws -> IncomingResponse {
        let before = await site.sandbox.dump()
        let answer = try await next(request)
        var point = CrashPlug.Point(kind: .request(number), label: label)
        point.isWrite = await site.sandbox.dump() != before
        if point.isWrite, let middle {
            // On a copy of the site: what is taken back here must not be missing later.
            point.hasMiddle = await middle(Unchanging(dumped: await site.sandbox.dump()), before)
        }
        plug.note(point)
        return answer
    }

    private func pend(_ request: OutgoingRequest, after pause: Duration) {
        let due = time.elapsed() + pause
        late.withLock { $0.append((due, request)) }
    }

    /// Does what went on at the target meanwhile.
    func deliver(all: Bool = false) async {
        while true {
            let now = time.elapsed()
            let request = late.withLock { late -> OutgoingRequest? in
                guard let i = late.firstIndex(where: { all || $0.due <= now }) else { return nil }
                return late.remove(at: i).request
            }
            guard let request else { return }
            _ = try? await carrier.send(request, deadline: .seconds(3600), limit: 64 << 20)
        }
    }

    /// How long the target may still work on what it was sent.
    private static let settleTime = 60

    private func give(
        _ answer: CrashAnswer, to request: OutgoingRequest, _ next: (OutgoingRequest) async throws -> IncomingResponse
    ) async throws -> IncomingResponse {
        let lost = HTTPFailure(.uncertain, .connectionLost, "the connection was lost")
        func page(_ status: Int, _ body: String, _ type: String = "application/json") -> IncomingResponse {
            IncomingResponse(status: status, fields: [.contentType: type], body: Array(body.utf8))
        }
        switch answer {
        case .droppedBefore: throw lost
        case .late, .latest:
            pend(request, after: Self.patience + .seconds(answer == .late ? 5 : Self.settleTime - 5))
            time.advance(Self.patience)
            throw HTTPFailure(.uncertain, .timeout, "no answer came in time")
        default: break
        }
        var real = try await next(request)
        switch answer {
        case .droppedBefore, .droppedAfter, .late, .latest: throw lost
        case .status500: return page(500, "<html><body>Internal Server Error</body></html>", "text/html")
        case .status502: return page(502, "<html><body>Bad Gateway</body></html>", "text/html")
        case .status503: return page(503, "{\"message\":\"trouble\"}")
        case .status504: return page(504, "<html><body>Gateway Time-out</body></html>", "text/html")
        case .cut: real.body = Array(real.body.prefix(real.body.count / 2))
        case .garbage: real.body = [0xFF, 0xFE, 0x00, 0xC3, 0x28]
        case .page:
            return page(200, "<!DOCTYPE html><html><body><h1>Just a moment…</h1></body></html>", "text/html")
        case .empty: real.body = []
        case .refused400: return page(400, Self.refusal(400))
        case .refused422: return page(422, Self.refusal(422))
        case .refusedHere: return page(400, "{\"oops\":true}")
        }
        real.fields[.contentLength] = nil
        return real
    }

    /// A refusal in the words of most APIs at once.
    private static func refusal(_ status: Int) -> String {
        "{\"success\":false,\"error\":\"Invalid value\",\"code\":\"rest_invalid_param\",\"message\":\"Invalid value\",\"data\":{\"status\":\(status)}}"
    }
}

/// A site as it was: to ask what could be taken back.
private struct Unchanging: SandboxHelpdesk {
    let dumped: JSON
    func respond(to request: SandboxRequest) async -> SandboxResponse { SandboxResponse(status: 404) }
    func mails() async -> [SandboxMail] { [] }
    func dump() async -> JSON { dumped }
    nonisolated func route(of request: SandboxRequest) -> String { request.path }
    func close() async {}
}
