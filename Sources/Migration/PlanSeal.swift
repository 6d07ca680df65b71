// SPDX-License-Identifier: Apache-2.0

/// The steps of a plan that was signed: what a run by it may send, and nothing else.
///
/// Eight bytes a step in memory.
public struct PlanSeal: Sendable {
    private var steps = Set<Int>()

    /// Nothing is signed.
    public init() {}

    /// Signs a step, by what ``TicketChange/seals`` has of it.
    public mutating func add(_ seal: String) { steps.insert(seal.hashValue) }

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
