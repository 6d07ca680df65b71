// SPDX-License-Identifier: Apache-2.0
public import Mapping
public import TicketModel

/// From a canonical line to a draft: pure, deterministic, safe to call from several tasks.
public struct TicketMapping: Sendable {
    /// The line as a ticket.
    public var decode: @Sendable (CanonicalLine) throws -> Ticket
    /// The ticket as it should be in the target, and what the rules lose.
    public var map: @Sendable (Ticket) throws -> (draft: Draft, losses: [Loss])

    /// Pairs the two halves.
    public init(
        decode: @escaping @Sendable (CanonicalLine) throws -> Ticket = { try $0.ticket() },
        map: @escaping @Sendable (Ticket) throws -> (draft: Draft, losses: [Loss])
    ) {
        self.decode = decode
        self.map = map
    }
}

/// What plan and run share: where tickets come from, how they are mapped, what is known of them.
public struct MigrationSetup: Sendable {
    /// The migration file's `name`.
    public var name: String
    /// The migration file as the command line names it, for the commands in remedies.
    public var file = "MIGRATION"
    /// The migration file's `source.name`; nil: the source's own.
    public var sourceName: String?
    /// Where tickets are read from.
    public var source: any TicketSource
    /// What makes drafts of them.
    public var mapping: TicketMapping
    /// Which of them go.
    public var selection: Selection
    /// Whether files are copied, linked to or left out.
    public var attachments: AttachmentPolicy
    /// What was asked for; nil: the safest that the target has.
    public var notifications: NotificationPolicy?
    /// Tickets at once, at most.
    public var concurrency: Int
    /// Whether edits that people made in the target are overwritten.
    public var overwritesConflicts: Bool
    /// The time to wait and measure by.
    public var clock: any RunClock
    /// Takes what can be gone on from.
    public var sink: any DiagnosticSink
    /// Is told how far it is.
    public var observer: any RunObserver
    /// Ends it in good order when it is given.
    public var stop: StopSignal
    /// The kinds of the catalogue that are made in the target where they are missing.
    public var creating: Set<CatalogueEntry.Kind> = []
    /// The archive whose files need not be fetched again; nil: all are.
    public var archive: String? { didSet { kept = archive.map { KeptFiles(folder: $0) } } }
    private(set) var kept: KeptFiles?
    /// A fingerprint of the migration file and of what it names; nil: unknown.
    public var definition: String?
    /// The file that a practice site (`sandbox:FILE`) stands in: all practice sites have one address; nil for any other
    /// target.
    public var practiceFile: String?
    /// Whether only a part of the tickets was asked for besides the limit: by their ids or as a sample.
    public var isPart = false

    /// How a run ends in the journal that did all it was asked for, with so many tickets.
    func endState(tickets: Int) -> RunState {
        isPart || selection.limit.map { tickets >= $0 } == true ? .partial : .finished
    }
    /// Learnt by the plan, kept to by the run.
    let names = RequesterNames()

    /// Gathers a migration; see the properties.
    public init(
        name: String, sourceName: String? = nil, source: any TicketSource, mapping: TicketMapping,
        selection: Selection = Selection(), attachments: AttachmentPolicy = .copy,
        notifications: NotificationPolicy? = nil, concurrency: Int = 8, overwritesConflicts: Bool = false,
        clock: any RunClock = SystemRunClock(), sink: any DiagnosticSink, observer: any RunObserver = QuietObserver(),
        stop: StopSignal = StopSignal()
    ) {
        self.name = name
        self.sourceName = sourceName
        self.source = source
        self.mapping = mapping
        self.selection = selection
        self.attachments = attachments
        self.notifications = notifications
        self.concurrency = max(1, concurrency)
        self.overwritesConflicts = overwritesConflicts
        self.clock = clock
        self.sink = sink
        self.observer = observer
        self.stop = stop
    }

    /// Names the migration for its keys: the source's name from the migration file, else from the source itself.
    ///
    /// - Throws: `Diagnostic` where neither tells, and for a journal of which only counts are left (`purge`).
    public func identity(in journal: any Journal) async throws -> MigrationIdentity {
        try await journal.refuseIfPurged()
        let head = try await journal.head()
        var name = sourceName
        if name == nil { name = try await source.identity() }
        guard let source = name ?? head?.identity.source, !source.isEmpty else {
            throw Diagnostic(
                code: "migration.no-source-name", "the source does not tell its name, which is part of every key",
                remedy: "add `name: …` under `source:` (any word that stays the same for this source)")
        }
        return MigrationIdentity(migration: self.name, source: source, generation: head?.identity.generation ?? 0)
    }

    /// What a journal knows a target by: its address, and for a practice site the file that it stands in.
    public func place(of address: String) -> String { practiceFile.map { "\(address) in \($0)" } ?? address }

    /// Checks that a journal is that of this migration.
    ///
    /// - Throws: `Diagnostic` with cause `machine` if it is another's.
    func check(_ head: JournalHead?, identity: MigrationIdentity, target: String) throws {
        guard let head else { return }
        let target = place(of: target)
        let wrong: String? =
            if head.identity.migration != identity.migration {
                "migration “\(head.identity.migration)”, not of “\(identity.migration)”"
            } else if head.identity.source != identity.source {
                "source “\(head.identity.source)”, not of “\(identity.source)”"
            } else if head.target != target {
                "target \(head.target), not of \(target)"
            } else {
                nil
            }
        guard let wrong else { return }
        throw Diagnostic(
            code: "journal.another-migration", "the journal is of \(wrong)",
            remedy: "name another file in `journal:`, or put the migration file back as it was", cause: .machine)
    }
}
