// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

extension KBSupportPlanner {
    /// What of the ticket's making later steps need.
    struct Created {
        var title: String
        var content: String
        var agent: Int?
    }

    /// The step that makes the ticket.
    ///
    /// `opening` is the message that is the ticket's own text, nil where none is public; later runs know by `openingKey`,
    /// its key, which one it was.
    mutating func create(opening: Int?, openingKey: String?) -> Created {
        let customer = customer(opening: opening)
        let agent = assignee()
        let title = title()
        var content: String
        if let opening {
            content = self.content(opening, header: openingHeader(opening))
        } else {
            content = KBSupportText.html(text: ticket.placeholder)
            if progress.done[createKey]?.receipt.details["opening"]?.string ?? "" == "" {
                book.lose(
                    "messages[]", "opening", "what opened the ticket is not public; the subject stands for it",
                    .substitute)
            }
        }
        content += KBSupportText.comment(createKey)
        if !site.hasXMLRPC {
            if KBSupportText.capitalized(content) != content {
                loseOnce("messages[].body", "KB Support writes a ticket's text with a capital letter", .substitute)
            }
            if KBSupportText.capitalized(title) != title {
                loseOnce("subject", "KB Support writes titles with a capital letter", .substitute)
            }
        }
        var body: [JSON.Member] = [
            // `0` counts as missing; the blank is cut off again.
            .init("ticket_title", .string(KBSupportText.slashed(title == "0" ? "0 " : title))),
            .init("ticket_content", .string(KBSupportText.slashed(content))),
            .init("customer_email", .string(customer.email)),
            .init("customer_first", .string(KBSupportText.slashed(customer.firstName))),
            .init("customer_last", .string(KBSupportText.slashed(customer.lastName))),
        ]
        if let phone = customer.phone { body.append(.init("customer_phone1", .string(KBSupportText.slashed(phone)))) }
        if let agent { body.append(.init("agent_id", JSON(agent))) }
        if let name = ticket.department {
            if let id = KBSupportSite.id(of: name, in: site.departments) {
                body.append(.init("department", JSON(id)))
            } else if let id = KBSupportSite.id(of: name, in: site.categories) {
                body.append(.init("post_category", JSON(id)))
            } else {
                book.lose("department", name, "KB Support has neither a department nor a category of that name")
            }
        }
        var step = Step(
            key: createKey, verb: .create, name: "ticket", mails: 2, undo: .impossible,
            payload: [
                "op": "create", "body": .object(body), "opening": .string(openingKey ?? ""),
                "agent": agent.map { JSON($0) } ?? .null,
            ], exclusive: ["customer \(customer.email)"])
        step.followed = ["agent", "body.agent_id"]
        step.fixed = [
            "body.customer_first": "the customer's name", "body.customer_last": "the customer's name",
            "body.customer_phone1": "the customer's phone number", "body.department": "the department",
            "body.post_category": "the department",
        ]
        steps.append(step)
        if let opening { attach(opening, to: createKey, part: "opening") }
        return Created(title: title, content: content, agent: agent)
    }

    private mutating func title() -> String {
        let subject = ticket.subject ?? ""
        let title = KBSupportText.title(subject, site)
        if title.isEmpty {
            book.lose("subject", nil, "KB Support demands a title; “–” stands for it", .substitute)
            return "–"
        }
        if title != subject {
            book.lose("subject", subject, "WordPress takes blanks off titles and filters their HTML", .substitute)
        }
        return title
    }

    /// The ticket's content shows as the customer's words: everybody else is named above it.
    private mutating func openingHeader(_ index: Int) -> String? {
        let message = ticket.messages[index]
        let authorship = draft.authorships.indices.contains(index) ? draft.authorships[index] : nil
        let isTheirs = message.author.map(ticket.isRequester) ?? (ticket.requester == nil)
        if isTheirs || ticket.requester == nil, authorship?.choice == .asWritten || authorship == nil { return nil }
        book.named(message.author, reason: "KB Support shows the customer as the writer of a ticket's first text")
        return authorship?.header
    }

    /// One more message: a reply, or a loss.
    mutating func append(_ index: Int, key part: String) {
        let message = ticket.messages[index]
        switch message.kind {
        case .note:
            // Never sent: whatever KB Support's API takes is public.
            return book.lose(
                "messages[]", "note", "no API writes KB Support's internal notes; this one stays in the archive")
        case .event:
            return book.lose("messages[]", "event", "KB Support's API takes no system lines")
        case .reply: break
        }
        let writer = writer(of: message, index)
        let key = key("message:\(part)")
        let content = content(index, header: writer.header) + KBSupportText.comment(key)
        var payload: JSON = ["content": .string(content)]
        if let account = writer.account { payload["author"] = JSON(account) }
        if writer.isAgent, let account = writer.account { payload["agent"] = JSON(account) }
        payload["op"] = .string(site.hasXMLRPC ? "post" : "reply")
        if let time = message.createdAt {
            if !site.hasXMLRPC {
                loseOnce("messages[].createdAt", "KB Support's REST API takes no dates")
            } else if time.seconds > site.preparedAt.seconds {
                loseOnce(
                    "messages[].createdAt",
                    "WordPress would hide a reply of a later day until then: it gets the time of the run")
            } else {
                payload["date"] = .string(Self.date(time))
                loseFraction("messages[].createdAt", time)
            }
        }
        steps.append(
            Step(
                key: key, verb: .append, name: "reply \(part)", needs: [createKey], mails: site.hasXMLRPC ? 0 : 1,
                undo: .impossible, payload: payload))
        attach(index, to: key, part: part)
    }

    /// `20210203T04:05:06`.
    static func date(_ time: Timestamp) -> String {
        String(Timestamp(seconds: time.seconds).description.prefix(19)).replacing("-", with: "")
    }

    mutating func loseFraction(_ field: String, _ time: Timestamp) {
        if time.nanoseconds != 0 { loseOnce(field, "WordPress keeps whole seconds", .substitute) }
    }

    /// Who a reply is written as.
    private struct Writer {
        /// Nil: the login's own.
        var account: Int?
        var isAgent = false
        var header: String?
    }

    private mutating func writer(of message: Message, _ index: Int) -> Writer {
        let authorship = draft.authorships.indices.contains(index) ? draft.authorships[index] : nil
        let author = message.author
        let named: (inout LossBook, String) -> Writer = { book, reason in
            book.named(author, reason: reason)
            return Writer(header: authorship?.header)
        }
        switch authorship?.choice ?? .asWritten {
        case .header: return named(&book, "the mapping names this author in a header")
        case .placeholder: return named(&book, "the mapping puts a name in this author's place")
        case .agent(let email):
            if let id = site.agent(email) { return Writer(account: id, isAgent: true) }
            return named(&book, "KB Support has no agent \(email)")
        case .asWritten: break
        }
        guard let author else { return named(&book, "the source does not tell who wrote this") }
        if isAgent(author) {
            if let id = site.agent(author.email) { return Writer(account: id, isAgent: true) }
            return named(&book, "KB Support has no agent of this address")
        }
        // An account that is an agent's would turn a customer's words into an agent's.
        if let email = author.email?.lowercased(), let id = site.accounts[email], site.agents?[id] == nil {
            return Writer(account: id)
        }
        return named(&book, "in WordPress only people with an account can be authors")
    }

    /// A message's text with the header line above it where there is one.
    private mutating func content(_ index: Int, header: String?) -> String {
        let html =
            switch ticket.messages[index].body {
            case .html(let html, _): html
            case .text(let text): KBSupportText.html(text: text)
            case nil: ""
            }
        let stored = KBSupportText.html(html, site)
        if stored != html {
            loseOnce("messages[].body", "WordPress filters the HTML of support agents", .substitute)
        }
        var text = html
        if stored.utf8.allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) {
            loseOnce("messages[].body", "an empty text cannot be seen; the subject stands for it", .substitute)
            text = KBSupportText.html(text: ticket.placeholder)
        }
        guard let header, !header.isEmpty else { return text }
        return "<p><em>\(KBSupportText.html(text: header))</em></p>\(text)"
    }

    /// The files of a message, each a step of its own; those that the site refuses are losses.
    private mutating func attach(_ index: Int, to parent: WriteKey, part: String) {
        guard files.indices.contains(index) else { return }
        let message = ticket.messages[index]
        for (place, result) in files[index].enumerated() {
            let name = message.attachments.indices.contains(place) ? message.attachments[place].name : nil
            switch result {
            case .failure(let why): book.lose("messages[].attachments[]", name, why.reason)
            case .success(let file):
                if let reason = KBSupportFile.refusal(of: file, site) {
                    book.lose("messages[].attachments[]", "\(file.name) (\(file.size) bytes)", reason)
                    continue
                }
                var payload: JSON = ["op": "file", "name": .string(file.name)]
                if let time = message.createdAt {
                    payload["date"] = .string(String(Timestamp(seconds: time.seconds).description.prefix(19)))
                }
                steps.append(
                    Step(
                        key: key("file:\(part):\(place)"), verb: .attach, name: "file \(place + 1) of \(part)",
                        needs: parent == createKey ? [createKey] : [createKey, parent], undo: .impossible,
                        payload: payload, files: [file]))
            }
        }
    }
}
