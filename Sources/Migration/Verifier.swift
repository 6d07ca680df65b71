// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Reads the target again and compares it with what source and mapping say should be there.
///
/// The journal's word is not taken for anything that is compared: the steps are planned as if nothing were written, and
/// tickets are found by their marks. The journal gives the generation, the ids of tickets where the target cannot be
/// searched, and the losses that answers showed.
public struct Verifier: Sendable {
    private let setup: MigrationSetup
    private let target: any TargetReader
    private let journal: any Journal

    /// Prepares; nothing is sent yet.
    public init(setup: MigrationSetup, target: any TargetReader, journal: any Journal) {
        self.setup = setup
        self.target = target
        self.journal = journal
    }

    /// Compares all tickets that the selection lets through.
    ///
    /// Sends reads alone: the target's list, then for each ticket what ``TargetReader/stored(ticket:)`` takes, and a fetch
    /// for each file.
    /// - Parameter each: takes what was found of each ticket with differences, the declared too, in the source's order.
    /// - Returns: what was compared and what differs.
    /// - Throws: `Diagnostic` where source, target or journal cannot be read at all.
    public func verify(each: (Verification.Ticket) async throws -> Void = { _ in }) async throws -> Verification {
        try await target.prepare(policy: .allow, sink: setup.sink)
        let identity = try await setup.identity(in: journal)
        try await setup.check(journal.head(), identity: identity, target: target.address)
        var result = Verification()
        let knowsGeneration = try await journal.head() != nil
        result.isWithoutJournal = !knowsGeneration
        let found = Dictionary(grouping: try await target.inventory().filter { !$0.isTakenBack }, by: \.digest)
        result.independentCount = try await target.independentCount()
        let preparation = TicketPreparation(
            setup: setup, target: target, journal: MemoryJournal(), identity: identity)
        let known = Known(found: found, hasGeneration: knowsGeneration)
        try await verifyCatalogue(preparation, &result)
        var waiting: [TicketWork] = []
        try await SourceScan(setup: setup, phase: .verifying).run(preparation) { work, _, _ in
            waiting.append(work)
            guard waiting.count >= setup.concurrency else { return }
            try await look(waiting, known, &result, each)
            waiting = []
        } failed: { id, diagnostic in
            result.tickets += 1
            result.failed.append((id, diagnostic))
        }
        try await look(waiting, known, &result, each)
        return result
    }

    /// An entry that the migration was to make and that a plan of today would still make is not there.
    private func verifyCatalogue(_ preparation: TicketPreparation, _ result: inout Verification) async throws {
        guard let (_, work) = try await preparation.catalogue() else { return }
        for step in work.steps where step.verb == .create {
            result.counts[.missingEntry, default: 0] += 1
            setup.sink.emit(
                Diagnostic(
                    .warning, code: "verify.missing-entry", "the target has no \(step.name)",
                    remedy: "run `ticketferry migrate` again, or make it there by hand", cause: .someFailed))
        }
    }

    /// What is known of the target before its tickets are read one by one.
    private struct Known: Sendable {
        /// By marker.
        var found: [String: [FoundTicket]]
        /// Whether the journal says which generation counts.
        var hasGeneration: Bool

        /// Those of a creation: of the journal's generation, else of the newest that the target shows.
        func tickets(of create: Step) -> [FoundTicket] {
            let all = found[create.key.digest] ?? []
            let generation = hasGeneration ? create.key.generation : all.map(\.generation).max()
            return all.filter { $0.generation == generation }
        }
    }

    private struct Looked: Sendable {
        var ticket: Verification.Ticket
        /// Nothing is expected of it: `undo` took it back.
        var isTakenBack = false
        var addedTags: [String] = []
        var messages = 0
        var files = 0
        var unfetched = 0
        var waitingDates = 0
        var isFound = false
    }

    private func look(
        _ works: [TicketWork], _ known: Known, _ result: inout Verification,
        _ each: (Verification.Ticket) async throws -> Void
    ) async throws {
        let looked = try await withThrowingTaskGroup(of: (Int, Result<Looked, Diagnostic>).self) { group in
            for (i, work) in works.enumerated() {
                group.addTask {
                    do {
                        // Apart: in one expression the optimiser of Swift 6.3 loses `i`.
                        let one = try await look(work, known)
                        return (i, .success(one))
                    } catch let diagnostic as Diagnostic where diagnostic.cause != .machine {
                        return (i, .failure(diagnostic))
                    }
                }
            }
            var all: [(Int, Result<Looked, Diagnostic>)] = []
            for try await one in group { all.append(one) }
            return all.sorted { $0.0 < $1.0 }.map(\.1)
        }
        for (work, outcome) in zip(works, looked) {
            let one: Looked
            switch outcome {
            case .success(let looked): one = looked
            case .failure(let diagnostic):
                result.tickets += 1
                result.failed.append((work.id, diagnostic))
                continue
            }
            if one.isTakenBack {
                result.takenBack += 1
                continue
            }
            result.tickets += 1
            result.messages += one.messages
            result.files += one.files
            result.unfetched += one.unfetched
            result.waitingDates += one.waitingDates
            if one.isFound { result.listed += 1 }
            if one.ticket.isMissing { result.missingMessages += one.messages }
            result.add(one.ticket)
            if let targetID = one.ticket.targetID, !one.addedTags.isEmpty {
                result.add(
                    Verification.AddedTags(
                        id: work.id, number: work.number, targetID: targetID, url: one.ticket.url,
                        tags: one.addedTags))
            }
            if !one.ticket.differences.isEmpty { try await each(one.ticket) }
        }
    }

    private func look(_ work: TicketWork, _ known: Known) async throws -> Looked {
        var out = Looked(
            ticket: Verification.Ticket(id: work.id, number: work.number, targetID: nil, url: nil, differences: []))
        guard let create = work.all.first(where: { $0.verb == .create }) else {
            out.ticket.differences = [
                Difference(.missingTicket, "ticket", expected: nil, found: work.refusals.first?.message)
            ]
            return out
        }
        let candidates = known.tickets(of: create)
        let journalled = try await journal.ticket(work.id)
        out.isTakenBack = candidates.isEmpty && journalled?.ticket.state == .takenBack
        if out.isTakenBack { return out }
        out.isFound = !candidates.isEmpty
        for double in candidates.dropFirst() {
            out.ticket.differences.append(Difference(.doubledTicket, "ticket", found: double.receipt.id))
        }
        var receipt = candidates.first?.receipt
        if receipt == nil, let journalled, let id = journalled.ticket.targetID {
            // Some targets find a ticket by more than its id; that stands in the receipt's details.
            receipt = journalled.steps.first { $0.part == create.key.part }?.receipt ?? Receipt(id: id)
        }
        var expected = await target.expectation(
            of: TicketPlan(steps: work.all, losses: work.losses, finishing: work.finishing))
        out.messages = expected.messages.count
        guard let receipt, let stored = try await target.stored(ticket: receipt) else {
            out.ticket.targetID = receipt?.id
            out.ticket.differences.append(Difference(.missingTicket, "ticket"))
            return out
        }
        (out.ticket.targetID, out.ticket.url) = (stored.id, stored.url ?? receipt.url)
        expected.settleNotes(of: work.all, journalled: journalled?.steps ?? [], in: stored)
        let comparison = TicketComparison(expected, stored)
        out.waitingDates = comparison.waitingDates
        // A tag that an earlier mapping set is ours too.
        let ourTags = Set(journalled?.steps.filter { $0.verb == .set }.map(\.name) ?? [])
        out.addedTags = stored.tags.subtracting(expected.tags).filter { !ourTags.contains("tag \($0)") }.sorted()
        let history = WrittenSteps(work.all, journalled: journalled?.steps ?? [])
        for difference in comparison.differences {
            if expected.datesInFile, history.waits(difference) {
                out.waitingDates += 1
            } else {
                out.ticket.differences.append(history.explained(difference))
            }
        }
        for (message, file, there) in comparison.files {
            guard there.locator != nil else {
                out.unfetched += 1
                continue
            }
            out.files += 1
            let part = "\(message): \(there.name)"
            switch try await target.sha256(of: there) {
            case .success(file.sha256): break
            case .success(let other):
                out.ticket.differences.append(Difference(.changedFile, part, expected: file.sha256, found: other))
            case .failure(let reason):
                out.ticket.differences.append(Difference(.unreadableFile, part, found: reason.reason))
            }
        }
        // What only the answers showed is in the journal; what the plan foretold is in no expectation. Texts are never
        // excused: the journal does not say which message of the ticket a loss is about.
        let losses =
            out.ticket.differences.isEmpty
            ? [] : try await journal.losses(of: work.id).filter { !work.losses.contains($0) }
        // A later run added them (one more migration note): a plan as if nothing were written has no steps for them.
        let planned = Set(work.all.map(\.key.part))
        let ours = Set(
            (journalled?.steps ?? []).filter { $0.verb == .append && !planned.contains($0.part) }.compactMap {
                $0.receipt?.id
            })
        for i in out.ticket.differences.indices {
            let difference = out.ticket.differences[i]
            out.ticket.differences[i].isDeclared =
                losses.contains { $0.foretells(difference) } || difference.isAdded(amongst: ours)
        }
        return out
    }
}

extension Loss {
    /// Whether it says what a difference shows.
    fileprivate func foretells(_ difference: Difference) -> Bool {
        switch difference.kind {
        case .missingFile, .changedFile, .unreadableFile:
            // Not `….name`: a file that got another name is there.
            guard field.hasSuffix("attachments[]"), let value else { return false }
            // `a.png` or `a.png (12 bytes)`.
            guard let name = difference.part.split(separator: ": ", maxSplits: 1).last else { return false }
            return value == name || value.hasPrefix("\(name) (")
        case .property: return field == difference.part
        case .missingTag: return field == "tags[]" && value == difference.part
        default: return false
        }
    }
}

extension Difference {
    /// Whether it is a message too many that has one of these ids.
    fileprivate func isAdded(amongst ids: Set<String>) -> Bool {
        guard kind == .addedMessage, let id = part.split(separator: " ", maxSplits: 1).last else { return false }
        return ids.contains(String(id))
    }
}
