// SPDX-License-Identifier: Apache-2.0

/// How far two words are apart: for "did you mean".
package enum EditDistance {
    /// The number of letters to insert, remove, replace or swap with their neighbour.
    package static func between(_ a: String, _ b: String) -> Int {
        let a = Array(a.lowercased().utf8), b = Array(b.lowercased().utf8)
        guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
        var rows = [Array(0...b.count)]
        for i in 1...a.count {
            var row = [i]
            for j in 1...b.count {
                var best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { best = min(best, rows[i - 2][j - 2] + 1) }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }

    /// The word that is likely meant; nil when none is near.
    package static func nearest(to word: String, in words: [String]) -> String? {
        let near = words.map { (distance: between(word, $0), word: $0) }.min {
            ($0.distance, $0.word) < ($1.distance, $1.word)
        }
        guard let near, near.distance <= max(1, min(3, word.utf8.count / 2)) else { return nil }
        return near.word
    }
}
