// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Lets the first ticket of a run go alone, and remembers what the server has shown that it keeps.
///
/// A server that cuts long texts or turns emoji into question marks says success (field notes, “Create”): each kind of
/// text, and each that is longer than all before it, is read back once.
actor SupportEngineGate {
    /// How a write may go on.
    enum Pass {
        /// Alone: nobody else writes until ``leave(_:)``.
        case first
        case open
        /// The server changes texts: nothing more is sent.
        case closed(Diagnostic)
    }

    private enum State {
        case unproven, proving, open
        case closed(Diagnostic)
    }

    private var state = State.unproven
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var proven: Set<String> = []
    private var longest: [String: Int] = [:]

    /// Whether anything may be sent, without waiting.
    var current: Pass {
        if case .closed(let diagnostic) = state { .closed(diagnostic) } else { .open }
    }

    /// Waits while the first ticket is on its way.
    func enter() async -> Pass {
        while true {
            switch state {
            case .unproven:
                state = .proving
                return .first
            case .proving: await withCheckedContinuation { waiting.append($0) }
            case .open: return .open
            case .closed(let diagnostic): return .closed(diagnostic)
            }
        }
    }

    /// The one that went alone is done; not proven: the next one goes alone.
    func leave(isProven: Bool) {
        if case .proving = state { state = isProven ? .open : .unproven }
        wake()
    }

    /// The server changes what it stores.
    func close(_ diagnostic: Diagnostic) {
        state = .closed(diagnostic)
        wake()
    }

    /// Whether a text of that place is of a kind, or of a length, that has not been read back.
    func isUnproven(_ samples: [(place: String, text: String)]) -> Bool {
        samples.contains { place, text in
            text.utf8.count > longest[place, default: 0] || !proven.isSuperset(of: Self.kinds(place, text))
        }
    }

    /// These texts were read back as they were sent.
    func prove(_ samples: [(place: String, text: String)]) {
        for (place, text) in samples {
            longest[place] = max(longest[place, default: 0], text.utf8.count)
            proven.formUnion(Self.kinds(place, text))
        }
    }

    private static func kinds(_ place: String, _ text: String) -> Set<String> {
        // Words of a list may be known to the database or not, each for itself.
        if place == "priority" || place == "category_id" { return ["\(place) \(text)"] }
        var out: Set<String> = [place]
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case ..<0x20 where scalar != "\n": out.insert("\(place) control")
            case ..<0x80: break
            case ..<0x100: out.insert("\(place) latin")
            case ..<0x1_0000: out.insert("\(place) wide")
            default: out.insert("\(place) astral")
            }
        }
        return out
    }

    private func wake() {
        let all = waiting
        waiting = []
        for continuation in all { continuation.resume() }
    }
}
