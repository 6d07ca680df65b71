// SPDX-License-Identifier: Apache-2.0
package import Mapping
package import TicketModel

/// What of a draft is not in a target, leaf by leaf: the draft against what the target's own source reads back.
///
/// Messages are paired in their order; the migration note and the target's own events are left aside. Ids, numbers,
/// addresses and message ids are not compared. Of a text, our marker and the header line of a message whose author is a
/// declared header loss are taken off first; a plain text and HTML that shows the same words and line breaks are equal.
/// Nothing else is.
package struct LeafComparison: Sendable {
    /// All differences, in the order of the ticket's leaves.
    package private(set) var differences: [LeafDifference] = []
    private let draft: Draft
    private let stripsHeaders: Bool

    /// Compares.
    ///
    /// - Parameters:
    ///   - draft: what was to be written.
    ///   - losses: those of the ticket: they tell whose authors stand in header lines.
    ///   - result: what was read back.
    ///   - notes: the markers of our migration notes, where the target holds them in `messageId` or in the text.
    package init(_ draft: Draft, losses: [Loss], result: Ticket, notes: Set<String> = []) {
        self.draft = draft
        stripsHeaders = losses.contains { $0.field == "messages[].author" && $0.fallback == .header }
        compareProperties(draft.ticket, result)
        comparePeople(draft.ticket, result)
        compareLists(draft.ticket, result)
        let others = result.messages.filter { !Self.isOurNote($0, notes) }
        compareMessages(draft.ticket, result, others)
    }

    private static func isOurNote(_ message: Message, _ notes: Set<String>) -> Bool {
        guard message.kind != .reply else { return false }
        if let id = message.messageID, notes.contains(id) { return true }
        guard let text = message.body?.content else { return false }
        return notes.contains { text.contains($0) } || text.contains("<strong>Ticketferry</strong>: ")
            || text.hasPrefix("Ticketferry: ")
    }

    private mutating func note(
        _ path: String, at message: Int? = nil, _ before: String?, _ after: String?, adds: Bool = false
    ) {
        differences.append(LeafDifference(path, at: message, before, after, isAddition: adds))
    }

    // MARK: Properties

    /// A leaf that is in the draft has to come back; one that the target adds is noted as such.
    private mutating func leaf(_ path: String, _ before: String?, _ after: String?, at message: Int? = nil) {
        let before = before?.isEmpty == true ? nil : before, after = after?.isEmpty == true ? nil : after
        if before != after { note(path, at: message, before, after, adds: before == nil) }
    }

    private mutating func time(_ path: String, _ before: Timestamp?, _ after: Timestamp?, at message: Int? = nil) {
        if let before, let after, before.seconds == after.seconds, before.nanoseconds == after.nanoseconds { return }
        leaf(path, before?.description, after?.description, at: message)
    }

    private mutating func compareProperties(_ a: Ticket, _ b: Ticket) {
        let (subject, other) = (a.subject ?? "", b.subject ?? "")
        if subject != other { note("subject", a.subject, b.subject) }
        word("status", draft.status, a.status?.rawValue, a.statusLabel, b.status?.rawValue, b.statusLabel)
        word("priority", draft.priority, a.priority?.rawValue, a.priorityLabel, b.priority?.rawValue, b.priorityLabel)
        leaf("type", a.type, b.type)
        leaf("channel", a.channel, b.channel)
        leaf("department", a.department, b.department)
        leaf("product", a.product, b.product)
        leaf("mailbox", a.mailbox, b.mailbox)
        leaf("brand", a.brand, b.brand)
        leaf("language", a.language, b.language)
        leaf("organization", a.organization, b.organization)
        time("createdAt", a.createdAt, b.createdAt)
        time("updatedAt", a.updatedAt, b.updatedAt)
        time("resolvedAt", a.resolvedAt, b.resolvedAt)
        time("closedAt", a.closedAt, b.closedAt)
        time("dueAt", a.dueAt, b.dueAt)
        if a.spam != b.spam { note("spam", a.spam ? "yes" : nil, b.spam ? "yes" : nil) }
        if a.rating != b.rating {
            note("rating", a.rating.map { "\($0.score) \($0.comment ?? "")" }, b.rating.map(\.score))
        }
        let missing = a.extras.filter { member in !b.extras.contains(member) }
        if !missing.isEmpty { note("extras", missing.map(\.key).joined(separator: ", "), nil) }
    }

    /// The canonical word; the label where there is no word for it, or where the mapping says the target's own.
    private mutating func word(
        _ path: String, _ mapped: String?, _ word: String?, _ label: String?, _ otherWord: String?, _ other: String?
    ) {
        if let mapped {
            if mapped != other { note(path, mapped, other) }
            if word != otherWord { note(path, word ?? label, otherWord ?? other, adds: true) }
            return
        }
        if word != otherWord {
            note(path, word ?? label, otherWord ?? other, adds: word == nil && label == nil)
        } else if word == nil, label != other {
            note(path, label, other, adds: label == nil)
        }
    }

    // MARK: People

    private mutating func comparePeople(_ a: Ticket, _ b: Ticket) {
        person("requester", a.requester, b.requester)
        leaf("requester.phone", a.requester?.phone, b.requester?.phone)
        let wanted: String? =
            switch draft.assignee {
            case .unassigned: nil
            case .agent(let email): email
            case .named(let name): name
            }
        let found = b.assignee.flatMap { $0.email ?? $0.displayName }
        if wanted?.lowercased() != found?.lowercased(), wanted == nil || wanted != b.assignee?.displayName {
            note("assignee", wanted, found)
        }
    }

    private mutating func person(_ path: String, _ a: Person?, _ b: Person?, at message: Int? = nil) {
        guard let a, let b else {
            if (a == nil) != (b == nil) { note(path, at: message, a?.displayName, b?.displayName) }
            return
        }
        if a.email != b.email { note("\(path).email", at: message, a.email, b.email) }
        // An agent is the one of that address, whatever the target calls them.
        if a.email != nil, a.email == b.email, a.role == .agent { return }
        let (name, other) = (Self.name(a), Self.name(b))
        if name != other { note("\(path).name", at: message, name, other) }
    }

    private static func name(_ person: Person) -> String? {
        Person(name: person.name, givenName: person.givenName, familyName: person.familyName).displayName
    }

    static func isRequester(_ person: Person, of ticket: Ticket) -> Bool {
        guard person.role != .agent, person.role != .system, let requester = ticket.requester else { return false }
        if let a = person.email, let b = requester.email { return a.lowercased() == b.lowercased() }
        if let a = person.id, let b = requester.id { return a == b }
        if person.email != nil || person.id != nil { return false }
        return person.displayName != nil && person.displayName == requester.displayName
    }

    // MARK: Lists

    private mutating func compareLists(_ a: Ticket, _ b: Ticket) {
        for tag in a.tags where !b.tags.contains(tag) { note("tags[]", tag, nil) }
        for tag in b.tags where !a.tags.contains(tag) { note("tags[]", nil, tag) }
        for name in Set(a.customFields.keys).union(b.customFields.keys).sorted() {
            let (before, after) = (a.customFields[name].map(Self.text), b.customFields[name].map(Self.text))
            leaf("customFields.\(name)", before, after)
        }
        func key(_ person: Person) -> String { person.email?.lowercased() ?? person.displayName ?? person.id ?? "" }
        let wanted = a.participants.filter { !Self.isRequester($0, of: a) }
        for person in wanted where !b.participants.contains(where: { key($0) == key(person) }) {
            note("participants[]", key(person), nil)
        }
        for person in b.participants where !a.participants.contains(where: { key($0) == key(person) }) {
            note("participants[]", nil, key(person))
        }
        for entry in a.timeEntries where !b.timeEntries.contains(where: { $0.seconds == entry.seconds }) {
            note("timeEntries[]", "\(entry.seconds) s", nil)
        }
        for relation in a.relations where !b.relations.contains(where: { $0.kind == relation.kind }) {
            note("relations[]", "\(relation.kind.rawValue) \(relation.ticket)", nil)
        }
    }

    private static func text(_ value: FieldValue) -> String {
        switch value {
        case .string(let text), .number(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .list(let items): items.joined(separator: "\n")
        }
    }

    // MARK: Messages

    private mutating func compareMessages(_ a: Ticket, _ b: Ticket, _ found: [Message]) {
        let headers = a.messages.indices.map { i -> String? in
            guard stripsHeaders, draft.authorships.indices.contains(i) else { return nil }
            return draft.authorships[i].header
        }
        for pair in MessagePairs(a.messages, found, headers: headers).pairs {
            switch pair {
            case .missing(let i):
                let message = a.messages[i]
                note("messages[]", at: i, "\(message.kind.rawValue): \(message.body?.content ?? "")", nil)
                for file in message.attachments { note("messages[].attachments[]", at: i, file.name, nil, adds: true) }
                if let author = message.author { note("messages[].author", at: i, author.displayName, nil, adds: true) }
            case .extra(let j):
                let message = found[j]
                let text = "\(message.kind.rawValue): \(message.body?.content ?? "")"
                note("messages[]", nil, text, adds: message.kind == .event)
            case .pair(let i, let j): compare(a.messages[i], found[j], at: i, header: headers[i], a, b)
            }
        }
    }

    private mutating func compare(_ a: Message, _ b: Message, at i: Int, header: String?, _ x: Ticket, _ y: Ticket) {
        if a.kind != b.kind { note("messages[].kind", at: i, a.kind.rawValue, b.kind.rawValue) }
        let text = MessageText(b.body, header: header)
        let isEqual = text.isEqual(to: a.body)
        if !isEqual || text.isRespelled(a.body) {
            note("messages[].body", at: i, a.body?.content, text.body?.content, adds: isEqual)
        }
        let isSame =
            a.author.map { Self.isRequester($0, of: x) } ?? false
            && b.author.map { Self.isRequester($0, of: y) } ?? false
        if !isSame { person("messages[].author", a.author, b.author, at: i) }
        if let author = a.author, author.email == nil, Self.name(author) == nil, author.id != nil,
            author.id != b.author?.id
        {
            // Of somebody with nothing but an id nobody can see whether the same one came back.
            note("messages[].author", at: i, author.id, b.author?.displayName, adds: true)
        }
        time("messages[].createdAt", a.createdAt, b.createdAt, at: i)
        leaf("messages[].inReplyTo", a.inReplyTo, b.inReplyTo, at: i)
        for (path, before, after) in [("messages[].to", a.to, b.to), ("messages[].cc", a.cc, b.cc)] {
            leaf(path, before.joined(separator: ", "), after.joined(separator: ", "), at: i)
        }
        let missing = a.extras.filter { member in !b.extras.contains(member) }
        if !missing.isEmpty { note("messages[].extras", at: i, missing.map(\.key).joined(separator: ", "), nil) }
        compareFiles(a.attachments, b.attachments, at: i)
    }

    /// By name first, what is left in its order: a file may have been renamed.
    private mutating func compareFiles(_ a: [Attachment], _ b: [Attachment], at i: Int) {
        var left = b
        var unnamed: [Attachment] = []
        for file in a {
            if let j = left.firstIndex(where: { $0.name == file.name }) {
                compare(file, left.remove(at: j), at: i)
            } else {
                unnamed.append(file)
            }
        }
        for file in unnamed {
            guard let j = left.firstIndex(where: { $0.size == nil || file.size == nil || $0.size == file.size }) else {
                note("messages[].attachments[]", at: i, file.name, nil)
                continue
            }
            let other = left.remove(at: j)
            note("messages[].attachments[].name", at: i, file.name, other.name)
            compare(file, other, at: i)
        }
        for file in left { note("messages[].attachments[]", at: i, nil, file.name) }
    }

    private mutating func compare(_ a: Attachment, _ b: Attachment, at i: Int) {
        if let size = a.size, let other = b.size, size != other {
            note("messages[].attachments[].size", at: i, String(size), String(other))
        }
        if let hash = a.sha256, let other = b.sha256, hash != other {
            note("messages[].attachments[].sha256", at: i, hash, other)
        }
        if let type = a.mediaType, let other = b.mediaType, type != other {
            note("messages[].attachments[].mediaType", at: i, type, other)
        }
    }
}
