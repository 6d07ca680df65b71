// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import Sandbox
internal import TicketModel

extension Exam {
    func hostileText() async throws -> [String] {
        try await onSite { site in
            let outcome = try await compared(HostileTickets.oneForEachText(), on: site)
            let texts = ["body", "subject", "name", "not written", "does not list", "more than"]
            return outcome.unexplained.filter { line in texts.contains { line.contains($0) } }
        }
    }

    func roundTrip() async throws -> [String] {
        try await onSite { site in try await compared(hostile(30, seed: 3), on: site).unexplained }
    }

    // MARK: Once

    func writtenOnce() async throws -> [String] {
        try await onSite { site in
            let tickets = hostile(12, seed: 7)
            let first = try await compared(tickets, on: site)
            var out =
                first.unexplained.isEmpty ? [] : ["the first run left \(first.unexplained.count) things unexplained"]
            let usual = try await Self.census(site)
            let before = await site.sandbox.dump()
            let again = try await pair(site).run(MemorySource(tickets), to: site.target().0, journal: first.journal)
            if again.counts.unchanged != tickets.count { out.append("a second run has \(again.counts) to do") }
            if await site.sandbox.dump() != before { out.append("a second run changed the target") }
            // A lost journal is refused, or rebuilt.
            do {
                _ = try await pair(site).run(MemorySource(tickets), to: site.target().0)
                out.append("a run with a new journal was not refused")
            } catch let diagnostic as Diagnostic {
                if diagnostic.code != "journal.lost" { out.append("a run with a new journal: \(diagnostic)") }
            }
            let journal = MemoryJournal()
            let adopted = try await pair(site).run(
                MemorySource(tickets), to: site.target().0, journal: journal, adopts: true)
            if adopted.state != .finished { out.append("a run with an adopted journal ended \(adopted.state)") }
            let taken = await journal.tickets(after: nil, limit: 1000).filter { $0.edits != nil }.map(\.id)
            if !taken.isEmpty { out.append("after adopting, tickets count as edited by people: \(taken)") }
            let after = try await Self.census(site)
            if after != usual {
                out.append(
                    "after adopting, \(after.count) tickets with \(after.values.reduce(0, +)) messages stand instead of "
                        + "\(usual.count) with \(usual.values.reduce(0, +))")
            }
            return out
        } + editedOpenings()
    }

    /// The content of a ticket has no id in most helpdesks: edited in the source, it is not written once more.
    private func editedOpenings() async throws -> [String] {
        try await onSite { site in
            var tickets = hostile(6, seed: 11)
            for i in tickets.indices where !tickets[i].messages.isEmpty { tickets[i].messages[0].id = nil }
            let first = try await compared(tickets, on: site)
            let usual = try await Self.census(site)
            for i in tickets.indices where !tickets[i].messages.isEmpty {
                tickets[i].messages[0].body = .text("this text was edited in the source")
            }
            _ = try await pair(site).run(
                MemorySource(tickets), to: site.target().0, journal: first.journal)
            let after = try await Self.census(site)
            return after == usual ? [] : ["edited openings: \(after) messages stand instead of \(usual)"]
        }
    }

    /// Messages by ticket.
    private static func census(_ site: ExamSite) async throws -> [String: Int] {
        try await site.readAll().mapValues { try $0.ticket().messages.count { $0.kind != .event } }
    }

    /// Drops the connection of each write once, at that moment.
    func lostConnections(at moment: SandboxMoment) async throws -> [String] {
        // By what is asked, ids aside: what a run makes and gives back has another id in the next.
        let dropped = ExamNotes(Set<[UInt8]>())
        let observer: SandboxObserver = { now, request, _ in
            guard now == moment, request.method != "GET" else { return .goOn }
            let asked = Array("\(request.method) \(request.path.filter { !$0.isNumber }) ".utf8) + request.body
            return dropped.change { $0.insert(asked).inserted } ? .drop : .goOn
        }
        return try await onSite(observer: observer) { site in
            let tickets = hostile(8, seed: 11)
            site.expect(tickets)
            let journal = MemoryJournal()
            // What is still in doubt is for the next run to look up, as after a crash.
            for _ in 0..<40 {
                do {
                    let report = try await pair(site).run(MemorySource(tickets), to: site.target().0, journal: journal)
                    if report.exitCause == nil { break }
                } catch let diagnostic as Diagnostic where diagnostic.cause == .unavailable {
                    // What is done before the first ticket is not tried again by itself.
                    continue
                }
            }
            await site.learnCustomers()
            let outcome = try await pair(site).compared(
                MemorySource(tickets), journal: journal, readBack: site.source().0)
            return outcome.unexplained + (dropped.value.isEmpty ? ["no connection was lost"] : [])
        }
    }

    // MARK: Private and mails

    func privateNotes() async throws -> [String] {
        try await onSite { site in
            let tickets = hostile(24, seed: 13)
            let wanted = tickets.reduce(0) { $0 + $1.messages.count { $0.kind == .note } }
            let outcome = try await compared(tickets, on: site)
            let features = try await prepared(site).features
            var out: [String] = wanted == 0 || outcome.tickets == 0 ? ["the exam has no private notes"] : []
            var notes = 0
            for (id, line) in try await site.readAll() {
                for message in try line.ticket().messages {
                    guard message.body?.content.contains(HostileTickets.privateWord) == true else { continue }
                    if message.kind == .reply {
                        out.append("ticket \(id): a private note is public")
                    } else {
                        notes += 1
                    }
                }
            }
            let state = await site.sandbox.dump().canonicalText
            if !features.notes, state.contains(HostileTickets.privateWord) {
                out.append("the target has no notes, and a private word is in it")
            }
            if features.notes, notes != wanted { out.append("\(notes) notes of \(wanted) are there as notes") }
            return out
        }
    }

    private func prepared(
        _ site: ExamSite, policy: NotificationPolicy? = nil
    ) async throws -> any TicketTarget {
        let (target, _) = try await site.target()
        try await target.prepare(policy: policy, sink: site.heard)
        return target
    }

    func mails() async throws -> [String] {
        let policies = try await onSite { site in try await prepared(site).features.notificationPolicies }
        var out: [String] = []
        for policy in policies where policy != .refuse {
            out += try await onSite { site in
                let tickets = hostile(10, seed: 17)
                site.expect(tickets)
                var pair = pair(site)
                pair.notifications = policy
                let before = await site.sandbox.mails().count
                let report = try await pair.run(MemorySource(tickets), to: site.target().0)
                let sent = await site.sandbox.mails().count - before
                let planned = report.plan?.mails ?? -1
                return sent == planned ? [] : ["\(policy.rawValue): \(sent) mails were sent, \(planned) were planned"]
            }
        }
        return out
    }

    // MARK: Plan

    func dryRun() async throws -> [String] {
        try await onSite(tickets: 3) { site in
            let tickets = hostile(12, seed: 19)
            site.expect(tickets)
            let before = await site.sandbox.dump()
            let mails = await site.sandbox.mails().count
            let (target, transport) = try await site.target()
            let setup = pair(site).setup(MemorySource(tickets))
            let summary = try await Planner(setup: setup, target: target, journal: MemoryJournal()).plan()
            let (other, checked) = try await site.target()
            _ = try await Migration.Check(setup: setup, target: other, journal: MemoryJournal(), labels: [:]).run()
            var out: [String] = summary.create == 0 ? ["the plan has nothing to do"] : []
            for request in transport.requests + checked.requests
            where ["PUT", "PATCH", "DELETE"].contains(String(request.prefix { $0 != " " })) {
                out.append("a dry run sent \(request)")
            }
            if await site.sandbox.dump() != before { out.append("a dry run changed what is stored") }
            if await site.sandbox.mails().count != mails { out.append("a dry run sent mails") }
            return out
        }
    }

    func planIsResult() async throws -> [String] {
        try await onSite { site in
            let tickets = hostile(14, seed: 23)
            site.expect(tickets)
            let journal = MemoryJournal()
            var pair = pair(site)
            pair.concurrency = 1
            // With mails, where it can: there is more to count.
            let policies = try await prepared(site).features.notificationPolicies
            pair.notifications = policies.contains(.allow) ? .allow : nil
            var planned: [String: [Loss]] = [:]
            let setup = pair.setup(MemorySource(tickets))
            let summary = try await Planner(setup: setup, target: site.target().0, journal: journal).plan {
                planned[$0.id] = $0.losses
            }
            let (target, transport) = try await site.target()
            let watched = WatchedTarget(
                target, requests: { transport.count }, mails: { await site.sandbox.mails().count })
            let report = try await pair.run(MemorySource(tickets), to: watched, journal: journal)
            var out = watched.complaints
            if report.counts.created != summary.create || report.counts.updated != summary.update {
                out.append("the plan makes \(summary.create), the run made \(report.counts.created)")
            }
            if summary.digest != report.plan?.digest { out.append("two plans of the same differ") }
            if watched.requests != summary.requests {
                out.append("the plan costs \(summary.requests) requests, the run took \(watched.requests)")
            }
            if watched.mails != summary.mails {
                out.append("the plan sends \(summary.mails) mails, the run sent \(watched.mails)")
            }
            for ticket in tickets {
                let kept = Set(await journal.losses(of: ticket.id))
                let wanted = Set(planned[ticket.id] ?? [])
                for loss in kept.subtracting(wanted) { out.append("\(ticket.id): lost and not planned: \(loss.field)") }
                for loss in wanted.subtracting(kept) { out.append("\(ticket.id): planned and not lost: \(loss.field)") }
            }
            return out
        }
    }
}
