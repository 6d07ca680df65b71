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
    public var subject: String?
    /// The canonical status; nil where the source's label is not told or has no word.
    public var status: Status?
    /// The status as the source wrote it.
    public var statusLabel: String?
    public var priority: Priority?
    /// The priority as the source wrote it.
    public var priorityLabel: String?
    /// Incident, question, … in the source's words.
    public var type: String?
    /// How it came in: `email`, `web`, … in the source's words.
    public var channel: String?
    public var department: String?
    public var product: String?
    public var mailbox: String?
    public var brand: String?
    public var language: String?
    public var organization: String?
    public var requester: Person?
    public var assignee: Person?
    /// Third persons who follow the ticket.
    public var participants: [Person] = []
    /// No doubles; in the source's order, or sorted by bytes where the source has none.
    public var tags: [String] = []
    public var createdAt: Timestamp?
    public var updatedAt: Timestamp?
    public var resolvedAt: Timestamp?
    public var closedAt: Timestamp?
    public var dueAt: Timestamp?
    public var rating: Rating?
    public var timeEntries: [TimeEntry] = []
    public var relations: [Relation] = []
    /// True for spam; false and absent are the same.
    public var spam: Bool = false
    /// Where it stands in the source.
    public var url: String?
    /// By the field's name, sorted by bytes in the line.
    public var customFields: [String: FieldValue] = [:]
    /// What has no place of its own, by its path in the source.
    public var extras: [JSON.Member] = []
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
        public var comment: String?

        /// Pairs a score with a comment.
        public init(score: String, comment: String? = nil) {
            self.score = score
            self.comment = comment
        }
    }

    /// Time that somebody spent.
    public struct TimeEntry: Hashable, Sendable {
        public var seconds: Int
        public var author: Person?
        public var createdAt: Timestamp?
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
    public var role: Role?
    /// The whole name as the source has it; with ``givenName`` or ``familyName`` only where the source has all.
    public var name: String?
    public var givenName: String?
    public var familyName: String?
    public var email: String?
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
    /// Who may see it. A message whose kind is not told is a note.
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
    public var kind: Kind
    public var author: Person?
    public var body: Body?
    public var createdAt: Timestamp?
    /// The Message-ID of an e-mail.
    public var messageID: String?
    public var inReplyTo: String?
    public var to: [String] = []
    public var cc: [String] = []
    public var attachments: [Attachment] = []
    public var extras: [JSON.Member] = []

    /// A message with nothing but its kind.
    public init(kind: Kind) { self.kind = kind }
}

/// A file on a message.
public struct Attachment: Hashable, Sendable {
    public var name: String?
    public var mediaType: String?
    /// In bytes.
    public var size: Int?
    /// Hex, lower case.
    public var sha256: String?
    /// Where the source serves it.
    public var url: String?
    /// Its path in the folder of files or in the archive; never absolute, never with `..`.
    public var file: String?
    public var contentID: String?
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
