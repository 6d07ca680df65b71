// SPDX-License-Identifier: Apache-2.0
package import Migration
internal import Synchronization
package import TicketModel
internal import Transport

/// Reads tickets of Fluent Support through its REST API; sends nothing but reads.
///
/// The listing brings each ticket's stored text, the single ticket its responses. Those come rendered; what was stored
/// is worked out and proven by `content_hash`, and where it cannot be, the rendered text is taken and the loss named.
package final class FluentSupportSource: TicketSource {
    private struct State {
        var api: FluentSupportAPI
        var zone: FluentSupportZone?
        /// Rows of the last pages by ticket, until they are fetched.
        var rows: [String: JSON] = [:]
        var older: [String: JSON] = [:]
        var report = ReadReport()
        /// Rows of the listing under way.
        var listed = 0
        /// Responses whose stored text is not known.
        var rendered = 0
    }

    let sink: any DiagnosticSink
    private let state: Mutex<State>
    /// Files come from the plugin's own addresses only.
    private let files = AttachmentFetcher(allowsOtherHosts: false)
    /// Rows of a page: texts may be long, and two pages are kept.
    private let perPage: Int

    /// Wraps an API; nothing is sent yet.
    package init(api: FluentSupportAPI, sink: any DiagnosticSink, perPage: Int = 200) {
        self.sink = sink
        self.perPage = perPage
        state = Mutex(State(api: api))
    }

    package func identity() async throws -> String? {
        WordPressSite.identity(of: state.withLock { $0.api.client })
    }

    package var changesWithoutDate: String? { "notes, tags, edited and deleted replies" }

    package func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        let (api, zone) = try await ready()
        // The page, and the highest id of those before it.
        let place = after?.text.split(separator: " ").map { Int($0) ?? 0 } ?? []
        let (page, seen) = (max(1, place.first ?? 1), place.count > 1 ? place[1] : 0)
        if after == nil {
            state.withLock {
                $0.report = ReadReport(); $0.rendered = 0
            }
        }
        let list = try await api.tickets(page: page, perPage: perPage)
        guard let data = list["data"]?.array else {
            // No list is not an empty list: taken for one, it would be the end of a reading without a word.
            throw Diagnostic(
                code: "fluent-support.odd-answer", "Fluent Support's list of tickets was not understood",
                subject: api.address,
                remedy: "run the same command again; if it goes on, ask the site's host what changes its answers",
                cause: .unavailable)
        }
        let rows = try await slipped(before: page, after: seen, api) + data
        var kept: [String: JSON] = [:]
        var stubs: [Stub] = []
        for row in rows {
            guard let id = row["id"]?.text else { continue }
            let updated = zone.time(row["updated_at"]?.string)
            if let since, let updated, updated < since { continue }
            kept[id] = row
            // No fingerprint: notes, tags and edited responses move nothing that the listing shows.
            stubs.append(Stub(id: id, updatedAt: updated))
        }
        let held = kept
        state.withLock { state in
            state.older = state.rows
            state.rows = held
        }
        let last = list["last_page"]?.int ?? page
        let isEnd = data.isEmpty || page >= last
        let highest = rows.compactMap { $0["id"]?.int }.max() ?? 0
        let listed = state.withLock { state in
            state.listed = (after == nil ? 0 : state.listed) + rows.count
            return state.listed
        }
        if isEnd, since == nil { try await crossCheck(listed: listed, api) }
        return Page(
            stubs: stubs, next: isEnd ? nil : Cursor("\(page + 1) \(max(seen, highest))"),
            total: since == nil ? list["total"]?.int : nil)
    }

    /// Tickets that moved to earlier pages since those were read, because others were deleted.
    ///
    /// One row tells in most cases that there are none: the one right before the page.
    private func slipped(before page: Int, after seen: Int, _ api: FluentSupportAPI) async throws -> [JSON] {
        guard page > 1, seen > 0 else { return [] }
        func rows(_ page: Int, _ size: Int) async throws -> [JSON] {
            try await api.tickets(page: page, perPage: size)["data"]?.array ?? []
        }
        func first(_ rows: [JSON]) -> Int { rows.first?["id"]?.int ?? .max }
        if first(try await rows((page - 1) * perPage, 1)) <= seen { return [] }
        var found: [JSON] = []
        for earlier in (1..<page).reversed() {
            let there = try await rows(earlier, perPage)
            found = there.filter { ($0["id"]?.int ?? 0) > seen } + found
            if first(there) <= seen { break }
        }
        return found
    }

    package func fetch(_ stub: Stub) async throws -> CanonicalLine {
        let (api, zone) = try await ready()
        let row = try await row(stub.id, api)
        let answer: APIAnswer
        do { answer = try await api.get("tickets/\(stub.id)") } catch let failure as HTTPFailure {
            throw failure.diagnostic
        }
        guard answer.isSuccess, let all = answer.json, all["ticket"]?.members != nil else {
            throw FluentSupportAPI.diagnostic(of: answer, client: api.client)
        }
        var reader = FluentSupportTicketReader(zone: zone, row: row, all: all)
        let ticket = reader.ticket(url: stub.id.isEmpty ? nil : Int(stub.id).map(api.page(ofTicket:)))
        let unproven = reader.unproven
        state.withLock { state in
            state.report.read += ticket.messages.count
            state.report.inTickets += ticket.messages.count
            state.rendered += unproven
            if ticket.status == nil, let label = ticket.statusLabel {
                state.report.unmappedLabels["status", default: [:]][label, default: 0] += 1
            }
            if ticket.priority == nil, let label = ticket.priorityLabel {
                state.report.unmappedLabels["priority", default: [:]][label, default: 0] += 1
            }
        }
        return CanonicalLine(ticket)
    }

    /// The row of the listing, which has the stored text; looked up by id where it is not at hand any more.
    private func row(_ id: String, _ api: FluentSupportAPI) async throws -> JSON {
        let held = state.withLock { state in state.rows.removeValue(forKey: id) ?? state.older.removeValue(forKey: id) }
        if let held { return held }
        let rows =
            try await api.read("tickets", [("per_page", "5"), ("search", "id:\(id)")])["tickets"]?["data"]?.array ?? []
        guard let row = rows.first(where: { $0["id"]?.text == id }) else {
            throw Diagnostic(
                code: "fluent-support.gone", "ticket \(id) is not in Fluent Support any more", subject: api.address,
                remedy: "run the same command again: tickets that are gone are listed", cause: .someFailed)
        }
        return row
    }

    /// Logs in once and reads the site's clock.
    func ready() async throws -> (FluentSupportAPI, FluentSupportZone) {
        if let known = state.withLock({ state in state.zone.map { (state.api, $0) } }) { return known }
        var api = state.withLock { $0.api }
        let index = try await FluentSupportPreflight.index(&api)
        _ = try await FluentSupportPreflight.login(api, index: index)
        let zone = FluentSupportZone(
            identifier: index["timezone_string"]?.string, offset: index["gmt_offset"]?.text.flatMap(Double.init) ?? 0)
        let found = api
        state.withLock { state in
            state.api = found
            state.zone = zone
        }
        return (api, zone)
    }

    package func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        try await files.file(for: attachment, client: state.withLock { $0.api }.client) { text in
            // The plugin says that a file is gone with status 200.
            text.contains("could not be found") ? "the site says that the file could not be found" : nil
        }
    }

    package func losses() async -> [Loss] {
        let rendered = state.withLock { $0.rendered }
        if rendered == 0 { return [] }
        return [
            Loss(
                field: "messages[].body", value: "\(rendered) texts",
                reason:
                    "Fluent Support gives these only as it renders them (paragraphs and links added); a database dump has them as stored",
                fallback: .substitute)
        ]
    }

    package func readReport() async -> ReadReport { state.withLock { $0.report } }

    package func close() async {
        files.close()
        await state.withLock { $0.api }.client.transport.close()
    }
}
