// SPDX-License-Identifier: Apache-2.0

/// A ticket in the neutral model: a decoded view of one canonical line (see ``CanonicalLine``).
///
/// Absent is absent: no date, author or status is ever invented. `messages[0]` is what opened the ticket; the others
/// stand in order of time. What a source has and this type does not is in ``extras``.
public struct Ticket: Hashable, Sendable {
    /// The ticket's id in its source; unique there and never empty.
    public var id: String
    /// The number that people quote, where it differs from the id.
    public var number: String?
    /// Plain text as the source has it; nil where it has none.
    public var subject: String?
    /// The canonical status; nil where the source's label is not told or has no word.
    public var status: Status?
    /// The status as the source wrote it.
    public var statusLabel: String?
    /// The canonical priority; nil where the source's label is not told or has no word.
    public var priority: Priority?
    /// The priority as the source wrote it.
    public var priorityLabel: String?
    /// Incident, question, … in the source's words.
    public var type: String?
    /// How it came in: `email`, `web`, … in the source's words.
    public var channel: String?
    /// The department or team that it belongs to, by the source's name.
    public var department: String?
    /// What it is about, by the source's name.
    public var product: String?
    /// The mailbox or inbox that it came in by, by the source's name.
    public var mailbox: String?
    /// The brand that it was written to, by the source's name.
    public var brand: String?
    /// Its language as the source writes it (`de`, `en-US`); not normalised.
    public var language: String?
    /// The requester's company, by the source's name.
    public var organization: String?
    /// Who asks; nil where the source does not tell.
    public var requester: Person?
    /// The agent that it is given to; nil for nobody.
    public var assignee: Person?
    /// Third persons who follow the ticket.
    public var participants: [Person] = []
    /// No doubles; in the source's order, or sorted by bytes where the source has none.
    public var tags: [String] = []
    /// When it was opened; nil where the source has no such time or nobody can place it.
    public var createdAt: Timestamp?
    /// When anything of it last changed, as the source tells.
    public var updatedAt: Timestamp?
    /// When it was last resolved; nil also for a source that does not record it.
    public var resolvedAt: Timestamp?
    /// When it was last closed; nil also for a source that does not record it.
    public var closedAt: Timestamp?
    /// By when it was to be answered or solved.
    public var dueAt: Timestamp?
    /// The customer's judgement; nil if none was given.
    public var rating: Rating?
    /// Time spent on it, in the source's order.
    public var timeEntries: [TimeEntry] = []
    /// How it hangs together with other tickets of the same source.
    public var relations: [Relation] = []
    /// True for spam; false and absent are the same.
    public var spam: Bool = false
    /// Where it stands in the source.
    public var url: String?
    /// By the field's name, sorted by bytes in the line.
    public var customFields: [String: FieldValue] = [:]
    /// What has no place of its own, by its path in the source.
    public var extras: [JSON.Member] = []
    /// What was said and noted, the opening one first and the others by time; empty where the source has none.
    public var messages: [Message] = []

    /// A ticket with nothing but its id.
    public init(id: String) { self.id = id }

    /// The canonical words for a status.
    public enum Status: String, Sendable, CaseIterable {
        case new, open, pending, onHold, resolved, closed
    }

    /// The canonical words for a priority.
    public enum Priority: String, Sendable, CaseIterable {
        case low, normal, high, urgent
    }

    /// A customer's judgement.
    public struct Rating: Hashable, Sendable {
        /// In the source's own words or numbers.
        public var score: String
        /// What the customer wrote to it; nil if nothing.
        public var comment: String?

        /// Pairs a score with a comment.
        public init(score: String, comment: String? = nil) {
            self.score = score
            self.comment = comment
        }
    }

    /// Time that somebody spent.
    public struct TimeEntry: Hashable, Sendable {
        /// How long, in seconds.
        public var seconds: Int
        /// Who spent it; nil where the source does not tell.
        public var author: Person?
        /// When it was entered.
        public var createdAt: Timestamp?
        /// What it was spent on, as plain text.
        public var note: String?

        /// An entry of so many seconds.
        public init(seconds: Int) { self.seconds = seconds }
    }

    /// How a ticket hangs together with another of the same source.
    public struct Relation: Hashable, Sendable {
        /// What the other ticket is to this one.
        public enum Kind: String, Sendable, CaseIterable {
            case mergedInto, followUp, parent, related
        }
        /// What the other ticket is to this one.
        public var kind: Kind
        /// The other ticket's id.
        public var ticket: String

        /// Names a relation.
        public init(kind: Kind, ticket: String) {
            self.kind = kind
            self.ticket = ticket
        }
    }
}

/// Somebody who writes, asks or is assigned.
public struct Person: Hashable, Sendable {
    /// What somebody is to the helpdesk.
    public enum Role: String, Sendable, CaseIterable {
        case customer, agent, system
    }

    /// The id in the source.
    public var id: String?
    /// What they are to the helpdesk; nil where the source does not tell.
    public var role: Role?
    /// The whole name as the source has it; with ``givenName`` or ``familyName`` only where the source has all.
    public var name: String?
    /// The given name, where the source has it apart.
    public var givenName: String?
    /// The family name, where the source has it apart.
    public var familyName: String?
    /// The address as the source wrote it; neither checked nor folded.
    public var email: String?
    /// The number as the source wrote it.
    public var phone: String?

    /// Somebody of whom that much is known.
    public init(
        id: String? = nil, role: Role? = nil, name: String? = nil, givenName: String? = nil,
        familyName: String? = nil, email: String? = nil, phone: String? = nil
    ) {
        self.id = id
        self.role = role
        self.name = name
        self.givenName = givenName
        self.familyName = familyName
        self.email = email
        self.phone = phone
    }

    /// The name to show: the whole one, else given and family name, else the address, else the id.
    public var displayName: String? {
        if let name, !name.isEmpty { return name }
        let parts = [givenName, familyName].compactMap { $0 }.filter { !$0.isEmpty }
        if !parts.isEmpty { return parts.joined(separator: " ") }
        return email ?? id
    }
}

/// One message of a ticket.
public struct Message: Hashable, Sendable {
    /// Who may see it.
    ///
    /// A message whose kind is not told is a note.
    public enum Kind: String, Sendable, CaseIterable {
        /// Between customer and agents.
        case reply
        /// Internal: never becomes public.
        case note
        /// The system's own line.
        case event
    }

    /// A body: HTML or plain text, never both.
    public enum Body: Hashable, Sendable {
        /// HTML; with `lineBreaks`, line breaks count inside it (WordPress).
        case html(String, lineBreaks: Bool)
        case text(String)

        /// The text as it stands, whatever its kind.
        public var content: String {
            switch self {
            case .html(let content, _), .text(let content): content
            }
        }
    }

    /// Only if the source gave one.
    public var id: String?
    /// Who may see it; a note where the source does not tell.
    public var kind: Kind
    /// Who wrote it; nil where the source does not tell.
    public var author: Person?
    /// What it says; nil for a message without a text, which may still carry attachments.
    public var body: Body?
    /// When it was written; nil where nobody can tell.
    public var createdAt: Timestamp?
    /// The Message-ID of an e-mail.
    public var messageID: String?
    /// The Message-ID of the e-mail that it answers.
    public var inReplyTo: String?
    /// The addresses that it went to, as the source wrote them.
    public var to: [String] = []
    /// The addresses that got a copy, as the source wrote them.
    public var cc: [String] = []
    /// Its files, in the source's order.
    public var attachments: [Attachment] = []
    /// What has no place of its own, by its path in the source.
    public var extras: [JSON.Member] = []

    /// A message with nothing but its kind.
    public init(kind: Kind) { self.kind = kind }
}

/// A file on a message.
public struct Attachment: Hashable, Sendable {
    /// The file's name for people; never used as a path as it stands.
    public var name: String?
    /// As the source tells it (`image/png`); nil where nothing tells; a dump's reader then goes by
    /// the file's name, else by its first bytes.
    public var mediaType: String?
    /// In bytes.
    public var size: Int?
    /// Hex, lower case.
    public var sha256: String?
    /// Where the source serves it.
    public var url: String?
    /// Its path in the folder of files or in the archive; never absolute, never with `..`.
    public var file: String?
    /// What an HTML body shows it by (`cid:…`).
    public var contentID: String?
    /// Whether it stands inside the body; false and absent are the same.
    public var inline: Bool = false

    /// A file of which nothing is known yet.
    public init() {}
}

/// The value of a custom field: never `null`, never an object.
public enum FieldValue: Hashable, Sendable {
    case string(String)
    /// The digits as the source wrote them.
    case number(String)
    case bool(Bool)
    case list([String])
}
