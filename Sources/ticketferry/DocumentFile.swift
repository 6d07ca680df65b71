// SPDX-License-Identifier: Apache-2.0
import Crypto
import Foundation
import Migration
import TicketModel

/// A document that a command writes where the user wants it: whole or not at all, readable by its owner alone.
///
/// It replaces only a document of ours: not the journal, a dump or a mapping that was named by mistake.
final class DocumentFile {
    private let file: Int32
    private let path: String
    /// Where it grows; nil for what is no file (`/dev/stdout`).
    private let growing: String?
    private var isFinished = false
    private var hash = SHA256()

    /// Starts the document; what is there under its name stays until ``finish()``.
    ///
    /// - Throws: `Diagnostic`: another kind of file has that name, or this machine cannot write there.
    init(_ path: String) throws {
        self.path = path
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let isDevice = path.hasPrefix("/dev/")
        if isThere, !isDevice, isFolder.boolValue || !Documents.isOurs(path) { throw Self.another(path) }
        growing = isDevice ? nil : path + ".new"
        file = open(growing ?? path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        if file < 0 { throw Failure.unwritable(path) }
    }

    deinit {
        guard !isFinished else { return }
        close(file)
        if let growing { unlink(growing) }
    }

    /// Adds text.
    func write(_ text: String) throws {
        guard Console.write(text, to: file) else { throw Failure.unwritable(path) }
        hash.update(data: Data(text.utf8))
    }

    /// Of all that was written, in hex: what `sha256sum` says of the file.
    var sha256: String { hash.finalize().hex }

    /// Ends the document and gives it its name.
    func finish() throws {
        isFinished = true
        close(file)
        if let growing, rename(growing, path) != 0 { throw Failure.unwritable(path) }
    }

    private static func another(_ path: String) -> Diagnostic {
        Diagnostic(
            code: "document.another-file", "there is another file, which is no document of Ticketferry's: it is left",
            at: SourceLocation(file: path), remedy: "name a file that is not there yet", cause: .usage)
    }
}
