// SPDX-License-Identifier: Apache-2.0
public import TicketModel

extension CatalogueEntry {
    /// Stands for the catalogue where the engine asks for a ticket's id; no source has a ticket of it.
    ///
    /// The catalogue is one unit of work like a ticket: steps with keys, intents and receipts.
    public static let ticketID = "\u{1}catalogue"
}

/// What a plan says of the catalogue.
public struct CatalogueSummary: Hashable, Sendable {
    /// How many entries of each kind the source has.
    public var entries: [CatalogueEntry.Kind: Int] = [:]
    /// What is to be made in the target: `agent ada@x.example`.
    public var create: [String] = []
    /// What the target lacks and nobody makes: people choose another for it in the mapping, or it is a loss.
    public var missing: [Loss] = []
    /// Customers who may be one person: listed, never merged.
    public var doubles: [[CatalogueEntry]] = []

    /// Whether the source told of none.
    public var isEmpty: Bool { entries.isEmpty }

    /// The form of the contract.
    public var json: JSON {
        [
            "entries": .object(
                entries.sorted { $0.key.rawValue < $1.key.rawValue }.map { .init($0.key.rawValue, JSON($0.value)) }),
            "create": .array(create.map { .string($0) }), "missing": .array(missing.map(\.json)),
            "doubles": .array(doubles.map { .array($0.map { JSON($0.email ?? $0.name) }) }),
        ]
    }
}

extension CatalogueSummary {
    init(_ entries: [CatalogueEntry], work: TicketWork) {
        for entry in entries { self.entries[entry.kind, default: 0] += 1 }
        create = work.steps.map(\.name)
        missing = work.losses
        doubles = Self.doubles(of: entries)
    }

    /// Customers of the same name with different addresses, and of the same address under several ids.
    ///
    /// Names are compared without case and whatever their blanks.
    static func doubles(of entries: [CatalogueEntry]) -> [[CatalogueEntry]] {
        let customers = entries.filter { $0.kind == .customer }
        var found: [[CatalogueEntry]] = []
        var seen = Set<Set<String>>()
        for groups in [
            Dictionary(grouping: customers) { $0.email?.lowercased() ?? "" },
            Dictionary(grouping: customers) {
                $0.name == $0.email ? "" : $0.name.lowercased().split(separator: " ").joined(separator: " ")
            },
        ] {
            for (_, group) in groups.sorted(by: { $0.key < $1.key }).filter({ !$0.key.isEmpty && $0.value.count > 1 })
            where seen.insert(Set(group.map(\.id))).inserted {
                found.append(group)
            }
        }
        return found
    }
}

extension TicketPreparation {
    /// The work for the source's catalogue; nil where it tells of nothing.
    func catalogue() async throws -> (entries: [CatalogueEntry], work: TicketWork)? {
        let entries = try await setup.source.catalogue()
        guard !entries.isEmpty else { return nil }
        let known = try await known(CatalogueEntry.ticketID)
        let plan = await target.plan(
            catalogue: entries, creating: setup.creating, identity: identity, progress: known.progress)
        let ticket = Ticket(id: CatalogueEntry.ticketID)
        let work = TicketWork(
            ticket: ticket, line: CanonicalLine(ticket), plan: plan, losses: [], record: known.record,
            progress: known.progress, inDoubt: known.inDoubt)
        return (entries, work)
    }
}

extension Runner {
    /// Makes the catalogue in the target, before the first ticket.
    ///
    /// What cannot be made is said, each by itself, and the rest is tried; then the tickets go on: what they lack is among
    /// their losses.
    func writeCatalogue(_ run: Run) async throws {
        guard let (_, work) = try await run.preparation.catalogue(), !work.steps.isEmpty || work.record != nil else {
            return
        }
        await run.slots.acquire()
        defer { run.slots.release() }
        var left = work
        var failed: Diagnostic?
        var refused = Set<WriteKey>()
        repeat {
            var writer = TicketWriter(run: run, work: left)
            switch try await writer.write()?.kind {
            case .failed(let diagnostic), .setAside(let diagnostic):
                setup.sink.emit(diagnostic)
                failed = failed ?? diagnostic
            case .unanswered(let diagnostic, _):
                setup.sink.emit(diagnostic)
                failed = failed ?? diagnostic
                refused.formUnion(left.steps.map(\.key))
            default: refused.formUnion(left.steps.map(\.key))
            }
            // What is done is known by the journal; the first that was tried and is not is the one that failed.
            let tried = Set(left.steps.map(\.key)).subtracting(refused)
            guard let (_, now) = try await run.preparation.catalogue(),
                let first = now.steps.first(where: { tried.contains($0.key) })
            else { break }
            refused.insert(first.key)
            left = now
            left.steps = now.steps.filter { !refused.contains($0.key) && refused.isDisjoint(with: $0.needs) }
        } while !left.steps.isEmpty
        guard let failed else { return }
        run.catalogueFailed(failed)
        try await noteCatalogueFailure(failed)
    }

    /// Leaves the catalogue as not complete, whatever was written of it after the failure.
    private func noteCatalogueFailure(_ diagnostic: Diagnostic) async throws {
        guard let (ticket, steps) = try await journal.ticket(CatalogueEntry.ticketID), ticket.state == .complete else {
            return
        }
        var record = ticket
        record.state = steps.contains { $0.state == .setAside } ? .setAside : .failed
        record.failure = .init(diagnostic)
        try await journal.record([.ticket(record)])
    }
}

extension Journal {
    /// A page of tickets, the catalogue apart.
    func realTickets(after id: String?, limit: Int) async throws -> [TicketRecord] {
        try await tickets(after: id ?? CatalogueEntry.ticketID, limit: limit)
    }
}
