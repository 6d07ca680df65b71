// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Mapping
internal import TicketModel

/// A migration into a file: read, map, write anew.
///
/// The whole file is written each time and appears at once, so that a run can be repeated and taken up again. Tickets
/// that stand in it and that this run does not read (a selection, a source that lost them) are kept from the archive.
/// The journal knows what stands in it; it is believed only as long as the file is there.
public struct Export: Sendable {
    private let setup: MigrationSetup
    private let target: ExportTarget
    private let journal: any Journal
    private let archive: String?

    /// Prepares a plan or a run; nothing is read yet.
    ///
    /// - Parameters:
    ///   - setup: the migration; its policy of notifications means nothing here.
    ///   - target: the file.
    ///   - journal: for a run the only writer's; for a plan opened for reading will do.
    ///   - archive: the archive's folder; nil: none, and a run that is broken off begins anew.
    public init(setup: MigrationSetup, target: ExportTarget, journal: any Journal, archive: String?) {
        self.setup = setup
        self.target = target
        self.journal = journal
        self.archive = archive
    }

    /// Reads the source and says what a run would write; writes nothing.
    ///
    /// - Parameter each: takes each change in the order of the source, the unchanged too.
    /// - Returns: the numbers of the plan.
    /// - Throws: `Diagnostic` where source or journal cannot be read at all, and what `each` throws.
    public func plan(each: (TicketChange) async throws -> Void = { _ in }) async throws -> PlanSummary {
        let identity = try await identity()
        try await setup.check(journal.head(), identity: identity, target: target.path)
        // What a run would refuse with is said, and the plan goes on.
        if let refusal = try await refusal() { setup.sink.emit(refusal) }
        let isThere = isThere
        var tally = ExportTally()
        let reading = SourceReading(
            setup: setup, reader: TicketReading(setup: setup, policy: setup.attachments, files: nil, log: nil),
            phase: .planning)
        var unseen = UnseenStatuses(setup.selection)
        try await reading.run { read in
            unseen.see(read.ticket)
            let made = try await compared(made(read), isThere: isThere)
            tally.add(made.change, line: made.line)
            try await each(made.change)
        } failed: { _, diagnostic in
            setup.sink.emit(diagnostic)
            tally.summary.skip += 1
        }
        var summary = await tally.finished(setup)
        summary.head = JournalHead(identity: identity, target: target.path)
        try await settle(&summary, seen: reading.seen, unseen: unseen)
        return summary
    }

    /// Shows each ticket that the selection lets through with its losses; writes nothing.
    ///
    /// - Returns: the ids of a sample; see ``Planner/sample(_:)``.
    public func sample(_ count: Int) async throws -> Set<String> {
        var sample = Sample()
        let reading = SourceReading(
            setup: setup, reader: TicketReading(setup: setup, policy: .skip, files: nil, log: nil), phase: .planning)
        try await reading.run { read in
            sample.add(read.ticket, losses: try setup.mapping.map(read.ticket).losses)
        } failed: { _, diagnostic in
            setup.sink.emit(diagnostic)
        }
        return sample.chosen(count)
    }

    /// Writes the file, the catalogue beside it and the archive.
    ///
    /// - Parameter seal: the plan that was signed; the file is left as it is where it would not be as the plan says.
    /// - Returns: what was done.
    /// - Throws: `Diagnostic`; the file is as it was before then. What was read of an API is kept in the archive.
    public func migrate(by seal: PlanSeal? = nil) async throws -> RunReport {
        let identity = try await identity()
        try await setup.check(journal.head(), identity: identity, target: target.path)
        if let refusal = try await refusal() { throw refusal }
        try seal?.check(JournalHead(identity: identity, target: target.path), file: setup.file)
        let isThere = isThere
        let started = setup.clock.now()
        let store = try archive.map { try ArchiveStore(folder: $0, now: started.seconds) }
        let files = FilesFolder(path: target.files)
        files.clean()
        let export = try target.begin()
        var tally = ExportTally()
        var report = RunReport(state: .finished)
        let records = try ExportRecords()
        var written = Set<Int>()
        func write(_ made: Made) throws {
            if let store { for sha in made.files { try files.take(sha, from: store.files) } }
            try export.add(made.line)
        }
        let reading = SourceReading(
            setup: setup,
            reader: TicketReading(
                setup: setup, policy: setup.attachments, files: store?.files ?? files, log: store?.log),
            phase: .reading)
        var unseen = UnseenStatuses(setup.selection)
        try await reading.run { read in
            unseen.see(read.ticket)
            try store?.writer.add(id: read.ticket.id, line: read.line, files: [])
            do {
                let made = try await compared(made(read), isThere: isThere)
                written.insert(made.change.id.hashValue)
                try write(made)
                tally.add(made.change, line: made.line)
                if made.change.action != .unchanged {
                    try records.add(made.record, losses: made.change.losses)
                }
            } catch let diagnostic as Diagnostic where diagnostic.cause != .machine {
                try await note(diagnostic, of: read.ticket.id, in: &report, records)
            }
        } failed: { id, diagnostic in
            try await note(diagnostic, of: id, in: &report, records)
        }
        var summary = await tally.finished(setup)
        if summary.read.timesWithoutZone > 0 { throw Diagnostic.noZone(summary.read.timesWithoutZone) }
        if let seal, seal.digest != summary.digest { throw Diagnostic.planDiffers }
        try await settle(&summary, seen: reading.seen, unseen: unseen)
        try store?.writer.finish { try? setup.mapping.decode($0).id }
        try keep(try await others(than: written), of: store) { read in try write(made(read)) }
        let catalogue = await catalogue()
        try await journal.setHead(JournalHead(identity: identity, target: target.path))
        try await journal.record([.runBegan(started)])
        try export.finish()
        try writeCatalogue(catalogue, to: target.catalogue)
        try store?.name(identity.source == "source" ? nil : identity.source)
        try store?.finish(catalogue: catalogue, isWhole: report.counts.failed == 0)
        try await records.record(in: journal)
        let ended = setup.clock.now()
        try await journal.record([.runEnded(ended, setup.endState(tickets: summary.total))])
        report.counts.created = summary.create
        report.counts.updated = summary.update
        report.counts.unchanged = summary.unchanged
        report.messages["written"] = tally.messages
        report.losses = summary.losses
        report.started = started
        report.finished = ended
        report.failures = try await journal.failures(limit: 1000)
        report.plan = summary
        return report
    }

    /// Whether a run could write: the source answers, the mapping fits the first tickets, the folder takes files.
    ///
    /// Writes nothing.
    public func check() async throws -> Check.Findings {
        var findings = Check.Findings()
        findings.source = try await identity().source
        findings.target = target.path
        findings.tickets = try await setup.source.list(since: nil, after: nil).total
        var first = setup
        first.selection.limit = min(setup.selection.limit ?? Check.sampleSize, Check.sampleSize)
        findings.sample = try await Export(setup: first, target: target, journal: journal, archive: nil).plan()
        if findings.sample.read.timesWithoutZone > 0 {
            findings.problems.append(.noZone(findings.sample.read.timesWithoutZone))
        }
        if let refusal = try await refusal() { findings.problems.append(refusal) }
        let folder = (target.path as NSString).deletingLastPathComponent
        if !FileManager.default.isWritableFile(atPath: folder) {
            findings.problems.append(
                Diagnostic(
                    code: "output.unwritable", "the folder of the target's file takes no files", subject: folder,
                    remedy: "give this user the right to write there, or name another place in `path`", cause: .machine)
            )
        }
        return findings
    }

    // MARK: One ticket

    private struct Made {
        var change: TicketChange
        var line: CanonicalLine
        var record: TicketRecord
        /// The hashes of its files.
        var files: [String]
    }

    /// A ticket as it goes into the file, as if it were new there.
    private func made(_ read: ReadTicket) throws -> Made {
        let (draft, losses) = try setup.mapping.map(read.ticket)
        let exported = draft.exported(of: read.ticket)
        let line = CanonicalLine(exported.ticket)
        var record = TicketRecord(id: read.ticket.id, number: read.ticket.number, state: .complete)
        record.source = read.line.fingerprint.text
        record.draft = line.fingerprint.text
        record.targetID = read.ticket.id
        var change = TicketChange(id: record.id, number: record.number, action: .create)
        change.losses = losses + exported.losses + read.losses
        change.steps = ["write ticket"] + draft.ticket.messages.map { "write \($0.kind.rawValue)" }
        let attachments = read.ticket.messages.flatMap(\.attachments).filter { $0.file != nil }
        change.bytes = attachments.reduce(0) { $0 + ($1.size ?? 0) }
        return Made(change: change, line: line, record: record, files: attachments.compactMap(\.file))
    }

    /// The same against what stands in the file.
    private func compared(_ made: Made, isThere: Bool) async throws -> Made {
        guard isThere, let known = try await journal.ticket(made.record.id)?.ticket, !known.draft.isEmpty else {
            return made
        }
        var made = made
        made.change.action = .update
        if known.draft == made.record.draft, known.state == .complete {
            made.change.action = .unchanged
            made.change.steps = []
            made.change.bytes = 0
        }
        return made
    }

    private func note(
        _ diagnostic: Diagnostic, of id: String, in report: inout RunReport, _ records: ExportRecords
    ) async throws {
        report.counts.failed += 1
        var record = try await journal.ticket(id)?.ticket ?? TicketRecord(id: id)
        record.state = .failed
        record.failure = .init(diagnostic)
        try records.add(record, losses: [])
    }

    // MARK: What is there

    private func identity() async throws -> MigrationIdentity {
        // Nothing in a file carries a key: a source without a name of its own will do.
        var setup = setup
        if setup.sourceName == nil, try await setup.source.identity() == nil, try await journal.head() == nil {
            setup.sourceName = "source"
        }
        return try await setup.identity(in: journal)
    }

    /// Why the file may not be written: it is none of ours, or nobody knows what stands in it and only a part was asked
    /// for.
    private func refusal() async throws -> Diagnostic? {
        guard isThere else { return nil }
        if try await journal.head() == nil {
            return Diagnostic(
                code: "export.not-ours", "the file is there already, and this migration did not write it",
                subject: target.path, remedy: "move it away, or name another file in `path:`; nothing was written",
                cause: .refused)
        }
        guard setup.isPart || setup.selection.limit != nil, let last = try await journal.lastRun(), last.ended == nil
        else { return nil }
        return Diagnostic(
            code: "export.broken-off", "the last run ended in the middle of writing, and this one is for a part alone",
            subject: target.path, remedy: "run once without --limit, --only and --sample; nothing was written",
            cause: .refused)
    }

    /// Whether the file is there: without it the journal tells nothing.
    private var isThere: Bool { FileManager.default.fileExists(atPath: target.path) }

    /// What is gone from the source, and what of the numbers somebody should see.
    private func settle(_ summary: inout PlanSummary, seen: Set<Int>, unseen: UnseenStatuses) async throws {
        summary.listed = seen.count
        summary.unlisted = setup.selection.unlisted(of: seen)
        var known = 0
        if setup.selection.listsWhole {
            summary.gone = try await others(than: seen)
            known = try await others(than: []).count
        }
        summary.warnings = PlanWarnings(setup).all(of: summary, known: known, unseen: unseen)
        for warning in summary.warnings { setup.sink.emit(warning) }
    }

    /// The tickets that stand in the file by the journal and are none of these, in the order of their ids' bytes.
    private func others(than ids: Set<Int>) async throws -> [String] {
        var others: [String] = []
        var last: String?
        while isThere {
            let page = try await journal.realTickets(after: last, limit: 1000)
            guard let end = page.last else { break }
            others += page.filter { !$0.draft.isEmpty && !ids.contains($0.id.hashValue) }.map(\.id)
            last = end.id
        }
        return others
    }

    /// Keeps tickets that stand in the file and that this run did not read, as the archive has them.
    ///
    /// - Throws: `Diagnostic` where they cannot be kept: a smaller file is never written in silence.
    private func keep(_ ids: [String], of store: ArchiveStore?, write: (ReadTicket) throws -> Void) throws {
        var missing = Set(ids)
        if missing.isEmpty { return }
        if let store {
            try ArchiveStore.forEachLine(of: store.folder) { line in
                guard missing.contains(line.id), let ticket = try? setup.mapping.decode(line) else { return }
                missing.remove(line.id)
                try write(ReadTicket(ticket: ticket, line: line, losses: []))
            }
        }
        guard let first = missing.min() else { return }
        throw Diagnostic(
            code: "export.would-shrink",
            "\(missing.count.counted("ticket")) in the file, neither read now nor in the archive (the first is \(first))",
            subject: target.path,
            remedy:
                "name another file in `path:`, or move this one away and run again without a limit; the file is as it was",
            cause: .refused)
    }

    // MARK: The catalogue

    /// What the source has beside its tickets; a helpdesk that does not give it out does not end the run.
    private func catalogue() async -> [CatalogueEntry] {
        do {
            return try await setup.source.catalogue()
        } catch {
            setup.sink.emit(.noCatalogue(error))
            return []
        }
    }
}

extension Diagnostic {
    static var planDiffers: Diagnostic {
        Diagnostic(
            code: "plan.differs", "the plan is no longer the one that was signed",
            remedy: "look at the new plan with `ticketferry plan`; nothing was written", cause: .refused)
    }

    /// A helpdesk that gives its tickets and not what stands beside them.
    static func noCatalogue(_ error: any Error) -> Diagnostic {
        let reason = (error as? Diagnostic)?.message ?? "\(error)"
        return Diagnostic(
            .warning, code: "source.no-catalogue",
            "the catalogue (agents, tags and the like) cannot be read: \(reason)",
            remedy: "give the login the right to read it and run again; the tickets are complete without it")
    }
}
