// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Migration
import Reports
import TicketModel

/// `ticketferry verify MIGRATION`: reads the target again and compares it with what should be there.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Reads the target again and compares it with what source and mapping say should be there.",
        discussion: """
            Tickets, messages and their order, authors, kinds, texts, dates, properties, tags, and the bytes of files. What the \
            journal says is not believed: tickets are found in the target by their marks. Writes nothing to the target. Ends \
            with 0 if nothing differs, with 1 if something does.

            Example:
              ticketferry verify acme.yaml
              ticketferry verify acme.yaml --sample 50
              ticketferry verify acme.yaml --json > acme.verified.json
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

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
        try await opened.chooseSample(selection.sample, journal: journal)
        let verification = try await opened.using {
            switch opened.destination {
            case .helpdesk(let target):
                try await Verifier(setup: opened.setup, target: target, journal: journal).verify()
            case .file:
                throw Failure.cannot(
                    "be verified: read it with `ticketferry convert` and compare", opened.file.targetConnector.name,
                    at: opened.file.target.location)
            }
        }
        await journal.close()
        console.progress.clear()
        if verification.tickets == 0, let only = selection.only { throw Failure.nothingSelected(only) }
        if console.json {
            console.print(json: verification.json)
        } else {
            VerifyText(verification, style: console.style, width: console.width).lines.forEach { console.print($0) }
        }
        console.finish()
        if let cause = verification.exitCause { throw ExitCode(cause.rawValue) }
    }
}
