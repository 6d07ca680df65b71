// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

extension SmartSupportPlanner {
    /// Who a message is written as, of those whom the site has.
    struct Writer: Hashable {
        var email: String
        var isCustomer = false
        /// Whether the line that names the author stands above the text.
        var isHeaded: Bool
    }

    /// The writer of a step's message.
    ///
    /// The customer as the customer; an agent whom the site has as themselves; everybody else is named above a text of the
    /// agent who stands in, or of the customer where no agent is known.
    static func writer(_ payload: JSON, site: SmartSupportSite) -> Writer {
        let customer = payload["customer"]?.string ?? ""
        guard let wanted = payload["author"]?.string else {
            return standIn(payload, site: site) ?? Writer(email: customer, isCustomer: true, isHeaded: true)
        }
        if payload["isCustomer"]?.bool == true { return Writer(email: customer, isCustomer: true, isHeaded: false) }
        if site.isAgent(wanted) { return Writer(email: wanted, isHeaded: false) }
        return standIn(payload, site: site) ?? Writer(email: customer, isCustomer: true, isHeaded: true)
    }

    /// The agent who writes what nobody else can.
    static func standIn(_ payload: JSON, site: SmartSupportSite) -> Writer? {
        site.service.map { Writer(email: $0, isHeaded: true) }
    }

    // MARK: The ticket

    /// The step that makes the ticket.
    ///
    /// `opening` is the message that is the ticket's own text, nil where none is public; later runs know by `openingKey`,
    /// its key, which one it was.
    mutating func create(status: String?, wishes: Wishes, customer: Customer, opening: Int?, openingKey: String?) {
        let key = createKey
        let done = progress.done[key]
        let subject = subject()
        var text: SmartSupportText
        if let opening {
            text = content(opening, header: openingHeader(opening))
        } else {
            text = SmartSupportText(plain: placeholder)
            if done?.receipt.details["opening"]?.string ?? "" == "" {
                book.lose(
                    "messages[]", "reply", "what opened the ticket is not public; the subject stands for it",
                    .substitute)
            }
        }
        // A ticket that is closed from the start might refuse replies or be opened by them.
        let born = done?.value ?? (status == "closed" && hasReplies(besides: opening) ? "open" : status)
        var members: [JSON.Member] = [
            .init("op", "create"), .init("email", .string(customer.email)), .init("subject", .string(subject)),
            .init("text", .string(text.marked(key))), .init("opening", .string(openingKey ?? "")),
        ]
        if let name = customer.name { members.append(.init("name", .string(name))) }
        if ticket.requester == nil { members.append(.init("standsIn", true)) }
        if let born, !born.isEmpty { members.append(.init("status", .string(born))) }
        var wishes = wishes
        wishes.subject = subject
        for (name, value) in wishes.all where name != "subject" {
            if let value { members.append(.init(name, .string(value))) }
        }
        members.append(.init("values", Self.values(wishes)))
        var step = Step(
            key: key, verb: .create, name: "ticket",
            mails: wishes.agent.flatMap(site.agentID) == nil ? 1 : 2, undo: .impossible,
            payload: .object(members), value: born ?? "",
            exclusive: ["customer \(customer.email.lowercased())"])
        step.followed = wishes.all.map(\.name) + ["values"]
        step.fixed = ["name": "the customer's name"]
        plan.steps.append(step)
    }

    /// What a ticket was made with, for later runs: digests, since a subject may name somebody.
    static func values(_ wishes: Wishes) -> JSON {
        .object(wishes.all.map { .init($0.name, .string(String(Digest.of([$0.value ?? ""]).prefix(16)))) })
    }

    private func hasReplies(besides opening: Int?) -> Bool {
        ticket.messages.indices.contains { $0 != opening && ticket.messages[$0].kind == .reply }
    }

    mutating func subject() -> String {
        let before = ticket.subject ?? ""
        let subject = SmartSupportText(subject: before).sent
        if subject.isEmpty {
            book.lose(
                "subject", before.isEmpty ? nil : before, "Smart Support demands a subject; “–” stands for it",
                .substitute)
            return "–"
        }
        if subject != before {
            book.lose(
                "subject", before,
                "WordPress takes tags, repeated blanks, line breaks and percent-encoded bytes out of lines", .substitute
            )
        }
        return subject
    }

    /// What stands for an empty text.
    var placeholder: String {
        let subject = ticket.subject?.trimmingBlanks ?? ""
        return subject.isEmpty ? "–" : subject
    }

    /// The ticket's own text shows as the customer's words: everybody else is named above it.
    private mutating func openingHeader(_ index: Int) -> String? {
        let message = ticket.messages[index]
        let authorship = draft.authorships.indices.contains(index) ? draft.authorships[index] : nil
        let isTheirs = message.author.map(ticket.isRequester) ?? (ticket.requester == nil)
        if isTheirs || ticket.requester == nil, authorship?.choice == .asWritten || authorship == nil { return nil }
        book.named(message.author, reason: "Smart Support shows the customer as the writer of a ticket's first text")
        return authorship?.header
    }

    // MARK: Replies and notes

    /// One more message: a reply, a note, or a line in the migration note.
    mutating func append(_ index: Int, key part: String, customer: Customer) {
        let message = ticket.messages[index]
        if message.kind == .event {
            book.lose(
                "messages[]", "event", "Smart Support's API takes no system lines", hasNotes ? .migrationNote : .archive
            )
            let who = message.author?.displayName.map { "\($0): " } ?? ""
            noteLines.append("\(message.createdAt?.description ?? "") \(who)\(message.body?.content ?? "")")
            return
        }
        if message.kind == .note, !hasNotes {
            let why =
                options.notes == .archive
                ? "the migration says `notes: archive`" : "no agent is known or the key may not write internal notes"
            book.lose("messages[]", "note", "\(why): it stays in the archive", .archive)
            return
        }
        let authorship = draft.authorships.indices.contains(index) ? draft.authorships[index] : nil
        let key = key("message:\(part)")
        var members: [JSON.Member] = [
            .init("op", message.kind == .note ? "note" : "reply"), .init("customer", .string(customer.email)),
        ]
        let author = author(of: message, authorship)
        if let author { members.append(.init("author", .string(author.email))) }
        if author?.isCustomer == true { members.append(.init("isCustomer", true)) }
        let plain = SmartSupportText(message.body)
        let headed = SmartSupportText(message.body, header: authorship?.header)
        members.append(
            .init("text", .string((plain.isEmpty ? SmartSupportText(plain: placeholder) : plain).marked(key))))
        let line = SmartSupportText(nil, header: authorship?.header).sent
        let both = plain.isEmpty ? line + SmartSupportText(plain: placeholder).sent : headed.sent
        members.append(.init("headed", .string(SmartSupportText.marked(both, key))))
        let payload = JSON.object(members)
        var writer = Self.writer(payload, site: site)
        if message.kind == .note, writer.isCustomer {
            // The API makes a customer's note public: an agent writes it, with the line.
            writer = Self.standIn(payload, site: site) ?? writer
        }
        if writer.isHeaded { book.named(message.author, reason: reason(message, author)) }
        _ = content(index, header: writer.isHeaded ? authorship?.header : nil)
        plan.steps.append(
            Step(
                key: key, verb: .append, name: "\(message.kind == .note ? "note" : "reply") \(part)",
                needs: [createKey],
                mails: message.kind == .note ? 0 : 1, undo: .impossible, payload: payload))
        again(plan.steps[plan.steps.count - 1])
    }

    /// Once more what a key without the scope left out, where the migration asks for it.
    private mutating func again(_ step: Step) {
        guard options.notes == .again, progress.done[step.key]?.receipt.details["left"]?.bool == true else { return }
        var step = step
        step.key = key("again:\(step.key.part)")
        guard let text = step.payload["text"]?.string, let headed = step.payload["headed"]?.string else { return }
        step.payload["text"] = .string(SmartSupportText.marked(SmartSupportText.withoutMarker(text), step.key))
        step.payload["headed"] = .string(SmartSupportText.marked(SmartSupportText.withoutMarker(headed), step.key))
        plan.steps.append(step)
    }

    /// Who shall appear as the writer; nil: somebody whom the site cannot hold.
    private func author(of message: Message, _ authorship: Draft.Authorship?) -> (email: String, isCustomer: Bool)? {
        switch authorship?.choice ?? .asWritten {
        case .header, .placeholder: return nil
        case .agent(let email): return (email.lowercased(), false)
        case .asWritten: break
        }
        guard let author = message.author else { return nil }
        if isAgent(author) { return author.email.map { ($0.lowercased(), false) } }
        return ticket.isRequester(author) ? ("", true) : nil
    }

    private func reason(_ message: Message, _ author: (email: String, isCustomer: Bool)?) -> String {
        if let author {
            return author.isCustomer
                ? "in Smart Support only agents write internal notes"
                : "the site has no agent of this address as far as is known (`agents` in the migration file)"
        }
        if message.author == nil { return "the source does not tell who wrote this" }
        return
            "in Smart Support only the ticket's customer and agents can write, or the mapping names this author in a header"
    }

    /// A message's text as it will be read again, and what that changes.
    mutating func content(_ index: Int, header: String?) -> SmartSupportText {
        let message = ticket.messages[index]
        var text = SmartSupportText(message.body, header: header)
        if SmartSupportText(message.body).isEmpty {
            book.lose("messages[].body", nil, "Smart Support demands a text; the subject stands for it", .substitute)
            text.sent = SmartSupportText(nil, header: header).sent + SmartSupportText(plain: placeholder).sent
            return text
        }
        changes.merge(text.changes)
        func because(_ reason: String) { if !textReasons.contains(reason) { textReasons.append(reason) } }
        if case .text(let plain) = message.body,
            text.sent.utf8.contains(UInt8(ascii: "&")) || plain.contains(where: { "&<>{}#".contains($0) })
        {
            because("characters of plain text that HTML has a use for are written as references")
        }
        if case .html = message.body,
            text.sent.last?.isNewline == true || ["<br>", "<br/>", "<br />"].contains(where: text.sent.hasSuffix)
        {
            because("line breaks at the end of a text cannot be told from that above the marker's line")
        }
        if case .html(let html, lineBreaks: false) = message.body, html.utf8.contains(0x0A) || html.utf8.contains(0x0D)
        {
            because("line breaks that do not count in HTML are written as blanks")
        }
        return text
    }

    /// The losses of all texts, each reason once; header lines and markers are added, which loses nothing.
    mutating func textLosses() {
        for loss in changes.losses(field: "messages[].body") {
            book.lose(loss.field, loss.value, loss.reason, loss.fallback)
        }
        for reason in textReasons { book.lose("messages[].body", nil, reason, .substitute) }
    }

    // MARK: What messages lose

    mutating func loseMessageProperties() {
        let dates = ticket.messages.enumerated().compactMap { index, message in
            message.createdAt.map { "\(index + 1) \($0)" }
        }
        if !dates.isEmpty {
            book.lose(
                "messages[].createdAt", dates.joined(separator: ", "), "no route of Smart Support's API sets a date")
        }
        let nowhere = "Smart Support's API has no place for it"
        func archive(_ field: String, _ isThere: (Message) -> Bool) {
            if ticket.messages.contains(where: isThere) { book.lose(field, nil, nowhere, .archive) }
        }
        archive("messages[].extras") { !$0.extras.isEmpty }
        archive("messages[].to") { !$0.to.isEmpty }
        archive("messages[].cc") { !$0.cc.isEmpty }
        archive("messages[].messageId") { $0.messageID != nil }
        archive("messages[].inReplyTo") { $0.inReplyTo != nil }
    }

    mutating func attachments() {
        for (index, message) in ticket.messages.enumerated() {
            for (place, attachment) in message.attachments.enumerated() {
                var reason = "Smart Support's API takes no files: it stays in the archive"
                if files.indices.contains(index), files[index].indices.contains(place),
                    case .failure(let why) = files[index][place]
                {
                    reason = why.reason
                }
                book.lose("messages[].attachments[]", attachment.name ?? attachment.url, reason)
            }
        }
    }
}
