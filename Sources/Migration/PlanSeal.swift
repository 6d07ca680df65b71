// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// A plan that was signed: which migration it is of, and the steps that a run by it may send, and nothing else.
///
/// Eight bytes a step in memory.
public struct PlanSeal: Sendable {
    /// The migration, source, generation and target that it was made of.
    public let head: JournalHead
    /// ``PlanSummary/digest`` as it was.
    public let digest: String
    private var steps = Set<Int>()

    /// A plan of which nothing is signed yet.
    public init(of head: JournalHead, digest: String) {
        self.head = head
        self.digest = digest
    }

    /// Signs a step, by what ``TicketChange/seals`` has of it.
    public mutating func add(_ seal: String) { steps.insert(seal.hashValue) }

    /// Checks that it is a plan of this migration as it stands now.
    ///
    /// - Parameters:
    ///   - now: what the journal would say.
    ///   - file: the migration file, for the remedy.
    /// - Throws: `Diagnostic` with cause `refused`: it is of another migration, source or target, or an `undo` lies between
    ///   it and now, after which not one step has the key that was signed.
    public func check(_ now: JournalHead, file: String) throws {
        let wrong: String? =
            if head.identity.migration != now.identity.migration {
                "migration “\(head.identity.migration)”, not of “\(now.identity.migration)”"
            } else if head.identity.source != now.identity.source {
                "source “\(head.identity.source)”, not of “\(now.identity.source)”"
            } else if head.target != now.target {
                "target \(head.target), not of \(now.target)"
            } else {
                nil
            }
        if let wrong { throw Diagnostic.planOfAnother("the plan is of \(wrong)", file) }
        if head.identity.generation > now.identity.generation {
            throw Diagnostic.planOfAnother("the journal is older than the plan, or lost", file)
        }
        if head.identity.generation < now.identity.generation {
            throw Diagnostic.planOfAnother("an `undo` lies between the plan and now: what it signed is of before", file)
        }
    }

    /// Whether all that is to be sent for a ticket was signed, with the same payload.
    ///
    /// What an earlier run by the plan has done need not be there any more.
    func holds(_ work: TicketWork) -> Bool { work.steps.allSatisfy { steps.contains(Self.text(of: $0).hashValue) } }

    /// Leaves a ticket that is begun only the steps that were signed; false where there are none, or nothing is begun.
    ///
    /// It stays begun: the next plan adds what is missing. Messages after one that was not signed wait for it, or they would
    /// stand in another order. A complete ticket is left as it is: nothing of it is half done.
    func keep(in work: inout TicketWork) -> Bool {
        guard !work.progress.done.isEmpty, work.record?.state != .complete else { return false }
        var isLacking = false
        work.steps.removeAll { step in
            let isSigned = steps.contains(Self.text(of: step).hashValue)
            if !isSigned, step.verb.canDouble { isLacking = true }
            return !isSigned || isLacking && step.verb.canDouble
        }
        work.endState = .begun
        return !work.steps.isEmpty
    }

    /// A step's key, and what is sent: `ferry-k3f9q….-0-` and the fingerprint.
    static func text(of step: Step) -> String { step.key.marker + step.fingerprint }
}

extension JournalHead {
    /// As a plan's file has it.
    public var json: JSON {
        [
            "name": .string(identity.migration), "source": .string(identity.source),
            "generation": JSON(identity.generation), "target": .string(target),
        ]
    }

    /// Reads ``json``; nil for anything else.
    public init?(json: JSON?) {
        guard let name = json?["name"]?.string, let source = json?["source"]?.string,
            let generation = json?["generation"]?.int, let target = json?["target"]?.string
        else { return nil }
        self.init(
            identity: MigrationIdentity(migration: name, source: source, generation: generation), target: target)
    }
}

extension Diagnostic {
    fileprivate static func planOfAnother(_ message: String, _ file: String) -> Diagnostic {
        Diagnostic(
            code: "plan.of-another", message,
            remedy: "make and sign a new one with `ticketferry plan \(file) -o FILE`; nothing was written",
            cause: .refused)
    }
}
