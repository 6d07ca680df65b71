// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// A practice helpdesk with made-up tickets, and migrations that read it.
private final class FilledPractice {
    let tool: Tool
    private let running: Running
    private let url: String
    private let port: Int

    init(_ tool: Tool, faults: String? = nil, seed: Int = 60) throws {
        self.tool = tool
        var arguments = ["sandbox", "fluent-support", "--json", "--seed", "\(seed)"]
        if let faults { arguments += ["--faults", faults] }
        running = try tool.start(arguments)
        try running.waitForOutput("\n")
        let said = try #require(
            try JSONSerialization.jsonObject(with: Data(running.outputSoFar.utf8)) as? [String: Any])
        url = try #require(said["url"] as? String)
        port = try #require(URL(string: url)?.port)
    }

    func stop() {
        running.signal(SIGTERM)
        _ = running.wait(seconds: 10)
    }

    static let environment = ["PRACTICE_PASSWORD": "any"]

    /// Writes `NAME.yaml`: the practice helpdesk into a file.
    func write(_ name: String, target: String, more: [String] = []) throws {
        try tool.write(
            ([
                "ticketferry: 1", "name: \(name)", "source:", "  connector: fluent-support", "  url: \(url)",
                "  username: admin", "  password: ${PRACTICE_PASSWORD}", "target: {\(target)}",
            ] + more).joined(separator: "\n") + "\n", to: "\(name).yaml")
    }

    @discardableResult
    func run(_ arguments: String...) throws -> Tool.Result { try tool.run(arguments, environment: Self.environment) }

    /// Kills a command as soon as the log of its reading has so many bytes.
    func kill(_ arguments: [String], whenLogOf archive: String, has bytes: Int) throws {
        let running = try tool.start(arguments, environment: Self.environment)
        let log = tool.folder.appending(path: archive + "/.reading").path
        let end = Date().addingTimeInterval(60)
        while (try? FileManager.default.attributesOfItem(atPath: log)[.size] as? Int) ?? 0 < bytes {
            try #require(running.isRunning && Date() < end, "it ended before it could be killed")
            usleep(2_000)
        }
        running.signal(SIGKILL)
        #expect(running.wait().code == 128 + SIGKILL)
    }

    /// How often a ticket was read.
    func ticketReads() throws -> Int {
        let page = try Data(contentsOf: try #require(URL(string: url + "/_sandbox/requests")))
        let json = try JSONSerialization.jsonObject(with: page) as? [String: Any]
        return (json?["routes"] as? [String: Int])?["GET fluent-support/v2/tickets/{id}"] ?? 0
    }
}

/// The permission bits of a file or folder.
private func mode(_ tool: Tool, _ name: String) throws -> Int {
    let path = tool.folder.appending(path: name).path
    return try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
}

@Suite("Files as targets, and the archive", .serialized)
struct ExportTests {
    @Test("an API goes into each format, and the shipped mappings read it back to the same lines")
    func everyFormat() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let practice = try FilledPractice(tool)
        defer { practice.stop() }
        for format in ["jsonl", "csv", "xml"] {
            try practice.write(format, target: "connector: \(format), path: out.\(format)")
            #expect(try practice.run("check", "\(format).yaml").code == 0)
            let plan = try practice.run("plan", "\(format).yaml", "--json", "--detailed-exit-code")
            #expect(plan.code == 2 && plan.output.contains("\"create\":60"), "\(plan.output)\(plan.errors)")
            #expect(plan.output.contains("\"mails\":0") && !tool.exists("out.\(format)"))
            let run = try practice.run("migrate", "\(format).yaml")
            #expect(run.code == 0 && run.output.contains("60 created"), "\(run.output)\(run.errors)")
            #expect(try mode(tool, "out.\(format)") == 0o600)
            #expect(try tool.run("convert", "out.\(format)", "back-\(format).jsonl").code == 0)
            #expect(try tool.read("back-\(format).jsonl") == tool.read("out.jsonl"))
            let again = try practice.run("plan", "\(format).yaml", "--json", "--detailed-exit-code")
            #expect(again.code == 0 && again.output.contains("\"unchanged\":60"))
            #expect(try practice.run("status", "\(format).yaml").output.contains("60 created"))
            #expect(try practice.run("show", "\(format).yaml", "3").output.contains("complete"))
        }
    }

    @Test("kill -9 while an API is read into a file: the same command gives the same bytes, and reads on")
    func killedExport() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let practice = try FilledPractice(tool, faults: "latency=20ms")
        defer { practice.stop() }
        try practice.write("calm", target: "connector: csv, path: calm.csv", more: ["concurrency: 2"])
        #expect(try practice.run("migrate", "calm.yaml").code == 0)
        try practice.write("killed", target: "connector: csv, path: killed.csv", more: ["concurrency: 2"])
        try practice.kill(["migrate", "killed.yaml"], whenLogOf: "killed.archive", has: 20_000)
        #expect(!tool.exists("killed.csv"))
        let before = try practice.ticketReads()
        #expect(try practice.run("migrate", "killed.yaml").code == 0)
        #expect(try practice.ticketReads() - before < 58, "what was read is not read again")
        #expect(try tool.read("killed.csv") == tool.read("calm.csv"))
        let left = try FileManager.default.contentsOfDirectory(atPath: tool.folder.path)
        #expect(!left.contains { $0.hasSuffix(".partial") }, "\(left)")
    }

    @Test("kill -9 while the archive is made: the same bytes, nothing read twice, and it is a source of its own")
    func killedArchive() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let practice = try FilledPractice(tool, faults: "latency=20ms")
        defer { practice.stop() }
        // Nobody is there, and no secret is set: the target is not asked.
        try practice.write(
            "a",
            target: "connector: fluent-support, url: \"http://127.0.0.1:1\", username: x, password: \"${NOT_SET}\"",
            more: ["concurrency: 2"])
        #expect(try practice.run("archive", "a.yaml", "-o", "calm").code == 0)
        var before = try practice.ticketReads()
        #expect(before == 60)
        try practice.kill(["archive", "a.yaml", "-o", "killed"], whenLogOf: "killed", has: 20_000)
        try practice.kill(["archive", "a.yaml", "-o", "killed"], whenLogOf: "killed", has: 40_000)
        let run = try practice.run("archive", "a.yaml", "-o", "killed")
        #expect(run.code == 0, "\(run.errors)")
        let reads = try practice.ticketReads() - before
        // At most the window of two tickets is lost at each kill.
        #expect(reads >= 60 && reads <= 64, "\(reads) reads of 60 tickets")
        #expect(try tool.read("killed/tickets.jsonl") == tool.read("calm/tickets.jsonl"))
        #expect(!tool.exists("killed/.reading") && !tool.exists("killed/tickets.jsonl.new"))
        #expect(try mode(tool, "killed") == 0o700 && mode(tool, "killed/tickets.jsonl") == 0o600)
        before = try practice.ticketReads()
        #expect(try practice.run("archive", "a.yaml", "-o", "killed").code == 0)
        #expect(
            try practice.ticketReads() - before == 60,
            "a helpdesk whose list does not prove that a ticket is unchanged is read again")
        try tool.write(
            "ticketferry: 1\nname: b\nsource: {connector: jsonl, path: killed}\ntarget: {connector: jsonl, path: b.jsonl}\n",
            to: "b.yaml")
        #expect(try practice.run("migrate", "b.yaml").code == 0)
        #expect(try tool.read("b.jsonl") == tool.read("calm/tickets.jsonl"))
    }

    @Test("a part of the tickets never makes the file smaller")
    func partOfTheTickets() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let lines = (1...5).map { #"{"id":"\#($0)","messages":[],"subject":"s\#($0)"}"# }
        try tool.write(lines.joined(separator: "\n") + "\n", to: "in.jsonl")
        let file = "ticketferry: 1\nname: p\nsource: {connector: jsonl, path: in.jsonl}\n"
        try tool.write(file + "target: {connector: jsonl, path: out.jsonl}\n", to: "p.yaml")
        #expect(try tool.run("migrate", "p.yaml", "--limit", "2").code == 0)
        #expect(try tool.read("out.jsonl") == lines[..<2].joined(separator: "\n") + "\n")
        #expect(try tool.run("status", "p.yaml").output.contains("the others are still to come"))
        #expect(try tool.run("migrate", "p.yaml").code == 0)
        #expect(try tool.run("status", "p.yaml").output.contains("finished"))
        #expect(try tool.read("out.jsonl") == lines.joined(separator: "\n") + "\n")
        #expect(try tool.run("migrate", "p.yaml", "--only", "4").code == 0)
        #expect(try tool.read("out.jsonl").split(separator: "\n").sorted() == lines.map { $0[...] })
        // A file that somebody else wrote, the source itself for instance, is never replaced.
        try tool.write(file + "target: {connector: jsonl, path: in.jsonl}\njournal: other\n", to: "q.yaml")
        for command in ["check", "migrate"] {
            let run = try tool.run(command, "q.yaml")
            #expect(run.code == 77 && run.errors.contains("[export.not-ours]"), "\(run.errors)")
        }
        #expect(try tool.read("in.jsonl") == lines.joined(separator: "\n") + "\n")
        // Without an archive it cannot be kept: refused, and the file is as it was.
        try tool.write(file + "target: {connector: jsonl, path: out.jsonl}\narchive: none\n", to: "p.yaml")
        try FileManager.default.removeItem(at: tool.folder.appending(path: "p.archive"))
        let refused = try tool.run("migrate", "p.yaml", "--only", "4")
        #expect(refused.code == 77 && refused.errors.contains("[export.would-shrink]"), "\(refused.errors)")
        #expect(try tool.read("out.jsonl").split(separator: "\n").count == 5)
    }

    @Test("the mapping's labels become the ticket's words, and files lie beside by their hash")
    func mappingAndFiles() throws {
        let tool = try Tool()
        defer { tool.remove() }
        try FileManager.default.createDirectory(
            at: tool.folder.appending(path: "up/2024"), withIntermediateDirectories: true)
        try tool.write("hello", to: "up/2024/a.txt")
        try tool.write(
            #"{"id":"1","messages":[{"attachments":[{"file":"2024/a.txt"},{"file":"../p.yaml","name":"p"}],"kind":"reply"}],"status":"pending","tags":["a","b"]}"#
                + "\n", to: "in.jsonl")
        try tool.write(
            "ticketferry-mapping: 1\nwrite: {status: {pending: Waiting}, tags: [{const: c}]}\n", to: "m.yaml")
        try tool.write(
            "ticketferry: 1\nname: f\nsource: {connector: jsonl, path: in.jsonl, files: up}\n"
                + "target: {connector: jsonl, path: out.jsonl}\nmapping: m.yaml\n", to: "f.yaml")
        let run = try tool.run("migrate", "f.yaml")
        #expect(run.code == 0, "\(run.errors)")
        let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        let out = try tool.read("out.jsonl")
        #expect(out.contains(#"{"file":"\#(hash)","name":"a.txt","sha256":"\#(hash)","size":5}"#), "\(out)")
        #expect(out.contains(#""status":"pending","statusLabel":"Waiting""#) && out.contains(#""tags":["c"]"#))
        #expect(try tool.read("out.files/\(hash)") == "hello")
        #expect(try mode(tool, "out.files") == 0o700 && mode(tool, "out.files/\(hash)") == 0o600)
        let losses = try tool.run("show", "f.yaml", "1").output
        #expect(losses.contains("its path is none within the folder of files"), "\(losses)")
        #expect(losses.contains("the mapping does not carry this tag"))
        // The file is read back with what lies beside it.
        try tool.write(
            "ticketferry: 1\nname: g\nsource: {connector: jsonl, path: out.jsonl, name: g}\n"
                + "target: {connector: xml, path: g.xml}\n", to: "g.yaml")
        #expect(try tool.run("migrate", "g.yaml").code == 0)
        #expect(try tool.read("g.files/\(hash)") == "hello")
    }

    @Test("links of a dump into this machine are refused unless the source allows them")
    func links() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let practice = try FilledPractice(tool, seed: 1)
        defer { practice.stop() }
        try practice.write("x", target: "connector: csv, path: x.csv")
        let yaml = try tool.read("x.yaml")
        let url = try #require(yaml.split(separator: "\n").first { $0.contains("url:") }).dropFirst("  url: ".count)
        try tool.write(
            #"{"id":"1","messages":[{"attachments":[{"name":"r","url":"\#(url)/_sandbox/mails"}],"kind":"note"}]}"#
                + "\n",
            to: "in.jsonl")
        for allowed in [false, true] {
            try tool.write(
                "ticketferry: 1\nname: l\nsource: {connector: jsonl, path: in.jsonl, privateAddresses: \(allowed)}\n"
                    + "target: {connector: jsonl, path: l-\(allowed).jsonl}\n", to: "l-\(allowed).yaml")
            #expect(try tool.run("migrate", "l-\(allowed).yaml").code == 0)
            #expect(tool.exists("l-\(allowed).files") == allowed)
            let said = try tool.run("show", "l-\(allowed).yaml", "1").output
            #expect(said.contains("private network") != allowed, "\(said)")
        }
    }

    @Test("a plan lists the files that the target will not take, and --losses all losses, harmless to spreadsheets")
    func refusedFiles() throws {
        let tool = try Tool()
        defer { tool.remove() }
        try FileManager.default.createDirectory(
            at: tool.folder.appending(path: "up"), withIntermediateDirectories: true)
        var lines: [String] = []
        for number in 1...12 {
            try tool.write("bytes of a program", to: "up/run\(number).exe")
            lines.append(
                #"{"id":"\#(number)","messages":[{"attachments":[{"file":"run\#(number).exe","name":"=run\#(number).exe"}],"body":{"text":"x"},"kind":"note"}],"requester":{"email":"a@b.example"},"subject":"s"}"#
            )
        }
        try tool.write(lines.joined(separator: "\n") + "\n", to: "in.jsonl")
        try tool.write(
            "ticketferry: 1\nname: r\nsource: {connector: jsonl, path: in.jsonl, name: r, files: up}\n"
                + "target: {connector: fluent-support, url: \"sandbox:\"}\n", to: "r.yaml")
        let plan = try tool.run("plan", "r.yaml", "--losses", "losses.csv")
        #expect(plan.code == 0, "\(plan.errors)")
        #expect(plan.output.contains("12 files the target will not take"), "\(plan.output)")
        #expect(plan.output.contains("=run10.exe  18 bytes") && !plan.output.contains("=run11.exe  18 bytes"))
        #expect(plan.output.contains("… and 2 more; --losses FILE lists all"))
        let losses = try tool.read("losses.csv").components(separatedBy: "\r\n")
        #expect(losses[0] == #""ticket","field","value","reason","kept in""#)
        #expect(losses.filter { $0.contains(#""'=run"#) }.count == 12, "\(losses)")
        #expect(try mode(tool, "losses.csv") == 0o600)
    }

    @Test("a signed plan of a file runs as signed, and not when the source changed")
    func signedPlan() throws {
        let tool = try Tool()
        defer { tool.remove() }
        try tool.write("{\"id\":\"1\",\"messages\":[]}\n", to: "in.jsonl")
        try tool.write(
            "ticketferry: 1\nname: s\nsource: {connector: jsonl, path: in.jsonl, name: s}\n"
                + "target: {connector: xml, path: s.xml}\n", to: "s.yaml")
        #expect(try tool.run("plan", "s.yaml", "-o", "plan.json").code == 0)
        #expect(try tool.run("migrate", "s.yaml", "--plan", "plan.json").code == 0)
        try tool.write("{\"id\":\"1\",\"messages\":[],\"subject\":\"new\"}\n", to: "in.jsonl")
        let before = try tool.read("s.xml")
        let refused = try tool.run("migrate", "s.yaml", "--plan", "plan.json")
        #expect(refused.code == 77 && refused.errors.contains("[plan.differs]"), "\(refused.errors)")
        #expect(try tool.read("s.xml") == before)
    }

    @Test("the catalogue of a dump goes beside the file, and is read back with it")
    func catalogue() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let sample = Tool.samples.appending(path: "fluent-support").path
        try tool.write(
            "ticketferry: 1\nname: c\nsource: {connector: xml, path: \(sample)/fs-tables.xml, zone: UTC, name: c, files: \(sample)/uploads}\n"
                + "target: {connector: jsonl, path: c.jsonl}\n", to: "c.yaml")
        let run = try tool.run("migrate", "c.yaml")
        #expect(run.code == 0, "\(run.errors)")
        let catalogue = try tool.read("c.catalogue.jsonl")
        #expect(catalogue.split(separator: "\n").count > 3 && catalogue.contains(#""kind":"#), "\(catalogue)")
        #expect(try mode(tool, "c.catalogue.jsonl") == 0o600)
        try tool.write(
            "ticketferry: 1\nname: d\nsource: {connector: jsonl, path: c.jsonl, name: d}\n"
                + "target: {connector: jsonl, path: d.jsonl}\n", to: "d.yaml")
        #expect(try tool.run("migrate", "d.yaml").code == 0)
        #expect(try tool.read("d.jsonl") == tool.read("c.jsonl"))
        #expect(try tool.read("d.catalogue.jsonl") == catalogue)
        let files = try FileManager.default.contentsOfDirectory(atPath: tool.folder.path + "/c.files")
        #expect(files.count > 3)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: tool.folder.path + "/d.files").sorted()
                == files.sorted())
    }

    @Test("an unknown command suggests the nearest; a refused first run leaves no journal")
    func smallThings() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let unknown = try tool.run("migrte", "x.yaml")
        #expect(unknown.code == 64 && unknown.errors.contains("did you mean `migrate`?"), "\(unknown.errors)")
        try tool.write("{\"id\":\"1\",\"messages\":[]}\n", to: "in.jsonl")
        try tool.write(
            "ticketferry: 1\nname: r\nsource: {connector: jsonl, path: in.jsonl, name: r}\n"
                + "target: {connector: fluent-support, url: \"http://127.0.0.1:1\", username: a, password: \"${P}\"}\n",
            to: "r.yaml")
        let run = try tool.run(["migrate", "r.yaml"], environment: ["P": "x"])
        #expect(run.code == 69, "\(run.errors)")
        #expect(!tool.exists("r.journal"))
    }
}
