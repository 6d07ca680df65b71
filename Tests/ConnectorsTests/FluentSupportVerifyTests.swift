// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Foundation
import Migration
import Sandbox
import Testing
import TicketModel

@testable import Connectors

@Suite("What Fluent Support holds against what must be there")
struct FluentSupportVerifyTests {
    /// A practice site with people's own tickets, into which Ada and the migration's admin write.
    static func bench() async throws -> FluentSupportBench {
        try await .practice(agents: ["ada@lab.example": Secret("any")], tickets: 12)
    }

    @Test("is the same after a clean migration, before and after the finishing file", arguments: [false, true])
    func clean(datesInFile: Bool) async throws {
        let migration = try FluentSupportMigration(try await Self.bench())
        defer { migration.close() }
        try await migration.migrate(datesInFile: datesInFile)
        let before = try await migration.verify(datesInFile: datesInFile)
        #expect(before.exitCause == nil && before.declared == 0, "\(before.shown)")
        #expect(before.tickets == FluentSupportMigration.tickets.count && before.listed == before.tickets)
        #expect(before.files == 8 && before.unfetched == 0 && before.waitingDates > 0)
        #expect(before.independentCount == before.tickets + 12)
        guard !datesInFile else { return }
        try await migration.finish()
        let after = try await migration.verify()
        #expect(after.exitCause == nil && after.waitingDates == 0, "\(after.shown)")
    }

    @Test("differs for each defect that somebody could leave in the database")
    func defects() async throws {
        let migration = try FluentSupportMigration(
            try await Self.bench(), tickets: Array(FluentSupportMigration.tickets.prefix(5)))
        defer { migration.close() }
        try await migration.migrate()
        try await migration.finish()
        let sandbox = try #require(migration.bench.sandbox)
        let clean = await sandbox.state
        let ticket = try await migration.id("s1")
        for defect in Self.defects {
            try await sandbox.edit { state in
                state = clean
                defect.make(&state, ticket)
            }
            let found = try await migration.verify()
            let kinds = Set(found.different.filter { $0.id == "s1" }.flatMap(\.differences).map(\.kind))
            #expect(kinds == defect.kinds, "\(defect.name): \(found.shown)")
            #expect(found.differentTickets == 1, "\(defect.name): \(found.shown)")
        }
        try await sandbox.edit { $0 = clean }
        #expect(try await migration.verify().exitCause == nil)
    }

    struct Defect: Sendable {
        var name: String
        var kinds: Set<Difference.Kind>
        var make: @Sendable (inout FluentSupportSandbox.State, Int) -> Void

        init(
            _ name: String, _ kinds: Set<Difference.Kind>,
            _ make: @escaping @Sendable (inout FluentSupportSandbox.State, Int) -> Void
        ) {
            (self.name, self.kinds, self.make) = (name, kinds, make)
        }

        /// One column of the ticket.
        static func column(_ column: String, _ value: String?, _ kind: Difference.Kind = .property) -> Defect {
            Defect("\(column) is \(value ?? "NULL")", [kind]) { state, id in state.tickets[id]?[column] = value }
        }

        /// The response at a place of the ticket's, of a kind.
        static func response(
            _ name: String, _ kinds: Set<Difference.Kind>, _ kind: String, _ place: Int,
            _ change: @escaping @Sendable (inout FluentSupportSandbox.Response) -> Void
        ) -> Defect {
            Defect(name, kinds) { state, id in
                let all = state.responses.all.filter { $0.ticketID == id && $0.kind == kind }
                guard all.indices.contains(place) else { return }
                var response = all[place]
                change(&response)
                state.responses[response.id] = response
            }
        }
    }

    static let defects: [Defect] = [
        .response("a changed byte in a reply", [.text], "response", 0) {
            $0.content = $0.content.replacingOccurrences(of: "Look", with: "Lock")
        },
        .response("a lost blank in a reply", [.text], "response", 2) {
            $0.content = $0.content.replacingOccurrences(of: "thanks ", with: "thanks")
        },
        .response("a changed byte with its hash", [.text], "response", 0) {
            $0.content += "!"
            $0.contentHash = FluentSupportSandbox.md5($0.content)
        },
        .response("a changed note", [.text], "note", 0) { $0.content += "." },
        .response("a changed migration note", [.text], "note", 1) {
            $0.content = $0.content.replacingOccurrences(of: "<li>", with: "<li>not ")
        },
        .response("an emptied reply", [.text], "response", 1) { $0.content = "" },
        .response("a note that all can read", [.exposed], "note", 0) { $0.kind = "response" },
        .response("a hidden reply", [.hidden], "response", 0) { $0.kind = "note" },
        .response("another author", [.author], "response", 0) { $0.personID = 1 },
        .response("a customer's words as an agent's", [.author], "response", 2) { $0.personID = 2 },
        .response("another date", [.date], "response", 0) { $0.createdAt = "2024-06-02 14:00:01" },
        .response("a key that is lost, with its text", [.missingMessage, .addedMessage], "response", 0) {
            ($0.messageID, $0.content, $0.createdAt) = (nil, "other words", "2025-01-01 00:00:00")
        },
        Defect("a missing reply", [.missingMessage]) { state, id in
            let gone = state.responses.all.filter { $0.ticketID == id && $0.kind == "response" }[1]
            state.responses[gone.id] = nil
        },
        Defect("a doubled reply", [.doubledMessage]) { state, id in
            var copy = state.responses.all.filter { $0.ticketID == id && $0.kind == "response" }[1]
            _ = state.responses.insert {
                copy.id = $0
                return copy
            }
        },
        Defect("two swapped replies", [.order]) { state, id in
            var two = Array(state.responses.all.filter { $0.ticketID == id && $0.kind == "response" }.prefix(2))
            (two[0].id, two[1].id) = (two[1].id, two[0].id)
            for response in two { state.responses[response.id] = response }
            for file in Array(state.attachments.all) {
                guard let at = two.firstIndex(where: { $0.id == file.responseID }) else { continue }
                state.attachments[file.id]?.responseID = two[1 - at].id
            }
        },
        Defect("a message of somebody's", [.addedMessage]) { state, id in
            _ = state.responses.insert {
                FluentSupportSandbox.Response(
                    id: $0, ticketID: id, personID: 3, kind: "note", content: "seen", source: "web",
                    contentHash: FluentSupportSandbox.md5("seen"), messageID: nil, createdAt: "2026-01-01 00:00:00",
                    updatedAt: "2026-01-01 00:00:00")
            }
        },
        Defect("a cut file", [.changedFile]) { state, id in
            let files = state.attachments.all.filter { $0.ticketID == id && $0.fileType == "text/plain" }
            state.attachments[files[0].id]?.sha256 = files[1].sha256
        },
        Defect("a file that is gone from the disk", [.unreadableFile]) { state, id in
            let file = state.attachments.all.first { $0.ticketID == id && $0.responseID != nil }
            if let file { state.attachments[file.id]?.lost = true }
        },
        Defect("a file that is not attached", [.missingFile]) { state, id in
            let file = state.attachments.all.first { $0.ticketID == id && $0.responseID != nil }
            if let file { state.attachments[file.id] = nil }
        },
        Defect("a ticket that is gone", [.missingTicket]) { state, id in state.tickets[id] = nil },
        Defect("a doubled ticket", [.doubledTicket]) { state, id in
            guard var copy = state.tickets[id] else { return }
            _ = state.tickets.insert {
                copy.id = $0
                return copy
            }
        },
        Defect("a tag that is gone", [.missingTag]) { state, id in
            if let link = state.tagLinks.all.first(where: { $0.ticketID == id }) { state.tagLinks[link.id] = nil }
        },
        .column("status", "active"), .column("client_priority", "normal"), .column("priority", "normal"),
        .column("title", "Path C:\\Users\\new &amp; more"), .column("mailbox_id", nil), .column("agent_id", "3"),
        .column("created_at", "2024-06-01 15:00:00"), .column("updated_at", "2024-07-01 14:00:01"),
        .column("resolved_at", "2024-06-30 08:00:00"), .column("last_agent_response", nil),
        .column("waiting_since", "2024-06-05 14:00:01"), .column("source", "web"),
        .column("content", "<p>It & C:\\ &lt;b&gt; 5 < 6 > 4</p>\n", .text),
        .column("content", "<p>It & C:\\ &lt;b&gt; 5 < 6 > 5</p>", .text),
        Defect("another customer", [.property, .author]) { state, id in
            let other = state.tickets.all.first { $0.id != id && $0.customerID != state.tickets[id]?.customerID }
            state.tickets[id]?["customer_id"] = other?["customer_id"]
        },
    ]

    @Test("knows a stored text by what was sent, at each place, and by what the site shows of it")
    func texts() {
        for (name, body) in ConformanceKit.HostileTickets.texts {
            let html =
                switch body {
                case .html(let html, _): html
                case .text(let text): FluentSupportText.html(text: text)
                }
            for place in [FluentSupportText.Place.body, .agent, .customer] {
                let text = FluentSupportText(html: html + " \\\\ a&amp;b 5 < 6 &lt;c>", place: place)
                #expect(FluentSupportText.stored(sent: text.sent, place: place) == text.stored, "\(name) at \(place)")
                let shown = FluentSupportSandbox.Rendering.page(text.stored)
                let comparable = FluentSupportRendering.comparable(text.stored)
                #expect(FluentSupportRendering.comparable(shown) == comparable, "\(name) at \(place)")
            }
            let title = FluentSupportText(title: body.content)
            #expect(FluentSupportText.stored(sent: title.sent, place: .title) == title.stored, "\(name)")
        }
    }

    @Test(
        "tells what can be seen of a text whose stored bytes are not known",
        arguments: [
            ("one two", "onetwo"), ("one\ntwo", "onetwo"), ("<b>one</b> two", "<b>one</b>two"),
            ("a &lt; b", "a &gt; b"),
            ("<a href=\"https://x.example/1\">x</a>", "<a href=\"https://x.example/2\">x</a>"),
            ("<p class=\"a\">x</p>", "<p>x</p>"), ("x", "X"),
        ])
    func comparable(a: String, b: String) {
        #expect(FluentSupportRendering.comparable(a) != FluentSupportRendering.comparable(b))
    }
}
