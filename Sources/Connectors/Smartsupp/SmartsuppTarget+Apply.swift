// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import TicketModel
internal import Transport

extension SmartsuppTarget {
    func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        switch step.payload["op"]?.string {
        case "create": return await create(step)
        case "message":
            guard let ticket = conversation(step, receipts) else { return .rejected(missingTicket(step)) }
            return await append(step, to: ticket)
        case "close":
            // A step of an undo names the conversation itself.
            guard let id = step.payload["ticket"]?.string ?? conversation(step, receipts)?.id else {
                return .rejected(missingTicket(step))
            }
            return await close(id)
        default: return await applyCatalogue(step, receipts: receipts)
        }
    }

    func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome {
        // No step of this connector has a batch.
        guard let step = steps.first else { return .understood(Receipt(id: ""), losses: []) }
        return await apply(step, receipts: receipts)
    }

    private func conversation(_ step: Step, _ receipts: [WriteKey: Receipt]) -> Receipt? {
        step.needs.first.flatMap { receipts[$0] }
    }

    // MARK: Steps

    private func create(_ step: Step) async -> Outcome {
        let contact: Contact
        switch await findOrMake(step.payload["contact"] ?? .object([]), marker: step.payload["person"]?.string ?? "") {
        case .success(let found): contact = found
        case .failed(let outcome): return outcome
        }
        var body: JSON = [
            "contact_id": .string(contact.id), "ext_id": .string(step.key.marker),
            "text": step.payload["text"] ?? .string(""),
        ]
        if let variables = step.payload["variables"], variables.members?.isEmpty == false {
            body["variables"] = variables
        }
        let sent = await api.send(APICall(.post, "conversations", body: .json(body)))
        guard case .understood(let json) = sent else { return sent.failure ?? .rejected(missingTicket(step)) }
        guard let id = json["id"]?.text, !id.isEmpty else { return .uncertain(oddAnswer(step)) }
        if let other = Self.extID(json), other != step.key.marker { return .uncertain(oddAnswer(step)) }
        return .understood(Self.receipt(json, id: id, step, contact: contact.id), losses: contact.losses)
    }

    private func append(_ step: Step, to ticket: Receipt) async -> Outcome {
        let payload = step.payload
        var content: JSON = ["type": "text", "text": payload["text"] ?? .string("")]
        if let html = payload["html"] { content["html"] = html }
        var body: JSON = [
            "type": "message", "sub_type": payload["sub_type"] ?? .string("bot"), "content": content,
            "ext_id": .string(step.key.marker),
        ]
        if payload["sub_type"]?.string == "contact" {
            var contact = ticket.details["contact"]?.string
            if contact == nil {
                do { contact = try await contactID(of: ticket.id) } catch {
                    return .notNow(Self.diagnostic(error, step), retryAfter: .seconds(5))
                }
            }
            guard let contact else { return .rejected(missingTicket(step)) }
            body["contact_id"] = .string(contact)
        }
        if let agent = payload["agent"]?.string {
            do {
                guard let id = try await agentID(agent) else { return .rejected(missingAgent(agent, step)) }
                body["agent_id"] = .string(id)
            } catch { return .notNow(Self.diagnostic(error, step), retryAfter: .seconds(5)) }
        }
        let sent = await api.send(
            APICall(.post, "conversations/\(PercentEncoding.encode(ticket.id))/messages", body: .json(body)))
        guard case .understood(let json) = sent else { return sent.failure ?? .rejected(missingTicket(step)) }
        guard let id = json["id"]?.text, !id.isEmpty else { return .uncertain(oddAnswer(step)) }
        return .understood(Receipt(id: id), losses: Self.changes(of: json, step))
    }

    private func close(_ id: String) async -> Outcome {
        let path = "conversations/\(PercentEncoding.encode(id))/close"
        let sent = await api.send(APICall(.patch, path), allowsEmpty: true)
        guard case .understood = sent else { return sent.failure ?? .understood(Receipt(id: id), losses: []) }
        return .understood(Receipt(id: id, stored: Self.stored(status: "closed", tags: [])), losses: [])
    }

    /// An agent's id by address; agents whom the catalogue made are read again.
    private func agentID(_ email: String) async throws -> String? {
        if let known = site.agents[email] { return known }
        let agents = try await readAgents()
        learn(agents: agents)
        return agents[email]
    }

    private func missingAgent(_ email: String, _ step: Step) -> Diagnostic {
        Diagnostic(
            code: "smartsupp.no-agent", "the agent \(email) of “\(step.name)” is not in Smartsupp",
            subject: api.address,
            remedy: "look why the catalogue could not make this user, then run the same command again",
            cause: .someFailed)
    }

    /// The contact of a conversation that was adopted: its receipt does not tell.
    private func contactID(of id: String) async throws -> String? {
        guard let row = try await api.find("conversations/\(PercentEncoding.encode(id))") else { return nil }
        var fields = SmartsuppFields(row)
        return fields.text("contact_id")
    }

    // MARK: Contacts

    struct Contact: Sendable {
        var id: String
        /// What of a contact who is there already is not as the source has it.
        var losses: [Loss] = []
    }

    enum ContactResult: Sendable {
        case success(Contact)
        case failed(Outcome)
    }

    /// A contact by address, else by the marker in its note; made where there is none.
    ///
    /// A contact whose making is in doubt is looked for with the next try: nobody comes twice.
    func findOrMake(_ person: JSON, marker: String) async -> ContactResult {
        let email = person["email"]?.string
        let key = email?.lowercased() ?? marker
        if let id = contacts.id(key) { return .success(Contact(id: id)) }
        do {
            var found: JSON?
            if let email {
                found = try await api.find("contacts/find", [("email", email)])
                if found?["email"]?.text?.lowercased() != key { found = nil }
            } else if contacts.isDoubtful(key) {
                found = try await api.contacts().first { $0["note"]?.text == marker }
            }
            if let found, let id = found["id"]?.text {
                contacts.note(key, id: id)
                return .success(Contact(id: id, losses: SmartsuppContacts.differences(found, person)))
            }
        } catch {
            // Reading failed: nothing was written.
            return .failed(.notNow(Self.diagnostic(error, nil), retryAfter: .seconds(5)))
        }
        let made = contacts.person(key, or: person)
        var body = made
        if email == nil { body["note"] = .string(marker) }
        let sent = await api.send(APICall(.post, "contacts", body: .json(body)))
        guard case .understood(let json) = sent else {
            contacts.doubt(key)
            return .failed(sent.failure ?? .rejected(oddContact))
        }
        guard let id = json["id"]?.text, !id.isEmpty else {
            contacts.doubt(key)
            return .failed(.uncertain(oddContact))
        }
        contacts.note(key, id: id)
        return .success(Contact(id: id, losses: SmartsuppContacts.differences(json, made)))
    }

    // MARK: Receipts

    static func receipt(_ json: JSON, id: String, _ step: Step, contact: String?) -> Receipt {
        var fields = SmartsuppFields(json)
        var details: [JSON.Member] = [.init("opening", step.payload["opening"] ?? "")]
        if let contact = contact ?? fields.text("contact_id") { details.append(.init("contact", .string(contact))) }
        return Receipt(id: id, details: .object(details), stored: stored(json))
    }

    static func extID(_ json: JSON) -> String? {
        var fields = SmartsuppFields(json)
        return fields.text("ext_id")
    }

    /// The fingerprint of what people change in a conversation: whether it is closed, and its tags.
    ///
    /// Its date of change moves with our own messages, so it is not in it.
    static func stored(_ json: JSON) -> String {
        let tags = (json["tags"]?.array ?? []).compactMap { $0.text ?? $0["name"]?.text }
        return stored(status: json["status"]?.text ?? "", tags: tags)
    }

    static func stored(status: String, tags: [String]) -> String {
        Digest.of([status == "closed" ? "closed" : "open"] + tags.sorted())
    }

    /// A text that came back otherwise than it was sent is never silent.
    static func changes(of json: JSON, _ step: Step) -> [Loss] {
        guard let content = json["content"] else { return [] }
        let isEqual: Bool
        if let html = step.payload["html"]?.string, let stored = content["html"]?.string {
            isEqual = html == stored
        } else {
            guard let text = content.string ?? content["text"]?.string else { return [] }
            // Markup that only divides paragraphs loses nothing as a plain text.
            isEqual = text == step.payload["text"]?.string && step.payload["rich"]?.bool != true
        }
        if isEqual { return [] }
        return [
            Loss(
                field: "messages[].body", value: step.name,
                reason: "Smartsupp stored this text otherwise than it was sent",
                fallback: .archive)
        ]
    }

    // MARK: Diagnostics

    static func diagnostic(_ error: any Error, _ step: Step?) -> Diagnostic {
        (error as? Diagnostic)
            ?? Diagnostic(
                code: "smartsupp.interrupted", "Smartsupp could not be asked", subject: step?.name,
                remedy: "run the same command again to go on", cause: .interrupted)
    }

    func missingTicket(_ step: Step) -> Diagnostic {
        Diagnostic(
            code: "smartsupp.no-conversation", "“\(step.name)” has no conversation that it belongs to",
            subject: api.address, remedy: "run the same command again", cause: .someFailed)
    }

    func oddAnswer(_ step: Step) -> Diagnostic {
        Diagnostic(
            code: "smartsupp.odd-answer", "Smartsupp took “\(step.name)” and did not say what it made of it",
            subject: api.address, remedy: "run the same command again: what was written is looked up first",
            cause: .unavailable)
    }

    private var oddContact: Diagnostic {
        Diagnostic(
            code: "smartsupp.odd-contact", "Smartsupp took a contact and did not say which one it became",
            subject: api.address, remedy: "run the same command again: the contact is looked for first",
            cause: .unavailable)
    }
}
