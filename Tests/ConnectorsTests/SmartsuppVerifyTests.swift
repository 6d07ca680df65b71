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

extension SmartsuppBench {
    /// A migration of these tickets.
    func setup(_ tickets: [Ticket], _ catalogue: [CatalogueEntry] = [], stop: StopSignal? = nil) -> MigrationSetup {
        var setup = MigrationSetup(
            name: "test", sourceName: "acme", source: TicketList(tickets, catalogue),
            mapping: TicketMapping { WriteMapping.none.draft(of: $0) }, notifications: .allow, concurrency: 4,
            clock: HastyClock(), sink: notes)
        setup.creating = Set(CatalogueEntry.Kind.allCases)
        if let stop { setup.stop = stop }
        return setup
    }

    func verify(
        _ tickets: [Ticket], _ catalogue: [CatalogueEntry] = [], _ journal: MemoryJournal,
        options: [String: OptionValue] = [:]
    ) async throws -> Verification {
        try await Verifier(setup: setup(tickets, catalogue), target: target(options), journal: journal).verify()
    }

    func undoer(
        _ tickets: [Ticket], _ catalogue: [CatalogueEntry] = [], _ journal: MemoryJournal,
        options: [String: OptionValue] = [:], stop: StopSignal? = nil
    ) async throws -> Undoer {
        Undoer(setup: setup(tickets, catalogue, stop: stop), target: try await target(options), journal: journal)
    }
}

@Suite("Verifying and taking back Smartsupp")
struct SmartsuppVerifyTests {
    @Test(
        "verify finds nothing on a clean account, with and without the journal, under every switch",
        arguments: [[]] + SmartsuppBench.switches.filter { $0 != "rate-limited" }.map { [$0] as Set<String> }
            + SmartsuppBench.combinations.prefix(4))
    func clean(_ switches: Set<String>) async throws {
        let bench = try SmartsuppBench(switches)
        let tickets = Ticket.chats()
        let journal = MemoryJournal()
        try await bench.run(tickets, journal: journal)
        for journal in [journal, MemoryJournal()] {
            let result = try await bench.verify(tickets, [], journal)
            #expect(result.exitCause == nil, "\(switches.sorted()): \(result.json.canonicalText)")
            #expect(result.tickets == tickets.count && result.listed == tickets.count)
            #expect(result.independentCount == (switches.contains("totals-absent") ? nil : tickets.count))
        }
    }

    /// What somebody did to the first conversation (messages 1 to 4), and what of it must be found.
    struct Defect: Sendable, CustomTestStringConvertible {
        var name: String
        var kinds: Set<Difference.Kind>
        var harm: @Sendable (inout SandboxTables) -> Void
        var testDescription: String { name }

        init(_ name: String, _ kinds: Set<Difference.Kind>, _ harm: @Sendable @escaping (inout SandboxTables) -> Void) {
            (self.name, self.kinds, self.harm) = (name, kinds, harm)
        }
    }

    /// A copy of a message under a new id and key.
    private static func copy(_ id: Int, _ tables: inout SandboxTables, _ change: (inout JSON) -> Void) {
        guard let row = tables["messages"][id] else { return }
        _ = tables["messages"].insert { id in
            var row = row
            row["id"] = JSON(id)
            row["created_at"] = JSON((row["created_at"]?.int ?? 0) + 60_000)
            change(&row)
            return row
        }
    }

    static let defects: [Defect] = [
        Defect("conversation gone", [.missingTicket]) { $0["conversations"][1] = nil },
        Defect("conversation twice", [.doubledTicket]) { tables in
            guard let row = tables["conversations"][1] else { return }
            _ = tables["conversations"].insert { id in
                var row = row
                row["id"] = JSON(id)
                row["created_at"] = JSON((row["created_at"]?.int ?? 0) + 600_000)
                return row
            }
        },
        Defect("message gone", [.missingMessage]) { $0["messages"][2] = nil },
        Defect("message twice", [.doubledMessage]) { copy(2, &$0) { _ in } },
        Defect("message added", [.addedMessage]) { tables in
            copy(2, &tables) { row in
                row["ext_id"] = .null
                row["content"] = ["type": "text", "text": "words of an agent"]
            }
        },
        Defect("messages swapped", [.order]) { tables in
            let (a, b) = (tables["messages"][2]?["created_at"], tables["messages"][3]?["created_at"])
            tables["messages"][2]?["created_at"] = b
            tables["messages"][3]?["created_at"] = a
        },
        Defect("a byte in a text", [.text]) { tables in
            let text = tables["messages"][2]?["content"]?["text"]?.string ?? ""
            tables["messages"][2]?["content"]?["text"] = .string(text + " ")
        },
        Defect("a byte in the markup", [.text]) { tables in
            let text = tables["messages"][2]?["content"]?["html"]?.string ?? ""
            tables["messages"][2]?["content"]?["html"] = .string(text + " ")
        },
        Defect("the first text changed", [.text]) { tables in
            let text = tables["messages"][1]?["content"]?["text"]?.string ?? ""
            tables["messages"][1]?["content"]?["text"] = .string("x" + text)
        },
        Defect("another agent", [.author]) { $0["messages"][2]?["agent_id"] = 2 },
        Defect("an agent's words as the bot's", [.author]) { $0["messages"][2]?["sub_type"] = "bot" },
        Defect("a private note of it", [.hidden]) { $0["messages"][2]?["type"] = "note" },
        Defect("opened", [.property]) { $0["conversations"][1]?["status"] = "open" },
        Defect("another contact", [.property, .author]) { $0["conversations"][1]?["contact_id"] = 2 },
        Defect("a variable gone", [.property]) { $0["conversations"][1]?["variables"] = ["ticket.subject": "x"] },
    ]

    @Test("verify finds each of the seeded defects", arguments: defects)
    func seeded(_ defect: Defect) async throws {
        let bench = try SmartsuppBench()
        let tickets = (0..<3).map { n in
            var ticket = Ticket.sample(id: "v\(n)")
            // Shown with its markup.
            ticket.messages[1].body = .html("<p>Look at <b>this</b></p>", lineBreaks: false)
            return ticket
        }
        let journal = MemoryJournal()
        // Each its own run, so that the first conversation's rows are the first.
        for count in 1...3 { try await bench.run(Array(tickets.prefix(count)), journal: journal) }
        try await bench.sandbox.edit(defect.harm)
        let result = try await bench.verify(tickets, [], journal)
        #expect(Set(result.counts.keys) == defect.kinds, "\(result.json.canonicalText)")
        #expect(result.differentTickets == 1 && result.failed.isEmpty && result.exitCause == .someFailed)
    }

    @Test("undo closes all conversations without a mail, interrupted or not, and a new migration writes new ones")
    func undo() async throws {
        let (stop, box) = (StopSignal(), SandboxObserverBox())
        let isUndoing = Mutex(false)
        let bench = try SmartsuppBench(observer: { moment, request, _ in
            guard request.method == "PATCH", isUndoing.withLock({ $0 }) else { return .goOn }
            if moment == .arrived, box.count() == 3 { stop.stop() }
            return moment == .committed && box.value == 3 ? .drop : .goOn
        })
        let tickets = Ticket.chats()
        let journal = MemoryJournal()
        try await bench.run(tickets, journal: journal)
        let (mails, before) = (await bench.sandbox.mails().count, await bench.sandbox.dump())
        let planned = try await bench.undoer(tickets, [], journal).plan()
        #expect(planned.closed == tickets.count && planned.mails == 0 && planned.touched.isEmpty)
        #expect(await bench.sandbox.dump() == before)
        isUndoing.withLock { $0 = true }
        let first = try await bench.undoer(tickets, [], journal, stop: stop).undo()
        #expect(first.state == .interrupted, "\(first.json.canonicalText)")
        let second = try await bench.undoer(tickets, [], journal).undo()
        #expect(second.exitCause == nil, "\(second.json.canonicalText)")
        let state = await bench.sandbox.dump()
        #expect(state["conversations"]?.array?.allSatisfy { $0["status"] == "closed" } == true)
        #expect(state["messages"] == before["messages"])
        #expect(await bench.sandbox.mails().count == mails)
        let again = try await bench.run(tickets, journal: journal)
        #expect(again.counts.created == tickets.count && again.failures.isEmpty)
        #expect(await bench.sandbox.dump()["conversations"]?.array?.count == 2 * tickets.count)
    }

    @Test(
        "undo deletes users and triggers that the run made while nothing uses them, and says what stays",
        arguments: [[], ["empty-answers", "small-pages"]] as [Set<String>])
    func catalogue(_ switches: Set<String>) async throws {
        let path = NSTemporaryDirectory() + "undo-\(UUID().uuidString)"
        let options: [String: OptionValue] = [
            "apiKey": .secret(Secret("good-key")), "account": .text("1001"), "passwords": .text(path),
        ]
        let entries = [
            CatalogueEntry(.agent, id: "1", name: "Grace", email: "grace@old.example"),
            CatalogueEntry(.agent, id: "2", name: "Heidi", email: "heidi@old.example"),
            CatalogueEntry(.agent, id: "3", name: "Ada", email: "ada@lab.example"),
            CatalogueEntry(.savedReply, id: "4", name: "Refund", details: ["content": "We refund"]),
            CatalogueEntry(.savedReply, id: "5", name: "Sorry", details: ["content": "Sorry"]),
            CatalogueEntry(.customer, id: "6", name: "Zoë", email: "zoe@cust.example"),
        ]
        let bench = try SmartsuppBench(switches)
        var ticket = Ticket.sample(id: "u1")
        ticket.messages[1].author = Person(role: .agent, name: "Grace", email: "grace@old.example")
        let journal = MemoryJournal()
        let report = try await bench.run([ticket], catalogue: entries, journal: journal, options: options)
        // A word to each new user is counted.
        #expect(await bench.sandbox.mails().count == report.plan?.mails)
        #expect(await bench.sandbox.mails().count { $0.kind == "user" } == 2)
        let clean = try await bench.verify([ticket], entries, journal, options: options)
        #expect(clean.exitCause == nil, "\(clean.json.canonicalText)")
        // Somebody uses one of the triggers.
        try await bench.sandbox.edit { $0["triggers"][3]?["active"] = true }
        let mails = await bench.sandbox.mails().count
        let undone = try await bench.undoer([ticket], entries, journal, options: options).undo()
        #expect(undone.closed == 1 && undone.besides == 2 && undone.failed.isEmpty, "\(undone.json.canonicalText)")
        #expect(undone.left.map(\.why).contains { $0.contains("agent grace@old.example") && $0.contains("written by") })
        #expect(undone.left.map(\.why).contains { $0.contains("savedReply Sorry") && $0.contains("switched it on") })
        let state = await bench.sandbox.dump()
        let emails = state["agents"]?.array?.compactMap { $0["email"]?.string } ?? []
        #expect(emails.contains("grace@old.example") && !emails.contains("heidi@old.example") && emails.count == 4)
        #expect(state["triggers"]?.array?.compactMap { $0["name"]?.string } == ["1st visit greeting", "Sorry"])
        #expect(await bench.sandbox.mails().count == mails)
    }

    @Test("equal words are told apart by what is known to be another's; where several could be ours, nobody can tell")
    func twins() async throws {
        let bench = try SmartsuppBench(["no-ext-id-in-answers"])
        var ticket = Ticket(id: "twins")
        ticket.requester = Person(id: "7", role: .customer, name: "Zoë", email: "zoe@cust.example")
        ticket.messages = (0..<3).map { n in
            var message = Message(kind: .reply)
            message.id = "m\(n)"
            message.author = ticket.requester
            message.body = .text("ok")
            return message
        }
        let target = try await bench.target()
        try await target.prepare(policy: .allow, sink: Notes())
        let identity = MigrationIdentity(migration: "test", source: "acme")
        let plan = await target.plan(ticket.draft, files: [], identity: identity, progress: TicketProgress())
        #expect(plan.steps.count == 3)
        var receipts: [WriteKey: Receipt] = [:]
        func send(_ step: Step) async {
            guard case .understood(let receipt, _) = await target.apply(step, receipts: receipts) else {
                Issue.record("\(step.name) was not understood")
                return
            }
            receipts[step.key] = receipt
        }
        func lookUp(_ step: Step) async throws -> String {
            switch try await target.lookUp(step, receipts: receipts) {
            case .found(let receipt): receipt.id
            case .notFound: "notFound"
            case .cannotTell(let diagnostic): diagnostic.code
            }
        }
        await send(plan.steps[0])
        // The conversation's own first words are no reply.
        #expect(try await lookUp(plan.steps[1]) == "notFound")
        await send(plan.steps[1])
        #expect(try await lookUp(plan.steps[2]) == "notFound")
        let sent = receipts[plan.steps[1].key]?.id ?? ""
        receipts[plan.steps[1].key] = nil
        #expect(try await lookUp(plan.steps[1]) == sent)
        let adopted = try await target.adopt(plan.steps, ticket: receipts[plan.steps[0].key] ?? Receipt(id: ""))
        #expect(adopted.count == 2 && adopted[plan.steps[1].key]?.id == sent)
        // The customer says the same, by herself.
        try await bench.sandbox.edit { tables in
            guard let row = tables["messages"][2] else { return }
            _ = tables["messages"].insert { id in
                var row = row
                row["id"] = JSON(id)
                row["ext_id"] = .null
                return row
            }
        }
        #expect(try await lookUp(plan.steps[1]) == "smartsupp.several")
        // Two of ours may be there, and there are two: in order.
        let both = try await target.adopt(plan.steps, ticket: receipts[plan.steps[0].key] ?? Receipt(id: ""))
        #expect(both.count == 3 && Set(both.values.map(\.id)).count == 3)
        // Words that came out otherwise may be ours as well.
        receipts[plan.steps[1].key] = Receipt(id: sent)
        try await bench.sandbox.edit { $0["messages"][3]?["content"]?["text"] = "okay" }
        #expect(try await lookUp(plan.steps[2]) == "smartsupp.several")
    }
}
