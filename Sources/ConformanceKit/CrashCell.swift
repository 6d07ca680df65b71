// SPDX-License-Identifier: Apache-2.0

/// A place in a process where it can be struck.
package enum CrashPlace: Hashable, Sendable {
    /// The request of that number, from 0, counted from the process' start.
    case request(Int)
    /// The commit of that number, from 0, counted from the process' start.
    case commit(Int)
    /// The request or commit of that number, counted from the first one that is about a step.
    case recovery(Int)
    /// The request of that number among those of look-ups.
    case lookUp(Int)
    /// The request or commit of that number, counted from the first one of a rebuilding of the journal.
    case adoption(Int)

    var number: Int {
        switch self {
        case .request(let n), .commit(let n), .recovery(let n), .lookUp(let n), .adoption(let n): n
        }
    }
}

/// What happens at a place.
package enum CrashMoment: Hashable, Sendable {
    /// It dies before the request leaves, or before the commit.
    case before
    /// It dies after the request was done and before the answer, or after the commit.
    case after
    /// It dies with the request under way, which is done so many seconds later.
    case late(Int)
    /// It dies, and the target dies in the middle of what the request makes.
    case middle
    /// It dies, and of the journal's write-ahead log only so many frames are on the disk.
    case cut(frames: Int)
    /// It dies, and a byte of that frame of the write-ahead log, counted from 0, is not what was written.
    case torn(frame: Int)
    /// It dies, and the journal is gone.
    case gone
    /// It is asked to stop, and ends in good order.
    case stop
    /// It lives, and gets that answer.
    case answer(CrashAnswer)

    var isDeath: Bool {
        switch self {
        case .answer, .stop: false
        default: true
        }
    }
}

/// An answer that proves nothing.
package enum CrashAnswer: Hashable, Sendable, CaseIterable {
    case droppedBefore, droppedAfter
    /// A time-out; the request is done five seconds later.
    case late
    /// A time-out; the request is done when the settle time is nearly over.
    case latest
    case status500, status502, status503, status504
    case cut, garbage, page, empty, refused400, refused422
    /// In the API's own form, with a status of its own: what was written is said to be wrong.
    case refusedHere

    /// In words, for tables.
    package var words: String {
        switch self {
        case .droppedBefore: "dropped before it is done"
        case .droppedAfter: "dropped after it is done"
        case .late: "time-out, done 5 s later"
        case .latest: "time-out, done 5 s before the settle time ends"
        case .status500: "500 after it is done"
        case .status502: "502 after it is done"
        case .status503: "503 after it is done"
        case .status504: "504 after it is done"
        case .cut: "a body cut in the middle"
        case .garbage: "a body that does not parse"
        case .page: "an HTML page with 200"
        case .empty: "an empty 200"
        case .refused400: "refused with 400 although done"
        case .refused422: "refused with 422 although done"
        case .refusedHere: "refused with 400 and an unknown body although done"
        }
    }
}

/// A blow: where and what.
package struct CrashStrike: Hashable, Sendable, CustomStringConvertible {
    /// Where.
    package var place: CrashPlace
    /// What.
    package var moment: CrashMoment

    /// A blow at a place.
    package init(_ place: CrashPlace, _ moment: CrashMoment) {
        self.place = place
        self.moment = moment
    }

    package var description: String { "\(place) \(moment)" }
}

/// One cell: a step of a connector, a moment, and the blows that make it.
package struct CrashCell: Hashable, Sendable, CustomStringConvertible {
    /// Whose.
    package var connector: String
    /// The step that is struck, in a word or two.
    package var step: String
    /// When, in words.
    package var moment: String
    /// Which of the scenario's commands is struck: 0 the first run, 1 the delta, 2 the `undo`.
    package var command: Int
    /// The blows, one for each process in turn.
    package var strikes: [CrashStrike]
    /// What the scenario and its order come from.
    package var seed: UInt64

    /// How to play it again.
    package var description: String {
        "seed \(seed), \(connector), \(step), \(moment), command \(command): "
            + strikes.map(\.description).joined(separator: ", then ")
    }
}

/// What became of a cell.
package struct CrashVerdict: Sendable {
    /// What is missing, changed or out of its order.
    package var losses: [String] = []
    /// What is there more than once, or was written by a run that had nothing to do.
    package var doubles: [String] = []
    /// What is public and was private.
    package var leaks: [String] = []
    /// E-mails more than those of an undisturbed run.
    package var mails: [String] = []
    /// Tickets that a person has to decide about.
    package var setAside: [String] = []
    /// What is missing and stands among the losses that the journal shows.
    package var declared: [String] = []
    /// Whether each blow fell.
    package var fell = 0
    /// Writes that were found instead of being sent again.
    package var adopted = 0
    /// Writes that were sent once more, those that only set something apart.
    package var sentAgain = 0
    /// Runs that it took.
    package var runs = 0

    /// Takes what the journal shows as lost, `TICKET FIELD` each, out of what is lost unseen.
    mutating func declare(_ shown: Set<String>) {
        var unseen: [String] = []
        // Messages that lack nothing but their files come in twos: as they are, and as they should be.
        let withoutFiles = Dictionary(grouping: losses.compactMap(Self.withoutFiles)) { $0 }
        for line in losses {
            let isShown = shown.contains { text in
                let parts = text.split(separator: " ", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { return false }
                if line.hasPrefix("“\(parts[0])”: “\(parts[1])") { return true }
                guard parts[1] == "messages[].attachments[]", line.hasPrefix("“\(parts[0])”: “"),
                    let words = Self.withoutFiles(line)
                else { return false }
                return withoutFiles[words]?.count == 2
            }
            if isShown { declared.append(line) } else { unseen.append(line) }
        }
        // The rows of a table say the same once more.
        if !declared.isEmpty, unseen.allSatisfy({ $0.hasPrefix("table ") }) { unseen = [] }
        losses = unseen
    }

    /// A line about a message without the list of its files and without what is wrong with it; nil for any other line.
    private static func withoutFiles(_ line: String) -> String? {
        let parts = line.split(separator: " with [", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2,
            let end = ["” is missing", "” is too much"].first(where: { line.hasSuffix($0) })
        else { return nil }
        let rest = parts[1].split(separator: "]: ", maxSplits: 1, omittingEmptySubsequences: false).last ?? ""
        return "\(parts[0]) \(rest.dropLast(end.count))"
    }

    /// Whether all is as it has to be.
    package var isGood: Bool { losses.isEmpty && doubles.isEmpty && leaks.isEmpty && mails.isEmpty }

    /// All complaints, a line each.
    package var complaints: [String] {
        losses.map { "lost: \($0)" } + doubles.map { "double: \($0)" } + leaks.map { "leaked: \($0)" }
            + mails.map { "mail: \($0)" }
    }
}
