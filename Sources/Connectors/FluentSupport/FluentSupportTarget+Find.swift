// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import HTTPTypes
package import Migration
internal import TicketModel
internal import Transport

extension FluentSupportTarget {
    package func inventory() async throws -> [FoundTicket] {
        let api = api
        var out: [FoundTicket] = []
        var page = 1
        while true {
            let list = try await api.tickets(page: page)
            let rows = list["data"]?.array ?? []
            for row in rows {
                guard let id = row["id"]?.int, let marker = Self.marker(in: row) else { continue }
                out.append(
                    FoundTicket(
                        digest: marker.digest, generation: marker.generation,
                        receipt: Receipt(
                            id: String(id), url: api.page(ofTicket: id), proof: row["content_hash"]?.string,
                            details: row["content"]?.string.map { ["raw": .string(FluentSupportText.md5($0))] }
                                ?? .null,
                            stored: fingerprint(ofRow: row))))
            }
            let last = list["last_page"]?.int ?? page
            if rows.isEmpty || page >= last { return out }
            page += 1
        }
    }

    package func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp {
        let api = api
        if step.payload["op"]?.string == "catalogue" { return try await findEntry(step) }
        if step.verb == .delete { return try await lookUpGone(step) }
        if step.verb == .create { return try await lookUpTicket(step, api) }
        guard let ticket = step.needs.first.flatMap({ receipts[$0] }).flatMap({ Int($0.id) }) else { return .notFound }
        guard let all = try await whole(ticket, api) else {
            return .cannotTell(gone(step, ticket: ticket))
        }
        let found = Self.responses(of: all).filter { Self.carries($0, step.key) }
        switch found.count {
        case 0: return .notFound
        case 1:
            if isExposed(found[0], step) { return .cannotTell(await takeBack(found[0], step, ticket: ticket)) }
            return .found(receipt(found[0], step))
        default: return .cannotTell(several(step, found.compactMap { $0["id"]?.int }, api))
        }
    }

    private func lookUpTicket(_ step: Step, _ api: FluentSupportAPI) async throws -> LookUp {
        // The search is a LIKE: what it gives is compared for equality.
        var rows = try await search("message_id:\(step.key.marker)", api).filter { Self.carries($0, step.key) }
        if rows.isEmpty, !site.keepsMessageID {
            rows = try await search("ferry \(step.key.digest)-", api).filter { Self.carries($0, step.key) }
        }
        switch rows.count {
        case 0: return .notFound
        case 1:
            let id = rows[0]["id"]?.int ?? 0
            // The list does not tell a ticket's files.
            let all = step.files.isEmpty ? nil : try await whole(id, api)
            var receipt = receipt(rows[0], step, files: all?["ticket"] ?? rows[0])
            receipt.url = api.page(ofTicket: id)
            // Nothing of the ticket is backdated before its creation is understood.
            receipt.made = made(with: rows[0])
            return .found(receipt)
        default: return .cannotTell(several(step, rows.compactMap { $0["id"]?.int }, api))
        }
    }

    private func search(_ words: String, _ api: FluentSupportAPI) async throws -> [JSON] {
        try await api.read("tickets", [("per_page", "50"), ("search", words)])["tickets"]?["data"]?.array ?? []
    }

    package func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] {
        let api = api
        guard let id = Int(ticket.id), let all = try await whole(id, api) else { return [:] }
        let responses = Self.responses(of: all)
        let row = all["ticket"] ?? .null
        let tags = Set((row["tags"]?.array ?? []).compactMap { $0["id"]?.int })
        var out: [WriteKey: Receipt] = [:]
        for step in steps {
            switch step.payload["op"]?.string {
            case "create":
                var receipt = receipt(row, step)
                (receipt.id, receipt.url, receipt.stored) = (ticket.id, ticket.url, ticket.stored)
                receipt.proof = ticket.proof ?? receipt.proof
                // Another text than the plan's opening one: only its hash tells later which message it is.
                if !receipt.losses.isEmpty { receipt.details = .null }
                out[step.key] = receipt
            case "tag":
                if let tag = step.payload["title"]?.string.flatMap({ site.tags[$0] }), tags.contains(tag) {
                    out[step.key] = Receipt(id: String(tag))
                }
            case "property":
                if let name = step.payload["name"]?.string, let value = step.payload["value"], holds(row, name, value) {
                    out[step.key] = ticket
                }
            default:
                let found = responses.filter { Self.carries($0, step.key) }
                if found.count == 1, found[0]["id"]?.int != nil {
                    if isExposed(found[0], step) { throw await takeBack(found[0], step, ticket: id) }
                    var receipt = receipt(found[0], step)
                    let (text, stored) = (step.payload["content"]?.string ?? "", found[0]["content"]?.string ?? "")
                    if let lines = NoteLines.held(by: stored, of: step, text: text) { receipt.details["lines"] = lines }
                    out[step.key] = receipt
                }
            }
        }
        return out
    }

    package func storedFingerprint(ticket: Receipt) async throws -> String? {
        guard let id = Int(ticket.id), let all = try await whole(id, api) else { return nil }
        return fingerprint(of: all)
    }

    /// The fingerprint of a ticket as it stands: its date of change, which every reply and every changed property moves
    /// and which we set last, so that the fingerprint right after the write costs no request.
    ///
    /// Notes, tags and edited texts do not move it.
    static func stored(updatedAt local: String?) -> String {
        Digest.of(["updated_at", local ?? ""])
    }

    /// The fingerprint of a ticket by its row in a list, in the single ticket's answer, or in the answer to a write.
    ///
    /// With all dates in the finishing file the date of change is no sign: that file sets it back, also behind what people
    /// did since. What people change stands for it then, without the mailbox, which new messages move anyway. The file also
    /// takes away the agent whom a reply of ours brought: such a ticket counts as edited after it.
    func fingerprint(ofRow row: JSON) -> String {
        let zone = site.zone
        guard options.datesInFile else {
            return Self.stored(updatedAt: zone.time(row["updated_at"]?.string).map(zone.local))
        }
        let columns = [
            "status", "priority", "client_priority", "title", "agent_id", "product_id", "response_count",
        ]
        // The answer to a creation leaves empty columns away, and says 0 for none.
        return Digest.of(columns.map { name in row[name]?.text.flatMap { $0 == "0" ? nil : $0 } ?? "" })
    }

    /// The fingerprint that the answer to a creation or a message tells; nil where it does not.
    ///
    /// Not asked for where the date of change is set after it.
    func fingerprint(told row: JSON?) -> String? {
        guard options.datesInFile, let row, row["status"]?.text != nil, row["title"]?.text != nil else { return nil }
        return fingerprint(ofRow: row)
    }

    // MARK: Reading

    /// A ticket with its responses; nil when it is gone.
    func whole(_ id: Int, _ api: FluentSupportAPI) async throws -> JSON? {
        let answer: APIAnswer
        do { answer = try await api.get("tickets/\(id)") } catch let failure as HTTPFailure { throw failure.diagnostic }
        if FluentSupportAPI.saysGone(answer) { return nil }
        guard answer.isSuccess, let json = answer.json, json["ticket"]?.members != nil else {
            throw FluentSupportAPI.diagnostic(of: answer, client: api.client)
        }
        return json
    }

    static func responses(of all: JSON) -> [JSON] {
        all["responses"]?.array ?? all["ticket"]?["responses"]?.array ?? []
    }

    /// The receipt of a write that was found, with what of it is not as it was sent.
    private func receipt(_ row: JSON, _ step: Step, files: JSON? = nil) -> Receipt {
        var receipt = Receipt(
            id: String(row["id"]?.int ?? 0), proof: row["content_hash"]?.string, details: Self.details(of: step))
        receipt.losses = proof(of: row, step: step)
        let there = ((files ?? row)["attachments"]?.array ?? []).count
        if there < step.files.count {
            receipt.losses.append(
                Loss(
                    field: "messages[].attachments[]", value: step.files.map(\.name).joined(separator: ", "),
                    reason: "Fluent Support holds \(there) of these \(step.files.count) files", fallback: .archive))
        }
        return receipt
    }

    /// Whether a note of ours can be read by the customer.
    func isExposed(_ row: JSON, _ step: Step) -> Bool {
        guard step.payload["op"]?.string == "note", let kind = row["conversation_type"]?.string else { return false }
        return kind != "note"
    }

    /// Deletes a note that the site stored as something else, at once, and says so.
    func takeBack(_ row: JSON, _ step: Step, ticket: Int) async -> Diagnostic {
        let id = row["id"]?.int ?? 0
        let sent = await api.send(APICall(.delete, "tickets/\(ticket)/responses/\(id)"))
        let isGone = if case .understood = sent { true } else { false }
        let what = "Fluent Support stored the internal “\(step.name)” of ticket \(ticket) as a public message"
        return Diagnostic(
            code: "fluent-support.note-public",
            isGone ? "\(what); it was deleted again at once" : "\(what), and it could not be deleted",
            subject: api.page(ofTicket: ticket),
            remedy: (isGone ? "" : "delete the message \(id) there by hand now; then ")
                + "find out which plugin of the site changes notes, and run the same command again",
            cause: .refused)
    }

    /// Whether a row is the one of a key: by `message_id`, else by the marker in its text.
    private static func carries(_ row: JSON, _ key: WriteKey) -> Bool {
        if let id = row["message_id"]?.string, !id.isEmpty { return id == key.marker }
        return row["content"]?.string?.contains("[ferry \(key.digest)-\(key.generation)]") ?? false
    }

    /// The marker of a row, from `message_id` or from its text.
    static func marker(in row: JSON) -> (digest: String, generation: Int)? {
        if let id = row["message_id"]?.string, let marker = WriteKey.parse(marker: id) { return marker }
        return row["content"]?.string.flatMap(marker(inText:))
    }

    /// The marker that stands in a text.
    static func marker(inText text: String) -> (digest: String, generation: Int)? {
        guard let start = text.range(of: "[ferry ") else { return nil }
        let tail = text[start.upperBound...].prefix { $0 != "]" }
        return WriteKey.parse(marker: "ferry-\(tail)-")
    }

    /// Whether a column has the value that a step would set.
    private func holds(_ row: JSON, _ name: String, _ value: JSON) -> Bool {
        let zone = site.zone
        switch name {
        case "created_at", "updated_at", "waiting_since", "last_agent_response", "last_customer_response",
            "resolved_at":
            return zone.time(row[name]?.string).map(zone.local) == value.text
        case "mailbox_id":
            if case .string = value { return row[name]?.int == site.staging?.id }
            return row[name]?.int == value.int
        default: return row[name]?.text == Self.stored(name, value)
        }
    }

    /// What the site has of a value that was sent: a title without the slashes that guard its own.
    private static func stored(_ name: String, _ value: JSON) -> String? {
        guard name == "title", let sent = value.string else { return value.text }
        return FluentSupportText.stored(sent: sent, place: .title)
    }

    /// Somebody deleted a ticket of ours.
    func gone(_ step: Step, ticket: Int) -> Diagnostic {
        Diagnostic(
            code: "fluent-support.gone", "the ticket \(ticket) of “\(step.name)” is gone from Fluent Support",
            subject: api.page(ofTicket: ticket),
            remedy: "somebody deleted it: decide with `ticketferry resolve`", cause: .someFailed)
    }

    private func several(_ step: Step, _ ids: [Int], _ api: FluentSupportAPI) -> Diagnostic {
        Diagnostic(
            code: "fluent-support.several",
            "Fluent Support holds “\(step.name)” more than once: \(ids.map(String.init).joined(separator: ", "))",
            subject: api.address, remedy: "delete all but one there, then decide with `ticketferry resolve`",
            cause: .someFailed)
    }
}
