// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Fingerprints of tickets as the target holds them, for a plan: a read each for the first few, then the target's list
/// for all, since a list of ten thousand costs a hundred requests.
actor StoredFingerprints {
    private static let readAlone = 20
    private let target: any TargetReader
    private var asked = 0
    private var shown = 0
    private var list: Task<[String: String], any Error>?

    init(_ target: any TargetReader) { self.target = target }

    /// As ``TargetReader/storedFingerprint(ticket:)``; from the list where that tells it.
    func of(_ ticket: Receipt) async throws -> String? {
        asked += 1
        if asked > Self.readAlone, let stored = try await listed()[ticket.id] { return stored }
        return try await target.storedFingerprint(ticket: ticket)
    }

    /// Whether one more ticket may be read as a whole, to show what people made of it.
    func mayShowEdits() -> Bool {
        shown += 1
        return shown <= Self.readAlone
    }

    private func listed() async throws -> [String: String] {
        if let list { return try await list.value }
        let reading = Task { [target] in
            var all: [String: String] = [:]
            for found in try await target.inventory() { all[found.receipt.id] = found.receipt.stored }
            return all
        }
        list = reading
        return try await reading.value
    }
}
