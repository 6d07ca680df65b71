// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Connectors
import Foundation
import Journal
import Migration
import Reports
import TicketModel

/// `ticketferry purge MIGRATION`: removes all local personal data of a migration.
struct PurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract:
            "Removes what a migration keeps of people on this machine: archive, log, documents, all but the journal's counts.",
        discussion: """
            Shows what goes and what stays, and asks. Afterwards nothing can be added, verified or taken back any more; \
            `status` still shows the counts. Sends nothing.

            Example:
              ticketferry purge acme.yaml
              ticketferry purge acme.yaml --yes --json
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @Flag(name: .shortAndLong, help: "Does not ask. Needed where there is no terminal.")
    var yes = false

    @Flag(help: "Also if nobody knows of some writes whether they are in the target: it can never be found out then.")
    var evenInDoubt = false

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let console = Console(options)
        let file = try MigrationFile.read(migration, connectors: Registry.connectors)
        let hasJournal = FileManager.default.fileExists(atPath: file.journal)
        let journal = hasJournal ? try SQLiteJournal(path: file.journal) : nil
        do {
            try await purge(file, Purge(file, journal: journal), console)
        } catch {
            await journal?.close()
            throw error
        }
        await journal?.close()
        console.finish()
    }

    private func purge(_ file: MigrationFile, _ purge: Purge, _ console: Console) async throws {
        let found = try await purge.look(evenInDoubt: evenInDoubt)
        if !found.isEmpty && !yes {
            guard console.interactive else {
                throw Diagnostic(
                    code: "purge.needs-yes", "what is removed cannot be had again, and nobody is there to be asked",
                    remedy: "add --yes; nothing was removed", cause: .usage)
            }
            lines(found).forEach { console.say($0) }
            guard console.confirm("\nRemove this for good?") else {
                throw Diagnostic(
                    code: "run.declined", "not begun: the question was answered with no",
                    remedy: "nothing was removed", cause: .refused)
            }
        }
        let left = try await purge.run()
        if console.json {
            console.print(
                json: [
                    "version": 1, "tickets": JSON(found.tickets),
                    "removed": .array(
                        found.files.map { ["path": .string($0.path), "bytes": JSON($0.bytes)] }),
                    "stays": .array((found.stays + left).map { .string($0) }),
                    "finishingFile": JSON(found.finishingFile),
                ])
            return
        }
        let bytes = found.files.reduce(0) { $0 + $1.bytes }
        console.print(
            found.isEmpty
                ? "Nothing was there to be removed."
                : "Removed: \(TerminalText.counted(found.files.count, "file")) with \(TerminalText.count(bytes)) bytes, and what the journal held of \(TerminalText.counted(found.tickets, "ticket"))."
        )
        if let file = found.finishingFile {
            console.print(
                "Among them was \(TerminalText.safe(file)). Whether it was run is not known here; if not, the dates in it cannot be set any more."
            )
        }
        console.print("What stays:")
        for line in found.stays { console.print("  - " + TerminalText.safe(line)) }
        for folder in left { console.print("  - files of somebody else in \(TerminalText.safe(folder))") }
    }

    private func lines(_ found: Purge.Findings) -> [String] {
        var lines = ["This is removed:"]
        // An archive's files by hash say nothing to anybody: the ten largest stand for all.
        for file in found.files.sorted(by: { $0.bytes > $1.bytes }).prefix(10) {
            lines.append("  - \(TerminalText.safe(file.path)) (\(TerminalText.count(file.bytes)) bytes)")
        }
        if found.files.count > 10 { lines.append("  - … and \(found.files.count - 10) more files") }
        lines.append("  - all but the counts of \(TerminalText.counted(found.tickets, "ticket")) in the journal")
        if let file = found.finishingFile {
            lines.append(
                "Whether \(TerminalText.safe(file)) was run on the target's database is not known here. If it was not, run it first: it cannot be made again."
            )
        }
        return lines + ["What stays:"] + found.stays.map { "  - " + TerminalText.safe($0) }
    }
}
