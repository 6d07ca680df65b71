// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Mapping
package import Migration
package import Sandbox
package import TicketModel

/// A practice SupportEngine: the six pages of its API over tables of its own.
///
/// It behaves as the field notes measured the vendor's files; what those leave open is a switch.
package actor SupportEngineSandbox: SandboxHelpdesk {
    /// What the document and the vendor's files leave open.
    package static let switches: [ConnectorDescriptor.PracticeSwitch] = [
        .init("bad-token-200", "a refused token is answered with status 200"),
        .init("ids-as-strings", "numbers are strings, as before PHP 8.1"),
        .init("display-errors", "PHP's warnings and errors stand in the answers, status 200"),
        .init("silent-errors", "a failing database is not noticed: success with id 0 and nothing stored"),
        .init("lax-mode", "the database cuts and changes silently what does not fit"),
        .init("priority-enum", "the database knows low, medium and high alone"),
        .init("utf8mb3", "the database's connection has no emoji: an error, or question marks with lax-mode"),
        .init(
            "latin1", "texts that others stored, with letters beyond ASCII, make the whole answer empty", refuses: true),
        .init("no-undocumented-routes", "the pages of categories and custom fields are absent"),
        .init("no-category-table", "the page of categories reports a database error as text"),
        .init("no-custom-fields", "no custom field is active"),
        .init("required-field", "the custom field Order number is required"),
        .init("first-message-in-replies", "tickets made by the web form repeat their text as the first reply"),
        .init("first-message-only-in-replies", "tickets made by the web form have their text in the replies alone"),
        .init("foreign-keys", "categories and tickets that are not there are refused with 500"),
        .init("updated-at-null", "updated_at is null until the first reply"),
        .init("strict-collation", "addresses are compared byte by byte"),
        .init("more-columns", "tables with columns that the document does not name"),
    ]

    var tables: SandboxTables
    let options: SandboxOptions
    private let zone: Zone

    /// Opens a practice site: with a state file the one that is in it, else a new one with as many made-up tickets as
    /// `options.tickets` says.
    ///
    /// - Throws: a `Diagnostic` when the state file cannot be used, or the time zone is unknown.
    package static func open(_ options: SandboxOptions = SandboxOptions()) async throws -> SupportEngineSandbox {
        guard let zone = Zone.named(options.timeZone) else {
            throw Diagnostic(
                code: "sandbox.unknown-zone", "there is no time zone `\(options.timeZone)`",
                remedy: "name one of the tz database, such as Europe/Berlin or UTC", cause: .usage)
        }
        let site = SupportEngineSandbox(
            tables: try SandboxTables(state: options.state), options: options, zone: zone)
        try await site.start()
        return site
    }

    private init(tables: SandboxTables, options: SandboxOptions, zone: Zone) {
        self.tables = tables
        self.options = options
        self.zone = zone
    }

    private func start() throws {
        if tables.isEmpty, !options.fresh {
            setUp()
            seed()
        }
        try tables.commit()
    }

    func isOn(_ name: String) -> Bool { options.switches.contains(name) }

    /// Changes the tables as a test needs them; durable like a request.
    package func edit(_ change: @Sendable (inout SandboxTables) -> Void) throws {
        change(&tables)
        try tables.commit()
    }

    /// The time on the server's clock.
    var now: String { local(Int64(options.now().timeIntervalSince1970.rounded(.down))) }

    /// A moment on the server's clock: `2024-06-01 12:00:00`.
    func local(_ seconds: Int64) -> String {
        let text = Timestamp(seconds: zone.local(ofInstant: seconds)).description
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(8))"
    }

    package func mails() async -> [SandboxMail] { [] }

    package func dump() async -> JSON { tables.dump() }

    package nonisolated func route(of request: SandboxRequest) -> String { request.path }

    package func close() async { tables.close() }

    package func respond(to request: SandboxRequest) async -> SandboxResponse {
        let response = answer(request)
        do { try tables.commit() } catch {
            return SandboxResponse(status: 500, headers: Self.json, body: [])
        }
        return response
    }

    static let json = ["Content-Type": "application/json"]

    // MARK: Tables

    private func setUp() {
        for (id, name, email) in [
            (1, "Ada Okafor", "ada"), (2, "Bruno Sá Carvalho", "bruno"), (3, "Chiyo O'Neill", "chiyo"),
        ] {
            tables["users"][id] = ["id": JSON(id), "name": .string(name), "email": .string("\(email)@lab.example")]
        }
        for (id, name, icon) in [
            (1, "Billing", "fa-credit-card"), (2, "Technical", "fa-wrench"), (3, "Größe & Maß", nil as String?),
        ] {
            tables["ticket_categories"][id] = ["id": JSON(id), "name": .string(name), "icon": JSON(icon)]
        }
        let fields: [(String, String, String, String?, Int, Int)] = [
            ("tickets", "Order number", "text", nil, 1, 2), ("tickets", "Plan", "select", "Free,Pro,Team", 1, 1),
            ("tickets", "Old field", "text", nil, 0, 3), ("users", "Birthday", "date", nil, 1, 1),
        ]
        for (index, (zone, name, type, values, active, order)) in fields.enumerated() {
            let isRequired = isOn("required-field") && name == "Order number"
            tables["custom_fields"][index + 1] = [
                "id": JSON(index + 1), "zone": .string(zone), "name": .string(name), "type": .string(type),
                "required": JSON(isRequired ? 1 : 0), "possible_values": JSON(values),
                "is_active": JSON(isOn("no-custom-fields") ? 0 : active), "sort_order": JSON(order),
            ]
        }
    }

    /// The active fields of tickets, in the table's order.
    var activeFields: [JSON] {
        tables["custom_fields"].all.filter { $0["zone"]?.string == "tickets" && $0["is_active"]?.int == 1 }
    }

    /// Whether the database takes two texts for one: case, accents and blanks at the end do not count.
    func isSame(_ a: String?, _ b: String) -> Bool {
        guard let a else { return false }
        if a.utf8.elementsEqual(b.utf8) { return true }
        if isOn("strict-collation") { return false }
        return Self.folded(a) == Self.folded(b)
    }

    /// The rows of a table in which one of the members is the same text, by id.
    func rows(of table: String, where members: [String], are text: String) -> [JSON] {
        let found = tables[table].rows(by: members.joined(separator: " or "), Self.folded(text)) { row in
            members.compactMap { row[$0]?.string.map(Self.folded) }
        }
        return found.filter { row in members.contains { isSame(row[$0]?.string, text) } }
    }

    /// What is left of a text when case, accents and blanks at the end do not count.
    private static func folded(_ text: String) -> String {
        var text =
            text.utf8.allSatisfy { $0 < 0x80 }
            ? text.lowercased()
            : text.folding(options: [.caseInsensitive, .diacriticInsensitive, .widthInsensitive], locale: nil)
        while text.last == " " { text.removeLast() }
        return text
    }
}
