// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// The members of a row of which nothing is promised: what is taken is gone, what is left is `extras`.
struct SmartSupportFields {
    private var rest: JSON

    init(_ row: JSON) { rest = row.members == nil ? .object([]) : row }

    /// What nobody took: neither null nor empty.
    var extras: [JSON.Member] {
        (rest.members ?? []).filter { member in
            switch member.value {
            case .null: false
            case .string(let text): !text.isEmpty
            case .array(let list): !list.isEmpty
            case .object(let members): !members.isEmpty
            default: true
            }
        }
    }

    func peek(_ name: String) -> JSON? { rest[name] }

    /// The first that is there and not null; all of the names are taken if they hold the same or nothing.
    mutating func take(_ names: [String]) -> JSON? {
        for name in names {
            guard let value = rest[name], !value.isNull else { continue }
            rest[name] = nil
            return value
        }
        return nil
    }

    /// A text or the digits of a number; an object stays.
    mutating func text(_ names: [String]) -> String? {
        for name in names {
            guard let text = rest[name]?.text, !text.isEmpty else { continue }
            rest[name] = nil
            return text
        }
        return nil
    }

    /// A string, also an empty one; `{"rendered": …}` and `{"raw": …}` as WordPress writes them, too.
    mutating func string(_ names: [String]) -> String? {
        for name in names {
            guard let value = rest[name], let text = value.text ?? value["raw"]?.string ?? value["rendered"]?.string
            else { continue }
            rest[name] = nil
            return text
        }
        return nil
    }

    /// A word, or the slug of an object.
    mutating func label(_ names: [String]) -> String? {
        for name in names {
            guard let value = rest[name],
                let text = value.text ?? SmartSupportAPI.text(value, ["slug", "value", "name", "label"]), !text.isEmpty
            else { continue }
            rest[name] = nil
            return text
        }
        return nil
    }

    /// The name of a department or product: a text, an object, or `…_name`; its id and slug go with it.
    mutating func named(_ kind: String) -> String? {
        var name = SmartSupportAPI.text(rest, ["\(kind)_name", "\(kind)_title"])
        if let value = rest[kind] {
            if name == nil, let text = SmartSupportAPI.text(value, ["name", "title", "label", "slug"]) { name = text }
            // A number alone is an id.
            if name == nil, let text = value.string, !text.isEmpty, Int(text) == nil { name = text }
        }
        guard let name else { return nil }
        for key in [kind, "\(kind)_name", "\(kind)_title", "\(kind)_id", "\(kind)_slug"] { rest[key] = nil }
        return name
    }

    /// The first time under one of the names; `…_gmt` is in UTC.
    mutating func time(_ names: [String], _ clock: SmartSupportClock) -> Timestamp? {
        var found: Timestamp?
        for name in names {
            for key in [name, "\(name)_gmt"] {
                guard let value = rest[key] else { continue }
                guard let time = clock.time(value, isUTC: key.hasSuffix("_gmt")) else { continue }
                rest[key] = nil
                found = found ?? time
            }
        }
        return found
    }

    /// Somebody: an object under one of the names, or members with one of the prefixes.
    mutating func person(_ names: [String], prefixes: [String], role: Person.Role?) -> Person? {
        var person = Person(role: role)
        var isFound = false
        for name in names {
            guard let value = rest[name] else { continue }
            if value.members != nil, !isFound {
                person.id = SmartSupportAPI.id(value, "user")
                person.email = SmartSupportAPI.text(value, ["email", "user_email"])
                person.name = SmartSupportAPI.text(value, ["name", "display_name", "full_name"])
                person.givenName = SmartSupportAPI.text(value, ["first_name"])
                person.familyName = SmartSupportAPI.text(value, ["last_name"])
                person.phone = SmartSupportAPI.text(value, ["phone"])
                if person.name != nil { (person.givenName, person.familyName) = (nil, nil) }
                isFound = person.id != nil || person.email != nil || person.displayName != nil
                if isFound { rest[name] = nil }
            } else if let text = value.string, text.contains("@"), person.email == nil {
                person.email = text
                isFound = true
                rest[name] = nil
            }
        }
        for prefix in prefixes {
            func member(_ name: String) -> String? { SmartSupportAPI.text(rest, [prefix + name]) }
            let id = prefix.isEmpty ? member("user_id") ?? member("customer_id") : member("id")
            let email = member("email")
            let name = member("name") ?? (prefix.isEmpty ? nil : member("display_name"))
            // One person may stand under several prefixes; two are not mixed.
            if isFound, let email, let known = person.email, email.lowercased() != known.lowercased() { continue }
            if isFound, email == nil, let id, let known = person.id, id != known { continue }
            guard id != nil || email != nil || name != nil else { continue }
            if isFound, email == nil, id == nil, prefix != prefixes.first { continue }
            person.id = person.id ?? id
            person.email = person.email ?? email
            if person.displayName == nil || person.displayName == person.email || person.displayName == person.id {
                person.name = name ?? person.name
            }
            isFound = true
            for key in ["id", "email", "name", "display_name"] where !(prefix.isEmpty && key == "id") {
                rest[prefix + key] = nil
            }
        }
        return isFound ? person : nil
    }

    /// The names of a list of texts or objects, each once.
    mutating func texts(_ names: [String]) -> [String] {
        let row = rest
        guard let list = names.compactMap({ row[$0]?.array }).first else { return [] }
        let texts = list.compactMap { $0.string ?? SmartSupportAPI.text($0, ["name", "title", "label", "slug"]) }
        guard texts.count == list.count else { return [] }
        for name in names { rest[name] = nil }
        return Set(texts).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Files, of which the document says nothing.
    mutating func attachments() -> [Attachment] {
        guard let list = rest["attachments"]?.array ?? rest["files"]?.array else { return [] }
        rest["attachments"] = nil
        rest["files"] = nil
        return list.compactMap { file in
            var attachment = Attachment()
            if let url = file.string {
                attachment.url = url
                attachment.name = url.split(separator: "/").last.map { String($0.prefix { $0 != "?" }) }
                return attachment
            }
            guard file.members != nil else { return nil }
            attachment.name = SmartSupportAPI.text(file, ["name", "file_name", "filename", "title"])
            attachment.url = SmartSupportAPI.text(file, ["url", "file_url", "link", "src"])
            attachment.size = (file["size"] ?? file["file_size"])?.int
            attachment.mediaType = SmartSupportAPI.text(file, ["mime_type", "media_type", "file_type", "type"])
            return attachment
        }
    }
}
