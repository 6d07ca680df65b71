// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Migration
package import Sandbox
package import TicketModel

/// A practice site: WordPress with Smart Support, as its document says; what that leaves open is a switch.
///
/// Nothing of it was measured, since the plugin is not public. Requests are handled one after another, each whole: the
/// answer leaves after its change is in the state file.
package actor SmartSupportSandbox: SandboxHelpdesk {
    /// What the document leaves open.
    static let switches: [ConnectorDescriptor.PracticeSwitch] = [
        .init("data-array", "`data` is the list or the ticket itself, not an object that holds it"),
        .init("data-items", "lists stand under `data.items`"),
        .init("meta-under-other-names", "totals stand under `meta.pagination.total_items`"),
        .init("other-names", "fields have other names: `content`, `date_created`, `customer_email`, `internal`"),
        .init("ids-as-strings", "ids and flags are strings"),
        .init("nulls-absent", "what is not there is left out, not null"),
        .init("list-without-message", "the list gives tickets without their texts"),
        .init("per-page-clamped", "a page has at most 7 tickets, whatever is asked for"),
        .init("per-page-refused", "more than 10 tickets a page are refused with 400"),
        .init("updated-after-strict", "`updated_after` leaves out tickets of that very second"),
        .init("updated-after-utc", "`updated_after` is held against UTC, while the site shows its own zone"),
        .init("order-ignored", "tickets always come newest first"),
        .init("no-notes-scope", "the key may not see internal notes (left out in silence) and not write them (403)"),
        .init("bearer-only", "the key is taken as a bearer only"),
        .init("other-plugin", "an unrelated plugin answers under the same namespace", refuses: true),
        .init("plugin-absent", "WordPress has no such plugin", refuses: true),
        .init("plain-links", "the site has no pretty links: only ?rest_route= works"),
        .init("php-noise", "a byte order mark and warnings of PHP stand before the JSON"),
        .init("submissions-limited", "at most 12 tickets of one customer within an hour, the next is refused with 429"),
        .init("submissions-limited-400", "the same, refused with 400"),
        .init("text-filtered", "texts go through WordPress' filter for posts, subjects through that for lines"),
        .init("no-welcome", "new customers are not welcomed by e-mail"),
        .init("quiet-changes", "changes of status and agent e-mail nobody"),
        .init("zone-tokyo", "the site's clock is that of Tokyo"),
        .init("ping-without-time", "/ping does not tell the server's time"),
    ]

    /// The agents as the `agents` option takes them.
    static let agents = "ada@lab.example=2, bruno@lab.example=3, chiyo@lab.example=4"
    /// The departments as the `departments` option takes them.
    static let departments = "Support=1, Billing=2, Sales=3"
    /// The products as the `products` option takes them.
    static let products = "Shop=1, App=2"
    /// How many tickets of one customer within an hour, where that is limited.
    static let submissions = 12

    var tables: SandboxTables
    let options: SandboxOptions
    let zone: TimeZone

    /// Opens a practice site: with a state file the one that is in it, else a new one.
    ///
    /// A new one has the administrator `admin`, the agents Ada, Bruno and Chiyo, three departments, two products, and as
    /// many made-up tickets as `options.tickets` says.
    /// - Throws: a `Diagnostic` when the state file cannot be used, or the zone or a switch is unknown.
    package static func open(_ options: SandboxOptions = SandboxOptions()) async throws -> SmartSupportSandbox {
        let name = options.switches.contains("zone-tokyo") ? "Asia/Tokyo" : options.timeZone
        guard let zone = TimeZone(identifier: name) else {
            throw Diagnostic(
                code: "sandbox.unknown-zone", "there is no time zone `\(name)`",
                remedy: "name one of the tz database, such as Europe/Berlin or UTC", cause: .usage)
        }
        let sandbox = SmartSupportSandbox(
            tables: try SandboxTables(state: options.state), options: options, zone: zone)
        try await sandbox.start()
        return sandbox
    }

    private init(tables: SandboxTables, options: SandboxOptions, zone: TimeZone) {
        self.tables = tables
        self.options = options
        self.zone = zone
    }

    private func start() throws {
        if tables.isEmpty { setUp() }
        try tables.commit()
    }

    /// Changes the tables as a test needs them; durable like a request.
    package func edit(_ change: @Sendable (inout SandboxTables) -> Void) throws {
        change(&tables)
        try tables.commit()
    }

    func has(_ name: String) -> Bool { options.switches.contains(name) }

    /// See ``SandboxHelpdesk/respond(to:)``.
    package func respond(to request: SandboxRequest) async -> SandboxResponse {
        var response = answer(request)
        do { try tables.commit() } catch {
            response = SandboxResponse(status: 500, json: ["message": .string("\(error)")])
        }
        return response
    }

    /// See ``SandboxHelpdesk/mails()``: `created`, `reply`, `welcome`, and at each change `closed`, `status` and
    /// `assigned`: the most that a site may send.
    package func mails() async -> [SandboxMail] {
        tables["mails"].all.map {
            SandboxMail(
                to: $0["to"]?.string ?? "", kind: $0["kind"]?.string ?? "", ticket: $0["ticket"]?.int ?? 0)
        }
    }

    /// See ``SandboxHelpdesk/dump()``.
    package func dump() async -> JSON { tables.dump() }

    /// See ``SandboxHelpdesk/close()``.
    package func close() async { tables.close() }

    /// See ``SandboxHelpdesk/route(of:)``.
    package nonisolated func route(of request: SandboxRequest) -> String {
        let parts = Self.restPath(request).split(separator: "/").map(String.init)
        return parts.enumerated().map { i, part in
            Int(part) != nil || (i > 0 && parts[i - 1] == "customers") ? "{id}" : part
        }.joined(separator: "/")
    }

    // MARK: Clock

    /// Now, in seconds since 1970.
    var seconds: Int { Int(options.now().timeIntervalSince1970.rounded(.down)) }

    /// A moment on the site's clock, as MySQL writes it.
    func local(_ seconds: Int) -> String {
        let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
        return SmartSupportClock.text(wall: Int64(seconds + offset))
    }

    // MARK: New

    private func setUp() {
        for (name, login, role) in [
            ("Site Admin", "admin", "administrator"), ("Ada Okafor", "ada", "agent"),
            ("Bruno Sá Carvalho", "bruno", "agent"), ("Chiyo O'Neill", "chiyo", "supervisor"),
        ] {
            _ = insert(
                "users", ["name": .string(name), "email": .string("\(login)@lab.example"), "role": .string(role)])
        }
        for (name, slug) in [("Support", "support"), ("Billing", "billing"), ("Sales", "sales-team")] {
            _ = insert("departments", ["name": .string(name), "slug": .string(slug)])
        }
        for name in ["Shop", "App"] { _ = insert("products", ["name": .string(name)]) }
        var random = Chance(seed: options.seed)
        for number in 0..<options.tickets { makeUp(number, &random) }
    }

    /// Adds a row under the next id, which it gets.
    func insert(_ table: String, _ row: JSON) -> JSON {
        tables[table].insert { id in
            var row = row
            row["id"] = JSON(id)
            return row
        }
    }

    /// Numbers that come again from the same seed.
    struct Chance {
        private var state: UInt64

        init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

        mutating func next(_ below: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(max(1, below)))
        }
    }

    private static let subjects = [
        "Cannot log in", "Größe & Menge falsch", "请求退款 \"dringend\"", "C:\\Users\\new <b>bold</b>",
        "🚨 site down 100%41",
        "مرحبا، لا يعمل", "It's O'Brien's order",
    ]
    private static let texts = [
        "<p>Hello,</p>\n<p>this is <b>bold</b> &amp; \"quoted\".</p>",
        "plain line one\r\nplain line two\r\n\r\nC:\\temp\\new",
        "emoji 👩‍👩‍👧‍👦 and 😀", "שלום עולם \u{202E}abc", "5 < 6 and 7 > 3 & so on", "<script>alert('x')</script> after",
        "<table><tr><td>cell</td></tr></table>", "a\\\\b \\' \\\" %s %00 {{customer.email}}", "<p>unclosed <i>italic",
        "[ferry] no marker\n[caption]short code[/caption]", "  leading and trailing  ",
    ]

    /// A ticket of chance, made without mails, as if it had come years ago.
    private func makeUp(_ number: Int, _ random: inout Chance) {
        let people = ["Max Doe", "Inès van der Berg", "Олег Łukasiewicz", "李伟", "Pat \"P\" O'Brien"]
        let email = "user\(random.next(max(1, options.tickets)))@cust.example"
        let user = user(email: email) ?? newUser(email, people[random.next(people.count)])
        // Several share a second.
        let start = 1_616_895_000 + number / 3 * 43_200
        let replies = random.next(5)
        var text = Self.texts[random.next(Self.texts.count)]
        if number % 17 == 16 { text += String(repeating: " long text äöü", count: 2000) }
        let ticket = insert(
            "tickets",
            [
                "user": user["id"] ?? .null, "subject": .string(Self.subjects[random.next(Self.subjects.count)]),
                "message": .string(text), "status": .string(SmartSupportSite.statuses[random.next(4)]),
                "state": .string(number % 11 == 10 ? "archived" : "opened"),
                "priority": .string(SmartSupportSite.priorities[random.next(4)]),
                "department": JSON(1 + random.next(3)),
                "product": random.next(3) == 0 ? .null : JSON(1 + random.next(2)),
                "agent": random.next(4) == 0 ? .null : JSON(2 + random.next(3)), "created": JSON(start),
                "updated": JSON(start + replies * 60),
            ])
        for reply in 0..<replies {
            let kind = random.next(3)
            _ = insert(
                "replies",
                [
                    "ticket": ticket["id"] ?? .null, "user": kind == 0 ? user["id"] ?? .null : JSON(2 + random.next(3)),
                    "type": kind == 0 ? "customer" : "agent", "internal": .bool(kind == 2),
                    "message": .string("\(reply): " + Self.texts[random.next(Self.texts.count)]),
                    // Two at a time.
                    "created": JSON(start + reply / 2 * 60),
                ])
        }
    }

    func user(email: String) -> JSON? {
        tables["users"].rows(where: "email", isLike: email).first
    }

    func newUser(_ email: String, _ name: String?) -> JSON {
        let local = String(email.prefix { $0 != "@" })
        let shown = name.flatMap { $0.isEmpty ? nil : $0 } ?? local
        return insert("users", ["name": .string(shown), "email": .string(email), "role": "customer"])
    }
}
