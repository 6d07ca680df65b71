// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

extension TargetReader {
    /// Whether a ticket of ours is not in the target any more; one read.
    ///
    /// - Throws: `resolve.cannot-tell` where the target does not tell; else what the read throws.
    func isGone(_ ticket: Receipt) async throws -> Bool {
        guard await features.tellsGone else { throw Diagnostic.cannotTellGone(ticket.id) }
        return try await storedFingerprint(ticket: ticket) == nil
    }
}

extension Planner {
    /// The tickets of the journal that were complete and that people deleted in the target.
    ///
    /// - Parameters:
    ///   - ids: the tickets that are meant; nil: all.
    ///   - known: the tickets of which it is known already.
    ///   - fingerprints: what was read of the target.
    /// - Returns: their ids in the source, those that are known first.
    /// - Throws: `Diagnostic` where target or journal cannot be read.
    func goneFromTarget(
        among ids: Set<String>?, known: [String], _ fingerprints: StoredFingerprints
    ) async throws -> [String] {
        guard await target.features.listsCheaply else { return known }
        let isKnown = Set(known)
        var gone = known
        var last: String?
        while true {
            let page = try await journal.realTickets(after: last, limit: 1000)
            guard let end = page.last else { return gone }
            last = end.id
            for record in page where (record.state == .complete || record.isGone) && ids?.contains(record.id) ?? true {
                guard let id = record.targetID, !isKnown.contains(record.id) else { continue }
                if try await fingerprints.lists(id) { continue }
                let steps = try await journal.ticket(record.id)?.steps ?? []
                let receipt = steps.first { $0.verb == .create }?.receipt ?? Receipt(id: id)
                if try await fingerprints.isGone(receipt) { gone.append(record.id) }
            }
        }
    }
}

extension TicketWork {
    /// Why the target did not take a step, or cannot tell of it, where the reason is that people deleted the ticket; nil:
    /// it is there, or nobody can tell.
    ///
    /// The remedy names the migration file.
    func whyGone(from target: any TargetReader, file: String) async -> Diagnostic? {
        guard let ticket = ticketReceipt, (try? await target.isGone(ticket)) == true else { return nil }
        return .ticketGone(id, targetID: ticket.id, file)
    }
}

extension Resolve {
    /// Forgets what was written of a ticket that people deleted in the target, so that the next run writes it anew.
    ///
    /// Sends reads alone. What its creation made besides (a customer) is not forgotten by the target: a later `undo` leaves
    /// it there.
    /// - Returns: the names of the steps that are forgotten.
    /// - Throws: `Diagnostic` `resolve.still-there` where the target has it, `resolve.nothing` where nothing of it was
    ///   written, `journal.another-migration` where the journal is not of this target.
    public func writeAnew(ticket id: String, setup: MigrationSetup, target: any TargetReader) async throws -> [String] {
        guard let head = try await journal.head(), let (record, steps) = try await journal.ticket(id),
            let targetID = record.targetID
        else { throw Diagnostic.nothingSetAside(id) }
        try await target.prepare(policy: .allow, sink: setup.sink)
        let identity = MigrationIdentity(
            migration: setup.name, source: setup.sourceName ?? head.identity.source,
            generation: head.identity.generation)
        try await setup.check(head, identity: identity, target: target.address)
        let create = steps.first { $0.verb == .create }
        guard try await target.isGone(create?.receipt ?? Receipt(id: targetID)) else {
            throw Diagnostic.stillThere(id, targetID: targetID)
        }
        var entries: [JournalEntry] = [.losses(ticket: id, []), .finishing(ticket: id, [])]
        for step in steps {
            let key = identity.key(ticket: id, part: step.part)
            entries += [.stepLosses(key, []), .withdrawn(key)]
        }
        try await journal.record(entries + [.ticket(TicketRecord(id: id, number: record.number))])
        return steps.map(\.name)
    }

    /// Whether a ticket was written and none of its writes is set aside: then only its absence from the target can be decided.
    public func isWritten(_ id: String) async throws -> Bool {
        guard let (record, steps) = try await journal.ticket(id) else { return false }
        return record.targetID != nil && !steps.contains { $0.state == .setAside }
    }
}

extension TicketRecord {
    /// Whether the last run found that people deleted it in the target.
    var isGone: Bool { state == .failed && failure?.code == Diagnostic.ticketGoneCode }
}

extension Diagnostic {
    fileprivate static let ticketGoneCode = "run.ticket-gone"

    /// Whether it tells that people deleted a ticket in the target.
    var isTicketGone: Bool { code == Self.ticketGoneCode }

    /// People deleted a ticket in the target, and something of it was to be written.
    static func ticketGone(_ id: String, targetID: String, _ file: String) -> Diagnostic {
        Diagnostic(
            code: ticketGoneCode, "ticket \(targetID) is no longer in the target: somebody deleted it there",
            remedy:
                "to have it written anew: `ticketferry resolve \(file) \(id) not-written`, then `ticketferry migrate \(file)`; to leave it deleted, do nothing: it is only named again",
            cause: .someFailed)
    }

    fileprivate static func cannotTellGone(_ targetID: String) -> Diagnostic {
        Diagnostic(
            code: "resolve.cannot-tell",
            "the target does not tell whether its ticket \(targetID) is gone or only not shown",
            remedy: "look there; if it is gone, write the ticket by hand; nothing was changed", cause: .refused)
    }

    fileprivate static func stillThere(_ id: String, targetID: String) -> Diagnostic {
        Diagnostic(
            code: "resolve.still-there", "ticket “\(id)” is in the target, as \(targetID)",
            remedy: "delete it there first if it is to be written anew; nothing was changed", cause: .refused)
    }

    /// Nothing of a ticket is a person's to decide.
    static func nothingSetAside(_ id: String) -> Diagnostic {
        Diagnostic(
            code: "resolve.nothing", "nothing of ticket “\(id)” is set aside",
            remedy: "`ticketferry status` lists the tickets that are, by their ids in the source")
    }
}
