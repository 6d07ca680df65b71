// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// What a target holds of one ticket, in the target's own words.
///
/// Read for `verify` and `undo`; compared with an ``ExpectedTicket``, never with what the journal says.
public struct StoredTicket: Hashable, Sendable {
    /// The target's id.
    public var id: String
    /// Where people see it.
    public var url: String?
    /// By the names that ``ExpectedTicket/properties`` uses; a property that the answers do not show is absent.
    public var properties: [String: String]
    /// All tags that it carries.
    public var tags: Set<String>
    /// In the order in which the target shows them, the opening one first.
    public var messages: [StoredMessage]
    /// The same value as ``TargetReader/storedFingerprint(ticket:)`` gives.
    public var fingerprint: String?

    /// Makes what a target holds; see the properties.
    public init(
        id: String, url: String? = nil, properties: [String: String] = [:], tags: Set<String> = [],
        messages: [StoredMessage] = [], fingerprint: String? = nil
    ) {
        self.id = id
        self.url = url
        self.properties = properties
        self.tags = tags
        self.messages = messages
        self.fingerprint = fingerprint
    }
}

/// A message as a target holds it.
public struct StoredMessage: Hashable, Sendable {
    /// The id that a receipt of it has; for the opening message that of the creation's receipt.
    public var id: String
    /// The digest of the key that it carries (``WriteKey/digest``); nil where the target shows none.
    public var digest: String?
    /// As people who are no agents see it: a reply is public.
    public var kind: Message.Kind
    /// Whom the target shows as its author: the e-mail in lower case, else the name; nil where it does not tell.
    public var author: String?
    /// In the form that ``ExpectedMessage/texts`` are in.
    public var text: String
    /// The target's own proof of what it stored; nil where it gives none.
    public var proof: String?
    /// When it was written, as the target shows it.
    public var createdAt: Timestamp?
    /// In the target's order.
    public var files: [StoredFile]

    /// Makes a message; see the properties.
    public init(
        id: String, digest: String? = nil, kind: Message.Kind, author: String? = nil, text: String,
        proof: String? = nil, createdAt: Timestamp? = nil, files: [StoredFile] = []
    ) {
        self.id = id
        self.digest = digest
        self.kind = kind
        self.author = author
        self.text = text
        self.proof = proof
        self.createdAt = createdAt
        self.files = files
    }
}

/// A file as a target lists it.
public struct StoredFile: Hashable, Sendable {
    /// As people see it.
    public var name: String
    /// In bytes, where it is told.
    public var size: Int?
    /// What ``TargetReader/sha256(of:)`` fetches it by; nil where it cannot be fetched.
    public var locator: String?

    /// Makes a file; see the properties.
    public init(name: String, size: Int? = nil, locator: String?) {
        self.name = name
        self.size = size
        self.locator = locator
    }
}

/// What the steps of a ticket leave in a target when all are done: texts as the system is known to change them.
public struct ExpectedTicket: Hashable, Sendable {
    /// By name (`subject`, `status`, `priority`, `assignee`, `department`, …), as ``StoredTicket/properties`` shows them.
    public var properties: [String: String]
    /// Tags that must be there; people may add others.
    public var tags: Set<String>
    /// In the order in which the target shows them.
    public var messages: [ExpectedMessage]
    /// Whether the finishing file sets the dates of messages: they are compared once one of them is set.
    public var datesInFile: Bool

    /// Makes an expectation; see the properties.
    public init(
        properties: [String: String] = [:], tags: Set<String> = [], messages: [ExpectedMessage] = [],
        datesInFile: Bool = false
    ) {
        self.properties = properties
        self.tags = tags
        self.messages = messages
        self.datesInFile = datesInFile
    }
}

/// A message as it must be.
public struct ExpectedMessage: Hashable, Sendable {
    /// The step's name for people: `reply m3`.
    public var name: String
    /// The key's digest, by which it is found where the target shows markers.
    public var digest: String
    /// A reply that is a note in the target, or the reverse, is a difference.
    public var kind: Message.Kind
    /// Whom the target must show; nil: not compared.
    public var author: String?
    /// Any of these is right, byte for byte; empty: not compared.
    public var texts: [String]
    /// Any of these is right where the target gives a proof, besides the text; empty: not compared.
    public var proofs: [String]
    /// Nil: not compared.
    public var createdAt: Timestamp?
    /// In any order.
    public var files: [ExpectedFile]
    /// Whether it stands where the list has it; a migration note stands wherever the run was that wrote it.
    public var hasPlace = true

    /// Makes an expectation; see the properties.
    public init(
        name: String, digest: String, kind: Message.Kind, author: String? = nil, texts: [String] = [],
        proofs: [String] = [], createdAt: Timestamp? = nil, files: [ExpectedFile] = []
    ) {
        self.name = name
        self.digest = digest
        self.kind = kind
        self.author = author
        self.texts = texts
        self.proofs = proofs
        self.createdAt = createdAt
        self.files = files
    }
}

/// A file as it must be.
public struct ExpectedFile: Hashable, Sendable {
    /// Any of these is right: systems change names on the way.
    public var names: Set<String>
    /// In bytes.
    public var size: Int
    /// Hex, lower case.
    public var sha256: String

    /// Makes an expectation; see the properties.
    public init(names: Set<String>, size: Int, sha256: String) {
        self.names = names
        self.size = size
        self.sha256 = sha256
    }
}
