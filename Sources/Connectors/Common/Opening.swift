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
    /// The first one, if it is public, when the ticket is made. Ever after the one that `made`, what is known of the
    /// making, names as `opening`; also when the source brings an earlier one later.
    func openingIndex(_ keys: [String], made: TicketProgress.Done?) -> Int? {
        guard let key = made?.receipt.details["opening"]?.string else {
            return messages.first?.kind == .reply ? 0 : nil
        }
        return keys.firstIndex(of: key)
    }
}
