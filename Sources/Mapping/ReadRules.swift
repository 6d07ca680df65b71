// SPDX-License-Identifier: Apache-2.0
import TicketModel

/// The rules of a read half, compiled for the record mapper.
struct ReadRules: Sendable {
    /// Names that the mapping mentions, numbered; a mapper goes on numbering from here.
    var names = NameTable()
    /// All constant texts, one after another.
    var constants: [UInt8] = []
    /// By set: what is made inside each record before the rules look at it.
    var lets: [[Let]] = []
    /// By table.
    var tables: [TableMaker] = []
    /// By rule of each kind.
    var makers: [Maker] = []
    /// By set: the paths whose values tell kinds of records apart, for counts.
    var kindPaths: [[RulePath]] = []
    /// What identifies the source, once.
    var identity: (set: Int, rule: Rule)?
    var bodies = BodyKind.html
    var dates: [DatePattern] = []
    var zone: Zone?
    /// Texts that mean nothing.
    var nothing: [[UInt8]] = []
    var keepsRest = true
    var status = Words()
    var priority = Words()
    var kind = Words()

    /// How `bodies:` says that bodies are written.
    enum BodyKind: String, Sendable, CaseIterable {
        case html, text
        /// HTML in which line breaks count (WordPress).
        case htmlLines = "html-lines"
    }

    /// The number of a constant text.
    mutating func constant(_ text: String) -> Range<Int> {
        let start = constants.count
        constants.append(contentsOf: text.utf8)
        return start..<constants.count
    }
}

/// A `let`.
struct Let: Sendable {
    enum Source: Sendable {
        /// Elements, in them the name and the value.
        case pairs(elements: [UInt32], name: [UInt32], value: [UInt32])
        case split(RulePath, by: [UInt8], into: [UInt32])
        case php(RulePath)
        case json(RulePath)
    }
    /// The name of the tree; nil for the record's top.
    var name: UInt32?
    var source: Source
}

/// Labels to canonical words.
struct Words: Sendable {
    /// By the exact label.
    var exact: [[UInt8]: [UInt8]] = [:]
    /// By the label in ASCII small letters, where no exact one is told.
    var folded: [[UInt8]: [UInt8]] = [:]
    var otherwise = Otherwise.keep
    /// The canonical words of the field.
    var canonical: [String] = []
    /// Whether the mapping says anything; if not, canonical words stand for themselves.
    var isTold = false

    enum Otherwise: Sendable {
        case fail, keep
        case word([UInt8])
    }
}

/// What a look-up table takes from records.
struct TableMaker: Sendable {
    var scope: Scope
    var key: Rule
    /// In the order of the table's fields.
    var fields: [Rule]
    /// By field: which member of a person it is, if any.
    var personFields: [PersonField?]
    /// The field that is the person's id: none means the key.
    var keyIsID: Bool
    /// The role of people from this table where nothing else is said.
    var role: Person.Role?
}

/// Which records (or nodes in them) a maker takes.
struct Scope: Sendable {
    var set: Int
    /// Steps from the record's root to the nodes; empty for the record itself.
    var each: [UInt32]
    var when: [Condition]
}

/// A maker of parts of tickets.
struct Maker: Sendable {
    var kind: Fragment.Kind
    /// Index among the makers of its kind.
    var index: Int
    var scope: Scope
    /// A ticket's key; for parts, the key of their ticket.
    var ticketKey: Rule
    /// A message's own id, or the id of the message that an attachment is on.
    var messageKey: Rule?
    var opens = false
    /// The members of the object, sorted by their names.
    var fields: [Field] = []
    /// A tag's name.
    var tag: Rule?
    /// A participant.
    var person: [PersonRule] = []
    /// Tags and participants that a ticket's record itself names.
    var tags: Rule?
    var participants: [PersonRule] = []

    /// One member of the object that a maker makes.
    final class Field: Sendable {
        /// `"name":` as it is written.
        let prefix: [UInt8]
        let value: Value
        /// What is odd about the texts of some members.
        let oddity: Oddity

        /// Whether it is the ticket's requester, who may be the author of messages.
        let isRequester: Bool

        enum Oddity: Sendable {
            /// Nothing.
            case none
            /// Keys are compared without the blanks around them, so they are written like that.
            case id
            /// A number only says something where it differs from the id.
            case number
            /// A path of a file never leads out of its folder.
            case file
        }

        init(prefix: [UInt8], value: Value) {
            self.prefix = prefix
            self.value = value
            isRequester = prefix.elementsEqual("\"requester\":".utf8)
            switch String(decoding: prefix, as: UTF8.self) {
            case "\"id\":": oddity = .id
            case "\"number\":": oddity = .number
            case "\"file\":": oddity = .file
            default: oddity = .none
            }
        }
    }

    /// How a member's value is made.
    enum Value: Sendable {
        case text(Rule)
        case time(Rule)
        /// The message's own time: also the fragment's.
        case messageTime(Rule)
        case person([PersonRule], role: Person.Role?)
        /// A label and its word; `label` is nil where another rule gives it.
        case status(Rule, writesLabel: Bool)
        case priority(Rule, writesLabel: Bool)
        case kind(Rule?)
        case flag(Rule)
        case integer(Rule)
        case strings(Rule)
        case body(BodyRule)
        case customFields([CustomField])
        case rating(score: Rule, comment: Rule?)
        case relations([(kind: Ticket.Relation.Kind, rule: Rule)])
        /// Nested elements, one relation for each.
        case eachRelation(RulePath, kind: Rule, ticket: Rule)
        case timeEntries([TimeEntryRule])
        /// A list of objects that stands as JSON.
        case json(Rule)
        /// JSON as it stands, then what is left over of the record.
        case extras(Rule?)
    }
}

/// A message's body.
struct BodyRule: Sendable {
    var body: Rule?
    var html: Rule?
    var text: Rule?
    var lineBreaks: Rule?
}

/// One custom field, or with a pattern all fields whose columns match it.
struct CustomField: Sendable {
    /// `"name":`; empty for a pattern.
    var prefix: [UInt8]
    var rule: Rule
    /// With a star: the field's name is what the star stands for.
    var pattern: (path: RulePath, last: Glob)?
    /// Elements that carry a name and a value.
    var pairs: Pairs?
    /// Whether a value that reads as JSON is what JSON says (`as: json`), with a pattern or pairs.
    var isJSON = false

    struct Pairs: Sendable {
        var elements: RulePath
        var name: RulePath
        var value: RulePath
    }
}

/// One entry of time spent.
struct TimeEntryRule: Sendable {
    /// Nested elements: one entry for each.
    var each: RulePath?
    var seconds: Rule
    var author: [PersonRule]
    var createdAt: Rule?
    var note: Rule?
}
