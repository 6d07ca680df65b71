// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import Synchronization
internal import TicketModel
internal import Transport

/// Reads the tickets of a list of addresses; sends nothing but reads.
///
/// There is no list of all tickets. An address finds tickets by name and by collation, too, so that one ticket may be in
/// several lists; the first address that shows it is the one it is viewed with.
final class SupportEngineSource: TicketSource {
    /// How texts and times are to be read.
    struct Options: Sendable {
        var addresses: SupportEngineAddresses
        var zone: Zone?
        var isHTML = false
        /// Addresses that one page asks for.
        var perPage = 32
    }

    private struct State {
        var api: SupportEngineAPI
        var categories: [String: String]?
        /// The addresses whose lists show a ticket, in order.
        var shownBy: [String: [String]] = [:]
        var report = ReadReport()
        /// Addresses without a ticket in this listing.
        var empty: [String] = []
        var hasWarned = false
        /// Tickets whose first reply was taken for their first text.
        var joined: Set<String> = []
        /// Addresses of tickets whose address is none of those asked for.
        var others: Set<String> = []
    }

    private let options: Options
    private let sink: any DiagnosticSink
    private let state: Mutex<State>
    private let files: AttachmentFetcher

    /// Wraps an API; nothing is sent yet.
    init(api: SupportEngineAPI, options: Options, sink: any DiagnosticSink) {
        self.options = options
        self.sink = sink
        files = AttachmentFetcher()
        state = Mutex(State(api: api))
    }

    func identity() async throws -> String? {
        WordPressSite.identity(of: state.withLock { $0.api }.client)
    }

    var changesWithoutDate: String? { "a changed status or custom field" }

    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        let api = try await ready()
        let start = after.flatMap { Int($0.text) } ?? 0
        if after == nil {
            state.withLock { state in
                state.report = ReadReport()
                state.empty = []
            }
        }
        let addresses = options.addresses.all
        let end = min(addresses.count, start + options.perPage)
        let lists = try await rows(of: addresses[start..<max(start, end)], api)
        var stubs: [Stub] = []
        var seen: Set<String> = []
        for (address, rows) in lists {
            if rows.isEmpty { state.withLock { $0.empty.append(address) } }
            for row in rows.sorted(by: { ($0["id"]?.int ?? 0) < ($1["id"]?.int ?? 0) }) {
                guard let id = row["id"]?.text else { continue }
                note(id, shownBy: address)
                let updated = row["updated_at"]?.text.flatMap { SupportEngineTicketReader.time($0, zone: options.zone) }
                // An hour that came twice is read as the first of the two.
                if let since, let updated, !updated.doubtful, updated.time < since { continue }
                // No fingerprint: a change of status or of a field need not move the date.
                if seen.insert(id).inserted { stubs.append(Stub(id: id, updatedAt: updated?.time)) }
            }
        }
        if end >= addresses.count { warnOfEmpty() }
        return Page(stubs: stubs, next: end >= addresses.count ? nil : Cursor(String(end)))
    }

    /// The lists of several addresses, in their order.
    private func rows(
        of addresses: ArraySlice<String>, _ api: SupportEngineAPI
    ) async throws -> [(address: String, rows: [JSON])] {
        // One after another: what is on its way cannot wait any more when the server asks for a pause.
        var out: [(address: String, rows: [JSON])] = []
        for address in addresses { out.append((address, try await api.list(address))) }
        return out
    }

    private func note(_ id: String, shownBy address: String) {
        state.withLock { state in
            if state.shownBy[id]?.contains(address) != true { state.shownBy[id, default: []].append(address) }
        }
    }

    private func warnOfEmpty() {
        let empty = state.withLock { state -> [String] in
            defer { state.hasWarned = true }
            return state.hasWarned ? [] : state.empty
        }
        guard !empty.isEmpty else { return }
        let shown = empty.prefix(20).joined(separator: ", ") + (empty.count > 20 ? ", …" : "")
        sink.emit(
            Diagnostic(
                .warning, code: "supportengine.no-tickets",
                "\(empty.count) of \(options.addresses.all.count) addresses have no ticket: \(shown)",
                subject: state.withLock { $0.api.address },
                remedy: "look for typing errors in the file of addresses: the API tells no unknown address",
                cause: .badInput))
    }

    func fetch(_ stub: Stub) async throws -> CanonicalLine {
        let api = try await ready()
        var asked: Set<String> = []
        var answer: JSON?
        for address in state.withLock({ $0.shownBy[stub.id] ?? [] }) where answer == nil {
            asked.insert(address)
            answer = try await api.view(stub.id, email: address)
        }
        if answer == nil { answer = try await search(stub.id, besides: asked, api) }
        guard let answer else {
            throw Diagnostic(
                code: "supportengine.gone",
                "ticket \(stub.id) is in the list and SupportEngine does not show it: deleted, or its address was changed",
                subject: api.address, remedy: "run the same command again", cause: .someFailed)
        }
        var reader = SupportEngineTicketReader(
            zone: options.zone, isHTML: options.isHTML, categories: state.withLock { $0.categories } ?? [:])
        let ticket = reader.ticket(answer)
        guard ticket.id == stub.id else {
            throw Diagnostic(
                code: "supportengine.another-ticket", "SupportEngine shows ticket \(ticket.id) for ticket \(stub.id)",
                subject: api.address, remedy: "report this: no server was known to do so", cause: .someFailed)
        }
        let (count, isJoined) = (reader.timesWithoutZone, reader.joinedFirst)
        state.withLock { state in
            if isJoined { state.joined.insert(ticket.id) }
            state.report.read += ticket.messages.count
            state.report.inTickets += ticket.messages.count
            state.report.timesWithoutZone += count
            if ticket.status == nil, let label = ticket.statusLabel {
                state.report.unmappedLabels["status", default: [:]][label, default: 0] += 1
            }
            if ticket.priority == nil, let label = ticket.priorityLabel {
                state.report.unmappedLabels["priority", default: [:]][label, default: 0] += 1
            }
        }
        warnOfOther(ticket)
        return CanonicalLine(ticket)
    }

    /// Asks the addresses one after another for a ticket of which no list is at hand: another process listed it.
    private func search(_ id: String, besides asked: Set<String>, _ api: SupportEngineAPI) async throws -> JSON? {
        let addresses = options.addresses.all.filter { !asked.contains($0) }
        for start in stride(from: 0, to: addresses.count, by: options.perPage) {
            let lists = try await rows(of: addresses[start..<min(addresses.count, start + options.perPage)], api)
            for (address, rows) in lists where rows.contains(where: { $0["id"]?.text == id }) {
                note(id, shownBy: address)
                if let answer = try await api.view(id, email: address) { return answer }
            }
        }
        return nil
    }

    /// Says once that a list brings tickets of others: a name, or a letter that the server takes for another.
    private func warnOfOther(_ ticket: Ticket) {
        guard let email = ticket.requester?.email, !options.addresses.all.contains(email) else { return }
        let isFirst = state.withLock { state in
            state.others.insert(email).inserted && state.others.count == 1
        }
        guard isFirst else { return }
        sink.emit(
            Diagnostic(
                .warning, code: "supportengine.other-address",
                "ticket \(ticket.id) of \(email) came with another address's list: SupportEngine finds names, too, and may not tell case and accents apart; such tickets are taken",
                subject: state.withLock { $0.api.address },
                remedy: "leave them out by `select: {exclude: …}` if they are not meant", cause: .badInput))
    }

    func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        try await files.file(for: attachment, client: state.withLock { $0.api }.client)
    }

    func catalogue() async throws -> [CatalogueEntry] {
        let api = try await ready()
        let categories = try await api.extra("ticket_categories.php", "categories") ?? []
        let fields = try await api.extra("ticket_custom_fields.php", "fields") ?? []
        func entries(_ rows: [JSON], _ kind: CatalogueEntry.Kind) -> [CatalogueEntry] {
            rows.sorted { ($0["id"]?.int ?? 0) < ($1["id"]?.int ?? 0) }.compactMap { row in
                var rest = row
                guard let id = rest.take("id")?.text, let name = rest.take("name")?.text else { return nil }
                let details = (rest.members ?? []).filter { !$0.value.isNull }
                return CatalogueEntry(kind, id: id, name: name, details: details.isEmpty ? .null : .object(details))
            }
        }
        return entries(categories, .category) + entries(fields, .field)
    }

    /// Logs in once and reads the names of categories where a page tells them.
    private func ready() async throws -> SupportEngineAPI {
        if let known = state.withLock({ state in state.categories == nil ? nil : state.api }) { return known }
        var api = state.withLock { $0.api }
        try await api.begin(sink)
        let rows = try await api.extra("ticket_categories.php", "categories")
        var names: [String: String] = [:]
        for row in rows ?? [] {
            if let id = row["id"]?.text, let name = row["name"]?.text { names[id] = name }
        }
        if rows == nil {
            sink.emit(
                Diagnostic(
                    .note, code: "supportengine.no-categories",
                    "this server does not tell the names of categories: tickets keep their numbers",
                    subject: api.address, remedy: "nothing needs to be done; `extras` has the numbers", cause: .badInput
                ))
        }
        let (found, categories) = (api, names)
        state.withLock { state in
            state.api = found
            state.categories = categories
        }
        return api
    }

    func losses() async -> [Loss] {
        let joined = state.withLock { $0.joined.count }
        guard joined > 0 else { return [] }
        return [
            Loss(
                field: "messages[]", value: "\(joined) replies",
                reason:
                    "each says what opened its ticket, in the same second: taken for that text itself, which SupportEngine's document shows among the replies",
                fallback: .substitute)
        ]
    }

    func readReport() async -> ReadReport { state.withLock { $0.report } }

    func close() async {
        files.close()
        await state.withLock { $0.api }.client.transport.close()
    }
}
