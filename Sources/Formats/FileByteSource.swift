// SPDX-License-Identifier: Apache-2.0

import TicketModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The bytes of a file, or of standard input for `-`, read in the size that the caller asks for.
package final class FileByteSource: ByteSource {
    package let name: String
    /// How many bytes the file has; nil for pipes and devices.
    package let size: Int?
    private let descriptor: Int32
    private let owned: Bool

    /// Opens a file for reading.
    ///
    /// - Throws: `Diagnostic` `input.missing`, `input.directory` or `input.unreadable`.
    package init(path: String) throws {
        name = path
        guard path != "-" else {
            descriptor = STDIN_FILENO
            owned = false
            size = nil
            return
        }
        let opened = open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { throw Self.failure(errno, path: path) }
        var status = stat()
        guard fstat(opened, &status) == 0 else {
            let code = errno
            close(opened)
            throw Self.failure(code, path: path)
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            close(opened)
            throw Self.failure(EISDIR, path: path)
        }
        size = status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
        descriptor = opened
        owned = true
    }

    deinit {
        if owned { close(descriptor) }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            #if canImport(Darwin)
                let count = Darwin.read(descriptor, buffer.baseAddress, buffer.count)
            #elseif canImport(Musl)
                let count = Musl.read(descriptor, buffer.baseAddress, buffer.count)
            #else
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            #endif
            if count >= 0 { return count }
            let code = errno
            if code != EINTR { throw Self.failure(code, path: name) }
        }
    }

    private static func failure(_ code: Int32, path: String) -> Diagnostic {
        let place = SourceLocation(file: path)
        switch code {
        case ENOENT, ENOTDIR:
            return Diagnostic(
                code: "input.missing", "there is no such file", at: place,
                remedy:
                    "check the path; a relative one counts from where it is written: the migration file or this folder")
        case EISDIR:
            return Diagnostic(
                code: "input.directory", "this is a folder, not a file", at: place,
                remedy: "name the file in it")
        case EACCES, EPERM:
            return Diagnostic(
                code: "input.unreadable", "this user may not read the file", at: place,
                remedy: "give read permission on the file and on the folders above it", cause: .machine)
        default:
            return Diagnostic(
                code: "input.unreadable", "cannot read: \(String(cString: strerror(code)))", at: place,
                remedy: "check the disk and the file, then run the same command again", cause: .machine)
        }
    }
}
