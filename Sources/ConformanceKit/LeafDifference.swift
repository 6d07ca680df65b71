// SPDX-License-Identifier: Apache-2.0
package import TicketModel

/// A leaf of a ticket that did not come back from a target as it was drafted.
package struct LeafDifference: Hashable, Sendable, CustomStringConvertible {
    /// The canonical path, as losses name it: `messages[].createdAt`.
    package var path: String
    /// The path with the message's place in the draft: `messages[3].createdAt`.
    package var place: String
    /// As drafted, short; nil: it was not there.
    package var before: String?
    /// As read back, short; nil: it is not there.
    package var after: String?
    /// Whether the target only added what every ticket of it has (a date, a channel): it may be declared, and need not.
    package var isAddition: Bool

    /// Names a difference; values are cut for people.
    package init(_ path: String, at message: Int? = nil, _ before: String?, _ after: String?, isAddition: Bool = false)
    {
        self.path = path
        place = message.map { path.replacing("messages[]", with: "messages[\($0)]", maxReplacements: 1) } ?? path
        self.before = before.map(Self.short)
        self.after = after.map(Self.short)
        self.isAddition = isAddition
    }

    package var description: String { "\(place): \(before ?? "nothing") → \(after ?? "nothing")" }

    /// Control characters shown, the middle of long texts left out.
    private static func short(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": out += "⏎"
            case "\r": out += "␍"
            case _ where scalar.value < 0x20: out += "\\u{\(String(scalar.value, radix: 16))}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out.count > 240 ? "\(out.prefix(160))…\(out.suffix(60))" : out
    }
}

/// What is left over when differences are held against declared losses; empty twice: all is told, and nothing else.
package struct Unexplained: Sendable {
    /// Leaves that differ and are no declared loss.
    package var differences: [LeafDifference]
    /// Declared losses that are no difference.
    package var losses: [Loss]

    /// Whether nothing is left over.
    package var isEmpty: Bool { differences.isEmpty && losses.isEmpty }

    /// For people, a line each.
    package var lines: [String] {
        differences.map { "differs undeclared: \($0)" }
            + losses.map { "declared and not lost: \($0.field) (\($0.value ?? "–")): \($0.reason)" }
    }
}

extension LeafComparison {
    /// Holds the differences against the losses that were declared for the ticket.
    ///
    /// A loss explains every leaf at or below its path. Whole messages, tags and files are counted: two that are
    /// gone need two losses. Losses of what is not compared (ids, numbers, addresses, extras) are always true.
    package func explain(_ losses: [Loss]) -> Unexplained {
        var left: [LeafDifference] = []
        var counted: [String: Int] = [:]
        for difference in differences {
            let matching = losses.filter { Self.matches($0, difference) }
            let isWhole = difference.path.hasSuffix("[]") && difference.after == nil
            let used = counted[difference.path, default: 0]
            let supply = matching.count { $0.field == difference.path }
            let hasWider = matching.contains { $0.field != difference.path }
            if isWhole, !difference.path.hasPrefix("tags"), !hasWider, used >= supply {
                if !difference.isAddition { left.append(difference) }
                continue
            }
            if isWhole { counted[difference.path] = used + 1 }
            if matching.isEmpty, !difference.isAddition { left.append(difference) }
        }
        let idle = losses.filter { loss in
            !Self.isNotCompared(loss.field) && !differences.contains { Self.matches(loss, $0) }
        }
        return Unexplained(differences: left, losses: idle)
    }

    private static func matches(_ loss: Loss, _ difference: LeafDifference) -> Bool {
        if loss.field == "tags[]", difference.path == "tags[]", let tag = loss.value {
            return tag == (difference.before ?? difference.after)
        }
        guard difference.path.hasPrefix(loss.field) else { return false }
        // `messages[]` is a whole message, not everything about one.
        if loss.field == "messages[]" { return difference.path == "messages[]" || difference.path == "messages[].kind" }
        let rest = difference.path.utf8.dropFirst(loss.field.utf8.count)
        return rest.isEmpty || rest.first == UInt8(ascii: ".") || rest.first == UInt8(ascii: "[")
    }

    private static func isNotCompared(_ field: String) -> Bool {
        ["id", "number", "url", "messages[].id", "messages[].messageId"].contains(field)
            || field.hasPrefix("extras") || field.hasPrefix("messages[].extras") || field.hasSuffix("attachments[].url")
            || field.hasPrefix("catalogue.")
    }
}
