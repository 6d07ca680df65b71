import Testing
// SPDX-License-Identifier: Apache-2.0
import TicketModel

@testable import Mapping

@Suite struct `Our own formats` {
    @Test func `CSV comes back with kinds of fields, files of messages without an id, and order`() throws {
        let run = try MappingRun(
            ShippedMapping.named("ticketferry-csv"),
            [
                .init(
                    "t.csv",
                    #"""
                    id,number,status,requester.email,requester.role,tags,participants,customFields.N,customFields.T,extras,messages.position,messages.id,messages.kind,messages.author.name,messages.body.text,messages.createdAt,messages.attachments,messages.extras
                    1,1,open,a@x.example,,"[""a\nb"","" c ""]","{""email"":""b@x.example"",""role"":""agent""}",5,"""5""","{""k/x"":[""1"",""2""]}",0,,reply,A,'=1+1,2024-06-01T12:00:00.50Z,,
                    1,1,open,a@x.example,,"[""a\nb"","" c ""]","{""email"":""b@x.example"",""role"":""agent""}",5,"""5""","{""k/x"":[""1"",""2""]}",1,,note,,second,,"{""name"":""f.png"",""size"":3}","{""m"":""y""}"
                    2,,,,,,,,,,,,,,,,,
                    """#)
            ])
        let ticket = try #require(run.tickets["1"])
        #expect(ticket["number"] == "1")
        #expect(ticket["requester"] == ["email": "a@x.example"])
        #expect(ticket["status"] == "open" && ticket["statusLabel"] == nil)
        #expect(ticket["tags"]?.array?.prefix(2) == ["a\nb", " c "])
        #expect(ticket["customFields"] == ["N": 5, "T": "5"])
        #expect(ticket["extras"] == ["k/x": ["1", "2"]])
        #expect(ticket["participants"]?[0] == ["email": "b@x.example", "role": "agent"])
        #expect(
            ticket["messages"]?[0] == [
                "author": ["name": "A"], "body": ["text": "=1+1"], "createdAt": "2024-06-01T12:00:00.50Z",
                "kind": "reply",
            ])
        #expect(ticket["messages"]?[1] == ["body": ["text": "second"], "extras": ["m": "y"], "kind": "note"])
        #expect(ticket["attachments"] == [["name": "f.png", "on": "1", "size": 3]])
        #expect(run.tickets["2"] == ["id": "2"])
    }

    @Test func `XML comes back with relations, time entries and lists`() throws {
        let run = try MappingRun(
            ShippedMapping.named("ticketferry-xml"),
            [
                .init(
                    "t.xml",
                    """
                    <tickets><ticket><customFields><customField name="L">["a"]</customField><customField name="S">x</customField></customFields>
                      <id>1</id><messages>
                        <message position="0"><attachments><attachment><inline>true</inline><name>a</name></attachment></attachments>
                          <body><html> &lt;b&gt; </html><lineBreaks>true</lineBreaks></body><kind>reply</kind><to><address>x@x.example</address></to></message>
                        <message position="1"><extras>{"a":{"b":1}}</extras><id>9</id><kind>event</kind></message>
                      </messages><relations><relation><kind>parent</kind><ticket>7</ticket></relation></relations>
                      <tags><tag>b</tag><tag>a</tag></tags>
                      <timeEntries><timeEntry><author><name>Ada</name></author><note>n</note><seconds>60</seconds></timeEntry></timeEntries>
                    </ticket></tickets>
                    """)
            ])
        let ticket = try #require(run.tickets["1"])
        #expect(ticket["customFields"] == ["L": ["a"], "S": "x"])
        #expect(ticket["relations"] == [["kind": "parent", "ticket": "7"]])
        #expect(ticket["timeEntries"] == [["author": ["name": "Ada"], "note": "n", "seconds": 60]])
        #expect(ticket["tags"] == ["b", "a"])
        let first: JSON = ["body": ["html": " <b> ", "lineBreaks": true], "kind": "reply", "to": ["x@x.example"]]
        #expect(ticket["messages"]?[0] == first)
        let last: JSON = ["extras": ["a": ["b": 1]], "id": "9", "kind": "event"]
        #expect(ticket["messages"]?[1] == last)
        #expect(ticket["attachments"] == [["inline": true, "name": "a", "on": "0"]])
        #expect(ticket["extras"] == nil)
    }
}
