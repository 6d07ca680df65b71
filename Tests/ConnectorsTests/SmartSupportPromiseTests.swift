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

/// Private stays private, nothing comes twice, and nothing is skipped: where the site tells less than one would like.
@Suite("Promises on a site of Smart Support that tells little")
struct SmartSupportPromiseTests {
    /// An answer with its JSON changed.
    private static func changed(_ response: SandboxResponse, _ change: (inout [JSON]) -> Void) -> SandboxVerdict {
        guard var json = try? JSON(parsing: response.body), var rows = json["data"]?["replies"]?.array else {
            return .goOn
        }
        change(&rows)
        json["data"] = ["replies": .array(rows)]
        return .answer(SandboxResponse(status: response.status, json: json, headers: response.headers))
    }

    /// A site whose answers do not say which replies are internal; where `exposes` is said it makes all of them public.
    private static func untold(exposes: Bool) async throws -> SmartSupportBench {
        let site = Mutex<SmartSupportSandbox?>(nil)
        let bench = try await SmartSupportBench.open(observer: { moment, request, response in
            if exposes, moment == .committed, request.method == "POST", let sandbox = site.withLock({ $0 }) {
                try? await sandbox.edit { tables in
                    for var row in Array(tables["replies"].all) {
                        guard let id = row["id"]?.int else { continue }
                        row["internal"] = false
                        tables["replies"][id] = row
                    }
                }
            }
            guard moment == .answering, let response, let text = String(bytes: response.body, encoding: .utf8) else {
                return .goOn
            }
            var other = response
            other.body = Array(
                text.replacing("\"is_internal\":true,", with: "").replacing("\"is_internal\":false,", with: "").utf8)
            return .answer(other)
        })
        site.withLock { $0 = bench.sandbox }
        return bench
    }

    @Test("a note whose answer does not say that it is internal is read back; one that came out public is the last")
    func untoldNotes() async throws {
        let ticket = HostileTickets.ticket(0, email: "zoe@cust.example")
        let quiet = try await Self.untold(exposes: false)
        let fine = try await quiet.run([ticket], MemoryJournal())
        #expect(fine.failures.isEmpty)
        let notes = (await quiet.sandbox.dump()["replies"]?.array ?? []).filter { $0["internal"]?.bool == true }
        // Ours, and two of the ticket.
        #expect(notes.count == 3)
        let bench = try await Self.untold(exposes: true)
        let report = try await bench.run([ticket, HostileTickets.ticket(8, email: "z@cust.example")], MemoryJournal())
        #expect(report.failures.first?.failure?.code == "smart-support.note-public")
        // Not one private word left for the site after that.
        #expect(await !bench.sandbox.dump().canonicalText.contains("SECRET"))
    }

    @Test("of notes at once only one is on its way before one is proven to be private")
    func oneFirst() async throws {
        let written = SandboxObserverBox()
        let bench = try await SmartSupportBench.open(observer: { moment, request, response in
            guard moment == .answering, request.method == "POST", let response,
                let text = String(bytes: response.body, encoding: .utf8), text.contains("\"is_internal\":true")
            else { return .goOn }
            await Task.yield()
            written.count()
            var other = response
            other.body = Array(text.replacing("\"is_internal\":true", with: "\"is_internal\":false").utf8)
            return .answer(other)
        })
        try await bench.run(HostileTickets.all(12), MemoryJournal(), concurrency: 8)
        #expect(written.value == 1)
        #expect(await !bench.sandbox.dump().canonicalText.contains("SECRET"))
    }

    /// A key that writes notes and is never shown any; `drops` names the write whose answer is lost.
    private static func blind(drops: Int) -> (SandboxObserver, SandboxObserverBox) {
        let box = SandboxObserverBox()
        let observer: SandboxObserver = { moment, request, response in
            let isReply = request.path.hasSuffix("/replies")
            if moment == .committed, isReply, request.method == "POST",
                String(decoding: request.body, as: UTF8.self).contains("\"is_internal\":true")
            {
                return box.count() == drops ? .drop : .goOn
            }
            guard moment == .answering, isReply, request.method == "GET", let response else { return .goOn }
            return changed(response) { rows in rows.removeAll { $0["is_internal"]?.bool == true } }
        }
        return (observer, box)
    }

    @Test("a note whose answer is lost is never sent again where the key is not shown notes", arguments: [2, 3, 4])
    func hiddenNotes(_ number: Int) async throws {
        let (observer, _) = Self.blind(drops: number)
        let bench = try await SmartSupportBench.open(observer: observer)
        let notes = Notes()
        let tickets = [0, 8].map { HostileTickets.ticket($0, email: "zoe-\($0)@cust.example") }
        let report = try await bench.run(tickets, MemoryJournal(), sink: notes, concurrency: 1)
        #expect(report.failures.map { $0.failure?.code } == ["smart-support.notes-hidden"])
        #expect(notes.all.contains { $0.code == "smart-support.notes-hidden" && $0.severity == .warning })
        let texts = (await bench.sandbox.dump()["replies"]?.array ?? []).compactMap { $0["message"]?.string }
        #expect(Set(texts).count == texts.count)
    }

    @Test("where the key is shown notes, a lost one is found or sent again, also the first one of a run")
    func shownNotes() async throws {
        for moment in [SandboxMoment.arrived, .committed] {
            for number in 1...4 {
                let box = SandboxObserverBox()
                let bench = try await SmartSupportBench.open(observer: { now, request, _ in
                    guard now == moment, request.method == "POST",
                        String(decoding: request.body, as: UTF8.self).contains("\"is_internal\":true")
                    else { return .goOn }
                    return box.count() == number ? .drop : .goOn
                })
                let report = try await bench.run(HostileTickets.all(2), MemoryJournal(), concurrency: 1)
                #expect(report.failures.isEmpty)
                let texts = (await bench.sandbox.dump()["replies"]?.array ?? []).compactMap { $0["message"]?.string }
                #expect(Set(texts).count == texts.count && !texts.isEmpty)
            }
        }
    }

    @Test("what the site takes and ignores is a loss")
    func ignored() async throws {
        let bench = try await SmartSupportBench.open(observer: { moment, request, _ in
            guard moment == .arrived, request.method == "PATCH" else { return .goOn }
            // Says yes and does nothing.
            return .answer(SandboxResponse(json: ["success": true, "message": "Ticket updated.", "data": [:]]))
        })
        var ticket = HostileTickets.ticket(0, email: "zoe@cust.example")
        let journal = MemoryJournal()
        try await bench.run([ticket], journal)
        #expect(await journal.losses(of: "s0").contains { $0.field == "status" && $0.reason.contains("ignored") })
        ticket.priority = .urgent
        ticket.assignee = Person(role: .agent, email: "bruno@lab.example")
        try await bench.run([ticket], journal)
        let lost = await journal.losses(of: "s0").filter { $0.reason.contains("ignored") }.map(\.field)
        #expect(Set(lost).isSuperset(of: ["status", "priority", "assignee"]))
    }

    @Test(
        "nothing is skipped where the filter by date goes by another clock than the one shown", arguments: [3, 50, 100])
    func otherClock(_ pageSize: Int) async throws {
        let bench = try await SmartSupportBench.open(["updated-after-utc"], tickets: 60)
        var options = SmartSupportSource.Options()
        options.pageSize = pageSize
        #expect(try await Set(bench.ids(try bench.source(options))).count == 60)
        // A delta from the middle has all that the site shows to be later.
        let usual = try await SmartSupportBench.open(tickets: 60)
        let since = try #require(Timestamp("2021-04-02T00:00:00Z"))
        let wanted = try await usual.ids(try usual.source(options), since: since)
        #expect(!wanted.isEmpty && wanted.count < 60)
        #expect(try await Set(bench.ids(try bench.source(options), since: since)).isSuperset(of: wanted))
        // The newest one alone is within the distance of the two clocks.
        let last = try #require(Timestamp("2021-04-06T12:00:00Z"))
        let newest = try await Set(usual.ids(try usual.source(options), since: last))
        #expect(try await Set(bench.ids(try bench.source(options), since: last)).isSuperset(of: newest))
    }
}

/// Counts from anywhere.
final class SandboxObserverBox: Sendable {
    private let number = Mutex(0)
    var value: Int { number.withLock { $0 } }
    @discardableResult
    func count() -> Int {
        number.withLock {
            $0 += 1
            return $0
        }
    }
}
