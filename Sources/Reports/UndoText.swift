// SPDX-License-Identifier: Apache-2.0
package import Migration
import TicketModel

/// What `undo` would do or did, for a terminal.
package struct UndoText {
    private let report: UndoReport
    private let isPlan: Bool
    private let style: Style
    private let width: Int
    /// Tickets that are named.
    private static let shown = 20

    /// Prepares the lines of a report; those of a dry run say what would be.
    package init(_ report: UndoReport, isPlan: Bool, style: Style, width: Int) {
        self.report = report
        self.isPlan = isPlan
        self.style = style
        self.width = width
    }

    /// What goes, what stays and why.
    package var lines: [String] {
        var lines = filled(head)
        if isPlan {
            lines.append(
                "E-mails: \(TerminalText.count(report.mails)) · requests: about \(TerminalText.count(report.requests))")
        }
        lines += list(
            report.touched, "people changed it since it was written; it is left as it is (--force takes it too)")
        lines += list(report.left, "stays")
        lines += report.remains.flatMap { filled("remains: " + TerminalText.safe($0)) }
        for (id, diagnostic) in report.failed.prefix(Self.shown) {
            lines += filled(style.red("failed: ") + TerminalText.safe("\(id): \(diagnostic.message)"))
            lines += fix(diagnostic)
        }
        for record in report.borrowed {
            lines += filled(style.red("still borrowed: ") + TerminalText.safe(record.borrowing.summary))
        }
        if let reason = report.stoppedBy {
            lines += filled(style.red("Stopped: ") + TerminalText.safe(reason.message)) + fix(reason)
        }
        return lines
    }

    private func filled(_ text: String) -> [String] { TerminalText.wrapped(text, width: width) }

    private func fix(_ diagnostic: Diagnostic) -> [String] {
        TerminalText.wrapped("fix: " + TerminalText.safe(diagnostic.remedy), width: width, indent: "  ")
    }

    private var head: String {
        var parts: [String] = []
        func add(_ count: Int, _ word: String) {
            if count > 0 { parts.append("\(TerminalText.count(count)) \(word)") }
        }
        add(report.deleted, "deleted")
        add(report.closed, "closed and marked")
        add(report.gone, "not there any more")
        add(report.touched.count, "left since people changed them")
        add(report.besides, "things besides tickets deleted where nothing else uses them")
        let what = parts.isEmpty ? "nothing to take back" : parts.joined(separator: ", ")
        if isPlan { return "Would take back: \(what)" }
        switch report.state {
        case .finished where report.failed.isEmpty: return "Undo \(style.green("finished")): \(what)"
        case .interrupted: return "Undo \(style.yellow("interrupted: the same command goes on")): \(what)"
        default: return "Undo \(style.red("not complete: run the same command again")): \(what)"
        }
    }

    private func list(_ all: [UndoReport.Left], _ what: String) -> [String] {
        guard !all.isEmpty else { return [] }
        var table = TextTable(["ticket", "there", what])
        for left in all.prefix(Self.shown) { table.add([left.id ?? "", left.url ?? left.targetID ?? "", left.why]) }
        var lines = [""] + table.lines(width: width, style: style)
        if all.count > Self.shown {
            lines.append("… and \(TerminalText.count(all.count - Self.shown)) more: --json lists all")
        }
        return lines
    }
}
