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
    /// Differs when what is sent differs: of the verb, the payload and the files' names and bytes; with a short one of each
    /// ``followed`` and ``fixed`` member behind it.
    package var fingerprint: String { fingerprint(apart: apart) }

    /// The members that have a fingerprint of their own, in its order.
    private var apart: [String] { followed + fixed.keys.sorted() }

    private func fingerprint(apart paths: [String]) -> String {
        var rest = payload
        var followed = ""
        for path in paths {
            let names = path.split(separator: ".", maxSplits: 1).map(String.init)
            let value: JSON?
            if names.count == 2, var inner = rest[names[0]] {
                value = inner[names[1]]
                inner[names[1]] = nil
                rest[names[0]] = inner
            } else {
                value = rest[path]
                rest[path] = nil
            }
            followed += ";" + Fingerprint(ofTexts: [path, value?.canonicalText ?? ""]).text.prefix(16)
        }
        var texts = [verb.rawValue, rest.canonicalText]
        for file in files { texts += [file.name, file.mediaType ?? "", String(file.size), file.sha256] }
        return Fingerprint(ofTexts: texts).text + followed
    }

    /// Whether what was done by an earlier form of this step is the same but for ``followed`` and ``fixed`` members.
    ///
    /// An earlier version of the connector may have known fewer of them, the first ones.
    func holdsText(of done: String) -> Bool {
        let text = fingerprint(apart: Array(known(by: done)))
        return text.prefix { $0 != ";" } == done.prefix { $0 != ";" }
    }

    /// The names of the ``fixed`` members that are not as they were when an earlier form of this step was done, each once.
    func fixedChanges(since done: String) -> [String] {
        Set(known(by: done).filter { !holds($0, of: done) }.compactMap { fixed[$0] }).sorted()
    }

    private func known(by done: String) -> ArraySlice<String> {
        apart.prefix(done.utf8.count { $0 == UInt8(ascii: ";") })
    }

    /// Whether a ``followed`` or ``fixed`` member is as it was when an earlier form of this step was done.
    package func holds(_ path: String, of done: String) -> Bool {
        guard let i = apart.firstIndex(of: path) else { return false }
        let (now, before) = (fingerprint.split(separator: ";"), done.split(separator: ";"))
        return before.count > i + 1 && now[i + 1] == before[i + 1]
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
