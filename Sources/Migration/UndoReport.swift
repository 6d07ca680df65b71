// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// What `undo` would do or did.
public struct UndoReport: Sendable {
    /// A ticket that stays in the target as it is, or something of it.
    public struct Left: Hashable, Sendable {
        /// The ticket's id in the source; nil for what was made besides tickets.
        public var id: String?
        /// In the target.
        public var targetID: String?
        /// Where people see it.
        public var url: String?
        /// Why it stays, or what of it.
        public var why: String

        /// The form of the contract.
        public var json: JSON {
            ["id": JSON(id), "targetId": JSON(targetID), "url": JSON(url), "why": .string(why)]
        }
    }

    /// How it ended; for a dry run, `finished`.
    public var state = RunState.finished
    /// Tickets that are deleted, or would be.
    public var deleted = 0
    /// Tickets that the target has no way to delete: closed and marked.
    public var closed = 0
    /// Tickets of the journal that were not in the target any more, or never arrived.
    public var gone = 0
    /// Tickets that people changed since they were written: left as they are, without `--force`.
    public var touched: [Left] = []
    /// Tickets and other things that stay since the target has no way back, or something else uses them.
    public var left: [Left] = []
    /// What no API takes back of what was made besides tickets: traces that people have to know of, and no failure.
    public var remains: [String] = []
    /// Tickets that could not be taken back this time.
    public var failed: [(id: String, diagnostic: Diagnostic)] = []
    /// Entries of the catalogue, customers and the like that are to be deleted where nothing else uses them.
    public var besides = 0
    /// E-mails that the target would send.
    public var mails = 0
    /// Requests that it costs, those that many tickets share and those that look counted apart.
    public var requests = 0
    /// What is still borrowed.
    public var borrowed: [BorrowingRecord] = []
    /// Why it ended before all was done.
    public var stoppedBy: Diagnostic?

    /// Nothing yet.
    public init() {}

    /// Whether there is nothing to take back.
    public var isEmpty: Bool { deleted + closed + gone + besides == 0 }

    /// What the command ends with; nil: all that could be taken back is.
    public var exitCause: ExitCause? {
        if let stoppedBy { return stoppedBy.cause }
        if state == .interrupted { return .interrupted }
        if !failed.isEmpty || !touched.isEmpty || !left.isEmpty { return .someFailed }
        return borrowed.isEmpty ? nil : .unavailable
    }

    /// The form of the contract.
    public var json: JSON {
        var value: JSON = [
            "version": 1, "state": .string(state.rawValue), "deleted": JSON(deleted), "closed": JSON(closed),
            "gone": JSON(gone), "besides": JSON(besides), "mails": JSON(mails), "requests": JSON(requests),
            "touched": .array(touched.map(\.json)), "left": .array(left.map(\.json)),
            "remains": .array(remains.map { .string($0) }),
            "failed": .array(failed.map { ["id": .string($0.id), "error": $0.diagnostic.json] }),
            "borrowed": .array(borrowed.map { .string($0.borrowing.name) }),
        ]
        if let stoppedBy { value["stoppedBy"] = stoppedBy.json }
        return value
    }
}
