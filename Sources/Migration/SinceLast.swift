// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// `updatedSince: last`: a delta that reads only what changed since the last run that went through all tickets.
///
/// It is asked for and never the default, since most helpdesks do not move a ticket's date for every change
/// (``TicketSource/changesWithoutDate``). Wherever the journal cannot vouch for the rest, all tickets are read.
extension MigrationSetup {
    /// Goes back so far behind the last run's beginning, in seconds: for clocks that differ and times without a zone.
    private static let overlap: Int64 = 86_400

    /// Turns `updatedSince: last` into the time that the journal tells; call before planning and running.
    ///
    /// - Throws: what the journal throws.
    public mutating func settleSelection(by journal: any Journal) async throws {
        guard selection.isSinceLast else { return }
        let memo = try await journal.memo(.read)
        let why: String
        if try await journal.isMistrusted {
            why = "the last run did not end"
        } else if let since = memo?["since"]?.string.flatMap({ Timestamp($0) }) {
            if let definition, memo?["definition"]?.string == definition {
                selection.updatedSince = since
                tell(since)
                return
            }
            why = "the migration file or its mapping changed since the last run"
        } else {
            why = "no run has gone through all tickets without a failure yet"
        }
        sink.emit(
            Diagnostic(
                .note, code: "select.since-nothing", "`updatedSince: last`: all tickets are read, since \(why)",
                remedy: "nothing to do"))
    }

    private func tell(_ since: Timestamp) {
        guard let unseen = source.changesWithoutDate else { return }
        sink.emit(
            Diagnostic(
                .warning, code: "select.since-misses",
                "only tickets whose date of change is later than \(since) are read; the source does not move it for \(unseen)",
                remedy: "before the cut-over, take `updatedSince: last` out of the migration file and run once more"))
    }

    /// What a run that began then leaves for the next one, if it went through all tickets and left none behind.
    func lastRead(began: Timestamp) -> [JournalEntry] {
        guard let definition else { return [] }
        let since = Timestamp(seconds: began.seconds - Self.overlap)
        return [.memo(.read, ["since": .string(since.description), "definition": .string(definition)])]
    }
}
