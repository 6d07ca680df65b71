// SPDX-License-Identifier: Apache-2.0
package import Migration
internal import Synchronization
package import TicketModel
internal import Transport

/// Reads tickets of KB Support through its REST API; sends nothing but reads.
///
/// The listing brings whole tickets; replies and files cost a request each per ticket. Who wrote a reply is told by
/// WordPress's XML-RPC alone, and internal notes by no API.
package final class KBSupportSource: TicketSource {
    struct State {
        var api: KBSupportAPI
        var site: KBSupportSite?
        /// Rows of the last pages by ticket, until they are fetched.
        var rows: [String: JSON] = [:]
        var older: [String: JSON] = [:]
        /// Who wrote each reply, once asked for.
        var authors: [Int: KBSupportReplyAuthor] = [:]
        /// Whether the authors of all replies are to be asked for at once: a whole listing.
        var wantsAllAuthors = false
        var hasAllAuthors = false
        /// Accounts of people who are no agents; nil for those that the site does not tell.
        var accounts: [Int: KBSupportSite.Account?] = [:]
        /// Companies by ticket.
        var companies: [String: String]?
        var report = ReadReport()
        /// Replies without an author.
        var anonymous = 0
    }

    let sink: any DiagnosticSink
    let usesXMLRPC: Bool
    let state: Mutex<State>
    /// How many tickets a page has.
    let perPage: Int
    private let files = AttachmentFetcher()
    /// Lets one of many tickets ask for what all need.
    private let gate = KBSupportGate()

    /// Wraps an API; nothing is sent yet.
    package init(
        api: KBSupportAPI, usesXMLRPC: Bool = true, sink: any DiagnosticSink, perPage: Int = KBSupportAPI.perPage
    ) {
        self.sink = sink
        self.usesXMLRPC = usesXMLRPC
        self.perPage = perPage
        state = Mutex(State(api: api))
    }

    package func identity() async throws -> String? {
        WordPressSite.identity(of: state.withLock { $0.api }.client)
    }

    /// Logs in once.
    func ready() async throws -> (KBSupportAPI, KBSupportSite) {
        if let known = state.withLock({ state in state.site.map { (state.api, $0) } }) { return known }
        return try await gate.alone {
            if let known = state.withLock({ state in state.site.map { (state.api, $0) } }) { return known }
            var api = state.withLock { $0.api }
            let site = try await KBSupportPreflight.site(&api, usesXMLRPC: usesXMLRPC, sink: sink)
            let found = api
            state.withLock { state in
                state.api = found
                state.site = site
            }
            return (api, site)
        }
    }

    package func fetch(_ stub: Stub) async throws -> CanonicalLine {
        let (api, site) = try await ready()
        let row = try await row(stub.id, api)
        let replies = try await replies(of: stub.id, row: row, api)
        let media = try await media(of: [stub.id] + replies.compactMap { $0["id"]?.text }, api, site)
        let companies = try await companies(api, site)
        var reader = KBSupportTicketReader(site: site, row: row, replies: replies, media: media)
        reader.organization = companies[stub.id]
        for reply in replies {
            guard let id = reply["id"]?.int else { continue }
            guard let author = try await author(of: id, api, site) else { continue }
            reader.authors[id] = author
            if author.account != 0, site.agents?[author.account] == nil {
                reader.accounts[author.account] = await account(author.account, api)
            }
        }
        let ticket = reader.ticket(url: Int(stub.id).map(api.page(ofTicket:)))
        state.withLock { state in
            state.report.read += ticket.messages.count
            state.report.inTickets += ticket.messages.count
            state.anonymous += ticket.messages.count { $0.author == nil }
            if ticket.status == nil, let label = ticket.statusLabel {
                state.report.unmappedLabels["status", default: [:]][label, default: 0] += 1
            }
        }
        return CanonicalLine(ticket)
    }

    /// The row of the listing; asked for by id where it is not at hand any more.
    private func row(_ id: String, _ api: KBSupportAPI) async throws -> JSON {
        let held = state.withLock { state in state.rows.removeValue(forKey: id) ?? state.older.removeValue(forKey: id) }
        if let held { return held }
        let answer = try await api.get("tickets/\(id)")
        if answer.status == 404, answer.json?["code"]?.string != "rest_no_route" {
            throw Diagnostic(
                code: "kb-support.gone", "ticket \(id) is not in KB Support any more", subject: api.address,
                remedy: "run the same command again: tickets that are gone are listed", cause: .someFailed)
        }
        guard answer.isSuccess, let row = answer.json, row["id"] != nil else {
            throw KBSupportAPI.diagnostic(of: answer, client: api.client)
        }
        return row
    }

    /// All replies, the oldest first.
    private func replies(of ticket: String, row: JSON, _ api: KBSupportAPI) async throws -> [JSON] {
        // The count is missing where there are none; a string or nothing at all is no proof of that.
        var found: [Int: JSON] = [:]
        var page = 1
        while true {
            let answer = try await api.get(
                "replies/ticket/\(ticket)", [("per_page", String(KBSupportAPI.perPage)), ("page", String(page))])
            if page > 1, answer.status == 400 { break }
            guard answer.isSuccess, let rows = answer.json?.array else {
                throw KBSupportAPI.diagnostic(of: answer, client: api.client)
            }
            for row in rows {
                if let id = row["id"]?.int { found[id] = row }
            }
            if rows.count < KBSupportAPI.perPage { break }
            page += 1
        }
        return found.values.sorted { a, b in
            let (x, y) = (a["date_gmt"]?.string ?? "", b["date_gmt"]?.string ?? "")
            return x == y ? (a["id"]?.int ?? 0) < (b["id"]?.int ?? 0) : x < y
        }
    }

    /// The files of a ticket and its replies by what they hang on, in the order in which they came.
    private func media(
        of parents: [String], _ api: KBSupportAPI, _ site: KBSupportSite
    ) async throws -> [Int: [JSON]] {
        var out: [Int: [JSON]] = [:]
        var rest = parents[...]
        while !rest.isEmpty {
            let some = rest.prefix(50)
            rest = rest.dropFirst(50)
            var query = [("parent", some.joined(separator: ",")), ("orderby", "id"), ("order", "asc")]
            // Titles as they are, for who may edit; else as WordPress shows them.
            if site.editsPosts { query.append(("context", "edit")) }
            for row in try await api.demand("media", query.map { (name: $0.0, value: $0.1) }, api: KBSupportAPI.core) {
                if let parent = row["post"]?.int { out[parent, default: []].append(row) }
            }
        }
        return out
    }

    package func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        try await files.file(for: attachment, client: state.withLock { $0.api }.client)
    }

    package func losses() async -> [Loss] {
        let (anonymous, site) = state.withLock { ($0.anonymous, $0.site) }
        var out = [
            Loss(
                field: "messages[]", value: "note",
                reason: "no API shows KB Support's internal notes; a WordPress export (Tools > Export) has them",
                fallback: .archive)
        ]
        if anonymous > 0 {
            out.append(
                Loss(
                    field: "messages[].author", value: "\(anonymous) replies",
                    reason: "KB Support's REST API does not tell who wrote a reply, and "
                        + (usesXMLRPC
                            ? "the site's XML-RPC does not tell it either"
                            : "the migration file says `xmlrpc: off`") + "; a WordPress export has it",
                    fallback: .archive))
        }
        if let site, !site.hasXMLRPC {
            out.append(
                Loss(
                    field: "status",
                    reason:
                        "tickets with a status that nobody registers, such as one of an add-on that is gone, are in no listing of the REST API; XML-RPC or a WordPress export has them",
                    fallback: .archive))
        }
        return out
    }

    package func readReport() async -> ReadReport { state.withLock { $0.report } }

    package func close() async {
        files.close()
        await state.withLock { $0.api }.client.transport.close()
    }

    /// Runs what only one may do at a time.
    func alone<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        try await gate.alone(body)
    }
}

/// Lets one in at a time, the others in the order in which they came.
final class KBSupportGate: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Runs a body alone.
    func alone<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if !state.isTaken {
                    state.isTaken = true
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        defer {
            let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
                if state.waiting.isEmpty {
                    state.isTaken = false
                    return nil
                }
                return state.waiting.removeFirst()
            }
            next?.resume()
        }
        return try await body()
    }
}
