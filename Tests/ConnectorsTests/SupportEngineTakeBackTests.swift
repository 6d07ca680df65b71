// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Foundation
import Mapping
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

/// Reading back what was written, and what an undo says where nothing can be taken back.
@Suite struct SupportEngineTakeBackTests {
    private static func setup(_ tickets: [Ticket], clock: StepClock, sink: Notes = Notes()) -> MigrationSetup {
        MigrationSetup(
            name: "bench", sourceName: "made-up", source: ListedTickets(tickets),
            mapping: TicketMapping { ($0.benchDraft, []) }, notifications: nil, concurrency: 4, clock: clock,
            sink: sink)
    }

    private static func verify(
        _ tickets: [Ticket], _ bench: SupportEngineBench, addresses: [String], journal: any Journal = MemoryJournal()
    ) async throws -> Verification {
        let target = SupportEngineTarget(
            api: try bench.api(), options: .init(addresses: addresses, settleTime: .seconds(1)))
        return try await Verifier(setup: setup(tickets, clock: bench.clock), target: target, journal: journal).verify()
    }

    @Test(
        arguments: [
            [], ["ids-as-strings"], ["no-undocumented-routes"], ["required-field"], ["more-columns"],
            ["updated-at-null"],
            ["no-custom-fields"], ["strict-collation"],
        ] as [Set<String>]) func `A clean migration of hostile tickets shows no difference`(
            _ switches: Set<String>
        ) async throws
    {
        let bench = try await SupportEngineBench(switches, tickets: 4)
        let tickets =
            Ticket.hostile(30) + ConformanceKit.HostileTickets.make(30, seed: 3)
            + ConformanceKit.HostileTickets.oneForEachText()
        let journal = MemoryJournal()
        let (report, _) = try await bench.migrate(tickets, journal: journal)
        #expect(report.state == .finished)
        // Without a journal by the addresses, with the journal without them.
        let result = try await Self.verify(tickets, bench, addresses: await bench.addresses())
        let byJournal = try await Self.verify(tickets, bench, addresses: [], journal: journal)
        for one in [result, byJournal] {
            #expect(one.failed.isEmpty, "\(one.failed)")
            #expect(one.different.isEmpty, "\(one.different.prefix(3))")
            #expect(one.messages > tickets.count)
        }
        #expect(result.listed == tickets.count)
        #expect(byJournal.listed == 0)
        #expect(result.independentCount == nil)
    }

    @Test(arguments: [
        "lost reply", "twice", "changed byte", "subject", "priority", "field", "lost ticket", "swapped", "stray",
        "category", "field that was empty",
    ]) func `A defect in the target is found`(_ defect: String) async throws {
        let bench = try await SupportEngineBench()
        let (tickets, journal) = (Ticket.hostile(12), MemoryJournal())
        _ = try await bench.migrate(tickets, journal: journal)
        try await bench.site.edit { tables in
            let replies = Array(tables["ticket_replies"].all)
            let r = replies[5]["id"]?.int ?? 0
            func row(_ table: String, where key: String) -> Int {
                Array(tables[table].all).first { $0[key]?.text?.isEmpty == false }?["id"]?.int ?? 0
            }
            switch defect {
            case "lost reply": tables["ticket_replies"][r] = nil
            case "twice":
                _ = tables["ticket_replies"].insert { id in
                    var copy = replies[5]
                    copy["id"] = JSON(id)
                    return copy
                }
            case "changed byte":
                tables["ticket_replies"][r]?["message"] = .string(
                    "x\(replies[5]["message"]?.string?.dropFirst() ?? "")")
            case "subject":
                let plain = Array(tables["tickets"].all).first { $0["subject"]?.text == "Same subject" }
                tables["tickets"][plain?["id"]?.int ?? 0]?["subject"] = "another"
            case "priority": tables["tickets"][row("tickets", where: "priority")]?["priority"] = "none"
            case "field":
                let given = Array(tables["custom_field_values"].all).first {
                    $0["value"]?.string?.hasPrefix("A-") == true
                }
                tables["custom_field_values"][given?["id"]?.int ?? 0]?["value"] = "changed"
            case "field that was empty":
                let empty = Array(tables["custom_field_values"].all).first { $0["value"]?.string == "" }
                tables["custom_field_values"][empty?["id"]?.int ?? 0]?["value"] = "made up"
            case "lost ticket": tables["tickets"][4] = nil
            case "swapped":
                for one in replies {
                    guard let other = replies.last(where: { $0["ticket_id"] == one["ticket_id"] }), other != one else {
                        continue
                    }
                    tables["ticket_replies"][one["id"]?.int ?? 0]?["message"] = other["message"]
                    tables["ticket_replies"][other["id"]?.int ?? 0]?["message"] = one["message"]
                    break
                }
            case "stray":
                _ = tables["ticket_replies"].insert { id in
                    var copy = replies[5]
                    copy["id"] = JSON(id)
                    copy["message"] = "written by somebody"
                    return copy
                }
            default: tables["tickets"][row("tickets", where: "category_id")]?["category_id"] = 2
            }
        }
        let result = try await Self.verify(tickets, bench, addresses: await bench.addresses(), journal: journal)
        let kinds: [String: Difference.Kind] = [
            "lost reply": .missingMessage, "twice": .doubledMessage, "changed byte": .text, "subject": .property,
            "priority": .property, "field": .property, "lost ticket": .missingTicket, "swapped": .order,
            "stray": .addedMessage, "category": .property, "field that was empty": .property,
        ]
        let kind = try #require(kinds[defect])
        #expect(result.counts[kind] ?? 0 > 0, "\(result.counts) \(result.different)")
    }

    @Test func `An undo lists the tickets, changes nothing and sends nothing`() async throws {
        let bench = try await SupportEngineBench(tickets: 2)
        let (tickets, journal) = (Ticket.hostile(10), MemoryJournal())
        _ = try await bench.migrate(tickets, journal: journal)
        let before = await bench.site.dump()
        let target = SupportEngineTarget(api: try bench.api(), options: .init(settleTime: .seconds(1)))
        let report = try await Undoer(
            setup: Self.setup(tickets, clock: bench.clock), target: target, journal: journal
        ).undo()
        #expect(report.deleted + report.closed == 0)
        #expect(report.left.count == 10)
        #expect(report.left.allSatisfy { $0.why.contains("neither deletes nor closes") })
        #expect(report.mails == 0)
        #expect(await bench.site.dump() == before)
    }

    @Test func `Lists that come as objects are read whole, rows that are none are no answer`() throws {
        let row: JSON = ["id": 1]
        #expect(SupportEngineAPI.rows([row]) == [row])
        #expect(SupportEngineAPI.rows(["0": row, "2": row]) == [row, row])
        #expect(SupportEngineAPI.rows([]) == [])
        #expect(SupportEngineAPI.rows([row, "text"]) == nil)
        #expect(SupportEngineAPI.rows("text") == nil)
        #expect(SupportEngineAPI.rows(nil) == nil)
    }
}
