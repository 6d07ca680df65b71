// SPDX-License-Identifier: Apache-2.0
import Foundation
import Mapping
import Migration
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("From one real Fluent Support into another", .enabled(if: FluentSupportBench.other != nil))
struct FluentSupportWholeSiteTests {
    @Test("every ticket arrives, with every text as foreseen")
    func everything() async throws {
        let from = try #require(FluentSupportBench.other)
        let to = try FluentSupportBench.real()
        let source = FluentSupportSource(api: from, sink: Notes())
        let target = try await to.target()
        let identity = MigrationIdentity(migration: "whole \(UUID().uuidString)", source: "main")
        for borrowing in try await target.borrowings() { try await target.borrow(borrowing) }
        var after: Cursor?
        var foreseen: [String: Int] = [:]
        var unforeseen: [String] = []
        var over: [String] = []
        repeat {
            let page = try await source.list(since: nil, after: after)
            for stub in page.stubs {
                let ticket = try await source.fetch(stub).ticket()
                var files: [[Result<ResolvedFile, FileUnavailable>]] = []
                for message in ticket.messages {
                    var own: [Result<ResolvedFile, FileUnavailable>] = []
                    for attachment in message.attachments { own.append(try await source.file(for: attachment)) }
                    files.append(own)
                }
                let plan = await target.plan(ticket.draft, files: files, identity: identity, progress: TicketProgress())
                for loss in plan.losses {
                    foreseen["\(loss.field): \(loss.reason) [\(loss.fallback)]", default: 0] += 1
                }
                if !plan.refusals.isEmpty { unforeseen.append("\(ticket.id): \(plan.refusals)") }
                let writes = plan.steps.count { $0.verb == .create || $0.verb == .append }
                let sent = plan.steps.reduce(0) { $0 + $1.files.count }
                let cost = plan.steps.reduce(0) { $0 + $1.requests }
                if cost > writes + sent + 6 { over.append("\(ticket.id): \(cost)") }
                let (receipts, losses) = try await to.perform(plan, target)
                for loss in losses { unforeseen.append("\(ticket.id) \(loss.value ?? ""): \(loss.reason)") }
                let created = try #require(receipts[identity.key(ticket: ticket.id, part: "ticket")])
                let adopted = try await target.adopt(plan.steps, ticket: created)
                for step in plan.steps where adopted[step.key] == nil {
                    unforeseen.append("\(ticket.id) \(step.name) is not there")
                }
            }
            after = page.next
        } while after != nil
        for (loss, count) in foreseen.sorted(by: { $0.key < $1.key }) { print("loss:", count, loss) }
        print("loss: source", await source.losses().map { $0.value ?? "" })
        #expect(unforeseen.isEmpty, "\(unforeseen.joined(separator: "\n"))")
        #expect(over.isEmpty)
        for borrowing in try await target.borrowings() {
            guard case .givenBack = try await target.giveBack(borrowing) else {
                Issue.record("not given back")
                continue
            }
        }
    }
}

extension FluentSupportBench {
    /// The site to read from: `TICKETFERRY_FLUENT_SOURCE_URL`, `…_SOURCE_PASSWORD`, user `admin`.
    static var other: FluentSupportAPI? {
        let all = ProcessInfo.processInfo.environment
        guard isReal, let url = all["TICKETFERRY_FLUENT_SOURCE_URL"],
            let password = all["TICKETFERRY_FLUENT_SOURCE_PASSWORD"],
            let (base, _) = try? BaseURL.parse(url, api: FluentSupportAPI.plugin)
        else { return nil }
        return FluentSupport.api(
            Connection(base: base, transport: AsyncHTTPClientTransport(), pacer: Pacer(PacingCurve(ceiling: 8))),
            user: "admin", password: Secret(password))
    }
}
