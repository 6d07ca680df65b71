// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

extension Ticket {
    /// Whether somebody is the one who asks: by address, else by id, else by name where neither is told.
    ///
    /// Never an agent: an agent may have the address of a customer.
    func isRequester(_ person: Person) -> Bool {
        guard person.role != .agent, person.role != .system, let requester else { return false }
        if let a = person.email, let b = requester.email { return a.lowercased() == b.lowercased() }
        if let a = person.id, let b = requester.id { return a == b }
        if person.email != nil || person.id != nil { return false }
        return person.displayName != nil && person.displayName == requester.displayName
    }
}

extension Person {
    /// Given and family name for a target that demands two: the source's own, else the first word and the rest.
    ///
    /// Nothing is dropped; either may be empty.
    var twoNames: (given: String, family: String) {
        if givenName != nil || familyName != nil { return (givenName ?? "", familyName ?? "") }
        guard let name, !name.isEmpty else { return ("", "") }
        let parts = name.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        return (String(parts.first ?? ""), parts.count > 1 ? parts[1].trimmingBlanks : "")
    }

    /// An address that can never be delivered to (RFC 2606), the same for the same person.
    var undeliverableAddress: String {
        "customer-\(Digest.of([id ?? "", email ?? "", displayName ?? ""]).prefix(16))@no-address.invalid"
    }
}

/// E-mail addresses.
enum EmailAddress {
    /// Whether WordPress stores the address as it is (it takes out what it does not know, in silence).
    static func isTakenByWordPress(_ email: String) -> Bool {
        let halves = email.split(separator: "@", omittingEmptySubsequences: false)
        guard email.utf8.count >= 6, email.utf8.count <= 190, halves.count == 2, let local = halves.first,
            !local.isEmpty
        else { return false }
        let isLocal = local.utf8.allSatisfy { $0.isLetter || $0.isDigit || "!#$%&'*+/=?^_`{|}~.-".utf8.contains($0) }
        let labels = halves[1].split(separator: ".", omittingEmptySubsequences: false)
        let isHost =
            labels.count >= 2
            && labels.allSatisfy { label in
                !label.isEmpty && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy { $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "-") }
            }
        return isLocal && isHost
    }
}
