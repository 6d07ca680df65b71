// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// A ticket as it was read, with the files that are kept of it.
struct ReadTicket: Sendable {
    var ticket: Ticket
    /// With ``Attachment/file``, size and hash where the bytes are kept.
    var line: CanonicalLine
    /// Files that cannot be had or are not wanted.
    var losses: [Loss]
}

/// Reads a source once, in its order, with a window of tickets read at the same time, and keeps their files.
///
/// A ticket that cannot be read fails alone; too many in a row end the reading. Memory is a page and a window, and eight
/// bytes a ticket.
final class SourceReading {
    private let setup: MigrationSetup
    private let reader: TicketReading
    private let phase: RunPhase
    /// The hashes of all ids that were listed, whatever the selection says.
    private(set) var seen = Set<Int>()
    /// Tickets that were read in an earlier run that was broken off.
    private(set) var reused = 0

    init(setup: MigrationSetup, reader: TicketReading, phase: RunPhase) {
        self.setup = setup
        self.reader = reader
        self.phase = phase
    }

    /// Visits each ticket that the selection lets through; those that cannot be read go to `failed`.
    ///
    /// - Throws: what ends the reading: the source's listing, this machine's disk, the operator's signal, too many failures.
    func run(
        visit: (ReadTicket) async throws -> Void, failed: (_ id: String, Diagnostic) async throws -> Void
    ) async throws {
        var progress = RunProgress()
        progress.phase = phase
        setup.observer.progress(progress)
        try await withThrowingTaskGroup(of: (Int, TicketReading.Outcome).self) { group in
            defer { group.cancelAll() }
            var cursor: Cursor?
            var isListed = false
            var pending: [Stub] = []
            var next = pending.startIndex
            var (started, delivered, inFlight, visited) = (0, 0, 0, 0)
            var waiting: [Int: TicketReading.Outcome] = [:]
            var brake = Brake()
            while true {
                while inFlight < setup.concurrency, started - delivered < setup.concurrency * 4 {
                    if next == pending.endIndex {
                        if isListed { break }
                        let page = try await setup.source.list(since: nil, after: cursor)
                        progress.total = page.total
                        pending = page.stubs.filter {
                            seen.insert($0.id.hashValue).inserted && setup.selection.admits(id: $0.id)
                        }
                        next = pending.startIndex
                        cursor = page.next
                        isListed = page.next == nil
                        continue
                    }
                    let (stub, place, reader) = (pending[next], started, reader)
                    group.addTask { (place, await reader.read(stub)) }
                    next += 1
                    started += 1
                    inFlight += 1
                }
                guard inFlight > 0, let (place, outcome) = try await group.next() else { break }
                inFlight -= 1
                waiting[place] = outcome
                while let outcome = waiting.removeValue(forKey: delivered) {
                    delivered += 1
                    if let limit = setup.selection.limit, visited >= limit { return }
                    switch outcome {
                    case .leftOut: break
                    case .read(let ticket, let isReused):
                        visited += 1
                        if isReused { reused += 1 }
                        _ = brake.add(failure: nil, answered: true)
                        try await visit(ticket)
                    case .failed(let id, let diagnostic):
                        visited += 1
                        progress.failed += 1
                        try await failed(id, diagnostic)
                        if let reason = brake.add(failure: diagnostic, answered: diagnostic.cause != .unavailable) {
                            throw reason
                        }
                    case .broken(let error): throw error
                    }
                    progress.done = visited
                    progress.inFlight = inFlight
                    setup.observer.progress(progress)
                }
                if setup.stop.isStopped { throw reader.log == nil ? Diagnostic.nothingKept : .readingInterrupted }
            }
        }
    }
}

/// Reads one ticket: from the log of a reading that was broken off, else from the source, with its files.
struct TicketReading: Sendable {
    let setup: MigrationSetup
    let policy: AttachmentPolicy
    /// Where files are kept; nil: their bytes are only looked for.
    let files: FilesFolder?
    let log: ReadingLog?

    enum Outcome: Sendable {
        case read(ReadTicket, reused: Bool)
        case leftOut
        case failed(id: String, Diagnostic)
        /// Ends the reading.
        case broken(any Error)
    }

    func read(_ stub: Stub) async -> Outcome {
        do {
            if stub.line == nil, let line = try log?.line(for: stub) {
                let ticket = try setup.mapping.decode(line)
                if hasAllFiles(ticket) {
                    guard setup.selection.admits(ticket) else { return .leftOut }
                    return .read(ReadTicket(ticket: ticket, line: line, losses: []), reused: true)
                }
            }
            var line: CanonicalLine
            if let known = stub.line { line = known } else { line = try await setup.source.fetch(stub) }
            var ticket = try setup.mapping.decode(line)
            guard setup.selection.admits(ticket) else { return .leftOut }
            let losses = try await keepFiles(of: &ticket)
            if ticket.messages.contains(where: { !$0.attachments.isEmpty }) { line = CanonicalLine(ticket) }
            // What lacks a file is asked for again by a run that goes on.
            if stub.line == nil, losses.isEmpty { try log?.add(stub, line: line, at: setup.clock.now().seconds) }
            return .read(ReadTicket(ticket: ticket, line: line, losses: losses), reused: false)
        } catch let diagnostic as Diagnostic where diagnostic.cause != .machine {
            return .failed(id: stub.id, diagnostic)
        } catch let error where error is CancellationError || error is Diagnostic {
            return .broken(error)
        } catch {
            return .failed(id: stub.id, .unreadable(stub.id, error))
        }
    }

    private func hasAllFiles(_ ticket: Ticket) -> Bool {
        guard case .copy = policy, let files else { return true }
        return ticket.messages.allSatisfy { message in
            message.attachments.allSatisfy { $0.file.map(files.has) ?? false }
        }
    }

    /// Keeps the bytes of each file and notes them at its attachment.
    ///
    /// - Throws: `Diagnostic` with cause `machine` when the disk fails, and what says that the whole ticket has to wait.
    private func keepFiles(of ticket: inout Ticket) async throws -> [Loss] {
        var losses: [Loss] = []
        for m in ticket.messages.indices {
            for a in ticket.messages[m].attachments.indices {
                let attachment = ticket.messages[m].attachments[a]
                let why: String
                switch policy {
                case .skip: why = "the migration says `attachments: skip`"
                case .link(let base):
                    let place = base + (attachment.file ?? attachment.name ?? attachment.url ?? "")
                    if attachment.file != nil { ticket.messages[m].attachments[a].url = place }
                    why = "it stays at \(place)"
                case .copy:
                    switch await setup.file(for: attachment) {
                    case .success(let file):
                        try files?.keep(file)
                        ticket.note(file, at: (m, a))
                        continue
                    case .failure(let reason): why = reason.reason
                    }
                }
                losses.append(
                    Loss(
                        field: "messages[].attachments[]", value: attachment.name ?? attachment.url ?? attachment.file,
                        reason: why, fallback: .archive))
            }
        }
        return losses
    }
}

extension MigrationSetup {
    /// The bytes of an attachment, from the archive where it has them; what stands in the way is a reason and no error.
    func file(for attachment: Attachment) async -> Result<ResolvedFile, FileUnavailable> {
        if let file = kept?.file(for: attachment) { return .success(file) }
        do {
            return try await source.file(for: attachment)
        } catch {
            return .failure(FileUnavailable((error as? Diagnostic)?.message ?? "\(error)"))
        }
    }
}

extension Diagnostic {
    /// A reading that was asked to stop and kept nothing.
    static var nothingKept: Diagnostic {
        Diagnostic(
            code: "run.interrupted", "interrupted; nothing was written", remedy: "run the same command again",
            cause: .interrupted)
    }

    /// A reading that was asked to stop.
    static var readingInterrupted: Diagnostic {
        Diagnostic(
            code: "run.interrupted", "interrupted; what is read is kept in the archive",
            remedy: "run the same command again to go on", cause: .interrupted)
    }
}
