// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

/// What targets share that make a ticket with its first text.
extension Ticket {
    /// What stands for a text that is empty, or for an opening that is not public.
    var placeholder: String {
        let subject = subject?.trimmingBlanks ?? ""
        return subject.isEmpty ? "–" : subject
    }

    /// Which message is the ticket's own text, by the messages' keys; nil: none of them.
    ///
    /// `first` when the ticket is made. Ever after the one that the receipt of the making (`createKey`) names as `opening`,
    /// also when the source brings an earlier one later. A text that has no id of its own (the content of a ticket, in most
    /// helpdesks) is known by its words alone: when they changed, `first` is still it, unless it was written by itself.
    func openingIndex(_ keys: [String], first: Int?, progress: TicketProgress, createKey: WriteKey) -> Int? {
        guard let made = progress.done[createKey]?.receipt.details["opening"]?.string else { return first }
        if let same = keys.firstIndex(of: made) { return same }
        guard made.hasPrefix("~"), let first, keys[first].hasPrefix("~") else { return nil }
        let isWritten = progress.done.keys.contains { $0.part == "message:\(keys[first])" }
        return isWritten ? nil : first
    }

    /// The first message, if it is public.
    var publicFirst: Int? { messages.first?.kind == .reply ? 0 : nil }
}
