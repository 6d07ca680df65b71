// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Connectors

@Suite("Texts on their way into Fluent Support")
struct FluentSupportTextTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var text: String
        var place: FluentSupportText.Place
        var sent: String
        /// Nil: stored as it was.
        var stored: String?
        var testDescription: String { "\(place): \(text)" }

        init(_ text: String, _ place: FluentSupportText.Place, _ sent: String, _ stored: String? = nil) {
            self.text = text
            self.place = place
            self.sent = sent
            self.stored = stored
        }
    }

    /// Each row was sent to a real site and what it stored was read from its database.
    static let rows: [Row] = [
        Row("C:\\new", .body, "C:\\\\new"), Row("C:\\new", .agent, "C:\\\\new"),
        Row("C:\\new", .customer, "C:\\\\\\\\new"),
        Row("&lt;b&gt;", .body, "&amp;lt;b&amp;gt;"), Row("&lt;b&gt;", .agent, "&lt;b&gt;"),
        Row("&lt;b&gt;", .customer, "&amp;lt;b&amp;gt;"),
        Row("5 < 6 > 4", .body, "5 &lt; 6 > 4"), Row("5 < 6 > 4", .agent, "5 &lt; 6 &gt; 4", "5 &lt; 6 &gt; 4"),
        Row("5 < 6 > 4", .customer, "5 &amp;lt; 6 &amp;gt; 4", "5 &lt; 6 &gt; 4"),
        Row("a & b", .body, "a &amp; b"), Row("a & b", .agent, "a &amp; b", "a &amp; b"),
        Row("a & b", .customer, "a &amp;amp; b", "a &amp; b"),
        Row("&bogus;", .body, "&amp;bogus;"), Row("&bogus;", .agent, "&amp;bogus;", "&amp;bogus;"),
        Row("{{customer.email}}", .body, "{{customer.email}}"),
        Row("{{customer.email}}", .customer, "{{customer.email}}"),
        Row("{{customer.email}}", .agent, "&#123;&#123;customer.email}}", "&#123;&#123;customer.email}}"),
        Row(
            "##customer.first_name##", .agent, "&#035;&#035;customer.first_name##", "&#035;&#035;customer.first_name##"),
        Row("## Heading ##", .agent, "## Heading ##"), Row("{{ x }}", .agent, "{{ x }}"),
        Row("&#39;&#x27;", .agent, "&#039;&#039;", "&#039;&#039;"), Row("&#60;b", .body, "&amp;lt;b", "&lt;b"),
        Row("&amp;#39;", .agent, "&amp;&#035;39;", "&amp;&#035;39;"),
        Row("<p>a<br>b</p>", .agent, "<p>a<br>b</p>"), Row("<br/>", .body, "<br />", "<br />"),
        Row("<a href=\"http://x?a=1&amp;b=2\">l</a>", .body, "<a href=\"http://x?a=1&amp;amp;b=2\">l</a>"),
        Row("<script>evil()</script>t", .body, "t", "t"), Row("<style>p{}</style>t", .agent, "t", "t"),
        Row("<iframe src=\"x\"></iframe>z", .customer, "z", "z"), Row("<o:p>x</o:p>", .agent, "x", "x"),
        Row("<p onclick=\"x\">s</p>", .body, "<p>s</p>", "<p>s</p>"),
        Row(
            "<p style=\"color: red; position: fixed\">s</p>", .body, "<p style=\"color: red\">s</p>",
            "<p style=\"color: red\">s</p>"),
        Row("<img src=\"data:image/png;base64,AA==\">", .body, "<img>", "<img>"),
        Row("<img src='cid:a@b' alt=\"x\">", .agent, "<img alt=\"x\">", "<img alt=\"x\">"),
        Row("<a href=\"javascript:x\">l</a>", .customer, "<a>l</a>", "<a>l</a>"),
        Row("a\u{7}\u{b}b", .agent, "ab", "ab"),
        Row("x <ada@lab.example> y", .body, "x &amp;lt;ada@lab.example&amp;gt; y", "x &lt;ada@lab.example&gt; y"),
        Row("a <b unclosed", .body, "a &amp;lt;b unclosed", "a &lt;b unclosed"),
        Row("  é😀\u{a0} ", .agent, "  é😀\u{a0} "),
        Row("<!-- c -->x", .body, "<!-- c -->x"), Row("<!--[if mso]><b>x</b><![endif]-->y", .agent, "y", "y"),
        Row(
            "<pre>if (a < b && c)</pre>", .agent, "<pre>if (a &lt; b &amp;&amp; c)</pre>",
            "<pre>if (a &lt; b &amp;&amp; c)</pre>"),
    ]

    @Test("arrive as they left, or the change is named", arguments: rows)
    func arrive(row: Row) {
        let text = FluentSupportText(html: row.text, place: row.place)
        #expect(text.sent == row.sent)
        #expect(text.stored == row.stored ?? row.text)
        #expect((text.stored == row.text) == (text.changes.losses(field: "f").isEmpty), "\(text.changes)")
    }

    @Test(
        "of titles lose what titles cannot hold, by name",
        arguments: [
            ("a\\b", "a\\\\b", "a\\b"), ("5 < 6", "5 &lt; 6", "5 &lt; 6"), (" a \r\n b\t", "a b", "a b"),
            ("50%ab off", "50％ab off", "50％ab off"), ("<b>x</b>", "&lt;b>x&lt;/b>", "&lt;b>x&lt;/b>"),
            ("100 %", "100 %", "100 %"),
        ])
    func titles(title: String, sent: String, stored: String) {
        let text = FluentSupportText(title: title)
        #expect(text.sent == sent)
        #expect(text.stored == stored)
        #expect((text.stored == title) == text.changes.losses(field: "subject").isEmpty)
    }

    @Test("that are titles too long are cut to 192 characters and named")
    func longTitle() {
        let text = FluentSupportText(title: String(repeating: "ü", count: 200))
        #expect(text.stored.unicodeScalars.count == 192)
        #expect(text.changes.cut)
    }

    @Test("that are plain show the same as HTML")
    func plain() {
        #expect(FluentSupportText.html(text: "a < b & c\r\n  d\n") == "a &lt; b &amp; c<br />&nbsp; d<br />")
    }

    @Test("are proven by MD5, also where CRLF became LF")
    func proofs() {
        #expect(FluentSupportText.md5("c") == "4a8a08f09d37b73795649038408b5f33")
        let text = FluentSupportText(html: "a\r\nb", place: .agent)
        #expect(text.proofs == [FluentSupportText.md5("a\nb")])
        #expect(text.changes.lineEnds && text.changes.losses(field: "messages[].body").count == 1)
    }
}
