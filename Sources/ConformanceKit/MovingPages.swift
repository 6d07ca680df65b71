// SPDX-License-Identifier: Apache-2.0
internal import Migration
package import Sandbox
internal import TicketModel

/// Reads a source that changes between its pages: tickets come, are touched and are deleted, most of them with one and the
/// same date of change.
///
/// From one seed: what happens after which page, to which ticket.
package struct MovingPages: Sendable {
    /// Who is read.
    package let examinee: Examinee
    /// Deletes a ticket of the practice site by its id; nil where none is deleted.
    package let delete: (@Sendable (_ site: any SandboxHelpdesk, _ ticket: String) async throws -> Void)?

    /// Names who is read.
    package init(
        _ examinee: Examinee,
        delete: (@Sendable (_ site: any SandboxHelpdesk, _ ticket: String) async throws -> Void)? = nil
    ) {
        self.examinee = examinee
        self.delete = delete
    }

    private enum Event: CaseIterable { case comes, touchedEarly, touchedLate, deletedEarly, deletedLate, nothing }

    /// Reads once; what was there from the start, was not deleted and was not listed, a line each.
    ///
    /// - Throws: what writing and reading throws, except for a ticket that is gone when it is fetched.
    package func read(seed: UInt64, pageSize: Int = 3) async throws -> [String] {
        var random = SandboxRandom(seed: seed)
        let site = try await ExamSite(examinee)
        let all = HostileTickets.make(26, seed: 5)
        site.expect(all)
        var tickets: [Ticket] = []
        let memory = MemorySource([])
        let journal = MemoryJournal()
        let pair = PairRun(clock: site.time, sink: site.heard)
        let moment = site.time.elapsed()
        func write(_ change: (inout [Ticket]) -> Void) async throws {
            change(&tickets)
            memory.replace(tickets)
            _ = try await pair.run(memory, to: site.target().0, journal: journal)
        }
        for ticket in all.prefix(14) {
            try await write { $0.append(ticket) }
            // Equal sort keys over the pages' borders: most are of one moment.
            if Int.random(in: 0..<4, using: &random) > 0 { site.time.rewind(to: moment) }
        }
        site.time.advance(.seconds(120))
        var wanted: [String: String] = [:]
        for ticket in tickets {
            if let id = await journal.ticket(ticket.id)?.ticket.targetID { wanted[id] = ticket.id }
        }
        guard wanted.count == tickets.count else { throw ExamFailure("only \(wanted.count) tickets were written") }
        await site.learnCustomers()
        let (source, _) = try await site.source(ExamSite.Opening(pageSize: pageSize))
        var found: Set<String> = []
        var story: [String] = []
        var cursor: Cursor?
        var pages = 0
        repeat {
            let page = try await source.list(since: nil, after: cursor)
            story.append("page \(page.stubs.map(\.id))")
            for stub in page.stubs {
                found.insert(stub.id)
                guard stub.line == nil, Bool.random(using: &random) else { continue }
                do { _ = try await source.fetch(stub) } catch let error as Diagnostic where error.cause == .someFailed {
                    if wanted[stub.id] != nil { return ["ticket \(stub.id) is there and cannot be fetched: \(error)"] }
                }
            }
            cursor = page.next
            pages += 1
            guard pages < 300 else { return ["the listing does not end"] }
            guard cursor != nil, pages < 30 else { continue }
            let seen = wanted.keys.filter { found.contains($0) }.sorted()
            let unseen = wanted.keys.filter { !found.contains($0) }.sorted()
            let event = Event.allCases.randomElement(using: &random) ?? .nothing
            switch event {
            case .comes:
                guard tickets.count < all.count else { continue }
                story.append("one comes")
                try await write { $0.append(all[$0.count]) }
            case .touchedEarly, .touchedLate:
                guard let id = (event == .touchedEarly ? seen : unseen).randomElement(using: &random),
                    let i = tickets.firstIndex(where: { $0.id == wanted[id] })
                else { continue }
                story.append("\(id) is touched")
                try await write { $0[i].messages.append(Self.afterthought(pages)) }
            case .deletedEarly, .deletedLate:
                guard let delete, let id = (event == .deletedEarly ? seen : unseen).randomElement(using: &random)
                else { continue }
                story.append("\(id) is deleted")
                try await delete(site.sandbox, id)
                let name = wanted.removeValue(forKey: id)
                tickets.removeAll { $0.id == name }
            case .nothing: break
            }
        } while cursor != nil
        await site.close()
        let missed = wanted.keys.filter { !found.contains($0) }.sorted()
        if missed.isEmpty { return [] }
        return ["seed \(seed): \(missed) were there and were not listed: \(story.joined(separator: "; "))"]
    }

    private static func afterthought(_ n: Int) -> Message {
        var message = Message(kind: .reply)
        message.id = "later\(n)"
        message.author = Person(role: .agent, name: "Ada Okafor", email: "ada@lab.example")
        message.createdAt = Timestamp(seconds: 1_760_000_000 + Int64(n))
        message.body = .text("an afterthought \(n)")
        return message
    }
}
