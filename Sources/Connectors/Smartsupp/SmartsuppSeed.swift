// SPDX-License-Identifier: Apache-2.0
internal import Sandbox
internal import TicketModel

/// Made-up chats with all that breaks importers; the same for the same seed.
enum SmartsuppSeed {
    private static let texts = [
        "Hello, where is my order \"4711\"?", "<b>not bold</b> & 'quotes' \\ backslash \\n", "🚨👩‍👩‍👧‍👦 שלום العربية 中文 naïve",
        "first\r\nsecond\r\n\r\nthird", "  two  blanks,\ta tab  ", "=cmd|' /C calc'!A0",
        "&amp; &lt;script&gt; {{name}} ${HOME}",
        "\u{202B}abc\u{202C} \u{200F}x\u{200E}", "ok", "ok",
    ]

    private static let names = ["Zoë O'Hara", "李 伟", "Inês de la Cruz", "<i>Max</i>", "\"Quoted\" Name"]

    /// Adds so many chats to the tables.
    static func fill(_ tables: inout SandboxTables, count: Int, seed: UInt64, hasEmails: Bool = true) {
        guard count > 0 else { return }
        var random = SandboxRandom(seed: seed)
        for number in 0..<count { chat(number, &random, &tables, hasEmails) }
        tables["clock"][1] = ["at": JSON(1_717_243_200_000 + (count + 400) * 3_600_000)]
    }

    private static func chat(
        _ n: Int, _ random: inout SandboxRandom, _ tables: inout SandboxTables, _ hasEmails: Bool
    ) {
        // Every third shares its millisecond with the one before.
        let begin = 1_717_243_200_000 + (n - (n % 3 == 2 ? 1 : 0)) * 3_600_000 + 7
        let isAnonymous = n % 4 == 3
        let visitor = tables["visitors"].insert { id in
            [
                "id": JSON(id), "name": isAnonymous && n % 8 == 3 ? .null : .string(names[n % names.count]),
                "email": .null,
                "group": .null, "lang": "en", "created_at": JSON(begin),
            ]
        }
        var contact: JSON?
        if !isAnonymous {
            let email = "visitor\(n % 13)@cust.example"
            contact =
                tables["contacts"].all.first { hasEmails && $0["email"]?.string == email }
                ?? tables["contacts"].insert { id in
                    [
                        "id": JSON(id), "email": hasEmails ? .string(email) : .null,
                        "name": .string(names[n % names.count]),
                        "phone": n % 5 == 0 ? "+420 111 222" : .null, "note": .null, "tags": [],
                        "created_at": JSON(begin), "updated_at": JSON(begin),
                    ]
                }
        }
        let status = ["open", "served", "pending", "closed", "closed"][n % 5]
        let isRated = n % 6 == 2
        let size = n % 11 == 10 ? 230 : 2 + Int.random(in: 0..<6, using: &random)
        let last = begin + size * 1000
        let row = tables["conversations"].insert { id in
            [
                "id": JSON(id), "ext_id": .null, "status": .string(status), "created_at": JSON(begin),
                "updated_at": JSON(last), "finished_at": status == "closed" ? JSON(last) : .null,
                "contact_id": contact?["id"] ?? .null, "visitor_id": visitor["id"] ?? .null, "agent_ids": [1],
                "assigned_ids": n % 2 == 0 ? [1] : [], "group_id": .null, "rating_value": isRated ? 5 : .null,
                "rating_text": isRated ? "Very \"kind\" & fast" : .null, "domain": "shop.example",
                "referer": "https://search.example/?q=a&b", "is_offline": .bool(n % 7 == 6), "is_served": true,
                "channel": ["type": "default", "id": .null],
                "location": ["ip": "192.0.2.7", "city": "Brno", "country": "Czechia"],
                "variables": n % 3 == 0 ? ["order": "A-1 & <2>", "paid": true, "orders": 12] : [:],
                "tags": n % 4 == 0 ? ["vip", "schön & <gut>"] : [],
            ]
        }
        for place in 0..<size {
            let kinds = ["contact", "agent", "contact", "bot", "system", "agent", "trigger", "contact"]
            let kind = place == 0 ? "contact" : kinds[(place + n) % kinds.count]
            let text = texts[Int.random(in: 0..<texts.count, using: &random)]
            var message: JSON = [
                "conversation": row["id"] ?? .null, "type": kind == "system" ? "event" : "message",
                "sub_type": .string(kind),
                "content": ["type": "text", "text": .string(kind == "system" ? "agent.join" : text)],
                // Two of a second at times.
                "created_at": JSON(begin + (place - (place % 5 == 4 ? 1 : 0)) * 1000), "attachments": [],
                "page_url": "https://shop.example/cart",
            ]
            switch kind {
            case "contact":
                message["visitor_id"] = visitor["id"]
                if let contact { message["contact_id"] = contact["id"] }
            case "agent":
                message["agent_id"] = JSON(1 + place % 3)
                if place % 3 == 0 {
                    message["content"] = [
                        "type": "text", "text": "Bold words", "html": "<p><strong>Bold</strong> &amp; words</p>",
                    ]
                }
            case "trigger": message["trigger_id"] = "1"
            default: break
            }
            if n % 9 == 4, place == 1 {
                message["type"] = "note"
                message["sub_type"] = "agent"
                message["agent_id"] = 1
                message["content"] = ["type": "text", "text": "internal words"]
            }
            if n % 5 == 1, place == 0 {
                message["attachments"] = [
                    [
                        "type": "image", "file_name": "a b.png", "file_type": "image/png", "size": 67,
                        "url": "https://files.example/a%20b.png",
                    ]
                ]
            }
            let made = message
            _ = tables["messages"].insert { id in
                var row = made
                row["id"] = JSON(id)
                return row
            }
        }
    }
}
