// SPDX-License-Identifier: Apache-2.0

import Foundation
import TicketModel

/// The state file of a practice helpdesk: a log of commits, each whole or not there.
///
/// A commit is a line `commit LENGTH CHECKSUM`, then so many bytes: lines `TABLE ID JSON` for a changed row,
/// `TABLE ID` for a deleted one, `TABLE last ID` for the greatest id ever given. What a crash left half-written at the
/// end is cut off at the next opening. Commits are handed to the kernel before they are answered, so a `kill -9` loses
/// none; the file is flushed to the disk when it is opened (and packed) and closed. One process at a time.
package struct SandboxLog: Sendable {
    /// The path of the file.
    package let path: String
    private let file: Int32

    /// One line of a commit.
    package struct Entry: Sendable, Hashable {
        package var table: String
        /// The row's id; nil for the greatest id ever given, which is then in `last`.
        package var id: Int?
        /// The row's JSON; nil: deleted.
        package var row: [UInt8]?
        package var last: Int?

        package init(table: String, id: Int, row: [UInt8]?) {
            self.table = table
            self.id = id
            self.row = row
        }

        package init(table: String, last: Int) {
            self.table = table
            self.last = last
        }
    }

    /// Opens or makes the file and gives the entries of every whole commit, oldest first.
    ///
    /// - Throws: a ``Diagnostic``: `sandbox.state-in-use` when another process has it, `sandbox.state-unreadable`.
    package static func open(_ path: String) throws -> (log: SandboxLog, entries: [Entry]) {
        let file = Foundation.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw unreadable(path, errno) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            Foundation.close(file)
            throw Diagnostic(
                code: "sandbox.state-in-use", "another sandbox uses the state file \(path)",
                remedy: "stop the other sandbox, or give this one another --state file", cause: .machine)
        }
        guard let data = FileManager.default.contents(atPath: path) else { throw unreadable(path, errno) }
        let (entries, whole) = parse(Array(data))
        if whole < data.count { ftruncate(file, off_t(whole)) }
        return (SandboxLog(path: path, file: file), entries)
    }

    /// Appends one commit; when it returns, a crash of this process cannot lose it.
    ///
    /// - Throws: a ``Diagnostic`` when the disk is full or the file is gone.
    package func append(_ entries: [Entry]) throws {
        guard !entries.isEmpty else { return }
        try Self.write(Self.encode(entries), to: file, path: path)
    }

    /// Replaces the whole log by one commit, atomically: a crash leaves the old file or the new one.
    package func replace(with entries: [Entry]) throws -> SandboxLog {
        let other = path + ".new"
        let fresh = Foundation.open(other, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o600)
        guard fresh >= 0, flock(fresh, LOCK_EX | LOCK_NB) == 0 else { throw Self.unreadable(other, errno) }
        try Self.write(Self.encode(entries), to: fresh, path: other)
        guard fsync(fresh) == 0, rename(other, path) == 0 else { throw Self.unreadable(path, errno) }
        let folder = Foundation.open((path as NSString).deletingLastPathComponent.ifEmpty("."), O_RDONLY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            Foundation.close(folder)
        }
        Foundation.close(file)
        return SandboxLog(path: path, file: fresh)
    }

    /// Flushes to the disk and lets go of the file.
    package func close() {
        fsync(file)
        Foundation.close(file)
    }

    static func encode(_ entries: [Entry]) -> [UInt8] {
        var body: [UInt8] = []
        for entry in entries {
            body += entry.table.utf8
            body.append(0x20)
            if let last = entry.last {
                body += "last \(last)".utf8
            } else if let id = entry.id {
                body += "\(id)".utf8
                if let row = entry.row {
                    body.append(0x20)
                    body += row
                }
            }
            body.append(0x0A)
        }
        var checksum = FNV()
        checksum.add(body)
        return Array("commit \(body.count) \(String(checksum.value, radix: 16))\n".utf8) + body
    }

    /// The entries of all whole commits, and how many bytes those take.
    static func parse(_ bytes: [UInt8]) -> (entries: [Entry], whole: Int) {
        var entries: [Entry] = []
        var at = 0
        while let end = bytes[at...].firstIndex(of: 0x0A) {
            let head = String(decoding: bytes[at..<end], as: UTF8.self).split(separator: " ")
            guard head.count == 3, head[0] == "commit", let length = Int(head[1]), length >= 0,
                let sum = UInt64(head[2], radix: 16), end + 1 + length <= bytes.count
            else { break }
            let body = bytes[end + 1..<end + 1 + length]
            var checksum = FNV()
            checksum.add(body)
            guard checksum.value == sum else { break }
            for line in body.split(separator: 0x0A) {
                let parts = line.split(separator: 0x20, maxSplits: 2)
                guard parts.count > 1 else { continue }
                let table = String(decoding: parts[0], as: UTF8.self)
                let second = String(decoding: parts[1], as: UTF8.self)
                if second == "last", parts.count > 2, let last = Int(String(decoding: parts[2], as: UTF8.self)) {
                    entries.append(Entry(table: table, last: last))
                } else if let id = Int(second) {
                    entries.append(Entry(table: table, id: id, row: parts.count > 2 ? Array(parts[2]) : nil))
                }
            }
            at = end + 1 + length
        }
        return (entries, at)
    }

    private static func write(_ bytes: [UInt8], to file: Int32, path: String) throws {
        var done = 0
        while done < bytes.count {
            let written = bytes[done...].withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
            if written < 0 {
                let code = errno
                if code == EINTR { continue }
                // Half a commit in the middle would hide all that come after it.
                let end = lseek(file, 0, SEEK_END)
                if end >= off_t(done) { ftruncate(file, end - off_t(done)) }
                throw unreadable(path, code)
            }
            done += written
        }
    }

    private static func unreadable(_ path: String, _ code: Int32) -> Diagnostic {
        Diagnostic(
            code: "sandbox.state-unreadable",
            "the state file \(path) cannot be used: \(String(cString: strerror(code)))",
            remedy: "give --state a file in a folder that you may write to, on a disk with room", cause: .machine)
    }
}

extension String {
    fileprivate func ifEmpty(_ other: String) -> String { isEmpty ? other : self }
}
