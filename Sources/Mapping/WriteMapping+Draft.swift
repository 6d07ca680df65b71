// SPDX-License-Identifier: Apache-2.0
package import TicketModel

extension WriteMapping {
    /// What the target should hold of a ticket, and what the mapping itself loses.
    ///
    /// Pure: equal for equal input, no I/O.
    ///
    /// What the target cannot hold is not the mapping's business: its connector names those losses.
    package func draft(of ticket: Ticket, header: HeaderTemplate = .standard) -> (Draft, [Loss]) {
        var losses: [Loss] = []
        var draft = Draft(ticket: ticket)
        draft.status = label(status, of: ticket)
        draft.priority = label(priority, of: ticket)
        draft.assignee = assignment(of: ticket, &losses)
        for (field, rules) in texts { set(field, to: rules.values(of: ticket).first, in: &draft.ticket, &losses) }
        if let tags {
            let made = Set(tags.flatMap { $0.texts(of: ticket) }.filter { !$0.isEmpty })
            for tag in ticket.tags where !made.contains(tag) {
                losses.append(loss("tags", tag, "the mapping does not carry this tag"))
            }
            draft.ticket.tags = made.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        if let customFields { carry(customFields, from: ticket, to: &draft.ticket, &losses) }
        var redaction = Redaction(emails: redactsEmails, names: redactsNames)
        if redactsEmails || redactsNames { redaction.redact(&draft.ticket) }
        draft.authorships = zip(ticket.messages, draft.ticket.messages).map { original, redacted in
            let choice = choice(for: original.author)
            var shown = redacted
            // The name that stands for the author is the only one that may be seen.
            if case .placeholder(let name) = choice { shown.author = Person(name: name) }
            return Draft.Authorship(choice: choice, header: header.line(for: shown))
        }
        return (draft, losses)
    }

    private func loss(_ field: String, _ value: String, _ reason: String) -> Loss {
        Loss(field: field, value: value, reason: reason, fallback: .migrationNote)
    }

    /// The target's label; nil leaves the connector's default for the canonical word.
    private func label(_ rules: [WriteRule]?, of ticket: Ticket) -> String? {
        guard let rules else { return nil }
        for rule in rules {
            if let (text, isMapped) = rule.mapped(of: ticket), isMapped { return text }
        }
        return nil
    }

    private func assignment(of ticket: Ticket, _ losses: inout [Loss]) -> Draft.Assignment {
        guard let assignee = ticket.assignee, let shown = assignee.displayName else { return .unassigned }
        let choice = assignee.email.flatMap { assignees[$0.lowercased()] } ?? otherAssignees
        switch choice {
        case .agent(let email): return .agent(email: email)
        case .unassigned:
            losses.append(loss("assignee", shown, "the mapping leaves it unassigned"))
            return .unassigned
        default: return assignee.email.map { .agent(email: $0) } ?? .named(shown)
        }
    }

    /// `"*"` is about those who work in the helpdesk: a customer's words stay the customer's unless named.
    private func choice(for author: Person?) -> Draft.Authorship.Choice {
        guard let author else { return .header }
        let named = author.email.flatMap { authors[$0.lowercased()] }
        switch named ?? (author.role == .customer ? .keep : otherAuthors) {
        case .keep, .unassigned: return .asWritten
        case .header: return .header
        case .placeholder(let name): return .placeholder(name)
        case .agent(let email): return .agent(email: email)
        }
    }

    private func set(_ field: String, to value: String?, in ticket: inout Ticket, _ losses: inout [Loss]) {
        let path: WritableKeyPath<Ticket, String?>
        switch field {
        case "subject": path = \.subject
        case "type": path = \.type
        case "channel": path = \.channel
        case "department": path = \.department
        case "product": path = \.product
        case "mailbox": path = \.mailbox
        case "brand": path = \.brand
        case "language": path = \.language
        case "organization": path = \.organization
        default: path = \.number
        }
        if let before = ticket[keyPath: path], before != value {
            losses.append(
                loss(
                    field, before, value.map { "the mapping puts `\($0)` in its place" } ?? "the mapping leaves it out")
            )
        }
        ticket[keyPath: path] = value
    }

    private func carry(
        _ fields: [(name: String, rules: [WriteRule])], from ticket: Ticket, to made: inout Ticket,
        _ losses: inout [Loss]
    ) {
        made.customFields = [:]
        var carried: Set<String> = []
        for (name, rules) in fields {
            for rule in rules {
                rule.collectFields(&carried)
                if made.customFields[name] == nil, let value = rule.fieldValue(of: ticket) {
                    made.customFields[name] = value
                }
            }
        }
        for name in ticket.customFields.keys.sorted() where !carried.contains(name) {
            losses.append(
                loss(
                    "customFields.\(name)", ticket.customFields[name]?.text ?? "",
                    "the mapping does not name this field"))
        }
    }
}

extension FieldValue {
    /// As one text; lists joined by commas.
    var text: String {
        switch self {
        case .string(let text), .number(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .list(let texts): texts.joined(separator: ", ")
        }
    }
}

extension [WriteRule] {
    /// The texts of all rules.
    func values(of ticket: Ticket) -> [String] { flatMap { $0.texts(of: ticket) }.filter { !$0.isEmpty } }
}
