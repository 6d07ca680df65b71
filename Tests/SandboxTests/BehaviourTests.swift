// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import Testing
import TicketModel

@testable import Connectors

/// What the field notes say of the real site, point by point.
@Suite struct BehaviourTests {
    /// Mails that an action adds.
    private func mails(_ site: Site, of action: () async throws -> Void) async throws -> [SandboxMail] {
        let before = await site.sandbox.mails().count
        try await action()
        return Array(await site.sandbox.mails().dropFirst(before))
    }

    @Test func `Each action sends the mails that section 7 of the notes counts`() async throws {
        let site = try await Site()
        var id = 0
        let created = try await mails(site) { id = try await site.ticket() }
        #expect(created == [SandboxMail(to: "support@lab.example", kind: "ticket_created_email_to_admin", ticket: id)])
        let reply = try await mails(site) {
            try await site.ask("POST", "/tickets/\(id)/responses", ["content": "a"], as: "ada")
        }
        #expect(reply.map(\.to) == ["zoe@cust.example"])
        let note = try await mails(site) {
            try await site.ask(
                "POST", "/tickets/\(id)/responses", ["content": "n", "conversation_type": "note"], as: "ada")
        }
        #expect(note.isEmpty)
        let customer = try await mails(site) {
            try await site.ask(
                "POST", "/customer-portal/tickets/\(id)/responses",
                ["content": "c", "on_behalf": ["email": "zoe@cust.example"]])
        }
        #expect(customer.map(\.to) == ["ada@lab.example"])
        let assigned = try await mails(site) {
            try await site.ask("PUT", "/tickets/\(id)/property", ["prop_name": "agent_id", "prop_value": 3])
        }
        #expect(assigned.map(\.to) == ["bruno@lab.example"])
        let silent = try await mails(site) {
            for (name, value) in [("created_at", "2019-01-02 03:04:05"), ("status", "closed"), ("message_id", "m-")] {
                try await site.ask(
                    "PUT", "/tickets/\(id)/property", ["prop_name": .string(name), "prop_value": .string(value)])
            }
            try await site.ask("POST", "/tickets/\(id)/tags", ["tag_id": 1])
            try await site.ask("POST", "/tickets/\(id)/re-open")
            try await site.ask("POST", "/tickets/\(id)/close")
        }
        #expect(silent.isEmpty)
    }

    @Test func `The close mail, once switched on, goes at every close but the plain one`() async throws {
        let site = try await Site()
        let configs = try await site.ask("GET", "/mailboxes/1/email_configs").body["email_configs"]?.array ?? []
        var config = try #require(configs.first { $0["key"]?.string == "ticket_closed_by_agent_email_to_customer" })
        config["status"] = "yes"
        try await site.ask(
            "PUT", "/mailboxes/1/email_settings", ["email_type": config["key"] ?? "", "email_settings": config])
        func closing(_ action: (Int) async throws -> Void) async throws -> Int {
            let id = try await site.ticket()
            return try await mails(site) { try await action(id) }.count
        }
        #expect(try await closing { try await site.ask("POST", "/tickets/\($0)/close") } == 0)
        #expect(
            try await closing { try await site.ask("POST", "/tickets/\($0)/close", ["close_ticket_silently": true]) }
                == 1)
        #expect(
            try await closing { try await site.ask("POST", "/tickets/\($0)/close", ["close_ticket_silently": "no"]) }
                == 1)
        #expect(
            try await closing {
                try await site.ask(
                    "POST", "/tickets/bulk-actions", ["bulk_action": "close_tickets", "ticket_ids": [JSON($0)]])
            } == 1)
        #expect(
            try await closing {
                try await site.ask("POST", "/tickets/\($0)/responses", ["content": "x", "close_ticket": "yes"])
            } == 2)
    }

    @Test func `A muted mailbox sends nothing, and its configs come back as they were`() async throws {
        let site = try await Site()
        let before = try await site.ask("GET", "/mailboxes/1/email_configs").body
        let configs = before["email_configs"]?.array ?? []
        #expect(configs.count == 7)
        for var config in configs {
            config["status"] = "no"
            try await site.ask(
                "PUT", "/mailboxes/1/email_settings", ["email_type": config["key"] ?? "", "email_settings": config])
        }
        let id = try await site.ticket()
        try await site.ask("POST", "/tickets/\(id)/responses", ["content": "x"], as: "ada")
        try await site.ask("PUT", "/tickets/\(id)/property", ["prop_name": "agent_id", "prop_value": 3])
        #expect(await site.sandbox.mails().isEmpty)
        for config in configs {
            try await site.ask(
                "PUT", "/mailboxes/1/email_settings", ["email_type": config["key"] ?? "", "email_settings": config])
        }
        #expect(try await site.ask("GET", "/mailboxes/1/email_configs").body == before)
        #expect(
            try await site.ask("PUT", "/mailboxes/1/email_settings", ["email_type": "x", "email_settings": [:]]).status
                == 422)
    }

    @Test func `Dates are in the site's zone, and those of another form are answered with 200 and ignored`()
        async throws
    {
        let site = try await Site(Site.options(zone: "Europe/Berlin"))
        let id = try await site.ticket()
        let local = "2019-07-06 07:08:09"
        for name in ["created_at", "last_agent_response"] {
            try await site.ask(
                "PUT", "/tickets/\(id)/property", ["prop_name": .string(name), "prop_value": .string(local)])
        }
        let ticket = try await site.ask("GET", "/tickets/\(id)").body["ticket"]
        #expect(ticket?["created_at"]?.string == "2019-07-06T05:08:09+00:00")
        #expect(ticket?["last_agent_response"]?.string == local)
        let answer = try await site.ask(
            "PUT", "/tickets/\(id)/property", ["prop_name": "created_at", "prop_value": "2020-01-01T10:00:00Z"])
        #expect(answer.status == 200)
        let after = try await site.ask("GET", "/tickets/\(id)").body["ticket"]
        #expect(after?["created_at"] == ticket?["created_at"])
        #expect(try await site.ask("GET", "/wp-json/").body["timezone_string"]?.string == "Europe/Berlin")
    }

    @Test func `Every property but updated_at moves updated_at; notes and tags do not`() async throws {
        let site = try await Site()
        let id = try await site.ticket()
        func updated() async -> String? { await site.stored("tickets", id)?["columns"]?["updated_at"]?.string }
        try await site.ask(
            "PUT", "/tickets/\(id)/property", ["prop_name": "updated_at", "prop_value": "2019-01-02 03:04:05"])
        #expect(await updated() == "2019-01-02 03:04:05")
        try await site.ask("POST", "/tickets/\(id)/responses", ["content": "n", "conversation_type": "note"])
        try await site.ask(
            "POST", "/tickets/bulk-actions",
            ["bulk_action": "assign_tags", "ticket_ids": [JSON(id)], "tag_ids": [1, 99]])
        try await site.ask("PUT", "/tickets/\(id)/property", ["prop_name": "privacy", "prop_value": ""])
        #expect(await updated() == "2019-01-02 03:04:05")
        try await site.ask("PUT", "/tickets/\(id)/property", ["prop_name": "mailbox_id", "prop_value": 999])
        #expect(await updated() != "2019-01-02 03:04:05")
        #expect(
            try await site.ask("PUT", "/tickets/\(id)/property", ["prop_name": "nope", "prop_value": "x"]).status == 422
        )
        #expect(
            try await site.ask("PUT", "/tickets/\(id)/property", ["prop_name": "agent_id", "prop_value": 999]).status
                == 422)
    }

    @Test func `A ticket is born as it is told, but for dates and hash, and stays closed`() async throws {
        let site = try await Site()
        let id = try await site.ticket([
            "status": "closed", "agent_id": 2, "message_id": "m-1-", "closed_by": 2,
            "resolved_at": "2019-01-02 03:04:05",
            "created_at": "2019-01-01 00:00:00", "hash": "mine", "custom_fields": ["a": "b"],
        ])
        try await site.ask("POST", "/tickets/\(id)/responses", ["content": "x"], as: "chiyo")
        let columns = await site.stored("tickets", id)?["columns"]
        #expect(columns?["status"]?.string == "closed")
        #expect(columns?["agent_id"]?.string == "2")
        #expect(columns?["closed_by"]?.string == "2")
        #expect(columns?["resolved_at"]?.string == "2019-01-02 03:04:05")
        #expect(columns?["created_at"]?.string == "2026-11-20 23:28:32")
        #expect(columns?["hash"]?.string != "mine")
        let found = try await site.ask("GET", "/tickets?search=message_id:m-1").body["tickets"]?["data"]?.array ?? []
        #expect(found.count == 1)
    }

    @Test func `Unknown filters are ignored, pages have no limit, zero divides`() async throws {
        let site = try await Site(Site.options(tickets: 20))
        func total(_ query: String) async throws -> Int? {
            try await site.ask("GET", "/tickets?\(query)").body["tickets"]?["total"]?.int
        }
        #expect(try await total("filters[status]=closed") == 20)
        #expect(try await total("filters[status_type]=closed") ?? 20 < 20)
        let all = try await site.ask("GET", "/tickets?per_page=1000&order_by=id&order_type=ASC").body["tickets"]
        #expect(all?["data"]?.array?.compactMap { $0["id"]?.int } == Array(1...20))
        #expect(all?["data"]?[0]?["live_activity"] == nil)
        #expect(try await site.ask("GET", "/tickets?per_page=0").status == 500)
        #expect(try await site.ask("GET", "/tickets?order_by=nope").status == 500)
    }

    @Test func `An upload serves a response only with its ticket's id, once, and for two hours`() async throws {
        let hours = Hours()
        let site = try await Site(Site.options(clock: Clock { hours.value }))
        let id = try await site.ticket()
        func attach(_ hash: JSON) async throws -> Int {
            let answer = try await site.ask(
                "POST", "/tickets/\(id)/responses", ["content": "x", "attachments": [hash]])
            return answer.body["response"]?["attachments"]?.array?.count ?? 0
        }
        let text = Array("three words here".utf8)
        let loose = try await site.upload("a.txt", text).body["attachments"]?[0] ?? .null
        #expect(try await attach(loose) == 0)
        let own = try await site.upload("a.txt", text, ticket: id).body["attachments"]?[0] ?? .null
        #expect(try await attach(own) == 1)
        #expect(try await attach(own) == 0)
        let old = try await site.upload("a.txt", text, ticket: id).body["attachments"]?[0] ?? .null
        hours.set(3)
        #expect(try await attach(old) == 1)
        let shown = try await site.ask("GET", "/tickets/\(id)").body["responses"]?.array ?? []
        let urls = shown.flatMap { $0["attachments"]?.array ?? [] }.compactMap { $0["secureUrl"]?.string }
        var bodies: [String] = []
        for url in urls {
            let target = url.replacingOccurrences(of: "https://helpdesk.example", with: "")
            bodies.append(
                String(
                    decoding: await site.sandbox.respond(to: SandboxRequest("GET", target: target)).body, as: UTF8.self)
            )
        }
        #expect(bodies == ["File could not be found", "three words here"])
        for (name, bytes) in [("a.eml", text), ("a.txt", []), ("a.txt", Array("a,b\nc,d\n".utf8)), ("a.png", text)] {
            #expect(try await site.upload(name, bytes).status == 422)
        }
    }

    @Test func `A login without an agent record gets the plugin's 500 until it is made one`() async throws {
        let site = try await Site(Site.options(fresh: true))
        #expect(try await site.ask("GET", "/me").body["person"]?.isNull == true)
        #expect(try await site.ask("GET", "/tickets").status == 500)
        let made = try await site.ask("POST", "/agents", ["email": "admin@lab.example", "permissions": []])
        #expect(made.status == 200)
        #expect(try await site.ask("GET", "/tickets").status == 200)
    }

    @Test func `A partial PUT of a customer makes the customer vanish and their tickets fail`() async throws {
        let site = try await Site()
        let id = try await site.ticket()
        let answer = try await site.ask("PUT", "/customers/5", ["email": "zoe@cust.example", "first_name": "Zoë"])
        #expect(answer.status == 423)
        #expect(try await site.ask("GET", "/customers/5").body["customer"]?.isNull == true)
        #expect(try await site.ask("GET", "/tickets/\(id)").status == 500)
        #expect(try await site.ask("GET", "/tickets").body["tickets"]?["data"]?[0]?["customer"]?.isNull == true)
    }

    @Test func `An application password made by the administrator lets an agent in, with blanks or without`()
        async throws
    {
        let site = try await Site(Site.options(logins: [SandboxLogin(user: "admin", password: "any")]))
        let made = try await site.ask("POST", "/wp-json/wp/v2/users/2/application-passwords", ["name": "ferry"])
        #expect(made.status == 201)
        let password = try #require(made.body["password"]?.string)
        for login in [password, "\(password.prefix(4)) \(password.dropFirst(4))"] {
            let response = await site.sandbox.respond(
                to: SandboxRequest("GET", "\(Site.api)/me", headers: Site.login("ada@lab.example", login)))
            #expect(response.status == 200)
        }
        let wrong = await site.sandbox.respond(
            to: SandboxRequest("GET", "\(Site.api)/me", headers: Site.login("ada", "wrong")))
        #expect(wrong.status == 401)
    }
}

/// Hours that a test lets pass.
final class Hours: Sendable {
    private let state = Mutexed(0.0)
    var value: TimeInterval { state.value * 3600 }
    func set(_ hours: Double) { state.value = hours }
}
