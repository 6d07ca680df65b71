// SPDX-License-Identifier: Apache-2.0
internal import Foundation
package import Migration
internal import TicketModel
internal import Transport

extension KBSupportTarget {
    /// Three requests, one more where XML-RPC tells who wrote replies; more for a hundred replies and for new tags.
    ///
    /// Texts are the bytes that WordPress stores, our marker with them.
    package func stored(ticket: Receipt) async throws -> StoredTicket? {
        guard let id = Int(ticket.id), let row = try await whole(id) else { return nil }
        let site = site
        let replies = try await replies(of: id).sorted(by: Self.isEarlier)
        let ids = replies.compactMap { $0["id"]?.int }
        let authors = try await authors(of: ids)
        var files: [Int: [StoredFile]] = [:]
        for file in try await media(of: [id] + ids) {
            if let parent = file["post"]?.int { files[parent, default: []].append(Self.file(file, site)) }
        }
        let data = row["ticket_data"] ?? .null
        let email = (data["email"]?.string ?? data["user_info"]?["email"]?.string)?.lowercased()
        let messages =
            [Self.message(row, author: email, files: files[id])]
            + replies.map { reply in
                let id = reply["id"]?.int ?? 0
                return Self.message(reply, author: authors[id].flatMap(site.author(account:)), files: files[id])
            }
        let tags = try await tags(of: row)
        var out = StoredTicket(
            id: ticket.id, url: api.page(ofTicket: id), tags: tags, messages: messages,
            fingerprint: Self.stored(row))
        out.properties["subject"] = KBSupportPreflight.raw(row["title"])
        out.properties["status"] = row["status"]?.string
        out.properties["requester.email"] = email
        if let info = data["user_info"] {
            out.properties["requester.name"] =
                "\(info["first_name"]?.string ?? "") \(info["last_name"]?.string ?? "")".trimmingBlanks
        }
        out.properties["assignee"] = data["agent"]?.int.flatMap(site.author(account:)) ?? ""
        for (key, name, names) in [
            ("ticket_categories", "category", site.categories), ("ticket_departments", "department", site.departments),
        ] {
            guard let ids = row[key]?.array?.compactMap(\.int) else { continue }
            out.properties[name] = ids.sorted().map { names[$0] ?? String($0) }.joined(separator: ", ")
        }
        return out
    }

    package func expectation(of plan: TicketPlan) async -> ExpectedTicket {
        KBSupportExpectation(site: site).ticket(plan)
    }

    package func sha256(of file: StoredFile) async throws -> Result<String, FileUnavailable> {
        try await AttachmentFetcher.sha256(of: file, allowsOtherHosts: true, client: api.client)
    }

    /// All tickets that WordPress has by its own query, also those of statuses that nobody registers: XML-RPC lists their
    /// ids, a thousand a request; nil without it.
    package func independentCount() async throws -> Int? {
        guard site.hasXMLRPC else { return nil }
        let number = 1000
        var count = 0
        while true {
            let query: XMLRPC.Value = .object([
                ("post_type", .string("kbs_ticket")), ("post_status", .string("any")), ("number", .int(number)),
                ("offset", .int(count)), ("orderby", .string("ID")), ("order", .string("ASC")),
            ])
            guard case .answer(let list) = try await api.ask("wp.getPosts", [query, .array([.string("post_id")])]),
                let posts = list.array
            else { return nil }
            count += posts.count
            if posts.count < number { return count }
        }
    }

    // MARK: Parts

    private static func message(_ row: JSON, author: String?, files: [StoredFile]?) -> StoredMessage {
        let text = KBSupportPreflight.raw(row["content"]) ?? ""
        return StoredMessage(
            id: row["id"]?.text ?? "", digest: KBSupportText.marker(in: text)?.digest, kind: .reply, author: author,
            text: text, createdAt: KBSupportTicketReader.time(row["date_gmt"]), files: files ?? [])
    }

    /// Oldest first, as the ticket's page shows them.
    private static func isEarlier(_ a: JSON, _ b: JSON) -> Bool {
        let (x, y) = (a["date_gmt"]?.string ?? "", b["date_gmt"]?.string ?? "")
        return x == y ? (a["id"]?.int ?? 0) < (b["id"]?.int ?? 0) : x < y
    }

    private static func file(_ row: JSON, _ site: KBSupportSite) -> StoredFile {
        let name = KBSupportText.comparable(fileName: KBSupportTicketReader.name(of: row) ?? "", site)
        let address = row["source_url"]?.string
        // WordPress puts a smaller picture in the place of a large one, and keeps the large one beside it.
        if let original = row["media_details"]?["original_image"]?.string, let address,
            let slash = address.lastIndex(of: "/")
        {
            return StoredFile(name: name, locator: address[...slash] + original)
        }
        return StoredFile(name: name, size: row["media_details"]?["filesize"]?.int, locator: address)
    }

    /// Which account wrote each reply; nothing where the site has no XML-RPC.
    private func authors(of replies: [Int]) async throws -> [Int: Int] {
        guard site.hasXMLRPC, !replies.isEmpty else { return [:] }
        let fields: XMLRPC.Value = .array([.string("post_id"), .string("post_author")])
        let posts = try await api.ask("wp.getPost", each: replies.map { [.int($0), fields] })
        var out: [Int: Int] = [:]
        for post in posts.compactMap({ $0 }) {
            if let id = post["post_id"]?.int, let author = post["post_author"]?.int { out[id] = author }
        }
        return out
    }

    /// The names of a ticket's tags; those that came after the pre-flight are asked for once.
    private func tags(of row: JSON) async throws -> Set<String> {
        let ids = (row["ticket_tag"]?.array ?? []).compactMap(\.int)
        var names = site.tags
        if ids.contains(where: { names[$0] == nil }) {
            names = try await KBSupportPreflight.names("ticket_tag", api)
            learn(tags: names)
        }
        return Set(ids.map { KBSupportText.comparable(tag: names[$0] ?? String($0)) })
    }
}
