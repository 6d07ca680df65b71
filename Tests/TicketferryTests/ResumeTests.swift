// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Plans against what then happens, counted at the helpdesk; faults; pace; logins.
@Suite("A migration into the practice helpdesk", .serialized)
struct ResumeTests {
    /// The plan of a migration as JSON.
    private struct Plan {
        var summary: [String: Int]
        var steps: [String]

        init(_ migration: PracticeMigration, _ flags: String...) throws {
            let result = try migration.tool.run(
                ["plan", "crash.yaml", "--json"] + flags, environment: PracticeMigration.environment)
            try #require(result.code == 0, "\(result.errors)")
            let json = try #require(
                try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
            summary = (json["summary"] as? [String: Any] ?? [:]).compactMapValues { $0 as? Int }
            let changes = json["changes"] as? [[String: Any]] ?? []
            steps = changes.flatMap { $0["steps"] as? [String] ?? [] }
        }

        func count(_ verb: String) -> Int { steps.count { $0.hasPrefix(verb + " ") } }
    }

    @Test("does what the plan says: tickets, messages, files, e-mails, requests", arguments: ["rest", "finish"])
    func planIsResult(dates: String) throws {
        let migration = try PracticeMigration(target: ["dates: \(dates)"])
        defer { migration.close() }
        let plan = try Plan(migration)
        let reads = try migration.practice.counts()
        #expect(reads.writes == 0, "a plan sends only reads: \(reads.routes)")
        #expect(plan.summary["create"] == 60 && plan.summary["mails"] == 0)
        let run = try migration.run("migrate")
        #expect(run.code == 0, "\(run.output)\(run.errors)")
        let counts = try migration.practice.counts() - reads
        let site = try migration.practice.site()
        #expect(site.tickets.count == plan.summary["create"])
        #expect(site.marks.count == plan.count("create") + plan.count("append"))
        #expect(site.files == 37)
        #expect(site.mails == 0)
        #expect(counts.ofTickets == plan.summary["requests"], "\(counts.routes)")
        // One request for a message, one for a file, and so many besides for the whole ticket; tags go in bulk.
        let bulk = counts.routes["POST fluent-support/v2/tickets/bulk-actions"] ?? 0
        #expect(bulk <= 5)
        let besides = counts.ofTickets - bulk - site.marks.count - site.files
        #expect(besides <= 60 * (dates == "finish" ? 1 : 6), "\(besides) requests besides messages and files")
        let after = try Plan(migration)
        #expect(after.steps == [] && after.summary["unchanged"] == 60)
    }

    @Test(
        "costs each ticket at most its messages, files and six requests more; one more where dates are finished",
        arguments: ["rest", "finish"])
    func requestsOfEachTicket(dates: String) throws {
        let migration = try PracticeMigration(target: ["dates: \(dates)"])
        defer { migration.close() }
        for id in ["41", "99", "589"] {
            let before = try migration.practice.counts()
            let old = try migration.practice.site()
            guard try migration.run("migrate", "--only", id).code == 0 else { continue }
            let counts = try migration.practice.counts() - before
            let site = try migration.practice.site()
            let bulk = counts.routes["POST fluent-support/v2/tickets/bulk-actions"] ?? 0
            let most = site.marks.count - old.marks.count + site.files - old.files + (dates == "finish" ? 1 : 6)
            #expect(counts.ofTickets - bulk <= most, "\(id): \(counts.routes)")
        }
    }

    @Test("checks and plans with reads alone")
    func onlyReads() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        for command in ["plan", "check", "inspect", "status", "show"] {
            _ = command == "show" ? try migration.run(command, "1") : try migration.run(command)
        }
        let counts = try migration.practice.counts()
        #expect(counts.writes == 0, "\(counts.routes)")
        #expect(try migration.run("migrate", "--dry-run").code == 0)
        #expect(try migration.practice.counts().writes == 0)
    }

    @Test("through a helpdesk that throttles, breaks off, lies and cuts: nothing lost, nothing twice")
    func faults() throws {
        let migration = try PracticeMigration(
            faults: "429=0.01,drop-after=0.02,504-after=0.02,truncate=0.02,html-after=0.02")
        defer { migration.close() }
        var codes: [Int32] = []
        for _ in 0..<8 where codes.last != 0 {
            let run = try migration.run("migrate")
            codes.append(run.code)
            #expect([0, 1, 69].contains(run.code), "\(run.output)\(run.errors)")
        }
        #expect(codes.last == 0, "\(codes)")
        let site = try migration.practice.site()
        #expect(site.differences(from: try PracticeMigration.undisturbed.get()) == [])
        #expect(site.doubles == [])
        #expect(site.mails == 0)
    }

    @Test("with 20 ms of latency goes five times as fast with eight at once as with one")
    func parallel() throws {
        var seconds: [Int: Double] = [:]
        for concurrency in [8, 1] {
            let migration = try PracticeMigration(
                faults: "latency=20ms", more: ["concurrency: \(concurrency)", "archive: none"])
            defer { migration.close() }
            // Reading the source costs the same in both: the writes are what is measured.
            let before = try migration.practice.counts()
            let running = try migration.start()
            try #require(try migration.wait(for: running, writes: 1, since: before))
            let began = ContinuousClock.now
            let run = running.wait()
            seconds[concurrency] = (ContinuousClock.now - began) / .seconds(1)
            #expect(run.code == 0, "\(run.output)\(run.errors)")
        }
        let (one, eight) = (try #require(seconds[1]), try #require(seconds[8]))
        #expect(eight * 5 <= one, "\(one) s with one, \(eight) s with eight")
    }

    @Test("that nobody answers ends with 69 and a remedy")
    func unreachable() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        migration.practice.stop()
        for command in ["plan", "migrate"] {
            let end = try migration.run(command)
            #expect(end.code == 69, "\(end.output)\(end.errors)")
            #expect(end.errors.contains("  fix: "), "\(end.errors)")
        }
    }
}
