// SPDX-License-Identifier: Apache-2.0
import Foundation
import Mapping
import Migration
import Sandbox
import Synchronization
import Testing
import TicketModel
import Transport

@testable import Connectors

/// A practice SupportEngine in this process, and what tests ask of it.
struct SupportEngineBench {
    let site: SupportEngineSandbox
    let front: SandboxFront
    let clock = StepClock()

    init(
        _ switches: Set<String> = [], tickets: Int = 0, seed: UInt64 = 7, token: String? = nil, faults: String? = nil,
        observer: SandboxObserver? = nil
    ) async throws {
        var options = SandboxOptions(
            seed: seed, tickets: tickets, timeZone: "Europe/Berlin",
            logins: token.map { [SandboxLogin(user: "", password: $0)] })
        options.switches = switches
        site = try await SupportEngineSandbox.open(options)
        front = SandboxFront(
            site, faults: try faults.map { try SandboxFaults(parsing: $0, seed: seed) } ?? SandboxFaults(),
            observer: observer)
    }

    static func api(_ transport: any HTTPTransport, token: String = "any", url: String = "http://127.0.0.1/help/api/")
        throws -> SupportEngineAPI
    {
        let (base, _) = try BaseURL.parse(url, api: SupportEngineAPI.path)
        var client = Connection(base: base, transport: transport, pacer: Pacer(PacingCurve(ceiling: 8)))
            .client(.bearer(Secret(token)))
        client.retries = RetryPolicy(base: .milliseconds(1), cap: .milliseconds(2))
        return SupportEngineAPI(client: client)
    }

    func api(token: String = "any") throws -> SupportEngineAPI {
        try Self.api(InProcessTransport(front), token: token)
    }

    /// All addresses that the site has.
    func addresses() async -> [String] {
        let rows = await site.dump()["tickets"]?.array ?? []
        return Array(Set(rows.compactMap { $0["email"]?.string })).sorted()
    }

    func source(
        _ addresses: [String]? = nil, html: Bool = false, zone: String? = "Europe/Berlin", sink: Notes = Notes()
    )
        async throws -> SupportEngineSource
    {
        let all: [String]
        if let addresses { all = addresses } else { all = await self.addresses() }
        return SupportEngineSource(
            api: try api(),
            options: .init(
                addresses: SupportEngineAddresses(all), zone: zone.flatMap { Zone.named($0) }, isHTML: html, perPage: 3),
            sink: sink)
    }

    /// Every ticket, by listing and fetching.
    static func read(_ source: SupportEngineSource) async throws -> [String: CanonicalLine] {
        var out: [String: CanonicalLine] = [:]
        var after: Cursor?
        repeat {
            let page = try await source.list(since: nil, after: after)
            for stub in page.stubs where out[stub.id] == nil { out[stub.id] = try await source.fetch(stub) }
            after = page.next
        } while after != nil
        return out
    }

    /// Runs a migration of tickets into the site, with a header above each message.
    func migrate(
        _ tickets: [Ticket], _ options: SupportEngineTarget.Options = .init(settleTime: .seconds(1)),
        journal: any Journal = MemoryJournal(), sink: Notes = Notes(), concurrency: Int = 4
    ) async throws -> (report: RunReport, target: SupportEngineTarget) {
        let target = SupportEngineTarget(api: try api(), options: options)
        let setup = MigrationSetup(
            name: "bench", sourceName: "made-up", source: ListedTickets(tickets),
            mapping: TicketMapping { ($0.benchDraft, []) }, notifications: nil, concurrency: concurrency, clock: clock,
            sink: sink)
        let runner = Runner(setup: setup, target: target, journal: journal, options: RunOptions())
        return (try await runner.migrate(), target)
    }

    static let identity = MigrationIdentity(migration: "bench", source: "made-up")

    /// What arrived, by the id of the ticket that it was made of: told by the marker.
    func arrived(_ tickets: [Ticket], html: Bool = false) async throws -> [String: [Ticket]] {
        var byDigest: [String: String] = [:]
        for ticket in tickets { byDigest[Self.identity.key(ticket: ticket.id, part: "ticket").digest] = ticket.id }
        var out: [String: [Ticket]] = [:]
        for line in try await Self.read(try await source(html: html)).values {
            let ticket = try line.ticket()
            guard let text = ticket.messages.first?.body?.content,
                let marker = SupportEngineText.marker(in: text), let id = byDigest[marker.digest]
            else { continue }
            out[id, default: []].append(ticket)
        }
        return out
    }
}

/// Tickets that are there at once.
struct ListedTickets: TicketSource {
    let tickets: [Ticket]

    init(_ tickets: [Ticket]) { self.tickets = tickets }

    func identity() async throws -> String? { "made-up" }
    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        Page(stubs: tickets.map { Stub(id: $0.id, line: CanonicalLine($0)) }, next: nil)
    }
    func fetch(_ stub: Stub) async throws -> CanonicalLine { CanonicalLine(Ticket(id: stub.id)) }
    func file(for attachment: TicketModel.Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        .failure(FileUnavailable("it is made up"))
    }
    func losses() async -> [Loss] { [] }
    func readReport() async -> ReadReport { ReadReport() }
}

/// Time that passes only when somebody waits.
final class StepClock: RunClock {
    private let time = Mutex<Duration>(.seconds(1_000_000))
    func now() -> Timestamp { Timestamp(seconds: Int64(elapsed().components.seconds)) }
    func elapsed() -> Duration { time.withLock { $0 } }
    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        time.withLock { $0 += duration }
        await Task.yield()
    }
}

extension Ticket {
    /// As the engine maps it without a mapping.
    var benchDraft: Draft {
        Draft(
            ticket: self, assignee: assignee?.email.map { .agent(email: $0) } ?? .unassigned,
            authorships: messages.map { .init(choice: .asWritten, header: HeaderTemplate.standard.line(for: $0)) })
    }

    /// Tickets with everything that a canonical ticket can have, and texts that break things.
    static func hostile(_ count: Int) -> [Ticket] {
        let texts = [
            "Hello,\r\n\r\nbye", "a&b=c+d 100% \\ / \"q\" 'x'", "  blanks  ", "שלום — RTL", "Ok 👍👩‍👩‍👧‍👦",
            "tab\t\u{1}\u{2028}end",
            "e\u{301}", "0", "", "<b>not html</b>", String(repeating: "ü😀\n", count: 10_000), "[ferry-not-ours]",
        ]
        return (0..<count).map { number in
            var ticket = Ticket(id: "t\(number)")
            let zoe = Person(
                id: "7", role: .customer, name: "Zoë \"\(number)\" Ünal", email: "zoe+\(number % 7)@cust.example")
            let ada = Person(id: "2", role: .agent, name: "Ada Okafor", email: "ada@lab.example")
            ticket.requester = number % 13 == 5 ? Person(role: .customer, name: "No Address") : zoe
            ticket.subject = ["Same subject", "😀 & <b>", "0", nil, String(repeating: "Ł", count: 300)][number % 5]
            ticket.status = [.open, .closed, .pending, nil, .new][number % 5]
            ticket.statusLabel = ticket.status?.rawValue
            ticket.priority = [.low, .normal, .high, .urgent, nil][number % 5]
            ticket.priorityLabel = ticket.priority?.rawValue
            ticket.createdAt = Timestamp(seconds: 1_700_000_000 + Int64(number) * 1000)
            ticket.updatedAt = ticket.createdAt
            if number % 3 == 0 { ticket.organization = "A&B + Söhne" }
            if number % 4 == 0 { ticket.department = ["Billing", "Größe & Maß", "Nowhere"][number % 3] }
            if number % 2 == 0 {
                ticket.customFields = ["Order number": .string("A-\(number) ü"), "Unknown": .bool(true)]
            }
            if number % 6 == 1 { ticket.customFields = ["Plan": .list(["Pro", "Team"])] }
            if number % 7 == 2 { ticket.tags = ["vip", "bug"] }
            if number % 7 == 3 { ticket.assignee = ada }
            for place in 0..<(1 + number % 7) {
                var message = Message(
                    kind: place == 0 && number % 11 != 4 ? .reply : [.reply, .note, .event][(number + place) % 3])
                message.id = "m\(place)"
                message.author = [zoe, ada, nil, ticket.requester][(number + place) % 4]
                let text = texts[(number * 5 + place) % texts.count]
                message.body = place == 2 ? .html("<p>Hi &amp; <b>\(number)</b></p>", lineBreaks: false) : .text(text)
                if message.kind == .note { message.body = .text("SECRET NOTE \(number) \(place)") }
                message.createdAt = ticket.createdAt.map { Timestamp(seconds: $0.seconds + Int64(place) * 60) }
                if (number + place) % 9 == 0 {
                    message.attachments = [.init()]
                    message.attachments[0].name = "bild ü.png"
                }
                ticket.messages.append(message)
            }
            return ticket
        }
    }

    /// The ticket's leaves by canonical path, without header lines and marks of ours; `as` is how it was written.
    func leaves(headers: [String] = []) -> [String: [String]] {
        var out: [String: [String]] = [:]
        func add(_ path: String, _ value: String?) { if let value { out[path, default: []].append(value) } }
        add("subject", subject)
        add("status", status?.rawValue ?? statusLabel)
        add("priority", priority?.rawValue ?? priorityLabel)
        add("requester.email", requester?.email)
        let name = requester?.displayName
        add("requester.name", name == requester?.email ? nil : name)
        add("department", department)
        add("organization", organization)
        add("assignee", assignee?.displayName)
        add("createdAt", createdAt?.description)
        add("updatedAt", updatedAt?.description)
        for tag in tags { add("tags[]", tag) }
        for (name, value) in customFields {
            switch value {
            case .list(let items): add("customFields.\(name)", "list: \(items)")
            case .bool(let bool): add("customFields.\(name)", "bool: \(bool)")
            case .string(let text), .number(let text): add("customFields.\(name)", text.isEmpty ? nil : text)
            }
        }
        if !extras.isEmpty { add("extras", "\(extras)") }
        for message in messages {
            add("messages[]", message.kind.rawValue)
            guard message.kind == .reply else { continue }
            add("messages[].author", message.author?.displayName ?? "-")
            add("messages[].createdAt", message.createdAt?.description ?? "-")
            for file in message.attachments { add("messages[].attachments[]", file.name) }
            switch message.body {
            case nil: add("messages[].body", "")
            case .text(let text)?: add("messages[].body", text.withoutOurs(headers))
            case .html(let html, _)?: add("messages[].body", "html: \(html.withoutOurs(headers))")
            }
        }
        return out
    }

    /// Differences that nobody declared, and losses that are no differences.
    func undeclared(as arrived: Ticket, losses: [Loss]) -> [String] {
        // The line above a text is part of it where no author's loss tells of it.
        let isTold = losses.contains { $0.field == "messages[].author" && $0.fallback == .header }
        let headers = isTold ? benchDraft.authorships.map(\.header) : []
        var arrived = arrived
        // What stands for an opening that is not public.
        if messages.first?.kind != .reply { arrived.messages.removeFirst() }
        let (a, b) = (leaves(), arrived.leaves(headers: headers))
        // A long text goes on in replies of nobody: whose is whose is not told then.
        let isLonger = messages.count(where: { $0.kind == .reply }) < arrived.messages.count
        let differing = Set(a.keys).union(b.keys).filter { a[$0] ?? [] != b[$0] ?? [] }
        var declared = Set(losses.map(\.field))
        if isLonger { declared.insert("messages[].author") }
        return differing.subtracting(declared).sorted().map { "\(id): \($0) differs: \(a[$0] ?? []) / \(b[$0] ?? [])" }
            .map { String($0.prefix(400)) }
            + declared.subtracting(differing).subtracting(isLonger ? ["messages[].author"] : []).sorted().map {
                "\(id): loss of \($0) is no difference"
            }
    }
}

extension String {
    /// Without the header line and the last line that holds our marker alone.
    func withoutOurs(_ headers: [String]) -> String {
        var text = self
        for header in headers where !header.isEmpty && text.hasPrefix("\(header)\n\n") {
            text = String(text.unicodeScalars.dropFirst(header.unicodeScalars.count + 2))
            break
        }
        for header in headers
        where !header.isEmpty && text.hasPrefix("<p><em>\(WordPressSite.escaped(header))</em></p>\n") {
            text = String(
                text.unicodeScalars.dropFirst("<p><em>\(WordPressSite.escaped(header))</em></p>\n".unicodeScalars.count)
            )
            break
        }
        guard SupportEngineText.marker(in: text) != nil else { return text }
        let bytes = Array(text.utf8)
        guard let last = bytes.lastIndex(of: 0x0A) else { return text }
        return String(decoding: bytes[..<last], as: UTF8.self)
    }
}
