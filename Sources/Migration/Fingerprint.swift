// SPDX-License-Identifier: Apache-2.0
internal import Crypto
public import TicketModel

/// Short proofs that something is as it was: 128 bits of SHA-256 in hex.
package enum Fingerprint {
    /// Of bytes.
    package static func of(_ bytes: some Sequence<UInt8>) -> String { hex(SHA256.hash(data: Array(bytes)).prefix(16)) }

    /// Of texts, each with its length before it, so that no two lists give the same bytes.
    package static func of(_ texts: [String]) -> String {
        var bytes: [UInt8] = []
        for text in texts {
            bytes.append(contentsOf: "\(text.utf8.count):".utf8)
            bytes.append(contentsOf: text.utf8)
        }
        return of(bytes)
    }

    /// Lower-case hex.
    package static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        for byte in bytes {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }
}

extension Step {
    /// Differs when what is sent differs: of the verb, the payload and the files' names and bytes.
    package var fingerprint: String {
        var texts = [verb.rawValue, payload.canonicalText]
        for file in files { texts += [file.name, file.mediaType ?? "", String(file.size), file.sha256] }
        return Fingerprint.of(texts)
    }
}

extension Ticket {
    /// The key of each message in the journal, at the same index: its id in the source, else a hash of author, time and
    /// text with a running number among equals; never its position. Stable between runs.
    public var messageKeys: [String] {
        var seen: [String: Int] = [:]
        return messages.map { message in
            let base: String
            if let id = message.id {
                base = id
            } else {
                base =
                    "h"
                    + Fingerprint.of([
                        message.author?.id ?? "", message.author?.email ?? "", message.author?.name ?? "",
                        message.createdAt?.description ?? "", message.kind.rawValue, message.body?.content ?? "",
                    ]).prefix(20)
            }
            let number = seen[base, default: 0]
            seen[base] = number + 1
            // Ids are unique in a sound source; a doubled one is numbered too, so that no key stands for two messages.
            return number == 0 ? base : "\(base)~\(number + 1)"
        }
    }
}
