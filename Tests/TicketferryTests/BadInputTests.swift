// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Each bad input ends with a clear error with a place and a remedy, and with the exit code of the contract.
@Suite("Bad input")
struct BadInputTests {
    /// A file to convert, and what the tool must say of it.
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var file: String
        var bytes: [UInt8]
        var code: String
        /// Where the error is: what the first line must start with.
        var place: String
        var arguments: [String] = []
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "an empty file", file: "a.csv", bytes: [], code: "empty", place: "a.csv"),
        Case(
            name: "an unclosed quote", file: "a.csv",
            bytes: Array("id,subject\n1,fine\n2,\"never closed\n3,x\n4,y\n".utf8), code: "csv.unterminated-quote",
            place: "a.csv:"),
        Case(
            name: "bytes that are not UTF-8 where UTF-8 is said", file: "a.csv",
            bytes: Array("id,subject\n1,caf".utf8) + [0xE9] + Array("\n".utf8), code: "encoding", place: "a.csv:2",
            arguments: ["--mapping", "utf8.yaml"]),
        Case(
            name: "a binary file", file: "a.csv", bytes: [0x7F, 0x45, 0x4C, 0x46, 0, 1, 2, 0, 0, 0, 0, 0, 9, 9],
            code: "binary", place: "a.csv"),
        Case(
            name: "malformed XML", file: "a.xml", bytes: Array("<tickets><ticket><id>1</ticket></tickets>".utf8),
            code: "xml.", place: "a.xml:1:"),
        Case(
            name: "a cut-off XML", file: "a.xml",
            bytes: Array("<tickets><ticket><id>1</id></ticket><ticket><id>2".utf8),
            code: "xml.cut-off", place: "a.xml:"),
        Case(
            name: "an entity bomb", file: "a.xml",
            bytes: Array(
                "<!DOCTYPE t [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><tickets><ticket>&b;</ticket></tickets>"
                    .utf8), code: "xml.entity-declaration", place: "a.xml:1"),
        Case(
            name: "an external entity", file: "a.xml",
            bytes: Array(
                "<!DOCTYPE t [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><tickets><ticket>&x;</ticket></tickets>".utf8),
            code: "xml.entity-declaration", place: "a.xml:1"),
        Case(
            name: "nesting 100,000 deep", file: "a.xml",
            bytes: Array((String(repeating: "<a>", count: 100_000) + String(repeating: "</a>", count: 100_000)).utf8),
            code: "xml.", place: "a.xml:1"),
    ]

    @Test("is refused with a place and a remedy", arguments: cases)
    func isRefused(_ bad: Case) throws {
        let tool = try Tool()
        defer { tool.remove() }
        try Data(bad.bytes).write(to: tool.folder.appending(path: bad.file))
        try tool.write(
            "ticketferry-mapping: 1\nread:\n  format: csv\n  encoding: utf-8\n  tickets: {each: row, key: id}\n",
            to: "utf8.yaml")
        try tool.write("old\n", to: "out.jsonl")
        let arguments =
            bad.arguments.isEmpty && bad.file.hasSuffix("xml") ? ["--mapping", "ticketferry-xml"] : bad.arguments
        let result = try tool.run(["convert", bad.file, "out.jsonl"] + arguments)
        #expect(result.code == 65, "\(result.errors)")
        let lines = result.errors.split(separator: "\n").map(String.init)
        let error = try #require(lines.first { $0.contains("error: ") }, "\(result.errors)")
        #expect(error.hasPrefix(bad.place), "\(error)")
        #expect(error.contains(bad.code), "\(error)")
        #expect(lines.contains { $0.hasPrefix("  fix: ") }, "\(result.errors)")
        #expect(try tool.read("out.jsonl") == "old\n", "the file that was there is as it was")
    }

    @Test("that is not there is named")
    func missing() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let missing = try tool.run("convert", "nothing.csv", "out.jsonl")
        #expect(missing.code == 65)
        #expect(missing.errors.hasPrefix("nothing.csv: error: "), "\(missing.errors)")
        try FileManager.default.createDirectory(
            at: tool.folder.appending(path: "empty"), withIntermediateDirectories: true)
        let folder = try tool.run("convert", "empty", "out.jsonl")
        #expect(folder.code == 65)
        #expect(folder.errors.hasPrefix("empty: error: "), "\(folder.errors)")
        #expect(!tool.exists("out.jsonl"))
    }

    @Test("in a mapping or a migration file is found to the column, with the nearest key")
    func typos() throws {
        let tool = try Tool()
        defer { tool.remove() }
        try tool.write("id,Subject\n1,a\n", to: "a.csv")
        try tool.write(
            "ticketferry-mapping: 1\nread:\n  format: csv\n  tickets:\n    each: row\n    key: id\n    subjct: Subject\n",
            to: "m.yaml")
        let mapping = try tool.run("convert", "a.csv", "out.jsonl", "--mapping", "m.yaml")
        #expect(mapping.code == 65)
        #expect(mapping.errors.contains("m.yaml:7:5: error: "), "\(mapping.errors)")
        #expect(mapping.errors.contains("subject"), "\(mapping.errors)")
        try tool.write(
            "ticketferry: 1\nname: x\nsource: {connector: csv, path: a.csv}\ntargt: {connector: jsonl, path: o.jsonl}\n",
            to: "x.yaml")
        let migration = try tool.run("check", "x.yaml")
        #expect(migration.code == 65)
        #expect(migration.errors.contains("x.yaml:4:1: error: "), "\(migration.errors)")
        #expect(migration.errors.contains("target"), "\(migration.errors)")
        try tool.write(
            "ticketferry: 1\nname: x\nsource: {connector: csv, path: a.csv}\ntarget:\n  connector: fluent-support\n  url: https://help.example.com\n  username: admin\n  password: hunter2-literal\n",
            to: "x.yaml")
        let secret = try tool.run("check", "x.yaml")
        #expect(secret.code == 65)
        #expect(secret.errors.contains("x.yaml:8:"), "\(secret.errors)")
        #expect(!secret.errors.contains("hunter2"), "\(secret.errors)")
    }

    @Test("that would cost an export or leave an empty output is refused, and what was there stays")
    func refusesToDestroy() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let export = "Betreff;Status;Nummer\nGruß;offen;1\n"
        try tool.write(export, to: "a.csv")
        #expect(try tool.run("convert", "a.csv", "./a.csv").code == 64)
        #expect(try tool.read("a.csv") == export)
        try tool.write("old\n", to: "out.jsonl")
        let nothing = try tool.run("convert", "a.csv", "out.jsonl")
        #expect(nothing.code == 65)
        #expect(nothing.errors.contains("[dump.no-tickets]"), "\(nothing.errors)")
        #expect(try tool.read("out.jsonl") == "old\n")
        try tool.write("<tickets/>", to: "b.xml")
        #expect(
            try tool.run("convert", "a.csv", "b.xml", "out.jsonl", "--mapping", "tickets-csv").errors.contains(
                "[input.mixed]"))
        try tool.write("id,Subject\n1,a\n", to: "c.csv")
        try tool.write(
            "ticketferry: 1\nname: x\nsource: {connector: csv, path: c.csv, name: x}\ntarget: {connector: fluent-support, url: \"sandbox:\"}\n",
            to: "x.yaml")
        #expect(try tool.run("plan", "x.yaml", "--only", "99").errors.contains("[selection.nothing]"))
        #expect(try tool.run("plan", "x.yaml", "--only", "").code == 64)
    }

    @Test("on the command line is a usage error")
    func usage() throws {
        let tool = try Tool()
        defer { tool.remove() }
        #expect(try tool.run("convert").code == 64)
        #expect(try tool.run("plan", "x.yaml", "--lmit", "3").code == 64)
        #expect(try tool.run("connectors", "fluent-suport").code == 64)
        #expect(try tool.run("connectors", "fluent-suport").errors.contains("fluent-support"))
    }
}
