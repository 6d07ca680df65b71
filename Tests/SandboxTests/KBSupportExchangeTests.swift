// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import Testing
import TicketModel

@testable import Connectors

/// The practice site of KB Support against what the real one was recorded to answer.
@Suite struct KBSupportExchangeTests {
    /// Keys whose values cannot be equal: chance, and what WordPress and its other plugins make of texts and files.
    static let ignored: Set<String> = [
        "key", "rendered", "guid", "description", "caption", "media_details", "_links", "namespaces", "title.raw",
        "permalink_template", "generated_slug", "missing_image_sizes", "slug", "date_created", "gmt_offset", "link",
    ]
    /// Keys of which only the form is compared: digits count as digits.
    static let formOnly: Set<String> = [
        "id", "ID", "number", "date", "date_gmt", "modified", "modified_gmt", "post", "source_url", "ticket_sources",
    ]

    private static func site(_ switches: Set<String> = []) async throws -> KBSupportSandbox {
        var options = SandboxOptions(
            url: "https://helpdesk.example", now: { Date(timeIntervalSince1970: 1_795_217_312) })
        options.switches = switches
        return try await KBSupportSandbox.open(options)
    }

    @Test func `Writing on a new site goes as recorded, in the recorded order`() async throws {
        let site = try await Self.site()
        for name in [
            "create-ticket", "create-ticket-missing-fields-500", "create-reply", "update-status", "ticket-after-writes",
            "no-password-401", "per-page-101-400", "tickets-past-the-end-400",
        ] {
            try await play(name, on: site)
        }
    }

    @Test(arguments: ["ticket-12", "ticket-35", "ticket-with-participants", "ticket-with-attachments"])
    func `A ticket that stands as recorded is shown as recorded`(_ name: String) async throws {
        let site = try await Self.site()
        let exchange = try Fixture.json("Measured/kb-support/\(name).json")
        let body = try #require(exchange["response"]?["body"])
        try await site.edit { Self.put(body, into: &$0) }
        try await play(name, on: site)
    }

    @Test(arguments: ["replies-of-ticket-12", "replies-of-ticket-35", "replies-of-ticket-with-participant"])
    func `Replies that stand as recorded are shown as recorded, the newest first`(_ name: String) async throws {
        let site = try await Self.site()
        let rows = try #require(try Fixture.json("Measured/kb-support/\(name).json")["response"]?["body"]?.array)
        let ticket = try #require(rows.first?["ticket_data"]?["ID"]?.int)
        let own = try Fixture.json("Measured/kb-support/ticket-\(ticket).json")["response"]?["body"] ?? .null
        try await site.edit { tables in
            Self.put(own, into: &tables, status: rows.first?["ticket_data"]?["status"]?.string)
            for row in rows { Self.put(reply: row, of: ticket, into: &tables) }
        }
        try await play(name, on: site)
    }

    @Test func `A page of tickets is shown as recorded, with its broken links`() async throws {
        let site = try await Self.site()
        let exchange = try Fixture.json("Measured/kb-support/tickets-page-2.json")
        let rows = try #require(exchange["response"]?["body"]?.array)
        try await site.edit { tables in
            for row in rows { Self.put(row, into: &tables) }
            // When this was recorded no customer had an account yet.
            for id in [5, 6] { tables["users"][id] = nil }
        }
        let answer = await ask(site, "GET", "/wp-json/kbs/v1/tickets?per_page=5&page=1&order=asc&orderby=id", nil)
        var differences: [String] = []
        Self.compare(.array(rows), answer.body, at: "", into: &differences)
        #expect(differences.isEmpty, "\(differences.prefix(10).joined(separator: "\n"))")
        let next = await ask(site, "GET", "/wp-json/kbs/v1/tickets?per_page=2&page=1&order=asc&orderby=id", nil)
        #expect(next.headers["Link"]?.contains("/wp-json/kbs/v/tickets?per_page=2&page=2") == true)
    }

    @Test func `Agents are listed as recorded`() async throws {
        let site = try await Self.site()
        // The recording's site had no manager.
        try await site.edit { $0["users"][7] = nil }
        try await play("agents", on: site)
    }

    @Test func `A password says nothing of a customer's rights`() async throws {
        let site = try await Self.site()
        try await play("create-ticket", on: site)
        let answer = await ask(site, "GET", "/wp-json/kbs/v1/tickets", nil, user: "liwei")
        #expect(answer.body == [])
        #expect(answer.headers["X-WP-Total"] == "1")
    }

    // MARK: -

    private static func seconds(_ value: JSON?) -> Int {
        value?.string.flatMap { CivilTime.seconds($0.replacingOccurrences(of: "T", with: " ")) } ?? 0
    }

    private static func put(_ body: JSON, into tables: inout SandboxTables, status: String? = nil) {
        var post = KBSupportSandbox.Post()
        let data = body["ticket_data"] ?? .object([])
        post.id = body["id"]?.int ?? 0
        post.type = "kbs_ticket"
        post.status = status ?? body["status"]?.string ?? ""
        post.title = body["title"]?["raw"]?.string ?? ""
        post.content = body["content"]?["raw"]?.string ?? ""
        (post.date, post.modified) = (seconds(body["date_gmt"]), seconds(body["modified_gmt"]))
        post.terms = ["ticket_sources": [4], "ticket_tag": (body["ticket_tag"]?.array ?? []).compactMap(\.int)]
        post.meta = [
            "key": data["key"] ?? "", "agent": JSON(data["agent"]?.int ?? 0),
            "customer": JSON(data["customer"]?.int ?? 0),
            "email": data["email"] ?? "", "user_info": data["user_info"] ?? .object([]),
            "participants": data["participants"] ?? [],
        ]
        tables["posts"][post.id] = post.row
        for file in data["attachments"]?.array ?? [] {
            var row = KBSupportSandbox.Post()
            row.id = tables["posts"].last + 1
            (row.type, row.status, row.parent) = ("attachment", "inherit", post.id)
            row.title = file["filename"]?.string ?? ""
            let path = file["url"]?.string?.components(separatedBy: "/uploads/").last ?? ""
            row.meta = ["file": .string(path)]
            tables["posts"][row.id] = row.row
        }
        for _ in 0..<(body["replies"]?.int ?? 0) where status == nil {
            var row = KBSupportSandbox.Post()
            row.id = tables["posts"].last + 1
            (row.type, row.status, row.parent) = ("kbs_ticket_reply", "publish", post.id)
            tables["posts"][row.id] = row.row
        }
    }

    private static func put(reply row: JSON, of ticket: Int, into tables: inout SandboxTables) {
        var post = KBSupportSandbox.Post()
        post.id = row["id"]?.int ?? 0
        (post.type, post.status, post.parent) = ("kbs_ticket_reply", "publish", ticket)
        post.content = row["content"]?["raw"]?.string ?? ""
        (post.date, post.modified) = (seconds(row["date_gmt"]), seconds(row["modified_gmt"]))
        post.terms = ["ticket_sources": [4]]
        tables["posts"][post.id] = post.row
    }

    private func play(_ name: String, on site: KBSupportSandbox) async throws {
        let exchange = try Fixture.json("Measured/kb-support/\(name).json")
        let request = try #require(exchange["request"])
        let response = try #require(exchange["response"])
        let user = request["auth"]?.string == "none" ? nil : "admin"
        let answer = await ask(
            site, request["method"]?.string ?? "", request["path"]?.string ?? "", request["body"], user: user)
        #expect(answer.status == response["status"]?.int, "\(name)")
        var differences: [String] = []
        Self.compare(try #require(response["body"]), answer.body, at: "", into: &differences)
        #expect(differences.isEmpty, "\(name):\n\(differences.prefix(20).joined(separator: "\n"))")
    }

    private func ask(
        _ site: KBSupportSandbox, _ method: String, _ target: String, _ body: JSON?, user: String? = "admin"
    ) async -> (status: Int, body: JSON, headers: [String: String]) {
        var headers = user.map { Site.login($0) } ?? [:]
        if body != nil { headers["Content-Type"] = "application/json" }
        let response = await site.respond(
            to: SandboxRequest(method, target: target, headers: headers, body: body?.canonicalBytes() ?? []))
        return (response.status, (try? JSON(parsing: response.body)) ?? .null, response.headers)
    }

    private static func compare(_ real: JSON, _ ours: JSON, at path: String, into differences: inout [String]) {
        let key = path.split(separator: ".").last { Int($0) == nil }.map(String.init) ?? ""
        if ignored.contains(key) { return }
        switch (real, ours) {
        case (.object(let a), .object(let b)):
            let (x, y) = (Set(a.map(\.key)), Set(b.map(\.key)))
            for missing in x.subtracting(y) where !ignored.contains(missing) {
                differences.append("\(path).\(missing): missing")
            }
            for extra in y.subtracting(x) where !ignored.contains(extra) {
                differences.append("\(path).\(extra): too much")
            }
            for member in a {
                if let other = ours[member.key] {
                    compare(member.value, other, at: "\(path).\(member.key)", into: &differences)
                }
            }
        case (.array(let a), .array(let b)):
            if a.count != b.count { differences.append("\(path): \(a.count) recorded, \(b.count) here") }
            for (i, pair) in zip(a, b).enumerated() { compare(pair.0, pair.1, at: "\(path).\(i)", into: &differences) }
        default:
            func form(_ json: JSON) -> String {
                let text = String(decoding: json.canonicalBytes(), as: UTF8.self)
                return String(text.map { $0.isASCII && $0.isNumber ? "0" : $0 }).replacingOccurrences(
                    of: "00", with: "0")
            }
            if real == ours { return }
            if formOnly.contains(key), form(real).filter({ $0 != "0" }) == form(ours).filter({ $0 != "0" }) { return }
            differences.append("\(path): \(real) recorded, \(ours) here")
        }
    }
}

/// What undo asks for, as it was measured on the real plugin (1.7.2, WordPress 6.1).
extension KBSupportExchangeTests {
    private static func made(_ switches: Set<String> = []) async throws -> KBSupportSandbox {
        var options = SandboxOptions(url: "https://helpdesk.example")
        options.switches = switches
        let site = try await KBSupportSandbox.open(options)
        try await site.edit { tables in
            tables["ticket_tag"][90] = ["id": 90, "name": "newtag", "slug": "newtag"]
            tables["posts"][12] = [
                "id": 12, "type": "kbs_ticket", "status": "closed", "title": "t", "content": "c",
                "terms": ["ticket_tag": [90]],
            ]
            for id in [14, 15] {
                tables["posts"][id] = [
                    "id": JSON(id), "type": "kbs_ticket_reply", "status": "publish", "parent": 12, "author": 2,
                ]
            }
            tables["posts"][16] = ["id": 16, "type": "attachment", "status": "inherit", "parent": 12]
        }
        return site
    }

    private func rpc(_ site: KBSupportSandbox, _ method: String, _ rest: [XMLRPC.Value]) async -> XMLRPC.Message? {
        let request = SandboxRequest(
            "POST", target: "/xmlrpc.php", headers: ["Content-Type": "text/xml"], body: XMLRPC.call(method, rest))
        return XMLRPC.read(await site.respond(to: request).body)
    }

    @Test func `XML-RPC deletes for good and silently; what hung on a ticket stays`() async throws {
        let site = try await Self.made()
        func delete(_ id: Int) async -> XMLRPC.Message? {
            await rpc(site, "wp.deletePost", [.int(1), .string("admin"), .string("x"), .int(id)])
        }
        for id in [15, 12] {
            guard case .answer(let json)? = await delete(id) else {
                Issue.record("\(id)")
                continue
            }
            #expect(json.bool == true || json.int == 1)
            guard case .fault(404, "Invalid post ID.")? = await delete(id) else {
                Issue.record("\(id) again")
                continue
            }
        }
        let rows = await site.dump()["posts"]?.array ?? []
        #expect(rows.contains { $0["id"]?.int == 14 && $0["parent"]?.int == 12 })
        #expect(rows.contains { $0["id"]?.int == 16 && $0["parent"]?.int == 0 })
        #expect(await site.mails().isEmpty)
    }

    @Test func `Many calls in one answer one by one, a fault among them`() async throws {
        let site = try await Self.made()
        func call(_ id: Int) -> XMLRPC.Value {
            .object([
                ("methodName", .string("wp.getPost")),
                (
                    "params",
                    .array([
                        .int(1), .string("admin"), .string("x"), .int(id), .array([.string("post_author")]),
                    ])
                ),
            ])
        }
        guard case .answer(let json)? = await rpc(site, "system.multicall", [.array([call(14), call(99)])]) else {
            Issue.record("no answer")
            return
        }
        #expect(json[0]?[0]?["post_author"]?.text == "2")
        #expect(json[1]?["faultCode"]?.int == 404)
    }

    @Test(arguments: [
        ("media/16", "DELETE", 501, "rest_trash_not_supported"), ("media/16?force=true", "DELETE", 200, ""),
        ("media/99?force=true", "DELETE", 404, "rest_post_invalid_id"),
        ("ticket_tag/90", "DELETE", 501, "rest_trash_not_supported"),
        ("ticket_tag/90?force=true", "DELETE", 200, ""), ("ticket_tag/99", "GET", 404, "rest_term_invalid"),
    ]) func `Files and tags are deleted with force alone`(
        _ path: String, _ method: String, _ status: Int, _ code: String
    ) async throws {
        for isAgent in [false, true] {
            let site = try await Self.made(isAgent ? ["agent-login"] : [])
            let answer = await ask(site, method, "/wp-json/wp/v2/\(path)", nil)
            let isRefused = isAgent && method == "DELETE" && status != 404
            #expect(answer.status == (isRefused ? 403 : status))
            #expect(answer.body["code"]?.string ?? "" == (isRefused ? "rest_cannot_delete" : code))
            if status == 200, !isRefused { #expect(answer.body["deleted"]?.bool == true) }
        }
    }
}
