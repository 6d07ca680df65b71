// SPDX-License-Identifier: Apache-2.0
package import Migration
import TicketModel

/// What a run did, or how a migration stands, for a terminal.
package struct RunText {
    private let report: RunReport
    private let file: String
    private let style: Style
    private let width: Int

    /// Prepares the lines of a report.
    ///
    /// The commands in them name the migration file as the command line did.
    package init(_ report: RunReport, file: String, style: Style, width: Int) {
        self.report = report
        self.file = TerminalText.safe(file)
        self.style = style
        self.width = width
    }

    /// The state, the counts, what failed and why, what is borrowed.
    package var lines: [String] {
        var lines = [head]
        let messages = report.messages.sorted { $0.key < $1.key }.filter { $0.value > 0 }
            .map { "\(TerminalText.count($0.value)) \($0.key)" }
        if !messages.isEmpty { lines.append("Messages: " + messages.joined(separator: ", ")) }
        if report.losses > 0 {
            let hint = report.purged == nil ? ": `ticketferry show \(file) ID` shows those of a ticket" : ""
            lines.append(
                "\(TerminalText.counted(report.losses, "loss", "losses")) named\(hint)"
            )
        }
        if let file = report.finishingFile, report.finishingLines > 0 {
            lines.append(
                "\(TerminalText.counted(report.finishingLines, "line")) for the database in \(TerminalText.safe(file)): what the API cannot set"
            )
        }
        if report.unsigned > 0 {
            lines.append(
                style.yellow(
                    "\(TerminalText.counted(report.unsigned, "ticket")) changed since the plan was signed: left for the next plan"
                ))
        }
        if let began = report.undoBegan {
            lines.append(
                style.red(
                    "An `undo` that began at \(TerminalText.safe(began)) has not come to its end: run `ticketferry undo \(file)` again"
                ))
        }
        if let plan = report.plan, plan.total == 0, plan.listed > 0 {
            lines.append(
                style.yellow(
                    "The selection leaves out all \(TerminalText.counted(plan.listed, "ticket")) of the source"))
        }
        if let purged = report.purged {
            lines.append("Purged at \(purged): only these counts are left; nothing can be added or taken back")
        }
        lines += failures + conflicts + borrowed
        if let reason = report.stoppedBy {
            lines += ["", style.red("Stopped: ") + TerminalText.safe(reason.message)] + remedy(reason.remedy, "  ")
        }
        return lines
    }

    private var head: String {
        let state: String
        switch report.state {
        case .finished: state = style.green("finished")
        case .partial: state = style.green("done with the tickets that were asked for, the others are still to come")
        case .running: state = style.yellow("running, or ended without a word")
        case .interrupted: state = style.yellow("interrupted: the same command goes on")
        case .stopped: state = style.red("stopped")
        }
        let c = report.counts
        var counts: [String] = []
        func add(_ value: Int, _ word: String, _ paint: (String) -> String = { $0 }) {
            if value > 0 { counts.append(paint("\(TerminalText.count(value)) \(word)")) }
        }
        add(c.created, "created")
        add(c.updated, "updated")
        add(c.unchanged, "unchanged")
        add(c.takenBack, "taken back by `undo`", style.yellow)
        add(c.adopted, "of them found in the target")
        add(c.conflicts, "edited by people meanwhile", style.yellow)
        add(c.skipped, "that cannot go", style.red)
        add(c.failed, "failed", style.red)
        add(c.uncertain, "not known to be written", style.red)
        let text = counts.isEmpty ? "no tickets" : counts.joined(separator: ", ")
        return style.bold("Migration ") + state + ": " + text
    }

    private var failures: [String] {
        guard !report.failures.isEmpty else { return [] }
        var lines = ["", style.bold("Failed or set aside")]
        let groups = Dictionary(grouping: report.failures) { $0.failure?.code ?? "unknown" }
        for (code, tickets) in groups.sorted(by: { (-$0.value.count, $0.key) < (-$1.value.count, $1.key) }) {
            let first = tickets[0].failure
            lines.append(
                "  \(style.red(TerminalText.counted(tickets.count, "ticket"))): \(TerminalText.safe(first?.message ?? "no reason known")) [\(code)]"
            )
            lines += remedy(first?.remedy ?? "run the migration again", "    ")
            let ids = tickets.prefix(12).map(\.id).joined(separator: ", ")
            lines.append(
                "    tickets: " + TerminalText.clipped(TerminalText.safe(ids), to: width - 13)
                    + (tickets.count > 12 ? ", …" : ""))
        }
        return lines
    }

    private func remedy(_ text: String, _ indent: String) -> [String] {
        TerminalText.wrapped("fix: " + TerminalText.safe(text), width: width, indent: indent, hanging: "     ")
    }

    private var conflicts: [String] {
        guard !report.conflicts.isEmpty else { return [] }
        let shown = report.conflicts.prefix(20).map { ticket in
            ticket.targetID.map { "\(ticket.id) (\($0) in the target)" } ?? ticket.id
        }
        let more = report.conflicts.count - shown.count
        let ids = shown.joined(separator: ", ") + (more > 0 ? " and \(TerminalText.count(more)) more" : "")
        let texts = [
            "edited by people in the target, who keep its properties: \(ids)",
            "fix: look at them there; `migrate --conflicts overwrite` sets what is kept back",
        ]
        return ["", style.bold("In conflict")]
            + texts.flatMap { text in
                TerminalText.wrapped(TerminalText.safe(text), width: width - 4).enumerated().map {
                    ($0.offset == 0 ? "  " : "    ") + $0.element
                }
            }
    }

    private var borrowed: [String] {
        guard !report.borrowed.isEmpty else { return [] }
        return ["", style.yellow("Still borrowed (a whole run gives it back, or `ticketferry restore \(file)`)")]
            + report.borrowed.map { "  - \(TerminalText.safe($0.borrowing.summary)), since \($0.since)" }
    }
}
