// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Crypto
import Foundation
import Mapping
import Migration
import Sandbox
import Testing
import TicketModel

@testable import Connectors

/// A whole migration into a practice site in this process, as the engine does it, with what `verify` and `undo` say of it.
struct FluentSupportMigration {
    let bench: FluentSupportBench
    let journal = MemoryJournal()
    let source: MemorySource
    let notes = Notes()
    let folder: URL

    /// The tickets that are carried: samples of all kinds with files, and hostile ones.
    static let tickets: [Ticket] = {
        var all = [Ticket.sample(id: "s1"), Ticket.sample(id: "s2", status: .open)]
        for i in all.indices {
            all[i].messages[0].attachments = [
                TicketModel.Attachment.named("bild ü.png"), TicketModel.Attachment.named("words one.txt"),
            ]
            all[i].messages[1].attachments = [TicketModel.Attachment.named("words two.txt")]
            all[i].messages[4].attachments = [TicketModel.Attachment.named("words three.txt")]
        }
        return all + ConformanceKit.HostileTickets.make(40, seed: 3) + ConformanceKit.HostileTickets.oneForEachText()
    }()

    init(_ bench: FluentSupportBench, tickets: [Ticket] = Self.tickets) throws {
        self.bench = bench
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("fluent-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var files: [String: ResolvedFile] = [:]
        for name in ["bild ü.png", "words one.txt", "words two.txt", "words three.txt"] {
            let isPicture = name.hasSuffix("png")
            let bytes =
                (isPicture ? [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] : []) + Array("It is \(name).".utf8)
            let url = folder.appendingPathComponent(UUID().uuidString)
            try Data(bytes).write(to: url)
            files[name] = ResolvedFile(
                name: name, mediaType: isPicture ? "image/png" : "text/plain", path: url.path, size: bytes.count,
                sha256: Digest.hex(SHA256.hash(data: bytes)))
        }
        source = MemorySource(tickets, files: files)
    }

    /// Removes the files.
    func close() { try? FileManager.default.removeItem(at: folder) }

    var setup: MigrationSetup {
        var setup = MigrationSetup(
            name: "verified", sourceName: "acme", source: source, mapping: PairRun.mapping, sink: notes)
        setup.creating = [.product]
        return setup
    }

    func target(datesInFile: Bool = false) -> FluentSupportTarget {
        FluentSupportTarget(
            api: bench.api,
            options: .init(
                datesInFile: datesInFile, staging: "Ticketferry staging verified", settleTime: .seconds(1),
                ownsStaging: true))
    }

    func migrate(datesInFile: Bool = false) async throws {
        let report = try await Runner(
            setup: setup, target: target(datesInFile: datesInFile), journal: journal, options: RunOptions()
        ).migrate()
        try #require(report.exitCause == nil, "\(report.json) \(notes.all)")
    }

    func verify(datesInFile: Bool = false) async throws -> Verification {
        try await Verifier(setup: setup, target: target(datesInFile: datesInFile), journal: journal).verify()
    }

    func undo(_ options: UndoOptions = UndoOptions()) async throws -> UndoReport {
        try await Undoer(setup: setup, target: target(), journal: journal, options: options).undo()
    }

    /// The target's id of a ticket.
    func id(_ ticket: String) async throws -> Int {
        try #require(await journal.ticket(ticket)?.ticket.targetID.flatMap { Int($0) })
    }

    /// Runs the lines of the finishing file that give messages their dates.
    func finish() async throws {
        let sandbox = try #require(bench.sandbox)
        let lines = await journal.finishing(after: nil, limit: 10_000).flatMap(\.lines)
        try await sandbox.edit { state in
            var ids: [String: Int] = [:]
            for response in state.responses.all { if let key = response.messageID { ids[key] = response.id } }
            for line in lines where line.contains("fs_conversations") {
                let parts = line.split(separator: "'", omittingEmptySubsequences: false).map(String.init)
                guard parts.count > 5, let id = ids[parts[5]], var response = state.responses[id] else { continue }
                (response.createdAt, response.updatedAt) = (parts[1], parts[3])
                state.responses[id] = response
            }
        }
    }
}

extension TicketModel.Attachment {
    static func named(_ name: String) -> TicketModel.Attachment {
        var attachment = TicketModel.Attachment()
        attachment.name = name
        return attachment
    }
}

extension Verification {
    /// For failures of tests.
    var shown: String {
        (different.map { "\($0.id): \($0.differences)" } + failed.map { "\($0.id): \($0.diagnostic)" }
            + ["\(counts)"]).joined(separator: "\n")
    }
}
