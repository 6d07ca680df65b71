// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import Synchronization
internal import TicketModel

/// The contacts of an account: those that the pre-flight found, those that a plan foresees, and those that were made.
///
/// Who is planned first gives a new contact its name and phone, whichever ticket is written first: so the plan knows what
/// the others lose, and which step pays for looking and making.
final class SmartsuppContacts: Sendable {
    /// A contact as a step will find it.
    struct Foreseen: Sendable {
        /// Its `email`, `name` and `phone`.
        var person: JSON
        /// What looking for it and making it cost the step.
        var requests: Int
    }

    private struct State {
        /// Rows of the API by address in lower case, or by the marker in the note.
        var found: [String: JSON] = [:]
        var planned: [String: (owner: String, person: JSON)] = [:]
        /// Ids of contacts that were found or made since.
        var ids: [String: String] = [:]
        /// Markers of contacts whose making is in doubt.
        var doubtful: Set<String> = []
    }

    private let state = Mutex(State())

    /// Starts anew with what the account's list of contacts has; the first of an address or marker stands.
    func learn(_ rows: [JSON]) {
        var found: [String: JSON] = [:]
        for row in rows where row["id"]?.text != nil {
            let note = row["note"]?.text.flatMap { WriteKey.parse(marker: $0) == nil ? nil : $0 }
            let email = row["email"]?.text.flatMap { $0.isEmpty ? nil : $0.lowercased() }
            guard let key = email ?? note, found[key] == nil else { continue }
            var kept: JSON = [:]
            for name in ["id", "email", "name", "phone"] {
                if let text = row[name]?.text { kept[name] = .string(text) }
            }
            found[key] = kept
        }
        state.withLock { [found] in $0 = State(found: found, ids: found.compactMapValues { $0["id"]?.string }) }
    }

    /// Who a step will find; asked again for the same owner it says the same.
    ///
    /// - Parameters:
    ///   - key: the address in lower case, or the marker.
    ///   - person: as the owner would make it.
    ///   - owner: the ticket or entry that the step belongs to.
    /// - Returns: the contact as it is, or as whoever was planned first makes it.
    func foresee(_ key: String, _ person: JSON, owner: String) -> Foreseen {
        state.withLock { state in
            if let row = state.found[key] { return Foreseen(person: row, requests: 0) }
            let planned = state.planned[key] ?? (owner, person)
            state.planned[key] = planned
            // By an address it is looked for once more: it may have come since. A marker is nobody's but ours.
            let making = person["email"] == nil ? 1 : 2
            return Foreseen(person: planned.person, requests: planned.owner == owner ? making : 0)
        }
    }

    /// The id of a contact that is known to be there.
    func id(_ key: String) -> String? { state.withLock { $0.ids[key] } }

    /// The address in lower case, or the marker, of a contact that is known by its id.
    func key(ofID id: String) -> String? { state.withLock { $0.ids.first { $0.value == id }?.key } }

    /// As whom a contact is to be made.
    func person(_ key: String, or own: JSON) -> JSON { state.withLock { $0.planned[key]?.person ?? own } }

    /// Notes that a contact is there.
    func note(_ key: String, id: String) {
        state.withLock { state in
            state.ids[key] = id
            state.doubtful.remove(key)
        }
    }

    /// Notes that nobody knows whether a contact was made.
    func doubt(_ key: String) { state.withLock { _ = $0.doubtful.insert(key) } }

    /// Whether a contact has to be looked for before it is made.
    func isDoubtful(_ key: String) -> Bool { state.withLock { $0.doubtful.contains(key) } }

    /// What of a person a contact has otherwise.
    static func differences(_ found: JSON, _ wanted: JSON) -> [Loss] {
        ["name", "phone", "email"].compactMap { name in
            let there = found[name]?.text.flatMap { $0.isEmpty ? nil : $0 }
            let value = wanted[name]?.string
            // A phone that the contact has and the ticket does not tell takes nothing from the ticket.
            guard there != value, value != nil || name == "name" else { return nil }
            return Loss(
                field: "requester.\(name)", value: value, reason: "Smartsupp has this contact with another \(name)",
                fallback: .archive)
        }
    }
}
