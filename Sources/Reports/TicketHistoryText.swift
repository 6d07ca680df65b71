// SPDX-License-Identifier: Apache-2.0
package import Migration
import TicketModel

/// One ticket's way through a migration, for a terminal.
package struct TicketHistoryText {
    private let history: TicketHistory
    private let style: Style
    private let width: Int

    /// Prepares the lines of a history.
    package init(_ history: TicketHistory, style: Style, width: Int) {
        self.history = history
        self.style = style
        self.width = width
    }

    /// Old and new number, each step with its id in the target, the losses.
    package var lines: [String] {
        let ticket = history.ticket
        var old = ticket.id
        if let number = ticket.number, number != ticket.id { old = "\(number) (id \(ticket.id))" }
        var lines = [style.bold("Ticket \(TerminalText.safe(old))") + ": " + state]
        if let id = ticket.targetID {
            lines.append(
                "In the target: \(TerminalText.safe(id))"
                    + (ticket.targetURL.map { "  \(TerminalText.safe($0))" } ?? ""))
        }
        if let failure = ticket.failure {
            lines.append(style.red(TerminalText.safe(failure.message)) + " [\(failure.code)]")
            lines += TerminalText.wrapped(
                "fix: " + TerminalText.safe(failure.remedy), width: width, indent: "  ", hanging: "     ")
        }
        if !history.steps.isEmpty {
            var table = TextTable(["step", "what", "value", "state", "id there", "sent"])
            for step in history.steps {
                table.add([
                    step.verb.rawValue, step.name, step.value ?? "", step.state.rawValue, step.receipt?.id ?? "",
                    step.sentAt.description,
                ])
            }
            lines +=
                ["", style.bold("What was written")] + table.lines(width: width - 2, style: style).map { "  " + $0 }
        }
        if !history.losses.isEmpty {
            var table = TextTable(["what", "value", "why", "kept in"])
            for loss in history.losses { table.add([loss.field, loss.value ?? "", loss.reason, loss.fallback.words]) }
            lines += ["", style.bold("What was lost")] + table.lines(width: width - 2, style: style).map { "  " + $0 }
        }
        return lines
    }

    private var state: String {
        switch history.ticket.state {
        case .complete: style.green("complete")
        case .begun: style.yellow("begun")
        case .failed: style.red("failed")
        case .takenBack: "taken back by `undo`"
        case .setAside: style.red("set aside: nobody knows whether a write of it arrived")
        }
    }
}
