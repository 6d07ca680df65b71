// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

/// Makes the steps of one ticket: pure, from what the pre-flight found.
///
/// The order is the one that keeps most: the ticket is born with all that it can be born with, replies follow oldest
/// first, then notes of ours, tags, dates, the real mailbox, and the date of change last (every other write moves it).
struct FluentSupportPlanner {
    let site: FluentSupportSite
    let options: FluentSupportTarget.Options
    let draft: Draft
    let files: [[Result<ResolvedFile, FileUnavailable>]]
    let identity: MigrationIdentity
    let progress: TicketProgress

    var plan = TicketPlan()
    var changes = FluentSupportTextChanges()
    /// Events and values for the migration note, in order.
    var noteLines: [String] = []
    /// The agent of the first message that is written as an agent's response; those set clocks and the assignee.
    var firstResponder: Int?
    var writesAsAgent: Bool { firstResponder != nil }
    /// Authors already named in a loss.
    var namedAuthors: Set<String> = []

    init(
        site: FluentSupportSite, options: FluentSupportTarget.Options, draft: Draft,
        files: [[Result<ResolvedFile, FileUnavailable>]], identity: MigrationIdentity, progress: TicketProgress
    ) {
        self.site = site
        self.options = options
        self.draft = draft
        self.files = files
        self.identity = identity
        self.progress = progress
    }

    var ticket: Ticket { draft.ticket }
    var createKey: WriteKey { key("ticket") }

    func key(_ part: String) -> WriteKey { identity.key(ticket: ticket.id, part: part) }

    /// The mailbox where people will see the ticket.
    var home: FluentSupportSite.Mailbox? {
        let live = site.mailboxes.filter { !$0.isOurs }
        func named(_ name: String) -> FluentSupportSite.Mailbox? {
            live.first { $0.name == name } ?? live.first { $0.name.lowercased() == name.lowercased() }
                ?? Int(name).flatMap { id in live.first { $0.id == id } }
        }
        if let name = options.mailbox { return named(name) }
        if let name = ticket.mailbox, let mailbox = named(name) { return mailbox }
        return live.first(where: \.isDefault) ?? live.first
    }

    var isStaged: Bool { site.policy == .stage }

    /// E-mails for an action, by the keys of the mailbox's e-mails, as things stand under the policy.
    func mails(_ keys: String...) -> Int {
        switch site.policy {
        case .stage, .mute: 0
        case .allow, .refuse: site.mails(in: home, keys)
        }
    }

    mutating func lose(_ field: String, _ value: String?, _ reason: String, _ fallback: Loss.Fallback = .migrationNote)
    {
        plan.losses.append(Loss(field: field, value: value, reason: reason, fallback: fallback))
        if fallback == .migrationNote { noteLines.append("\(field): \(value ?? "–")") }
    }

    /// The whole plan; call once.
    mutating func make() -> TicketPlan {
        let keys = ticket.messageKeys()
        let opening = openingIndex(keys)
        let status = status()
        let priority = priority()
        let customer = customer(opening: opening)
        let assignee = assignee()
        guard plan.refusals.isEmpty else { return plan }
        lostProperties()
        create(
            status: status, priority: priority, customer: customer, assignee: assignee, opening: opening,
            openingKey: opening.map { keys[$0] })
        for index in ticket.messages.indices where index != opening {
            append(index, key: keys[index], customer: customer)
        }
        if status == "new", writesAsAgent {
            lose("status", status, "an agent's reply makes a new ticket of Fluent Support active", .substitute)
        }
        tags()
        migrationNote()
        stageAgain()
        properties(assignee: assignee)
        plan.losses += changes.losses(field: "messages[].body")
        // The opening text has the ticket's own time, which holds no fraction.
        if let time = ticket.messages.first?.createdAt, time.fractionDigits > 0,
            !plan.losses.contains(where: { $0.field == "messages[].createdAt" })
        {
            plan.losses.append(
                Loss(
                    field: "messages[].createdAt", value: time.description,
                    reason: "Fluent Support keeps whole seconds", fallback: .substitute))
        }
        return plan
    }

    /// Which message is the ticket's own text; nil: none of them.
    ///
    /// As ``Ticket/openingIndex(_:first:progress:createKey:)``; of an adopted ticket, what it holds is told by its hash alone.
    private func openingIndex(_ keys: [String]) -> Int? {
        let first = ticket.publicFirst
        guard let done = progress.done[createKey], done.receipt.details["opening"]?.string == nil,
            let proof = done.receipt.proof
        else { return ticket.openingIndex(keys, first: first, progress: progress, createKey: createKey) }
        return ticket.messages.indices.first { index in
            guard ticket.messages[index].kind == .reply else { return false }
            let header = draft.authorships.indices.contains(index) ? draft.authorships[index].header : nil
            return [nil, header].contains { text(index, place: .body, header: $0).proofs.contains(proof) }
        } ?? first
    }

    // MARK: Words

    private mutating func status() -> String {
        if let label = draft.status {
            refuseUnknown("status", label, site.statuses)
            loseStatusLabel(label)
            return label
        }
        let word: String
        switch ticket.status {
        case .new: word = "new"
        case .open, .pending, .onHold, nil: word = "active"
        case .resolved, .closed: word = "closed"
        }
        loseStatusLabel(word)
        return word
    }

    private mutating func loseStatusLabel(_ written: String) {
        let label = ticket.statusLabel ?? ticket.status?.rawValue
        switch ticket.status {
        case .pending, .onHold:
            lose("status", label, "Fluent Support has no waiting tickets; this one is \(written)")
        case nil where ticket.statusLabel != nil:
            lose("status", label, "the status has no word in the mapping; the ticket is \(written)")
        case .resolved: lose("status", label, "Fluent Support does not tell resolved from closed", .substitute)
        default: break
        }
    }

    private mutating func priority() -> String {
        if let label = draft.priority {
            refuseUnknown("priority", label, site.priorities)
            return label
        }
        switch ticket.priority {
        case .low:
            lose("priority", ticket.priorityLabel ?? "low", "Fluent Support has no priority below normal")
            return "normal"
        case .high: return "medium"
        case .urgent: return "critical"
        case .normal: return "normal"
        case nil:
            if let label = ticket.priorityLabel {
                lose("priority", label, "the priority has no word in the mapping; the ticket is normal")
            }
            return "normal"
        }
    }

    private mutating func refuseUnknown(_ field: String, _ label: String, _ known: Set<String>) {
        guard !known.contains(label) else { return }
        plan.refusals.append(
            Diagnostic(
                code: "fluent-support.unknown-\(field)", "Fluent Support has no \(field) “\(label)”",
                subject: "ticket \(ticket.id)",
                remedy: "map it to one of: \(known.sorted().joined(separator: ", "))", cause: .badInput))
    }

    private mutating func assignee() -> Int? {
        switch draft.assignee {
        case .unassigned: return nil
        case .named(let name):
            lose("assignee", name, "the source names no address, so no agent can be told")
            return nil
        case .agent(let email):
            if let id = site.agents[email.lowercased()] { return id }
            lose("assignee", email, "Fluent Support has no agent of that address")
            return nil
        }
    }

    // MARK: The customer

    /// The ticket's customer as the API takes them.
    struct Customer {
        var email: String
        var firstName: String
        var lastName: String
    }

    private mutating func customer(opening: Int?) -> Customer {
        let opener = opening.map { ticket.messages[$0] } ?? ticket.messages.first
        let person = ticket.requester ?? opener?.author ?? Person()
        if ticket.requester == nil {
            lose(
                "requester", person.displayName, "the ticket names no customer; who opened it stands for them",
                .substitute)
        }
        var email = person.email?.trimmingBlanks ?? ""
        if !EmailAddress.isTakenByWordPress(email) {
            let stands = person.undeliverableAddress
            lose(
                "requester.email", email.isEmpty ? nil : email,
                email.isEmpty
                    ? "Fluent Support demands an address; \(stands) stands for the missing one"
                    : "WordPress does not take this address; \(stands) stands for it",
                email.isEmpty ? .substitute : .migrationNote)
            email = stands
        }
        if let phone = person.phone {
            lose("requester.phone", phone, "Fluent Support's API takes no phone number with a ticket")
        }
        let names = person.twoNames
        if let name = person.displayName, (names.given + names.family).contains("<") {
            lose("requester.name", name, "WordPress takes what looks like a tag out of names", .migrationNote)
        }
        return Customer(email: email, firstName: names.given, lastName: names.family)
    }

    /// Whether somebody is an agent, by the source's word or by the address where it says nothing.
    func isAgent(_ author: Person) -> Bool {
        if let role = author.role { return role == .agent }
        guard !ticket.isRequester(author), let email = author.email?.lowercased() else { return false }
        return site.agents[email] != nil
    }
}
