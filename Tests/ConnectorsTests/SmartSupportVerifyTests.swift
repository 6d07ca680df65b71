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

extension SmartSupportBench {
    /// A migration of these tickets.
    func setup(_ tickets: [Ticket], sink: Notes = Notes(), stop: StopSignal? = nil) -> MigrationSetup {
        var setup = MigrationSetup(
            name: "test", sourceName: "fixed", source: FixedSource(tickets: tickets),
            mapping: TicketMapping { WriteMapping.none.draft(of: $0) }, notifications: .allow, concurrency: 4,
            clock: clock, sink: sink)
        if let stop { setup.stop = stop }
        return setup
    }

    func verify(_ tickets: [Ticket], _ journal: MemoryJournal) async throws -> Verification {
        try await Verifier(setup: setup(tickets), target: try target(), journal: journal).verify()
    }

    func undoer(_ tickets: [Ticket], _ journal: MemoryJournal, stop: StopSignal? = nil) throws -> Undoer {
        Undoer(setup: setup(tickets, stop: stop), target: try target(), journal: journal)
    }

    /// Changes one row of a table.
    func change(_ table: String, _ id: Int, _ change: @Sendable @escaping (inout JSON) -> Void) async throws {
        try await sandbox.edit { tables in
            guard var row = tables[table][id] else { return }
            change(&row)
            tables[table][id] = row
        }
    }
}

@Suite("Verifying and taking back Smart Support")
struct SmartSupportVerifyTests {
    @Test(
        "verify finds nothing on a clean site, with and without the journal, in every shape of the answers",
        arguments: [
            [], ["text-filtered"], ["data-array", "other-names", "ids-as-strings"], ["data-items", "nulls-absent"],
            ["list-without-message", "per-page-clamped", "meta-under-other-names", "zone-tokyo"],
            ["updated-after-utc", "quiet-changes", "php-noise", "plain-links", "bearer-only"],
        ] as [[String]])
    func clean(_ switches: [String]) async throws {
        let bench = try await SmartSupportBench.open(Set(switches))
        let tickets = HostileTickets.all()
        let journal = MemoryJournal()
        let report = try await bench.run(tickets, journal)
        #expect(report.failures.isEmpty)
        for journal in [journal, MemoryJournal()] {
            let result = try await bench.verify(tickets, journal)
            #expect(result.exitCause == nil && result.declared == 0, "\(switches): \(result.json.canonicalText)")
            #expect(result.tickets == 20 && result.listed == 20 && result.independentCount == 20)
            #expect(result.messages > 100)
        }
    }

    /// What somebody did to the first ticket, its migration note (1), replies and notes, and what of it must be found.
    struct Defect: Sendable, CustomTestStringConvertible {
        var name: String
        var kinds: Set<Difference.Kind>
        var harm: @Sendable (inout SandboxTables) -> Void
        var testDescription: String { name }

        init(_ name: String, _ kinds: Set<Difference.Kind>, _ harm: @Sendable @escaping (inout SandboxTables) -> Void) {
            (self.name, self.kinds, self.harm) = (name, kinds, harm)
        }

        /// A column of one row.
        init(_ name: String, _ kinds: Set<Difference.Kind>, _ table: String, _ id: Int, _ column: String, _ value: JSON)
        {
            self.init(name, kinds) { tables in tables[table][id]?[column] = value }
        }
    }

    static let defects: [Defect] = [
        Defect("ticket gone", [.missingTicket]) { $0["tickets"][1] = nil },
        Defect("ticket twice", [.doubledTicket]) { tables in
            guard let row = tables["tickets"][1] else { return }
            _ = tables["tickets"].insert { id in
                var row = row
                row["id"] = JSON(id)
                return row
            }
        },
        Defect("reply gone", [.missingMessage]) { $0["replies"][2] = nil },
        Defect("note gone", [.missingMessage]) { $0["replies"][3] = nil },
        Defect("migration note gone", [.missingMessage]) { $0["replies"][1] = nil },
        Defect("reply twice", [.doubledMessage]) { tables in
            guard let row = tables["replies"][2] else { return }
            _ = tables["replies"].insert { id in
                var row = row
                row["id"] = JSON(id)
                return row
            }
        },
        Defect("reply added", [.addedMessage]) { tables in
            guard let row = tables["replies"][2] else { return }
            _ = tables["replies"].insert { id in
                var row = row
                row["id"] = JSON(id)
                row["message"] = "words of an agent"
                return row
            }
        },
        Defect("messages swapped", [.order]) { tables in
            guard let first = tables["replies"][2]?["created"], let last = tables["replies"][8]?["created"] else {
                return
            }
            tables["replies"][2]?["created"] = last
            tables["replies"][8]?["created"] = first
        },
        Defect("note made public", [.exposed], "replies", 3, "internal", false),
        Defect("reply made internal", [.hidden], "replies", 2, "internal", true),
        Defect("a byte added to a reply", [.text]) { tables in
            let text = tables["replies"][2]?["message"]?.string ?? ""
            tables["replies"][2]?["message"] = .string(" " + text)
        },
        Defect("a marker gone", [.text]) { tables in
            let text = tables["replies"][8]?["message"]?.string ?? ""
            tables["replies"][8]?["message"] = .string(SmartSupportText.withoutMarker(text))
        },
        Defect("the first text changed", [.text]) { tables in
            let text = tables["tickets"][1]?["message"]?.string ?? ""
            tables["tickets"][1]?["message"] = .string(text.replacing("It", with: "if"))
        },
        Defect("another author", [.author], "replies", 2, "user", 3),
        Defect("subject", [.property], "tickets", 1, "subject", "another"),
        Defect("status", [.property], "tickets", 1, "status", "delayed"),
        Defect("priority", [.property], "tickets", 1, "priority", "urgent"),
        Defect("department", [.property], "tickets", 1, "department", 3),
        Defect("product", [.property], "tickets", 1, "product", 1),
        Defect("agent", [.property], "tickets", 1, "agent", 4),
        Defect("customer", [.property, .author], "tickets", 1, "user", 4),
    ]

    @Test("verify finds each of the seeded defects, and nothing else", arguments: defects)
    func seeded(_ defect: Defect) async throws {
        let bench = try await SmartSupportBench.open()
        let tickets = HostileTickets.all(3)
        let journal = MemoryJournal()
        // One after another, so that the first ticket's rows are the first.
        try await bench.run(tickets, journal, concurrency: 1)
        try await bench.sandbox.edit(defect.harm)
        let result = try await bench.verify(tickets, journal)
        #expect(Set(result.counts.keys) == defect.kinds, "\(result.json.canonicalText)")
        #expect(result.differentTickets == 1 && result.failed.isEmpty)
        #expect(result.exitCause == .someFailed)
    }

    @Test(
        "undo marks what is closed, leaves the rest and says so, with no mail; a new migration writes the former anew")
    func undo() async throws {
        let bench = try await SmartSupportBench.open()
        let tickets = HostileTickets.all(12)
        let journal = MemoryJournal()
        try await bench.run(tickets, journal)
        let (mails, before) = (await bench.sandbox.mails().count, await bench.sandbox.dump())
        let planned = try await bench.undoer(tickets, journal).plan()
        #expect(planned.closed == 4 && planned.left.count == 8 && planned.touched.isEmpty && planned.mails == 0)
        #expect(planned.deleted == 0 && planned.requests == 4)
        #expect(await bench.sandbox.dump() == before)
        let report = try await bench.undoer(tickets, journal).undo()
        #expect(report.closed == 4 && report.left.count == 8 && report.failed.isEmpty, "\(report.json.canonicalText)")
        #expect(report.left.allSatisfy { $0.why.contains("may e-mail the customer") })
        #expect(await bench.sandbox.mails().count == mails)
        let rows = await bench.sandbox.dump()["tickets"]?.array ?? []
        let marked = rows.filter { $0["subject"]?.string?.hasPrefix("[taken back] ") == true }
        #expect(marked.count == 4 && marked.allSatisfy { $0["status"] == "closed" })
        let target = try bench.target()
        try await target.prepare(policy: .allow, sink: Notes())
        #expect(try await target.inventory().count { $0.isTakenBack } == 4)
        let again = try await bench.run(tickets, journal)
        #expect(again.counts.created == 4 && again.failures.isEmpty)
        #expect(await bench.sandbox.dump()["tickets"]?.array?.count == 16)
    }

    @Test("undo that is interrupted goes on where it was, and what people touched is left alone")
    func interrupted() async throws {
        let (stop, box) = (StopSignal(), SandboxObserverBox())
        let bench = try await SmartSupportBench.open(observer: { moment, request, _ in
            guard request.method == "PATCH", String(decoding: request.body, as: UTF8.self).contains("[taken back]")
            else { return .goOn }
            if moment == .arrived, box.count() == 2 { stop.stop() }
            // The second answer is lost as well.
            return moment == .committed && box.value == 2 ? .drop : .goOn
        })
        let tickets = (0..<8).map { n in
            var ticket = HostileTickets.ticket(n, email: "zoe-\(n)@cust.example")
            ticket.status = .closed
            return ticket
        }
        let journal = MemoryJournal()
        try await bench.run(tickets, journal, concurrency: 1)
        let mails = await bench.sandbox.mails().count
        try await bench.change("tickets", 8) { $0["priority"] = "urgent" == $0["priority"]?.string ? "low" : "urgent" }
        let first = try await bench.undoer(tickets, journal, stop: stop).undo()
        #expect(first.state == .interrupted && first.closed < 7)
        let second = try await bench.undoer(tickets, journal).undo()
        #expect(second.state == .finished && second.failed.isEmpty && second.touched.count == 1)
        #expect(second.touched.first?.targetID == "8")
        let subjects = (await bench.sandbox.dump()["tickets"]?.array ?? []).compactMap { $0["subject"]?.string }
        #expect(subjects.count { $0.hasPrefix("[taken back] ") } == 7)
        #expect(!subjects.contains { $0.hasPrefix("[taken back] [taken back] ") })
        #expect(await bench.sandbox.mails().count == mails)
    }

    @Test("a ticket whose status the site decides is not taken for one that people touched")
    func ownStatus() async throws {
        let bench = try await SmartSupportBench.open()
        var ticket = HostileTickets.ticket(0, email: "zoe@cust.example")
        ticket.status = nil
        let journal = MemoryJournal()
        try await bench.run([ticket], journal)
        let report = try await bench.undoer([ticket], journal).plan()
        #expect(report.touched.isEmpty && report.left.count == 1)
        let again = try await bench.run([ticket], journal)
        #expect(again.plan?.isEmpty == true)
    }
}
