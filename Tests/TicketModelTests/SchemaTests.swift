// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import TicketModel

@Suite struct SchemaTests {
    /// The canonical ticket is frozen: this file changes only when the contract does.
    @Test func theSchemaIsThePublishedOne() throws {
        let golden = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/ticket.schema.json")
        if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] != nil {
            try FileManager.default.createDirectory(
                at: golden.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Ticket.jsonSchema.write(to: golden, atomically: true, encoding: .utf8)
            Issue.record("recorded a new schema")
        }
        #expect(try String(contentsOf: golden, encoding: .utf8) == Ticket.jsonSchema)
    }

    @Test func everyKeyOfAFullTicketIsInTheSchema() throws {
        let schema = try JSON(parsing: Ticket.jsonSchema)
        let properties = try #require(schema["properties"]?.members).map(\.key)
        #expect(Set(CanonicalLine(fullTicket).fields().entries.map(\.key)) == Set(properties))
        #expect(properties == properties.sorted { JSONText.precedes($0, $1) })
    }

    /// Another implementation judges: good lines pass, each kind of bad one fails.
    @Test(.enabled(if: SchemaTests.hasValidator)) func anotherValidatorAgrees() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "schema-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Ticket.jsonSchema.write(to: folder.appending(path: "schema.json"), atomically: true, encoding: .utf8)
        let good = [CanonicalLine(fullTicket).description, #"{"id":"1","messages":[]}"#]
        let bad = CanonicalLineTests.wrong.map(\.0).filter { text in
            // What a schema can tell: types and keys, not order and spelling.
            // Nor the calendar, nor members that are twice.
            (try? JSON(parsing: text)) != nil && (try? CanonicalLine(canonicalizing: text.utf8)) == nil
                && !text.contains("02-30") && !text.contains(#""id":"1","id""#)
        }
        #expect(bad.count > 8)
        try (good + bad).joined(separator: "\n").write(
            to: folder.appending(path: "lines"), atomically: true, encoding: .utf8)
        let script = """
            import json, sys, jsonschema
            schema = json.load(open(sys.argv[1] + "/schema.json"))
            jsonschema.Draft202012Validator.check_schema(schema)
            v = jsonschema.Draft202012Validator(schema)
            print("".join("1" if v.is_valid(json.loads(l)) else "0" for l in open(sys.argv[1] + "/lines")))
            """
        let verdict = try Self.python(["-c", script, folder.path])
        #expect(verdict == String(repeating: "1", count: good.count) + String(repeating: "0", count: bad.count))
    }

    static let hasValidator =
        (try? python(["-c", "import jsonschema; jsonschema.Draft202012Validator; print(1)"])) == "1"

    static func python(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
