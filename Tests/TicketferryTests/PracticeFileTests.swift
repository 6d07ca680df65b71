// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("A migration into `sandbox:FILE`")
struct PracticeFileTests {
    private func write(_ tool: Tool, site: String, secret: Bool = false) throws {
        try tool.write(
            #"{"id":"1","messages":[{"body":{"text":"x"},"kind":"reply"}],"requester":{"email":"a@b.example"},"subject":"s"}"#
                + "\n", to: "in.jsonl")
        try tool.write(
            "ticketferry: 1\nname: p\nsource: {connector: jsonl, path: in.jsonl, name: p}\n"
                + "target: {connector: fluent-support, url: \"sandbox:\(site)\""
                + (secret ? ", username: admin, password: \"${FERRY_NOT_SET}\"" : "") + "}\n", to: "p.yaml")
    }

    @Test("is of that file: the journal of another one is refused")
    func another() throws {
        let tool = try Tool()
        defer { tool.remove() }
        try write(tool, site: "one.json")
        #expect(try tool.run("migrate", "p.yaml", "--yes").code == 0)
        #expect(try tool.run("verify", "p.yaml").code == 0)
        try write(tool, site: "two.json")
        for command in ["plan", "migrate", "verify"] {
            let end = try tool.run(command, "p.yaml")
            #expect(end.code == 74, "\(command) \(end.output)")
            #expect(
                end.errors.contains("one.json") && end.errors.contains("journal.another-migration"), "\(end.errors)")
        }
        try write(tool, site: "one.json")
        let plan = try tool.run("plan", "p.yaml")
        #expect(plan.code == 0 && plan.output.contains("Nothing to do"), "\(plan.output)\(plan.errors)")
    }

    @Test("takes any login, and says which secret the real site would miss")
    func secret() throws {
        let tool = try Tool()
        defer { tool.remove() }
        try write(tool, site: "one.json", secret: true)
        let check = try tool.run("check", "p.yaml")
        #expect(check.code == 0, "\(check.errors)")
        #expect(check.errors.contains("FERRY_NOT_SET is not set"), "\(check.errors)")
    }

    @Test("whose journal is gone is said to have been run before")
    func traces() throws {
        let tool = try Tool()
        defer { tool.remove() }
        try write(tool, site: "one.json")
        #expect(try tool.run("status", "p.yaml").output.contains("Nothing has been written yet"))
        #expect(try tool.run("migrate", "p.yaml", "--yes").code == 0)
        for ending in ["", "-wal", "-shm", ".lock"] {
            try? FileManager.default.removeItem(at: tool.folder.appending(path: "p.journal" + ending))
        }
        let status = try tool.run("status", "p.yaml")
        #expect(status.output.contains("p.archive") && status.output.contains("--adopt"), "\(status.output)")
        #expect(try tool.run("status", "p.yaml", "--json").output.contains("\"traces\":["))
    }

    @Test("gets a deleted ticket anew after `resolve not-written`, which is refused while it is there")
    func writtenAnew() throws {
        let tool = try Tool()
        defer { tool.remove() }
        try write(tool, site: "one.json")
        #expect(try tool.run("migrate", "p.yaml", "--yes").code == 0)
        let there = try tool.run("resolve", "p.yaml", "1", "not-written")
        #expect(there.code == 77 && there.errors.contains("resolve.still-there"), "\(there.errors)")
        // Another site in the file's place: the ticket is gone from it.
        for name in try FileManager.default.contentsOfDirectory(atPath: tool.folder.path)
        where name.hasPrefix("one.json") {
            try FileManager.default.removeItem(at: tool.folder.appending(path: name))
        }
        let plan = try tool.run("plan", "p.yaml")
        #expect(plan.errors.contains("plan.gone-from-target"), "\(plan.output)\(plan.errors)")
        #expect(plan.output.contains("no longer in the target"), "\(plan.output)")
        let gone = try tool.run("resolve", "p.yaml", "1", "not-written")
        #expect(gone.code == 0 && gone.output.contains("Decided for ticket 1"), "\(gone.errors)")
        let run = try tool.run("migrate", "p.yaml", "--yes")
        #expect(run.code == 0 && run.output.contains("1 created"), "\(run.output)\(run.errors)")
        #expect(try tool.run("verify", "p.yaml").code == 0)
    }
}
