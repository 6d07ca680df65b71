// SPDX-License-Identifier: Apache-2.0

/// What the journal knows of a ticket that is to be taken back.
public struct WrittenTicket: Sendable {
    /// The ticket itself; its target id is there.
    public var record: TicketRecord
    /// The steps of the present generation that have a receipt, in the order in which they were done.
    public var steps: [StepRecord]

    /// Pairs a ticket with its steps.
    public init(record: TicketRecord, steps: [StepRecord]) {
        self.record = record
        self.steps = steps
    }
}

/// How a target takes a ticket back.
public struct UndoPlan: Sendable {
    /// How it ends.
    public enum Ending: String, Sendable, CaseIterable {
        /// It is gone from the target.
        case deleted
        /// It stays, closed and marked as taken back, without an e-mail.
        case closed
        /// It stays as it is, since the target has no way without an e-mail or none at all.
        case left
    }

    /// How it ends when all steps are done.
    public var ending: Ending
    /// In their order; their keys' parts begin with `undo:`.
    ///
    /// Performed like any step: with intents, look-ups and receipts. A `delete` of what is gone already is understood.
    public var steps: [Step]
    /// What stays in the target nevertheless, for people.
    public var remains: [String]

    /// Makes a plan; see the properties.
    public init(_ ending: Ending, steps: [Step] = [], remains: [String] = []) {
        self.ending = ending
        self.steps = steps
        self.remains = remains
    }
}
