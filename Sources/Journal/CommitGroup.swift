// SPDX-License-Identifier: Apache-2.0
internal import Migration

/// Lets calls that come while a commit is under way share the next one: one `fsync` for many tickets.
///
/// The first caller commits for all who wait, then hands the work to the first of those who came meanwhile.
actor CommitGroup {
    /// What became of the entries of one call.
    enum Fate: Sendable {
        case committed
        case conflict(JournalConflict)
    }

    private enum Turn: Sendable {
        case done(Result<Fate, any Error>)
        case lead
    }

    private var isCommitting = false
    /// How many were made.
    private(set) var commits = 0
    private var waiting: [(entries: [JournalEntry], continuation: CheckedContinuation<Turn, Never>)] = []

    /// Commits entries with those of others; returns when they are durable.
    ///
    /// - Parameters:
    ///   - entries: those of this call, one batch.
    ///   - write: commits batches of entries in one transaction, each batch all or nothing.
    /// - Throws: the ``JournalConflict`` of this call's own batch, or what `write` throws, to all who shared the commit.
    func commit(
        _ entries: [JournalEntry], write: @Sendable ([[JournalEntry]]) async throws -> [Fate]
    ) async throws {
        var mine = entries
        if isCommitting {
            let turn = await withCheckedContinuation { waiting.append((entries, $0)) }
            switch turn {
            case .done(let result): return try Self.check(result.get())
            case .lead: mine = entries
            }
        }
        isCommitting = true
        commits += 1
        let others = waiting
        waiting = []
        let result: Result<[Fate], any Error>
        do {
            result = .success(try await write([mine] + others.map(\.entries)))
        } catch {
            result = .failure(error)
        }
        for (i, other) in others.enumerated() { other.continuation.resume(returning: .done(result.map { $0[i + 1] })) }
        if waiting.isEmpty {
            isCommitting = false
        } else {
            waiting.removeFirst().continuation.resume(returning: .lead)
        }
        try Self.check(result.get()[0])
    }

    private static func check(_ fate: Fate) throws {
        if case .conflict(let conflict) = fate { throw conflict }
    }
}
