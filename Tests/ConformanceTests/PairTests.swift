// SPDX-License-Identifier: Apache-2.0
import ConformanceKit
import Connectors
import Foundation
import Migration
import Synchronization
import Testing
import TicketModel

/// Every source to every target, practice sites and files: what comes back is what was drafted, or a declared loss.
///
/// Files hold everything: what comes back from them is what was read.
///
/// `TICKETFERRY_PAIRS_TABLE=PATH` writes the table.
@Suite struct PairTests {
    @Test(arguments: PairEnd.sources, PairEnd.targets)
    func `Every leaf that differs is a declared loss, and every loss is such a leaf`(
        source: PairEnd, target: PairEnd
    ) async throws {
        let outcome = try await Self.carry(source, to: target)
        #expect(outcome.tickets > 0 && outcome.messages > 0, "\(source) gave nothing to carry")
        #expect(
            outcome.unexplained.isEmpty,
            "\(source) → \(target): \(outcome.unexplained.count)\n\(outcome.unexplained.prefix(40).joined(separator: "\n"))"
        )
    }

    static let tickets = 50

    static func carry(_ source: PairEnd, to target: PairEnd) async throws -> PairRun.Outcome {
        let time = ExamTime()
        let from = try await source.open(filled: true, time: time)
        let into = try await target.open(filled: false, time: time)
        defer {
            for folder in [from.folder, into.folder].compactMap(\.self) {
                try? FileManager.default.removeItem(atPath: folder)
            }
        }
        let reader = try await from.source()
        let read = try await ExamSite.readAll(reader).values.map { try $0.ticket() }
        into.site?.expect(read)
        let run = PairRun(clock: time, sink: Heard())
        let outcome =
            if let file = try await into.export() {
                try await run.compare(reader, exportedTo: file) { try await into.source() }
            } else {
                try await run.compare(reader, to: into.target()) { try await into.source() }
            }
        await from.site?.close()
        await into.site?.close()
        return outcome
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["TICKETFERRY_PAIRS_TABLE"] != nil))
    func `The table of pairs is written`() async throws {
        var lines = [
            "| source | target | tickets | messages | losses | leaves that differ | unexplained |",
            "|---|---|---|---|---|---|---|",
        ]
        for source in PairEnd.sources {
            for target in PairEnd.targets {
                let one = try await Self.carry(source, to: target)
                lines.append(
                    "| \(source) | \(target) | \(one.tickets) | \(one.messages) | \(one.losses) | \(one.differences) | \(one.unexplained.count) |"
                )
            }
        }
        let path = ProcessInfo.processInfo.environment["TICKETFERRY_PAIRS_TABLE"] ?? "pairs.md"
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
    }
}

/// One end of a pair: a helpdesk or a file format.
struct PairEnd: Sendable, CustomStringConvertible {
    enum Kind: Sendable {
        case helpdesk(Examinee)
        case file(ConnectorDescriptor)
    }

    var kind: Kind

    var description: String {
        switch kind {
        case .helpdesk(let examinee): examinee.description
        case .file(let connector): connector.name
        }
    }

    private static let files = Registry.connectors.filter { file in
        !Registry.helpdesks.contains { $0.name == file.name }
    }

    /// All that can be read from.
    static let sources =
        Examinee.all.filter { $0.helpdesk.source != nil }.map { PairEnd(kind: .helpdesk($0)) }
        + files.filter { $0.openSource != nil }.map { PairEnd(kind: .file($0)) }

    /// All that can be written to and read back.
    static let targets =
        Examinee.all.filter { $0.helpdesk.target != nil && $0.helpdesk.source != nil }.map {
            PairEnd(kind: .helpdesk($0))
        }
        + files.filter { $0.openExport != nil && $0.openSource != nil }.map { PairEnd(kind: .file($0)) }

    /// An end that is there for one pair.
    struct Open: Sendable {
        var end: PairEnd
        var site: ExamSite?
        var folder: String?
        var time: ExamTime

        private var path: String { "\(folder ?? "")/tickets.\(end)" }

        private func context(_ kind: ConnectorOption.Side) -> OpenContext {
            var options: [String: OptionValue] = ["path": kind == .source ? .list([path]) : .text(path)]
            if end.description != "jsonl", kind == .source { options["mapping"] = .text("ticketferry-\(end)") }
            return OpenContext(options: options, folder: folder ?? "/", file: "pair", sink: Heard(), clock: time)
        }

        func source() async throws -> any TicketSource {
            switch end.kind {
            case .helpdesk:
                await site?.learnCustomers()
                guard let site else { throw ExamFailure("there is no site") }
                return try await site.source().0
            case .file(let connector):
                guard let open = connector.openSource else { throw ExamFailure("it cannot be read from") }
                return try await open(context(.source))
            }
        }

        /// The helpdesk as a target.
        func target() async throws -> any TicketTarget {
            guard let site else { throw ExamFailure("there is no site") }
            return try await site.target().0
        }

        /// The file as a target; nil for a helpdesk.
        func export() async throws -> ExportTarget? {
            guard case .file(let connector) = end.kind else { return nil }
            guard let open = connector.openExport else { throw ExamFailure("it cannot be written to") }
            return try await open(context(.target))
        }
    }

    /// Opens an end; a filled one holds hostile tickets.
    func open(filled: Bool, time: ExamTime) async throws -> Open {
        switch kind {
        case .helpdesk(let examinee):
            let site = try await ExamSite(examinee, tickets: filled ? PairTests.tickets : 0, time: time)
            return Open(end: self, site: site, folder: nil, time: time)
        case .file:
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pair-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            if filled { try PairFiles.write(HostileTickets.make(PairTests.tickets), as: description, in: folder) }
            return Open(end: self, site: nil, folder: folder, time: time)
        }
    }
}
