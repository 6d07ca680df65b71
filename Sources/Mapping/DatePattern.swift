// SPDX-License-Identifier: Apache-2.0
import TicketModel

/// How dates are written: a pattern (`dd.MM.yyyy HH:mm`), `seconds`, `milliseconds`, or `auto`.
///
/// `auto` takes only what can be read in one way: ISO 8601 with the year first (`2024-06-01`, `2024-06-01 12:00`,
/// `2024-06-01T12:00:00.5+02:00`, `… UTC`) and the dates of e-mails (`Sat, 01 Jun 2024 12:00:00 +0200`). `03/04/2024` is
/// never guessed.
struct DatePattern: Sendable {
    private enum Token: Sendable {
        /// Digits of a part: at least, at most.
        case year4, year2
        case month(Int), day(Int), hour24(Int), hour12(Int), minute(Int), second(Int)
        case fraction
        case monthName, weekday, halfDay, offset
        case literal([UInt8])
    }

    private enum Kind: Sendable {
        case auto, seconds, milliseconds
        case tokens([Token])
    }
    private let kind: Kind

    /// What was read: a local time without an offset, or an instant.
    struct Reading {
        var seconds: Int64
        var fraction: UInt32 = 0
        var fractionDigits: UInt8 = 0
        var hasOffset: Bool
    }

    /// Only what can be read in one way.
    static let auto = DatePattern(kind: .auto)
    static let seconds = DatePattern(kind: .seconds)
    static let milliseconds = DatePattern(kind: .milliseconds)

    private init(kind: Kind) { self.kind = kind }

    /// Compiles a pattern with the letters of Unicode's date formats; nil for letters it does not know.
    init?(_ pattern: String) {
        switch pattern {
        case "auto", "iso", "iso8601", "rfc3339", "rfc2822": kind = .auto
        case "seconds": kind = .seconds
        case "milliseconds": kind = .milliseconds
        default:
            guard let tokens = Self.tokens(Array(pattern.utf8)) else { return nil }
            kind = .tokens(tokens)
        }
    }

    private static func tokens(_ pattern: [UInt8]) -> [Token]? {
        var tokens: [Token] = []
        var literal: [UInt8] = []
        var at = 0
        while at < pattern.count {
            let letter = pattern[at]
            if letter == UInt8(ascii: "'") {
                at += 1
                if at < pattern.count, pattern[at] == letter { literal.append(letter); at += 1; continue }
                while at < pattern.count, pattern[at] != letter { literal.append(pattern[at]); at += 1 }
                guard at < pattern.count else { return nil }
                at += 1
                continue
            }
            guard (0x41...0x5A).contains(letter) || (0x61...0x7A).contains(letter) else {
                literal.append(letter)
                at += 1
                continue
            }
            var count = 0
            while at < pattern.count, pattern[at] == letter { at += 1; count += 1 }
            if letter == UInt8(ascii: "T"), count == 1 { literal.append(letter); continue }
            if !literal.isEmpty { tokens.append(.literal(literal)); literal = [] }
            switch (Character(Unicode.Scalar(letter)), count) {
            case ("y", 4), ("y", 1), ("u", 4): tokens.append(.year4)
            case ("y", 2): tokens.append(.year2)
            case ("M", 1), ("M", 2), ("L", 1), ("L", 2): tokens.append(.month(count))
            case ("M", 3), ("M", 4), ("L", 3), ("L", 4): tokens.append(.monthName)
            case ("d", 1), ("d", 2): tokens.append(.day(count))
            case ("H", 1), ("H", 2): tokens.append(.hour24(count))
            case ("h", 1), ("h", 2): tokens.append(.hour12(count))
            case ("m", 1), ("m", 2): tokens.append(.minute(count))
            case ("s", 1), ("s", 2): tokens.append(.second(count))
            case ("S", _): tokens.append(.fraction)
            case ("E", _): tokens.append(.weekday)
            case ("a", _): tokens.append(.halfDay)
            case ("Z", _), ("X", _), ("x", _), ("z", 1...3): tokens.append(.offset)
            default: return nil
            }
        }
        if !literal.isEmpty { tokens.append(.literal(literal)) }
        let hasYear = tokens.contains { if case .year4 = $0 { true } else if case .year2 = $0 { true } else { false } }
        return hasYear ? tokens : nil
    }

    /// Reads the whole of the text; nil for anything else than the pattern says, for days that no calendar has, and for
    /// the zero date of databases.
    ///
    /// A few dozen nanoseconds.
    func read(_ text: UnsafeRawBufferPointer) -> Reading? {
        var scanner = DateScanner(text: text)
        scanner.trim()
        switch kind {
        case .auto: return scanner.auto()
        case .seconds: return scanner.epoch(digitsOfFraction: 0)
        case .milliseconds: return scanner.epoch(digitsOfFraction: 3)
        case .tokens(let tokens): return read(tokens, &scanner)
        }
    }

    private func read(_ tokens: [Token], _ s: inout DateScanner) -> Reading? {
        var parts = DateParts()
        for token in tokens {
            switch token {
            case .year4: guard let n = s.digits(4, 4) else { return nil }; parts.year = n
            case .year2:
                guard let n = s.digits(2, 2) else { return nil }
                // As POSIX's strptime: 69 is the first year of the old century.
                parts.year = n < 69 ? 2000 + n : 1900 + n
            case .month(let least): guard let n = s.digits(least, 2) else { return nil }; parts.month = n
            case .day(let least): guard let n = s.digits(least, 2) else { return nil }; parts.day = n
            case .hour24(let least): guard let n = s.digits(least, 2) else { return nil }; parts.hour = n
            case .hour12(let least):
                guard let n = s.digits(least, 2), (1...12).contains(n) else { return nil }
                parts.hour = n
                parts.isHour12 = true
            case .minute(let least): guard let n = s.digits(least, 2) else { return nil }; parts.minute = n
            case .second(let least): guard let n = s.digits(least, 2) else { return nil }; parts.second = n
            case .fraction: guard s.fraction(&parts) else { return nil }
            case .monthName: guard let n = s.monthName() else { return nil }; parts.month = n
            case .weekday: guard s.skipLetters() else { return nil }
            case .halfDay: guard let isAfternoon = s.halfDay() else { return nil }; parts.isAfternoon = isAfternoon
            case .offset: guard let offset = s.offset() else { return nil }; parts.offset = offset
            case .literal(let bytes): guard s.literal(bytes) else { return nil }
            }
        }
        guard s.atEnd else { return nil }
        return parts.reading()
    }
}
