// SPDX-License-Identifier: Apache-2.0
import TicketModel

/// A file of the system's tzdata (RFC 8536): the moments at which a zone's offset changed, and will change.
struct TZif {
    struct Transition: Sendable {
        /// Seconds since 1970.
        var at: Int64
        /// Seconds east of UTC from then on.
        var offset: Int32
    }
    /// Sorted; the rule of the footer is written out to the year 2400.
    var transitions: [Transition] = []
    /// Before the first change.
    var firstOffset: Int32 = 0

    init?(_ bytes: [UInt8]) {
        func number(_ at: Int, _ size: Int) -> Int64? {
            guard at >= 0, at + size <= bytes.count else { return nil }
            var value: UInt64 = 0
            for byte in bytes[at..<at + size] { value = value << 8 | UInt64(byte) }
            return size == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
        }
        func counts(_ at: Int) -> [Int]? {
            guard at + 44 <= bytes.count, bytes[at..<at + 4].elementsEqual("TZif".utf8) else { return nil }
            let values = (0..<6).compactMap { number(at + 20 + 4 * $0, 4).map(Int.init) }
            return values.count == 6 && values.allSatisfy { $0 >= 0 && $0 < 100_000 } ? values : nil
        }
        // Order in the header: isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt.
        guard let first = counts(0) else { return nil }
        var at = 0
        var size = 4
        var c = first
        if bytes[4] >= UInt8(ascii: "2") {
            at = 44 + first[3] * 5 + first[4] * 6 + first[5] + first[2] * 8 + first[1] + first[0]
            guard let second = counts(at) else { return nil }
            c = second
            size = 8
        }
        let times = at + 44
        let indices = times + c[3] * size
        let types = indices + c[3]
        func offset(_ type: Int) -> Int32? { number(types + type * 6, 4).map { Int32($0) } }
        guard let initial = offset(0) else { return nil }
        firstOffset = initial
        for i in 0..<c[3] {
            guard let moment = number(times + i * size, size), indices + i < bytes.count,
                let offset = offset(Int(bytes[indices + i]))
            else { return nil }
            transitions.append(Transition(at: moment, offset: offset))
        }
        let footer = types + c[4] * 6 + c[5] + c[2] * (size + 4) + c[1] + c[0]
        if size == 8, footer + 1 < bytes.count {
            let text = bytes[(footer + 1)...].prefix { $0 != 0x0A }
            if let rule = PosixRule(String(decoding: text, as: UTF8.self)) { extend(by: rule) }
        }
    }

    private mutating func extend(by rule: PosixRule) {
        guard let summer = rule.summer else {
            if transitions.isEmpty { firstOffset = rule.offset }
            return
        }
        let last = transitions.last?.at ?? .min
        let firstYear = transitions.isEmpty ? 1970 : Timestamp(seconds: last).civil.year
        for year in firstYear...2400 {
            var changes = [
                Transition(at: rule.start(summer.from, year) - Int64(rule.offset), offset: summer.offset),
                Transition(at: rule.start(summer.to, year) - Int64(summer.offset), offset: rule.offset),
            ]
            changes.sort { $0.at < $1.at }
            transitions += changes.filter { $0.at > last }
        }
    }
}

/// The rule in a footer, as POSIX's `TZ` has it: `CET-1CEST,M3.5.0,M10.5.0/3`.
struct PosixRule {
    /// Seconds east of UTC in winter.
    var offset: Int32
    /// The other half of the year.
    var summer: (offset: Int32, from: Day, to: Day)?

    /// A day and a second in it.
    struct Day {
        enum Kind { case month(Int, week: Int, weekday: Int), julian(Int), ordinal(Int) }
        var kind: Kind
        var second: Int
    }

    init?(_ text: String) {
        var rest = Substring(text)
        guard Self.name(&rest), let west = Self.time(&rest) else { return nil }
        offset = Int32(-west)
        guard !rest.isEmpty else { return }
        guard Self.name(&rest) else { return nil }
        var summerOffset = offset + 3600
        if rest.first != ",", let west = Self.time(&rest) { summerOffset = Int32(-west) }
        guard let from = Self.day(&rest), let to = Self.day(&rest) else { return nil }
        summer = (summerOffset, from, to)
    }

    private static func name(_ text: inout Substring) -> Bool {
        if text.first == "<" {
            guard let end = text.firstIndex(of: ">") else { return false }
            text = text[text.index(after: end)...]
            return true
        }
        let letters = text.prefix { $0.isLetter }
        text = text.dropFirst(letters.count)
        return letters.count >= 3
    }

    private static func number(_ text: inout Substring) -> Int? {
        let digits = text.prefix { $0.isNumber }
        text = text.dropFirst(digits.count)
        return Int(digits)
    }

    private static func time(_ text: inout Substring) -> Int? {
        var sign = 1
        if text.first == "-" || text.first == "+" { sign = text.removeFirst() == "-" ? -1 : 1 }
        guard let hours = number(&text) else { return nil }
        var seconds = hours * 3600
        for unit in [60, 1] where text.first == ":" {
            text.removeFirst()
            seconds += (number(&text) ?? 0) * unit
        }
        return sign * seconds
    }

    private static func day(_ text: inout Substring) -> Day? {
        guard text.first == "," else { return nil }
        text.removeFirst()
        var day: Day
        if text.first == "M" {
            text.removeFirst()
            guard let month = number(&text), text.popFirst() == ".", let week = number(&text), text.popFirst() == ".",
                let weekday = number(&text), (1...12).contains(month), (1...5).contains(week), (0...6).contains(weekday)
            else { return nil }
            day = Day(kind: .month(month, week: week, weekday: weekday), second: 7200)
        } else if text.first == "J" {
            text.removeFirst()
            guard let n = number(&text) else { return nil }
            day = Day(kind: .julian(n), second: 7200)
        } else {
            guard let n = number(&text) else { return nil }
            day = Day(kind: .ordinal(n), second: 7200)
        }
        if text.first == "/" {
            text.removeFirst()
            guard let second = time(&text) else { return nil }
            day.second = second
        }
        return day
    }

    /// The local second at which a day's change happens in a year.
    func start(_ day: Day, _ year: Int) -> Int64 {
        let newYear = Timestamp.seconds(year: year, month: 1, day: 1) ?? 0
        let dayStart: Int64
        switch day.kind {
        case .month(let month, let week, let weekday):
            let first = Timestamp.seconds(year: year, month: month, day: 1) ?? 0
            // 1970-01-01 was a Thursday.
            let firstWeekday = Int((first / 86_400 + 4) % 7 + 7) % 7
            var number = 1 + (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
            while number > Timestamp.days(in: month, of: year) { number -= 7 }
            dayStart = first + Int64(number - 1) * 86_400
        case .julian(let n):
            let leap = Timestamp.days(in: 2, of: year) == 29 && n >= 60
            dayStart = newYear + Int64(n - 1 + (leap ? 1 : 0)) * 86_400
        case .ordinal(let n): dayStart = newYear + Int64(n) * 86_400
        }
        return dayStart + Int64(day.second)
    }
}
