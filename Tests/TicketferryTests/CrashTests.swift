// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// `kill -9` at random moments: the helpdesk lives on, the tool is started again.
@Suite("Killed", .serialized)
struct CrashTests {
    /// Answers take their time and some are held back, so that kills fall between arrival and receipt.
    static let slow = "hold=0.1@300ms,latency=10ms"

    @Test("ten times, the run goes on each time and ends as if undisturbed")
    func tenTimes() throws {
        let migration = try PracticeMigration(faults: Self.slow)
        defer { migration.close() }
        var numbers = SeededNumbers(seed: 20_261_121)
        let between = try kill(migration, times: 10, numbers: &numbers)
        #expect(between >= 3, "only \(between) kills fell between a request's arrival and our receipt")
        let last = try migration.run("migrate")
        #expect(last.code == 0, "\(last.output)\(last.errors)")
        try migration.practice.settle()
        try migration.expectUndisturbedEnd()
    }

    @Test("and robbed of the journal, the run refuses until --adopt, and ends as if undisturbed")
    func journalLost() throws {
        let migration = try PracticeMigration(faults: Self.slow)
        defer { migration.close() }
        var numbers = SeededNumbers(seed: 7)
        _ = try kill(migration, times: 3, numbers: &numbers, least: 40)
        try migration.practice.settle()
        for name in ["crash.journal", "crash.journal-wal", "crash.journal-shm"] {
            try? FileManager.default.removeItem(at: migration.tool.folder.appending(path: name))
        }
        let before = try migration.practice.counts()
        let refused = try migration.run("migrate")
        #expect(refused.code == 77, "\(refused.output)\(refused.errors)")
        #expect(refused.errors.contains("--adopt"), "\(refused.errors)")
        #expect((try migration.practice.counts() - before).writes == 0)
        let running = try migration.start("--adopt")
        _ = try migration.wait(for: running, writes: 25, since: before)
        running.signal(SIGKILL)
        _ = running.wait()
        // The journal is there again, though not whole: adopting once more is harmless, going on without it too.
        let last = try migration.run("migrate")
        #expect(last.code == 0, "\(last.output)\(last.errors)")
        try migration.expectUndisturbedEnd()
    }

    @Test("while the journal is rebuilt, the run goes on and ends as if undisturbed")
    func adopted() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        let first = try migration.run("migrate")
        #expect(first.code == 0, "\(first.errors)")
        for name in ["crash.journal", "crash.journal-wal", "crash.journal-shm"] {
            try? FileManager.default.removeItem(at: migration.tool.folder.appending(path: name))
        }
        let before = try migration.practice.counts()
        let last = try migration.run("migrate", "--adopt")
        #expect(last.code == 0, "\(last.output)\(last.errors)")
        let routes = (try migration.practice.counts() - before).routes.keys
        #expect(
            !routes.contains { $0.hasPrefix("POST ") && $0.contains("tickets") && !$0.contains("bulk") }, "\(routes)")
        try migration.expectUndisturbedEnd()
    }

    /// Starts and kills a run so many times; how many kills fell between a request's arrival and our receipt.
    private func kill(
        _ migration: PracticeMigration, times: Int, numbers: inout SeededNumbers, least: Int = 1
    ) throws -> Int {
        var between = 0
        for _ in 0..<times {
            try migration.practice.settle()
            let before = try migration.practice.counts()
            let running = try migration.start()
            let writes = Int.random(in: least...60, using: &numbers)
            let later = useconds_t.random(in: 0...30_000, using: &numbers)
            let isUnderWay = try migration.wait(for: running, writes: writes, since: before)
            #expect(isUnderWay, "the run was over before it could be killed")
            usleep(later)
            running.signal(SIGKILL)
            let end = running.wait()
            #expect(end.code == 128 + SIGKILL, "\(end.errors)")
            // Nobody is there to receive what is not answered by now.
            let now = try migration.practice.counts() - before
            if now.arrived > now.answered { between += 1 }
        }
        return between
    }
}
