// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Migration
package import TicketModel
internal import Transport

/// KB Support's REST API deletes nothing. WordPress's XML-RPC deletes its posts for good and sends no e-mail (measured:
/// tickets, replies; agents may do it too), its REST API deletes files and tags; the customers that KB Support makes are
/// in a table of its own, which no API touches.
extension KBSupportTarget {
    package func undo(
        _ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity
    ) async -> UndoPlan {
        let site = site
        guard site.hasXMLRPC else {
            return UndoPlan(
                .left,
                remains: [
                    "the ticket: without XML-RPC nothing is deleted, and closing by REST sends the customer an e-mail"
                ])
        }
        guard site.deletesTickets else {
            return UndoPlan(.left, remains: ["the ticket: this login may not delete tickets of others"])
        }
        var steps: [Step] = []
        var files = 0
        func delete(_ kind: String, _ id: Int, _ name: String) {
            steps.append(
                Step(
                    key: identity.key(ticket: written.record.id, part: "undo:\(kind):\(id)"), verb: .delete,
                    name: "delete \(name)", undo: .impossible,
                    payload: ["op": "delete", "kind": .string(kind), "id": JSON(id)]))
        }
        for record in written.steps.reversed() {
            guard let id = record.receipt.flatMap({ Int($0.id) }) else { continue }
            switch record.verb {
            // WordPress would only let go of a deleted ticket's files: they would stay, for everybody to see.
            case .attach: if site.deletesFiles { delete("file", id, record.name) } else { files += 1 }
            case .append: delete("reply", id, record.name)
            case .create, .set, .delete: continue
            }
        }
        if let id = Int(stored.id) { delete("ticket", id, "ticket") }
        let remains =
            files == 0 ? [] : ["\(files.counted("file")) in the media library: this login may not delete them"]
        return UndoPlan(.deleted, steps: steps, remains: remains)
    }

    package func undo(
        catalogue: WrittenTicket?, made: Set<String>, identity: MigrationIdentity
    ) async -> UndoPlan {
        func ids(_ kind: String) -> [Int] {
            made.compactMap { $0.hasPrefix("\(kind) ") ? Int($0.dropFirst(kind.count + 1)) : nil }.sorted()
        }
        func list(_ ids: [Int]) -> String { ids.map(String.init).joined(separator: ", ") }
        var plan = UndoPlan(.deleted)
        let (tags, customers) = (ids("tag"), ids("customer"))
        if !site.deletesTags, !tags.isEmpty {
            plan.remains.append("new tags (\(list(tags))): this login may not delete them")
        } else {
            plan.steps = tags.map { id in
                Step(
                    key: identity.key(ticket: CatalogueEntry.ticketID, part: "undo:tag:\(id)"), verb: .delete,
                    name: "delete tag \(id)", requests: 2, undo: .impossible,
                    payload: ["op": "delete", "kind": "tag", "id": JSON(id)])
            }
        }
        if !customers.isEmpty {
            plan.remains.append(
                "\(customers.count) customers that KB Support made with their first ticket (\(list(customers))): no API deletes customers; by hand under Tickets > Customers; KB Support's own log lines of the tickets stay, too"
            )
        }
        return plan
    }

    /// The highest ids of customers and tags: what is above them is new.
    package func readBaseline() async throws -> JSON {
        var out = JSON.object([])
        func highest(_ rows: [JSON]?) -> JSON? { rows.map { JSON($0.compactMap { $0["id"]?.int }.max() ?? 0) } }
        out["customer"] = try await highest(api.all("customers"))
        out["tag"] = try await highest(api.all("ticket_tag", [("hide_empty", "false")], api: KBSupportAPI.core))
        return out
    }

    package func learn(baseline: JSON) async { self.baseline = baseline }

    /// What a ticket of ours brought with it, by ``readBaseline()``.
    func made(with row: JSON) -> [String] {
        let baseline = baseline
        var out: [String] = []
        if let last = baseline["customer"]?.int, let id = row["ticket_data"]?["customer"]?.int, id > last {
            out.append("customer \(id)")
        }
        if let last = baseline["tag"]?.int {
            out += (row["ticket_tag"]?.array ?? []).compactMap(\.int).filter { $0 > last }.sorted().map { "tag \($0)" }
        }
        return out
    }

    // MARK: Deleting

    func delete(_ step: Step) async -> Outcome {
        guard let id = step.payload["id"]?.int else { return .rejected(missingTicket(step.name)) }
        let sent: Sent
        switch step.payload["kind"]?.string {
        case "ticket", "reply": sent = await api.tell("wp.deletePost", [.int(id)])
        case "file": sent = await api.delete("media/\(id)")
        case "tag":
            do {
                guard let count = try await uses(ofTag: id) else {
                    return .understood(Receipt(id: String(id)), losses: [])
                }
                guard count == 0 else { return used(tag: id, count, step) }
            } catch {
                return .notNow(error as? Diagnostic ?? oddAnswer(step), retryAfter: .seconds(5))
            }
            sent = await api.delete("ticket_tag/\(id)")
        default: return .rejected(missingTicket(step.name))
        }
        switch sent {
        case .refused(404, let diagnostic) where diagnostic.code != "kb-support.no-route":
            // Gone already.
            return .understood(Receipt(id: String(id)), losses: [])
        case .understood: return .understood(Receipt(id: String(id)), losses: [])
        default: return sent.failure ?? .uncertain(oddAnswer(step))
        }
    }

    func lookUpDeleted(_ step: Step) async throws -> LookUp {
        guard let id = step.payload["id"]?.int else { return .notFound }
        let isLeft: Bool
        switch step.payload["kind"]?.string {
        case "ticket": isLeft = try await whole(id) != nil
        case "reply": isLeft = try await isThere("replies/\(id)")
        case "file": isLeft = try await isThere("media/\(id)", api: KBSupportAPI.core)
        default: isLeft = try await uses(ofTag: id) != nil
        }
        return isLeft ? .notFound : .found(Receipt(id: String(id)))
    }

    private func isThere(_ path: String, api way: APIPath? = nil) async throws -> Bool {
        let answer = try await api.get(path, api: way)
        if answer.status == 404, answer.json?["code"]?.string == "rest_post_invalid_id" { return false }
        guard answer.isSuccess, answer.json?["id"] != nil else {
            throw KBSupportAPI.diagnostic(of: answer, client: api.client)
        }
        return true
    }

    /// How many tickets carry a tag; nil when it is gone.
    private func uses(ofTag id: Int) async throws -> Int? {
        let answer = try await api.get("ticket_tag/\(id)", api: KBSupportAPI.core)
        if answer.status == 404, answer.json?["code"]?.string == "rest_term_invalid" { return nil }
        guard answer.isSuccess, let count = answer.json?["count"]?.int else {
            throw KBSupportAPI.diagnostic(of: answer, client: api.client)
        }
        return count
    }

    private func used(tag id: Int, _ count: Int, _ step: Step) -> Outcome {
        let loss = Loss(
            field: "catalogue.tag", value: site.tags[id] ?? String(id),
            reason: "it is still on \(count.counted("ticket"))",
            fallback: .archive)
        return .understood(Receipt(id: String(id)), losses: [loss])
    }
}

extension KBSupportAPI {
    /// Deletes something of WordPress's own API for good.
    func delete(_ path: String) async -> Sent {
        await send(APICall(.delete, path, query: [("force", "true")], api: Self.core))
    }
}
