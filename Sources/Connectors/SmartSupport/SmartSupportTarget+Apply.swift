// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Mapping
package import Migration
internal import Synchronization
package import TicketModel
internal import Transport

extension SmartSupportTarget {
    package func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]],
        identity: MigrationIdentity, progress: TicketProgress
    ) async -> TicketPlan {
        var planner = SmartSupportPlanner(
            site: site, options: options, hasNotes: hasNotes, draft: draft, files: files, identity: identity,
            progress: progress)
        var plan = planner.make(losses)
        for i in plan.steps.indices where plan.steps[i].verb == .create {
            plan.steps[i].mails += welcomes(ofTicket: draft.ticket.id, plan.steps[i])
        }
        return plan
    }

    /// A welcome, where the ticket is the first one planned of a customer new to the site.
    ///
    /// The same ticket is told the same each time.
    private func welcomes(ofTicket ticket: String, _ step: Step) -> Int {
        guard let email = step.payload["email"]?.string?.lowercased() else { return 0 }
        return state.withLock { state in
            if state.site?.customers.contains(email) == true { return 0 }
            let first = state.newcomers[email] ?? ticket
            state.newcomers[email] = first
            return first == ticket ? 1 : 0
        }
    }

    package func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        let op = step.payload["op"]?.string
        if op == "create" { return await create(step) }
        guard let ticket = Self.ticket(of: step, receipts), !ticket.isEmpty else {
            return .rejected(missingTicket(step))
        }
        switch op {
        case "reply": return await reply(step, ticket: ticket)
        case "note": return await note(step, ticket: ticket, receipts: receipts)
        case "set": return await set(step, ticket: ticket)
        case "look": return await look(step, ticket: ticket)
        default: return .rejected(missingTicket(step))
        }
    }

    /// The ticket that a step is about: steps of an undo name it themselves.
    static func ticket(of step: Step, _ receipts: [WriteKey: Receipt]) -> String? {
        step.payload["ticket"]?.string ?? step.needs.first.flatMap { receipts[$0] }?.id
    }

    package func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome {
        .rejected(
            Diagnostic(
                code: "smart-support.batch", "Smart Support takes no batches", remedy: "report this", cause: .bug))
    }

    // MARK: Create

    private func create(_ step: Step) async -> Outcome {
        let payload = step.payload
        let customer = payload["email"]?.string?.lowercased() ?? ""
        if let wait = wait(for: customer) {
            return .notNow(limit(customer), retryAfter: wait)
        }
        var members: [JSON.Member] = []
        func add(_ name: String, _ value: JSON?) {
            if let value { members.append(.init(name, value)) }
        }
        add("email", payload["email"])
        add("name", payload["name"])
        add("subject", payload["subject"])
        add("message", payload["text"])
        add("status", payload["status"])
        add("state", options.state.map { .string($0) })
        add("priority", payload["priority"])
        let site = site
        add("agent_id", payload["agent"]?.string.flatMap(site.agentID).map(Self.number))
        add(
            "product_id",
            payload["product"]?.string.flatMap { SmartSupportSite.find($0, in: site.products)?.id }.map(Self.number))
        var losses: [Loss] = []
        let wanted = SmartSupportPlanner.department(payload["department"]?.string, site: site, options: options)
        var body = members
        if let wanted { body.append(Self.departmentMember(wanted)) }
        note(submissionOf: customer)
        var (sent, refusal) = await api.send(APICall(.post, "tickets", body: .json(.object(body))))
        if let refused = refusal, let wanted, let allowed = SmartSupportAPI.allowedDepartments(refused.json) {
            learn(departments: allowed)
            let diagnostic = unknownDepartment(wanted.name, allowed, refused.diagnostic)
            if options.department != nil { return .rejected(diagnostic) }
            // Nothing was written: the ticket goes without the department, which is a loss.
            say(diagnostic)
            losses.append(Loss(field: "department", value: wanted.name, reason: diagnostic.message, fallback: .archive))
            (sent, refusal) = await api.send(APICall(.post, "tickets", body: .json(.object(members))))
        }
        guard case .understood(let json) = sent else {
            if case .refused = sent { forget(submissionOf: customer) }
            if case .notNow = sent { forget(submissionOf: customer) }
            return sent.failure ?? .uncertain(oddAnswer(step))
        }
        let row = SmartSupportAPI.row(json, ["ticket"]) ?? SmartSupportAPI.data(json)
        guard let id = SmartSupportAPI.id(row, "ticket") else { return .uncertain(oddAnswer(step)) }
        losses += differences(row, step)
        return .understood(
            Receipt(
                id: id, url: api.page(ofTicket: id), details: Self.details(of: step),
                stored: Self.stored(row)), losses: losses)
    }

    /// A department in the form that is surest: by id, slug or exact name.
    private static func departmentMember(_ one: SmartSupportSite.Named) -> JSON.Member {
        if let id = one.id { return .init("department_id", number(id)) }
        if let slug = one.slug { return .init("department_slug", .string(slug)) }
        return .init("department", .string(one.name))
    }

    static func number(_ id: String) -> JSON { Int(id).map { JSON($0) } ?? .string(id) }

    /// What the answer shows to be otherwise than it was sent.
    private func differences(_ row: JSON, _ step: Step) -> [Loss] {
        var losses: [Loss] = []
        if let text = SmartSupportText.text(of: row), let sent = step.payload["text"]?.string, text != sent {
            losses.append(
                Loss(
                    field: "messages[].body", value: step.name,
                    reason: "the site stored this text otherwise than it was sent", fallback: .archive))
        }
        if let subject = row["subject"]?.string, let sent = step.payload["subject"]?.string, subject != sent {
            losses.append(
                Loss(
                    field: "subject", reason: "the site stored the subject otherwise than it was sent",
                    fallback: .archive))
        }
        for (field, name) in [
            ("status", "status"), ("priority", "priority"), ("assignee", "agent"), ("department", "department"),
            ("product", "product"),
        ] {
            guard let value = step.payload[name]?.string, Self.ignores(row, name, value, site: site) else { continue }
            losses.append(Self.ignored(field, value))
        }
        let person = SmartSupportTicketReader(clock: site.clock).ticket(row, replies: []).requester
        if let name = person?.displayName, name != person?.email, name != person?.id,
            let sent = step.payload["name"]?.string, name != sent
        {
            let reason = "the customer of this address has another name in WordPress: \(name)"
            losses.append(Loss(field: "requester.name", value: sent, reason: reason, fallback: .archive))
            if step.payload["standsIn"]?.bool == true {
                losses.append(Loss(field: "messages[].author", value: sent, reason: reason, fallback: .substitute))
            }
        }
        return losses
    }

    // MARK: Replies and notes

    private func reply(_ step: Step, ticket: String) async -> Outcome {
        let posted = await post(
            step, as: SmartSupportPlanner.writer(step.payload, site: site), isInternal: false, ticket: ticket)
        guard case .understood(let json) = posted.sent else {
            return posted.sent.failure ?? .uncertain(oddAnswer(step))
        }
        let row = SmartSupportAPI.row(json, ["reply"]) ?? SmartSupportAPI.data(json)
        return .understood(receipt(of: row, step), losses: posted.losses + changed(row, sent: posted.text, step))
    }

    /// What became of a message, in whoever's name it went at last.
    struct Posted {
        var sent: Sent
        var refusal: SmartSupportAPI.Refusal?
        var text: JSON
        var losses: [Loss] = []
    }

    /// Writes a message as its author; where the site has nobody of that address, as the agent who stands in, under the
    /// line that names the author.
    func post(
        _ step: Step, as writer: SmartSupportPlanner.Writer, isInternal: Bool, ticket: String
    ) async -> Posted {
        let payload = step.payload
        let text = payload[writer.isHeaded ? "headed" : "text"] ?? payload["text"] ?? .null
        let (sent, refusal) = await post(text, as: writer, isInternal: isInternal, ticket: ticket)
        guard let refused = refusal, SmartSupportAPI.isAboutAuthor(refused), !writer.isHeaded, !writer.isCustomer,
            let headed = payload["headed"], let other = SmartSupportPlanner.standIn(payload, site: site),
            other.email.lowercased() != writer.email.lowercased()
        else { return Posted(sent: sent, refusal: refusal, text: text) }
        // Nothing was written.
        let (second, again) = await post(headed, as: other, isInternal: isInternal, ticket: ticket)
        return Posted(
            sent: second, refusal: again, text: headed,
            losses: [
                Loss(
                    field: "messages[].author", value: writer.email,
                    reason: "the site has no agent of this address; the header has the name, the archive the address",
                    fallback: .header)
            ])
    }

    private func post(
        _ text: JSON, as writer: SmartSupportPlanner.Writer, isInternal: Bool, ticket: String
    ) async -> (sent: Sent, refusal: SmartSupportAPI.Refusal?) {
        await api.send(
            APICall(
                .post, "tickets/\(PercentEncoding.encode(ticket))/replies",
                body: .json([
                    "message": text, "author_email": .string(writer.email),
                    "author_type": .string(writer.isCustomer && !isInternal ? "customer" : "agent"),
                    "is_internal": .bool(isInternal),
                ])))
    }

    func receipt(of row: JSON, _ step: Step) -> Receipt {
        Receipt(id: SmartSupportAPI.id(row, "reply") ?? step.key.marker, details: Self.details(of: step))
    }

    func changed(_ row: JSON, sent: JSON?, _ step: Step) -> [Loss] {
        guard let text = SmartSupportText.text(of: row), let sent = sent?.string, text != sent else { return [] }
        return [
            Loss(
                field: "messages[].body", value: step.name,
                reason: "the site stored this text otherwise than it was sent", fallback: .archive)
        ]
    }

    // MARK: Properties

    private func set(_ step: Step, ticket: String) async -> Outcome {
        guard let name = step.payload["name"]?.string, let value = step.payload["value"]?.string else {
            return .rejected(missingTicket(step))
        }
        let site = site
        let path = "tickets/\(PercentEncoding.encode(ticket))"
        let call: APICall
        switch name {
        case "status" where value == "closed": call = APICall(.post, "\(path)/close")
        case "status": call = APICall(.patch, "\(path)/status", body: .json(["status": .string(value)]))
        case "priority": call = APICall(.patch, "\(path)/priority", body: .json(["priority": .string(value)]))
        case "agent":
            guard let id = site.agentID(value) else { return .rejected(missingTicket(step)) }
            call = APICall(.patch, "\(path)/assign", body: .json(["agent_id": Self.number(id)]))
        case "department", "product":
            let all = name == "product" ? site.products : site.departments
            guard let id = SmartSupportSite.find(value, in: all)?.id else { return .rejected(missingTicket(step)) }
            call = APICall(.patch, path, body: .json(.object([.init("\(name)_id", Self.number(id))])))
        default: call = APICall(.patch, path, body: .json(.object([.init(name, .string(value))])))
        }
        var (sent, refusal) = await api.send(call)
        if refusal?.status == 400, name == "status", value == "open" {
            // Some refuse what they have done, and opening it once more would e-mail once more.
            let wanted = Self.wanted(name, value, site: site)
            if wanted != nil, let row = try? await api.ticket(ticket),
                Self.property(name, of: row, site: site) == wanted
            {
                return .understood(Receipt(id: ticket, stored: Self.stored(row)), losses: [])
            }
            // A site that opens closed tickets by the route for that alone.
            (sent, refusal) = await api.send(APICall(.post, "\(path)/reopen"))
        }
        guard case .understood(let json) = sent else { return sent.failure ?? .uncertain(oddAnswer(step)) }
        var row = SmartSupportAPI.row(json, ["ticket"])
        // An answer that does not show the ticket would make every later look at it a conflict.
        if row?["subject"] == nil, row?["title"] == nil { row = try? await api.ticket(ticket) }
        let isIgnored = row.map { Self.ignores($0, name, value, site: site) } ?? false
        return .understood(
            Receipt(id: ticket, stored: row.map(Self.stored)),
            losses: isIgnored
                ? [Self.ignored(name == "agent" ? "assignee" : name, name == "subject" ? nil : value)] : [])
    }

    /// Reads what the site made of a ticket; writes nothing.
    private func look(_ step: Step, ticket: String) async -> Outcome {
        do {
            guard let row = try await api.ticket(ticket) else { return .rejected(gone(step, ticket: ticket)) }
            return .understood(Receipt(id: ticket, stored: Self.stored(row)), losses: [])
        } catch { return .notNow(error as? Diagnostic ?? oddAnswer(step), retryAfter: .seconds(5)) }
    }

    /// Whether a ticket shows something else than what was set; what it does not show proves nothing.
    static func ignores(_ row: JSON, _ name: String, _ value: String, site: SmartSupportSite) -> Bool {
        guard let shown = property(name, of: row, site: site), let wanted = wanted(name, value, site: site) else {
            return false
        }
        return shown != wanted
    }

    /// What of a ticket the site silently did otherwise.
    private static func ignored(_ field: String, _ value: String?) -> Loss {
        Loss(
            field: field, value: value, reason: "the site took the request and shows something else: it ignored this",
            fallback: .archive)
    }

    // MARK: Receipts

    /// What is kept of a step beside its id, for later plans.
    static func details(of step: Step) -> JSON {
        var details: JSON = .object([])
        for name in ["opening", "lines", "values"] {
            if let value = step.payload[name] { details[name] = value }
        }
        if step.payload["op"]?.string == "note" { details["note"] = true }
        return details.members?.isEmpty == false ? details : .null
    }

    /// The fingerprint of what people can change in a ticket.
    static func stored(_ row: JSON) -> String {
        func text(_ names: String...) -> String {
            for name in names {
                if let text = row[name]?.text
                    ?? row[name].flatMap({ SmartSupportAPI.text($0, ["slug", "id", "name"]) })
                {
                    return text
                }
            }
            return ""
        }
        return Digest.of([
            text("subject", "title"), text("status"), text("state"), text("priority"),
            text("department_id", "department"), text("product_id", "product"), text("agent_id", "agent"),
        ])
    }
}
