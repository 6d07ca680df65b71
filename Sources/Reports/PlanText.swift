// SPDX-License-Identifier: Apache-2.0
package import Migration
package import TicketModel

/// A plan for a terminal: what would happen, what would be lost, what it costs.
package struct PlanText {
    private let summary: PlanSummary
    private let style: Style
    private let width: Int

    /// Prepares the lines of a summary.
    package init(_ summary: PlanSummary, style: Style, width: Int) {
        self.summary = summary
        self.style = style
        self.width = width
    }

    /// The summary, the losses by kind, what is left aside and what is borrowed.
    package var lines: [String] {
        head + catalogue + preparations + losses + files + reading + notices
    }

    /// What becomes of one ticket, with all that changes; nothing for one that stays as it is.
    ///
    /// Longer ones go on in indented lines: nothing hides what comes after it.
    package static func lines(of change: TicketChange, style: Style, width: Int) -> [String] {
        let mark: String
        switch change.action {
        case .create: mark = style.green("+")
        case .update: mark = style.yellow("~")
        case .conflict: mark = style.red("!")
        case .skip: mark = style.red("–")
        case .unchanged where change.isLeftToPeople: mark = style.yellow("!")
        case .unchanged: return []
        }
        var parts = change.isLeftToPeople ? conflict(change) : []
        parts += work(change)
        if !change.losses.isEmpty { parts.append(TerminalText.counted(change.losses.count, "loss", "losses")) }
        if change.mails > 0 { parts.append(TerminalText.counted(change.mails, "e-mail")) }
        parts += atMost(change.changedTexts.map { "\(name(ofText: $0)) changed in the source, stays" })
        parts += change.diagnostics.map(\.message)
        let text = "\(change.number.map { "\($0) (\(change.id))" } ?? change.id): \(parts.joined(separator: " · "))"
        return TerminalText.wrapped(TerminalText.safe(text), width: width - 4).enumerated().map {
            ($0.offset == 0 ? "\(mark) " : "    ") + $0.element
        }
    }

    /// At most so many changes of a kind are shown of a ticket.
    private static let shownOfOne = 12

    private static func atMost(_ texts: [String]) -> [String] {
        let more = texts.count - shownOfOne
        return more > 0 ? texts.prefix(shownOfOne) + ["and \(TerminalText.count(more)) more"] : texts
    }

    private static func name(ofText message: String) -> String {
        message == "ticket" ? "the opening text" : message.hasPrefix("the ") ? message : "the text of \(message)"
    }

    /// What people made of a ticket, and what of the source is kept back for it.
    private static func conflict(_ change: TicketChange) -> [String] {
        let edits = atMost(change.edits).joined(separator: ", ")
        let kept = atMost(change.keptBack.map(shown)).joined(separator: ", ")
        return [
            "edited by people in the target" + (edits.isEmpty ? "" : ": \(edits)"),
            kept.isEmpty ? "nothing of the source is kept back" : "kept back of the source: \(kept)",
        ]
    }

    private static func shown(_ field: FieldChange) -> String {
        guard let after = field.after else { return field.name }
        return "\(field.name): \(field.before ?? "–") → \(after)"
    }

    /// What is sent, by kind; for an update the properties with their values.
    private static func work(_ change: TicketChange) -> [String] {
        var counts: [(name: String, count: Int)] = []
        for step in change.steps {
            // `append reply m3` → `reply`: the id says nothing in a summary.
            let words = step.split(separator: " ")
            let name: String
            switch (words.first, words.dropFirst().first) {
            case ("set", "tag"): name = "tag"
            case ("set", _): name = "property"
            case (_, "migration"): name = "migration note"
            case (_, let noun): name = noun.map(String.init) ?? step
            }
            if let at = counts.firstIndex(where: { $0.name == name }) {
                counts[at].count += 1
            } else {
                counts.append((name, 1))
            }
        }
        var parts = counts.map { "\($0.count) \($0.count == 1 ? $0.name : plural($0.name))" }
        if change.action != .create {
            // What has no value is counted, and what only has to be sent again is no change.
            parts += atMost(change.fields.filter { $0.after != nil && $0.before != $0.after }.map(shown))
        }
        return parts
    }

    private static func plural(_ noun: String) -> String {
        switch noun {
        case "reply": "replies"
        case "property": "properties"
        default: noun + "s"
        }
    }

    private var head: [String] {
        let new = summary.create - summary.unknownInTarget
        var counts: [String] = []
        if summary.unknownInTarget > 0 {
            counts.append(style.red("\(TerminalText.count(summary.unknownInTarget)) in the target already"))
        }
        if new > 0 || counts.isEmpty { counts.append("\(TerminalText.count(new)) to create") }
        if summary.update > 0 { counts.append("\(TerminalText.count(summary.update)) to update") }
        if summary.unchanged > 0 {
            let left = summary.leftToPeople > 0 ? " (\(TerminalText.count(summary.leftToPeople)) edited by people)" : ""
            counts.append("\(TerminalText.count(summary.unchanged)) unchanged\(left)")
        }
        if summary.conflict > 0 { counts.append(style.yellow("\(TerminalText.count(summary.conflict)) in conflict")) }
        if summary.skip > 0 { counts.append(style.red("\(TerminalText.count(summary.skip)) that cannot go")) }
        var lines = [style.bold(TerminalText.counted(summary.total, "ticket") + ": ") + counts.joined(separator: ", ")]
        if let lost = summary.lostJournal {
            // Before any number: what a run would cost is not known until the journal is back.
            return DiagnosticText(lost, style: style, width: width).lines + [""] + lines
        }
        if summary.isEmpty {
            lines.append(nothing)
            return lines
        }
        let mails = TerminalText.counted(summary.mails, "e-mail")
        lines.append(
            "Costs \(TerminalText.counted(summary.requests, "request")), "
                + (summary.seconds < 0.5 ? "" : "about ") + TerminalText.duration(seconds: summary.seconds)
                + ", \(TerminalText.bytes(summary.bytes)) of files; sends "
                + (summary.mails == 0 ? style.green("no e-mail") : style.red(mails)))
        if !summary.mailed.isEmpty {
            let some = summary.mailed.prefix(5).map { "\($0.id) (\($0.mails))" }.joined(separator: ", ")
            lines.append("  e-mails by ticket: \(TerminalText.safe(some))\(summary.mailed.count > 5 ? ", …" : "")")
        }
        return lines
    }

    /// Why nothing is to be sent: only where all is there, that is said.
    private var nothing: String {
        if summary.total == 0 {
            return style.yellow(
                summary.listed == 0
                    ? "Nothing to do: the source lists no tickets."
                    : "Nothing to do: the selection leaves out all \(TerminalText.counted(summary.listed, "ticket")) of the source."
            )
        }
        if !summary.goneFromTarget.isEmpty {
            return style.yellow(
                "Nothing to send; no longer in the target: \(TerminalText.counted(summary.goneFromTarget.count, "ticket"))."
            )
        }
        if summary.skip > 0 { return style.yellow("Nothing to send: what can go is in the target.") }
        if summary.conflict > 0 {
            return style.yellow(
                "Nothing to send: \(TerminalText.counted(summary.conflict, "ticket")) in conflict, whose properties stay as people have them in the target."
            )
        }
        if !summary.gone.isEmpty {
            return style.green("Nothing to do: the target holds all that the source lists now.")
        }
        return style.green("Nothing to do: the target holds all of it.")
    }

    private var preparations: [String] {
        guard !summary.isEmpty, summary.lostJournal == nil else { return [] }
        let borrowed = summary.borrowings.map { "\($0.summary) (given back at the end)" }
        let all = summary.preparations + borrowed
        return all.isEmpty ? [] : ["", style.bold("Before the first ticket")] + bullets(all)
    }

    private var catalogue: [String] {
        let catalogue = summary.catalogue
        guard !catalogue.isEmpty else { return [] }
        let kinds = catalogue.entries.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { TerminalText.counted($0.value, $0.key.words.one, $0.key.words.many) }
        var out = ["the source has \(kinds.joined(separator: ", "))"]
        if !catalogue.create.isEmpty { out.append("to be made in the target: \(some(catalogue.create))") }
        for (reason, missing) in Dictionary(grouping: catalogue.missing, by: \.reason).sorted(by: { $0.key < $1.key }) {
            out.append("\(some(missing.map { "\($0.value ?? $0.field)" })): \(reason)")
        }
        if !catalogue.doubles.isEmpty {
            let pairs = catalogue.doubles.map { $0.map { $0.email ?? $0.name }.joined(separator: " = ") }
            out.append("customers who may be the same (nothing is merged): \(some(pairs))")
        }
        return ["", style.bold("Catalogue")] + bullets(out)
    }

    private func some(_ texts: [String]) -> String {
        texts.prefix(10).joined(separator: ", ") + (texts.count > 10 ? ", … (\(TerminalText.count(texts.count)))" : "")
    }

    private var losses: [String] {
        guard summary.losses > 0 else { return [] }
        var lines = [
            "", style.bold("What the target cannot hold (\(TerminalText.counted(summary.losses, "loss", "losses")))"),
        ]
        for (loss, count) in summary.lossKinds.sorted(by: Self.order).prefix(40) {
            let text = "\(loss.field): \(loss.reason) → \(loss.fallback.words)"
            let number = TerminalText.count(count)
            let indent = String(repeating: " ", count: 9)
            for (i, line) in TerminalText.wrapped(TerminalText.safe(text), width: width - 9).enumerated() {
                let lead = String(repeating: " ", count: max(0, 7 - number.count)) + style.bold(number) + "  "
                lines.append((i == 0 ? lead : indent) + line)
            }
        }
        if summary.lossKinds.count > 40 {
            lines.append("  … and \(summary.lossKinds.count - 40) more kinds; --losses FILE lists all")
        }
        return lines
    }

    private static func order(_ a: (key: Loss, value: Int), _ b: (key: Loss, value: Int)) -> Bool {
        (-a.value, a.key.field, a.key.reason) < (-b.value, b.key.field, b.key.reason)
    }

    private var reading: [String] { ReadReportText(summary.read, style: style, width: width).lines }

    private var notices: [String] {
        var notices: [String] = []
        if summary.inDoubt > 0 {
            notices.append(
                "\(TerminalText.counted(summary.inDoubt, "write")) of an earlier run will be looked up first")
        }
        if !summary.gone.isEmpty {
            let some = summary.gone.prefix(10).joined(separator: ", ")
            notices.append(
                "\(TerminalText.counted(summary.gone.count, "ticket")) gone from the source, left in the target: "
                    + TerminalText.safe(some) + (summary.gone.count > 10 ? ", …" : ""))
        }
        if summary.remapped > 0 {
            notices.append(
                "the mapping makes something else of \(TerminalText.counted(summary.remapped, "ticket")) than when written: properties follow, texts stay"
            )
        }
        if summary.changedTexts > 0 {
            let some = summary.changedTextsNamed.map {
                "\($0.message == "ticket" ? "the opening text" : $0.message) of \($0.ticket)"
            }.joined(separator: ", ")
            let more = summary.changedTexts > summary.changedTextsNamed.count ? ", …" : ""
            notices.append(
                "changed in the source after it was written, and stays as it was (\(some)\(more))"
            )
        }
        return notices.isEmpty ? [] : ["", style.bold("Note")] + bullets(notices)
    }

    private var files: [String] {
        guard summary.refusedFiles > 0 else { return [] }
        let count = TerminalText.counted(summary.refusedFiles, "file")
        let limit =
            summary.overLimit > 0 ? " (\(TerminalText.count(summary.overLimit)) over its limit of size)" : ""
        var table = TextTable(["ticket", "file", "size"], alignments: [.left, .left, .right])
        for file in summary.refused { table.add([file.ticket, file.name, TerminalText.bytes(file.size)]) }
        var lines = ["", style.yellow("\(count) the target will not take") + limit]
        lines += table.lines(width: width - 2, style: style).map { "  " + $0 }
        let rest = summary.refusedFiles - summary.refused.count
        if rest > 0 {
            lines.append("  … and \(TerminalText.count(rest)) more; --losses FILE lists all with the reasons")
        }
        return lines
    }

    private func bullets(_ texts: [String]) -> [String] {
        texts.flatMap { text in
            TerminalText.wrapped(TerminalText.safe(text), width: width - 4).enumerated().map {
                ($0.offset == 0 ? "  - " : "    ") + $0.element
            }
        }
    }
}

extension Loss.Fallback {
    /// In a word for tables.
    package var words: String {
        switch self {
        case .migrationNote: "a note on the ticket"
        case .header: "the message's header"
        case .finishingFile: "the finishing file"
        case .archive: "the archive"
        case .substitute: "the nearest value"
        }
    }
}

extension CatalogueEntry.Kind {
    /// For counting.
    fileprivate var words: (one: String, many: String) {
        switch self {
        case .agent: ("agent", "agents")
        case .customer: ("customer", "customers")
        case .organization: ("organization", "organizations")
        case .department: ("department", "departments")
        case .category: ("category", "categories")
        case .product: ("product", "products")
        case .mailbox: ("mailbox", "mailboxes")
        case .tag: ("tag", "tags")
        case .field: ("field", "fields")
        case .savedReply: ("saved reply", "saved replies")
        case .automaticMessage: ("automatic message", "automatic messages")
        case .officeHours: ("set of office hours", "sets of office hours")
        }
    }
}
