// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Mapping
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Wrong inputs for SupportEngine")
struct SupportEngineInputTests {
    /// The diagnostic that both sides give, for a transport.
    private func refusals(_ api: SupportEngineAPI) async -> [Diagnostic] {
        var out: [Diagnostic] = []
        let target = SupportEngineTarget(api: api)
        do { try await target.prepare(policy: nil, sink: Notes()) } catch {
            out += [error as? Diagnostic].compactMap { $0 }
        }
        let source = SupportEngineSource(
            api: api, options: .init(addresses: SupportEngineAddresses(["a@b.example"]), zone: nil), sink: Notes())
        do { _ = try await source.list(since: nil, after: nil) } catch {
            out += [error as? Diagnostic].compactMap { $0 }
        }
        return out
    }

    @Test("a wrong token is named, with 401 and with 200", arguments: [[], ["bad-token-200"]] as [Set<String>])
    func token(switches: Set<String>) async throws {
        let bench = try await SupportEngineBench(switches, token: "right")
        let said = await refusals(try bench.api(token: "wrong-secret"))
        #expect(said.count == 2 && said.allSatisfy { $0.code == "supportengine.unauthorized" && $0.cause == .refused })
        #expect(said.allSatisfy { !$0.description.contains("wrong-secret") })
        #expect(await refusals(try bench.api(token: "right")).isEmpty)
    }

    @Test("a page in the API's place is named, with 200 and with 404")
    func pages() async throws {
        func api(_ status: Int, _ body: String) throws -> SupportEngineAPI {
            try SupportEngineBench.api(
                InProcessTransport { _, _ in IncomingResponse(status: status, body: Array(body.utf8)) })
        }
        let html = "<!DOCTYPE html><html><title>My shop</title></html>"
        #expect(await refusals(try api(200, html)).map(\.code) == ["http.html-page", "http.html-page"])
        #expect(await refusals(try api(404, html)).map(\.code) == ["supportengine.no-api", "supportengine.no-api"])
        #expect(
            await refusals(try api(200, #"{"ok":1}"#)).map(\.code)
                == Array(repeating: "supportengine.odd-answer", count: 2))
        #expect(
            await refusals(try api(200, "")).map(\.code) == Array(repeating: "supportengine.empty-answer", count: 2))
    }

    @Test(
        "a server or gateway that keeps failing is named as such, with its status and what to do",
        arguments: [
            (429, "", "supportengine.too-many-requests", "--rate"),
            (429, "{}", "supportengine.too-many-requests", "--rate"),
            (502, "<html><title>Bad Gateway</title></html>", "supportengine.server-error", "error log"),
            (503, #"{"message":"maintenance"}"#, "supportengine.server-error", "error log"),
        ])
    func gateway(status: Int, body: String, code: String, remedy: String) async throws {
        let api = try SupportEngineBench.api(
            InProcessTransport { _, _ in IncomingResponse(status: status, body: Array(body.utf8)) })
        let said = await refusals(api)
        #expect(said.map(\.code) == [code, code] && said.allSatisfy { $0.cause == .unavailable })
        #expect(said.allSatisfy { $0.message.contains("HTTP \(status)") && $0.remedy.contains(remedy) })
    }

    @Test("http where the site wants https goes over to https, and says so")
    func https() async throws {
        let bench = try await SupportEngineBench(tickets: 5)
        let inner = InProcessTransport(bench.front)
        let api = try SupportEngineBench.api(
            InProcessTransport { request, body in
                guard request.url.scheme == "https" else {
                    var url = request.url
                    url.scheme = "https"
                    return IncomingResponse(status: 301, fields: [.location: url.text])
                }
                return try await inner.send(
                    OutgoingRequest(
                        method: request.method, url: request.url, fields: request.fields, body: .bytes(body)),
                    deadline: .seconds(5))
            }, url: "http://help.example.com")
        let notes = Notes()
        let target = SupportEngineTarget(api: api)
        try await target.prepare(policy: nil, sink: notes)
        #expect(notes.all.map(\.code) == ["supportengine.https"])
        let plan = await target.plan(
            Ticket.hostile(1)[0].benchDraft, files: [], identity: SupportEngineBench.identity, progress: .init())
        guard case .understood = await target.apply(plan.steps[0], receipts: [:]) else {
            Issue.record("not written")
            return
        }
    }

    @Test("an unknown category is an error of the option, and a loss of a ticket")
    func category() async throws {
        let bench = try await SupportEngineBench()
        let wrong = SupportEngineTarget(api: try bench.api(), options: .init(category: "Bilinng"))
        await #expect { try await wrong.prepare(policy: nil, sink: Notes()) } throws: {
            let diagnostic = $0 as? Diagnostic
            return diagnostic?.code == "supportengine.category" && diagnostic?.remedy.contains("Billing") == true
        }
        let right = SupportEngineTarget(api: try bench.api(), options: .init(category: "billing"))
        try await right.prepare(policy: nil, sink: Notes())
        var ticket = Ticket.hostile(1)[0]
        ticket.department = "Nowhere"
        let plan = await right.plan(
            ticket.benchDraft, files: [], identity: SupportEngineBench.identity, progress: .init())
        #expect(plan.losses.contains { $0.field == "department" && $0.value == "Nowhere" })
        #expect(plan.steps[0].payload["form"]?["category_id"]?.text == "1")
    }

    @Test("a file of addresses that is missing, empty or without the column is named")
    func emails() throws {
        let folder = NSTemporaryDirectory() + "emails-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func file(_ name: String, _ text: String) -> String {
            _ = FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: Data(text.utf8))
            return "\(folder)/\(name)"
        }
        func read(_ path: String, _ column: String? = nil) throws -> [String] {
            try SupportEngineAddresses(path: path, column: column).all
        }
        let wrong: [(String, String?)] = [
            ("\(folder)/none.txt", nil), (file("empty.txt", ""), nil), (file("comments.txt", "# a\n\n  \n"), nil),
            (file("no.csv", "a,b\n1,2\n"), "email"), (file("bare.csv", "email,b\n"), "email"),
            (file("which.csv", "Name;E-Mail\nx;y@x.example\n"), nil),
        ]
        for (path, column) in wrong {
            #expect { try read(path, column) } throws: { ($0 as? Diagnostic)?.code == "supportengine.emails" }
        }
        #expect(
            try read(
                file("list.txt", "\u{FEFF}a@b.example\r\n\r\n# no\r\n  a@b.example \r\nA@B.example\nZoë <z@x.example>"))
                == ["a@b.example", "A@B.example", "z@x.example"])
        #expect(
            try read(
                file("c.csv", "\u{FEFF}Name;E-Mail\n\"Zoë; \"\"Z\"\"\";z@x.example\nx;\n\"a\nb\";y@x.example"), "e-mail"
            )
                == ["z@x.example", "y@x.example"])
        let catalogue = [
            CatalogueEntry(.agent, id: "1", name: "Ada", email: "ada@x.example"),
            CatalogueEntry(.customer, id: "2", name: "Zoë", email: "zoe@x.example"),
            CatalogueEntry(.customer, id: "3", name: "nobody"),
        ]
        let lines = catalogue.map { String(decoding: $0.line, as: UTF8.self) }.joined(separator: "\n")
        #expect(try read(file("acme.catalogue.jsonl", lines)) == ["zoe@x.example"])
    }

    @Test("options that cannot hold are refused when the source is opened")
    func options() async throws {
        let descriptor = SupportEngine.helpdesk.descriptor
        func open(_ more: [String: OptionValue]) async throws {
            var options: [String: OptionValue] = ["url": .text("sandbox:"), "token": .secret(Secret("x"))]
            options.merge(more) { $1 }
            let context = OpenContext(options: options, folder: "/tmp", file: "m.yaml", sink: Notes())
            _ = try await descriptor.openSource?(context)
        }
        await #expect { try await open([:]) } throws: { ($0 as? Diagnostic)?.code == "supportengine.emails" }
        await #expect { try await open(["emails": .text("/nowhere/x.txt")]) } throws: {
            ($0 as? Diagnostic)?.code == "supportengine.emails"
        }
    }
}

@Suite("Texts of SupportEngine")
struct SupportEngineTextTests {
    @Test(
        "HTML is read as people see it",
        arguments: [
            ("<p>Hello,</p><p>I <b>cannot</b> log in.<br>Order 1.</p>", "Hello,\n\nI cannot log in.\nOrder 1."),
            ("<ul><li>a</li><li>b &amp; c</li></ul>", "- a\n- b & c"),
            ("<a href=\"https://x.example/?a=1&amp;b=2\">here</a>", "here (https://x.example/?a=1&b=2)"),
            ("<a href=\"https://x.example/\">https://x.example/</a>", "https://x.example/"),
            ("&lt;script&gt; &#128512; &#x1F600; &unknown; & 5 < 6", "<script> 😀 😀 &unknown; & 5 < 6"),
            ("<style>p{}</style><script>x<y</script>text<!-- no -->", "text"),
            ("<img src=x.png alt=\"Bild\">", "[Bild]"),
            ("", ""), ("plain", "plain"), ("a<br/><br />b", "a\n\nb"),
        ])
    func plain(html: String, text: String) {
        #expect(SupportEngineText.plain(html: html, lineBreaks: false) == text)
    }

    @Test("pieces are within the limit and make the whole again", arguments: [16, 100, 1000])
    func pieces(limit: Int) {
        for text in [
            "", "short", String(repeating: "ü😀\n", count: 500), "e" + String(repeating: "\u{301}", count: 2000),
        ] {
            let pieces = SupportEngineText.pieces(text, limit: limit)
            #expect(pieces.allSatisfy { $0.utf8.count <= limit })
            #expect(Array(pieces.map { Array($0.utf8) }.joined()) == Array(text.utf8))
        }
    }

    @Test("the mark is found at the end of a text, whatever line breaks it has")
    func markers() {
        let key = MigrationIdentity(migration: "m", source: "s").key(ticket: "1", part: "ticket")
        for text in ["", "x", "x\r", "x\n", "[ferry-x-0-]", "👍"] {
            #expect(SupportEngineText.carries("\(text)\n\(SupportEngineText.marker(key))", key))
            #expect(!SupportEngineText.carries(text, key))
        }
    }
}
