// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// A folder of files named by the SHA-256 of their bytes: 0700, each file 0600 and durable before it has its name.
struct FilesFolder: Sendable {
    /// Absolute or relative to the working directory.
    let path: String

    /// Makes the folder.
    ///
    /// - Throws: `Diagnostic` with cause `machine`, as all methods.
    func make() throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Self.failure(path, error)
        }
    }

    /// Whether it has the bytes of a hash.
    func has(_ sha256: String) -> Bool {
        Self.isHash(sha256) && FileManager.default.fileExists(atPath: path + "/" + sha256)
    }

    /// Keeps the bytes of a file under their hash; what is there already stays.
    func keep(_ file: ResolvedFile) throws {
        // The hash is the name: nothing that a ticket says becomes part of a path.
        guard Self.isHash(file.sha256), !has(file.sha256) else { return }
        try make()
        let target = path + "/" + file.sha256
        // A name of its own for each writer: two tickets may bring the same file at the same time.
        let temporary = path + "/." + UUID().uuidString + ".new"
        do {
            defer { unlink(temporary) }
            try FileManager.default.copyItem(atPath: file.path, toPath: temporary)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: temporary)
            if let handle = FileHandle(forWritingAtPath: temporary) {
                try handle.synchronize()
                try handle.close()
            }
            guard rename(temporary, target) == 0 else { throw CocoaError(.fileWriteUnknown) }
        } catch {
            throw Self.failure(target, error)
        }
    }

    /// Has a file of another such folder too: a second name for the same bytes where the disk allows it, else a copy.
    func take(_ sha256: String, from other: FilesFolder) throws {
        guard Self.isHash(sha256), !has(sha256), other.has(sha256) else { return }
        try make()
        let source = other.path + "/" + sha256
        if link(source, path + "/" + sha256) == 0 { return }
        try keep(ResolvedFile(name: sha256, mediaType: nil, path: source, size: 0, sha256: sha256))
    }

    /// Takes away what an earlier run that was killed left half copied.
    func clean() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        where name.hasPrefix(".") && name.hasSuffix(".new") { unlink(path + "/" + name) }
    }

    private static func isHash(_ text: String) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    }

    static func failure(_ path: String, _ error: any Error) -> Diagnostic {
        if let diagnostic = error as? Diagnostic { return diagnostic }
        return Diagnostic(
            code: "archive.not-written", "the archive cannot be written: \(error.localizedDescription)", subject: path,
            remedy:
                "make room or fix the folder's permissions, or say `archive: none`; nothing was written to the target",
            cause: .machine)
    }
}
