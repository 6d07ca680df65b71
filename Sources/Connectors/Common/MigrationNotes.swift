// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

/// The lines of a ticket's migration note, by the notes that hold them.
///
/// What an earlier run wrote stays in the note that has it; what a later run finds goes into one more.
enum MigrationNotes {
    /// A line and its name in receipts, by which it is known again.
    typealias Line = (name: String, text: String)

    /// The notes of a ticket, those that are written first; one may have no lines.
    ///
    /// - Parameters:
    ///   - lines: all of the ticket; equal ones count.
    ///   - progress: what is written; receipts name their lines under `lines`.
    ///   - key: makes the key of a part.
    static func notes(
        of lines: [String], progress: TicketProgress, key: (String) -> WriteKey
    ) -> [(key: WriteKey, lines: [Line])] {
        var numbers: [String: Int] = [:]
        let lines = lines.map { line in
            let number = numbers[line, default: 0] + 1
            numbers[line] = number
            return (name: String(Digest.of([line, String(number)]).prefix(16)), text: line)
        }
        let notes = progress.done.filter { $0.key.part == "note" || $0.key.part.hasPrefix("note:") }
            .sorted { $0.value.order < $1.value.order }
        var written: Set<String> = []
        var out: [(key: WriteKey, lines: [Line])] = []
        for (key, done) in notes {
            // Where the receipt does not tell, the note is taken to hold all.
            let held = done.receipt.details["lines"]?.array.map { $0.compactMap(\.string) } ?? lines.map(\.name)
            written.formUnion(held)
            out.append((key, lines.filter { held.contains($0.name) }))
        }
        let more = lines.filter { !written.contains($0.name) }
        out.append((key(notes.isEmpty ? "note" : "note:\(Digest.of(more.map(\.name)).prefix(12))"), more))
        return out
    }
}
