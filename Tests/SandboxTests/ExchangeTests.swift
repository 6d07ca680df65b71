// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import Testing
import TicketModel

@testable import Connectors

/// The practice site against what the real one was recorded to answer.
@Suite struct ExchangeTests {
    /// Keys whose values cannot be equal, with the reason.
    ///
    /// Everything else is compared.
    static let ignored: [String: String] = [
        "hash": "chance", "file_hash": "chance", "secureUrl": "chance", "local_temp_path": "chance",
        "email_body": "the vendor's text is not copied", "description": "the vendor's text is not copied",
        "doc_url": "the vendor's text is not copied", "logo": "the vendor's picture",
        "fields": "the form around the settings", "businessBoxes": "a form for another screen",
        "first_response_time": "seconds that passed",
    ]

    /// Keys of which only the form is compared: digits count as digits.
    static let formOnly: Set<String> = [
        "id", "customer_id", "person_id", "ticket_id", "conversation_id", "source_id", "created_at", "updated_at",
        "last_response_at", "slug", "waiting_since", "last_agent_response", "last_customer_response", "resolved_at",
    ]

    /// Reads of a site with 60 tickets, in no order.
    @Test(arguments: [
        "agents", "customers", "integration-statuses", "mailbox-email-configs", "mailboxes", "me",
        "per-page-negative-500",
        "products", "settings", "ticket-6", "ticket-7", "ticket-8", "ticket-documented-path-404", "ticket-essentials",
        "ticket-missing-422", "ticket-tags-absent-404", "tickets-page-2", "tickets-past-the-end",
    ])
    func `A read of the site with 60 tickets is answered as the real one answered it`(_ name: String) async throws {
        let site = try await Site.recorded()
        // The reads were recorded on a site that had been filled a little earlier than the one whose tables we have:
        // without the one who is only copied in and her reply, and with another second between two customers.
        try await site.sandbox.edit { state in
            let byEmail = Dictionary(
                state.persons.all.map { ($0.email, $0.id) }, uniquingKeysWith: { first, _ in first })
            if let id = byEmail["mary.ann@partner.example"] { state.persons[id] = nil }
            if let early = byEmail["user22@cust.example"], let late = byEmail["user55@cust.example"] {
                let moment = state.persons[early]?["created_at"]
                state.persons[late]?["created_at"] = moment
            }
            state.tickets[9]?["response_count"] = "3"
        }
        try await play(name, on: site)
    }

    @Test func `A wrong password is answered as the real site answered it`() async throws {
        let site = try await Site(Site.options(logins: [SandboxLogin(user: "admin", password: "abcd efgh")]))
        try await play("wrong-password-401", on: site)
    }

    @Test func `Writing a ticket on a new site goes as recorded, in the recorded order`() async throws {
        let site = try await Site()
        for name in [
            "create-ticket", "create-response-as-agent", "create-note", "create-response-on-behalf-of-customer",
            "set-created-at", "set-status", "search-by-message-id", "ticket-after-writes",
            "create-ticket-without-title-422",
            "create-ticket-unknown-mailbox-404", "delete-tickets",
        ] {
            try await play(name, on: site)
        }
    }

    @Test func `Files, tags and properties on the site with 60 tickets go as recorded, in the recorded order`()
        async throws
    {
        let site = try await Site.recorded()
        var hashes: [String: String] = [:]
        for name in [
            "upload-without-ticket-id", "upload-with-ticket-id", "upload-type-refused-422", "upload-too-large-422",
        ] {
            let exchange = try Fixture.json("Exchanges/\(name).json")
            let form = try #require(exchange["request"]?["body"]?["multipart/form-data"])
            let file = try #require(form["file"])
            let answer = try await site.upload(
                file["filename"]?.string ?? "", Self.bytes(file), ticket: form["ticket_id"]?.int)
            try check(name, exchange, answer, known: ["attachments"])
            if let recorded = exchange["response"]?["body"]?["attachments"]?[0]?.string {
                hashes[recorded] = answer.body["attachments"]?[0]?.string
            }
        }
        for name in [
            "create-response-on-behalf-of-unknown-422", "create-response-on-behalf-of-third-person-422",
            "create-response-with-attachments", "bulk-assign-tags", "set-last-agent-response", "set-mailbox",
            "ticket-with-attachments",
        ] {
            try await play(name, on: site, hashes: hashes)
        }
    }

    @Test func `Every recorded exchange is played`() throws {
        let files = try FileManager.default.contentsOfDirectory(
            atPath: Fixture.folder.appendingPathComponent("Exchanges").path
        ).filter { $0.hasSuffix(".json") }
        let source = try String(contentsOf: URL(fileURLWithPath: #filePath), encoding: .utf8)
        #expect(files.count == 41)
        for file in files { #expect(source.contains("\"\(file.dropLast(5))\""), "\(file) is played nowhere") }
    }

    // MARK: -

    private func play(_ name: String, on site: Site, hashes: [String: String] = [:]) async throws {
        let exchange = try Fixture.json("Exchanges/\(name).json")
        let request = try #require(exchange["request"])
        var body = request["body"].map { String(decoding: $0.canonicalBytes(), as: UTF8.self) }
        for (recorded, ours) in hashes { body = body?.replacingOccurrences(of: recorded, with: ours) }
        let answer = try await site.ask(
            request["method"]?.string ?? "", request["path"]?.string ?? "", try body.map { try JSON(parsing: $0) })
        try check(name, exchange, answer)
    }

    private func check(
        _ name: String, _ exchange: JSON, _ answer: (status: Int, body: JSON), known: Set<String> = []
    ) throws {
        let response = try #require(exchange["response"])
        #expect(answer.status == response["status"]?.int, "\(name)")
        var differences: [String] = []
        Self.compare(try #require(response["body"]), answer.body, at: "", known: known, into: &differences)
        #expect(differences.isEmpty, "\(name):\n\(differences.prefix(20).joined(separator: "\n"))")
    }

    private static func compare(
        _ real: JSON, _ ours: JSON, at path: String, known: Set<String>, into differences: inout [String]
    ) {
        let key = path.split(separator: ".").last { Int($0) == nil }.map(String.init) ?? ""
        if ignored[key] != nil || known.contains(key) || path == ".permissions" { return }
        switch (real, ours) {
        case (.object(let a), .object(let b)):
            let (x, y) = (Set(a.map(\.key)), Set(b.map(\.key)))
            for missing in x.subtracting(y) { differences.append("\(path).\(missing): missing") }
            for extra in y.subtracting(x) { differences.append("\(path).\(extra): too much") }
            for member in a {
                if let other = ours[member.key] {
                    compare(member.value, other, at: "\(path).\(member.key)", known: known, into: &differences)
                }
            }
        case (.array(let a), .array(let b)):
            // The database gives the tags of a ticket in any order.
            func order(_ tags: [JSON]) -> [JSON] {
                key == "tags" ? tags.sorted { ($0["title"]?.string ?? "") < ($1["title"]?.string ?? "") } : tags
            }
            if a.count != b.count { differences.append("\(path): \(a.count) recorded, \(b.count) here") }
            for (i, pair) in zip(order(a), order(b)).enumerated() {
                compare(pair.0, pair.1, at: "\(path).\(i)", known: known, into: &differences)
            }
        default:
            let same = formOnly.contains(key) ? masked(real) == masked(ours) : real == ours
            if !same { differences.append("\(path): \(real.canonicalText) recorded, \(ours.canonicalText) here") }
        }
    }

    /// Digits count as digits; how many there are counts in moments alone.
    private static func masked(_ value: JSON) -> JSON {
        func mask(_ text: String) -> String {
            let all = text.map { $0.isNumber ? "0" : String($0) }.joined()
            return all.allSatisfy { $0 == "0" } ? "0" : all
        }
        return switch value {
        case .string(let text): .string(mask(text))
        case .number(let text): .number(mask(text))
        default: value
        }
    }

    /// A file of the recorded size that the site takes for what its name says.
    private static func bytes(_ file: JSON) -> [UInt8] {
        let size = file["bytes"]?.int ?? 0
        let heads: [String: [UInt8]] = [
            "image/png": [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], "application/pdf": Array("%PDF-1.4\n".utf8),
        ]
        let head = heads[file["type"]?.string ?? ""] ?? []
        return head + Array(repeating: UInt8(ascii: "x"), count: max(0, size - head.count))
    }
}
