// SPDX-License-Identifier: Apache-2.0

/// A rule for one value, compiled: where it comes from, then what is done with it, in the order of the contract.
final class Rule: Sendable {
    /// Where a value comes from.
    enum Source: Sendable {
        /// A path within the record.
        case path(RulePath)
        /// A text of the mapping: range in ``ReadRules/constants``.
        case constant(Range<Int>)
        /// Texts and rules, one after another; yields only if all its rules do.
        case text([Piece])
        /// A field of a row of the first of the tables that has the key.
        case reference(tables: [Reference], by: Rule)
        /// The first of several that yields; in lists, all.
        case first([Rule])
    }

    /// A part of a `text`.
    enum Piece: Sendable {
        case constant(Range<Int>)
        case rule(Rule)
    }

    /// A table and which of its fields is taken.
    struct Reference: Sendable {
        var table: Int
        var field: Int
    }

    let source: Source
    /// The path of a rule that is nothing but a path, as most are: its value needs no more than a look at the record.
    let plain: RulePath?
    /// The path of a rule that yields what stands at a name, split or as it is, and does nothing else with it.
    let listPath: RulePath?
    let when: [Condition]
    let split: [UInt8]
    let map: LabelMap?
    let conversion: Conversion?
    let formats: [DatePattern]
    let zone: Zone?
    let otherwise: Rule?
    /// As the mapping writes it, for diagnostics.
    let text: String

    init(
        source: Source, when: [Condition] = [], split: [UInt8] = [], map: LabelMap? = nil,
        conversion: Conversion? = nil,
        formats: [DatePattern] = [], zone: Zone? = nil, otherwise: Rule? = nil, text: String
    ) {
        self.source = source
        if case .path(let path) = source, when.isEmpty, map == nil, conversion == nil, otherwise == nil {
            plain = split.isEmpty ? path : nil
            listPath = path.name != RecordTree.none ? path : nil
        } else {
            plain = nil
            listPath = nil
        }
        self.when = when
        self.split = split
        self.map = map
        self.conversion = conversion
        self.formats = formats
        self.zone = zone
        self.otherwise = otherwise
        self.text = text
    }
}

/// What `as:` and `after:` make of a text.
enum Conversion: Sendable, Hashable {
    case lower, upper, trim
    /// A JSON number; a decimal comma becomes a point.
    case number
    /// A JSON boolean.
    case bool
    /// JSON as it stands (for extras and custom fields that were written as JSON).
    case json
    /// A list as our own CSV writes it: texts joined by line breaks, or a JSON list of them.
    case lines
    /// Instants as numbers since 1970.
    case seconds, milliseconds
    /// The host of a URL.
    case host
    /// What stands behind the last `/` or `\`.
    case basename
    /// The ending of a file's name with its point.
    case ending
    /// What stands behind the last occurrence of a text; nothing where it does not occur.
    case after([UInt8])

    /// The words for `as:`.
    static let words = [
        "lower", "upper", "trim", "number", "bool", "json", "lines", "seconds", "milliseconds", "host", "basename",
        "ending",
    ]

    init?(word: String) {
        switch word {
        case "lower": self = .lower
        case "upper": self = .upper
        case "trim": self = .trim
        case "number": self = .number
        case "bool": self = .bool
        case "json": self = .json
        case "lines": self = .lines
        case "seconds": self = .seconds
        case "milliseconds": self = .milliseconds
        case "host": self = .host
        case "basename": self = .basename
        case "ending": self = .ending
        default: return nil
        }
    }
}

/// A `map:`: texts to other texts.
final class LabelMap: Sendable {
    /// What a text becomes.
    enum Outcome: Sendable {
        /// Itself.
        case keep
        /// Nothing; the value counts as mapped all the same.
        case omit
        /// A text of the mapping.
        case constant(Range<Int>)
    }
    private let names: NameTable
    private let outcomes: [Outcome]
    /// For what is not named; keep where the mapping says nothing.
    let otherwise: Outcome

    init(_ entries: [(label: String, outcome: Outcome)], otherwise: Outcome) {
        var names = NameTable()
        var outcomes: [Outcome] = []
        for entry in entries where names.id(entry.label) == outcomes.count { outcomes.append(entry.outcome) }
        self.names = names
        self.outcomes = outcomes
        self.otherwise = otherwise
    }

    /// What a text becomes: named as it stands, or without the blanks around it.
    func outcome(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Outcome {
        if let id = names.find(UnsafeRawBufferPointer(rebasing: bytes[range])) { return outcomes[id] }
        let trimmed = ByteText.trimmed(bytes, range)
        if trimmed.count < range.count, let id = names.find(UnsafeRawBufferPointer(rebasing: bytes[trimmed])) {
            return outcomes[id]
        }
        return otherwise
    }
}

/// One line of a `when:`.
final class Condition: Sendable {
    indirect enum Test: Sendable {
        case equals([UInt8])
        case glob(Glob)
        case anyOf([Test])
        case present, absent
        case not(Test)
    }
    let path: RulePath
    let test: Test

    init(path: RulePath, test: Test) {
        self.path = path
        self.test = test
    }

    /// Whether the test tells the value whole, so that it need not be kept among the extras.
    var isLiteral: Bool {
        if case .equals = test { true } else { false }
    }

    /// Whether it asks for one of few values, so that they name kinds of records.
    var tellsKinds: Bool {
        switch test {
        case .equals, .glob, .anyOf: true
        case .present, .absent, .not: false
        }
    }
}

/// A rule for a person.
final class PersonRule: Sendable {
    enum Source: Sendable {
        /// Only what ``fields`` give.
        case fields
        /// The row of the first of the tables that has the key.
        case reference(tables: [Int], by: Rule)
        /// Whoever is the ticket's requester.
        case requester
    }

    let source: Source
    /// By ``PersonField`` raw value: what is said beside (or instead of) a table's row.
    let fields: [(field: PersonField, rule: Rule)]
    let when: [Condition]
    let otherwise: [PersonRule]
    /// Whether the fields name the role, and whether they name nothing else.
    let saysRole: Bool
    let saysOnlyRole: Bool

    init(source: Source, fields: [(field: PersonField, rule: Rule)], when: [Condition], otherwise: [PersonRule]) {
        self.source = source
        self.fields = fields
        saysRole = fields.contains { $0.field == .role }
        saysOnlyRole = fields.allSatisfy { $0.field == .role }
        self.when = when
        self.otherwise = otherwise
    }
}

/// The members of a person's object, sorted by the bytes of their names.
enum PersonField: Int, CaseIterable, Sendable {
    case email, familyName, givenName, id, name, phone, role

    var key: String {
        switch self {
        case .email: "email"
        case .familyName: "familyName"
        case .givenName: "givenName"
        case .id: "id"
        case .name: "name"
        case .phone: "phone"
        case .role: "role"
        }
    }

    /// By raw value: `"key":` as it stands in a person's object.
    static let prefixes: [[UInt8]] = allCases.map { Array("\"\($0.key)\":".utf8) }

    init?(key: String) {
        guard let field = PersonField.allCases.first(where: { $0.key == key }) else { return nil }
        self = field
    }
}
