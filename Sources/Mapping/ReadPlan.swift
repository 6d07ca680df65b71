// SPDX-License-Identifier: Apache-2.0
package import TicketModel

/// The read half of a mapping, compiled: how to open a dump and how to make tickets of its records.
package struct ReadPlan: Sendable {
    /// How a dump is written.
    package enum Format: String, Sendable, CaseIterable { case csv, xml, jsonl }

    /// The CSV dialect as the mapping says it; nil is `auto`: found by looking.
    package struct CSVDialect: Sendable, Hashable {
        /// One character.
        package var delimiter: String?
        /// `utf-8`, `utf-16`, `windows-1252`, `iso-8859-1`, as written.
        package var encoding: String?
        /// One character; `none`: the file does not quote.
        package var quote: String?
        /// One character, mostly `"` (doubled) or `\`; `none`.
        package var escape: String?
        /// Whether there is a line of headers; without one, columns are named `1`, `2`, ….
        package var header: Bool?
        /// How many lines stand above the header.
        package var skip: Int?
    }

    /// Where records stand.
    package struct RecordSet: Sendable, Hashable {
        package var name: String
        /// The path from the root (`/rss/channel/item`); nil for CSV rows and JSON lines.
        package var at: String?
        /// A pattern for the name (or the end of the path) of the files it stands in.
        ///
        /// A set without one stands in all files that match no set's pattern.
        package var file: String?
        /// Where the mapping says so.
        package var location: SourceLocation
    }

    /// A look-up table.
    package struct Table: Sendable {
        package var name: String
        /// The names of the fields, in the order in which rows hold them.
        package var fields: [String]
        package var onRepeat: RepeatPolicy
        /// Where the mapping says so.
        package var location: SourceLocation
    }

    /// The mapping's name, for diagnostics.
    package var name: String
    package var format: Format
    package var csv = CSVDialect()
    /// Whether the dump was written by this tool: what its writers do to texts (a `'` before formulas in CSV, base64 in
    /// XML) is undone.
    package var isOwnFormat = false
    package var namespaces: [String: String] = [:]
    package var sets: [RecordSet] = []
    package var tables: [Table] = []
    /// Indices in ``tables`` by pass over the input: what a pass makes, a later one may look up.
    ///
    /// Empty without tables.
    package var tablePasses: [[Int]] = []
    /// What happens when the key of a ticket comes twice, by the ticket rule's index.
    package var ticketRepeat: [RepeatPolicy] = []
    /// The same for messages with an id, by the message rule's index.
    package var messageRepeat: [RepeatPolicy] = []
    /// The zone of times without one: its name, or nil where the migration has to tell (`ask` or nothing said).
    package var zone: String?
    /// What the format itself cannot carry: said once a conversion.
    package var losses: [Loss] = []
    /// The rules themselves.
    var rules = ReadRules()

    /// The sets that stand in a file, as indices in ``sets``: a reader is opened with these, in this order.
    package func sets(forFile path: String) -> [Int] {
        let matched = sets.indices.filter { index in
            sets[index].file.map { Glob($0).matches(file: path) } ?? false
        }
        return matched.isEmpty ? sets.indices.filter { sets[$0].file == nil } : matched
    }
}
