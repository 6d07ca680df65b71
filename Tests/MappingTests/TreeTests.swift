import Testing
// SPDX-License-Identifier: Apache-2.0
import TicketModel

@testable import Mapping

@Suite struct `Records as trees` {
    @Test func `pairs, ancestors' attributes and nested elements`() throws {
        let run = try MappingRun(
            """
            read:
              format: xml
              sets: {row: {at: /dump/table/row, let: {.: {pairs: [field/@name, field]}}}}
              tickets: {each: row, when: {../@name: "*tickets"}, key: id, subject: title}
              messages:
                - {each: row/note, when: {../../@name: "*tickets"}, of: ../id, author: {name: "@by"}, body: .}
            """,
            .init(
                "d.xml",
                """
                <dump><table name="wp_tickets"><row><field name="id">1</field><field name="title">T</field>\
                <field name="left">over</field><field name="empty"/><note by="Ada" x="y">hi</note></row></table>\
                <table name="other"><row><field name="id">2</field></row></table></dump>
                """))
        let ticket = try #require(run.tickets["1"])
        #expect(run.tickets.count == 1)
        #expect(ticket["subject"] == "T")
        #expect(ticket["extras"] == ["left": "over"])
        let message = try #require(ticket["messages"]?[0])
        #expect(message == ["author": ["name": "Ada"], "body": ["html": "hi"], "extras": ["@x": "y"], "kind": "note"])
        #expect(run.tally.records["row wp_tickets"]?.inTickets == 1)
        #expect(run.tally.records["row other"]?.leftAside == 1)
    }

    @Test func `split makes named parts, one tree for each repeated column`() throws {
        let run = try MappingRun(
            """
            read:
              format: csv
              bodies: text
              zone: UTC
              dates: dd/MMM/yy h:mm a
              sets: {row: {let: {comment: {split: Comment, by: ";", into: [date, who, text]}}}}
              tickets: {each: row, key: Key}
              messages: [{each: row/comment, of: ../Key, kind: {const: reply}, author: {id: who}, body: text, createdAt: date}]
            """, .init("j.csv", "Key,Comment,Comment\nA-1,05/Dec/25 8:47 AM;u1;Hi; there,06/Dec/25 1:00 PM;u2;Yes\n"))
        let messages = try #require(run.tickets["A-1"]?["messages"]?.array)
        #expect(messages.map { $0["createdAt"]?.string } == ["2025-12-05T08:47:00Z", "2025-12-06T13:00:00Z"])
        #expect(messages[0]["body"] == ["text": "Hi; there"])
        #expect(messages[1]["author"] == ["id": "u2"])
        #expect(run.tickets["A-1"]?["extras"] == nil)
    }

    @Test func `PHP values are trees by bytes, lists are repeated, references are refused`() throws {
        let run = try MappingRun(
            """
            read:
              format: csv
              sets: {row: {let: {data: {php: D}}}}
              tickets: {each: row, key: Id, subject: data/info/name, tags: data/list}
            """,
            .init(
                "t.csv",
                """
                Id,D
                1,"a:4:{s:4:""info"";a:2:{s:4:""name"";s:5:""Zoë!"";s:1:""n"";N;}s:4:""list"";a:2:{i:0;s:1:""x"";i:1;i:-5;}s:2:""ok"";b:1;s:3:""obj"";O:1:""C"":1:{s:4:""\u{0}C\u{0}p"";d:0.5;}}"
                2,"a:1:{i:0;R:1;}"
                3,"a:1:{s:9:""short"";i:1;}"
                """))
        let ticket = try #require(run.tickets["1"])
        #expect(ticket["subject"] == "Zoë!")
        #expect(ticket["tags"] == ["x", "-5"])
        #expect(ticket["extras"] == ["data/obj/p": "0.5", "data/ok": "true"])
        // What cannot be read stays as it was.
        #expect(run.tickets["2"]?["extras"] == ["D": "a:1:{i:0;R:1;}"])
        #expect(run.tally.unreadableTrees["data"]?.count == 2)
    }

    @Test func `JSON inside a record is a tree too`() throws {
        let run = try MappingRun(
            """
            read:
              format: csv
              sets: {row: {let: {j: {json: J}}}}
              tickets: {each: row, key: Id, subject: j/a/b, tags: j/l}
            """,
            .init(
                "t.csv",
                "Id,J\n1,\"{\"\"a\"\":{\"\"b\"\":\"\"x\\u00e9\"\"},\"\"l\"\":[1,\"\"t\"\"],\"\"n\"\":null,\"\"z\"\":true}\"\n"
            ))
        #expect(run.tickets["1"]?["subject"] == "xé")
        #expect(run.tickets["1"]?["tags"] == ["1", "t"])
        #expect(run.tickets["1"]?["extras"] == ["j/z": "true"])
    }

    @Test func `attachments, participants and files that lead out of their folder`() throws {
        let run = try MappingRun(
            """
            read:
              format: xml
              sets: {ticket: /t/ticket}
              tickets: {each: ticket, key: "@id", requester: {email: from}}
              participants: [{each: ticket/cc, of: ../@id, email: .}]
              attachments:
                - {each: ticket/file, of: ../@id, on: "@msg", name: ., file: "@path", size: "@size", inline: "@inline"}
            """,
            .init(
                "t.xml",
                """
                <t><ticket id="1"><from>a@x.example</from><cc>A@X.example</cc><cc>b@x.example</cc>\
                <file msg="7" path="k/a.png" size="12" inline="1">a.png</file><file path="../../etc/passwd" size="x">b</file></ticket></t>
                """))
        let ticket = try #require(run.tickets["1"])
        // The one who asked is no third person.
        #expect(ticket["participants"] == [["email": "b@x.example"]])
        #expect(
            ticket["attachments"] == [
                ["file": "k/a.png", "inline": true, "name": "a.png", "on": "7", "size": 12], ["name": "b"],
            ])
    }

    @Test func `identity and losses come from the mapping`() throws {
        let run = try MappingRun(
            """
            read:
              format: xml
              sets: {site: /d/site, t: /d/t}
              identity: {each: site, from: ., as: host}
              losses: [{field: "messages[]", reason: "not in the export"}]
              tickets: {each: t, key: "@id"}
            """, .init("d.xml", "<d><site>https://old.example/x</site><t id='1'/></d>"))
        #expect(run.identity == "old.example")
        #expect(run.plan.losses == [Loss(field: "messages[]", reason: "not in the export", fallback: .archive)])
        #expect(run.tally.records["site"]?.inTables == 1)
    }
}
