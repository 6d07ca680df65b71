// SPDX-License-Identifier: Apache-2.0
package import Formats
package import TicketModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The files that a user named as one input, in a stable order: as named, and within a folder or a pattern by bytes.
///
/// Standard input is kept in a private file on disk, so that it can be read more than once.
package final class InputSet {
    /// One file of the input.
    package struct File {
        /// As the user named it, `-` for standard input.
        package let name: String
        /// In bytes.
        package let size: Int
        /// What its first bytes look like.
        package let look: Look
        fileprivate let spool: PrivateFile?

        /// Opens it from its start.
        ///
        /// - Throws: `Diagnostic`, when the machine cannot read.
        package func open() throws -> any ByteSource {
            if let spool { return SpooledByteSource(spool, name: name) }
            return try FileByteSource(path: name)
        }
    }

    /// What a file's first bytes look like.
    package enum Look: Sendable {
        case xml, json, text
    }

    /// The files; at least one.
    package let files: [File]
    /// The size of all together, in bytes.
    package var size: Int { files.reduce(0) { $0 + $1.size } }

    /// Endings of dumps, by format; what has another one is not looked for in folders.
    private static let endings: Set<String> = ["csv", "tsv", "txt", "xml", "json", "jsonl", "ndjson"]

    /// Finds the files.
    ///
    /// - Parameters:
    ///   - arguments: paths of files and folders, patterns (`*`, `?`, `[…]`), or `-`.
    ///   - diagnostics: is told of empty files among several.
    /// - Throws: `Diagnostic`: `input.missing`, `input.no-dumps` (a folder without any), `input.empty`, `input.binary`,
    ///   `input.no-match` (a pattern that fits nothing).
    package init(_ arguments: [String], diagnostics: any DiagnosticSink) throws {
        var files: [File] = []
        var seen: Set<String> = []
        guard !arguments.isEmpty else {
            throw Diagnostic(
                code: "input.none", "no input is named", remedy: "name a file, a folder, a pattern or `-`",
                cause: .usage)
        }
        for argument in arguments {
            let paths = try Self.paths(of: argument)
            for path in paths where seen.insert(path).inserted {
                do {
                    files.append(try Self.file(path))
                } catch let diagnostic as Diagnostic where diagnostic.code == "input.empty" && paths.count > 1 {
                    var warning = diagnostic
                    warning.severity = .warning
                    diagnostics.emit(warning)
                }
            }
        }
        guard !files.isEmpty else {
            throw Diagnostic(
                code: "input.empty", "all files are empty", subject: arguments.joined(separator: " "),
                remedy: "export again, and look whether the export was finished")
        }
        self.files = files
    }

    private static func paths(of argument: String) throws -> [String] {
        if argument == "-" { return ["-"] }
        var status = stat()
        guard stat(argument, &status) == 0 else {
            if argument.contains(where: { "*?[".contains($0) }) { return try matches(of: argument) }
            throw Diagnostic(
                code: "input.missing", "there is no such file or folder", at: SourceLocation(file: argument),
                remedy: "check the path; a relative one is looked for in \(workingFolder)")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return [argument] }
        var found: [String] = []
        try walk(argument, depth: 0, into: &found)
        guard !found.isEmpty else {
            throw Diagnostic(
                code: "input.no-dumps", "no dump is in this folder", at: SourceLocation(file: argument),
                remedy: "name the files themselves, or give them one of the endings "
                    + endings.sorted().map { ".\($0)" }.joined(separator: ", "))
        }
        return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static var workingFolder: String {
        guard let path = getcwd(nil, 0) else { return "this folder" }
        defer { free(path) }
        return String(cString: path)
    }

    private static func matches(of pattern: String) throws -> [String] {
        var result = glob_t()
        defer { globfree(&result) }
        guard glob(pattern, GLOB_ERR | GLOB_NOSORT, nil, &result) == 0 else {
            throw Diagnostic(
                code: "input.no-match", "the pattern fits no file", at: SourceLocation(file: pattern),
                remedy: "check it; patterns know `*`, `?` and `[…]`, relative ones are looked for in \(workingFolder)")
        }
        let paths = (0..<Int(result.gl_pathc)).compactMap { i in result.gl_pathv[i].map { String(cString: $0) } }
        return try paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.flatMap(Self.paths(of:))
    }

    private static func walk(_ folder: String, depth: Int, into found: inout [String]) throws {
        guard depth < 16, let stream = opendir(folder) else {
            throw Diagnostic(
                code: "input.unreadable", "cannot read this folder", at: SourceLocation(file: folder),
                remedy: "give this user the right to read it", cause: .machine)
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(".") { continue }
            let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            var status = stat()
            // Links are not followed: they may lead round in a circle.
            guard lstat(path, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                try walk(path, depth: depth + 1, into: &found)
            } else if status.st_mode & S_IFMT == S_IFREG, let dot = name.lastIndex(of: "."),
                endings.contains(name[name.index(after: dot)...].lowercased()), !name.hasSuffix(".catalogue.jsonl"),
                name != "catalogue.jsonl"
            {
                found.append(path)
            }
        }
    }

    private static func file(_ path: String) throws -> File {
        let source = try FileByteSource(path: path)
        var spool: PrivateFile?
        var size = source.size ?? 0
        var head = [UInt8](repeating: 0, count: 64 << 10)
        if source.size == nil {
            // A pipe is read once; tables first needs two passes.
            let file = try PrivateFile()
            var chunk = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = try chunk.withUnsafeMutableBytes { try source.read(into: $0) }
                if count == 0 { break }
                try chunk.withUnsafeBytes { try file.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            }
            try file.flush()
            size = file.count
            spool = file
            let count = try head.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
            head.removeLast(head.count - count)
        } else {
            let count = try head.withUnsafeMutableBytes { try source.read(into: $0) }
            head.removeLast(head.count - count)
        }
        let place = SourceLocation(file: path)
        if head.isEmpty {
            throw Diagnostic(
                code: "input.empty", "the file is empty", at: place,
                remedy: "export again, and look whether the export was finished")
        }
        if let kind = binaryKind(head) {
            throw Diagnostic(
                code: "input.binary", "this is \(kind), not a dump of text", at: place,
                remedy: kind.contains("archive")
                    ? "unpack it, and name what is in it" : "export as CSV, XML or JSON Lines")
        }
        return File(name: path, size: size, look: look(head), spool: spool)
    }

    private static func binaryKind(_ head: [UInt8]) -> String? {
        let magic: [([UInt8], String)] = [
            ([0x50, 0x4B, 0x03, 0x04], "a zip archive (or a spreadsheet)"), ([0x1F, 0x8B], "a gzip archive"),
            ([0x42, 0x5A, 0x68], "a bzip2 archive"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "an xz archive"),
            ([0x28, 0xB5, 0x2F, 0xFD], "a zstd archive"), (Array("%PDF".utf8), "a PDF"),
            (Array("SQLite format 3".utf8), "an SQLite database"), ([0xD0, 0xCF, 0x11, 0xE0], "an old Office file"),
            ([0x89, 0x50, 0x4E, 0x47], "a picture"), ([0xFF, 0xD8, 0xFF], "a picture"),
            ([0x7F, 0x45, 0x4C, 0x46], "a program"),
        ]
        if let known = magic.first(where: { head.starts(with: $0.0) }) { return known.1 }
        // UTF-16 has many zeros, on one side of each pair; its order mark or readers tell more.
        if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF]) { return nil }
        let zeros = [0, 1].map { side in
            stride(from: side, to: head.count, by: 2).reduce(0) { $0 + (head[$1] == 0 ? 1 : 0) }
        }
        if zeros[0] + zeros[1] > 0, min(zeros[0], zeros[1]) > 0 || zeros[0] + zeros[1] < head.count / 8 {
            return "a binary file"
        }
        return nil
    }

    private static func look(_ head: [UInt8]) -> Look {
        let first = head.first { ![0xEF, 0xBB, 0xBF, 0xFF, 0xFE, 0x00, 0x20, 0x09, 0x0A, 0x0D].contains($0) }
        switch first {
        case UInt8(ascii: "<"): return .xml
        case UInt8(ascii: "{"): return .json
        default: return .text
        }
    }
}

/// Reads a private file from its start.
private final class SpooledByteSource: ByteSource {
    let name: String
    private let file: PrivateFile
    private var offset = 0

    init(_ file: PrivateFile, name: String) {
        self.file = file
        self.name = name
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try file.read(at: offset, into: buffer)
        offset += count
        return count
    }
}
