// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import Migration
import Reports
import TicketModel

/// `ticketferry plan MIGRATION`: the dry run.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Shows what a run would do; sends nothing but reads.",
        discussion: """
            Example:
              ticketferry plan acme.yaml
              ticketferry plan acme.yaml -o acme.plan.json --losses losses.csv
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @Option(name: .shortAndLong, help: "Keeps the plan in a file, to be run as signed: migrate --plan FILE.")
    var output: String?

    @Option(help: "Writes every loss of every ticket into a CSV.")
    var losses: String?

    @Flag(help: "End with 2 when there is something to do.")
    var detailedExitCode = false

    @OptionGroup var selection: SelectionOptions
    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let console = Console(options)
        let stop = StopSignal()
        let signals = Signals { stop.stop() }
        defer { withExtendedLifetime(signals) {} }
        var opened = try await OpenedMigration(migration, flags: selection.flags, console: console, stop: stop)
        try await opened.file.warnOfBorrowed(console)
        let journal = try opened.journalForReading()
        try await opened.settleSelection(sample: selection.sample, journal: journal)
        guard output == nil || output != losses else {
            throw ValidationError("`-o` and `--losses` name the same file")
        }
        let document = try output.map { try PlanDocument(path: $0) }
        let printed = console.json ? try PlanDocument(path: nil) : nil
        let lossFile = try LossFile(losses)
        [output, losses].compactMap { $0 }.forEach { Documents(of: opened.file).note($0) }
        var (shown, conflicts, hidden, kept) = (0, 0, 0, [String]())
        let show: (TicketChange) async throws -> Void = { change in
            try document?.add(change)
            try printed?.add(change)
            try lossFile?.add(change)
            guard !console.json else { return }
            let lines = PlanText.lines(of: change, style: console.style, width: console.width)
            guard !lines.isEmpty else { return }
            // Conflicts are somebody's to look at: many changes do not hide them.
            if change.isLeftToPeople { conflicts += 1 } else { shown += 1 }
            guard console.verbose || (change.isLeftToPeople ? conflicts : shown) <= Self.shownAtMost else {
                hidden += 1
                return
            }
            if console.verbose {
                console.progress.clear()
                lines.forEach { console.print($0) }
            } else {
                kept += lines
            }
        }
        let summary = try await opened.using {
            switch opened.destination {
            case .helpdesk(let target):
                try await Planner(setup: opened.setup, target: target, journal: journal).plan(each: show)
            case .file(let target): try await opened.export(to: target, journal: journal).plan(each: show)
            }
        }
        console.progress.clear()
        await journal.close()
        let diagnostics = console.diagnostics + [summary.lostJournal].compactMap(\.self)
        try document?.finish(summary, diagnostics: diagnostics)
        try printed?.finish(summary, diagnostics: diagnostics)
        try lossFile?.finish()
        if summary.total == 0, let only = selection.only { throw Failure.nothingSelected(only) }
        if !console.json {
            finish(summary, kept, shown: shown + conflicts, hidden: hidden, console)
            if let output, let document { console.print("\nPlan kept in \(output), SHA-256 \(document.sha256 ?? "")") }
        }
        console.finish()
        if detailedExitCode && !summary.isEmpty { throw ExitCode(2) }
    }

    /// More changes than that are only counted, and more conflicts.
    private static let shownAtMost = 20

    private func finish(_ summary: PlanSummary, _ lines: [String], shown: Int, hidden: Int, _ console: Console) {
        // Without the right journal nobody knows what would become of a ticket.
        let (shown, hidden) = summary.lostJournal == nil ? (shown, hidden) : (0, 0)
        if shown > 0 { lines.forEach { console.print($0) } }
        if hidden > 0 {
            console.print("… and \(TerminalText.counted(hidden, "more ticket")) (--verbose shows all)")
        }
        if shown > 0 { console.print() }
        PlanText(summary, style: console.style, width: console.width).lines.forEach { console.print($0) }
    }
}
