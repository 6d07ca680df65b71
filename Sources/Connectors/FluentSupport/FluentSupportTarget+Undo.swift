// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Migration
package import TicketModel
internal import Transport

/// Taking back: no e-mail is sent by any of it.
extension FluentSupportTarget {
    /// The highest id of the newest customers; `null` where the login may not see customers, who stay then.
    package func readBaseline() async throws -> JSON {
        let answer: APIAnswer
        do { answer = try await api.get("customers", [("per_page", "100")]) } catch let failure as HTTPFailure {
            throw failure.diagnostic
        }
        if answer.status == 403 { return .null }
        guard answer.isSuccess, let rows = answer.json?["customers"]?["data"]?.array else {
            throw FluentSupportAPI.diagnostic(of: answer, client: api.client)
        }
        return ["customer": JSON(rows.compactMap { $0["id"]?.int }.max() ?? 0)]
    }

    package func learn(baseline: JSON) async { learn(newestCustomer: baseline["customer"]?.int) }

    /// The customer whom the creation of a ticket made, if it may have: `customer 17, 2026-11-21T08:06:46Z`.
    ///
    /// The time is that of the ticket's creation: a customer whom people made meanwhile is older than the first ticket
    /// of ours, and stays.
    func made(with row: JSON) -> [String] {
        guard let newest = newestCustomer, let id = row["customer_id"]?.int, id > newest,
            let time = site.zone.same(row["created_at"]?.string)
        else { return [] }
        return ["customer \(id), \(time)"]
    }

    /// Deletes the ticket, its tags first: the plugin leaves their links behind.
    ///
    /// Left where people put tags on it, which moves nothing else. Responses, notes and files go with the ticket.
    package func undo(_ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity) async -> UndoPlan {
        let site = site
        let own = Set(
            written.steps.filter { $0.part.hasPrefix("set:tag:") }.map { step in
                let name = String(step.part.dropFirst("set:tag:".count))
                return site.tag(name, promised: []) ?? name
            })
        let foreign = stored.tags.subtracting(own).sorted()
        if !foreign.isEmpty {
            return UndoPlan(
                .left, remains: ["people put the tags \(foreign.joined(separator: ", ")) on ticket \(stored.id)"])
        }
        let ticket = written.record.id
        var payload: JSON = [
            "op": "undo-ticket", "ticket": .string(stored.id),
            "digest": .string(identity.key(ticket: ticket, part: "ticket").digest),
            "messages": .array(stored.messages.dropFirst().map { .string($0.id) }),
        ]
        if let fingerprint = stored.fingerprint { payload["fingerprint"] = .string(fingerprint) }
        return UndoPlan(
            .deleted,
            steps: [
                Step(
                    key: identity.key(ticket: ticket, part: "undo:ticket"), verb: .delete, name: "ticket \(stored.id)",
                    requests: 2 + stored.tags.count, undo: .impossible, payload: payload)
            ])
    }

    /// Deletes customers, products, and with the Pro add-on tags and saved replies, that the migration made.
    package func undo(catalogue: WrittenTicket?, made: Set<String>, identity: MigrationIdentity) async -> UndoPlan {
        var plan = UndoPlan(.deleted)
        func add(_ part: String, _ name: String, requests: Int, _ payload: JSON) {
            plan.steps.append(
                Step(
                    key: identity.key(ticket: CatalogueEntry.ticketID, part: "undo:\(part)"), verb: .delete,
                    name: name, requests: requests, undo: .impossible, payload: payload))
        }
        // One customer may stand there with each of its first tickets: the first of all made them.
        var customers: [Int: Timestamp] = [:]
        for text in made {
            let halves = text.split(separator: ",", maxSplits: 1).map { String($0).trimmingBlanks }
            guard halves.count == 2, halves[0].hasPrefix("customer "), let id = Int(halves[0].dropFirst(9)),
                let time = Timestamp(halves[1])
            else {
                plan.remains.append(text)
                continue
            }
            customers[id] = min(customers[id] ?? time, time)
        }
        for (id, time) in customers.sorted(by: { $0.key < $1.key }) {
            add(
                "customer:\(id)", "customer \(id)", requests: 3,
                ["op": "undo-customer", "id": JSON(id), "made": .string(time.description)])
        }
        for step in (catalogue?.steps ?? []).reversed() where step.verb == .create {
            guard let receipt = step.receipt, let colon = receipt.id.firstIndex(of: ":"),
                let id = Int(receipt.id[receipt.id.index(after: colon)...])
            else { continue }
            let kind = String(receipt.id[..<colon])
            // What was there under its title when it was to be made may be somebody else's.
            guard receipt.details["made"]?.bool == true, let route = Self.route(ofKind: kind, site) else {
                plan.remains.append(step.name)
                continue
            }
            add(
                step.part, step.name, requests: kind == CatalogueEntry.Kind.savedReply.rawValue ? 2 : 3,
                [
                    "op": "undo-entry", "kind": .string(kind), "route": .string(route), "id": JSON(id),
                    "title": .string(String(step.part.dropFirst(kind.count + 1))),
                ])
        }
        return plan
    }

    // MARK: Performing

    /// Deletes a ticket, if it is still ours and as it was when that was planned.
    func deleteTicket(_ step: Step) async -> Outcome {
        guard let ticket = step.payload["ticket"]?.int else { return .rejected(missingTicket(step)) }
        let gone = Outcome.understood(Receipt(id: String(ticket)), losses: [])
        let all: JSON
        do {
            guard let found = try await whole(ticket, api) else { return gone }
            all = found
        } catch { return Self.later(error, step) }
        let row = all["ticket"] ?? .null
        guard Self.marker(in: row)?.digest == step.payload["digest"]?.string else {
            return .rejected(
                stays(step, "not-ours", "ticket \(ticket) does not carry this migration's mark any more"))
        }
        let messages = Self.responses(of: all).filter {
            $0["conversation_type"]?.string != "internal_info" || $0["person_id"]?.int != site.me.id
        }
        let known = Set((step.payload["messages"]?.array ?? []).compactMap(\.text))
        let isMoved = step.payload["fingerprint"]?.string.map { $0 != fingerprint(of: all) } ?? false
        guard !isMoved, Set(messages.compactMap { $0["id"]?.text }) == known else {
            return .rejected(stays(step, "touched", "somebody changed ticket \(ticket) just now"))
        }
        for tag in row["tags"]?.array ?? [] {
            guard let id = tag["id"]?.int else { continue }
            if let failure = await delete("tickets/\(ticket)/tags/\(id)") { return failure }
        }
        return await delete("tickets/\(ticket)/delete") ?? gone
    }

    /// Deletes a customer whom nothing uses: the plugin deletes all tickets of a customer with them.
    func deleteCustomer(_ step: Step) async -> Outcome {
        let id = step.payload["id"]?.int ?? 0
        let receipt = Receipt(id: "customer:\(id)")
        func kept(_ email: String?, _ reason: String) -> Outcome {
            .understood(
                receipt,
                losses: [
                    Loss(
                        field: "catalogue.customer", value: email ?? "customer \(id)",
                        reason: "stays in Fluent Support: \(reason)", fallback: .archive)
                ])
        }
        do {
            let api = api
            let person = try await api.read("customers/\(id)")["customer"] ?? .null
            guard person.members != nil else { return .understood(receipt, losses: []) }
            let email = person["email"]?.string
            let zone = site.zone
            let born = zone.same(person["created_at"]?.string)
            let made = step.payload["made"]?.string.flatMap { Timestamp($0) }
            guard Self.isSame(born, made) else { return kept(email, "the migration did not make this customer") }
            let changed = zone.same(person["updated_at"]?.string)
            guard Self.isSame(changed, zone.same(person["last_response_at"]?.string)) else {
                return kept(email, "somebody changed this customer")
            }
            let rows = try await api.all("customers", "customers", search: email ?? String(id)) ?? []
            guard let row = rows.first(where: { $0["id"]?.int == id }), let tickets = row["total_tickets"]?.int,
                let responses = row["total_responses"]?.int
            else { return kept(email, "the list of customers does not tell whether it is used") }
            guard tickets == 0, responses == 0 else {
                return kept(email, "it has \(tickets.counted("ticket")) and \(responses.counted("response"))")
            }
        } catch { return Self.later(error, step) }
        return await delete("customers/\(id)") ?? .understood(receipt, losses: [])
    }

    /// Deletes a product, tag or saved reply of ours that no ticket has.
    func deleteEntry(_ step: Step) async -> Outcome {
        let kind = step.payload["kind"]?.string ?? ""
        let id = step.payload["id"]?.int ?? 0
        let route = step.payload["route"]?.string ?? ""
        let receipt = Receipt(id: "\(kind):\(id)")
        func kept(_ reason: String) -> Outcome {
            .understood(
                receipt,
                losses: [
                    Loss(
                        field: "catalogue.\(kind)", value: step.payload["title"]?.string,
                        reason: "stays in Fluent Support: \(reason)", fallback: .archive)
                ])
        }
        do {
            let rows = try await api.all(route, route == "products" ? "products" : "") ?? []
            guard let row = rows.first(where: { $0["id"]?.int == id }) else {
                return .understood(receipt, losses: [])
            }
            guard row["title"] == step.payload["title"] else { return kept("somebody gave it another title") }
            let filters = ["product": "filters[product_id][]", "tag": "filters[ticket_tags][]"]
            if let filter = filters[kind] {
                let used = try await api.read("tickets", [("per_page", "1"), (filter, String(id))])
                guard let count = used["tickets"]?["total"]?.int else { return kept("nobody can tell who uses it") }
                if count > 0 { return kept("\(count.counted("ticket")) with it") }
            }
        } catch { return Self.later(error, step) }
        return await delete("\(route)/\(id)") ?? .understood(receipt, losses: [])
    }

    /// Whether what a step of `undo` deletes is gone.
    func lookUpGone(_ step: Step) async throws -> LookUp {
        let id = step.payload["id"]?.int ?? step.payload["ticket"]?.int ?? 0
        let isGone: Bool
        switch step.payload["op"]?.string {
        case "undo-ticket": isGone = try await whole(id, api) == nil
        case "undo-customer": isGone = try await api.read("customers/\(id)")["customer"]?.members == nil
        default:
            let route = step.payload["route"]?.string ?? ""
            let rows = try await api.all(route, route == "products" ? "products" : "") ?? []
            isGone = !rows.contains { $0["id"]?.int == id }
        }
        return isGone ? .found(Receipt(id: String(id))) : .notFound
    }

    /// Deletes; nil when it is gone, whoever deleted it.
    private func delete(_ path: String) async -> Outcome? {
        let sent = await api.send(APICall(.delete, path))
        if case .refused(_, let diagnostic) = sent, diagnostic.code == "fluent-support.not-there" { return nil }
        return sent.failure
    }

    /// Where a kind of the catalogue is made and deleted.
    static func route(ofKind kind: String, _ site: FluentSupportSite) -> String? {
        CatalogueEntry.Kind(rawValue: kind).flatMap { route(of: $0, site) }
    }

    /// A look before a deletion failed: nothing was deleted.
    private static func later(_ error: any Error, _ step: Step) -> Outcome {
        let diagnostic =
            error as? Diagnostic
            ?? Diagnostic(
                code: "fluent-support.look", "Fluent Support could not be asked before “\(step.name)” is deleted",
                remedy: "run the same command again", cause: .unavailable)
        return .notNow(diagnostic, retryAfter: .seconds(5))
    }

    /// Whether two moments are one request's.
    private static func isSame(_ a: Timestamp?, _ b: Timestamp?) -> Bool {
        guard let a, let b else { return false }
        return abs(a.seconds - b.seconds) <= 3
    }

    private func stays(_ step: Step, _ code: String, _ words: String) -> Diagnostic {
        Diagnostic(
            code: "fluent-support.\(code)", "\(words); it stays", subject: step.payload["ticket"]?.int.map(api.page),
            remedy: "look at it in Fluent Support, then run the same command again", cause: .someFailed)
    }
}
