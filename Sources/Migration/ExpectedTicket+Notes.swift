// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

extension ExpectedTicket {
    /// Lets migration notes stand as several runs wrote them: a note is never rewritten, and what a later run found stands
    /// in one more.
    ///
    /// A plan as if nothing were written has one note with all lines. Where the journal says that this very note was written,
    /// it is compared byte for byte; else each of its lines must stand in some note of ours, and lines that do not hold any
    /// more may stand beside them.
    mutating func settleNotes(of steps: [Step], journalled: [StepRecord], in stored: StoredTicket) {
        let notes = Dictionary(
            steps.filter(\.key.isMigrationNote).map { ($0.key.digest, $0) }, uniquingKeysWith: { first, _ in first })
        let written = journalled.filter { $0.verb == .append && $0.state == .done }
        for i in messages.indices {
            guard let step = notes[messages[i].digest] else { continue }
            messages[i].hasPlace = false
            if written.contains(where: { $0.part == step.key.part && $0.fingerprint == step.fingerprint }) { continue }
            let kind = messages[i].kind
            let standing = stored.messages.filter { $0.digest != nil && $0.kind == kind }.map(\.text)
            guard let own = stored.messages.first(where: { $0.digest == step.key.digest })?.text,
                messages[i].texts.contains(where: { text in
                    Self.lines(of: text).allSatisfy { line in standing.contains { $0.contains(line) } }
                })
            else { continue }
            (messages[i].texts, messages[i].proofs) = ([own], [])
        }
    }

    /// The head and the items of a note, in whatever form the target shows it.
    private static func lines(of text: String) -> [String] {
        var text = text
        for mark in ["<ul>", "<li>", "</li>", "</ul>"] { text = text.replacing(mark, with: "\n") }
        return text.split(whereSeparator: \.isNewline).map { $0.trimming(while: \.isWhitespace) }.filter { !$0.isEmpty }
    }
}

extension Substring {
    fileprivate func trimming(while isBlank: (Character) -> Bool) -> String {
        let head = drop(while: isBlank)
        return String(head.reversed().drop(while: isBlank).reversed())
    }
}
