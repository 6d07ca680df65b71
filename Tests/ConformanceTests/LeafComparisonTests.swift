// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Mapping
import Testing
import TicketModel

/// The comparison finds what it is made to find, and nothing else.
@Suite struct LeafComparisonTests {
    /// A change that a target could make, and the path that has to be named for it.
    struct Spoiling: Sendable, CustomStringConvertible {
        var path: String
        var spoil: @Sendable (inout Ticket) -> Void
        var description: String { path }

        init(_ path: String, _ spoil: @escaping @Sendable (inout Ticket) -> Void) {
            self.path = path
            self.spoil = spoil
        }
    }

    static let spoilings: [Spoiling] = [
        Spoiling("subject") { $0.subject = "another" },
        Spoiling("status") { $0.status = .closed },
        Spoiling("priority") { $0.priority = .low },
        Spoiling("createdAt") { $0.createdAt = Timestamp(seconds: 1) },
        Spoiling("department") { $0.department = nil },
        Spoiling("requester.email") { $0.requester?.email = "other@x.example" },
        Spoiling("requester.name") { $0.requester?.name = "Somebody Else" },
        Spoiling("requester.phone") { $0.requester?.phone = nil },
        Spoiling("assignee") { $0.assignee = nil },
        Spoiling("tags[]") { $0.tags = ["vip"] },
        Spoiling("customFields.Order") { $0.customFields["Order"] = .string("B-2") },
        Spoiling("participants[]") { $0.participants = [] },
        Spoiling("messages[]") { $0.messages.remove(at: 1) },
        Spoiling("messages[]") { $0.messages.append($0.messages[1]) },
        Spoiling("messages[].kind") { $0.messages[2].kind = .reply },
        Spoiling("messages[].body") { $0.messages[1].body = .text("an answer, changed") },
        Spoiling("messages[].body") { $0.messages[0].body = .html("a &lt; b", lineBreaks: true) },
        Spoiling("messages[].author.email") { $0.messages[1].author?.email = "else@lab.example" },
        Spoiling("messages[].author") { $0.messages[1].author = nil },
        Spoiling("messages[].createdAt") { $0.messages[1].createdAt = nil },
        Spoiling("messages[].attachments[]") { $0.messages[1].attachments = [] },
        Spoiling("messages[].attachments[].name") { $0.messages[1].attachments[0].name = "b.png" },
        Spoiling("messages[].attachments[].size") { $0.messages[1].attachments[0].size = 4 },
        Spoiling("messages[].cc") { $0.messages[1].cc = [] },
        Spoiling("spam") { $0.spam = true },
    ]

    static let ticket: Ticket = {
        var ticket = HostileTickets.plain(3)
        ticket.requester = Person(role: .customer, name: "Zoë Y", email: "zoe@x.example", phone: "1")
        ticket.assignee = Person(role: .agent, name: "Ada", email: "ada@lab.example")
        ticket.department = "Billing"
        ticket.tags = ["vip", "bug"]
        ticket.customFields = ["Order": .string("A-1")]
        ticket.participants = [Person(email: "cc@x.example")]
        ticket.messages[0].author = ticket.requester
        ticket.messages[0].body = .text("a < b\nc")
        ticket.messages[1].cc = ["cc@x.example"]
        var file = Attachment()
        (file.name, file.size) = ("a.png", 3)
        ticket.messages[1].attachments = [file]
        return ticket
    }()

    static func draft(_ ticket: Ticket) -> Draft { WriteMapping.none.draft(of: ticket).0 }

    @Test func `A ticket that came back as it is has no differences`() {
        #expect(LeafComparison(Self.draft(Self.ticket), losses: [], result: Self.ticket).differences == [])
    }

    @Test(arguments: spoilings)
    func `Each kind of difference is found, explained by its loss alone`(spoiling: Spoiling) {
        var result = Self.ticket
        spoiling.spoil(&result)
        let comparison = LeafComparison(Self.draft(Self.ticket), losses: [], result: result)
        #expect(Set(comparison.differences.filter { !$0.isAddition }.map(\.path)) == [spoiling.path])
        #expect(comparison.explain([]).differences.map(\.path) == [spoiling.path])
        let told = Loss(field: spoiling.path, reason: "so it is", fallback: .archive)
        #expect(comparison.explain([told]).isEmpty)
        let other = Loss(field: "dueAt", reason: "it is not so", fallback: .archive)
        #expect(comparison.explain([told, other]).losses == [other])
    }

    @Test func `Ids, numbers, addresses and extras of the target are not compared`() {
        var result = Self.ticket
        (result.id, result.number, result.url) = ("77", nil, nil)
        result.extras = [.init("slug", "x")]
        result.messages[0].id = "m77"
        result.messages[0].messageID = "ferry-2345abcdefghi-0-"
        #expect(LeafComparison(Self.draft(Self.ticket), losses: [], result: result).differences == [])
    }

    @Test(arguments: [
        "a &lt; b<br />c", "<p>a &lt; b<br>\nc</p>", "a &lt; b<br />c\n\n<p>[ferry 2345abcdefghi-0]</p>",
        "a &lt; b<br />c<!-- ferry-2345abcdefghi-0- -->",
    ])
    func `The same words and line breaks in HTML are the same text, markers of ours left aside`(html: String) {
        var result = Self.ticket
        result.messages[0].body = .html(html, lineBreaks: false)
        #expect(LeafComparison(Self.draft(Self.ticket), losses: [], result: result).explain([]).isEmpty)
    }

    @Test func `A marker within somebody's words is theirs`() {
        var result = Self.ticket
        result.messages[1].body = .text("see ferry-2345abcdefghi-0- there")
        var ticket = Self.ticket
        ticket.messages[1].body = .text("see  there")
        let differences = LeafComparison(Self.draft(ticket), losses: [], result: result).differences
        #expect(differences.map(\.path) == ["messages[].body"])
    }

    @Test func `A header line is taken off only where its author is a declared header loss`() {
        let draft = Self.draft(Self.ticket)
        var result = Self.ticket
        result.messages[1].author = Person(role: .agent, email: "me@lab.example")
        let header = draft.authorships[1].header.replacing("'", with: "&#039;")
        result.messages[1].body = .html("<p><em>\(header)</em></p>plain words 3, message 1", lineBreaks: true)
        let loss = Loss(field: "messages[].author", value: "Grace", reason: "no login", fallback: .header)
        #expect(LeafComparison(draft, losses: [loss], result: result).explain([loss]).isEmpty)
        let untold = LeafComparison(draft, losses: [], result: result).explain([])
        #expect(Set(untold.differences.map(\.path)).isSuperset(of: ["messages[].body", "messages[].author.email"]))
    }

    @Test func `Two messages that are gone need two losses`() {
        var result = Self.ticket
        result.messages.removeSubrange(1...2)
        let comparison = LeafComparison(Self.draft(Self.ticket), losses: [], result: result)
        let loss = Loss(field: "messages[]", value: "note", reason: "no notes", fallback: .archive)
        #expect(comparison.explain([loss]).differences.count == 1)
        #expect(comparison.explain([loss, loss]).isEmpty)
    }
}
