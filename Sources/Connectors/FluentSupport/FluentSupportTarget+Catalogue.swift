// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Migration
package import TicketModel
internal import Transport

extension FluentSupportTarget {
    /// Matches agents by address and the others by title; makes products, and tags and saved replies where the Pro
    /// add-on has their routes.
    ///
    /// Agents need a WordPress user and mailboxes send e-mails: those are made by hand. Customers come with their tickets.
    package func plan(
        catalogue: [CatalogueEntry], creating: Set<CatalogueEntry.Kind>, identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan {
        let site = site
        var plan = TicketPlan()
        var promised: Set<String> = []
        for entry in catalogue where entry.kind != .customer && !site.has(entry) {
            if let route = Self.route(of: entry.kind, site), creating.contains(entry.kind) {
                // Titles are the natural keys here: one step for each, whatever its id.
                guard promised.insert("\(entry.kind.rawValue) \(entry.name)").inserted else { continue }
                plan.steps.append(
                    Step(
                        key: identity.key(
                            ticket: CatalogueEntry.ticketID, part: "\(entry.kind.rawValue):\(entry.name)"),
                        verb: .create, name: "\(entry.kind.rawValue) \(entry.name)", undo: .delete,
                        payload: [
                            "op": "catalogue", "kind": .string(entry.kind.rawValue), "route": .string(route),
                            "title": .string(entry.name), "content": entry.details["content"] ?? .null,
                        ], value: entry.name))
            } else {
                plan.losses.append(
                    Loss(
                        field: "catalogue.\(entry.kind.rawValue)", value: entry.email ?? entry.name,
                        reason: Self.reason(entry.kind, site), fallback: .archive))
            }
        }
        // What an earlier run made is there under its title already.
        learn(promised: promised)
        return plan
    }

    static func route(of kind: CatalogueEntry.Kind, _ site: FluentSupportSite) -> String? {
        switch kind {
        case .product: "products"
        case .tag: site.routes.contains("ticket-tags") ? "ticket-tags" : nil
        case .savedReply: site.routes.contains("saved-replies") ? "saved-replies" : nil
        default: nil
        }
    }

    private static func reason(_ kind: CatalogueEntry.Kind, _ site: FluentSupportSite) -> String {
        switch kind {
        case .agent: "no agent of that address: add the WordPress user under Support Staff, or map it in the mapping"
        case .mailbox: "no mailbox of that name: make it by hand, since a new one sends e-mails"
        case .product: "no product of that name: `catalogue: {product: create}` in the mapping makes it"
        case .tag where site.routes.contains("ticket-tags"):
            "no tag of that name: `catalogue: {tag: create}` in the mapping makes it"
        case .savedReply where site.routes.contains("saved-replies"):
            "no saved reply of that title: `catalogue: {savedReply: create}` in the mapping makes it"
        case .tag: "no tag of that name, and the free plugin's API cannot make one"
        case .savedReply: "the free plugin has no saved replies"
        case .automaticMessage: "workflows act on tickets: they are made by hand, after the migration"
        default: "Fluent Support has no place for it"
        }
    }

    /// Makes one entry, unless one of its title is there.
    func makeEntry(_ step: Step) async -> Outcome {
        do {
            if case .found(let receipt) = try await findEntry(step) { return .understood(receipt, losses: []) }
        } catch let diagnostic as Diagnostic {
            return .notNow(diagnostic, retryAfter: .seconds(5))
        } catch {
            return .notNow(missingTicket(step), retryAfter: .seconds(5))
        }
        var body: JSON = ["title": step.payload["title"] ?? .null]
        if let content = step.payload["content"]?.string { body["content"] = .string(content) }
        let sent = await api.send(APICall(.post, step.payload["route"]?.string ?? "", body: .json(body)))
        guard case .understood(let json) = sent else { return sent.failure ?? .rejected(missingTicket(step)) }
        // The documents call it `product`, `tag` or `reply`.
        let made = json["id"] == nil ? json.members?.first { $0.value["id"]?.int != nil }?.value ?? json : json
        guard let id = made["id"]?.int else { return .uncertain(oddAnswer(step)) }
        learn(entry: step.payload["kind"]?.string ?? "", title: step.payload["title"]?.string ?? "", id: id)
        var receipt = Self.receipt(id, step)
        receipt.details = ["made": true]
        return .understood(receipt, losses: [])
    }

    /// A receipt whose id no ticket has: the journal takes one id for one write.
    private static func receipt(_ id: Int, _ step: Step) -> Receipt {
        Receipt(id: "\(step.payload["kind"]?.string ?? ""):\(id)")
    }

    /// Looks for an entry by its title.
    func findEntry(_ step: Step) async throws -> LookUp {
        let route = step.payload["route"]?.string ?? ""
        guard let rows = try await api.all(route, route == "products" ? "products" : "") else { return .notFound }
        guard let row = rows.first(where: { $0["title"] == step.payload["title"] }), let id = row["id"]?.int else {
            return .notFound
        }
        learn(entry: step.payload["kind"]?.string ?? "", title: step.payload["title"]?.string ?? "", id: id)
        return .found(Self.receipt(id, step))
    }
}

extension FluentSupportSite {
    /// Whether the site has an entry, by address or title.
    fileprivate func has(_ entry: CatalogueEntry) -> Bool {
        switch entry.kind {
        case .agent: entry.email.map { agents[$0.lowercased()] != nil } ?? false
        case .product: products[entry.name] != nil
        case .tag: tag(entry.name, promised: []) != nil
        case .mailbox: mailboxes.contains { $0.name.lowercased() == entry.name.lowercased() }
        case .savedReply: savedReplies.contains(entry.name)
        default: false
        }
    }

    /// The title under which the site has a tag, or will have it before the first ticket.
    func tag(_ name: String, promised: Set<String>) -> String? {
        if tags[name] != nil { return name }
        let plain = Self.plain(name)
        return tags.keys.filter { Self.plain($0) == plain }.min() ?? (promised.contains("tag \(name)") ? name : nil)
    }

    /// A tag as people compare it: WordPress stores the names of its terms with `&` as an entity, Fluent Support does not.
    private static func plain(_ tag: String) -> String {
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#039;", "'"), ("&amp;", "&")]
            .reduce(tag) { $0.replacing($1.0, with: $1.1) }.lowercased()
    }
}

extension FluentSupportAPI {
    /// All rows of a list, page by page; nil where the login may not see it.
    ///
    /// The list stands under `key`, or is the answer itself; with or without pages.
    func all(_ path: String, _ key: String, search: String? = nil) async throws -> [JSON]? {
        var rows: [JSON] = []
        var page = 1
        while true {
            let query = [("per_page", "100"), ("page", String(page))] + (search.map { [("search", $0)] } ?? [])
            let answer = try await client.read(APICall(.get, path, query: query))
            if answer.status == 403 { return nil }
            guard answer.isSuccess, let json = answer.json else {
                throw Self.diagnostic(of: answer, client: client)
            }
            let list = key.isEmpty ? json["tags"] ?? json : json[key] ?? json
            if let plain = list.array { return plain }
            let more = list["data"]?.array ?? []
            rows += more
            guard !more.isEmpty, page < list["last_page"]?.int ?? page else { return rows }
            page += 1
        }
    }
}
