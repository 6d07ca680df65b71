// SPDX-License-Identifier: Apache-2.0
import Foundation
import Mapping
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Smartsupp's account API as the catalogue's target")
struct SmartsuppCatalogueTests {
    let identity = MigrationIdentity(migration: "test", source: "acme")
    let entries: [CatalogueEntry] = [
        CatalogueEntry(.agent, id: "1", name: "Ada", email: "ADA@lab.example"),
        CatalogueEntry(.agent, id: "2", name: "Grace O'Hara", email: "grace@old.example", details: ["role": "admin"]),
        CatalogueEntry(.agent, id: "3", name: "Nameless", email: nil),
        CatalogueEntry(
            .savedReply, id: "4", name: "Refund", details: ["content": "<p>We <b>refund</b> &amp; say sorry</p>"]),
        CatalogueEntry(
            .automaticMessage, id: "5", name: "Welcome",
            details: [
                "active": true, "event": "onload", "conditions": [], "actions": [["name": "message", "message": "Hi"]],
            ]),
        CatalogueEntry(.automaticMessage, id: "6", name: "1st visit greeting", details: ["text": "x"]),
        CatalogueEntry(
            .officeHours, id: "7", name: "hours",
            details: ["active": true, "days": [1, 2], "timezone": 1, "config": []]),
        CatalogueEntry(.tag, id: "8", name: "vip"),
        CatalogueEntry(.customer, id: "9", name: "Zoë", email: "zoe@cust.example"),
        CatalogueEntry(.customer, id: "10", name: "Nobody"),
    ]

    func options(_ folder: String, account: String? = "1001") -> [String: OptionValue] {
        var out: [String: OptionValue] = [
            "apiKey": .secret(Secret("good-key")), "passwords": .text("\(folder)/passwords"),
        ]
        if let account { out["account"] = .text(account) }
        return out
    }

    func folder() throws -> String {
        let path = NSTemporaryDirectory() + "catalogue-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    func perform(_ plan: TicketPlan, _ target: any TicketTarget) async -> [WriteKey: Receipt] {
        var receipts: [WriteKey: Receipt] = [:]
        for step in plan.steps {
            guard case .understood(let receipt, _) = await target.apply(step, receipts: receipts) else {
                Issue.record("\(step.name) failed")
                continue
            }
            receipts[step.key] = receipt
        }
        return receipts
    }

    @Test("makes what is missing, switched off, with a password that only the file of mode 0600 knows")
    func makes() async throws {
        let folder = try folder()
        let bench = try SmartsuppBench()
        let target = try await bench.target(options(folder))
        try await target.prepare(policy: nil, sink: Notes())
        let kinds = Set(CatalogueEntry.Kind.allCases)
        let plan = await target.plan(
            catalogue: entries, creating: kinds, identity: identity, progress: TicketProgress())
        #expect(
            plan.steps.map(\.name) == [
                "agent grace@old.example", "savedReply Refund", "automaticMessage Welcome", "office hours",
                "customer Zoë", "customer Nobody",
            ])
        #expect(
            plan.losses.map { "\($0.field) \($0.value ?? "")" } == [
                "catalogue.agent Nameless", "catalogue.automaticMessage Welcome", "catalogue.tag vip",
            ])
        let receipts = await perform(plan, target)
        #expect(receipts.count == plan.steps.count)
        let path = "\(folder)/passwords"
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let line = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        let parts = try #require(line.first).split(separator: "\t")
        #expect(line.count == 1 && parts[0] == "grace@old.example" && parts[1].count >= 20)
        let password = String(parts[1])
        let state = await bench.sandbox.dump()
        let seen = [
            "\(plan)", "\(receipts)", bench.log.all.joined(), "\(bench.notes.all)", state.canonicalText,
        ]
        #expect(!seen.contains { $0.contains(password) })
        let grace = state["agents"]?.array?.first { $0["email"] == "grace@old.example" }
        #expect(grace?["role"] == "admin" && grace?["password"]?.int == password.count)
        let triggers = state["triggers"]?.array ?? []
        #expect(triggers.count == 3 && triggers.dropFirst().allSatisfy { $0["active"] == false })
        #expect(triggers[1]["actions"]?[0]?["message"] == "We refund & say sorry")
        #expect(state["contacts"]?.array?.count == 2 && state["hours"]?.array?.count == 1)
        // Each is found again, and a second pre-flight has nothing to make.
        for step in plan.steps where step.verb == .create && step.payload["op"] != "contact" {
            guard case .found(let receipt) = try await target.lookUp(step, receipts: [:]) else {
                Issue.record("\(step.name) is not found")
                continue
            }
            #expect(receipt.id == receipts[step.key]?.id)
        }
        try await target.prepare(policy: nil, sink: Notes())
        let later = await target.plan(
            catalogue: entries, creating: kinds, identity: identity, progress: TicketProgress())
        #expect(later.steps.map(\.name) == ["office hours"])
        _ = await perform(later, target)
        #expect(await bench.sandbox.dump()["contacts"]?.array?.count == 2)
    }

    @Test("uses the same password when the user has to be sent again, and keeps a file private that was not")
    func again() throws {
        let path = try folder() + "/passwords"
        #expect(FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o644]))
        let passwords = SmartsuppPasswords(path: path)
        let first = try passwords.password(of: "a@x.example").reveal()
        #expect(try passwords.password(of: "a@x.example").reveal() == first)
        #expect(try passwords.password(of: "b@x.example").reveal() != first)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        let link = path + ".link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        #expect(throws: Diagnostic.self) { _ = try SmartsuppPasswords(path: link).password(of: "c@x.example") }
        #expect(throws: Diagnostic.self) {
            _ = try SmartsuppPasswords(path: "/nowhere/at/all").password(of: "c@x.example")
        }
    }

    @Test("makes nothing without an account, a key, a file for passwords or the migration's word")
    func nothing() async throws {
        let folder = try folder()
        let agents = entries.filter { $0.kind == .agent }
        var noFile = options(folder)
        noFile["passwords"] = nil
        var noKey = options(folder)
        noKey["apiKey"] = nil
        let cases: [([String: OptionValue], Set<CatalogueEntry.Kind>)] = [
            (options(folder, account: nil), Set(CatalogueEntry.Kind.allCases)), (noKey, [.agent]), (noFile, [.agent]),
            (options(folder), []),
        ]
        for (given, kinds) in cases {
            let target = try await SmartsuppBench().target(given)
            try await target.prepare(policy: nil, sink: Notes())
            let plan = await target.plan(
                catalogue: agents, creating: kinds, identity: identity, progress: TicketProgress())
            #expect(plan.steps.isEmpty)
            #expect(plan.losses.map(\.field) == ["catalogue.agent", "catalogue.agent"])
        }
    }

    @Test("makes an account only when the migration says so, and never twice")
    func account() async throws {
        let folder = try folder()
        let bench = try SmartsuppBench()
        var given = options(folder, account: nil)
        given["createAccount"] = .flag(true)
        let target = try await bench.target(given)
        try await target.prepare(policy: nil, sink: Notes())
        let plan = await target.plan(
            catalogue: entries, creating: [.agent], identity: identity, progress: TicketProgress())
        #expect(plan.steps.map(\.name) == ["account test", "agent grace@old.example"])
        let receipts = await perform(plan, target)
        #expect(receipts[plan.steps[0].key]?.id == "account:1002")
        let state = await bench.sandbox.dump()
        #expect(state["agents"]?.array?.last?["account"] == 1002)
        guard case .cannotTell = try await target.lookUp(plan.steps[0], receipts: [:]) else {
            Issue.record("an account in doubt is not to be made again")
            return
        }
    }

    @Test(
        "agents whom a run makes write as themselves in the same run, whatever ids things have",
        arguments: [[], ["ids-as-numbers"]])
    func wholeRun(switches: Set<String>) async throws {
        let folder = try folder()
        let bench = try SmartsuppBench(switches)
        let journal = MemoryJournal()
        var ticket = Ticket.sample(id: "w1")
        ticket.messages[1].author = Person(role: .agent, name: "Grace O'Hara", email: "grace@old.example")
        for round in 0..<2 {
            let report = try await bench.run(
                [ticket], catalogue: entries, journal: journal, options: options(folder))
            #expect(report.failures.isEmpty && report.counts.uncertain == 0, "\(report.failures.map(\.failure))")
            #expect(round == 0 ? report.counts.created == 1 : report.counts.unchanged == 1)
        }
        let state = await bench.sandbox.dump()
        #expect(state["agents"]?.array?.count == 4 && state["conversations"]?.array?.count == 1)
        let grace = state["agents"]?.array?.last
        #expect(grace?["email"] == "grace@old.example")
        #expect(state["messages"]?.array?.filter { $0["agent_id"] == grace?["id"] }.count == 1)
        let file = try String(contentsOfFile: "\(folder)/passwords", encoding: .utf8)
        let password = String(file.split(separator: "\t").last?.dropLast() ?? "")
        let known = await journal.ticket(CatalogueEntry.ticketID)
        #expect(known?.steps.isEmpty == false && password.count >= 20 && !"\(known as Any)".contains(password))
    }
}
