// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// `convert` on the real exports, through the tool.
@Suite("Converting")
struct ConvertTests {
    /// A sample, the mapping that reads it, and the names that mean something in both.
    struct Dump: CustomTestStringConvertible, Sendable {
        var path: String
        var mapping: String
        var renamed: [(String, String)]
        var testDescription: String { mapping }
    }

    static let dumps = [
        Dump(
            path: "kb-support/wordpress.wxr.xml", mapping: "kb-support-wxr",
            renamed: [
                ("channel", "strait"), ("item", "piece"), ("wp:post_id", "wp:number"), ("wp:post_parent", "wp:elder"),
                ("wp:comment_content", "wp:words"), ("wp:postmeta", "wp:side"), ("wp:meta_key", "wp:k"),
                ("wp:meta_value", "wp:v"), ("content:encoded", "content:raw"), ("dc:creator", "dc:hand"),
            ]),
        Dump(
            path: "fluent-support/fs-tables.xml", mapping: "fluent-support-mysqldump",
            renamed: [
                ("mysqldump", "spill"), ("database", "pool"), ("table_data", "sheet"), ("row", "line"),
                ("field", "cell"),
            ]),
    ]

    @Test(
        "knows no names but the mapping's: elements renamed in file and mapping give the same bytes", arguments: dumps)
    func renaming(dump: Dump) throws {
        let tool = try Tool()
        defer { tool.remove() }
        var xml = try String(contentsOf: Tool.samples.appending(path: dump.path), encoding: .utf8)
        // Leaves that no rule names are kept by their own names, so they are left out here.
        var yaml = try String(
            contentsOf: Tool.root.appending(path: "mappings/shipped/\(dump.mapping).yaml"), encoding: .utf8
        )
        .replacing("\nread:\n", with: "\nread:\n  rest: drop\n")
        try tool.write(xml, to: "before.xml")
        try tool.write(yaml, to: "before.yaml")
        // The canonical field keeps its name.
        yaml = yaml.replacing("  channel:", with: "  CHANNEL:")
        for (old, new) in dump.renamed {
            xml = xml.replacing("<\(old)>", with: "<\(new)>").replacing("</\(old)>", with: "</\(new)>")
                .replacing("<\(old) ", with: "<\(new) ")
            yaml = yaml.replacingOccurrences(
                of: "(?<![A-Za-z_-])\(old)(?![A-Za-z_-])", with: new, options: .regularExpression)
        }
        yaml = yaml.replacing("  CHANNEL:", with: "  channel:")
        try tool.write(xml, to: "after.xml")
        try tool.write(yaml, to: "after.yaml")
        for name in ["before", "after"] {
            let result = try tool.run(
                "convert", "\(name).xml", "\(name).jsonl", "--mapping", "\(name).yaml", "--zone", "UTC")
            #expect(result.code == 0, "\(result.errors)")
        }
        let before = try tool.read("before.jsonl")
        #expect(before.split(separator: "\n").count == 60)
        #expect(try tool.read("after.jsonl") == before)
        #expect(try !tool.read("after.xml").contains("<\(dump.renamed[0].0)>"))
    }

    @Test("gives lines that validate against the published schema", arguments: dumps)
    func schema(dump: Dump) throws {
        let tool = try Tool()
        defer { tool.remove() }
        let result = try tool.run(
            "convert", Tool.samples.appending(path: dump.path).path, "t.jsonl", "--mapping", dump.mapping, "--zone",
            "UTC")
        #expect(result.code == 0, "\(result.errors)")
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        python.currentDirectoryURL = tool.folder
        python.arguments = [
            "-c",
            """
            import json, sys, jsonschema
            schema = json.load(open(sys.argv[1]))
            validator = jsonschema.validators.validator_for(schema)(schema)
            lines = [json.loads(line) for line in open("t.jsonl", encoding="utf-8")]
            assert len(lines) == 60, len(lines)
            for line in lines: validator.validate(line)
            """, Tool.root.appending(path: "Tests/TicketModelTests/Golden/ticket.schema.json").path,
        ]
        try python.run()
        python.waitUntilExit()
        #expect(python.terminationStatus == 0)
    }

    @Test("comes back exactly from CSV and XML", arguments: dumps)
    func roundTrips(dump: Dump) throws {
        let tool = try Tool()
        defer { tool.remove() }
        #expect(
            try tool.run(
                "convert", Tool.samples.appending(path: dump.path).path, "a.jsonl", "--mapping", dump.mapping, "--zone",
                "UTC"
            ).code == 0)
        for format in ["csv", "xml"] {
            #expect(try tool.run("convert", "a.jsonl", "b.\(format)").code == 0)
            // Without --mapping: what Ticketferry wrote is recognised.
            let back = try tool.run("convert", "b.\(format)", "c.jsonl")
            #expect(back.code == 0, "\(back.errors)")
            #expect(try tool.read("c.jsonl") == tool.read("a.jsonl"), "\(format)")
        }
    }

    @Test("reads the example of the mapping language's page")
    func example() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let page = try String(contentsOf: Tool.root.appending(path: "mappings/README.md"), encoding: .utf8)
        let yaml = try #require(
            page.components(separatedBy: "```yaml\n").dropFirst().first?.components(separatedBy: "```").first)
        try tool.write(yaml, to: "my.yaml")
        try tool.write(
            "Ticket;Subject;State;Customer;Message;Private;From;Text;Date\n7;Größe;wartet;z@x.example;2;yes;a@x.example;intern;02.06.2024 09:30\n7;Größe;wartet;z@x.example;1;no;z@x.example;Hallo;01.06.2024 12:00\n",
            to: "old.csv")
        let result = try tool.run("convert", "old.csv", "t.jsonl", "--mapping", "my.yaml")
        #expect(result.code == 0, "\(result.errors)")
        #expect(
            try tool.read("t.jsonl") == """
                {"id":"7","messages":[{"author":{"email":"z@x.example"},"body":{"text":"Hallo"},"createdAt":"2024-06-01T10:00:00Z","id":"1","kind":"reply"},{"author":{"email":"a@x.example"},"body":{"text":"intern"},"createdAt":"2024-06-02T07:30:00Z","id":"2","kind":"note"}],"requester":{"email":"z@x.example","role":"customer"},"status":"pending","statusLabel":"wartet","subject":"Größe"}

                """)
    }
}
