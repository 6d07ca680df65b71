// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// Which tickets go: the migration file's `select:` with the flags `--only` and `--limit`.
public struct Selection: Hashable, Sendable {
    /// Canonical words or the source's labels; empty: all.
    public var status: [String] = []
    /// Leaves out tickets opened before it; one without the date goes.
    public var createdSince: Timestamp?
    /// Leaves out tickets last changed (else opened) before it; one without either date goes.
    public var updatedSince: Timestamp?
    /// `updatedSince: last`; see ``MigrationSetup/settleSelection(by:)``.
    public var isSinceLast = false
    /// Nil: all; empty: none.
    public var ids: Set<String>?
    /// Requesters' addresses that are left out, lower case.
    public var excludedRequesters: Set<String> = []
    /// Leaves out tickets with any of these tags; upper and lower case differ.
    public var excludedTags: Set<String> = []
    /// What goes first.
    public var order: Order = .created
    /// At most so many that are not left out; nil: all.
    public var limit: Int?

    /// What goes first.
    public enum Order: String, Sendable, CaseIterable {
        /// As the source gives them.
        case created
        /// Those that are not closed before the closed.
        case openFirst = "open-first"
    }

    /// Everything.
    public init() {}

    /// Whether all tickets of the source are listed and meant, so that one that is not there is gone.
    var listsWhole: Bool { limit == nil && updatedSince == nil && ids == nil }

    /// Whether nothing is left out.
    var isAll: Bool {
        var nothing = Selection()
        (nothing.order, nothing.isSinceLast) = (order, isSinceLast)
        return self == nothing
    }

    /// The ids that are named and that a source did not list which was asked for all, in the order of their bytes.
    ///
    /// - Parameter seen: the hashes of all ids that it listed.
    /// - Returns: nothing where only a part was asked for.
    func unlisted(of seen: Set<Int>) -> [String] {
        guard limit == nil, updatedSince == nil, let ids else { return [] }
        return ids.filter { !seen.contains($0.hashValue) }.sorted()
    }

    /// Whether a ticket goes, by its id alone; what this lets through still has to pass ``admits(_:)``.
    public func admits(id: String) -> Bool { ids?.contains(id) ?? true }

    /// Whether a ticket goes.
    ///
    /// The limit is not looked at.
    public func admits(_ ticket: Ticket) -> Bool {
        guard admits(id: ticket.id) else { return false }
        if !status.isEmpty {
            let words = [ticket.status?.rawValue, ticket.statusLabel].compactMap { $0 }
            guard words.contains(where: status.contains) else { return false }
        }
        // A ticket without the date may well be newer: leaving it out would lose it.
        if let since = createdSince, let created = ticket.createdAt, created < since { return false }
        if let since = updatedSince, let updated = ticket.updatedAt ?? ticket.createdAt, updated < since {
            return false
        }
        if let email = ticket.requester?.email, excludedRequesters.contains(email.lowercased()) { return false }
        return !ticket.tags.contains(where: excludedTags.contains)
    }
}

/// What becomes of attachments (the migration file's `attachments:`).
public enum AttachmentPolicy: Hashable, Sendable {
    case copy
    /// They stay where they are; the message names the place.
    case link(base: String)
    case skip
}
