// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import Testing
import TicketModel

@testable import Connectors

/// Text on its way into the site: the table of the field notes' section 6, and what WordPress itself was measured to do.
@Suite struct TextTests {
    typealias Text = FluentSupportSandbox.Text

    @Test func `Every measured text is changed as WordPress changed it, in each place`() throws {
        let cases = try #require(try Fixture.json("Measured/texts.json")["texts"]?.array)
        #expect(cases.count > 60)
        for one in cases {
            let text = try #require(one["in"]?.string)
            func lf(_ key: String) -> String {
                (one[key]?.string ?? "").replacingOccurrences(of: "\r\n", with: "\n")
            }
            #expect(Text.ticketBody(text) == lf("ticket"), "ticket body of \(text.debugDescription)")
            #expect(Text.agentReply(text) { $0 } == lf("agent"), "agent's reply of \(text.debugDescription)")
            #expect(Text.customerReply(text) == lf("customer"), "customer's reply of \(text.debugDescription)")
            #expect(Text.title(text) == one["title"]?.string, "title of \(text.debugDescription)")
        }
    }

    @Test func `Names of files and addresses of titles are made as WordPress makes them`() throws {
        for one in try #require(try Fixture.json("Measured/texts.json")["texts"]?.array) {
            let text = try #require(one["in"]?.string)
            guard !text.contains("<"), !text.contains("&"), !text.contains("\u{7}"), text.count < 100 else { continue }
            #expect(Text.slug(text) == one["slug"]?.string, "address of \(text.debugDescription)")
            #expect(Text.fileName(text) == one["file"]?.string, "file name of \(text.debugDescription)")
        }
    }

    /// One row of the table: what is sent, and what is stored as ticket body, agent's response and note, customer's
    /// response, title.
    ///
    /// nil: the table says nothing of that place.
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var sent: String
        var body: String
        var reply: String
        var customer: String
        var title: String?
        var testDescription: String { name }
    }

    static let rows: [Row] = [
        Row(name: "one backslash", sent: #"C:\t"#, body: "C:t", reply: "C:t", customer: "C:t", title: "C:t"),
        Row(
            name: "backslashes doubled", sent: #"C:\\t"#, body: #"C:\t"#, reply: #"C:\t"#, customer: "C:t",
            title: #"C:\t"#),
        Row(
            name: "four backslashes", sent: #"C:\\\\t"#, body: #"C:\\t"#, reply: #"C:\\t"#, customer: #"C:\t"#,
            title: #"C:\\t"#),
        Row(
            name: "escaped tag", sent: "&lt;b&gt;x", body: "<b>x", reply: "&lt;b&gt;x", customer: "<b>x",
            title: "&lt;b&gt;x"),
        Row(
            name: "escaped script", sent: "&lt;script&gt;x", body: "<script>x", reply: "&lt;script&gt;x", customer: "x",
            title: "&lt;script&gt;x"),
        Row(
            name: "twice escaped tag", sent: "&amp;lt;b&amp;gt;", body: "&lt;b&gt;", reply: "&amp;lt;b&amp;gt;",
            customer: "&lt;b&gt;", title: nil),
        Row(name: "raw less-than", sent: "5 < 6 > 4", body: "5  4", reply: "5  4", customer: "5  4", title: nil),
        Row(
            name: "less-than alone", sent: "5 < 6", body: "5 < 6", reply: "5 &lt; 6", customer: "5 &lt; 6",
            title: "5 &lt; 6"),
        Row(
            name: "raw ampersand", sent: "a & b", body: "a & b", reply: "a &amp; b", customer: "a &amp; b",
            title: "a & b"),
        Row(
            name: "smartcodes", sent: "{{customer.email}} {{ customer.first_name }} ##agent.email##",
            body: "{{customer.email}} {{ customer.first_name }} ##agent.email##",
            reply: "zoe@cust.example Zoë ada@lab.example",
            customer: "{{customer.email}} {{ customer.first_name }} ##agent.email##",
            title: "{{customer.email}} {{ customer.first_name }} ##agent.email##"),
        Row(
            name: "smartcode escaped", sent: "&#123;&#123;customer.email}}", body: "&#123;&#123;customer.email}}",
            reply: "&#123;&#123;customer.email}}", customer: "&#123;&#123;customer.email}}", title: nil),
        Row(
            name: "hash escaped", sent: "&#35;#x##", body: "&#035;#x##", reply: "&#035;#x##", customer: "&#035;#x##",
            title: nil),
        Row(
            name: "forbidden tags", sent: "<script>a</script><iframe>b</iframe><my-tag onclick=\"x\">c</my-tag>",
            body: "abc",
            reply: "abc", customer: "abc", title: "bc"),
        Row(
            name: "event attribute", sent: "<p onclick=\"x\">c</p>", body: "<p>c</p>", reply: "<p>c</p>",
            customer: "<p>c</p>", title: "c"),
        Row(
            name: "data address", sent: "<img src=\"data:image/png;base64,AA\">",
            body: "<img src=\"image/png;base64,AA\">",
            reply: "<img src=\"image/png;base64,AA\">", customer: "<img src=\"image/png;base64,AA\">", title: nil),
        Row(
            name: "cid address", sent: "<img src=\"cid:abc\">", body: "<img src=\"abc\">", reply: "<img src=\"abc\">",
            customer: "<img src=\"abc\">", title: nil),
        Row(
            name: "allowed markup",
            sent: "<h1 class=\"a\" id=\"b\" data-x=\"1\" style=\"color:red\">h</h1><pre><code>c</code></pre><!-- n -->",
            body: "<h1 class=\"a\" id=\"b\" data-x=\"1\" style=\"color:red\">h</h1><pre><code>c</code></pre><!-- n -->",
            reply:
                "<h1 class=\"a\" id=\"b\" data-x=\"1\" style=\"color:red\">h</h1><pre><code>c</code></pre><!-- n -->",
            customer:
                "<h1 class=\"a\" id=\"b\" data-x=\"1\" style=\"color:red\">h</h1><pre><code>c</code></pre><!-- n -->",
            title: "hc"),
        Row(
            name: "line ends and controls", sent: "a\r\nb\u{7}\u{B}c", body: "a\nbc", reply: "a\nbc", customer: "a\nbc",
            title: nil),
        Row(name: "line breaks in a title", sent: "a\nb", body: "a\nb", reply: "a\nb", customer: "a\nb", title: "a b"),
        Row(
            name: "other scripts, blanks at the ends", sent: "  👩\u{200D}👩\u{200D}👧 דנה nbsp\u{A0}x  ",
            body: "  👩\u{200D}👩\u{200D}👧 דנה nbsp\u{A0}x  ", reply: "  👩\u{200D}👩\u{200D}👧 דנה nbsp\u{A0}x  ",
            customer: "  👩\u{200D}👩\u{200D}👧 דנה nbsp\u{A0}x  ", title: "👩\u{200D}👩\u{200D}👧 דנה nbsp\u{A0}x"),
    ]

    @Test(arguments: rows)
    func `A row of the table holds in each of its places, over the API`(_ row: Row) async throws {
        let site = try await Site()
        let id = try await site.ticket([
            "title": .string(row.title == nil ? "t" : row.sent), "content": .string(row.sent),
        ])
        let ticket = await site.stored("tickets", id)
        #expect(ticket?["columns"]?["content"]?.string == row.body, "ticket body")
        #expect(ticket?["columns"]?["content_hash"]?.string == FluentSupportSandbox.md5(row.body))
        if let title = row.title { #expect(ticket?["columns"]?["title"]?.string == title, "title") }
        for kind in ["response", "note"] {
            let answer = try await site.ask(
                "POST", "/tickets/\(id)/responses", ["content": .string(row.sent), "conversation_type": .string(kind)],
                as: "ada")
            let stored = await site.stored("responses", answer.body["response"]?["id"]?.int ?? 0)
            #expect(stored?["content"]?.string == row.reply, "agent's \(kind)")
            #expect(answer.body["response"]?["content_hash"]?.string == FluentSupportSandbox.md5(row.reply))
        }
        let answer = try await site.ask(
            "POST", "/customer-portal/tickets/\(id)/responses",
            ["content": .string(row.sent), "on_behalf": ["email": "zoe@cust.example"]])
        let stored = await site.stored("responses", answer.body["response"]?["id"]?.int ?? 0)
        #expect(stored?["content"]?.string == row.customer, "customer's response")
    }

    @Test func `An edited response keeps its smartcodes and its old hash`() async throws {
        let site = try await Site()
        let id = try await site.ticket()
        let made = try await site.ask("POST", "/tickets/\(id)/responses", ["content": "x"])
        let response = try #require(made.body["response"]?["id"]?.int)
        try await site.ask("PUT", "/tickets/\(id)/responses/\(response)", ["content": "{{customer.email}}"])
        let stored = await site.stored("responses", response)
        #expect(stored?["content"]?.string == "{{customer.email}}")
        #expect(stored?["contentHash"]?.string == FluentSupportSandbox.md5("x"))
    }

    @Test func `A long title is cut at 192 characters in the database and whole in the answer`() async throws {
        let site = try await Site()
        let title = String(repeating: "ü", count: 250)
        let answer = try await site.ask(
            "POST", "/tickets",
            ["ticket": ["title": .string(title), "content": "c"], "newCustomer": ["email": "z@cust.example"]])
        #expect(answer.body["ticket"]?["title"]?.string == title)
        let stored = await site.stored("tickets", answer.body["ticket"]?["id"]?.int ?? 0)
        #expect(stored?["columns"]?["title"]?.string?.count == 192)
    }
}
