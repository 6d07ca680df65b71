// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sandbox
import Testing
import TicketModel

@testable import Connectors

/// The practice SupportEngine against what the vendor's own files were recorded to answer.
@Suite struct SupportEngineExchangeTests {
    private static let folder = "Exchanges/SupportEngine"

    /// Values that follow the clock or the number of what was stored before.
    private static let formOnly: Set<String> = ["created_at", "updated_at"]

    private static func site(
        _ switches: Set<String> = [], nextTicket: Int = 61, nextReply: Int = 173
    ) async throws -> SupportEngineSandbox {
        var options = SandboxOptions(logins: [SandboxLogin(user: "", password: "token")])
        options.switches = switches
        let site = try await SupportEngineSandbox.open(options)
        // What the real tables held when the reads were recorded, as far as they show it.
        let view = try Fixture.json("\(folder)/ticket-1.json")["response"]?["body"]
        let second = try Fixture.json("\(folder)/ticket-2-numbers-as-strings.json")["response"]?["body"]
        let lists = try [
            ("list", "rtl@cust.example", nil as String?),
            ("list-by-name", "ana@cust.example", "Ana María de la Cruz López"),
        ].map { file, email, name in
            (email, name, try Fixture.json("\(folder)/\(file).json")["response"]?["body"]?["tickets"]?.array ?? [])
        }
        try await site.edit { tables in
            for whole in [view, second].compactMap({ $0 }) {
                guard var row = whole["ticket"], let id = row["id"]?.int else { continue }
                row["id"] = JSON(id)
                if let category = row["category_id"]?.int { row["category_id"] = JSON(category) }
                tables["tickets"][id] = row
                for reply in whole["replies"]?.array ?? [] {
                    if let id = reply["id"]?.int { tables["ticket_replies"][id] = reply }
                }
                for field in whole["custom_fields"]?.members ?? [] {
                    _ = tables["custom_field_values"].insert {
                        [
                            "id": JSON($0), "field_id": JSON(Int(field.key) ?? 0), "item_id": JSON(id),
                            "value": field.value["value"] ?? .null,
                        ]
                    }
                }
            }
            for (email, name, rows) in lists {
                for row in rows {
                    guard let id = row["id"]?.int else { continue }
                    var row = row
                    row["email"] = .string(email)
                    row["name"] = JSON(name)
                    tables["tickets"][id] = row
                }
            }
            tables["tickets"][nextTicket - 1] = ["id": JSON(nextTicket - 1)]
            tables["ticket_replies"][nextReply - 1] = ["id": JSON(nextReply - 1)]
        }
        return site
    }

    @Test(arguments: [
        "categories-without-token", "custom-fields-without-token", "list", "list-by-name", "list-without-address-200",
        "no-token-401-of-the-lab", "ticket-1", "ticket-foreign-address-200", "create-missing-fields-200",
        "create-json-custom-fields-object-500",
    ])
    func `A request is answered as the real server answered it`(_ name: String) async throws {
        try await play(name, on: try await Self.site())
    }

    @Test func `Writing a ticket and replies goes as recorded, in the recorded order`() async throws {
        let site = try await Self.site()
        for name in ["create-ticket-form", "create-ticket-json", "reply-as-agent"] { try await play(name, on: site) }
        for (email, text) in [
            ("Ines@Customer.example", "It works now, thanks 👍"),
            ("x@y.example", "I am neither the customer nor an agent"),
        ] {
            let body = JSON.object([
                .init("ticket_id", 61), .init("user_email", .string(email)), .init("message", .string(text)),
            ])
            _ = await site.respond(
                to: SandboxRequest(
                    "POST", "/api/ticket_reply.php", headers: Self.headers("application/json"),
                    body: body.canonicalBytes()))
        }
        for name in ["ticket-after-writes", "reply-to-missing-ticket-succeeds"] { try await play(name, on: site) }
    }

    @Test(arguments: [
        ("create-required-custom-field-200", "required-field"), ("ticket-2-numbers-as-strings", "ids-as-strings"),
        ("silent-create-ticket-id-0-nothing-stored", "silent-errors"),
        ("show-errors-fatal-200", "display-errors"), ("show-errors-warning-before-json-200", "display-errors"),
    ])
    func `What the vendor's files leave open is answered as recorded with its switch`(
        _ name: String, _ option: String
    ) async throws {
        try await play(name, on: try await Self.site([option], nextTicket: 63))
    }

    @Test func `Every recorded exchange of SupportEngine is played`() throws {
        let files = try FileManager.default.contentsOfDirectory(
            atPath: Fixture.folder.appendingPathComponent(Self.folder).path)
        let source = try String(contentsOf: URL(fileURLWithPath: #filePath), encoding: .utf8)
        #expect(files.count == 20)
        for file in files { #expect(source.contains("\"\(file.dropLast(5))\""), "\(file) is played nowhere") }
    }

    // MARK: -

    private static func headers(_ type: String?, token: Bool = true) -> [String: String] {
        var out: [String: String] = token ? ["Authorization": "Bearer token"] : [:]
        if let type { out["Content-Type"] = type }
        return out
    }

    private func play(_ name: String, on site: SupportEngineSandbox) async throws {
        let exchange = try Fixture.json("\(Self.folder)/\(name).json")
        let request = try #require(exchange["request"])
        let response = try #require(exchange["response"])
        let type = request["headers"]?["Content-Type"]?.string
        let body: [UInt8] =
            switch request["body"] {
            case .string(let text)?: Array(text.utf8)
            case let json?: json.canonicalBytes()
            case nil: []
            }
        let answer = await site.respond(
            to: SandboxRequest(
                request["method"]?.string ?? "", target: request["path"]?.string ?? "",
                headers: Self.headers(type, token: request["auth"]?.string != "none"), body: body))
        #expect(answer.status == response["status"]?.int, "\(name)")
        #expect(answer.headers["Content-Type"] == response["headers"]?["Content-Type"]?.string, "\(name)")
        guard let recorded = response["body"], recorded.string == nil else {
            #expect(String(decoding: answer.body, as: UTF8.self) == response["body"]?.string, "\(name)")
            return
        }
        let ours = try JSON(parsing: answer.body)
        #expect(Self.masked(ours) == Self.masked(recorded), "\(name): \(ours.canonicalText)")
    }

    private static func masked(_ json: JSON) -> JSON {
        switch json {
        case .object(let members):
            .object(
                members.map { member in
                    guard formOnly.contains(member.key), let text = member.value.string else {
                        return .init(member.key, masked(member.value))
                    }
                    return .init(member.key, .string(text.map { $0.isNumber ? "0" : String($0) }.joined()))
                })
        case .array(let list): .array(list.map(masked))
        default: json
        }
    }
}
