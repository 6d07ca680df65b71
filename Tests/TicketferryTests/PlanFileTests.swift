// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("The file of a signed plan")
struct PlanFileTests {
    private func tool() throws -> Tool {
        let tool = try Tool()
        try tool.write(#"{"id":"1","subject":"one","messages":[]}"# + "\n", to: "in.jsonl")
        for name in ["a", "b"] {
            try tool.write(
                "ticketferry: 1\nname: \(name)\nsource: {connector: jsonl, path: in.jsonl, name: s}\n"
                    + "target: {connector: fluent-support, url: \"sandbox:\(name).state\", mailbox: Support}\n",
                to: "\(name).yaml")
            let plan = try tool.run("plan", "\(name).yaml", "-o", "\(name).json")
            try #require(plan.code == 0, "\(plan.errors)")
        }
        return tool
    }

    private func refused(_ file: String, _ code: String, _ tool: Tool) throws {
        let run = try tool.run("migrate", "a.yaml", "--plan", file)
        #expect(run.code == 77 && run.errors.contains("[\(code)]"), "\(file): \(run.code) \(run.errors)")
        #expect(run.errors.contains("plan a.yaml -o FILE"))
    }

    @Test("is refused where it was changed by hand, wherever that is, and where it has no seal")
    func changed() throws {
        let tool = try tool()
        defer { tool.remove() }
        let text = try tool.read("a.json")
        let edits: [(String, String)] = [
            (#""create ticket""#, #""create  ticket""#), (#""generation":0"#, #""generation":1"#),
            (#""create":1"#, #""create":2"#), (#""digest":"#, #""digest": "#), (#""seal":""#, #""seal":"0"#),
            ("\"version\":1}\n", "\"version\":1}\n\n"),
        ]
        for (i, (old, new)) in edits.enumerated() {
            try #require(text.contains(old), "\(old)")
            try tool.write(text.replacing(old, with: new), to: "edited\(i).json")
            try refused("edited\(i).json", "plan.changed", tool)
        }
        let unsealed = text.replacing(try Regex(#""seal":"[0-9a-f]{64}","#), with: "")
        try tool.write(unsealed, to: "old.json")
        try refused("old.json", "plan.unsealed", tool)
        #expect(!tool.exists("a.journal"))
        #expect(try tool.run("migrate", "a.yaml", "--plan", "a.json").code == 0)
    }

    @Test("is refused for another migration, also once tickets are written, and after an undo")
    func another() throws {
        let tool = try tool()
        defer { tool.remove() }
        try refused("b.json", "plan.of-another", tool)
        #expect(!tool.exists("a.journal"))
        #expect(try tool.run("migrate", "a.yaml", "--plan", "a.json").code == 0)
        try tool.write(#"{"id":"2","subject":"two","messages":[]}"# + "\n", to: "in.jsonl")
        try refused("b.json", "plan.of-another", tool)
        #expect(try tool.run("undo", "a.yaml", "--yes").code == 0)
        try refused("a.json", "plan.of-another", tool)
    }
}
