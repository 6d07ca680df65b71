// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import TicketModel

extension Draft {
    /// The ticket as a file holds it: after the rules, with the mapping's labels as the ticket's words.
    ///
    /// A file can hold every author, so all stay, except where the mapping puts another name in their place.
    /// - Returns: also what of the draft's ticket that replaces, as losses.
    func exported(of original: Ticket) -> (ticket: Ticket, losses: [Loss]) {
        var made = ticket
        var losses: [Loss] = []
        if let label = status {
            made.status = Ticket.Status(rawValue: label) ?? made.status
            if made.status?.rawValue != label { made.statusLabel = label }
        }
        if let label = priority {
            made.priority = Ticket.Priority(rawValue: label) ?? made.priority
            if made.priority?.rawValue != label { made.priorityLabel = label }
        }
        switch assignee {
        case .unassigned:
            if original.assignee?.displayName != nil { made.assignee = nil }
        case .agent(let email):
            // The address as read may be redacted by now.
            if email != original.assignee?.email { made.assignee = Person(role: .agent, email: email) }
        case .named: break
        }
        for (i, authorship) in authorships.enumerated() where made.messages.indices.contains(i) {
            let before = made.messages[i].author
            switch authorship.choice {
            case .asWritten, .header: continue
            case .placeholder(let name): made.messages[i].author = Person(role: before?.role, name: name)
            case .agent(let email): made.messages[i].author = Person(role: .agent, email: email)
            }
            losses += Self.lost(before, made.messages[i].author)
        }
        return (made, losses)
    }

    private static func lost(_ before: Person?, _ after: Person?) -> [Loss] {
        let parts: [(String, KeyPath<Person, String?>)] = [
            ("email", \.email), ("familyName", \.familyName), ("givenName", \.givenName), ("name", \.name),
            ("phone", \.phone),
        ]
        return parts.compactMap { name, path in
            guard let value = before?[keyPath: path], value != after?[keyPath: path] else { return nil }
            return Loss(
                field: "messages[].author.\(name)", value: value,
                reason: "the mapping puts somebody else in their place",
                fallback: .archive)
        }
    }
}
