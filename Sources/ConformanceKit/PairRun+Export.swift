// SPDX-License-Identifier: Apache-2.0
internal import Mapping
package import Migration
internal import TicketModel

extension PairRun {
    /// Writes a source into a file and compares what the file's own source reads back.
    ///
    /// A file holds everything: each leaf has to come back as it was, ids and numbers and addresses too, and the only
    /// losses are attachments whose bytes the source could not give.
    ///
    /// - Parameters:
    ///   - source: opened, not read.
    ///   - target: where the file is to be.
    ///   - readBack: opens the file after the run.
    /// - Returns: the comparison of all tickets.
    /// - Throws: what reading throws, or an export that broke off.
    package func compare(
        _ source: any TicketSource, exportedTo target: ExportTarget, readBack: () async throws -> any TicketSource
    ) async throws -> Outcome {
        let journal = MemoryJournal()
        let report = try await Export(setup: setup(source), target: target, journal: journal, archive: nil).migrate()
        let before = try await ExamSite.readAll(source)
        let after = try await ExamSite.readAll(readBack())
        var outcome = Outcome()
        outcome.journal = journal
        outcome.report = report
        for (id, line) in before.sorted(by: { $0.key < $1.key }) {
            let ticket = try line.ticket()
            outcome.tickets += 1
            outcome.messages += ticket.messages.count
            guard let record = await journal.ticket(id), record.ticket.state == .complete else {
                let why = await journal.ticket(id)?.ticket.failure.map { "\($0.message) [\($0.code)]" }
                outcome.unexplained.append("\(id): not written: \(why ?? "unknown")")
                continue
            }
            guard let found = after[id] else {
                outcome.unexplained.append("\(id): it does not stand in the file")
                continue
            }
            outcome.ids[id] = id
            let losses = await journal.losses(of: id)
            outcome.losses += losses.count
            let (draft, result) = (WriteMapping.none.draft(of: ticket).0, try found.ticket())
            let differences = LeafComparison(draft, losses: [], result: result).differences
            outcome.differences += differences.count
            outcome.unexplained += differences.map { "\(id): \($0)" }
            // What the comparison of leaves leaves aside, a file has to hold as well.
            let (whole, wanted) = (Self.withoutBytes(result), Self.withoutBytes(ticket))
            if differences.isEmpty, whole != wanted {
                outcome.differences += 1
                outcome.unexplained += Exam.differences([id: whole], [id: wanted], "read back")
            }
            outcome.unexplained += losses.filter { $0.field != "messages[].attachments[]" }
                .map { "\(id): declared and not lost: \($0.field) (\($0.value ?? "–")): \($0.reason)" }
        }
        if after.count != outcome.ids.count {
            outcome.unexplained.append(
                "the file holds \(after.count - outcome.ids.count) tickets more than were written")
        }
        return outcome
    }

    /// The line of a ticket without what a run learns of its attachments by fetching them.
    private static func withoutBytes(_ ticket: Ticket) -> CanonicalLine {
        var ticket = ticket
        for m in ticket.messages.indices {
            for a in ticket.messages[m].attachments.indices {
                ticket.messages[m].attachments[a].file = nil
                ticket.messages[m].attachments[a].sha256 = nil
                ticket.messages[m].attachments[a].size = nil
                ticket.messages[m].attachments[a].mediaType = nil
            }
        }
        return CanonicalLine(ticket)
    }
}
