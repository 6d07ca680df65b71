// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import TicketModel

/// A ticket with every field there is.
let fullTicket: Ticket = {
    var ticket = Ticket(id: "1042")
    ticket.number = "T-1042"
    ticket.subject = "Quote \" backslash \\ tab \t bell \u{7} emoji 😀 rtl قائمة"
    ticket.status = .onHold
    ticket.statusLabel = "On Hold"
    ticket.priority = .urgent
    ticket.priorityLabel = "P1"
    ticket.type = "question"
    ticket.channel = "email"
    ticket.department = "Billing"
    ticket.product = "Shop"
    ticket.mailbox = "help@x.example"
    ticket.brand = "Acme"
    ticket.language = "de"
    ticket.organization = "Acme GmbH"
    ticket.requester = Person(
        id: "7", role: .customer, name: "Inês de la Cruz", givenName: "Inês", familyName: "de la Cruz",
        email: "ines@x.example", phone: "+49 1")
    ticket.assignee = Person(role: .agent, email: "ada@x.example")
    ticket.participants = [Person(email: "z@x.example"), Person(email: "a@x.example")]
    ticket.tags = ["vip", "billing"]
    ticket.createdAt = Timestamp(seconds: 1_717_243_200)
    ticket.updatedAt = Timestamp(seconds: 1_717_243_200, fraction: 5, fractionDigits: 2)
    ticket.resolvedAt = ticket.createdAt
    ticket.closedAt = ticket.createdAt
    ticket.dueAt = ticket.createdAt
    ticket.rating = Ticket.Rating(score: "good", comment: "thanks")
    var entry = Ticket.TimeEntry(seconds: 90)
    entry.author = ticket.assignee
    entry.createdAt = ticket.createdAt
    entry.note = "call"
    ticket.timeEntries = [entry]
    ticket.relations = Ticket.Relation.Kind.allCases.map { Ticket.Relation(kind: $0, ticket: "9") }
    ticket.spam = true
    ticket.url = "https://old.example/t/1042"
    ticket.customFields = [
        "Order": .string("A-1"), "Count": .number("1.50"), "VIP": .bool(false), "List": .list(["a", "b"]),
        "Ä": .string("ü"),
    ]
    ticket.extras = [JSON.Member("a/b", "x"), JSON.Member("deep", ["k": [1, .null, [:]]])]
    var opening = Message(kind: .reply)
    opening.id = "m1"
    opening.author = ticket.requester
    opening.body = .html("<p>Hi</p>\r\n", lineBreaks: true)
    opening.createdAt = ticket.createdAt
    opening.messageID = "<1@x>"
    opening.inReplyTo = "<0@x>"
    opening.to = ["t@x.example"]
    opening.cc = ["c@x.example"]
    var file = Attachment()
    file.name = "a.png"
    file.mediaType = "image/png"
    file.size = 123
    file.sha256 = String(repeating: "0a", count: 32)
    file.url = "https://x.example/a.png"
    file.file = "2024/a.png"
    file.contentID = "cid1"
    file.inline = true
    opening.attachments = [file]
    opening.extras = [JSON.Member("raw", "y")]
    var note = Message(kind: .note)
    note.body = .text("secret")
    note.author = Person(role: .system, name: "bot")
    ticket.messages = [opening, note, Message(kind: .event)]
    return ticket
}()

@Suite struct CanonicalLineTests {
    @Test func decodingUndoesEncoding() throws {
        let line = CanonicalLine(fullTicket)
        let again = try line.ticket()
        #expect(again == fullTicket)
        #expect(CanonicalLine(again) == line)
    }

    @Test func whatTheWriterWritesIsCanonical() throws {
        let line = CanonicalLine(fullTicket)
        #expect(try CanonicalLine(validating: line.bytes) == line)
        #expect(try CanonicalLine(canonicalizing: line.bytes) == line)
    }

    @Test func theDesignsExampleStands() throws {
        var ticket = Ticket(id: "1")
        ticket.subject = "Hä"
        #expect(CanonicalLine(ticket).description == #"{"id":"1","messages":[],"subject":"Hä"}"#)
    }

    @Test func emptyValuesAreLeftOut() throws {
        var ticket = Ticket(id: "1")
        ticket.subject = ""
        ticket.requester = Person(name: "")
        ticket.tags = ["", "b", "a", "b"]
        ticket.customFields = ["x": .string(""), "y": .list([""])]
        ticket.extras = [JSON.Member("n", .null)]
        var message = Message(kind: .reply)
        message.body = .text("")
        ticket.messages = [message]
        #expect(CanonicalLine(ticket).description == #"{"id":"1","messages":[{"kind":"reply"}],"tags":["b","a"]}"#)
    }

    @Test func anyOrderAndSpellingBecomesCanonical() throws {
        let text = """
            { "messages" : [ {"kind":"note","createdAt":"2024-06-01T14:00:00+02:00","body":{"text":"\\u0041\\/"}} ],
              "subject": null, "tags":["b","a","b"], "spam": false, "id":"1" }
            """
        #expect(
            try CanonicalLine(canonicalizing: text.utf8).description
                == #"{"id":"1","messages":[{"body":{"text":"A/"},"createdAt":"2024-06-01T12:00:00Z","kind":"note"}],"tags":["b","a"]}"#
        )
    }

    static let wrong: [(String, String, String)] = [
        (#"{"id":"1"}"#, "", "messages is missing"),
        (#"{"messages":[]}"#, "", "id is missing"),
        (#"{"id":"","messages":[]}"#, "id", "empty"),
        (#"{"id":1,"messages":[]}"#, "id", "string"),
        (#"{"id":"1","messages":[],"nope":1}"#, "", "unknown key nope"),
        (#"{"messages":[],"id":"1"}"#, "", "id is missing"),
        (#"{"id":"1","id":"1","messages":[]}"#, "", "twice"),
        (#"{"id":"1","messages":[],"subject":""}"#, "subject", "left out"),
        (#"{"id":"1","messages":[],"tags":[]}"#, "tags", "left out"),
        (#"{"id":"1","messages":[],"tags":["a","a"]}"#, "tags[1]", "twice"),
        (#"{"id":"1","messages":[],"status":"solved"}"#, "status", "not one of"),
        (#"{"id":"1","messages":[],"spam":false}"#, "spam", "only true"),
        (
            #"{"id":"1","messages":[{"kind":"reply"},{"author":{"role":"boss"},"kind":"reply"}]}"#,
            "messages[1].author.role", "not one of"
        ),
        (#"{"id":"1","messages":[{"body":{"html":"a","text":"b"},"kind":"reply"}]}"#, "messages[0].body", "html"),
        (
            #"{"id":"1","messages":[{"body":{"lineBreaks":true,"text":"b"},"kind":"reply"}]}"#, "messages[0].body",
            "html"
        ),
        (#"{"createdAt":"2024-06-01T12:00:00+00:00","id":"1","messages":[]}"#, "createdAt", "canonical time"),
        (#"{"createdAt":"2024-02-30T12:00:00Z","id":"1","messages":[]}"#, "createdAt", "canonical time"),
        (#"{"id":"1","messages":[],"subject":"\u0041"}"#, "subject", "escape"),
        (#"{"id":"1","messages":[],"subject":"\u000a"}"#, "subject", "escape"),
        (#"{"id":"1","messages":[],"subject":"a\/b"}"#, "subject", "escape"),
        (#"{"id":"1", "messages":[]}"#, "", "string expected"),
        (#"{"id":"1","messages":[]} "#, "", "follows"),
        (#"{"extras":{"b":1,"a":1},"id":"1","messages":[]}"#, "extras", "sorted"),
        (#"{"customFields":{"b":{}},"id":"1","messages":[]}"#, "customFields.b", "may stand"),
        (#"{"id":"1","messages":["#, "messages[0]", "object expected"),
        ("", "", "object expected"),
        ("null", "", "object expected"),
    ]

    @Test(arguments: wrong) func whatIsNotCanonicalIsRefusedWithItsPath(text: String, path: String, problem: String)
        throws
    {
        let error = try #require(throws: CanonicalLineError.self) { try CanonicalLine(validating: text.utf8) }
        #expect(error.path == path)
        #expect(error.problem.contains(problem), "\(error)")
        #expect(error.offset != nil)
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        var bytes = Array(#"{"id":"1","messages":[],"subject":"x"}"#.utf8)
        for bad: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]] {
            bytes.replaceSubrange(35..<36, with: bad)
            #expect(throws: CanonicalLineError.self) { try CanonicalLine(validating: bytes) }
            bytes.replaceSubrange(35..<35 + bad.count, with: [0x78])
        }
    }

    @Test func everyCutOffLineIsRefused() {
        let bytes = CanonicalLine(fullTicket).bytes
        for length in 0..<bytes.count {
            #expect(throws: CanonicalLineError.self) { try CanonicalLine(validating: bytes[..<length]) }
        }
    }

    @Test func theIndexFindsFieldsWithoutDecoding() throws {
        let line = CanonicalLine(fullTicket)
        #expect(line.id == "1042")
        let fields = line.fields()
        #expect(fields.entries.map(\.key) == fields.entries.map(\.key).sorted { JSONText.precedes($0, $1) })
        let status = try #require(fields["status"])
        #expect(String(decoding: line.bytes[status], as: UTF8.self) == #""onHold""#)
        #expect(fields["nope"] == nil)
        #expect(line.messageRanges().count == 3)
    }

    @Test func aTicketGoesThroughAnyCoder() throws {
        var ticket = fullTicket
        ticket.customFields["Count"] = .number("15")
        let data = try JSONEncoder().encode(ticket)
        // null inside of a list is no member and stays
        #expect(try JSONDecoder().decode(Ticket.self, from: data) == ticket)
    }

    @Test func messageKeysAreIdsOrHashesAndNeverPositions() {
        var ticket = Ticket(id: "1")
        var a = Message(kind: .reply)
        a.body = .text("same")
        var b = Message(kind: .reply)
        b.id = "5"
        ticket.messages = [a, b, a, b]
        let keys = ticket.messageKeys()
        #expect(Set(keys).count == 4)
        #expect(keys[1] == "5")
        #expect(keys[2] == keys[0] + "#2")
        ticket.messages = [b, a, b, a]
        #expect(ticket.messageKeys() == [keys[1], keys[0], keys[3], keys[2]])
    }

    @Test func fingerprintsAreShortAndDiffer() {
        let a = Fingerprint(of: Array("a".utf8))
        #expect(a.text.count == 26)
        #expect(Fingerprint(a.text) == a)
        #expect(a != Fingerprint(of: Array("b".utf8)))
        // SHA-256("") = e3b0c44298fc1c14…, in base32 from its first bits
        #expect(Fingerprint(of: []).text.hasPrefix("4oymiquy7qob"))
    }

    @Test func idsAreOrderedByValue() {
        let ids = ["b", "10", "07", "9", "7", "", "T-2"].map { Array($0.utf8) }
        let sorted = ids.sorted(by: IdentifierOrder.precedes).map { String(decoding: $0, as: UTF8.self) }
        #expect(sorted == ["7", "07", "9", "10", "", "T-2", "b"])
    }
}
