// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// What a plan says of one ticket.
public struct TicketChange: Hashable, Sendable {
    /// The ticket's id in the source.
    public var id: String
    /// What people quote in the source; nil where that is the id.
    public var number: String?
    /// What becomes of the ticket as a whole.
    public var action: PlannedAction
    /// What the steps to be sent change, in their order.
    public var fields: [FieldChange]
    /// The steps to be sent, for people: `create ticket`, `append reply m3`.
    public var steps: [String]
    /// Of each of ``steps``: its key (the marker that the target will hold) and the fingerprint of what is sent.
    public var seals: [String]
    /// What the mapping and the target cannot hold of it.
    public var losses: [Loss]
    /// What changed in the source after it was written, and stays as it is in the target.
    ///
    /// Texts by their steps' names (`reply m3`; `ticket` for the opening one), else what people call it (`the customer`).
    public var changedTexts: [String]
    /// Changes of the source that are kept back, since people edited the ticket in the target; what was there before is what
    /// the target has now, where that is known.
    public var keptBack: [FieldChange]
    /// What people made of a ticket whose properties are left to them, for people; empty where the target does not tell, and
    /// from the twenty-first such ticket on.
    public var edits: [String]
    /// Whether people edited it in the target, as this plan or an earlier run found, so that its properties are left to them.
    public var isLeftToPeople: Bool
    /// Why it is skipped, and what somebody has to see although it is not.
    public var diagnostics: [Diagnostic]
    /// E-mails that the target would send for the steps.
    public var mails: Int
    /// Requests that the steps cost, without those that many tickets share.
    public var requests: Int
    /// Of files.
    public var bytes: Int

    /// A change of a file: no steps, e-mails or requests yet.
    init(id: String, number: String?, action: PlannedAction) {
        self.id = id
        self.number = number
        self.action = action
        (fields, steps, seals, losses, changedTexts, diagnostics) = ([], [], [], [], [], [])
        (keptBack, edits, isLeftToPeople) = ([], [], false)
        (mails, requests, bytes) = (0, 0, 0)
    }

    init(_ work: TicketWork) {
        id = work.id
        number = work.number
        action = work.action
        fields = work.fields
        steps = work.steps.map { "\($0.verb.rawValue) \($0.name)" }
        seals = work.steps.map { PlanSeal.text(of: $0) }
        losses = work.losses
        changedTexts = work.changedTexts
        keptBack = work.keptBack
        edits = work.edits
        isLeftToPeople = work.action == .conflict || work.isLeftToPeople
        diagnostics = work.refusals + work.notices
        mails = work.mails
        requests = work.steps.reduce(0) { $0 + ($1.batch == nil ? $1.requests : 0) }
        bytes = work.bytes
    }

    /// The form of the contract.
    public var json: JSON {
        func list(_ fields: [FieldChange]) -> JSON {
            .array(fields.map { ["name": .string($0.name), "before": JSON($0.before), "after": JSON($0.after)] })
        }
        var value: JSON = [
            "id": .string(id), "action": .string(action.rawValue), "fields": list(fields),
            "steps": .array(steps.map { .string($0) }), "seals": .array(seals.map { .string($0) }),
            "losses": .array(losses.map(\.json)),
        ]
        if let number { value["number"] = .string(number) }
        if !keptBack.isEmpty { value["keptBack"] = list(keptBack) }
        if !edits.isEmpty { value["edits"] = .array(edits.map { .string($0) }) }
        if !changedTexts.isEmpty { value["changedTexts"] = .array(changedTexts.map { .string($0) }) }
        if !diagnostics.isEmpty { value["diagnostics"] = .array(diagnostics.map(\.json)) }
        return value
    }
}

/// A file that a target will not take.
public struct RefusedFile: Hashable, Sendable {
    /// The ticket's id in the source.
    public var ticket: String
    /// As people see it.
    public var name: String
    /// In bytes.
    public var size: Int

    /// Names a file; see the properties.
    public init(ticket: String, name: String, size: Int) {
        self.ticket = ticket
        self.name = name
        self.size = size
    }
}

/// The numbers of a plan.
///
/// Counts are of tickets unless they say otherwise.
public struct PlanSummary: Sendable {
    /// Tickets of which nothing is written yet.
    public var create = 0
    /// Tickets begun or written before that lack something.
    public var update = 0
    /// Tickets with nothing to do.
    public var unchanged = 0
    /// Tickets that cannot be read, mapped or held by the target.
    public var skip = 0
    /// Tickets that people changed in the target since they were written.
    public var conflict = 0
    /// Ids of tickets that the journal has and the source no longer: listed, never deleted.
    public var gone: [String] = []
    /// Losses, not tickets.
    public var losses = 0
    /// Losses by field, reason and where the value goes instead.
    public var lossKinds: [Loss: Int] = [:]
    /// E-mails that the target would send.
    public var mails = 0
    /// Tickets with such e-mails, the first hundred: id and how many.
    public var mailed: [(id: String, mails: Int)] = []
    /// Requests that all steps cost, shared ones counted once.
    public var requests = 0
    /// Estimated.
    public var seconds = 0.0
    /// Files to be sent.
    public var files = 0
    /// Of files to be sent.
    public var bytes = 0
    /// Files that are over a limit of the target.
    public var overLimit = 0
    /// Files that are here and that the target will not take, for their size, kind, number or because it takes none.
    public var refusedFiles = 0
    /// The first ten of them.
    public var refused: [RefusedFile] = []
    /// Steps to be sent.
    public var steps = 0
    /// Messages whose text changed in the source after they were written.
    public var changedTexts = 0
    /// The first twenty of them: the ticket's id and the step's name (`reply m3`).
    public var changedTextsNamed: [(ticket: String, message: String)] = []
    /// Tickets that the source listed, whatever the selection says; of a limited plan, those until the limit.
    public var listed = 0
    /// Tickets of ours that the target's list has no more: ids in the source.
    ///
    /// Where the target cannot list at a small cost (``TargetFeatures/listsCheaply``), only those that were to be changed.
    public var goneFromTarget: [String] = []
    /// Ids that the selection names and the source does not list; known only where all of it was listed.
    public var unlisted: [String] = []
    /// Of ``unchanged``: tickets whose properties are left to the people who edited them, with nothing of the source kept
    /// back.
    public var leftToPeople = 0
    /// Which migration the plan is of, for a run by it; nil before a plan is made.
    public var head: JournalHead?
    /// What of the numbers somebody should look at before the plan is believed; emitted too.
    public var warnings: [Diagnostic] = []
    /// Tickets of which the mapping now makes something else although the source's line is as it was.
    public var remapped = 0
    /// Steps of earlier runs of which nobody knows whether they are written.
    public var inDoubt = 0
    /// Tickets of this migration that the target holds and the journal does not know.
    public var unknownInTarget = 0
    /// What `migrate` refuses with where there are such tickets.
    public var lostJournal: Diagnostic?
    /// What goes before the tickets.
    public var catalogue = CatalogueSummary()
    /// What will be changed besides tickets.
    public var preparations: [String] = []
    /// The settings that a run would change and give back.
    public var borrowings: [Borrowing] = []
    /// What is done about the target's e-mails.
    public var policy: NotificationPolicy = .refuse
    /// Where every record of the source went.
    public var read = ReadReport()
    /// SHA-256 in hex over the keys and payloads of all steps: equal for an equal plan in whatever order.
    public var digest = ""

    /// Tickets in all that the selection lets through.
    public var total: Int { create + update + unchanged + skip + conflict }
    /// Whether a run would write nothing.
    public var isEmpty: Bool { steps == 0 && inDoubt == 0 }

    /// Nothing planned.
    public init() {}

    /// The `summary` of the contract.
    public var json: JSON {
        [
            "catalogue": catalogue.json, "create": JSON(create), "update": JSON(update), "unchanged": JSON(unchanged),
            "skip": JSON(skip),
            "conflict": JSON(conflict), "gone": JSON(gone.count), "losses": JSON(losses), "mails": JSON(mails),
            "requests": JSON(requests), "seconds": .number(String(Int(seconds.rounded(.up)))), "bytes": JSON(bytes),
            "overLimit": JSON(overLimit), "listed": JSON(listed), "goneFromTarget": JSON(goneFromTarget.count),
            "unknownInTarget": JSON(unknownInTarget),
        ]
    }
}

extension Loss {
    /// The form of the contract.
    public var json: JSON {
        [
            "field": .string(field), "value": JSON(value), "reason": .string(reason),
            "fallback": .string(fallback.rawValue),
        ]
    }
}

extension Diagnostic {
    /// The form that all `--json` outputs share.
    public var json: JSON {
        var value: JSON = [
            "severity": .string(severity.rawValue), "code": .string(code), "message": .string(message),
            "remedy": .string(remedy), "count": JSON(count),
        ]
        if let location { value["location"] = .string(location.description) }
        if let subject { value["subject"] = .string(subject) }
        return value
    }
}
