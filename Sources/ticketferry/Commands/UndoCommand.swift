// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import Migration
import Reports
import TicketModel

/// `ticketferry undo MIGRATION`: takes back what the migration wrote.
struct UndoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo",
        abstract: "Takes back what the migration wrote: deletes it where the target can, else closes and marks it.",
        discussion: """
            Tickets that people changed since they were written are left alone and listed. It can be stopped at any moment; the \
            same command goes on. After it, `migrate` starts clean. Without a terminal it needs --yes.

            Example:
              ticketferry undo acme.yaml --dry-run
              ticketferry undo acme.yaml
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @Flag(name: [.customShort("n"), .long], help: "Says what would be taken back; writes nothing.")
    var dryRun = false

    @Flag(help: "Takes back also what people changed since it was written.")
    var force = false

    @Flag(help: "Rebuilds a lost journal first, from the source and from what the target holds.")
    var adopt = false

    @Flag(help: "Lets the target send the e-mails that the dry run counts.")
    var allowNotifications = false

    @Flag(name: .shortAndLong, help: "Does not ask.")
    var yes = false

    @OptionGroup var options: GlobalOptions

    func validate() throws {
        if dryRun && adopt {
            throw ValidationError(
                "--adopt writes the journal, and --dry-run nothing; without --yes `undo --adopt` shows all and asks before it takes anything back"
            )
        }
    }

    func run() async throws {
        let console = Console(options)
        guard dryRun || yes || console.interactive else {
            throw Diagnostic(
                code: "undo.needs-yes", "without a terminal nobody can be asked whether this is meant",
                remedy: "look at `ticketferry undo \(migration) --dry-run`, then add --yes", cause: .usage)
        }
        let stop = StopSignal()
        let signals = Signals { stop.stop() }
        defer { withExtendedLifetime(signals) {} }
        let opened = try await OpenedMigration(migration, console: console, stop: stop)
        guard case .helpdesk(let target) = opened.destination else {
            throw Failure.cannot(
                "be taken back: delete the file", opened.file.targetConnector.name, at: opened.file.target.location)
        }
        let journal = dryRun ? try opened.journalForReading() : try opened.journalForWriting()
        var undo = UndoOptions()
        undo.isForced = force
        undo.adopts = adopt
        undo.allowsNotifications = allowNotifications
        undo.finishingFile = opened.file.finishingFile
        if !yes {
            undo.confirm = { planned in
                console.progress.clear()
                UndoText(planned, isPlan: true, style: console.errorStyle, width: console.width).lines
                    .forEach { console.say($0) }
                return console.confirm("\nTake this back?")
            }
        }
        let undoer = Undoer(setup: opened.setup, target: target, journal: journal, options: undo)
        let isPlan = dryRun
        let report: UndoReport
        do {
            report = try await opened.using { isPlan ? try await undoer.plan() : try await undoer.undo() }
        } catch {
            await journal.close()
            throw error
        }
        await journal.close()
        console.progress.clear()
        if console.json {
            console.print(json: report.json)
        } else {
            UndoText(report, isPlan: isPlan, style: console.style, width: console.width).lines
                .forEach { console.print($0) }
        }
        console.finish()
        if !isPlan, let cause = report.exitCause { throw ExitCode(cause.rawValue) }
    }
}
