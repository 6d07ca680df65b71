// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// The columns of a ticket in the order in which the API lists them, the id left out.
    static let ticketColumns = [
        "customer_id", "agent_id", "mailbox_id", "product_id", "product_source", "privacy", "priority",
        "client_priority", "status", "title", "slug", "hash", "content_hash", "message_id", "source", "content",
        "secret_content", "last_agent_response", "last_customer_response", "waiting_since", "response_count",
        "first_response_time", "total_close_time", "resolved_at", "closed_by", "created_at", "updated_at",
    ]

    /// The columns that hold a moment.
    static let moments: Set<String> = [
        "last_agent_response", "last_customer_response", "waiting_since", "resolved_at", "created_at", "updated_at",
    ]

    /// The columns that the API shows in UTC with a zone; the others stay as the database has them.
    private static let zoned: Set<String> = ["waiting_since", "created_at", "updated_at"]

    /// The columns of a person.
    static let personColumns = [
        "first_name", "last_name", "email", "title", "avatar", "person_type", "status", "ip_address", "last_ip_address",
        "address_line_1", "address_line_2", "city", "zip", "state", "country", "note", "hash", "user_id", "description",
        "remote_uid", "last_response_at", "created_at", "updated_at",
    ]

    /// A ticket's columns.
    ///
    /// Read from the database, numbers are strings; those in `fresh` were just set and are numbers.
    func shape(_ ticket: Ticket, fresh: Set<String> = []) -> JSON {
        var members = [JSON.Member("id", JSON(ticket.id))]
        for column in Self.ticketColumns { members.append(.init(column, value(ticket, column, fresh: fresh))) }
        return .object(members)
    }

    func value(_ ticket: Ticket, _ column: String, fresh: Set<String> = []) -> JSON {
        guard let text = ticket[column] else { return .null }
        if Self.zoned.contains(column) { return iso(text) }
        return fresh.contains(column) && Int(text) != nil ? .number(text) : .string(text)
    }

    /// A person with all columns.
    func shape(_ person: Person) -> JSON {
        var members = [JSON.Member("id", JSON(person.id))]
        for column in Self.personColumns {
            let zoned = column == "created_at" || column == "updated_at"
            members.append(.init(column, zoned ? iso(person[column]) : JSON(person[column])))
        }
        return .object(members + Self.computed(person))
    }

    /// A person with the columns that lists show.
    func shortShape(_ person: Person) -> JSON {
        let members = ["first_name", "last_name", "email", "avatar"].map { JSON.Member($0, JSON(person[$0])) }
        return .object(members + [.init("id", JSON(person.id))] + Self.computed(person))
    }

    private static func computed(_ person: Person) -> [JSON.Member] {
        [.init("full_name", .string(person.fullName)), .init("photo", .string(photo(person)))]
    }

    static func photo(_ person: Person) -> String {
        let face = "https://www.gravatar.com/avatar/\(md5(person.email.lowercased()))?s=128"
        let names = [person["first_name"], person["last_name"]].compactMap { $0 }.filter { !$0.isEmpty }
        guard !names.isEmpty else { return face }
        let drawn = "https://ui-avatars.com/api/\(names.joined(separator: "+"))"
        return "\(face)&d=\(PercentCoding.encode(drawn, plusForBlank: true))/128"
    }

    func shape(_ mailbox: Mailbox) -> JSON {
        [
            "id": JSON(mailbox.id), "name": .string(mailbox.name), "slug": .string(mailbox.slug),
            "box_type": .string(mailbox.boxType), "email": .string(mailbox.email),
            "mapped_email": .string(mailbox.mappedEmail), "email_footer": .string(mailbox.emailFooter),
            "settings": ["admin_email_address": .string(mailbox.adminEmail)], "avatar": .null, "created_by": .null,
            "is_default": mailbox.isDefault ? "yes" : "no", "created_at": iso(mailbox.createdAt),
            "updated_at": iso(mailbox.updatedAt),
        ]
    }

    func shape(_ product: Product) -> JSON {
        [
            "id": JSON(product.id), "source_uid": .null, "mailbox_id": .null, "title": .string(product.title),
            "description": JSON(product.description), "settings": .null, "source": "local", "created_by": .null,
            "created_at": iso(product.createdAt), "updated_at": iso(product.createdAt),
        ]
    }

    /// The tags of a ticket, in the order in which they were put on it.
    func tagShapes(_ ticket: Int) -> JSON {
        .array(
            tagLinks(of: ticket).compactMap { link -> JSON? in
                guard let tag = state.tags[link.tagID] else { return nil }
                return [
                    "id": JSON(tag.id), "tag_type": "ticket_tag", "title": .string(tag.title),
                    "slug": .string(tag.slug),
                    "description": .null, "settings": .null, "created_by": .null, "created_at": iso(tag.createdAt),
                    "updated_at": iso(tag.createdAt),
                    "pivot": ["source_id": .string(String(ticket)), "tag_id": .string(String(tag.id))],
                ]
            })
    }

    func shape(_ attachment: Attachment, _ call: Call) -> JSON {
        let sign = Self.md5("\(attachment.fileHash) \(options.seed)")
        return [
            "id": JSON(attachment.id), "ticket_id": JSON(attachment.ticketID.map(String.init)),
            "person_id": JSON(attachment.personID.map(String.init)),
            "conversation_id": JSON(attachment.responseID.map(String.init)), "file_type": .string(attachment.fileType),
            "settings": [
                "local_temp_path": .string(
                    "/srv/site/wp-content/uploads/fluent-support/temp_files/"
                        + "fluent_support-\(Self.md5(attachment.fileHash))___\(attachment.title)")
            ],
            "title": .string(attachment.title), "file_hash": .string(attachment.fileHash), "driver": "local",
            "status": .string(attachment.status), "file_size": .null, "created_at": iso(attachment.createdAt),
            "updated_at": iso(attachment.createdAt),
            "secureUrl": .string("\(call.site)/index.php?fst_file=\(attachment.fileHash)&secure_sign=\(sign)"),
        ]
    }

    /// A response as the database has it.
    func shape(_ response: Response) -> JSON {
        [
            "id": JSON(response.id), "serial": "1", "ticket_id": .string(String(response.ticketID)),
            "person_id": .string(String(response.personID)), "conversation_type": .string(response.kind),
            "content": .string(response.content), "source": .string(response.source),
            "content_hash": JSON(response.contentHash), "message_id": JSON(response.messageID), "is_important": "no",
            "created_at": iso(response.createdAt), "updated_at": iso(response.updatedAt),
        ]
    }

    /// Laravel's page of a list, as the plugin's framework gives it.
    ///
    /// - Throws: the 500s of a page size that is zero or negative.
    func paginate<Row>(
        _ rows: [Row], _ call: Call, path: String, table: String, order: String, shape: (Row) -> JSON
    ) throws -> JSON {
        let size = call["per_page"].map(\.phpInt) ?? 15
        if size == 0 { throw Failure.crash("Division by zero") }
        if size < 0 {
            throw Failure.crash(
                "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version "
                    + "for the right syntax to use near '' at line 1 (SQL: select * from `\(table)` \(order) offset 0)")
        }
        let page = max(1, call.int("page"))
        let last = max(1, (rows.count + size - 1) / size)
        let start = (page - 1) * size
        let shown = start < rows.count ? Array(rows[start..<min(rows.count, start + size)]) : []
        let base = "\(call.site)/wp-json/fluent-support/v2/\(path)"
        func url(_ page: Int) -> JSON { .string("\(base)/?page=\(page)") }
        let previous: JSON = page > 1 ? url(page - 1) : .null
        let next: JSON = page < last ? url(page + 1) : .null
        var links: [JSON] = [["url": previous, "label": "pagination.previous", "active": false]]
        for number in Self.window(page: page, last: last) {
            if let number {
                links.append(["url": url(number), "label": .string(String(number)), "active": .bool(number == page)])
            } else {
                links.append(["url": .null, "label": "...", "active": false])
            }
        }
        links.append(["url": next, "label": "pagination.next", "active": false])
        return [
            "current_page": JSON(page), "data": .array(shown.map(shape)), "first_page_url": url(1),
            "from": shown.isEmpty ? .null : JSON(start + 1), "last_page": JSON(last), "last_page_url": url(last),
            "links": .array(links), "next_page_url": next, "path": .string(base), "per_page": JSON(size),
            "prev_page_url": previous, "to": shown.isEmpty ? .null : JSON(start + shown.count),
            "total": JSON(rows.count),
        ]
    }

    /// Which page numbers are linked; nil stands for the gap.
    private static func window(page: Int, last: Int) -> [Int?] {
        if last < 14 { return (1...last).map { $0 } }
        if page <= 7 { return (1...10).map { $0 } + [nil, last - 1, last] }
        if page > last - 7 { return [1, 2, nil] + ((last - 9)...last).map { $0 } }
        return [1, 2, nil] + ((page - 3)...(page + 3)).map { $0 } + [nil, last - 1, last]
    }
}
