// SPDX-License-Identifier: Apache-2.0
internal import Sandbox
internal import TicketModel

/// How the site shows things: the document names no field of an answer.
extension SmartSupportSandbox {
    func envelope(_ message: String, _ data: JSON, _ meta: JSON = .object([])) -> JSON {
        ["success": true, "message": .string(message), "data": data, "meta": meta]
    }

    /// A list as `data`.
    func many(_ rows: [JSON], _ name: String) -> JSON {
        if has("data-items") { return ["items": .array(rows)] }
        if has("data-array") { return .array(rows) }
        return .object([.init(name, .array(rows))])
    }

    /// One thing as `data`.
    func one(_ row: JSON, _ name: String) -> JSON {
        has("data-array") || has("data-items") ? row : .object([.init(name, row)])
    }

    func shape(ticket row: JSON) -> JSON {
        let id = row["id"]?.int ?? 0
        func found(_ table: String, _ column: String) -> JSON {
            row[column]?.int.flatMap { tables[table][$0] } ?? .null
        }
        let (department, product) = (found("departments", "department"), found("products", "product"))
        let (agent, customer) = (found("users", "agent"), found("users", "user"))
        let (created, updated) = (time(row["created"]), time(row["updated"]))
        let number: JSON = .string("SS-\(1000 + id)")
        func member(_ of: JSON, _ name: String) -> JSON { of[name] ?? .null }
        let shape: JSON =
            has("other-names")
            ? [
                "id": JSON(id), "number": number, "title": member(row, "subject"), "content": member(row, "message"),
                "status": member(row, "status"), "state": member(row, "state"), "priority": member(row, "priority"),
                "department_id": member(department, "id"), "department_name": member(department, "name"),
                "product_id": member(product, "id"), "product_name": member(product, "name"),
                "agent_id": member(agent, "id"), "agent_name": member(agent, "name"),
                "agent_email": member(agent, "email"),
                "user_id": member(customer, "id"), "customer_name": member(customer, "name"),
                "customer_email": member(customer, "email"), "date_created": created, "date_updated": updated,
            ]
            : [
                "id": JSON(id), "ticket_number": number, "subject": member(row, "subject"),
                "message": member(row, "message"), "status": member(row, "status"), "state": member(row, "state"),
                "priority": member(row, "priority"), "department": department, "product": product,
                "agent": person(agent), "customer": person(customer), "created_at": created, "updated_at": updated,
            ]
        return finished(shape)
    }

    func shape(reply row: JSON) -> JSON {
        let author = row["user"]?.int.flatMap { tables["users"][$0] } ?? .null
        func member(_ name: String) -> JSON { row[name] ?? .null }
        let shape: JSON =
            has("other-names")
            ? [
                "reply_id": member("id"), "ticket_id": member("ticket"), "content": member("message"),
                "user_id": author["id"] ?? .null, "author_name": author["name"] ?? .null,
                "author_email": author["email"] ?? .null, "author_type": member("type"),
                "internal": row["internal"]?.bool == true ? 1 : 0, "date_created": time(row["created"]),
            ]
            : [
                "id": member("id"), "ticket_id": member("ticket"), "message": member("message"),
                "author": person(author),
                "author_type": member("type"), "is_internal": member("internal"), "created_at": time(row["created"]),
            ]
        return finished(shape)
    }

    private func person(_ row: JSON) -> JSON {
        guard row.members != nil else { return .null }
        return ["id": row["id"] ?? .null, "name": row["name"] ?? .null, "email": row["email"] ?? .null]
    }

    private func time(_ value: JSON?) -> JSON { value?.int.map { .string(local($0)) } ?? .null }

    /// The switches that hold for every value.
    private func finished(_ value: JSON) -> JSON {
        guard let members = value.members else { return value }
        return .object(
            members.compactMap { member in
                if member.value.isNull, has("nulls-absent") { return nil }
                var value = finished(member.value)
                if has("ids-as-strings") {
                    if member.key == "id" || member.key.hasSuffix("_id") || member.key == "internal" {
                        value = value.text.map { .string($0) } ?? value
                    }
                    if let bool = value.bool { value = .string(bool ? "1" : "0") }
                }
                return .init(member.key, value)
            })
    }
}
