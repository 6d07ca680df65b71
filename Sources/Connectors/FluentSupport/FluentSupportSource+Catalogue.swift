// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
package import TicketModel
internal import Transport

extension FluentSupportSource {
    /// Customers, agents, mailboxes, products and tags; saved replies and workflows where the Pro add-on has their routes.
    ///
    /// A list that the login may not see is left out and said once. Portal hashes and links to pictures are left out:
    /// they are keys, or no part of the history.
    package func catalogue() async throws -> [CatalogueEntry] {
        let (api, _) = try await ready()
        var out: [CatalogueEntry] = []
        var hidden: [String] = []
        func add(
            _ kind: CatalogueEntry.Kind, _ path: String, _ key: String, name: (JSON) -> String?
        ) async throws {
            guard let rows = try await api.all(path, key) else {
                hidden.append(path)
                return
            }
            for row in rows {
                guard let id = row["id"]?.text, let name = name(row), !name.isEmpty else { continue }
                out.append(
                    CatalogueEntry(
                        kind, id: id, name: name, email: row["email"]?.string, slug: row["slug"]?.string,
                        details: Self.details(row)))
            }
        }
        func person(_ row: JSON) -> String? {
            let name = [row["first_name"], row["last_name"]].compactMap { $0?.string }.joined(separator: " ")
            return name.trimmingBlanks.isEmpty ? row["email"]?.string : name.trimmingBlanks
        }
        let title = { (row: JSON) in row["title"]?.string }
        try await add(.agent, "agents", "agents", name: person)
        try await add(.customer, "customers", "customers", name: person)
        try await add(.mailbox, "mailboxes", "mailboxes") { $0["name"]?.string }
        try await add(.product, "products", "products", name: title)
        let essentials = try await api.read("tickets/ticket-essentials")
        for tag in essentials["ticket_tags"]?.array ?? [] {
            guard let id = tag["id"]?.text, let name = tag["title"]?.string else { continue }
            out.append(CatalogueEntry(.tag, id: id, name: name))
        }
        if api.routes.contains("saved-replies") {
            try await add(.savedReply, "saved-replies", "", name: title)
        }
        if api.routes.contains("workflows") {
            try await add(.automaticMessage, "workflows", "workflows", name: title)
        }
        if !hidden.isEmpty {
            sink.emit(
                Diagnostic(
                    .warning, code: "fluent-support.catalogue",
                    "the login may not see \(hidden.joined(separator: ", ")): they are not in the catalogue",
                    subject: api.address, remedy: "use an administrator's login", cause: .refused))
        }
        return out.sorted {
            ($0.kind.rawValue, Int($0.id) ?? 0, $0.id) < ($1.kind.rawValue, Int($1.id) ?? 0, $1.id)
        }
    }

    /// A row without what is told elsewhere, is empty, or is a key to somebody's tickets.
    private static func details(_ row: JSON) -> JSON {
        let left: Set<String> = [
            "id", "email", "slug", "hash", "photo", "avatar", "full_name", "title", "name", "first_name", "last_name",
            "total_tickets", "total_responses", "tickets_count", "last_response_at", "updated_at",
        ]
        let members = (row.members ?? []).filter {
            !left.contains($0.key) && !$0.value.isNull && $0.value.string?.isEmpty != true
        }
        return members.isEmpty ? .null : .object(members)
    }

    /// Holds the number of tickets that the listing brought against the plugin's own reports, which count by status.
    ///
    /// The reports leave out tickets of a status that the plugin does not know, so only a shorter listing is odd.
    func crossCheck(listed: Int, _ api: FluentSupportAPI) async throws {
        let answer = try await api.get("reports")
        guard answer.isSuccess, let reports = answer.json?["overall_reports"] else { return }
        let counted = ["new_tickets", "active_tickets", "closed_tickets"].reduce(0) {
            $0 + (reports[$1]?["count"]?.int ?? 0)
        }
        guard listed < counted else { return }
        sink.emit(
            Diagnostic(
                .warning, code: "fluent-support.fewer-than-reported",
                "the listing brought \(listed) tickets, the site's reports count \(counted)", subject: api.address,
                remedy: "check that the login may see all mailboxes and other agents' tickets", cause: .someFailed))
    }
}
