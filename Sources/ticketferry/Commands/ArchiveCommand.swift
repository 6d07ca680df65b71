// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Connectors
import Foundation
import Migration
import Reports
import TicketModel

/// `ticketferry archive MIGRATION`: the source into a folder.
struct ArchiveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "archive",
        abstract: "Brings the source into a folder: tickets, catalogue, attachments. The migration may come later.",
        discussion: """
            The target is not asked. A run that was stopped or killed goes on when the same command is run again, and \
            what it has read within a day is not read again unless the source lists it as changed. The folder is itself \
            a source: `connector: jsonl`, `path: FOLDER`.

            Example:
              ticketferry archive acme.yaml
              ticketferry archive acme.yaml -o acme-2026
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @Option(name: .shortAndLong, help: "The folder; the migration's own archive if left out.")
    var output: String?

    @Option(help: "At most so many tickets.")
    var limit: Int?

    @Option(help: "Only these tickets, by their ids in the source, with commas between them.")
    var only: String?

    @OptionGroup var options: GlobalOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit takes a number from 1") }
        if only?.allSatisfy({ $0 == "," || $0 == " " }) == true {
            throw ValidationError("--only takes ids: --only 12,15")
        }
    }

    func run() async throws {
        let console = Console(options)
        let stop = StopSignal()
        let signals = Signals { stop.stop() }
        defer { withExtendedLifetime(signals) {} }
        let file = try MigrationFile.read(migration, connectors: Registry.connectors)
        try await file.warnOfBorrowed(console)
        guard let folder = output ?? file.archive else {
            throw Diagnostic(
                code: "archive.no-folder", "the migration file says `archive: none`, and no folder is named",
                remedy: "say where: ticketferry archive \(migration) -o FOLDER", cause: .usage)
        }
        var flags = OpenedMigration.Flags()
        flags.limit = limit
        flags.only = only.map { $0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } } ?? []
        let source = try await OpenedMigration.source(of: file, log: LogFile(path: file.log), console: console)
        var setup = try OpenedMigration.setup(of: file, source: source, flags: flags, console: console, stop: stop)
        setup.archive = folder
        let report: ArchiveRun.Report
        do {
            report = try await ArchiveRun(setup: setup, folder: folder).run()
        } catch {
            await source.close()
            throw error
        }
        await source.close()
        console.progress.clear()
        if report.tickets + report.failures.count == 0, let only { throw Failure.nothingSelected(only) }
        if console.json {
            console.print(json: report.json(folder: folder))
        } else {
            show(report, folder: folder, console)
        }
        console.finish()
        if !report.failures.isEmpty { throw ExitCode(ExitCause.someFailed.rawValue) }
    }

    private func show(_ report: ArchiveRun.Report, folder: String, _ console: Console) {
        let style = console.style
        var counts = [TerminalText.counted(report.files, "file")]
        if report.catalogue > 0 { counts.append("\(TerminalText.count(report.catalogue)) of the catalogue") }
        if report.reused > 0 { counts.append("\(TerminalText.counted(report.reused, "ticket")) not read again") }
        console.print(
            style.bold(TerminalText.counted(report.tickets, "ticket")) + " in \(TerminalText.safe(folder)): "
                + counts.joined(separator: ", "))
        ReadReportText(report.read, style: style, width: console.width).lines.forEach { console.print($0) }
        if report.lossCount > 0 {
            console.print("\n" + style.bold("What could not be had (\(TerminalText.count(report.lossCount)))"))
            var table = TextTable(["ticket", "what", "which", "why"])
            for (ticket, loss) in report.losses.prefix(20) {
                table.add([ticket ?? "all", loss.field, loss.value ?? "", loss.reason])
            }
            table.lines(width: console.width - 2, style: style).forEach { console.print("  " + $0) }
            if report.lossCount > 20 { console.print("  … and \(report.lossCount - 20) more (--json lists them)") }
        }
        guard !report.failures.isEmpty else { return }
        console.print("\n" + style.red(TerminalText.counted(report.failures.count, "ticket")) + " could not be read")
        for (id, reason) in report.failures.prefix(20) {
            console.print("  \(TerminalText.safe(id)): \(TerminalText.safe(reason.message)) [\(reason.code)]")
            console.print("    fix: \(TerminalText.safe(reason.remedy))")
        }
        if report.failures.count > 20 {
            console.print("  … and \(report.failures.count - 20) more (--json lists them)")
        }
    }
}
