// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import Sandbox
internal import TicketModel

/// What stands in a helpdesk, whatever ids, times of today and random texts are in it.
struct CrashPicture: Sendable {
    /// A ticket as the helpdesk's own source reads it.
    struct Seen: Hashable, Sendable, Comparable {
        /// What is not a message, a line each.
        var fields: [String]
        var messages: [String]

        static func < (a: Seen, b: Seen) -> Bool { (a.messages, a.fields).0.lexicographicallyPrecedes(b.messages) }
    }

    /// By the first line of the first message: subjects may be alike.
    var tickets: [String: [Seen]] = [:]
    /// How often a row stands in each table, digits and random words aside.
    var rows: [String: [String: Int]] = [:]
    /// How many rows a table has.
    var counts: [String: Int] = [:]
    /// How often a mail was sent, by address and kind.
    var mails: [String: Int] = [:]
    /// What is public and has the private word in it.
    var leaks: [String] = []

    /// Whether a row of a table is nothing that anybody sees and the helpdesk itself takes away.
    typealias Leftover = @Sendable (_ table: String, _ row: JSON) -> Bool

    /// Looks at a site.
    ///
    /// - Parameters:
    ///   - site: the practice site.
    ///   - notes: whether it can hold notes; else the private word must stand nowhere.
    ///   - isLeftover: which rows do not count.
    /// - Throws: what the site's own source throws.
    init(_ site: ExamSite, notes: Bool, isLeftover: Leftover) async throws {
        await site.learnCustomers()
        let start = site.time.now().seconds - Int64(site.time.elapsed().components.seconds)
        for (id, line) in try await site.readAll() {
            let ticket = try line.ticket()
            let seen = Self.seen(ticket, start)
            tickets[Self.name(of: ticket), default: []].append(seen)
            for message in ticket.messages where message.kind == .reply {
                if message.body?.content.contains(HostileTickets.privateWord) == true {
                    leaks.append("ticket \(id): a private text is public")
                }
            }
        }
        for name in tickets.keys { tickets[name]?.sort() }
        let dump = await site.sandbox.dump()
        if !notes, dump.canonicalText.contains(HostileTickets.privateWord) {
            leaks.append("a private text is in a system that has no notes")
        }
        for member in dump.members ?? [.init("all", dump)] {
            let rows = member.value.array ?? (member.value.members ?? []).map { .array([.string($0.key), $0.value]) }
            let all = rows.filter { !isLeftover(member.key, $0) }
            counts[member.key] = all.count
            for row in all { self.rows[member.key, default: [:]][Self.skeleton(row.canonicalText), default: 0] += 1 }
        }
        for mail in await site.sandbox.mails() { mails["\(mail.kind) to \(mail.to)", default: 0] += 1 }
    }

    private static func name(of ticket: Ticket) -> String {
        let text = ticket.messages.first { $0.kind == .reply }?.body?.content ?? ""
        let words = ["alpha", "beta", "gamma", "omega", "delta"]
        return words.first { text.contains("\($0) begins") } ?? "\(ticket.subject ?? ""): \(text.prefix(60))"
    }

    private static func seen(_ ticket: Ticket, _ start: Int64) -> Seen {
        func time(_ time: Timestamp?) -> String { time.map { $0.seconds >= start - 90_000 ? "now" : "\($0)" } ?? "–" }
        func person(_ person: Person?) -> String {
            guard let person else { return "–" }
            return
                "\(person.role?.rawValue ?? "") \(person.name ?? "") \(person.givenName ?? "") \(person.familyName ?? "") \(person.email ?? "")"
        }
        var fields = [
            "subject: \(ticket.subject ?? "–")",
            "status: \(ticket.status?.rawValue ?? "–") \(ticket.statusLabel ?? "")",
            "priority: \(ticket.priority?.rawValue ?? "–")", "requester: \(person(ticket.requester))",
            "assignee: \(person(ticket.assignee))", "tags: \(ticket.tags.sorted())",
            "department: \(ticket.department ?? "–")", "product: \(ticket.product ?? "–")",
            "created: \(time(ticket.createdAt))", "closed: \(time(ticket.closedAt))",
            "mailbox: \(ticket.mailbox ?? "–")",
        ]
        for field in ticket.customFields.sorted(by: { $0.key < $1.key }) {
            fields.append("customFields.\(field.key): \(field.value)")
        }
        let messages = ticket.messages.filter { $0.kind != .event }.map { message in
            let files = message.attachments.map { "\($0.name ?? "") \($0.size.map(String.init) ?? "")" }
            return
                "\(message.kind.rawValue) of \(person(message.author)) at \(time(message.createdAt)) with \(files): \(message.body?.content ?? "")"
        }
        return Seen(fields: fields, messages: messages)
    }

    /// A text without what differs between two runs of the same: numbers, and words with digits in them.
    static func skeleton(_ text: String) -> String {
        var out: [UInt8] = []
        var word: [UInt8] = []
        func flush() {
            let digits = word.count { (0x30...0x39).contains($0) }
            if digits == word.count {
                if digits > 0 { out.append(UInt8(ascii: "#")) }
            } else if digits > 0, word.count >= 10 {
                out.append(UInt8(ascii: "~"))
            } else {
                var last: UInt8 = 0
                for byte in word {
                    let shown = (0x30...0x39).contains(byte) ? UInt8(ascii: "#") : byte
                    if shown == UInt8(ascii: "#"), last == shown { continue }
                    out.append(shown)
                    last = shown
                }
            }
            word.removeAll(keepingCapacity: true)
        }
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: word.append(byte)
            default:
                flush()
                out.append(byte)
            }
        }
        flush()
        return String(decoding: out, as: UTF8.self)
    }

    // MARK: Comparing

    /// Holds it against what an undisturbed run leaves; `excused` are names of tickets, `open` tables that may hold more.
    func judge(
        against wanted: CrashPicture, into verdict: inout CrashVerdict, excused: Set<String> = [],
        open: Set<String> = []
    ) {
        for name in Set(tickets.keys).union(wanted.tickets.keys).sorted() where !excused.contains(name) {
            let (a, b) = (tickets[name] ?? [], wanted.tickets[name] ?? [])
            if a.count < b.count { verdict.losses.append("\(b.count - a.count) tickets “\(name)” are missing") }
            if a.count > b.count { verdict.doubles.append("\(a.count - b.count) tickets “\(name)” are too many") }
            for (found, wanted) in zip(a, b) { Self.compare(found, wanted, name, &verdict) }
        }
        verdict.leaks += leaks.filter { !wanted.leaks.contains($0) }
        for (mail, count) in mails.sorted(by: { $0.key < $1.key }) where count > wanted.mails[mail, default: 0] {
            verdict.mails.append("\(mail): \(count) instead of \(wanted.mails[mail, default: 0])")
        }
        guard excused.isEmpty else { return }
        // E-mails are judged above; that a property which has its value is not announced again is no loss.
        for table in Set(counts.keys).union(wanted.counts.keys).subtracting(["mails"]).sorted() {
            let (a, b) = (counts[table] ?? 0, wanted.counts[table] ?? 0)
            let (found, known) = (rows[table] ?? [:], wanted.rows[table] ?? [:])
            let more = found.filter { $0.value > known[$0.key, default: 0] }.keys.sorted()
            let less = known.filter { $0.value > found[$0.key, default: 0] }.keys.sorted()
            let words =
                "table \(table): \(a) rows instead of \(b)"
                + more.prefix(3).map { "; more: \($0.prefix(400))" }.joined()
                + less.prefix(3).map { "; less: \($0.prefix(400))" }.joined()
            if a > b, open.contains(table), less.isEmpty {
                verdict.declared.append(words)
            } else if a > b {
                verdict.doubles.append(words)
            } else if a < b || !more.isEmpty {
                verdict.losses.append(words)
            }
        }
    }

    private static func compare(_ found: Seen, _ wanted: Seen, _ name: String, _ verdict: inout CrashVerdict) {
        for (a, b) in zip(found.fields, wanted.fields) where a != b {
            verdict.losses.append("“\(name)”: “\(a)” instead of “\(b)”")
        }
        for b in wanted.fields.dropFirst(found.fields.count) { verdict.losses.append("“\(name)”: “\(b)” is missing") }
        for a in found.fields.dropFirst(wanted.fields.count) { verdict.losses.append("“\(name)”: “\(a)” is too much") }
        guard found.messages != wanted.messages else { return }
        var missing = wanted.messages
        var extra: [String] = []
        for message in found.messages {
            if let i = missing.firstIndex(of: message) { missing.remove(at: i) } else { extra.append(message) }
        }
        if missing.isEmpty, extra.isEmpty {
            verdict.losses.append("“\(name)”: its messages are in another order")
        }
        for message in missing { verdict.losses.append("“\(name)”: “\(message.prefix(300))” is missing") }
        for message in extra {
            let line = "“\(name)”: “\(message.prefix(300))” is too much"
            if missing.isEmpty { verdict.doubles.append(line) } else { verdict.losses.append(line) }
        }
    }
}
