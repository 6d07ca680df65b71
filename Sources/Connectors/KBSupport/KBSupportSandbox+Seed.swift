// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

extension KBSupportSandbox {
    /// A new site, and as many made-up tickets as are asked for.
    func setUp() {
        let people = [
            ("admin", "", "", "administrator", "admin@lab.example"),
            ("ada", "Ada", "Okafor", "support_agent", "ada@lab.example"),
            ("bruno", "Bruno", "Sá Carvalho", "support_agent", "bruno@lab.example"),
            ("chiyo", "Chiyo", "O'Neill", "support_agent", "chiyo@lab.example"),
            ("liwei", "伟", "李", "support_customer", "li.wei@cust.example"),
            ("dana", "دانا", "الأحمد", "support_customer", "rtl@cust.example"),
            ("mona", "Mona", "Lindqvist", "support_manager", "mona@lab.example"),
        ]
        for (login, first, last, role, email) in people {
            _ = tables["users"].insert { id in
                [
                    "id": JSON(id), "login": .string(login), "first": .string(first), "last": .string(last),
                    "role": .string(role), "email": .string(email),
                ]
            }
        }
        tables["ticket_sources"][4] = ["id": 4, "name": "REST API", "slug": "rest-api"]
        if options.fresh { return }
        for name in ["billing", "bug", "vip", "feature request", "schön & gut"] {
            makeTerm(Self.termName(name), in: "ticket_tag")
        }
        for name in ["Sales & Co", "Returns"] { makeTerm(Self.termName(name), in: "ticket_categories") }
        if isOn("departments-on") {
            for name in ["Sales", "Support"] { makeTerm(name, in: "ticket_departments") }
        }
        tables["posts"].restore(last: 11)
        if options.tickets > 0 {
            var company = Post()
            company.type = "kbs_company"
            company.status = "publish"
            company.title = "Acme & Söhne"
            store(company)
        }
        for number in 0..<options.tickets { makeUpTicket(number) }
    }

    private static let texts = [
        "<p>Hello,</p><p>I <b>cannot</b> log in since <em>yesterday</em>.<br>Order 7.</p>",
        "Plain text.\r\nSecond line.\n\nThird paragraph with https://example.com/a?b=1&c=3 and me@example.com",
        "He said \"it's broken\" & left: 5 < 6 > 4 \\ C:\\Users\\new\\table.txt",
        "👍🏽 👨‍👩‍👧 café e\u{301} ﷽ שלום עולם \u{202E}reversed\u{202C} 漢字",
        "&lt;p&gt;typed into the public form&lt;/p&gt; &amp;amp; {ticket_id} {{x}} [gallery] %41 ${HOME}",
        "<table border=\"1\"><tr><td style=\"color:red\">a</td></tr></table><pre><code>if (a &lt; b) { x(); }</code></pre>",
        "blanks   within  and\n\n\nlines", "<!-- a comment --><p onclick=\"x()\">hm</p><script>alert(1)</script>", "ok",
    ]
    private static let subjects = [
        "Cannot log in", "iPhone: \"no signal\" & more", "Größe & Menge falsch — 5 < 6?", "请求退款", "🚨 site down",
        "C:\\Users\\new.txt missing", "RE: [#42] x", "מוצר פגום",
    ]

    /// A ticket of chance, made without e-mails, as if it had come years ago.
    private func makeUpTicket(_ number: Int) {
        let names = [
            ("Max", "Doe", "max.doe@cust.example"), ("Inès", "Van der Berg", "ines@cust.example"),
            ("Олег", "Łukasiewicz", "oleg@cust.example"), ("伟", "李", "li.wei@cust.example"),
            ("Pat", "O'Brien", "o'brien@cust.example"), ("Cher", "-", "no.last@cust.example"),
        ]
        let name = names.randomElement(using: &random) ?? names[0]
        let customer =
            tables["customers"].all.first { $0["email"]?.string == name.2 }
            ?? tables["customers"].insert {
                [
                    "id": JSON($0), "email": .string(name.2), "name": .string("\(name.0) \(name.1)"),
                    "created": 1_616_895_000,
                ]
            }
        let start = 1_616_895_000 + number * 86_400 + Int.random(in: 0..<86_400, using: &random)
        let agent = Int.random(in: 0...3, using: &random)
        let count = Int.random(in: 0...4, using: &random)
        var ticket = Post()
        ticket.type = "kbs_ticket"
        ticket.title = Self.subjects.randomElement(using: &random) ?? ""
        ticket.content = Self.texts.randomElement(using: &random) ?? ""
        if number % 25 == 24 { ticket.content += String(repeating: "long text ü ", count: 10_000) }
        let words = agent == 0 ? ["new", "closed"] : Array(statuses.dropFirst())
        ticket.status = words.randomElement(using: &random) ?? "new"
        ticket.author = 1
        // Some share their times to the second.
        ticket.date = number % 7 == 6 ? start / 86_400 * 86_400 : start
        ticket.slug = FluentSupportSandbox.Text.slug(ticket.title)
        ticket.terms["ticket_sources"] = [4]
        let tags = tables["ticket_tag"].ids.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
        if !tags.isEmpty { ticket.terms["ticket_tag"] = tags }
        if Int.random(in: 0..<3, using: &random) == 0, let id = tables["ticket_categories"].ids.first {
            ticket.terms["ticket_categories"] = [id]
        }
        if isOn("departments-on"), number % 2 == 0, let id = tables["ticket_departments"].ids.first {
            ticket.terms["ticket_departments"] = [id]
        }
        var participants = [JSON.string(name.2)]
        if number % 9 == 8 { participants.append("mary.ann@partner.example") }
        ticket.meta = [
            "key": .string(token(32)), "agent": JSON(agent == 0 ? 0 : agent + 1), "customer": customer["id"] ?? 0,
            "email": .string(name.2), "participants": .array(participants),
            "user_info": [
                "first_name": .string(name.0), "last_name": .string(name.1), "email": .string(name.2),
            ],
        ]
        if isOn("sequential-numbers") { ticket.meta["number"] = .string("T-\(number + 1)") }
        if number % 11 == 10 { ticket.meta["company"] = JSON(12) }
        if number % 13 == 12 {
            ticket.meta["form_data"] = ["Order": .string("A-\(number)"), "Colours": ["red", "blue"]]
        }
        ticket.modified = ticket.date + count * 3600
        ticket = store(ticket)
        if number % 5 == 4 { makeUpFile(of: ticket.id, "bild ü", "bild-u-\(number).png", at: ticket.date) }
        for place in 0..<count { makeUpReply(place, of: ticket, email: name.2) }
    }

    private func makeUpReply(_ place: Int, of ticket: Post, email: String) {
        var reply = Post()
        reply.type = "kbs_ticket_reply"
        reply.status = "publish"
        reply.parent = ticket.id
        reply.content = Self.texts.randomElement(using: &random) ?? ""
        (reply.date, reply.modified) = (ticket.date + (place + 1) * 3600, ticket.date + (place + 1) * 3600)
        reply.terms["ticket_sources"] = [4]
        reply.meta["_kbs_reply_customer_id"] = ticket.meta["customer"] ?? 0
        switch Int.random(in: 0...4, using: &random) {
        case 0...2:
            reply.author = Int.random(in: 2...4, using: &random)
            // The admin screen notes whom the ticket is assigned to.
            let noted = ticket.meta["agent"]?.int ?? 0
            reply.meta["_kbs_reply_agent_id"] = JSON(noted == 0 ? reply.author : noted)
        case 3: reply.author = account(of: email).flatMap { Int($0) } ?? 0
        default: reply.meta["_kbs_reply_participant"] = place == 1 ? "mary.ann@partner.example" : .string(email)
        }
        reply = store(reply)
        if place == 2 { makeUpFile(of: reply.id, "log", "log-\(reply.id).txt", at: reply.date) }
    }

    private func makeUpFile(of parent: Int, _ title: String, _ name: String, at date: Int) {
        let isImage = name.hasSuffix(".png")
        let bytes = isImage ? [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] : Array("log of \(parent)\n".utf8)
        let path = "kbs/2021/04/\(name)"
        let mime = isImage ? "image/png" : "text/plain"
        var file = Post()
        file.type = "attachment"
        file.status = "inherit"
        (file.title, file.parent, file.date, file.modified) = (title, parent, date, date)
        file.slug = FluentSupportSandbox.Text.slug(name)
        file.meta = ["file": .string(path), "mime": .string(mime), "size": JSON(bytes.count)]
        store(file)
        let data = Data(bytes).base64EncodedString()
        _ = tables["files"].insert { _ in ["path": .string(path), "mime": .string(mime), "bytes": .string(data)] }
    }
}
