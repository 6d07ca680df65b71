// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Mapping
internal import TicketModel

/// The dry run: all that a run would do, found out with reads alone.
///
/// It is given only the target's reading side.
public struct Planner: Sendable {
    let setup: MigrationSetup
    let target: any TargetReader
    let journal: any Journal

    /// Plans a migration against a target that is not yet prepared.
    public init(setup: MigrationSetup, target: any TargetReader, journal: any Journal) {
        self.setup = setup
        self.target = target
        self.journal = journal
    }

    /// Logs in and plans all tickets.
    ///
    /// A policy that the target cannot follow is emitted as the error that `migrate` would refuse with, and the plan goes
    /// on as if nothing were muted, so that its count of e-mails is the whole one.
    /// - Parameter each: takes each change in the order of the source, the unchanged too.
    /// - Returns: the numbers of the plan.
    /// - Throws: `Diagnostic` where source, target or journal cannot be read at all, and what `each` throws.
    public func plan(each: (TicketChange) async throws -> Void = { _ in }) async throws -> PlanSummary {
        let (identity, policy) = try await begin()
        return try await summary(identity: identity, policy: policy, showsEdits: true) { work, _, _ in
            try await each(TicketChange(work))
        }
    }

    /// Logs in; the policy that holds.
    private func begin() async throws -> (MigrationIdentity, NotificationPolicy) {
        var policy = NotificationPolicy.allow
        do {
            try await target.prepare(policy: setup.notifications, sink: setup.sink)
            policy = try await target.policy()
        } catch let diagnostic as Diagnostic where diagnostic.cause == .refused {
            // Where it is not the policy that is refused, this is refused too.
            try await target.prepare(policy: .allow, sink: setup.sink)
            setup.sink.emit(diagnostic)
        }
        let identity = try await setup.identity(in: journal)
        try await setup.check(journal.head(), identity: identity, target: target.address)
        return (identity, policy)
    }

    /// Shows each ticket that the selection lets through and what is to be done for it.
    func scanAll(_ visit: (TicketWork, Ticket) async throws -> Void) async throws {
        let (identity, _) = try await begin()
        let preparation = TicketPreparation(setup: setup, target: target, journal: journal, identity: identity)
        try await SourceScan(setup: setup, phase: .planning).run(preparation) { work, ticket, _ in
            try await visit(work, ticket)
        } failed: { _, diagnostic in
            setup.sink.emit(diagnostic)
        }
    }

    /// What the target already holds of a generation and later ones, by marker.
    ///
    /// What an `undo` left of earlier ones is in the journal, or closed.
    func inventory(from generation: Int) async throws -> [String: [FoundTicket]] {
        Self.ours(try await target.inventory(), from: generation)
    }

    private static func ours(_ all: [FoundTicket], from generation: Int) -> [String: [FoundTicket]] {
        Dictionary(grouping: all.filter { $0.generation >= generation && !$0.isTakenBack }, by: \.digest)
    }

    /// Whether a ticket of ours that the target holds and the journal lacks means that the journal is not the right one.
    ///
    /// Not after a run that did not end: its last commits may be lost, and what they were is looked up one by one.
    private var isLackTelling: Bool {
        get async throws {
            if try await journal.realTickets(after: nil, limit: 1).isEmpty { return true }
            return try await !journal.isMistrusted
        }
    }

    /// Plans all tickets of a prepared target.
    ///
    /// With `showsEdits`, the first tickets in conflict are read as a whole, to show what people made of them.
    ///
    /// The target's list is read once as soon as a ticket is to be created, however much the journal knows: it may be an
    /// old copy, or new with a few tickets in it. With `adopted`, what the target holds is in the journal already, and its
    /// list is not read again.
    func summary(
        identity: MigrationIdentity, policy: NotificationPolicy, adopted: Bool = false, showsEdits: Bool = false,
        each: (TicketWork, Ticket, CanonicalLine) async throws -> Void
    ) async throws -> PlanSummary {
        var tally = PlanTally()
        tally.summary.policy = policy
        tally.summary.head = JournalHead(identity: identity, target: setup.place(of: await target.address))
        tally.summary.inDoubt = try await journal.inDoubt().count
        let scan = SourceScan(setup: setup, phase: .planning)
        var preparation = TicketPreparation(setup: setup, target: target, journal: journal, identity: identity)
        let fingerprints = StoredFingerprints(target, showsEdits: showsEdits)
        preparation.fingerprints = fingerprints
        let checksTarget = if adopted { false } else { try await isLackTelling }
        var found: [String: [FoundTicket]]?
        if let (entries, work) = try await preparation.catalogue() {
            tally.summary.catalogue = CatalogueSummary(entries, work: work)
            tally.addSteps(of: work)
        }
        var unseen = UnseenStatuses(setup.selection)
        try await scan.run(preparation) { work, ticket, line in
            if checksTarget, found == nil, work.unknownCreate != nil {
                found = Self.ours(try await fingerprints.inventory(), from: identity.generation)
            }
            tally.add(work, found: found ?? [:])
            unseen.see(ticket)
            try await each(work, ticket, line)
        } failed: { _, diagnostic in
            setup.sink.emit(diagnostic)
            tally.summary.skip += 1
        }
        tally.summary.listed = scan.seen.count
        if !setup.stop.isStopped { tally.summary.unlisted = setup.selection.unlisted(of: scan.seen) }
        var known = 0
        if setup.selection.listsWhole, !setup.stop.isStopped {
            (tally.summary.gone, known) = try await gone(besides: scan.seen)
        }
        if !adopted, setup.selection.limit == nil, !setup.stop.isStopped {
            do {
                tally.summary.goneFromTarget = try await goneFromTarget(
                    among: setup.selection.ids, known: tally.summary.goneFromTarget, fingerprints)
            } catch let diagnostic as Diagnostic where diagnostic.cause != .machine {
                // Nothing that is to be written hangs on it.
                var warning = diagnostic
                warning.severity = .warning
                warning.message = "whether tickets are gone from the target was not looked at: \(diagnostic.message)"
                setup.sink.emit(warning)
            }
        }
        if tally.summary.unknownInTarget > 0 {
            tally.summary.lostJournal = .journalLost(
                tally.summary.unknownInTarget, isMissing: try await journal.head() == nil, setup.file)
        }
        tally.summary.read = await setup.source.readReport()
        for loss in await setup.source.losses() { tally.add(loss) }
        tally.summary.preparations = try await target.preparations()
        tally.summary.borrowings = try await target.borrowings()
        let features = await target.features
        tally.summary.warnings = PlanWarnings(setup, filesArePublic: features.filesArePublic)
            .all(of: tally.summary, known: known, unseen: unseen)
        for warning in tally.summary.warnings { setup.sink.emit(warning) }
        return tally.finished(requestTime: features.requestTime, concurrency: setup.concurrency)
    }

    /// The ids that the journal has and the listing had not, and how many the journal has; without those that `undo` took
    /// back.
    private func gone(besides seen: Set<Int>) async throws -> (ids: [String], known: Int) {
        var gone: [String] = []
        var known = 0
        var last: String?
        while true {
            let page = try await journal.realTickets(after: last, limit: 1000)
            guard let end = page.last else { return (gone, known) }
            let here = page.filter { $0.state != .takenBack }
            known += here.count
            gone += here.map(\.id).filter { !seen.contains($0.hashValue) }
            last = end.id
        }
    }
}

/// Adds tickets up to a summary.
struct PlanTally {
    var summary = PlanSummary()
    private var batches: [String: Int] = [:]
    private var digest = [UInt8](repeating: 0, count: 32)

    mutating func add(_ work: TicketWork, found: [String: [FoundTicket]]) {
        switch work.action {
        case .create: summary.create += 1
        case .update: summary.update += 1
        case .unchanged: summary.unchanged += 1
        case .skip: summary.skip += 1
        case .conflict: summary.conflict += 1
        }
        if let record = work.record, record.state == .complete, record.source == work.source,
            Draft.isFingerprint(record.draft), record.draft != work.draft
        {
            summary.remapped += 1
        }
        if work.gone != nil { summary.goneFromTarget.append(work.id) }
        if work.isLeftToPeople { summary.leftToPeople += 1 }
        if work.action != .unchanged { for loss in work.losses { add(loss) } }
        if work.mails > 0, summary.mailed.count < 100 { summary.mailed.append((work.id, work.mails)) }
        summary.bytes += work.bytes
        summary.files += work.steps.reduce(0) { $0 + $1.files.count }
        summary.overLimit += work.overLimit
        if work.action != .unchanged {
            let refused = work.refusedFiles
            summary.refusedFiles += refused.count
            for file in refused where summary.refused.count < 10 {
                summary.refused.append(RefusedFile(ticket: work.id, name: file.name, size: file.size))
            }
        }
        summary.changedTexts += work.changedTexts.count
        for text in work.changedTexts where summary.changedTextsNamed.count < 20 {
            summary.changedTextsNamed.append((work.id, text))
        }
        if let create = work.unknownCreate, found[create.key.digest] != nil {
            summary.unknownInTarget += 1
        }
        addSteps(of: work)
    }

    /// Adds up what the steps of a unit of work cost.
    mutating func addSteps(of work: TicketWork) {
        summary.mails += work.mails
        summary.steps += work.steps.count
        var texts = [work.id]
        for step in work.steps {
            if let batch = step.batch {
                batches[batch, default: 0] += 1
            } else {
                summary.requests += step.requests
            }
            texts += [step.key.part, String(step.key.generation), step.fingerprint]
        }
        if !work.steps.isEmpty {
            // Sums of hashes do not depend on the order in which a source lists its tickets.
            for (i, byte) in SHA256.hash(data: Array(Fingerprint(ofTexts: texts).text.utf8)).enumerated() {
                digest[i] ^= byte
            }
        }
    }

    mutating func add(_ loss: Loss) {
        summary.losses += 1
        var kind = loss
        kind.value = nil
        if summary.lossKinds.count < 10_000 || summary.lossKinds[kind] != nil {
            summary.lossKinds[kind, default: 0] += 1
        }
    }

    func finished(requestTime: Duration, concurrency: Int) -> PlanSummary {
        var summary = summary
        for count in batches.values { summary.requests += (count + Batches.size - 1) / Batches.size }
        summary.seconds = Double(summary.requests) * requestTime.totalSeconds / Double(concurrency)
        let text = "\(summary.steps):" + hexadecimal(digest)
        summary.digest = hexadecimal(SHA256.hash(data: Array(text.utf8)))
        return summary
    }
}
