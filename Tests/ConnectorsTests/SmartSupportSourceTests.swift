// SPDX-License-Identifier: Apache-2.0
import Foundation
import Migration
import Sandbox
import Synchronization
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Reading Smart Support")
struct SmartSupportSourceTests {
    /// The tickets of a plain site, by which all others are measured.
    static func plain() async throws -> [String: CanonicalLine] {
        let bench = try await SmartSupportBench.open(tickets: 50)
        return try await bench.read(try bench.source())
    }

    @Test(
        "every shape of the answers gives the same tickets, twice",
        arguments: SmartSupportBench.shapes.map { [$0] } + [[]])
    func shapes(_ switches: [String]) async throws {
        let expected = try await Self.plain()
        let bench = try await SmartSupportBench.open(Set(switches), tickets: 50)
        let first = try await bench.read(try bench.source())
        let second = try await bench.read(try bench.source())
        #expect(first == second)
        #expect(first.count == 50)
        for (id, line) in expected {
            #expect(Self.withoutURL(line) == first[id].map(Self.withoutURL), "ticket \(id) under \(switches)")
        }
    }

    @Test("random combinations of shapes give the same tickets", arguments: 0..<10)
    func combinations(_ seed: Int) async throws {
        var chance = SmartSupportSandbox.Chance(seed: UInt64(seed + 1))
        let switches = Set(SmartSupportBench.shapes.filter { _ in chance.next(3) == 0 })
        let expected = try await Self.plain()
        let bench = try await SmartSupportBench.open(switches, tickets: 50)
        let found = try await bench.read(try bench.source())
        #expect(found.mapValues(Self.withoutURL) == expected.mapValues(Self.withoutURL), "\(switches)")
    }

    static func withoutURL(_ line: CanonicalLine) -> CanonicalLine {
        guard var ticket = try? line.ticket() else { return line }
        ticket.url = nil
        return CanonicalLine(ticket)
    }

    @Test(
        "a ticket that was there at the start is listed, whatever is touched, made and deleted meanwhile",
        arguments: [
            [], ["per-page-clamped"], ["per-page-clamped", "updated-after-strict"], ["per-page-refused"],
            ["order-ignored", "per-page-clamped"],
        ] as [[String]])
    func moving(_ switches: [String]) async throws {
        let bench = try await SmartSupportBench.open(Set(switches), tickets: 60, clock: BenchClock(ticks: false))
        let source = try bench.source()
        var seen: Set<String> = []
        var cursor: Cursor?
        var round = 0
        repeat {
            let page = try await source.list(since: nil, after: cursor)
            seen.formUnion(page.stubs.map(\.id))
            cursor = page.next
            let number = round
            if number < 12 {
                try await bench.clock.sleep(for: .seconds(1))
                let now = Int(bench.clock.now().seconds)
                try await bench.sandbox.edit { tables in
                    // One at the front is touched, one that was listed already is deleted, one is made.
                    for id in [1 + number * 4, 2 + number * 4] {
                        var row = tables["tickets"][id]
                        row?["updated"] = JSON(now)
                        if let row { tables["tickets"][id] = row }
                    }
                    if number == 3 { tables["tickets"][5] = nil }
                    _ = tables["tickets"].insert {
                        ["id": JSON($0), "updated": JSON(now), "created": JSON(now), "user": 1]
                    }
                }
            }
            round += 1
            try #require(round < 500)
        } while cursor != nil
        for id in 1...60 where id != 5 { #expect(seen.contains(String(id)), "\(id) is missing") }
    }

    @Test("many tickets of one second are listed whole, also where a page holds few of them")
    func oneSecond() async throws {
        let bench = try await SmartSupportBench.open(["per-page-clamped"], tickets: 40)
        try await bench.sandbox.edit { tables in
            for id in 5...35 {
                var row = tables["tickets"][id]
                row?["updated"] = 1_700_000_000
                if let row { tables["tickets"][id] = row }
            }
        }
        #expect(Set(try await bench.ids(try bench.source())).count == 40)
    }

    @Test("any cursor goes on in another process with exactly the rest")
    func cursors() async throws {
        for switches in [["per-page-clamped"], ["per-page-clamped", "order-ignored"]] {
            let bench = try await SmartSupportBench.open(Set(switches), tickets: 30)
            let source = try bench.source()
            var pages: [Page] = []
            var cursor: Cursor?
            repeat {
                pages.append(try await source.list(since: nil, after: cursor))
                cursor = pages.last?.next
            } while cursor != nil
            for (i, page) in pages.enumerated() {
                guard let next = page.next else { continue }
                let rest = Set(try await bench.ids(try bench.source(), after: next))
                #expect(rest == Set(pages[(i + 1)...].flatMap(\.stubs).map(\.id)))
            }
        }
    }

    @Test(
        "`since` gives what changed at that second or later, in the site's zone, and nothing much older",
        arguments: [[], ["updated-after-strict"], ["zone-tokyo"], ["per-page-clamped"]] as [[String]])
    func since(_ switches: [String]) async throws {
        let bench = try await SmartSupportBench.open(Set(switches), tickets: 30)
        let source = try bench.source()
        let all = try await bench.read(source)
        let times = try all.mapValues { try #require(try $0.ticket().updatedAt) }
        let middle = try #require(times.values.sorted().dropFirst(15).first)
        let found = Set(try await bench.ids(source, since: middle))
        for (id, time) in times {
            if time >= middle { #expect(found.contains(id)) }
            if time < Timestamp(seconds: middle.seconds - 7200) { #expect(!found.contains(id)) }
        }
    }

    @Test("times are UTC on both sides of summer time, and a site that tells no zone is read as UTC with a warning")
    func zones() async throws {
        let bench = try await SmartSupportBench.open(tickets: 2, zone: "Europe/Berlin")
        try await bench.sandbox.edit { tables in
            for (id, seconds) in [(1, 1_717_243_200), (2, 1_704_067_200)] {
                var row = tables["tickets"][id]
                row?["created"] = JSON(seconds)
                if let row { tables["tickets"][id] = row }
            }
        }
        let source = try bench.source()
        #expect(try await source.fetch(Stub(id: "1")).ticket().createdAt == Timestamp("2024-06-01T12:00:00Z"))
        #expect(try await source.fetch(Stub(id: "2")).ticket().createdAt == Timestamp("2024-01-01T00:00:00Z"))
        let (clock, warning) = SmartSupportClock.find(
            ping: ["data": ["version": "1"]], index: nil, date: nil, wanted: nil, subject: "")
        #expect(warning?.code == "smart-support.no-zone")
        #expect(clock.time("2024-06-01 12:00:00") == Timestamp("2024-06-01T12:00:00Z"))
        let (_, differs) = SmartSupportClock.find(
            ping: ["data": ["server_time": "2024-06-01 21:00:00"]], index: nil, date: "Sat, 01 Jun 2024 12:00:00 GMT",
            wanted: "Europe/Berlin", subject: "")
        #expect(differs?.code == "smart-support.zone-differs")
    }

    @Test("a key without the scope gets replies without notes, and the warning comes once")
    func notes() async throws {
        let notes = Notes()
        let bench = try await SmartSupportBench.open(["no-notes-scope"], tickets: 30)
        let source = try bench.source(sink: notes)
        let lines = try await bench.read(source)
        _ = await source.losses()
        _ = await source.losses()
        #expect(try lines.values.allSatisfy { try $0.ticket().messages.allSatisfy { $0.kind == .reply } })
        #expect(notes.all.filter { $0.code == "smart-support.notes-unseen" }.count == 1)
        let allowed = Notes()
        let other = try await SmartSupportBench.open(tickets: 30)
        let full = try other.source(sink: allowed)
        #expect(try await other.read(full).values.contains { try $0.ticket().messages.contains { $0.kind == .note } })
        _ = await full.losses()
        #expect(!allowed.all.contains { $0.code == "smart-support.notes-unseen" })
    }

    @Test("a reply that does not say whether it is internal is a note, but for a customer's that anybody may see")
    func untold() throws {
        let clock = SmartSupportClock(zone: SmartSupportSite().clock.zone, isFixed: true)
        func kind(_ row: JSON, open: Set<String>? = ["1"]) -> Message.Kind? {
            let reader = SmartSupportTicketReader(clock: clock, open: open)
            return reader.ticket(["id": "9", "message": "x"], replies: [row]).messages.last?.kind
        }
        #expect(kind(["id": 1, "message": "a", "author_type": "agent"]) == .note)
        #expect(kind(["id": 2, "message": "a", "author_type": "customer"]) == .note)
        #expect(kind(["id": "1", "message": "a", "author_type": "customer"]) == .reply)
        #expect(kind(["id": 1, "message": "a", "is_internal": "0"]) == .reply)
        #expect(kind(["id": 1, "message": "a", "is_internal": 1, "author_type": "customer"]) == .note)
        #expect(kind(["id": 1, "message": "a", "visibility": "internal"]) == .note)
        #expect(kind(["id": 1, "message": "a", "is_internal": false]) == .reply)
    }

    @Test("what is not known is kept as extras, and nothing null or empty")
    func extras() throws {
        let clock = SmartSupportSite().clock
        let row: JSON = [
            "id": 5, "subject": "s", "message": "m", "state": "archived", "satisfaction": ["score": 4], "empty": "",
            "none": .null, "customer": "zoe@x.example", "customer_name": "Zoë",
            "attachments": [["url": "https://x.example/a.png"]],
        ]
        let ticket = SmartSupportTicketReader(clock: clock).ticket(row, replies: [])
        #expect(ticket.extras.map(\.key) == ["state", "satisfaction"])
        #expect(ticket.requester == Person(role: .customer, name: "Zoë", email: "zoe@x.example"))
        #expect(ticket.messages.first?.attachments.first?.url == "https://x.example/a.png")
    }

    @Test("the filters of the document and a list of customers choose what is read")
    func filters() async throws {
        let bench = try await SmartSupportBench.open(tickets: 40)
        var options = SmartSupportSource.Options()
        options.filters = [("status", "open"), ("department_id", "2")]
        let all = try await bench.read(try bench.source()).mapValues { try $0.ticket() }
        let wanted = all.values.filter { $0.statusLabel == "open" && $0.department == "Billing" }.map(\.id)
        #expect(!wanted.isEmpty)
        #expect(Set(try await bench.ids(try bench.source(options))) == Set(wanted))
        let emails = Set(all.values.compactMap { $0.requester?.email }.sorted().prefix(4))
        options = .init()
        options.customers = emails.sorted() + ["nobody@x.example"]
        let theirs = all.values.filter { emails.contains($0.requester?.email ?? "") }.map(\.id)
        #expect(Set(try await bench.ids(try bench.source(options))) == Set(theirs))
    }
}
