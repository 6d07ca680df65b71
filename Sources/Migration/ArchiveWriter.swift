// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// Writes a migration's archive: `tickets.jsonl`, the canonical lines as read, and `files/SHA256`, the attachments.
///
/// Folders are 0700 and files 0600. The lines become visible all at once at the end; tickets that this run did not read
/// (a selection, a source that lost them) keep their old lines. Nothing is ever taken out of it.
final class ArchiveWriter {
    private let folder: String
    private let lines: FileHandle
    private var buffer: [UInt8] = []
    private var seen = Set<Int>()
    private let kept: FilesFolder
    private let lock: Int32
    private var path: String { folder + "/tickets.jsonl" }
    private var temporary: String { path + ".new" }

    /// - Throws: `Diagnostic` with cause `machine`, as all methods.
    init(folder: String) throws {
        self.folder = folder
        kept = FilesFolder(path: folder + "/files")
        do {
            for name in [folder, folder + "/files"] {
                try FileManager.default.createDirectory(
                    atPath: name, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
            // It ends with the process, however that ends.
            lock = open(folder + "/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard lock >= 0 else { throw CocoaError(.fileWriteUnknown) }
            guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
                _ = close(lock)
                throw Diagnostic(
                    code: "archive.locked", "another run is writing this archive", subject: folder,
                    remedy: "wait for it, or name another folder; nothing was written", cause: .machine)
            }
            let path = folder + "/tickets.jsonl.new"
            guard
                FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
                let file = FileHandle(forWritingAtPath: path)
            else { throw CocoaError(.fileWriteUnknown) }
            lines = file
        } catch {
            throw FilesFolder.failure(folder, error)
        }
    }

    deinit { _ = close(lock) }

    /// Keeps a ticket's line and the bytes of its files.
    func add(id: String, line: CanonicalLine, files: [ResolvedFile]) throws {
        seen.insert(id.hashValue)
        buffer += line.bytes
        buffer.append(UInt8(ascii: "\n"))
        if buffer.count > 1 << 20 { try flush() }
        for file in files { try kept.keep(file) }
    }

    /// Makes the archive's lines those that were added and the old ones of other tickets.
    ///
    /// - Parameter id: the id of a line; nil for one that cannot be read, which is kept.
    /// - Throws: `Diagnostic` when the disk fails; the archive is as it was then.
    func finish(id: (CanonicalLine) -> String?) throws {
        do {
            if let old = FileHandle(forReadingAtPath: path) {
                defer { try? old.close() }
                try keepOld(old, id: id)
            }
            try flush()
            try lines.synchronize()
            try lines.close()
            guard rename(temporary, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        } catch {
            throw FilesFolder.failure(folder, error)
        }
    }

    private func keepOld(_ old: FileHandle, id: (CanonicalLine) -> String?) throws {
        var rest: [UInt8] = []
        while let block = try old.read(upToCount: 1 << 20), !block.isEmpty {
            rest += block
            var start = 0
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = CanonicalLine(trusted: Array(rest[start..<end]))
                if !(id(line).map { seen.contains($0.hashValue) } ?? false) {
                    buffer += line.bytes
                    buffer.append(UInt8(ascii: "\n"))
                    if buffer.count > 1 << 20 { try flush() }
                }
                start = end + 1
            }
            rest.removeSubrange(..<start)
        }
    }

    private func flush() throws {
        guard !buffer.isEmpty else { return }
        do {
            try lines.write(contentsOf: Data(buffer))
        } catch {
            throw FilesFolder.failure(folder, error)
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
