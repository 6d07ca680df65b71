// SPDX-License-Identifier: Apache-2.0
internal import Crypto

/// A short text that differs when bytes differ: 26 characters of base32 in lower case, the first 130 bits of SHA-256.
public struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
    /// The characters.
    public let text: String

    /// The fingerprint of bytes.
    public init(of bytes: some Sequence<UInt8>) {
        var hash = SHA256()
        if bytes.withContiguousStorageIfAvailable({ hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { hash.update(bufferPointer: $0) }
        }
        text = Self.base32(Array(hash.finalize()), characters: 26)
    }

    /// Takes a fingerprint as it was kept, for instance in a journal.
    ///
    /// Nil for a text that cannot be one.
    public init?(_ text: String) {
        guard text.utf8.count == 26, text.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x32...0x37).contains($0) })
        else { return nil }
        self.text = text
    }

    /// The same as ``text``.
    public var description: String { text }

    private static func base32(_ bytes: [UInt8], characters: Int) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        let out = (0..<characters).map { i in
            let bit = i * 5
            let pair = UInt16(bytes[bit / 8]) << 8 | UInt16(bytes[bit / 8 + 1])
            return alphabet[Int(pair >> UInt16(11 - bit % 8)) & 31]
        }
        return String(decoding: out, as: UTF8.self)
    }
}

extension CanonicalLine {
    /// The *source* fingerprint of the ticket: of its bytes.
    public var fingerprint: Fingerprint { Fingerprint(of: bytes) }
}

extension Ticket {
    /// The key of each message, at its index: what the journal knows it by, and never its position.
    ///
    /// A message's own id; without one `~` and a fingerprint over author, time and text. Of equal ones the second is
    /// `…#2` and so on, so no two messages of a ticket share a key (ids of two makers may come from two tables).
    public func messageKeys() -> [String] {
        var seen: [String: Int] = [:]
        return messages.map { message in
            let key = message.ownKey
            let number = seen[key, default: 0] + 1
            seen[key] = number
            return number == 1 ? key : "\(key)#\(number)"
        }
    }
}

extension Message {
    /// The key without a running number; see ``Ticket/messageKeys()``.
    var ownKey: String {
        if let id, !id.isEmpty { return id }
        var bytes: [UInt8] = []
        // Lengths before the texts: no two different messages give the same bytes.
        func add(_ part: [UInt8]) {
            bytes.append(contentsOf: "\(part.count):".utf8)
            bytes.append(contentsOf: part)
        }
        var writer = CanonicalWriter()
        writer.write(author ?? Person())
        add(writer.out)
        add(Array((createdAt?.description ?? "").utf8))
        add(Array((body?.content ?? "").utf8))
        return "~\(Fingerprint(of: bytes))"
    }
}
