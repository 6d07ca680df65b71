import Migration
import TicketModel
import Transport

// SPDX-License-Identifier: Apache-2.0
@testable import Connectors

/// Reads tickets of Parrot Desk, by ascending id: what is added or touched meanwhile moves nothing.
struct ParrotDeskSource: TicketSource {
    let api: ParrotDeskAPI
    let pageSize: Int

    func identity() async throws -> String? { api.client.base.site.host }

    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        let list = try await api.read(
            "tickets", [("after", after?.text ?? "0"), ("limit", String(min(pageSize, 100)))])
        // No list is not an empty one.
        guard let rows = list["tickets"]?.array else { throw api.odd("list") }
        var stubs: [Stub] = []
        for row in rows {
            guard let id = row["id"]?.text else { throw api.odd("list") }
            let changed = row["changed"]?.string.flatMap { Timestamp($0) }
            if let since, let changed, changed < since { continue }
            stubs.append(Stub(id: id, updatedAt: changed))
        }
        // An empty page ends it: that costs a request, and believes no flag.
        let last = rows.last?["id"]?.text
        return Page(stubs: stubs, next: last.map { Cursor($0) })
    }

    func fetch(_ stub: Stub) async throws -> CanonicalLine {
        guard let row = try await api.read("tickets/\(PercentEncoding.encode(stub.id))")["ticket"], row.members != nil
        else { throw api.odd("ticket \(stub.id)") }
        var rest = row
        var ticket = Ticket(id: stub.id)
        _ = rest.take("id")
        ticket.subject = rest.take("subject")?.string
        ticket.statusLabel = rest.take("state")?.string
        ticket.status = ["open": .open, "closed": .closed][ticket.statusLabel ?? ""]
        ticket.requester = Self.person(rest.take("customer"), role: .customer)
        ticket.createdAt = rest.take("created")?.string.flatMap { Timestamp($0) }
        ticket.updatedAt = rest.take("changed")?.string.flatMap { Timestamp($0) }
        ticket.messages = (rest.take("messages")?.array ?? []).map(Self.message)
        ticket.extras = (rest.members ?? []).filter { !$0.value.isNull && $0.key != "ref" }
        return CanonicalLine(ticket)
    }

    private static func message(_ json: JSON) -> Message {
        // Whose kind is not told is private.
        var message = Message(kind: json["kind"]?.string == "public" ? .reply : .note)
        message.id = json["id"]?.text
        message.author = person(json["author"], role: nil)
        message.createdAt = json["at"]?.string.flatMap { Timestamp($0) }
        message.messageID = json["ref"]?.string
        if let text = json["text"]?.string {
            message.body = json["format"]?.string == "html" ? .html(text, lineBreaks: false) : .text(text)
        }
        return message
    }

    private static func person(_ json: JSON?, role: Person.Role?) -> Person? {
        guard let json, json.members != nil else { return nil }
        return Person(
            role: role ?? json["role"]?.string.flatMap(Person.Role.init), name: json["name"]?.string,
            email: json["email"]?.string)
    }

    func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        .failure(FileUnavailable("Parrot Desk has no files"))
    }

    func losses() async -> [Loss] { [] }
    func readReport() async -> ReadReport { ReadReport() }
}
