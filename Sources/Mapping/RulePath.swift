// SPDX-License-Identifier: Apache-2.0

/// A path within a record, compiled to numbers of names.
///
/// A class, since rules hand their paths about for every value: a struct with an array and a text would be copied, with
/// two counts of references, each time.
final class RulePath: Sendable {
    /// How many steps upwards it starts with.
    let ups: Int
    /// The names to go down by, after that.
    let steps: [UInt32]
    /// The whole text as one name: a CSV header may hold `/` and `.`, and wins.
    let whole: UInt32?
    /// The one name of a path that is nothing but a name, as most are; else ``RecordTree/none``.
    let name: UInt32
    /// As the mapping writes it.
    let text: String

    private init(ups: Int, steps: [UInt32], whole: UInt32?, text: String) {
        self.ups = ups
        self.steps = steps
        self.whole = whole
        self.text = text
        name = ups == 0 && steps.count == 1 && whole == nil ? steps[0] : RecordTree.none
    }

    /// Compiles a path: `a/b`, `@attribute`, `.`, `..`; steps up behind names are resolved now.
    convenience init(_ text: String, names: inout NameTable) {
        var ups = 0
        var steps: [UInt32] = []
        for part in text.split(separator: "/", omittingEmptySubsequences: true) {
            switch part {
            case ".": continue
            case "..":
                if steps.isEmpty { ups += 1 } else { steps.removeLast() }
            default: steps.append(names.id(String(part)))
            }
        }
        var whole = text != "." && text != ".." ? names.id(text) : nil
        if steps.count == 1, ups == 0 { whole = nil }
        self.init(ups: ups, steps: steps, whole: whole, text: text)
    }

    /// A path that goes down from where it starts.
    convenience init(steps: [UInt32], text: String) {
        self.init(ups: 0, steps: steps, whole: nil, text: text)
    }
}
