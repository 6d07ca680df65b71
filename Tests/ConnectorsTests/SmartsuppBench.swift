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

/// A practice Smartsupp in this process, and the connector's two sides on it.
struct SmartsuppBench {
    let sandbox: SmartsuppSandbox
    let front: SandboxFront
    let notes = Notes()
    let log = Lines()

    /// All switches.
    static let switches = SmartsuppSandbox.switches.map(\.name)

    /// Ten random combinations, the same in every run.
    static var combinations: [Set<String>] {
        var random = SandboxRandom(seed: 42)
        return (0..<10).map { _ in
            Set(switches.filter { _ in Bool.random(using: &random) }).subtracting(["rate-limited"])
        }
    }

    init(
        _ switches: Set<String> = [], tickets: Int = 0, seed: UInt64 = 1, logins: [SandboxLogin]? = nil,
        state: String? = nil, faults: SandboxFaults = SandboxFaults(), observer: SandboxObserver? = nil
    ) throws {
        var options = SandboxOptions(state: state, seed: seed, tickets: tickets, logins: logins)
        options.switches = switches
        sandbox = try SmartsuppSandbox(options)
        front = SandboxFront(sandbox, faults: faults, observer: observer)
    }

    private func connection(_ url: String) throws -> Connection {
        let (base, _) = try BaseURL.parse(url, api: SmartsuppAPI.path)
        let log = log
        return Connection(
            base: base, transport: InProcessTransport(front), pacer: Pacer(PacingCurve(ceiling: 8)),
            log: { log.add($0) })
    }

    private func context(_ options: [String: OptionValue]) -> OpenContext {
        let log = log
        return OpenContext(
            options: options, folder: "/tmp", file: "test.yaml", sink: notes, log: { log.add($0) }, migration: "test")
    }

    /// The source as a migration file opens it.
    func source(
        url: String = "http://127.0.0.1/v2", _ options: [String: OptionValue] = [:]
    ) async throws -> any TicketSource {
        let options = ["token": OptionValue.secret(Secret("good-token"))].merging(options) { $1 }
        let open = try #require(Smartsupp.helpdesk.source)
        return try await open(context(options), connection(url))
    }

    /// The target as a migration file opens it.
    func target(
        url: String = "http://127.0.0.1/v2", _ options: [String: OptionValue] = [:]
    ) async throws -> any TicketTarget {
        let base: [String: OptionValue] = ["token": .secret(Secret("good-token")), "settle": .text("1")]
        let open = try #require(Smartsupp.helpdesk.target)
        return try await open(context(base.merging(options) { $1 }), connection(url))
    }

    /// Everything that a source gives, by id.
    static func read(_ source: any TicketSource) async throws -> [String: CanonicalLine] {
        var out: [String: CanonicalLine] = [:]
        var cursor: Cursor?
        repeat {
            let page = try await source.list(since: nil, after: cursor)
            for stub in page.stubs {
                if let line = stub.line { out[stub.id] = line } else { out[stub.id] = try await source.fetch(stub) }
            }
            cursor = page.next
        } while cursor != nil
        return out
    }

    /// One run as a process of its own.
    @discardableResult
    func run(
        _ tickets: [Ticket], catalogue: [CatalogueEntry] = [], journal: any Journal = MemoryJournal(),
        options target: [String: OptionValue] = [:],
        policy: NotificationPolicy = .allow, adopts: Bool = false, clock: any RunClock = HastyClock()
    ) async throws -> RunReport {
        var options = RunOptions()
        options.allowsNotifications = true
        options.adopts = adopts
        var setup = MigrationSetup(
            name: "test", sourceName: "acme", source: TicketList(tickets, catalogue),
            mapping: TicketMapping { WriteMapping.none.draft(of: $0) }, notifications: policy, concurrency: 4,
            clock: clock,
            sink: notes)
        setup.creating = Set(CatalogueEntry.Kind.allCases)
        return try await Runner(setup: setup, target: self.target(target), journal: journal, options: options).migrate()
    }
}

/// Collects lines.
final class Lines: Sendable {
    private let value = Mutex<[String]>([])
    var all: [String] { value.withLock { $0 } }
    func add(_ line: String) { value.withLock { $0.append(line) } }
}

/// Waits a hundredth of what is asked for.
struct HastyClock: RunClock {
    private let inner = SystemRunClock()
    func now() -> Timestamp { inner.now() }
    func elapsed() -> Duration { inner.elapsed() * 100 }
    func sleep(for duration: Duration) async throws { try await inner.sleep(for: duration / 100) }
}

/// Tickets in memory as a source.
final class TicketList: TicketSource {
    private let tickets: [Ticket]
    private let entries: [CatalogueEntry]
    init(_ tickets: [Ticket], _ entries: [CatalogueEntry] = []) { (self.tickets, self.entries) = (tickets, entries) }
    func catalogue() async throws -> [CatalogueEntry] { entries }
    func identity() async throws -> String? { "acme" }
    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        Page(stubs: tickets.map { Stub(id: $0.id, line: CanonicalLine($0)) }, next: nil, total: tickets.count)
    }
    func fetch(_ stub: Stub) async throws -> CanonicalLine {
        guard let line = stub.line else { throw CancellationError() }
        return line
    }
    func file(for attachment: TicketModel.Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        .failure(FileUnavailable("there is none"))
    }
    func losses() async -> [Loss] { [] }
    func readReport() async -> ReadReport { ReadReport() }
}

/// Leaf by leaf: what of a ticket did not come back, by path; and whether losses and differences are the same.
struct SmartsuppComparison {
    private(set) var differences: [String: String] = [:]

    init(_ ticket: Ticket, losses: [Loss], _ back: Ticket) {
        func compare<Value: Equatable>(_ path: String, _ a: Value, _ b: Value) {
            if a != b { differences[path] = "\(a) → \(b)" }
        }
        func name(_ person: Person?) -> String? {
            person.flatMap { Person(name: $0.name, givenName: $0.givenName, familyName: $0.familyName).displayName }
        }
        if ticket.status != nil || ticket.statusLabel != nil { compare("status", ticket.status, back.status) }
        compare("priority", ticket.priority, back.priority)
        compare("subject", ticket.subject, back.subject)
        compare("tags[]", Set(ticket.tags), Set(back.tags))
        compare("department", ticket.department, back.department)
        compare("product", ticket.product, back.product)
        if ticket.channel != nil { compare("channel", ticket.channel, back.channel) }
        if ticket.createdAt != nil { compare("createdAt", ticket.createdAt, back.createdAt) }
        if ticket.updatedAt != nil { compare("updatedAt", ticket.updatedAt, back.updatedAt) }
        if ticket.resolvedAt != nil { compare("resolvedAt", ticket.resolvedAt, back.resolvedAt) }
        compare("assignee", ticket.assignee?.email, back.assignee?.email)
        compare("requester.email", ticket.requester?.email, back.requester?.email)
        compare("requester.name", name(ticket.requester), name(back.requester))
        compare("requester.phone", ticket.requester?.phone, back.requester?.phone)
        for field in Set(ticket.customFields.keys).union(back.customFields.keys) {
            compare("customFields.\(field)", Self.text(ticket.customFields[field]), Self.text(back.customFields[field]))
        }
        let headers = WriteMapping.none.draft(of: ticket).0.authorships.map(\.header)
        let replies = ticket.messages.indices.filter { ticket.messages[$0].kind == .reply }
        if replies.count != ticket.messages.count {
            differences["messages[]"] = "\(ticket.messages.count) → \(replies.count)"
        }
        if back.messages.count != replies.count {
            differences["messages[]"] = "\(replies.count) → \(back.messages.count)"
        }
        let named = losses.contains { $0.field == "messages[].author" }
        for (index, found) in zip(replies, back.messages) {
            let message = ticket.messages[index]
            compare("messages[].kind", message.kind, found.kind)
            if message.createdAt != nil { compare("messages[].createdAt", message.createdAt, found.createdAt) }
            let isTheirs =
                message.author.map(ticket.isRequester) ?? false && found.author.map(back.isRequester) ?? false
            if !isTheirs { compare("messages[].author", message.author?.email, found.author?.email) }
            if !message.attachments.isEmpty {
                compare("messages[].attachments[]", message.attachments.count, found.attachments.count)
            }
            let (a, b) = (Self.words(message.body), Self.words(found.body))
            if named, let rest = Self.without(headers[index], b) {
                if rest != a { differences["messages[].body"] = "\(a) → \(rest)" }
            } else if a != b {
                differences["messages[].body"] = "\(a) → \(b)"
            }
        }
    }

    /// What is not explained, in both directions.
    func unexplained(_ losses: [Loss]) -> [String] {
        let fields = Set(losses.map(\.field))
        let undeclared = differences.filter { difference in
            !fields.contains { difference.key == $0 || difference.key.hasPrefix("\($0).") }
        }
        let idle = fields.filter { field in
            !field.hasPrefix("extras") && !field.hasPrefix("messages[].extras")
                && !["messages[].attachments[]", "participants[]", "requester"].contains(field)
                && !differences.keys.contains { $0 == field || $0.hasPrefix("\(field).") }
        }
        return undeclared.map { "undeclared \($0.key): \($0.value)" } + idle.map { "declared and not lost: \($0)" }
    }

    private static func text(_ value: FieldValue?) -> String? {
        switch value {
        case .string(let text), .number(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .list(let items): items.joined(separator: "\n")
        case nil: nil
        }
    }

    private static func words(_ body: Message.Body?) -> String {
        switch body {
        case .html(let html, let lineBreaks):
            let (text, isSimple) = SmartsuppText.plain(html, lineBreaks: lineBreaks)
            return isSimple ? text : html
        case .text(let text): return text
        case nil: return ""
        }
    }

    private static func without(_ header: String, _ text: String) -> String? {
        let line = "<p><em>\(SmartsuppText.escaped(header))</em></p>"
        if text.hasPrefix(line) {
            let rest = String(text.dropFirst(line.count))
            let (plain, isSimple) = SmartsuppText.plain(rest, lineBreaks: false)
            return isSimple ? plain : rest
        }
        return text.hasPrefix("\(header)\n") ? String(text.dropFirst(header.count + 1)) : nil
    }
}

extension Ticket {
    /// Tickets of all kinds: notes, events, third persons, markup, hostile words, nobody's address.
    static func chats() -> [Ticket] {
        let texts: [Message.Body?] = [
            .text("if a < b && c > d then <b>x</b> & \"q\""),
            .html("<p>Hello <strong>you</strong> &amp; me</p>", lineBreaks: false),
            .html("one\ntwo\n\nthree", lineBreaks: true), .html("<div>a</div>\n<ul><li>b</li></ul>", lineBreaks: true),
            .text("=cmd|' /C calc'!A0 \\ 🚨 שלום"), nil, .text("  "),
            .html("<p>one</p><p>two<br>three</p>", lineBreaks: false),
            .text("ok"), .text("ok"), .html("<img src=\"x.png\">", lineBreaks: false),
        ]
        var out: [Ticket] = []
        for n in 0..<24 {
            var ticket = Ticket.sample(id: "s\(n)", status: Ticket.Status.allCases[n % 6])
            ticket.subject = n % 5 == 4 ? nil : "Subject \(n) <b>&"
            if n % 4 == 0 { ticket.requester?.email = nil }
            if n % 4 == 0 {
                for i in ticket.messages.indices where ticket.messages[i].author?.id == "7" {
                    ticket.messages[i].author = ticket.requester
                }
            }
            if n % 3 == 0 { ticket.department = "Billing & Accounts" }
            if n % 3 == 1 {
                ticket.channel = "email"
                ticket.requester?.phone = "+49 30 1234"
            }
            if n % 5 == 1 { ticket.customFields["Paid"] = .bool(true) }
            for (i, body) in zip(ticket.messages.indices, texts[(n % 6)...]) where ticket.messages[i].kind != .event {
                ticket.messages[i].body = body
            }
            if n % 6 == 5 { ticket.messages.removeAll { $0.author?.id == "7" } }
            if n % 8 == 7 { ticket.messages.removeAll { $0.kind == .reply } }
            if n % 7 == 3 { ticket.messages.removeAll { $0.author?.name == "Mary Ann" || $0.kind != .reply } }
            ticket.messages.indices.filter { ticket.messages[$0].kind == .note }.forEach {
                ticket.messages[$0].body = .text("PRIVATE-WORD")
            }
            out.append(ticket)
        }
        return out
    }
}
