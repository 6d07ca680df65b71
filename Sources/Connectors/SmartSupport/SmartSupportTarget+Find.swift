// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Migration
internal import TicketModel
internal import Transport

extension SmartSupportTarget {
    package func inventory() async throws -> [FoundTicket] {
        let (api, site) = (api, site)
        // The search covers the ticket's own text, where the marker stands.
        let walk = SmartSupportWalk(api: api, clock: site.clock, filters: [("search", "ferry-")])
        var place = walk.start
        var seen: Set<String> = []
        var out: [FoundTicket] = []
        while let here = place {
            let step = try await walk.step(here)
            for row in step.rows {
                guard let id = SmartSupportAPI.id(row, "ticket"), seen.insert(id).inserted else { continue }
                var whole = row
                if SmartSupportText.text(of: row) == nil {
                    guard let found = try await api.ticket(id) else { continue }
                    whole = found
                }
                guard let marker = SmartSupportText.text(of: whole).flatMap(SmartSupportText.marker) else { continue }
                var found = FoundTicket(
                    digest: marker.digest, generation: marker.generation,
                    receipt: Receipt(id: id, url: api.page(ofTicket: id), stored: Self.stored(whole)))
                found.isTakenBack = Self.property("subject", of: whole, site: site)?.hasPrefix(Self.mark) == true
                out.append(found)
            }
            place = step.next
        }
        return out
    }

    package func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp {
        let api = api
        if step.verb == .create { return try await lookUpTicket(step, api) }
        guard let ticket = Self.ticket(of: step, receipts) else { return .notFound }
        guard let all = try await replies(of: ticket, api) else { return .cannotTell(gone(step, ticket: ticket)) }
        let found = all.filter { SmartSupportText.carries(SmartSupportText.text(of: $0), step.key) }
        switch found.count {
        case 0:
            // A note that the key may not see cannot be told from one that is not there.
            if step.payload["op"]?.string == "note", try await mayHide(step, all, receipts, ticket: ticket) {
                return .cannotTell(hidden(step, ticket: ticket))
            }
            return .notFound
        case 1:
            if try await isExposed(found[0], step, ticket: ticket) { return .cannotTell(exposed(step, ticket: ticket)) }
            return .found(receipt(of: found[0], step))
        default: return .cannotTell(several(step, found.compactMap { SmartSupportAPI.id($0, "reply") }))
        }
    }

    private func lookUpTicket(_ step: Step, _ api: SmartSupportAPI) async throws -> LookUp {
        let email = step.payload["email"]?.string ?? ""
        let rows = try await api.rows(
            "tickets", [("customer_email", email), ("search", step.key.marker)], ["tickets"])
        var found: [String: JSON] = [:]
        for row in rows {
            guard let id = SmartSupportAPI.id(row, "ticket") else { continue }
            var whole = row
            if SmartSupportText.text(of: row) == nil {
                guard let single = try await api.ticket(id) else { continue }
                whole = single
            }
            if SmartSupportText.carries(SmartSupportText.text(of: whole), step.key) { found[id] = whole }
        }
        guard found.count < 2, let (id, row) = found.first else {
            return found.isEmpty ? .notFound : .cannotTell(several(step, found.keys.sorted()))
        }
        var receipt = Receipt(
            id: id, url: api.page(ofTicket: id), details: Self.details(of: step), stored: Self.stored(row))
        if row["subject"] != nil, let wanted = step.payload["subject"]?.string, row["subject"]?.string != wanted {
            receipt.losses.append(
                Loss(
                    field: "subject", reason: "the site stored the subject otherwise than it was sent",
                    fallback: .archive))
        }
        return .found(receipt)
    }

    package func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] {
        let api = api
        guard let row = try await api.ticket(ticket.id), let all = try await replies(of: ticket.id, api) else {
            return [:]
        }
        let site = site
        var out: [WriteKey: Receipt] = [:]
        for step in steps {
            switch step.payload["op"]?.string {
            case "create":
                var receipt = ticket
                receipt.details = Self.details(of: step)
                if !SmartSupportText.carries(SmartSupportText.text(of: row), step.key) { receipt.details = .null }
                out[step.key] = receipt
            case "look":
                var receipt = ticket
                receipt.stored = Self.stored(row)
                out[step.key] = receipt
            case "set":
                guard let name = step.payload["name"]?.string, let value = step.payload["value"]?.string else {
                    continue
                }
                let wanted = Self.wanted(name, value, site: site)
                let holds = wanted != nil && Self.property(name, of: row, site: site) == wanted
                if holds { out[step.key] = ticket }
            default:
                let found = all.filter { SmartSupportText.carries(SmartSupportText.text(of: $0), step.key) }
                guard found.count == 1, let reply = found.first else { continue }
                if try await isExposed(reply, step, ticket: ticket.id) { throw exposed(step, ticket: ticket.id) }
                var receipt = receipt(of: reply, step)
                let text = step.payload["text"]?.string ?? ""
                let stored = SmartSupportText.text(of: reply) ?? ""
                if let lines = NoteLines.held(by: stored, of: step, text: text) { receipt.details["lines"] = lines }
                out[step.key] = receipt
            }
        }
        return out
    }

    package func storedFingerprint(ticket: Receipt) async throws -> String? {
        try await api.ticket(ticket.id).map(Self.stored)
    }

    // MARK: Reading

    /// The replies of a ticket with its notes as far as the key sees them; nil when the ticket is gone.
    func replies(of ticket: String, _ api: SmartSupportAPI) async throws -> [JSON]? {
        do {
            if let all = try await api.replies(ticket, notes: true) { return all }
            return try await api.replies(ticket, notes: false)
        } catch let diagnostic as Diagnostic where diagnostic.code == "smart-support.not-there" { return nil }
    }

    // MARK: Diagnostics

    func gone(_ step: Step, ticket: String) -> Diagnostic {
        Diagnostic(
            code: "smart-support.gone", "the ticket \(ticket) of “\(step.name)” is gone from Smart Support",
            subject: api.page(ofTicket: ticket), remedy: "somebody deleted it: decide with `ticketferry resolve`",
            cause: .someFailed)
    }

    private func hidden(_ step: Step, ticket: String) -> Diagnostic {
        Diagnostic(
            code: "smart-support.notes-hidden",
            "whether “\(step.name)” of ticket \(ticket) was written cannot be told: the key may not see internal notes",
            subject: api.page(ofTicket: ticket),
            remedy: "look at the ticket, then decide with `ticketferry resolve`; or give the key the scope for notes",
            cause: .someFailed)
    }

    private func several(_ step: Step, _ ids: [String]) -> Diagnostic {
        Diagnostic(
            code: "smart-support.several",
            "Smart Support holds “\(step.name)” more than once: \(ids.joined(separator: ", "))", subject: api.address,
            remedy: "delete all but one there, then decide with `ticketferry resolve`", cause: .someFailed)
    }
}
