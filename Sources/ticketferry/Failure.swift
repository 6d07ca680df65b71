// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Connectors
import Foundation
import Mapping
import Migration
import TicketModel

/// The command line's own errors.
enum Failure {
    static func unknownConnector(_ name: String) -> Diagnostic {
        let names = Registry.connectors.map(\.name)
        let near = EditDistance.nearest(to: name, in: names).map { "Did you mean `\($0)`? " } ?? ""
        return Diagnostic(
            code: "connectors.unknown", "There is no connector `\(name)`",
            remedy: near + "The connectors are: \(names.joined(separator: ", "))", cause: .usage)
    }

    /// A command that does not exist; nil for one that does, and for flags.
    static func unknownCommand(in arguments: [String]) -> Diagnostic? {
        let names = Ticketferry.configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
        guard let word = arguments.dropFirst().first, !word.hasPrefix("-"), !names.contains(word) else { return nil }
        let near = EditDistance.nearest(to: word, in: names).map { "did you mean `\($0)`? " } ?? ""
        return Diagnostic(
            code: "usage.unknown-command", "there is no command `\(word)`",
            remedy: near + "`ticketferry --help` lists them", cause: .usage)
    }

    /// A conversion that was asked to stop; nothing is left of it.
    static var interruptedConversion: Diagnostic {
        Diagnostic(
            code: "convert.interrupted", "interrupted; nothing was written", remedy: "run the same command again",
            cause: .interrupted)
    }

    /// A connector that lacks a side.
    static func cannot(_ what: String, _ connector: String, at location: SourceLocation) -> Diagnostic {
        Diagnostic(
            code: "connectors.no-side", "`\(connector)` cannot \(what) in a migration", at: location,
            remedy: "choose another: `ticketferry connectors` lists what each can do")
    }

    /// A file of ours that the disk does not take.
    static func unwritable(_ path: String) -> Diagnostic {
        Diagnostic(
            code: "output.unwritable", "the file cannot be written: \(String(cString: strerror(errno)))",
            at: SourceLocation(file: path), remedy: "free space on the disk, or name another file", cause: .machine)
    }

    /// `--only` with ids that the source does not have.
    static func nothingSelected(_ ids: String) -> Diagnostic {
        Diagnostic(
            code: "selection.nothing", "the source has no ticket with the id \(ids), or `select:` leaves it out",
            remedy: "ids are those of the source: `ticketferry convert` shows them; nothing was written")
    }
}
