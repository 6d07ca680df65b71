// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Crypto
import Foundation
import Mapping
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

/// Reading back what was written, and taking it back.
@Suite struct KBSupportTakeBackTests {
    /// A practice site into which hostile tickets are migrated.
    private struct Bench {
        let sandbox: KBSupportSandbox
        let journal = MemoryJournal()
        let clock = StepClock()
        let api: KBSupportAPI

        init(_ switches: Set<String> = [], tickets: Int = 0) async throws {
            var options = SandboxOptions(tickets: tickets, timeZone: "Europe/Berlin")
            options.switches = switches
            sandbox = try await KBSupportSandbox.open(options)
            let (base, _) = try BaseURL.parse("http://127.0.0.1", api: KBSupportAPI.plugin)
            let connection = Connection(
                base: base, transport: InProcessTransport(sandbox), pacer: Pacer(PacingCurve(ceiling: 8)))
            api = KBSupportAPI(client: connection.client(.basic(user: "admin", Secret("any"))))
        }

        func target() -> KBSupportTarget { KBSupportTarget(api: api, options: .init(settleTime: .seconds(1))) }

        func setup(_ tickets: [Ticket]) -> MigrationSetup {
            MigrationSetup(
                name: "bench", sourceName: "made-up", source: TicketsWithFiles(tickets),
                mapping: TicketMapping { ($0.benchDraft, []) }, notifications: .allow, concurrency: 4, clock: clock,
                sink: Notes())
        }

        func migrate(_ tickets: [Ticket]) async throws -> RunReport {
            var options = RunOptions()
            options.allowsNotifications = true
            return try await Runner(setup: setup(tickets), target: target(), journal: journal, options: options)
                .migrate()
        }

        func verify(_ tickets: [Ticket], journal: (any Journal)? = nil) async throws -> Verification {
            try await Verifier(setup: setup(tickets), target: target(), journal: journal ?? self.journal).verify()
        }

        /// Everything but customers and e-mails, which nothing takes back.
        func dump() async -> JSON {
            var dump = await sandbox.dump()
            for name in ["customers", "mails"] { dump[name] = nil }
            // A table that is empty again is as one that never was.
            return .object((dump.members ?? []).filter { $0.value.array?.isEmpty == false })
        }
    }

    static let ways: [Set<String>] = [[], ["xmlrpc-off"], ["no-multicall"], ["agent-login"], ["departments-on"]]

    /// Texts that break things, with files and tags.
    static func tickets(_ count: Int) -> [Ticket] {
        Ticket.hostile(count).enumerated().map { number, ticket in
            var ticket = ticket
            ticket.tags = [["vip", "Größe & Maß"], ["VIP", "<b>bold</b>"], []][number % 3]
            ticket.assignee = number % 2 == 0 ? Person(role: .agent, email: "ada@lab.example") : nil
            for place in ticket.messages.indices where ticket.messages[place].kind == .reply {
                guard (number + place) % 3 == 0 else { continue }
                var file = TicketModel.Attachment()
                file.name = ["bild ü.txt", "a & b -- \"q\".txt", "c.csv"][place % 3]
                file.url = "\(number)-\(place)"
                ticket.messages[place].attachments = [file]
            }
            return ticket
        }
    }

    @Test(arguments: ways) func `A clean migration of hostile tickets shows no difference`(
        _ switches: Set<String>
    ) async throws {
        let bench = try await Bench(switches, tickets: 3)
        let tickets =
            Self.tickets(30) + ConformanceKit.HostileTickets.make(30, seed: 3)
            + ConformanceKit.HostileTickets.oneForEachText()
        let report = try await bench.migrate(tickets)
        #expect(report.state == .finished)
        let result = try await bench.verify(tickets)
        #expect(result.failed.isEmpty, "\(result.failed)")
        #expect(result.different.isEmpty, "\(result.different.prefix(3))")
        #expect(result.tickets == tickets.count)
        #expect(result.listed == tickets.count)
        #expect(result.messages > tickets.count)
        #expect(result.files > 10)
        #expect(result.independentCount == (switches.contains("xmlrpc-off") ? nil : tickets.count + 3))
        // Without the journal as well.
        let again = try await bench.verify(tickets, journal: MemoryJournal())
        #expect(again.different.isEmpty, "\(again.different.prefix(3))")
    }

    @Test(arguments: [
        "lost reply", "twice", "changed byte", "author", "date", "file bytes", "lost file", "status", "subject", "tag",
        "agent", "swapped", "lost ticket", "opening", "added", "moved",
    ]) func `A defect in the target is found`(_ defect: String) async throws {
        let bench = try await Bench()
        let tickets = Self.tickets(12)
        _ = try await bench.migrate(tickets)
        try await bench.sandbox.edit { tables in
            func posts(_ type: String) -> [JSON] { tables["posts"].all.filter { $0["type"]?.string == type } }
            let (reply, ticket) = (posts("kbs_ticket_reply")[5], posts("kbs_ticket")[3])
            let (r, t) = (reply["id"]?.int ?? 0, ticket["id"]?.int ?? 0)
            func change(_ id: Int, _ key: String, _ value: JSON) { tables["posts"][id]?[key] = value }
            switch defect {
            case "lost reply": tables["posts"][r] = nil
            case "twice":
                _ = tables["posts"].insert { id in
                    var copy = reply
                    copy["id"] = JSON(id)
                    return copy
                }
            case "changed byte": change(r, "content", .string("x\(reply["content"]?.string?.dropFirst() ?? "")"))
            case "author": change(r, "author", reply["author"]?.int == 3 ? 4 : 3)
            case "date": change(r, "date", JSON((reply["date"]?.int ?? 0) + 1))
            case "file bytes":
                if let id = Array(tables["files"].all).first?["id"]?.int {
                    let bytes = Data(base64Encoded: tables["files"][id]?["bytes"]?.string ?? "") ?? Data()
                    let other = Data(bytes.map { $0 ^ 1 }).base64EncodedString()
                    tables["files"][id]?["bytes"] = .string(other)
                }
            case "lost file": tables["posts"][posts("attachment")[0]["id"]?.int ?? 0] = nil
            case "status": change(t, "status", ticket["status"]?.string == "hold" ? "open" : "hold")
            case "subject":
                let plain = posts("kbs_ticket").first { $0["title"]?.string == "Same subject" }
                change(plain?["id"]?.int ?? 0, "title", "another")
            case "tag":
                let tagged = posts("kbs_ticket").first { $0["terms"]?["ticket_tag"]?.array?.isEmpty == false }
                tables["posts"][tagged?["id"]?.int ?? 0]?["terms"]?["ticket_tag"] = []
            case "agent":
                let assigned = posts("kbs_ticket").first { $0["meta"]?["agent"]?.int ?? 0 != 0 }
                let other = assigned?["meta"]?["agent"]?.int == 1 ? 2 : 1
                tables["posts"][assigned?["id"]?.int ?? 0]?["meta"]?["agent"] = JSON(other)
            case "swapped":
                // Two replies of one ticket change their dates with each other.
                let all = posts("kbs_ticket_reply")
                for one in all {
                    guard
                        let other = all.first(where: {
                            $0["parent"] == one["parent"] && ($0["date"]?.int ?? 0) > (one["date"]?.int ?? 0)
                        })
                    else { continue }
                    tables["posts"][one["id"]?.int ?? 0]?["date"] = other["date"]
                    tables["posts"][other["id"]?.int ?? 0]?["date"] = one["date"]
                    break
                }
            case "lost ticket": tables["posts"][t] = nil
            case "opening": change(t, "content", .string("\(ticket["content"]?.string ?? "") "))
            case "added":
                _ = tables["posts"].insert { id in
                    var copy = reply
                    copy["id"] = JSON(id)
                    copy["content"] = "written by somebody"
                    return copy
                }
            default: change(r, "parent", posts("kbs_ticket")[7]["id"] ?? 0)
            }
        }
        let result = try await bench.verify(tickets)
        #expect(!result.counts.isEmpty || !result.failed.isEmpty)
        let kinds: [String: Difference.Kind] = [
            "lost reply": .missingMessage, "twice": .doubledMessage, "changed byte": .text, "author": .author,
            "date": .date, "file bytes": .changedFile, "lost file": .missingFile, "status": .property,
            "subject": .property, "tag": .missingTag, "agent": .property, "swapped": .order,
            "lost ticket": .missingTicket, "opening": .text, "added": .addedMessage, "moved": .missingMessage,
        ]
        let kind = try #require(kinds[defect])
        #expect(result.counts[kind] ?? 0 > 0, "\(result.different)")
    }

    @Test(arguments: [[], ["no-multicall"], ["departments-on"]] as [Set<String>])
    func `An undo leaves the site as it was before, without an e-mail`(_ switches: Set<String>) async throws {
        let bench = try await Bench(switches, tickets: 5)
        let before = await bench.dump()
        let tickets = Self.tickets(20)
        _ = try await bench.migrate(tickets)
        let mails = await bench.sandbox.mails().count
        let dry = try await Undoer(setup: bench.setup(tickets), target: bench.target(), journal: bench.journal).plan()
        #expect(dry.deleted == 20)
        #expect(dry.mails == 0)
        #expect(await bench.dump() != before)
        let report = try await Undoer(setup: bench.setup(tickets), target: bench.target(), journal: bench.journal)
            .undo()
        #expect(report.state == .finished)
        #expect(report.failed.isEmpty, "\(report.failed)")
        #expect(report.touched.isEmpty, "\(report.touched)")
        #expect(report.deleted == 20)
        #expect(report.remains.count { $0.contains("customers") } == 1, "\(report.remains)")
        #expect(report.exitCause == nil, "\(report.left)")
        #expect(await bench.sandbox.mails().count == mails)
        #expect(await bench.dump() == before)
        // A new migration starts clean.
        _ = try await bench.migrate(tickets)
        #expect(try await bench.verify(tickets).different.isEmpty)
    }

    @Test func `A tag that other tickets carry by now stays`() async throws {
        let bench = try await Bench()
        let tickets = Self.tickets(6)
        _ = try await bench.migrate(tickets)
        try await bench.sandbox.edit { tables in
            let tag = tables["ticket_tag"].all.first { $0["name"]?.string?.hasPrefix("Größe") == true }
            _ = tables["posts"].insert {
                [
                    "id": JSON($0), "type": "kbs_ticket", "status": "open", "title": "own", "content": "own",
                    "terms": ["ticket_tag": [tag?["id"] ?? 0]],
                ]
            }
        }
        let report = try await Undoer(setup: bench.setup(tickets), target: bench.target(), journal: bench.journal)
            .undo()
        #expect(report.left.contains { $0.why.contains("Größe") && $0.why.contains("it is still on 1 ticket") })
        let names = await bench.sandbox.dump()["ticket_tag"]?.array?.compactMap { $0["name"]?.string } ?? []
        #expect(names.contains { $0.hasPrefix("Größe") })
        #expect(!names.contains { $0.contains("bold") })
    }

    @Test func `Without XML-RPC tickets stay and are named`() async throws {
        let bench = try await Bench(["xmlrpc-off"])
        let tickets = Self.tickets(6)
        _ = try await bench.migrate(tickets)
        let (before, mails) = (await bench.dump(), await bench.sandbox.mails().count)
        let report = try await Undoer(setup: bench.setup(tickets), target: bench.target(), journal: bench.journal)
            .undo()
        #expect(report.deleted == 0)
        #expect(report.left.count { $0.id != nil && $0.why.contains("e-mail") } == 6)
        #expect(await bench.dump() == before)
        #expect(await bench.sandbox.mails().count == mails)
    }

    @Test func `An agent who may not delete files leaves them and says so`() async throws {
        let bench = try await Bench(["agent-login"])
        let tickets = Self.tickets(6)
        _ = try await bench.migrate(tickets)
        let report = try await Undoer(setup: bench.setup(tickets), target: bench.target(), journal: bench.journal)
            .undo()
        #expect(report.deleted == 6)
        #expect(report.left.contains { $0.why.contains("media library") })
        let types = Set(await bench.sandbox.dump()["posts"]?.array?.compactMap { $0["type"]?.string } ?? [])
        #expect(!types.contains("kbs_ticket") && !types.contains("kbs_ticket_reply"))
    }

    @Test func `What people answered stays`() async throws {
        let bench = try await Bench()
        let tickets = Self.tickets(6)
        _ = try await bench.migrate(tickets)
        try await bench.sandbox.edit { tables in
            guard let ticket = tables["posts"].all.first(where: { $0["type"]?.string == "kbs_ticket" }) else { return }
            _ = tables["posts"].insert {
                [
                    "id": JSON($0), "type": "kbs_ticket_reply", "status": "publish", "content": "theirs",
                    "parent": ticket["id"] ?? 0, "author": 2, "date": 1_900_000_000,
                ]
            }
        }
        let report = try await Undoer(setup: bench.setup(tickets), target: bench.target(), journal: bench.journal)
            .undo()
        #expect(report.touched.count == 1)
        #expect(report.deleted == 5)
    }

    @Test func `A status or an agent that the site ignores is a loss`() async throws {
        let bench = try await Bench()
        let target = bench.target()
        _ = try await bench.migrate(Self.tickets(1))
        try await target.prepare(policy: .allow, sink: Notes())
        let found = try #require(try await target.inventory().first)
        let key = SupportEngineBench.identity.key(ticket: "t0", part: "ticket")
        for (body, field) in [(["status": "nothing-like-it"], "status"), (["agent": 999], "assignee")]
            as [(JSON, String)]
        {
            let step = Step(
                key: SupportEngineBench.identity.key(ticket: "t0", part: "set:x"), verb: .set, name: "x",
                needs: [key], undo: .impossible, payload: ["op": "update", "body": body])
            guard case .understood(_, let losses) = await target.apply(step, receipts: [key: found.receipt]) else {
                Issue.record("\(field)")
                continue
            }
            #expect(losses.map(\.field) == [field])
        }
    }
}

/// Tickets that are there at once; a file's address is its content.
private struct TicketsWithFiles: TicketSource {
    let listed: ListedTickets

    init(_ tickets: [Ticket]) { listed = ListedTickets(tickets) }

    func identity() async throws -> String? { try await listed.identity() }
    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        try await listed.list(since: since, after: after)
    }
    func fetch(_ stub: Stub) async throws -> CanonicalLine { try await listed.fetch(stub) }
    func file(for attachment: TicketModel.Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        guard let text = attachment.url, let name = attachment.name else {
            return .failure(FileUnavailable("it is made up"))
        }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("kbs-take-back-\(text)").path
        let bytes = Array("content of \(text) ü\r\n".utf8)
        _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
        return .success(
            ResolvedFile(
                name: name, mediaType: "text/plain", path: path, size: bytes.count,
                sha256: Digest.hex(SHA256.hash(data: bytes))))
    }
    func losses() async -> [Loss] { [] }
    func readReport() async -> ReadReport { ReadReport() }
}
