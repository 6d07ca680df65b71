// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import Foundation
internal import Migration
internal import TicketModel

/// A csv, xml or jsonl file as the target of a migration.
final class FileExport: TicketExport {
    private let format: Converter.Target
    private let file: FileByteSink
    /// Lines until all are there; jsonl needs none.
    private let spool: LineSpool?
    private let lines: LineWriter

    private init(_ format: Converter.Target, path: String) throws {
        self.format = format
        file = try FileByteSink(path: path)
        spool = format == .jsonl ? nil : try LineSpool()
        lines = LineWriter(spool ?? LineFile(file))
    }

    func add(_ line: CanonicalLine) throws {
        try lines.line {
            $0.append(contentsOf: line.bytes)
            return true
        }
    }

    func finish() throws {
        try lines.flush()
        switch (format, spool) {
        case (.csv, let spool?): try CSVTarget.write(spool, to: file)
        case (.xml, let spool?): try XMLTarget.write(spool, to: file)
        default: try file.finish()
        }
    }

    /// The target of a migration file.
    ///
    /// - Throws: `Diagnostic` for a path that can hold no file.
    static func target(_ format: Converter.Target, _ context: OpenContext) throws -> ExportTarget {
        let path = context.text("path") ?? ""
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard path != "-", !path.isEmpty, !path.hasSuffix("/"), !(exists && isFolder.boolValue) else {
            throw Diagnostic(
                code: "export.no-file", "`path` of the target names no file", at: SourceLocation(file: context.file),
                remedy: "name a file: path: tickets.\(format.rawValue); `convert` writes to standard output",
                cause: .badInput)
        }
        let folder = (path as NSString).deletingLastPathComponent
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw Diagnostic(
                code: "export.no-folder", "the folder of the target's file is not there", subject: folder,
                remedy: "make it, or correct `path`", cause: .badInput)
        }
        let stem = path.hasSuffix("." + format.rawValue) ? String(path.dropLast(format.rawValue.count + 1)) : path
        return ExportTarget(path: path, files: stem + ".files", catalogue: stem + ".catalogue.jsonl") {
            removeLeftovers(beside: path)
            return try FileExport(format, path: path)
        }
    }

    /// A run that was killed leaves its half of a file, `NAME.123.partial`; the journal's lock says that no other runs.
    private static func removeLeftovers(beside path: String) {
        let (folder, name) = ((path as NSString).deletingLastPathComponent, (path as NSString).lastPathComponent)
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where entry.hasPrefix(name + ".") && entry.hasSuffix(".partial") {
            let middle = entry.dropFirst(name.count + 1).dropLast(".partial".count)
            if !middle.isEmpty, middle.allSatisfy({ $0.isASCII && $0.isNumber }) { unlink(folder + "/" + entry) }
        }
    }
}
