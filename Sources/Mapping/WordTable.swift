// SPDX-License-Identifier: Apache-2.0

/// A field's words as the mapper looks them up: by the label's bytes where they stand.
final class WordTable: Sendable {
    /// Every label of the mapping with its word, as it stands and in ASCII small letters.
    private let exact: NameTable
    private let folded: NameTable
    private let exactWords: [[UInt8]]
    private let foldedWords: [[UInt8]]
    /// The canonical words, where they stand for themselves.
    private let canonical: NameTable
    private let canonicalWords: [[UInt8]]
    private let otherwise: [UInt8]?
    /// Whether a label without a word ends the run.
    let fails: Bool

    init(_ words: Words) {
        (exact, exactWords) = Self.table(words.exact.map { ($0.key, $0.value) })
        (folded, foldedWords) = Self.table(words.folded.map { ($0.key, $0.value) })
        let own = words.isTold ? [] : words.canonical.map { Array($0.utf8) }
        (canonical, canonicalWords) = Self.table(own.map { ($0, $0) })
        if case .word(let word) = words.otherwise { otherwise = word } else { otherwise = nil }
        if case .fail = words.otherwise { fails = true } else { fails = false }
    }

    private static func table(_ entries: [(label: [UInt8], word: [UInt8])]) -> (NameTable, [[UInt8]]) {
        var names = NameTable()
        for entry in entries { _ = entry.label.withUnsafeBytes { names.id($0) } }
        return (names, entries.map(\.word))
    }

    /// The word for a label that has no blanks around it: told as it stands, told in other letters, or for all others.
    func word(for label: UnsafeRawBufferPointer) -> [UInt8]? {
        if let id = exact.find(label) { return exactWords[id] }
        if folded.count > 0 {
            let id = withUnsafeTemporaryAllocation(byteCount: label.count, alignment: 1) { small in
                for i in 0..<label.count { small[i] = (0x41...0x5A).contains(label[i]) ? label[i] | 0x20 : label[i] }
                return folded.find(UnsafeRawBufferPointer(small))
            }
            if let id { return foldedWords[id] }
        }
        if let otherwise { return otherwise }
        return canonical.find(label).map { canonicalWords[$0] }
    }
}

/// Counts labels: by their bytes, since a label without a word mostly comes in every record.
struct LabelCounts {
    private var names = NameTable()
    private var counts: [Int] = []

    mutating func add(_ label: UnsafeRawBufferPointer) {
        let id = Int(names.id(label))
        if id == counts.count { counts.append(1) } else { counts[id] += 1 }
    }

    /// How often each label came; nil for none at all.
    var byLabel: [String: Int]? {
        guard !counts.isEmpty else { return nil }
        var labels: [String: Int] = [:]
        for (id, count) in counts.enumerated() { labels[names.text(UInt32(id)), default: 0] += count }
        return labels
    }
}
