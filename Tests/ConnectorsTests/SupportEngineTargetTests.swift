// SPDX-License-Identifier: Apache-2.0
import Mapping
import Migration
import Sandbox
import Synchronization
import Testing
import TicketModel

@testable import Connectors

@Suite("SupportEngine as a target")
struct SupportEngineTargetTests {
    /// Switches under which everything can be written.
    static let harmless: [Set<String>] = {
        let all = [
            "ids-as-strings", "display-errors", "silent-errors", "priority-enum", "no-undocumented-routes",
            "no-category-table", "no-custom-fields", "first-message-in-replies", "foreign-keys", "updated-at-null",
            "strict-collation", "more-columns", "bad-token-200",
        ]
        var random = SandboxRandom(seed: 5)
        return [[]] + all.map { [$0] } + (0..<10).map { _ in Set(all.filter { _ in random.next() % 3 == 0 }) }
    }()

    @Test("every leaf that differs is a declared loss, and every loss such a difference", arguments: harmless)
    func roundTrip(switches: Set<String>) async throws {
        let tickets = Ticket.hostile(30)
        for isHTML in switches.isEmpty ? [false, true] : [switches.count % 2 == 0] {
            let bench = try await SupportEngineBench(switches, tickets: 5)
            let journal = MemoryJournal()
            let (report, target) = try await bench.migrate(
                tickets, .init(isHTML: isHTML, settleTime: .seconds(1)), journal: journal)
            #expect(report.state == .finished && report.failures.isEmpty, "\(report.failures.prefix(3))")
            let arrived = try await bench.arrived(tickets, html: isHTML)
            #expect(arrived.count == tickets.count && arrived.values.allSatisfy { $0.count == 1 })
            var wrong: [String] = []
            for ticket in tickets {
                guard let there = arrived[ticket.id]?.first else { continue }
                let plan = await target.plan(
                    ticket.benchDraft, files: [], identity: SupportEngineBench.identity, progress: TicketProgress())
                wrong += ticket.undeclared(as: there, losses: plan.losses)
            }
            #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(6).joined(separator: "\n"))")
            let again = try await bench.migrate(tickets, .init(isHTML: isHTML), journal: journal).report
            #expect(again.counts.unchanged == tickets.count && again.counts.created == 0)
        }
    }

    @Test("a plan is the same each time, and no e-mail is counted")
    func pure() async throws {
        let bench = try await SupportEngineBench()
        let target = SupportEngineTarget(api: try bench.api())
        try await target.prepare(policy: nil, sink: Notes())
        for ticket in Ticket.hostile(20) {
            let plans = await [
                target.plan(ticket.benchDraft, files: [], identity: SupportEngineBench.identity, progress: .init()),
                target.plan(ticket.benchDraft, files: [], identity: SupportEngineBench.identity, progress: .init()),
            ]
            #expect(plans[0].steps == plans[1].steps && plans[0].losses == plans[1].losses)
            #expect(plans[0].steps.allSatisfy { $0.mails == 0 })
            #expect(Set(plans[0].steps.map(\.key)).count == plans[0].steps.count)
        }
        #expect(try await target.policy() == .refuse)
        try await target.prepare(policy: .stage, sink: Notes())
        await #expect(throws: Diagnostic.self) { _ = try await target.policy() }
    }

    @Test("never sends a note")
    func notes() async throws {
        let sent = Mutex<[String]>([])
        let bench = try await SupportEngineBench { moment, request, _ in
            if moment == .arrived {
                sent.withLock { $0.append(String(decoding: request.body, as: UTF8.self) + "\(request.query)") }
            }
            return .goOn
        }
        let tickets = Ticket.hostile(40)
        #expect(tickets.contains { $0.messages.contains { $0.kind == .note } })
        _ = try await bench.migrate(tickets)
        #expect(sent.withLock { $0.count } > 80)
        #expect(!sent.withLock { $0.contains { $0.contains("SECRET") } })
    }

    @Test("the same write twice is one, also by a process that knows nothing of the first")
    func twice() async throws {
        let bench = try await SupportEngineBench()
        let ticket = try #require(Ticket.hostile(30).first { $0.messages.count(where: { $0.kind == .reply }) > 2 })
        var ids: Set<String> = []
        for _ in 0..<2 {
            let target = SupportEngineTarget(api: try bench.api())
            try await target.prepare(policy: nil, sink: Notes())
            let plan = await target.plan(
                ticket.benchDraft, files: [], identity: SupportEngineBench.identity, progress: .init())
            for _ in 0..<2 {
                var receipts: [WriteKey: Receipt] = [:]
                for step in plan.steps {
                    guard case .understood(let receipt, _) = await target.apply(step, receipts: receipts) else {
                        Issue.record("\(step.name)")
                        return
                    }
                    receipts[step.key] = receipt
                    ids.insert("\(step.verb) \(receipt.id)")
                    guard case .found(let found) = try await target.lookUp(step, receipts: receipts) else {
                        Issue.record("\(step.name) is not found")
                        return
                    }
                    #expect(found.id == receipt.id)
                }
                #expect(ids.count == plan.steps.count)
            }
        }
        let stored = await bench.site.dump()
        #expect(stored["tickets"]?.array?.count == 1)
    }

    @Test("a lost journal makes nothing twice; adopting finds what the addresses show")
    func lostJournal() async throws {
        let bench = try await SupportEngineBench()
        let tickets = Ticket.hostile(15)
        _ = try await bench.migrate(tickets)
        let before = await bench.site.dump()
        let target = SupportEngineTarget(api: try bench.api(), options: .init(addresses: await bench.addresses()))
        try await target.prepare(policy: nil, sink: Notes())
        let found = try await target.inventory()
        #expect(found.count == 15)
        for ticket in tickets {
            let plan = await target.plan(
                ticket.benchDraft, files: [], identity: SupportEngineBench.identity, progress: .init())
            let create = try #require(plan.steps.first)
            let one = try #require(found.first { $0.digest == create.key.digest })
            let adopted = try await target.adopt(plan.steps, ticket: one.receipt)
            #expect(adopted.count == plan.steps.count && adopted.values.allSatisfy { $0.losses.isEmpty })
            var receipts: [WriteKey: Receipt] = [:]
            for step in plan.steps {
                if case .understood(let receipt, _) = await target.apply(step, receipts: receipts) {
                    receipts[step.key] = receipt
                }
            }
            #expect(receipts.mapValues(\.id) == adopted.mapValues(\.id))
        }
        #expect(await bench.site.dump() == before)
    }

    @Test(
        "the first ticket goes alone; a server that changes texts is found out and stops the run",
        arguments: [["utf8mb3", "lax-mode"], ["lax-mode"]])
    func changed(switches: Set<String>) async throws {
        let bench = try await SupportEngineBench(switches)
        var tickets = Array(Ticket.hostile(12)[6...])
        if switches == ["lax-mode"] {
            // Shorter columns than usual are cut silently.
            for index in tickets.indices { tickets[index].subject = String(repeating: "x", count: 400) }
        }
        let options = SupportEngineTarget.Options(
            hasLimits: !switches.isSuperset(of: ["lax-mode"]) || switches.contains("utf8mb3"),
            settleTime: .seconds(1))
        let (report, _) = try await bench.migrate(tickets, options)
        let failures = report.failures
        #expect(!failures.isEmpty)
        let stored = await bench.site.dump()["tickets"]?.array ?? []
        #expect(stored.count < tickets.count)
        if switches == ["lax-mode"] { #expect(stored.count == 1) }
        let bench2 = try await SupportEngineBench(switches)
        var accepting = options
        accepting.acceptsChanges = true
        let (other, _) = try await bench2.migrate(tickets, accepting)
        #expect(other.counts.created == tickets.count, "\(other.failures.prefix(2))")
        #expect(other.counts.failed == 0)
    }

    @Test("many tickets of one subject and customer are not looked through again for each")
    func alike() async throws {
        let bench = try await SupportEngineBench()
        let tickets = (0..<40).map { number in
            var ticket = Ticket(id: "\(number)")
            ticket.subject = "Contact form"
            ticket.requester = Person(role: .customer, email: "zoe@cust.example")
            return ticket
        }
        let (report, _) = try await bench.migrate(tickets)
        #expect(report.counts.created == 40)
        let views = await bench.front.requestCounts()["GET /help/api/ticket_view.php"] ?? 0
        #expect(views < 12, "\(views)")
        // A journal that was lost is noticed at the first address.
        await #expect { _ = try await bench.migrate(tickets) } throws: { ($0 as? Diagnostic)?.code == "journal.lost" }
        #expect(await bench.site.dump()["tickets"]?.array?.count == 40)
    }

    @Test("a text over the limit goes on in replies and comes back whole")
    func long() async throws {
        let bench = try await SupportEngineBench()
        var ticket = Ticket(id: "long")
        ticket.subject = "long"
        ticket.requester = Person(role: .customer, name: "Zoë", email: "zoe@cust.example")
        var message = Message(kind: .reply)
        message.id = "m1"
        message.author = ticket.requester
        let text = String(repeating: "Zeile mit ü und 😀, die nicht endet ", count: 6000)
        message.body = .text(text)
        ticket.messages = [message]
        let (report, _) = try await bench.migrate([ticket])
        #expect(report.counts.created == 1)
        let there = try #require(try await bench.arrived([ticket])["long"]?.first)
        let parts = there.messages.compactMap { $0.body?.content }
        #expect(parts.count > 3 && parts.allSatisfy { $0.utf8.count <= 65_535 })
        let header = "\(ticket.benchDraft.authorships[0].header)\n\n"
        let whole = parts.enumerated().map { number, part in
            let words = part.withoutOurs([String(header.dropLast(2))])
            let label = "(\(number + 1)/\(parts.count))\n"
            #expect(words.hasPrefix(label))
            return String(words.dropFirst(label.count))
        }
        #expect(whole.joined() == text)
    }

    @Test("a required field that a ticket has not gets a dash, which is a loss")
    func required() async throws {
        let bench = try await SupportEngineBench(["required-field"])
        let tickets = Ticket.hostile(6)
        let (report, _) = try await bench.migrate(tickets)
        let lacking = tickets.count { $0.customFields["Order number"] == nil }
        #expect(report.counts.created == 6 && lacking > 0)
        let values = await bench.site.dump()["custom_field_values"]?.array ?? []
        #expect(values.count { $0["value"]?.string == "–" } == lacking)
        // Where the server does not tell its fields, the answer does.
        let blind = try await SupportEngineBench(["required-field", "no-undocumented-routes"])
        let (other, _) = try await blind.migrate([tickets[1]])
        #expect(other.failures.first?.failure?.code == "supportengine.required-field")
    }
}
