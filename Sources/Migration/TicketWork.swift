// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import TicketModel

/// What a migration does to one ticket.
public enum PlannedAction: String, Sendable, CaseIterable {
    case create, update, unchanged
    /// Not written: the target cannot hold it, or people deleted it there, and the diagnostics say why.
    case skip
    /// People changed it in the target since it was written: its properties are left as they are.
    case conflict
}

/// A property of a ticket that a plan changes.
public struct FieldChange: Hashable, Sendable {
    /// The step's name for people: `status`, `reply m3`.
    public var name: String
    /// What we wrote before; nil for something new.
    public var before: String?
    /// What is to be written, short; nil for what has no value to show.
    public var after: String?

    /// Names a change.
    public init(name: String, before: String?, after: String?) {
        self.name = name
        self.before = before
        self.after = after
    }
}

/// What is to be done for one ticket: made in the same way by plan and run.
struct TicketWork: Sendable {
    var id: String
    var number: String?
    var action: PlannedAction
    /// All steps of the plan, in their order.
    var all: [Step]
    /// Those of them that are to be sent.
    var steps: [Step]
    /// What the journal knows of the ticket.
    var record: TicketRecord?
    /// Steps that may be in the target or not.
    var inDoubt: [WriteKey: StepRecord]
    /// Those of ``inDoubt`` that the journal lacks.
    var presumed: [StepRecord] = []
    var progress: TicketProgress
    var losses: [Loss]
    var refusals: [Diagnostic]
    var finishing: [String]
    var fields: [FieldChange]
    /// What changed in the source after it was written and no step can change: listed, never rewritten.
    ///
    /// Messages by the names of their steps, and ``Step/fixed`` members by theirs.
    var changedTexts: [String]
    /// Changes of the source that are kept back in a conflict.
    var keptBack: [FieldChange] = []
    /// What people made of it, for a plan.
    var edits: [String] = []
    /// That people deleted it in the target.
    var gone: Diagnostic?
    /// Whether people edited the ticket and it is set all the same, as asked.
    var overwritesEdits = false
    /// What somebody has to see although the ticket goes on.
    var notices: [Diagnostic] = []
    /// All files of the ticket whose bytes are here, whether the target takes them or not.
    var files: [ResolvedFile] = []
    /// The same as they stand at messages and attachments.
    var kept: [[Result<ResolvedFile, FileUnavailable>]] = []
    var overLimit: Int
    /// Of the line as read.
    var source: String
    /// Of what the mapping makes of the ticket; empty for what is no ticket.
    ///
    /// It changes with source and mapping alone.
    var draft: String
    /// What the ticket is when all steps are done.
    var endState = TicketRecord.State.complete

    /// Whether its properties are left to people as an earlier run found, and nothing of the source is kept back.
    var isLeftToPeople: Bool { action == .unchanged && record?.edits == .conflict }
    var mails: Int { steps.reduce(0) { $0 + $1.mails } }
    /// Bytes of files that are sent.
    var bytes: Int { steps.reduce(0) { $0 + $1.files.reduce(0) { $0 + $1.size } } }
    /// The line as the archive has it: with the places of the files that it keeps.
    func archived(_ line: CanonicalLine, of ticket: Ticket) -> CanonicalLine {
        if files.isEmpty { return line }
        var ticket = ticket
        for (m, files) in kept.enumerated() {
            for (a, file) in files.enumerated() {
                if case .success(let file) = file { ticket.note(file, at: (m, a)) }
            }
        }
        return CanonicalLine(ticket)
    }

    /// Files that are here and that no step carries.
    var refusedFiles: [ResolvedFile] {
        var carried = all.flatMap(\.files)
        return files.filter { file in
            guard let at = carried.firstIndex(where: { $0.sha256 == file.sha256 && $0.name == file.name }) else {
                return true
            }
            carried.remove(at: at)
            return false
        }
    }
    /// The creation, where it is to be sent and the journal knows nothing of it, not even a doubt.
    var unknownCreate: Step? { steps.first { $0.verb == .create && inDoubt[$0.key] == nil } }
}

extension TicketWork {
    /// Compares a plan with what the journal shows as done.
    init(
        ticket: Ticket, line: CanonicalLine, plan: TicketPlan, losses: [Loss], record: TicketRecord?,
        progress: TicketProgress, inDoubt: [WriteKey: StepRecord]
    ) {
        id = ticket.id
        number = ticket.number
        all = plan.steps
        self.record = record
        self.inDoubt = inDoubt
        self.progress = progress
        self.losses = losses + plan.losses
        refusals = plan.refusals
        finishing = plan.finishing
        overLimit = plan.overLimit
        source = line.fingerprint.text
        fields = []
        changedTexts = []
        steps = []

        draft = ""
        var todo = Set<WriteKey>()
        // Also what is in no plan any more (a message that left the source) has moved the ticket.
        let ownSteps = Set(plan.steps.filter { !$0.disturbsOthers }.map(\.key))
        let others = progress.done.filter { !ownSteps.contains($0.key) }.values
        let lastWrite = others.map(\.order).max() ?? 0
        let lastMessage = others.filter { $0.verb != .set }.map(\.order).max() ?? 0
        for step in plan.steps {
            let fingerprint = step.fingerprint
            guard let done = progress.done[step.key] else {
                todo.insert(step.key)
                continue
            }
            if done.fingerprint == fingerprint { continue }
            if step.verb == .set {
                todo.insert(step.key)
                continue
            }
            if step.holdsText(of: done.fingerprint) {
                changedTexts += step.fixedChanges(since: done.fingerprint)
                continue
            }
            changedTexts.append(step.name)
            changedTexts += step.fixedChanges(since: done.fingerprint)
            if let before = done.name, before != step.name {
                notices.append(.kindChanged(ticket: ticket.id, before: before, now: step.name))
            }
        }
        let disturbing = plan.steps.filter { todo.contains($0.key) && $0.disturbsOthers }
        let undone = plan.steps.filter { $0.undoneByOthers && progress.done[$0.key] != nil }
        func isUndone(_ step: Step) -> Bool {
            let order = progress.done[step.key]?.order ?? 0
            return step.isUndoneByMessagesAlone
                ? order < lastMessage || disturbing.contains { $0.verb != .set }
                : order < lastWrite || !disturbing.isEmpty
        }
        // All of them or none: they move each other.
        if undone.contains(where: isUndone) { todo.formUnion(undone.map(\.key)) }
        if let refusal = Self.newKeys(of: ticket.id, plan: plan, progress: progress) { refusals.append(refusal) }
        if refusals.isEmpty { steps = plan.steps.filter { todo.contains($0.key) } }
        for step in steps {
            fields.append(
                FieldChange(
                    name: step.name, before: progress.done[step.key]?.value, after: step.value))
        }
        action =
            if !refusals.isEmpty {
                .skip
            } else if steps.isEmpty {
                .unchanged
            } else if progress.done.isEmpty {
                .create
            } else {
                .update
            }
    }

    /// Why nothing may be sent for a ticket whose written messages went while as many others came: where messages have no
    /// ids, another zone or mapping gives the same messages other keys, and all would be there twice.
    private static func newKeys(of ticket: String, plan: TicketPlan, progress: TicketProgress) -> Diagnostic? {
        func isMessage(_ key: WriteKey) -> Bool { key.part.hasPrefix("message:") }
        let planned = Set(plan.steps.map(\.key))
        let gone = progress.done.keys.filter { isMessage($0) && !planned.contains($0) }
        let new = plan.steps.map(\.key).filter { isMessage($0) && progress.done[$0] == nil }
        guard !gone.isEmpty, new.count >= gone.count,
            (gone + new).contains(where: { $0.part.hasPrefix("message:~") })
        else { return nil }
        return Diagnostic(
            code: "plan.messages-renamed",
            "ticket \(ticket): \(gone.count.counted("written message")) gone from the source, and \(new.count.counted("other")) in their place",
            remedy:
                "put zone and mapping back as they were; if the source itself changed these messages, write them by hand and exclude the ticket",
            cause: .someFailed)
    }

    /// Leaves the properties alone that people may have changed; what is missing still comes.
    mutating func keepConflicts() {
        action = .conflict
        // What stands before new messages prepares for them (a muted mailbox); what they move (the mailbox that they go
        // through) still has to be put right after them, also by the run after one that broke off in between. Not so what
        // is people's (a status) or shows their answers (clocks): nobody can tell what they made of it.
        // A note of ours goes with a message alone: it tells of what is not written now.
        let lastMessage = steps.lastIndex { $0.verb.canDouble && !$0.key.isMigrationNote }
        let isHalf = record?.state != .complete
        let kept = steps.enumerated().filter { i, step in
            if step.key.isMigrationNote { return lastMessage != nil }
            guard step.verb == .set else { return true }
            let isOurs = step.undoneByOthers && !step.isPeoples && !step.isAftermath
            return lastMessage.map { isOurs || i < $0 } ?? (isHalf && isOurs)
        }.map(\.element)
        let left = steps.filter { step in step.undoneByOthers && step.value != nil && !kept.contains(step) }
        if !left.isEmpty {
            losses.append(
                Loss(
                    field: "properties", value: left.map(\.name).joined(separator: ", "),
                    reason:
                        "people edited this ticket in the target: what added messages move there is left as it stands",
                    fallback: .archive))
        }
        // A conflict that is known, where nothing is left but that: all that the source has to say is said.
        func isSaid(_ step: Step) -> Bool {
            step.isAftermath || step.undoneByOthers && progress.done[step.key]?.fingerprint == step.fingerprint
        }
        if steps.allSatisfy(isSaid), record?.edits == .conflict, !isHalf { action = .unchanged }
        keptBack = steps.filter { !kept.contains($0) && $0.verb == .set && !isSaid($0) }.map { step in
            FieldChange(name: step.name, before: progress.done[step.key]?.value, after: step.value)
        }
        steps = kept
        fields.removeAll { field in !steps.contains { $0.name == field.name } }
    }

    /// Leaves a ticket alone that people deleted in the target.
    mutating func leaveGone(_ why: Diagnostic) {
        gone = why
        refusals.append(why)
        action = .skip
        (steps, fields) = ([], [])
    }
}

extension Step {
    /// Whether it changes what an ``Step/undoneByOthers`` step set: those themselves and batches never do.
    fileprivate var disturbsOthers: Bool { !undoneByOthers && batch == nil }
}

/// Makes ``TicketWork``: everything between a stub and its steps.
///
/// Given only the target's reading side.
struct TicketPreparation: Sendable {
    var setup: MigrationSetup
    var target: any TargetReader
    var journal: any Journal
    var identity: MigrationIdentity
    /// For a plan; a run reads each ticket right before it writes.
    var fingerprints: StoredFingerprints?

    /// The ticket's line, fetched if the listing did not bring it.
    func line(of stub: Stub) async throws -> CanonicalLine {
        if let line = stub.line { return line }
        return try await setup.source.fetch(stub)
    }

    /// A ticket that the selection lets through, with its draft.
    struct Mapped: Sendable {
        var ticket: Ticket
        var line: CanonicalLine
        var draft: Draft
        /// What the mapping's rules leave out.
        var losses: [Loss]
    }

    /// Reads and maps a ticket; nil if the selection leaves it out.
    func mapped(_ stub: Stub) async throws -> Mapped? {
        let line = try await line(of: stub)
        let ticket = try setup.mapping.decode(line)
        guard setup.selection.admits(ticket) else { return nil }
        let (draft, losses) = try setup.mapping.map(ticket)
        return Mapped(ticket: ticket, line: line, draft: draft, losses: losses)
    }

    /// The work for a ticket.
    func work(for mapped: Mapped) async throws -> TicketWork {
        let (ticket, line) = (mapped.ticket, mapped.line)
        var (draft, losses) = (mapped.draft, mapped.losses)
        var renamed: Loss?
        if await target.features.keepsOneNamePerAddress { renamed = setup.names.settle(&draft) }
        let known = try await known(ticket.id)
        let files = await files(of: draft.ticket)
        let plan = await target.plan(draft, losses: losses, files: files, identity: identity, progress: known.progress)
        if let renamed { losses.append(renamed) }
        var work = TicketWork(
            ticket: ticket, line: line, plan: plan, losses: losses, record: known.record, progress: known.progress,
            inDoubt: known.inDoubt)
        // Before the names of other tickets' customers and the target's settings had a say.
        work.draft = mapped.draft.fingerprint(losses: mapped.losses)
        work.files = files.joined().compactMap { try? $0.get() }
        work.kept = files
        if !work.changedTexts.isEmpty {
            // A file that turned up after its message was written is not in the target: its loss stays.
            let kept = try await journal.losses(of: ticket.id).filter { $0.field.contains("attachments") }
            work.losses += kept.filter { !work.losses.contains($0) }
        }
        if work.action == .update {
            switch try await standing(of: work) {
            case .ours: break
            case .edited where setup.overwritesConflicts: work.overwritesEdits = true
            case .edited:
                work.keepConflicts()
                if let fingerprints, await fingerprints.mayShowEdits() {
                    let bare = await target.plan(
                        draft, losses: mapped.losses, files: files, identity: identity, progress: TicketProgress())
                    await show(editsOf: &work, against: bare)
                }
            case .gone(let why): work.leaveGone(why)
            }
        }
        return work
    }

    /// What the journal has of a ticket.
    struct Known: Sendable {
        var record: TicketRecord?
        var progress = TicketProgress()
        var inDoubt: [WriteKey: StepRecord] = [:]

        /// Nothing.
        init() {}

        /// Tells what is done from what may be.
        init(record: TicketRecord, steps: [StepRecord], identity: MigrationIdentity) {
            self.record = record
            for step in steps {
                let key = identity.key(ticket: record.id, part: step.part)
                if step.inDoubt || step.state == .setAside || step.state == .rejected { inDoubt[key] = step }
                guard step.state == .done, let receipt = step.receipt else {
                    // A property that was being set is somebody's to set again, also where it is now as it was at first:
                    // no payload is known of it.
                    if step.verb == .set {
                        let receipt = step.receipt ?? Receipt(id: record.targetID ?? "")
                        progress.done[key] = .init(
                            receipt: receipt, fingerprint: "", order: step.order, name: step.name, verb: step.verb)
                    }
                    continue
                }
                progress.done[key] = .init(
                    receipt: receipt, fingerprint: step.fingerprint, order: step.order, value: step.value,
                    name: step.name, verb: step.verb)
            }
        }
    }

    /// What the journal has of a ticket; nothing for a new one.
    func known(_ id: String) async throws -> Known {
        guard let (ticket, steps) = try await journal.ticket(id) else { return Known() }
        return Known(record: ticket, steps: steps, identity: identity)
    }

    /// What people made of a ticket since it was complete.
    private enum Standing {
        case ours, edited
        case gone(Diagnostic)
    }

    /// Whether people changed or deleted the ticket in the target since it was complete.
    ///
    /// One read at most, only where a property would change. What a run found before its first write holds until the ticket
    /// is complete again: what it shows in between is ours and theirs, mixed.
    private func standing(of work: TicketWork) async throws -> Standing {
        guard let record = work.record else { return .ours }
        let isInConflict = record.edits == .conflict
        let wasGone = record.isGone
        guard record.state == .complete && record.stored != nil || wasGone else {
            return isInConflict ? .edited : .ours
        }
        guard isInConflict || wasGone || work.steps.contains(where: { $0.verb == .set }),
            let receipt = work.ticketReceipt
        else { return .ours }
        let now =
            if let fingerprints { try await fingerprints.of(receipt) } else {
                try await target.storedFingerprint(ticket: receipt)
            }
        if now == nil, await target.features.tellsGone {
            return .gone(.ticketGone(work.id, targetID: receipt.id, setup.file))
        }
        // It came back, as it was or not.
        if wasGone { return isInConflict || record.stored != nil && now != record.stored ? .edited : .ours }
        return now == record.stored ? .ours : .edited
    }

    private func files(of ticket: Ticket) async -> [[Result<ResolvedFile, FileUnavailable>]] {
        var files: [[Result<ResolvedFile, FileUnavailable>]] = []
        for message in ticket.messages {
            var ofMessage: [Result<ResolvedFile, FileUnavailable>] = []
            for attachment in message.attachments { ofMessage.append(await file(for: attachment)) }
            files.append(ofMessage)
        }
        return files
    }

    private func file(for attachment: Attachment) async -> Result<ResolvedFile, FileUnavailable> {
        switch setup.attachments {
        case .skip:
            return .failure(FileUnavailable("the migration says `attachments: skip`"))
        case .link(let base):
            let path = attachment.file ?? attachment.name ?? attachment.url ?? ""
            return .failure(FileUnavailable("it stays at \(base)\(path)"))
        case .copy: return await setup.file(for: attachment)
        }
    }
}

extension Diagnostic {
    fileprivate static func kindChanged(ticket: String, before: String, now: String) -> Diagnostic {
        Diagnostic(
            code: "plan.kind-changed", "ticket \(ticket): “\(before)” is written, and the source now says “\(now)”",
            remedy:
                "look at it in the target: what is a note now may be readable for customers there; nothing is rewritten",
            cause: .someFailed)
    }
}

extension TicketWork {
    /// Treats as in doubt what could double and of which the journal may have lost the intent: all that is missing of a
    /// ticket once begun, and of one that the target's list shows.
    mutating func doubtWhatIsMissing(found: [String: [FoundTicket]]) {
        let isBegun =
            record?.targetID != nil || !progress.done.isEmpty || !inDoubt.isEmpty
            || steps.contains { found[$0.key.digest] != nil }
        guard isBegun else { return }
        for step in steps where step.mayNotRepeat && inDoubt[step.key] == nil {
            let record = StepRecord(step, sentAt: Timestamp(seconds: 0))
            inDoubt[step.key] = record
            presumed.append(record)
        }
    }

    /// The receipt of the ticket's creation, if it is understood.
    var ticketReceipt: Receipt? {
        guard let create = all.first(where: { $0.verb == .create }) else { return nil }
        return progress.done[create.key]?.receipt
    }
}
