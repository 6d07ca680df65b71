// SPDX-License-Identifier: Apache-2.0

/// A sample of a CSV read under a guess, to tell how well the guess explains what is there.
///
/// Slow and simple on purpose; the reader's loop is another one.
struct CSVSample {
    /// One row of the sample.
    struct Row {
        /// The line that it starts on, from 1.
        var line: Int
        /// Its cells as text without quotes; escapes are left as they stand.
        var cells: [[UInt8]]
        var isBlank: Bool { cells.allSatisfy(\.isEmpty) }
        var filled: Int { cells.count { !$0.isEmpty } }
    }

    /// The rows, without the last one if the sample cuts it off.
    private(set) var rows: [Row] = []
    /// How many cells were quoted.
    private(set) var quoted = 0
    /// Quotes inside quoted cells that neither close nor are escaped.
    private(set) var strays = 0
    /// Cells that hold the quote although they do not start with it.
    private(set) var looseQuotes = 0
    /// How many quotes stand doubled inside quoted cells.
    private(set) var doubledQuotes = 0
    /// How many quotes stand behind a backslash inside quoted cells.
    private(set) var escapedQuotes = 0
    /// Whether the sample ends inside quotes.
    private(set) var endsInQuotes = false

    /// Reads a sample.
    init(_ bytes: ArraySlice<UInt8>, _ syntax: CSVSyntax, isWhole: Bool, maxRows: Int = .max) {
        var line = 1
        var row = Row(line: 1, cells: [])
        var cell: [UInt8] = []
        var i = bytes.startIndex
        let end = bytes.endIndex
        var atCellStart = true
        func isRowEnd(_ at: Int) -> Bool {
            bytes[at] == 0x0A
                || (bytes[at] == 0x0D && (syntax.carriageReturnEnds || (at + 1 < end && bytes[at + 1] == 0x0A)))
        }
        while i < end, rows.count < maxRows {
            let byte = bytes[i]
            if atCellStart, let quote = syntax.quote, byte == quote {
                quoted += 1
                i += 1
                var closed = false
                while i < end, !closed {
                    let inner = bytes[i]
                    if syntax.backslash, inner == 0x5C, i + 1 < end {
                        if bytes[i + 1] == quote { escapedQuotes += 1 }
                        cell.append(inner)
                        cell.append(bytes[i + 1])
                        if bytes[i + 1] == 0x0A { line += 1 }
                        i += 2
                    } else if inner != quote {
                        if inner == 0x0A
                            || (inner == 0x0D && !(i + 1 < end && bytes[i + 1] == 0x0A)
                                && syntax.carriageReturnEnds)
                        {
                            line += 1
                        }
                        cell.append(inner)
                        i += 1
                    } else if syntax.doubled, i + 1 < end, bytes[i + 1] == quote {
                        doubledQuotes += 1
                        cell.append(inner)
                        i += 2
                    } else {
                        var next = i + 1
                        while next < end, bytes[next] == 0x20 { next += 1 }
                        if next >= end || bytes[next] == syntax.delimiter || bytes[next] == 0x0A || bytes[next] == 0x0D
                        {
                            closed = true
                            i = next
                        } else {
                            strays += 1
                            cell.append(inner)
                            i += 1
                        }
                    }
                }
                if !closed { endsInQuotes = true }
                atCellStart = false
                continue
            }
            atCellStart = false
            if byte == syntax.delimiter {
                row.cells.append(cell)
                cell = []
                atCellStart = true
                i += 1
            } else if isRowEnd(i) {
                row.cells.append(cell)
                rows.append(row)
                cell = []
                if byte == 0x0D, i + 1 < end, bytes[i + 1] == 0x0A { i += 1 }
                i += 1
                line += 1
                row = Row(line: line, cells: [])
                atCellStart = true
            } else {
                if byte == syntax.quote { looseQuotes += 1 }
                cell.append(byte)
                i += 1
            }
        }
        if i >= end, isWhole, !(row.cells.isEmpty && cell.isEmpty) {
            row.cells.append(cell)
            rows.append(row)
        }
        if rows.isEmpty, !isWhole, !row.cells.isEmpty { rows.append(row) }
    }

    /// The number of cells that most rows have, and the share of the rows that have it.
    var width: (cells: Int, share: Double) {
        var counts: [Int: Int] = [:]
        var total = 0
        for row in rows where !row.isBlank {
            counts[row.cells.count, default: 0] += 1
            total += 1
        }
        guard let best = counts.max(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { return (0, 0) }
        return (best.key, Double(best.value) / Double(total))
    }

    /// How well the guess fits, from 0 to about 1: rows of one width, few quotes that make no sense.
    var score: Double {
        let (cells, share) = width
        guard cells > 0 else { return 0 }
        // A cell longer than the sample is nothing odd; only with stray quotes it may be that nothing is quoted at all.
        let oddities = Double(strays * 2 + (endsInQuotes && strays > 0 ? 8 : 0))
        let penalty = oddities / Double(oddities + Double(max(quoted, rows.count)))
        // More columns explain more; a single one explains nothing.
        let gain = cells == 1 ? 0.3 : 1 - 0.3 / Double(cells)
        return share * gain * (1 - penalty)
    }
}
