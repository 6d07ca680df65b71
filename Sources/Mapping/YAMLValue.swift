// SPDX-License-Identifier: Apache-2.0
package import TicketModel
import Yams

/// A value of a mapping or migration file, with its place: everything that is wrong with it can be said with line and
/// column.
package struct YAMLValue {
    let node: Node
    let file: String
    /// The first half of the codes of its errors: `mapping` or `migration`.
    let area: String

    init(node: Node, file: String, area: String = "mapping") {
        self.node = node
        self.file = file
        self.area = area
    }

    /// Reads one YAML document.
    ///
    /// - Throws: `Diagnostic` `mapping.syntax` with the place.
    package static func document(_ text: String, file: String, area: String = "mapping") throws -> YAMLValue {
        do {
            guard let node = try Yams.compose(yaml: text) else {
                throw Diagnostic(
                    code: "\(area).empty", "the \(area) file is empty", at: SourceLocation(file: file),
                    remedy: area == "mapping"
                        ? "start with `ticketferry-mapping: 1`, then `read:` or `write:`"
                        : "start with `ticketferry: 1`, then `name:`, `source:` and `target:`")
            }
            return YAMLValue(node: node, file: file, area: area)
        } catch let error as YamlError {
            throw syntaxError(error, file: file, area: area)
        }
    }

    private static func syntaxError(_ error: YamlError, file: String, area: String) -> Diagnostic {
        var location = SourceLocation(file: file)
        var problem = "this is not YAML"
        switch error {
        case .scanner(_, let text, let mark, _), .parser(_, let text, let mark, _), .composer(_, let text, let mark, _):
            location = SourceLocation(file: file, line: mark.line, column: mark.column)
            problem = "this is not YAML: \(text)"
        case .duplicatedKeysInMapping(let duplicates, let context):
            location = SourceLocation(file: file, line: context.mark.line, column: context.mark.column)
            let keys = duplicates.sorted().map { "`\($0)`" }
            problem = "a key stands twice: \(keys.joined(separator: ", "))"
        default: break
        }
        return Diagnostic(
            code: "\(area).syntax", problem, at: location,
            remedy: "correct the YAML; texts with `: ` or at the start `{`, `[`, `*`, `&`, `@` need quotes")
    }

    /// Where it stands.
    package var location: SourceLocation {
        guard let mark = node.mark else { return SourceLocation(file: file) }
        return SourceLocation(file: file, line: mark.line, column: mark.column)
    }

    /// The text of a scalar, whatever YAML would make of it.
    package var text: String? {
        guard case .scalar(let scalar) = node else { return nil }
        return scalar.string
    }

    /// Whether it is an unquoted `null`, `~` or nothing.
    package var isNull: Bool {
        guard case .scalar(let scalar) = node else { return false }
        return scalar.style != .singleQuoted && scalar.style != .doubleQuoted
            && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// The elements of a list, nil for anything else.
    package var elements: [YAMLValue]? {
        guard case .sequence(let sequence) = node else { return nil }
        return sequence.map { YAMLValue(node: $0, file: file, area: area) }
    }

    /// Whether it is a map.
    package var isMap: Bool {
        if case .mapping = node { true } else { false }
    }

    /// An error about this value.
    package func error(_ code: String, _ message: String, remedy: String) -> Diagnostic {
        Diagnostic(code: code, message, at: location, remedy: remedy)
    }

    /// An error about what kind of value it is.
    package func typeError(_ what: String, expected: String) -> Diagnostic {
        let found =
            switch node {
            case .scalar: "a single value"
            case .mapping: "a map"
            case .sequence: "a list"
            case .alias: "an alias"
            }
        return error("\(area).wrong-type", "\(what) is \(found)", remedy: "write \(expected)")
    }

    /// The text of a scalar.
    ///
    /// - Throws: `Diagnostic` `mapping.wrong-type`.
    package func string(_ what: String) throws -> String {
        guard let text, !isNull else { throw typeError(what, expected: "a text") }
        return text
    }

    /// A yes or no.
    package func flag(_ what: String) throws -> Bool {
        switch text?.lowercased() {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw error("\(area).wrong-type", "\(what) is neither true nor false", remedy: "write true or false")
        }
    }

    /// A whole number.
    package func int(_ what: String) throws -> Int {
        guard let text, let value = Int(text) else {
            throw error("\(area).wrong-type", "\(what) is no whole number", remedy: "write a number such as 1")
        }
        return value
    }

    /// The texts of a list of scalars, or of a single scalar.
    package func strings(_ what: String) throws -> [String] {
        if let elements { return try elements.map { try $0.string("an element of \(what)") } }
        return [try string(what)]
    }

    /// One of a fixed set of words.
    package func word(_ what: String, of words: [String]) throws -> String {
        let text = try string(what)
        guard words.contains(text) else {
            let near =
                EditDistance.nearest(to: text, in: words).map { "write `\($0)`, or one of: " } ?? "write one of: "
            throw error(
                "\(area).unknown-word", "\(what) cannot be `\(text)`", remedy: near + words.joined(separator: ", "))
        }
        return text
    }

    /// One entry of a map.
    package struct Entry {
        package let key: String
        /// The key with its place.
        package let keyValue: YAMLValue
        package let value: YAMLValue
    }

    /// The entries of a map, in the order of the file.
    ///
    /// - Throws: `Diagnostic` `mapping.wrong-type` for anything but a map of texts to values.
    package func entries(_ what: String, expected: String = "a map: `key: value`") throws -> [Entry] {
        guard case .mapping(let mapping) = node else { throw typeError(what, expected: expected) }
        return try mapping.map { key, value in
            let keyValue = YAMLValue(node: key, file: file, area: area)
            guard let text = keyValue.text else { throw keyValue.typeError("a key of \(what)", expected: "a text") }
            return Entry(key: text, keyValue: keyValue, value: YAMLValue(node: value, file: file, area: area))
        }
    }

    /// The entries of a map that may only have certain keys.
    ///
    /// - Throws: `Diagnostic` `mapping.unknown-key` with the nearest known key.
    package func entries(_ what: String, known: [String]) throws -> [Entry] {
        let entries = try entries(what)
        for entry in entries where !known.contains(entry.key) {
            throw YAMLValue.unknownKey(entry, in: what, known: known)
        }
        return entries
    }

    /// The error for a key that nobody knows.
    package static func unknownKey(_ entry: Entry, in what: String, known: [String]) -> Diagnostic {
        let near = EditDistance.nearest(to: entry.key, in: known).map { "did you mean `\($0)`? " } ?? ""
        return entry.keyValue.error(
            "\(entry.keyValue.area).unknown-key", "\(what) has no key `\(entry.key)`",
            remedy: near + "known here: \(known.sorted().joined(separator: ", "))")
    }
}
