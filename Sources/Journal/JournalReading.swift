// SPDX-License-Identifier: Apache-2.0
internal import GRDB
public import Migration
public import TicketModel

/// Rows as values.
enum JournalReading {
    static func ticket(_ row: Row) -> TicketRecord {
        var record = TicketRecord(id: row["id"], number: row["number"])
        record.state = TicketRecord.State(rawValue: row["state"]) ?? .begun
        record.source = row["source"]
        record.draft = row["draft"]
        record.stored = row["stored"]
        record.targetID = row["target_id"]
        record.targetURL = row["target_url"]
        // Absent in a journal of an earlier version that is only looked into.
        record.edits = (row["edits"] as String?).flatMap { TicketRecord.Edits(rawValue: $0) }
        if let code = row["code"] as String? {
            record.failure = .init(code: code, message: row["message"] ?? "", remedy: row["remedy"] ?? "")
        }
        return record
    }

    static func step(_ row: Row) -> StepRecord {
        StepRecord(
            ticket: row["ticket"], part: row["part"], generation: row["generation"],
            verb: Step.Verb(rawValue: row["verb"]) ?? .set, name: row["name"], fingerprint: row["fingerprint"],
            value: row["value"], state: StepRecord.State(rawValue: row["state"]) ?? .uncertain,
            receipt: receipt(row["receipt"]), order: row["ord"], sentAt: time(row["sent_at"]))
    }

    static func time(_ text: String?) -> Timestamp { text.flatMap { Timestamp($0) } ?? Timestamp(seconds: 0) }

    static func text(of receipt: Receipt) -> String {
        var value: JSON = ["id": .string(receipt.id)]
        if let url = receipt.url { value["url"] = .string(url) }
        if let proof = receipt.proof { value["proof"] = .string(proof) }
        if let stored = receipt.stored { value["stored"] = .string(stored) }
        if !receipt.details.isNull { value["details"] = receipt.details }
        if !receipt.made.isEmpty { value["made"] = .array(receipt.made.map { .string($0) }) }
        return value.canonicalText
    }

    private static func receipt(_ text: String?) -> Receipt? {
        guard let text, let value = try? JSON(parsing: text), let id = value["id"]?.string else { return nil }
        var receipt = Receipt(
            id: id, url: value["url"]?.string, proof: value["proof"]?.string, details: value["details"] ?? .null,
            stored: value["stored"]?.string)
        receipt.made = (value["made"]?.array ?? []).compactMap(\.string)
        return receipt
    }

    static func json(_ text: String?) -> JSON { text.flatMap { try? JSON(parsing: $0) } ?? .null }
}

extension SQLiteJournal {
    /// A ticket and its steps of the present generation, by their order and part; nil if unknown.
    ///
    /// - Throws: `Diagnostic` with cause `machine` when the file cannot be read, as all that read here.
    public func ticket(_ id: String) async throws -> (ticket: TicketRecord, steps: [StepRecord])? {
        let generation = head()?.identity.generation ?? 0
        return try await readBeside { db in
            guard
                let row = try Row.fetchOne(
                    db.cachedStatement(sql: "SELECT * FROM tickets WHERE id = ?"), arguments: [id])
            else { return nil }
            let steps = try Row.fetchAll(
                db.cachedStatement(sql: "SELECT * FROM steps WHERE ticket = ? AND generation = ? ORDER BY ord, part"),
                arguments: [id, generation])
            return (JournalReading.ticket(row), steps.map(JournalReading.step))
        }
    }

    /// The tickets after an id, in the order of the ids' bytes; the first page with nil.
    ///
    /// Goes by the primary key.
    public func tickets(after id: String?, limit: Int) async throws -> [TicketRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM tickets WHERE ? IS NULL OR id > ? ORDER BY id LIMIT ?",
                arguments: [id, id, limit]
            ).map(JournalReading.ticket)
        }
    }

    /// The ticket with that number in the source, else the one with that id in the target.
    public func find(numberOrTargetID text: String) async throws -> TicketRecord? {
        try await read { db in
            for column in ["number", "target_id"] {
                let sql = "SELECT * FROM tickets WHERE \(column) = ? ORDER BY id LIMIT 1"
                if let row = try Row.fetchOne(db, sql: sql, arguments: [text]) { return JournalReading.ticket(row) }
            }
            return nil
        }
    }

    /// All steps of which nobody knows whether they are written, by ticket and part.
    public func inDoubt() async throws -> [StepRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM steps WHERE state IN ('intent', 'uncertain') ORDER BY ticket, part"
            ).map(JournalReading.step)
        }
    }

    /// A ticket's losses as last recorded, in their order; empty for one that is not known.
    public func losses(of ticket: String) async throws -> [Loss] {
        try await read { db in
            var rows = try Row.fetchAll(
                db, sql: "SELECT * FROM losses WHERE ticket = ? ORDER BY n", arguments: [ticket])
            if try Self.hasStepLosses(db) {
                rows += try Row.fetchAll(
                    db, sql: "SELECT * FROM step_losses WHERE ticket = ? ORDER BY generation, part, n",
                    arguments: [ticket])
            }
            var losses: [Loss] = []
            for row in rows {
                let loss = Loss(
                    field: row["field"], value: row["value"], reason: row["reason"],
                    fallback: Loss.Fallback(rawValue: row["fallback"]) ?? .archive)
                if !losses.contains(loss) { losses.append(loss) }
            }
            return losses
        }
    }

    /// False in a journal of an earlier version that is only looked into.
    private static func hasStepLosses(_ db: Database) throws -> Bool { try db.tableExists("step_losses") }

    /// The finishing lines of tickets after an id, in the order of the ids' bytes; tickets without lines are left out.
    public func finishing(after id: String?, limit: Int) async throws -> [(ticket: String, lines: [String])] {
        try await read { db in
            let tickets = try String.fetchAll(
                db,
                sql: "SELECT DISTINCT ticket FROM finishing WHERE ? IS NULL OR ticket > ? ORDER BY ticket LIMIT ?",
                arguments: [id, id, limit])
            return try tickets.map { ticket in
                let lines = try String.fetchAll(
                    db.cachedStatement(sql: "SELECT line FROM finishing WHERE ticket = ? ORDER BY n"),
                    arguments: [ticket])
                return (ticket, lines)
            }
        }
    }

    /// All borrowings, the oldest first; with `open`, those that are not given back.
    public func borrowings(open: Bool) async throws -> [BorrowingRecord] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM borrowings WHERE until IS NULL OR ? ORDER BY id", arguments: [!open]
            ).map { row in
                BorrowingRecord(
                    borrowing: Borrowing(
                        name: row["name"], summary: row["summary"], before: JournalReading.json(row["before"]),
                        during: JournalReading.json(row["during"])),
                    since: JournalReading.time(row["since"]),
                    until: (row["until"] as String?).map { JournalReading.time($0) }, outcome: row["outcome"])
            }
        }
    }

    /// Tickets that failed or were set aside, in the order of their ids' bytes.
    public func failures(limit: Int) async throws -> [TicketRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM tickets WHERE state IN ('failed', 'setAside') ORDER BY id LIMIT ?",
                arguments: [limit]
            ).map(JournalReading.ticket)
        }
    }

    /// Tickets whose properties are left to people, in the order of their ids' bytes.
    public func conflicts(limit: Int) async throws -> [TicketRecord] {
        try await read { db in
            guard try Self.hasEdits(db) else { return [] }
            return try Row.fetchAll(
                db, sql: "SELECT * FROM tickets WHERE edits = 'conflict' ORDER BY id LIMIT ?", arguments: [limit]
            ).map(JournalReading.ticket)
        }
    }

    /// False in a journal of an earlier version that is only looked into.
    private static func hasEdits(_ db: Database) throws -> Bool {
        try db.columns(in: "tickets").contains { $0.name == "edits" }
    }

    /// Counts over all tickets, steps and losses.
    ///
    /// Goes through the tables.
    public func counts() async throws -> JournalCounts {
        if let memo = try await memo(.purged) { return JournalCounts(purged: memo) }
        return try await read { db in
            var counts = JournalCounts()
            for row in try Row.fetchAll(db, sql: "SELECT state, count(*) AS n FROM tickets GROUP BY state") {
                if let state = TicketRecord.State(rawValue: row["state"]) { counts.tickets[state] = row["n"] }
            }
            for row in try Row.fetchAll(
                db,
                sql: """
                    SELECT verb, count(*) AS n FROM steps WHERE state = 'done'
                    AND generation = (SELECT CAST(coalesce(max(value), 0) AS INTEGER) FROM meta WHERE key = 'generation')
                    GROUP BY verb
                    """)
            {
                if let verb = Step.Verb(rawValue: row["verb"]) { counts.steps[verb] = row["n"] }
            }
            counts.inDoubt =
                try Int.fetchOne(db, sql: "SELECT count(*) FROM steps WHERE state IN ('intent', 'uncertain')") ?? 0
            if try Self.hasEdits(db) {
                counts.conflicts =
                    try Int.fetchOne(db, sql: "SELECT count(*) FROM tickets WHERE edits = 'conflict'") ?? 0
            }
            let columns = "ticket, field, value, reason, fallback"
            let ofSteps = try Self.hasStepLosses(db) ? " UNION SELECT \(columns) FROM step_losses" : ""
            counts.losses =
                try Int.fetchOne(
                    db, sql: "SELECT count(*) FROM (SELECT DISTINCT \(columns) FROM losses\(ofSteps))") ?? 0
            return counts
        }
    }

    /// What is kept under a name; nil where nothing is.
    public func memo(_ name: JournalMemo) async throws -> JSON? {
        try await read { db in
            let text = try String.fetchOne(
                db, sql: "SELECT value FROM meta WHERE key = ?", arguments: ["memo.\(name.rawValue)"])
            return try text.map { try JSON(parsing: $0) }
        }
    }

    /// The run that began last; nil before the first.
    public func lastRun() async throws -> RunRecord? {
        try await read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM runs ORDER BY id DESC LIMIT 1").map { row in
                RunRecord(
                    began: JournalReading.time(row["began"]),
                    ended: (row["ended"] as String?).map { JournalReading.time($0) },
                    state: RunState(rawValue: row["state"]) ?? .running)
            }
        }
    }
}
