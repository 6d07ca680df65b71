// SPDX-License-Identifier: Apache-2.0
import TicketModel

extension ReadPlanDecoder {
    /// The keys of a rule that is a map.
    static let ruleKeys = [
        "from", "const", "text", "with", "ref", "by", "take", "is", "when", "split", "map", "format", "zone", "as",
        "after", "else",
    ]

    /// A rule for one value, or for a list of them: a path, a map, or a list of rules.
    mutating func rule(_ value: YAMLValue) throws -> Rule {
        if let elements = value.elements {
            return Rule(source: .first(try elements.map { try rule($0) }), text: "a list")
        }
        if value.isMap { return try rule(from: value.entries("a rule", known: Self.ruleKeys), at: value) }
        let path = try path(value)
        return Rule(source: .path(path), text: path.text)
    }

    mutating func rule(from entries: [YAMLValue.Entry], at value: YAMLValue) throws -> Rule {
        func find(_ key: String) -> YAMLValue? { entries.first { $0.key == key }?.value }
        let sources = ["from", "const", "text", "ref", "is"].filter { find($0) != nil }
        guard sources.count == 1, let kind = sources.first, let what = find(kind) else {
            throw value.error(
                "mapping.bad-rule",
                sources.isEmpty
                    ? "a rule says nowhere what it takes"
                    : "a rule takes from two places: \(sources.joined(separator: ", "))",
                remedy: "write exactly one of from, const, text, ref")
        }
        let belongs: [(String, String)] = [("with", "text"), ("by", "ref"), ("take", "ref")]
        for (key, owner) in belongs where owner != kind {
            if let stray = entries.first(where: { $0.key == key }) {
                throw stray.keyValue.error(
                    "mapping.bad-rule", "`\(key)` goes with `\(owner)` only", remedy: "take it away")
            }
        }
        let source: Rule.Source
        var text = kind
        switch kind {
        case "from":
            if what.elements != nil {
                source = .first(try (what.elements ?? []).map { try rule($0) })
            } else {
                let path = try path(what)
                source = .path(path)
                text = path.text
            }
        case "const": source = .constant(rules.constant(try what.string("const")))
        case "text": source = .text(try template(what, with: find("with")))
        case "ref": source = try reference(what, by: find("by"), take: find("take"), at: value)
        default:
            throw what.error(
                "mapping.bad-rule", "`is: requester` is a person, not a value", remedy: "write it for `author`")
        }
        var conversion: Conversion?
        var formats = try find("format").map { try datePatterns($0) } ?? []
        if let after = find("after") { conversion = .after(Array(try after.string("after").utf8)) }
        if let word = find("as") {
            conversion = Conversion(word: try word.word("as", of: Conversion.words))
            if conversion == .seconds { formats = [.seconds] }
            if conversion == .milliseconds { formats = [.milliseconds] }
        }
        return Rule(
            source: source, when: try find("when").map { try conditions($0) } ?? [],
            split: try find("split").map { Array(try $0.string("split").utf8) } ?? [],
            map: try find("map").map { try labelMap($0) }, conversion: conversion, formats: formats,
            zone: try find("zone").map { try zone($0) }, otherwise: try find("else").map { try rule($0) }, text: text)
    }

    private mutating func labelMap(_ value: YAMLValue) throws -> LabelMap {
        var labels: [(label: String, outcome: LabelMap.Outcome)] = []
        var otherwise = LabelMap.Outcome.keep
        for entry in try value.entries("map", expected: "a map: `\"from\": to`") {
            let outcome: LabelMap.Outcome
            if entry.value.isNull {
                outcome = .omit
            } else {
                switch try entry.value.string("a value of map") {
                case "omit": outcome = .omit
                case "keep": outcome = .keep
                case let text: outcome = .constant(rules.constant(text))
                }
            }
            if entry.key == "*" { otherwise = outcome } else { labels.append((entry.key, outcome)) }
        }
        return LabelMap(labels, otherwise: otherwise)
    }

    /// `"{a} {b}"`: what stands in braces is a path, or the name of a rule in `with`; `{{` is a brace.
    private mutating func template(_ value: YAMLValue, with: YAMLValue?) throws -> [Rule.Piece] {
        var named: [String: Rule] = [:]
        for entry in try with?.entries("with") ?? [] { named[entry.key] = try rule(entry.value) }
        var pieces: [Rule.Piece] = []
        for piece in try TextTemplate.pieces(of: value) {
            switch piece {
            case .text(let text): pieces.append(.constant(rules.constant(text)))
            case .placeholder(let name):
                let path = RulePath(name, names: &rules.names)
                pieces.append(.rule(named[name] ?? Rule(source: .path(path), text: name)))
            }
        }
        return pieces
    }

    mutating func tableIndices(_ value: YAMLValue) throws -> [Int] {
        try value.strings("ref").map { name in
            let names = plan.tables.map(\.name)
            guard let index = names.firstIndex(of: name) else {
                let near = EditDistance.nearest(to: name, in: names).map { "did you mean `\($0)`? " } ?? ""
                throw value.error(
                    "mapping.unknown-table", "there is no table `\(name)`",
                    remedy: near + (names.isEmpty ? "add it to `tables:`" : "tables: \(names.joined(separator: ", "))"))
            }
            mentioned.insert(index)
            return index
        }
    }

    private mutating func reference(_ tables: YAMLValue, by: YAMLValue?, take: YAMLValue?, at value: YAMLValue) throws
        -> Rule.Source
    {
        guard let by, let take else {
            throw value.error(
                "mapping.key-missing", "a `ref` for one value needs `by` and `take`",
                remedy: "add `by: PATH, take: FIELD`")
        }
        let field = try take.string("take")
        let references = try tableIndices(tables).map { table in
            guard let index = tableFields[table].firstIndex(of: field) else {
                let near =
                    EditDistance.nearest(to: field, in: tableFields[table]).map { "did you mean `\($0)`? " } ?? ""
                throw take.error(
                    "mapping.unknown-field", "table `\(plan.tables[table].name)` has no field `\(field)`",
                    remedy: near + "fields: \(tableFields[table].joined(separator: ", "))")
            }
            return Rule.Reference(table: table, field: index)
        }
        return .reference(tables: references, by: try rule(by))
    }
}

/// A text with places in braces.
enum TextTemplate {
    enum Piece { case text(String), placeholder(String) }

    static func pieces(of value: YAMLValue) throws -> [Piece] {
        let text = try value.string("text")
        var pieces: [Piece] = []
        var plain = ""
        var rest = Substring(text)
        while let character = rest.popFirst() {
            if character == "{" || character == "}", rest.first == character {
                rest.removeFirst()
                plain.append(character)
            } else if character == "{" {
                guard let end = rest.firstIndex(of: "}"), end > rest.startIndex else {
                    throw value.error(
                        "mapping.bad-text", "`\(text)` opens a brace that nothing closes",
                        remedy: "write {path}, or {{ for a brace")
                }
                if !plain.isEmpty { pieces.append(.text(plain)) }
                plain = ""
                pieces.append(.placeholder(String(rest[..<end])))
                rest = rest[rest.index(after: end)...]
            } else {
                plain.append(character)
            }
        }
        if !plain.isEmpty { pieces.append(.text(plain)) }
        return pieces
    }
}
