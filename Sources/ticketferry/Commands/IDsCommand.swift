// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Connectors
import Foundation
import Journal
import Migration
import Reports
import TicketModel

/// `ticketferry ids MIGRATION`: old to new, also as redirects.
struct IDsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ids",
        abstract: "Old numbers and ids to new ids and addresses, also as redirects. Sends nothing.",
        discussion: """
            From the journal and the archive. nginx and apache write redirects from the old pages to the new ones, with \
            what to write into the server's configuration in their first lines.

            Example:
              ticketferry ids acme.yaml > acme.ids.csv
              ticketferry ids acme.yaml --format nginx > acme.redirects.conf
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @Option(help: "csv, json, nginx or apache.")
    var format: IDsText.Format?

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let console = Console(options)
        let file = try MigrationFile.read(migration, connectors: Registry.connectors)
        try await file.warnOfBorrowed(console)
        let journal: any Journal =
            if let journal = try SQLiteJournal.reading(path: file.journal) { journal } else { MemoryJournal() }
        let format = format ?? (console.json ? .json : .csv)
        let ids: TicketIDs
        do {
            ids = try await TicketIDs(file, journal: journal)
        } catch {
            await journal.close()
            throw error
        }
        var clashes = IDsText.Clashes()
        if format == .nginx { try await ids.forEach { clashes.add($0) } }
        var text = IDsText(format, clashing: clashes.found)
        try Self.write(text.head)
        try await ids.forEach { ticket in try Self.write(text.line(ticket)) }
        try Self.write(text.tail)
        await journal.close()
        for (reason, count) in text.without.sorted(by: { $0.key < $1.key }) {
            console.emit(
                Diagnostic(
                    .warning, code: "ids.no-redirect",
                    "no redirect for \(TerminalText.counted(count, "ticket")): \(reason)",
                    remedy: "`ids --format csv` lists all tickets with what is known"))
        }
        console.finish()
    }

    private static func write(_ text: String) throws {
        guard Console.write(text, to: STDOUT_FILENO) else { throw Failure.unwritable("-") }
    }
}

extension IDsText.Format: ExpressibleByArgument {}
