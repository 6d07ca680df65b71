// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A temporary file that nobody else can open: mode 0600, and its name is removed before the first byte is written.
///
/// So it is gone when it is closed, after an error, ctrl-C and even `kill -9`: the kernel frees it with the process.
/// It lies in `TMPDIR`, else in `/var/tmp` (a disk, where `/tmp` may be memory), else in `/tmp`.
final class PrivateFile {
    private let descriptor: Int32
    private let folder: String
    private var buffer: [UInt8] = []
    /// How many bytes were appended.
    private(set) var count = 0
    private static let bufferSize = 1 << 20

    /// Makes an empty one.
    ///
    /// - Throws: `Diagnostic` `spill.create`.
    init() throws {
        var lastError: Int32 = 0
        for folder in Self.folders {
            var template = Array((folder + "/.ticketferry-XXXXXX").utf8CString)
            let opened = mkstemp(&template)
            guard opened >= 0 else {
                lastError = errno
                continue
            }
            unlink(template)
            _ = fchmod(opened, 0o600)
            _ = fcntl(opened, F_SETFD, FD_CLOEXEC)
            descriptor = opened
            self.folder = folder
            return
        }
        throw Diagnostic(
            code: "spill.create", "cannot make a temporary file: \(String(cString: strerror(lastError)))",
            subject: Self.folders.joined(separator: ", "),
            remedy: "set TMPDIR to a folder on a disk with room that you may write to", cause: .machine)
    }

    deinit { close(descriptor) }

    private static var folders: [String] {
        let told = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        return told.isEmpty ? ["/var/tmp", "/tmp"] : [told]
    }

    /// Appends bytes; they can be read after ``flush()``.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        if buffer.isEmpty, bytes.count >= Self.bufferSize {
            try write(bytes)
        } else {
            buffer.append(contentsOf: bytes)
            if buffer.count >= Self.bufferSize { try flush() }
        }
        count += bytes.count
    }

    /// Writes what is held back.
    func flush() throws {
        guard !buffer.isEmpty else { return }
        try buffer.withUnsafeBytes { try write($0) }
        buffer.removeAll(keepingCapacity: true)
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let slice = UnsafeRawBufferPointer(rebasing: rest)
            #if canImport(Darwin)
                let written = Darwin.write(descriptor, slice.baseAddress, slice.count)
            #elseif canImport(Musl)
                let written = Musl.write(descriptor, slice.baseAddress, slice.count)
            #else
                let written = Glibc.write(descriptor, slice.baseAddress, slice.count)
            #endif
            if written < 0 {
                if errno == EINTR { continue }
                throw failure("write")
            }
            rest = rest.dropFirst(written)
        }
    }

    /// Reads bytes from an offset; fewer than asked for only at the end.
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws -> Int {
        var done = 0
        while done < target.count {
            let part = UnsafeMutableRawBufferPointer(rebasing: target[done...])
            let got = pread(descriptor, part.baseAddress, part.count, off_t(offset + done))
            if got < 0 {
                if errno == EINTR { continue }
                throw failure("read")
            }
            if got == 0 { break }
            done += got
        }
        return done
    }

    private func failure(_ verb: String) -> Diagnostic {
        let code = errno
        let full = code == ENOSPC || code == EDQUOT
        return Diagnostic(
            code: full ? "spill.disk-full" : "spill.\(verb)",
            full
                ? "no room for temporary files" : "cannot \(verb) a temporary file: \(String(cString: strerror(code)))",
            subject: folder, remedy: "make room there, or set TMPDIR to a folder on a disk with more", cause: .machine)
    }
}
