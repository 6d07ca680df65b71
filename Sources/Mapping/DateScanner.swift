// SPDX-License-Identifier: Apache-2.0
import TicketModel

/// The parts of a date while it is read.
struct DateParts {
    var year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0
    var fraction: UInt32 = 0
    var fractionDigits: UInt8 = 0
    var isHour12 = false
    var isAfternoon: Bool?
    var offset: Int?

    /// The time they make; nil where no calendar has it.
    ///
    /// A 12-hour clock without AM or PM is ambiguous: nil.
    func reading() -> DatePattern.Reading? {
        guard year > 0 else { return nil }
        var hour = hour
        if isHour12 {
            guard let isAfternoon else { return nil }
            hour = hour % 12 + (isAfternoon ? 12 : 0)
        } else if isAfternoon != nil {
            return nil
        }
        guard
            let local = Timestamp.seconds(
                year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        return DatePattern.Reading(
            seconds: local - Int64(offset ?? 0), fraction: fraction, fractionDigits: fractionDigits,
            hasOffset: offset != nil)
    }
}

/// Reads the parts of dates from bytes, one after another.
struct DateScanner {
    let text: UnsafeRawBufferPointer
    var at = 0
    var end: Int

    init(text: UnsafeRawBufferPointer) {
        self.text = text
        end = text.count
    }

    var atEnd: Bool { at == end }
    private var next: UInt8 { at < end ? text[at] : 0 }

    mutating func trim() {
        while at < end, text[at] <= 0x20 { at += 1 }
        while end > at, text[end - 1] <= 0x20 { end -= 1 }
    }

    mutating func digits(_ least: Int, _ most: Int) -> Int? {
        var value = 0
        var count = 0
        while count < most, at < end, text[at] &- 0x30 < 10 {
            value = value * 10 + Int(text[at] - 0x30)
            at += 1
            count += 1
        }
        return count >= least ? value : nil
    }

    mutating func fraction(_ parts: inout DateParts) -> Bool {
        let start = at
        while at < end, text[at] &- 0x30 < 10 {
            if parts.fractionDigits < 9 {
                parts.fraction = parts.fraction * 10 + UInt32(text[at] - 0x30)
                parts.fractionDigits += 1
            }
            at += 1
        }
        return at > start
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte, at < end else { return false }
        at += 1
        return true
    }

    /// A literal of a pattern; a blank in it takes any run of blanks, also the narrow ones of newer programs.
    mutating func literal(_ bytes: [UInt8]) -> Bool {
        for byte in bytes {
            if byte == 0x20 {
                guard skipBlanks() else { return false }
            } else if !take(byte) {
                return false
            }
        }
        return true
    }

    @discardableResult
    mutating func skipBlanks() -> Bool {
        let start = at
        while at < end {
            if text[at] == 0x20 || text[at] == 0x09 {
                at += 1
            } else if at + 1 < end, text[at] == 0xC2, text[at + 1] == 0xA0 {
                at += 2
            } else if at + 2 < end, text[at] == 0xE2, text[at + 1] == 0x80, text[at + 2] == 0xAF {
                at += 3
            } else {
                break
            }
        }
        return at > start
    }

    private func letter(_ i: Int) -> UInt8? {
        guard i < end else { return nil }
        let lower = text[i] | 0x20
        return (0x61...0x7A).contains(lower) ? lower : nil
    }

    mutating func skipLetters() -> Bool {
        let start = at
        while letter(at) != nil || (at < end && text[at] >= 0x80) { at += 1 }
        return at > start
    }

    /// An English month, short or whole.
    mutating func monthName() -> Int? {
        let short = Array("janfebmaraprmayjunjulaugsepoctnovdec".utf8)
        guard let a = letter(at), let b = letter(at + 1), let c = letter(at + 2) else { return nil }
        guard
            let month = (0..<12).first(where: { short[$0 * 3] == a && short[$0 * 3 + 1] == b && short[$0 * 3 + 2] == c }
            )
        else { return nil }
        at += 3
        while letter(at) != nil { at += 1 }
        return month + 1
    }

    /// `AM` or `PM`, also `a.m.`: whether it is the second half of the day.
    mutating func halfDay() -> Bool? {
        guard let first = letter(at), first == 0x61 || first == 0x70 else { return nil }
        at += 1
        _ = take(UInt8(ascii: "."))
        guard letter(at) == 0x6D else { return nil }
        at += 1
        _ = take(UInt8(ascii: "."))
        return first == 0x70
    }

    /// `Z`, `UTC`, `GMT`, `+02:00`, `+0200`, `+02`: seconds east of UTC.
    mutating func offset() -> Int? {
        if let a = letter(at) {
            if a == 0x7A { at += 1; return 0 }
            for word in ["utc", "gmt"] where word.utf8.enumerated().allSatisfy({ letter(at + $0.offset) == $0.element })
            {
                at += 3
                return letter(at) == nil && next != 0x2B && next != 0x2D ? 0 : offset()
            }
            return nil
        }
        guard next == 0x2B || next == 0x2D else { return nil }
        let sign = next == 0x2D ? -1 : 1
        at += 1
        guard let hours = digits(2, 2), hours <= 18 else { return nil }
        let colon = take(UInt8(ascii: ":"))
        let minutes = digits(2, 2)
        guard colon ? minutes != nil : true, (minutes ?? 0) < 60 else { return nil }
        return sign * (hours * 3600 + (minutes ?? 0) * 60)
    }

    /// A number since 1970, with so many digits below the second; a point may follow.
    mutating func epoch(digitsOfFraction: UInt8) -> DatePattern.Reading? {
        let negative = take(0x2D)
        let start = at
        guard let whole = digits(1, 16) else { return nil }
        var parts = DateParts()
        if digitsOfFraction == 0, take(UInt8(ascii: ".")) { guard fraction(&parts) else { return nil } }
        // Zero is what databases hold for "never".
        guard atEnd, at > start, whole > 0 else { return nil }
        if digitsOfFraction == 0 {
            guard whole < 253_402_300_800, !negative || parts.fractionDigits == 0 else { return nil }
            return .init(
                seconds: Int64(negative ? -whole : whole), fraction: parts.fraction,
                fractionDigits: parts.fractionDigits, hasOffset: true)
        }
        guard !negative, whole < 253_402_300_800_000 else { return nil }
        return .init(
            seconds: Int64(whole / 1000), fraction: UInt32(whole % 1000), fractionDigits: 3, hasOffset: true)
    }

    /// ISO 8601 with the year first, or the date of an e-mail.
    mutating func auto() -> DatePattern.Reading? {
        if letter(at) != nil { return mail() }
        let start = at
        var parts = DateParts()
        guard let year = digits(4, 4), take(0x2D), let month = digits(2, 2), take(0x2D), let day = digits(2, 2) else {
            at = start
            return mail()
        }
        parts.year = year
        parts.month = month
        parts.day = day
        if atEnd { return parts.reading() }
        guard take(0x54) || take(0x74) || skipBlanks() else { return nil }
        guard clock(&parts) else { return nil }
        skipBlanks()
        if !atEnd {
            guard let offset = offset() else { return nil }
            parts.offset = offset
        }
        return atEnd ? parts.reading() : nil
    }

    private mutating func clock(_ parts: inout DateParts) -> Bool {
        guard let hour = digits(2, 2), take(0x3A), let minute = digits(2, 2) else { return false }
        parts.hour = hour
        parts.minute = minute
        if take(0x3A) {
            guard let second = digits(2, 2) else { return false }
            parts.second = second
            if take(0x2E) || take(0x2C) { return fraction(&parts) }
        }
        return true
    }

    /// RFC 5322: `Sat, 01 Jun 2024 12:00:00 +0200`; the weekday may be left out.
    private mutating func mail() -> DatePattern.Reading? {
        var parts = DateParts()
        if letter(at) != nil {
            guard skipLetters(), take(0x2C) else { return nil }
            skipBlanks()
        }
        guard let day = digits(1, 2), skipBlanks(), let month = monthName(), skipBlanks(), let year = digits(4, 4),
            skipBlanks()
        else { return nil }
        parts.year = year
        parts.month = month
        parts.day = day
        guard clock(&parts), skipBlanks(), let offset = offset() else { return nil }
        parts.offset = offset
        return atEnd ? parts.reading() : nil
    }
}
