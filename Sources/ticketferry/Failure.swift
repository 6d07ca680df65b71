// SPDX-License-Identifier: Apache-2.0
import Connectors
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

    /// A conversion that was asked to stop; nothing is left of it.
    static var interruptedConversion: Diagnostic {
        Diagnostic(
            code: "convert.interrupted", "interrupted; nothing was written", remedy: "run the same command again",
            cause: .interrupted)
    }
}
