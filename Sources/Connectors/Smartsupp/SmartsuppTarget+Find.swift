// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import TicketModel
internal import Transport

extension SmartsuppTarget {
    func inventory() async throws -> [FoundTicket] {
        var out: [FoundTicket] = []
        var seen: Set<String> = []
        var after: JSON?
        while true {
            let page = try await api.search(after: after, timezone: "UTC")
            let items = try api.items(page)
            for row in items {
                guard let id = row["id"]?.text, let text = Self.extID(row), let marker = WriteKey.parse(marker: text),
                    seen.insert(id).inserted
                else { continue }
                out.append(
                    FoundTicket(
                        digest: marker.digest, generation: marker.generation,
                        receipt: Receipt(id: id, stored: Self.stored(row))))
            }
            guard
                let next = SmartsuppCursor.next(page["after"], sent: after, ascending: true, isEmpty: items.isEmpty)
            else { return out }
            after = next
        }
    }

    func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp {
        switch step.payload["op"]?.string {
        case "create":
            guard let row = try await api.find("conversations/find", [("ext_id", step.key.marker)]),
                let id = row["id"]?.text
            else { return .notFound }
            // An answer that tells another key is another conversation; one that tells none was found by it.
            if let other = Self.extID(row), other != step.key.marker { return .notFound }
            return .found(Self.receipt(row, id: id, step, contact: nil))
        case "message":
            guard let ticket = step.needs.first.flatMap({ receipts[$0] }) else { return .notFound }
            return find(step, in: try await api.messages(of: ticket.id))
        case "close":
            guard let ticket = step.needs.first.flatMap({ receipts[$0] }) else { return .notFound }
            guard let row = try await api.find("conversations/\(PercentEncoding.encode(ticket.id))") else {
                return .cannotTell(gone(ticket.id))
            }
            return row["status"]?.text == "closed"
                ? .found(Receipt(id: ticket.id, stored: Self.stored(row))) : .notFound
        default: return try await lookUpCatalogue(step, receipts: receipts)
        }
    }

    /// A message by its `ext_id`; where answers do not tell one, by its words and who says them.
    ///
    /// Equal words of one writer are told apart by how many of them were sent before.
    func find(_ step: Step, in messages: [JSON]) -> LookUp {
        let own = messages.filter { Self.extID($0) == step.key.marker }
        if own.count > 1 { return .cannotTell(Self.several(step, own, api)) }
        if let message = own.first, let id = message["id"]?.text { return Self.found(message, id, step) }
        if messages.contains(where: { Self.extID($0).flatMap { WriteKey.parse(marker: $0) } != nil }) {
            return .notFound
        }
        let equal = messages.filter { isEqual($0, step) }
        let place = (step.payload["twin"]?.int ?? 1) - 1
        guard equal.indices.contains(place), let id = equal[place]["id"]?.text else { return .notFound }
        return Self.found(equal[place], id, step)
    }

    private static func found(_ message: JSON, _ id: String, _ step: Step) -> LookUp {
        var receipt = Receipt(id: id)
        receipt.losses = changes(of: message, step)
        return .found(receipt)
    }

    private func isEqual(_ message: JSON, _ step: Step) -> Bool {
        var fields = SmartsuppFields(message)
        guard fields.text("sub_type") == step.payload["sub_type"]?.string else { return false }
        let agent = step.payload["agent"]?.string.flatMap { site.agents[$0] }
        if let agent, let other = fields.text("agent_id"), agent != other {
            return false
        }
        let content = fields.take("content")
        let text = content?.string ?? content?["text"]?.string
        return text == step.payload["text"]?.string
    }

    func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] {
        guard let row = try await api.find("conversations/\(PercentEncoding.encode(ticket.id))") else { return [:] }
        let messages = try await api.messages(of: ticket.id)
        var out: [WriteKey: Receipt] = [:]
        for step in steps {
            switch step.payload["op"]?.string {
            case "create":
                var receipt = Self.receipt(row, id: ticket.id, step, contact: nil)
                receipt.url = ticket.url
                out[step.key] = receipt
            case "message":
                switch find(step, in: messages) {
                case .found(let receipt): out[step.key] = receipt
                case .cannotTell(let diagnostic): throw diagnostic
                case .notFound: break
                }
            case "close": if row["status"]?.text == "closed" { out[step.key] = Receipt(id: ticket.id) }
            default: break
            }
        }
        return out
    }

    func storedFingerprint(ticket: Receipt) async throws -> String? {
        guard let row = try await api.find("conversations/\(PercentEncoding.encode(ticket.id))") else { return nil }
        return Self.stored(row)
    }

    private func gone(_ id: String) -> Diagnostic {
        Diagnostic(
            code: "smartsupp.gone", "the conversation \(id) is gone from Smartsupp", subject: api.address,
            remedy: "somebody deleted it: decide with `ticketferry resolve`", cause: .someFailed)
    }

    private static func several(_ step: Step, _ rows: [JSON], _ api: SmartsuppAPI) -> Diagnostic {
        let ids = rows.compactMap { $0["id"]?.text }.joined(separator: ", ")
        return Diagnostic(
            code: "smartsupp.several", "Smartsupp holds “\(step.name)” more than once: \(ids)", subject: api.address,
            remedy: "delete all but one there, then decide with `ticketferry resolve`", cause: .someFailed)
    }
}
