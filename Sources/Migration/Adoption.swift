// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Rebuilds a journal from what the target holds, or adds what it lacks: each key can be derived again from the source.
struct Adoption: Sendable {
    let setup: MigrationSetup
    let target: any TicketTarget
    let journal: any Journal

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
        try await journal.setHead(JournalHead(identity: identity, target: target.address))
        // A run that dies while it adopts leaves a journal that lacks tickets: the next one must not take them for new.
        try await journal.record([.runBegan(setup.clock.now())])
        let preparation = TicketPreparation(setup: setup, target: target, journal: journal, identity: identity)
        try await SourceScan(setup: setup, phase: .adopting).run(preparation) { work, _, _ in
            // What the journal has is believed; what it lacks of a ticket may be in the target.
            guard work.steps.contains(where: { $0.mayNotRepeat && work.inDoubt[$0.key] == nil }),
                let create = work.all.first(where: { $0.verb == .create }), work.inDoubt[create.key] == nil,
                let all = found[create.key.digest]?.filter({ !$0.isTakenBack }),
                let newest = all.map(\.generation).max()
            else { return }
            if let known = work.progress.done[create.key]?.receipt { return try await adopt(work, create, known) }
            // Left by an `undo` since people had changed it: its messages carry keys that cannot be told from new ones.
            if newest < identity.generation { return try await setAside(work, create, all, .leftByUndo(work.id, all)) }
            let candidates = all.filter { $0.generation == newest }
            guard let first = candidates.first else { return }
            if candidates.count > 1 {
                return try await setAside(work, create, candidates, .several(work.id, candidates))
            }
            try await adopt(work, create, first.receipt)
        } failed: { _, diagnostic in
            setup.sink.emit(diagnostic)
        }
        return identity
    }

    private func adopt(_ work: TicketWork, _ create: Step, _ ticket: Receipt) async throws {
        var receipts = try await target.adopt(work.all, ticket: ticket)
        receipts[create.key] = receipts[create.key] ?? ticket
        for loss in receipts.values.flatMap(\.losses) {
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
        // The stored fingerprint stays unknown: nobody can tell any more what people changed since.
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

    private func setAside(
        _ work: TicketWork, _ create: Step, _ candidates: [FoundTicket], _ diagnostic: Diagnostic
    ) async throws {
        setup.sink.emit(diagnostic)
        var record = TicketRecord(id: work.id, number: work.number, state: .setAside)
        record.failure = .init(diagnostic)
        try await journal.record([
            .ticket(record), .intent(StepRecord(create, sentAt: setup.clock.now())), .setAside(create.key),
        ])
    }
}

extension Diagnostic {
    fileprivate static func several(_ ticket: String, _ candidates: [FoundTicket]) -> Diagnostic {
        let ids = candidates.map(\.receipt.id).joined(separator: ", ")
        return Diagnostic(
            code: "adopt.several", "ticket \(ticket) is in the target \(candidates.count) times: \(ids)",
            remedy: "delete all but one in the target, then run the same command again", cause: .someFailed)
    }

    fileprivate static func leftByUndo(_ ticket: String, _ candidates: [FoundTicket]) -> Diagnostic {
        let ids = candidates.map(\.receipt.id).joined(separator: ", ")
        return Diagnostic(
            code: "adopt.left-by-undo", "ticket \(ticket) was left in the target by an `undo`, as \(ids)",
            remedy:
                "people changed it there: keep it and decide `ticketferry resolve MIGRATION \(ticket) written`, or delete it and decide `not-written`",
            cause: .someFailed)
    }
}
