// SPDX-License-Identifier: Apache-2.0
import TicketModel

extension ReadPlanDecoder {
    private static let makerKeys = ["each", "when", "key", "of", "on", "opens", "onRepeat"]
    private static let ticketTexts = [
        "number", "subject", "type", "channel", "department", "product", "mailbox", "brand", "language", "organization",
        "url", "statusLabel", "priorityLabel",
    ]
    private static let ticketTimes = ["createdAt", "updatedAt", "resolvedAt", "closedAt", "dueAt"]

    /// The keys that objects of a kind have beside those of their maker.
    private static func fieldKeys(_ kind: Fragment.Kind) -> [String] {
        switch kind {
        case .ticket:
            ticketTexts + ticketTimes + [
                "status", "priority", "requester", "assignee", "participants", "tags", "rating", "timeEntries",
                "relations", "spam", "customFields", "extras",
            ]
        case .message:
            [
                "id", "order", "kind", "author", "body", "html", "text", "lineBreaks", "createdAt", "messageId",
                "inReplyTo", "to", "cc",
                "extras",
            ]
        case .attachment: ["name", "mediaType", "size", "sha256", "url", "file", "contentId", "inline"]
        case .tag: ["name"]
        case .participant: PersonField.allCases.map(\.key) + ["ref", "by", "person"]
        }
    }

    mutating func decodeTables(_ value: YAMLValue?) throws {
        guard let value else { return }
        let entries = try value.entries("tables")
        let own = ["each", "when", "key", "onRepeat"]
        // Names and fields first: rules may look up tables that stand further down.
        for entry in entries {
            let fields = try entry.value.entries("table `\(entry.key)`").map(\.key).filter { !own.contains($0) }
            plan.tables.append(
                ReadPlan.Table(name: entry.key, fields: fields, onRepeat: .fail, location: entry.keyValue.location))
            tableFields.append(fields)
        }
        var needs: [Set<Int>] = []
        for (index, entry) in entries.enumerated() {
            mentioned = []
            let parts = try entry.value.entries("table `\(entry.key)`")
            func find(_ key: String) -> YAMLValue? { parts.first { $0.key == key }?.value }
            guard let each = find("each"), let key = find("key") else {
                throw entry.value.error(
                    "mapping.key-missing", "table `\(entry.key)` needs `each` and `key`", remedy: "add them")
            }
            if let policy = find("onRepeat") { plan.tables[index].onRepeat = try repeatPolicy(policy) }
            let fields = parts.filter { !own.contains($0.key) }
            let keyRule = try rule(key)
            var hasPlainKey = false
            if case .path = keyRule.source { hasPlainKey = true }
            let compiled = try fields.map { try rule($0.value) }
            let isPerson = fields.contains { ["email", "name", "givenName", "familyName"].contains($0.key) }
            rules.tables.append(
                TableMaker(
                    scope: try scope(each: each, when: find("when")), key: keyRule, fields: compiled,
                    personFields: fields.map { PersonField(key: $0.key) },
                    keyIsID: hasPlainKey && isPerson
                        && !fields.contains { $0.key == "id" || $0.value.text == keyRule.text },
                    role: ["agents": .agent, "customers": .customer][entry.key]))
            needs.append(mentioned)
        }
        try orderTables(needs, entries)
    }

    private mutating func orderTables(_ needs: [Set<Int>], _ entries: [YAMLValue.Entry]) throws {
        var done: Set<Int> = []
        while done.count < needs.count {
            let ready = needs.indices.filter { !done.contains($0) && needs[$0].isSubset(of: done) }
            guard !ready.isEmpty else {
                let left = needs.indices.filter { !done.contains($0) }
                throw entries[left[0]].keyValue.error(
                    "mapping.table-circle",
                    "tables look each other up in a circle: \(left.map { entries[$0].key }.joined(separator: ", "))",
                    remedy: "let one of them take its values from its own records")
            }
            plan.tablePasses.append(ready)
            done.formUnion(ready)
        }
    }

    private func repeatPolicy(_ value: YAMLValue) throws -> RepeatPolicy {
        RepeatPolicy(rawValue: try value.word("onRepeat", of: RepeatPolicy.allCases.map(\.rawValue))) ?? .fail
    }

    mutating func decodeMaker(_ value: YAMLValue, kind: Fragment.Kind, index: Int, what: String) throws {
        let entries = try value.entries("`\(what)`", known: Self.makerKeys + Self.fieldKeys(kind))
        func find(_ key: String) -> YAMLValue? { entries.first { $0.key == key }?.value }
        func need(_ key: String, _ why: String) throws -> YAMLValue {
            guard let found = find(key) else {
                throw value.error("mapping.key-missing", "`\(what)` needs `\(key)`: \(why)", remedy: "add `\(key):`")
            }
            return found
        }
        let scope = try scope(each: try need("each", "the set of its records"), when: find("when"))
        let keyOwner = kind == .ticket ? "key" : "of"
        let ticketKey = try rule(try need(keyOwner, "the ticket's key"))
        for stray in entries where Self.strays(kind).contains(stray.key) {
            throw stray.keyValue.error(
                "mapping.bad-maker", "`\(stray.key)` says nothing in `\(what)`", remedy: "take it away")
        }
        var maker = Maker(kind: kind, index: index, scope: scope, ticketKey: ticketKey)
        let policy = try find("onRepeat").map { try repeatPolicy($0) } ?? .fail
        switch kind {
        case .ticket:
            plan.ticketRepeat.append(policy)
            maker.fields = try ticketFields(entries)
            maker.tags = try find("tags").map { try rule($0) }
            maker.participants = try find("participants").map { try people($0, "participants") } ?? []
        case .message:
            plan.messageRepeat.append(policy)
            maker.messageKey = try find("key").map { try rule($0) }
            maker.opens = try find("opens").map { try $0.flag("opens") } ?? false
            maker.fields = try messageFields(entries)
        case .attachment:
            maker.messageKey = try find("on").map { try rule($0) }
            maker.fields = try attachmentFields(entries)
        case .tag: maker.tag = try rule(try need("name", "the tag itself"))
        case .participant: maker.person = try participant(entries, value)
        }
        rules.makers.append(maker)
    }

    private static func strays(_ kind: Fragment.Kind) -> [String] {
        switch kind {
        case .ticket: ["of", "on", "opens"]
        case .message: ["on"]
        case .attachment: ["opens", "key", "onRepeat"]
        case .tag, .participant: ["on", "opens", "key", "onRepeat"]
        }
    }

    /// A participant's maker is a person's rule with `each` and `of` beside it.
    private mutating func participant(_ entries: [YAMLValue.Entry], _ value: YAMLValue) throws -> [PersonRule] {
        if let person = entries.first(where: { $0.key == "person" }) { return try people(person.value, "person") }
        let own = entries.filter { !Self.makerKeys.contains($0.key) }
        if let ref = own.first(where: { $0.key == "ref" }), let by = own.first(where: { $0.key == "by" }) {
            let source = PersonRule.Source.reference(tables: try tableIndices(ref.value), by: try rule(by.value))
            return [PersonRule(source: source, fields: try personFields(own), when: [], otherwise: [])]
        }
        let fields = try personFields(own)
        guard !fields.isEmpty else {
            throw value.error(
                "mapping.bad-person", "a participant is nobody", remedy: "add `email:`, `name:` or `ref:`")
        }
        return [PersonRule(source: .fields, fields: fields, when: [], otherwise: [])]
    }

    private mutating func personFields(_ entries: [YAMLValue.Entry]) throws -> [(field: PersonField, rule: Rule)] {
        try entries.compactMap { entry in
            try PersonField(key: entry.key).map { (field: $0, rule: try rule(entry.value)) }
        }.sorted { $0.field.rawValue < $1.field.rawValue }
    }

    private func field(_ name: String, _ value: Maker.Value) -> Maker.Field {
        Maker.Field(prefix: Array("\"\(name)\":".utf8), value: value)
    }

    /// Members must stand sorted by their names.
    private func sorted(_ fields: [Maker.Field]) -> [Maker.Field] {
        fields.sorted { $0.prefix.dropLast(2).lexicographicallyPrecedes($1.prefix.dropLast(2)) }
    }

    private mutating func ticketFields(_ entries: [YAMLValue.Entry]) throws -> [Maker.Field] {
        let named = Set(entries.map(\.key))
        var fields: [Maker.Field] = []
        for entry in entries {
            let value = entry.value
            switch entry.key {
            case let key where Self.ticketTexts.contains(key): fields.append(field(key, .text(try rule(value))))
            case let key where Self.ticketTimes.contains(key): fields.append(field(key, .time(try rule(value))))
            case "key": fields.append(field("id", .text(try rule(value))))
            case "status":
                fields.append(field("status", .status(try rule(value), writesLabel: !named.contains("statusLabel"))))
            case "priority":
                fields.append(
                    field("priority", .priority(try rule(value), writesLabel: !named.contains("priorityLabel"))))
            case "requester":
                fields.append(field("requester", .person(try people(value, "requester"), role: .customer)))
            case "assignee": fields.append(field("assignee", .person(try people(value, "assignee"), role: .agent)))
            case "spam": fields.append(field("spam", .flag(try rule(value))))
            case "customFields": fields.append(field("customFields", .customFields(try customFields(value))))
            case "rating": fields.append(field("rating", try rating(value)))
            case "relations": fields.append(field("relations", try relations(value)))
            case "timeEntries": fields.append(field("timeEntries", try timeEntries(value)))
            default: break
            }
        }
        let extras = try entries.first { $0.key == "extras" }.map { try rule($0.value) }
        fields.append(field("extras", .extras(extras)))
        return sorted(fields)
    }

    private mutating func messageFields(_ entries: [YAMLValue.Entry]) throws -> [Maker.Field] {
        var fields: [Maker.Field] = []
        var body = BodyRule()
        // Without a time of its own a fragment is sorted by its key.
        let isByKey =
            try entries.first { $0.key == "order" }.map { try $0.value.word("order", of: ["time", "key"]) } == "key"
        var kind: Rule?
        for entry in entries {
            let value = entry.value
            switch entry.key {
            case "id": fields.append(field("id", .text(try rule(value))))
            case "key" where !entries.contains { $0.key == "id" }: fields.append(field("id", .text(try rule(value))))
            case "kind": kind = try rule(value)
            case "author": fields.append(field("author", .person(try people(value, "author"), role: nil)))
            case "body": body.body = try rule(value)
            case "html": body.html = try rule(value)
            case "text": body.text = try rule(value)
            case "lineBreaks": body.lineBreaks = try rule(value)
            case "createdAt":
                fields.append(field("createdAt", isByKey ? .time(try rule(value)) : .messageTime(try rule(value))))
            case "messageId", "inReplyTo": fields.append(field(entry.key, .text(try rule(value))))
            case "to", "cc": fields.append(field(entry.key, .strings(try rule(value))))
            default: break
            }
        }
        // What opened a ticket was public; otherwise what is not told is a note.
        if kind == nil, entries.contains(where: { $0.key == "opens" && $0.value.text == "true" }) {
            kind = Rule(source: .constant(rules.constant(Message.Kind.reply.rawValue)), text: "kind")
        }
        fields.append(field("kind", .kind(kind)))
        fields.append(field("body", .body(body)))
        fields.append(field("extras", .extras(try entries.first { $0.key == "extras" }.map { try rule($0.value) })))
        return sorted(fields)
    }

    private mutating func attachmentFields(_ entries: [YAMLValue.Entry]) throws -> [Maker.Field] {
        var fields: [Maker.Field] = []
        for entry in entries {
            switch entry.key {
            case "name", "mediaType", "sha256", "url", "file", "contentId":
                fields.append(field(entry.key, .text(try rule(entry.value))))
            case "size": fields.append(field("size", .integer(try rule(entry.value))))
            case "inline": fields.append(field("inline", .flag(try rule(entry.value))))
            default: break
            }
        }
        return sorted(fields)
    }

    private mutating func customFields(_ value: YAMLValue) throws -> [CustomField] {
        var fields: [CustomField] = []
        for entry in try value.entries("customFields", expected: "a map: `Name of the field: rule`") {
            if entry.key == "pairs" {
                let (paths, isJSON) = try perhapsJSON(entry.value)
                guard case .pairs(let elements, let name, let value) = try pairs(paths) else { continue }
                let pairs = CustomField.Pairs(
                    elements: RulePath(steps: elements, text: "pairs"), name: RulePath(steps: name, text: "pairs"),
                    value: RulePath(steps: value, text: "pairs"))
                fields.append(
                    CustomField(
                        prefix: [], rule: Rule(source: .first([]), text: "pairs"), pattern: nil, pairs: pairs,
                        isJSON: isJSON))
            } else if entry.key == "*" {
                let (from, isJSON) = try perhapsJSON(entry.value)
                let path = try path(from)
                let last = path.text.split(separator: "/").last.map(String.init) ?? ""
                guard last.filter({ $0 == "*" }).count == 1, path.ups == 0 else {
                    throw entry.value.error(
                        "mapping.bad-path", "`\(path.text)` should have one star, which stands for the field's name",
                        remedy: "write it like `customFields.*`")
                }
                let parent = RulePath(steps: Array(path.steps.dropLast()), text: path.text)
                fields.append(
                    CustomField(
                        prefix: [], rule: Rule(source: .path(path), text: path.text), pattern: (parent, Glob(last)),
                        isJSON: isJSON))
            } else {
                var prefix: [UInt8] = []
                JSONText.append(quoted: entry.key, to: &prefix)
                prefix.append(UInt8(ascii: ":"))
                fields.append(CustomField(prefix: prefix, rule: try rule(entry.value), pattern: nil))
            }
        }
        return fields
    }

    /// `X`, or `{from: X, as: json}`.
    private func perhapsJSON(_ value: YAMLValue) throws -> (YAMLValue, Bool) {
        guard value.isMap else { return (value, false) }
        let entries = try value.entries("customFields", known: ["from", "as"])
        guard let from = entries.first(where: { $0.key == "from" }) else {
            throw value.error("mapping.key-missing", "`from` is missing", remedy: "write {from: PATH, as: json}")
        }
        if let word = entries.first(where: { $0.key == "as" }) { _ = try word.value.word("as", of: ["json"]) }
        return (from.value, entries.count > 1)
    }

    private mutating func rating(_ value: YAMLValue) throws -> Maker.Value {
        guard value.isMap, let entries = try? value.entries("rating"), entries.contains(where: { $0.key == "score" })
        else {
            return .rating(score: try rule(value), comment: nil)
        }
        _ = try value.entries("rating", known: ["score", "comment"])
        func find(_ key: String) -> YAMLValue? { entries.first { $0.key == key }?.value }
        guard let score = find("score") else {
            throw value.error("mapping.key-missing", "`rating` needs `score`", remedy: "add it")
        }
        return .rating(score: try rule(score), comment: try find("comment").map { try rule($0) })
    }

    /// `{from: PATH, as: json}`: the list as our own formats write it.
    private mutating func jsonList(_ value: YAMLValue) throws -> Maker.Value? {
        guard value.isMap, try value.entries("a list").contains(where: { $0.key == "as" && $0.value.text == "json" })
        else {
            return nil
        }
        return .json(try rule(value))
    }

    private mutating func relations(_ value: YAMLValue) throws -> Maker.Value {
        if let list = try jsonList(value) { return list }
        if value.isMap, try value.entries("relations").contains(where: { $0.key == "each" }) {
            let entries = try value.entries("relations", known: ["each", "kind", "ticket"])
            func find(_ key: String) throws -> YAMLValue {
                guard let found = entries.first(where: { $0.key == key })?.value else {
                    throw value.error("mapping.key-missing", "`relations` with `each` needs `\(key)`", remedy: "add it")
                }
                return found
            }
            return .eachRelation(try path(find("each")), kind: try rule(find("kind")), ticket: try rule(find("ticket")))
        }
        let known = Ticket.Relation.Kind.allCases.map(\.rawValue)
        return .relations(
            try value.entries("relations", known: known).compactMap { entry in
                try Ticket.Relation.Kind(rawValue: entry.key).map { (kind: $0, rule: try rule(entry.value)) }
            }.sorted { $0.kind.rawValue < $1.kind.rawValue })
    }

    private mutating func timeEntries(_ value: YAMLValue) throws -> Maker.Value {
        if let list = try jsonList(value) { return list }
        return .timeEntries(
            try (value.elements ?? [value]).map { element in
                let entries = try element.entries(
                    "timeEntries", known: ["each", "seconds", "author", "createdAt", "note"])
                func find(_ key: String) -> YAMLValue? { entries.first { $0.key == key }?.value }
                guard let seconds = find("seconds") else {
                    throw element.error("mapping.key-missing", "a time entry needs `seconds`", remedy: "add it")
                }
                return TimeEntryRule(
                    each: try find("each").map { try path($0) }, seconds: try rule(seconds),
                    author: try find("author").map { try people($0, "author") } ?? [],
                    createdAt: try find("createdAt").map { try rule($0) }, note: try find("note").map { try rule($0) })
            })
    }
}
