// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

/// Makes the steps of one ticket: pure, from what the pre-flight found.
///
/// Payloads hold what is wanted, by name and address; what the site has of it is looked up when they are sent. So what a
/// later run has learnt of the site does not make a ticket look changed.
struct SmartSupportPlanner {
    let site: SmartSupportSite
    let options: SmartSupportTarget.Options
    /// Whether internal notes can be written.
    let hasNotes: Bool
    let draft: Draft
    let files: [[Result<ResolvedFile, FileUnavailable>]]
    let identity: MigrationIdentity
    let progress: TicketProgress

    var plan = TicketPlan()
    var book: LossBook
    /// Lines for the migration note beside those of the losses.
    var noteLines: [String] = []
    var changes = FluentSupportTextChanges()
    /// Why texts differ from those of the source, each once.
    var textReasons: [String] = []

    init(
        site: SmartSupportSite, options: SmartSupportTarget.Options, hasNotes: Bool, draft: Draft,
        files: [[Result<ResolvedFile, FileUnavailable>]], identity: MigrationIdentity, progress: TicketProgress
    ) {
        self.site = site
        self.options = options
        self.hasNotes = hasNotes
        self.draft = draft
        self.files = files
        self.identity = identity
        self.progress = progress
        book = LossBook(target: "Smart Support", hasNotes: hasNotes)
    }

    var ticket: Ticket { draft.ticket }
    var createKey: WriteKey { key("ticket") }

    func key(_ part: String) -> WriteKey { identity.key(ticket: ticket.id, part: part) }

    /// The whole plan; call once.
    ///
    /// `losses` are the mapping's, which stand in the migration note as well.
    mutating func make(_ losses: [Loss]) -> TicketPlan {
        for loss in losses where loss.fallback == .migrationNote {
            noteLines.append("\(loss.field): \(loss.value ?? "–")")
        }
        let keys = ticket.messageKeys()
        let opening = ticket.openingIndex(
            keys, first: ticket.publicFirst, progress: progress, createKey: createKey)
        let status = status()
        let priority = priority()
        let customer = customer(opening: opening)
        let wishes = Wishes(
            priority: priority, department: department(), product: product(), agent: assignee())
        guard plan.refusals.isEmpty else { return plan }
        book.loseProperties(of: ticket, except: ["department", "product"])
        loseMessageProperties()
        create(
            status: status, wishes: wishes, customer: customer, opening: opening, openingKey: opening.map { keys[$0] })
        for index in ticket.messages.indices where index != opening {
            append(index, key: keys[index], customer: customer)
        }
        attachments()
        textLosses()
        migrationNote()
        properties(status: status, wishes: wishes)
        countReadingBack()
        plan.losses += book.losses
        return plan
    }

    /// What a ticket is to have, in the words of the site.
    struct Wishes {
        var priority: String?
        var department: String?
        var product: String?
        var agent: String?
        var subject = ""

        /// By the names of steps and receipts.
        var all: [(name: String, value: String?)] {
            [
                ("subject", subject), ("priority", priority), ("department", department), ("product", product),
                ("agent", agent),
            ]
        }
    }

    // MARK: Words

    private mutating func status() -> String? {
        if let label = draft.status {
            refuseUnknown("status", label, SmartSupportSite.statuses)
            return label
        }
        let label = ticket.statusLabel ?? ticket.status?.rawValue
        switch ticket.status {
        case .new: return "new"
        case .open: return "open"
        case .pending: return "delayed"
        case .onHold:
            book.lose("status", label, "Smart Support does not tell on hold from delayed")
            return "delayed"
        case .resolved:
            book.lose("status", label, "Smart Support does not tell resolved from closed")
            return "closed"
        case .closed: return "closed"
        case nil:
            if ticket.statusLabel != nil {
                book.lose("status", label, "the status has no word in the mapping; the site's default stands for it")
            }
            return nil
        }
    }

    private mutating func priority() -> String? {
        if let label = draft.priority {
            refuseUnknown("priority", label, SmartSupportSite.priorities)
            return label
        }
        switch ticket.priority {
        case .low: return "low"
        case .normal: return "medium"
        case .high: return "high"
        case .urgent: return "urgent"
        case nil:
            if let label = ticket.priorityLabel {
                book.lose(
                    "priority", label, "the priority has no word in the mapping; the site's default stands for it")
            }
            return nil
        }
    }

    private mutating func refuseUnknown(_ field: String, _ label: String, _ known: [String]) {
        guard !known.contains(label) else { return }
        plan.refusals.append(
            Diagnostic(
                code: "smart-support.unknown-\(field)", "Smart Support has no \(field) “\(label)”",
                subject: "ticket \(ticket.id)", remedy: "map it to one of: \(known.joined(separator: ", "))",
                cause: .badInput))
    }

    private mutating func department() -> String? {
        guard let name = ticket.department else { return nil }
        if let found = SmartSupportSite.find(name, in: site.departments) {
            if found.name != name {
                book.lose("department", name, "the site's department is called “\(found.name)”", .substitute)
            }
            return name
        }
        let stands = options.department.map { "; it goes to “\($0)”" } ?? ""
        book.lose(
            "department", name,
            "Smart Support has no such department as far as is known (it has: \(SmartSupportSite.list(site.departments)); name others in `departments`)\(stands)"
        )
        return name
    }

    /// The department that a ticket is written with; nil: the site's default.
    static func department(
        _ name: String?, site: SmartSupportSite, options: SmartSupportTarget.Options
    ) -> SmartSupportSite.Named? {
        if let name, let found = SmartSupportSite.find(name, in: site.departments) { return found }
        guard let other = options.department else { return nil }
        return SmartSupportSite.find(other, in: site.departments) ?? .init(name: other)
    }

    private mutating func product() -> String? {
        guard let name = ticket.product else { return nil }
        if let found = SmartSupportSite.find(name, in: site.products), found.id != nil {
            if found.name != name {
                book.lose("product", name, "the site's product is called “\(found.name)”", .substitute)
            }
        } else {
            book.lose(
                "product", name,
                "Smart Support's API tells no products: the id of this one is not known (name it in `products`)")
        }
        return name
    }

    private mutating func assignee() -> String? {
        switch draft.assignee {
        case .unassigned: return nil
        case .named(let name):
            book.lose("assignee", name, "the source names no address, so no agent can be told")
            return nil
        case .agent(let email):
            if site.agentID(email) == nil {
                book.lose(
                    "assignee", email,
                    "Smart Support's API tells no agents: the user id of this one is not known (write it in `agents`)")
            }
            return email.lowercased()
        }
    }

    // MARK: The customer

    /// The ticket's customer as the API takes them.
    struct Customer {
        var email: String
        var name: String?
    }

    private mutating func customer(opening: Int?) -> Customer {
        let opener = opening.map { ticket.messages[$0] } ?? ticket.messages.first
        let person = ticket.requester ?? opener?.author ?? Person()
        if ticket.requester == nil {
            book.lose(
                "requester", person.displayName, "the ticket names no customer; who opened it stands for them",
                .substitute)
        }
        var email = person.email?.trimmingBlanks ?? ""
        if !EmailAddress.isTakenByWordPress(email) {
            let stands = person.undeliverableAddress
            let why =
                email.isEmpty
                ? "Smart Support demands an address; \(stands) stands for the missing one"
                : "WordPress does not take this address; \(stands) stands for it"
            book.lose("requester.email", email.isEmpty ? nil : email, why, email.isEmpty ? .substitute : .migrationNote)
            // Who asks stays who asks, by whatever address.
            if ticket.requester == nil { book.lose("messages[].author", person.displayName, why, .substitute) }
            email = stands
        }
        let shown = person.displayName
        let name = shown == person.email || shown == person.id ? nil : shown
        if name == nil {
            let why = "WordPress calls a customer without a name by the address"
            book.lose("requester.name", shown, why, .substitute)
            if ticket.requester == nil { book.lose("messages[].author", shown, why, .substitute) }
        }
        return Customer(email: email, name: name)
    }

    /// Whether somebody is an agent, by the source's word or by the address where it says nothing.
    func isAgent(_ author: Person) -> Bool {
        if let role = author.role { return role == .agent }
        return !ticket.isRequester(author) && site.isAgent(author.email)
    }
}
