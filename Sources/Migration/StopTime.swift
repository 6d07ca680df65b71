// SPDX-License-Identifier: Apache-2.0
public import Foundation
public import TicketModel

/// When a run is to stop by itself: `--until 06:00`, `--until 2026-12-01T06:00`.
public struct StopTime: Hashable, Sendable {
    /// The instant, in whole seconds.
    public let instant: Timestamp
    /// As it was written.
    public let text: String

    /// Reads a time.
    ///
    /// A clock time is the next such time; without an offset it is of the local zone. Where a local time happens twice,
    /// it is the first; where the clock jumps over it, the moment of the jump.
    ///
    /// - Throws: `Diagnostic` with cause `usage` for what is no time, and for one that is over.
    public init(parsing text: String, now: Timestamp = SystemRunClock().now(), zone: TimeZone = .current) throws {
        self.text = text
        guard let seconds = try Self.seconds(text, now: now.seconds, zone: zone) else {
            throw Diagnostic(
                code: "usage.bad-time", "`\(text)` is no time",
                remedy: "write 06:00, 2026-12-01T06:00 or 2026-12-01T06:00:00Z", cause: .usage)
        }
        guard seconds > now.seconds else {
            throw Diagnostic(
                code: "usage.time-over", "`\(text)` is over already", remedy: "name a time that is still to come",
                cause: .usage)
        }
        instant = Timestamp(seconds: seconds)
    }

    /// What the report of a run says that ended at this time.
    public var reason: Diagnostic {
        Diagnostic(
            .note, code: "run.until", "it was to stop at \(text) (\(instant))",
            remedy: "run the same command again to go on", cause: .interrupted)
    }

    private static func seconds(_ text: String, now: Int64, zone: TimeZone) throws -> Int64? {
        if let instant = Timestamp(text) { return instant.seconds }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        let halves = text.split(whereSeparator: { $0 == "T" || $0 == " " }).map(String.init)
        var parts = DateComponents()
        guard let clock = halves.last.flatMap({ numbers($0, ":", widths: [1...2, 2...2, 2...2]) }), clock.count >= 2,
            clock[0] < 24, clock[1] < 60, clock.count < 3 || clock[2] < 60
        else { return nil }
        (parts.hour, parts.minute, parts.second) = (clock[0], clock[1], clock.count > 2 ? clock[2] : 0)
        switch halves.count {
        case 1 where !text.contains(where: { $0 == "T" || $0 == " " }):
            let next = calendar.nextDate(
                after: Date(timeIntervalSince1970: Double(now)), matching: parts, matchingPolicy: .nextTime,
                repeatedTimePolicy: .first)
            return next.map { Int64($0.timeIntervalSince1970) }
        case 2:
            guard let day = numbers(halves[0], "-", widths: [4...4, 2...2, 2...2]), day.count == 3 else { return nil }
            (parts.year, parts.month, parts.day) = (day[0], day[1], day[2])
            guard let date = calendar.date(from: parts),
                calendar.dateComponents([.year, .month, .day], from: date)
                    == DateComponents(year: day[0], month: day[1], day: day[2])
            else { return nil }
            return Int64(date.timeIntervalSince1970)
        default: return nil
        }
    }

    /// The numbers between the separators, each with as many digits as allowed at its place.
    private static func numbers(_ text: String, _ separator: Character, widths: [ClosedRange<Int>]) -> [Int]? {
        let words = text.split(separator: separator, omittingEmptySubsequences: false)
        guard words.count <= widths.count else { return nil }
        var out: [Int] = []
        for (word, width) in zip(words, widths) {
            guard width.contains(word.utf8.count), word.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(word)
            else { return nil }
            out.append(number)
        }
        return out
    }
}
