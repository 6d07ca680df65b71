// SPDX-License-Identifier: Apache-2.0
import Migration
import Sandbox
import Testing
import TicketModel

@testable import Connectors

@Suite("SupportEngine as a source")
struct SupportEngineSourceTests {
    /// One by one, and ten random combinations; latin1 empties answers and has a test of its own.
    static let settings: [Set<String>] = {
        let all = SupportEngineSandbox.switches.map(\.name).filter { $0 != "latin1" }
        var random = SandboxRandom(seed: 11)
        return [[]] + all.map { [$0] } + (0..<10).map { _ in Set(all.filter { _ in random.next() % 3 == 0 }) }
    }()

    @Test("reads every ticket once under every switch, and twice the same bytes", arguments: settings)
    func everything(switches: Set<String>) async throws {
        let bench = try await SupportEngineBench(switches, tickets: 40)
        let first = try await SupportEngineBench.read(try await bench.source())
        let last = try await bench.source()
        let second = try await SupportEngineBench.read(last)
        let stored = await bench.site.dump()
        let rows = stored["tickets"]?.array ?? []
        #expect(first.count == rows.count && first.count == 40)
        #expect(first.mapValues(\.bytes) == second.mapValues(\.bytes))
        #expect(
            await last.losses().isEmpty == !switches.contains("first-message-in-replies")
                || switches.contains("first-message-only-in-replies"))
        let replies = stored["ticket_replies"]?.array ?? []
        for row in rows {
            let id = row["id"]?.text ?? ""
            let line = try #require(first[id])
            _ = try CanonicalLine(validating: line.bytes)
            let ticket = try line.ticket()
            #expect(ticket.requester?.email == row["email"]?.string && ticket.subject == row["subject"]?.string)
            #expect(ticket.createdAt != nil && ticket.statusLabel == row["status"]?.string)
            let own = replies.filter { $0["ticket_id"]?.text == id }
            let repeats =
                switches.contains("first-message-in-replies") || switches.contains("first-message-only-in-replies")
            #expect(ticket.messages.count == own.count + (repeats ? 0 : 1))
            var texts = own.compactMap { $0["message"]?.string }
            if !repeats, let text = row["message"]?.string { texts.append(text) }
            #expect(ticket.messages.compactMap { $0.body?.content }.sorted() == texts.sorted())
            #expect(ticket.messages.allSatisfy { $0.kind == .reply })
            #expect(ticket.messages.dropFirst().allSatisfy { $0.author == nil || $0.author?.role == .agent })
            let hasNames = switches.isDisjoint(with: ["no-undocumented-routes", "no-category-table"])
            if row["category_id"]?.isNull == false {
                #expect((ticket.department != nil) == hasNames)
                #expect(ticket.extras.contains { $0.key == "category_id" } == !hasNames)
            }
            if switches.contains("no-custom-fields") { #expect(ticket.customFields.isEmpty) }
            if switches.contains("more-columns") { #expect(ticket.extras.contains { $0.key == "ip_address" }) }
            #expect(!ticket.extras.contains { $0.key == "_web" })
        }
    }

    @Test("names what makes whole answers empty, and says nothing that is not there")
    func emptyAnswers() async throws {
        let bench = try await SupportEngineBench(["latin1"], tickets: 20)
        await #expect { _ = try await SupportEngineBench.read(try await bench.source()) } throws: {
            ($0 as? Diagnostic)?.code == "supportengine.empty-answer"
        }
    }

    @Test("goes on from every cursor, also in another process")
    func cursors() async throws {
        let bench = try await SupportEngineBench(tickets: 40)
        let source = try await bench.source()
        var pages: [(at: Cursor?, ids: [String])] = []
        var after: Cursor?
        repeat {
            let page = try await source.list(since: nil, after: after)
            pages.append((after, page.stubs.map(\.id)))
            after = page.next
        } while after != nil
        #expect(pages.count > 2)
        for (index, page) in pages.enumerated() {
            let other = try await bench.source()
            var rest: [String] = []
            var at = page.at
            repeat {
                let next = try await other.list(since: nil, after: at)
                rest += next.stubs.map(\.id)
                at = next.next
            } while at != nil
            #expect(rest == pages[index...].flatMap(\.ids))
        }
        // A stub alone is enough.
        let stub = Stub(id: try #require(pages.last?.ids.last))
        #expect(try await bench.source().fetch(stub).ticket().id == stub.id)
    }

    @Test("lists a ticket once that several spellings find, says which addresses give nothing")
    func spellings() async throws {
        let bench = try await SupportEngineBench(tickets: 40)
        let notes = Notes()
        let all = await bench.addresses()
        let source = try await bench.source(all.map { $0.uppercased() } + all + ["typo@nowhere.example"], sink: notes)
        let read = try await SupportEngineBench.read(source)
        #expect(read.count == 40)
        _ = try await SupportEngineBench.read(source)
        let warnings = notes.all.filter { $0.code == "supportengine.no-tickets" }
        #expect(warnings.count == 1 && warnings[0].message.contains("1 of") && warnings[0].message.contains("typo@"))
    }

    @Test("takes a ticket that comes by its name, with its own address, and says so")
    func names() async throws {
        let bench = try await SupportEngineBench(tickets: 60)
        let notes = Notes()
        let read = try await SupportEngineBench.read(try await bench.source(["rtl@cust.example"], sink: notes))
        let emails = Set(try read.values.map { try $0.ticket().requester?.email })
        #expect(emails == ["rtl@cust.example", "eve@cust.example"])
        #expect(notes.all.count { $0.code == "supportengine.other-address" } == 1)
    }

    @Test("leaves out what was not touched since, and counts times without a zone")
    func since() async throws {
        let bench = try await SupportEngineBench(tickets: 40)
        let source = try await bench.source()
        let whole = try await SupportEngineBench.read(source).values.map { try $0.ticket() }
        let times = whole.compactMap(\.updatedAt).sorted()
        let middle = times[20]
        var ids: Set<String> = []
        var after: Cursor?
        repeat {
            let page = try await source.list(since: middle, after: after)
            ids.formUnion(page.stubs.map(\.id))
            after = page.next
        } while after != nil
        #expect(ids == Set(whole.filter { ($0.updatedAt ?? middle) >= middle }.map(\.id)))
        #expect(await source.readReport().timesWithoutZone == 0)
        let lost = try await bench.source(zone: nil)
        _ = try await SupportEngineBench.read(lost)
        #expect(await lost.readReport().timesWithoutZone > 80)
    }

    @Test("is complete while tickets are made and touched between pages")
    func moving() async throws {
        let bench = try await SupportEngineBench(tickets: 40)
        let source = try await bench.source()
        let api = try bench.api()
        var ids: Set<String> = []
        var after: Cursor?
        repeat {
            let page = try await source.list(since: nil, after: after)
            ids.formUnion(page.stubs.map(\.id))
            after = page.next
            for id in [3, 17, 40] {
                _ = await api.send(
                    "ticket_reply.php", [("ticket_id", "\(id)"), ("user_email", "x@x.example"), ("message", "m")],
                    id: "reply_id")
            }
            _ = await api.send(
                "tickets_create.php", [("subject", "s"), ("user_email", "rtl@cust.example"), ("message", "m")],
                id: "ticket_id")
        } while after != nil
        #expect(ids.isSuperset(of: (1...40).map(String.init)))
    }

    @Test("says that a ticket is gone that the list has and the view refuses")
    func gone() async throws {
        let bench = try await SupportEngineBench(tickets: 10)
        let source = try await bench.source()
        let page = try await source.list(since: nil, after: nil)
        let stub = try #require(page.stubs.first)
        try await bench.site.edit { $0["tickets"][Int(stub.id) ?? 0] = nil }
        await #expect { _ = try await source.fetch(stub) } throws: { ($0 as? Diagnostic)?.code == "supportengine.gone" }
    }

    @Test("tells categories and fields as a catalogue")
    func catalogue() async throws {
        let entries = try await SupportEngineBench().source(["a@b.example"]).catalogue()
        #expect(entries.map(\.name) == ["Billing", "Technical", "Größe & Maß", "Order number", "Plan"])
        let none = try await SupportEngineBench(["no-undocumented-routes"]).source(["a@b.example"]).catalogue()
        #expect(none.isEmpty)
    }
}
