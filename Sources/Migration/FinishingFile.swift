// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// The lines that a person may run in the target's database for what its API cannot set.
enum FinishingFile {
    /// Puts the ids of receipts in place of `{id:PART}`; lines whose step is not written yet are left out.
    ///
    /// An id with anything but letters, digits, `-` and `_` in it is never put into a line: the file is run by a database.
    static func resolve(_ lines: [String], steps: [Step], receipts: [WriteKey: Receipt]) -> [String] {
        guard !lines.isEmpty else { return [] }
        var ids: [String: String] = [:]
        for step in steps {
            guard let id = receipts[step.key]?.id, !id.isEmpty,
                id.utf8.allSatisfy({
                    ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2D || $0 == 0x5F
                })
            else { continue }
            ids[step.key.part] = id
        }
        return lines.compactMap { line in
            var out = ""
            var rest = Substring(line)
            while let start = rest.range(of: "{id:") {
                out += rest[..<start.lowerBound]
                let tail = rest[start.upperBound...]
                // Parts hold ids of the source, which may hold a brace: the longest part that fits is meant.
                let fitting = ids.filter { tail.hasPrefix($0.key + "}") }.max { $0.key.utf8.count < $1.key.utf8.count }
                guard let fitting else { return nil }
                out += fitting.value
                rest = tail.dropFirst(fitting.key.count + 1)
            }
            return out + rest
        }
    }

    /// Writes the whole file from the journal; removes it if there is nothing to finish.
    ///
    /// - Returns: how many lines it has besides the head.
    static func write(to path: String, head: [String], journal: any Journal) async throws -> Int {
        let temporary = path + ".new"
        var count = 0
        do {
            try? FileManager.default.removeItem(atPath: temporary)
            guard
                FileManager.default.createFile(
                    atPath: temporary, contents: Data((head.joined(separator: "\n") + (head.isEmpty ? "" : "\n")).utf8),
                    attributes: [.posixPermissions: 0o600]), let file = FileHandle(forWritingAtPath: temporary)
            else { throw CocoaError(.fileWriteUnknown) }
            defer { try? file.close() }
            try file.seekToEnd()
            var last: String?
            while true {
                let page = try await journal.finishing(after: last, limit: 500)
                guard let end = page.last else { break }
                let lines = page.flatMap(\.lines)
                count += lines.count
                if !lines.isEmpty { try file.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8)) }
                last = end.ticket
            }
            try file.synchronize()
            if count == 0 {
                try FileManager.default.removeItem(atPath: temporary)
                if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
            } else {
                guard rename(temporary, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
            }
        } catch let error as CocoaError {
            throw Diagnostic(
                code: "run.finishing-file", "the finishing file cannot be written: \(error.localizedDescription)",
                subject: path, remedy: "make room or fix the folder's permissions, then run the same command again",
                cause: .machine)
        }
        return count
    }
}
