// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Tickets as the target holds them, for a plan: a read each for the first few, then the target's list for all, since a
/// list of ten thousand costs a hundred requests. The list is read once at most.
actor StoredFingerprints {
    private static let readAlone = 20
    /// How many of the tickets that the list lacks are asked for by themselves: people can take a mark away too.
    ///
    /// If not one of them is there, the rest is taken for deleted; a run asks for each again before it leaves it alone.
    private static let askedAlone = 50
    private let target: any TargetReader
    private let showsEdits: Bool
    private var asked = 0
    private var shown = 0
    private var lacking = 0
    private var isListBelieved = true
    private var list: Task<[FoundTicket], any Error>?
    private var byID: [String: FoundTicket]?

    /// With `showsEdits`, what people made of tickets is to be shown.
    init(_ target: any TargetReader, showsEdits: Bool) {
        self.target = target
        self.showsEdits = showsEdits
    }

    /// As ``TargetReader/storedFingerprint(ticket:)``; from the list where that tells it.
    func of(_ ticket: Receipt) async throws -> String? {
        asked += 1
        guard asked > Self.readAlone else { return try await target.storedFingerprint(ticket: ticket) }
        let found = try await listed()[ticket.id]
        if let stored = found?.receipt.stored { return stored }
        if found == nil, isPresumedGone { return nil }
        let stored = try await target.storedFingerprint(ticket: ticket)
        if found == nil { noteLacking(isThere: stored != nil) }
        return stored
    }

    /// Whether a ticket of ours was deleted in the target.
    ///
    /// - Throws: as ``TargetReader/isGone(_:)``.
    func isGone(_ ticket: Receipt) async throws -> Bool {
        if try await lists(ticket.id) { return false }
        if isPresumedGone { return true }
        let isGone = try await target.isGone(ticket)
        noteLacking(isThere: !isGone)
        return isGone
    }

    /// Whether the target's list has the ticket with an id of the target's.
    func lists(_ id: String) async throws -> Bool { try await listed()[id] != nil }

    /// The target's list.
    func inventory() async throws -> [FoundTicket] {
        if let list { return try await list.value }
        let reading = Task { [target] in try await target.inventory() }
        list = reading
        return try await reading.value
    }

    /// Whether one more ticket may be read as a whole, to show what people made of it.
    func mayShowEdits() -> Bool {
        guard showsEdits else { return false }
        shown += 1
        return shown <= Self.readAlone
    }

    private var isPresumedGone: Bool { isListBelieved && lacking >= Self.askedAlone }

    private func noteLacking(isThere: Bool) {
        lacking += 1
        if isThere { isListBelieved = false }
    }

    private func listed() async throws -> [String: FoundTicket] {
        if let byID { return byID }
        let all = Dictionary(try await inventory().map { ($0.receipt.id, $0) }, uniquingKeysWith: { first, _ in first })
        byID = all
        return all
    }
}
