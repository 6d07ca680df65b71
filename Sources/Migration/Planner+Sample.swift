// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

extension Planner {
    /// A few tickets that together show every value, every kind of loss and every extreme of a source.
    ///
    /// Goes through the whole source with reads alone. Memory grows with the number of different values, not of tickets.
    /// - Parameter count: at most so many; what shows most goes first.
    /// - Returns: their ids, for ``Selection/ids``.
    /// - Throws: `Diagnostic` where source, target or journal cannot be read at all.
    public func sample(_ count: Int) async throws -> Set<String> {
        var sample = Sample()
        try await scanAll { work, ticket in sample.add(ticket, losses: work.losses) }
        return sample.chosen(count)
    }
}

/// Chooses tickets by what they show that others do not.
struct Sample {
    /// The first ticket that shows something, with all that it shows.
    private var shown: [String: Set<String>] = [:]
    private var seen = Set<String>()
    /// The ticket that has most of something, by what.
    private var extremes: [String: (value: Int64, id: String)] = [:]
    /// Values of one field past which more of them show nothing new.
    private static let valuesOfOneField = 200
    private var values: [String: Int] = [:]

    mutating func add(_ ticket: Ticket, losses: [Loss]) {
        var shows = Set<String>()
        func show(_ field: String, _ value: String?) { if let value { shows.insert("\(field)=\(value)") } }
        show("status", ticket.statusLabel ?? ticket.status?.rawValue ?? "absent")
        show("priority", ticket.priorityLabel ?? ticket.priority?.rawValue ?? "absent")
        show("type", ticket.type)
        show("channel", ticket.channel)
        show("department", ticket.department)
        show("product", ticket.product)
        show("mailbox", ticket.mailbox)
        show("language", ticket.language)
        show("requester", ticket.requester?.email == nil ? "without an address" : "with an address")
        show("assignee", ticket.assignee == nil ? "nobody" : "somebody")
        for tag in ticket.tags { show("tag", tag) }
        for field in ticket.customFields.keys { show("field", field) }
        for relation in ticket.relations { show("relation", relation.kind.rawValue) }
        for message in ticket.messages {
            show("message", "\(message.kind.rawValue) by \(message.author?.role?.rawValue ?? "somebody")")
            for attachment in message.attachments { show("file", attachment.mediaType ?? "of no type") }
        }
        for loss in losses { show("loss", "\(loss.field): \(loss.reason)") }
        note(shows, of: ticket.id)

        extreme("messages", Int64(ticket.messages.count), ticket.id)
        extreme("text", Int64(ticket.messages.map { $0.body?.content.utf8.count ?? 0 }.max() ?? 0), ticket.id)
        extreme("files", Int64(ticket.messages.reduce(0) { $0 + $1.attachments.count }), ticket.id)
        if let created = ticket.createdAt {
            extreme("newest", created.seconds, ticket.id)
            extreme("oldest", -created.seconds, ticket.id)
        }
    }

    private mutating func note(_ shows: Set<String>, of id: String) {
        var isNew = false
        for one in shows where !seen.contains(one) {
            let field = String(one.prefix { $0 != "=" })
            guard values[field, default: 0] < Self.valuesOfOneField else { continue }
            values[field, default: 0] += 1
            seen.insert(one)
            isNew = true
        }
        if isNew { shown[id] = shows }
    }

    private mutating func extreme(_ what: String, _ value: Int64, _ id: String) {
        if let held = extremes[what], held.value >= value { return }
        extremes[what] = (value, id)
    }

    /// The ticket that shows most of what is still missing, again and again.
    func chosen(_ count: Int) -> Set<String> {
        var candidates = shown
        for (what, extreme) in extremes { candidates[extreme.id, default: []].insert("extreme=\(what)") }
        var missing = seen.union(extremes.keys.map { "extreme=\($0)" })
        var chosen = Set<String>()
        while chosen.count < count, !missing.isEmpty {
            let best = candidates.max { a, b in
                let (x, y) = (a.value.intersection(missing).count, b.value.intersection(missing).count)
                return x != y ? x < y : a.key > b.key
            }
            guard let best, !best.value.isDisjoint(with: missing) else { break }
            chosen.insert(best.key)
            missing.subtract(best.value)
        }
        return chosen
    }
}
