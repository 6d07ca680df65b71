// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

extension SupportEngineTarget {
    func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        switch step.payload["op"]?.string {
        case "create": return await create(step)
        case "reply":
            guard let ticket = step.needs.first.flatMap({ receipts[$0] }) else { return .rejected(missingTicket(step)) }
            return await reply(step, ticket: ticket)
        default: return .rejected(missingTicket(step))
        }
    }

    func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome {
        // No step of ours has a batch.
        guard let step = steps.first, steps.count == 1 else {
            return .rejected(
                Diagnostic(
                    code: "supportengine.batch", "SupportEngine's API takes no batches", remedy: "report this",
                    cause: .bug))
        }
        return await apply(step, receipts: receipts)
    }

    // MARK: Tickets

    private func create(_ step: Step) async -> Outcome {
        let pass = await gate.enter()
        let outcome: (outcome: Outcome, isProven: Bool)
        switch pass {
        case .closed(let diagnostic): return .rejected(diagnostic)
        case .first:
            outcome = await make(step, isFirst: true)
            await gate.leave(isProven: outcome.isProven)
        case .open: outcome = await make(step, isFirst: false)
        }
        return outcome.outcome
    }

    /// Looks for the ticket, makes it, and reads it back where that has not been seen to work.
    private func make(_ step: Step, isFirst: Bool) async -> (outcome: Outcome, isProven: Bool) {
        // A ticket of another run of this migration is found by its marker, whatever became of the journal.
        switch await found(step) {
        case .success(.found(let receipt)): return (.understood(receipt, losses: receipt.losses), false)
        case .success(.cannotTell(let diagnostic)): return (.uncertain(diagnostic), false)
        case .success(.notFound): break
        case .failure(let diagnostic):
            let isFinal = diagnostic.cause == .refused || diagnostic.cause == .badInput
            return (isFinal ? .rejected(diagnostic) : .notNow(diagnostic, retryAfter: .seconds(5)), false)
        }
        var form = Self.form(of: step)
        var (sent, demanded) = await api.send("tickets_create.php", form, id: "ticket_id")
        if !demanded.isEmpty, site.fields == nil {
            // A server that does not tell its fields before: nothing was written, and a dash stands for each.
            form = Self.filled(form, demanded)
            sent = await api.send("tickets_create.php", form, id: "ticket_id").sent
        }
        guard case .understood(let json) = sent else { return (sent.failure ?? .rejected(missingTicket(step)), false) }
        let id = json["ticket_id"]?.text ?? ""
        var receipt = Receipt(id: id, details: Self.details(of: step))
        learn(fresh: id)
        learn(marker: step.key.marker, ofTicket: id)
        let samples = Self.samples(form)
        let isNew = await gate.isUnproven(samples)
        guard isFirst || options.acceptsChanges || isNew || !demanded.isEmpty else {
            return (.understood(receipt, losses: []), true)
        }
        let email = form.first { $0.name == "user_email" }?.value ?? ""
        guard let stored = try? await api.view(id, email: email) else {
            // It is there by the answer's word, and cannot be seen: looked up, and not sent again.
            return (.uncertain(cannotSee(id, step)), false)
        }
        receipt.stored = Self.fingerprint(of: stored)
        let changes = Self.changes(form, stored)
        if changes.isEmpty {
            await gate.prove(samples)
        } else if !options.acceptsChanges {
            await gate.close(changed("ticket \(id)", changes))
        }
        let dashes = demanded.map { Self.dash(in: stored["custom_fields"]?[$0]?["name"]?.string ?? $0) }
        return (.understood(receipt, losses: dashes + changes.map(\.loss)), true)
    }

    /// A form with a dash in custom fields that the server demands.
    private static func filled(
        _ form: [(name: String, value: String)], _ fields: [String]
    ) -> [(name: String, value: String)] {
        let json = JSON.object(fields.map { .init($0, "–") }).canonicalText
        return form.filter { $0.name != "custom_fields" } + [("custom_fields", json)]
    }

    /// The loss of a custom field that the server demands and a ticket has not.
    static func dash(in field: String) -> Loss {
        Loss(
            field: "customFields.\(field)",
            reason: "SupportEngine demands a value, and the ticket has none; “–” stands for it",
            fallback: .substitute)
    }

    // MARK: Replies

    private func reply(_ step: Step, ticket: Receipt) async -> Outcome {
        if case .closed(let diagnostic) = await gate.current { return .rejected(diagnostic) }
        if let id = markers(of: ticket.id)?[step.key.marker] { return .understood(Receipt(id: id), losses: []) }
        // A reply to a ticket that is not there is stored all the same, and would show up in a later one.
        if !isFresh(ticket.id) {
            do {
                guard let replies = try await replies(of: ticket, step) else { return .rejected(gone(step, ticket.id)) }
                if let id = replies[step.key.marker] { return .understood(Receipt(id: id), losses: []) }
            } catch {
                let diagnostic = error as? Diagnostic ?? missingTicket(step)
                let isFinal = diagnostic.cause == .refused || diagnostic.cause == .badInput
                return isFinal ? .rejected(diagnostic) : .notNow(diagnostic, retryAfter: .seconds(5))
            }
        }
        let text = step.payload["message"]?.string ?? ""
        let email = Self.email(of: ticket, step)
        let form = [("ticket_id", ticket.id), ("user_email", email), ("message", text)]
        let sent = await api.send("ticket_reply.php", form, id: "reply_id").sent
        guard case .understood(let json) = sent else {
            forget(ticket.id)
            return sent.failure ?? .rejected(missingTicket(step))
        }
        let id = json["reply_id"]?.text ?? ""
        learn(reply: id, marker: step.key.marker, of: ticket.id)
        let samples = [(place: "reply", text: text)]
        let isNew = await gate.isUnproven(samples)
        guard options.acceptsChanges || isNew else {
            return .understood(Receipt(id: id), losses: [])
        }
        guard let whole = try? await api.view(ticket.id, email: email),
            let row = whole["replies"]?.array?.first(where: { $0["id"]?.text == id })
        else {
            forget(ticket.id)
            return .uncertain(cannotSee(id, step))
        }
        let changes = Self.change("messages[].body", text, row["message"]?.string).map { [$0] } ?? []
        if changes.isEmpty {
            await gate.prove(samples)
        } else if !options.acceptsChanges {
            await gate.close(changed("reply \(id) of ticket \(ticket.id)", changes))
        }
        return .understood(Receipt(id: id), losses: changes.map(\.loss))
    }

    /// The ids of a ticket's replies by marker, read once; nil when it is gone.
    private func replies(of ticket: Receipt, _ step: Step) async throws -> [String: String]? {
        if let known = markers(of: ticket.id) { return known }
        guard let whole = try await api.view(ticket.id, email: Self.email(of: ticket, step)) else { return nil }
        let found = Self.markers(in: whole).compactMapValues(\.first)
        learn(markers: found, of: ticket.id)
        return found
    }

    // MARK: What is sent and what is stored

    static func form(of step: Step) -> [(name: String, value: String)] {
        (step.payload["form"]?.members ?? []).map { ($0.key, $0.value.string ?? "") }
    }

    /// The address that a ticket is viewed with: the one that it was made with.
    static func email(of ticket: Receipt, _ step: Step) -> String {
        ticket.details["email"]?.string ?? step.payload["email"]?.string ?? ""
    }

    /// What the journal keeps of a ticket.
    static func details(of step: Step) -> JSON {
        let form = form(of: step)
        return [
            "email": .string(form.first { $0.name == "user_email" }?.value ?? ""),
            "opening": step.payload["opening"] ?? "",
        ]
    }

    private static func samples(_ form: [(name: String, value: String)]) -> [(place: String, text: String)] {
        form.map { ($0.name, $0.value) }
    }

    /// Something that was stored otherwise than it was sent.
    struct Change {
        var field: String
        var how: String
        var loss: Loss {
            Loss(field: field, value: nil, reason: "SupportEngine stored it otherwise: \(how)", fallback: .archive)
        }
    }

    /// Compares a form with the ticket as it is shown.
    static func changes(_ form: [(name: String, value: String)], _ stored: JSON) -> [Change] {
        let row = stored["ticket"] ?? .null
        var out: [Change] = []
        let names = [
            "subject": ("subject", "subject"), "message": ("message", "messages[].body"),
            "user_email": ("email", "requester.email"), "name": ("name", "requester.name"),
            "company": ("company", "organization"), "priority": ("priority", "priority"),
            "category_id": ("category_id", "department"),
        ]
        for (name, value) in form {
            if name == "custom_fields" {
                for field in (try? JSON(parsing: Array(value.utf8)))?.members ?? [] {
                    let there = stored["custom_fields"]?[field.key]
                    let path = "customFields.\(there?["name"]?.string ?? field.key)"
                    if let change = change(path, field.value.string ?? "", there?["value"]?.text) { out.append(change) }
                }
            } else if let (column, path) = names[name], let change = change(path, value, row[column]?.text) {
                out.append(change)
            }
        }
        return out
    }

    /// How a stored text differs from what was sent; nil: it does not.
    static func change(_ field: String, _ sent: String, _ stored: String?) -> Change? {
        let stored = stored ?? ""
        if Array(stored.utf8) == Array(sent.utf8) { return nil }
        let how: String
        if stored.isEmpty {
            how = "it is empty"
        } else if sent.utf8.starts(with: stored.utf8) {
            how = "cut after \(stored.unicodeScalars.count) characters (\(stored.utf8.count) bytes)"
        } else if stored.contains("?"), stored.unicodeScalars.allSatisfy({ $0.value < 0x1_0000 }),
            sent.unicodeScalars.contains(where: { $0.value > 0x7F })
        {
            how = "letters or emoji became question marks"
        } else {
            how = "another text stands there"
        }
        return Change(field: field, how: how)
    }

    // MARK: Diagnostics

    private func changed(_ what: String, _ changes: [Change]) -> Diagnostic {
        let list = changes.map { "\($0.field): \($0.how)" }.joined(separator: "; ")
        return Diagnostic(
            code: "supportengine.changed",
            "SupportEngine stored \(what) otherwise than it was sent (\(list)): nothing more is sent",
            subject: api.address,
            remedy:
                "have its database take the text (utf8mb4, larger columns, strict mode), or write `changes: accept` to go on with such losses; then run the same command again",
            cause: .refused)
    }

    private func cannotSee(_ id: String, _ step: Step) -> Diagnostic {
        Diagnostic(
            code: "supportengine.not-seen", "SupportEngine took “\(step.name)” (\(id)) and does not show it",
            subject: api.address, remedy: "run the same command again: what was written is looked up first",
            cause: .unavailable)
    }

    func missingTicket(_ step: Step) -> Diagnostic {
        Diagnostic(
            code: "supportengine.no-ticket", "the ticket of “\(step.name)” is not known",
            remedy: "run the same command again", cause: .bug)
    }

    /// Somebody deleted a ticket of ours, or changed its address.
    func gone(_ step: Step, _ ticket: String) -> Diagnostic {
        Diagnostic(
            code: "supportengine.gone",
            "the ticket \(ticket) of “\(step.name)” is gone from SupportEngine, or has another address now",
            subject: api.address, remedy: "look at it there, then decide with `ticketferry resolve`", cause: .someFailed
        )
    }
}
