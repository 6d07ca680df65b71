// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// One thing in the target that is not as source and mapping say.
public struct Difference: Hashable, Sendable {
    /// What is wrong.
    public enum Kind: String, Sendable, CaseIterable {
        /// The target has no such ticket.
        case missingTicket
        /// The target has the ticket more than once.
        case doubledTicket
        case missingMessage, doubledMessage
        /// Somebody wrote it in the target, or it is none of ours.
        case addedMessage
        /// Messages stand in another order.
        case order
        /// What must be internal can be read by customers.
        case exposed
        /// What must be public is internal.
        case hidden
        case author, text, date
        case missingFile, changedFile, addedFile
        /// The target lists it and does not give its bytes.
        case unreadableFile
        case property, missingTag
        /// An entry of the catalogue that the migration was to make.
        case missingEntry
    }

    /// What is wrong.
    public var kind: Kind
    /// Which part of the ticket: `reply m3`, `status`, a file's name.
    public var part: String
    /// What should be there, short; never a message's text.
    public var expected: String?
    /// What is there, short, or why it differs; never a message's text.
    public var found: String?
    /// Whether the migration said it beforehand: it is among the losses of the ticket.
    public var isDeclared = false

    /// Names a difference.
    public init(_ kind: Kind, _ part: String, expected: String? = nil, found: String? = nil) {
        self.kind = kind
        self.part = part
        self.expected = expected
        self.found = found
    }

    /// The form of the contract.
    public var json: JSON {
        var value: JSON = ["kind": .string(kind.rawValue), "part": .string(part)]
        if let expected { value["expected"] = .string(expected) }
        if let found { value["found"] = .string(found) }
        if isDeclared { value["declared"] = .bool(true) }
        return value
    }
}
