// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// What a run did, or what the journal says of the runs so far.
public struct RunReport: Sendable {
    /// Of tickets.
    public struct Counts: Hashable, Sendable {
        /// Tickets that were written from nothing; in a status, all that are complete.
        public var created = 0
        /// Tickets written before to which something was added or changed.
        public var updated = 0
        /// Tickets with nothing to do.
        public var unchanged = 0
        /// Tickets that the target or the mapping cannot hold; nothing of them was written.
        public var skipped = 0
        /// Refused; the next run tries again.
        public var failed = 0
        /// Set aside or left in doubt: not known whether all of it is written.
        public var uncertain = 0
        /// Of the others: those of which a write was found in the target instead of being sent.
        public var adopted = 0
        /// Only in a status: tickets that `undo` took back and that were not written again.
        public var takenBack = 0
        /// Of `unchanged` and `updated`: those whose properties people changed meanwhile; in a status, all of which that is
        /// known.
        public var conflicts = 0

        /// Nothing yet.
        public init() {}
    }

    /// How it ended; for a status, how the last run stands (`interrupted` before the first).
    public var state: RunState
    /// What became of the tickets.
    public var counts = Counts()
    /// Messages by what became of them: `created`, `adopted`.
    public var messages: [String: Int] = [:]
    /// Writes whose answer proved nothing and that were found in the target.
    public var adoptedWrites = 0
    /// Writes whose answer proved nothing, that were not found after the settle time, and were sent again.
    public var sentAgain = 0
    /// Losses that only the answers showed and those of the plan, of the tickets that were written.
    public var losses = 0
    /// Tickets that were left for the next plan: they were not any more as in the one that was signed.
    public var unsigned = 0
    /// Why entries of the catalogue could not be made: the first reason.
    public var catalogueFailure: Diagnostic?
    /// Only in a status: when an `undo` began that has not come to its end.
    public var undoBegan: String?
    /// What is still borrowed.
    public var borrowed: [BorrowingRecord] = []
    /// Tickets that failed or were set aside, the first thousand.
    public var failures: [TicketRecord] = []
    /// Tickets that people edited in the target, so that their properties are left to them, the first thousand.
    public var conflicts: [TicketRecord] = []
    /// When it began; nil where no run ever did.
    public var started: Timestamp?
    /// When it ended; nil while it is under way and after a crash.
    public var finished: Timestamp?
    /// When all but the counts was removed from the journal; only in a status.
    public var purged: Timestamp?
    /// Why the run ended before all was done.
    public var stoppedBy: Diagnostic?
    /// What the run planned; nil for a status.
    public var plan: PlanSummary?
    /// The finishing file, if there is something in it.
    public var finishingFile: String?
    /// How many lines of it are not comments.
    public var finishingLines = 0

    /// A report of nothing.
    public init(state: RunState) { self.state = state }

    /// What the command ends with; nil: all done.
    public var exitCause: ExitCause? {
        if let stoppedBy { return stoppedBy.cause }
        if state == .interrupted { return .interrupted }
        if counts.failed + counts.uncertain + counts.skipped > 0 || catalogueFailure != nil { return .someFailed }
        return borrowed.isEmpty ? nil : .unavailable
    }

    /// The form of the contract.
    public var json: JSON {
        var value: JSON = [
            "version": 1, "state": .string(state.rawValue),
            "counts": [
                "created": JSON(counts.created), "updated": JSON(counts.updated), "unchanged": JSON(counts.unchanged),
                "skipped": JSON(counts.skipped), "failed": JSON(counts.failed), "uncertain": JSON(counts.uncertain),
                "adopted": JSON(counts.adopted),
            ],
            "messages": .object(messages.map { JSON.Member($0.key, JSON($0.value)) }),
            "borrowed": .array(
                borrowed.map {
                    [
                        "name": .string($0.borrowing.name), "summary": .string($0.borrowing.summary),
                        "since": .string($0.since.description),
                    ]
                }),
            "failures": .array(failures.map(\.failureJSON)), "started": JSON(started?.description),
            "finished": JSON(finished?.description),
        ]
        if let plan {
            value["gone"] = JSON(plan.gone.count)
            if !plan.goneFromTarget.isEmpty {
                value["goneFromTarget"] = .array(plan.goneFromTarget.map { .string($0) })
            }
            if !plan.warnings.isEmpty { value["warnings"] = .array(plan.warnings.map(\.json)) }
        }
        if let undoBegan { value["undoUnfinished"] = .string(undoBegan) }
        if counts.takenBack > 0 { value["counts"]?["takenBack"] = JSON(counts.takenBack) }
        if counts.conflicts > 0 { value["counts"]?["conflicts"] = JSON(counts.conflicts) }
        if !conflicts.isEmpty {
            value["conflicts"] = .array(
                conflicts.map {
                    [
                        "id": .string($0.id), "number": JSON($0.number), "targetId": JSON($0.targetID),
                        "url": JSON($0.targetURL),
                    ]
                })
        }
        if unsigned > 0 { value["unsigned"] = JSON(unsigned) }
        if let stoppedBy { value["stoppedBy"] = stoppedBy.json }
        if plan != nil {
            value["uncertainWrites"] = ["adopted": JSON(adoptedWrites), "sentAgain": JSON(sentAgain)]
        }
        if let purged { value["purged"] = .string(purged.description) }
        if let finishingFile { value["finishingFile"] = .string(finishingFile) }
        return value
    }
}

extension TicketRecord {
    /// A line of a list of failures.
    public var failureJSON: JSON {
        [
            "id": .string(id), "number": JSON(number), "state": .string(state.rawValue),
            "code": JSON(failure?.code), "message": JSON(failure?.message), "remedy": JSON(failure?.remedy),
            "targetId": JSON(targetID), "url": JSON(targetURL),
        ]
    }
}
