// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel
internal import Transport

/// How conversations and what the account API made are taken back.
///
/// No documented route deletes or marks a conversation, and a message would be read by the customer: closing is all there
/// is. It is taken to e-mail nobody, as when a migration closes.
extension SmartsuppTarget {
    func undo(
        _ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity
    ) async -> UndoPlan {
        var plan = UndoPlan(
            .closed,
            remains: [
                "conversation \(stored.id) with \(stored.messages.count.counted("message")) stays closed, and its contact stays: "
                    + "no documented route deletes or marks them"
            ])
        if stored.properties["status"] != "closed" {
            plan.steps.append(
                Step(
                    key: identity.key(ticket: written.record.id, part: "undo:close"), verb: .set, name: "close",
                    undo: .impossible, payload: ["op": "close", "ticket": .string(stored.id)], value: "closed"))
        }
        return plan
    }

    func undo(catalogue: WrittenTicket?, made: Set<String>, identity: MigrationIdentity) async -> UndoPlan {
        var plan = UndoPlan(.deleted)
        let account = account(of: catalogue)
        for record in catalogue?.steps ?? [] {
            guard let receipt = record.receipt else { continue }
            let parts = receipt.id.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            switch (parts[0], account) {
            case ("user", let account?), ("trigger", let account?):
                let isUser = parts[0] == "user"
                plan.steps.append(
                    Step(
                        key: identity.key(ticket: CatalogueEntry.ticketID, part: "undo:\(record.part)"),
                        verb: .delete, name: record.name, requests: 2, undo: .impossible,
                        payload: [
                            "op": "takeBack", "what": .string(isUser ? "users" : "triggers"), "id": .string(parts[1]),
                            "account": .string(account), "name": .string(record.name),
                        ]))
            case ("hours", _):
                plan.remains.append("office hours stay as they were set: the API does not tell them before")
            case ("account", _):
                plan.remains.append("the account \(parts[1]) stays, and costs money: close it in Smartsupp")
            case ("contact", _): plan.remains.append("\(record.name) stays a contact: no documented route deletes one")
            default: plan.remains.append("\(record.name) stays: `apiKey` and `account` are needed to delete it")
            }
        }
        return plan
    }

    /// The account given, else the one that was made.
    private func account(of catalogue: WrittenTicket?) -> String? {
        guard account != nil else { return nil }
        return options.account
            ?? catalogue?.steps.compactMap { $0.receipt?.id }.first { $0.hasPrefix("account:") }
            .map { String($0.dropFirst("account:".count)) }
    }

    /// Deletes a user who is in no conversation, or a trigger that is still switched off.
    ///
    /// Two requests; for a user one more for each further page of conversations, which are all looked through. What is used stays, which is a loss that says by what.
    func takeBack(_ step: Step, _ account: SmartsuppAccountAPI) async -> Outcome {
        let payload = step.payload
        guard let id = payload["id"]?.string, let what = payload["what"]?.string,
            let owner = payload["account"]?.string
        else { return .rejected(missingTicket(step)) }
        do {
            if let use = try await use(of: id, what, owner, account) {
                let loss = Loss(
                    field: "catalogue.\(what)", value: payload["name"]?.string, reason: use, fallback: .archive)
                return .understood(Receipt(id: ""), losses: [loss])
            }
        } catch { return .notNow(Self.diagnostic(error, step), retryAfter: .seconds(5)) }
        let sent = await account.delete(owner, what, id)
        return sent.failure ?? .understood(Receipt(id: id), losses: [])
    }

    /// What uses a thing; nil: nothing, or it is gone.
    private func use(
        of id: String, _ what: String, _ owner: String, _ account: SmartsuppAccountAPI
    ) async throws -> String? {
        if what == "triggers" {
            let row = try await account.triggers(owner).first { $0["id"]?.text == id }
            let isActive = row?["active"]?.bool == true || row?["active"]?.text == "1"
            return isActive ? "somebody switched it on" : nil
        }
        var after: JSON?
        while true {
            let page = try await api.search(after: after, timezone: "UTC")
            let items = try api.items(page)
            for row in items {
                var fields = SmartsuppFields(row)
                let people = ["agent_ids", "assigned_ids"].flatMap { fields.take($0)?.array ?? [] }
                if people.contains(where: { $0.text == id }) {
                    return "conversation \(row["id"]?.text ?? "") was written by this user, and stays"
                }
            }
            guard
                let next = SmartsuppCursor.next(page["after"], sent: after, ascending: true, isEmpty: items.isEmpty)
            else { return nil }
            after = next
        }
    }
}
