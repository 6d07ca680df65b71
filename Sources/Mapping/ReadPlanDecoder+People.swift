// SPDX-License-Identifier: Apache-2.0
import TicketModel

extension ReadPlanDecoder {
    private static let personKeys =
        PersonField.allCases.map(\.key) + ["ref", "by", "is", "when", "else"]

    /// One or several rules for a person: the first that yields somebody.
    mutating func people(_ value: YAMLValue, _ what: String) throws -> [PersonRule] {
        try (value.elements ?? [value]).map { try person($0, what) }
    }

    private mutating func person(_ value: YAMLValue, _ what: String) throws -> PersonRule {
        guard value.isMap else {
            throw value.error(
                "mapping.bad-person", "`\(what)` is a person, and a path alone does not say what it gives of them",
                remedy:
                    "write `{email: \(value.text ?? "PATH")}` or `{name: …}`, `{ref: TABLE, by: …}`, `{is: requester}`")
        }
        let entries = try value.entries("a person", known: Self.personKeys)
        func find(_ key: String) -> YAMLValue? { entries.first { $0.key == key }?.value }
        var source = PersonRule.Source.fields
        if let ref = find("ref") {
            guard let by = find("by") else {
                throw value.error(
                    "mapping.key-missing", "a `ref` needs `by`: the key that is looked up", remedy: "add `by: PATH`")
            }
            source = .reference(tables: try tableIndices(ref), by: try rule(by))
        } else if let by = find("by") {
            throw by.error(
                "mapping.bad-rule", "`by` goes with `ref` only", remedy: "add `ref: TABLE`, or take `by` away")
        }
        if let person = find("is") {
            guard case .fields = source else {
                throw person.error("mapping.bad-rule", "a person is either `ref` or `is`", remedy: "take one away")
            }
            _ = try person.word("is", of: ["requester"])
            guard what != "requester" else {
                throw person.error(
                    "mapping.bad-rule", "the requester cannot be said by the requester",
                    remedy: "name an address or a table")
            }
            source = .requester
        }
        let fields = try entries.compactMap { entry in
            try PersonField(key: entry.key).map { (field: $0, rule: try rule(entry.value)) }
        }
        if case .fields = source, fields.isEmpty {
            throw value.error(
                "mapping.bad-person", "`\(what)` names nobody", remedy: "add `email:`, `name:`, `ref:` or `is:`")
        }
        return PersonRule(
            source: source, fields: fields.sorted { $0.field.rawValue < $1.field.rawValue },
            when: try find("when").map { try conditions($0) } ?? [],
            otherwise: try find("else").map { try people($0, what) } ?? [])
    }
}
