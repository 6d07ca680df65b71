// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

/// Makes the steps of one ticket: pure, from what the pre-flight found.
///
/// One step makes the ticket with the first text, one more each reply; the system takes nothing else. Authors and dates
/// stand in a header line above each text, what is internal stays in the archive.
struct SupportEnginePlanner {
    let site: SupportEngineSite
    let options: SupportEngineTarget.Options
    let draft: Draft
    let identity: MigrationIdentity
    let progress: TicketProgress

    var plan = TicketPlan()
    var book = LossBook(target: "SupportEngine", hasNotes: false)
    /// Texts that were changed to fit, by how.
    var changed: [String: Int] = [:]
    /// The address that the ticket is made with.
    var email = ""
    /// The name that it is made with; nil: none.
    var name: String?
    /// Whether a text got a line above it that says who wrote it and when.
    var hasHeader = false

    init(
        site: SupportEngineSite, options: SupportEngineTarget.Options, draft: Draft, identity: MigrationIdentity,
        progress: TicketProgress
    ) {
        self.site = site
        self.options = options
        self.draft = draft
        self.identity = identity
        self.progress = progress
    }

    var ticket: Ticket { draft.ticket }
    var createKey: WriteKey { key("ticket") }

    func key(_ part: String) -> WriteKey { identity.key(ticket: ticket.id, part: part) }

    /// The whole plan; call once.
    mutating func make() -> TicketPlan {
        let keys = ticket.messageKeys()
        var form: [(String, String)] = []
        let subject = subject()
        let requester = requester()
        let fields = customFields()
        let priority = priority()
        let category = category()
        status()
        losses()
        guard plan.refusals.isEmpty else {
            plan.losses = book.losses
            return plan
        }
        form.append(("subject", subject))
        form.append(("user_email", email))
        name = line(requester.displayName == requester.email ? nil : requester.displayName, "requester.name")
        if let name { form.append(("name", name)) }
        if let company = line(ticket.organization, "organization") { form.append(("company", company)) }
        if let priority { form.append(("priority", priority)) }
        if let category { form.append(("category_id", category)) }
        if let fields { form.append(("custom_fields", fields)) }
        messages(form, keys: keys)
        for (reason, count) in changed.sorted(by: { $0.key < $1.key }) {
            book.lose("messages[].body", count == 1 ? nil : "\(count) texts", reason, .substitute)
        }
        // Where an author stands in that line, its loss tells of the line.
        let isTold = book.losses.contains {
            $0.field == "messages[].body" || $0.field == "messages[].author" && $0.fallback == .header
        }
        if hasHeader, !isTold {
            book.lose(
                "messages[].body", nil,
                "a line above the text says when it was written: SupportEngine's API sets no dates",
                .substitute)
        }
        plan.losses = book.losses
        return plan
    }

    // MARK: Properties

    private mutating func subject() -> String {
        let whole = ticket.subject ?? ""
        if whole.isEmpty {
            book.lose("subject", nil, "SupportEngine demands a subject; “–” stands for it", .substitute)
            return "–"
        }
        if whole == "0" {
            book.lose("subject", whole, "SupportEngine takes “0” for nothing; “0 –” stands for it", .substitute)
            return "0 –"
        }
        let cut = options.hasLimits ? SupportEngineText.line(whole, limit: SupportEngineText.lineLimit) : whole
        if cut != whole {
            book.lose("subject", whole, "SupportEngine holds \(SupportEngineText.lineLimit) characters", .archive)
        }
        return cut
    }

    /// One line of text within the column's size; nil for what PHP takes for nothing.
    private mutating func line(_ text: String?, _ field: String) -> String? {
        guard let text, !text.isEmpty else { return nil }
        if text == "0" {
            book.lose(field, text, "SupportEngine takes “0” for nothing", .archive)
            return nil
        }
        let cut = options.hasLimits ? SupportEngineText.line(text, limit: SupportEngineText.lineLimit) : text
        if cut != text {
            book.lose(field, text, "SupportEngine holds \(SupportEngineText.lineLimit) characters", .archive)
        }
        return cut
    }

    /// Whose ticket it is; also sets ``email``.
    private mutating func requester() -> Person {
        let person = ticket.requester ?? ticket.messages.first?.author ?? Person()
        if ticket.requester == nil {
            book.lose(
                "requester", person.displayName, "the ticket names no customer; who opened it stands for them",
                .substitute)
        }
        email = person.email ?? ""
        if email.trimmingBlanks.isEmpty || email == "0"
            || options.hasLimits && email.unicodeScalars.count > SupportEngineText.lineLimit
        {
            let stands = person.undeliverableAddress
            // Without a customer, the loss of them all tells it.
            if ticket.requester != nil {
                book.lose(
                    "requester.email", email.isEmpty ? nil : email,
                    "SupportEngine demands an address of at most \(SupportEngineText.lineLimit) characters; \(stands) stands for it",
                    .substitute)
            }
            email = stands
        }
        return person
    }

    private mutating func status() {
        let label = draft.status ?? ticket.statusLabel ?? ticket.status?.rawValue
        if ticket.status == .open, draft.status ?? "open" == "open" { return }
        book.lose("status", label, "SupportEngine's API opens every ticket and changes no status", .archive)
    }

    private mutating func priority() -> String? {
        if let label = draft.priority {
            guard ["low", "medium", "high"].contains(label) else {
                plan.refusals.append(
                    Diagnostic(
                        code: "supportengine.unknown-priority", "SupportEngine has no priority “\(label)”",
                        subject: "ticket \(ticket.id)", remedy: "map it to one of: low, medium, high", cause: .badInput)
                )
                return nil
            }
            let word: Ticket.Priority = label == "low" ? .low : label == "high" ? .high : .normal
            if ticket.priority != word {
                book.lose("priority", ticket.priorityLabel, "the mapping puts `\(label)` in its place", .substitute)
            }
            return label
        }
        switch ticket.priority {
        case .low: return "low"
        case .normal: return "medium"
        case .high: return "high"
        case .urgent:
            book.lose(
                "priority", ticket.priorityLabel ?? "urgent", "SupportEngine has no priority above high", .substitute)
            return "high"
        case nil:
            book.lose(
                "priority", ticket.priorityLabel,
                ticket.priorityLabel == nil
                    ? "SupportEngine gives every ticket a priority; medium stands for none"
                    : "the priority has no word in the mapping; the ticket is medium", .substitute)
            return nil
        }
    }

    private mutating func category() -> String? {
        if let name = ticket.department, !name.isEmpty {
            if let id = site.category(name) {
                if site.categories?[name] == nil {
                    book.lose("department", name, "SupportEngine writes this category otherwise", .substitute)
                }
                return id
            }
            let other = options.category.flatMap { site.category($0) }
            book.lose(
                "department", name,
                site.categories == nil
                    ? "this server does not tell its categories" : "SupportEngine has no category of that name",
                other == nil ? .archive : .substitute)
            return other
        }
        guard let name = options.category, let id = site.category(name) else { return nil }
        book.lose("department", nil, "`category:` gives every ticket one", .substitute)
        return id
    }

    private mutating func customFields() -> String? {
        var values: [String: String] = [:]
        for name in ticket.customFields.keys.sorted() {
            guard let value = ticket.customFields[name], !value.text.isEmpty else { continue }
            let path = "customFields.\(name)"
            guard let field = site.fields?.first(where: { $0.name == name }), values[field.id] == nil else {
                book.lose(
                    path, value.text,
                    site.fields == nil
                        ? "this server does not tell its custom fields" : "SupportEngine has no such field", .archive)
                continue
            }
            let text = value.text
            if options.hasLimits, text.utf8.count > SupportEngineText.textLimit {
                // Sent, it would fail behind the ticket, which stays there without its fields.
                book.lose(path, nil, "SupportEngine holds \(SupportEngineText.textLimit) bytes", .archive)
                continue
            }
            switch value {
            case .list(let items) where items != [text]:
                book.lose(path, text, "SupportEngine's fields hold texts alone", .substitute)
            case .string, .number, .bool, .list: break
            }
            values[field.id] = text
        }
        for field in site.fields ?? [] where field.isRequired && values[field.id] == nil {
            values[field.id] = "–"
            book.lose(
                "customFields.\(field.name)", nil,
                "SupportEngine demands a value, and the ticket has none; “–” stands for it", .substitute)
        }
        guard !values.isEmpty else { return nil }
        // A string that holds JSON: an object in its place is a crash there.
        return JSON.object(values.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) }).canonicalText
    }

    /// What has no place at all.
    private mutating func losses() {
        switch draft.assignee {
        case .unassigned: break
        case .agent(let who), .named(let who):
            book.lose("assignee", who, "SupportEngine's API assigns nobody", .archive)
        }
        book.loseProperties(
            of: ticket, except: ["organization", "department", "customFields", "createdAt", "updatedAt"])
        book.lose(
            "createdAt", ticket.createdAt?.description, "SupportEngine's API sets no dates: it is the day of the run",
            .archive)
        book.lose(
            "updatedAt", ticket.updatedAt?.description, "SupportEngine's API sets no dates: it is the day of the run",
            .archive)
        // Whole messages that stay behind are losses of their own.
        let sent = ticket.messages.filter { $0.kind == .reply }
        func archive(_ field: String, _ isThere: Bool) {
            if isThere { book.lose(field, nil, "SupportEngine has no place for it", .archive) }
        }
        archive("messages[].extras", sent.contains { !$0.extras.isEmpty })
        archive("messages[].to", sent.contains { !$0.to.isEmpty })
        archive("messages[].cc", sent.contains { !$0.cc.isEmpty })
        archive("messages[].messageId", sent.contains { $0.messageID != nil })
        archive("messages[].inReplyTo", sent.contains { $0.inReplyTo != nil })
    }
}
