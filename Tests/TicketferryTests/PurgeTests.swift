// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// What a migration keeps of people on this machine, and that it can be removed.
@Suite("purge and ids", .serialized)
struct PurgeTests {
    @Test("removes all that stands beside the migration of people; counts stay; nothing goes on afterwards")
    func purges() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        let tool = migration.tool
        #expect(try migration.run("plan", "-o", "plan.json", "--losses", "losses.csv").code == 0)
        #expect(try migration.run("migrate").code == 0)
        let ids = try migration.run("ids", "--format", "json")
        #expect(ids.code == 0, "\(ids.errors)")
        #expect(ids.output.components(separatedBy: "\"targetId\"").count == 61, "\(ids.output.prefix(300))")
        #expect(ids.output.contains("\"sourceUrl\":\"http"), "the export tells the tickets' pages")
        let nginx = try migration.run("ids", "--format", "nginx")
        #expect(nginx.output.contains("map $request_uri $ticketferry"))
        let before = try migration.run("status", "--json").output
        let asked = try migration.run("purge")
        #expect(asked.code == 64 && asked.errors.contains("purge.needs-yes"), "\(asked.errors)")
        #expect(tool.exists("crash.archive/tickets.jsonl"))
        let known = try #require(try /"id":"([^"]+)"/.firstMatch(in: ids.output)).1
        // Somebody else's file in the archive's folder stays.
        try tool.write("mine", to: "crash.archive/notes.txt")
        let purged = try migration.run("purge", "--yes")
        #expect(purged.code == 0, "\(purged.output)\(purged.errors)")
        #expect(purged.output.contains("What stays:") && purged.output.contains("60 tickets"), "\(purged.output)")
        #expect(purged.output.contains("crash.finish.sql. Whether it was run is not known here"), "\(purged.output)")
        for name in [
            "crash.log", "crash.finish.sql", "plan.json", "losses.csv", "crash.documents",
            "crash.archive/tickets.jsonl",
            "crash.archive/files",
        ] { #expect(!tool.exists(name), "\(name) is still there") }
        #expect(tool.exists("crash.archive/notes.txt") && tool.exists("crash.yaml"))
        // Nothing of a ticket stands in the journal's bytes, free pages included.
        let journal = try Data(contentsOf: tool.folder.appending(path: "crash.journal"))
        for text in ["message:", "set:status", "wp-admin", "ticket\u{0}", "lab.example"] {
            #expect(journal.range(of: Data(text.utf8)) == nil, "the journal holds \(text)")
        }
        let status = try migration.run("status", "--json").output
        let count = try #require(before.firstMatch(of: /"created":\d+/)).0
        #expect(count == "\"created\":60" && status.contains(count) && status.contains("\"purged\""), "\(status)")
        let text = try migration.run("status").output
        #expect(text.contains("Purged at") && !text.contains("ticketferry show"), "\(text)")
        let writes = try migration.practice.counts()
        for (command, flags) in [
            ("migrate", []), ("plan", []), ("ids", []), ("migrate", ["--adopt"]), ("undo", ["--yes"]),
        ] {
            let end = try tool.run([command, "crash.yaml"] + flags, environment: PracticeMigration.environment)
            #expect(end.code == 77 && end.errors.contains("[journal.purged]"), "\(command): \(end.output)\(end.errors)")
        }
        #expect((try migration.practice.counts() - writes).writes == 0)
        let show = try migration.run("show", String(known))
        #expect(show.code == 77 && show.errors.contains("[journal.purged]"), "\(show.output)\(show.errors)")
        #expect(show.errors.contains("`ticketferry status crash.yaml`"), "\(show.errors)")
        let again = try migration.run("purge", "--yes")
        #expect(again.code == 0, "\(again.errors)")
        #expect(!again.output.contains("finish.sql"), "\(again.output)")
    }

    @Test("a plan replaces a plan, whole or not at all, and no other file")
    func plansReplacePlans() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        let tool = migration.tool
        for _ in 1...2 { #expect(try migration.run("plan", "-o", "plan.json").code == 0) }
        let signed = try Data(contentsOf: tool.folder.appending(path: "plan.json"))
        let migrationFile = try Data(contentsOf: tool.folder.appending(path: "crash.yaml"))
        for flags in [["-o", "crash.yaml"], ["--losses", "crash.yaml"], ["-o", "x.csv", "--losses", "x.csv"]] {
            let end = try tool.run(["plan", "crash.yaml"] + flags, environment: PracticeMigration.environment)
            #expect(end.code == 64, "\(flags): \(end.errors)")
        }
        #expect(try Data(contentsOf: tool.folder.appending(path: "crash.yaml")) == migrationFile)
        // The source is gone: the signed plan stays.
        let broken = String(decoding: migrationFile, as: UTF8.self).replacing(
            "name:", with: "name: x\nnam:", maxReplacements: 1)
        try tool.write(broken, to: "crash.yaml")
        #expect(try migration.run("plan", "-o", "plan.json").code != 0)
        try tool.write(String(decoding: migrationFile, as: UTF8.self), to: "crash.yaml")
        migration.practice.stop()
        let end = try migration.run("plan", "-o", "plan.json")
        #expect(end.code == 69, "\(end.errors)")
        #expect(try Data(contentsOf: tool.folder.appending(path: "plan.json")) == signed)
        #expect(!tool.exists("plan.json.new"))
    }

    @Test("refuses while something is borrowed, a write is in doubt, or a run is under way")
    func refuses() throws {
        let migration = try PracticeMigration(faults: "latency=150ms")
        defer { migration.close() }
        let before = try migration.practice.counts()
        let running = try migration.start()
        try #require(try migration.wait(for: running, writes: 12, since: before))
        let during = try migration.run("purge", "--yes")
        #expect(during.code == 74 && during.errors.contains("journal.locked"), "\(during.errors)")
        running.signal(SIGKILL)
        _ = running.wait()
        let borrowed = try migration.run("purge", "--yes", "--even-in-doubt")
        #expect(borrowed.code == 77 && borrowed.errors.contains("[purge.borrowed]"), "\(borrowed.errors)")
        let restored = try migration.run("restore")
        if restored.code == 0 {
            let doubt = try migration.run("purge", "--yes")
            #expect(doubt.code == 77 && doubt.errors.contains("[purge.in-doubt]"), "\(doubt.output)\(doubt.errors)")
            let forced = try migration.run("purge", "--yes", "--even-in-doubt", "--json")
            #expect(forced.code == 0 && forced.output.contains("\"removed\":["), "\(forced.output)\(forced.errors)")
        }
    }
}
