import Testing
// SPDX-License-Identifier: Apache-2.0
import TicketModel

@testable import Mapping

/// The contract's own examples, word for word.
@Suite struct `The contract's examples` {
    @Test func `one row a message, in any order`() throws {
        let yaml = """
            # A CSV with one row a message, in any order.
            read:
              format: csv
              bodies: text
              zone: Europe/Berlin
              dates: dd.MM.yyyy HH:mm
              tickets: {each: row, key: Ticket, onRepeat: last, subject: Subject, status: State, requester: {email: Customer}, tags: {from: Tags, split: ","}}
              messages: [{each: row, of: Ticket, key: Message, kind: {from: Private, map: {"yes": note, "no": reply, "*": note}}, author: {email: From}, body: Text, createdAt: Date}]
            words: {status: {offen: open, wartet: pending, zu: closed}}
            """
        let run = try MappingRun(
            yaml,
            .init(
                "t.csv",
                """
                Ticket,Message,Subject,State,Customer,Tags,Private,From,Text,Date
                7,m2,S,offen,c@x.example,"a,b",yes,ada@x.example,inside,02.06.2024 09:00
                7,m1,S,zu,c@x.example,,no,c@x.example,hello,01.06.2024 14:00
                """))
        let ticket = try #require(run.tickets["7"])
        #expect(run.plan.ticketRepeat == [.last])
        #expect(ticket["status"] == "closed" && ticket["statusLabel"] == "zu")
        #expect(ticket["requester"] == ["email": "c@x.example", "role": "customer"])
        let first: JSON = [
            "author": ["email": "ada@x.example"], "body": ["text": "inside"], "createdAt": "2024-06-02T07:00:00Z",
            "id": "m2",
            "kind": "note",
        ]
        #expect(ticket["messages"]?[0] == first)
        #expect(ticket["messages"]?[1]?["kind"] == "reply")
    }

    @Test func `mysqldump of any prefix`() throws {
        let yaml = """
            ticketferry-mapping: 1
            read:
              format: xml
              bodies: html
              zone: ask
              sets:
                row: {at: /mysqldump/database/table_data/row, let: {.: {pairs: [field/@name, field]}}}
              tables:
                agents:    {each: row, when: {../@name: "*fs_persons", person_type: agent}, key: id, email: email, givenName: first_name, familyName: last_name}
                customers: {each: row, when: {../@name: "*fs_persons", person_type: customer}, key: id, email: email, givenName: first_name, familyName: last_name}
                tags:      {each: row, when: {../@name: "*fs_taggables", tag_type: ticket_tag}, key: id, name: title}
              tickets:
                each: row
                when: {../@name: "*fs_tickets"}
                key: id
                subject: title
                status: status
                priority: {from: client_priority, else: priority}
                requester: {ref: customers, by: customer_id}
                assignee: {ref: agents, by: agent_id}
                createdAt: created_at
              messages:
                - {each: row, when: {../@name: "*fs_tickets"}, opens: true, of: id, author: {is: requester}, body: content, createdAt: created_at}
                - {each: row, when: {../@name: "*fs_conversations"}, of: ticket_id, key: id,
                   kind: {from: conversation_type, map: {response: reply, note: note, internal_info: event, "*": note}},
                   author: {ref: [agents, customers], by: person_id}, body: content, createdAt: created_at}
              tags:
                - {each: row, when: {../@name: "*fs_tag_pivot", source_type: ticket_tag}, of: source_id, name: {ref: tags, by: tag_id, take: name}}
            words:
              status: {new: new, active: open, closed: closed}
              priority: {normal: normal, medium: high, critical: urgent}
            """
        func table(_ name: String, _ rows: [[(String, String)]]) -> String {
            let body = rows.map { row in
                "<row>" + row.map { "<field name=\"\($0.0)\">\($0.1)</field>" }.joined() + "</row>"
            }
            return "<table_data name=\"x_\(name)\">\(body.joined())</table_data>"
        }
        let dump =
            table(
                "fs_conversations",
                [
                    [
                        ("id", "5"), ("ticket_id", "1"), ("person_id", "1"), ("conversation_type", "internal_info"),
                        ("content", "closed"),
                    ],
                    [
                        ("id", "6"), ("ticket_id", "1"), ("person_id", "2"), ("conversation_type", "response"),
                        ("content", "hi"),
                    ],
                    [
                        ("id", "7"), ("ticket_id", "1"), ("person_id", "9"), ("conversation_type", "weird"),
                        ("content", "?"),
                    ],
                ])
            + table(
                "fs_tickets",
                [
                    [
                        ("id", "1"), ("customer_id", "2"), ("agent_id", "1"), ("title", "T"), ("status", "active"),
                        ("priority", "critical"),
                    ]
                ])
            + table(
                "fs_persons",
                [
                    [("id", "1"), ("person_type", "agent"), ("email", "a@x.example")],
                    [("id", "2"), ("person_type", "customer"), ("email", "c@x.example")],
                ])
            + table("fs_taggables", [[("id", "3"), ("tag_type", "ticket_tag"), ("title", "vip")]])
            + table("fs_tag_pivot", [[("tag_id", "3"), ("source_id", "1"), ("source_type", "ticket_tag")]])
        let run = try MappingRun(
            yaml, .init("d.xml", "<mysqldump><database name=\"db\">\(dump)</database></mysqldump>"))
        let ticket = try #require(run.tickets["1"])
        #expect(ticket["tags"] == ["vip"])
        #expect(ticket["priority"] == "urgent")
        #expect(ticket["assignee"] == ["email": "a@x.example", "id": "1", "role": "agent"])
        let messages = try #require(ticket["messages"]?.array)
        #expect(messages.map { $0["kind"] } == ["reply", "event", "reply", "note"])
        #expect(messages.map { $0["author"]?["role"]?.string } == ["customer", "agent", "customer", nil])
        // Nobody is made up: whose person is not in the dump keeps the number among the extras.
        #expect(messages[3]["extras"] == ["person_id": "9"])
        #expect(run.plan.zone == nil)
    }
}
