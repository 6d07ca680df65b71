// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import Mapping
internal import TicketModel

/// Reads what ``CatalogueEntry/line`` wrote.
enum CatalogueFile {
    /// Entries of kinds that this version does not know are left out.
    ///
    /// - Throws: `Diagnostic` with the line that is no entry.
    static func read(_ path: String) throws -> [CatalogueEntry] {
        let reader = try CanonicalReader(try FileByteSource(path: path))
        var entries: [CatalogueEntry] = []
        while let block = try reader.nextBlock() {
            try block.bytes.withUnsafeBytes { bytes in
                try LineSpool.split(bytes) { line, number in
                    guard !line.isEmpty else { return }
                    guard let json = try? JSON(parsing: line), let word = json["kind"]?.string,
                        let id = json["id"]?.text
                    else {
                        throw Diagnostic(
                            code: "catalogue.not-an-entry", "this line is no entry of a catalogue",
                            at: SourceLocation(file: path, line: block.firstLine + number),
                            remedy: "take the catalogue away, or make the archive again")
                    }
                    guard let kind = word == "person" ? .customer : CatalogueEntry.Kind(rawValue: word) else { return }
                    entries.append(
                        CatalogueEntry(
                            kind, id: id, name: json["name"]?.string ?? json["email"]?.string ?? id,
                            email: json["email"]?.string, slug: json["slug"]?.string, details: json["details"] ?? .null)
                    )
                }
            }
        }
        return entries
    }
}

extension TableStore {
    /// What a table's name (a word of the mapping language's users) makes of its rows in the catalogue.
    private static let kinds: [String: String] = [
        "agents": "agent", "people": "person", "customers": "person", "contacts": "person", "users": "person",
        "persons": "person", "requesters": "person", "organizations": "organization", "companies": "organization",
        "departments": "department", "groups": "department", "products": "product", "mailboxes": "mailbox",
        "inboxes": "mailbox", "tags": "tag", "fields": "field", "customFields": "field", "savedReplies": "savedReply",
        "automaticMessages": "automaticMessage",
    ]

    /// The catalogue as a source gives it; people who are no agents are customers.
    func catalogue() throws -> [CatalogueEntry] {
        var entries: [CatalogueEntry] = []
        try forEachRow { table, key, row in
            let table = tables[table]
            guard let word = Self.kinds[table.name],
                let kind = word == "person" ? .customer : CatalogueEntry.Kind(rawValue: word)
            else { return }
            let bytes = Array(row)
            var values: [String: String] = [:]
            for (name, range) in zip(table.fields, TableRow.fields(of: bytes)) {
                if let range, !range.isEmpty { values[name] = String(decoding: bytes[range], as: UTF8.self) }
            }
            let id = values.removeValue(forKey: "id") ?? String(decoding: key, as: UTF8.self)
            let email = values.removeValue(forKey: "email")
            let parts = [values["givenName"], values["familyName"]].compactMap { $0 }
            let name =
                values.removeValue(forKey: "name") ?? values.removeValue(forKey: "title")
                ?? (parts.isEmpty ? email ?? id : parts.joined(separator: " "))
            let slug = values.removeValue(forKey: "slug")
            values["kind"] = nil
            entries.append(
                CatalogueEntry(
                    kind, id: id, name: name, email: email, slug: slug,
                    details: values.isEmpty
                        ? .null : .object(values.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })))
        }
        return entries
    }

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
