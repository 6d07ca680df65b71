// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Connectors
import Journal
import Migration
import TicketModel

/// `ticketferry resolve MIGRATION ID written|not-written`: decides what the tool could not.
struct ResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Decides whether a write that was set aside is in the target.",
        discussion: """
            Needed only for tickets that `status` shows as not known to be written. Look in the target first; nothing is \
            written by this command, the next `migrate` goes on by it.

            A ticket that was written and that somebody deleted in the target since is written anew after `not-written`; the \
            target is asked whether it is really gone.

            Example:
              ticketferry resolve acme.yaml 1042 not-written
              ticketferry resolve acme.yaml 1042 written --target-id 77
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @Argument(help: "The ticket's id in the source.")
    var id: String

    @Argument(help: "written, or not-written: then it is sent again.")
    var decision: Decision

    @Option(help: "The id that the write has in the target; without it the next run looks for it again.")
    var targetID: String?

    @OptionGroup var options: GlobalOptions

    /// What a person found.
    enum Decision: String, ExpressibleByArgument, CaseIterable {
        case written
        case notWritten = "not-written"
    }

    func validate() throws {
        if decision == .notWritten, targetID != nil { throw ValidationError("--target-id goes with `written`") }
    }

    func run() async throws {
        let console = Console(options)
        let file = try MigrationFile.read(migration, connectors: Registry.connectors)
        try await file.warnOfBorrowed(console)
        try JournalPlace.look(at: file.journal).forEach { console.emit($0) }
        let journal = try SQLiteJournal(path: file.journal)
        let resolve = Resolve(journal)
        let names: [String]
        do {
            if decision == .notWritten, try await resolve.isWritten(id) {
                names = try await writeAnew(resolve, console)
            } else {
                names = try await resolve.run(
                    ticket: id, decision == .written ? .written(targetID: targetID) : .notWritten)
            }
        } catch {
            await journal.close()
            throw error
        }
        await journal.close()
        if console.json {
            console.print(json: ["version": 1, "ticket": .string(id), "steps": .array(names.map { .string($0) })])
        } else {
            let decided = names.joined(separator: ", ")
            console.print("Decided for ticket \(id): \(decided). Go on with: ticketferry migrate \(migration)")
        }
    }

    private func writeAnew(_ resolve: Resolve, _ console: Console) async throws -> [String] {
        let opened = try await OpenedMigration(migration, console: console)
        guard case .helpdesk(let target) = opened.destination else {
            throw Failure.cannot(
                "be asked for a ticket: run `ticketferry migrate` again", opened.file.targetConnector.name,
                at: opened.file.target.location)
        }
        return try await opened.using {
            try await resolve.writeAnew(ticket: id, setup: opened.setup, target: target)
        }
    }
}
