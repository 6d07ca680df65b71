import Testing
// SPDX-License-Identifier: Apache-2.0
import TicketModel

@testable import Mapping

/// One rule over one CSV row: the ticket's subject.
private func subject(_ rule: String, header: String = "Id,A,B", row: String = "1,x,y", defaults: String = "") throws
    -> String?
{
    let run = try MappingRun(
        """
        read:
          format: csv
        \(defaults)
          tickets: {each: row, key: Id, subject: \(rule)}
        """, .init("t.csv", "\(header)\n\(row)\n"))
    return run.tickets["1"]?["subject"]?.string
}

@Suite struct `Rules` {
    @Test(arguments: [
        ("A", "x"), ("{from: A}", "x"), ("{const: fixed}", "fixed"), ("[Missing, B]", "y"),
        ("{text: \"{A}-{B}\"}", "x-y"), ("{text: \"{{{A}}}\"}", "{x}"),
        ("{text: \"{n}!\", with: {n: {from: A, as: upper}}}", "X!"),
        ("{from: A, map: {x: ex}}", "ex"), ("{from: A, map: {z: ex}}", "x"),
        ("{from: A, map: {\"*\": other}}", "other"),
        ("{from: Missing, else: B}", "y"), ("{from: A, when: {B: z}, else: {const: no}}", "no"),
        ("{from: A, when: {B: [z, y]}}", "x"), ("{from: A, when: {B: present}}", "x"),
        ("{from: A, when: {B: {not: absent}}}", "x"), ("{from: A, when: {B: \"*y\"}}", "x"),
        ("{from: A, when: {B: {not: y}}, else: B}", "y"), ("{from: A, map: {x: omit}, else: B}", nil),
        ("{from: A, map: {x: null}}", nil), ("Missing", nil), ("{text: \"{A} {Missing}\"}", nil),
    ])
    func `give one value`(rule: String, expected: String?) throws {
        #expect(try subject(rule) == expected)
    }

    @Test(arguments: [
        ("{from: A, split: \";\"}", "a", " a ; b"), ("{from: A, as: lower}", "größe", "GRÖßE"),
        ("{from: A, as: host}", "help.example.com", "https://help.example.com/x?y"),
        ("{from: A, as: basename}", "c.png", "a/b\\c.png"), ("{from: A, as: ending}", ".gz", "a.b/c.tar.gz"),
        ("{from: A, as: ending}", nil, "a.b/c"),
        ("{from: A, after: uploads/}", "2/x.png", "/srv/uploads/1/uploads/2/x.png"),
        ("{from: A, after: uploads/}", nil, "/srv/x.png"), ("{from: A, as: number}", "1.5", "1,5"),
        ("{from: A, as: trim}", "x", "  x "),
    ])
    func `convert`(rule: String, expected: String?, value: String) throws {
        #expect(try subject(rule, row: "1,\"\(value)\",y") == expected)
    }

    @Test func `a header equal to the whole path wins over steps`() throws {
        #expect(try subject("A/B", header: "Id,A/B,B", row: "1,whole,y") == "whole")
        #expect(try subject("Custom field (a.b/c)", header: "Id,Custom field (a.b/c)", row: "1,v") == "v")
    }

    @Test func `the first column with a value wins among repeated headers`() throws {
        #expect(try subject("A", header: "Id,A,A", row: "1,,second") == "second")
    }

    @Test func `texts that mean nothing are absent`() throws {
        #expect(try subject("[A, B]", row: "1,NULL,y", defaults: "  nothing: [NULL, \"?\"]") == "y")
    }

    @Test func `a look-up goes through tables, nested too, and by several tables`() throws {
        let run = try MappingRun(
            """
            read:
              format: csv
              sets: {row: {}, person: {file: "*people*"}, login: {file: "*logins*"}}
              tables:
                people: {each: person, key: Id, email: Email, name: Name}
                logins: {each: login, key: Login, person: Person}
                none: {each: person, when: {Id: never}, key: Id, email: Email}
              tickets:
                each: row
                key: Id
                requester: {ref: [none, people], by: {ref: logins, by: Login, take: person}}
                subject: {ref: people, by: Owner, take: name}
                assignee: {ref: people, by: Owner, role: {const: agent}}
            """,
            .init("t.csv", "Id,Login,Owner\n1,al,8\n2,gone,9\n"),
            .init("people.csv", "Id,Email,Name\n7,a@x.example,Al\n8,b@x.example,Bo\n"),
            .init("logins.csv", "Login,Person\nal,7\n"))
        let first = try #require(run.tickets["1"])
        #expect(first["requester"] == ["email": "a@x.example", "id": "7", "name": "Al", "role": "customer"])
        #expect(first["assignee"] == ["email": "b@x.example", "id": "8", "name": "Bo", "role": "agent"])
        #expect(first["subject"] == "Bo")
        // What nobody could be found for is kept.
        #expect(run.tickets["2"]?["extras"] == ["Login": "gone", "Owner": "9"])
        #expect(run.tally.refsWithoutRow["people"]?.count == 1)
    }

    @Test func `a table that is ambiguous finds nobody, and fill fills`() throws {
        let yaml = { (policy: String) in
            """
            read:
              format: csv
              sets: {row: {}, person: {file: "*people*"}}
              tables: {people: {each: person, key: Name, onRepeat: \(policy), email: Email, phone: Phone}}
              tickets: {each: row, key: Id, requester: [{ref: people, by: Who}, {name: Who}]}
            """
        }
        let people = MappingRun.Input("people.csv", "Name,Email,Phone\nAl,,1\nAl,al@x.example,2\n")
        let tickets = MappingRun.Input("t.csv", "Id,Who\n1,Al\n")
        #expect(
            try MappingRun(yaml("ambiguous"), tickets, people).tickets["1"]?["requester"] == [
                "name": "Al", "role": "customer",
            ])
        #expect(
            try MappingRun(yaml("fill"), tickets, people).tickets["1"]?["requester"]
                == ["email": "al@x.example", "id": "Al", "phone": "1", "role": "customer"])
    }

    @Test func `what no rule took is kept by its path, repeated values as lists`() throws {
        let run = try MappingRun(
            "read: {format: csv, tickets: {each: row, key: Id, subject: A}}",
            .init("t.csv", "Id,A,Label,Label,Empty\n1,x,one,two,\n"))
        #expect(run.tickets["1"]?["extras"] == ["Label": ["one", "two"]])
        let dropped = try MappingRun(
            "read: {format: csv, rest: drop, tickets: {each: row, key: Id}}", .init("t.csv", "Id,A\n1,x\n"))
        #expect(dropped.tickets["1"]?["extras"] == nil)
    }

    @Test func `lists take all values, split, and all rules of a list`() throws {
        let run = try MappingRun(
            "read: {format: csv, tickets: {each: row, key: Id, tags: [{from: Tags, split: \",\"}, Label, {const: old}]}}",
            .init("t.csv", "Id,Tags,Label,Label\n1,\"a, b,\",c,d\n"))
        #expect(run.tickets["1"]?["tags"] == ["a", "b", "c", "d", "old"])
    }

    @Test func `custom fields are texts, numbers, booleans and lists`() throws {
        let run = try MappingRun(
            """
            read:
              format: csv
              tickets:
                each: row
                key: Id
                customFields: {"Order \\"no\\"": A, N: {from: B, as: number}, Y: {from: C, as: bool}, L: {from: D, split: ";"}, "*": cf_*}
            """, .init("t.csv", "Id,A,B,C,D,cf_x\n1,007,3,yes,a;b,z\n"))
        #expect(
            run.tickets["1"]?["customFields"]
                == ["L": ["a", "b"], "N": 3, "Order \"no\"": "007", "Y": true, "x": "z"])
    }
}

@Suite struct `Words` {
    private let yaml = """
        read: {format: csv, tickets: {each: row, key: Id, status: S, priority: P}}
        words: {status: {offen: open, "Zu": closed}, priority: {"*": normal}}
        """

    @Test func `the label stands beside the word, and alone where there is no word`() throws {
        let run = try MappingRun(yaml, .init("t.csv", "Id,S,P\n1,offen,P1\n2,wartet,\n3,zu,\n"))
        #expect(run.tickets["1"]?["status"] == "open")
        #expect(run.tickets["1"]?["statusLabel"] == "offen")
        #expect(run.tickets["1"]?["priority"] == "normal")
        #expect(run.tickets["1"]?["priorityLabel"] == "P1")
        #expect(run.tickets["2"]?["status"] == nil)
        #expect(run.tickets["2"]?["statusLabel"] == "wartet")
        #expect(run.tickets["3"]?["status"] == "closed")
        #expect(run.tally.labelsWithoutWord == ["status": ["wartet": 1]])
    }

    @Test func `fail stops at the first label without a word`() {
        #expect {
            try MappingRun(yaml.replacing("\"Zu\": closed", with: "\"*\": fail"), .init("t.csv", "Id,S,P\n1,neu,\n"))
        } throws: {
            ($0 as? Diagnostic)?.code == "mapping.unknown-label" && ($0 as? Diagnostic)?.location?.line == 2
        }
    }

    @Test func `a message whose kind is not told is a note`() throws {
        let run = try MappingRun(
            """
            read:
              format: csv
              bodies: text
              tickets: {each: row, when: {M: ""}, key: T}
              messages: [{each: row, when: {M: present}, of: T, key: M, kind: {from: Private, map: {"no": reply, "*": keep}}, body: Text}]
            """, .init("t.csv", "T,M,Private,Text\n1,,,\n1,a,no,hi\n1,b,,secret\n1,c,perhaps,secret\n"))
        #expect(run.tickets["1"]?["messages"]?.array?.map { $0["kind"] } == ["reply", "note", "note"])
        #expect(run.tickets["1"]?["messages"]?[0]?["body"] == ["text": "hi"])
    }
}
