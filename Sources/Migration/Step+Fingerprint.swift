// SPDX-License-Identifier: Apache-2.0
package import TicketModel

extension Fingerprint {
    /// Of texts, each with its length before it, so that no two lists give the same bytes.
    package init(ofTexts texts: [String]) {
        var bytes: [UInt8] = []
        for text in texts {
            bytes.append(contentsOf: "\(text.utf8.count):".utf8)
            bytes.append(contentsOf: text.utf8)
        }
        self.init(of: bytes)
    }
}

extension Step {
    /// Differs when what is sent differs: of the verb, the payload and the files' names and bytes.
    package var fingerprint: String {
        var texts = [verb.rawValue, payload.canonicalText]
        for file in files { texts += [file.name, file.mediaType ?? "", String(file.size), file.sha256] }
        return Fingerprint(ofTexts: texts).text
    }
}

/// Lower-case hex.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var out: [UInt8] = []
    for byte in bytes {
        out.append(digits[Int(byte >> 4)])
        out.append(digits[Int(byte & 15)])
    }
    return String(decoding: out, as: UTF8.self)
}
