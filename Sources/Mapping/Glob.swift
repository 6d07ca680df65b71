// SPDX-License-Identifier: Apache-2.0

/// A pattern in which `*` stands for any run of bytes and `?` for one character; everything else stands for itself.
struct Glob: Sendable, Hashable {
    private let pattern: [UInt8]

    init(_ pattern: String) { self.pattern = Array(pattern.utf8) }

    /// Whether a text is a pattern at all: it has a `*`.
    static func isPattern(_ text: String) -> Bool { text.utf8.contains(UInt8(ascii: "*")) }

    /// Whether the whole of the bytes matches; linear but for hostile patterns, no recursion.
    func matches(_ text: some RandomAccessCollection<UInt8>) -> Bool {
        var p = 0, t = text.startIndex
        var starP = -1, starT = text.startIndex
        while t < text.endIndex {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                starP = p
                starT = t
                p += 1
            } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") {
                p += 1
                t = text.index(after: t)
                // The rest of a character of several bytes.
                while t < text.endIndex, text[t] & 0xC0 == 0x80 { t = text.index(after: t) }
            } else if p < pattern.count, pattern[p] == text[t] {
                p += 1
                t = text.index(after: t)
            } else if starP >= 0 {
                p = starP + 1
                starT = text.index(after: starT)
                t = starT
            } else {
                return false
            }
        }
        while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
        return p == pattern.count
    }

    /// Whether a file's path matches: a pattern with `/` by the end of the path, else by its last component.
    func matches(file path: String) -> Bool {
        let components = path.utf8.split(separator: UInt8(ascii: "/"))
        let wanted = pattern.split(separator: UInt8(ascii: "/")).count
        let tail = components.suffix(max(1, wanted)).joined(separator: [UInt8(ascii: "/")])
        return matches(Array(tail))
    }

    /// What the first `*` stands for in a text that matches; only for patterns with one star.
    func capture(in text: some RandomAccessCollection<UInt8>) -> (Int, Int)? {
        guard let star = pattern.firstIndex(of: UInt8(ascii: "*")), matches(text) else { return nil }
        return (star, text.count - (pattern.count - star - 1))
    }
}
