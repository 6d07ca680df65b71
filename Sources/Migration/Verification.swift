// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// What `verify` found.
public struct Verification: Sendable {
    /// One ticket with differences.
    public struct Ticket: Hashable, Sendable {
        /// In the source.
        public var id: String
        /// What people quote in the source.
        public var number: String?
        /// In the target; nil where it is missing.
        public var targetID: String?
        /// Where people see it in the target.
        public var url: String?
        /// In no particular order.
        public var differences: [Difference]

        /// Names a ticket's differences.
        public init(id: String, number: String?, targetID: String?, url: String?, differences: [Difference]) {
            self.id = id
            self.number = number
            self.targetID = targetID
            self.url = url
            self.differences = differences
        }

        /// Whether the target has nothing of it.
        var isMissing: Bool { differences.contains { $0.kind == .missingTicket } }

        /// A line for each difference.
        var json: [JSON] {
            differences.map { difference in
                var line = difference.json
                line["id"] = .string(id)
                line["number"] = JSON(number)
                line["targetId"] = JSON(targetID)
                line["url"] = JSON(url)
                return line
            }
        }
    }

    /// Tags of one ticket that people added in the target: told, and no difference.
    public struct AddedTags: Hashable, Sendable {
        /// The ticket's id in the source.
        public var id: String
        /// What people quote in the source.
        public var number: String?
        /// The ticket's id in the target.
        public var targetID: String
        /// Where people see it in the target.
        public var url: String?
        /// In the order of their letters.
        public var tags: [String]
    }

    /// Tickets of the source that were looked for.
    public var tickets = 0
    /// Tickets of the source that `undo` took back and that were not written again: not looked for.
    public var takenBack = 0
    /// Whether there was no journal to tell what an `undo` took back.
    public var isWithoutJournal = false
    /// Tickets with tags that people added, in the source's order; the first ``limit``.
    public var addedTags: [AddedTags] = []
    /// How many tags people added.
    public var addedTagsCount = 0
    /// Tickets of the source that the target has not.
    public var missing = 0
    /// Copies too many of tickets of ours.
    public var extra = 0
    /// Messages that must be there.
    public var messages = 0
    /// Messages that are not there, those of missing tickets among them.
    public var missingMessages = 0
    /// Messages that are there twice, or that none of ours are.
    public var extraMessages = 0
    /// Files whose bytes were fetched and hashed.
    public var files = 0
    /// Files that the target does not let us fetch: only name and size were compared.
    public var unfetched = 0
    /// Differences by kind, declared ones apart.
    public var counts: [Difference.Kind: Int] = [:]
    /// Differences that the losses of their ticket foretold.
    public var declared = 0
    /// Dates of messages that the finishing file sets, where it has not been run.
    public var waitingDates = 0
    /// Tickets with differences that nobody foretold, in the source's order; the first ``limit``.
    public var different: [Ticket] = []
    /// How many tickets have such differences.
    public var differentTickets = 0
    /// Tickets that could not be compared, and why.
    public var failed: [(id: String, diagnostic: Diagnostic)] = []
    /// Tickets of ours that the target's list shows.
    public var listed = 0
    /// How many tickets the target says that it has in all, by another way than its list.
    public var independentCount: Int?

    /// How many tickets are named.
    public static let limit = 10_000

    /// Nothing yet.
    public init() {}

    /// What the command ends with; nil: no difference.
    public var exitCause: ExitCause? {
        differentTickets == 0 && failed.isEmpty && counts.isEmpty ? nil : .someFailed
    }

    /// The form of the contract; a line in `differences` for each difference of each named ticket.
    public var json: JSON {
        [
            "version": 1,
            "tickets": [
                "expected": JSON(tickets), "found": JSON(tickets - missing - failed.count), "missing": JSON(missing),
                "different": JSON(differentTickets), "extra": JSON(extra), "listed": JSON(listed),
                "takenBack": JSON(takenBack),
                "independentCount": independentCount.map { JSON($0) } ?? .null,
            ],
            "messages": [
                "expected": JSON(messages), "found": JSON(messages - missingMessages), "missing": JSON(missingMessages),
                "extra": JSON(extraMessages), "waitingDates": JSON(waitingDates),
            ],
            "files": ["compared": JSON(files), "unfetched": JSON(unfetched)],
            "counts": .object(
                counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { .init($0.key.rawValue, JSON($0.value)) }),
            "declared": JSON(declared), "differences": .array(different.flatMap(\.json)),
            "addedByPeople": .array(
                addedTags.map {
                    [
                        "id": .string($0.id), "number": JSON($0.number), "targetId": .string($0.targetID),
                        "url": JSON($0.url), "tags": .array($0.tags.map { .string($0) }),
                    ]
                }),
            "failed": .array(failed.map { ["id": .string($0.id), "error": $0.diagnostic.json] }),
        ]
    }

    /// Adds tags that people added.
    mutating func add(_ added: AddedTags) {
        addedTagsCount += added.tags.count
        if addedTags.count < Self.limit { addedTags.append(added) }
    }

    /// Adds what was found of a ticket.
    mutating func add(_ ticket: Ticket) {
        for difference in ticket.differences {
            switch difference.kind {
            case .missingTicket: missing += 1
            case .doubledTicket: extra += 1
            case .missingMessage: missingMessages += 1
            case .doubledMessage, .addedMessage: extraMessages += 1
            default: break
            }
        }
        let undeclared = ticket.differences.filter { !$0.isDeclared }
        declared += ticket.differences.count - undeclared.count
        guard !undeclared.isEmpty else { return }
        for difference in undeclared { counts[difference.kind, default: 0] += 1 }
        differentTickets += 1
        var ticket = ticket
        ticket.differences = undeclared
        if different.count < Self.limit { different.append(ticket) }
    }
}
