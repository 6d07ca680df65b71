// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import Migration
import Reports
import TicketModel

/// `ticketferry migrate MIGRATION`: run, or go on.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Carries the tickets over, or goes on where an earlier run was stopped.",
        discussion: """
            ctrl-C finishes what is in flight; the same command goes on. Writes of an earlier run whose answer got lost are \
            looked up in the target before anything is sent again.

            Example:
              ticketferry migrate acme.yaml
              ticketferry migrate acme.yaml --limit 10
              ticketferry migrate acme.yaml --plan acme.plan.json
              ticketferry migrate acme.yaml --until 06:00 --rate 60/min
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @Option(
        help:
            "Writes only what the plan in this file says (from `plan -o`); what changed since is left for the next plan."
    )
    var plan: String?

    @Flag(name: [.customShort("n"), .long], help: "The same as `plan`: writes nothing.")
    var dryRun = false

    @Flag(help: "Lets the target send the e-mails that the plan counts.")
    var allowNotifications = false

    @Flag(help: "Rebuilds a lost journal from what the target holds of this migration.")
    var adopt = false

    @Option(help: "What becomes of properties that people edited in the target meanwhile: keep or overwrite.")
    var conflicts: Conflicts = .keep

    @Option(help: "At most so many requests a minute: 60, or 60/min.")
    var rate: String?

    @Option(
        help: ArgumentHelp(
            "First makes a ticket for this address of yours, asks whether an e-mail came, and takes it back.",
            valueName: "address"))
    var canary: String?

    @Option(
        help: "Stops in good order at that time: 06:00, or 2026-12-01T06:00 (local time). The same command goes on.")
    var until: String?

    @Flag(name: .shortAndLong, help: "Does not ask before the first write.")
    var yes = false

    @OptionGroup var selection: SelectionOptions
    @OptionGroup var options: GlobalOptions

    /// What becomes of edits that people made.
    enum Conflicts: String, ExpressibleByArgument, CaseIterable { case keep, overwrite }

    private var requestsPerMinute: Int? {
        rate.flatMap { Int($0.hasSuffix("/min") ? String($0.dropLast(4)) : $0) }
    }

    func validate() throws {
        if rate != nil, (requestsPerMinute ?? 0) < 1 { throw ValidationError("--rate takes a number: 60, or 60/min") }
    }

    func run() async throws {
        if dryRun {
            var dry = PlanCommand()
            dry.migration = migration
            dry.output = nil
            dry.losses = nil
            dry.detailedExitCode = false
            dry.selection = selection
            dry.options = options
            return try await dry.run()
        }
        if let canary, !Self.isAddress(canary) { throw Diagnostic.canaryAddress(canary, migration) }
        let console = Console(options)
        let seal = try plan.map { try PlanDocument.read($0, of: migration) }
        let stop = StopSignal()
        let signals = Signals { stop.stop() }
        defer { withExtendedLifetime(signals) {} }
        let timer = try until.map { StopTimer(try StopTime(parsing: $0), stop) }
        defer { timer?.cancel() }
        var flags = selection.flags
        flags.requestsPerMinute = requestsPerMinute
        flags.overwritesConflicts = conflicts == .overwrite
        var opened = try await OpenedMigration(migration, flags: flags, console: console, stop: stop)
        let journal = try opened.journalForWriting()
        let report: RunReport
        do {
            if let canary, case .helpdesk(let target) = opened.destination {
                // The run looks at it too, but the canary would have been written by then.
                if !adopt { try await seal?.check(opened.head(of: target, in: journal), file: migration) }
                try await flyCanary(to: canary, opened, target: target, runOptions(opened, seal, console), console)
            }
            try await opened.settleSelection(sample: selection.sample, journal: journal)
            let (chosen, run) = (opened, runOptions(opened, seal, console))
            report = try await chosen.using {
                switch chosen.destination {
                case .helpdesk(let target):
                    try await Runner(setup: chosen.setup, target: target, journal: journal, options: run).migrate()
                case .file(let target):
                    try await chosen.export(to: target, journal: journal).migrate(by: seal)
                }
            }
        } catch {
            await journal.close()
            throw error
        }
        await journal.close()
        console.progress.clear()
        if report.plan?.total == 0, let only = selection.only { throw Failure.nothingSelected(only) }
        if console.json {
            console.print(json: report.json)
        } else {
            RunText(report, file: migration, style: console.style, width: console.width).lines.forEach {
                console.print($0)
            }
        }
        console.finish()
        if let cause = report.exitCause { throw ExitCode(cause.rawValue) }
    }

    private func runOptions(_ opened: OpenedMigration, _ seal: PlanSeal?, _ console: Console) -> RunOptions {
        var run = RunOptions()
        run.allowsNotifications = allowNotifications
        run.adopts = adopt
        run.seal = seal
        run.archive = opened.file.archive
        run.finishingFile = opened.file.finishingFile
        guard console.interactive && !yes else { return run }
        run.confirm = { summary in
            console.progress.clear()
            PlanText(summary, style: console.errorStyle, width: console.width).lines.forEach { console.say($0) }
            return console.confirm("\nWrite this?")
        }
        return run
    }
}
