// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Files of Smartsupp's old hook")
struct SmartsuppHookTests {
    static let chat = """
        {"accountId": 1001, "beginAt": 1717243200250, "endAt": 1717243500000,
         "channel": {"id": 7, "isMissed": true, "isOffline": false, "rating": 5, "ratingDesc": "kind", "duration": 300},
         "visitor": {"id": "vi1", "name": "Zoë \\"Z\\" O'Hara", "email": "zoe@cust.example", "note": "big customer", "group": "default",
            "ipAddress": "192.0.2.7", "city": "Brno", "country": "Czechia", "userAgent": "x", "variables": {"order": {"label": "Order number", "value": "A-1"}}},
         "paths": [{"url": "https://shop.example/cart"}],
         "messages": [
           {"type": "visitor", "name": "Zoë", "from": "visitor:vi1", "content": "Hello <b>\\r\\n🚨 שלום", "sentAt": 1717243201000, "triggeredBy": null},
           {"type": "system", "name": "Ada", "from": "system", "content": "agent.join", "sentAt": 1717243202000},
           {"type": "agent", "name": "Ada Okafor", "from": "agent:3", "content": "Hi \\\\ there", "sentAt": 1717243203500},
           {"type": "agent", "name": "Support", "from": "agent:3", "content": "Anything else?", "sentAt": 1717243204000, "triggeredBy": "trigger:4"},
           {"type": "whisper", "name": "Ada", "content": "not told what it is", "sentAt": 1717243205000, "mood": 3},
           {"type": "system", "from": "system", "content": "close.visitorClose", "sentAt": 1717243500000}]}
        """

    static let golden =
        #"{"channel":"chat","closedAt":"2024-06-01T12:05:00Z","createdAt":"2024-06-01T12:00:00.250Z","customFields":{"Order number":"A-1"},"extras":{"accountId":"1001","channel/duration":300,"channel/id":7,"channel/isMissed":true,"paths":[{"url":"https://shop.example/cart"}],"visitor/city":"Brno","visitor/country":"Czechia","visitor/group":"default","visitor/ipAddress":"192.0.2.7","visitor/note":"big customer","visitor/userAgent":"x"},"id":"ID","messages":[{"author":{"email":"zoe@cust.example","id":"visitor:vi1","name":"Zoë \"Z\" O'Hara","role":"customer"},"body":{"text":"Hello <b>\r\n🚨 שלום"},"createdAt":"2024-06-01T12:00:01Z","extras":{"name":"Zoë"},"kind":"reply"},{"author":{"role":"system"},"body":{"text":"An agent joined the chat (Ada)"},"createdAt":"2024-06-01T12:00:02Z","extras":{"content":"agent.join","name":"Ada"},"kind":"event"},{"author":{"id":"3","name":"Ada Okafor","role":"agent"},"body":{"text":"Hi \\ there"},"createdAt":"2024-06-01T12:00:03.500Z","kind":"reply"},{"author":{"name":"Support","role":"system"},"body":{"text":"Anything else?"},"createdAt":"2024-06-01T12:00:04Z","extras":{"from":"agent:3","triggeredBy":"trigger:4"},"kind":"event"},{"author":{"name":"Ada"},"body":{"text":"not told what it is"},"createdAt":"2024-06-01T12:00:05Z","extras":{"mood":3,"type":"whisper"},"kind":"note"},{"author":{"role":"system"},"body":{"text":"The visitor closed the chat"},"createdAt":"2024-06-01T12:05:00Z","extras":{"content":"close.visitorClose"},"kind":"event"}],"rating":{"comment":"kind","score":"5"},"requester":{"email":"zoe@cust.example","id":"visitor:vi1","name":"Zoë \"Z\" O'Hara","role":"customer"},"status":"closed","updatedAt":"2024-06-01T12:05:00Z"}"#

    static func source(_ files: [String: String], paths: [String] = [""], sink: Notes = Notes()) throws
        -> SmartsuppHookSource
    {
        let folder = NSTemporaryDirectory() + "hook-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
        let (base, _) = try BaseURL.parse("http://127.0.0.1", api: SmartsuppAPI.path)
        let nobody = InProcessTransport { _, _ in throw CancellationError() }
        let connection = Connection(base: base, transport: nobody, pacer: Pacer(PacingCurve(ceiling: 1)))
        return SmartsuppHookSource(
            paths: paths.map { $0.isEmpty ? folder : "\(folder)/\($0)" }, clock: SmartsuppClock(zone: nil), sink: sink,
            client: connection.client(.none))
    }

    /// A short chat of a visitor at a minute.
    static func short(_ visitor: String, minute: Int, words: [String] = ["hi"]) -> String {
        let messages = words.enumerated().map {
            #"{"type":"visitor","content":"\#($1)","sentAt":\#(1_717_243_200_000 + minute * 60_000 + $0 * 1000)}"#
        }
        return
            #"{"accountId":1001,"beginAt":\#(1_717_243_200_000 + minute * 60_000),"visitor":{"id":"\#(visitor)"},"messages":[\#(messages.joined(separator: ","))]}"#
    }

    @Test("one chat becomes one ticket, byte for byte")
    func golden() async throws {
        let source = try Self.source(["a.json": Self.chat])
        let lines = try await SmartsuppBench.read(source)
        let (id, line) = try #require(lines.first)
        #expect(lines.count == 1 && id.hasPrefix("chat-"))
        let text = String(decoding: line.bytes, as: UTF8.self)
        #expect(text == Self.golden.replacing("\"ID\"", with: "\"\(id)\""))
        #expect(try await SmartsuppBench.read(Self.source(["other-name.json": Self.chat])) == lines, "the id is stable")
        #expect(try await source.identity() == "smartsupp account 1001")
    }

    @Test(
        "reads single chats, lists and JSON lines alike",
        arguments: [
            ["a.json": "A", "b.json": "B", "c.json": "C"], ["all.json": "[A,\nB , C]"], ["all.jsonl": "A\nB\n\nC\n"],
            ["all.json": "\u{FEFF}[A, B]", "more.jsonl": "C"],
        ])
    func shapes(files: [String: String]) async throws {
        let texts = files.mapValues { text in
            text.map { letter -> String in
                switch letter {
                case "A": Self.chat
                case "B": Self.short("vi2", minute: 9)
                case "C": Self.short("vi3", minute: 9)
                default: String(letter)
                }
            }.joined()
        }
        let lines = try await SmartsuppBench.read(Self.source(texts))
        #expect(lines.count == 3)
        #expect(try lines.values.map { try $0.ticket().messages.count }.sorted() == [1, 1, 6])
    }

    @Test("takes a chat that was sent again once, as it was sent last")
    func again() async throws {
        let source = try Self.source([
            "1.json": Self.short("vi1", minute: 1, words: ["one", "two"]),
            "2.json": Self.short("vi1", minute: 1, words: ["one"]),
            "3.json": Self.short("vi1", minute: 1, words: ["one", "two", "three"]),
            "4.json": Self.short("vi1", minute: 2),
        ])
        let lines = try await SmartsuppBench.read(source)
        #expect(lines.count == 2)
        #expect(try lines.values.map { try $0.ticket().messages.count }.sorted() == [1, 3])
        #expect(await source.readReport().leftAside == ["chats that were sent again later": 2])
    }

    @Test("goes on from every cursor in another process")
    func cursors() async throws {
        let files = [
            "a.jsonl": (0..<450).map { Self.short("v\($0)", minute: $0) }.joined(separator: "\n"),
            "b.json": Self.short("last", minute: 9999),
        ]
        let source = try Self.source(files)
        var cursor: Cursor?
        var before = 0
        repeat {
            let page = try await source.list(since: nil, after: cursor)
            before += page.stubs.count
            cursor = page.next
            guard let cursor else { break }
            let other = try Self.source(files)
            var rest = 0
            var at: Cursor? = cursor
            while let place = at {
                let page = try await other.list(since: nil, after: place)
                rest += page.stubs.count
                at = page.next
            }
            #expect(before + rest == 451)
        } while cursor != nil
        #expect(before == 451)
    }

    @Test(
        "names file and line of what is no chat",
        arguments: [
            ("{\"accountId\": 1,\n\"messages\": [}\n", 2), ("[{\"messages\":[]},\n{\"messages\": [\n", 2),
            ("[\n{\"messages\":[]}\n", 3),
            ("\n\nhello\n", 3), ("{\"a\":\n\n tru}", 3),
        ])
    func malformed(text: String, line: Int) async throws {
        let source = try Self.source(["bad.json": text])
        let error = await #expect(throws: Diagnostic.self) { _ = try await source.list(since: nil, after: nil) }
        #expect(error?.code == "smartsupp.hook-json" && error?.cause == .badInput)
        #expect(error?.location?.file.hasSuffix("bad.json") == true)
        #expect(error?.location?.line == line)
    }

    @Test("messages that PHP wrote as an object are read by their keys, and what is neither stays")
    func objects() async throws {
        func read(_ messages: String) async throws -> Ticket {
            let chat = #"{"accountId":1,"beginAt":1717243200000,"visitor":{"id":"v"},"messages":\#(messages)}"#
            let lines = try await SmartsuppBench.read(try Self.source(["a.json": chat]))
            return try #require(lines.values.first).ticket()
        }
        let numbered = try await read(
            #"{"10":{"type":"visitor","content":"c"},"2":{"type":"visitor","content":"b"},"0":{"type":"agent","content":"a"}}"#
        )
        #expect(numbered.messages.map { $0.body?.content } == ["a", "b", "c"])
        let named = try await read(#"{"m2":{"type":"visitor","content":"b"},"m1":"bare words"}"#)
        #expect(named.messages.map { $0.body?.content } == ["bare words", "b"])
        // Whose words these are nobody says: they are private.
        #expect(named.messages.map(\.kind) == [.note, .reply])
        #expect(try await read("{}").messages.isEmpty)
        #expect(try await read(#""gone""#).extras.contains(JSON.Member("messages", "gone")))
    }

    @Test("refuses a path that is not there, and files without chats")
    func missing() async throws {
        let gone = try Self.source([:], paths: ["gone.json"])
        let error = await #expect(throws: Diagnostic.self) { _ = try await gone.identity() }
        #expect(error?.code == "input.missing" && error?.cause == .badInput)
        let other = try Self.source(["a.json": "{\"name\": \"no chat\"}"])
        let nothing = await #expect(throws: Diagnostic.self) { _ = try await other.identity() }
        #expect(nothing?.code == "smartsupp.no-chats")
    }

    @Test("needs neither url nor token")
    func alone() async throws {
        let folder = NSTemporaryDirectory() + "hook-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(Self.chat.utf8).write(to: URL(fileURLWithPath: "\(folder)/a.json"))
        let context = OpenContext(options: ["path": .list([folder])], folder: folder, file: "test.yaml", sink: Notes())
        let open = try #require(Smartsupp.helpdesk.descriptor.openSource)
        let source = try await open(context)
        #expect(try await SmartsuppBench.read(source).count == 1)
        await source.close()
    }
}
