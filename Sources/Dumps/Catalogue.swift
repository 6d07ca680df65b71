// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import Mapping
internal import TicketModel

extension TableStore {
    /// What a table's name (a word of the mapping language's users) makes of its rows in the catalogue.
    private static let kinds: [String: String] = [
        "agents": "agent", "people": "person", "customers": "person", "contacts": "person", "users": "person",
        "persons": "person", "requesters": "person", "organizations": "organization", "companies": "organization",
        "departments": "department", "groups": "department", "products": "product", "mailboxes": "mailbox",
        "inboxes": "mailbox", "tags": "tag", "fields": "field", "customFields": "field", "savedReplies": "savedReply",
        "automaticMessages": "automaticMessage",
    ]

    /// Writes the catalogue: a line `{"kind":"agent",…}` for each row of a table whose name says what its rows are,
    /// sorted by table and key.
    ///
    /// Values as the mapping's table has them.
    ///
    /// - Returns: how many lines were written.
    func writeCatalogue(to sink: any ByteSink) throws -> Int {
        var count = 0
        var out: [UInt8] = []
        try forEachRow { table, key, row in
            let table = tables[table]
            guard let kind = Self.kinds[table.name] else { return }
            var members = [JSON.Member("kind", .string(kind))]
            let bytes = Array(row)
            for (name, range) in zip(table.fields, TableRow.fields(of: bytes)) {
                guard let range, !range.isEmpty, name != "kind" else { continue }
                members.append(JSON.Member(name, .string(String(decoding: bytes[range], as: UTF8.self))))
            }
            if !members.contains(where: { $0.key == "id" }) {
                members.append(JSON.Member("id", .string(String(decoding: key, as: UTF8.self))))
            }
            JSON.object(members).write(into: &out)
            out.append(0x0A)
            count += 1
            if out.count > 1 << 16 {
                try out.withUnsafeBytes { try sink.write($0) }
                out.removeAll(keepingCapacity: true)
            }
        }
        try out.withUnsafeBytes { try sink.write($0) }
        return count
    }
}
