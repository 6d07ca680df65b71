// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sandbox
import Testing
import TicketModel

@testable import Connectors

@Suite("The practice site of Smart Support")
struct SmartSupportSiteTests {
    private static let api = "/wp-json/smart-support/v1"

    private func open(_ switches: Set<String> = [], tickets: Int = 0, state: String? = nil) async throws
        -> SmartSupportSandbox
    {
        var options = SandboxOptions(
            state: state, tickets: tickets, timeZone: "Europe/Berlin",
            now: { Date(timeIntervalSince1970: 1_717_243_200) })
        options.switches = switches
        return try await SmartSupportSandbox.open(options)
    }

    @discardableResult
    private func ask(
        _ site: SmartSupportSandbox, _ method: String, _ path: String, _ body: JSON? = nil,
        headers: [String: String] = ["X-Smart-Support-API-Key": "k"]
    ) async throws -> (status: Int, json: JSON) {
        let response = await site.respond(
            to: SandboxRequest(method, target: Self.api + path, headers: headers, body: body?.canonicalBytes() ?? []))
        return (response.status, (try? JSON(parsing: response.body)) ?? .null)
    }

    private static let ticket: JSON = [
        "email": "zoe@cust.example", "name": "Zoë", "subject": "s", "message": "<b onclick=\"x\">m</b>",
        "department": "Billing",
        "priority": "high",
    ]

    @Test("either header form is taken, none is refused with the document's error")
    func keys() async throws {
        let site = try await open()
        #expect(try await ask(site, "GET", "/ping").status == 200)
        #expect(try await ask(site, "GET", "/ping", headers: ["Authorization": "Bearer k"]).status == 200)
        let (status, json) = try await ask(site, "GET", "/ping", headers: [:])
        #expect(status == 401)
        #expect(json["success"]?.bool == false && json["code"]?.string == "invalid_api_key")
    }

    @Test("a ticket is made with its department by id, slug or name; a wrong one lists those allowed")
    func create() async throws {
        let site = try await open()
        let (status, json) = try await ask(site, "POST", "/tickets", Self.ticket)
        #expect(status == 201)
        #expect(json["data"]?["ticket"]?["department"]?["slug"]?.string == "billing")
        #expect(json["data"]?["ticket"]?["created_at"]?.string == "2024-06-01 14:00:00")
        for (name, value) in [("department_id", JSON(3)), ("department_slug", "sales-team"), ("department", "3")] {
            var body = Self.ticket
            body["department"] = nil
            body[name] = value
            let answer = try await ask(site, "POST", "/tickets", body).json
            #expect(answer["data"]?["ticket"]?["department"]?["name"]?.string == "Sales")
        }
        var wrong = Self.ticket
        wrong["department"] = "billing department"
        let refused = try await ask(site, "POST", "/tickets", wrong)
        #expect(refused.status == 400)
        #expect(refused.json["allowed_departments"]?.array?.count == 3)
        for name in ["email", "subject", "message"] {
            var body = Self.ticket
            body[name] = nil
            #expect(try await ask(site, "POST", "/tickets", body).status == 400)
        }
        #expect(await site.mails().map(\.kind) == ["welcome", "created", "created", "created", "created"])
    }

    @Test("a customer's note is made public, an agent's stays internal and comes only when asked for")
    func notes() async throws {
        let site = try await open()
        try await ask(site, "POST", "/tickets", Self.ticket)
        let note: JSON = [
            "message": "n", "author_email": "ada@lab.example", "author_type": "agent", "is_internal": true,
        ]
        #expect(try await ask(site, "POST", "/tickets/1/replies", note).status == 201)
        let forced: JSON = [
            "message": "c", "author_email": "zoe@cust.example", "author_type": "customer", "is_internal": true,
        ]
        #expect(
            try await ask(site, "POST", "/tickets/1/reply", forced).json["data"]?["reply"]?["is_internal"]?.bool
                == false)
        #expect(try await ask(site, "GET", "/tickets/1/replies").json["data"]?["replies"]?.array?.count == 1)
        #expect(
            try await ask(site, "GET", "/tickets/1/replies?include_internal=true").json["data"]?["replies"]?.array?
                .count == 2)
        #expect(await site.mails().map(\.kind) == ["welcome", "created", "reply"])
        let strict = try await open(["no-notes-scope"])
        try await ask(strict, "POST", "/tickets", Self.ticket)
        #expect(try await ask(strict, "POST", "/tickets/1/replies", note).status == 403)
    }

    @Test(
        "status, priority, agent, closing and opening again change what they say; each change of status or agent may be mailed"
    )
    func changes() async throws {
        let site = try await open()
        try await ask(site, "POST", "/tickets", Self.ticket)
        for (method, path, body, field, value) in [
            ("PATCH", "/tickets/1/priority", ["priority": "urgent"], "priority", "urgent"),
            ("PUT", "/tickets/1/status", ["status": "delayed"], "status", "delayed"),
            ("POST", "/tickets/1/close", [:], "status", "closed"),
            ("POST", "/tickets/1/close", [:], "status", "closed"),
            ("POST", "/tickets/1/reopen", [:], "status", "open"),
            ("PATCH", "/tickets/1", ["subject": "t"], "subject", "t"),
        ] as [(String, String, JSON, String, String)] {
            let (status, json) = try await ask(site, method, path, body)
            #expect(status == 200)
            #expect(json["data"]?["ticket"]?[field]?.string == value)
        }
        let assigned = try await ask(site, "PATCH", "/tickets/1/assign", ["agent_id": 2]).json
        #expect(assigned["data"]?["ticket"]?["agent"]?["email"]?.string == "ada@lab.example")
        #expect(try await ask(site, "PATCH", "/tickets/1/assign", ["agent_id": 5]).status == 400)
        let mails = await site.mails()
        #expect(mails.map(\.kind) == ["welcome", "created", "status", "closed", "closed", "status", "assigned"])
        #expect(mails.last?.to == "ada@lab.example" && mails.dropLast().allSatisfy { $0.to == "zoe@cust.example" })
        #expect(try await ask(site, "GET", "/tickets/99").status == 404)
        #expect(try await ask(site, "DELETE", "/tickets/1").json["code"]?.string == "rest_no_route")
    }

    @Test("the list filters, sorts and pages as the document says")
    func lists() async throws {
        let site = try await open(tickets: 30)
        let newest = try await ask(site, "GET", "/tickets").json
        #expect(newest["data"]?["tickets"]?.array?.count == 20)
        #expect(newest["meta"]?["total"]?.int == 30)
        let times = (newest["data"]?["tickets"]?.array ?? []).compactMap { $0["updated_at"]?.string }
        #expect(times == times.sorted(by: >))
        let urgent = try await ask(site, "GET", "/tickets?priority=urgent&per_page=500").json
        #expect((urgent["data"]?["tickets"]?.array ?? []).allSatisfy { $0["priority"]?.string == "urgent" })
        let found = try await ask(site, "GET", "/tickets?search=SS-1007").json
        #expect(found["meta"]?["total"]?.int == 1)
        let email = try #require(newest["data"]?["tickets"]?[0]?["customer"]?["email"]?.string)
        let encoded = email.replacing("@", with: "%40")
        let theirs = try await ask(site, "GET", "/customers/\(encoded)/tickets").json
        let filtered = try await ask(site, "GET", "/tickets?customer_email=\(encoded)").json
        #expect(theirs["meta"]?["total"]?.int == filtered["meta"]?["total"]?.int)
    }

    @Test("its state is in the file when it is opened again, and the seed makes the same tickets")
    func state() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("ss-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let site = try await open(tickets: 5, state: file)
        try await ask(site, "POST", "/tickets", Self.ticket)
        let before = await site.dump()
        await site.close()
        let again = try await open(state: file)
        #expect(await again.dump() == before)
        await again.close()
        let (one, two) = (try await open(tickets: 20), try await open(tickets: 20))
        #expect(await one.dump() == two.dump())
    }

    @Test("texts are filtered only where the switch says so")
    func filter() async throws {
        for (switches, text) in [([], "<b onclick=\"x\">m</b>"), (["text-filtered"], "<b>m</b>")]
            as [(Set<String>, String)]
        {
            let site = try await open(switches)
            let made = try await ask(site, "POST", "/tickets", Self.ticket).json
            #expect(made["data"]?["ticket"]?["message"]?.string == text)
        }
    }
}
