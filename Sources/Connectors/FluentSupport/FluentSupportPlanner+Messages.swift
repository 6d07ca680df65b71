// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

extension FluentSupportPlanner {
    /// The step that makes the ticket.
    ///
    /// `opening` is the message that is the ticket's own text, nil where none is public; later runs know by `openingKey`,
    /// its key, which one it was.
    mutating func create(
        status: String, priority: String, customer: Customer, assignee: Int?, opening: Int?, openingKey: String?
    ) {
        let title = title
        plan.losses += title.changes.losses(field: "subject", original: ticket.subject)
        if let subject = ticket.subject, title.changes.cut { noteLines.append("subject: \(subject)") }
        if FluentSupportText(title: ticket.subject ?? "").isEmpty {
            lose("subject", nil, "Fluent Support demands a title; “–” stands for it", .substitute)
        }
        var text: FluentSupportText
        var sent: [ResolvedFile] = []
        if let opening {
            text = content(opening, place: .body, header: openingHeader(opening))
            sent = kept(files: files.indices.contains(opening) ? files[opening] : [], of: opening)
        } else {
            text = FluentSupportText(html: FluentSupportText.html(text: placeholder), place: .body)
            // A text that the source does not have any more stays in the ticket.
            if progress.done[createKey]?.receipt.details["opening"]?.string ?? "" == "" {
                lose("messages[]", nil, "what opened the ticket is not public; the subject stands for it", .substitute)
            }
        }
        let key = createKey
        var fields: [JSON.Member] = [
            .init("title", .string(title.sent)), .init("content", .string(text.sent)),
            .init("status", .string(status)),
            .init("priority", .string(priority)), .init("client_priority", .string(priority)),
            .init("source", .string(source)),
        ]
        if let assignee { fields.append(.init("agent_id", JSON(assignee))) }
        if let name = ticket.product {
            if site.products[name] != nil || site.promised.contains("product \(name)") {
                // By name: the catalogue may make it just before.
                fields.append(.init("product", .string(name)))
            } else {
                lose("product", name, "Fluent Support has no product of that name")
            }
        }
        fields += birthTimes(status: status)
        var person: [JSON.Member] = [.init("email", .string(customer.email))]
        if !customer.firstName.isEmpty { person.append(.init("first_name", .string(customer.firstName))) }
        if !customer.lastName.isEmpty { person.append(.init("last_name", .string(customer.lastName))) }
        let payload = JSON.object([
            .init("op", "create"), .init("ticket", .object(fields)), .init("customer", .object(person)),
            .init("mailbox", place), .init("opening", .string(openingKey ?? "")),
            .init("proofs", .array(text.proofs.map { .string($0) })),
        ])
        var step = Step(
            key: key, verb: .create, name: "ticket",
            mails: mails("ticket_created_email_to_admin")
                + optionalMails("ticket_created_by_agent_email_to_customer", "ticket_created_email_to_customer"),
            requests: 1 + sent.count, undo: .delete, payload: payload, files: sent, value: status,
            exclusive: ["customer \(customer.email.lowercased())"])
        step.followed =
            Self.laterColumns.map { "ticket.\($0)" }
            + ["mailbox", "ticket.first_response_time", "ticket.total_close_time"]
        step.fixed = ["customer": "the customer", "ticket.product": "the product", "ticket.source": "the channel"]
        plan.steps.append(step)
    }

    /// The ticket's title, or what stands for none.
    var title: FluentSupportText {
        let title = FluentSupportText(title: ticket.subject ?? "")
        return title.isEmpty ? FluentSupportText(title: "–") : title
    }

    /// Where a ticket is made: the staging mailbox by name (its id is not known before it is made), else its own by id.
    var place: JSON { isStaged ? .string(options.staging) : JSON(home?.id ?? 0) }

    /// `email`, `web` and so on as the source says it.
    private var source: String {
        guard let channel = ticket.channel, channel.utf8.count <= 60,
            channel.utf8.allSatisfy({ $0.isNameByte || $0 == UInt8(ascii: "-") })
        else { return "import" }
        return channel
    }

    /// E-mails that are off unless somebody switched them on.
    private func optionalMails(_ keys: String...) -> Int {
        guard site.policy == .allow || site.policy == .refuse, let home else { return 0 }
        return keys.count { home.mails[$0] == true }
    }

    /// What the ticket is born with; the plugin keeps these.
    private func birthTimes(status: String) -> [JSON.Member] {
        var out: [JSON.Member] = []
        let born = ticket.createdAt ?? ticket.messages.first?.createdAt
        if let first = ticket.messages.dropFirst().first(where: { $0.kind == .reply && $0.author.map(isAgent) == true }
        )?.createdAt,
            let born, first >= born
        {
            out.append(.init("first_response_time", JSON(Int(first.seconds - born.seconds))))
        }
        if status == "closed", let end = ticket.resolvedAt ?? ticket.closedAt {
            out.append(.init("resolved_at", .string(site.zone.local(end))))
            if let born, end >= born { out.append(.init("total_close_time", JSON(Int(end.seconds - born.seconds)))) }
        }
        return out
    }

    /// The ticket's content shows as the customer's words: everybody else is named above it.
    private mutating func openingHeader(_ index: Int) -> String? {
        let message = ticket.messages[index]
        let authorship = draft.authorships.indices.contains(index) ? draft.authorships[index] : nil
        let isTheirs = message.author.map(ticket.isRequester) ?? (ticket.requester == nil)
        if isTheirs || ticket.requester == nil, authorship?.choice == .asWritten || authorship == nil { return nil }
        named(message.author, reason: "Fluent Support shows the customer as the writer of a ticket's first text")
        return authorship?.header
    }

    /// One more message: a reply, a note, or a line in the migration note.
    mutating func append(_ index: Int, key part: String, customer: Customer) {
        let message = ticket.messages[index]
        if message.kind == .event {
            let who = message.author?.displayName.map { "\($0): " } ?? ""
            let text = message.body?.content ?? ""
            lose(
                "messages[]", "event \(message.createdAt?.description ?? "") \(who)\(text)",
                "Fluent Support's API takes no system lines")
            _ = kept(files: files.indices.contains(index) ? files[index] : [], of: index)
            return
        }
        let authorship = draft.authorships.indices.contains(index) ? draft.authorships[index] : nil
        var writer = writer(of: message, authorship: authorship, customer: customer)
        if message.kind == .note, writer.op == "customer" {
            // Customers write no notes here, and a note never becomes public.
            named(message.author, reason: "in Fluent Support only agents write notes")
            writer = Writer(op: "note", agent: nil, header: authorship?.header)
        }
        let op = message.kind == .note ? "note" : writer.op
        let text = content(index, place: op == "customer" ? .customer : .agent, header: writer.header)
        let sent = kept(files: files.indices.contains(index) ? files[index] : [], of: index)
        let key = key("message:\(part)")
        var members: [JSON.Member] = [
            .init("op", .string(op)), .init("content", .string(text.sent)),
            .init("proofs", .array(text.proofs.map { .string($0) })),
        ]
        if op == "customer" { members.append(.init("email", .string(customer.email))) }
        if let agent = writer.agent { members.append(.init("as", .string(agent))) }
        if op == "response", firstResponder == nil {
            firstResponder = writer.agent.flatMap { site.agents[$0] } ?? site.me.id
        }
        let count =
            switch op {
            case "customer": mails("ticket_replied_by_customer_email_to_admin")
            case "response": mails("ticket_replied_by_agent_email_to_customer")
            default: 0
            }
        plan.steps.append(
            Step(
                key: key, verb: .append, name: "\(message.kind == .note ? "note" : "reply") \(part)",
                needs: [createKey],
                mails: count, requests: 1 + sent.count, undo: .withTicket, payload: .object(members), files: sent))
        finish(message, key: key)
    }

    /// Who a message is written as.
    struct Writer {
        var op: String
        /// The address of an agent's own login; nil: the migration's.
        var agent: String?
        var header: String?
    }

    private mutating func writer(of message: Message, authorship: Draft.Authorship?, customer: Customer) -> Writer {
        let header = authorship?.header
        let author = message.author
        func own(_ email: String?) -> String?? {
            guard let email = email?.lowercased(), site.logins.contains(email) else { return nil }
            return .some(email == site.me.email ? nil : email)
        }
        switch authorship?.choice ?? .asWritten {
        case .header:
            named(author, reason: "the mapping names this author in a header")
            return Writer(op: "response", agent: nil, header: header)
        case .placeholder:
            named(author, reason: "the mapping puts a name in this author's place")
            return Writer(op: "response", agent: nil, header: header)
        case .agent(let email):
            if let login = own(email) { return Writer(op: "response", agent: login, header: nil) }
            named(author, reason: "there is no login of \(email)")
            return Writer(op: "response", agent: nil, header: header)
        case .asWritten: break
        }
        guard let author else {
            named(nil, reason: "the source does not tell who wrote this")
            return Writer(op: "response", agent: nil, header: header)
        }
        if isAgent(author) {
            if let login = own(author.email) { return Writer(op: "response", agent: login, header: nil) }
            named(author, reason: "there is no login of this agent (`agents` in the migration file)")
            return Writer(op: "response", agent: nil, header: header)
        }
        if ticket.isRequester(author) { return Writer(op: "customer", agent: nil, header: nil) }
        named(author, reason: "in Fluent Support only the ticket's customer and agents can write")
        return Writer(op: "response", agent: nil, header: header)
    }

    /// Notes once that an author appears in a header only.
    mutating func named(_ author: Person?, reason: String) {
        let name = author?.displayName ?? "unknown"
        guard namedAuthors.insert("\(name)\u{0}\(reason)").inserted else { return }
        plan.losses.append(Loss(author: author, reason: reason))
    }

    /// What stands for an empty text.
    var placeholder: String {
        let subject = ticket.subject?.trimmingBlanks ?? ""
        return subject.isEmpty ? "–" : subject
    }

    /// A message's text for its place, with the header line above it where there is one.
    mutating func content(_ index: Int, place: FluentSupportText.Place, header: String?) -> FluentSupportText {
        let plain = text(index, place: place, header: nil)
        changes.merge(plain.changes)
        if plain.isEmpty {
            lose("messages[].body", nil, "Fluent Support demands a text; the subject stands for it", .substitute)
            return FluentSupportText(
                html: line(header) + FluentSupportText.html(text: placeholder), place: place)
        }
        return line(header).isEmpty ? plain : text(index, place: place, header: header)
    }

    /// A message's text with the header line above it, also where nothing is left of it.
    func text(_ index: Int, place: FluentSupportText.Place, header: String?) -> FluentSupportText {
        let html =
            switch ticket.messages[index].body {
            case .html(let html, _): html
            case .text(let text): FluentSupportText.html(text: text)
            case nil: ""
            }
        return FluentSupportText(html: line(header) + html, place: place)
    }

    private func line(_ header: String?) -> String {
        guard let header, !header.isEmpty else { return "" }
        return "<p><em>\(FluentSupportText.html(text: header))</em></p>"
    }

    /// The files of a message that the site will take; the others are losses.
    mutating func kept(files: [Result<ResolvedFile, FileUnavailable>], of index: Int) -> [ResolvedFile] {
        var out: [ResolvedFile] = []
        for (place, result) in files.enumerated() {
            let attachments = ticket.messages[index].attachments
            let name = attachments.indices.contains(place) ? attachments[place].name : nil
            switch result {
            case .failure(let why): lose("messages[].attachments[]", name, why.reason)
            case .success where ticket.messages[index].kind == .event:
                lose("messages[].attachments[]", name, "Fluent Support's API takes no system lines, so none with files")
            case .success(let file):
                if let reason = FluentSupportFile.refusal(of: file, site: site) {
                    lose("messages[].attachments[]", "\(file.name) (\(file.size) bytes)", reason)
                    if file.size > site.maxFileSize { plan.overLimit += 1 }
                } else {
                    if FluentSupportFile.isRenamed(file.name) {
                        plan.losses.append(
                            Loss(
                                field: "messages[].attachments[].name", value: file.name,
                                reason: "WordPress writes file names its own way (blanks and accents)",
                                fallback: .substitute))
                    }
                    out.append(file)
                }
            }
        }
        return out
    }

    /// The line of the finishing file that gives a message its date.
    private mutating func finish(_ message: Message, key: WriteKey) {
        guard let time = message.createdAt else { return }
        let local = site.zone.local(time)
        plan.finishing.append(
            "UPDATE \(options.tablePrefix)fs_conversations SET created_at = '\(local)', updated_at = '\(local)' "
                + "WHERE id = {id:\(key.part)} AND message_id = '\(key.marker)';")
        if !plan.losses.contains(where: { $0.field == "messages[].createdAt" }) {
            plan.losses.append(
                Loss(
                    field: "messages[].createdAt",
                    reason: "no route of Fluent Support's API sets the date of a reply or note",
                    fallback: .finishingFile))
        }
    }
}

/// Which files the plugin takes.
enum FluentSupportFile {
    private static let kinds: [String: Set<String>] = [
        "images": ["jpg", "jpeg", "png", "gif", "webp", "bmp", "ico", "heic"],
        "csv": ["csv"],
        "documents": ["pdf", "doc", "docx", "txt", "odt", "ppt", "pptx"],
        "zip": ["zip"],
        "json": ["json"],
    ]

    /// Why the site will refuse a file for certain; nil where it takes it or only trying tells.
    static func refusal(of file: ResolvedFile, site: FluentSupportSite) -> String? {
        if file.size > site.maxFileSize {
            return
                "Fluent Support takes files of at most \(site.maxFileSize / 1_048_576) MB (Settings > Global > Max File Size)"
        }
        if file.size < 3 { return "Fluent Support refuses empty files" }
        let parts = file.name.split(separator: ".")
        guard parts.count > 1, let ending = parts.last?.lowercased() else {
            return "Fluent Support refuses files without an ending"
        }
        let isOn = kinds.contains { site.fileTypes.contains($0.key) && $0.value.contains(ending) }
        return isOn ? nil : "Fluent Support refuses files of the type .\(ending)"
    }

    /// Whether WordPress will write the name another way.
    static func isRenamed(_ name: String) -> Bool {
        name.unicodeScalars.contains { scalar in
            scalar == " "
                || scalar.value < 0x80
                    && !(scalar.properties.isAlphabetic || "0123456789._-".unicodeScalars.contains(scalar))
                || (0xA0...0x24F).contains(scalar.value)
        }
    }
}
