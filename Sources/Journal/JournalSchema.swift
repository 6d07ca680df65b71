// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import GRDB
internal import TicketModel

/// How a journal's file looks.
///
/// Migrations are named and only ever added.
enum JournalSchema {
    /// `TFJ1`: tells our files from other databases.
    static let applicationID: Int32 = 0x5446_4A31
    /// Raised with each migration below.
    static let version = 3

    /// Opens a file for writing, with all that durability needs.
    static func open(path: String) throws -> DatabaseQueue {
        let isNew = !FileManager.default.fileExists(atPath: path)
        if isNew {
            // Made by us first: the journal and what SQLite puts beside it belong to nobody else.
            guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
            else { throw JournalFailure.cannotCreate }
        }
        let queue = try DatabaseQueue(
            path: path,
            configuration: configuration { db in
                try check(db)
                try db.execute(sql: "PRAGMA journal_mode = WAL")
                try db.execute(sql: "PRAGMA synchronous = FULL")
                guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else { throw JournalFailure.notDurable }
            })
        try migrations.migrate(queue)
        return queue
    }

    /// Opens a second connection to a file that is open for writing, for reads alone.
    static func openBeside(path: String) throws -> DatabaseQueue {
        var configuration = configuration { _ in }
        configuration.readonly = true
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Opens a file to look into it; nil: a run ended before it had made its journal.
    static func openForReading(path: String) throws -> DatabaseQueue? {
        var configuration = configuration(check)
        configuration.readonly = true
        do {
            return try journal(in: DatabaseQueue(path: path, configuration: configuration))
        } catch let error as DatabaseError
            where [.SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_IOERR].contains(error.resultCode)
        {
            // SQLite needs a file beside the journal even to read it, which a read-only disk does not give.
            guard let queue = try openCopy(of: path) else { throw error }
            return try journal(in: queue)
        }
    }

    private static func journal(in queue: DatabaseQueue) throws -> DatabaseQueue? {
        let id = try queue.read { try Int32.fetchOne($0, sql: "PRAGMA application_id") }
        return id == applicationID ? queue : nil
    }

    /// Opens a copy of the journal and of its newest part, whose files are gone as soon as they are open.
    private static func openCopy(of path: String) throws -> DatabaseQueue? {
        let files = FileManager.default
        let folder = files.temporaryDirectory.appending(path: "ticketferry-\(UUID().uuidString)").path
        do {
            try files.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            return nil
        }
        defer { try? files.removeItem(atPath: folder) }
        guard (try? files.copyItem(atPath: path, toPath: folder + "/journal")) != nil else { return nil }
        try? files.copyItem(atPath: path + "-wal", toPath: folder + "/journal-wal")
        _ = chmod(folder + "/journal", 0o600)
        _ = chmod(folder + "/journal-wal", 0o600)
        let queue = try DatabaseQueue(path: folder + "/journal", configuration: configuration(check))
        // The first read opens all that is needed.
        _ = try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_master") }
        return queue
    }

    private static func configuration(_ prepare: @escaping @Sendable (Database) throws -> Void) -> Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase(prepare)
        return configuration
    }

    private static func check(_ db: Database) throws {
        // In one transaction: another process may be making the file.
        try db.inTransaction(.deferred) {
            let id = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
            // The list of migrations is committed before the first of them: a full disk or a kill may have come between.
            let tables =
                try Int.fetchOne(
                    db,
                    sql:
                        "SELECT count(*) FROM sqlite_master WHERE tbl_name NOT IN ('grdb_migrations', 'sqlite_sequence')"
                )
                ?? 0
            guard id == applicationID || (id == 0 && tables == 0) else { throw JournalFailure.notAJournal }
            let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            guard found <= version else { throw JournalFailure.newer(found) }
            return .commit
        }
    }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 tickets, steps, borrowings, losses, finishing lines, runs") { db in
            try db.execute(
                sql: """
                    PRAGMA application_id = \(applicationID);
                    PRAGMA user_version = 1;
                    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
                    CREATE TABLE tickets (
                        id TEXT PRIMARY KEY, number TEXT, state TEXT NOT NULL, source TEXT NOT NULL, draft TEXT NOT NULL,
                        stored TEXT, target_id TEXT, target_url TEXT, code TEXT, message TEXT, remedy TEXT
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX tickets_number ON tickets (number);
                    CREATE INDEX tickets_target ON tickets (target_id);
                    CREATE INDEX tickets_trouble ON tickets (id) WHERE state IN ('failed', 'setAside');
                    CREATE TABLE steps (
                        ticket TEXT NOT NULL, part TEXT NOT NULL, generation INTEGER NOT NULL, verb TEXT NOT NULL,
                        name TEXT NOT NULL, fingerprint TEXT NOT NULL, value TEXT, state TEXT NOT NULL,
                        receipt_id TEXT, receipt TEXT, ord INTEGER NOT NULL DEFAULT 0, sent_at TEXT NOT NULL,
                        PRIMARY KEY (ticket, generation, part)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX steps_doubt ON steps (ticket) WHERE state IN ('intent', 'uncertain');
                    CREATE UNIQUE INDEX steps_created ON steps (receipt_id, generation)
                        WHERE verb = 'create' AND state = 'done';
                    CREATE INDEX steps_order ON steps (ord);
                    CREATE TABLE borrowings (
                        id INTEGER PRIMARY KEY, name TEXT NOT NULL, summary TEXT NOT NULL, before TEXT NOT NULL,
                        during TEXT NOT NULL, since TEXT NOT NULL, until TEXT, outcome TEXT
                    ) STRICT;
                    CREATE TABLE losses (
                        ticket TEXT NOT NULL, n INTEGER NOT NULL, field TEXT NOT NULL, value TEXT, reason TEXT NOT NULL,
                        fallback TEXT NOT NULL, PRIMARY KEY (ticket, n)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE finishing (
                        ticket TEXT NOT NULL, n INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY (ticket, n)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE runs (
                        id INTEGER PRIMARY KEY, began TEXT NOT NULL, ended TEXT, state TEXT NOT NULL
                    ) STRICT;
                    """)
        }
        migrator.registerMigration("2 losses that answers showed, by step") { db in
            try db.execute(
                sql: """
                    PRAGMA user_version = 2;
                    CREATE TABLE step_losses (
                        ticket TEXT NOT NULL, generation INTEGER NOT NULL, part TEXT NOT NULL, n INTEGER NOT NULL,
                        field TEXT NOT NULL, value TEXT, reason TEXT NOT NULL, fallback TEXT NOT NULL,
                        PRIMARY KEY (ticket, generation, part, n)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("3 what people edited, by ticket") { db in
            try db.execute(
                sql: """
                    PRAGMA user_version = 3;
                    ALTER TABLE tickets ADD COLUMN edits TEXT;
                    CREATE INDEX tickets_conflicts ON tickets (id) WHERE edits = 'conflict';
                    """)
        }
        return migrator
    }
}
