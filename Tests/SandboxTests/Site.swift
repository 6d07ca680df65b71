// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import Testing
import TicketModel

@testable import Connectors

/// A practice site with short ways to ask it.
struct Site {
    let sandbox: FluentSupportSandbox
    static let api = "/wp-json/fluent-support/v2"

    init(_ options: SandboxOptions = Site.options()) async throws { sandbox = try await .open(options) }

    /// Memory only, a clock that stands still, the address of the recordings.
    static func options(
        zone: String = "UTC", state: String? = nil, tickets: Int = 0, seed: UInt64 = 1, logins: [SandboxLogin]? = nil,
        fresh: Bool = false, clock: Clock = Clock()
    ) -> SandboxOptions {
        SandboxOptions(
            state: state, seed: seed, tickets: tickets, timeZone: zone, logins: logins, fresh: fresh,
            url: "https://helpdesk.example", now: { clock.now })
    }

    static func login(_ user: String, _ password: String = "any") -> [String: String] {
        ["Authorization": "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()]
    }

    @discardableResult
    func ask(
        _ method: String, _ path: String, _ body: JSON? = nil, as user: String = "admin"
    ) async throws -> (status: Int, body: JSON) {
        var headers = Self.login(user)
        if body != nil { headers["Content-Type"] = "application/json" }
        let response = await sandbox.respond(
            to: SandboxRequest(
                method, target: path.hasPrefix("/wp-json") ? path : Self.api + path, headers: headers,
                body: body?.canonicalBytes() ?? []))
        return (response.status, try JSON(parsing: response.body))
    }

    func upload(_ name: String, _ bytes: [UInt8], ticket: Int? = nil) async throws -> (status: Int, body: JSON) {
        var body: [UInt8] = []
        if let ticket {
            body += "--xx\r\nContent-Disposition: form-data; name=\"ticket_id\"\r\n\r\n\(ticket)\r\n".utf8
        }
        body += "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(name)\"\r\n".utf8
        body += "Content-Type: application/octet-stream\r\n\r\n".utf8 + bytes + "\r\n--xx--\r\n".utf8
        var headers = Self.login("admin")
        headers["Content-Type"] = "multipart/form-data; boundary=xx"
        let response = await sandbox.respond(
            to: SandboxRequest("POST", Self.api + "/ticket_file_upload", headers: headers, body: body))
        return (response.status, try JSON(parsing: response.body))
    }

    /// Makes a ticket and gives its id.
    func ticket(_ fields: JSON = [:], email: String = "zoe@cust.example", as user: String = "admin") async throws -> Int
    {
        var ticket: JSON = ["title": "A title", "content": "<p>A body</p>"]
        for member in fields.members ?? [] { ticket[member.key] = member.value }
        let answer = try await ask(
            "POST", "/tickets", ["ticket": ticket, "newCustomer": ["email": .string(email), "first_name": "Zoë"]],
            as: user)
        return try #require(answer.body["ticket"]?["id"]?.int)
    }

    /// The stored row of a ticket or a response.
    func stored(_ table: String, _ id: Int) async -> JSON? {
        await sandbox.dump()[table]?.array?.first { $0["id"]?.int == id }
    }
}

/// A clock that tests set.
final class Clock: Sendable {
    private let offset: @Sendable () -> TimeInterval
    init(_ offset: @escaping @Sendable () -> TimeInterval = { 0 }) { self.offset = offset }
    var now: Date { Date(timeIntervalSince1970: 1_795_217_312 + offset()) }
}

/// Files beside the tests.
enum Fixture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    static func json(_ path: String) throws -> JSON {
        try JSON(parsing: Array(try Data(contentsOf: folder.appendingPathComponent(path))))
    }

    /// A fresh folder that is gone after the test.
    static func temporary<Value>(_ body: (String) async throws -> Value) async throws -> Value {
        let path = NSTemporaryDirectory() + "sandbox-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }
}

extension Site {
    /// The tables of the real site on which the recordings were made.
    static func recorded() async throws -> Site {
        let site = try await Site()
        let tables = try Fixture.json("Measured/site.json")
        func rows(_ name: String) -> [[String: String]] {
            (tables[name]?.array ?? []).map { row in
                Dictionary(uniqueKeysWithValues: (row.members ?? []).map { ($0.key, $0.value.string ?? "") })
            }
        }
        let (tickets, persons) = (rows("tickets"), rows("persons"))
        let (conversations, links) = (rows("conversations"), rows("tag_pivot"))
        try await site.sandbox.edit { state in
            func split(_ row: [String: String]) -> (Int, [String: String]) {
                (Int(row["id"] ?? "") ?? 0, row.filter { $0.key != "id" })
            }
            for (id, columns) in tickets.map(split) { state.tickets[id] = .init(id: id, columns: columns) }
            for (id, columns) in persons.map(split) {
                let agent = columns["person_type"] == "agent"
                let permissions = id == 1 ? FluentSupportSandbox.allPermissions : FluentSupportSandbox.agentPermissions
                state.persons[id] = .init(id: id, columns: columns, permissions: agent ? permissions : nil)
            }
            for (id, row) in conversations.map(split) {
                state.responses[id] = .init(
                    id: id, ticketID: Int(row["ticket_id"] ?? "") ?? 0, personID: Int(row["person_id"] ?? "") ?? 0,
                    kind: row["conversation_type"] ?? "", content: row["content"] ?? "", source: row["source"] ?? "",
                    contentHash: row["content_hash"], messageID: row["message_id"], createdAt: row["created_at"] ?? "",
                    updatedAt: row["updated_at"] ?? "")
            }
            for (id, row) in links.map(split) {
                state.tagLinks[id] = .init(
                    id: id, ticketID: Int(row["source_id"] ?? "") ?? 0, tagID: Int(row["tag_id"] ?? "") ?? 0)
            }
        }
        return site
    }
}
