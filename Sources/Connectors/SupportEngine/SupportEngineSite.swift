// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

/// What is known of a server before anything is planned.
struct SupportEngineSite: Hashable, Sendable {
    /// Ids of categories by name; nil where the page that tells them is absent.
    var categories: [String: String]?
    /// The active custom fields; nil where the page that tells them is absent.
    var fields: [Field]?
    var policy = NotificationPolicy.refuse
    var requestTime = Duration.milliseconds(100)

    /// A custom field of tickets.
    struct Field: Hashable, Sendable {
        var id: String
        var name: String
        var isRequired: Bool
    }

    /// A category's id by its name, else by the name without regard to case, else as an id.
    func category(_ name: String) -> String? {
        guard let categories else { return nil }
        if let id = categories[name] { return id }
        let near = categories.filter { $0.key.lowercased() == name.lowercased() }.map(\.value)
        if let id = near.min() { return id }
        return categories.values.contains(name) ? name : nil
    }

    /// A category's name by its id; the id where the server does not tell names.
    func category(id: String) -> String { categories?.first { $0.value == id }?.key ?? id }

    /// A custom field's name by its id; the id where the server does not tell names.
    func field(id: String) -> String { fields?.first { $0.id == id }?.name ?? id }

    /// Reads the answers of the two pages that the document does not name.
    init(categories: [JSON]? = nil, fields: [JSON]? = nil) {
        self.categories = categories.map { rows in
            var out: [String: String] = [:]
            for row in rows {
                if let id = row["id"]?.text, let name = row["name"]?.text, out[name] == nil { out[name] = id }
            }
            return out
        }
        self.fields = fields.map { rows in
            rows.compactMap { row in
                guard let id = row["id"]?.text, let name = row["name"]?.text else { return nil }
                // `1`, `"1"` or, by the document, `true`.
                let isRequired = row["required"]?.bool ?? (row["required"]?.text ?? "0" != "0")
                return Field(id: id, name: name, isRequired: isRequired)
            }
        }
    }
}
