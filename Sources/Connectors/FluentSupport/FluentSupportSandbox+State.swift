// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// All tables of a practice site, as the plugin's database has them.
    struct State: Sendable {
        var tickets = SandboxTable<Ticket>()
        var responses = SandboxTable<Response>()
        var persons = SandboxTable<Person>()
        var users = SandboxTable<User>()
        var passwords = SandboxTable<AppPassword>()
        var mailboxes = SandboxTable<Mailbox>()
        var tags = SandboxTable<Tag>()
        var tagLinks = SandboxTable<TagLink>()
        var products = SandboxTable<Product>()
        var attachments = SandboxTable<Attachment>()
        var mails = SandboxTable<SandboxMail>()
        var savedReplies = SandboxTable<SavedReply>()
        var options = SandboxTable<Option>()
    }

    /// A row of `fs_tickets`.
    ///
    /// Any column can be written by the API, so columns are kept as the database's text; an absent one is NULL. Dates
    /// are in the site's zone, as `YYYY-MM-DD HH:MM:SS`.
    struct Ticket: Codable, Sendable {
        var id: Int
        var columns: [String: String]

        subscript(column: String) -> String? {
            get { columns[column] }
            set { columns[column] = newValue }
        }

        var customerID: Int? { columns["customer_id"].flatMap { Int($0) } }
        var agentID: Int? { columns["agent_id"].flatMap { Int($0) } }
        var mailboxID: Int? { columns["mailbox_id"].flatMap { Int($0) } }
        var productID: Int? { columns["product_id"].flatMap { Int($0) } }
        var closedBy: Int? { columns["closed_by"].flatMap { Int($0) } }
        var status: String { columns["status"] ?? "new" }
    }

    /// A row of `fs_conversations`.
    struct Response: Codable, Sendable {
        var id: Int
        var ticketID: Int
        var personID: Int
        var kind: String
        var content: String
        var source: String
        /// Absent on the lines that the plugin writes itself.
        var contentHash: String?
        var messageID: String?
        var createdAt: String
        var updatedAt: String
    }

    /// A row of `fs_persons`: customers and agents share one table and its ids.
    ///
    /// Columns as in ``Ticket``.
    struct Person: Codable, Sendable {
        var id: Int
        var columns: [String: String]
        /// An agent's permissions.
        var permissions: [String]?
        /// Mailboxes that an agent may not see.
        var restricted: [Int]?

        subscript(column: String) -> String? {
            get { columns[column] }
            set { columns[column] = newValue }
        }

        var email: String { columns["email"] ?? "" }
        var isAgent: Bool { columns["person_type"] == "agent" }
        var isCustomer: Bool { columns["person_type"] == "customer" }
        var userID: Int? { columns["user_id"].flatMap { Int($0) } }
        var fullName: String {
            [columns["first_name"], columns["last_name"]].compactMap { $0 }.joined(separator: " ").trimmingBlanks()
        }
    }

    /// A WordPress user.
    struct User: Codable, Sendable {
        var id: Int
        var login: String
        var email: String
        var firstName: String
        var lastName: String
        var roles: [String]
        var isAdministrator: Bool { roles.contains("administrator") }
    }

    /// An application password of a WordPress user.
    struct AppPassword: Codable, Sendable {
        var id: Int
        var userID: Int
        var uuid: String
        var name: String
        var password: String
        var createdAt: String
    }

    /// A row of `fs_mail_boxes` with its seven e-mails.
    struct Mailbox: Codable, Sendable {
        var id: Int
        var name: String
        var slug: String
        var boxType: String
        var email: String
        var mappedEmail: String
        var emailFooter: String
        var adminEmail: String
        var isDefault: Bool
        var createdAt: String
        var updatedAt: String
        /// The e-mails that somebody changed, by key; the others are as the plugin ships them.
        var emails: [String: EmailConfig]
    }

    /// What one kind of e-mail says and whether it is sent.
    struct EmailConfig: Codable, Sendable {
        var key: String
        var title: String
        var subject: String
        var body: String
        var status: String
        var canEditSubject: String
        var sendAttachments: String
    }

    /// A row of `fs_taggables` for tickets.
    struct Tag: Codable, Sendable {
        var id: Int
        var title: String
        var slug: String
        var createdAt: String
    }

    /// A tag on a ticket; the tag need not exist.
    struct TagLink: Codable, Sendable {
        var id: Int
        var ticketID: Int
        var tagID: Int
    }

    /// A row of `fs_products`.
    struct Product: Codable, Sendable {
        var id: Int
        var title: String
        var description: String?
        var createdAt: String
    }

    /// A row of `fs_attachments`; the bytes lie in a file of their own.
    struct Attachment: Codable, Sendable {
        var id: Int
        var ticketID: Int?
        var personID: Int?
        var responseID: Int?
        var fileType: String
        var title: String
        var fileHash: String
        /// `in-active` until a ticket or a response takes it.
        var status: String
        var sha256: String
        var size: Int
        var createdAt: String
        /// When it was uploaded, in seconds of the clock: unused uploads lose their bytes after two hours.
        var uploadedAt: Int
        /// Whether the hourly cleaning has taken the bytes.
        var lost: Bool
    }

    /// A setting of the site: the id says which.
    struct Option: Codable, Sendable {
        var id: Int
        var json: String

        /// The id of the business settings; absent: the defaults.
        static let business = 1
    }
}

extension FluentSupportSandbox.State {
    /// What changed since the last call, as lines for the state file.
    mutating func takeEntries() throws -> [SandboxLog.Entry] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var entries: [SandboxLog.Entry] = []
        func take<Row>(_ name: String, _ table: inout SandboxTable<Row>) throws {
            for (id, row) in table.takeChanges() {
                entries.append(.init(table: name, id: id, row: try row.map { Array(try encoder.encode($0)) }))
            }
        }
        try take("tickets", &tickets)
        try take("responses", &responses)
        try take("persons", &persons)
        try take("users", &users)
        try take("passwords", &passwords)
        try take("mailboxes", &mailboxes)
        try take("tags", &tags)
        try take("tagLinks", &tagLinks)
        try take("products", &products)
        try take("attachments", &attachments)
        try take("mails", &mails)
        try take("savedReplies", &savedReplies)
        try take("options", &options)
        return entries
    }

    /// Everything as lines for a new state file.
    func allEntries() throws -> [SandboxLog.Entry] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var entries: [SandboxLog.Entry] = []
        func take<Row>(_ name: String, _ table: SandboxTable<Row>) throws {
            entries.append(.init(table: name, last: table.last))
            for (number, row) in zip(table.ids, table.all) {
                entries.append(.init(table: name, id: number, row: Array(try encoder.encode(row))))
            }
        }
        try take("tickets", tickets)
        try take("responses", responses)
        try take("persons", persons)
        try take("users", users)
        try take("passwords", passwords)
        try take("mailboxes", mailboxes)
        try take("tags", tags)
        try take("tagLinks", tagLinks)
        try take("products", products)
        try take("attachments", attachments)
        try take("mails", mails)
        try take("savedReplies", savedReplies)
        try take("options", options)
        return entries
    }

    /// Puts one line of a state file back.
    ///
    /// Unknown tables are left out: they are of a later version.
    mutating func restore(_ entry: SandboxLog.Entry) throws {
        let decoder = JSONDecoder()
        func put<Row: Codable & Sendable>(_ table: inout SandboxTable<Row>) throws {
            if let last = entry.last { return table.restore(last: last) }
            guard let id = entry.id else { return }
            table.restore(try entry.row.map { try decoder.decode(Row.self, from: Data($0)) }, at: id)
        }
        switch entry.table {
        case "tickets": try put(&tickets)
        case "responses": try put(&responses)
        case "persons": try put(&persons)
        case "users": try put(&users)
        case "passwords": try put(&passwords)
        case "mailboxes": try put(&mailboxes)
        case "tags": try put(&tags)
        case "tagLinks": try put(&tagLinks)
        case "products": try put(&products)
        case "attachments": try put(&attachments)
        case "mails": try put(&mails)
        case "savedReplies": try put(&savedReplies)
        case "options": try put(&options)
        default: break
        }
    }
}
