// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

/// Makes the steps of one ticket: pure, from what the pre-flight found.
///
/// The conversation is born with its contact's first text and its variables, the other texts follow oldest first, and it
/// is closed last: every message may open it again.
struct SmartsuppPlanner {
    let site: SmartsuppSite
    let contacts: SmartsuppContacts
    let draft: Draft
    let files: [[Result<ResolvedFile, FileUnavailable>]]
    let identity: MigrationIdentity
    let progress: TicketProgress

    private var plan = TicketPlan()
    private var book = LossBook(target: "Smartsupp", hasNotes: false)
    /// Texts with a line above them whose author is not named in a loss.
    private var dated = 0
    private var namesAuthors = false
    private var changed = 0

    init(
        site: SmartsuppSite, contacts: SmartsuppContacts, draft: Draft,
        files: [[Result<ResolvedFile, FileUnavailable>]],
        identity: MigrationIdentity, progress: TicketProgress
    ) {
        self.site = site
        self.contacts = contacts
        self.draft = draft
        self.files = files
        self.identity = identity
        self.progress = progress
    }

    private var ticket: Ticket { draft.ticket }
    private var createKey: WriteKey { key("ticket") }

    private func key(_ part: String) -> WriteKey { identity.key(ticket: ticket.id, part: part) }

    /// The whole plan; call once.
    mutating func make() -> TicketPlan {
        let keys = ticket.messageKeys()
        // The first public one, and ever after the one that it began with.
        let opening = ticket.openingIndex(
            keys, first: ticket.messages.firstIndex { $0.kind == .reply }, progress: progress, createKey: createKey)
        let closes = status()
        guard plan.refusals.isEmpty else { return plan }
        properties()
        let contact = contact(opening: opening)
        create(opening: opening, key: opening.map { keys[$0] }, contact: contact)
        for index in ticket.messages.indices {
            leftBehind(index)
            if index != opening { append(index, key: keys[index], hasAddress: contact.email != nil) }
        }
        if closes {
            plan.steps.append(
                Step(
                    key: key("set:status"), verb: .set, name: "status", needs: [createKey], undo: .impossible,
                    payload: ["op": "close"], value: "closed", undoneByOthers: true, isPeoples: true))
        }
        if dated > 0, !namesAuthors {
            book.lose(
                "messages[].body", "\(dated) texts",
                "Smartsupp sets no dates: a line with author and date stands above the text", .substitute)
        }
        if changed > 0 {
            book.lose(
                "messages[].body", "\(changed) texts", "Smartsupp takes this text without some of its markup",
                .substitute)
        }
        plan.losses += book.losses
        return plan
    }

    // MARK: Properties

    /// Whether the conversation is to be closed.
    private mutating func status() -> Bool {
        let label = ticket.statusLabel ?? ticket.status?.rawValue
        if let wanted = draft.status {
            guard wanted == "open" || wanted == "closed" else {
                plan.refusals.append(
                    Diagnostic(
                        code: "smartsupp.unknown-status", "no status “\(wanted)” can be set in Smartsupp",
                        subject: "ticket \(ticket.id)", remedy: "map it to one of: open, closed", cause: .badInput))
                return false
            }
            let read: Ticket.Status = wanted == "open" ? .open : .closed
            if ticket.status != nil, ticket.status != read {
                book.lose("status", label, "the mapping makes this conversation \(wanted)", .substitute)
            }
            return wanted == "closed"
        }
        switch ticket.status {
        case .open: break
        case .closed: return true
        case .resolved:
            book.lose("status", label, "Smartsupp does not tell resolved from closed", .substitute)
            return true
        case .new, .pending, .onHold:
            book.lose("status", label, "Smartsupp's API only closes; this conversation is open", .substitute)
        case nil:
            if let label {
                book.lose("status", label, "the status has no word in the mapping; this conversation is open")
            }
        }
        if progress.done[key("set:status")] != nil {
            book.lose("status", label, "it was closed in Smartsupp before, and the API opens nothing again")
        }
        return false
    }

    private mutating func properties() {
        if let label = ticket.priorityLabel ?? ticket.priority?.rawValue {
            book.lose("priority", label, "Smartsupp has no priorities")
        }
        switch draft.assignee {
        case .unassigned: break
        case .agent(let email): book.lose("assignee", email, "Smartsupp's API assigns nobody")
        case .named(let name): book.lose("assignee", name, "Smartsupp's API assigns nobody")
        }
        var held = Set(SmartsuppVariables.texts().map(\.name))
        held.formUnion(["tags", "requester.phone"])
        for name in ticket.customFields.keys where SmartsuppVariables.isHeld(name) {
            held.insert("customFields.\(name)")
        }
        book.loseProperties(of: ticket, except: held)
    }

    // MARK: The contact

    private struct Contact {
        var email: String?
        var name: String?
        var phone: String?
        var marker: String

        /// What contacts are told apart by.
        var key: String { email?.lowercased() ?? marker }

        /// As it is sent.
        var person: JSON {
            var out: [JSON.Member] = []
            if let email { out.append(.init("email", .string(email))) }
            if let name { out.append(.init("name", .string(name))) }
            if let phone { out.append(.init("phone", .string(phone))) }
            return .object(out)
        }
    }

    private mutating func contact(opening: Int?) -> Contact {
        let opener = opening.flatMap { ticket.messages[$0].author }.flatMap { $0.role == .customer ? $0 : nil }
        let person = ticket.requester ?? opener ?? Person()
        if ticket.requester == nil {
            book.lose(
                "requester", person.displayName, "a conversation belongs to a contact: a placeholder stands for it",
                .substitute)
        }
        var email = person.email
        if let text = person.email, !Self.isAddress(text) {
            book.lose("requester.email", text, "Smartsupp finds contacts by an address, and this is none")
            email = nil
        }
        let name = Person(name: person.name, givenName: person.givenName, familyName: person.familyName).displayName
        let anonymous = person.id ?? name ?? person.phone ?? "ticket \(ticket.id)"
        return Contact(
            email: email, name: name, phone: person.phone,
            marker: identity.key(ticket: SmartsuppTarget.contactTicket, part: "contact:\(anonymous)").marker)
    }

    static func isAddress(_ text: String) -> Bool {
        let halves = text.split(separator: "@", omittingEmptySubsequences: false)
        return halves.count == 2 && !halves[0].isEmpty && !halves[1].isEmpty
            && !text.unicodeScalars.contains { $0.properties.isWhitespace || $0.value < 0x20 }
    }

    // MARK: The conversation

    private mutating func create(opening: Int?, key opened: String?, contact: Contact) {
        var text = SmartsuppText(nil, takesHTML: false)
        if let opening {
            let message = ticket.messages[opening]
            text = SmartsuppText(message.body, takesHTML: false)
            if text.isChanged { changed += 1 }
            let isTheirs = message.author.map(ticket.isRequester) ?? false
            let choice = authorship(opening)?.choice ?? .asWritten
            let header =
                isTheirs && choice == .asWritten
                ? datedHeader(opening)
                : namedHeader(opening, "Smartsupp begins a conversation with its contact's words")
            text = filled(text).below(header)
        } else {
            text.text = placeholder
            if progress.done[createKey] == nil {
                book.lose(
                    "messages[]", nil, "a conversation begins with a text; the subject stands for it", .substitute)
            }
        }
        let foreseen = contacts.foresee(contact.key, contact.person, owner: ticket.id)
        if ticket.requester != nil {
            plan.losses += SmartsuppContacts.differences(foreseen.person, contact.person)
        }
        let payload = JSON.object([
            .init("op", "create"), .init("contact", contact.person), .init("person", .string(contact.marker)),
            .init("text", .string(text.text)), .init("variables", .object(SmartsuppVariables.variables(of: ticket))),
            .init("opening", .string(opened ?? "")),
        ])
        plan.steps.append(
            Step(
                key: createKey, verb: .create, name: "conversation", requests: 1 + foreseen.requests, undo: .impossible,
                payload: payload, value: "open",
                exclusive: ["contact \(contact.key)"]))
    }

    /// What stands for an empty text.
    private var placeholder: String {
        let subject = ticket.subject?.trimmingBlanks ?? ""
        return subject.isEmpty ? "–" : subject
    }

    private mutating func filled(_ text: SmartsuppText) -> SmartsuppText {
        guard text.isEmpty else { return text }
        book.lose("messages[].body", nil, "Smartsupp demands a text; the subject stands for it", .substitute)
        var out = SmartsuppText(nil, takesHTML: false)
        out.text = placeholder
        return out
    }

    // MARK: Messages

    private func authorship(_ index: Int) -> Draft.Authorship? {
        draft.authorships.indices.contains(index) ? draft.authorships[index] : nil
    }

    /// The line above a text whose author is held but whose date is not.
    private mutating func datedHeader(_ index: Int) -> String? {
        guard ticket.messages[index].createdAt != nil, let header = authorship(index)?.header, !header.isEmpty else {
            return nil
        }
        dated += 1
        return header
    }

    private mutating func namedHeader(_ index: Int, _ reason: String) -> String? {
        namesAuthors = true
        book.named(ticket.messages[index].author, reason: reason)
        return authorship(index)?.header
    }

    /// What of a message has no place, whoever writes it.
    private mutating func leftBehind(_ index: Int) {
        let message = ticket.messages[index]
        for (place, file) in message.attachments.enumerated() {
            var reason = "no documented route of Smartsupp's API takes files"
            let all = files.indices.contains(index) ? files[index] : []
            if all.indices.contains(place), case .failure(let why) = all[place] { reason = why.reason }
            book.lose("messages[].attachments[]", file.name, reason)
        }
        guard message.kind == .reply else {
            // The words of a note stand in no list of losses: they are private.
            let words = message.kind == .note ? "note" : "event: \(message.body?.content ?? "")"
            book.lose(
                "messages[]", words,
                message.kind == .note
                    ? "Smartsupp's API writes no notes, and a note is never sent as anything else"
                    : "Smartsupp's API writes no events")
            return
        }
        if let time = message.createdAt {
            book.lose(
                "messages[].createdAt", time.description, "Smartsupp sets no dates; the line above the text names it",
                .header)
        }
        if let other = message.inReplyTo, !other.isEmpty {
            book.lose("messages[].inReplyTo", other, "chats have no e-mail's lines")
        }
        if !message.to.isEmpty {
            book.lose("messages[].to", message.to.joined(separator: ", "), "chats have no e-mail's lines")
        }
        if !message.cc.isEmpty {
            book.lose("messages[].cc", message.cc.joined(separator: ", "), "chats have no e-mail's lines")
        }
        if !message.extras.isEmpty { book.lose("messages[].extras", nil, "Smartsupp has no place for it") }
    }

    private struct Writer {
        var subType: String
        /// An address in lower case.
        var agent: String?
        var header: String?
    }

    private mutating func append(_ index: Int, key part: String, hasAddress: Bool) {
        let message = ticket.messages[index]
        guard message.kind == .reply else { return }
        let writer = writer(index)
        let plain = SmartsuppText(message.body, takesHTML: true)
        if plain.isChanged { changed += 1 }
        let text = filled(plain).below(writer.header)
        let key = key("message:\(part)")
        var members: [JSON.Member] = [
            .init("op", "message"), .init("sub_type", .string(writer.subType)), .init("text", .string(text.text)),
        ]
        if let agent = writer.agent { members.append(.init("agent", .string(agent))) }
        if let html = text.html {
            members.append(.init("html", .string(html)))
            members.append(.init("rich", .bool(text.isRich)))
        }
        // Nobody tells whether Smartsupp mails what is written to a contact who has left: it is counted.
        let mails = writer.subType == "contact" || !hasAddress ? 0 : 1
        plan.steps.append(
            Step(
                key: key, verb: .append, name: "reply \(part)", needs: [createKey], mails: mails, undo: .withTicket,
                payload: .object(members)))
    }

    /// The address of an agent whom Smartsupp has, or will have before the first ticket.
    private func agent(_ email: String) -> String? {
        let key = email.lowercased()
        return site.agents[key] != nil || site.coming.contains(key) ? key : nil
    }

    private mutating func writer(_ index: Int) -> Writer {
        let author = ticket.messages[index].author
        func bot(_ reason: String) -> Writer { Writer(subType: "bot", agent: nil, header: namedHeader(index, reason)) }
        switch authorship(index)?.choice ?? .asWritten {
        case .header: return bot("the mapping names this author in a header")
        case .placeholder: return bot("the mapping puts a name in this author's place")
        case .agent(let email):
            guard let agent = agent(email) else { return bot("Smartsupp has no agent \(email)") }
            namesAuthors = true
            book.named(author, reason: "the mapping writes this as \(email)")
            return Writer(subType: "agent", agent: agent, header: authorship(index)?.header)
        case .asWritten: break
        }
        guard let author else { return bot("the source does not tell who wrote this") }
        if ticket.isRequester(author) { return Writer(subType: "contact", agent: nil, header: datedHeader(index)) }
        if author.role == .agent || author.role == nil, let agent = author.email.flatMap({ agent($0) }) {
            return Writer(subType: "agent", agent: agent, header: datedHeader(index))
        }
        if author.role == .system, author.displayName == nil {
            return Writer(subType: "bot", agent: nil, header: datedHeader(index))
        }
        return bot(
            author.role == .agent
                ? "Smartsupp has no agent of this address" : "in Smartsupp only the chat's contact and agents write")
    }
}
