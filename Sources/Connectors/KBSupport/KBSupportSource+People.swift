// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import Synchronization
package import TicketModel
internal import Transport

/// Who wrote a reply, as WordPress stores it.
struct KBSupportReplyAuthor: Hashable, Sendable {
    /// The account that made it; 0: nobody with one.
    var account: Int
    /// Whether the plugin noted that an agent wrote it (not which one: the admin screen stores the ticket's).
    var isAgent: Bool
    /// The address of a writer without an account.
    var participant: String?

    /// Reads a post of XML-RPC.
    init(_ post: JSON) {
        account = post["post_author"]?.int ?? 0
        var agent: String?
        for field in post["custom_fields"]?.array ?? [] {
            switch field["key"]?.string {
            case "_kbs_reply_agent_id": agent = field["value"]?.text
            case "_kbs_reply_participant": participant = field["value"]?.text
            default: break
            }
        }
        isAgent = agent.map { !$0.isEmpty && $0 != "0" } ?? false
        if participant?.isEmpty == true { participant = nil }
    }
}

extension KBSupportSource {
    private static var fields: XMLRPC.Value {
        .array(["post_id", "post_author", "custom_fields"].map { .string($0) })
    }

    /// Who wrote a reply; nil where the site does not tell.
    ///
    /// A whole listing asks for all at once, 500 a request; a delta for each by itself.
    func author(of reply: Int, _ api: KBSupportAPI, _ site: KBSupportSite) async throws -> KBSupportReplyAuthor? {
        guard site.hasXMLRPC else { return nil }
        let wantsAll = state.withLock { $0.wantsAllAuthors && !$0.hasAllAuthors }
        if wantsAll { try await alone { try await self.readAuthors(api) } }
        if let known = state.withLock({ $0.authors[reply] }) { return known }
        guard case .answer(let post) = try await api.ask("wp.getPost", [.int(reply), Self.fields]), post.members != nil
        else { return nil }
        let author = KBSupportReplyAuthor(post)
        state.withLock { $0.authors[reply] = author }
        return author
    }

    private func readAuthors(_ api: KBSupportAPI) async throws {
        if state.withLock({ $0.hasAllAuthors }) { return }
        let number = 500
        var offset = 0
        while true {
            let query: XMLRPC.Value = .object([
                ("post_type", .string("kbs_ticket_reply")), ("post_status", .string("any")), ("number", .int(number)),
                ("offset", .int(offset)), ("orderby", .string("ID")), ("order", .string("ASC")),
            ])
            guard case .answer(let list) = try await api.ask("wp.getPosts", [query, Self.fields]),
                let posts = list.array
            else { break }
            state.withLock { state in
                for post in posts {
                    if let id = post["post_id"]?.int { state.authors[id] = KBSupportReplyAuthor(post) }
                }
            }
            if posts.count < number { break }
            offset += number
        }
        state.withLock { $0.hasAllAuthors = true }
    }

    /// The account of somebody who is no agent; nil where the login may not see it.
    func account(_ id: Int, _ api: KBSupportAPI) async -> KBSupportSite.Account? {
        if let known = state.withLock({ $0.accounts[id] }) { return known }
        var found: KBSupportSite.Account?
        for context in ["edit", "view"] where found == nil {
            if let answer = try? await api.get("users/\(id)", [("context", context)], api: KBSupportAPI.core),
                answer.isSuccess, let row = answer.json
            {
                found = KBSupportPreflight.account(row)
            }
        }
        let account = found
        state.withLock { $0.accounts[id] = .some(account) }
        return account
    }

    /// The companies of tickets: no ticket tells its own, but the listing takes a company.
    func companies(_ api: KBSupportAPI, _ site: KBSupportSite) async throws -> [String: String] {
        if let known = state.withLock({ $0.companies }) { return known }
        if site.companies.isEmpty { return [:] }
        return try await alone {
            if let known = state.withLock({ $0.companies }) { return known }
            var out: [String: String] = [:]
            for (id, name) in site.companies.sorted(by: { $0.key < $1.key }) {
                let query = [("company", String(id)), ("orderby", "id"), ("order", "asc"), ("_fields", "id")]
                for row in try await api.all("tickets", query.map { (name: $0.0, value: $0.1) }) ?? [] {
                    if let ticket = row["id"]?.text { out[ticket] = name }
                }
            }
            let found = out
            state.withLock { $0.companies = found }
            return found
        }
    }

    package func catalogue() async throws -> [CatalogueEntry] {
        let (api, site) = try await ready()
        var out: [CatalogueEntry] = []
        for account in (site.agents ?? [:]).values.sorted(by: { $0.id < $1.id }) {
            out.append(
                CatalogueEntry(
                    .agent, id: String(account.id), name: account.name ?? account.email ?? "", email: account.email))
        }
        let customers = try await api.all("customers") ?? []
        for row in customers.sorted(by: { ($0["id"]?.int ?? 0) < ($1["id"]?.int ?? 0) }) {
            guard let id = row["id"]?.text else { continue }
            var details = row
            for key in ["id", "name", "email", "_links", "ticket_count"] { details[key] = nil }
            out.append(
                CatalogueEntry(
                    .customer, id: id, name: row["name"]?.string ?? "", email: row["email"]?.string, details: details))
        }
        for (kind, names) in [
            (CatalogueEntry.Kind.organization, site.companies), (.department, site.departments),
            (.category, site.categories), (.tag, site.tags),
        ] {
            for (id, name) in names.sorted(by: { $0.key < $1.key }) {
                out.append(CatalogueEntry(kind, id: String(id), name: name))
            }
        }
        return out
    }
}
