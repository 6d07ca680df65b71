// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import TicketModel

/// Adds the tickets of an export up.
struct ExportTally {
    var summary = PlanSummary()
    var messages = 0
    private var plan = PlanTally()
    private var digest = [UInt8](repeating: 0, count: 32)

    mutating func add(_ change: TicketChange, line: CanonicalLine) {
        switch change.action {
        case .create: summary.create += 1
        case .update: summary.update += 1
        default: summary.unchanged += 1
        }
        messages += max(0, change.steps.count - 1)
        summary.bytes += change.bytes
        if change.action != .unchanged {
            summary.steps += 1
            for loss in change.losses { plan.add(loss) }
        }
        // Sums of hashes do not depend on the order in which a source lists its tickets.
        for (i, byte) in SHA256.hash(data: line.bytes).enumerated() { digest[i] ^= byte }
    }

    mutating func finished(_ setup: MigrationSetup) async -> PlanSummary {
        for loss in await setup.source.losses() { plan.add(loss) }
        var summary = summary
        summary.losses = plan.summary.losses
        summary.lossKinds = plan.summary.lossKinds
        summary.read = await setup.source.readReport()
        summary.policy = .refuse
        summary.digest = hexadecimal(SHA256.hash(data: Array("\(summary.total):\(hexadecimal(digest))".utf8)))
        return summary
    }
}
