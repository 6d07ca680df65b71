// SPDX-License-Identifier: Apache-2.0
package import Migration
import TicketModel

/// What `verify` found, for a terminal.
package struct VerifyText {
    private let verification: Verification
    private let style: Style
    private let width: Int
    /// Tickets that are shown with their differences.
    private static let shown = 20

    /// Prepares the lines of a verification.
    package init(_ verification: Verification, style: Style, width: Int) {
        self.verification = verification
        self.style = style
        self.width = width
    }

    /// What was compared, what differs, ticket by ticket, and what could not be compared.
    package var lines: [String] {
        var lines = head + kinds
        if let table = tickets { lines += [""] + table }
        let more = verification.differentTickets - Self.shown
        if more > 0 { lines.append("… and \(TerminalText.counted(more, "ticket")) more: --json lists all") }
        for (id, diagnostic) in verification.failed.prefix(Self.shown) {
            lines += TerminalText.wrapped(
                style.red("not compared: ") + TerminalText.safe("\(id): \(diagnostic.message)"), width: width)
        }
        return lines
    }

    private var head: [String] {
        let v = verification
        let what = [
            TerminalText.counted(v.tickets, "ticket"), TerminalText.counted(v.messages, "message"),
            TerminalText.counted(v.files, "file"),
        ].joined(separator: ", ")
        let result: String
        if v.exitCause == nil {
            result = style.green("no difference")
        } else if v.counts.isEmpty {
            result = style.yellow("no difference in what could be compared")
        } else {
            let count = v.counts.values.reduce(0, +)
            result = style.red(
                "\(TerminalText.counted(count, "difference")) in \(TerminalText.counted(v.differentTickets, "ticket"))")
        }
        var lines = ["Compared \(what): \(result)"]
        if v.takenBack > 0 {
            lines.append("\(TerminalText.counted(v.takenBack, "ticket")) that `undo` took back were not looked for")
        }
        if v.isWithoutJournal, v.missing > 0 {
            lines.append(
                "There is no journal: whether an `undo` took back some of the \(TerminalText.counted(v.missing, "missing ticket")) cannot be told"
            )
        }
        if v.addedTagsCount > 0 {
            let some = v.addedTags.prefix(5).map { "\($0.number ?? $0.id): \($0.tags.joined(separator: ", "))" }
            lines.append(
                TerminalText.safe(
                    "\(TerminalText.counted(v.addedTagsCount, "tag")) added by people, which is no difference (\(some.joined(separator: "; "))\(v.addedTags.count > 5 ? "; …" : ""))"
                ))
        }
        if v.declared > 0 {
            lines.append(
                "\(TerminalText.counted(v.declared, "difference")) more that the migration named as losses")
        }
        if v.waitingDates > 0 {
            lines.append(
                "\(TerminalText.counted(v.waitingDates, "date")) of messages wait for the finishing file to be run")
        }
        if v.unfetched > 0 {
            lines.append(
                "\(TerminalText.counted(v.unfetched, "file")) cannot be fetched from the target: name and size were compared"
            )
        }
        if let count = v.independentCount {
            lines.append(
                "The target counts \(TerminalText.counted(count, "ticket")) in all; \(TerminalText.count(v.listed)) of them were found by their marks"
            )
        }
        return lines.flatMap { TerminalText.wrapped($0, width: width) }
    }

    private var kinds: [String] {
        guard !verification.counts.isEmpty else { return [] }
        var table = TextTable(["difference", "count"], alignments: [.left, .right])
        for (kind, count) in verification.counts.sorted(by: {
            ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue)
        }) {
            table.add([Self.words(kind), TerminalText.count(count)])
        }
        return [""] + table.lines(width: width, style: style)
    }

    private var tickets: [String]? {
        guard !verification.different.isEmpty else { return nil }
        var table = TextTable(["ticket", "there", "what", "difference"])
        for ticket in verification.different.prefix(Self.shown) {
            for (i, difference) in ticket.differences.enumerated() {
                table.add([
                    i == 0 ? ticket.number ?? ticket.id : "", i == 0 ? ticket.targetID ?? "–" : "", difference.part,
                    Self.sentence(difference),
                ])
            }
        }
        return table.lines(width: width, style: style)
    }

    private static func sentence(_ difference: Difference) -> String {
        let words = words(difference.kind)
        switch (difference.expected, difference.found) {
        case (let expected?, let found?): return "\(words): \(found), not \(expected)"
        case (let expected?, nil) where difference.kind == .property: return "\(words): should be \(expected)"
        case (nil, let found?): return "\(words): \(found)"
        default: return words
        }
    }

    private static func words(_ kind: Difference.Kind) -> String {
        switch kind {
        case .missingTicket: "ticket missing"
        case .doubledTicket: "ticket there twice"
        case .missingMessage: "message missing"
        case .doubledMessage: "message there twice"
        case .addedMessage: "message added in the target"
        case .order: "message at another place"
        case .exposed: "internal message can be read by customers"
        case .hidden: "public message is internal"
        case .author: "another author"
        case .text: "another text"
        case .date: "another date"
        case .missingFile: "file missing"
        case .changedFile: "file changed"
        case .unreadableFile: "file cannot be read"
        case .addedFile: "file added in the target"
        case .property: "another value"
        case .missingTag: "tag missing"
        case .missingEntry: "entry of the catalogue missing"
        }
    }
}
