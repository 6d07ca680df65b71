// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRDB
import Journal
import Migration
import Testing
import TicketModel

@Suite("The SQLite journal")
final class SQLiteJournalTests: Sendable {
    let folder: String
    var path: String { folder + "/acme.journal" }
    let head = JournalHead(
        identity: MigrationIdentity(migration: "acme", source: "old"), target: "https://new.example")

    init() throws {
        folder = NSTemporaryDirectory() + "ticketferry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func step(_ ticket: String, _ part: String = "ticket", verb: Step.Verb = .create) -> Step {
        Step(
            key: head.identity.key(ticket: ticket, part: part), verb: verb, name: part, undo: .delete,
            payload: ["secret text of a customer": "in the payload"], value: verb == .set ? "closed" : nil)
    }

    private func intent(_ step: Step) -> JournalEntry { .intent(StepRecord(step, sentAt: Timestamp(seconds: 100))) }

    private func error(of open: () throws -> Void) -> Diagnostic? {
        do {
            try open()
            return nil
        } catch {
            return error as? Diagnostic
        }
    }

    @Test func whatWasRecordedIsThereAfterOpeningAgain() async throws {
        var journal = try SQLiteJournal(path: path)
        try await journal.setHead(head)
        let create = step("t1"), status = step("t1", "set:status", verb: .set)
        var record = TicketRecord(id: "t1", number: "T-1", state: .complete, source: "s", draft: "d")
        record.failure = .init(code: "c", message: "m", remedy: "r")
        let receipt = Receipt(id: "9", url: "https://n/9", proof: "md5", details: ["hash": "x"], stored: "st")
        let borrowing = Borrowing(name: "b", summary: "muted", before: ["a": 1], during: ["a": 2])
        try await journal.record([.runBegan(Timestamp(seconds: 5)), .borrowed(borrowing, since: Timestamp(seconds: 6))])
        try await journal.record([.ticket(record), intent(create), .done(create.key, receipt), intent(status)])
        try await journal.record([
            .losses(
                ticket: "t1",
                [
                    Loss(field: "a", value: "v", reason: "r", fallback: .archive),
                    Loss(field: "messages[].body", value: "text", reason: "r", fallback: .archive),
                ]), .finishing(ticket: "t1", ["one", "two"]),
        ])
        await journal.close()
        journal = try SQLiteJournal(path: path)
        #expect(await journal.head() == head)
        let known = try #require(try await journal.ticket("t1"))
        #expect(known.ticket == record)
        #expect(known.steps.first { $0.part == "ticket" }?.receipt == receipt)
        #expect(known.steps.first { $0.part == "ticket" }?.order == 1)
        #expect(try await journal.inDoubt().map(\.part) == ["set:status"])
        #expect(try await journal.inDoubt().first?.value == "closed")
        #expect(try await journal.losses(of: "t1").map(\.value) == ["v", nil], "texts of messages are not kept")
        #expect(try await journal.finishing(after: nil, limit: 9).map(\.lines) == [["one", "two"]])
        #expect(try await journal.borrowings(open: true).map(\.borrowing) == [borrowing])
        #expect(try await journal.lastRun() == RunRecord(began: Timestamp(seconds: 5)))
        #expect(try await journal.find(numberOrTargetID: "T-1")?.id == "t1")
        try await journal.record([
            .givenBack(name: "b", until: Timestamp(seconds: 9), outcome: "given back"),
            .runEnded(Timestamp(seconds: 10), .finished),
        ])
        #expect(try await journal.borrowings(open: true).isEmpty)
        #expect(try await journal.lastRun()?.state == .finished)
        let counts = try await journal.counts()
        #expect(counts.tickets == [.complete: 1] && counts.steps == [.create: 1] && counts.inDoubt == 1)
        await journal.close()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(bytes.range(of: Data("secret text".utf8)) == nil, "no payload in the file")
    }

    @Test("What an undo began with a ticket that stays is forgotten with its generation", arguments: [true, false])
    func aTicketThatStaysIsOfTheNextGeneration(onDisk: Bool) async throws {
        let journal: any Journal = if onDisk { try SQLiteJournal(path: path) } else { MemoryJournal() }
        try await journal.setHead(head)
        let create = step("t1"), close = step("t1", "undo:set:status", verb: .set)
        let receipt = Receipt(id: "9")
        try await journal.record([
            .ticket(TicketRecord(id: "t1", state: .complete)), intent(create), .done(create.key, receipt),
            intent(close), .done(close.key, receipt), .memo(.undo, "now"),
        ])
        try await journal.record([.generationRaised(to: 1), .memo(.undo, .null)])
        #expect(try await journal.head()?.identity.generation == 1)
        #expect(try await journal.ticket("t1")?.steps.map(\.part) == ["ticket"])
        #expect(try await journal.memo(.undo) == nil)
    }

    @Test func lossesOfStepsStayWhenThoseOfThePlanAreReplaced() async throws {
        var journal = try SQLiteJournal(path: path)
        try await journal.setHead(head)
        let append = step("t1", "message:1", verb: .append)
        let ofStep = Loss(field: "messages[]", value: "v", reason: "mangled", fallback: .archive)
        let ofPlan = Loss(field: "tags", reason: "no place", fallback: .archive)
        try await journal.record([
            .ticket(TicketRecord(id: "t1")), intent(append), .done(append.key, Receipt(id: "1")),
            .stepLosses(append.key, [ofStep]), .losses(ticket: "t1", [ofPlan, ofStep]),
        ])
        #expect(try await journal.losses(of: "t1") == [ofPlan, ofStep], "each once")
        #expect(try await journal.counts().losses == 2)
        try await journal.record([.losses(ticket: "t1", [])])
        await journal.close()
        journal = try SQLiteJournal(path: path)
        #expect(try await journal.losses(of: "t1") == [ofStep])
        try await journal.record([.stepLosses(append.key, [])])
        #expect(try await journal.losses(of: "t1").isEmpty)
        await journal.close()
    }

    @Test func aRejectedStepIsKeptAndNotInDoubt() async throws {
        let journal = try SQLiteJournal(path: path)
        try await journal.setHead(head)
        let create = step("t1")
        try await journal.record([.ticket(TicketRecord(id: "t1")), intent(create), .rejected(create.key)])
        #expect(try await journal.ticket("t1")?.steps.map(\.state) == [.rejected])
        #expect(try await journal.inDoubt().isEmpty)
        await journal.close()
    }

    @Test func aNewJournalThatNothingWasRecordedInLeavesNoFile() async throws {
        func files() -> [String] { ["", "-wal", "-shm", ".lock"].filter { access(path + $0, F_OK) == 0 } }
        let untouched = try SQLiteJournal(path: path)
        #expect(files().contains(""))
        await untouched.close()
        #expect(files() == [])
        let written = try SQLiteJournal(path: path)
        try await written.setHead(head)
        await written.close()
        // One that was there stays, whoever looks into it.
        await (try SQLiteJournal(path: path)).close()
        #expect(files() == ["", ".lock"])
        #expect(await (try SQLiteJournal.reading(path: path))?.head() == head)
    }

    @Test func aJournalOfTheFirstVersionIsBroughtUpToDate() async throws {
        let new = try SQLiteJournal(path: path)
        try await new.setHead(head)
        await new.close()
        let queue = try DatabaseQueue(path: path)
        try await queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO tickets (id, state, source, draft) VALUES ('t1', 'complete', '', '');
                    DROP TABLE step_losses; DROP INDEX tickets_conflicts; ALTER TABLE tickets DROP COLUMN edits;
                    PRAGMA user_version = 1; DELETE FROM grdb_migrations WHERE identifier NOT LIKE '1 %';
                    """)
        }
        try queue.close()
        let reader = try #require(try SQLiteJournal.reading(path: path))
        #expect(try await reader.losses(of: "t1").isEmpty)
        #expect(try await reader.counts().losses == 0)
        #expect(try await reader.conflicts(limit: 9).isEmpty)
        #expect(try await reader.counts().conflicts == 0)
        #expect(try await reader.tickets(after: nil, limit: 9).map(\.edits) == [nil])
        await reader.close()
        let journal = try SQLiteJournal(path: path)
        for edits in [TicketRecord.Edits.noticed, .conflict] {
            var record = try #require(try await journal.ticket("t1")?.ticket)
            record.edits = edits
            try await journal.record([.ticket(record)])
            #expect(try await journal.ticket("t1")?.ticket == record)
        }
        #expect(try await journal.conflicts(limit: 9).map(\.id) == ["t1"])
        #expect(try await journal.counts().conflicts == 1)
        try await journal.record([.stepLosses(step("t1").key, [Loss(field: "a", reason: "r", fallback: .archive)])])
        #expect(try await journal.losses(of: "t1").count == 1)
        await journal.close()
    }

    @Test func commitsAreFullySynchronousAndPrivate() async throws {
        let journal = try SQLiteJournal(path: path)
        #expect(try await journal.durability() == Durability(synchronous: 2, journalMode: "wal"))
        try await journal.setHead(head)
        for name in ["", "-wal", "-shm", ".lock"] {
            let mode = try FileManager.default.attributesOfItem(atPath: path + name)[.posixPermissions] as? Int
            #expect(mode == 0o600, "\(name)")
        }
    }

    @Test func aSecondWriterIsRefusedAndAReaderIsNot() async throws {
        let journal = try SQLiteJournal(path: path)
        try await journal.setHead(head)
        let refused = error { _ = try SQLiteJournal(path: path) }
        #expect(refused?.code == "journal.locked" && refused?.cause == .machine)
        let reader = try #require(try SQLiteJournal.reading(path: path))
        #expect(await reader.head() == head)
        await #expect(throws: Diagnostic.self) { try await reader.record([.runBegan(Timestamp(seconds: 0))]) }
        await reader.close()
        #expect(SQLiteJournal.isInUse(path: path))
        await journal.close()
        #expect(!SQLiteJournal.isInUse(path: path) && !SQLiteJournal.isInUse(path: path + "x"))
        _ = try SQLiteJournal(path: path)
    }

    @Test func thereIsNothingToReadWhereNoJournalIs() throws {
        #expect(try SQLiteJournal.reading(path: path) == nil)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func aJournalFromANewerVersionIsLeftAlone() async throws {
        await (try SQLiteJournal(path: path)).close()
        let queue = try DatabaseQueue(path: path)
        try await queue.write { try $0.execute(sql: "PRAGMA user_version = 99") }
        try queue.close()
        let refused = error { _ = try SQLiteJournal(path: path) }
        #expect(refused?.code == "journal.newer" && refused?.cause == .machine)
    }

    @Test func anotherDatabaseIsLeftAlone() async throws {
        let queue = try DatabaseQueue(path: path)
        try await queue.write { try $0.execute(sql: "CREATE TABLE theirs (a)") }
        try queue.close()
        #expect(error { _ = try SQLiteJournal(path: path) }?.code == "journal.not-a-journal")
    }

    @Test func aFileThatIsNoDatabaseIsLeftAlone() throws {
        let text = String(repeating: "this is a letter to my aunt\n", count: 100)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let refused = error { _ = try SQLiteJournal(path: path) }
        #expect(refused?.code == "journal.not-a-journal" && refused?.cause == .machine)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }

    @Test func aMissingFolderIsSaid() {
        let refused = error { _ = try SQLiteJournal(path: folder + "/none/acme.journal") }
        #expect(refused?.cause == .machine && refused?.remedy.isEmpty == false)
    }

    @Test func aJournalCutInHalfIsSaidOrRead() async throws {
        var journal = try SQLiteJournal(path: path)
        for i in 0..<200 { try await journal.record([.ticket(TicketRecord(id: "t\(i)")), intent(step("t\(i)"))]) }
        await journal.close()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
        do {
            journal = try SQLiteJournal(path: path)
            _ = try await journal.tickets(after: nil, limit: 1000)
        } catch let diagnostic as Diagnostic {
            #expect(diagnostic.code == "journal.damaged" && diagnostic.cause == .machine)
        }
    }

    @Test func callsThatComeTogetherShareCommitsAndEachIsDurable() async throws {
        let journal = try SQLiteJournal(path: path)
        try await withThrowingTaskGroup { group in
            for i in 0..<64 {
                group.addTask {
                    for part in 0..<5 {
                        let step = self.step("t\(i)", "message:\(part)", verb: .append)
                        try await journal.record([.ticket(TicketRecord(id: "t\(i)")), self.intent(step)])
                        try await journal.record([.done(step.key, Receipt(id: "\(i)-\(part)"))])
                    }
                }
            }
            try await group.waitForAll()
        }
        let calls = 64 * 5 * 2
        let commits = await journal.commits
        #expect(commits < calls / 4, "\(commits) commits for \(calls) calls")
        let reader = try #require(try SQLiteJournal.reading(path: path))
        let counts = try await reader.counts()
        #expect(counts.steps[.append] == 320 && counts.inDoubt == 0)
    }

    @Test func aConflictFailsItsOwnCallAndNoOther() async throws {
        let journal = try SQLiteJournal(path: path)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for i in 0..<20 {
                group.addTask {
                    let step = self.step("t\(i)")
                    do {
                        // Two claim the id 7; all others have their own.
                        try await journal.record([
                            .ticket(TicketRecord(id: "t\(i)")), self.intent(step),
                            .done(step.key, Receipt(id: i < 2 ? "7" : "1\(i)")),
                        ])
                        return true
                    } catch is JournalConflict {
                        return false
                    }
                }
            }
            var kept = 0
            for try await isKept in group where isKept { kept += 1 }
            #expect(kept == 19)
        }
        #expect(try await journal.counts().steps[.create] == 19)
    }

    @Test func aFullDiskIsSaidAndLosesNothing() async throws {
        let journal = try SQLiteJournal(path: path)
        try await journal.record([.ticket(TicketRecord(id: "kept"))])
        try await journal.limitPages(to: 30)
        var failure: Diagnostic?
        var recorded = 0
        for i in 0..<2000 where failure == nil {
            do {
                try await journal.record([.ticket(TicketRecord(id: "t\(i)")), intent(step("t\(i)"))])
                recorded += 1
            } catch {
                failure = error as? Diagnostic
            }
        }
        #expect(failure?.code == "journal.disk-full" && failure?.cause == .machine)
        try await journal.limitPages(to: 100_000)
        #expect(try await journal.tickets(after: nil, limit: 5000).count == recorded + 1)
        try await journal.record([.ticket(TicketRecord(id: "more"))])
    }
}
