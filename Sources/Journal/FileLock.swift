// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// A lock that ends with its process, however it ends.
///
/// It is on a file of its own: SQLite's locks on a database are lost when anybody in the process closes that file.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `Diagnostic` with cause `machine` when somebody else holds it or the file cannot be made.
    init(path: String) throws {
        var taken = try Self.take(path)
        // Whoever held it may have removed the file between our opening and locking it: then it locks nothing.
        for _ in 0..<100 where !Self.stands(taken, at: path) {
            _ = Foundation.close(taken)
            taken = try Self.take(path)
        }
        descriptor = taken
        // For whoever meets the lock; a full disk only costs them the number.
        _ = ftruncate(descriptor, 0)
        let text = Array("\(ProcessInfo.processInfo.processIdentifier)\n".utf8)
        _ = text.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
    }

    private static func take(_ path: String) throws -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw JournalFailure.diagnostic(JournalFailure.lockFailed(errno), path: path)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            let owner = (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(
                in: .whitespacesAndNewlines)
            _ = Foundation.close(descriptor)
            let failure: JournalFailure =
                number == EWOULDBLOCK ? .locked(by: owner?.isEmpty == false ? owner : nil) : .lockFailed(number)
            throw JournalFailure.diagnostic(failure, path: path)
        }
        return descriptor
    }

    private static func stands(_ descriptor: Int32, at path: String) -> Bool {
        var (ours, there) = (stat(), stat())
        guard fstat(descriptor, &ours) == 0, stat(path, &there) == 0 else { return false }
        return ours.st_ino == there.st_ino && ours.st_dev == there.st_dev
    }

    /// Lets others have it; the file stays.
    ///
    /// - Parameter isClean: whether what it guards was closed in good order: the lock's file is empty then.
    func release(isClean: Bool = true) {
        if isClean { _ = ftruncate(descriptor, 0) }
        _ = flock(descriptor, LOCK_UN)
    }

    /// Whether a process holds it; leaves the file as it is.
    static func isHeld(path: String) -> Bool {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { _ = close(descriptor) }
        return flock(descriptor, LOCK_EX | LOCK_NB) != 0
    }

    deinit { _ = close(descriptor) }
}
