// SPDX-License-Identifier: Apache-2.0

extension CanonicalShape {
    /// The canonical form of a value in any spelling; nil for what is left out (null, empty, `false` as a flag).
    func canonical(_ json: JSON, at path: CanonicalPath) throws -> JSON? {
        func fail(_ problem: String) -> CanonicalLineError {
            CanonicalLineError(problem: problem, path: path.text, offset: nil)
        }
        if json.isNull { return nil }
        switch self {
        case .string:
            guard let text = json.string else { throw fail("a string expected") }
            return text.isEmpty ? nil : json
        case .word(let words):
            guard let text = json.string, text.isEmpty || words.contains(text) else {
                throw fail("not one of \(words.joined(separator: ", "))")
            }
            return text.isEmpty ? nil : json
        case .time:
            guard let text = json.string else { throw fail("a time expected") }
            if text.isEmpty { return nil }
            guard let time = Timestamp(text) else { throw fail("not a time with a zone (2024-06-01T12:00:00Z)") }
            return .string(time.description)
        case .sha256:
            guard let text = json.string?.lowercased() else { throw fail("a string expected") }
            if text.isEmpty { return nil }
            guard text.utf8.count == 64, text.utf8.allSatisfy({ CanonicalScan.hex($0) != nil }) else {
                throw fail("not a SHA-256 in hex")
            }
            return .string(text)
        case .flag:
            guard let flag = json.bool else { throw fail("true or false expected") }
            return flag ? json : nil
        case .count:
            guard case .number(let digits) = json, let number = Int(digits), number >= 0 else {
                throw fail("a whole number expected")
            }
            return JSON(number)
        case .list(let element): return try Self.list(json, of: element, at: path).map { .array($0) }
        case .set(let element):
            guard let elements = try Self.list(json, of: element, at: path) else { return nil }
            return .array(Self.unique(elements))
        case .messages(let element): return .array(try Self.list(json, of: element, at: path) ?? [])
        case .object(let name, let fields): return try Self.object(json, name, fields, at: path)
        case .customFields:
            return try Self.members(json, at: path) { value, path in try Self.customField(value, at: path) }
        case .free:
            return try Self.members(json, at: path) { value, _ in Self.free(value) }
        }
    }

    private static func list(_ json: JSON, of shape: CanonicalShape, at path: CanonicalPath) throws -> [JSON]? {
        guard let elements = json.array else {
            throw CanonicalLineError(problem: "a list expected", path: path.text, offset: nil)
        }
        var kept: [JSON] = []
        for (i, element) in elements.enumerated() {
            if let value = try shape.canonical(element, at: path.appending(i)) { kept.append(value) }
        }
        return kept.isEmpty ? nil : kept
    }

    /// The first of equals, in the order given.
    private static func unique(_ elements: [JSON]) -> [JSON] {
        var seen: Set<[UInt8]> = []
        return elements.filter { seen.insert($0.canonicalBytes()).inserted }
    }

    private static func object(
        _ json: JSON, _ name: String, _ fields: [Field], at path: CanonicalPath
    ) throws -> JSON? {
        var kept = try members(json, at: path) { value, path in value }?.members ?? []
        for i in kept.indices {
            guard let field = fields.first(where: { $0.key == kept[i].key }) else {
                throw CanonicalLineError(problem: "unknown key \(kept[i].key)", path: path.text, offset: nil)
            }
            kept[i].value = try field.shape.canonical(kept[i].value, at: path.appending(field.key)) ?? .null
        }
        kept.removeAll { $0.value.isNull }
        if name == "ticket", !kept.contains(where: { $0.key == "messages" }) {
            kept.append(JSON.Member("messages", .array([])))
        }
        if kept.isEmpty, !fields.contains(where: \.required) { return nil }
        for field in fields where field.required && !kept.contains(where: { $0.key == field.key }) {
            throw CanonicalLineError(problem: "\(field.key) is missing", path: path.text, offset: nil)
        }
        if name == "body" {
            let keys = kept.map(\.key)
            // A body whose text is empty is no body, whatever is said about its line breaks.
            if keys == ["lineBreaks"] { return nil }
            if keys.contains("text"), keys.count > 1 {
                throw CanonicalLineError(
                    problem: "a body is html (with lineBreaks or without) or text", path: path.text, offset: nil)
            }
        }
        return .object(kept)
    }

    private static func members(
        _ json: JSON, at path: CanonicalPath, _ each: (JSON, CanonicalPath) throws -> JSON?
    ) throws -> JSON? {
        guard let members = json.members else {
            throw CanonicalLineError(problem: "an object expected", path: path.text, offset: nil)
        }
        var kept: [JSON.Member] = []
        var keys: Set<String> = []
        for member in members {
            guard keys.insert(member.key).inserted else {
                throw CanonicalLineError(problem: "the key \(member.key) is twice", path: path.text, offset: nil)
            }
            if let value = try each(member.value, path.appending(member.key)), !value.isNull {
                kept.append(JSON.Member(member.key, value))
            }
        }
        return kept.isEmpty ? nil : .object(kept)
    }

    private static func customField(_ json: JSON, at path: CanonicalPath) throws -> JSON? {
        switch json {
        case .string, .array: try (json.array == nil ? Self.string : .list(.string)).canonical(json, at: path)
        case .number, .bool: json
        case .null: nil
        case .object:
            throw CanonicalLineError(
                problem: "a string, a number, true, false or a list of strings expected", path: path.text, offset: nil)
        }
    }

    /// JSON as it is, but for members that are null: absent is absent.
    static func free(_ json: JSON) -> JSON {
        switch json {
        case .object(let members):
            .object(members.filter { !$0.value.isNull }.map { JSON.Member($0.key, free($0.value)) })
        case .array(let elements): .array(elements.map(free))
        default: json
        }
    }
}
