// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import HTTPTypes
package import Migration
package import TicketModel
internal import Transport

/// The machine's clock.
package enum KBSupportClock {
    /// Now, in whole seconds.
    package static var now: Timestamp { Timestamp(seconds: Int64(Date().timeIntervalSince1970)) }
}

extension KBSupportTarget {
    package func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome {
        // No step of ours has a batch.
        .rejected(missingTicket(steps.first?.name ?? "nothing"))
    }

    package func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        if step.payload["op"]?.string == "create" { return await create(step) }
        if step.verb == .delete { return await delete(step) }
        guard let ticket = step.needs.first.flatMap({ receipts[$0] }).flatMap({ Int($0.id) }) else {
            return .rejected(missingTicket(step.name))
        }
        switch step.payload["op"]?.string {
        case "reply": return await reply(step, ticket: ticket)
        case "post": return await post(step, ticket: ticket)
        case "file":
            let parent = step.needs.last.flatMap { receipts[$0] }.flatMap { Int($0.id) }
            return await attach(step, parent: parent ?? ticket)
        case "update": return await update(step, ticket: ticket, body: step.payload["body"] ?? .object([]))
        case "status": return await update(step, ticket: ticket, body: ["status": step.payload["status"] ?? .null])
        case "edit": return await edit(step, ticket: ticket)
        case "state": return await setState(step, ticket: ticket)
        default: return .rejected(missingTicket(step.name))
        }
    }

    private func create(_ step: Step) async -> Outcome {
        let sent = await api.send(APICall(.post, "tickets", body: .json(step.payload["body"] ?? .object([]))))
        guard case .understood(let made) = sent else { return sent.failure ?? .uncertain(oddAnswer(step)) }
        guard let id = made["id"]?.int, Self.holds(made, step.key) else { return .uncertain(oddAnswer(step)) }
        var receipt = Receipt(id: String(id), url: api.page(ofTicket: id), details: Self.details(of: step))
        receipt.made = self.made(with: made)
        return .understood(receipt, losses: [])
    }

    /// A reply by REST: dated now, and an e-mail to the customer.
    private func reply(_ step: Step, ticket: Int) async -> Outcome {
        var body: JSON = ["reply_content": .string(KBSupportText.slashed(step.payload["content"]?.string ?? ""))]
        if let author = step.payload["author"] { body["reply_author"] = author }
        if let agent = step.payload["agent"] { body["agent"] = agent }
        let sent = await api.send(APICall(.post, "replies/ticket/\(ticket)", body: .json(body)))
        guard case .understood(let made) = sent else { return sent.failure ?? .uncertain(oddAnswer(step)) }
        guard let id = made["id"]?.int, Self.holds(made, step.key) else { return .uncertain(oddAnswer(step)) }
        return .understood(Receipt(id: String(id)), losses: [])
    }

    /// A reply by XML-RPC: with its date and author, without an e-mail.
    private func post(_ step: Step, ticket: Int) async -> Outcome {
        var content: [(String, XMLRPC.Value)] = [
            ("post_type", .string("kbs_ticket_reply")), ("post_status", .string("publish")),
            ("post_title", .string("Reply to ticket \(ticket)")), ("post_parent", .int(ticket)),
            ("post_content", .string(step.payload["content"]?.string ?? "")),
        ]
        if let author = step.payload["author"]?.int { content.append(("post_author", .int(author))) }
        if let date = step.payload["date"]?.string { content.append(("post_date_gmt", .date(date))) }
        if let agent = step.payload["agent"]?.text {
            let field: XMLRPC.Value = .object([("key", .string("_kbs_reply_agent_id")), ("value", .string(agent))])
            content.append(("custom_fields", .array([field])))
        }
        let sent = await api.tell("wp.newPost", [.object(content)])
        guard case .understood(let made) = sent else { return sent.failure ?? .uncertain(oddAnswer(step)) }
        guard let id = made.int, id > 0 else { return .uncertain(oddAnswer(step)) }
        return .understood(Receipt(id: String(id)), losses: [])
    }

    /// Uploads a file; one that the site refuses is a loss, and the text stays.
    private func attach(_ step: Step, parent: Int) async -> Outcome {
        guard let file = step.files.first else { return .rejected(missingTicket(step.name)) }
        let sent = await api.upload(
            path: file.path, name: file.name, type: file.mediaType ?? "application/octet-stream", size: file.size,
            parent: parent, slug: step.key.marker, date: step.payload["date"]?.string)
        switch sent {
        case .understood(let made):
            guard let id = made["id"]?.int else { return .uncertain(oddAnswer(step)) }
            return .understood(Receipt(id: String(id), url: made["source_url"]?.string), losses: [])
        case .refused(let status, let diagnostic) where status != 401 && status != 404:
            let loss = Loss(
                field: "messages[].attachments[]", value: "\(file.name) (\(file.size) bytes)",
                reason: diagnostic.message, fallback: .archive)
            return .understood(Receipt(id: "", details: ["refused": true]), losses: [loss])
        default: return sent.failure ?? .uncertain(oddAnswer(step))
        }
    }

    private func update(_ step: Step, ticket: Int, body: JSON) async -> Outcome {
        let sent = await api.send(APICall(.post, "tickets/\(ticket)", body: .json(body)))
        guard case .understood(let made) = sent else { return sent.failure ?? .uncertain(oddAnswer(step)) }
        guard made["id"]?.int == ticket else { return .uncertain(oddAnswer(step)) }
        var receipt = Receipt(id: String(ticket), stored: Self.stored(made))
        receipt.made = self.made(with: made)
        return .understood(receipt, losses: ignored(body, by: made))
    }

    /// What of an update the answer does not show: the plugin ignores silently what it does not take.
    private func ignored(_ sent: JSON, by row: JSON) -> [Loss] {
        var out: [Loss] = []
        if let status = sent["status"]?.string, let there = row["status"]?.string, there != status {
            out.append(
                Loss(
                    field: "status", value: status, reason: "KB Support ignored it; the ticket is \(there)",
                    fallback: .archive))
        }
        if let agent = sent["agent"]?.int, let data = row["ticket_data"], data["agent"]?.int != agent {
            let there = data["agent"]?.int.flatMap { site.author(account: $0) } ?? "nobody’s"
            out.append(
                Loss(
                    field: "assignee", value: site.author(account: agent),
                    reason: "KB Support ignored it; the ticket is \(there)", fallback: .archive))
        }
        return out
    }

    private func edit(_ step: Step, ticket: Int) async -> Outcome {
        var content: [(String, XMLRPC.Value)] = [
            ("post_title", .string(step.payload["title"]?.string ?? "")),
            ("post_content", .string(step.payload["content"]?.string ?? "")),
        ]
        if let date = step.payload["date"]?.string { content.append(("post_date_gmt", .date(date))) }
        let tags = (step.payload["tags"]?.array ?? []).compactMap(\.string)
        if !tags.isEmpty {
            content.append(("terms_names", .object([("ticket_tag", .array(tags.map { .string($0) }))])))
        }
        let sent = await api.tell("wp.editPost", [.int(ticket), .object(content)])
        if let failure = sent.failure { return failure }
        return .understood(Receipt(id: String(ticket)), losses: [])
    }

    /// The status by XML-RPC, without an e-mail; the ticket is read back, since the answer shows nothing of it.
    private func setState(_ step: Step, ticket: Int) async -> Outcome {
        let status = step.payload["status"]?.string ?? ""
        let sent = await api.tell(
            "wp.editPost", [.int(ticket), .object([("post_status", .string(status))])])
        if let failure = sent.failure { return failure }
        do {
            guard let row = try await whole(ticket) else { return .rejected(gone(step, ticket: ticket)) }
            var receipt = Receipt(id: String(ticket), stored: Self.stored(row))
            receipt.made = made(with: row)
            return .understood(receipt, losses: ignored(["status": .string(status)], by: row))
        } catch {
            return .uncertain(error as? Diagnostic ?? oddAnswer(step))
        }
    }

    /// What is kept of a step beside its id, for later plans: which message became the ticket's own text, whose it was.
    static func details(of step: Step) -> JSON {
        ["opening": step.payload["opening"] ?? .string(""), "agent": step.payload["agent"] ?? .null]
    }

    // MARK: Diagnostics

    func missingTicket(_ name: String) -> Diagnostic {
        Diagnostic(
            code: "kb-support.no-ticket", "the ticket of “\(name)” is not known", remedy: "run the same command again",
            cause: .bug)
    }

    func oddAnswer(_ step: Step) -> Diagnostic {
        Diagnostic(
            code: "kb-support.odd-answer", "KB Support's answer to “\(step.name)” was not understood",
            subject: api.address,
            remedy: "run the same command again: what was written is looked up first", cause: .unavailable)
    }

    /// Somebody deleted a ticket of ours.
    func gone(_ step: Step, ticket: Int) -> Diagnostic {
        Diagnostic(
            code: "kb-support.gone", "the ticket \(ticket) of “\(step.name)” is gone from KB Support",
            subject: api.page(ofTicket: ticket),
            remedy: "somebody deleted it: decide with `ticketferry resolve`", cause: .someFailed)
    }
}
