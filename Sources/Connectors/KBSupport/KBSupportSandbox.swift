// SPDX-License-Identifier: Apache-2.0
internal import Foundation
package import Migration
package import Sandbox
package import TicketModel

/// A practice site: WordPress with KB Support 1.7.2, as it was measured over HTTP, oddities included.
///
/// Requests are handled one after another, each whole: the answer leaves after its change is in the state file.
package actor KBSupportSandbox: SandboxHelpdesk {
    /// What can be told to be otherwise.
    package static let switches: [ConnectorDescriptor.PracticeSwitch] = [
        .init("xmlrpc-off", "xmlrpc.php is blocked, as on many sites"),
        .init("sequential-numbers", "tickets are numbered T-1, T-2, … apart from their ids"),
        .init("departments-on", "departments are switched on, with Sales and Support"),
        .init("uploads-off", "the login may not upload files"),
        .init("no-participants", "tickets have no participants"),
        .init("agent-login", "the login is a support agent: its HTML is filtered, and it may not list agents"),
        .init("custom-statuses", "an add-on registers the status waiting-for-vendor"),
        .init("plain-permalinks", "the API answers under ?rest_route= only"),
        .init("php-warnings", "PHP prints warnings before the JSON"),
        .init("passwords-off", "application passwords are switched off", refuses: true),
        .init("header-dropped", "the web server keeps the login's header from WordPress", refuses: true),
        .init("plugin-absent", "KB Support is not there", refuses: true),
        .init("no-multicall", "XML-RPC takes one call at a time"),
    ]

    var tables: SandboxTables
    let options: SandboxOptions
    let zone: TimeZone
    var random: SandboxRandom
    /// Posts by what they hang on, ascending.
    var children: [Int: [Int]] = [:]

    /// Opens a practice site: with a state file the one that is in it, else a new one.
    ///
    /// A new site has the administrator, a manager, three agents, two customers with accounts, five tags, and as many
    /// made-up tickets as `options.tickets` says.
    /// - Throws: a `Diagnostic` when the state file cannot be used, or the time zone is unknown.
    package static func open(_ options: SandboxOptions = SandboxOptions()) async throws -> KBSupportSandbox {
        guard let zone = TimeZone(identifier: options.timeZone) else {
            throw Diagnostic(
                code: "sandbox.unknown-zone", "there is no time zone `\(options.timeZone)`",
                remedy: "name one of the tz database, such as Europe/Berlin or UTC", cause: .usage)
        }
        let sandbox = KBSupportSandbox(tables: try SandboxTables(state: options.state), options: options, zone: zone)
        try await sandbox.start()
        return sandbox
    }

    private init(tables: SandboxTables, options: SandboxOptions, zone: TimeZone) {
        self.tables = tables
        self.options = options
        self.zone = zone
        random = SandboxRandom(seed: options.seed ^ UInt64(tables["posts"].last) << 20)
    }

    private func start() throws {
        if tables.isEmpty { setUp() }
        indexChildren()
        try tables.commit()
    }

    private func indexChildren() {
        children = [:]
        for row in tables["posts"].all {
            if let id = row["id"]?.int, let parent = row["parent"]?.int, parent != 0 {
                children[parent, default: []].append(id)
            }
        }
    }

    /// Changes the tables as a test needs them; durable like a request.
    package func edit(_ change: @Sendable (inout SandboxTables) -> Void) throws {
        change(&tables)
        indexChildren()
        try tables.commit()
    }

    /// See ``SandboxHelpdesk/respond(to:)``.
    package func respond(to request: SandboxRequest) async -> SandboxResponse {
        var response = answer(request)
        do { try tables.commit() } catch {
            response = SandboxResponse(status: 500, json: ["message": .string("\(error)")])
        }
        return response
    }

    /// See ``SandboxHelpdesk/mails()``.
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
        if request.path.hasSuffix("/xmlrpc.php") { return "xmlrpc.php" }
        return FluentSupportSandbox.Call.restPath(request).split(separator: "/")
            .map { Int($0) == nil ? String($0) : "{id}" }.joined(separator: "/")
    }

    func isOn(_ name: String) -> Bool { options.switches.contains(name) }

    // MARK: Clocks and chance

    /// Now, in seconds since 1970.
    var seconds: Int { Int(options.now().timeIntervalSince1970.rounded(.down)) }

    /// A moment on the site's clock, as the API writes it.
    func local(_ seconds: Int) -> JSON {
        let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
        return .string(CivilTime(seconds + offset).text(separator: "T"))
    }

    /// A moment in UTC, as the API writes it.
    func gmt(_ seconds: Int) -> JSON { .string(CivilTime(seconds).text(separator: "T")) }

    /// So many hexadecimal digits of chance.
    func token(_ length: Int) -> String {
        var out = ""
        while out.utf8.count < length { out += String(random.next(), radix: 16) }
        return String(out.prefix(length))
    }

    /// Notes an e-mail that is not sent.
    func mail(to address: String, _ kind: String, ticket: Int) {
        _ = tables["mails"].insert { _ in ["to": .string(address), "kind": .string(kind), "ticket": JSON(ticket)] }
    }

    /// The statuses that are registered.
    var statuses: [String] {
        ["new", "open", "hold", "closed"] + (isOn("custom-statuses") ? ["waiting-for-vendor"] : [])
    }
}

extension KBSupportSandbox {
    /// A row of WordPress's table of posts.
    struct Post: Sendable {
        var id = 0
        var type = ""
        var status = ""
        var title = ""
        var content = ""
        var slug = ""
        var author = 0
        var parent = 0
        /// Seconds since 1970.
        var date = 0
        var modified = 0
        var meta = JSON.object([])
        /// Terms by taxonomy.
        var terms: [String: [Int]] = [:]

        init() {}

        init(_ row: JSON) {
            id = row["id"]?.int ?? 0
            type = row["type"]?.string ?? ""
            status = row["status"]?.string ?? ""
            title = row["title"]?.string ?? ""
            content = row["content"]?.string ?? ""
            slug = row["slug"]?.string ?? ""
            author = row["author"]?.int ?? 0
            parent = row["parent"]?.int ?? 0
            date = row["date"]?.int ?? 0
            modified = row["modified"]?.int ?? 0
            meta = row["meta"] ?? .object([])
            for member in row["terms"]?.members ?? [] {
                terms[member.key] = (member.value.array ?? []).compactMap(\.int)
            }
        }

        var row: JSON {
            [
                "id": JSON(id), "type": .string(type), "status": .string(status), "title": .string(title),
                "content": .string(content), "slug": .string(slug), "author": JSON(author), "parent": JSON(parent),
                "date": JSON(date), "modified": JSON(modified), "meta": meta,
                "terms": .object(
                    terms.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .array($0.value.map { JSON($0) })) }),
            ]
        }
    }

    func post(_ id: Int) -> Post? { tables["posts"][id].map(Post.init) }

    /// Stores a post; a new one (id 0) gets the next id.
    @discardableResult
    func store(_ post: Post) -> Post {
        var post = post
        if post.id == 0 {
            post.id = tables["posts"].last + 1
            if post.parent != 0 { children[post.parent, default: []].append(post.id) }
        }
        tables["posts"][post.id] = post.row
        return post
    }

    /// Deletes a post for good, without an e-mail; what hangs on it stays, and files let go of it.
    func remove(_ post: Post) {
        for id in children[post.id] ?? [] {
            guard var below = self.post(id), below.type == "attachment" else { continue }
            below.parent = 0
            tables["posts"][id] = below.row
        }
        children[post.id] = nil
        children[post.parent]?.removeAll { $0 == post.id }
        tables["posts"][post.id] = nil
    }

    /// All posts of a type, by id.
    func posts(_ type: String) -> [Post] {
        tables["posts"].all.lazy.filter { $0["type"]?.string == type }.map(Post.init)
    }

    /// The posts of a type below another, by id.
    func posts(_ type: String, below parent: Int) -> [Post] {
        (children[parent] ?? []).compactMap(post).filter { $0.type == type }
    }
}
