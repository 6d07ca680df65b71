// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

/// Tells whoever counts requests which step they are for, and counts what is found and sent again.
final class CrashTarget: RelayingTarget {
    /// What the processes of one cell did, all together.
    struct Tally: Sendable {
        var sent: [WriteKey: Int] = [:]
        var adopted = 0
        /// What plans call their steps, by ticket and part.
        var kinds: [String: String] = [:]
        /// Writes since the last look.
        var writes = 0

        /// Sends beyond the first of what could double.
        var sentAgain: Int { sent.values.reduce(0) { $0 + $1 - 1 } }
    }

    let inner: any TicketTarget
    private let tally: ExamNotes<Tally>

    init(_ inner: any TicketTarget, tally: ExamNotes<Tally>) {
        self.inner = inner
        self.tally = tally
    }

    func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        note(step)
        return await CrashLabel.$current.withValue(.init(role: .step, step: CrashLabel.kind(of: step))) {
            await inner.apply(step, receipts: receipts)
        }
    }

    func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome {
        for step in steps { note(step) }
        let kind = steps.first.map(CrashLabel.kind) ?? "batch of sets"
        return await CrashLabel.$current.withValue(.init(role: .step, step: kind)) {
            await inner.applyBatch(steps, receipts: receipts)
        }
    }

    private func note(_ step: Step) {
        tally.change { tally in
            tally.writes += 1
            if step.verb.canDouble { tally.sent[step.key, default: 0] += 1 }
        }
    }

    func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp {
        let found = try await CrashLabel.$current.withValue(.init(role: .lookUp, step: CrashLabel.kind(of: step))) {
            try await inner.lookUp(step, receipts: receipts)
        }
        if case .found = found { tally.change { $0.adopted += 1 } }
        return found
    }

    func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] {
        try await CrashLabel.$current.withValue(.init(role: .adopt, step: "adopt")) {
            try await inner.adopt(steps, ticket: ticket)
        }
    }

    func inventory() async throws -> [FoundTicket] {
        try await CrashLabel.$current.withValue(.init(role: .adopt, step: "list what is there")) {
            try await inner.inventory()
        }
    }

    func borrow(_ borrowing: Borrowing) async throws {
        try await CrashLabel.$current.withValue(.init(role: .borrow, step: "borrow")) {
            try await inner.borrow(borrowing)
        }
    }

    func giveBack(_ borrowing: Borrowing) async throws -> GiveBack {
        try await CrashLabel.$current.withValue(.init(role: .borrow, step: "give back")) {
            try await inner.giveBack(borrowing)
        }
    }

    // MARK: Plans

    func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]], identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan {
        let plan = await inner.plan(draft, losses: losses, files: files, identity: identity, progress: progress)
        learn(plan.steps)
        return plan
    }

    func plan(
        catalogue: [CatalogueEntry], creating: Set<CatalogueEntry.Kind>, identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan {
        let plan = await inner.plan(catalogue: catalogue, creating: creating, identity: identity, progress: progress)
        learn(plan.steps)
        return plan
    }

    func undo(_ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity) async -> UndoPlan {
        let plan = await inner.undo(written, stored: stored, identity: identity)
        learn(plan.steps)
        return plan
    }

    func undo(catalogue: WrittenTicket?, made: Set<String>, identity: MigrationIdentity) async -> UndoPlan {
        let plan = await inner.undo(catalogue: catalogue, made: made, identity: identity)
        learn(plan.steps)
        return plan
    }

    /// Commits know the key alone.
    private func learn(_ steps: [Step]) {
        tally.change { tally in
            for step in steps { tally.kinds["\(step.key.ticket) \(step.key.part)"] = CrashLabel.kind(of: step) }
        }
    }
}
