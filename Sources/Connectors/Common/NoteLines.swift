// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

/// Which lines of a migration note are in the target.
enum NoteLines {
    /// The names of those of a note's lines that a stored note has: one of an earlier run lacks what came later.
    ///
    /// All of them where none is found: people changed the note then, and nobody can tell.
    /// - Parameters:
    ///   - stored: the note as the target has it.
    ///   - step: writes the note; `lines` of its payload are the names, the items of its list the texts, in one order.
    ///   - text: what the note's step sends.
    /// - Returns: the names, for the receipt; nil where the step is no migration note.
    static func held(by stored: String, of step: Step, text: String) -> JSON? {
        guard let names = step.payload["lines"]?.array else { return nil }
        let items = items(of: text)
        guard items.count == names.count else { return .array(names) }
        let there = Set(Self.items(of: stored))
        let held = zip(names, items).filter { there.contains($0.1) }.map(\.0)
        return .array(held.isEmpty ? names : held)
    }

    private static func items(of html: String) -> [String] {
        html.split(separator: "<li>", omittingEmptySubsequences: false).dropFirst()
            .map { bare($0.split(separator: "</li>", maxSplits: 1, omittingEmptySubsequences: false)[0]) }
    }

    /// The letters and digits that people read: systems make links of addresses, and curly quotes of straight ones.
    private static func bare(_ html: Substring) -> String {
        var out = ""
        var (inTag, entity) = (false, false)
        for character in html {
            switch character {
            case "<": inTag = true
            case ">": inTag = false
            case "&": entity = true
            case ";" where entity: entity = false
            case " ": entity = false
            default: if !inTag, !entity, character.isLetter || character.isNumber { out.append(character) }
            }
        }
        return out
    }
}
