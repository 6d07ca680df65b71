// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Foundation
import Sandbox
import TicketModel

/// Parrot Desk's practice site.
actor ParrotDeskSandbox: SandboxHelpdesk {
    private var tables: SandboxTables
    private let options: SandboxOptions
    private var sent: [SandboxMail] = []

    init(_ options: SandboxOptions) throws {
        self.options = options
        var tables = try SandboxTables(state: options.state)
        if tables.isEmpty {
            for ticket in HostileTickets.make(options.tickets, seed: options.seed) { Self.seed(ticket, into: &tables) }
        }
        try tables.commit()
        self.tables = tables
    }

    private static func seed(_ ticket: Ticket, into tables: inout SandboxTables) {
        let row = tables["tickets"].insert { id in
            [
                "id": JSON(id), "subject": JSON(ticket.subject), "state": ticket.status == .closed ? "closed" : "open",
                "customer": ["name": JSON(ticket.requester?.displayName), "email": JSON(ticket.requester?.email)],
                "created": JSON(ticket.createdAt?.description), "changed": JSON(ticket.updatedAt?.description),
                "planet": "Earth",
            ]
        }
        for message in ticket.messages {
            _ = tables["messages"].insert { id in
                [
                    "id": JSON(id), "ticket": row["id"] ?? .null, "kind": message.kind == .reply ? "public" : "private",
                    "author": [
                        "name": JSON(message.author?.displayName), "role": JSON(message.author?.role?.rawValue),
                    ],
                    "text": JSON(message.body?.content), "at": JSON(message.createdAt?.description),
                ]
            }
        }
    }

    func respond(to request: SandboxRequest) async -> SandboxResponse {
        let key = request.headers["x-parrot-key"]
        if options.switches.contains("closed-api") { return Self.error(403, "the API is switched off") }
        guard let key, options.logins?.contains(where: { $0.password == key }) ?? true else {
            return Self.error(401, "no such key")
        }
        let parts = request.path.split(separator: "/").dropFirst().map(String.init)
        let ticket = parts.count > 1 ? Int(parts[1]).flatMap { tables["tickets"][$0] } : nil
        let body = (try? JSON(parsing: request.body)) ?? .null
        let answer: SandboxResponse
        switch (request.method, parts.first, parts.count) {
        case ("GET", "tickets", 1): answer = list(request)
        case ("GET", "tickets", 2): answer = ticket.map { SandboxResponse(json: ["ticket": whole($0)]) } ?? Self.gone
        case ("POST", "tickets", 1): answer = create(body)
        case ("POST", "tickets", 3): answer = ticket.map { append(body, to: $0) } ?? Self.gone
        default: answer = Self.gone
        }
        do { try tables.commit() } catch { return Self.error(500, "\(error)") }
        return answer
    }

    private static func error(_ status: Int, _ text: String) -> SandboxResponse {
        SandboxResponse(status: status, json: ["error": .string(text)])
    }

    private static let gone = error(404, "there is no such thing")

    private func list(_ request: SandboxRequest) -> SandboxResponse {
        func value(_ name: String) -> String? { request.query.first { $0.name == name }?.value }
        var rows = Array(tables["tickets"].all)
        if let ref = value("ref") { rows = rows.filter { $0["ref"]?.string == ref } }
        if let after = value("after").flatMap({ Int($0) }) { rows = rows.filter { ($0["id"]?.int ?? 0) > after } }
        let limit = min(100, value("limit").flatMap { Int($0) } ?? 50)
        return SandboxResponse(json: ["tickets": .array(rows.prefix(limit).map(shown))])
    }

    private func shown(_ row: JSON) -> JSON {
        guard options.switches.contains("texts-of-numbers"), let id = row["id"]?.text else { return row }
        var row = row
        row["id"] = .string(id)
        return row
    }

    private func whole(_ row: JSON) -> JSON {
        var out = shown(row)
        let messages = tables["messages"].all.filter { $0["ticket"]?.int == row["id"]?.int }
        out["messages"] = .array(
            messages.map { row in
                var row = shown(row)
                _ = row.take("ticket")
                return row
            })
        return out
    }

    private var now: String { Timestamp(seconds: Int64(options.now().timeIntervalSince1970)).description }

    private func create(_ body: JSON) -> SandboxResponse {
        guard let subject = body["subject"]?.string, !subject.isEmpty, subject.unicodeScalars.count <= 100 else {
            return Self.error(422, "a subject has 1 to 100 characters")
        }
        let row = tables["tickets"].insert { id in
            var row = body
            _ = row.take("silent")
            row["id"] = JSON(id)
            row["created"] = body["created"]?.isNull == false ? body["created"] : .string(now)
            row["changed"] = .string(now)
            return row
        }
        mail(body, "created", row)
        return SandboxResponse(status: 201, json: ["ticket": shown(row)])
    }

    private func append(_ body: JSON, to ticket: JSON) -> SandboxResponse {
        guard let text = body["text"]?.string, !text.isEmpty, let id = ticket["id"]?.int else {
            return Self.error(422, "a message has a text")
        }
        let row = tables["messages"].insert { number in
            var row = body
            _ = row.take("silent")
            row["id"] = JSON(number)
            row["ticket"] = JSON(id)
            row["at"] = body["at"]?.isNull == false ? body["at"] : .string(now)
            return row
        }
        var ticket = ticket
        ticket["changed"] = .string(now)
        tables["tickets"][id] = ticket
        if body["kind"]?.string == "public" { mail(body, "replied", ticket) }
        return SandboxResponse(status: 201, json: ["message": ["id": shown(row)["id"] ?? .null]])
    }

    private func mail(_ body: JSON, _ kind: String, _ ticket: JSON) {
        guard body["silent"]?.bool != true else { return }
        sent.append(
            SandboxMail(to: ticket["customer"]?["email"]?.string ?? "desk", kind: kind, ticket: ticket["id"]?.int ?? 0))
    }

    func mails() async -> [SandboxMail] { sent }

    func dump() async -> JSON { tables.dump() }

    nonisolated func route(of request: SandboxRequest) -> String {
        request.path.split(separator: "/").map { Int($0) == nil ? String($0) : "{id}" }.joined(separator: "/")
    }

    func close() async { tables.close() }
}
