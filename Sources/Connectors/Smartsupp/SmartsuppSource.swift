// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import Synchronization
internal import TicketModel
internal import Transport

/// Reads conversations of Smartsupp through its API v2; sends nothing but reads.
///
/// The listing brings the conversations, a second request each the messages, and a third one the customer where nobody
/// asked for them yet.
final class SmartsuppSource: TicketSource {
    private struct State {
        var agents: [String: Person]?
        /// Contacts and visitors by `contact:ID`, `visitor:ID`.
        var people: [String: Person] = [:]
        /// Rows of the last pages by id, until they are fetched.
        var rows: [String: JSON] = [:]
        var older: [String: JSON] = [:]
        var report = ReadReport()
        /// Ids listed since the listing began in this process, and how many the service said there are.
        var listed: Set<Int> = []
        var total: Int?
        var isFromStart = false
    }

    /// A conversation may change a little after the time that it tells.
    private static let overlap: Int64 = 120
    private static let keptPeople = 20_000

    private let api: SmartsuppAPI
    private let account: SmartsuppAccountAPI?
    private let accountID: String?
    private let clock: SmartsuppClock
    private let sink: any DiagnosticSink
    private let files = AttachmentFetcher()
    private let state = Mutex(State())

    /// Wraps an API; nothing is sent yet.
    init(
        api: SmartsuppAPI, account: SmartsuppAccountAPI? = nil, clock: SmartsuppClock = SmartsuppClock(zone: nil),
        accountID: String? = nil, sink: any DiagnosticSink
    ) {
        self.api = api
        self.account = account
        self.clock = clock
        self.accountID = accountID
        self.sink = sink
    }

    /// The account's id; of a host that is not the service's own the host; else nobody can tell which account it is.
    func identity() async throws -> String? {
        if let accountID { return "smartsupp account \(accountID)" }
        let site = api.client.base.site
        guard !site.host.hasSuffix("smartsupp.com") else { return nil }
        return site.host + (site.port.map { ":\($0)" } ?? "")
    }

    var changesWithoutDate: String? { "what is no message, as far as anybody says" }

    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        _ = try await agents()
        let sent = try after.map { cursor in
            guard let json = try? JSON(parsing: cursor.text) else { throw Self.badCursor }
            return json
        }
        if after == nil {
            state.withLock {
                $0.report = ReadReport()
                ($0.listed, $0.total, $0.isFromStart) = ([], nil, true)
            }
        }
        var size = api.pageSize
        var page = try await api.search(after: sent, size: size, timezone: clock.name)
        var items = try api.items(page)
        // More conversations of one moment than a page holds: only a longer one leads on.
        while SmartsuppCursor.isStuck(page["after"], sent: sent), items.count >= size, size < SmartsuppAPI.searchSize {
            size = min(2 * size, SmartsuppAPI.searchSize)
            page = try await api.search(after: sent, size: size, timezone: clock.name)
            items = try api.items(page)
        }
        var stubs: [Stub] = []
        var kept: [String: JSON] = [:]
        for row in items {
            guard let id = row["id"]?.text, !id.isEmpty else {
                throw Diagnostic(
                    code: "smartsupp.odd-answer", "Smartsupp's search gave a conversation without an id",
                    subject: api.address, remedy: "run the same command again; if it stays so, ask Smartsupp",
                    cause: .unavailable)
            }
            let updated = updated(row)
            state.withLock { _ = $0.listed.insert(id.hashValue) }
            if let since, let updated, updated.seconds + Self.overlap < since.seconds { continue }
            kept[id] = row
            stubs.append(Stub(id: id, updatedAt: updated))
        }
        let next = SmartsuppCursor.next(page["after"], sent: sent, ascending: true, isEmpty: items.isEmpty)
        let (rows, total) = (kept, page["total"]?.int)
        let missing = state.withLock { state in
            state.older = state.rows
            state.rows = rows
            state.total = state.total ?? total
            guard next == nil, state.isFromStart, let total = state.total else { return 0 }
            return total - state.listed.count
        }
        if missing > 0 {
            sink.emit(
                Diagnostic(
                    .warning, code: "smartsupp.list-short",
                    "Smartsupp's search gave \(missing) conversations fewer than it counts", subject: api.address,
                    remedy: "run it again; conversations deleted meanwhile are counted, too", cause: .someFailed))
        }
        return Page(
            stubs: stubs, next: next.map { Cursor($0.canonicalText) }, total: since == nil && after == nil ? total : nil
        )
    }

    /// The latest time that a row tells.
    private func updated(_ row: JSON) -> Timestamp? {
        var clock = clock
        var fields = SmartsuppFields(row)
        let last = fields.take("last_message").flatMap { message -> JSON? in
            var message = SmartsuppFields(message)
            return message.take("created_at")
        }
        // A row that does not tell when it changed is looked at each time.
        guard let updated = clock.time(fields.take("updated_at")) else { return nil }
        return [updated, clock.time(fields.take("finished_at")) ?? updated, clock.time(last) ?? updated].max()
    }

    func fetch(_ stub: Stub) async throws -> CanonicalLine {
        let agents = try await agents()
        let conversation = try await row(stub.id)
        let messages = try await api.messages(of: stub.id)
        let people = try await people(of: conversation, messages, agents)
        var reader = SmartsuppTicketReader(clock: clock, people: people)
        let ticket = reader.ticket(conversation, messages: messages)
        let zoneless = reader.clock.zoneless
        state.withLock { state in
            state.report.read += ticket.messages.count
            state.report.inTickets += ticket.messages.count
            state.report.timesWithoutZone += zoneless
            if ticket.status == nil, let label = ticket.statusLabel {
                state.report.unmappedLabels["status", default: [:]][label, default: 0] += 1
            }
        }
        return CanonicalLine(ticket)
    }

    private func row(_ id: String) async throws -> JSON {
        let held = state.withLock { state in state.rows.removeValue(forKey: id) ?? state.older.removeValue(forKey: id) }
        if let held { return held }
        guard let row = try await api.find("conversations/\(PercentEncoding.encode(id))") else {
            throw Diagnostic(
                code: "smartsupp.gone", "conversation \(id) is not in Smartsupp any more", subject: api.address,
                remedy: "run the same command again: tickets that are gone are listed", cause: .someFailed)
        }
        return row
    }

    // MARK: People

    private func agents() async throws -> [String: Person] {
        if let known = state.withLock({ $0.agents }) { return known }
        var found: [String: Person] = [:]
        for row in try await api.agents() {
            if let agent = SmartsuppTicketReader.agent(row), let id = agent.id { found[id] = agent }
        }
        let agents = found
        state.withLock { $0.agents = agents }
        return agents
    }

    private func people(
        of conversation: JSON, _ messages: [JSON], _ agents: [String: Person]
    ) async throws -> SmartsuppTicketReader.People {
        var people = SmartsuppTicketReader.People(agents: agents)
        var fields = SmartsuppFields(conversation)
        let contact = fields.text("contact_id")
        let visitor = fields.text("visitor_id")
        let embedded = fields.take("contact_details") ?? fields.take("contact")
        if let contact {
            if let embedded, embedded.members != nil, embedded["email"] != nil || embedded["name"] != nil {
                people.requester = SmartsuppTicketReader.person(embedded, id: contact)
            } else {
                people.requester = try await person("contacts", contact, key: contact)
            }
        } else if let visitor {
            people.requester = try await person("visitors", visitor, key: "visitor:\(visitor)")
        }
        for message in messages {
            var fields = SmartsuppFields(message)
            guard let other = fields.text("contact_id"), other != contact, people.contacts[other] == nil else {
                continue
            }
            people.contacts[other] = try await person("contacts", other, key: other)
        }
        return people
    }

    /// A contact or visitor by id; one that is gone is a stable placeholder without a name.
    private func person(_ list: String, _ id: String, key: String) async throws -> Person {
        if let known = state.withLock({ $0.people["\(list):\(id)"] }) { return known }
        let row = try await api.find("\(list)/\(PercentEncoding.encode(id))")
        let person = row.flatMap { SmartsuppTicketReader.person($0, id: key) } ?? Person(id: key, role: .customer)
        state.withLock { state in
            if state.people.count >= Self.keptPeople { state.people.removeAll() }
            state.people["\(list):\(id)"] = person
        }
        return person
    }

    // MARK: Beside tickets

    func catalogue() async throws -> [CatalogueEntry] {
        var entries: [CatalogueEntry] = []
        var emails: Set<String> = []
        func add(_ rows: [JSON]) {
            for row in rows {
                guard let agent = SmartsuppTicketReader.agent(row), let id = agent.id else { continue }
                if let email = agent.email?.lowercased(), !emails.insert(email).inserted { continue }
                entries.append(
                    CatalogueEntry(.agent, id: id, name: agent.displayName ?? id, email: agent.email, details: row))
            }
        }
        add(try await api.agents())
        for row in try await api.contacts() {
            guard let id = row["id"]?.text, let person = SmartsuppTicketReader.person(row, id: id) else { continue }
            entries.append(
                CatalogueEntry(.customer, id: id, name: person.displayName ?? id, email: person.email, details: row))
        }
        if let account, let accountID {
            add(try await account.users(accountID).map { $0 })
            for row in try await account.triggers(accountID) {
                guard let id = row["id"]?.text else { continue }
                entries.append(
                    CatalogueEntry(.automaticMessage, id: id, name: row["name"]?.text ?? id, details: row))
            }
        } else if account != nil {
            sink.emit(
                Diagnostic(
                    .warning, code: "smartsupp.no-account-id", "`apiKey` is given and `account` is not",
                    remedy: "add `account: ID` to read users and triggers by the account API"))
        }
        return entries.sorted { a, b in
            if a.kind != b.kind { return a.kind.rawValue < b.kind.rawValue }
            return IdentifierOrder.precedes(Array(a.id.utf8), Array(b.id.utf8))
        }
    }

    func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        try await files.file(for: attachment, client: api.client)
    }

    func losses() async -> [Loss] { [] }

    func readReport() async -> ReadReport { state.withLock { $0.report } }

    func close() async {
        files.close()
        await api.client.transport.close()
    }

    private static var badCursor: Diagnostic {
        Diagnostic(
            code: "smartsupp.cursor", "this is no place where a listing of Smartsupp was left",
            remedy: "start the listing anew", cause: .bug)
    }
}
