// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import TicketModel
internal import Transport

extension SmartsuppAPI {
    /// All agents, deleted ones too where they are told.
    func agents() async throws -> [JSON] { try await all("agents") }

    /// All contacts: page by page; for accounts with many this takes long.
    func contacts() async throws -> [JSON] { try await all("contacts") }

    /// All rows of a list, whatever the shape of its pages; repeated ids once.
    private func all(_ path: String) async throws -> [JSON] {
        var rows: [JSON] = []
        var seen: Set<String> = []
        var after: JSON?
        while true {
            var query = [(name: "size", value: String(Self.messageSize))]
            if let after { query.append((name: "after", value: SmartsuppCursor.text(after))) }
            let page = try await read(path, query)
            let items = try items(page)
            var isNew = false
            for item in items where seen.insert(item["id"]?.text ?? item.canonicalText).inserted {
                rows.append(item)
                isNew = true
            }
            // A service that does not know `after` gives the same page again.
            guard isNew || after != nil,
                let next = SmartsuppCursor.next(page["after"], sent: after, ascending: true, isEmpty: items.isEmpty),
                isNew || next == page["after"]
            else { return rows }
            after = next
        }
    }

    /// The rows of a page: an array, or under `items` or a name of the list's own.
    ///
    /// - Throws: a `Diagnostic` where there is no list: never none in silence.
    func items(_ page: JSON) throws -> [JSON] {
        if let rows = Self.rows(page) { return rows }
        throw Diagnostic(
            code: "smartsupp.odd-answer", "Smartsupp gave no list where one was asked for", subject: address,
            remedy: "check that `url` is the address of the API v2: https://api.smartsupp.com/v2", cause: .unavailable)
    }

    /// The rows of a page; nil where it has no list.
    static func rows(_ page: JSON) -> [JSON]? {
        page["items"]?.array ?? page.array
            ?? page.members?.lazy.filter { $0.key != "after" }.compactMap(\.value.array).first
    }

    /// All messages of a conversation, oldest first.
    ///
    /// Pages are asked for newest first, as the field notes have it. Where a full page comes without a cursor, the other
    /// end is asked for as well: together they are complete if they overlap or reach the total.
    /// - Throws: a `Diagnostic` where messages are missing: never a part in silence.
    func messages(of conversation: String) async throws -> [JSON] {
        let path = "conversations/\(PercentEncoding.encode(conversation))/messages"
        func page(_ sort: String, _ after: JSON?) async throws -> JSON {
            var query = [(name: "size", value: String(Self.messageSize)), (name: "sort", value: sort)]
            if let after { query.append((name: "after", value: SmartsuppCursor.text(after))) }
            return try await read(path, query)
        }
        var newestFirst: [JSON] = []
        var seen: Set<String> = []
        var total: Int?
        var after: JSON?
        var isWhole = true
        while true {
            let answer = try await page("desc", after)
            let items = try self.items(answer)
            for item in items where seen.insert(Self.key(item)).inserted { newestFirst.append(item) }
            total = answer["total"]?.int ?? total
            if let next = SmartsuppCursor.next(answer["after"], sent: after, ascending: false, isEmpty: items.isEmpty) {
                after = next
                continue
            }
            if after == nil { isWhole = total.map { seen.count >= $0 } ?? (items.count < Self.messageSize) }
            break
        }
        var rows = Array(newestFirst.reversed())
        if let total, seen.count < total { isWhole = false }
        if !isWhole {
            let oldest = try items(try await page("asc", nil))
            let before = oldest.filter { !seen.contains(Self.key($0)) }
            guard before.count < oldest.count || total == seen.count + before.count else {
                throw incomplete(conversation)
            }
            rows = before + rows
            if let total, rows.count < total { throw incomplete(conversation) }
        }
        return rows
    }

    private static func key(_ message: JSON) -> String { message["id"]?.text ?? message.canonicalText }

    private func incomplete(_ conversation: String) -> Diagnostic {
        Diagnostic(
            code: "smartsupp.messages-missing",
            "Smartsupp does not give all messages of the conversation \(conversation)", subject: address,
            remedy: "run the same command again; if it stays so, exclude this conversation and export it by hand",
            cause: .someFailed)
    }
}
