// SPDX-License-Identifier: Apache-2.0
internal import Foundation
package import Migration
internal import Synchronization
package import TicketModel
internal import Transport

/// Reads tickets of Smart Support through its REST API; sends nothing but reads.
///
/// Each ticket costs two requests beside the listing, a third where its replies do not say which are internal.
package final class SmartSupportSource: TicketSource {
    /// What of the site is read, and how.
    package struct Options: Sendable {
        /// Parameters of the list.
        var filters: [(name: String, value: String)] = []
        /// Only the tickets of these customers; nil: all.
        var customers: [String]?
        /// Whether texts are plain.
        var areTexts = false
        /// How many tickets a page is asked for; nil: as many as the document allows.
        var pageSize: Int?

        /// Everything, as HTML.
        package init() {}

        init(_ other: Options) { self = other }
    }

    private struct State {
        var api: SmartSupportAPI
        var clock: SmartSupportClock?
        var report = ReadReport()
        /// Whether an internal note was seen: the key has the scope then.
        var hasSeenNotes = false
        /// Whether the site refused to show notes.
        var areNotesRefused = false
        var hasWarned = false
        /// Tickets with replies that were read without a note among them.
        var withoutNotes = 0
    }

    /// After so many tickets with replies and without a note somebody has to hear of it.
    private static let patience = 25
    private let options: Options
    private let sink: any DiagnosticSink
    private let state: Mutex<State>
    /// Files come from the site itself only.
    private let files = AttachmentFetcher(allowsOtherHosts: false)

    /// Wraps an API; nothing is sent yet.
    package init(api: SmartSupportAPI, options: Options = Options(), sink: any DiagnosticSink) {
        self.options = options
        self.sink = sink
        state = Mutex(State(api: api))
    }

    package func identity() async throws -> String? {
        WordPressSite.identity(of: state.withLock { $0.api.client })
    }

    package var changesWithoutDate: String? { "internal notes and edited texts, as far as anybody says" }

    package func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        let (api, clock) = try await ready()
        if after == nil { state.withLock { $0.report = ReadReport() } }
        // An hour more, for changes of summer time that site and filter see differently: an older ticket costs nothing.
        let slack = SmartSupportWalk.overlap + 3600
        let walk = SmartSupportWalk(
            api: api, clock: clock, pageSize: options.pageSize ?? 100, filters: options.filters,
            customers: options.customers,
            since: since.map { clock.wall($0) - slack })
        guard let place = try after.map({ try Self.place($0) }) ?? walk.start else { return Page(stubs: [], next: nil) }
        let step = try await walk.step(place)
        let stubs = step.rows.compactMap { row -> Stub? in
            guard let id = SmartSupportAPI.id(row, "ticket") else { return nil }
            let updated = SmartSupportTicketReader.updatedNames.lazy.compactMap { clock.time(row[$0]) }.first
            // No fingerprint: nobody says that notes and edited texts move the date of change.
            return Stub(id: id, updatedAt: updated)
        }
        let isWhole = since == nil && options.customers == nil && place.from == nil
        return Page(stubs: stubs, next: step.next.map { Cursor($0.text) }, total: isWhole ? step.total : nil)
    }

    private static func place(_ cursor: Cursor) throws -> SmartSupportWalk.Place {
        guard let place = SmartSupportWalk.Place(text: cursor.text) else {
            throw Diagnostic(
                code: "smart-support.cursor", "“\(cursor.text.prefix(60))” is no place in a list of Smart Support",
                remedy: "begin the list anew", cause: .bug)
        }
        return place
    }

    package func fetch(_ stub: Stub) async throws -> CanonicalLine {
        let (api, clock) = try await ready()
        guard let row = try await api.ticket(stub.id) else {
            throw Diagnostic(
                code: "smart-support.gone", "ticket \(stub.id) is not in Smart Support any more", subject: api.address,
                remedy: "run the same command again: tickets that are gone are listed", cause: .someFailed)
        }
        var replies: [JSON] = []
        var open: Set<String>?
        if let all = try await api.replies(stub.id, notes: true) {
            replies = all
            // Where a reply does not say what it is, the list without notes may tell.
            if all.contains(where: { SmartSupportTicketReader.isInternal($0) == nil }) {
                let without = try await api.replies(stub.id, notes: false) ?? []
                open = Set(without.compactMap { SmartSupportAPI.id($0, "reply") })
            }
        } else {
            state.withLock { $0.areNotesRefused = true }
            replies = try await api.replies(stub.id, notes: false) ?? []
            warn()
        }
        let reader = SmartSupportTicketReader(clock: clock, areTexts: options.areTexts, open: open)
        var ticket = reader.ticket(row, replies: replies)
        ticket.url = ticket.url ?? api.page(ofTicket: stub.id)
        note(ticket)
        return CanonicalLine(ticket)
    }

    // MARK: What is told at the end

    private func note(_ ticket: Ticket) {
        let isLate = state.withLock { state in
            state.report.read += ticket.messages.count
            state.report.inTickets += ticket.messages.count
            if ticket.status == nil, let label = ticket.statusLabel {
                state.report.unmappedLabels["status", default: [:]][label, default: 0] += 1
            }
            if ticket.priority == nil, let label = ticket.priorityLabel {
                state.report.unmappedLabels["priority", default: [:]][label, default: 0] += 1
            }
            if ticket.messages.dropFirst().contains(where: { $0.kind == .note }) {
                state.hasSeenNotes = true
            } else if ticket.messages.count > 1 {
                state.withoutNotes += 1
            }
            return !state.hasSeenNotes && state.withoutNotes >= Self.patience
        }
        if isLate { warn() }
    }

    /// Says once that the key seems not to see notes: the API leaves them out in silence.
    private func warn() {
        let what: String? = state.withLock { state in
            guard !state.hasWarned, state.areNotesRefused || !state.hasSeenNotes && state.withoutNotes > 0 else {
                return nil
            }
            state.hasWarned = true
            return state.areNotesRefused
                ? "the key may not see internal notes (HTTP 403)"
                : "no internal note came with any of \(state.withoutNotes) tickets with replies: there are none, or the key may not see them"
        }
        guard let what else { return }
        sink.emit(
            Diagnostic(
                .warning, code: "smart-support.notes-unseen", what,
                subject: state.withLock { $0.api }.address,
                remedy:
                    "give the key the scope for internal notes in Smart Support > Settings > Advanced > API, if there are notes",
                cause: .refused))
    }

    package func losses() async -> [Loss] {
        warn()
        guard state.withLock({ $0.areNotesRefused }) else { return [] }
        return [
            Loss(
                field: "messages[]", value: "note", reason: "the key may not see internal notes", fallback: .archive)
        ]
    }

    package func readReport() async -> ReadReport { state.withLock { $0.report } }

    package func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        try await files.file(for: attachment, client: state.withLock { $0.api }.client)
    }

    /// Greets the site once.
    private func ready() async throws -> (SmartSupportAPI, SmartSupportClock) {
        if let known = state.withLock({ state in state.clock.map { (state.api, $0) } }) { return known }
        var api = state.withLock { $0.api }
        let greeting = try await api.connect()
        if let warning = greeting.warning { sink.emit(warning) }
        let found = api
        state.withLock { state in
            state.api = found
            state.clock = greeting.clock
        }
        return (api, greeting.clock)
    }

    package func close() async {
        files.close()
        await state.withLock { $0.api }.client.transport.close()
    }
}

extension SmartSupport {
    /// The addresses of a file, one a line; empty lines and those after `#` are left out.
    ///
    /// - Throws: a `Diagnostic` for a file that cannot be read or has no address.
    static func addresses(_ path: String) throws -> [String] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Diagnostic(
                code: "smart-support.customers", "the list of customers cannot be read", subject: path,
                remedy: "write a file with one address a line, and name it in `customers`", cause: .badInput)
        }
        var seen: Set<String> = []
        let lines = text.split(whereSeparator: \.isNewline).map(\.trimmingBlanks)
        let all = lines.filter { !$0.isEmpty && !$0.hasPrefix("#") && seen.insert($0.lowercased()).inserted }
        if let wrong = all.first(where: { !$0.contains("@") }) {
            throw Diagnostic(
                code: "smart-support.customers", "“\(wrong.prefix(60))” is no address", subject: path,
                remedy: "write one address a line", cause: .badInput)
        }
        return all
    }
}
