// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sandbox
import Testing
import TicketModel

@testable import Connectors

/// The practice Smartsupp against its document and field notes.
@Suite struct SmartsuppSandboxTests {
    static func ask(
        _ sandbox: SmartsuppSandbox, _ method: String, _ path: String, _ body: JSON? = nil,
        headers: [String: String] = ["Authorization": "Bearer any", "apiKey": "any"]
    ) async throws -> (status: Int, body: JSON) {
        let response = await sandbox.respond(
            to: SandboxRequest(method, target: path, headers: headers, body: body?.canonicalBytes() ?? []))
        return (response.status, response.body.isEmpty ? .null : try JSON(parsing: response.body))
    }

    @Test func `A conversation's ext_id is a true key, and it can be found by it`() async throws {
        let site = try SmartsuppSandbox(SandboxOptions())
        let contact = try await Self.ask(site, "POST", "/v2/contacts", ["email": "zoe@cust.example", "name": "Zoë"])
        #expect(contact.status == 201)
        let body: JSON = [
            "contact_id": contact.body["id"] ?? .null, "ext_id": "key-1", "text": "Hello", "variables": ["a": "b"],
        ]
        let first = try await Self.ask(site, "POST", "/v2/conversations", body)
        let second = try await Self.ask(site, "POST", "/v2/conversations", body)
        #expect(first.status == 201 && second.status == 200 && first.body["id"] == second.body["id"])
        #expect(try await Self.ask(site, "GET", "/v2/conversations/find?ext_id=key-1").body["id"] == first.body["id"])
        let none = try await Self.ask(site, "GET", "/v2/conversations/find?ext_id=key-2")
        #expect(none.status == 404 && none.body["code"]?.string == "not_found" && none.body["message"]?.string != nil)
        let id = first.body["id"]?.string ?? ""
        let message: JSON = [
            "type": "message", "sub_type": "agent", "agent_id": "1", "content": ["type": "text", "text": "Hi"],
        ]
        #expect(try await Self.ask(site, "POST", "/v2/conversations/\(id)/messages", message).status == 201)
        let messages = try await Self.ask(site, "GET", "/v2/conversations/\(id)/messages?size=200&sort=desc").body[
            "items"]?.array
        #expect(messages?.map { $0["sub_type"]?.string } == ["agent", "contact"])
        #expect(try await Self.ask(site, "PATCH", "/v2/conversations/\(id)/close").body["status"] == "closed")
        #expect(await site.mails().map(\.to) == ["zoe@cust.example"])
    }

    @Test func `Notes, systems' lines and strangers are refused`() async throws {
        let site = try SmartsuppSandbox(SandboxOptions(tickets: 1))
        for body: JSON in [
            ["type": "note", "sub_type": "agent", "agent_id": "1", "content": ["type": "text", "text": "x"]],
            ["type": "message", "sub_type": "system", "content": ["type": "text", "text": "x"]],
            ["type": "message", "sub_type": "agent", "agent_id": "99", "content": ["type": "text", "text": "x"]],
            ["type": "message", "sub_type": "bot", "content": ["type": "text", "text": ""]],
        ] {
            let answer = try await Self.ask(site, "POST", "/v2/conversations/con1/messages", body)
            #expect(answer.status == 400 && answer.body["code"] == "bad_request")
        }
    }

    @Test func `The account API takes GET and POST, gives ids as strings and its own errors`() async throws {
        let site = try SmartsuppSandbox(SandboxOptions(logins: [SandboxLogin(user: "a", password: "key")]))
        let key = ["apiKey": "key"]
        #expect(try await Self.ask(site, "GET", "/test", headers: key).body == ["success": true])
        #expect(try await Self.ask(site, "GET", "/test?apiKey=key", headers: [:]).status == 200)
        let wrong = try await Self.ask(site, "GET", "/test", headers: ["apiKey": "xxxx"])
        #expect(wrong.status == 401 && wrong.body["error"] == "AuthError")
        #expect(wrong.body["message"] == "No account found for apiKey xxxx.")
        #expect(try await Self.ask(site, "DELETE", "/accounts/1001/users/1", headers: key).status == 405)
        let user: JSON = ["role": "agent", "email": "john@doe.example", "fullname": "John Doe", "password": "john.doe"]
        let made = try await Self.ask(site, "POST", "/accounts/1001/users/create", user, headers: key)
        #expect(made.status == 200 && made.body["id"] == "4" && made.body["password"] == nil)
        let twice = try await Self.ask(site, "POST", "/accounts/1001/users/create", user, headers: key)
        #expect(twice.status == 400 && twice.body["error"]?.string != nil)
        #expect(try await Self.ask(site, "GET", "/accounts/7/users", headers: key).status == 404)
        #expect(await !site.dump().canonicalText.contains("john.doe"))
        let hours: JSON = [
            "active": true, "days": [1], "timezone": 1, "config": [["dow": 1, "times": [["from": 480, "to": 705]]]],
        ]
        #expect(
            try await Self.ask(site, "POST", "/accounts/1001/officehours/update", hours, headers: key).body == hours)
    }

    @Test func `The state is there again after reopening, and made-up chats are the same for a seed`() async throws {
        try await Fixture.temporary { folder in
            let options = SandboxOptions(state: "\(folder)/state", seed: 3, tickets: 12)
            let first = try SmartsuppSandbox(options)
            let made = try await Self.ask(first, "POST", "/v2/contacts", ["email": "new@cust.example"])
            let before = await first.dump()
            await first.close()
            let second = try SmartsuppSandbox(options)
            #expect(await second.dump() == before)
            #expect(
                try await Self.ask(second, "GET", "/v2/contacts/find?email=new@cust.example").body["id"]
                    == made.body["id"])
            await second.close()
            let other = try SmartsuppSandbox(SandboxOptions(seed: 3, tickets: 12))
            #expect(await other.dump()["messages"] == before["messages"])
            let third = try SmartsuppSandbox(SandboxOptions(seed: 4, tickets: 12))
            #expect(await third.dump()["messages"] != before["messages"])
        }
    }

    @Test func `Told to limit, it answers 429 with Retry-After`() async throws {
        var options = SandboxOptions()
        options.switches = ["rate-limited"]
        let site = try SmartsuppSandbox(options)
        var statuses: [Int] = []
        for _ in 0..<10 {
            let answer = await site.respond(
                to: SandboxRequest("GET", target: "/v2/agents", headers: ["Authorization": "Bearer x"]))
            statuses.append(answer.status)
            if answer.status == 429 { #expect(answer.headers["Retry-After"] == "1") }
        }
        #expect(statuses == Array(repeating: 200, count: 9) + [429])
    }

    @Test func `Users and triggers are deleted by GET, once, and a new user may be told by mail`() async throws {
        let site = try SmartsuppSandbox(SandboxOptions())
        let made = try await Self.ask(
            site, "POST", "/accounts/1001/users/create",
            ["email": "new@lab.example", "role": "agent", "password": "long-enough"])
        let id = made.body["id"]?.string ?? ""
        #expect(await site.mails().map(\.kind) == ["user"])
        #expect(try await Self.ask(site, "GET", "/accounts/1001/users/\(id)/delete").status == 200)
        let gone = try await Self.ask(site, "GET", "/accounts/1001/users/\(id)/delete")
        #expect(gone.status == 404 && gone.body["error"] != nil)
        #expect(try await Self.ask(site, "GET", "/accounts/1001/users").body.array?.count == 3)
        #expect(try await Self.ask(site, "GET", "/accounts/1001/triggers/1/delete").status == 200)
        #expect(try await Self.ask(site, "GET", "/accounts/1001/triggers").body.array?.isEmpty == true)
        #expect(try await Self.ask(site, "GET", "/accounts/1001/officehours/1/delete").status == 404)
    }
}
