// SPDX-License-Identifier: Apache-2.0
import Crypto
import Dumps
import Foundation
import Mapping
import Migration
import Testing
import TicketModel

/// What the database of the sample's system held; made once from its SQL dump.
struct Truth: Decodable {
    var id: String
    var subject: String
    var status: String
    var email: String?
    var agent: String?
    var body: String
    var tags: [String]
    var at: String
    var files: [String]
    /// By id (a note's with an `n` behind where notes are numbered apart): type, author's type, address, body, time, files.
    var messages: [String: Entry]

    struct Entry: Decodable {
        var type: String
        var authorType: String
        var email: String?
        var body: String
        var at: String
        var files: [String]

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            type = try list.decode(String.self)
            authorType = try list.decode(String.self)
            email = try list.decodeIfPresent(String.self)
            body = try list.decode(String.self)
            at = try list.decode(String.self)
            files = try list.decode([String].self)
        }
    }

    static func read(_ name: String) throws -> [String: Truth] {
        let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name).truth.json")
        let all = try JSONDecoder().decode([Truth].self, from: Data(contentsOf: url))
        return Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })
    }
}

private func digest(_ text: String?) -> String {
    SHA256.hash(data: Data((text ?? "").utf8)).prefix(10).map { String(format: "%02x", $0) }.joined()
}

private func sqlTime(_ time: Timestamp?) -> String {
    (time?.description ?? "").replacing("T", with: " ").replacing("Z", with: "")
}

@Suite struct RealSampleTests {
    private func check(_ tickets: [Ticket], against name: String, key: (Message) -> String) throws {
        let truth = try Truth.read(name)
        #expect(Set(tickets.map(\.id)) == Set(truth.keys))
        for ticket in tickets {
            let expected = try #require(truth[ticket.id])
            let opening = try #require(ticket.messages.first)
            #expect(ticket.subject == expected.subject, "ticket \(ticket.id)")
            #expect(ticket.statusLabel == expected.status, "ticket \(ticket.id)")
            #expect(ticket.requester?.email == expected.email, "ticket \(ticket.id)")
            #expect(ticket.assignee?.email == expected.agent, "ticket \(ticket.id)")
            #expect(ticket.tags.sorted() == expected.tags, "ticket \(ticket.id)")
            #expect(sqlTime(ticket.createdAt) == expected.at, "ticket \(ticket.id)")
            #expect(digest(opening.body?.content) == expected.body, "ticket \(ticket.id)")
            #expect(opening.attachments.compactMap(\.sha256).sorted() == expected.files, "ticket \(ticket.id)")
            #expect(ticket.messages.count == expected.messages.count + 1, "ticket \(ticket.id)")
            for message in ticket.messages.dropFirst() {
                let entry = try #require(expected.messages[key(message)], "message \(key(message))")
                #expect(message.kind.rawValue == entry.type, "message \(key(message))")
                #expect(message.author?.role?.rawValue == entry.authorType, "message \(key(message))")
                #expect(message.author?.email == entry.email, "message \(key(message))")
                #expect(digest(message.body?.content) == entry.body, "message \(key(message))")
                #expect(sqlTime(message.createdAt) == entry.at, "message \(key(message))")
                #expect(message.attachments.compactMap(\.sha256).sorted() == entry.files, "message \(key(message))")
            }
        }
    }

    private func balance(_ converted: Converted) {
        let report = converted.outcome.result.report
        #expect(report.read == report.inTickets + report.inTables + report.leftAside.values.reduce(0, +))
    }

    @Test func theWXRGivesEveryTicketExactly() throws {
        let converted = try convert(
            [sample("kb-support/wordpress.wxr.xml")], shipped("kb-support-wxr"), files: sample("kb-support/uploads"))
        let tickets = try converted.tickets()
        #expect(tickets.count == 60)
        let messages = tickets.flatMap { $0.messages.dropFirst() }
        let replies = messages.filter { $0.kind == .reply }
        #expect(replies.count { $0.author?.role == .agent } == 89)
        #expect(replies.count { $0.author?.role == .customer } == 86)
        #expect(messages.count { $0.kind == .note } == 37)
        #expect(tickets.map(\.tags.count).reduce(0, +) == 80)
        #expect(tickets.compactMap(\.messages.first?.attachments.count).reduce(0, +) == 30)
        #expect(replies.map(\.attachments.count).reduce(0, +) == 7)
        let statuses = Dictionary(grouping: tickets) { $0.statusLabel }.mapValues(\.count)
        #expect(statuses == ["new": 3, "open": 26, "hold": 7, "closed": 23, "waiting": 1])
        #expect(tickets.count { $0.status == nil } == 1)
        let third = tickets.flatMap { ticket in
            ticket.messages.filter { $0.author?.role == .customer && $0.author?.email != ticket.requester?.email }
        }
        #expect(third.count == 3)
        balance(converted)
        try check(tickets, against: "kb-support") { message in
            let id = message.id ?? ""
            return id.hasPrefix("note-") ? id.dropFirst(5) + "n" : id
        }
    }

    @Test func theTablesOfFluentSupportGiveEveryTicketExactly() throws {
        let converted = try convert(
            [sample("fluent-support/fs-tables.xml")], shipped("fluent-support-mysqldump"),
            files: sample("fluent-support/uploads"))
        let tickets = try converted.tickets()
        #expect(tickets.count == 60)
        let messages = tickets.flatMap { $0.messages.dropFirst() }
        #expect(messages.count { $0.kind == .reply && $0.author?.role == .agent } == 89)
        #expect(messages.count { $0.kind == .reply && $0.author?.role == .customer } == 86)
        #expect(messages.count { $0.kind == .note } == 37)
        #expect(tickets.map(\.tags.count).reduce(0, +) == 80)
        #expect(tickets.compactMap(\.messages.first?.attachments.count).reduce(0, +) == 23)
        #expect(messages.filter { $0.kind == .reply }.map(\.attachments.count).reduce(0, +) == 14)
        #expect(messages.filter { $0.kind == .note }.map(\.attachments.count).reduce(0, +) == 4)
        let statuses = Dictionary(grouping: tickets) { $0.statusLabel }.mapValues(\.count)
        #expect(statuses == ["new": 8, "active": 28, "closed": 23, "on-hold": 1])
        balance(converted)
        try check(tickets, against: "fluent-support") { $0.id ?? "" }
    }

    @Test func theTicketsCSVAloneTellsWhatItLacks() throws {
        let converted = try convert([sample("kb-support/kbs-tickets.csv")], shipped("kb-support-csv"))
        let tickets = try converted.tickets()
        #expect(tickets.count == 60)
        #expect(tickets.count { $0.statusLabel == nil } == 1)
        #expect(tickets.allSatisfy { $0.requester?.email == nil })
        let losses = converted.outcome.result.losses.map(\.reason)
        #expect(losses.contains { $0.contains("60 of 60") })
        #expect(losses.contains { $0.contains("quote") })
        balance(converted)
        // What the file says with its backslashes undone: the database's texts with `'` for `"`.
        let truth = try Truth.read("kb-support")
        #expect(tickets.allSatisfy { truth[$0.id] != nil })
    }

    @Test func withTheCustomersBesideThemUnambiguousNamesGetAddresses() throws {
        let converted = try convert(
            [sample("kb-support/kbs-tickets.csv"), sample("kb-support/kbs-customers.csv")], shipped("kb-support-csv"))
        let truth = try Truth.read("kb-support")
        let tickets = try converted.tickets()
        #expect(tickets.count == 60)
        let known = tickets.filter { $0.requester?.email != nil }
        // 27 tickets name a customer whose name several have.
        #expect(known.count == 33)
        // Six tickets were exported under the name of another customer: the files know no better.
        #expect(known.count { $0.requester?.email == truth[$0.id]?.email } == 27)
        balance(converted)
    }

    @Test func shuffledRecordsGiveTheSameBytes() throws {
        try withFolder { folder in
            let plain = try convert([sample("kb-support/wordpress.wxr.xml")], shipped("kb-support-wxr"))
            let text = try String(contentsOfFile: sample("kb-support/wordpress.wxr.xml"), encoding: .utf8)
            var parts = text.components(separatedBy: "<item>")
            let head = parts.removeFirst()
            let tail = "</channel>" + (parts[parts.count - 1].components(separatedBy: "</channel>").last ?? "")
            parts[parts.count - 1] = parts[parts.count - 1].components(separatedBy: "</channel>")[0]
            let path = folder.appending(path: "shuffled.xml").path
            for seed in 1...3 as ClosedRange<UInt64> {
                var generator = Seeded(state: seed)
                parts.shuffle(using: &generator)
                try (head + parts.map { "<item>" + $0 }.joined() + tail).write(
                    toFile: path, atomically: true, encoding: .utf8)
                #expect(try convert([path], shipped("kb-support-wxr")).lines == plain.lines)
            }
            let dump = try String(contentsOfFile: sample("fluent-support/fs-tables.xml"), encoding: .utf8)
            let tables = try convert([sample("fluent-support/fs-tables.xml")], shipped("fluent-support-mysqldump"))
            var blocks = dump.components(separatedBy: "<table_data ")
            let start = blocks.removeFirst()
            let end = "</database>" + (blocks[blocks.count - 1].components(separatedBy: "</database>").last ?? "")
            blocks[blocks.count - 1] = blocks[blocks.count - 1].components(separatedBy: "</database>")[0]
            for seed in 1...3 as ClosedRange<UInt64> {
                var generator = Seeded(state: seed)
                blocks.shuffle(using: &generator)
                let shuffled = blocks.map { block in
                    var rows = block.components(separatedBy: "<row>")
                    guard rows.count > 1 else { return "<table_data " + block }
                    let open = rows.removeFirst()
                    let last = rows.removeLast().components(separatedBy: "</table_data>")
                    rows.append(last[0])
                    rows.shuffle(using: &generator)
                    return "<table_data " + open + rows.map { "<row>" + $0 }.joined() + "</table_data>" + last[1]
                }
                try (start + shuffled.joined() + end).write(toFile: path, atomically: true, encoding: .utf8)
                #expect(try convert([path], shipped("fluent-support-mysqldump")).lines == tables.lines)
            }
        }
    }

    @Test(arguments: [0, 1, 1000, 20_000]) func whatIsSpilledComesBackTheSame(limit: Int) throws {
        for (path, mapping) in [
            ("kb-support/wordpress.wxr.xml", "kb-support-wxr"),
            ("fluent-support/fs-tables.xml", "fluent-support-mysqldump"),
        ] {
            let plain = try convert([sample(path)], shipped(mapping))
            let spilled = try convert([sample(path)], shipped(mapping), limit: limit)
            #expect(plain.outcome.result.spilled == 0)
            #expect(spilled.outcome.result.spilled > 0)
            #expect(spilled.lines == plain.lines)
            #expect(spilled.catalogue == plain.catalogue)
        }
    }
}

/// SplitMix64: the same numbers every time.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
