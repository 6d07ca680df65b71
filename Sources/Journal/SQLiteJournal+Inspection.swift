// SPDX-License-Identifier: Apache-2.0
internal import GRDB

/// How durable a journal's commits are, as SQLite itself says.
package struct Durability: Hashable, Sendable {
    /// 2: FULL.
    package var synchronous: Int
    package var journalMode: String

    /// What is expected of a connection.
    package init(synchronous: Int, journalMode: String) {
        self.synchronous = synchronous
        self.journalMode = journalMode
    }
}

extension SQLiteJournal {
    /// Reads back what the open connection does; for `check` and tests.
    package func durability() async throws -> Durability {
        try await read { db in
            Durability(
                synchronous: try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? -1,
                journalMode: try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "")
        }
    }

    /// How many transactions ``record(_:)`` has committed: fewer than its calls when many come together.
    package var commits: Int {
        get async { await group.commits }
    }

    /// Lets the file grow to so many pages of 4 kB; past them SQLite says that the disk is full.
    package func limitPages(to count: Int) async throws {
        try await read { db in _ = try Int.fetchOne(db, sql: "PRAGMA max_page_count = \(count)") }
    }
}
