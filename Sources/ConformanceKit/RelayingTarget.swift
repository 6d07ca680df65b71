// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

/// A target that stands before another and passes on all that it does not do itself.
protocol RelayingTarget: TicketTarget {
    /// The one behind.
    var inner: any TicketTarget { get }
}

extension RelayingTarget {
    var features: TargetFeatures { get async { await inner.features } }
    var address: String { get async { await inner.address } }
    func prepare(policy: NotificationPolicy?, sink: any DiagnosticSink) async throws {
        try await inner.prepare(policy: policy, sink: sink)
    }
    func policy() async throws -> NotificationPolicy { try await inner.policy() }
    func borrowings() async throws -> [Borrowing] { try await inner.borrowings() }
    func preparations() async throws -> [String] { try await inner.preparations() }
    func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]], identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan {
        await inner.plan(draft, losses: losses, files: files, identity: identity, progress: progress)
    }
    func plan(
        catalogue: [CatalogueEntry], creating: Set<CatalogueEntry.Kind>, identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan {
        await inner.plan(catalogue: catalogue, creating: creating, identity: identity, progress: progress)
    }
    func inventory() async throws -> [FoundTicket] { try await inner.inventory() }
    func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp {
        try await inner.lookUp(step, receipts: receipts)
    }
    func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] {
        try await inner.adopt(steps, ticket: ticket)
    }
    func storedFingerprint(ticket: Receipt) async throws -> String? {
        try await inner.storedFingerprint(ticket: ticket)
    }
    func stored(ticket: Receipt) async throws -> StoredTicket? { try await inner.stored(ticket: ticket) }
    func expectation(of plan: TicketPlan) async -> ExpectedTicket { await inner.expectation(of: plan) }
    func sha256(of file: StoredFile) async throws -> Result<String, FileUnavailable> {
        try await inner.sha256(of: file)
    }
    func independentCount() async throws -> Int? { try await inner.independentCount() }
    func undo(_ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity) async -> UndoPlan {
        await inner.undo(written, stored: stored, identity: identity)
    }
    func undo(catalogue: WrittenTicket?, made: Set<String>, identity: MigrationIdentity) async -> UndoPlan {
        await inner.undo(catalogue: catalogue, made: made, identity: identity)
    }
    func readBaseline() async throws -> JSON { try await inner.readBaseline() }
    func learn(baseline: JSON) async { await inner.learn(baseline: baseline) }
    func borrow(_ borrowing: Borrowing) async throws { try await inner.borrow(borrowing) }
    func giveBack(_ borrowing: Borrowing) async throws -> GiveBack { try await inner.giveBack(borrowing) }
    func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        await inner.apply(step, receipts: receipts)
    }
    func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome {
        await inner.applyBatch(steps, receipts: receipts)
    }
    func close() async { await inner.close() }
}
