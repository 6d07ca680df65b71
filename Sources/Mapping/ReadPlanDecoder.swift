// SPDX-License-Identifier: Apache-2.0
import TicketModel

/// Decodes and compiles a `read:` half.
struct ReadPlanDecoder {
    var plan: ReadPlan
    var rules = ReadRules()
    /// The fields that rules may take of each table; known before rules are compiled.
    var tableFields: [[String]] = []
    /// The tables that the rule being compiled looks up.
    var mentioned: Set<Int> = []

    static let keys = [
        "format", "bodies", "dates", "zone", "nothing", "rest", "delimiter", "encoding", "quote", "escape", "header",
        "skip",
        "namespaces", "writtenBy", "sets", "tables", "tickets", "messages", "tags", "participants", "attachments",
        "identity", "losses",
    ]

    static func decode(_ value: YAMLValue, name: String, words: [String: Words]) throws -> ReadPlan {
        let entries = try value.entries("read", known: keys)
        guard let format = entries.first(where: { $0.key == "format" }) else {
            throw value.error(
                "mapping.format-missing", "`read` does not say the format",
                remedy: "add `format: csv`, `xml` or `jsonl`")
        }
        let word = try format.value.word("format", of: ReadPlan.Format.allCases.map(\.rawValue))
        var decoder = ReadPlanDecoder(plan: ReadPlan(name: name, format: ReadPlan.Format(rawValue: word) ?? .csv))
        decoder.rules.status = words["status"] ?? Words(canonical: Ticket.Status.allCases.map(\.rawValue))
        decoder.rules.priority = words["priority"] ?? Words(canonical: Ticket.Priority.allCases.map(\.rawValue))
        decoder.rules.kind = words["kind"] ?? Words(canonical: Message.Kind.allCases.map(\.rawValue))
        try decoder.decode(value, entries)
        return decoder.plan
    }

    private mutating func decode(_ value: YAMLValue, _ entries: [YAMLValue.Entry]) throws {
        rules.dates = [.auto]
        for entry in entries { try decodeDefault(entry) }
        func find(_ key: String) -> YAMLValue? { entries.first { $0.key == key }?.value }
        try decodeSets(find("sets"), of: value)
        try decodeTables(find("tables"))
        for (key, kind) in [
            ("tickets", Fragment.Kind.ticket), ("messages", .message), ("tags", .tag), ("participants", .participant),
            ("attachments", .attachment),
        ] {
            guard let makers = find(key) else { continue }
            for (index, maker) in (makers.elements ?? [makers]).enumerated() {
                try decodeMaker(maker, kind: kind, index: index, what: key)
            }
        }
        guard rules.makers.contains(where: { $0.kind == .ticket }) else {
            throw value.error(
                "mapping.tickets-missing", "`read` makes no tickets", remedy: "add `tickets:` with `each` and `key`")
        }
        if let identity = find("identity") { try decodeIdentity(identity) }
        findKindPaths()
        plan.rules = rules
    }

    private mutating func decodeDefault(_ entry: YAMLValue.Entry) throws {
        let value = entry.value
        switch entry.key {
        case "bodies":
            let word = try value.word("bodies", of: ReadRules.BodyKind.allCases.map(\.rawValue))
            rules.bodies = ReadRules.BodyKind(rawValue: word) ?? .html
        case "dates": rules.dates = try datePatterns(value)
        case "zone":
            let name = try value.string("zone")
            if name != "ask" {
                rules.zone = try zone(value)
                plan.zone = name
            }
        case "nothing": rules.nothing = try nothing(value)
        case "rest": rules.keepsRest = try value.word("rest", of: ["extras", "drop"]) == "extras"
        case "delimiter": plan.csv.delimiter = try dialect(value, "delimiter")
        case "encoding": plan.csv.encoding = try dialect(value, "encoding")
        case "quote": plan.csv.quote = try dialect(value, "quote")
        case "escape": plan.csv.escape = try dialect(value, "escape")
        case "header": plan.csv.header = value.text == "auto" ? nil : try value.flag("header")
        case "skip": plan.csv.skip = value.text == "auto" ? nil : try value.int("skip")
        case "namespaces":
            for space in try value.entries("namespaces") {
                plan.namespaces[space.key] = try space.value.string("the namespace of `\(space.key)`")
            }
        case "writtenBy": plan.isOwnFormat = try value.word("writtenBy", of: ["ticketferry"]) == "ticketferry"
        case "losses":
            for loss in value.elements ?? [value] { plan.losses.append(try self.loss(loss)) }
        default: break
        }
    }

    private func dialect(_ value: YAMLValue, _ what: String) throws -> String? {
        let text = try value.string(what)
        return text == "auto" ? nil : text == "tab" ? "\t" : text
    }

    /// Unlike elsewhere, an unquoted NULL in this list is the text that databases write.
    private func nothing(_ value: YAMLValue) throws -> [[UInt8]] {
        try (value.elements ?? [value]).map { element in
            guard let text = element.text else {
                throw element.typeError("an element of `nothing`", expected: "a text")
            }
            return Array(text.utf8)
        }
    }

    private func loss(_ value: YAMLValue) throws -> Loss {
        var loss = Loss(field: "", reason: "", fallback: .archive)
        for entry in try value.entries("a loss", known: ["field", "reason", "fallback"]) {
            let text = try entry.value.string(entry.key)
            switch entry.key {
            case "field": loss.field = text
            case "reason": loss.reason = text
            default:
                let word = try entry.value.word("fallback", of: Loss.Fallback.allCases.map(\.rawValue))
                loss.fallback = Loss.Fallback(rawValue: word) ?? .archive
            }
        }
        guard !loss.field.isEmpty, !loss.reason.isEmpty else {
            throw value.error("mapping.key-missing", "a loss needs `field` and `reason`", remedy: "add them")
        }
        return loss
    }

    func zone(_ value: YAMLValue) throws -> Zone {
        let name = try value.string("zone")
        guard let zone = Zone.named(name) else {
            let near = Zone.nearest(to: name).map { "did you mean `\($0)`? " } ?? ""
            throw value.error(
                "mapping.unknown-zone", "this system knows no time zone `\(name)`",
                remedy: near + "write a name such as Europe/Berlin, UTC or +02:00, or install tzdata")
        }
        return zone
    }

    func datePatterns(_ value: YAMLValue) throws -> [DatePattern] {
        try (value.elements ?? [value]).map { element in
            let text = try element.string("a date pattern")
            guard let pattern = DatePattern(text) else {
                throw element.error(
                    "mapping.bad-date-pattern", "`\(text)` is no date pattern",
                    remedy:
                        "write yyyy, MM, dd, HH, mm, ss, a … as in `dd.MM.yyyy HH:mm`, or auto, seconds, milliseconds")
            }
            return pattern
        }
    }

    private mutating func decodeIdentity(_ value: YAMLValue) throws {
        let entries = try value.entries("identity", known: ["each"] + Self.ruleKeys)
        guard let each = entries.first(where: { $0.key == "each" }) else {
            throw value.error(
                "mapping.key-missing", "`identity` needs `each`: the set it is taken from", remedy: "add `each:`")
        }
        let set = try setIndex(each.value)
        rules.identity = (set, try rule(from: entries.filter { $0.key != "each" }, at: value))
    }

    /// The paths that whens test for literal values tell a set's records apart: the most used one.
    private mutating func findKindPaths() {
        rules.kindPaths = plan.sets.indices.map { set in
            var counts: [String: Int] = [:]
            var order: [RulePath] = []
            for scope in rules.makers.map(\.scope) + rules.tables.map(\.scope)
            where scope.set == set && scope.each.isEmpty {
                guard let condition = scope.when.first(where: { $0.tellsKinds }) else { continue }
                if counts[condition.path.text] == nil { order.append(condition.path) }
                counts[condition.path.text, default: 0] += 1
            }
            return order.max { (counts[$0.text] ?? 0) < (counts[$1.text] ?? 0) }.map { [$0] } ?? []
        }
    }
}
