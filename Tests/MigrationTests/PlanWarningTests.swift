// SPDX-License-Identifier: Apache-2.0
import Testing
import TicketModel

@testable import Migration

@Suite("What a plan makes somebody ask")
struct PlanWarningTests {
    private func codes(_ summary: PlanSummary) -> [String] { summary.warnings.map(\.code) }

    @Test("a source without tickets and a selection that leaves all out are told apart, and neither is a success")
    func nothing() async throws {
        let world = World(madeUpTickets(4))
        try await world.run()
        world.source.replace([])
        var (summary, _) = try await world.plan()
        #expect(codes(summary).contains("plan.no-tickets") && summary.listed == 0)
        world.source.replace(madeUpTickets(4))
        world.selection.status = ["Warten"]
        (summary, _) = try await world.plan()
        #expect(codes(summary) == ["plan.none-selected", "plan.status-unseen"])
        #expect(summary.warnings.allSatisfy { $0.remedy.contains("`ticketferry inspect world.yaml`") })
        #expect(summary.total == 0 && summary.listed == 4 && summary.json["listed"]?.int == 4)
        #expect(world.heard.codes.contains("plan.none-selected"))
        // One of two words is wrong.
        world.selection.status = ["open", "Warten"]
        (summary, _) = try await world.plan()
        #expect(codes(summary) == ["plan.status-unseen"] && summary.total == 2)
        // A delta may well find nothing.
        world.selection = Selection()
        world.selection.updatedSince = Timestamp(seconds: 1_000_000_000)
        (summary, _) = try await world.plan()
        #expect(codes(summary).isEmpty)
    }

    @Test("ids that the source does not have are named by plan and run, once all of it was listed")
    func unknownIDs() async throws {
        let world = World(madeUpTickets(4))
        world.selection.ids = ["t2", "t99", "t98"]
        var (summary, _) = try await world.plan()
        #expect(codes(summary) == ["plan.no-such-ticket"] && summary.unlisted == ["t98", "t99"])
        #expect(summary.warnings.first?.message.hasSuffix("not in the source: t98, t99") == true)
        #expect(try await world.run().plan?.unlisted == ["t98", "t99"])
        world.selection.limit = 1
        (summary, _) = try await world.plan()
        #expect(summary.unlisted.isEmpty)
        world.selection = Selection()
        (summary, _) = try await world.plan()
        #expect(codes(summary).isEmpty)
    }

    @Test("a share of tickets that is gone is a warning in plan and run, unless only a part was asked for")
    func manyGone() async throws {
        let tickets = madeUpTickets(60)
        let world = World(tickets)
        try await world.run()
        world.source.replace(Array(tickets.dropLast(1)))
        var (summary, _) = try await world.plan()
        #expect(summary.gone == ["t60"] && codes(summary).isEmpty)
        world.source.replace(Array(tickets.prefix(40)))
        (summary, _) = try await world.plan()
        #expect(summary.gone.count == 20 && codes(summary) == ["plan.many-gone"])
        #expect(summary.warnings.first?.severity == .warning)
        #expect(summary.warnings.first?.message.contains("20 of the 60") == true)
        let report = try await world.run()
        #expect(report.exitCause == nil)
        #expect(report.json["warnings"]?.array?.map { $0["code"]?.string } == ["plan.many-gone"])
        #expect(report.json["gone"]?.int == 20)
        world.selection.limit = 5
        (summary, _) = try await world.plan()
        #expect(summary.gone.isEmpty && codes(summary).isEmpty)
        world.selection = Selection()
        world.selection.ids = ["t1"]
        (summary, _) = try await world.plan()
        #expect(summary.gone.isEmpty && codes(summary).isEmpty)
        world.selection = Selection()
        world.selection.updatedSince = Timestamp(seconds: 0)
        (summary, _) = try await world.plan()
        #expect(summary.gone.isEmpty && codes(summary).isEmpty)
    }

    @Test(
        "more than a tenth and ten, or more than half, is many",
        arguments: [(9, 60, false), (10, 60, true), (10, 100, false), (11, 100, true), (2, 3, true), (1, 2, false)])
    func many(gone: Int, known: Int, isMany: Bool) {
        #expect(PlanWarnings.isMany(gone, of: known) == isMany)
    }

    @Test("texts that changed in the source are named by ticket and message")
    func changedTexts() async throws {
        var tickets = madeUpTickets(3)
        let world = World(tickets)
        try await world.run()
        tickets[1].messages[1].body = .text("said otherwise")
        world.source.replace(tickets)
        let (summary, changes) = try await world.plan()
        #expect(summary.changedTextsNamed.map { "\($0.ticket) \($0.message)" } == ["t2 message 2m1"])
        #expect(changes[1].changedTexts == ["message 2m1"] && summary.changedTexts == 1)
    }
}
