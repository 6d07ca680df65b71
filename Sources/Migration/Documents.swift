// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// The documents that commands wrote for a migration wherever the user wanted them (plans, losses, reports): a list beside
/// the migration file, for `purge`.
public struct Documents: Sendable {
    private let list: String
    private let folder: String

    /// The list of a migration; nothing is read yet.
    public init(of file: MigrationFile) {
        list = file.documents
        folder = file.folder
    }

    /// Notes a document that is about to be written.
    ///
    /// A list that cannot be written stops nothing: the document is then the user's own to remove.
    /// - Parameter path: as the user named it; `-` is no document.
    public func note(_ path: String) {
        guard path != "-" else { return }
        let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
        guard !absolute.hasPrefix("/dev/"), !listed.contains(absolute) else { return }
        let file = open(list, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { _ = close(file) }
        let line = Array((JSON.string(absolute).canonicalText + "\n").utf8)
        _ = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }

    private var listed: [String] {
        let bytes = FileManager.default.contents(atPath: list) ?? Data()
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { (try? JSON(parsing: Data($0)))?.string }
    }

    /// Those that are there still and are what we wrote: by their first bytes, since the name may be another file's now.
    var written: [String] { listed.filter(Self.isOurs) }

    /// Whether a file is a document of ours, or empty.
    public static func isOurs(_ path: String) -> Bool {
        guard let handle = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? handle.close() }
        guard let head = try? handle.read(upToCount: 64) else { return false }
        let text = String(decoding: head, as: UTF8.self).lowercased()
        return text.isEmpty || Self.heads.contains { text.hasPrefix($0) }
    }

    /// How our plans, lists of losses and reports begin.
    private static let heads = ["{\"changes\":[", "\"ticket\",\"field\"", "<!doctype html"]
}

extension MigrationFile {
    /// Where the documents are listed that were written for it.
    package var documents: String { String(log.dropLast(4)) + ".documents" }
}
