// SPDX-License-Identifier: Apache-2.0

import TicketModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Where written bytes go: a file, standard output, memory in a test.
package protocol ByteSink: AnyObject {
    /// Takes bytes, all of them.
    ///
    /// - Throws: `Diagnostic` `output.unwritable`.
    func write(_ bytes: UnsafeRawBufferPointer) throws
    /// Makes what was written visible and durable; nothing is written after it.
    ///
    /// - Throws: `Diagnostic` `output.unwritable`.
    func finish() throws
}

/// Keeps what is written.
package final class MemoryByteSink: ByteSink {
    /// Everything written so far.
    package private(set) var bytes: [UInt8] = []
    /// Makes an empty one.
    package init() {}
    package func write(_ bytes: UnsafeRawBufferPointer) { self.bytes.append(contentsOf: bytes) }
    package func finish() {}
}

/// A file that appears under its name only when it is complete; `-` is standard output.
///
/// Written beside its place under another name, readable by its owner alone, and renamed by `finish`. Without `finish`
/// nothing is left of it. What is no regular file (a device, a pipe) is written to directly.
package final class FileByteSink: ByteSink {
    private let path: String
    private var descriptor: Int32
    /// The name until it is finished; nil for what is written to directly.
    private var temporary: String?
    private let target: String

    /// Opens a file for writing.
    ///
    /// - Throws: `Diagnostic` `output.unwritable`.
    package init(path: String) throws {
        self.path = path
        guard path != "-" else {
            descriptor = STDOUT_FILENO
            target = path
            return
        }
        // A link stays a link: the file that it names is replaced.
        if let resolved = realpath(path, nil) {
            target = String(cString: resolved)
            free(resolved)
        } else {
            target = path
        }
        var status = stat()
        if stat(target, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            descriptor = open(target, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure(errno, path) }
            return
        }
        for _ in 0..<16 {
            let name = "\(target).\(UInt32.random(in: 0...UInt32.max)).partial"
            descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if descriptor >= 0 {
                temporary = name
                return
            }
            guard errno == EEXIST else { break }
        }
        throw Self.failure(errno, path)
    }

    deinit {
        if let temporary { unlink(temporary) }
        if descriptor > STDERR_FILENO { close(descriptor) }
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while let base = rest.baseAddress, rest.count > 0 {
            #if canImport(Darwin)
                let count = Darwin.write(descriptor, base, rest.count)
            #elseif canImport(Musl)
                let count = Musl.write(descriptor, base, rest.count)
            #else
                let count = Glibc.write(descriptor, base, rest.count)
            #endif
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if errno != EINTR {
                throw Self.failure(errno, path)
            }
        }
    }

    package func finish() throws {
        guard let temporary else { return }
        guard fsync(descriptor) == 0, rename(temporary, target) == 0 else { throw Self.failure(errno, path) }
        self.temporary = nil
    }

    private static func failure(_ code: Int32, _ path: String) -> Diagnostic {
        Diagnostic(
            code: "output.unwritable", "cannot write: \(String(cString: strerror(code)))",
            at: SourceLocation(file: path),
            remedy: "check that the folder is there, that you may write to it and that the disk has room",
            cause: .machine)
    }
}
