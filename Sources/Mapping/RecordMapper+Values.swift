// SPDX-License-Identifier: Apache-2.0
import Formats
import TicketModel

extension RecordMapper {
    mutating func appendCustomFields(_ field: Maker.Field, _ fields: [CustomField], _ context: UInt32) throws {
        var members: [(key: [UInt8], value: [UInt8])] = []
        for custom in fields {
            if let pattern = custom.pattern {
                members += columns(pattern.path, pattern.last, isJSON: custom.isJSON, context)
            } else if let pairs = custom.pairs {
                members += self.pairs(pairs, isJSON: custom.isJSON, context)
            } else if let value = try fieldValue(custom.rule, context) {
                members.append((custom.prefix, value))
            }
        }
        guard !members.isEmpty else { return }
        members.sort { $0.key.dropLast(2).lexicographicallyPrecedes($1.key.dropLast(2)) }
        out.append(contentsOf: field.prefix)
        out.append(UInt8(ascii: "{"))
        var last: [UInt8] = []
        for member in members where member.key != last {
            if !last.isEmpty { out.append(UInt8(ascii: ",")) }
            last = member.key
            out.append(contentsOf: member.key)
            out.append(contentsOf: member.value)
        }
        out.append(contentsOf: "},".utf8)
    }

    /// All columns (or elements) whose name matches: the star is the field's name.
    private mutating func columns(
        _ parent: RulePath, _ glob: Glob, isJSON: Bool, _ context: UInt32
    ) -> [(key: [UInt8], value: [UInt8])] {
        var parents: [UInt32] = []
        tree.each(parent, from: context) {
            parents.append($0); return false
        }
        var members: [(key: [UInt8], value: [UInt8])] = []
        for parent in parents {
            var node = tree.nodes[Int(parent)].firstChild
            while node != RecordTree.none {
                let name = Array(tree.names.name(tree.nodes[Int(node)].name))
                if let (low, high) = glob.capture(in: name), !tree.isEmpty(node) {
                    members.append((key(name[low..<high]), plainOrJSON(tree.text(node), isJSON)))
                    tree.use(node)
                }
                node = tree.nodes[Int(node)].next
            }
        }
        return members
    }

    private func key(_ name: some Collection<UInt8>) -> [UInt8] {
        var key: [UInt8] = []
        Array(name).withUnsafeBytes { JSONText.append(quoted: $0, to: &key) }
        key.append(UInt8(ascii: ":"))
        return key
    }

    /// A text, or with `as: json` what JSON says where it reads as the value of a custom field.
    private func plainOrJSON(_ text: Range<Int>, _ isJSON: Bool) -> [UInt8] {
        if isJSON, let json = try? JSON(parsing: tree.bytes[text]), FieldValue(json) != nil {
            return json.canonicalBytes()
        }
        return quoted([text])
    }

    /// Elements with a name and a value.
    private mutating func pairs(
        _ pairs: CustomField.Pairs, isJSON: Bool, _ context: UInt32
    ) -> [(key: [UInt8], value: [UInt8])] {
        var elements: [UInt32] = []
        tree.each(pairs.elements, from: context) {
            elements.append($0); return false
        }
        var members: [(key: [UInt8], value: [UInt8])] = []
        for element in elements {
            guard let name = tree.firstFull(pairs.name, from: element),
                let value = tree.firstFull(pairs.value, from: element)
            else { continue }
            members.append((key(tree.bytes[tree.text(name)]), plainOrJSON(tree.text(value), isJSON)))
            tree.use(name)
            tree.use(value)
        }
        return members
    }

    /// A JSON list, or JSON texts one a line.
    func list(_ value: Range<Int>) -> JSON? {
        if let array = (try? JSON(parsing: tree.bytes[value]))?.array { return array.isEmpty ? nil : .array(array) }
        let lines = tree.split(value, by: [0x0A])
        let elements = lines.compactMap { try? JSON(parsing: tree.bytes[$0]) }
        return elements.count == lines.count ? .array(elements) : nil
    }

    /// Relations out of nested elements.
    mutating func appendRelations(
        _ field: Maker.Field, _ path: RulePath, _ kind: Rule, _ ticket: Rule, _ context: UInt32
    ) throws {
        var found: [(Ticket.Relation.Kind, Range<Int>)] = []
        for node in nodes(path, context) {
            let mark = tree.mark
            guard let kind = try scalar(kind, node), let word = Ticket.Relation.Kind(rawValue: text(trimmed(kind))),
                let ticket = try scalar(ticket, node)
            else {
                tree.undo(to: mark)
                continue
            }
            found.append((word, trimmed(ticket)))
        }
        append(found, field)
    }

    private func nodes(_ path: RulePath, _ context: UInt32) -> [UInt32] {
        var found: [UInt32] = []
        tree.each(path, from: context) {
            found.append($0); return false
        }
        return found
    }

    private func quoted(_ ranges: [Range<Int>]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (i, range) in ranges.enumerated() {
            if i > 0 { bytes.append(UInt8(ascii: ",")) }
            tree.bytes.withUnsafeBytes {
                JSONText.append(quoted: UnsafeRawBufferPointer(rebasing: $0[range]), to: &bytes)
            }
        }
        return bytes
    }

    /// A custom field: a number or boolean where `as` says so, a list where the rule splits or is a list, else a string.
    private mutating func fieldValue(_ rule: Rule, _ context: UInt32) throws -> [UInt8]? {
        var isList = !rule.split.isEmpty
        if case .first = rule.source, rule.conversion == nil { isList = true }
        if isList {
            let values = try values(rule, context)
            return values.isEmpty ? nil : [UInt8(ascii: "[")] + quoted(values) + [UInt8(ascii: "]")]
        }
        let mark = tree.mark
        guard let value = try scalar(rule, context) else { return nil }
        switch rule.conversion {
        case .number: return Array(tree.bytes[value])
        case .bool:
            switch text(trimmed(value)).lowercased() {
            case "1", "true", "yes", "y", "on": return Array("true".utf8)
            case "0", "false", "no", "n", "off": return Array("false".utf8)
            default:
                tree.undo(to: mark)
                return nil
            }
        case .json:
            if let json = try? JSON(parsing: tree.bytes[value]), FieldValue(json) != nil {
                return json.canonicalBytes()
            }
            return quoted([value])
        default: return quoted([value])
        }
    }

    mutating func appendRating(_ field: Maker.Field, _ score: Rule, _ comment: Rule?, _ context: UInt32) throws {
        guard let score = try scalar(score, context) else { return }
        out.append(contentsOf: field.prefix)
        out.append(UInt8(ascii: "{"))
        if let comment, let value = try scalar(comment, context) {
            out.append(contentsOf: "\"comment\":".utf8)
            append(quoted: value)
            out.append(UInt8(ascii: ","))
        }
        out.append(contentsOf: "\"score\":".utf8)
        append(quoted: score)
        out.append(contentsOf: "},".utf8)
    }

    mutating func appendRelations(
        _ field: Maker.Field, _ relations: [(kind: Ticket.Relation.Kind, rule: Rule)], _ context: UInt32
    ) throws {
        var found: [(Ticket.Relation.Kind, Range<Int>)] = []
        for relation in relations {
            for value in try values(relation.rule, context).map({ trimmed($0) }) where !value.isEmpty {
                found.append((relation.kind, value))
            }
        }
        append(found, field)
    }

    private mutating func append(_ found: [(Ticket.Relation.Kind, Range<Int>)], _ field: Maker.Field) {
        guard !found.isEmpty else { return }
        out.append(contentsOf: field.prefix)
        out.append(UInt8(ascii: "["))
        for (i, relation) in found.enumerated() {
            if i > 0 { out.append(UInt8(ascii: ",")) }
            out.append(contentsOf: "{\"kind\":\"\(relation.0.rawValue)\",\"ticket\":".utf8)
            append(quoted: relation.1)
            out.append(UInt8(ascii: "}"))
        }
        out.append(contentsOf: "],".utf8)
    }

    mutating func appendTimeEntries(_ field: Maker.Field, _ entries: [TimeEntryRule], _ context: UInt32) throws {
        let start = out.count
        out.append(contentsOf: field.prefix)
        out.append(UInt8(ascii: "["))
        var isFirst = true
        let contexts = entries.flatMap { entry in
            (entry.each.map { nodes($0, context) } ?? [context]).map { (entry, $0) }
        }
        for (entry, context) in contexts {
            guard let value = try scalar(entry.seconds, context), let seconds = Int(text(trimmed(value))) else {
                continue
            }
            if !isFirst { out.append(UInt8(ascii: ",")) }
            isFirst = false
            out.append(UInt8(ascii: "{"))
            if try find(entry.author, role: nil, context) == .somebody {
                out.append(contentsOf: "\"author\":".utf8)
                appendPerson()
                out.append(UInt8(ascii: ","))
            }
            if let rule = entry.createdAt, let time = try time(rule, context) {
                out.append(contentsOf: "\"createdAt\":\"".utf8)
                time.append(to: &out)
                out.append(contentsOf: "\",".utf8)
            }
            if let rule = entry.note, let value = try scalar(rule, context) {
                out.append(contentsOf: "\"note\":".utf8)
                append(quoted: value)
                out.append(UInt8(ascii: ","))
            }
            out.append(contentsOf: "\"seconds\":\(seconds)}".utf8)
        }
        if isFirst {
            out.removeLast(out.count - start)
        } else {
            out.append(contentsOf: "],".utf8)
        }
    }
}

extension FieldValue {
    /// A custom field's value from JSON: strings, numbers, booleans and lists of strings only.
    init?(_ json: JSON) {
        switch json {
        case .string(let text): self = .string(text)
        case .number(let digits): self = .number(digits)
        case .bool(let flag): self = .bool(flag)
        case .array(let elements):
            let texts = elements.compactMap(\.string)
            guard texts.count == elements.count else { return nil }
            self = .list(texts)
        case .null, .object: return nil
        }
    }
}
