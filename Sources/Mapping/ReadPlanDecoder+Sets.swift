// SPDX-License-Identifier: Apache-2.0
import TicketModel

extension ReadPlanDecoder {
    mutating func decodeSets(_ value: YAMLValue?, of read: YAMLValue) throws {
        guard let value else {
            plan.sets = [ReadPlan.RecordSet(name: "row", location: read.location)]
            rules.lets = [[]]
            guard plan.format != .xml else {
                throw read.error(
                    "mapping.sets-missing", "an XML dump needs `sets`: where its records stand",
                    remedy: "add `sets: {ticket: /export/tickets/ticket}`")
            }
            return
        }
        for entry in try value.entries("sets") {
            var set = ReadPlan.RecordSet(name: entry.key, location: entry.keyValue.location)
            var lets: [Let] = []
            if entry.value.isMap {
                for part in try entry.value.entries("set `\(entry.key)`", known: ["at", "file", "let"]) {
                    switch part.key {
                    case "at": set.at = try root(part.value)
                    case "file": set.file = try part.value.string("file")
                    default: lets = try decodeLets(part.value)
                    }
                }
            } else {
                set.at = try root(entry.value)
            }
            if plan.format == .xml, set.at == nil {
                throw entry.value.error(
                    "mapping.key-missing", "set `\(entry.key)` does not say where its records stand",
                    remedy: "add `at: /root/element`")
            }
            plan.sets.append(set)
            rules.lets.append(lets)
        }
    }

    private func root(_ value: YAMLValue) throws -> String {
        let path = try value.string("at")
        guard path.hasPrefix("/"), path.utf8.count > 1 else {
            throw value.error(
                "mapping.bad-path", "`\(path)` is no path from the root", remedy: "start it with `/`: /rss/channel/item"
            )
        }
        return path
    }

    private mutating func decodeLets(_ value: YAMLValue) throws -> [Let] {
        var lets: [Let] = []
        for entry in try value.entries("let") {
            let parts = try entry.value.entries(
                "`\(entry.key)`", known: ["pairs", "split", "by", "into", "php", "json"])
            func find(_ key: String) -> YAMLValue? { parts.first { $0.key == key }?.value }
            let kinds = ["pairs", "split", "php", "json"].filter { find($0) != nil }
            guard kinds.count == 1, let kind = kinds.first, let what = find(kind) else {
                throw entry.value.error(
                    "mapping.bad-let", "`\(entry.key)` needs one of pairs, split, php, json",
                    remedy: "write exactly one of them")
            }
            if kind != "split", let stray = parts.first(where: { ["by", "into"].contains($0.key) }) {
                throw stray.keyValue.error(
                    "mapping.bad-let", "`\(stray.key)` goes with `split` only", remedy: "take it away")
            }
            let source: Let.Source
            switch kind {
            case "pairs": source = try pairs(what)
            case "split":
                guard let by = find("by") else {
                    throw entry.value.error("mapping.key-missing", "`split` needs `by`", remedy: "add `by: \";\"`")
                }
                let into = try find("into").map { try $0.strings("into").map { rules.names.id($0) } } ?? []
                source = .split(try path(what), by: Array(try by.string("by").utf8), into: into)
            case "php": source = .php(try path(what))
            default: source = .json(try path(what))
            }
            lets.append(Let(name: entry.key == "." ? nil : rules.names.id(entry.key), source: source))
        }
        return lets
    }

    mutating func pairs(_ value: YAMLValue) throws -> Let.Source {
        let problem = "`pairs` needs two paths that start alike: of the name and of the value"
        let remedy = "write `pairs: [field/@name, field]` or `pairs: [meta/key, meta/value]`"
        guard let both = value.elements, both.count == 2 else {
            throw value.error("mapping.bad-let", problem, remedy: remedy)
        }
        let name = try path(both[0]), content = try path(both[1])
        let elements = Array(name.steps.dropLast())
        guard name.ups == 0, content.ups == 0, !elements.isEmpty, content.steps.starts(with: elements),
            let last = name.steps.last
        else { throw value.error("mapping.bad-let", problem, remedy: remedy) }
        return .pairs(elements: elements, name: [last], value: Array(content.steps.dropFirst(elements.count)))
    }

    mutating func path(_ value: YAMLValue) throws -> RulePath {
        let text = try value.string("a path")
        guard !text.isEmpty else {
            throw value.error("mapping.bad-path", "a path is empty", remedy: "write `a/b`, `@attribute`, `.` or `..`")
        }
        return RulePath(text, names: &rules.names)
    }

    /// The set that a maker names; a CSV or JSON Lines file alone has one, `row`.
    func setIndex(_ value: YAMLValue) throws -> Int {
        let name = try value.string("each")
        guard let index = plan.sets.firstIndex(where: { $0.name == name }) else {
            throw unknownSet(name, value)
        }
        return index
    }

    func unknownSet(_ name: String, _ value: YAMLValue) -> Diagnostic {
        let names = plan.sets.map(\.name)
        let near = EditDistance.nearest(to: name, in: names).map { "did you mean `\($0)`? " } ?? ""
        return value.error(
            "mapping.unknown-set", "there is no set `\(name)`", remedy: near + "sets: \(names.joined(separator: ", "))")
    }

    /// `SET` or `SET/PATH`; a set's own name may hold a slash, the longest wins.
    mutating func scope(each: YAMLValue, when: YAMLValue?) throws -> Scope {
        let text = try each.string("each")
        let candidates = plan.sets.indices.filter {
            text == plan.sets[$0].name || text.hasPrefix(plan.sets[$0].name + "/")
        }
        guard let set = candidates.max(by: { plan.sets[$0].name.utf8.count < plan.sets[$1].name.utf8.count }) else {
            throw unknownSet(String(text.split(separator: "/").first ?? ""), each)
        }
        let rest = String(text.dropFirst(plan.sets[set].name.count + 1))
        // In a CSV a column's name may hold slashes, so the rest is one name there.
        let steps =
            plan.format == .csv && !rest.isEmpty ? [rules.names.id(rest)] : RulePath(rest, names: &rules.names).steps
        return Scope(set: set, each: steps, when: try when.map { try conditions($0) } ?? [])
    }

    mutating func conditions(_ value: YAMLValue) throws -> [Condition] {
        try value.entries("when", expected: "a map: `path: value`").map { entry in
            Condition(path: RulePath(entry.key, names: &rules.names), test: try test(entry.value))
        }
    }

    private func test(_ value: YAMLValue) throws -> Condition.Test {
        if let elements = value.elements { return .anyOf(try elements.map { try test($0) }) }
        if value.isMap {
            let entries = try value.entries("a condition", known: ["not"])
            guard let not = entries.first else {
                throw value.error("mapping.bad-condition", "a condition is empty", remedy: "write a value")
            }
            return .not(try test(not.value))
        }
        guard let text = value.text else {
            throw value.typeError("a condition", expected: "a value, a list or {not: …}")
        }
        switch text {
        case "present": return .present
        case "absent": return .absent
        default:
            if value.isNull || text.isEmpty { return .absent }
            return Glob.isPattern(text) ? .glob(Glob(text)) : .equals(Array(text.utf8))
        }
    }
}
