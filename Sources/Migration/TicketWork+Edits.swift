// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

extension TicketPreparation {
    /// Notes what people made of a ticket whose properties are left to them, and what the target has in the place of what is
    /// kept back; nothing where the target does not tell.
    ///
    /// - Parameters:
    ///   - work: in conflict.
    ///   - bare: the plan of the ticket as if nothing of it were written.
    func show(editsOf work: inout TicketWork, against bare: TicketPlan) async {
        guard let receipt = work.ticketReceipt, let stored = try? await target.stored(ticket: receipt) else { return }
        let comparison = TicketComparison(await target.expectation(of: bare), stored)
        var edits: [String] = []
        for difference in comparison.differences {
            switch difference.kind {
            case .property:
                let isClock = [difference.expected, difference.found].contains { $0.flatMap { Timestamp($0) } != nil }
                if isClock { continue }
                let at =
                    work.keptBack.firstIndex { $0.name == difference.part }
                    ?? work.keptBack.firstIndex { $0.after != nil && $0.after == difference.expected }
                if let at {
                    work.keptBack[at].before = difference.found
                } else {
                    edits.append(
                        "\(difference.part) is \(Self.shown(difference.found)), the source says \(Self.shown(difference.expected))"
                    )
                }
            case .text where !work.changedTexts.contains(difference.part):
                edits.append("the text of \(difference.part) was changed")
            case .exposed, .hidden:
                edits.append("\(difference.part) is a \(difference.found ?? "message of another kind")")
            default: break
            }
        }
        let added = comparison.differences.filter { difference in
            difference.kind == .addedMessage
                && !stored.messages.contains { $0.digest != nil && "\($0.kind.rawValue) \($0.id)" == difference.part }
        }
        if !added.isEmpty { edits.append("\(added.count.counted("message")) added") }
        work.edits = edits
    }

    private static func shown(_ value: String?) -> String {
        guard let value, !value.isEmpty else { return "empty" }
        return "“\(value.prefix(60))”"
    }
}
