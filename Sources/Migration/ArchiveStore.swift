// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// The parts of an archive while it is written: lines, files by hash, the log of what is read so far, the catalogue.
struct ArchiveStore {
    let folder: String
    let writer: ArchiveWriter
    let files: FilesFolder
    let log: ReadingLog

    /// Makes the folder or goes on with it.
    ///
    /// - Throws: `Diagnostic` with cause `machine`, as all methods.
    init(folder: String, now: Int64) throws {
        self.folder = folder
        writer = try ArchiveWriter(folder: folder)
        files = FilesFolder(path: folder + "/files")
        files.clean()
        log = try ReadingLog(folder: folder, now: now)
    }

    /// Hands each line of the archive as it stands now to `body`.
    static func forEachLine(of folder: String, _ body: (CanonicalLine) throws -> Void) throws {
        guard let file = FileHandle(forReadingAtPath: folder + "/tickets.jsonl") else { return }
        defer { try? file.close() }
        var rest: [UInt8] = []
        while let block = try file.read(upToCount: 1 << 20), !block.isEmpty {
            rest += block
            var start = 0
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                try body(CanonicalLine(trusted: Array(rest[start..<end])))
                start = end + 1
            }
            rest.removeSubrange(..<start)
        }
    }

    /// Notes what the source is called, so that the archive as a source is the same one as the helpdesk.
    func name(_ source: String?) throws {
        guard let source else { return }
        let path = folder + "/.source"
        do {
            try Data((source + "\n").utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        } catch {
            throw FilesFolder.failure(path, error)
        }
    }

    /// Writes the catalogue, and ends the log if all was read.
    func finish(catalogue: [CatalogueEntry], isWhole: Bool) throws {
        try writeCatalogue(catalogue, to: folder + "/catalogue.jsonl")
        if isWhole { try log.finish() }
    }
}

/// Writes a catalogue file at once, 0600; nothing where there is none.
///
/// - Throws: `Diagnostic` with cause `machine`.
func writeCatalogue(_ entries: [CatalogueEntry], to path: String) throws {
    guard !entries.isEmpty else { return }
    var bytes: [UInt8] = []
    for entry in entries { bytes += entry.line + [UInt8(ascii: "\n")] }
    let temporary = path + ".new"
    do {
        unlink(temporary)
        guard
            FileManager.default.createFile(atPath: temporary, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: temporary)
        else { throw CocoaError(.fileWriteUnknown) }
        try handle.write(contentsOf: Data(bytes))
        try handle.synchronize()
        try handle.close()
        guard rename(temporary, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    } catch {
        throw FilesFolder.failure(path, error)
    }
}
