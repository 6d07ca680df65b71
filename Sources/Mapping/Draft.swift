// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// What a target should hold of one ticket, in words that no target is named in: the canonical ticket after the
/// `write:` rules, with the target's own labels where the mapping gives them.
///
/// Made without I/O, equal for equal input.
public struct Draft: Hashable, Sendable {
    /// The ticket after the rules: tags, custom fields, department and so on as the mapping wants them, redacted where
    /// it says so.
    ///
    /// Status and priority keep the source's canonical words and labels.
    public var ticket: Ticket
    /// The target's label for the status; nil: the connector's default for the canonical word.
    public var status: String?
    /// The target's label for the priority; nil: the connector's default for the canonical word.
    public var priority: String?
    /// Who it should be assigned to.
    public var assignee: Assignment
    /// What goes with each message of ``ticket``, at the same index.
    public var authorships: [Authorship]

    /// Who a ticket is assigned to in the target.
    public enum Assignment: Hashable, Sendable {
        /// To nobody, because the source or the mapping says so.
        case unassigned
        /// To the agent with that address; a loss where the target has none.
        case agent(email: String)
        /// To an agent whom the source names without an address; always a loss.
        case named(String)
    }

    /// Who appears as the writer of a message, and the line that names the true one where the target cannot hold them.
    public struct Authorship: Hashable, Sendable {
        /// How the writer is to appear.
        public enum Choice: Hashable, Sendable {
            /// As themselves where the target can, else named in the header.
            case asWritten
            /// Always by the header line, never as themselves (the mapping says `header`).
            case header
            /// As somebody of that name (the mapping says `placeholder NAME`).
            case placeholder(String)
            /// As another agent's address (the mapping translates one address into another).
            case agent(email: String)
        }
        /// How the writer is to appear.
        public var choice: Choice
        /// The header line as plain text: names author and date only, in the user's words (`header:` template).
        ///
        /// Never fields, never addresses. Escaping for HTML is the connector's.
        public var header: String

        /// Pairs a choice with the header line.
        public init(choice: Choice, header: String) {
            self.choice = choice
            self.header = header
        }
    }

    /// Makes a draft; see the properties.
    public init(
        ticket: Ticket, status: String? = nil, priority: String? = nil, assignee: Assignment = .unassigned,
        authorships: [Authorship] = []
    ) {
        self.ticket = ticket
        self.status = status
        self.priority = priority
        self.assignee = assignee
        self.authorships = authorships
    }
}
