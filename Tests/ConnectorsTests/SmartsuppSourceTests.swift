// SPDX-License-Identifier: Apache-2.0
import Foundation
import Mapping
import Migration
import Sandbox
import Synchronization
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Smartsupp as a source")
struct SmartsuppSourceTests {
    @Test(
        "lists every conversation and reads it twice to the same bytes, under every switch",
        arguments: [[]] + SmartsuppBench.switches.map { [$0] as Set<String> } + SmartsuppBench.combinations)
    func complete(switches: Set<String>) async throws {
        let bench = try SmartsuppBench(switches, tickets: switches.contains("rate-limited") ? 4 : 24)
        let source = try await bench.source()
        let first = try await SmartsuppBench.read(source)
        let second = try await SmartsuppBench.read(try await bench.source())
        #expect(first == second)
        let stored = await bench.sandbox.dump()
        let rows = stored["conversations"]?.array ?? []
        #expect(first.count == rows.count)
        #expect(!bench.notes.all.contains { $0.code == "smartsupp.list-short" })
        for (id, line) in first {
            let ticket = try line.ticket()
            let number = Int(id.drop { $0.isLetter })
            let messages = (stored["messages"]?.array ?? []).filter { $0["conversation"]?.int == number }
            #expect(ticket.messages.count == messages.count, "\(id) with \(switches)")
            #expect(ticket.requester != nil)
            #expect(!line.bytes.isEmpty && ticket.createdAt != nil)
            for event in messages.filter({ $0["type"]?.string == "note" }) {
                #expect(
                    ticket.messages.contains {
                        $0.kind == .note && $0.body?.content == event["content"]?["text"]?.string
                    })
            }
        }
    }

    @Test(
        "goes on from every cursor in another process with exactly the rest",
        arguments: [[], ["small-pages"], ["small-pages", "cursor-as-string"]])
    func resumes(switches: Set<String>) async throws {
        let bench = try SmartsuppBench(switches, tickets: 40)
        var pages: [[String]] = []
        var cursors: [Cursor?] = [nil]
        let source = try await bench.source()
        while let at = cursors.last, pages.count < cursors.count {
            let page = try await source.list(since: nil, after: at)
            pages.append(page.stubs.map(\.id))
            if let next = page.next { cursors.append(next) }
        }
        #expect(pages.count > 1)
        for (place, cursor) in cursors.enumerated() {
            var found: [String] = []
            var at = cursor
            let other = try await bench.source()
            repeat {
                let page = try await other.list(since: nil, after: at)
                found += page.stubs.map(\.id)
                at = page.next
            } while at != nil
            #expect(found == pages[place...].flatMap { $0 })
        }
        #expect(Set(pages.joined()).count == 40)
    }

    @Test(
        "lists what was there at the start while conversations are made and touched",
        arguments: [
            ["small-pages"], ["small-pages", "duplicate-on-page-boundaries"], ["small-pages", "cursor-as-string"],
        ])
    func stable(switches: Set<String>) async throws {
        let bench = try SmartsuppBench(switches, tickets: 30)
        let source = try await bench.source()
        var found: Set<String> = []
        var at: Cursor?
        var round = 0
        repeat {
            let page = try await source.list(since: nil, after: at)
            found.formUnion(page.stubs.map(\.id))
            at = page.next
            round += 1
            let now = round
            guard now < 5 else { continue }
            try await bench.sandbox.edit { tables in
                guard var row = tables["conversations"][now * 3] else { return }
                row["updated_at"] = JSON(1_800_000_000_000 + now)
                row["status"] = "open"
                tables["conversations"][now * 3] = row
                _ = tables["conversations"].insert { id in
                    var new = row
                    new["id"] = JSON(id)
                    new["created_at"] = JSON(1_800_000_000_000 + now)
                    return new
                }
            }
        } while at != nil
        #expect(found.isSuperset(of: (1...30).map { "con\($0)" }))
    }

    @Test("maps what a conversation has to its canonical places")
    func mapping() async throws {
        let bench = try SmartsuppBench(tickets: 24)
        let all = try await SmartsuppBench.read(bench.source()).mapValues { try $0.ticket() }
        let third = try #require(all["con3"])
        #expect(third.status == .pending && third.statusLabel == "pending")
        #expect(third.rating == Ticket.Rating(score: "5", comment: "Very \"kind\" & fast"))
        let first = try #require(all["con1"])
        #expect(first.tags == ["vip", "schön & <gut>"])
        #expect(first.customFields == ["order": .string("A-1 & <2>"), "paid": .bool(true), "orders": .string("12")])
        #expect(first.assignee?.email == "ada@lab.example" && first.requester?.email == "visitor0@cust.example")
        #expect(first.channel == "default")
        #expect(Set(first.extras.map(\.key)).isSuperset(of: ["domain", "referer", "location"]))
        // Anonymous visitors: stable, nameless at times, never with an address.
        let anonymous = try #require(all["con4"])
        #expect(anonymous.requester == Person(id: "visitor:vis4", role: .customer))
        #expect(all.values.allSatisfy { $0.requester?.email?.contains("invalid") != true })
        let messages = all.values.flatMap(\.messages)
        #expect(
            messages.contains { $0.kind == .event }
                && messages.contains { $0.kind == .reply && $0.author == Person(role: .system) })
        #expect(messages.contains { $0.body == .html("<p><strong>Bold</strong> &amp; words</p>", lineBreaks: false) })
        let files = messages.flatMap(\.attachments)
        #expect(files.contains { $0.name == "a b.png" && $0.url == "https://files.example/a%20b.png" && $0.size == 67 })
        #expect(all["con11"]?.messages.count == 230, "more than a page")
    }

    @Test("gives after a time only what changed since, with some overlap")
    func since() async throws {
        let bench = try SmartsuppBench(tickets: 24)
        let source = try await bench.source()
        let all = try await source.list(since: nil, after: nil).stubs
        let middle = try #require(all[12].updatedAt)
        let later = try await source.list(since: middle, after: nil).stubs
        #expect(later.count < all.count && later.contains { $0.id == all[12].id })
        #expect(Set(all.filter { ($0.updatedAt ?? middle) >= middle }.map(\.id)).isSubset(of: later.map(\.id)))
    }

    @Test("sends nothing but reads")
    func reads() async throws {
        let bench = try SmartsuppBench(tickets: 5)
        let before = await bench.sandbox.dump()
        let source = try await bench.source(
            url: "http://127.0.0.1", ["apiKey": .secret(Secret("key")), "account": .text("1001")])
        _ = try await SmartsuppBench.read(source)
        let catalogue = try await source.catalogue()
        #expect(await bench.sandbox.dump() == before)
        #expect(catalogue.count { $0.kind == .agent } == 3)
        #expect(catalogue.contains { $0.kind == .automaticMessage && $0.name == "1st visit greeting" })
        #expect(catalogue.contains { $0.kind == .customer && $0.email == "visitor0@cust.example" })
        #expect(try await source.catalogue() == catalogue)
        for method in await bench.front.requestCounts().keys {
            #expect(method.hasPrefix("GET ") || method == "POST v2/conversations/search")
        }
    }

    @Test("never leaves out messages in silence")
    func missingMessages() async throws {
        let bench = try SmartsuppBench(["no-message-cursor"], tickets: 1)
        try await bench.sandbox.edit { tables in
            for n in 0..<500 {
                _ = tables["messages"].insert { id in
                    [
                        "id": JSON(id), "conversation": 1, "type": "message", "sub_type": "contact",
                        "content": .string("\(n)"), "created_at": JSON(1_800_000_000_000 + n),
                    ]
                }
            }
        }
        let source = try await bench.source()
        let error = await #expect(throws: Diagnostic.self) { _ = try await source.fetch(Stub(id: "con1")) }
        #expect(error?.code == "smartsupp.messages-missing" && error?.cause == .someFailed)
    }

    @Test(
        "reads times in every form",
        arguments: [
            ("2024-06-01T12:00:00Z", "2024-06-01T12:00:00Z"),
            ("2024-06-01T14:00:00.250+02:00", "2024-06-01T12:00:00.250Z"),
            ("2024-06-01T14:00:00+0200", "2024-06-01T12:00:00Z"), ("1717243200250", "2024-06-01T12:00:00.250Z"),
            ("1717243200", "2024-06-01T12:00:00Z"), ("2024-06-01 14:00:00", "2024-06-01T12:00:00Z"),
        ])
    func times(text: String, expected: String) {
        var clock = SmartsuppClock(zone: .named("Europe/Prague"))
        #expect(clock.time(.string(text)) == Timestamp(expected))
        var blind = SmartsuppClock(zone: nil)
        _ = blind.time(.string(text))
        #expect(blind.zoneless == (text.contains(" ") ? 1 : 0))
        #expect(clock.time("soon") == nil && clock.time(.null) == nil && clock.time(nil) == nil)
    }

    @Test("takes a message whose kind is not told for a note")
    func kinds() {
        #expect(SmartsuppTicketReader.kind("message", "whisper") == .note)
        #expect(SmartsuppTicketReader.kind("message", nil) == .note)
        #expect(SmartsuppTicketReader.kind("memo", "contact") == .note)
        #expect(SmartsuppTicketReader.kind("note", "contact") == .note)
        #expect(SmartsuppTicketReader.kind(nil, "contact") == .reply)
        #expect(SmartsuppTicketReader.kind("event", "agent") == .event)
    }
}
