// SPDX-License-Identifier: Apache-2.0
internal import Crypto

/// Names the migration and its source: part of every key that is written.
///
/// Never a file's path, a URL or a connector.
public struct MigrationIdentity: Hashable, Sendable {
    /// The migration file's `name`.
    public var migration: String
    /// The source's name: from the dump's head, the site's address or the migration file.
    public var source: String
    /// Raised by `undo`, so that a new run after it starts clean.
    public var generation: Int

    /// Names a migration.
    public init(migration: String, source: String, generation: Int = 0) {
        self.migration = migration
        self.source = source
        self.generation = generation
    }

    /// The key of one write of one ticket.
    ///
    /// - Parameters:
    ///   - ticket: the ticket's id in the source.
    ///   - part: which write of the ticket: `ticket` for its creation, `message:KEY` for a message, `set:NAME` for a
    ///     property, `note` for the migration note. Stable between runs and never a position.
    /// - Returns: the same key for the same texts, on every machine.
    public func key(ticket: String, part: String) -> WriteKey {
        WriteKey(identity: self, ticket: ticket, part: part)
    }
}

/// The key of one write.
///
/// It can be derived again without the journal, so a lost journal can be rebuilt from the target.
public struct WriteKey: Hashable, Sendable {
    /// The ticket's id in the source.
    public let ticket: String
    /// Which write of the ticket; see ``MigrationIdentity/key(ticket:part:)``.
    public let part: String
    /// The generation, in the clear in ``marker``.
    public let generation: Int
    /// 13 characters of base32 (lower case, 65 bits) over migration, source, ticket and part; the generation is not in it.
    public let digest: String

    init(identity: MigrationIdentity, ticket: String, part: String) {
        self.ticket = ticket
        self.part = part
        self.generation = identity.generation
        // Lengths before the texts: no two different keys give the same bytes.
        var bytes: [UInt8] = []
        for text in [identity.migration, identity.source, ticket, part] {
            bytes.append(contentsOf: "\(text.utf8.count):".utf8)
            bytes.append(contentsOf: text.utf8)
        }
        self.digest = Self.base32(Array(SHA256.hash(data: bytes)))
    }

    /// Whether it is of the note that names what the target cannot hold.
    var isMigrationNote: Bool { part == "note" || part.hasPrefix("note:") }

    /// What an API's own field holds: `ferry-` digest `-` generation `-`.
    ///
    /// Of one length for all keys of a generation below ten, ended by a dash, so that no marker is the start of
    /// another; no `:`, `%` or `_`, which search treats specially.
    public var marker: String { "ferry-\(digest)-\(generation)-" }

    /// The digest and generation of a marker; nil for any other text.
    public static func parse(marker: String) -> (digest: String, generation: Int)? {
        let parts = marker.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "ferry", parts[1].utf8.count == 13, parts[3].isEmpty,
            let generation = Int(parts[2]), generation >= 0
        else { return nil }
        return (String(parts[1]), generation)
    }

    private static func base32(_ bytes: [UInt8]) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        var out: [UInt8] = []
        var buffer: UInt64 = 0
        var bits = 0
        for byte in bytes where out.count < 13 {
            buffer = buffer << 8 | UInt64(byte)
            bits += 8
            while bits >= 5, out.count < 13 {
                out.append(alphabet[Int(buffer >> UInt64(bits - 5)) & 31])
                bits -= 5
            }
            buffer &= (1 << UInt64(bits)) - 1
        }
        return String(decoding: out, as: UTF8.self)
    }
}
