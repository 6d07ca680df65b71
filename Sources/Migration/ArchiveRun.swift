// SPDX-License-Identifier: Apache-2.0
internal import Foundation
public import TicketModel

/// Brings a source into a folder: `tickets.jsonl`, `catalogue.jsonl` and `files/` by hash; the folder is itself a source.
///
/// Made for the day before a contract ends: the migration may come later. A run that was killed goes on where it was, and
/// ends with the bytes of one that was not. Tickets that an earlier run brought and this one does not stay.
public struct ArchiveRun: Sendable {
    private let setup: MigrationSetup
    private let folder: String

    /// What came of it.
    public struct Report: Sendable {
        /// Tickets that this run brought, also those that were there from a run that was broken off.
        public var tickets = 0
        /// Of these: those that did not have to be read again.
        public var reused = 0
        /// Tickets that cannot be read; what an earlier run brought of them stays.
        public var failures: [(id: String, reason: Diagnostic)] = []
        /// Attachments whose bytes are in the folder.
        public var files = 0
        /// Entries of the catalogue.
        public var catalogue = 0
        /// Files that cannot be had, the first thousand, by ticket; and what reading itself lost.
        public var losses: [(ticket: String?, loss: Loss)] = []
        /// All losses.
        public var lossCount = 0
        /// Where every record of the source went.
        public var read = ReadReport()

        /// The form of `archive --json`.
        public func json(folder: String) -> JSON {
            [
                "version": 1, "folder": .string(folder), "tickets": JSON(tickets), "reused": JSON(reused),
                "files": JSON(files), "catalogue": JSON(catalogue),
                "failures": .array(failures.map { ["id": .string($0.id), "diagnostic": $0.reason.json] }),
                "losses": .array(
                    losses.map { one in
                        var json = one.loss.json
                        if let ticket = one.ticket { json["ticket"] = .string(ticket) }
                        return json
                    }),
            ]
        }
    }

    /// Prepares a run; nothing is read yet.
    ///
    /// - Parameters:
    ///   - setup: the source with its selection; the mapping means nothing here.
    ///   - folder: made where it is not there, 0700.
    public init(setup: MigrationSetup, folder: String) {
        self.setup = setup
        self.folder = folder
    }

    /// Reads the source.
    ///
    /// - Throws: `Diagnostic`: an unreachable source, this machine's disk, the operator's signal. What is read so far is
    ///   kept for the next run; what is complete in the folder stays as it was.
    public func run() async throws -> Report {
        let store = try ArchiveStore(folder: folder, now: setup.clock.now().seconds)
        var report = Report()
        // Links keep nothing once the old helpdesk is gone.
        let policy: AttachmentPolicy = setup.attachments == .skip ? .skip : .copy
        let reading = SourceReading(
            setup: setup, reader: TicketReading(setup: setup, policy: policy, files: store.files, log: store.log),
            phase: .reading)
        try await reading.run { read in
            try store.writer.add(id: read.ticket.id, line: read.line, files: [])
            report.tickets += 1
            report.files += read.ticket.messages.reduce(0) { $0 + $1.attachments.count { $0.file != nil } }
            report.lossCount += read.losses.count
            for loss in read.losses where report.losses.count < 1000 { report.losses.append((read.ticket.id, loss)) }
        } failed: { id, diagnostic in
            report.failures.append((id, diagnostic))
        }
        report.reused = reading.reused
        report.read = await setup.source.readReport()
        if report.read.timesWithoutZone > 0 { throw Diagnostic.noZone(report.read.timesWithoutZone) }
        let losses = await setup.source.losses()
        report.lossCount += losses.count
        report.losses += losses.map { (nil, $0) }
        var catalogue: [CatalogueEntry] = []
        do {
            catalogue = try await setup.source.catalogue()
        } catch {
            setup.sink.emit(.noCatalogue(error))
        }
        report.catalogue = catalogue.count
        try store.name(try await setup.source.identity() ?? setup.sourceName)
        try store.writer.finish { try? setup.mapping.decode($0).id }
        try store.finish(catalogue: catalogue, isWhole: report.failures.isEmpty)
        return report
    }
}
