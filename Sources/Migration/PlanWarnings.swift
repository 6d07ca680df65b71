// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// What a plan's numbers should make somebody ask before it is believed.
///
/// Nothing here ends a run: a source may well be empty, and tickets do leave it.
struct PlanWarnings {
    private let selection: Selection
    private let file: String
    private let filesArePublic: Bool

    /// - Parameters:
    ///   - setup: whose selection was planned, and whose file the remedies name.
    ///   - filesArePublic: as the target's ``TargetFeatures/filesArePublic``.
    init(_ setup: MigrationSetup, filesArePublic: Bool = false) {
        (selection, file) = (setup.selection, setup.file)
        self.filesArePublic = filesArePublic
    }

    /// All of them.
    ///
    /// - Parameters:
    ///   - summary: the plan.
    ///   - known: how many tickets the journal has, where it was looked at.
    ///   - unseen: the words of the selection that no ticket had.
    /// - Returns: warnings, the most general first.
    func all(of summary: PlanSummary, known: Int, unseen: UnseenStatuses) -> [Diagnostic] {
        var warnings: [Diagnostic] = []
        // A delta may well find nothing.
        if summary.total == 0, selection.updatedSince == nil, selection.limit != 0, selection.ids == nil {
            warnings.append(summary.listed == 0 ? .emptySource : .emptySelection(of: summary.listed, file))
        }
        if selection.limit == nil, selection.updatedSince == nil {
            for word in unseen.words.sorted() { warnings.append(.noSuchStatus(word, file)) }
        }
        if !summary.unlisted.isEmpty { warnings.append(.noSuchTickets(summary.unlisted, file)) }
        if Self.isMany(summary.gone.count, of: known) {
            warnings.append(.manyGone(summary.gone.count, of: known))
        }
        if filesArePublic, summary.files > 0 { warnings.append(.publicFiles(summary.files)) }
        if !summary.goneFromTarget.isEmpty { warnings.append(.goneFromTarget(summary.goneFromTarget, file)) }
        return warnings
    }

    /// Whether so many tickets are gone from a source that a dump may be cut or a filter changed: more than a tenth and at
    /// least ten, or more than half.
    ///
    /// A helpdesk that is still at work loses a ticket now and then; a tenth of all goes by a retention rule, which is worth
    /// a look too.
    static func isMany(_ gone: Int, of known: Int) -> Bool { gone >= 10 && gone * 10 > known || gone * 2 > known }
}

/// The words of `select: status:` that no ticket of the plan has.
struct UnseenStatuses {
    private(set) var words: Set<String>

    init(_ selection: Selection) { words = Set(selection.status) }

    mutating func see(_ ticket: Ticket) {
        guard !words.isEmpty else { return }
        if let status = ticket.status?.rawValue { words.remove(status) }
        if let label = ticket.statusLabel { words.remove(label) }
    }
}

extension Diagnostic {
    fileprivate static var emptySource: Diagnostic {
        Diagnostic(
            .warning, code: "plan.no-tickets", "the source has no tickets",
            remedy: "if it should have some, look at the dump or at what the login may read; nothing is to be written")
    }

    fileprivate static func emptySelection(of listed: Int, _ file: String) -> Diagnostic {
        Diagnostic(
            .warning, code: "plan.none-selected", "`select:` leaves out all \(listed.counted("ticket")) of the source",
            remedy: "compare its words with `ticketferry inspect \(file)`; nothing is to be written")
    }

    fileprivate static func noSuchStatus(_ word: String, _ file: String) -> Diagnostic {
        Diagnostic(
            .warning, code: "plan.status-unseen",
            "`select:` names the status `\(word)`, and no ticket that goes has it",
            remedy: "canonical words are \(Ticket.Status.allCases.map(\.rawValue).joined(separator: ", ")); "
                + "`ticketferry inspect \(file)` shows the source's own labels")
    }

    fileprivate static func noSuchTickets(_ ids: [String], _ file: String) -> Diagnostic {
        Diagnostic(
            .warning, code: "plan.no-such-ticket",
            "named by `ids` or `--only`, and not in the source: \(ids.prefix(20).joined(separator: ", "))"
                + (ids.count > 20 ? " and \((ids.count - 20).grouped) more" : ""),
            remedy: "ids are those of the source, not the numbers that people quote: `ticketferry inspect \(file)`")
    }

    /// Of at least one.
    fileprivate static func goneFromTarget(_ ids: [String], _ file: String) -> Diagnostic {
        let isOne = ids.count == 1
        return Diagnostic(
            .warning, code: "plan.gone-from-target",
            (isOne ? "1 ticket that was written is" : "\(ids.count) tickets that were written are")
                + " no longer in the target: " + ids.prefix(20).joined(separator: ", ")
                + (ids.count > 20 ? ", …" : ""),
            remedy: "where that was not meant: `ticketferry resolve \(file) \(ids[0]) not-written`"
                + (isOne ? "" : " (and the same for each of the others)")
                + ", then `ticketferry migrate \(file)` writes \(isOne ? "it" : "them") anew")
    }

    fileprivate static func publicFiles(_ count: Int) -> Diagnostic {
        Diagnostic(
            .warning, code: "plan.public-files",
            "\(count.counted("file")) will be public in the target: whoever has the address of one can read it, without a login",
            remedy: "where that must not be: `attachments: skip` or `attachments: {link: …}` in the migration file")
    }

    fileprivate static func manyGone(_ gone: Int, of known: Int) -> Diagnostic {
        Diagnostic(
            .warning, code: "plan.many-gone",
            "not in the source any more: \(gone) of the \(known.counted("ticket")) that the journal has: a dump that is cut short, or a changed filter?",
            remedy:
                "compare the number of tickets with that of the helpdesk; they stay in the target, whatever the reason")
    }
}
