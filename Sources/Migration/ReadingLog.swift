// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Synchronization
internal import TicketModel

/// What a reading of an API has got so far: each ticket's line as soon as it is there, so that a run that was killed goes
/// on where it was.
///
/// One private file, only ever appended to; each entry is a line about the ticket and the ticket's own line. What was cut
/// off at the end is read again. It goes when the reading is complete. Safe to call from several tasks.
final class ReadingLog: Sendable {
    private struct Entry {
        var offset: Int
        var count: Int
        var updatedAt: String?
        var fingerprint: String?
        var readAt: Int64
    }
    private struct State {
        var handle: FileHandle
        var end: Int
        var entries: [String: Entry] = [:]
    }

    /// A day, in seconds.
    ///
    /// So long what was read in a reading that was broken off stands for the ticket, where the listing shows the same time
    /// of change: some helpdesks do not move that time for every change.
    static let patience: Int64 = 86_400

    private let path: String
    private let now: Int64
    private let state: Mutex<State>

    /// Opens the log of an archive, or begins one.
    ///
    /// - Throws: `Diagnostic` with cause `machine`, as all methods.
    init(folder: String, now: Int64) throws {
        path = folder + "/.reading"
        self.now = now
        do {
            if !FileManager.default.fileExists(atPath: path) {
                guard
                    FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
                else { throw CocoaError(.fileWriteUnknown) }
            }
            guard let handle = FileHandle(forUpdatingAtPath: path) else { throw CocoaError(.fileReadUnknown) }
            var found = State(handle: handle, end: 0)
            try Self.index(&found)
            try handle.truncate(atOffset: UInt64(found.end))
            state = Mutex(found)
        } catch {
            throw FilesFolder.failure(folder, error)
        }
    }

    /// Finds the whole entries; `end` is where the last one ends.
    private static func index(_ state: inout State) throws {
        var rest: [UInt8] = []
        var head: JSON?
        var offset = 0
        while let block = try state.handle.read(upToCount: 1 << 20), !block.isEmpty {
            rest += block
            var start = 0
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                let count = end - start
                if let known = head {
                    head = nil
                    if let id = known["id"]?.string, known["size"]?.int == count {
                        state.entries[id] = Entry(
                            offset: offset + start, count: count, updatedAt: known["updatedAt"]?.string,
                            fingerprint: known["fingerprint"]?.string, readAt: Int64(known["at"]?.int ?? 0))
                        state.end = offset + end + 1
                    } else {
                        // Not ours, or damaged: what stands from here on is read again.
                        return
                    }
                } else if let parsed = try? JSON(parsing: rest[start..<end]) {
                    head = parsed
                } else {
                    return
                }
                start = end + 1
            }
            rest.removeSubrange(..<start)
            offset += start
        }
    }

    /// The line of a ticket that need not be read again: the listing shows what it showed when it was read.
    func line(for stub: Stub) throws -> CanonicalLine? {
        let entry = state.withLock { $0.entries[stub.id] }
        guard let entry else { return nil }
        if let fingerprint = stub.fingerprint {
            guard fingerprint == entry.fingerprint else { return nil }
        } else {
            guard let updated = stub.updatedAt?.description, updated == entry.updatedAt,
                now - entry.readAt < Self.patience
            else { return nil }
        }
        return try state.withLock { state in
            do {
                try state.handle.seek(toOffset: UInt64(entry.offset))
                let data = try state.handle.read(upToCount: entry.count) ?? Data()
                return try? CanonicalLine(validating: data)
            } catch {
                throw FilesFolder.failure(path, error)
            }
        }
    }

    /// Keeps a ticket's line; on the disk when the operating system gets to it, so `kill -9` loses nothing.
    func add(_ stub: Stub, line: CanonicalLine, at time: Int64) throws {
        var entry = Entry(
            offset: 0, count: line.bytes.count, updatedAt: stub.updatedAt?.description, fingerprint: stub.fingerprint,
            readAt: time)
        let lead = Self.head(stub.id, entry)
        try state.withLock { state in
            do {
                try state.handle.seek(toOffset: UInt64(state.end))
                try state.handle.write(contentsOf: Data(lead + line.bytes + [UInt8(ascii: "\n")]))
            } catch {
                throw FilesFolder.failure(path, error)
            }
            entry.offset = state.end + lead.count
            state.entries[stub.id] = entry
            state.end += lead.count + line.bytes.count + 1
        }
    }

    /// Ends the log of a reading that is complete: entries that can prove by a fingerprint that a ticket is as it was
    /// stay for the next reading, the others go.
    func finish() throws {
        try state.withLock { state in
            do {
                let proven = state.entries.filter { $0.value.fingerprint != nil }.sorted {
                    $0.value.offset < $1.value.offset
                }
                guard !proven.isEmpty else {
                    try state.handle.close()
                    unlink(path)
                    return
                }
                let temporary = path + ".new"
                guard
                    FileManager.default.createFile(
                        atPath: temporary, contents: nil, attributes: [.posixPermissions: 0o600]),
                    let out = FileHandle(forWritingAtPath: temporary)
                else { throw CocoaError(.fileWriteUnknown) }
                for (id, entry) in proven {
                    try state.handle.seek(toOffset: UInt64(entry.offset))
                    let line = try state.handle.read(upToCount: entry.count) ?? Data()
                    try out.write(contentsOf: Data(Self.head(id, entry)) + line + Data([UInt8(ascii: "\n")]))
                }
                try out.close()
                try state.handle.close()
                guard rename(temporary, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
            } catch {
                throw FilesFolder.failure(path, error)
            }
        }
    }

    private static func head(_ id: String, _ entry: Entry) -> [UInt8] {
        var head: [JSON.Member] = [
            .init("at", .number(String(entry.readAt))), .init("id", .string(id)), .init("size", JSON(entry.count)),
        ]
        if let fingerprint = entry.fingerprint { head.append(.init("fingerprint", .string(fingerprint))) }
        if let updated = entry.updatedAt { head.append(.init("updatedAt", .string(updated))) }
        return JSON.object(head).canonicalBytes() + [UInt8(ascii: "\n")]
    }
}
