// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Connectors
import Foundation
import Journal
import Migration
import Reports
import TicketModel

/// `ticketferry status MIGRATION`: how far, from the journal alone.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How far a migration is, what failed and why, what is borrowed. Sends nothing.",
        discussion: """
            Example:
              ticketferry status acme.yaml
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let console = Console(options)
        let file = try MigrationFile.read(migration, connectors: Registry.connectors)
        guard let journal = try SQLiteJournal.reading(path: file.journal) else {
            // What is only there after a run, or after `archive`: the journal may be lost.
            let traces = [file.finishingFile, file.archive].compactMap { $0 }
                .filter { FileManager.default.fileExists(atPath: $0) }
            if console.json {
                var json = RunReport(state: .interrupted).json
                if !traces.isEmpty { json["traces"] = .array(traces.map { .string($0) }) }
                console.print(json: json)
            } else if traces.isEmpty {
                console.print(
                    "Nothing has been written yet: there is no journal. Begin with: ticketferry plan \(migration)")
            } else {
                console.print("There is no journal at \(TerminalText.safe(file.journal)), but this is here:")
                for trace in traces { console.print("  \(TerminalText.safe(trace))") }
                console.print(
                    "If this migration was run before, put its journal back, or rebuild it from the target: ticketferry migrate \(migration) --adopt"
                )
            }
            return
        }
        var report = try await JournalReader(journal).status()
        await journal.close()
        // A run that was killed could not say how it ended.
        if report.state == .running, !SQLiteJournal.isInUse(path: file.journal) { report.state = .interrupted }
        if console.json {
            console.print(json: report.json)
        } else {
            RunText(report, file: migration, style: console.style, width: console.width).lines.forEach {
                console.print($0)
            }
        }
    }
}

/// `ticketferry show MIGRATION ID`: one ticket's way.
struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One ticket: old and new number, what was written, what was lost.",
        discussion: """
            The id may be the one in the source, the number that people quote, or the id in the target.

            Example:
              ticketferry show acme.yaml 1042
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @Argument(help: "The ticket.")
    var id: String

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let console = Console(options)
        let file = try MigrationFile.read(migration, connectors: Registry.connectors)
        try await file.warnOfBorrowed(console)
        let journal = try SQLiteJournal.reading(path: file.journal)
        let history = try await journal.map { JournalReader($0) }?.history(of: id)
        let purged = try await journal?.purgedAt()
        await journal?.close()
        guard let history else {
            if let purged {
                throw Diagnostic(
                    code: "journal.purged",
                    "the migration was purged at \(purged): nothing is known of single tickets any more",
                    subject: file.journal,
                    remedy:
                        "look for the ticket in the target; `ticketferry status \(migration)` still shows the counts",
                    cause: .refused)
            }
            throw Diagnostic(
                code: "journal.unknown-ticket", "the journal knows no ticket “\(id)”",
                subject: file.journal,
                remedy: "look at `ticketferry plan \(migration) --only \(id)`: it may not have been written yet")
        }
        if console.json {
            console.print(json: history.json)
        } else {
            TicketHistoryText(history, style: console.style, width: console.width).lines.forEach { console.print($0) }
        }
    }
}

/// `ticketferry restore MIGRATION`: gives back what a crashed run borrowed.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Gives back what a run borrowed (muted e-mails, a staging mailbox) and nothing else.",
        discussion: """
            Example:
              ticketferry restore acme.yaml
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let console = Console(options)
        let opened = try await OpenedMigration(migration, console: console)
        if case .helpdesk = opened.destination, !FileManager.default.fileExists(atPath: opened.file.journal) {
            throw Diagnostic(
                code: "restore.no-journal", "there is no journal, which says what is borrowed",
                at: SourceLocation(file: opened.file.journal),
                remedy:
                    "if it was lost, `ticketferry migrate \(migration) --adopt` finds what is borrowed, and gives it back",
                cause: .refused)
        }
        let journal = try opened.journalForWriting()
        var result: (before: [BorrowingRecord], after: [BorrowingRecord]) = ([], [])
        // A file has nothing that could be borrowed.
        if case .helpdesk(let target) = opened.destination {
            do {
                result = try await Restore(
                    target: target, journal: journal, clock: opened.setup.clock, sink: console,
                    observer: opened.setup.observer
                ).run()
            } catch {
                await journal.close()
                throw error
            }
        }
        await journal.close()
        let left = Set(result.after.map(\.borrowing.name))
        if console.json {
            let list = { (records: [BorrowingRecord]) -> JSON in .array(records.map { .string($0.borrowing.name) }) }
            console.print(
                json: [
                    "version": 1, "borrowed": list(result.after),
                    "givenBack": list(result.before.filter { !left.contains($0.borrowing.name) }),
                ])
        } else if result.before.isEmpty {
            console.print("Nothing is borrowed.")
        } else {
            for record in result.before {
                let name = TerminalText.safe(record.borrowing.name)
                console.print(
                    left.contains(record.borrowing.name)
                        ? console.style.red("still borrowed: \(name)") : "given back: \(name)")
            }
        }
        console.finish()
        if !result.after.isEmpty {
            // What the target refused to take back, or what must stay until the migration has gone on.
            let isRefused = console.diagnostics.contains { $0.code == "borrowed.not-given-back" }
            throw ExitCode((isRefused ? ExitCause.unavailable : .someFailed).rawValue)
        }
    }
}
