// SPDX-License-Identifier: Apache-2.0
package import Migration
internal import TicketModel

/// How tickets are taken back where the API deletes nothing.
///
/// Closing counts as an e-mail to the customer, so a ticket that is not closed is left as it is. The mark of a closed one
/// stands before its subject, which lists and the administration show; an internal note would not be listed.
extension SmartSupportTarget {
    /// Stands before the subject of a ticket that was taken back.
    static let mark = "[taken back] "

    package func undo(
        _ written: WrittenTicket, stored: StoredTicket, identity: MigrationIdentity
    ) async -> UndoPlan {
        let count = stored.messages.count
        let what = "ticket \(stored.id) with \(count) message\(count == 1 ? "" : "s")"
        guard stored.properties["status"] == "closed" else {
            return UndoPlan(
                .left,
                remains: [
                    "\(what) stays as it is: the API deletes nothing, and closing it may e-mail the customer"
                ])
        }
        let subject = stored.properties["subject"] ?? ""
        var plan = UndoPlan(
            .closed,
            remains: [
                "\(what) stays closed, with “\(Self.mark.dropLast())” before its subject: the API deletes nothing"
            ])
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
        return plan
    }
}
