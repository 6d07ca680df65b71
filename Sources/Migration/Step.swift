// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// One write to a target.
///
/// A change of a ticket is a list of steps: the plan makes it, the run performs it.
public struct Step: Hashable, Sendable {
    /// What a write does.
    ///
    /// Only `create`, `append` and `attach` can double; `delete`, and a `set` that e-mails nobody, are simply sent again.
    public enum Verb: String, Sendable, CaseIterable {
        case create, append, set, attach, delete

        /// Whether sending it twice would leave two things.
        public var canDouble: Bool { self == .create || self == .append || self == .attach }
    }

    /// How a step is taken back.
    public enum Undo: String, Sendable, CaseIterable {
        /// What was created is deleted.
        case delete
        /// The value before is put back.
        case restore
        /// It goes with the thing it belongs to.
        case withTicket
        /// The target has no way back.
        case impossible
    }

    /// What it is found again by, in the journal and in the target.
    public var key: WriteKey
    /// What it does.
    public var verb: Verb
    /// What it writes, for people: `ticket`, `reply m3`, `status`.
    public var name: String
    /// The keys of the steps whose receipts it needs.
    public var needs: [WriteKey]
    /// How many e-mails the target will send for it as things stand in the plan (0 in a muted mailbox).
    public var mails: Int
    /// How many requests it costs.
    public var requests: Int
    /// How it is taken back.
    public var undo: Undo
    /// What the connector needs to perform it, in its own words.
    ///
    /// Never stored in the journal. It must be the same before and after settings are borrowed (name a staging mailbox,
    /// do not put its id here): a plan that differs from the run is refused, and a changed payload counts as a changed
    /// ticket.
    public var payload: JSON
    /// Files that go with it, by their place in the payload.
    public var files: [ResolvedFile]
    /// Steps of many tickets with the same batch are done in one request, after the other steps of their tickets.
    public var batch: String?
    /// What a `set` makes of the property, short, for the plan's list of changes: `closed`.
    ///
    /// Never a message's text.
    public var value: String?
    /// Things that only one step in flight may touch: `customer zoe@x.example`.
    ///
    /// Steps of other tickets that name one of them wait for each other, so that two tickets of one new customer do not
    /// create her twice.
    public var exclusive: [String]
    /// Whether other writes to the ticket change in the target what this one sets (its date of change, the clocks of
    /// last responses).
    ///
    /// It is sent again after any of them, also when it was done in an earlier run. Only for `set`. Steps with a
    /// ``batch`` come last of all and must not disturb it.
    public var undoneByOthers: Bool
    /// Whether of all other writes only messages undo it (a status that replies move).
    ///
    /// A property that changes alone does not send it again then. Only with ``undoneByOthers``.
    public var isUndoneByMessagesAlone = false
    /// Whether people set this in their daily work (a status).
    ///
    /// In a ticket that people edited it is left to them, also where ``undoneByOthers`` would send it again.
    public var isPeoples: Bool

    /// Whether it says nothing of its own and only puts right what other writes move (a clock), or looks at what they made.
    ///
    /// In a ticket that people edited it is left out: a clock of their answers must not look older than it is.
    public var isAftermath = false
    /// Whether a `set` of it that the target performs late would undo a later step, or e-mail somebody: nothing goes on
    /// before it is sure.
    public var isHarmfulLate = false
    /// Members of the payload (`priority`, `ticket.status`) whose change is no changed text.
    ///
    /// Other steps of the ticket set them where they change later, or they follow from the messages (the seconds until the
    /// first answer). New ones go last: journals hold the fingerprints in this order.
    public var followed: [String] = []
    /// Members of the payload that nothing sets later and that are no text, by what people call them.
    ///
    /// `ticket.product`: `the product`. That they changed is listed under that name.
    public var fixed: [String: String] = [:]

    /// Whether sending it twice would leave two things, or send an e-mail twice: it is looked up before it is sent again.
    public var mayNotRepeat: Bool { verb.canDouble || verb == .set && (mails > 0 || isHarmfulLate) }

    /// Makes a step; see the properties.
    public init(
        key: WriteKey, verb: Verb, name: String, needs: [WriteKey] = [], mails: Int = 0, requests: Int = 1,
        undo: Undo, payload: JSON, files: [ResolvedFile] = [], batch: String? = nil, value: String? = nil,
        exclusive: [String] = [], undoneByOthers: Bool = false, isPeoples: Bool = false
    ) {
        self.key = key
        self.verb = verb
        self.name = name
        self.needs = needs
        self.mails = mails
        self.requests = requests
        self.undo = undo
        self.payload = payload
        self.files = files
        self.batch = batch
        self.value = value
        self.exclusive = exclusive
        self.undoneByOthers = undoneByOthers
        self.isPeoples = isPeoples
    }
}

/// A file of the source whose bytes are on this machine.
public struct ResolvedFile: Hashable, Sendable {
    /// The name that people see.
    public var name: String
    /// Of the bytes, as the source tells or the name shows; nil where neither does.
    public var mediaType: String?
    /// Where its bytes lie now.
    public var path: String
    /// In bytes.
    public var size: Int
    /// Hex, lower case; of the bytes at ``path``.
    public var sha256: String

    /// Names a file.
    public init(name: String, mediaType: String?, path: String, size: Int, sha256: String) {
        self.name = name
        self.mediaType = mediaType
        self.path = path
        self.size = size
        self.sha256 = sha256
    }
}

/// What the target answered to a step, as far as later steps, proof and `undo` need it.
public struct Receipt: Hashable, Sendable {
    /// The target's id of what was written.
    public var id: String
    /// Where people see it.
    public var url: String?
    /// The target's own proof of what it stored (a hash), if it gives one.
    public var proof: String?
    /// What the connector wants back later; small, without message bodies.
    public var details: JSON
    /// The stored fingerprint of the whole ticket (see ``TargetReader/storedFingerprint(ticket:)``) as this answer
    /// shows it; nil where the answer does not tell.
    ///
    /// The last one of a ticket is kept.
    public var stored: String?
    /// What the write made in the target besides what it is for, by kind and id: `customer 17`.
    ///
    /// Kept in the journal: ``TargetReader/undo(catalogue:made:identity:)`` takes it back when nothing else uses it.
    public var made: [String] = []
    /// What of a write that was found again is not as it was sent; goes to the ticket's losses, not into the journal's
    /// receipt.
    public var losses: [Loss] = []

    /// Makes a receipt; see the properties.
    public init(
        id: String, url: String? = nil, proof: String? = nil, details: JSON = .null, stored: String? = nil
    ) {
        self.id = id
        self.url = url
        self.proof = proof
        self.details = details
        self.stored = stored
    }
}

/// What is known after a step was sent.
public enum Outcome: Sendable {
    /// The answer was understood: it is written. Losses that only the answer showed come with it.
    case understood(Receipt, losses: [Loss])
    /// The answer was understood: nothing was written, and the same request would be refused again.
    case rejected(Diagnostic)
    /// Nothing was written for certain (never sent, or told to come back later): send again after that long.
    case notNow(Diagnostic, retryAfter: Duration)
    /// Nothing is proven. Look it up before anything is sent again.
    case uncertain(Diagnostic)
}

/// What a look-up of an uncertain write found.
public enum LookUp: Sendable {
    /// It is there, with the whole key equal.
    case found(Receipt)
    /// It is not there now. Believed only after the settle time and a second look-up.
    case notFound
    /// The target cannot tell, or holds several.
    case cannotTell(Diagnostic)
}
