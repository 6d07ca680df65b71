// SPDX-License-Identifier: Apache-2.0
import TicketModel

extension WriteRule {
    /// All texts that the rule yields.
    func texts(of ticket: Ticket) -> [String] {
        var found: [String] = []
        if when.allSatisfy({ Self.holds($0.test, Self.read($0.path, ticket)) }) {
            switch source {
            case .path(let path): found = Self.read(path, ticket)
            case .constant(let text): found = [text]
            case .text(let pieces): found = Self.join(pieces, ticket).map { [$0] } ?? []
            case .first(let rules): found = rules.lazy.map { $0.texts(of: ticket) }.first { !$0.isEmpty } ?? []
            }
        }
        if let split { found = found.flatMap { Self.pieces(of: $0, by: split) } }
        let mapped = found.compactMap { map($0)?.text }.map { convert($0) }.filter { !$0.isEmpty }
        if mapped.isEmpty, found.isEmpty || !fallback.isEmpty { return fallback.values(of: ticket) }
        return mapped
    }

    /// The first text and whether the rule decided it: `keep` and what a map does not name do not.
    func mapped(of ticket: Ticket) -> (String, Bool)? {
        guard map != nil else { return texts(of: ticket).first.map { ($0, true) } }
        var plain = self
        plain.map = nil
        plain.conversion = nil
        plain.fallback = []
        guard let raw = plain.texts(of: ticket).first, let result = map(raw) else {
            return fallback.lazy.compactMap { $0.mapped(of: ticket) }.first
        }
        return (convert(result.text), result.isMapped)
    }

    /// The value for a custom field: that of a custom field keeps its kind.
    func fieldValue(of ticket: Ticket) -> FieldValue? {
        if case .path(let path) = source, path.count == 2, path[0] == "customFields", map == nil, conversion == nil,
            split == nil, when.isEmpty, let value = ticket.customFields[path[1]]
        {
            return value
        }
        let texts = texts(of: ticket)
        guard let first = texts.first else { return nil }
        if split != nil || texts.count > 1 { return .list(texts) }
        switch conversion {
        case .number:
            if case .number(let digits)? = try? JSON(parsing: first) { return .number(digits) }
            return .string(first)
        case .bool: return .bool(["1", "true", "yes", "y", "on"].contains(first.lowercased()))
        default: return .string(first)
        }
    }

    /// Which custom fields the rule reads.
    func collectFields(_ found: inout Set<String>) {
        switch source {
        case .path(let path): if path.count == 2, path[0] == "customFields" { found.insert(path[1]) }
        case .text(let pieces):
            for case .path(let path) in pieces where path.count == 2 && path[0] == "customFields" {
                found.insert(path[1])
            }
        case .first(let rules): for rule in rules { rule.collectFields(&found) }
        case .constant: break
        }
        for rule in fallback { rule.collectFields(&found) }
    }

    private func map(_ text: String) -> (text: String, isMapped: Bool)? {
        guard let map else { return (text, true) }
        switch map[text] ?? otherwise {
        case .keep: return (text, false)
        case .omit: return nil
        case .text(let new): return (new, true)
        }
    }

    private func convert(_ text: String) -> String {
        switch conversion {
        case .lower: text.lowercased()
        case .upper: text.uppercased()
        case .trim: Self.trim(text)
        default: text
        }
    }

    static func trim(_ text: String) -> String {
        let bytes = Array(text.utf8)
        guard let low = bytes.firstIndex(where: { $0 > 0x20 }), let high = bytes.lastIndex(where: { $0 > 0x20 }) else {
            return ""
        }
        return String(decoding: bytes[low...high], as: UTF8.self)
    }

    private static func pieces(of text: String, by separator: String) -> [String] {
        let bytes = Array(text.utf8), separator = Array(separator.utf8)
        guard !separator.isEmpty else { return [text] }
        var found: [String] = []
        var start = 0
        var at = 0
        while at + separator.count <= bytes.count {
            if bytes[at..<at + separator.count].elementsEqual(separator) {
                found.append(trim(String(decoding: bytes[start..<at], as: UTF8.self)))
                at += separator.count
                start = at
            } else {
                at += 1
            }
        }
        found.append(trim(String(decoding: bytes[start...], as: UTF8.self)))
        return found.filter { !$0.isEmpty }
    }

    private static func join(_ pieces: [TextPiece], _ ticket: Ticket) -> String? {
        var text = ""
        for piece in pieces {
            switch piece {
            case .text(let plain): text += plain
            case .path(let path):
                guard let value = read(path, ticket).first else { return nil }
                text += value
            }
        }
        return text
    }

    private static func holds(_ test: Test, _ values: [String]) -> Bool {
        switch test {
        case .equals(let text): values.contains(text)
        case .glob(let glob): values.contains { glob.matches(Array($0.utf8)) }
        case .present: !values.isEmpty
        case .absent: values.isEmpty
        case .anyOf(let tests): tests.contains { holds($0, values) }
        case .not(let test): !holds(test, values)
        }
    }

    /// The texts at a path of a canonical ticket; nothing for what is absent or empty.
    static func read(_ path: [String], _ ticket: Ticket) -> [String] {
        let found: [String?]
        switch path.first {
        case "id": found = [ticket.id]
        case "number": found = [ticket.number]
        case "subject": found = [ticket.subject]
        case "status": found = [ticket.status?.rawValue]
        case "statusLabel": found = [ticket.statusLabel]
        case "priority": found = [ticket.priority?.rawValue]
        case "priorityLabel": found = [ticket.priorityLabel]
        case "type": found = [ticket.type]
        case "channel": found = [ticket.channel]
        case "department": found = [ticket.department]
        case "product": found = [ticket.product]
        case "mailbox": found = [ticket.mailbox]
        case "brand": found = [ticket.brand]
        case "language": found = [ticket.language]
        case "organization": found = [ticket.organization]
        case "url": found = [ticket.url]
        case "rating": found = [ticket.rating?.score]
        case "tags": found = ticket.tags
        case "createdAt": found = [ticket.createdAt?.description]
        case "updatedAt": found = [ticket.updatedAt?.description]
        case "resolvedAt": found = [ticket.resolvedAt?.description]
        case "closedAt": found = [ticket.closedAt?.description]
        case "dueAt": found = [ticket.dueAt?.description]
        case "spam": found = [ticket.spam ? "true" : nil]
        case "requester": found = [read(path.last ?? "", ticket.requester)]
        case "assignee": found = [read(path.last ?? "", ticket.assignee)]
        case "customFields":
            found =
                ticket.customFields[path.last ?? ""].map { value in
                    if case .list(let texts) = value { texts } else { [value.text] }
                } ?? []
        case "extras":
            let value = ticket.extras.first { $0.key == path.last }?.value
            found = (value?.array ?? value.map { [$0] } ?? []).map(\.text)
        default: found = []
        }
        return found.compactMap { $0 }.filter { !$0.isEmpty }
    }

    private static func read(_ field: String, _ person: Person?) -> String? {
        switch field {
        case "id": person?.id
        case "role": person?.role?.rawValue
        case "name": person?.displayName
        case "givenName": person?.givenName
        case "familyName": person?.familyName
        case "email": person?.email
        case "phone": person?.phone
        default: nil
        }
    }
}
