// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

/// Makes the steps of one ticket: pure, from what the pre-flight found.
///
/// The order is the one that keeps most: the ticket by REST, replies oldest first (by XML-RPC where the site allows it:
/// dated, by their authors, without e-mails), files, then dates and tags, and the status last, since a reply by REST
/// opens a closed ticket again.
struct KBSupportPlanner {
    let site: KBSupportSite
    let draft: Draft
    let files: [[Result<ResolvedFile, FileUnavailable>]]
    let identity: MigrationIdentity
    let progress: TicketProgress

    var book = LossBook(target: "KB Support", hasNotes: false)
    var steps: [Step] = []
    var refusals: [Diagnostic] = []
    /// What differs of texts, said once a ticket.
    var said: Set<String> = []

    init(
        site: KBSupportSite, draft: Draft, files: [[Result<ResolvedFile, FileUnavailable>]],
        identity: MigrationIdentity, progress: TicketProgress
    ) {
        self.site = site
        self.draft = draft
        self.files = files
        self.identity = identity
        self.progress = progress
    }

    var ticket: Ticket { draft.ticket }
    var createKey: WriteKey { key("ticket") }

    func key(_ part: String) -> WriteKey { identity.key(ticket: ticket.id, part: part) }

    /// The whole plan; call once.
    mutating func make() -> TicketPlan {
        let keys = ticket.messageKeys()
        let opening = ticket.openingIndex(
            keys, first: ticket.publicFirst, progress: progress, createKey: createKey)
        let status = status()
        guard refusals.isEmpty else { return TicketPlan(losses: book.losses, refusals: refusals) }
        if ticket.priority != nil || ticket.priorityLabel != nil {
            book.lose("priority", ticket.priorityLabel ?? ticket.priority?.rawValue, "KB Support has no priorities")
        }
        let create = create(opening: opening, openingKey: opening.map { keys[$0] })
        for index in ticket.messages.indices where index != opening { append(index, key: keys[index]) }
        properties(create: create, opening: opening)
        finish(status: status, isAssigned: create.agent != nil)
        return TicketPlan(steps: steps, losses: book.losses, refusals: refusals)
    }

    /// Notes a loss once a ticket.
    mutating func loseOnce(_ field: String, _ reason: String, _ fallback: Loss.Fallback = .archive) {
        guard said.insert("\(field) \(reason)").inserted else { return }
        book.lose(field, nil, reason, fallback)
    }

    // MARK: Words

    private mutating func status() -> String {
        if let label = draft.status {
            if !site.statuses.contains(label) {
                refusals.append(
                    Diagnostic(
                        code: "kb-support.unknown-status", "KB Support has no status “\(label)”",
                        subject: "ticket \(ticket.id)",
                        remedy: "map it to one of: \(site.statuses.joined(separator: ", "))", cause: .badInput))
            }
            loseStatus(label)
            return label
        }
        let word =
            switch ticket.status {
            case .new: "new"
            case .open: "open"
            case .pending, .onHold: "hold"
            case .resolved, .closed: "closed"
            case nil: ticket.assignee == nil ? "new" : "open"
            }
        loseStatus(word)
        return word
    }

    private mutating func loseStatus(_ written: String) {
        let label = ticket.statusLabel ?? ticket.status?.rawValue
        switch ticket.status {
        case .pending where written == "hold":
            book.lose("status", label, "KB Support does not tell pending from on hold", .substitute)
        case .resolved where written == "closed":
            book.lose("status", label, "KB Support does not tell resolved from closed", .substitute)
        case nil where ticket.statusLabel != nil && ticket.statusLabel != written:
            book.lose("status", label, "the status has no word in the mapping; the ticket is \(written)")
        default: break
        }
    }

    // MARK: The customer

    /// The ticket's customer as the API takes them.
    struct Customer {
        var email: String
        var firstName: String
        var lastName: String
        var phone: String?
    }

    mutating func customer(opening: Int?) -> Customer {
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
            book.lose(
                "requester.email", email.isEmpty ? nil : email,
                email.isEmpty
                    ? "KB Support demands an address; \(stands) stands for the missing one"
                    : "WordPress does not take this address; \(stands) stands for it",
                email.isEmpty ? .substitute : .archive)
            email = stands
        } else if email != email.lowercased() || email != person.email {
            book.lose("requester.email", person.email, "KB Support writes addresses in small letters", .substitute)
            email = email.lowercased()
        }
        let names = person.twoNames
        let (given, family) = (name(names.given), name(names.family))
        let stored = "\(KBSupportText.capitalized(given)) \(KBSupportText.capitalized(family))"
        if ticket.requester != nil, stored != "\(names.given) \(names.family)" {
            let isMissing = given == "-" && names.given != "-" || family == "-" && names.family != "-"
            book.lose(
                "requester.name", person.name ?? "\(names.given) \(names.family)".trimmingBlanks,
                isMissing
                    ? "KB Support demands a first and a last name; “-” stands for the missing one"
                    : "KB Support writes names with a capital letter and in one line", .substitute)
        }
        var phone = person.phone
        if let number = person.phone, KBSupportText.line(number) != number || number.isEmpty || number == "0" {
            book.lose("requester.phone", number, "WordPress stores it otherwise", .substitute)
            phone = KBSupportText.line(number)
        }
        return Customer(email: email, firstName: given, lastName: family, phone: phone)
    }

    /// A name as it is sent.
    private func name(_ name: String) -> String {
        let line = KBSupportText.line(name)
        return line.isEmpty || line == "0" ? "-" : line
    }

    mutating func assignee() -> Int? {
        switch draft.assignee {
        case .unassigned: return nil
        case .named(let name):
            book.lose("assignee", name, "the source names no address, so no agent can be told")
            return nil
        case .agent(let email):
            if let id = site.agent(email) { return id }
            book.lose("assignee", email, "KB Support has no agent of that address")
            return nil
        }
    }

    /// Whether somebody is an agent, by the source's word or by the address where it says nothing.
    func isAgent(_ author: Person) -> Bool {
        if let role = author.role { return role == .agent }
        return !ticket.isRequester(author) && site.agent(author.email) != nil
    }
}
