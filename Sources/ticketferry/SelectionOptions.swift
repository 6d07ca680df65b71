// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation

/// The flags that choose tickets, on `plan` and `migrate`.
struct SelectionOptions: ParsableArguments {
    @Option(help: "At most so many tickets.")
    var limit: Int?

    @Option(help: "Only these tickets, by their ids in the source, with commas between them.")
    var only: String?

    @Option(help: "The smallest set of tickets that shows every value, kind of loss and extreme; at most so many.")
    var sample: Int?

    /// As the migration takes them.
    var flags: OpenedMigration.Flags {
        var flags = OpenedMigration.Flags()
        flags.limit = limit
        flags.only = only.map { $0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } } ?? []
        return flags
    }

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit takes a number from 1") }
        if only?.allSatisfy({ $0 == "," || $0 == " " }) == true {
            throw ValidationError("--only takes ids: --only 12,15")
        }
        if let sample, sample < 1 { throw ValidationError("--sample takes a number from 1") }
    }
}
