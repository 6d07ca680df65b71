// SPDX-License-Identifier: Apache-2.0

/// A path within a record, compiled to numbers of names.
struct RulePath: Sendable, Hashable {
    /// How many steps upwards it starts with.
    var ups = 0
    /// The names to go down by, after that.
    var steps: [UInt32] = []
    /// The whole text as one name: a CSV header may hold `/` and `.`, and wins.
    var whole: UInt32?
    /// As the mapping writes it.
    var text: String

    /// Compiles a path: `a/b`, `@attribute`, `.`, `..`; steps up behind names are resolved now.
    init(_ text: String, names: inout NameTable) {
        self.text = text
        for part in text.split(separator: "/", omittingEmptySubsequences: true) {
            switch part {
            case ".": continue
            case "..":
                if steps.isEmpty { ups += 1 } else { steps.removeLast() }
            default: steps.append(names.id(String(part)))
            }
        }
        if text != "." && text != ".." { whole = names.id(text) }
        if steps.count == 1, ups == 0 { whole = nil }
    }

    /// A path that goes down from where it starts.
    init(steps: [UInt32], text: String) {
        self.steps = steps
        self.text = text
    }
}
