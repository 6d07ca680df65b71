// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Rebuilds a journal from what the target holds, or adds what it lacks: each key can be derived again from the source.
struct Adoption: Sendable {
    let setup: MigrationSetup
    let target: any TicketTarget
    let journal: any Journal
    /// Whether all is to be taken back, and nothing more is written: a value that is not ours is then taken for people's,
    /// although a ticket that was being written may have it too.
    var isForUndo = false

    /// Notes what of each ticket is in the target as done.
    ///
    /// - Returns: the identity with the highest generation that was found.
    func adopt(_ found: [String: [FoundTicket]], identity: MigrationIdentity) async throws -> MigrationIdentity {
        var identity = identity
        // A journal that knows tickets knows their generation too.
        if try await journal.tickets(after: nil, limit: 1).isEmpty {
            // Tickets that an `undo` could only close are of a generation that is over.
            let generations = found.values.joined().map { $0.isTakenBack ? $0.generation + 1 : $0.generation }
            identity.generation = max(identity.generation, generations.max() ?? 0)
        }
        try await journal.setHead(JournalHead(identity: identity, target: setup.place(of: target.address)))
        // A run that dies while it adopts leaves a journal that lacks tickets: the next one must not take them for new.
        try await journal.record([.runBegan(setup.clock.now())])
        let preparation = TicketPreparation(setup: setup, target: target, journal: journal, identity: identity)
        let atOnce = max(1, setup.concurrency)
        let generation = identity.generation
        // Each ticket is read again in the target: as many at a time as a run would write.
        try await withThrowingTaskGroup(of: Void.self) { group in
            var reading = 0
            var isNoted = false
            try await SourceScan(setup: setup, phase: .adopting).run(preparation) { work, _, _ in
                guard let (create, ticket, stored) = try await find(work, in: found, generation: generation) else {
                    return
                }
                if !isNoted, work.progress.done[create.key] == nil {
                    try await journal.record([.memo(.adopted, .string(setup.clock.now().description))])
                    isNoted = true
                }
                if reading >= atOnce {
                    try await group.next()
                    reading -= 1
                }
                reading += 1
                group.addTask { try await adopt(work, create, ticket, stored: stored) }
            } failed: { _, diagnostic in
                setup.sink.emit(diagnostic)
            }
            try await group.waitForAll()
        }
        return identity
    }

    /// The target's ticket that holds what the journal lacks of one; nil where nothing is to be read.
    private func find(
        _ work: TicketWork, in found: [String: [FoundTicket]], generation: Int
    ) async throws -> (create: Step, ticket: Receipt, stored: String?)? {
        // What the journal has is believed; what it lacks of a ticket may be in the target.
        guard work.steps.contains(where: { $0.mayNotRepeat && work.inDoubt[$0.key] == nil }),
            let create = work.all.first(where: { $0.verb == .create }), work.inDoubt[create.key] == nil,
            let all = found[create.key.digest]?.filter({ !$0.isTakenBack }),
            let newest = all.map(\.generation).max()
        else { return nil }
        if let known = work.progress.done[create.key]?.receipt {
            return (create, known, all.first { $0.receipt.id == known.id }?.receipt.stored)
        }
        // Left by an `undo` since people had changed it: its messages carry keys that cannot be told from new ones.
        if newest < generation {
            try await setAside(work, create, .leftByUndo(work.id, all, setup.file))
            return nil
        }
        let candidates = all.filter { $0.generation == newest }
        if candidates.count > 1 {
            try await setAside(work, create, .several(work.id, candidates))
            return nil
        }
        return candidates.first.map { (create, $0.receipt, $0.receipt.stored) }
    }

    private func adopt(_ work: TicketWork, _ create: Step, _ ticket: Receipt, stored: String?) async throws {
        var receipts = try await target.adopt(work.all, ticket: ticket)
        receipts[create.key] = receipts[create.key] ?? ticket
        let edits = try await edits(of: work, ticket, receipts)
        receipts[create.key]?.losses += edits?.losses ?? []
        if edits?.kind != nil { setup.sink.emit(.edited(work.id, ticket, edits?.what ?? [])) }
        for loss in receipts.values.flatMap(\.losses) where edits?.kind == nil || edits?.losses.contains(loss) != true {
            setup.sink.emit(
                Diagnostic(
                    .warning, code: "adopt.differs", "ticket \(work.id): \(loss.value ?? loss.field): \(loss.reason)",
                    remedy: "compare the target's ticket \(ticket.id) with the source", cause: .someFailed))
        }
        var record =
            work.record ?? TicketRecord(id: work.id, number: work.number, source: work.source, draft: work.draft)
        if record.state == .complete { record.state = .begun }
        record.targetID = ticket.id
        record.targetURL = ticket.url ?? record.targetURL
        // What people change from now on is theirs; where they changed something before, all of it stays theirs.
        record.edits = record.edits ?? edits?.kind
        record.stored = record.edits == .conflict ? work.record?.stored : record.stored ?? stored
        var entries: [JournalEntry] = [.ticket(record)]
        let now = setup.clock.now()
        for step in work.all {
            guard work.progress.done[step.key] == nil, work.inDoubt[step.key] == nil,
                let receipt = receipts[step.key]
            else { continue }
            entries += [.intent(StepRecord(step, sentAt: now)), .done(step.key, receipt)]
            if !receipt.losses.isEmpty { entries.append(.stepLosses(step.key, receipt.losses)) }
        }
        do {
            try await journal.record(entries)
        } catch let conflict as JournalConflict {
            setup.sink.emit(
                Diagnostic(
                    code: "adopt.claimed-twice",
                    "the target's ticket \(conflict.targetID) carries the marks of tickets \(conflict.owner) and \(work.id)",
                    remedy: "look at it in the target", cause: .someFailed))
        }
    }

    /// What people did to a ticket before it was found again.
    private struct FoundEdits {
        /// Nil where it may as well be what the source said meanwhile.
        var kind: TicketRecord.Edits?
        /// For people: `status`, `reply 17`.
        var what: [String]
        /// Of properties that are left as they are.
        var losses: [Loss]
    }

    /// Finds out what people did to a ticket before, as far as it is none of what its steps leave: messages of theirs and
    /// changed texts; values of properties only where all messages are there, and by their steps alone.
    ///
    /// What a half-written ticket lacks is still written, so that it is no conflict.
    private func edits(
        of work: TicketWork, _ ticket: Receipt, _ receipts: [WriteKey: Receipt]
    ) async throws -> FoundEdits? {
        let read: StoredTicket?
        do {
            read = try await target.stored(ticket: ticket)
        } catch let diagnostic as Diagnostic where diagnostic.code == "target.not-readable" {
            // A connector that reads nothing back cannot tell of edits.
            return nil
        }
        guard let stored = read else { return nil }
        let missing = work.all.filter { receipts[$0.key] == nil && work.progress.done[$0.key] == nil }
        let lacks = Set(missing.map(\.key))
        let isWhole = !missing.contains { $0.verb.canDouble }
        // What is not found may be there all the same or not: a value is people's if it fits neither. What bears a mark of
        // ours is a note of a later run.
        let there = work.all.filter { !lacks.contains($0.key) }
        let all = await differences(of: stored, from: work.all, work)
        let theirs = Set(stored.messages.filter { $0.digest == nil }.map { "\($0.kind.rawValue) \($0.id)" })
        let others = await differences(of: stored, from: there, work).map { [$0.kind.rawValue, $0.part] }
        func isElse(_ difference: Difference) -> Bool {
            others.contains([difference.kind.rawValue, difference.part])
        }
        let unclear = isWhole ? all.filter { $0.kind == .property && !isElse($0) } : []
        let differences = all.filter { difference in
            if isForUndo, unclear.contains(difference) { return true }
            guard isElse(difference) else { return false }
            switch difference.kind {
            case .addedMessage: return theirs.contains(difference.part)
            case .text, .property: return true
            default: return false
            }
        }
        if !isForUndo, !unclear.isEmpty, differences.isEmpty {
            setup.sink.emit(.unclear(work.id, ticket, unclear.map(\.part)))
        }
        guard !differences.isEmpty else { return nil }
        let losses = differences.filter { $0.kind == .property }.map { difference in
            Loss(
                field: difference.part, value: difference.expected,
                reason:
                    "the target has “\(difference.found ?? "")”, and nobody can tell any more who changed it: it is left",
                fallback: .archive)
        }
        // Where only clocks are lacking, a later run of ours may have begun to write what the source changed since: nothing
        // but a message of theirs tells that from people's edits.
        let isTheirs = missing.isEmpty || differences.contains { $0.kind == .addedMessage }
        let isEnded = missing.allSatisfy { $0.isPeoples || $0.isAftermath }
        let told = differences.filter { $0.kind != .property || isWhole }
        let kind: TicketRecord.Edits? = told.isEmpty ? nil : isTheirs && isEnded ? .conflict : .noticed
        return FoundEdits(kind: kind, what: told.map(\.part), losses: losses)
    }

    private func differences(of stored: StoredTicket, from steps: [Step], _ work: TicketWork) async -> [Difference] {
        let plan = TicketPlan(steps: steps, finishing: work.finishing)
        return TicketComparison(await target.expectation(of: plan), stored).differences
    }

    private func setAside(_ work: TicketWork, _ create: Step, _ diagnostic: Diagnostic) async throws {
        setup.sink.emit(diagnostic)
        var record = TicketRecord(id: work.id, number: work.number, state: .setAside)
        record.failure = .init(diagnostic)
        try await journal.record([
            .ticket(record), .intent(StepRecord(create, sentAt: setup.clock.now())), .setAside(create.key),
        ])
    }
}

extension Diagnostic {
    fileprivate static func edited(_ ticket: String, _ found: Receipt, _ what: [String]) -> Diagnostic {
        Diagnostic(
            .warning, code: "adopt.edited",
            "ticket \(ticket): people edited it in the target, or the source changed since: \(what.joined(separator: ", "))",
            remedy: "compare the target's ticket \(found.id) with the source; `undo` leaves it", cause: .someFailed)
    }

    fileprivate static func unclear(_ ticket: String, _ found: Receipt, _ what: [String]) -> Diagnostic {
        Diagnostic(
            .warning, code: "adopt.unclear",
            "ticket \(ticket), \(found.id) in the target: \(what.joined(separator: ", ")) is not as in the source; "
                + "without the journal nobody can tell whether it was not set yet or people changed it, and it is set",
            remedy: "look at it in the target afterwards", cause: .someFailed)
    }

    fileprivate static func several(_ ticket: String, _ candidates: [FoundTicket]) -> Diagnostic {
        let ids = candidates.map(\.receipt.id).joined(separator: ", ")
        return Diagnostic(
            code: "adopt.several", "ticket \(ticket) is in the target \(candidates.count) times: \(ids)",
            remedy: "delete all but one in the target, then run the same command again", cause: .someFailed)
    }

    fileprivate static func leftByUndo(_ ticket: String, _ candidates: [FoundTicket], _ file: String) -> Diagnostic {
        let ids = candidates.map(\.receipt.id).joined(separator: ", ")
        return Diagnostic(
            code: "adopt.left-by-undo", "ticket \(ticket) was left in the target by an `undo`, as \(ids)",
            remedy:
                "people changed it there: keep it and decide `ticketferry resolve \(file) \(ticket) written`, or delete it and decide `not-written`",
            cause: .someFailed)
    }
}
