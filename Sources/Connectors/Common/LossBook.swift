// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

/// What a target cannot hold of one ticket, gathered while its steps are made.
///
/// The field of every loss is the canonical path of a leaf (see ``Loss/field``): the exam compares what was written with
/// what was read, leaf by leaf, and wants each difference among the losses and each loss among the differences.
struct LossBook {
    /// The helpdesk's name for people.
    let target: String
    /// Whether the target holds a migration note; where not, what would stand there stays in the archive.
    let hasNotes: Bool
    /// In the order in which they were found.
    private(set) var losses: [Loss] = []
    /// The lines of the migration note, in order; empty where the target has no notes.
    private(set) var noteLines: [String] = []
    private var namedAuthors: Set<String> = []

    init(target: String, hasNotes: Bool) {
        self.target = target
        self.hasNotes = hasNotes
    }

    /// Notes a loss; one that falls back to the migration note gets a line there, or the archive where there is none.
    mutating func lose(
        _ field: String, _ value: String?, _ reason: String, _ fallback: Loss.Fallback = .migrationNote
    ) {
        let fallback: Loss.Fallback = fallback == .migrationNote && !hasNotes ? .archive : fallback
        losses.append(Loss(field: field, value: value, reason: reason, fallback: fallback))
        if fallback == .migrationNote { noteLines.append("\(field): \(value ?? "–")") }
    }

    /// Notes once that an author appears in a header only.
    mutating func named(_ author: Person?, reason: String) {
        let name = author?.displayName ?? "unknown"
        guard namedAuthors.insert("\(name)\u{0}\(reason)").inserted else { return }
        losses.append(Loss(author: author, reason: reason))
    }

    /// Notes the loss of every property of a ticket that has no place in the target.
    ///
    /// `held` names the leaves that the target's own planner deals with (`tags[]`, `customFields`, `requester.phone`).
    /// Ids, numbers and addresses of the source are no properties: the journal keeps them.
    mutating func loseProperties(of ticket: Ticket, except held: Set<String>) {
        let nowhere = "\(target) has no place for it"
        for (field, value) in ticket.properties where !held.contains(field) && !held.contains(Self.root(field)) {
            lose(field, value, nowhere, value == nil ? .archive : .migrationNote)
        }
    }

    /// `customFields` of `customFields.Order`.
    private static func root(_ field: String) -> String { String(field.prefix { $0 != "." && $0 != "[" }) }
}

extension Loss {
    /// An author whom a header names: by the name alone, since an address of a third person never stands in a message.
    init(author: Person?, reason: String) {
        let name = author?.displayName ?? "unknown"
        let hasAddress = author?.email.map { !$0.isEmpty } ?? false
        self.init(
            field: "messages[].author", value: name,
            reason: reason + (hasAddress ? "; the address stays in the archive alone" : ""), fallback: .header)
    }
}

extension Ticket {
    /// Every property that is there beside subject, status, priority, requester, assignee and messages, as a leaf's
    /// path and a short text; without a text where it is too much for a note.
    var properties: [(field: String, value: String?)] {
        var out: [(String, String?)] = []
        func add(_ field: String, _ value: String?) {
            if let value, !value.isEmpty { out.append((field, value)) }
        }
        add("type", type)
        add("channel", channel)
        add("department", department)
        add("product", product)
        add("mailbox", mailbox)
        add("brand", brand)
        add("language", language)
        add("organization", organization)
        add("requester.phone", requester?.phone)
        for person in participants where !isRequester(person) {
            let name = [person.displayName, person.displayName == person.email ? nil : person.email]
            add("participants[]", name.compactMap { $0 }.joined(separator: " "))
        }
        for tag in tags { add("tags[]", tag) }
        add("createdAt", createdAt?.description)
        add("updatedAt", updatedAt?.description)
        add("resolvedAt", resolvedAt?.description)
        add("closedAt", closedAt?.description)
        add("dueAt", dueAt?.description)
        if let rating { add("rating", [rating.score, rating.comment].compactMap { $0 }.joined(separator: ": ")) }
        for entry in timeEntries {
            let words = ["\(entry.seconds) s", entry.author?.displayName, entry.note]
            add("timeEntries[]", words.compactMap { $0 }.joined(separator: ", "))
        }
        for relation in relations { add("relations[]", "\(relation.kind.rawValue) \(relation.ticket)") }
        if spam { add("spam", "yes") }
        for name in customFields.keys.sorted() { add("customFields.\(name)", customFields[name]?.text) }
        if !extras.isEmpty { out.append(("extras", nil)) }
        return out
    }
}

extension FieldValue {
    /// The value for people: lists with commas, `yes` and `no`.
    var text: String {
        switch self {
        case .string(let text), .number(let text): text
        case .bool(let bool): bool ? "yes" : "no"
        case .list(let items): items.joined(separator: ", ")
        }
    }
}
