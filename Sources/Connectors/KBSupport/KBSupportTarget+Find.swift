// SPDX-License-Identifier: Apache-2.0
package import Migration
internal import TicketModel
internal import Transport

extension KBSupportTarget {
    package func inventory() async throws -> [FoundTicket] {
        let api = api
        let query = [("search", "ferry-"), ("orderby", "id"), ("order", "asc")].map { (name: $0.0, value: $0.1) }
        var out: [FoundTicket] = []
        for row in try await api.demand("tickets", query) {
            guard let id = row["id"]?.int, let text = KBSupportPreflight.raw(row["content"]),
                let marker = KBSupportText.marker(in: text)
            else { continue }
            out.append(
                FoundTicket(
                    digest: marker.digest, generation: marker.generation,
                    receipt: Receipt(id: String(id), url: api.page(ofTicket: id), stored: Self.stored(row))))
        }
        return out
    }

    package func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp {
        if step.verb == .create { return try await lookUpTicket(step) }
        if step.verb == .delete { return try await lookUpDeleted(step) }
        guard let ticket = step.needs.first.flatMap({ receipts[$0] }).flatMap({ Int($0.id) }) else { return .notFound }
        guard try await whole(ticket) != nil else { return .cannotTell(gone(step, ticket: ticket)) }
        let found: [Int]
        if step.verb == .attach {
            let parent = step.needs.last.flatMap { receipts[$0] }.flatMap { Int($0.id) } ?? ticket
            found = try await media(of: [parent]).filter { Self.isSlug($0["slug"], of: step.key) }
                .compactMap { $0["id"]?.int }
        } else {
            found = try await replies(of: ticket).filter { Self.holds($0, step.key) }.compactMap { $0["id"]?.int }
        }
        switch found.count {
        case 0: return .notFound
        case 1: return .found(Receipt(id: String(found[0])))
        default: return .cannotTell(several(step, found))
        }
    }

    private func lookUpTicket(_ step: Step) async throws -> LookUp {
        let api = api
        let query = [("search", step.key.marker), ("orderby", "id"), ("order", "asc")]
        // The search is a LIKE without regard to case: what it gives is compared.
        let rows = (try await api.demand("tickets", query.map { (name: $0.0, value: $0.1) }))
            .filter { Self.holds($0, step.key) }
        switch rows.count {
        case 0: return .notFound
        case 1:
            let id = rows[0]["id"]?.int ?? 0
            var receipt = Receipt(
                id: String(id), url: api.page(ofTicket: id), details: Self.details(of: step),
                stored: Self.stored(rows[0]))
            receipt.made = made(with: rows[0])
            return .found(receipt)
        default: return .cannotTell(several(step, rows.compactMap { $0["id"]?.int }))
        }
    }

    package func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] {
        guard let id = Int(ticket.id), let row = try await whole(id) else { return [:] }
        let replies = try await replies(of: id)
        let files = try await media(of: [id] + replies.compactMap { $0["id"]?.int })
        var out: [WriteKey: Receipt] = [:]
        for step in steps {
            switch step.payload["op"]?.string {
            case "create":
                var receipt = ticket
                receipt.details = Self.details(of: step)
                receipt.made = made(with: row)
                out[step.key] = receipt
            case "reply", "post":
                let found = replies.filter { Self.holds($0, step.key) }.compactMap { $0["id"]?.int }
                if found.count == 1 { out[step.key] = Receipt(id: String(found[0])) }
            case "file":
                let found = files.filter { Self.isSlug($0["slug"], of: step.key) }.compactMap { $0["id"]?.int }
                if found.count == 1 { out[step.key] = Receipt(id: String(found[0])) }
            case "status", "state":
                if row["status"]?.string == step.payload["status"]?.string {
                    out[step.key] = Receipt(id: ticket.id, stored: Self.stored(row))
                }
            case "update" where step.payload["body"]?["agent"] != nil:
                if row["ticket_data"]?["agent"]?.int == step.payload["body"]?["agent"]?.int { out[step.key] = ticket }
            default: continue
            }
        }
        return out
    }

    package func storedFingerprint(ticket: Receipt) async throws -> String? {
        guard let id = Int(ticket.id), let row = try await whole(id) else { return nil }
        return Self.stored(row)
    }

    /// The fingerprint of a ticket as it stands.
    ///
    /// Its date of change moves with replies, notes and every changed property; terms may change without it.
    static func stored(_ row: JSON) -> String {
        func ids(_ key: String) -> String {
            (row[key]?.array ?? []).compactMap(\.int).sorted().map(String.init).joined(separator: ",")
        }
        return Digest.of([
            row["modified_gmt"]?.string ?? "", row["status"]?.string ?? "", ids("ticket_tag"), ids("ticket_categories"),
        ])
    }

    // MARK: Reading

    /// A ticket; nil when it is gone or in the trash.
    func whole(_ id: Int) async throws -> JSON? {
        let answer = try await api.get("tickets/\(id)")
        if answer.status == 404, answer.json?["code"]?.string == "rest_post_invalid_id" { return nil }
        guard answer.isSuccess, let row = answer.json, row["id"]?.int == id else {
            throw KBSupportAPI.diagnostic(of: answer, client: api.client)
        }
        return row["status"]?.string == "trash" ? nil : row
    }

    func replies(of ticket: Int) async throws -> [JSON] {
        guard let rows = try await api.all("replies/ticket/\(ticket)") else {
            throw Diagnostic(
                code: "kb-support.forbidden", "the replies of ticket \(ticket) cannot be read", subject: api.address,
                remedy: "use the login of an administrator or of a support manager", cause: .refused)
        }
        return rows
    }

    /// The files of tickets and replies; with titles as they are for a login that may see them.
    func media(of parents: [Int]) async throws -> [JSON] {
        var out: [JSON] = []
        var rest = parents[...]
        while !rest.isEmpty {
            let some = rest.prefix(50).map(String.init).joined(separator: ",")
            rest = rest.dropFirst(50)
            var query = [("parent", some), ("orderby", "id"), ("order", "asc")]
            if site.editsPosts { query.append(("context", "edit")) }
            out += try await api.demand("media", query.map { (name: $0.0, value: $0.1) }, api: KBSupportAPI.core)
        }
        return out
    }

    /// Whether a ticket's or reply's text ends with the marker of a key.
    static func holds(_ row: JSON, _ key: WriteKey) -> Bool {
        KBSupportPreflight.raw(row["content"])?.contains(KBSupportText.comment(key)) ?? false
    }

    /// Whether a slug is the one of a key: WordPress takes the dash off its end, and numbers a second one.
    private static func isSlug(_ slug: JSON?, of key: WriteKey) -> Bool {
        guard let slug = slug?.string else { return false }
        let own = KBSupportText.slug(key)
        return slug == own || slug.hasPrefix(own + "-")
    }

    private func several(_ step: Step, _ ids: [Int]) -> Diagnostic {
        Diagnostic(
            code: "kb-support.several",
            "KB Support holds “\(step.name)” more than once: \(ids.map(String.init).joined(separator: ", "))",
            subject: api.address, remedy: "delete all but one there, then decide with `ticketferry resolve`",
            cause: .someFailed)
    }
}
