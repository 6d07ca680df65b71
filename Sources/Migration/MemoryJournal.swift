// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// A journal that is gone with its process: for plans of migrations that have none yet, and for simulations.
public actor MemoryJournal: Journal {
    fileprivate struct StepID: Hashable {
        var ticket: String
        var part: String
        var generation: Int

        init(_ key: WriteKey) {
            ticket = key.ticket
            part = key.part
            generation = key.generation
        }
    }

    private struct State {
        var head: JournalHead?
        var tickets: [String: TicketRecord] = [:]
        var steps: [String: [StepID: StepRecord]] = [:]
        var owners: [String: String] = [:]
        var losses: [String: [Loss]] = [:]
        var stepLosses: [String: [StepID: [Loss]]] = [:]
        var finishing: [String: [String]] = [:]
        var borrowings: [BorrowingRecord] = []
        var runs: [RunRecord] = []
        var memos: [JournalMemo: JSON] = [:]
        var order = 0
    }

    private var state = State()

    /// An empty journal.
    public init() {}

    /// Which migration it belongs to; nil for a new one.
    public func head() -> JournalHead? { state.head }

    /// Says which migration it belongs to.
    public func setHead(_ head: JournalHead) { state.head = head }

    /// Takes entries, all or none, in their order.
    ///
    /// - Throws: ``JournalConflict`` if another ticket's creation has the same target id; nothing is taken then.
    public func record(_ entries: [JournalEntry]) throws {
        // Only a claimed id can fail; looked at first, so that nothing needs to be copied.
        try check(entries)
        for entry in entries { try Self.apply(entry, to: &state) }
    }

    private func check(_ entries: [JournalEntry]) throws {
        var creating = Set<StepID>()
        var owners: [String: String] = [:]
        for entry in entries {
            switch entry {
            case .intent(let record) where record.verb == .create: creating.insert(StepID(record))
            case .done(let key, let receipt):
                let id = StepID(key)
                guard creating.contains(id) || state.steps[key.ticket]?[id]?.verb == .create else { continue }
                if let owner = owners[receipt.id] ?? state.owners[receipt.id], owner != key.ticket {
                    throw JournalConflict(targetID: receipt.id, owner: owner)
                }
                owners[receipt.id] = key.ticket
            default: continue
            }
        }
    }

    private static func apply(_ entry: JournalEntry, to state: inout State) throws {
        switch entry {
        case .ticket(let record), .reopened(let record):
            state.tickets[record.id] = record
        case .intent(let record):
            let id = StepID(record)
            // What was understood before stays known until the new answer is.
            var record = record
            if let old = state.steps[record.ticket]?[id] { (record.receipt, record.order) = (old.receipt, old.order) }
            state.steps[record.ticket, default: [:]][id] = record
        case .uncertain(let key):
            state.steps[key.ticket]?[StepID(key)]?.state = .uncertain
        case .setAside(let key):
            state.steps[key.ticket]?[StepID(key)]?.state = .setAside
        case .rejected(let key):
            state.steps[key.ticket]?[StepID(key)]?.state = .rejected
        case .withdrawn(let key):
            state.steps[key.ticket]?[StepID(key)] = nil
        case .done(let key, let receipt):
            guard var record = state.steps[key.ticket]?[StepID(key)] else { return }
            if record.verb == .create {
                if let owner = state.owners[receipt.id], owner != key.ticket {
                    throw JournalConflict(targetID: receipt.id, owner: owner)
                }
                state.owners[receipt.id] = key.ticket
            }
            state.order += 1
            record.order = state.order
            record.receipt = receipt
            record.state = .done
            state.steps[key.ticket]?[StepID(key)] = record
        case .losses(let ticket, let losses):
            state.losses[ticket] = losses
        case .stepLosses(let key, let losses):
            state.stepLosses[key.ticket, default: [:]][StepID(key)] = losses.isEmpty ? nil : losses
        case .finishing(let ticket, let lines):
            state.finishing[ticket] = lines
        case .borrowed(let borrowing, let since):
            state.borrowings.append(BorrowingRecord(borrowing: borrowing, since: since))
        case .givenBack(let name, let until, let outcome):
            for i in state.borrowings.indices
            where state.borrowings[i].borrowing.name == name && state.borrowings[i].until == nil {
                state.borrowings[i].until = until
                state.borrowings[i].outcome = outcome
            }
        case .memo(let name, let value):
            state.memos[name] = value.isNull ? nil : value
        case .generationRaised(let generation):
            raise(&state, to: generation)
        case .purged(let memo):
            var left = State()
            (left.head, left.runs, left.memos) = (state.head, state.runs, [.purged: memo])
            state = left
        case .runBegan(let time):
            state.runs.append(RunRecord(began: time))
        case .runEnded(let time, let runState):
            guard !state.runs.isEmpty else { return }
            state.runs[state.runs.count - 1].ended = time
            state.runs[state.runs.count - 1].state = runState
        }
    }

    private static func raise(_ state: inout State, to generation: Int) {
        let old = state.head?.identity.generation ?? 0
        for (id, record) in state.tickets {
            guard record.state == .takenBack else {
                var steps: [StepID: StepRecord] = [:]
                for var step in (state.steps[id] ?? [:]).values {
                    if step.generation == old {
                        // What an `undo` began with a ticket that people came to meanwhile: another one begins anew.
                        if step.part.hasPrefix(UndoPlan.partPrefix) { continue }
                        step.generation = generation
                    }
                    steps[StepID(step)] = step
                }
                state.steps[id] = steps
                continue
            }
            state.owners = state.owners.filter { $0.value != id }
            (state.losses[id], state.stepLosses[id], state.finishing[id]) = (nil, nil, nil)
            state.tickets[id] = TicketRecord(id: id, number: record.number, state: .takenBack)
        }
        state.head?.identity.generation = generation
    }

    /// A ticket and its steps of the present generation, in the order in which they were understood; nil if unknown.
    public func ticket(_ id: String) -> (ticket: TicketRecord, steps: [StepRecord])? {
        guard let ticket = state.tickets[id] else { return nil }
        let generation = state.head?.identity.generation ?? 0
        let steps = (state.steps[id] ?? [:]).values.filter { $0.generation == generation }
        return (ticket, steps.sorted { ($0.order, $0.part) < ($1.order, $1.part) })
    }

    /// The tickets after an id, in the order of the ids' bytes.
    ///
    /// Sorts all of them at each call.
    public func tickets(after id: String?, limit: Int) -> [TicketRecord] {
        Array(sortedTickets(after: id).prefix(limit))
    }

    private func sortedTickets(after id: String?) -> [TicketRecord] {
        state.tickets.values
            .filter { record in id.map { $0.utf8.lexicographicallyPrecedes(record.id.utf8) } ?? true }
            .sorted { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
    }

    /// The ticket with that number in the source, else the one with that id in the target.
    ///
    /// Goes through all.
    public func find(numberOrTargetID text: String) -> TicketRecord? {
        let all = sortedTickets(after: nil)
        return all.first { $0.number == text } ?? all.first { $0.targetID == text }
    }

    /// All steps of which nobody knows whether they are written, by ticket and part.
    public func inDoubt() -> [StepRecord] {
        state.steps.values.flatMap(\.values).filter(\.inDoubt).sorted { ($0.ticket, $0.part) < ($1.ticket, $1.part) }
    }

    /// A ticket's losses; empty for one that is not known.
    public func losses(of ticket: String) -> [Loss] {
        var losses = state.losses[ticket] ?? []
        for (_, more) in (state.stepLosses[ticket] ?? [:]).sorted(by: { $0.key.part < $1.key.part }) {
            losses += more.filter { !losses.contains($0) }
        }
        return losses
    }

    /// The finishing lines of tickets after an id, in the order of the ids' bytes; tickets without lines are left out.
    public func finishing(after id: String?, limit: Int) -> [(ticket: String, lines: [String])] {
        sortedTickets(after: id)
            .compactMap { record in
                guard let lines = state.finishing[record.id], !lines.isEmpty else { return nil }
                return (record.id, lines)
            }
            .prefix(limit).map { $0 }
    }

    /// All borrowings, the oldest first; with `open`, those that are not given back.
    public func borrowings(open: Bool) -> [BorrowingRecord] {
        open ? state.borrowings.filter { $0.until == nil } : state.borrowings
    }

    /// Tickets that failed or were set aside, in the order of their ids' bytes.
    public func failures(limit: Int) -> [TicketRecord] {
        Array(sortedTickets(after: nil).filter { $0.state == .failed || $0.state == .setAside }.prefix(limit))
    }

    /// Tickets whose properties are left to people, in the order of their ids' bytes.
    public func conflicts(limit: Int) -> [TicketRecord] {
        Array(sortedTickets(after: nil).filter { $0.edits == .conflict }.prefix(limit))
    }

    /// Counts what is there.
    ///
    /// Goes through all tickets and steps.
    public func counts() -> JournalCounts {
        if let memo = state.memos[.purged] { return JournalCounts(purged: memo) }
        var counts = JournalCounts()
        for ticket in state.tickets.values {
            counts.tickets[ticket.state, default: 0] += 1
            if ticket.edits == .conflict { counts.conflicts += 1 }
        }
        for step in state.steps.values.flatMap(\.values) {
            if step.state == .done, step.generation == state.head?.identity.generation ?? 0 {
                counts.steps[step.verb, default: 0] += 1
            }
            if step.inDoubt { counts.inDoubt += 1 }
        }
        counts.losses = Set(state.losses.keys).union(state.stepLosses.keys).reduce(0) { $0 + losses(of: $1).count }
        return counts
    }

    /// The run that began last; nil before the first.
    public func lastRun() -> RunRecord? { state.runs.last }

    /// What is kept under a name; nil where nothing is.
    public func memo(_ name: JournalMemo) -> JSON? { state.memos[name] }

    /// Does nothing: there is no file and no lock.
    public func close() {}
}

extension MemoryJournal.StepID {
    fileprivate init(_ record: StepRecord) {
        ticket = record.ticket
        part = record.part
        generation = record.generation
    }
}
