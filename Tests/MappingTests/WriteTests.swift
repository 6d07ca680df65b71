import Testing
// SPDX-License-Identifier: Apache-2.0
import TicketModel

@testable import Mapping

private let contract = """
    write:
      status: {onHold: active, pending: active, resolved: closed, open: active}
      product: {from: department, map: {Billing: Shop, "*": keep}}
      tags: [tags, {text: "dept-{department}"}]
      assignee: {old@example.com: new@example.com, "*": unassigned}
      author: {gone@example.com: "placeholder Former agent", "*": header}
      customFields: {order_no: customFields/Order number}
      redact: {emails: pseudonym, names: pseudonym}
    """

private func write(_ yaml: String) throws -> WriteMapping {
    try #require(try MappingFile(yaml: Array(yaml.utf8), file: "w.yaml").write)
}

private func sample() -> Ticket {
    var ticket = Ticket(id: "1")
    ticket.subject = "Where is it"
    ticket.status = .onHold
    ticket.department = "Billing"
    ticket.tags = ["vip"]
    ticket.requester = Person(role: .customer, givenName: "Inês", familyName: "de la Cruz", email: "ines@cust.example")
    ticket.assignee = Person(role: .agent, name: "Old", email: "Old@example.com")
    ticket.customFields = ["Order number": .number("7"), "Other": .string("x")]
    var first = Message(kind: .reply)
    first.author = ticket.requester
    first.createdAt = Timestamp("2024-06-01T12:00:00Z")
    first.body = .html(
        "<p>Inês de la Cruz here, write to ines@cust.example or o'brien@third.example.</p>", lineBreaks: false)
    var second = Message(kind: .reply)
    second.author = Person(role: .agent, name: "Gone", email: "gone@example.com")
    second.body = .text("Dear Inês de la Cruz")
    var third = Message(kind: .note)
    third.author = Person(role: .agent, name: "Ada Okafor", email: "ada@example.com")
    ticket.messages = [first, second, third]
    return ticket
}

@Suite struct `The write half` {
    @Test func `the contract's example does what it says`() throws {
        let (draft, losses) = try write(contract).draft(of: sample())
        #expect(draft.status == "active")
        #expect(draft.priority == nil)
        #expect(draft.ticket.product == "Shop")
        #expect(draft.ticket.tags == ["dept-Billing", "vip"])
        #expect(draft.assignee == .agent(email: "new@example.com"))
        #expect(draft.authorships.map(\.choice) == [.asWritten, .placeholder("Former agent"), .header])
        #expect(draft.authorships.map(\.header).contains { $0.contains("Former agent") })
        #expect(!draft.authorships.contains { $0.header.contains("Gone") })
        #expect(draft.ticket.customFields == ["order_no": .number("7")])
        #expect(losses.map(\.field) == ["customFields.Other"])
        let again = try write(contract).draft(of: sample())
        #expect(again.0 == draft && again.1 == losses)
    }

    @Test func `pseudonyms replace customers everywhere and agents nowhere`() throws {
        let (draft, _) = try write(contract).draft(of: sample())
        let shown = "\(draft)"
        #expect(!shown.contains("ines@cust.example") && !shown.contains("o'brien") && !shown.contains("Cruz"))
        #expect(draft.ticket.requester == draft.ticket.messages[0].author)
        #expect(draft.ticket.messages[1].author?.email == "gone@example.com")
        let email = try #require(draft.ticket.requester?.email)
        #expect(draft.ticket.messages[0].body?.content.contains("write to \(email) or person-") == true)
        #expect(draft.ticket.messages[0].body?.content.hasSuffix("@redacted.invalid.</p>") == true)
    }

    @Test func `whoever is not named is unassigned by a star, and that is a loss`() throws {
        var ticket = sample()
        ticket.assignee = Person(name: "Somebody")
        let (draft, losses) = try write(contract).draft(of: ticket)
        #expect(draft.assignee == .unassigned)
        #expect(losses.contains { $0.field == "assignee" && $0.value == "Somebody" })
        #expect(WriteMapping.none.draft(of: ticket).0.assignee == .named("Somebody"))
    }

    @Test func `labels and agents can be held against the target before`() throws {
        let mapping = try write(contract)
        #expect(mapping.labels(of: "status") == ["active", "closed"])
        #expect(mapping.labels(of: "product") == ["Shop"])
        #expect(mapping.agentEmails == ["new@example.com"])
    }

    @Test func `rules can ask, split, fall back and keep`() throws {
        let mapping = try write(
            """
            write:
              status: [{from: statusLabel, map: {waiting: Parked}}, {from: status, map: {onHold: Halt}}]
              subject: {text: "[{id}] {subject}", when: {department: "Bill*"}, else: subject}
              tags: [{from: customFields/L, split: ","}, {const: moved, when: {tags: {not: vip}}}]
            """)
        var ticket = sample()
        ticket.customFields["L"] = .string("a, b")
        var (draft, losses) = mapping.draft(of: ticket)
        #expect(draft.status == "Halt")
        #expect(draft.ticket.subject == "[1] Where is it")
        #expect(draft.ticket.tags == ["a", "b"])
        #expect(losses.contains { $0.field == "tags" && $0.value == "vip" })
        ticket.statusLabel = "waiting"
        ticket.department = nil
        (draft, losses) = mapping.draft(of: ticket)
        #expect(draft.status == "Parked")
        #expect(draft.ticket.subject == "Where is it")
    }
}

@Suite struct `Header lines` {
    @Test func `name author and date, never an address`() throws {
        var message = Message(kind: .reply)
        message.author = Person(name: "Ada & <Co>", email: "ada@x.example")
        message.createdAt = Timestamp("2024-06-01T12:30:45.5Z")
        #expect(
            HeaderTemplate.standard.line(for: message) == "Originally written by Ada & <Co> on 2024-06-01 12:30 UTC")
        message.author = Person(role: .customer, email: "li.wei@x.example")
        message.createdAt = nil
        #expect(HeaderTemplate.standard.line(for: message) == "Originally written by li.wei")
        message.author = nil
        #expect(HeaderTemplate.standard.line(for: message) == "Originally written by an unknown author")
    }

    @Test func `take the user's words`() throws {
        var message = Message(kind: .reply)
        message.author = Person(name: "Zoë\u{7}Ünal")
        message.createdAt = Timestamp("2024-06-01T12:30:00Z")
        let template = try HeaderTemplate(
            "{{author}} schrieb{{#date}} am {{date}}{{/date}}:\n", file: "header.mustache")
        #expect(template.line(for: message) == "Zoë Ünal schrieb am 2024-06-01 12:30 UTC:")
    }

    @Test(arguments: ["{{#date}}{{author}}{{/date}}", "{{author", "nobody"])
    func `must name the author`(text: String) {
        #expect(throws: Diagnostic.self) { try HeaderTemplate(text, file: "header.mustache") }
    }
}
