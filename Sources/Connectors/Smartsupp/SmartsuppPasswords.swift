// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Migration
internal import TicketModel

/// The file of generated passwords: a line `address<TAB>password` for each user, mode 0600, shown nowhere else.
struct SmartsuppPasswords: Sendable {
    /// Absolute.
    let path: String

    /// The password of a user: the one in the file, else a new one that is on the disk before this returns.
    ///
    /// - Throws: a `Diagnostic` where the file cannot be kept private.
    func password(of email: String) throws -> Secret {
        let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot be opened") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        // Also where it was there before, with other rights.
        guard fchmod(descriptor, 0o600) == 0, flock(descriptor, LOCK_EX) == 0 else {
            throw failure("cannot be kept private")
        }
        guard let data = try? file.readToEnd() ?? Data() else { throw failure("cannot be read") }
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "\t", maxSplits: 1)
            if parts.count == 2, parts[0] == email { return Secret(String(parts[1])) }
        }
        let secret = Secret(Self.generate())
        do {
            try file.write(contentsOf: Data("\(email)\t\(secret.reveal())\n".utf8))
            try file.synchronize()
        } catch { throw failure("cannot be written") }
        return secret
    }

    /// 24 characters of 57 that are not mistaken for one another: 140 bits.
    static func generate() -> String {
        let letters = Array("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789".utf8)
        var random = SystemRandomNumberGenerator()
        return String(
            decoding: (0..<24).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] }, as: UTF8.self)
    }

    private func failure(_ why: String) -> Diagnostic {
        Diagnostic(
            code: "smartsupp.passwords", "the file for generated passwords \(why)", subject: path,
            remedy: "name a file in a folder of yours under `passwords`; no user is made without it", cause: .machine)
    }
}
