// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Decides, by a person's word, what the tool could not: whether writes that were set aside are in the target.
public struct Resolve: Sendable {
    let journal: any Journal

    /// What a person found in the target.
    public enum Decision: Hashable, Sendable {
        /// It is there. With its id there it counts as done; without, the next run looks for it again.
        case written(targetID: String?)
        /// It is not there: the next run sends it again.
        case notWritten
    }

    /// Writes into a journal; the caller is its one writer.
    public init(_ journal: any Journal) { self.journal = journal }

    /// Decides for all writes of a ticket that are set aside; sends nothing.
    ///
    /// - Returns: the names of the steps that were decided.
    /// - Throws: `Diagnostic` `resolve.nothing` where the ticket has none, `resolve.several` for an id that could be that of
    ///   more than one.
    public func run(ticket id: String, _ decision: Decision) async throws -> [String] {
        let head = try await journal.head()
        let found = try await journal.ticket(id)
        let steps = found?.steps.filter { $0.state == .setAside } ?? []
        guard let head, var record = found?.ticket, !steps.isEmpty else {
            throw Diagnostic.nothingSetAside(id)
        }
        record.state = .failed
        record.failure = nil
        var entries: [JournalEntry] = []
        for step in steps {
            let key = head.identity.key(ticket: step.ticket, part: step.part)
            switch decision {
            case .notWritten: entries.append(.withdrawn(key))
            case .written(nil): entries.append(.uncertain(key))
            case .written(let targetID?):
                guard steps.count == 1 else {
                    throw Diagnostic(
                        code: "resolve.several",
                        "\(steps.count) writes of ticket “\(id)” are set aside, and one id was given",
                        remedy: "leave --target-id away: the next run looks for each of them again")
                }
                if step.verb == .create, step.part == "ticket" { record.targetID = targetID }
                entries.append(.done(key, Receipt(id: targetID)))
            }
        }
        try await journal.record(entries + [.ticket(record)])
        return steps.map(\.name)
    }
}
