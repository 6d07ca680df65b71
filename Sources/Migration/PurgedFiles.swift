// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// The files of a migration that hold data of people, the journal apart.
///
/// Only names that Ticketferry itself gives are touched: what else lies in a folder stays.
struct PurgedFiles {
    private let file: MigrationFile

    init(_ file: MigrationFile) { self.file = file }

    private static let archiveNames = [
        "tickets.jsonl", "tickets.jsonl.new", "catalogue.jsonl", "catalogue.jsonl.new", ".reading", ".reading.new",
        ".source", ".lock",
    ]

    /// What is there, with its bytes.
    var found: [(path: String, bytes: Int)] {
        paths.compactMap { path in
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { return nil }
            return (path, Int(status.st_size))
        }
    }

    private var paths: [String] {
        var paths: [String] = []
        if let archive = file.archive {
            paths += Self.archiveNames.map { archive + "/" + $0 }
            let files = archive + "/files"
            let names = (try? FileManager.default.contentsOfDirectory(atPath: files)) ?? []
            paths += names.sorted().filter { Self.isOurs($0) }.map { files + "/" + $0 }
        }
        paths += [file.log, file.finishingFile, file.finishingFile + ".new"]
        return paths + Documents(of: file).written + [file.documents]
    }

    /// Removes all of it and the folders that are empty then.
    ///
    /// - Returns: folders that still hold something.
    func remove() throws -> [String] {
        if let archive = file.archive { try refuseIfWritten(archive) }
        for (path, _) in found {
            guard unlink(path) == 0 || errno == ENOENT else { throw Self.failure(path) }
        }
        guard let archive = file.archive else { return [] }
        return [archive + "/files", archive].filter { rmdir($0) != 0 && errno != ENOENT }
    }

    /// An archive that another process writes now.
    private func refuseIfWritten(_ archive: String) throws {
        let lock = open(archive + "/.lock", O_RDWR | O_CLOEXEC)
        guard lock >= 0 else { return }
        defer { _ = close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw Diagnostic(
                code: "archive.locked", "another run is writing this archive", subject: archive,
                remedy: "wait for it, or stop it with ctrl-C in its terminal; nothing was removed", cause: .machine)
        }
    }

    /// A file by its hash, or one that was being copied.
    private static func isOurs(_ name: String) -> Bool {
        if name.hasPrefix("."), name.hasSuffix(".new") { return true }
        return name.utf8.count == 64
            && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func failure(_ path: String) -> Diagnostic {
        Diagnostic(
            code: "purge.not-removed", "cannot be removed: \(String(cString: strerror(errno)))", subject: path,
            remedy: "fix the permissions of its folder, then run the same command again", cause: .machine)
    }
}
