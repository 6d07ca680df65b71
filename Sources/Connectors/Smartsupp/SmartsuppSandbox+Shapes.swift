// SPDX-License-Identifier: Apache-2.0
internal import Sandbox
internal import TicketModel

/// What the API v2 shows of a row.
extension SmartsuppSandbox {
    /// An id as the API shows it.
    private func id(_ value: JSON?, _ letters: String) -> JSON {
        guard let number = value?.int else { return .null }
        return has("ids-as-numbers") ? JSON(number) : .string("\(letters)\(number)")
    }

    /// RFC 3339 with milliseconds.
    static func time(_ value: JSON?) -> JSON {
        guard let at = value?.int else { return .null }
        let time = Timestamp(seconds: Int64(at / 1000), fraction: UInt32(at % 1000), fractionDigits: 3)
        return .string(time.description)
    }

    /// A row with its id and times as the API shows them.
    func shape(_ row: JSON, _ letters: String) -> JSON {
        var out = row
        out["id"] = id(row["id"], letters)
        for name in ["created_at", "updated_at", "finished_at"] where row[name] != nil {
            out[name] = Self.time(row[name])
        }
        if has("unknown-fields") {
            out["mood"] = ["score": 7]
            out["nothing"] = .null
        }
        return has("camel-case") ? Self.camel(out) : out
    }

    func contact(_ row: JSON) -> JSON { shape(row, "cnt") }

    func conversation(_ row: JSON) -> JSON {
        var out = row
        out["contact_id"] = id(row["contact_id"], "cnt")
        out["visitor_id"] = id(row["visitor_id"], "vis")
        for name in ["agent_ids", "assigned_ids"] {
            out[name] = .array((row[name]?.array ?? []).map { id($0, "") })
        }
        if has("variables-as-list") {
            out["variables"] = .array(
                (row["variables"]?.members ?? []).map {
                    ["key": .string($0.key), "label": .string($0.key), "value": $0.value]
                })
        }
        if has("embedded-contacts"), let number = row["contact_id"]?.int, let contact = tables["contacts"][number] {
            out["contact_details"] = [
                "name": contact["name"] ?? .null, "email": contact["email"] ?? .null,
                "phone": contact["phone"] ?? .null,
                "note": contact["note"] ?? .null,
            ]
        }
        return shape(out, "con")
    }

    func message(_ row: JSON) -> JSON {
        var out = row
        out["conversation"] = nil
        out["conversation_id"] = id(row["conversation"], "con")
        if row["agent_id"] != nil { out["agent_id"] = id(row["agent_id"], "") }
        if row["contact_id"] != nil { out["contact_id"] = id(row["contact_id"], "cnt") }
        if row["visitor_id"] != nil { out["visitor_id"] = id(row["visitor_id"], "vis") }
        if has("no-ext-id-in-answers") { out["ext_id"] = nil }
        if has("content-as-strings"), let text = row["content"]?["text"] { out["content"] = text }
        return shape(out, "msg")
    }

    /// The names of a thing's own fields in the other spelling; what people put into variables stays.
    private static func camel(_ json: JSON) -> JSON {
        .object(
            (json.members ?? []).map { member in
                let words = member.key.split(separator: "_")
                let name =
                    words.prefix(1).joined()
                    + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
                // The vendor's own client spells this one so.
                return JSON.Member(member.key == "sub_type" ? "sub_type" : name, member.value)
            })
    }
}
