// SPDX-License-Identifier: Apache-2.0

/// An instant in UTC, as the canonical line has it: whole seconds, and a fraction only if the source had one.
public struct Timestamp: Hashable, Sendable, Comparable {
    /// Seconds since 1970-01-01T00:00:00Z; negative before.
    public var seconds: Int64
    /// The fraction in units of 10^-``fractionDigits`` seconds; 0 when there is none.
    public var fraction: UInt32
    /// How many digits of a fraction the source gave: 0 to 9.
    public var fractionDigits: UInt8

    /// An instant of whole seconds.
    public init(seconds: Int64) {
        self.init(seconds: seconds, fraction: 0, fractionDigits: 0)
    }

    /// An instant with a fraction; digits past nine are not kept.
    public init(seconds: Int64, fraction: UInt32, fractionDigits: UInt8) {
        self.seconds = seconds
        self.fraction = fraction
        self.fractionDigits = fractionDigits
    }

    private static let powers: [UInt32] = [
        1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
    ]

    /// The fraction in nanoseconds.
    public var nanoseconds: UInt32 { fraction * Self.powers[9 - Int(fractionDigits)] }

    /// By the moment alone: of two that differ only in the digits of their fraction, neither is less.
    public static func < (a: Timestamp, b: Timestamp) -> Bool {
        (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
    }

    /// Seconds since 1970 of a civil date and time read as UTC; nil for what no calendar has (proleptic Gregorian,
    /// years 0 to 9999; a 60th second is taken as the 59th, since helpdesks write it but no clock here can).
    public static func seconds(
        year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0
    ) -> Int64? {
        guard (0...9999).contains(year), (1...12).contains(month), day >= 1, day <= days(in: month, of: year),
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + min(second, 59))
    }

    /// How many days a month has.
    public static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The civil date and time in UTC.
    public var civil: (year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        let day = Int((seconds >= 0 ? seconds : seconds - 86_399) / 86_400)
        let time = Int(seconds - Int64(day) * 86_400)
        let z = day + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (
            year, month, dayOfYear - (153 * monthIndex + 2) / 5 + 1, time / 3600, time / 60 % 60, time % 60
        )
    }
}

extension Timestamp: CustomStringConvertible, LosslessStringConvertible {
    /// RFC 3339 in UTC: `2024-06-01T12:00:00Z`, with the fraction's digits as the source gave them.
    public var description: String {
        var out: [UInt8] = []
        append(to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// Appends the bytes of ``description``.
    package func append(to out: inout [UInt8]) {
        let c = civil
        withUnsafeTemporaryAllocation(byteCount: 19, alignment: 1) { text in
            func two(_ at: Int, _ n: Int) {
                text[at] = UInt8(truncatingIfNeeded: 48 + n / 10)
                text[at + 1] = UInt8(truncatingIfNeeded: 48 + n % 10)
            }
            two(0, c.year / 100)
            two(2, c.year % 100)
            two(5, c.month)
            two(8, c.day)
            two(11, c.hour)
            two(14, c.minute)
            two(17, c.second)
            text[4] = UInt8(ascii: "-")
            text[7] = UInt8(ascii: "-")
            text[10] = UInt8(ascii: "T")
            text[13] = UInt8(ascii: ":")
            text[16] = UInt8(ascii: ":")
            out.append(contentsOf: UnsafeRawBufferPointer(text))
        }
        if fractionDigits > 0 {
            out.append(UInt8(ascii: "."))
            var divisor = Self.powers[Int(fractionDigits) - 1]
            for _ in 0..<fractionDigits {
                out.append(UInt8(48 + fraction / divisor % 10))
                divisor = max(1, divisor / 10)
            }
        }
        out.append(UInt8(ascii: "Z"))
    }

    /// Reads RFC 3339: `2024-06-01T12:00:00Z`, any offset, a fraction of any length (nine digits are kept), `t`, `z`
    /// and a blank for the `T` allowed.
    ///
    /// Nil for everything else, also for a time without an offset.
    public init?(_ text: String) {
        var text = text
        guard let value = text.withUTF8({ Timestamp(rfc3339: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = value
    }

    /// Reads RFC 3339 from bytes; see ``init(_:)``.
    package init?(rfc3339 b: UnsafeRawBufferPointer) {
        func digits(_ at: Int, _ count: Int) -> Int? {
            var value = 0
            for i in at..<at + count {
                guard i < b.count, (0x30...0x39).contains(b[i]) else { return nil }
                value = value * 10 + Int(b[i] - 0x30)
            }
            return value
        }
        guard b.count >= 20, let year = digits(0, 4), b[4] == 0x2D, let month = digits(5, 2), b[7] == 0x2D,
            let day = digits(8, 2), b[10] == 0x54 || b[10] == 0x74 || b[10] == 0x20, let hour = digits(11, 2),
            b[13] == 0x3A, let minute = digits(14, 2), b[16] == 0x3A, let second = digits(17, 2),
            let local = Self.seconds(
                year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        var at = 19
        var fraction: UInt32 = 0
        var fractionDigits: UInt8 = 0
        if b[at] == 0x2E {
            at += 1
            let start = at
            while at < b.count, (0x30...0x39).contains(b[at]) {
                if fractionDigits < 9 {
                    fraction = fraction * 10 + UInt32(b[at] - 0x30)
                    fractionDigits += 1
                }
                at += 1
            }
            guard at > start else { return nil }
        }
        guard at < b.count else { return nil }
        var offset = 0
        switch b[at] {
        case 0x5A, 0x7A:
            at += 1
        case 0x2B, 0x2D:
            guard b.count == at + 6, let hours = digits(at + 1, 2), b[at + 3] == 0x3A, let minutes = digits(at + 4, 2),
                hours <= 23, minutes <= 59
            else { return nil }
            offset = (hours * 3600 + minutes * 60) * (b[at] == 0x2D ? -1 : 1)
            at += 6
        default: return nil
        }
        guard at == b.count else { return nil }
        self.init(seconds: local - Int64(offset), fraction: fraction, fractionDigits: fractionDigits)
    }
}
