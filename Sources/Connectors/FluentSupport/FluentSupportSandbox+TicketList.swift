// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// `GET /tickets`: filters, search, order and pages; unknown filters are ignored in silence.
    func listTickets(_ call: Call) throws -> JSON {
        let agent = try requireAgent(call)
        var rows = Array(state.tickets.all)
        if call.field("filter_type") != "advanced" {
            rows = filtered(rows, by: call["filters"] ?? .null)
            rows = searched(rows, for: call.field("search") ?? "")
            if let customer = call["customer_id"]?.phpInt, customer != 0 {
                rows = rows.filter { $0.customerID == customer }
            }
        }
        rows = rows.filter { may(see: $0, call, agent) }
        let column = call.field("order_by") ?? "id"
        let descending = call.field("order_type").map { $0 == "DESC" } ?? true
        guard column == "id" || Self.ticketColumns.contains(column) else {
            throw Failure.crash(
                "Unknown column '\(column)' in 'order clause' (SQL: select * from `wp_fs_tickets` order by `\(column)` "
                    + "\(descending ? "desc" : "asc") limit \(call["per_page"]?.phpInt ?? 15) offset 0)")
        }
        sort(&rows, by: column, descending: descending)
        // Who else looks at a ticket is added for small pages only.
        let lively = call["per_page"].map { $0.phpInt < 15 } ?? true
        let order = "order by `\(column)` \(descending ? "desc" : "asc")"
        let page = try paginate(rows, call, path: "tickets", table: "wp_fs_tickets", order: order) { ticket in
            var row = shape(ticket)
            if lively { row["live_activity"] = [] }
            row["customer"] = customer(ticket.customerID).map { shortShape($0) } ?? .null
            row["agent"] = self.agent(ticket.agentID).map { shortShape($0) } ?? .null
            row["mailbox"] = ticket.mailboxID.flatMap { state.mailboxes[$0] }.map { shape($0) } ?? .null
            row["product"] = ticket.productID.flatMap { state.products[$0] }.map { shape($0) } ?? .null
            row["tags"] = tagShapes(ticket.id)
            row["preview_response"] = responses(of: ticket.id).last.map { shape($0) } ?? .null
            return row
        }
        return ["tickets": page]
    }

    private func sort(_ rows: inout [Ticket], by column: String, descending: Bool) {
        if column == "id" {
            if descending { rows.reverse() }
            return
        }
        let numeric = Self.numeric.contains(column)
        func precedes(_ a: Ticket, _ b: Ticket) -> Bool? {
            switch (a[column], b[column]) {
            case (nil, nil): return nil
            case (nil, _): return true
            case (_, nil): return false
            case (let x?, let y?):
                if x == y { return nil }
                return numeric ? (Int(x) ?? 0) < (Int(y) ?? 0) : x.lowercased() < y.lowercased()
            }
        }
        rows.sort { a, b in (descending ? precedes(b, a) : precedes(a, b)) ?? (a.id < b.id) }
    }

    /// The columns that hold numbers.
    static let numeric: Set<String> = [
        "customer_id", "agent_id", "mailbox_id", "product_id", "response_count", "first_response_time",
        "total_close_time", "closed_by",
    ]

    private static let groups: [String: Set<String>] = [
        "open": ["new", "active"], "active": ["active"], "closed": ["closed"], "new": ["new"],
    ]

    private func filtered(_ rows: [Ticket], by filters: JSON) -> [Ticket] {
        var rows = rows
        for filter in filters.members ?? [] where filter.value.phpTruth || filter.value.plainText == "0" {
            let texts = filter.value.texts.map { Text.field($0) }
            let wanted = Set(texts)
            switch filter.key {
            case "status_type":
                if let statuses = texts.first.flatMap({ Self.groups[$0] }) {
                    rows = rows.filter { statuses.contains($0.status) }
                }
            case "product_id", "client_priority", "priority", "mailbox_id":
                rows = rows.filter { $0[filter.key].map { wanted.contains($0) } ?? false }
            case "agent_id":
                rows = rows.filter { $0[filter.key].map { wanted.contains($0) } ?? wanted.contains("unassigned") }
            case "waiting_for_reply" where texts == ["yes"]:
                rows = rows.filter { ticket in
                    guard let answered = ticket["last_agent_response"], ticket.status != "new" else { return true }
                    return answered < (ticket["last_customer_response"] ?? "")
                }
            case "ticket_tags":
                let tags = Set(texts.compactMap { Int($0) })
                rows = rows.filter { tagLinks(of: $0.id).contains { tags.contains($0.tagID) } }
            default:
                break
            }
        }
        return rows
    }

    /// `column:value` searches one column, a number for equality, text as a part with SQL's wildcards; anything else is
    /// looked for in content, title, slug and id.
    ///
    /// What follows a second colon is lost.
    private func searched(_ rows: [Ticket], for search: String) -> [Ticket] {
        guard !search.isEmpty else { return rows }
        let parts = search.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if parts.count > 1, !parts[0].isEmpty {
            let (column, value) = (parts[0], parts[1])
            let known = column == "id" || (Self.fillable.contains(column) && Self.ticketColumns.contains(column))
            if known, !value.isEmpty, value != "0" {
                let pattern = Like(value)
                return rows.filter { ticket in
                    let text = column == "id" ? String(ticket.id) : ticket[column]
                    guard let text else { return false }
                    if let number = Double(value) { return Double(text) == number || text == value }
                    return pattern.matches(text)
                }
            }
        }
        let pattern = Like(search)
        return rows.filter { ticket in
            pattern.matches(ticket["content"] ?? "") || pattern.matches(ticket["title"] ?? "")
                || pattern.matches(ticket["slug"] ?? "") || String(ticket.id).contains(search)
        }
    }

    /// The columns that a request may set by name; those of dates and hashes among them are overwritten at creation.
    static let fillable: Set<String> = [
        "customer_id", "agent_id", "product_id", "mailbox_id", "product_source", "privacy", "priority",
        "client_priority",
        "status", "title", "slug", "hash", "source", "message_id", "content", "last_agent_response",
        "last_customer_response", "waiting_since", "response_count", "first_response_time", "total_close_time",
        "resolved_at", "closed_by",
    ]

    /// SQL's `LIKE '%…%'`: `%` stands for any text, `_` for any character, case does not count.
    struct Like {
        private let plain: [UInt8]?
        private let pattern: [Character]

        init(_ text: String) {
            let lower = text.lowercased()
            plain = lower.contains(where: { $0 == "%" || $0 == "_" }) ? nil : Array(lower.utf8)
            pattern = Array("%\(lower)%")
        }

        func matches(_ text: String) -> Bool {
            let lower = text.lowercased()
            if let plain { return Self.contains(Array(lower.utf8), plain) }
            let characters = Array(lower)
            var (t, p) = (0, 0)
            var (star, mark) = (-1, 0)
            while t < characters.count {
                if p < pattern.count, pattern[p] == "%" {
                    (star, mark) = (p, t)
                    p += 1
                } else if p < pattern.count, pattern[p] == "_" || pattern[p] == characters[t] {
                    p += 1
                    t += 1
                } else if star >= 0 {
                    mark += 1
                    (p, t) = (star + 1, mark)
                } else {
                    return false
                }
            }
            return pattern[p...].allSatisfy { $0 == "%" }
        }

        private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
            guard let first = part.first else { return true }
            guard text.count >= part.count else { return false }
            for i in 0...(text.count - part.count) where text[i] == first {
                if text[i..<(i + part.count)].elementsEqual(part) { return true }
            }
            return false
        }
    }
}
