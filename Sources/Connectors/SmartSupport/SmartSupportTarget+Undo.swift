// SPDX-License-Identifier: Apache-2.0
package import Migration
internal import TicketModel

/// How tickets are taken back where the API deletes nothing.
///
/// Closing counts as an e-mail to the customer, so an open ticket is left open. The mark stands before the subject, which
/// lists and the administration show; an internal note would not be listed.
extension SmartSupportTarget {
    /// Stands before the subject of a ticket that was taken back.
    static let mark = "[taken back] "

    package func undo(
        _ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity
    ) async -> UndoPlan {
        let isClosed = stored.properties["status"] == "closed"
        let subject = stored.properties["subject"] ?? ""
        var plan = UndoPlan(isClosed ? .closed : .left)
        if !subject.hasPrefix(Self.mark) {
            plan.steps.append(
                Step(
                    key: identity.key(ticket: written.record.id, part: "undo:mark"), verb: .set, name: "mark",
                    undo: .impossible,
                    payload: [
                        "op": "set", "name": "subject", "ticket": .string(stored.id),
                        "value": .string(Self.mark + subject),
                    ]))
        }
        let count = stored.messages.count
        let what = "ticket \(stored.id) with \(count) message\(count == 1 ? "" : "s")"
        plan.remains = [
            isClosed
                ? "\(what) stays closed, marked “\(Self.mark.dropLast())” in its subject: the API deletes nothing"
                : "\(what) stays open, marked “\(Self.mark.dropLast())” in its subject: closing it may e-mail the "
                    + "customer, and the API deletes nothing"
        ]
        return plan
    }
}
