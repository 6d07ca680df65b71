// SPDX-License-Identifier: Apache-2.0
internal import Connectors
internal import Foundation
internal import HTTPTypes
internal import Migration
internal import Sandbox
internal import TicketModel
internal import Transport

extension Exam {
    /// Reads and writes on a site that throws everything it was sent back at us, then looks through all that was said.
    func secrets() async throws -> [String] {
        try await onSite(tickets: 4) { site in
            var said: [String] = []
            let parrot: ExamTransport.Interference = { request, number, next in
                guard number % 4 == 3 else { return try await next(request) }
                let heads = request.fields.map { "\($0.name): \($0.value)" }.joined(separator: "\\n")
                let text = "{\"code\":\"parrot\",\"message\":\"you said \(heads) at \(request.url.text)\"}"
                let status = [400, 401, 403, 500][number / 4 % 4]
                return IncomingResponse(
                    status: status, fields: [.contentType: "application/json"], body: Array(text.utf8))
            }
            for start in 0..<4 {
                let opening = ExamSite.Opening { request, number, next in
                    try await parrot(request, number + start, next)
                }
                do {
                    if examinee.helpdesk.source != nil {
                        said += try await site.readAll(opening).values.map(\.description)
                    }
                } catch { said.append("\(error)") }
                guard examinee.helpdesk.target != nil else { continue }
                let journal = MemoryJournal()
                let tickets = hostile(4, seed: 29)
                site.expect(tickets)
                do {
                    let report = try await pair(site).run(
                        MemorySource(tickets), to: site.target(opening).0, journal: journal)
                    said.append("\(report)")
                } catch { said.append("\(error)") }
                for record in await journal.tickets(after: nil, limit: 100) {
                    said.append("\(record) \(await journal.ticket(record.id).map { "\($0)" } ?? "")")
                    said.append("\(await journal.losses(of: record.id))")
                }
                said.append("\(await journal.borrowings(open: false)) \(await journal.inDoubt())")
            }
            said += site.heard.lines + site.heard.diagnostics.map { "\($0)" }
            var out = site.heard.lines.isEmpty ? ["nothing was logged"] : []
            for secret in forbidden() {
                if let text = said.first(where: { $0.contains(secret) }), let range = text.firstRange(of: secret) {
                    out.append("a secret is in “…\(String(text[..<range.lowerBound].suffix(80)))•••”")
                }
            }
            return out
        }
    }

    /// Each secret as it is, as Basic logins carry it, and as queries do.
    private func forbidden() -> [String] {
        let plain = examinee.secrets
        let basic = examinee.logins.map { Data("\($0.user):\($0.password)".utf8).base64EncodedString() }
        return plain + basic + plain.map { PercentEncoding.encode($0) }
    }

    func abilities() async throws -> [String] {
        let helpdesk = examinee.helpdesk
        let descriptor = helpdesk.descriptor
        var out: [String] = []
        if (descriptor.openSource != nil) != (helpdesk.source != nil) {
            out.append("the source is not what is declared")
        }
        if (descriptor.openTarget != nil) != (helpdesk.target != nil) {
            out.append("the target is not what is declared")
        }
        if helpdesk.source == nil && helpdesk.target == nil { out.append("it has neither a source nor a target") }
        if helpdesk.features.isEmpty { out.append("it declares no features") }
        for option in helpdesk.options where option.help.isEmpty { out.append("the option \(option.name) has no help") }
        if Set(helpdesk.options.map(\.name)).count != helpdesk.options.count { out.append("an option is there twice") }
        for deviation in helpdesk.deviations where deviation.reason.isEmpty {
            out.append("the deviation “\(deviation.check)” has no reason")
        }
        for one in helpdesk.practice.switches where one.help.isEmpty {
            out.append("the switch \(one.name) has no help")
        }
        guard helpdesk.target != nil else { return out }
        return try await onSite { site in
            let (target, _) = try await site.target()
            try await target.prepare(policy: nil, sink: site.heard)
            let features = await target.features
            if features.notificationPolicies.isEmpty { out.append("the target can follow no policy") }
            for policy in NotificationPolicy.allCases {
                let (other, _) = try await site.target()
                do {
                    try await other.prepare(policy: policy, sink: site.heard)
                    let held = try await other.policy()
                    if !features.notificationPolicies.contains(policy) {
                        out.append("the policy \(policy.rawValue) is not declared and is held as \(held.rawValue)")
                    } else if held != policy {
                        out.append("the policy \(policy.rawValue) is declared and held as \(held.rawValue)")
                    }
                } catch let diagnostic as Diagnostic {
                    if features.notificationPolicies.contains(policy) {
                        out.append("the policy \(policy.rawValue) is declared and refused: \(diagnostic)")
                    } else if diagnostic.cause != .refused {
                        out.append("the policy \(policy.rawValue) is not there, which is called \(diagnostic.cause)")
                    }
                }
            }
            if let before = features.notificationPolicies.first, try await target.policy() != before {
                out.append("without a wish the policy is not the safest one, \(before.rawValue)")
            }
            return out
        }
    }

    // MARK: Switches

    /// Whether the connector refuses a site with a switch that makes it one that cannot be worked with.
    package func refuses() async -> ExamResult {
        do {
            return try await onSite(tickets: 2) { site in
                var out: [String] = []
                func expect(_ side: String, _ work: () async throws -> Void) async {
                    do {
                        try await work()
                        out.append("the \(side) did not refuse it")
                    } catch let diagnostic as Diagnostic {
                        if diagnostic.cause != .refused {
                            out.append("the \(side) calls it \(diagnostic.cause): \(diagnostic)")
                        }
                    } catch { out.append("the \(side) ended with no diagnostic: \(error)") }
                }
                if examinee.helpdesk.source != nil { await expect("source") { _ = try await site.readAll() } }
                if examinee.helpdesk.target != nil {
                    await expect("target") { try await site.target().0.prepare(policy: nil, sink: site.heard) }
                }
                return out.isEmpty ? .passed : .failed(out)
            }
        } catch { return .failed(["\(error)"]) }
    }
}
