// SPDX-License-Identifier: Apache-2.0
internal import Foundation
public import TicketModel

/// Removes what a migration keeps on this machine of people: archive, log, finishing file, documents, and all of the
/// journal but its counts.
///
/// Nothing is sent. What was removed cannot be had again: neither `migrate` nor `undo` can go on.
public struct Purge: Sendable {
    /// What is there to be removed, and what is not.
    public struct Findings: Sendable {
        /// Files, absolute, with their bytes.
        public var files: [(path: String, bytes: Int)] = []
        /// The finishing file, where it is among them: nobody notes here whether it was run.
        public var finishingFile: String?
        /// Tickets that the journal knows.
        public var tickets = 0
        /// What stays, for people.
        public var stays: [String] = []
        /// Whether there is nothing at all.
        public var isEmpty: Bool { files.isEmpty && tickets == 0 }
    }

    private let file: MigrationFile
    private let journal: (any Journal)?
    private let clock: any RunClock

    /// Prepares.
    ///
    /// - Parameters:
    ///   - file: the migration.
    ///   - journal: its journal, open for writing, so that no run is under way; nil where there is none.
    ///   - clock: the time to note.
    public init(_ file: MigrationFile, journal: (any Journal)?, clock: any RunClock = SystemRunClock()) {
        self.file = file
        self.journal = journal
        self.clock = clock
    }

    /// Looks what there is to remove, and whether it may be.
    ///
    /// - Parameter evenInDoubt: whether writes of which nobody knows whether they are in the target may be forgotten.
    /// - Returns: what would be removed and what stays.
    /// - Throws: `Diagnostic` with cause `refused` while something is borrowed or a write is in doubt.
    public func look(evenInDoubt: Bool) async throws -> Findings {
        var findings = Findings()
        if let journal {
            let borrowed = try await journal.borrowings(open: true)
            if let first = borrowed.first {
                throw Diagnostic(
                    code: "purge.borrowed",
                    "\(borrowed.count) settings of the target are still borrowed (\(first.borrowing.summary)); only the journal knows what they were",
                    remedy: "run `ticketferry restore \(file.path)` first; nothing was removed", cause: .refused)
            }
            let counts = try await journal.counts()
            findings.tickets = try await journal.ticketCounts(counts).values.reduce(0, +)
            let doubts = counts.inDoubt + (counts.tickets[.setAside] ?? 0)
            if doubts > 0, !evenInDoubt {
                throw Diagnostic(
                    code: "purge.in-doubt",
                    "\(doubts) writes are in doubt: without the journal nobody can tell any more whether they are in the target",
                    remedy:
                        "run `ticketferry migrate \(file.path)` to look them up, or add --even-in-doubt; nothing was removed",
                    cause: .refused)
            }
            if try await journal.purgedAt() != nil { findings.tickets = 0 }
        }
        findings.files = PurgedFiles(file).found
        findings.finishingFile = findings.files.map(\.path).first { $0 == file.finishingFile }
        findings.stays = stays
        return findings
    }

    /// Removes it; what was removed already is no error, so that a purge that broke off can be ended.
    ///
    /// The journal comes last.
    /// - Throws: `Diagnostic` with cause `machine` for what cannot be removed.
    /// - Returns: folders that hold files of somebody else and stay.
    public func run() async throws -> [String] {
        let left = try PurgedFiles(file).remove()
        guard let journal, try await journal.purgedAt() == nil, try await journal.head() != nil else { return left }
        var counts = try await journal.counts()
        counts.tickets = try await journal.ticketCounts(counts)
        counts.inDoubt = 0
        try await journal.record([
            .purged(["at": .string(clock.now().description), "counts": counts.json])
        ])
        return left
    }

    private var stays: [String] {
        var stays = ["the migration file and what it names: mapping, header, files with secrets"]
        if let path = file.source.options["path"]?.value.names.first { stays.append("the source's dump: \(path)") }
        if let path = file.target.options["path"]?.value.names.first { stays.append("what was written: \(path)") }
        if file.targetConnector.openExport == nil { stays.append("all that is in the target") }
        if journal != nil { stays.append("counts and times in the journal, for `status`: \(file.journal)") }
        return stays + ["copies made elsewhere: backups, `archive -o`, reports that were passed on"]
    }
}

extension Journal {
    /// When what it held of people was removed; nil where it was not.
    public func purgedAt() async throws -> Timestamp? {
        try await memo(.purged)?["at"]?.string.flatMap { Timestamp($0) }
    }

    /// Refuses a journal of which only counts are left.
    ///
    /// - Throws: `Diagnostic` with cause `refused`.
    func refuseIfPurged() async throws {
        guard let at = try await purgedAt() else { return }
        throw Diagnostic(
            code: "journal.purged",
            "the migration was purged at \(at): what was written is not known any more, so nothing can be added or taken back",
            remedy: "`status` still shows the counts; for a new migration give the file another `name:` and `journal:`",
            cause: .refused)
    }

    /// Of tickets alone: the catalogue is one unit of work too, but no ticket.
    fileprivate func ticketCounts(_ counts: JournalCounts) async throws -> [TicketRecord.State: Int] {
        var tickets = counts.tickets
        if let catalogue = try await ticket(CatalogueEntry.ticketID)?.ticket.state {
            tickets[catalogue, default: 1] -= 1
        }
        return tickets
    }
}

extension JournalCounts {
    /// What a purged journal keeps.
    package var json: JSON {
        [
            "tickets": .object(tickets.map { JSON.Member($0.key.rawValue, JSON($0.value)) }),
            "steps": .object(steps.map { JSON.Member($0.key.rawValue, JSON($0.value)) }),
            "losses": JSON(losses),
        ]
    }

    /// What a purged journal kept.
    package init(purged json: JSON) {
        self.init()
        let counts = json["counts"] ?? .null
        for member in counts["tickets"]?.members ?? [] {
            if let state = TicketRecord.State(rawValue: member.key) { tickets[state] = member.value.int }
        }
        for member in counts["steps"]?.members ?? [] {
            if let verb = Step.Verb(rawValue: member.key) { steps[verb] = member.value.int }
        }
        losses = counts["losses"]?.int ?? 0
    }
}

extension MigrationFile.Option.Value {
    /// The names of files in it.
    fileprivate var names: [String] {
        switch self {
        case .text(let text): [text]
        case .list(let list): list
        default: []
        }
    }
}
