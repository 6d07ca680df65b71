// SPDX-License-Identifier: Apache-2.0
internal import Connectors
internal import Migration
internal import Sandbox
internal import TicketModel

extension Exam {
    /// Tickets of the practice site for checks that read.
    static let seeded = 12

    /// Adds a ticket and touches one after each page.
    func listing() async throws -> [String] {
        try await onSite { site in
            let all = HostileTickets.make(18, seed: 5)
            site.expect(all)
            var tickets = Array(all.prefix(12))
            let journal = MemoryJournal()
            let memory = MemorySource(tickets)
            let report = try await pair(site).run(memory, to: site.target().0, journal: journal)
            var wanted: [String: String] = [:]
            for ticket in tickets { wanted[ticket.id] = await journal.ticket(ticket.id)?.ticket.targetID }
            guard wanted.count == tickets.count else {
                throw ExamFailure("only \(wanted.count) of \(tickets.count) were written (\(report.state))")
            }
            await site.learnCustomers()
            let (source, _) = try await site.source(ExamSite.Opening(pageSize: 3))
            var found = Set<String>()
            var cursor: Cursor?
            var round = 0
            repeat {
                let page = try await source.list(since: nil, after: cursor)
                found.formUnion(page.stubs.map(\.id))
                cursor = page.next
                if cursor != nil, round < 6 {
                    // One of the first, one of the last, one in the middle; and one that is new.
                    let i = [0, tickets.count - 1, tickets.count / 2][round % 3]
                    tickets[i].messages.append(Self.afterthought(round))
                    if round + 12 < all.count { tickets.append(all[12 + round]) }
                    memory.replace(tickets)
                    _ = try await pair(site).run(memory, to: site.target().0, journal: journal)
                }
                round += 1
            } while cursor != nil && round < 1000
            if cursor != nil { return ["the listing did not end after \(round) pages"] }
            return wanted.filter { !found.contains($0.value) }.map {
                "ticket \($0.value) was there and was not listed (after \(round) pages)"
            }
        }
    }

    private static func afterthought(_ n: Int) -> Message {
        var message = Message(kind: .reply)
        message.id = "later\(n)"
        message.author = Person(role: .agent, name: "Grace O'Hara", email: "grace@old.example")
        message.createdAt = Timestamp(seconds: 1_760_000_000 + Int64(n))
        message.body = .text("an afterthought \(n)")
        return message
    }

    func resuming() async throws -> [String] {
        try await onSite(tickets: Self.seeded) { site in
            let opening = ExamSite.Opening(pageSize: 3)
            var pages: [(ids: [String], next: Cursor?)] = []
            let (source, _) = try await site.source(opening)
            var cursor: Cursor?
            repeat {
                let page = try await source.list(since: nil, after: cursor)
                pages.append((page.stubs.map(\.id), page.next))
                cursor = page.next
            } while cursor != nil
            let total = Set(pages.flatMap(\.ids)).count
            var out = total == Self.seeded ? [] : ["\(total) tickets are listed of \(Self.seeded)"]
            for (i, page) in pages.enumerated() {
                guard let start = page.next else { continue }
                let (other, _) = try await site.source(opening)
                var rest: [String] = []
                var cursor: Cursor? = start
                while let at = cursor {
                    let page = try await other.list(since: nil, after: at)
                    for stub in page.stubs where stub.line == nil { _ = try await other.fetch(stub) }
                    rest += page.stubs.map(\.id)
                    cursor = page.next
                }
                let wanted = pages[(i + 1)...].flatMap(\.ids)
                if rest != wanted { out.append("from the cursor “\(start.text)”: \(rest) instead of \(wanted)") }
            }
            return out
        }
    }

    func rereading() async throws -> [String] {
        try await onSite(tickets: Self.seeded) { site in
            let first = try await site.readAll()
            let (source, _) = try await site.source()
            let second = try await ExamSite.readAll(source)
            let third = try await ExamSite.readAll(source)
            var out = first.count == Self.seeded ? [] : ["\(first.count) tickets are read of \(Self.seeded)"]
            for (id, line) in first.sorted(by: { $0.key < $1.key }) where (try line.ticket()).id != id {
                out.append("ticket \(id) says that its id is \(try line.ticket().id)")
            }
            return out + Self.differences(second, first, "a new source")
                + Self.differences(third, first, "the same source again")
        }
    }

    func pageSizes() async throws -> [String] {
        try await onSite(tickets: 7) { site in
            let usual = try await site.readAll()
            var out = usual.count == 7 ? [] : ["\(usual.count) tickets are read of 7"]
            for size in [1, 3, 7, 1000, 1_000_000] {
                let found = try await site.readAll(ExamSite.Opening(pageSize: size))
                out += Self.differences(found, usual, "pages of \(size)")
            }
            return out
        }
    }

    // MARK: Time

    /// Instants around the changes of Berlin's clocks; none in the hour that is there twice.
    private static let instants: [Int64] = [
        1_743_296_399, 1_743_296_400, 1_743_296_401, 1_743_299_999,  // 30 March 2025, 01:00 UTC
        1_761_436_799, 1_761_447_601, 1_761_450_000,  // 26 October 2025: 00:00 to 02:00 UTC is twice there
        1_751_328_000, 1_735_689_600,
    ]

    func zones() async throws -> [String] {
        var out: [String] = []
        // The same made-up tickets on sites of other zones are of the same moments.
        var times: [String: [String: [Int64]]] = [:]
        for zone in ["UTC", "Europe/Berlin", "America/St_Johns"] {
            times[zone] = try await onSite(tickets: Self.seeded, zone: zone) { site in
                try await site.readAll().mapValues { try Self.times(of: $0.ticket()) }
            }
        }
        for zone in ["Europe/Berlin", "America/St_Johns"] {
            for (id, wanted) in (times["UTC"] ?? [:]).sorted(by: { $0.key < $1.key }) {
                let found = times[zone]?[id] ?? []
                guard found != wanted else { continue }
                let isDouble = zip(found, wanted).allSatisfy {
                    abs($0 - $1) <= 3600 && (abs($0 - $1) == 0 || isTwice($1))
                }
                if found.count != wanted.count || !isDouble {
                    out.append(
                        "ticket \(id) has other times where the site is in \(zone): \(found) instead of \(wanted)")
                }
            }
        }
        guard examinee.helpdesk.target != nil else { return out }
        for start in [Int64(1_774_745_990), 1_792_893_590, 1_792_897_190, 1_782_000_000] {
            out += try await stamps(from: Timestamp(seconds: start))
        }
        return out
    }

    private static func times(of ticket: Ticket) -> [Int64] {
        let own = [ticket.createdAt, ticket.updatedAt, ticket.resolvedAt, ticket.closedAt, ticket.dueAt]
        return (own + ticket.messages.map(\.createdAt)).map { $0?.seconds ?? 0 }
    }

    /// Whether the last Sunday of October may have that moment's local time twice.
    private func isTwice(_ seconds: Int64) -> Bool {
        let civil = Timestamp(seconds: seconds).civil
        return (civil.month == 10 && civil.day >= 25) || (civil.month == 11 && civil.day <= 7)
    }

    /// Tickets with times around the changes, written around a change: each comes back, is declared, or is of now.
    private func stamps(from start: Timestamp) async throws -> [String] {
        let time = ExamTime(start)
        return try await onSite(time: time) { site in
            let tickets = Self.instants.enumerated().map { n, instant in
                var ticket = HostileTickets.plain(n)
                ticket.createdAt = Timestamp(seconds: instant)
                ticket.updatedAt = Timestamp(seconds: instant + 7200)
                for i in ticket.messages.indices {
                    ticket.messages[i].createdAt = Timestamp(seconds: instant + Int64(i))
                }
                return ticket
            }
            let outcome = try await compared(tickets, on: site)
            var out = outcome.unexplained.filter { $0.contains("At") }.map { "written at \(start): \($0)" }
            let end = time.now().seconds
            for (id, line) in try await site.readAll() {
                let drafted = tickets.first { outcome.ids[$0.id] == id }
                let known = Set(drafted.map(Self.times) ?? [])
                for moment in try Self.times(of: line.ticket()) where moment != 0 && !known.contains(moment) {
                    let isNow = (start.seconds - 1...end + 1).contains(moment)
                    let isAmbiguous = isTwice(moment) && (start.seconds - 3601...end + 3601).contains(moment)
                    if !isNow, !isAmbiguous {
                        out.append("written at \(start): ticket \(id) has the time \(Timestamp(seconds: moment))")
                    }
                }
            }
            return out
        }
    }
}
