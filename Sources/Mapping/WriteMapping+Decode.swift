// SPDX-License-Identifier: Apache-2.0
import TicketModel

extension WriteMapping {
    private static let ruleKeys = ["from", "const", "text", "when", "split", "map", "as", "else"]

    /// Decodes a `write:` half; see ``MappingFile/init(yaml:file:)`` for the errors.
    init(_ value: YAMLValue, name: String) throws {
        self.init(name: name)
        let known =
            ["status", "priority", "tags", "customFields", "assignee", "author", "catalogue", "redact"] + Self.texts
        for entry in try value.entries("write", known: known) {
            switch entry.key {
            case "status": status = try Self.words(entry.value, "status", Ticket.Status.allCases.map(\.rawValue))
            case "priority":
                priority = try Self.words(entry.value, "priority", Ticket.Priority.allCases.map(\.rawValue))
            case "tags": tags = try Self.rules(entry.value)
            case "customFields":
                customFields = try entry.value.entries("customFields").map { ($0.key, try Self.rules($0.value)) }
            case "assignee":
                for (email, choice) in try Self.choices(entry.value, "assignee") {
                    if email == "*" { otherAssignees = choice } else { assignees[email] = choice }
                }
            case "author":
                for (email, choice) in try Self.choices(entry.value, "author") {
                    if email == "*" { otherAuthors = choice } else { authors[email] = choice }
                }
            case "catalogue":
                let kinds = CatalogueEntry.Kind.allCases.map(\.rawValue)
                for part in try entry.value.entries("catalogue", known: kinds) {
                    guard let kind = CatalogueEntry.Kind(rawValue: part.key) else { continue }
                    if try part.value.word(part.key, of: ["match", "create"]) == "create" { creating.insert(kind) }
                }
            case "redact":
                for part in try entry.value.entries("redact", known: ["emails", "names"]) {
                    let redacts = try part.value.word(part.key, of: ["pseudonym", "keep"]) == "pseudonym"
                    if part.key == "emails" { redactsEmails = redacts } else { redactsNames = redacts }
                }
            default: texts.append((entry.key, try Self.rules(entry.value)))
            }
        }
        texts.sort { $0.field < $1.field }
    }

    /// `{onHold: active}` is short for `{from: status, map: {onHold: active}}`.
    private static func words(_ value: YAMLValue, _ field: String, _ canonical: [String]) throws -> [WriteRule] {
        guard value.isMap else { return try rules(value) }
        let entries = try value.entries(field)
        if entries.contains(where: { ["from", "const", "text"].contains($0.key) }) { return try rules(value) }
        for entry in entries where entry.key != "*" && !canonical.contains(entry.key) {
            throw YAMLValue.unknownKey(entry, in: field, known: canonical + ["*"])
        }
        var rule = WriteRule(source: .path([field]), map: [:])
        try addMap(value, to: &rule)
        return [rule]
    }

    private static func addMap(_ value: YAMLValue, to rule: inout WriteRule) throws {
        var map: [String: WriteRule.Outcome] = [:]
        for entry in try value.entries("map") {
            let outcome: WriteRule.Outcome
            if entry.value.isNull {
                outcome = .omit
            } else {
                switch try entry.value.string("a value of map") {
                case "keep": outcome = .keep
                case "omit": outcome = .omit
                case let text: outcome = .text(text)
                }
            }
            if entry.key == "*" { rule.otherwise = outcome } else { map[entry.key] = outcome }
        }
        rule.map = map
    }

    private static func rules(_ value: YAMLValue) throws -> [WriteRule] {
        try (value.elements ?? [value]).map { try rule($0) }
    }

    private static func path(_ text: String, _ value: YAMLValue) throws -> [String] {
        // A custom field's name may hold slashes.
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        let roots = [
            "id", "number", "subject", "status", "statusLabel", "priority", "priorityLabel", "type", "channel",
            "department",
            "product", "mailbox", "brand", "language", "organization", "requester", "assignee", "tags", "rating", "url",
            "createdAt", "updatedAt", "resolvedAt", "closedAt", "dueAt", "spam", "customFields", "extras",
        ]
        guard let root = parts.first, roots.contains(root) else {
            let near = EditDistance.nearest(to: parts.first ?? text, in: roots).map { "did you mean `\($0)`? " } ?? ""
            throw value.error(
                "mapping.unknown-path", "a canonical ticket has no `\(text)`",
                remedy: near + "known: \(roots.sorted().joined(separator: ", "))")
        }
        if ["requester", "assignee"].contains(root) {
            let fields = PersonField.allCases.map(\.key)
            guard parts.count == 2, fields.contains(parts[1]) else {
                throw value.error(
                    "mapping.unknown-path", "`\(text)` does not say what of the person",
                    remedy: "write \(root)/email or \(root)/name")
            }
        }
        if ["customFields", "extras"].contains(root), parts.count < 2 {
            throw value.error("mapping.unknown-path", "`\(text)` does not say which", remedy: "write \(root)/NAME")
        }
        return parts
    }

    private static func rule(_ value: YAMLValue) throws -> WriteRule {
        guard value.isMap else {
            return WriteRule(source: .path(try path(try value.string("a path"), value)))
        }
        let entries = try value.entries("a rule", known: ruleKeys)
        func find(_ key: String) -> YAMLValue? { entries.first { $0.key == key }?.value }
        let sources = ["from", "const", "text"].filter { find($0) != nil }
        guard sources.count == 1, let kind = sources.first, let what = find(kind) else {
            throw value.error(
                "mapping.bad-rule", "a rule needs one of from, const, text", remedy: "write exactly one of them")
        }
        var rule: WriteRule
        switch kind {
        case "from": rule = what.elements == nil ? try self.rule(what) : WriteRule(source: .first(try rules(what)))
        case "const": rule = WriteRule(source: .constant(try what.string("const")))
        default:
            rule = WriteRule(
                source: .text(
                    try TextTemplate.pieces(of: what).map { piece in
                        switch piece {
                        case .text(let text): .text(text)
                        case .placeholder(let name): .path(try path(name, what))
                        }
                    }))
        }
        if let map = find("map") { try addMap(map, to: &rule) }
        rule.split = try find("split").map { try $0.string("split") }
        let conversions = ["lower", "upper", "trim", "number", "bool"]
        rule.conversion = try find("as").flatMap { Conversion(word: try $0.word("as", of: conversions)) }
        rule.fallback = try find("else").map { try rules($0) } ?? []
        rule.when = try find("when")?.entries("when").map { (try path($0.key, $0.keyValue), try test($0.value)) } ?? []
        return rule
    }

    private static func test(_ value: YAMLValue) throws -> WriteRule.Test {
        if let elements = value.elements { return .anyOf(try elements.map { try test($0) }) }
        if value.isMap {
            guard let not = try value.entries("a condition", known: ["not"]).first else {
                throw value.error("mapping.bad-condition", "a condition is empty", remedy: "write a value")
            }
            return .not(try test(not.value))
        }
        let text = try value.string("a condition")
        switch text {
        case "present": return .present
        case "absent": return .absent
        default: return Glob.isPattern(text) ? .glob(Glob(text)) : .equals(text)
        }
    }

    private static func choices(_ value: YAMLValue, _ what: String) throws -> [(String, Choice)] {
        try value.entries(what, expected: "a map: `address: new address`").map { entry in
            let text = try entry.value.string("who stands for \(entry.key)")
            let choice: Choice
            switch text {
            case "keep": choice = .keep
            case "unassigned" where what == "assignee": choice = .unassigned
            case "header" where what == "author": choice = .header
            case _ where text.hasPrefix("placeholder ") && what == "author":
                choice = .placeholder(String(text.dropFirst("placeholder ".count)))
            case _ where text.utf8.contains(UInt8(ascii: "@")): choice = .agent(text)
            default:
                throw entry.value.error(
                    "mapping.bad-person", "`\(text)` is no address",
                    remedy: what == "assignee"
                        ? "write an agent's address, unassigned or keep"
                        : "write an agent's address, `placeholder NAME`, header or keep")
            }
            return (entry.key.lowercased(), choice)
        }
    }
}
