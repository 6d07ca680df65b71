// SPDX-License-Identifier: Apache-2.0
package import Migration

/// Where the records of a source went, for a terminal.
package struct ReadReportText {
    private let report: ReadReport
    private let style: Style
    private let width: Int

    /// Prepares the lines of a report.
    package init(_ report: ReadReport, style: Style, width: Int) {
        self.report = report
        self.style = style
        self.width = width
    }

    /// Nothing for a source that has no records.
    package var lines: [String] {
        guard report.read > 0 else { return [] }
        let aside = report.leftAside.values.reduce(0, +)
        var lines = [
            "",
            style.bold("Read \(TerminalText.counted(report.read, "record"))")
                + ": \(TerminalText.count(report.inTickets)) in tickets, \(TerminalText.count(report.inTables)) in tables, "
                + "\(TerminalText.count(aside)) left aside",
        ]
        for (kind, count) in report.leftAside.sorted(by: { (-$0.value, $0.key) < (-$1.value, $1.key) }).prefix(12) {
            let text = "\(TerminalText.count(count)) × \(TerminalText.safe(kind))"
            lines.append("  left aside: " + TerminalText.clipped(text, to: width - 14))
        }
        for (field, labels) in report.unmappedLabels.sorted(by: { $0.key < $1.key }) {
            let some = labels.sorted { (-$0.value, $0.key) < (-$1.value, $1.key) }.prefix(8)
                .map { "\($0.key) (\(TerminalText.count($0.value)))" }.joined(separator: ", ")
            lines.append(style.yellow("  no word for \(field): ") + TerminalText.safe(some))
        }
        if report.timesWithoutZone > 0 {
            lines.append(
                style.yellow("  \(TerminalText.counted(report.timesWithoutZone, "time")) without a zone")
                    + " read as UTC: say `zone:` in the migration or --zone")
        }
        return lines
    }
}
