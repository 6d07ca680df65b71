// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Goes through a source once, in its order, with a window of tickets prepared at the same time.
///
/// For plan, archive and adoption: nothing is written. Memory is a page and a window, and eight bytes a ticket for telling
/// doubles and what is gone.
final class SourceScan {
    private let setup: MigrationSetup
    private let phase: RunPhase
    /// The hashes of all ids that were listed, whatever the selection says.
    private(set) var seen = Set<Int>()

    init(setup: MigrationSetup, phase: RunPhase) {
        self.setup = setup
        self.phase = phase
    }

    private enum Prepared: Sendable {
        case work(TicketWork, Ticket, CanonicalLine)
        case leftOut
        case failed(id: String, Diagnostic)
        /// Of the journal: ends the scan.
        case broken(any Error)
    }

    /// Visits each ticket that the selection lets through; those that cannot be read or mapped go to `failed`.
    func run(
        _ preparation: TicketPreparation,
        visit: (TicketWork, Ticket, CanonicalLine) async throws -> Void,
        failed: (_ id: String, Diagnostic) async throws -> Void
    ) async throws {
        var progress = RunProgress()
        progress.phase = phase
        var cursor: Cursor?
        var visited = 0
        repeat {
            let page = try await setup.source.list(since: setup.selection.updatedSince, after: cursor)
            progress.total = page.total
            var chunk: [Stub] = []
            for (i, stub) in page.stubs.enumerated() {
                if seen.insert(stub.id.hashValue).inserted, setup.selection.admits(id: stub.id) { chunk.append(stub) }
                guard chunk.count >= setup.concurrency || i == page.stubs.count - 1, !chunk.isEmpty else { continue }
                for prepared in await prepare(chunk, preparation) {
                    if let limit = setup.selection.limit, visited >= limit { return }
                    switch prepared {
                    case .work(let work, let ticket, let line):
                        visited += 1
                        try await visit(work, ticket, line)
                    case .leftOut: break
                    case .failed(let id, let diagnostic):
                        visited += 1
                        progress.failed += 1
                        try await failed(id, diagnostic)
                    case .broken(let error): throw error
                    }
                    progress.done = visited
                    setup.observer.progress(progress)
                }
                chunk = []
                if setup.stop.isStopped { throw Diagnostic.interrupted(setup.stop.reason) }
            }
            cursor = page.next
        } while cursor != nil
    }

    private func prepare(_ stubs: [Stub], _ preparation: TicketPreparation) async -> [Prepared] {
        let mapped = await Self.each(stubs) { stub in await Self.prepare(stub.id) { try await preparation.mapped(stub) }
        }
        // In the source's order, before any of them is planned.
        for case .success(let one?) in mapped { setup.names.learn(one.draft) }
        return await Self.each(Array(zip(stubs, mapped))) { stub, mapped in
            switch mapped {
            case .failure(let prepared): return prepared
            case .success(nil): return .leftOut
            case .success(let one?):
                switch await Self.prepare(stub.id, { try await preparation.work(for: one) }) {
                case .success(let work): return .work(work, one.ticket, one.line)
                case .failure(let prepared): return prepared
                }
            }
        }
    }

    /// All at the same time; the results in the order of the items.
    private static func each<Item: Sendable, Out: Sendable>(
        _ items: [Item], _ work: @escaping @Sendable (Item) async -> Out
    ) async -> [Out] {
        await withTaskGroup(of: (Int, Out).self) { group in
            for (i, item) in items.enumerated() { group.addTask { (i, await work(item)) } }
            var all: [(Int, Out)] = []
            for await one in group { all.append(one) }
            return all.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private enum Result<Value: Sendable>: Sendable {
        case success(Value)
        case failure(Prepared)
    }

    private static func prepare<Value: Sendable>(
        _ id: String, _ work: () async throws -> Value
    ) async -> Result<Value> {
        do {
            return .success(try await work())
        } catch let diagnostic as Diagnostic where diagnostic.cause != .machine {
            return .failure(.failed(id: id, diagnostic))
        } catch let error where error is CancellationError || error is Diagnostic {
            return .failure(.broken(error))
        } catch {
            return .failure(.failed(id: id, .unreadable(id, error)))
        }
    }
}

extension Diagnostic {
    /// A ticket that no reader of ours could make sense of.
    static func unreadable(_ id: String, _ error: any Error) -> Diagnostic {
        Diagnostic(
            code: "source.unreadable-ticket", "ticket \(id) cannot be read: \(error)",
            remedy: "look at this ticket in the source; the others are not affected")
    }

    /// Stopped before all of the source was looked at, by somebody or for a reason that was said.
    static func interrupted(_ reason: Diagnostic?) -> Diagnostic {
        Diagnostic(
            code: reason?.code ?? "run.interrupted",
            "\(reason?.message ?? "interrupted"); what is written is in the journal",
            remedy: "run the same command again to go on", cause: .interrupted)
    }
}
