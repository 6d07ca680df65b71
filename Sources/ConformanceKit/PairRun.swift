// SPDX-License-Identifier: Apache-2.0
internal import Mapping
package import Migration
package import TicketModel

/// A migration from a source to a target, and what its result has of what was drafted.
package struct PairRun: Sendable {
    /// What became of the tickets of a pair.
    package struct Outcome: Sendable {
        /// Tickets that were read.
        package var tickets = 0
        /// Messages of them.
        package var messages = 0
        /// Losses that were declared.
        package var losses = 0
        /// Leaves that differ.
        package var differences = 0
        /// What is not explained, by ticket.
        package var unexplained: [String] = []
        /// What the run said of itself.
        package var report: RunReport?
        /// The journal, for more runs.
        package var journal: any Journal = MemoryJournal()
        /// By the source's id, the target's.
        package var ids: [String: String] = [:]

        /// Nothing yet.
        package init() {}
    }

    /// Of the migration; part of every key.
    package var name = "exam"
    /// Time for settling and pauses.
    package var clock: any RunClock
    /// Takes what is said on the way.
    package var sink: any DiagnosticSink
    /// Tickets at once.
    package var concurrency = 4
    /// What is done about mails; nil: the safest that the target has, short of refusing all.
    package var notifications: NotificationPolicy?

    /// A migration by that clock.
    package init(clock: any RunClock, sink: any DiagnosticSink) {
        self.clock = clock
        self.sink = sink
    }

    /// Carries the tickets over.
    ///
    /// - Throws: what the run throws.
    package func run(
        _ source: any TicketSource, to target: any TicketTarget, journal: any Journal = MemoryJournal(),
        adopts: Bool = false
    ) async throws -> RunReport {
        var options = RunOptions()
        options.allowsNotifications = true
        options.adopts = adopts
        var setup = setup(source)
        if setup.notifications == nil {
            // The safest that still lets a run write: the exam has seen the mails and allows them.
            try await target.prepare(policy: .allow, sink: sink)
            let policies = await target.features.notificationPolicies
            setup.notifications = policies.first { $0 != .refuse }
        }
        return try await Runner(setup: setup, target: target, journal: journal, options: options).migrate()
    }

    /// The migration's own words.
    package func setup(_ source: any TicketSource) -> MigrationSetup {
        MigrationSetup(
            name: name, sourceName: "exam source", source: source, mapping: Self.mapping, notifications: notifications,
            concurrency: concurrency, clock: clock, sink: sink)
    }

    /// The connectors' own defaults.
    package static let mapping = TicketMapping { WriteMapping.none.draft(of: $0) }

    /// Carries the tickets over, reads them back and compares.
    ///
    /// - Parameters:
    ///   - source: opened, not read.
    ///   - target: opened, not prepared.
    ///   - readBack: opens the target's own source after the run.
    /// - Returns: the comparison of all tickets.
    /// - Throws: what reading throws, or a run that broke off.
    package func compare(
        _ source: any TicketSource, to target: any TicketTarget, readBack: () async throws -> any TicketSource
    ) async throws -> Outcome {
        let journal = MemoryJournal()
        let report = try await run(source, to: target, journal: journal)
        var outcome = try await compared(source, journal: journal, readBack: readBack())
        outcome.report = report
        return outcome
    }

    /// Compares what a journal says was written with what the target's own source reads.
    ///
    /// - Throws: what reading throws.
    package func compared(
        _ source: any TicketSource, journal: MemoryJournal, readBack: any TicketSource
    ) async throws -> Outcome {
        var outcome = Outcome()
        outcome.journal = journal
        let before = try await ExamSite.readAll(source)
        let after = try await ExamSite.readAll(readBack)
        let identity = MigrationIdentity(migration: name, source: "exam source")
        for (id, line) in before.sorted(by: { $0.key < $1.key }) {
            let ticket = try line.ticket()
            outcome.tickets += 1
            outcome.messages += ticket.messages.count
            guard let record = await journal.ticket(id), let targetID = record.ticket.targetID,
                record.ticket.state == .complete
            else {
                let why = await journal.ticket(id)?.ticket.failure.map { "\($0.message) [\($0.code)]" }
                outcome.unexplained.append("\(id): not written: \(why ?? "unknown")")
                continue
            }
            outcome.ids[id] = targetID
            guard let found = after[targetID] else {
                outcome.unexplained.append("\(id): the target's source does not list its ticket \(targetID)")
                continue
            }
            let losses = await journal.losses(of: id)
            outcome.losses += losses.count
            let (draft, _) = WriteMapping.none.draft(of: ticket)
            let notes = record.steps.map(\.part).filter { $0 == "note" || $0.hasPrefix("note:") }
                .map { identity.key(ticket: id, part: $0).marker }
            let comparison = LeafComparison(draft, losses: losses, result: try found.ticket(), notes: Set(notes))
            outcome.differences += comparison.differences.count { !$0.isAddition }
            outcome.unexplained += comparison.explain(losses).lines.map { "\(id): \($0)" }
        }
        let extra = after.count - outcome.ids.count
        if extra != 0 { outcome.unexplained.append("the target holds \(extra) tickets more than were written") }
        return outcome
    }
}
