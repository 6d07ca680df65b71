// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// What is said before and beside a run, and that its commands can be copied as they stand.
@Suite("Warnings and refusals", .serialized)
struct WarningTests {
    @Test("--quiet leaves out no warning: tickets that people deleted in the target are named, with the command")
    func quiet() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        #expect(try migration.run("migrate", "--quiet").code == 0)
        let ids = try migration.run("ids", "--format", "json").output
        let row = try #require(try /"id":"([^"]*)"[^}]*?"targetId":"(\d+)"/.firstMatch(in: ids))
        try migration.practice.deleteTicket(String(row.2))
        let end = try migration.run("migrate", "--quiet")
        #expect(end.errors.contains("[plan.gone-from-target]"), "\(end.output)\(end.errors)")
        #expect(end.errors.contains("`ticketferry resolve crash.yaml \(row.1) not-written`"), "\(end.errors)")
    }

    @Test("a plan without the journal says first that the target holds the tickets, and how the journal is rebuilt")
    func planWithoutJournal() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        #expect(try migration.run("migrate").code == 0)
        for name in ["crash.journal", "crash.journal.lock"] {
            try FileManager.default.removeItem(at: migration.tool.folder.appending(path: name))
        }
        let plan = try migration.run("plan")
        // Results are laid out for a hundred columns where there is no terminal.
        let said = plan.output.split(separator: "\n").prefix(2).joined(separator: " ")
        let words = "error: the target already holds 60 tickets of this migration, and its journal is missing"
        #expect(said == words + "   [journal.lost]", "\(plan.output)")
        #expect(plan.output.contains("`ticketferry migrate crash.yaml --adopt`"), "\(plan.output)")
        #expect(
            plan.output.contains("60 in the target already") && !plan.output.contains("to create"), "\(plan.output)")
        let json = try migration.run("plan", "--json").output
        #expect(json.contains("\"unknownInTarget\":60") && json.contains("\"code\":\"journal.lost\""))
        #expect(try migration.run("migrate").errors.contains("`ticketferry migrate crash.yaml --adopt`"))
        #expect(!migration.tool.exists("crash.journal"))
    }

    @Test(
        "a canary needs an address: what is none is refused before anything is sent",
        arguments: [
            "notanaddress", "a@b", "@x.example", "a@b@c.example", "a b@x.example", "a@x..example",
            "a@x.example,b@x.example",
        ])
    func canaryAddress(text: String) throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        let before = try migration.practice.counts()
        let end = try migration.run("migrate", "--canary=\(text)")
        #expect(end.code == 64 && end.errors.contains("[canary.no-address]"), "\(end.errors)")
        #expect(end.errors.contains("  fix: ") && end.errors.contains("migrate crash.yaml --canary"), "\(end.errors)")
        #expect(try migration.practice.counts().arrived == before.arrived)
    }

    @Test("a run that is refused, and an undo of nothing, leave no journal behind, nor what SQLite puts beside one")
    func leavesNoFiles() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        try PracticeMigration.write(
            "crash", to: "crash.yaml", migration.tool, url: migration.practice.url, more: ["notifications: allow"])
        let refused = try migration.run("migrate")
        #expect(refused.code == 77, "\(refused.output)\(refused.errors)")
        let nothing = try migration.run("undo", "--yes")
        #expect(nothing.code == 77 && nothing.errors.contains("[undo.nothing]"), "\(nothing.errors)")
        migration.practice.stop()
        #expect(try migration.run("migrate").code == 69)
        let left = try FileManager.default.contentsOfDirectory(atPath: migration.tool.folder.path)
        #expect(left.filter { $0.contains(".journal") } == [])
    }
}
