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
            // Steps of a ticket go one after another: of equal words only this step's are without a receipt.
            return find(step, in: try await api.messages(of: ticket.id), taken: Set(receipts.values.map(\.id)))
        case "close":
            let id = step.payload["ticket"]?.string ?? step.needs.first.flatMap { receipts[$0] }?.id
            guard let id else { return .notFound }
            guard let row = try await api.find("conversations/\(PercentEncoding.encode(id))") else {
                return .cannotTell(gone(id))
            }
            return row["status"]?.text == "closed" ? .found(Receipt(id: id, stored: Self.stored(row))) : .notFound
        default: return try await lookUpCatalogue(step, receipts: receipts)
        }
    }

    /// A message by its `ext_id`; where answers do not tell one, by its words and who says them.
    ///
    /// - Parameters:
    ///   - step: the message's.
    ///   - messages: all of the conversation, oldest first.
    ///   - taken: ids of messages that are other steps'.
    ///   - others: steps that come after this one and are not found yet: equal messages may be theirs.
    func find(_ step: Step, in messages: [JSON], taken: Set<String>, others: [Step] = []) -> LookUp {
        let own = messages.filter { Self.extID($0) == step.key.marker }
        if own.count > 1 { return .cannotTell(Self.several(step, own, api)) }
        if let message = own.first, let id = message["id"]?.text { return Self.found(message, id, step) }
        // Where one message tells its key all do.
        if messages.contains(where: { Self.extID($0).flatMap { WriteKey.parse(marker: $0) } != nil }) {
            return .notFound
        }
        // The first one is the conversation's own, whatever it says.
        let free = messages.dropFirst().filter { !taken.contains($0["id"]?.text ?? "") }
        let equal = free.filter { isEqual($0, step) }
        guard let first = equal.first, let id = first["id"]?.text else {
            // By the same writer, and of no step: it may be ours, with its words changed on the way.
            let strange = free.filter { message in
                isBySame(message, step) && !others.contains { isEqual(message, $0) }
            }
            return strange.isEmpty ? .notFound : .cannotTell(Self.several(step, strange, api))
        }
        // More than we can have written: somebody said the same, and nobody knows which one is ours.
        if equal.count > 1 + others.count(where: { isEqual(first, $0) }) {
            return .cannotTell(Self.several(step, equal, api))
        }
        return Self.found(first, id, step)
    }

    private static func found(_ message: JSON, _ id: String, _ step: Step) -> LookUp {
        var receipt = Receipt(id: id)
        receipt.losses = changes(of: message, step)
        return .found(receipt)
    }

    private func isBySame(_ message: JSON, _ step: Step) -> Bool {
        var fields = SmartsuppFields(message)
        guard fields.text("sub_type") == step.payload["sub_type"]?.string else { return false }
        let agent = step.payload["agent"]?.string.flatMap { site.agents[$0] }
        if let agent, let other = fields.text("agent_id"), agent != other {
            return false
        }
        return true
    }

    private func isEqual(_ message: JSON, _ step: Step) -> Bool {
        guard isBySame(message, step) else { return false }
        var fields = SmartsuppFields(message)
        let content = fields.take("content")
        // Markup is compared where it is shown.
        if let shown = content?["html"]?.string, shown != step.payload["html"]?.string { return false }
        return (content?.string ?? content?["text"]?.string) == step.payload["text"]?.string
    }

    func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] {
        guard let row = try await api.find("conversations/\(PercentEncoding.encode(ticket.id))") else { return [:] }
        let messages = try await api.messages(of: ticket.id)
        var out: [WriteKey: Receipt] = [:]
        var taken: Set<String> = []
        for (place, step) in steps.enumerated() {
            switch step.payload["op"]?.string {
            case "create":
                var receipt = Self.receipt(row, id: ticket.id, step, contact: nil)
                receipt.url = ticket.url
                out[step.key] = receipt
            case "message":
                let later = steps[(place + 1)...].filter { $0.payload["op"]?.string == "message" }
                switch find(step, in: messages, taken: taken, others: Array(later)) {
                case .found(let receipt):
                    out[step.key] = receipt
                    taken.insert(receipt.id)
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
            code: "smartsupp.several", "Smartsupp may hold “\(step.name)” as any of: \(ids)", subject: api.address,
            remedy: "look at these messages there, then decide with `ticketferry resolve`", cause: .someFailed)
    }
}
