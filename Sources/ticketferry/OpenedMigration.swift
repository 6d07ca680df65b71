// SPDX-License-Identifier: Apache-2.0
import Connectors
import Foundation
import Journal
import Migration
import Reports
import TicketModel

/// A migration file with its two sides opened: what plan, migrate, check and restore start from.
struct OpenedMigration {
    let file: MigrationFile
    private(set) var setup: MigrationSetup
    /// What is written to.
    let destination: Destination

    /// A helpdesk, or a file.
    enum Destination {
        case helpdesk(any TicketTarget)
        case file(ExportTarget)
    }

    /// The flags that change what is carried.
    struct Flags {
        var limit: Int?
        var only: [String] = []
        var requestsPerMinute: Int?
        /// `--conflicts overwrite`.
        var overwritesConflicts = false
    }

    /// Reads the file and opens both sides.
    ///
    /// Nothing is sent yet.
    init(_ path: String, flags: Flags = Flags(), console: Console, stop: StopSignal = StopSignal()) async throws {
        let file = try MigrationFile.read(path, connectors: Registry.connectors)
        let log = LogFile(path: file.log)
        // The pace is that of the side that is spoken to.
        let isFile = file.targetConnector.openTarget == nil
        let source = try await Self.source(
            of: file, log: log, console: console, requestsPerMinute: isFile ? flags.requestsPerMinute : nil)
        let context = try file.context(
            for: file.target, sink: console, requestsPerMinute: flags.requestsPerMinute
        ) { log.write($0) }
        if let openTarget = file.targetConnector.openTarget {
            destination = .helpdesk(try await openTarget(context))
        } else if let openExport = file.targetConnector.openExport {
            destination = .file(try await openExport(context))
        } else {
            throw Failure.cannot("be written to", file.targetConnector.name, at: file.target.location)
        }
        self.file = file
        setup = try Self.setup(of: file, source: source, flags: flags, console: console, stop: stop)
    }

    /// What plan, run and archive share.
    static func setup(
        of file: MigrationFile, source: any TicketSource, flags: Flags, console: Console, stop: StopSignal
    ) throws -> MigrationSetup {
        var selection = file.selection
        selection.limit = flags.limit
        if !flags.only.isEmpty { selection.ids = Set(flags.only) }
        var setup = MigrationSetup(
            name: file.name, sourceName: file.source.name, source: source, mapping: try file.ticketMapping(),
            selection: selection, attachments: file.attachments, notifications: file.notifications,
            concurrency: file.concurrency, overwritesConflicts: flags.overwritesConflicts, sink: console,
            observer: ConsoleObserver(progress: console.progress), stop: stop)
        setup.file = file.path
        setup.isPart = !flags.only.isEmpty
        setup.archive = file.archive
        setup.practiceFile = file.target.practiceFile
        setup.creating = try file.creatingKinds()
        setup.definition = try file.definition()
        return setup
    }

    /// Opens the source alone.
    ///
    /// Nothing is sent yet.
    static func source(
        of file: MigrationFile, log: LogFile, console: Console, requestsPerMinute: Int? = nil
    ) async throws -> any TicketSource {
        guard let openSource = file.sourceConnector.openSource else {
            throw Failure.cannot("be read from", file.sourceConnector.name, at: file.source.location)
        }
        var context = try file.context(for: file.source, sink: console, requestsPerMinute: requestsPerMinute) {
            log.write($0)
        }
        context.links = try LinkedFiles(context)
        return try await openSource(context)
    }

    /// Settles which tickets go, by what the journal tells: `updatedSince: last`, and the sample.
    mutating func settleSelection(sample: Int?, journal: any Journal) async throws {
        try await setup.settleSelection(by: journal)
        try await chooseSample(sample, journal: journal)
    }

    /// Keeps only a sample: the smallest set of tickets that shows every value, kind of loss and extreme.
    mutating func chooseSample(_ count: Int?, journal: any Journal) async throws {
        guard let count else { return }
        setup.isPart = true
        setup.selection.ids =
            switch destination {
            case .helpdesk(let target):
                try await Planner(setup: setup, target: target, journal: journal).sample(count)
            case .file(let target): try await export(to: target, journal: journal).sample(count)
            }
    }

    /// Does something with both sides and ends their connections, however it goes; what was fetched for a while is removed.
    func using<Value>(_ body: () async throws -> Value) async throws -> Value {
        let value: Value
        do {
            value = try await body()
        } catch {
            await close()
            throw error
        }
        await close()
        return value
    }

    private func close() async {
        await setup.source.close()
        if case .helpdesk(let target) = destination { await target.close() }
    }

    /// What a journal would say that this migration is.
    func head(of target: any TicketTarget, in journal: any Journal) async throws -> JournalHead {
        try await JournalHead(
            identity: setup.identity(in: journal), target: setup.place(of: target.address))
    }

    /// The run into a file.
    func export(to target: ExportTarget, journal: any Journal) -> Export {
        Export(setup: setup, target: target, journal: journal, archive: file.archive)
    }

    /// The journal, to look into; an empty one in memory where there is none yet.
    func journalForReading() throws -> any Journal {
        if let journal = try SQLiteJournal.reading(path: file.journal) { return journal }
        return MemoryJournal()
    }

    /// Why a run could not keep its journal or archive where the migration file puts them.
    ///
    /// Writes nothing. What else of the place could hurt is said.
    func placeProblems() -> [Diagnostic] {
        var problems: [Diagnostic] = []
        do {
            try JournalPlace.look(at: file.journal).forEach { setup.sink.emit($0) }
        } catch let diagnostic as Diagnostic {
            problems.append(diagnostic)
        } catch {}
        problems += [file.journal, file.archive].compactMap { $0 }.compactMap { JournalPlace.unwritable($0) }
        return problems
    }

    /// The journal, as its one writer; says what of its place could hurt.
    func journalForWriting() throws -> any Journal {
        try JournalPlace.look(at: file.journal).forEach { setup.sink.emit($0) }
        return try SQLiteJournal(path: file.journal)
    }
}

extension MigrationFile {
    /// Says what earlier runs left borrowed: every command but those that give it back says it first.
    func warnOfBorrowed(_ console: Console) async throws {
        guard let journal = try SQLiteJournal.reading(path: journal) else { return }
        let open = try await journal.borrowings(open: true)
        await journal.close()
        for record in open {
            console.emit(
                Diagnostic(
                    .warning, code: "journal.borrowed",
                    "still borrowed since \(record.since): \(record.borrowing.summary)",
                    remedy:
                        "run `ticketferry migrate \(path)` to go on, or `ticketferry restore \(path)` to give it back"))
        }
    }
}

/// One line a request, for support; made with the first line, readable by its owner alone.
final class LogFile: Sendable {
    private let path: String
    private let queue = DispatchQueue(label: "ticketferry.log")

    init(path: String) { self.path = path }

    /// Appends a line.
    ///
    /// A log that cannot be written never stops a run.
    func write(_ line: String) {
        let path = path
        queue.async {
            let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
            guard file >= 0 else { return }
            Console.write(line + "\n", to: file)
            close(file)
        }
    }
}

/// Draws a run's progress.
struct ConsoleObserver: RunObserver {
    let progress: ProgressLine

    func progress(_ now: RunProgress) {
        let label =
            switch now.phase {
            case .preparing: "looking at both sides"
            case .planning: "planning"
            case .adopting: "rebuilding the journal from the target"
            case .settling: "looking up writes of an earlier run"
            case .reading: "reading"
            case .writing: "writing"
            case .verifying: "comparing with the target"
            case .undoing: "taking back"
            case .finishing: "finishing"
            }
        var waits = now.waiting
        if waits == nil, now.settling > 0 {
            waits = "\(TerminalText.counted(now.settling, "write")) whose answer got lost"
        }
        progress.update(
            ProgressLine.State(
                label: label, done: now.done, total: now.total, unit: "tickets", failures: now.failed, waitsFor: waits))
    }
}
