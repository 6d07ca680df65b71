// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import TicketModel

/// The command line: parses, runs one command, turns what it throws into the contract's exit codes.
@main
struct Ticketferry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ticketferry",
        abstract: "Moves support history between helpdesks: nothing lost, nothing twice, nobody e-mailed by accident.",
        discussion: """
            A migration is one file. `check` says whether it is ready, `plan` shows what would happen and writes nothing, \
            `migrate` does it and goes on where it was stopped.

            Example:
              ticketferry convert export.xml tickets.jsonl
              ticketferry plan acme.yaml
              ticketferry migrate acme.yaml
            """,
        version: version,
        subcommands: [
            ConnectorsCommand.self, CheckCommand.self, InspectCommand.self, PlanCommand.self, MigrateCommand.self,
            StatusCommand.self, ShowCommand.self, IDsCommand.self, VerifyCommand.self, UndoCommand.self,
            ResolveCommand.self, RestoreCommand.self, PurgeCommand.self, ArchiveCommand.self, ConvertCommand.self,
            SandboxCommand.self,
        ])

    /// The version of the tool, also in its User-Agent.
    static let version = "0.1.0"

    static func main() async {
        // A limit on the size of files is an error of the journal that says what to do, not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
        do {
            if let unknown = Failure.unknownCommand(in: CommandLine.arguments) { throw unknown }
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let diagnostic as Diagnostic {
            Console((try? GlobalOptions.parse([])) ?? GlobalOptions()).show(diagnostic)
            Foundation.exit(diagnostic.cause.rawValue)
        } catch {
            exit(withError: error)
        }
    }
}
