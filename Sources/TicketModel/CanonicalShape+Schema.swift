// SPDX-License-Identifier: Apache-2.0

extension Ticket {
    /// The JSON Schema (draft 2020-12) of one canonical line, made from the same shape that the reader checks with.
    ///
    /// What a schema cannot say, the reader checks as well: keys sorted by bytes, no blanks, the one spelling of strings
    /// and times.
    public static let jsonSchema: String = {
        var text = ""
        CanonicalShape.schema.pretty(into: &text, indent: "")
        return text + "\n"
    }()
}

extension CanonicalShape {
    fileprivate static var schema: JSON {
        var definitions: [JSON.Member] = []
        guard case .object(_, let fields) = ticket, case .object(let root) = object("ticket", fields, &definitions)
        else {
            return .null
        }
        return .object(
            [
                JSON.Member("$schema", "https://json-schema.org/draft/2020-12/schema"),
                JSON.Member("$id", "https://ticketferry.example/schemas/ticket-1.json"),
                JSON.Member("title", "A canonical ticket of Ticketferry"),
            ] + root
                + [JSON.Member("$defs", .object(definitions.sorted { JSONText.precedes($0.key, $1.key) }))])
    }

    private func schema(_ definitions: inout [JSON.Member]) -> JSON {
        switch self {
        case .string: ["type": "string", "minLength": 1]
        case .word(let words): ["enum": .array(words.map { .string($0) })]
        case .time:
            ["type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?Z$"]
        case .flag: ["const": true]
        case .count: ["type": "integer", "minimum": 0]
        case .sha256: ["type": "string", "pattern": "^[0-9a-f]{64}$"]
        case .list(let element): ["type": "array", "minItems": 1, "items": element.schema(&definitions)]
        case .set(let element):
            ["type": "array", "minItems": 1, "uniqueItems": true, "items": element.schema(&definitions)]
        case .messages(let element): ["type": "array", "items": element.schema(&definitions)]
        case .object(let name, let fields): Self.reference(name, fields, &definitions)
        case .customFields:
            [
                "type": "object", "minProperties": 1,
                "additionalProperties": [
                    "anyOf": [
                        Self.string.schema(&definitions), ["type": "number"], ["type": "boolean"],
                        Self.list(.string).schema(&definitions),
                    ]
                ],
            ]
        case .free: ["type": "object", "minProperties": 1]
        }
    }

    private static func reference(_ name: String, _ fields: [Field], _ definitions: inout [JSON.Member]) -> JSON {
        if !definitions.contains(where: { $0.key == name }) {
            let definition = object(name, fields, &definitions)
            if !definitions.contains(where: { $0.key == name }) { definitions.append(JSON.Member(name, definition)) }
        }
        return ["$ref": .string("#/$defs/\(name)")]
    }

    private static func object(_ name: String, _ fields: [Field], _ definitions: inout [JSON.Member]) -> JSON {
        var members: [JSON.Member] = [
            JSON.Member("type", "object"), JSON.Member("additionalProperties", false),
        ]
        let required = fields.filter(\.required).map { JSON.string($0.key) }
        if !required.isEmpty { members.append(JSON.Member("required", .array(required))) }
        if required.isEmpty { members.append(JSON.Member("minProperties", 1)) }
        if name == "body" {
            members.append(
                JSON.Member(
                    "oneOf",
                    [
                        ["required": ["html"], "not": ["required": ["text"]]],
                        [
                            "required": ["text"],
                            "not": ["anyOf": [["required": ["html"]], ["required": ["lineBreaks"]]]],
                        ],
                    ]))
        }
        var properties: [JSON.Member] = []
        for field in fields { properties.append(JSON.Member(field.key, field.shape.schema(&definitions))) }
        members.append(JSON.Member("properties", .object(properties)))
        return .object(members)
    }
}

extension JSON {
    /// Two blanks a level, members in their order: for people.
    fileprivate func pretty(into text: inout String, indent: String) {
        switch self {
        case .object(let members) where !members.isEmpty:
            text += "{"
            for (i, member) in members.enumerated() {
                text += (i > 0 ? ",\n" : "\n") + indent + "  " + JSON.string(member.key).canonicalText + ": "
                member.value.pretty(into: &text, indent: indent + "  ")
            }
            text += "\n\(indent)}"
        case .array(let elements) where elements.contains { $0.members != nil }:
            text += "["
            for (i, element) in elements.enumerated() {
                text += (i > 0 ? ",\n" : "\n") + indent + "  "
                element.pretty(into: &text, indent: indent + "  ")
            }
            text += "\n\(indent)]"
        default: text += canonicalText
        }
    }
}
