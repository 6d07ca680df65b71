// SPDX-License-Identifier: Apache-2.0
import Mapping
import Migration
import Testing
import TicketModel

/// A migration in memory, run as often as a test wants, each time as a new process.
final class World {
    let helpdesk = FakeHelpdesk()
    let clock = SimulatedClock()
    let source: ListSource
    var journal: any Journal = MemoryJournal()
    let heard = Heard()
    var concurrency = 4
    var selection = Selection()
    var mappingLosses: [Loss] = []

    init(_ tickets: [Ticket], pageSize: Int = 3) { source = ListSource(tickets, pageSize: pageSize) }

    func setup(stop: StopSignal = StopSignal(), observer: any RunObserver = QuietObserver()) -> MigrationSetup {
        let mappingLosses = mappingLosses
        var setup = MigrationSetup(
            name: "test", source: source,
            mapping: TicketMapping { ticket in
                (
                    Draft(
                        ticket: ticket, authorships: ticket.messages.map { _ in .init(choice: .asWritten, header: "") }),
                    mappingLosses
                )
            },
            selection: selection, concurrency: concurrency, clock: clock, sink: heard, observer: observer, stop: stop)
        setup.file = "world.yaml"
        return setup
    }

    /// One process' run.
    @discardableResult
    func run(
        plug: Plug = Plug(), stop: StopSignal = StopSignal(), observer: any RunObserver = QuietObserver(),
        policy: NotificationPolicy = .mute, cannotTell: Bool = false, options: RunOptions = RunOptions(),
        fault: @escaping @Sendable (Step) -> Fault = { _ in .none }
    ) async throws -> RunReport {
        let target = FakeTarget(
            helpdesk, clock: clock, plug: plug, policy: policy, cannotTell: cannotTell, fault: fault)
        let runner = Runner(
            setup: setup(stop: stop, observer: observer), target: target,
            journal: UnplugableJournal(journal: journal, plug: plug), options: options)
        return try await runner.migrate()
    }

    func plan(policy: NotificationPolicy = .mute) async throws -> (PlanSummary, [TicketChange]) {
        var changes: [TicketChange] = []
        let planner = Planner(
            setup: setup(), target: FakeTarget(helpdesk, clock: clock, policy: policy), journal: journal)
        let summary = try await planner.plan { changes.append($0) }
        return (summary, changes)
    }

    /// A plan of now, signed.
    func signed() async throws -> PlanSeal {
        let (summary, changes) = try await plan()
        var seal = PlanSeal(of: try #require(summary.head), digest: summary.digest)
        for change in changes { change.seals.forEach { seal.add($0) } }
        return seal
    }

    /// What an undisturbed run of the same tickets leaves.
    static func undisturbed(_ tickets: [Ticket]) async throws -> [FakeHelpdesk.Stored] {
        let world = World(tickets)
        try await world.run()
        return world.helpdesk.content
    }
}

/// The tickets that are not as they should be, one line each.
func differences(_ found: [FakeHelpdesk.Stored], _ expected: [FakeHelpdesk.Stored]) -> [String] {
    func line(_ t: FakeHelpdesk.Stored) -> String {
        "\(t.subject) \(t.parts.map { $0.dropFirst(21) }) \(t.properties.sorted { $0.key < $1.key }) \(t.tags)"
    }
    let found = found.map(line), expected = expected.map(line)
    return found.filter { !expected.contains($0) }.map { "found \($0)" }
        + expected.filter { !found.contains($0) }.map { "missing \($0)" }
        + (found.count == expected.count ? [] : ["\(found.count) tickets instead of \(expected.count)"])
}
