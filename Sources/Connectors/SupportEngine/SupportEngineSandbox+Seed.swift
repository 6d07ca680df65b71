// SPDX-License-Identifier: Apache-2.0
internal import Sandbox
internal import TicketModel

/// Made-up tickets with texts that break things.
extension SupportEngineSandbox {
    private static let people: [(email: String, name: String?)] = [
        ("ines@customer.example", "Inês de la Cruz"), ("Zoe@cust.example", "Zoë Ünal"), ("rtl@cust.example", "دانا"),
        ("plus+tag@cust.example", "O'Brien \"Bob\""), ("li.wei@cust.example", "伟 李"), ("nameless@cust.example", nil),
        // A name that is another customer's address: his list shows this ticket, too.
        ("eve@cust.example", "rtl@cust.example"), ("a&b=c@cust.example", "A & B <b>"), ("tie@x.example", "Tie"),
    ]

    private static let subjects = [
        "Cannot log in", "C:\\Users\\me\\new.txt missing", "Refund for order #1001 & more", "Große Größe, ß",
        "مرحبا بالعالم", "😀 family 👩‍👩‍👧‍👦 and flags 🇵🇱", "'; DROP TABLE tickets; --", "<script>alert(1)</script>",
        "100 % of \"quotes\"",
        "Cannot log in",
    ]

    private static let texts = [
        "Hello,\r\n\r\nit does not work.\r\nThanks", "<p>Hello,</p><p>I <b>cannot</b> log in.<br>Order 1.</p>",
        "a&b=c+d 100% \\ / \"q\" 'x' `y`", "  two blanks before, and after  ", "שלום עולם — RTL \u{202E}reversed",
        "Ok 👍", "tabs\tand\u{1}controls\u{2028}line", "e\u{301} is not é; ﷽ ẞ", "&lt;b&gt; stays &amp;amp;",
        String(repeating: "A long line with ümläuts and 😀 in it.\n", count: 120),
    ]

    private static let writers: [JSON] = [.null, 1, 2, 3]

    /// As many tickets as were asked for, the same for the same seed.
    func seed() {
        var random = SandboxRandom(seed: options.seed)
        func pick<Value>(_ list: [Value]) -> Value { list[Int(random.next() % UInt64(list.count))] }
        var moment: Int64 = 1_704_099_600
        for _ in 0..<max(0, options.tickets) {
            moment += 3600 + Int64(random.next() % 500_000)
            let person = pick(Self.people)
            let text = pick(Self.texts)
            let created = local(moment)
            let isOnlyReply = isOn("first-message-only-in-replies")
            var row: [JSON.Member] = [
                .init("subject", .string(pick(Self.subjects))), .init("message", .string(isOnlyReply ? "" : text)),
                .init("status", .string(pick(["open", "open", "closed", "Waiting for parts", "pending"]))),
                .init(
                    "priority",
                    .string(
                        pick(
                            isOn("priority-enum")
                                ? ["low", "medium", "high"] : ["low", "medium", "high", "Urgent!", ""]))),
                .init("email", .string(person.email)), .init("name", JSON(person.name)),
                .init("company", pick(["Łódź & Sons", "A&B + Söhne", .null])),
                .init("category_id", pick([1, 2, 3, .null])),
                .init("created_at", .string(created)),
                .init("updated_at", isOn("updated-at-null") ? .null : .string(created)), .init("_web", true),
            ]
            if isOn("more-columns") {
                row += [
                    .init("assigned_to", pick([1, .null])), .init("ip_address", "203.0.113.9"),
                    .init("is_spam", 0), .init("meta", ["browser": "Lynx"]),
                ]
            }
            let ticket = tables["tickets"].insert { .object([.init("id", JSON($0))] + row) }["id"]?.int ?? 0
            for field in activeFields where random.next() % 3 > 0 {
                let value = pick(["A-\(ticket) \"ü\"", "Pro", "", "12345", "a, b; c"])
                let id = field["id"] ?? .null
                _ = tables["custom_field_values"].insert {
                    ["id": JSON($0), "field_id": id, "item_id": JSON(ticket), "value": .string(value), "_web": true]
                }
            }
            if isOnlyReply || isOn("first-message-in-replies") {
                reply(ticket, user: .null, text, attachment: .null, at: created)
            }
            // A reply that repeats the first text in its second could not be told from the first text itself.
            moment += 60
            for _ in 0..<random.next() % 5 {
                // Several in one second: the list tells no order of those.
                if random.next() % 3 > 0 { moment += Int64(random.next() % 50_000) }
                let files: [JSON] = [
                    .null, .null, .null, "uploads/log 1.txt", "https://files.customer.example/a/bild%20%C3%BC.png",
                ]
                let file = pick(files)
                reply(ticket, user: pick(Self.writers), pick(Self.texts), attachment: file, at: local(moment))
            }
            tables["tickets"][ticket]?["updated_at"] =
                isOn("updated-at-null") && random.next() % 2 == 0 ? .null : .string(local(moment))
        }
    }

    private func reply(_ ticket: Int, user: JSON, _ text: String, attachment: JSON, at time: String) {
        var row: [JSON.Member] = [
            .init("ticket_id", JSON(ticket)), .init("user_id", user), .init("message", .string(text)),
            .init("attachment", attachment), .init("created_at", .string(time)), .init("_web", true),
        ]
        if isOn("more-columns") { row.append(.init("is_read", 1)) }
        _ = tables["ticket_replies"].insert { .object([.init("id", JSON($0))] + row) }
    }
}
