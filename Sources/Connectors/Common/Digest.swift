// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Short texts that stand for longer ones.
enum Digest {
    /// Of texts, each with its length before it, so that no two lists give the same bytes.
    static func of(_ texts: [String]) -> String {
        var bytes: [UInt8] = []
        for text in texts {
            bytes.append(contentsOf: "\(text.utf8.count):".utf8)
            bytes.append(contentsOf: text.utf8)
        }
        return Fingerprint(of: bytes).text
    }

    /// Lower-case hex.
    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        for byte in bytes {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }
}
