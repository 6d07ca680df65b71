// SPDX-License-Identifier: Apache-2.0
internal import Sandbox
package import TicketModel

/// Made-up tickets with all that breaks importers: markup, quotes, backslashes, every script, lookalikes of our own lines.
///
/// The same for the same numbers.
package enum HostileTickets {
    /// Stands in every private text and in no public one.
    package static let privateWord = "PRIVATE-WORD-7781"

    /// Makes so many tickets, none like the other.
    package static func make(_ count: Int, seed: UInt64 = 1) -> [Ticket] {
        var random = SandboxRandom(seed: seed)
        return (0..<count).map { ticket($0, &random) }
    }

    /// Texts that are hard to carry, by what is hard about them.
    package static let texts: [(name: String, body: Message.Body)] = [
        ("markup in plain text", .text("if a < b && c > d then <b>not bold</b> & \"quoted\" 'too'")),
        ("windows line ends", .text("first\r\nsecond\r\n\r\nthird")),
        ("line ends", .text("first\nsecond\n\nthird")),
        ("backslashes", .text("C:\\temp\\new \\\\server\\share \\' \\\" \\0")),
        ("emoji and scripts", .text("🚨👩‍👩‍👧‍👦 שלום עולם العربية 中文 naïve Ǆ ﬁ e\u{301}")),
        ("right to left", .text("\u{202B}abc\u{202C} \u{200F}x\u{200E} \u{2028}y")),
        ("placeholders", .text("Dear {{customer.full_name}}, ##user.email## %s %1$s ${HOME} {name} [shortcode id=1]")),
        ("queries", .text("'; DROP TABLE tickets; -- 1=1 UNION SELECT")),
        ("a formula", .text("=cmd|' /C calc'!A0\n+1\n-1\n@SUM(A1)")),
        ("references", .text("&amp; &lt;script&gt; &#39; &nbsp; &bogus;")),
        ("blanks", .text("  two  blanks,\ta tab  ")),
        ("a header of ours", .text("Originally written by Nobody on 2020-01-01 00:00 UTC\nno, it was not")),
        ("a marker of another's", .text("see [ferry-2345abcdefghi-0-x] and ferry-short-0-")),
        (
            "paragraphs",
            .html(
                "<p>Hello <strong>you</strong>,</p><p>see <a href=\"https://x.example/?a=1&amp;b=2\">this</a>.</p>",
                lineBreaks: false)
        ),
        ("line breaks in markup", .html("one<br>two<br />three", lineBreaks: false)),
        ("lines that count", .html("one\ntwo\n\nthree", lineBreaks: true)),
        ("scripts", .html("<p>hi</p><script>alert('x')</script><img src=x onerror=alert(1)>", lineBreaks: false)),
        ("styles", .html("<div style=\"color:red;position:fixed\" class=\"a b\">styled</div>", lineBreaks: false)),
        ("a table", .html("<table><tr><td>a</td><td>b</td></tr></table>", lineBreaks: false)),
        ("unclosed", .html("<p>never <b>closed", lineBreaks: false)),
        ("a comment", .html("<!-- hidden --><p>seen</p>", lineBreaks: false)),
        ("long", .text(String(repeating: "All work and no play. ", count: 300))),
    ]

    /// A ticket for each text, as a reply of the customer in a ticket that they opened with it.
    package static func oneForEachText() -> [Ticket] {
        texts.enumerated().map { n, text in
            var ticket = plain(n)
            ticket.subject = subjects[n % subjects.count]
            ticket.requester = customer(n)
            ticket.messages[0].author = ticket.requester
            ticket.messages[1].author = n % 2 == 0 ? ticket.requester : agent
            for i in ticket.messages.indices { ticket.messages[i].body = text.body }
            return ticket
        }
    }

    /// A ticket with nothing hostile in it: a question, an answer and a note.
    package static func plain(_ n: Int) -> Ticket {
        var ticket = Ticket(id: "p\(n)")
        ticket.subject = "A plain question \(n)"
        ticket.status = .open
        ticket.priority = .normal
        ticket.requester = customer(5 + n % 5)
        ticket.createdAt = Timestamp(seconds: 1_700_000_000 + Int64(n) * 60)
        ticket.updatedAt = Timestamp(seconds: 1_700_010_000 + Int64(n) * 60)
        let kinds: [Message.Kind] = [.reply, .reply, .note]
        ticket.messages = kinds.enumerated().map { m, kind in
            var message = Message(kind: kind)
            message.id = "p\(n)m\(m)"
            message.author = m == 0 ? ticket.requester : agent
            message.createdAt = Timestamp(seconds: 1_700_000_000 + Int64(n) * 60 + Int64(m))
            message.body = .text(kind == .note ? "\(privateWord) \(n)" : "plain words \(n), message \(m)")
            return message
        }
        return ticket
    }

    private static let agent = Person(id: "a1", role: .agent, name: "Grace O'Hara", email: "grace@old.example")

    private static let subjects = [
        "Cannot log in", "  spaces   inside  ", "<b>bold</b> & \"quotes\" 'n more", "🚨 site down 中文 עברית",
        "100%41 of C:\\temp", String(repeating: "long subject ", count: 30), "Re: [Ticket #123] =1+1",
        "{{ticket.title}}",
    ]

    private static func ticket(_ n: Int, _ random: inout SandboxRandom) -> Ticket {
        var ticket = Ticket(id: "h\(n)")
        ticket.number = "H-\(1000 + n)"
        ticket.url = "https://old.example/tickets/\(n)"
        ticket.subject = n == 7 ? nil : subjects[n % subjects.count]
        ticket.status = n % 9 == 8 ? nil : Ticket.Status.allCases[n % Ticket.Status.allCases.count]
        ticket.statusLabel = ticket.status.map { "label \($0.rawValue)" }
        ticket.priority = n % 5 == 4 ? nil : Ticket.Priority.allCases[n % Ticket.Priority.allCases.count]
        // Two tickets of one customer at times, and at times the whole world in one second.
        let born = n % 3 == 0 ? 1_700_000_000 : 1_700_000_000 + Int64(n) * 86_461
        ticket.createdAt = Timestamp(seconds: born)
        ticket.requester = customer(n)
        if n % 2 == 1 { ticket.assignee = agent }
        if n % 4 == 1 { ticket.tags = ["billing", "schön & <gut>"] }
        if n % 5 == 2 { ticket.customFields = ["Order number": .string("A-\(n)"), "Paid": .bool(true)] }
        if n % 6 == 3 { ticket.department = "Billing & Accounts" }
        if n % 7 == 3 { ticket.product = "Widget “Pro”" }
        if n % 8 == 3 { ticket.channel = "email" }
        if n % 9 == 3 {
            ticket.participants = [Person(role: .customer, name: "Cc Person", email: "cc\(n)@third.example")]
        }
        if ticket.status == .closed || ticket.status == .resolved {
            ticket.resolvedAt = Timestamp(seconds: born + 90_000)
        }
        let count = n % 4 + 1
        for m in 0..<count {
            var message = Message(kind: m > 0 && (n + m) % 3 == 0 ? .note : .reply)
            message.id = "h\(n)m\(m)"
            message.createdAt = Timestamp(seconds: born + Int64(m) * (n % 5 == 0 ? 0 : 3600))
            message.author =
                switch m == 0 ? 0 : Int.random(in: 0..<4, using: &random) {
                case 0: ticket.requester
                case 1: agent
                case 2: Person(role: .customer, name: "Third Person", email: "third@elsewhere.example")
                default: Person(role: .agent, name: "Ada Okafor", email: "ada@lab.example")
                }
            message.body = texts[(n * 3 + m) % texts.count].body
            if message.kind == .note {
                message.author = message.author?.role == .agent ? message.author : agent
                message.body = .text("\(privateWord) \(message.body?.content.prefix(60) ?? "")")
            }
            ticket.messages.append(message)
        }
        if n % 10 == 5 {
            var event = Message(kind: .event)
            event.id = "h\(n)e"
            event.author = Person(role: .system, name: "System")
            event.createdAt = Timestamp(seconds: born + 80_000)
            event.body = .text("closed by a robot")
            ticket.messages.append(event)
        }
        ticket.updatedAt = Timestamp(seconds: born + 100_000)
        return ticket
    }

    private static func customer(_ n: Int) -> Person {
        let k = n % 11
        var person = Person(id: "c\(k)", role: .customer, email: "customer\(k)@cust.example")
        switch k {
        case 0: (person.givenName, person.familyName) = ("Inês", "de la Cruz")
        case 1: person.name = "李 伟"
        case 2: person.name = "Madonna"
        case 3: (person.name, person.phone) = ("Pat O'Brien", "+49 30 1234")
        case 4: (person.name, person.email) = ("Nobody Reachable", nil)
        default: (person.givenName, person.familyName) = ("Max", "Doe \(k)")
        }
        return person
    }
}
