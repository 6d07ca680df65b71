// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Mapping
import Migration
import Sandbox
import Synchronization
import Testing
import TicketModel
import Transport

@testable import Connectors

/// A practice site of Smart Support in this process, and the ways to it.
struct SmartSupportBench {
    let sandbox: SmartSupportSandbox
    let front: SandboxFront
    let transport: InProcessTransport
    let clock: BenchClock

    static let key = "ss-key-1"

    /// Switches that change what answers look like, and nothing of what they say.
    static let shapes = [
        "data-array", "data-items", "meta-under-other-names", "other-names", "ids-as-strings", "nulls-absent",
        "list-without-message", "per-page-clamped", "per-page-refused", "updated-after-strict", "updated-after-utc",
        "order-ignored",
        "bearer-only", "plain-links", "php-noise", "zone-tokyo", "ping-without-time",
    ]

    static func open(
        _ switches: Set<String> = [], tickets: Int = 0, zone: String = "Europe/Berlin",
        clock: BenchClock = BenchClock(),
        observer: SandboxObserver? = nil
    ) async throws -> SmartSupportBench {
        var options = SandboxOptions(
            tickets: tickets, timeZone: zone, logins: [SandboxLogin(user: "key", password: key)], now: { clock.date })
        options.switches = switches
        let sandbox = try await SmartSupportSandbox.open(options)
        let front = SandboxFront(sandbox, observer: observer)
        return SmartSupportBench(
            sandbox: sandbox, front: front, transport: InProcessTransport(front), clock: clock)
    }

    func api(_ key: String = key, header: String? = nil, url: String = "http://127.0.0.1") throws -> SmartSupportAPI {
        let (base, _) = try BaseURL.parse(url, api: SmartSupportAPI.plugin)
        var api = SmartSupport.api(
            Connection(base: base, transport: transport, pacer: Pacer(PacingCurve(ceiling: 8))), key: Secret(key),
            header: header)
        api.client.retries = .never
        return api
    }

    func source(_ options: SmartSupportSource.Options = .init(), sink: Notes = Notes()) throws -> SmartSupportSource {
        SmartSupportSource(api: try api(), options: options, sink: sink)
    }

    /// Agents, departments and products of the site, as a migration file names them.
    static func options(_ change: (inout SmartSupportTarget.Options) -> Void = { _ in }) -> SmartSupportTarget.Options {
        var options = SmartSupportTarget.Options()
        options.agents = SmartSupportSite.pairs(SmartSupportSandbox.agents).map { ($0.name, $0.id) }
        options.departments = SmartSupportSite.pairs(SmartSupportSandbox.departments)
        options.products = SmartSupportSite.pairs(SmartSupportSandbox.products)
        options.settleTime = .seconds(5)
        change(&options)
        return options
    }

    func target(_ options: SmartSupportTarget.Options = Self.options()) throws -> SmartSupportTarget {
        SmartSupportTarget(api: try api(), options: options, clock: clock)
    }

    /// One run of a migration.
    @discardableResult
    func run(
        _ tickets: [Ticket], _ journal: MemoryJournal, options: SmartSupportTarget.Options = Self.options(),
        sink: Notes = Notes(), concurrency: Int = 4
    ) async throws -> RunReport {
        let setup = MigrationSetup(
            name: "test", sourceName: "fixed", source: FixedSource(tickets: tickets),
            mapping: TicketMapping { WriteMapping.none.draft(of: $0) }, notifications: .allow, concurrency: concurrency,
            clock: clock, sink: sink)
        var allowed = RunOptions()
        allowed.allowsNotifications = true
        return try await Runner(setup: setup, target: try target(options), journal: journal, options: allowed).migrate()
    }

    /// All tickets as a source reads them, by id.
    func read(_ source: SmartSupportSource) async throws -> [String: CanonicalLine] {
        var out: [String: CanonicalLine] = [:]
        for id in try await ids(source) { out[id] = try await source.fetch(Stub(id: id)) }
        return out
    }

    /// The ids of a listing, each once, and how many pages it took.
    func ids(_ source: any TicketSource, since: Timestamp? = nil, after: Cursor? = nil) async throws -> [String] {
        var cursor = after
        var seen: Set<String> = []
        var out: [String] = []
        var pages = 0
        repeat {
            let page = try await source.list(since: since, after: cursor)
            for stub in page.stubs where seen.insert(stub.id).inserted { out.append(stub.id) }
            cursor = page.next
            pages += 1
            if pages > 2000 { throw EndlessList() }
        } while cursor != nil
        return out
    }

    struct EndlessList: Error {}
}

/// Time that passes when somebody waits, and a second with each look at the calendar.
final class BenchClock: RunClock {
    private let time = Mutex<(calendar: Double, steady: Duration)>((1_760_000_000, .seconds(1000)))
    private let ticks: Bool

    init(ticks: Bool = true) { self.ticks = ticks }

    var date: Date {
        Date(
            timeIntervalSince1970: time.withLock { time in
                if ticks { time.calendar += 0.25 }
                return time.calendar
            })
    }

    func now() -> Timestamp { Timestamp(seconds: Int64(time.withLock { $0.calendar })) }

    func elapsed() -> Duration { time.withLock { $0.steady } }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        time.withLock { time in
            time.calendar += duration.totalSeconds
            time.steady += duration
        }
        await Task.yield()
    }
}

/// A source that has its tickets at hand.
struct FixedSource: TicketSource {
    let tickets: [Ticket]

    func identity() async throws -> String? { "fixed" }

    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        Page(stubs: tickets.map { Stub(id: $0.id, line: CanonicalLine($0)) }, next: nil)
    }

    func fetch(_ stub: Stub) async throws -> CanonicalLine { CanonicalLine(Ticket(id: stub.id)) }

    func file(for attachment: TicketModel.Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        .failure(FileUnavailable("there is none"))
    }

    func losses() async -> [Loss] { [] }

    func readReport() async -> ReadReport { ReadReport() }
}

/// Tickets of hostile text and all kinds of people.
enum HostileTickets {
    static let texts = [
        "<p>It & C:\\ &lt;b&gt; 5 < 6 > 4</p>", "line one\nline two\r\nline three", "emoji 👩‍👩‍👧‍👦 \u{202E}שלום",
        "<script>alert('x')</script><b onclick=\"x()\">bold</b>",
        "\\\\ \\' \\\" %s %41 {{customer.email}} ##agent.email##",
        "[ferry-aaaaaaaaaaaaa-0-]", "[caption]short[/caption] <!-- comment -->", "   ", "",
        "<table><tr><td style=\"color:red;position:fixed\">cell</td></tr></table>", "plain and simple",
        String(repeating: "long äöü ", count: 400), "a\u{0}b\u{7}c", "<p>unclosed <i>italic", "text\n", "\n\nabove",
    ]

    static func all(_ count: Int = 20, sharing: Bool = false) -> [Ticket] {
        (0..<count).map { ticket($0, email: sharing ? "zoe-\($0 % 5)@cust.example" : "zoe-\($0)@cust.example") }
    }

    static func ticket(_ n: Int, email: String) -> Ticket {
        let customer = Person(
            id: "7", role: .customer, name: "Zoë “Z” de la Cruz", email: n == 7 ? "not an address" : email)
        let ada = Person(role: .agent, name: "Ada Okafor", email: "ada@lab.example")
        let gone = Person(role: .agent, name: "Gone Agent", email: "gone@old.example")
        let third = Person(role: .customer, name: "Mary Ann", email: "mary@partner.example")
        var ticket = Ticket(id: "s\(n)")
        ticket.subject = ["Größe & Menge", "C:\\Users\\new", "<b>tag</b> 100%41", "two  blanks", "مرحبا"][n % 5]
        if n == 4 { ticket.subject = nil }
        ticket.status = [.new, .open, .pending, .closed, .resolved, .onHold][n % 6]
        ticket.priority = [.low, .normal, .high, .urgent][n % 4]
        ticket.requester = customer
        ticket.assignee = n % 3 == 0 ? ada : n % 3 == 1 ? gone : nil
        ticket.department = n % 4 == 0 ? "Billing" : n % 4 == 1 ? "Nowhere" : nil
        ticket.product = n % 5 == 0 ? "App" : n % 5 == 1 ? "Unknown" : nil
        ticket.createdAt = Timestamp("2024-06-01T12:00:00Z")
        ticket.updatedAt = Timestamp("2024-07-01T12:00:00Z")
        if n % 2 == 0 { ticket.tags = ["vip"] }
        if n % 7 == 0 { ticket.customFields = ["Order": .string("A-\(n)")] }
        func message(_ kind: Message.Kind, _ author: Person?, _ text: String, _ day: Int) -> Message {
            var message = Message(kind: kind)
            message.id = "m\(day)"
            message.author = author
            message.body = n % 6 == 5 ? .text(text) : .html(text, lineBreaks: true)
            message.createdAt = Timestamp(seconds: 1_717_243_200 + Int64(day) * 60)
            return message
        }
        func text(_ i: Int) -> String { texts[(n + i) % texts.count] }
        ticket.messages = [message(n == 9 ? .note : .reply, n == 11 ? ada : customer, text(0), 0)]
        if n % 8 != 6 {
            ticket.messages += [
                message(.reply, ada, text(1), 1), message(.note, ada, "SECRET \(text(2))", 2),
                message(.reply, customer, text(3), 3), message(.reply, gone, text(4), 4),
                message(.note, customer, "SECRET by a customer", 5), message(.reply, third, text(5), 6),
                message(.event, Person(role: .system), "Ticket closed", 7), message(.reply, nil, "by nobody", 8),
            ]
        }
        if n == 2 {
            var file = TicketModel.Attachment()
            file.name = "a.png"
            ticket.messages[0].attachments = [file]
        }
        return ticket
    }
}
