// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Synchronization

/// What became of many cells: connector by step by moment.
package final class CrashTable: Sendable {
    /// A line's sums.
    package struct Sums: Sendable {
        /// Cells tried.
        package var cells = 0
        /// Cells with something missing, changed or out of order.
        package var losses = 0
        /// Cells with something doubled.
        package var doubles = 0
        /// Cells with something private made public.
        package var leaks = 0
        /// Cells with a mail more than an undisturbed run sends.
        package var mails = 0
        /// Cells in which a person has to decide.
        package var setAside = 0
        /// Cells with a loss that the journal shows.
        package var declared = 0
        /// Writes that were found instead of being sent again.
        package var adopted = 0
        /// Writes that were sent once more.
        package var sentAgain = 0

        mutating func add(_ verdict: CrashVerdict) {
            cells += 1
            losses += verdict.losses.isEmpty ? 0 : 1
            doubles += verdict.doubles.isEmpty ? 0 : 1
            leaks += verdict.leaks.isEmpty ? 0 : 1
            mails += verdict.mails.isEmpty ? 0 : 1
            setAside += verdict.setAside.isEmpty ? 0 : 1
            declared += verdict.declared.isEmpty ? 0 : 1
            adopted += verdict.adopted
            sentAgain += verdict.sentAgain
        }

        var columns: String {
            [cells, losses, doubles, leaks, mails, setAside, declared, adopted, sentAgain].map(String.init)
                .joined(separator: " | ")
        }
    }

    private struct Line: Hashable {
        var connector: String
        var step: String
        var moment: String
    }

    private let state = Mutex<(lines: [Line: Sums], bad: [String], aside: [String])>(([:], [], []))

    /// An empty table.
    package init() {}

    /// Notes what became of a cell.
    package func note(_ verdict: CrashVerdict, of cell: CrashCell) {
        state.withLock { state in
            let line = Line(connector: cell.connector, step: cell.step, moment: cell.moment)
            state.lines[line, default: Sums()].add(verdict)
            if !verdict.isGood {
                state.bad.append("\(cell)\n    " + verdict.complaints.prefix(6).joined(separator: "\n    "))
            }
            if !verdict.setAside.isEmpty { state.aside.append("\(cell): \(verdict.setAside.joined(separator: "; "))") }
        }
    }

    /// The sums of a connector; of all for nil.
    package func sums(of connector: String? = nil) -> Sums {
        state.withLock { state in
            var all = Sums()
            for (line, sums) in state.lines where connector == nil || line.connector == connector {
                all.cells += sums.cells
                all.losses += sums.losses
                all.doubles += sums.doubles
                all.leaks += sums.leaks
                all.mails += sums.mails
                all.setAside += sums.setAside
                all.declared += sums.declared
                all.adopted += sums.adopted
                all.sentAgain += sums.sentAgain
            }
            return all
        }
    }

    /// The cells that are not as they have to be, with how to play them again.
    package var bad: [String] { state.withLock { $0.bad.sorted() } }
    /// The cells in which a person has to decide.
    package var aside: [String] { state.withLock { $0.aside.sorted() } }

    /// The table in Markdown.
    package var markdown: String {
        let head = [
            "connector", "step", "moment", "cells", "losses", "doubles", "leaked notes", "mails", "set aside",
            "declared", "adopted", "sent again",
        ]
        var out = ["| \(head.joined(separator: " | ")) |", "|\(String(repeating: "---|", count: head.count))"]
        state.withLock { state in
            let lines = state.lines.sorted {
                ($0.key.connector, $0.key.step, $0.key.moment) < ($1.key.connector, $1.key.step, $1.key.moment)
            }
            for (line, sums) in lines {
                out.append("| \(line.connector) | \(line.step) | \(line.moment) | \(sums.columns) |")
            }
        }
        for connector in Set(state.withLock { $0.lines.keys.map(\.connector) }).sorted() {
            out.append("| **\(connector)** | all | all | \(sums(of: connector).columns) |")
        }
        out.append("| **all** | all | all | \(sums().columns) |")
        return out.joined(separator: "\n") + "\n"
    }

    /// Adds the table to a file, as Markdown.
    ///
    /// - Throws: where the file cannot be written.
    package func write(to path: String) throws { try Data(markdown.utf8).write(to: URL(fileURLWithPath: path)) }
}
