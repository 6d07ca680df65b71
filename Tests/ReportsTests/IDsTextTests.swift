// SPDX-License-Identifier: Apache-2.0
import Foundation
import Migration
import Reports
import Testing

@Suite("Old ids and new ones")
struct IDsTextTests {
    /// Ids and addresses as bad as they come.
    private static let tickets: [MovedTicket] = [
        ticket("1", "T-1", "https://old.example.com/wp-admin/post.php?post=1&action=edit", "77"),
        ticket("2", nil, "https://old.example.com/t/\"; } return 200 x; {$host}\\", "78"),
        ticket("=cmd|' /C calc'!A0", "+1,2", "https://old.example.com/t/a b\r\nc", "@x"),
        ticket("3\n4", "nü\"m", "https://old.example.com/t/Zürich%20x%2", "79"),
        ticket("aB", nil, "https://old.example.com/chat/aB", "80"),
        ticket("Ab", nil, "https://old.example.com/chat/Ab?x=[1]", "81"),
        ticket("ab", nil, "https://old.example.com/chat/Ab", "82"),
        ticket("5", nil, "https://old.example.com/chat/aB", "83"),
        ticket("6", nil, "https://old.example.com/app#/tickets/6", "84"),
        ticket("7", nil, nil, "85"),
        ticket("8", nil, "javascript:alert(1)", "86"),
        ticket("9", nil, "https://old.example.com", "87"),
        ticket("10", nil, "https://old.example.com/10", "88", at: nil),
        ticket("11", nil, "https://old.example.com/11", "89", at: "https://new.example.com/a\"b;$uri {x}"),
    ]

    private static func ticket(
        _ id: String, _ number: String?, _ source: String?, _ target: String,
        at url: String? = "https://new.example.com/wp-admin/admin.php?page=desk#/tickets/1/view"
    ) -> MovedTicket {
        MovedTicket(
            id: id, number: number, sourceURL: source, targetID: target, targetURL: url, state: .complete)
    }

    private func whole(_ format: IDsText.Format) -> (text: String, without: [String: Int]) {
        var clashes = IDsText.Clashes()
        Self.tickets.forEach { clashes.add($0) }
        var text = IDsText(format, clashing: clashes.found)
        var out = text.head
        for ticket in Self.tickets { out += text.line(ticket) }
        return (out + text.tail, text.without)
    }

    @Test("are written as the golden file says", arguments: IDsText.Format.allCases)
    func golden(format: IDsText.Format) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "Golden/ids.\(format.rawValue)")
        let text = whole(format).text
        if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] != nil {
            try Data(text.utf8).write(to: file)
            Issue.record("recorded \(file.lastPathComponent)")
        }
        #expect(text == String(decoding: try Data(contentsOf: file), as: UTF8.self))
    }

    @Test("say how many tickets have no redirect, and why", arguments: [IDsText.Format.nginx, .apache])
    func without(format: IDsText.Format) {
        let without = whole(format).without
        #expect(without.values.reduce(0, +) == 6)
        #expect(without.keys.contains { $0.contains("behind a #") })
    }

    @Test("leave nothing in a redirect that could end it", arguments: [IDsText.Format.nginx, .apache])
    func safe(format: IDsText.Format) {
        for line in whole(format).text.split(separator: "\n") where !line.hasPrefix("#") && line.contains("https://") {
            let words = line.split(separator: " ")
            #expect(words.count == 2, "\(line)")
            #expect(line.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F || $0 == 0x20 }, "\(line)")
            if format == .nginx {
                #expect(line.hasSuffix("\";") && line.filter { $0 == "\"" }.count == 4, "\(line)")
                #expect(!words[1].contains("$") && !words[1].contains("\\") && !words[1].contains("{"), "\(line)")
            }
        }
    }
}
