// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Connectors
import Migration
import Testing
import TicketModel

@Suite struct FirstTests {
    @Test(arguments: Examinee.all)
    func `hostile tickets`(examinee: Examinee) async throws {
        let site = try await ExamSite(examinee)
        let tickets = HostileTickets.make(50)
        site.expect(tickets)
        let run = PairRun(clock: site.time, sink: site.heard)
        let outcome = try await run.compare(MemorySource(tickets), to: site.target().0) {
            await site.learnCustomers()
            return try await site.source().0
        }
        print(
            "\(examinee): \(outcome.tickets) \(outcome.messages) losses \(outcome.losses) diffs \(outcome.differences)")
        for line in outcome.unexplained { print(line) }
        await site.close()
    }
}
