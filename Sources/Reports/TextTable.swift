// SPDX-License-Identifier: Apache-2.0

/// A table of plain text, fitted to a width: the last column that may shrink is cut with `…`.
package struct TextTable: Sendable {
    /// How a column is set.
    package enum Alignment: Sendable {
        case left, right
    }

    private let headers: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    /// A table with these headers; numbers are set right by saying so.
    package init(_ headers: [String], alignments: [Alignment] = []) {
        self.headers = headers
        self.alignments = headers.indices.map { $0 < alignments.count ? alignments[$0] : .left }
    }

    /// Adds a row; missing cells are empty.
    ///
    /// Cells are made safe for a terminal.
    package mutating func add(_ cells: [String]) {
        rows.append(headers.indices.map { $0 < cells.count ? TerminalText.safe(cells[$0]) : "" })
    }

    /// Whether no row was added.
    package var isEmpty: Bool { rows.isEmpty }

    /// The lines, two blanks between columns, headers dimmed.
    package func lines(width: Int, style: Style) -> [String] {
        var widths = headers.map(TerminalText.width)
        for row in rows {
            for (i, cell) in row.enumerated() { widths[i] = max(widths[i], TerminalText.width(cell)) }
        }
        // The widest left-aligned column gives way, again and again, until the table fits.
        let gaps = 2 * max(0, widths.count - 1)
        while widths.reduce(gaps, +) > width,
            let widest = widths.indices.filter({ alignments[$0] == .left && widths[$0] > 8 }).max(by: {
                widths[$0] < widths[$1]
            })
        { widths[widest] -= 1 }
        let head = line(headers, widths)
        return [style.dim(head)] + rows.map { line($0, widths) }
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var out = ""
        for (i, cell) in cells.enumerated() {
            let text = TerminalText.clipped(cell, to: widths[i])
            let padding = String(repeating: " ", count: max(0, widths[i] - TerminalText.width(text)))
            if i > 0 { out += "  " }
            out += alignments[i] == .right ? padding + text : i == cells.count - 1 ? text : text + padding
        }
        return out
    }
}
