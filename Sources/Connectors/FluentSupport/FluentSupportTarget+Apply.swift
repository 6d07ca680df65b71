// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
package import Mapping
package import Migration
package import TicketModel
internal import Transport

extension FluentSupportTarget {
    package func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]],
        identity: MigrationIdentity, progress: TicketProgress
    ) async -> TicketPlan {
        var planner = FluentSupportPlanner(
            site: site, options: options, draft: draft, files: files, identity: identity, progress: progress)
        // What the mapping's rules lost is said in the ticket's note as well; the engine counts it.
        for loss in losses where loss.fallback == .migrationNote {
            planner.noteLines.append("\(loss.field): \(loss.value ?? "–")")
        }
        return planner.make()
    }

    package func preparations() async throws -> [String] {
        ["customers whom Fluent Support does not know yet are made with their first ticket"]
    }

    package func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        let payload = step.payload
        let ticket = step.needs.first.flatMap { receipts[$0] }.flatMap { Int($0.id) }
        switch payload["op"]?.string {
        case "create": return await create(step)
        case "catalogue": return await makeEntry(step)
        case "response", "note", "customer":
            guard let ticket else { return .rejected(missingTicket(step)) }
            return await append(step, ticket: ticket)
        case "stage":
            guard let ticket else { return .rejected(missingTicket(step)) }
            return await stage(step, ticket: ticket)
        case "property":
            guard let ticket else { return .rejected(missingTicket(step)) }
            switch payload["name"]?.string {
            case "mailbox_id": return await moveHome(step, ticket: ticket, receipts: receipts)
            case "agent_id" where site.policy == .stage: return await assignSilently(step, ticket: ticket)
            default: return await setProperty(step, ticket: ticket)
            }
        case "look":
            guard let ticket else { return .rejected(missingTicket(step)) }
            return await look(step, ticket: ticket)
        case "undo-ticket": return await deleteTicket(step)
        case "undo-customer": return await deleteCustomer(step)
        case "undo-entry": return await deleteEntry(step)
        case "tag": return await applyBatch([step], receipts: receipts)
        default: return .rejected(missingTicket(step))
        }
    }

    package func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome {
        var tickets: [JSON] = []
        var tags: Set<Int> = []
        for step in steps {
            guard let id = step.needs.first.flatMap({ receipts[$0] }).flatMap({ Int($0.id) }) else {
                return .rejected(missingTicket(step))
            }
            if !tickets.contains(JSON(id)) { tickets.append(JSON(id)) }
            guard let title = step.payload["title"]?.string, let tag = site.tags[title] else {
                return .rejected(missingEntry(step))
            }
            tags.insert(tag)
        }
        // A real array: of a list with commas the plugin takes the first only.
        let sent = await api.send(
            APICall(
                .post, "tickets/bulk-actions",
                body: .json([
                    "bulk_action": "assign_tags", "ticket_ids": .array(tickets),
                    "tag_ids": .array(tags.sorted().map { JSON($0) }),
                ])))
        if let failure = sent.failure { return failure }
        return .understood(Receipt(id: tags.sorted().map(String.init).joined(separator: ",")), losses: [])
    }

    // MARK: Steps

    private func create(_ step: Step) async -> Outcome {
        let api = api
        guard let mailbox = mailboxID(step.payload["mailbox"]) else { return .rejected(missingStaging(step)) }
        let files = await upload(step, ticket: nil, as: nil)
        guard case .success(let uploads) = files else { return files.failure }
        var ticket = step.payload["ticket"] ?? .object([])
        ticket["mailbox_id"] = JSON(mailbox)
        // Not in the payload: what `undo` left has the mark of an earlier generation and is unchanged nevertheless.
        ticket["message_id"] = .string(step.key.marker)
        if let product = ticket.take("product")?.string {
            guard let id = site.products[product] else { return .rejected(missingEntry(step)) }
            ticket["product_id"] = JSON(id)
        }
        if !site.keepsMessageID, let content = ticket["content"]?.string {
            ticket["content"] = .string(content + Self.textMarker(step.key))
        }
        var body: JSON = ["ticket": ticket, "newCustomer": step.payload["customer"] ?? .object([])]
        if !uploads.hashes.isEmpty { body["attachments"] = .array(uploads.hashes.map { .string($0) }) }
        let sent = await api.send(APICall(.post, "tickets", body: .json(body)))
        guard case .understood(let json) = sent else { return sent.failure ?? .rejected(missingTicket(step)) }
        guard let made = json["ticket"], let id = made["id"]?.int else { return .uncertain(oddAnswer(step)) }
        var losses = uploads.losses
        if made["message_id"]?.string != step.key.marker, site.keepsMessageID {
            learnMarkersInTexts()
            losses.append(
                Loss(
                    field: "id",
                    reason:
                        "this version of Fluent Support does not keep `message_id`: later writes carry a marker in their text",
                    fallback: .substitute))
        }
        losses += proof(of: made, step: step) + missing(uploads, in: made)
        learn(staged: mailbox == site.staging?.id, ticket: id)
        var receipt = Receipt(
            id: String(id), url: api.page(ofTicket: id), proof: made["content_hash"]?.string,
            details: Self.details(of: step), stored: fingerprint(told: made))
        receipt.made = self.made(with: made)
        return .understood(receipt, losses: losses)
    }

    private func append(_ step: Step, ticket: Int) async -> Outcome {
        let api = api
        let payload = step.payload
        let agent = payload["as"]?.string
        let op = payload["op"]?.string
        if let failure = await stageIfNeeded(step, ticket: ticket) { return failure }
        let files = await upload(step, ticket: ticket, as: agent)
        guard case .success(let uploads) = files else { return files.failure }
        var content = payload["content"]?.string ?? ""
        if !site.keepsMessageID { content += Self.textMarker(step.key) }
        var body: JSON = ["content": .string(content), "message_id": .string(step.key.marker)]
        if !uploads.hashes.isEmpty { body["attachments"] = .array(uploads.hashes.map { .string($0) }) }
        let path: String
        if op == "customer" {
            path = "customer-portal/tickets/\(ticket)/responses"
            body["on_behalf"] = ["email": payload["email"] ?? .null]
        } else {
            path = "tickets/\(ticket)/responses"
            body["conversation_type"] = .string(op == "note" ? "note" : "response")
        }
        let sent = await api.send(APICall(.post, path, body: .json(body)), as: op == "customer" ? nil : agent)
        guard case .understood(let json) = sent else { return sent.failure ?? .rejected(missingTicket(step)) }
        guard let made = json["response"], let id = made["id"]?.int, made["ticket_id"]?.int ?? ticket == ticket else {
            return .uncertain(oddAnswer(step))
        }
        if isExposed(made, step) { return .rejected(await takeBack(made, step, ticket: ticket)) }
        return .understood(
            Receipt(
                id: String(id), proof: made["content_hash"]?.string, details: Self.details(of: step),
                stored: fingerprint(told: json["ticket"])),
            losses: uploads.losses + proof(of: made, step: step) + missing(uploads, in: made))
    }

    private func setProperty(_ step: Step, ticket: Int) async -> Outcome {
        let name = step.payload["name"]?.string ?? ""
        let value = step.payload["value"] ?? .null
        let sent = await put(name, value, ticket: ticket)
        if let failure = sent.failure { return failure }
        let stored = name == "updated_at" && !options.datesInFile ? Self.stored(updatedAt: value.string) : nil
        return .understood(Receipt(id: String(ticket), stored: stored), losses: [])
    }

    /// Reads how a ticket stands after its properties were set; writes nothing.
    private func look(_ step: Step, ticket: Int) async -> Outcome {
        do {
            guard let all = try await whole(ticket, api) else { return .rejected(gone(step, ticket: ticket)) }
            return .understood(Receipt(id: String(ticket), stored: fingerprint(of: all)), losses: [])
        } catch {
            return .notNow(error as? Diagnostic ?? oddAnswer(step), retryAfter: .seconds(5))
        }
    }

    /// A mailbox by id, or the staging one by its name.
    func mailboxID(_ value: JSON?) -> Int? {
        guard let value else { return nil }
        if case .string = value { return site.staging?.id }
        return value.int
    }

    // MARK: Proofs

    /// A text that the site stored otherwise than foreseen is never silent.
    func proof(of made: JSON, step: Step) -> [Loss] {
        guard site.keepsMessageID, let hash = made["content_hash"]?.string, let proofs = step.payload["proofs"]?.array,
            !proofs.contains(where: { $0.string == hash })
        else { return [] }
        return [
            Loss(
                field: "messages[].body", value: step.name,
                reason:
                    "the site stored this text otherwise than it was sent (its content_hash differs); a plugin may filter it",
                fallback: .archive)
        ]
    }

    private func missing(_ uploads: Uploads, in made: JSON) -> [Loss] {
        let there = made["attachments"]?.array ?? []
        let hashes = Set(there.compactMap { $0["file_hash"]?.string })
        return zip(uploads.hashes, uploads.names).filter { !hashes.contains($0.0) }.map { _, name in
            Loss(
                field: "messages[].attachments[]", value: name,
                reason: "Fluent Support took the file and did not attach it",
                fallback: .archive)
        }
    }

    /// The marker that people can read and the API can search, where there is no `message_id`.
    static func textMarker(_ key: WriteKey) -> String { "<p>[ferry \(key.digest)-\(key.generation)]</p>" }

    // MARK: Files

    private struct Uploads {
        var hashes: [String] = []
        var names: [String] = []
        var losses: [Loss] = []
    }

    private enum Uploading {
        case success(Uploads)
        case failed(Outcome)

        var failure: Outcome {
            if case .failed(let outcome) = self { return outcome }
            return .rejected(
                Diagnostic(
                    code: "fluent-support.files", "files were not uploaded", remedy: "run the same command again"))
        }
    }

    /// Uploads a step's files right before they are attached: an upload older than two hours is gone without a word.
    ///
    /// A refused file is a loss and the text still goes. Nothing of the ticket has been written yet, so everything else
    /// may simply be sent again.
    private func upload(_ step: Step, ticket: Int?, as agent: String?) async -> Uploading {
        var out = Uploads()
        let login = step.payload["op"]?.string == "customer" ? nil : agent
        for file in step.files {
            let sent = await api.upload(
                path: file.path, name: file.name, type: file.mediaType ?? "application/octet-stream", size: file.size,
                ticket: ticket, as: login)
            switch sent {
            case .understood(let json):
                guard let hash = json["attachments"]?[0]?.string else {
                    return .failed(.notNow(oddAnswer(step), retryAfter: .seconds(10)))
                }
                out.hashes.append(hash)
                out.names.append(file.name)
            case .refused(let status, let diagnostic) where status == 422 || status == 413:
                out.losses.append(
                    Loss(
                        field: "messages[].attachments[]", value: "\(file.name) (\(file.size) bytes)",
                        reason: diagnostic.message,
                        fallback: .archive))
            case .refused(_, let diagnostic): return .failed(.rejected(diagnostic))
            case .notNow(let diagnostic, let pause): return .failed(.notNow(diagnostic, retryAfter: pause))
            case .uncertain(let diagnostic): return .failed(.notNow(diagnostic, retryAfter: .seconds(10)))
            }
        }
        return .success(out)
    }

    // MARK: Diagnostics

    func missingTicket(_ step: Step) -> Diagnostic {
        Diagnostic(
            code: "fluent-support.no-ticket", "the ticket of “\(step.name)” is not known",
            remedy: "run the same command again",
            cause: .bug)
    }

    /// A tag or product that the catalogue should have made is not there.
    private func missingEntry(_ step: Step) -> Diagnostic {
        Diagnostic(
            code: "fluent-support.no-entry", "the tag or product that “\(step.name)” needs was not made",
            subject: api.address,
            remedy: "look at the failure of the catalogue above, then run the same command again", cause: .someFailed)
    }

    func missingStaging(_ step: Step) -> Diagnostic {
        Diagnostic(
            code: "fluent-support.no-staging", "the mailbox for “\(step.name)” is not there", subject: api.address,
            remedy: "run the same command again: it makes its staging mailbox anew", cause: .refused)
    }

    func oddAnswer(_ step: Step) -> Diagnostic {
        Diagnostic(
            code: "fluent-support.odd-answer", "Fluent Support's answer to “\(step.name)” was not understood",
            subject: api.address,
            remedy: "run the same command again: what was written is looked up first", cause: .unavailable)
    }
}
