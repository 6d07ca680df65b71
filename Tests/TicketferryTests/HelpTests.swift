// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Help and README tell the truth about what exists.
@Suite("Help and README")
struct HelpTests {
    static let commands = [
        "connectors", "check", "inspect", "plan", "migrate", "status", "show", "ids", "resolve", "verify", "undo",
        "restore", "purge", "archive", "convert", "sandbox",
    ]

    @Test("every command has help with an example", arguments: commands)
    func everyCommandHasHelp(command: String) throws {
        let tool = try Tool()
        defer { tool.remove() }
        let help = try tool.run(command, "--help")
        #expect(help.code == 0)
        #expect(help.output.contains("Example:\n  ticketferry \(command)"), "\(help.output)")
        for flag in ["--json", "--quiet", "--verbose", "--no-color"] {
            #expect(help.output.contains(flag), "\(command) lacks \(flag)")
        }
    }

    @Test("the list of commands is the one that is tested here")
    func listOfCommands() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let help = try tool.run("--help").output
        let subcommands = help.components(separatedBy: "SUBCOMMANDS:\n").last
        let listed = try #require(subcommands?.components(separatedBy: "\n\n").first)
            .split(separator: "\n").filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
            .compactMap { $0.split(separator: " ").first.map(String.init) }
        #expect(Set(listed) == Set(Self.commands))
    }

    @Test("the README names every command, mapping and connector, and no others")
    func readme() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let readme = try String(contentsOf: Tool.root.appending(path: "README.md"), encoding: .utf8)
        for command in Self.commands { #expect(readme.contains("`\(command)"), "the README lacks \(command)") }
        for command in ["init", "suggest", "diff"] {
            #expect(!readme.contains("ticketferry \(command)"), "the README promises \(command)")
        }
        let mappings = try FileManager.default.contentsOfDirectory(
            atPath: Tool.root.appending(path: "mappings/shipped").path)
        for file in mappings where file.hasSuffix(".yaml") {
            #expect(readme.contains("`\(file.dropLast(5))`"), "the README lacks \(file)")
        }
        let listed = try tool.run("connectors").output.split(separator: "\n").dropFirst()
            .map { $0.split(separator: " ").map(String.init) }
        let connectors = readme.components(separatedBy: "## Connectors\n").last
        let section = try #require(connectors?.components(separatedBy: "\n## ").first)
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }
            .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) } }
        #expect(rows.map { Array($0[..<4]) } == listed.map { Array($0[..<4]) })
    }
}

/// No secret leaves the process but in the requests to its own host.
@Suite("Secrets")
struct SecretTests {
    @Test("stand in no output, log, journal, archive or report")
    func nowhere() throws {
        let secret = "s3cr3t-5f0e-hunter2"
        let tool = try Tool()
        defer { tool.remove() }
        try FileManager.default.copyItem(
            at: Tool.samples.appending(path: "kb-support"), to: tool.folder.appending(path: "kb-support"))
        try tool.write(
            """
            ticketferry: 1
            name: secrets
            source: {connector: xml, path: kb-support/wordpress.wxr.xml, files: kb-support/uploads/}
            target:
              connector: fluent-support
              url: sandbox:site.state
              username: admin
              password: ${FERRY_TEST_SECRET}
              agents: {ada@lab.example: "${FERRY_TEST_SECRET}"}
            mapping: kb-support-to-fluent-support

            """, to: "m.yaml")
        let environment = ["FERRY_TEST_SECRET": secret]
        var printed = ""
        for arguments in [
            ["check", "m.yaml"], ["plan", "m.yaml", "--verbose", "-o", "plan.json", "--losses", "losses.csv"],
            ["migrate", "m.yaml", "--yes", "--limit", "5", "--verbose"], ["status", "m.yaml", "--json"],
            ["show", "m.yaml", "12", "--json"], ["restore", "m.yaml"],
        ] {
            let result = try tool.run(arguments, environment: environment)
            #expect(result.code == 0, "\(arguments): \(result.errors)")
            printed += result.output + result.errors
        }
        #expect(!printed.contains(secret))
        let encoded = Data("admin:\(secret)".utf8).base64EncodedString()
        var looked = 0
        let files = try #require(FileManager.default.enumerator(at: tool.folder, includingPropertiesForKeys: nil))
        for case let file as URL in files {
            guard let data = try? Data(contentsOf: file) else { continue }
            looked += 1
            #expect(data.range(of: Data(secret.utf8)) == nil, "\(file.lastPathComponent) holds the secret")
            #expect(data.range(of: Data(encoded.utf8)) == nil, "\(file.lastPathComponent) holds the login")
        }
        #expect(looked > 10)
        for name in ["m.journal", "m.log", "m.finish.sql", "plan.json", "losses.csv"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: tool.folder.appending(path: name).path)
            #expect((attributes[.posixPermissions] as? Int) == 0o600, "\(name)")
        }
    }
}
