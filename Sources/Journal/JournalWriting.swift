// SPDX-License-Identifier: Apache-2.0
internal import GRDB
internal import Migration
internal import TicketModel

/// Entries as SQL.
enum JournalWriting {
    /// Applies the entries of many calls inside one transaction, those of each call all or none.
    static func apply(_ batches: [[JournalEntry]], to db: Database) throws -> [CommitGroup.Fate] {
        do {
            try db.inSavepoint {
                for entries in batches { for entry in entries { try apply(entry, to: db) } }
                return .commit
            }
            return batches.map { _ in .committed }
        } catch is JournalConflict {
            // Rare, and all of it is taken back: now each call's by themselves, to tell whose it is.
            return try batches.map { try applyAlone($0, to: db) }
        }
    }

    private static func applyAlone(_ entries: [JournalEntry], to db: Database) throws -> CommitGroup.Fate {
        var fate = CommitGroup.Fate.committed
        try db.inSavepoint {
            do {
                for entry in entries { try apply(entry, to: db) }
                return .commit
            } catch let conflict as JournalConflict {
                fate = .conflict(conflict)
                return .rollback
            }
        }
        return fate
    }

    private static func apply(_ entry: JournalEntry, to db: Database) throws {
        switch entry {
        case .ticket(let record), .reopened(let record): try write(record, to: db)
        case .intent(let record): try write(record, to: db)
        case .uncertain(let key): try set("uncertain", of: key, in: db)
        case .setAside(let key): try set("setAside", of: key, in: db)
        case .rejected(let key): try set("rejected", of: key, in: db)
        case .withdrawn(let key):
            try db.execute(
                cached: "DELETE FROM steps WHERE ticket = ? AND generation = ? AND part = ?",
                [key.ticket, key.generation, key.part])
        case .done(let key, let receipt): try write(receipt, of: key, to: db)
        case .losses(let ticket, let losses): try write(losses, of: ticket, to: db)
        case .stepLosses(let key, let losses): try write(losses, of: key, to: db)
        case .finishing(let ticket, let lines):
            try db.execute(cached: "DELETE FROM finishing WHERE ticket = ?", [ticket])
            for (n, line) in lines.enumerated() {
                try db.execute(cached: "INSERT INTO finishing (ticket, n, line) VALUES (?, ?, ?)", [ticket, n, line])
            }
        case .borrowed(let borrowing, let since):
            try db.execute(
                cached: "INSERT INTO borrowings (name, summary, before, during, since) VALUES (?, ?, ?, ?, ?)",
                [
                    borrowing.name, borrowing.summary, borrowing.before.canonicalText, borrowing.during.canonicalText,
                    since.description,
                ])
        case .givenBack(let name, let until, let outcome):
            try db.execute(
                cached: "UPDATE borrowings SET until = ?, outcome = ? WHERE name = ? AND until IS NULL",
                [until.description, outcome, name])
        case .memo(let name, let value):
            try db.execute(cached: "DELETE FROM meta WHERE key = ?", ["memo.\(name.rawValue)"])
            if !value.isNull {
                try db.execute(
                    cached: "INSERT INTO meta (key, value) VALUES (?, ?)",
                    ["memo.\(name.rawValue)", value.canonicalText])
            }
        case .generationRaised(let generation): try raise(to: generation, in: db)
        case .purged(let memo): try purge(keeping: memo, in: db)
        case .runBegan(let time):
            try db.execute(cached: "INSERT INTO runs (began, state) VALUES (?, 'running')", [time.description])
        case .runEnded(let time, let state):
            try db.execute(
                cached: "UPDATE runs SET ended = ?, state = ? WHERE id = (SELECT max(id) FROM runs)",
                [time.description, state.rawValue])
        }
    }

    private static func purge(keeping memo: JSON, in db: Database) throws {
        for table in ["tickets", "steps", "losses", "step_losses", "finishing", "borrowings"] {
            try db.execute(sql: "DELETE FROM \(table)")
        }
        try db.execute(sql: "DELETE FROM meta WHERE key LIKE 'memo.%'")
        try db.execute(
            sql: "INSERT INTO meta (key, value) VALUES (?, ?)",
            arguments: ["memo.\(JournalMemo.purged.rawValue)", memo.canonicalText])
    }

    private static func raise(to generation: Int, in db: Database) throws {
        let takenBack = "(SELECT id FROM tickets WHERE state = 'takenBack')"
        // What an `undo` began with a ticket that people came to meanwhile: another one begins anew.
        try db.execute(
            sql: "DELETE FROM steps WHERE generation = ? AND part LIKE ? AND ticket NOT IN \(takenBack)",
            arguments: [generation - 1, UndoPlan.partPrefix + "%"])
        try db.execute(
            sql: "UPDATE steps SET generation = ? WHERE generation = ? AND ticket NOT IN \(takenBack)",
            arguments: [generation, generation - 1])
        try db.execute(
            sql: "UPDATE step_losses SET generation = ? WHERE generation = ? AND ticket NOT IN \(takenBack)",
            arguments: [generation, generation - 1])
        for table in ["losses", "step_losses", "finishing"] {
            try db.execute(sql: "DELETE FROM \(table) WHERE ticket IN \(takenBack)")
        }
        try db.execute(
            sql: """
                UPDATE tickets SET source = '', draft = '', stored = NULL, target_id = NULL, target_url = NULL,
                code = NULL, message = NULL, remedy = NULL, edits = NULL WHERE state = 'takenBack'
                """)
        try db.execute(sql: "UPDATE meta SET value = ? WHERE key = 'generation'", arguments: [String(generation)])
    }

    private static func write(_ record: TicketRecord, to db: Database) throws {
        try db.execute(
            cached: """
                INSERT INTO tickets
                (id, number, state, source, draft, stored, target_id, target_url, code, message, remedy, edits)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET number = excluded.number, state = excluded.state,
                source = excluded.source, draft = excluded.draft, stored = excluded.stored,
                target_id = excluded.target_id, target_url = excluded.target_url, code = excluded.code,
                message = excluded.message, remedy = excluded.remedy, edits = excluded.edits
                """,
            [
                record.id, record.number, record.state.rawValue, record.source, record.draft, record.stored,
                record.targetID, record.targetURL, record.failure?.code, record.failure?.message,
                record.failure?.remedy, record.edits?.rawValue,
            ])
    }

    private static func write(_ record: StepRecord, to db: Database) throws {
        // An earlier receipt stays until the new answer is understood.
        try db.execute(
            cached: """
                INSERT INTO steps (ticket, part, generation, verb, name, fingerprint, value, state, ord, sent_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, 'intent', 0, ?)
                ON CONFLICT (ticket, generation, part) DO UPDATE SET verb = excluded.verb, name = excluded.name,
                fingerprint = excluded.fingerprint, value = excluded.value, state = 'intent', sent_at = excluded.sent_at
                """,
            [
                record.ticket, record.part, record.generation, record.verb.rawValue, record.name, record.fingerprint,
                record.value, record.sentAt.description,
            ])
    }

    private static func set(_ state: String, of key: WriteKey, in db: Database) throws {
        try db.execute(
            cached: "UPDATE steps SET state = ? WHERE ticket = ? AND generation = ? AND part = ?",
            [state, key.ticket, key.generation, key.part])
    }

    private static func write(_ receipt: Receipt, of key: WriteKey, to db: Database) throws {
        do {
            try db.execute(
                cached: """
                    UPDATE steps SET state = 'done', receipt_id = ?, receipt = ?,
                    ord = (SELECT coalesce(max(ord), 0) + 1 FROM steps)
                    WHERE ticket = ? AND generation = ? AND part = ?
                    """,
                [receipt.id, JournalReading.text(of: receipt), key.ticket, key.generation, key.part])
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
            // `steps_created`: no two creations of a generation have the same thing in the target.
            let owner = try String.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT ticket FROM steps WHERE receipt_id = ? AND generation = ?
                        AND verb = 'create' AND state = 'done'
                        """),
                arguments: [receipt.id, key.generation])
            throw JournalConflict(targetID: receipt.id, owner: owner ?? key.ticket)
        }
        // A receipt that is not kept would let the write be sent again.
        guard db.changesCount == 1 else { throw JournalFailure.noIntent(part: key.part) }
    }

    private static func write(_ losses: [Loss], of ticket: String, to db: Database) throws {
        try db.execute(cached: "DELETE FROM losses WHERE ticket = ?", [ticket])
        for (n, loss) in losses.enumerated() {
            try db.execute(
                cached: "INSERT INTO losses (ticket, n, field, value, reason, fallback) VALUES (?, ?, ?, ?, ?, ?)",
                [ticket, n, loss.field, value(of: loss), loss.reason, loss.fallback.rawValue])
        }
    }

    private static func write(_ losses: [Loss], of key: WriteKey, to db: Database) throws {
        try db.execute(
            cached: "DELETE FROM step_losses WHERE ticket = ? AND generation = ? AND part = ?",
            [key.ticket, key.generation, key.part])
        for (n, loss) in losses.enumerated() {
            try db.execute(
                cached: """
                    INSERT INTO step_losses (ticket, generation, part, n, field, value, reason, fallback)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                [
                    key.ticket, key.generation, key.part, n, loss.field, value(of: loss), loss.reason,
                    loss.fallback.rawValue,
                ])
        }
    }

    /// Texts of messages are in the archive, never here.
    private static func value(of loss: Loss) -> String? {
        loss.field.contains("body") ? nil : loss.value.map { String($0.prefix(200)) }
    }
}

extension Database {
    /// Executes a statement that is prepared once.
    fileprivate func execute(cached sql: String, _ arguments: StatementArguments) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }
}
