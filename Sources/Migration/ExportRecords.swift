// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// What an export tells the journal when its file is there: kept on disk meanwhile, so that memory does not grow with the
/// number of tickets.
///
/// A private file whose name is gone before the first byte is written.
final class ExportRecords {
    private let handle: FileHandle
    private var buffer: [UInt8] = []

    /// - Throws: `Diagnostic` with cause `machine`, as all methods.
    init() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        guard
            FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forUpdatingAtPath: path)
        else { throw FilesFolder.failure(path, CocoaError(.fileWriteUnknown)) }
        unlink(path)
        self.handle = handle
    }

    deinit { try? handle.close() }

    /// Keeps what is to be said of a ticket.
    func add(_ record: TicketRecord, losses: [Loss]) throws {
        var json: JSON = [
            "id": .string(record.id), "number": JSON(record.number), "state": .string(record.state.rawValue),
            "source": .string(record.source), "draft": .string(record.draft), "targetID": JSON(record.targetID),
            "losses": .array(losses.map(\.json)),
        ]
        if let failure = record.failure {
            json["failure"] = [
                "code": .string(failure.code), "message": .string(failure.message), "remedy": .string(failure.remedy),
            ]
        }
        buffer += json.canonicalBytes() + [UInt8(ascii: "\n")]
        if buffer.count > 1 << 20 { try flush() }
    }

    /// Records all of it, a thousand tickets a commit.
    func record(in journal: any Journal) async throws {
        try flush()
        var entries: [JournalEntry] = []
        var rest: [UInt8] = []
        do { try handle.seek(toOffset: 0) } catch { throw FilesFolder.failure("", error) }
        while let block = try handle.read(upToCount: 1 << 20), !block.isEmpty {
            rest += block
            var start = 0
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                entries += try Self.entries(try JSON(parsing: rest[start..<end]))
                start = end + 1
                if entries.count >= 2000 {
                    try await journal.record(entries)
                    entries = []
                }
            }
            rest.removeSubrange(..<start)
        }
        if !entries.isEmpty { try await journal.record(entries) }
    }

    private static func entries(_ json: JSON) throws -> [JournalEntry] {
        var record = TicketRecord(
            id: json["id"]?.string ?? "", number: json["number"]?.string,
            state: json["state"]?.string.flatMap { TicketRecord.State(rawValue: $0) } ?? .complete,
            source: json["source"]?.string ?? "", draft: json["draft"]?.string ?? "")
        record.targetID = json["targetID"]?.string
        if let failure = json["failure"], let code = failure["code"]?.string {
            record.failure = .init(
                code: code, message: failure["message"]?.string ?? "", remedy: failure["remedy"]?.string ?? "")
            return [.ticket(record)]
        }
        let losses = (json["losses"]?.array ?? []).map { loss in
            Loss(
                field: loss["field"]?.string ?? "", value: loss["value"]?.string, reason: loss["reason"]?.string ?? "",
                fallback: loss["fallback"]?.string.flatMap { Loss.Fallback(rawValue: $0) } ?? .archive)
        }
        return [.ticket(record), .losses(ticket: record.id, losses)]
    }

    private func flush() throws {
        guard !buffer.isEmpty else { return }
        do {
            try handle.write(contentsOf: Data(buffer))
        } catch {
            throw FilesFolder.failure("", error)
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
