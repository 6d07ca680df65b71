// SPDX-License-Identifier: Apache-2.0
internal import Dumps
internal import Formats
internal import Migration
internal import Synchronization
internal import TicketModel
internal import Transport

/// Reads chats from files that the old POST hook's receiver kept; no network but for attachments.
///
/// The files are read twice: a chat that was sent again, longer, stands once, as it was sent last.
final class SmartsuppHookSource: TicketSource {
    /// Where a chat stands.
    private struct Place: Hashable {
        var file: Int
        var number: Int
    }

    private struct Index {
        var files: [String]
        /// The places to read, and of each chat only the one that holds most.
        var kept: Set<Place>
        var repeated: Int
        var others: Int
        var account: String?
        var zoneless: Int
    }

    private struct State {
        var input: InputSet?
        var index: Index?
        var scanner: (place: Place, scanner: SmartsuppHookScanner)?
        var report = ReadReport()
    }

    private static let perPage = 200
    private let paths: [String]
    private let clock: SmartsuppClock
    private let sink: any DiagnosticSink
    private let client: APIClient
    private let fetcher = AttachmentFetcher()
    private let state = Mutex(Box())

    /// Keeps values that may not be shared inside the lock.
    private final class Box {
        var state = State()
    }

    /// Takes paths of files and folders, and patterns; nothing is read yet.
    init(paths: [String], clock: SmartsuppClock, sink: any DiagnosticSink, client: APIClient) {
        self.paths = paths
        self.clock = clock
        self.sink = sink
        self.client = client
    }

    func identity() async throws -> String? {
        try state.withLock { try ready($0).account.map { "smartsupp account \($0)" } }
    }

    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        try state.withLock { box in
            let index = try ready(box)
            var place = Place(file: 0, number: 0)
            if let after {
                let parts = after.text.split(separator: ":").compactMap { Int($0) }
                guard parts.count == 2, parts[0] >= 0, parts[1] >= 0 else { throw Self.badCursor }
                place = Place(file: parts[0], number: parts[1])
            } else {
                box.state.report = ReadReport()
                box.state.report.leftAside = Self.leftAside(index)
                box.state.report.timesWithoutZone = index.zoneless
                box.state.scanner = nil
            }
            var stubs: [Stub] = []
            var reader = SmartsuppHookReader(clock: clock)
            while place.file < index.files.count, stubs.count < Self.perPage {
                var scanner = try scanner(box, at: place)
                guard let chat = try scanner.next() else {
                    place = Place(file: place.file + 1, number: 0)
                    box.state.scanner = nil
                    continue
                }
                let here = place
                place.number += 1
                box.state.scanner = (place, scanner)
                guard index.kept.contains(here), let ticket = reader.ticket(chat) else { continue }
                box.state.report.read += 1
                box.state.report.inTickets += 1
                if let since, let updated = ticket.updatedAt, updated < since { continue }
                stubs.append(Stub(id: ticket.id, updatedAt: ticket.updatedAt, line: CanonicalLine(ticket)))
            }
            let isEnd = place.file >= index.files.count
            return Page(
                stubs: stubs, next: isEnd ? nil : Cursor("\(place.file):\(place.number)"),
                total: since == nil && after == nil ? index.kept.count : nil)
        }
    }

    private static func leftAside(_ index: Index) -> [String: Int] {
        var out: [String: Int] = [:]
        if index.repeated > 0 { out["chats that were sent again later"] = index.repeated }
        if index.others > 0 { out["objects that are no chats"] = index.others }
        return out
    }

    /// The scanner that stands right before a chat; opened anew where another process left it.
    private func scanner(_ box: Box, at place: Place) throws -> SmartsuppHookScanner {
        if let held = box.state.scanner, held.place == place { return held.scanner }
        guard let file = box.state.input?.files[place.file] else { throw Self.badCursor }
        var scanner = SmartsuppHookScanner(try file.open(), name: file.name)
        for _ in 0..<place.number { _ = try scanner.next() }
        return scanner
    }

    /// Reads all files once, to know which chats there are.
    private func ready(_ box: Box) throws -> Index {
        if let known = box.state.index { return known }
        let input = try InputSet(paths, diagnostics: sink)
        var index = Index(
            files: input.files.map(\.name), kept: [], repeated: 0, others: 0, account: nil, zoneless: 0)
        var best: [String: (place: Place, messages: Int, updated: Timestamp?)] = [:]
        var reader = SmartsuppHookReader(clock: clock)
        for (number, file) in input.files.enumerated() {
            var scanner = SmartsuppHookScanner(try file.open(), name: file.name)
            var place = Place(file: number, number: 0)
            while let chat = try scanner.next() {
                defer { place.number += 1 }
                guard let ticket = reader.ticket(chat) else {
                    index.others += 1
                    continue
                }
                index.account = index.account ?? chat["accountId"]?.text
                let count = ticket.messages.count
                if let old = best[ticket.id] {
                    index.repeated += 1
                    let isMore =
                        count > old.messages || count == old.messages && Self.isLater(ticket.updatedAt, old.updated)
                    guard isMore else { continue }
                }
                best[ticket.id] = (place, count, ticket.updatedAt)
            }
        }
        index.kept = Set(best.values.map(\.place))
        index.zoneless = reader.zoneless
        guard !index.kept.isEmpty else {
            throw Diagnostic(
                code: "smartsupp.no-chats", "no chat of Smartsupp's hook is in these files",
                at: SourceLocation(file: index.files.first ?? paths.first ?? ""),
                remedy: "name the files with the JSON that the hook sent (accountId, visitor, messages)")
        }
        box.state.input = input
        box.state.index = index
        return index
    }

    private static func isLater(_ a: Timestamp?, _ b: Timestamp?) -> Bool {
        guard let a else { return false }
        return b.map { $0 < a } ?? true
    }

    func fetch(_ stub: Stub) async throws -> CanonicalLine {
        if let line = stub.line { return line }
        // Every stub of this source carries its line: only a foreign one comes without.
        throw Diagnostic(
            code: "smartsupp.gone", "the chat \(stub.id) is in none of the files", remedy: "list the files anew",
            cause: .someFailed)
    }

    func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        try await fetcher.file(for: attachment, client: client)
    }

    func losses() async -> [Loss] { [] }

    func readReport() async -> ReadReport { state.withLock { $0.state.report } }

    func close() async {
        fetcher.close()
        await client.transport.close()
    }

    private static var badCursor: Diagnostic {
        Diagnostic(
            code: "smartsupp.cursor", "this is no place where a listing of files was left",
            remedy: "start the listing anew", cause: .bug)
    }
}
