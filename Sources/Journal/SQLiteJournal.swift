// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import GRDB
public import Migration
internal import TicketModel

/// A migration's journal in one SQLite file, with one writer.
///
/// What ``record(_:)`` has returned for is on the disk: `synchronous = FULL`, read back when it is opened. Calls that
/// come while a commit is under way share the next one. The lock is a file beside it, held until ``close()`` or the
/// process' end, whichever way it ends.
public actor SQLiteJournal: Journal {
    let queue: DatabaseQueue
    /// A connection of its own, so that a ticket that begins does not wait for the disk with others' commits.
    private let reader: DatabaseQueue
    private let path: String
    private let lock: FileLock?
    let group = CommitGroup()
    private var cachedHead: JournalHead?
    /// Whether this value made the file and has put nothing into it yet.
    private var isUntouched: Bool

    /// Opens a journal for writing; makes it if it is not there.
    ///
    /// - Throws: `Diagnostic` with cause `machine`: another process has it, it is no journal, it is from a newer version,
    ///   the disk is full, the folder cannot be written.
    public init(path: String) throws {
        self.path = path
        lock = try FileLock(path: path + ".lock")
        isUntouched = !FileManager.default.fileExists(atPath: path)
        do {
            let queue = try JournalSchema.open(path: path)
            cachedHead = try queue.read { try Self.head(in: $0) }
            reader = try JournalSchema.openBeside(path: path)
            self.queue = queue
        } catch {
            lock?.release(isClean: false)
            throw JournalFailure.diagnostic(error, path: path)
        }
    }

    private init?(reading path: String) throws {
        self.path = path
        lock = nil
        isUntouched = false
        do {
            guard let opened = try JournalSchema.openForReading(path: path) else { return nil }
            cachedHead = try opened.read { try Self.head(in: $0) }
            queue = opened
            reader = opened
        } catch {
            throw JournalFailure.diagnostic(error, path: path)
        }
    }

    /// Opens a journal to look into it, also while a run writes it; nil if there is none.
    ///
    /// Recording into it fails.
    public static func reading(path: String) throws -> SQLiteJournal? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try SQLiteJournal(reading: path)
    }

    /// Whether a process is writing it now; false if there is none.
    ///
    /// Leaves the lock's file as it is.
    public static func isInUse(path: String) -> Bool { FileLock.isHeld(path: path + ".lock") }

    /// Closes the file and lets the lock go; nothing may be called after it.
    ///
    /// A new journal that nothing was recorded in is removed: a run that was refused leaves none that says otherwise.
    public func close() async {
        try? reader.close()
        try? queue.close()
        // The lock's file goes last, while it is held.
        if isUntouched { for suffix in ["", "-wal", "-shm", ".lock"] { unlink(path + suffix) } }
        isUntouched = false
        lock?.release()
    }

    // MARK: Head

    /// Which migration it belongs to, as read when it was opened or set since; nil for a new one.
    public func head() -> JournalHead? { cachedHead }

    private static func head(in db: Database) throws -> JournalHead? {
        var values: [String: String] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT key, value FROM meta") { values[row["key"]] = row["value"] }
        guard let migration = values["migration"], let source = values["source"], let target = values["target"],
            let generation = values["generation"].flatMap({ Int($0) })
        else { return nil }
        return JournalHead(
            identity: MigrationIdentity(migration: migration, source: source, generation: generation), target: target)
    }

    /// Says which migration it belongs to; durable when it returns.
    ///
    /// What it says already costs nothing.
    ///
    /// - Throws: `Diagnostic` with cause `machine` when the disk fails.
    public func setHead(_ head: JournalHead) async throws {
        guard head != cachedHead else { return }
        try await write { db in
            let values = [
                "migration": head.identity.migration, "source": head.identity.source, "target": head.target,
                "generation": String(head.identity.generation),
            ]
            for (key, value) in values {
                try db.execute(
                    sql:
                        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    arguments: [key, value])
            }
        }
        cachedHead = head
    }

    // MARK: Writing

    /// Makes entries durable, all or none, in their order; callers that come at once share a commit.
    ///
    /// - Throws: ``JournalConflict`` if another ticket's creation has the same target id, which takes nothing back that
    ///   others recorded; `Diagnostic` with cause `machine` when the disk fails.
    nonisolated public func record(_ entries: [JournalEntry]) async throws {
        guard !entries.isEmpty else { return }
        try await group.commit(entries) { batches in
            try await self.write { db in try JournalWriting.apply(batches, to: db) }
        }
        if entries.contains(where: \.outlivesTheLog) {
            // That a run, an undo or a complete ticket was begun is in the file itself before anything is sent: if the WAL
            // is lost, the next one still knows that this one did not end.
            try await checkpoint()
        }
        if entries.contains(where: { if case .purged = $0 { true } else { false } }) { try await shred() }
        if entries.contains(where: { if case .generationRaised = $0 { true } else { false } }) {
            try await readHeadAgain()
        }
    }

    private func readHeadAgain() async throws {
        cachedHead = try await read { try Self.head(in: $0) }
    }

    /// Writes the file anew, so that what was deleted does not stand in free pages or in the WAL.
    private func shred() async throws {
        do {
            try await queue.vacuum()
        } catch {
            throw JournalFailure.diagnostic(error, path: path)
        }
        try await checkpoint()
    }

    private func checkpoint() async throws {
        do {
            try await queue.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
        } catch {
            throw JournalFailure.diagnostic(error, path: path)
        }
    }

    private func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        isUntouched = false
        do {
            return try await queue.write(body)
        } catch {
            throw JournalFailure.diagnostic(error, path: path)
        }
    }

    /// Reads by the connection that writes: after what it is at.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await queue.read(body)
        } catch {
            throw JournalFailure.diagnostic(error, path: path)
        }
    }

    /// Reads what is durable, beside a commit that is under way.
    func readBeside<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        do {
            return try await reader.read(body)
        } catch {
            throw JournalFailure.diagnostic(error, path: path)
        }
    }
}
