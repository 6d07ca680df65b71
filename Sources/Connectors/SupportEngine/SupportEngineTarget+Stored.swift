// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

extension SupportEngineTarget {
    /// One request: a view shows all that the API tells of a ticket.
    ///
    /// A view needs the ticket's address. Where a receipt lacks it (a journal that was lost), the addresses of the
    /// migration are tried one after another.
    func stored(ticket: Receipt) async throws -> StoredTicket? {
        guard let whole = try await whole(ticket) else { return nil }
        let row = whole["ticket"] ?? .null
        let email = row["email"]?.text
        var out = StoredTicket(id: ticket.id, fingerprint: Self.fingerprint(of: whole))
        let names = [
            "subject": "subject", "email": "requester.email", "name": "requester.name", "company": "organization",
            "priority": "priority",
        ]
        for (column, name) in names { out.properties[name] = row[column]?.text ?? "" }
        out.properties["department"] = row["category_id"]?.text.map(site.category(id:)) ?? ""
        let fields = whole["custom_fields"]?.members?.map { ($0.key, $0.value) } ?? []
        for (id, field) in fields {
            out.properties["customFields.\(site.field(id: id))"] = field["value"]?.text ?? ""
        }
        out.messages = [Self.message(id: ticket.id, row["message"], author: email)]
        // The server promises no order of equal seconds.
        let replies = (whole["replies"]?.array ?? []).sorted { a, b in
            let (x, y) = (a["created_at"]?.text ?? "", b["created_at"]?.text ?? "")
            return x == y ? (a["id"]?.int ?? 0) < (b["id"]?.int ?? 0) : x < y
        }
        for reply in replies {
            var message = Self.message(id: reply["id"]?.text ?? "", reply["message"], author: nil)
            if let files = reply["attachment"]?.text, !files.isEmpty {
                message.files = [StoredFile(name: files, locator: nil)]
            }
            out.messages.append(message)
        }
        return out
    }

    /// A reply's writer is not kept by the server, dates have no zone: neither is shown nor expected.
    private static func message(id: String, _ text: JSON?, author: String?) -> StoredMessage {
        let text = text?.text ?? ""
        return StoredMessage(
            id: id, digest: SupportEngineText.marker(in: text)?.digest, kind: .reply, author: author, text: text)
    }

    /// The view of a ticket; nil when it is gone.
    func whole(_ ticket: Receipt) async throws -> JSON? {
        let api = api
        if let email = ticket.details["email"]?.string, !email.isEmpty {
            return try await api.view(ticket.id, email: email)
        }
        for email in addresses {
            if let whole = try await api.view(ticket.id, email: email) { return whole }
        }
        return nil
    }

    /// What the forms say: the server stores them byte by byte, within its columns.
    ///
    /// With `changes: accept` a server that changes texts shows as differences: what it makes of them is not known.
    func expectation(of plan: TicketPlan) async -> ExpectedTicket {
        var out = ExpectedTicket()
        guard let create = plan.steps.first(where: { $0.verb == .create }) else { return out }
        let names = [
            "subject": "subject", "user_email": "requester.email", "name": "requester.name",
            "company": "organization", "priority": "priority",
        ]
        var email: String?
        // What is not given is empty there.
        for name in ["requester.name", "organization", "department"] { out.properties[name] = "" }
        for field in site.fields ?? [] { out.properties["customFields.\(field.name)"] = "" }
        for (field, value) in Self.form(of: create) {
            switch field {
            case "message":
                out.messages.append(
                    ExpectedMessage(name: create.name, digest: create.key.digest, kind: .reply, texts: [value]))
            case "category_id": out.properties["department"] = site.category(id: value)
            case "custom_fields":
                for member in (try? JSON(parsing: Array(value.utf8)))?.members ?? [] {
                    out.properties["customFields.\(site.field(id: member.key))"] = member.value.text
                }
            default: if let name = names[field] { out.properties[name] = value }
            }
            if field == "user_email" { email = value }
        }
        if !out.messages.isEmpty { out.messages[0].author = email }
        for step in plan.steps where step.verb == .append {
            out.messages.append(
                ExpectedMessage(
                    name: step.name, digest: step.key.digest, kind: .reply,
                    texts: [step.payload["message"]?.string ?? ""]))
        }
        return out
    }

    /// The API closes, deletes and marks nothing: it makes tickets and public replies, and a reply is no mark.
    func undo(_ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity) async -> UndoPlan {
        UndoPlan(
            .left,
            remains: [
                "the ticket: SupportEngine's API neither deletes nor closes anything; delete it in SupportEngine by hand"
            ])
    }
}
