// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Foundation
package import Migration
package import TicketModel

/// The folder where a dump's attachments lie.
///
/// Text from tickets names files in it and never anything outside of it.
package struct AttachmentFolder: Sendable {
    /// As the user named it.
    package let path: String
    private let root: String

    /// Opens a folder.
    ///
    /// - Throws: `Diagnostic` `files.missing` when it is no folder.
    package init(path: String) throws {
        self.path = path
        guard let real = realpath(path, nil) else { throw Self.missing(path) }
        defer { free(real) }
        root = String(cString: real)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder), isFolder.boolValue else {
            throw Self.missing(path)
        }
    }

    private static func missing(_ path: String) -> Diagnostic {
        Diagnostic(
            code: "files.missing", "the folder of attachments is not there", at: SourceLocation(file: path),
            remedy: "check `files:`; it is relative to the migration file")
    }

    /// The file of an attachment.
    ///
    /// - Returns: why not, where it names nothing in this folder: an absolute path, `..`, a link that leads out, no file.
    package func resolve(_ name: String) -> Result<String, FileUnavailable> {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard !name.isEmpty, !name.hasPrefix("/"), !name.contains("\0"), !parts.contains(".."), !parts.contains("")
        else {
            return .failure(FileUnavailable("its path is none within the folder of files"))
        }
        guard let real = realpath("\(root)/\(name)", nil) else {
            return .failure(FileUnavailable("no such file is in the folder of files"))
        }
        defer { free(real) }
        let resolved = String(cString: real)
        guard resolved.hasPrefix(root.hasSuffix("/") ? root : root + "/") else {
            return .failure(FileUnavailable("a link leads out of the folder of files"))
        }
        var status = stat()
        guard stat(resolved, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .failure(FileUnavailable("it is no regular file"))
        }
        return .success(resolved)
    }

    /// The size and SHA-256 of a file.
    ///
    /// Reads it, a megabyte at a time.
    package static func measure(_ path: String) throws -> (size: Int, sha256: String) {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw FileUnavailable("this user may not read it")
        }
        defer { try? handle.close() }
        var hash = SHA256()
        var size = 0
        while let data = try handle.read(upToCount: 1 << 20), !data.isEmpty {
            hash.update(data: data)
            size += data.count
        }
        return (size, hash.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
    }

    /// An attachment's canonical object with size, SHA-256 and media type from the folder, where the file is there.
    func enrich(_ object: [UInt8]) throws -> [UInt8] {
        guard var json = try? JSON(parsing: object), let name = json["file"]?.string,
            case .success(let path) = resolve(name), let measured = try? Self.measure(path)
        else { return object }
        json["size"] = JSON(measured.size)
        json["sha256"] = .string(measured.sha256)
        if json["mediaType"] == nil, let type = MediaType.guess(name: json["name"]?.string ?? name, path: path) {
            json["mediaType"] = .string(type)
        }
        return json.canonicalBytes()
    }

    /// The bytes of an attachment, for a target.
    package func file(for attachment: Attachment) throws -> Result<ResolvedFile, FileUnavailable> {
        guard let name = attachment.file else { return .failure(FileUnavailable("the dump names no file for it")) }
        switch resolve(name) {
        case .failure(let reason): return .failure(reason)
        case .success(let path):
            do {
                let measured = try Self.measure(path)
                if let expected = attachment.sha256, expected != measured.sha256 {
                    return .failure(FileUnavailable("its bytes changed since the dump was read"))
                }
                let shown = attachment.name ?? String(name.split(separator: "/").last ?? "")
                return .success(
                    ResolvedFile(
                        name: shown, mediaType: attachment.mediaType ?? MediaType.guess(name: shown, path: path),
                        path: path, size: measured.size, sha256: measured.sha256))
            } catch let reason as FileUnavailable {
                return .failure(reason)
            }
        }
    }
}

/// The media types of files as helpdesks have them.
enum MediaType {
    private static let byEnding: [String: String] = [
        "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
        "svg": "image/svg+xml", "pdf": "application/pdf", "txt": "text/plain", "log": "text/plain", "csv": "text/csv",
        "html": "text/html", "htm": "text/html", "xml": "application/xml", "json": "application/json",
        "zip": "application/zip", "gz": "application/gzip", "eml": "message/rfc822", "mp4": "video/mp4",
        "mp3": "audio/mpeg", "doc": "application/msword", "xls": "application/vnd.ms-excel",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ]

    /// By the ending of the name, else of the path, else by the file's first bytes; nil where nothing tells.
    static func guess(name: String, path: String) -> String? {
        for text in [name, path] {
            if let dot = text.lastIndex(of: "."), let type = byEnding[text[text.index(after: dot)...].lowercased()] {
                return type
            }
        }
        guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? handle.close() }
        let head = (try? handle.read(upToCount: 8)).flatMap { $0.map(Array.init) } ?? []
        let magic: [([UInt8], String)] = [
            ([0x89, 0x50, 0x4E, 0x47], "image/png"), ([0xFF, 0xD8, 0xFF], "image/jpeg"),
            (Array("GIF8".utf8), "image/gif"),
            (Array("%PDF".utf8), "application/pdf"), ([0x50, 0x4B, 0x03, 0x04], "application/zip"),
        ]
        return magic.first { head.starts(with: $0.0) }?.1
    }
}
