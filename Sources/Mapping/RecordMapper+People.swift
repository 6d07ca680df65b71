// SPDX-License-Identifier: Apache-2.0
import TicketModel

extension RecordMapper {
    /// What a person's rules gave; somebody's fields stand in ``person``.
    enum Found {
        case nobody, somebody, requester
    }

    /// Evaluates rules for a person: the first that yields.
    mutating func find(_ rules: [PersonRule], role: Person.Role?, _ context: UInt32) throws -> Found {
        missed = nil
        let found = try first(rules, role: role, context)
        if found == .nobody, let missed { note(\.refsWithoutRow, plan.tables[missed.table].name, missed.key) }
        return found
    }

    private mutating func first(_ rules: [PersonRule], role: Person.Role?, _ context: UInt32) throws -> Found {
        for rule in rules {
            let found = try find(rule, role: role, context)
            if found != .nobody { return found }
        }
        return .nobody
    }

    private mutating func find(_ rule: PersonRule, role: Person.Role?, _ context: UInt32) throws -> Found {
        let mark = tree.mark
        if matches(rule.when, context) {
            for i in person.indices { person[i] = nil }
            var defaultRole = role
            var found = false
            switch rule.source {
            case .requester: return .requester
            case .fields: found = rule.saysOnlyRole
            case .reference(let tables, let by):
                if let key = try scalar(by, context) {
                    for table in tables {
                        guard let row = try row(table, key: key) else { continue }
                        found = take(row, of: table, key: key)
                        defaultRole = plan.rules.tables[table].role ?? defaultRole
                        break
                    }
                    if !found, let table = tables.first { missed = (table, key) }
                }
                guard found else {
                    tree.undo(to: mark)
                    return try first(rule.otherwise, role: role, context)
                }
            }
            for (field, rule) in rule.fields {
                guard let value = try scalar(rule, context) else { continue }
                let trimmed = trimmed(value)
                if trimmed.isEmpty { continue }
                person[field.rawValue] = trimmed
                // What we wrote ourselves names a role where there was somebody, even one without a name.
                if field != .role || plan.isOwnFormat { found = true }
            }
            if found {
                settle(rule.saysRole ? nil : defaultRole)
                return .somebody
            }
        }
        tree.undo(to: mark)
        return try first(rule.otherwise, role: role, context)
    }

    /// Takes a person from a table's row; whether the row says anything of one.
    private mutating func take(_ row: Range<Int>, of table: Int, key: Range<Int>) -> Bool {
        let maker = plan.rules.tables[table]
        var found = false
        for (index, member) in maker.personFields.enumerated() {
            guard let member, let value = field(index, ofRow: row), !value.isEmpty else { continue }
            person[member.rawValue] = value
            found = true
        }
        if maker.keyIsID { person[PersonField.id.rawValue] = key }
        return found || maker.keyIsID
    }

    /// A role must be a canonical word; where nothing is said, the place decides.
    private mutating func settle(_ role: Person.Role?) {
        let index = PersonField.role.rawValue
        if let said = person[index] {
            if Person.Role(rawValue: text(said)) == nil { person[index] = nil }
        } else if let role {
            person[index] = tree.scratch(role.rawValue.utf8)
        }
    }

    /// Appends the person at work as an object.
    mutating func appendPerson() {
        out.append(UInt8(ascii: "{"))
        var isFirst = true
        for member in person.indices {
            guard let value = person[member] else { continue }
            if !isFirst { out.append(UInt8(ascii: ",")) }
            isFirst = false
            out.append(contentsOf: PersonField.prefixes[member])
            append(quoted: value)
        }
        out.append(UInt8(ascii: "}"))
    }

    /// Appends a value as a JSON string.
    mutating func append(quoted range: Range<Int>) {
        tree.bytes.withUnsafeBytes { JSONText.append(quoted: UnsafeRawBufferPointer(rebasing: $0[range]), to: &out) }
    }
}
