import Mapping
import Migration
import Synchronization
import TicketModel
import Transport

// SPDX-License-Identifier: Apache-2.0
@testable import Connectors

/// Writes tickets into Parrot Desk: the ticket with its first message, then the others, then the migration note.
final class ParrotDeskTarget: TicketTarget {
    private let api: ParrotDeskAPI
    private let wish = Mutex<NotificationPolicy>(.mute)

    init(api: ParrotDeskAPI) { self.api = api }

    private static let policies: [NotificationPolicy] = [.mute, .allow, .refuse]

    var features: TargetFeatures {
        get async { TargetFeatures(notes: true, notificationPolicies: Self.policies, settleTime: .seconds(30)) }
    }
    var address: String { get async { api.client.base.site.origin } }

    func prepare(policy: NotificationPolicy?, sink: any DiagnosticSink) async throws {
        _ = try await api.read("tickets", [("limit", "1")])
        wish.withLock { $0 = policy ?? .mute }
    }

    func policy() async throws -> NotificationPolicy {
        let policy = wish.withLock { $0 }
        guard Self.policies.contains(policy) else {
            throw Diagnostic(
                code: "parrot-desk.policy", "Parrot Desk has no mailboxes to stage in",
                remedy: "say `notifications: mute`", cause: .refused)
        }
        return policy
    }

    func borrowings() async throws -> [Borrowing] { [] }
    func borrow(_ borrowing: Borrowing) async throws {}
    func giveBack(_ borrowing: Borrowing) async throws -> GiveBack { .givenBack }
    func preparations() async throws -> [String] { [] }

    // MARK: Plan

    func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]], identity: MigrationIdentity,
        progress: TicketProgress
    ) async -> TicketPlan {
        let ticket = draft.ticket
        var book = LossBook(target: "Parrot Desk", hasNotes: true)
        book.loseProperties(of: ticket, except: ["createdAt"])
        lose(ticket, draft, &book)
        let create = identity.key(ticket: ticket.id, part: "ticket")
        let isSilent = wish.withLock { $0 } == .mute
        var subject = ticket.subject ?? ""
        if subject.isEmpty {
            subject = "–"
            book.lose("subject", nil, "Parrot Desk demands a subject", .substitute)
        } else if subject.unicodeScalars.count > 100 {
            book.lose("subject", subject, "subjects have at most 100 characters")
            subject = String(String.UnicodeScalarView(subject.unicodeScalars.prefix(99))) + "…"
        }
        var steps = [
            Step(
                key: create, verb: .create, name: "ticket", mails: isSilent ? 0 : 1, undo: .impossible,
                payload: [
                    "subject": .string(subject), "ref": .string(create.marker), "silent": .bool(isSilent),
                    "state": .string(ticket.status == .closed || ticket.status == .resolved ? "closed" : "open"),
                    "customer": Self.json(ticket.requester), "created": JSON(ticket.createdAt?.description),
                ])
        ]
        for (message, part) in zip(ticket.messages, ticket.messageKeys()) {
            guard message.kind != .event else {
                book.lose("messages[]", "event \(message.body?.content ?? "")", "Parrot Desk has no system lines")
                continue
            }
            var text = message.body?.content ?? ""
            if text.isEmpty {
                text = "–"
                book.lose("messages[].body", nil, "Parrot Desk demands a text; “–” stands for it", .substitute)
            }
            for file in message.attachments {
                book.lose("messages[].attachments[]", file.name, "Parrot Desk has no files")
            }
            let isHTML = if case .html = message.body { true } else { false }
            let key = identity.key(ticket: ticket.id, part: "message:\(part)")
            let isPublic = message.kind == .reply
            steps.append(
                Step(
                    key: key, verb: .append, name: "\(message.kind.rawValue) \(part)", needs: [create],
                    mails: isPublic && !isSilent ? 1 : 0, undo: .impossible,
                    payload: [
                        "kind": isPublic ? "public" : "private", "text": .string(text), "silent": .bool(isSilent),
                        "format": isHTML ? "html" : "text", "author": Self.json(message.author),
                        "at": JSON(message.createdAt?.description), "ref": .string(key.marker),
                    ]))
        }
        if !book.noteLines.isEmpty {
            let key = identity.key(ticket: ticket.id, part: "note")
            steps.append(
                Step(
                    key: key, verb: .append, name: "migration note", needs: [create], undo: .impossible,
                    payload: [
                        "kind": "private", "ref": .string(key.marker), "silent": true,
                        "text": .string("Ticketferry: \(book.noteLines.joined(separator: "\n"))"),
                    ]))
        }
        return TicketPlan(steps: steps, losses: book.losses)
    }

    /// What is not among the properties that the book itself knows.
    private func lose(_ ticket: Ticket, _ draft: Draft, _ book: inout LossBook) {
        switch ticket.status {
        case .open, .closed: break
        case nil where ticket.statusLabel == nil: break
        default: book.lose("status", ticket.statusLabel ?? ticket.status?.rawValue, "there is only open and closed")
        }
        if ticket.priority != nil || ticket.priorityLabel != nil {
            book.lose("priority", ticket.priorityLabel ?? ticket.priority?.rawValue, "Parrot Desk has no priorities")
        }
        switch draft.assignee {
        case .unassigned: break
        case .agent(let name), .named(let name): book.lose("assignee", name, "nobody is assigned in Parrot Desk")
        }
        for case .html(let html, true)? in ticket.messages.map(\.body) where html.contains("\n") {
            book.lose("messages[].body", nil, "line breaks do not count in Parrot Desk's HTML", .archive)
        }
        if ticket.messages.contains(where: { !$0.extras.isEmpty }) {
            book.lose("messages[].extras", nil, "Parrot Desk has no place for it", .archive)
        }
        for (field, isThere) in [
            ("messages[].to", ticket.messages.contains { !$0.to.isEmpty }),
            ("messages[].cc", ticket.messages.contains { !$0.cc.isEmpty }),
            ("messages[].inReplyTo", ticket.messages.contains { $0.inReplyTo != nil }),
        ] where isThere { book.lose(field, nil, "Parrot Desk is no e-mail", .archive) }
    }

    private static func json(_ person: Person?) -> JSON {
        guard let person else { return .null }
        let name = Person(name: person.name, givenName: person.givenName, familyName: person.familyName).displayName
        return ["name": JSON(name), "email": JSON(person.email), "role": JSON(person.role?.rawValue)]
    }

    // MARK: Steps

    func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        let isTicket = step.verb == .create
        var path = "tickets"
        if !isTicket {
            guard let id = step.needs.first.flatMap({ receipts[$0] })?.id else { return .rejected(api.odd("ticket")) }
            path = "tickets/\(id)/messages"
        }
        let sent = await api.write(path, step.payload, makes: isTicket ? "ticket" : "message")
        guard case .understood(let json) = sent, let id = json[isTicket ? "ticket" : "message"]?["id"]?.text else {
            return sent.failure ?? .uncertain(api.odd("answer"))
        }
        return .understood(Receipt(id: id), losses: [])
    }

    func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome { .rejected(api.odd("batch")) }

    // MARK: Finding

    func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp {
        if step.verb == .create {
            let rows = try await api.read("tickets", [("ref", step.key.marker)])["tickets"]?.array ?? []
            guard let id = rows.first?["id"]?.text else { return .notFound }
            return rows.count == 1 ? .found(Receipt(id: id)) : .cannotTell(api.odd("tickets of one ref"))
        }
        guard let ticket = step.needs.first.flatMap({ receipts[$0] }) else { return .notFound }
        return try await adopt([step], ticket: ticket)[step.key].map { .found($0) } ?? .notFound
    }

    func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] {
        let messages = try await api.read("tickets/\(ticket.id)")["ticket"]?["messages"]?.array ?? []
        var out: [WriteKey: Receipt] = [:]
        for step in steps {
            if step.verb == .create { out[step.key] = ticket }
            let found = messages.first { $0["ref"]?.string == step.key.marker }
            if let id = found?["id"]?.text { out[step.key] = Receipt(id: id) }
        }
        return out
    }

    func inventory() async throws -> [FoundTicket] {
        var out: [FoundTicket] = []
        var last: String? = "0"
        while let after = last {
            guard let rows = try await api.read("tickets", [("after", after), ("limit", "100")])["tickets"]?.array
            else {
                throw api.odd("list")
            }
            for row in rows {
                guard let id = row["id"]?.text, let ref = row["ref"]?.string, let key = WriteKey.parse(marker: ref)
                else {
                    continue
                }
                out.append(FoundTicket(digest: key.digest, generation: key.generation, receipt: Receipt(id: id)))
            }
            last = rows.last?["id"]?.text
        }
        return out
    }

    func storedFingerprint(ticket: Receipt) async throws -> String? {
        let row = try await api.read("tickets/\(ticket.id)")["ticket"]
        return row.map { "\($0["state"]?.string ?? "") \($0["subject"]?.string ?? "")" }
    }
}
