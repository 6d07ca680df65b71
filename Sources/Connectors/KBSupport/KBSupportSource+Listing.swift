// SPDX-License-Identifier: Apache-2.0
package import Migration
internal import Synchronization
package import TicketModel
internal import Transport

extension KBSupportSource {
    /// Where a listing was left.
    ///
    /// Pages are asked for by offset, each with the last ticket of the page before: where that is not the first one,
    /// tickets went away meanwhile, and the page is asked for again further back, so that none slips through.
    private enum Place {
        /// All tickets by id.
        case all(offset: Int, last: Int)
        /// Those that REST does not list, because nobody registers their status, by id.
        case hidden(offset: Int)
        /// Those that changed since `floor`, the last one first; `top` is the newest of this round's first page. What
        /// changes meanwhile moves to the front, so rounds go on until one finds nothing newer.
        case changed(offset: Int, floor: Int64, top: Int64?, last: Int, lastTime: Int64)

        init?(_ text: String) {
            let parts = text.split(separator: ":")
            let numbers = parts.dropFirst().map { Int($0) }
            switch (parts.first, numbers.count) {
            case ("all", 2):
                guard let offset = numbers[0], let last = numbers[1] else { return nil }
                self = .all(offset: offset, last: last)
            case ("hidden", 1):
                guard let offset = numbers[0] else { return nil }
                self = .hidden(offset: offset)
            case ("changed", 5):
                guard let offset = numbers[0], let floor = numbers[1], let last = numbers[3], let time = numbers[4]
                else { return nil }
                self = .changed(
                    offset: offset, floor: Int64(floor), top: numbers[2].map { Int64($0) }, last: last,
                    lastTime: Int64(time))
            default: return nil
            }
        }

        var cursor: Cursor {
            switch self {
            case .all(let offset, let last): Cursor("all:\(offset):\(last)")
            case .hidden(let offset): Cursor("hidden:\(offset)")
            case .changed(let offset, let floor, let top, let last, let time):
                Cursor("changed:\(offset):\(floor):\(top.map { String($0) } ?? "-"):\(last):\(time)")
            }
        }
    }

    package var changesWithoutDate: String? { "files, tags and departments" }

    package func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        let (api, site) = try await ready()
        if after == nil {
            state.withLock { state in
                state.report = ReadReport()
                state.anonymous = 0
                state.authors = [:]
                state.hasAllAuthors = false
                state.wantsAllAuthors = since == nil
                state.companies = nil
            }
        }
        let start: Place =
            since.map { .changed(offset: 0, floor: $0.seconds, top: nil, last: 0, lastTime: 0) }
            ?? .all(offset: 0, last: 0)
        switch after.flatMap({ Place($0.text) }) ?? start {
        case .all(let offset, let last): return try await all(offset, last, api, site)
        case .hidden(let offset): return try await hidden(offset, api, site)
        case .changed(let offset, let floor, let top, let last, let time):
            return try await changed(offset, floor: floor, top: top, last: last, lastTime: time, api)
        }
    }

    private func all(_ start: Int, _ last: Int, _ api: KBSupportAPI, _ site: KBSupportSite) async throws -> Page {
        var offset = max(0, start - 1)
        var (rows, total) = try await rows(offset, order: ("id", "asc"), api)
        while offset > 0, (rows.first?["id"]?.int ?? .max) > last {
            offset = max(0, offset - perPage)
            (rows, total) = try await self.rows(offset, order: ("id", "asc"), api)
        }
        let fresh = rows.filter { ($0["id"]?.int ?? 0) > last }
        keep(fresh)
        let next: Place?
        if rows.count < perPage {
            next = site.hasXMLRPC ? .hidden(offset: 0) : nil
        } else {
            next = .all(offset: offset + rows.count, last: max(last, rows.last?["id"]?.int ?? last))
        }
        return Page(stubs: fresh.compactMap(stub), next: next?.cursor, total: total)
    }

    /// What only XML-RPC lists: `status` of REST takes registered ones alone.
    private func hidden(_ offset: Int, _ api: KBSupportAPI, _ site: KBSupportSite) async throws -> Page {
        let number = 1000
        let query: XMLRPC.Value = .object([
            ("post_type", .string("kbs_ticket")), ("post_status", .string("any")), ("number", .int(number)),
            ("offset", .int(offset)), ("orderby", .string("ID")), ("order", .string("ASC")),
        ])
        let fields: XMLRPC.Value = .array([.string("post_id"), .string("post_status")])
        guard case .answer(let posts) = try await api.ask("wp.getPosts", [query, fields]), let posts = posts.array
        else {
            // It answered a moment ago: tickets of unregistered statuses would be missing without a word.
            throw Diagnostic(
                code: "kb-support.xmlrpc", "XML-RPC does not list the tickets that REST hides", subject: api.address,
                remedy: "run the same command again, or say `xmlrpc: off` and do without them", cause: .refused)
        }
        let left: Set<String> = ["trash", "draft", "auto-draft"]
        let stubs = posts.compactMap { post -> Stub? in
            guard let id = post["post_id"]?.text, let status = post["post_status"]?.string,
                !site.statuses.contains(status), !left.contains(status)
            else { return nil }
            return Stub(id: id)
        }
        // Ten of a page again: what went away meanwhile moves the others forward.
        let next = offset + number - 10
        return Page(stubs: stubs, next: posts.count < number ? nil : Place.hidden(offset: next).cursor)
    }

    private func changed(
        _ start: Int, floor: Int64, top: Int64?, last: Int, lastTime: Int64, _ api: KBSupportAPI
    ) async throws -> Page {
        var offset = max(0, start - 1)
        var rows = try await rows(offset, order: ("modified", "desc"), api).rows
        func isContinuous() -> Bool {
            offset == 0 || rows.contains { $0["id"]?.int == last }
                || (rows.first.flatMap(Self.modified)?.seconds ?? .min) > lastTime
        }
        while !isContinuous() {
            offset = max(0, offset - perPage / 2)
            rows = try await self.rows(offset, order: ("modified", "desc"), api).rows
        }
        let fresh = rows.filter { (Self.modified($0)?.seconds ?? .max) >= floor }
        keep(fresh)
        let newest = top ?? rows.first.flatMap(Self.modified)?.seconds ?? floor
        let stubs = fresh.compactMap(stub)
        if rows.count < perPage || fresh.count < rows.count {
            // The next round asks for what changed since this one began; it ends where nothing did.
            let next: Place? =
                newest > floor ? .changed(offset: 0, floor: newest, top: nil, last: 0, lastTime: 0) : nil
            return Page(stubs: stubs, next: next?.cursor)
        }
        let end = rows.last
        let next = Place.changed(
            offset: offset + rows.count, floor: floor, top: newest, last: end?["id"]?.int ?? 0,
            lastTime: end.flatMap(Self.modified)?.seconds ?? floor)
        return Page(stubs: stubs, next: next.cursor)
    }

    private func rows(
        _ offset: Int, order: (by: String, direction: String), _ api: KBSupportAPI
    ) async throws -> (rows: [JSON], total: Int?) {
        let answer = try await api.get(
            "tickets",
            [
                ("per_page", String(perPage)), ("offset", String(offset)), ("orderby", order.by),
                ("order", order.direction),
            ])
        // Behind the end there may be nothing or a 400.
        if offset > 0, answer.status == 400 { return ([], nil) }
        guard answer.isSuccess, let rows = answer.json?.array else {
            throw KBSupportAPI.diagnostic(of: answer, client: api.client)
        }
        return (rows, answer.total)
    }

    private func keep(_ rows: [JSON]) {
        var kept: [String: JSON] = [:]
        for row in rows {
            if let id = row["id"]?.text { kept[id] = row }
        }
        let held = kept
        state.withLock { state in
            state.older = state.rows
            state.rows = held
        }
    }

    private func stub(_ row: JSON) -> Stub? {
        // No fingerprint: files and terms move nothing that the listing shows.
        row["id"]?.text.map { Stub(id: $0, updatedAt: Self.modified(row)) }
    }

    static func modified(_ row: JSON) -> Timestamp? { KBSupportTicketReader.time(row["modified_gmt"]) }
}
