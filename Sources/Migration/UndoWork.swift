// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// What is to be done to take one ticket back.
enum UndoWork: Sendable {
    /// These steps; those of an earlier `undo` that are done are left out of what is sent.
    case steps(TicketWork, UndoPlan, stored: StoredTicket)
    /// It is not in the target.
    case gone(TicketRecord)
    /// People changed it: what they did, for people.
    case touched(TicketRecord, StoredTicket, [String])
    /// There is no way back.
    case left(TicketRecord, StoredTicket, UndoPlan)
}

/// Finds out how tickets are taken back, with reads alone.
struct UndoPreparation: Sendable {
    var target: any TargetReader
    var journal: any Journal
    var identity: MigrationIdentity
    /// What the target's list shows of this generation, by digest.
    var found: [String: [FoundTicket]]
    /// The target's ids of those of this generation that the list shows as taken back.
    var marked: Set<String>
    /// Whether what people changed is taken back too.
    var isForced: Bool
    /// Whether an earlier `undo` did not come to its end, or may not have, since the journal was rebuilt: the journal may
    /// lack what it did, also where the machine's power took its last commits.
    var isResumed: Bool

    /// What the journal has of a ticket, and how it goes back.
    func work(for record: TicketRecord) async throws -> UndoWork {
        let steps = try await journal.ticket(record.id)?.steps ?? []
        var record = record
        if record.targetID == nil {
            // Its creation is in doubt, or its receipt was lost: the list knows.
            let key = identity.key(ticket: record.id, part: "ticket")
            record.targetID = found[key.digest]?.first?.receipt.id
        }
        guard let id = record.targetID else { return .gone(record) }
        let done = steps.filter { $0.receipt != nil }
        let create = done.first { $0.part == "ticket" }?.receipt ?? Receipt(id: id)
        guard let stored = try await target.stored(ticket: create) else { return .gone(record) }
        let isBegun = steps.contains { $0.part.hasPrefix(UndoPlan.partPrefix) }
        let plan = await target.undo(
            WrittenTicket(record: record, steps: done), stored: stored, identity: identity)
        // What an earlier `undo` began has changed the ticket itself; nor is a mark, or what leaves nothing to do, anybody
        // else's when the journal may lack what it did.
        let isOurs = isBegun || isResumed && (marked.contains(stored.id) || plan.steps.isEmpty)
        if !isForced, !isOurs {
            let touches = touches(of: stored, record: record, steps: steps)
            if !touches.isEmpty { return .touched(record, stored, touches) }
        }
        if plan.ending == .left { return .left(record, stored, plan) }
        var work = TicketWork(takingBack: record, plan, steps: steps, identity: identity)
        let key = identity.key(ticket: record.id, part: "ticket")
        if work.progress.done[key] == nil { work.progress.done[key] = .init(receipt: create, fingerprint: "") }
        return .steps(work, plan, stored: stored)
    }

    /// What people did to a ticket since it was written.
    private func touches(of stored: StoredTicket, record: TicketRecord, steps: [StepRecord]) -> [String] {
        var out: [String] = []
        if let before = record.stored, let now = stored.fingerprint, before != now {
            out.append("it was changed or answered in the target")
        }
        if out.isEmpty, record.edits != nil { out.append("people edited it, as an earlier run found") }
        let ours = Set(steps.map { identity.key(ticket: record.id, part: $0.part).digest })
        // Tickets and messages may be counted apart: one number can be the ticket's id and that of one of its messages.
        func receipts(_ verb: Step.Verb) -> [String: Receipt] {
            Dictionary(
                steps.filter { $0.verb == verb }.compactMap(\.receipt).map { ($0.id, $0) },
                uniquingKeysWith: { a, _ in a })
        }
        let (creations, appended) = (receipts(.create), receipts(.append))
        // A further migration note goes by the lines that the one before it lacks, which a rebuilt journal does not know;
        // but nobody else marks notes.
        for (i, message) in stored.messages.enumerated() {
            let known = i == 0 ? [creations, appended] : [appended, creations]
            if let receipt = known.lazy.compactMap({ $0[message.id] }).first {
                if let proof = receipt.proof, let now = message.proof, proof != now {
                    out.append("the text of message \(message.id) was changed")
                }
            } else if i > 0, message.digest.map({ message.kind != .note && !ours.contains($0) }) ?? true {
                let author = message.author.map { " by \($0)" } ?? ""
                out.append("\(message.kind.rawValue) \(message.id)\(author) was added")
            }
        }
        // An `undo` that is gone on with may have deleted them itself, and they are to go anyway.
        if isResumed { return out }
        let there = Set(stored.messages.map(\.id))
        for step in steps where step.verb == .append {
            // Without an id: an understood step that wrote nothing (a note that a target would not take).
            guard let receipt = step.receipt, !receipt.id.isEmpty, !there.contains(receipt.id) else { continue }
            out.append("\(step.name) was deleted")
        }
        return out
    }
}

extension UndoPlan {
    /// How the parts of the keys of its steps begin.
    public static let partPrefix = "undo:"
}

extension TicketWork {
    /// The steps that take a ticket back, without those that an earlier `undo` did.
    init(takingBack record: TicketRecord, _ plan: UndoPlan, steps: [StepRecord], identity: MigrationIdentity) {
        let known = TicketPreparation.Known(record: record, steps: steps, identity: identity)
        // Not by the progress: a property that was being set stands there with its last receipt.
        let done = Set(steps.filter { $0.state == .done }.map(\.part))
        self.init(
            id: record.id, number: record.number, action: .update, all: plan.steps,
            steps: plan.steps.filter { !done.contains($0.key.part) }, record: record, inDoubt: known.inDoubt,
            progress: known.progress, losses: [], refusals: [], finishing: [], fields: [], changedTexts: [],
            overLimit: 0,
            source: record.source, draft: record.draft)
        endState = .takenBack
    }
}
