// SPDX-License-Identifier: Apache-2.0
import Foundation
import Migration
import Testing
import TicketModel

@Suite("Migration files")
struct MigrationFileTests {
    private static let connectors = [
        ConnectorDescriptor(
            name: "old-desk", summary: "",
            options: [
                ConnectorOption("url", "", required: true), ConnectorOption("username", "", required: true),
                ConnectorOption("password", "", kind: .secret, required: true),
            ],
            openSource: { _ in throw Unplugged() }),
        ConnectorDescriptor(
            name: "new-desk", summary: "",
            options: [
                ConnectorOption("url", "", required: true),
                ConnectorOption("password", "", kind: .secret, required: true),
                ConnectorOption("dates", "", kind: .choice, side: .target, choices: ["rest", "finish"]),
                ConnectorOption("agents", "", kind: .secrets, side: .target),
            ],
            openTarget: { _ in throw Unplugged() }),
        ConnectorDescriptor(
            name: "csv", summary: "",
            options: [ConnectorOption("path", "", kind: .paths, required: true), ConnectorOption("mapping", "")],
            openSource: { _ in throw Unplugged() }),
    ]

    private func decode(_ yaml: String, path: String = "/srv/acme.yaml") throws -> MigrationFile {
        try MigrationFile(yaml: yaml, path: path, connectors: Self.connectors)
    }

    private let whole = """
        ticketferry: 1
        name: acme-to-new
        source:
          connector: old-desk
          url: https://old.example.com
          username: admin
          password: ${OLD_PASSWORD}
          name: acme
          files: uploads/
          zone: Europe/Berlin
        target:
          connector: new-desk
          url: https://new.example.com
          password: file:new.secret
          dates: finish
          agents: {ada@example.com: "command:echo ada"}
        journal: state/acme.journal
        archive: none
        select: {status: [open, pending], createdSince: 2024-01-01, ids: [1, 2], exclude: {tag: spam, requester: A@x.example}, order: open-first}
        notifications: mute
        attachments: {link: https://files.example.com}
        concurrency: 3
        rest: drop
        """

    @Test(
        "a status that is almost a canonical word is a slip; a label of the source is none",
        arguments: [
            ("opne", "open"), ("Closed", "closed"), ("on-hold", "onHold"), ("clsoed", "closed"),
        ])
    func statusSlip(written: String, meant: String) throws {
        func read(_ status: String) throws -> Selection {
            try decode(
                """
                ticketferry: 1
                name: x
                source: {connector: csv, path: a.csv}
                target: {connector: new-desk, url: "sandbox:"}
                select: {status: [\(status)]}
                """
            ).selection
        }
        let error = #expect(throws: Diagnostic.self) { try read("open, \(written)") }
        #expect(error?.code == "migration.unknown-word" && error?.cause == .badInput)
        #expect(error?.remedy.hasPrefix("write `\(meant)`") == true && error?.location?.line == 5)
        #expect(try read("open, Wartet auf Kunde, active").status == ["open", "Wartet auf Kunde", "active"])
    }

    @Test(
        "what is wrong in `exclude` is told with its form",
        arguments: ["[12, 14]", "spam", "{ticket: 12}", "{tag: {a: b}}", "{tag: file:none.txt}"])
    func excludeForm(written: String) {
        let error = #expect(throws: Diagnostic.self) {
            try decode(
                """
                ticketferry: 1
                name: x
                source: {connector: csv, path: a.csv}
                target: {connector: new-desk, url: "sandbox:"}
                select: {exclude: \(written)}
                """)
        }
        #expect(error?.location?.line == 5 && error?.cause == .badInput)
        #expect(error?.remedy.contains("`exclude: {requester: [robot@shop.example], tag: [spam, test]}`") == true)
    }

    @Test func everyKeyIsRead() throws {
        let file = try decode(whole)
        #expect(file.name == "acme-to-new" && file.source.name == "acme" && file.concurrency == 3)
        #expect(file.source.connector == "old-desk" && file.target.connector == "new-desk")
        #expect(file.journal == "/srv/state/acme.journal" && file.archive == nil && file.log == "/srv/acme.log")
        #expect(file.finishingFile == "/srv/acme.finish.sql")
        #expect(file.selection.status == ["open", "pending"] && file.selection.ids == ["1", "2"])
        #expect(file.selection.createdSince == Timestamp("2024-01-01T00:00:00Z"))
        #expect(file.selection.excludedTags == ["spam"] && file.selection.excludedRequesters == ["a@x.example"])
        #expect(file.selection.order == .openFirst && file.notifications == .mute && file.keepsRest == false)
        #expect(file.attachments == .link(base: "https://files.example.com/"))
    }

    @Test func secretsAreReadWhenTheyAreNeededAndPrintedNowhere() throws {
        let folder = NSTemporaryDirectory() + "ticketferry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try "hush\nsecond line\n".write(toFile: folder + "/new.secret", atomically: true, encoding: .utf8)
        let file = try decode(whole, path: folder + "/acme.yaml")
        let source = try file.context(for: file.source, sink: Heard(), environment: ["OLD_PASSWORD": "pst"])
        #expect(source.secret("password")?.reveal() == "pst" && source.text("username") == "admin")
        #expect(source.text("files") == folder + "/uploads/" && source.text("zone") == "Europe/Berlin")
        let target = try file.context(for: file.target, sink: Heard(), environment: [:])
        #expect(target.secret("password")?.reveal() == "hush")
        #expect(target.secrets("agents")["ada@example.com"]?.reveal() == "ada")
        #expect(!"\(source) \(target)".contains("pst") && !"\(source) \(target)".contains("hush"))
        let missing = #expect(throws: Diagnostic.self) {
            try file.context(for: file.source, sink: Heard(), environment: [:])
        }
        #expect(missing?.code == "migration.secret-not-set" && missing?.message.contains("OLD_PASSWORD") == true)
        #expect(missing?.location?.line == 7)
    }

    @Test func pathsHaveDefaultsBesideTheFile() throws {
        let file = try decode(
            "ticketferry: 1\nname: n\nsource: {connector: csv, path: [a.csv, /b.csv]}\ntarget: {connector: new-desk, url: 'sandbox:'}"
        )
        #expect(file.journal == "/srv/acme.journal" && file.archive == "/srv/acme.archive" && file.concurrency == 8)
        let context = try file.context(for: file.source, sink: Heard(), environment: [:])
        #expect(context.list("path") == ["/srv/a.csv", "/b.csv"])
    }

    @Test func anySandboxLoginWillDo() throws {
        let file = try decode(
            "ticketferry: 1\nname: n\nsource: {connector: csv, path: a.csv}\ntarget: {connector: new-desk, url: 'sandbox:state.json', password: '${UNSET}'}"
        )
        let context = try file.context(for: file.target, sink: Heard(), environment: [:])
        #expect(context.text("url") == "sandbox:/srv/state.json" && context.secret("password") != nil)
    }

    @Test(arguments: [
        ("name: acme-to-new", "nmae: acme-to-new", "migration.unknown-key", 2, "name"),
        ("concurrency: 3", "concurency: 3", "migration.unknown-key", 22, "concurrency"),
        ("  dates: finish", "  daets: finish", "migration.unknown-key", 15, "dates"),
        ("  dates: finish", "  dates: never", "migration.unknown-word", 15, "finish"),
        ("connector: new-desk", "connector: new-dsk", "migration.unknown-word", 12, "new-desk"),
        ("connector: new-desk", "connector: old-desk", "migration.unknown-word", 12, "new-desk"),
        ("  password: file:new.secret", "  password: hunter2", "migration.literal-secret", 14, "${NAME}"),
        ("command:echo ada", "hunter2", "migration.literal-secret", 16, "${NAME}"),
        ("  username: admin\n", "", "migration.missing-key", 4, "username"),
        ("ticketferry: 1", "ticketferry: 2", "migration.version", 1, "ticketferry: 1"),
        ("createdSince: 2024-01-01", "createdSince: yesterday", "migration.bad-value", 19, "2024"),
        ("concurrency: 3", "concurrency: 0", "migration.bad-value", 22, "256"),
        ("archive: none", "mapping: no-such", "migration.no-mapping", 18, "shipped"),
        ("name: acme-to-new", "name: [", "migration.syntax", nil, "YAML"),
    ])
    func mistakesAreSaidWithTheirPlaceAndARemedy(
        old: String, new: String, code: String, line: Int?, remedy: String
    ) throws {
        let error = #expect(throws: Diagnostic.self) { try decode(whole.replacingOccurrences(of: old, with: new)) }
        #expect(error?.code == code && error?.cause == .badInput)
        if let line { #expect(error?.location?.line == line && error?.location?.column != nil) }
        #expect(error?.remedy.contains(remedy) == true, "\(error?.remedy ?? "")")
        #expect(error.map { !"\($0)".contains("hunter2") } == true, "a secret is never said")
    }

    @Test func aMissingFileAndAFolderAreSaid() {
        for path in ["/nowhere/acme.yaml", "/tmp"] {
            let error = #expect(throws: Diagnostic.self) {
                try MigrationFile.read(path, connectors: Self.connectors)
            }
            #expect(error?.code == "migration.not-found" && error?.location?.file == path)
        }
    }
}
