// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Synchronization
internal import TicketModel

/// The name that each address gets in a target that keeps one person per address: that of the first ticket in the
/// source's order.
///
/// Without it the name would be that of whichever ticket is written first, and two runs would end differently. Memory
/// grows with the number of addresses.
final class RequesterNames: Sendable {
    private struct Name: Hashable {
        var name: String?
        var givenName: String?
        var familyName: String?

        init(_ person: Person) {
            name = person.name
            givenName = person.givenName
            familyName = person.familyName
        }

        var isEmpty: Bool { [name, givenName, familyName].allSatisfy { $0?.isEmpty != false } }
    }

    private let names = Mutex<[String: Name]>([:])

    /// Learns the requester of a draft; to be called in the source's order.
    func learn(_ draft: Draft) {
        guard let person = draft.ticket.requester, let email = person.email, !email.isEmpty else { return }
        let name = Name(person)
        guard !name.isEmpty else { return }
        let key = email.lowercased()
        names.withLock { if $0[key] == nil { $0[key] = name } }
    }

    /// Gives a draft's requester the name that the target keeps.
    ///
    /// - Returns: the loss of the ticket's own name, where it is another one.
    func settle(_ draft: inout Draft) -> Loss? {
        guard let person = draft.ticket.requester, let email = person.email,
            let kept = names.withLock({ $0[email.lowercased()] }), kept != Name(person)
        else { return nil }
        let own = Name(person).isEmpty ? nil : person.displayName
        draft.ticket.requester?.name = kept.name
        draft.ticket.requester?.givenName = kept.givenName
        draft.ticket.requester?.familyName = kept.familyName
        guard let own, own != draft.ticket.requester?.displayName else { return nil }
        return Loss(
            field: "requester.name", value: own,
            reason: "the target keeps one name per address: that of the first ticket, "
                + "“\(draft.ticket.requester?.displayName ?? "")”",
            fallback: .substitute)
    }
}
