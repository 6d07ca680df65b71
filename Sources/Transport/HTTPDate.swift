// SPDX-License-Identifier: Apache-2.0

/// Dates as they stand in HTTP's headers, and the one form in which logs write them.
package enum HTTPDate {
    /// Reads the three forms of RFC 9110 §5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`
    /// and `Sun Nov  6 08:49:37 1994`.
    ///
    /// The day's name is not checked. A year of two digits that would lie more than 50
    /// years ahead of `now` is one of the past, as the RFC wants it.
    ///
    /// - Returns: seconds since 1970, nil for anything else.
    package static func parse(_ text: some StringProtocol, now: Double) -> Double? {
        var words = String(text).split { $0 == " " || $0 == "," || $0 == "-" }.map(String.init)
        guard words.count >= 5 else { return nil }
        words.removeFirst()
        if let month = month(words[0]), words.count == 4 {
            guard let day = Int(words[1]), let year = Int(words[3]), words[3].count == 4 else { return nil }
            return seconds(year: year, month: month, day: day, time: words[2])
        }
        guard words.count == 5, ["GMT", "UTC"].contains(words[4].uppercased()), let day = Int(words[0]),
            let month = month(words[1]), var year = Int(words[2])
        else { return nil }
        if words[2].count == 2 {
            let thisYear = civil(days: Int((now / 86400).rounded(.down))).year
            year += thisYear / 100 * 100
            if year > thisYear + 50 { year -= 100 }
        } else if words[2].count != 4 {
            return nil
        }
        return seconds(year: year, month: month, day: day, time: words[3])
    }

    /// RFC 3339 in UTC with milliseconds, for logs.
    package static func timestamp(_ seconds: Double) -> String {
        let milliseconds = Int((seconds * 1000).rounded(.down))
        let (day, rest) = (
            floorDivide(milliseconds, 86_400_000), milliseconds - floorDivide(milliseconds, 86_400_000) * 86_400_000
        )
        let date = civil(days: day)
        func pad(_ value: Int, _ width: Int = 2) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(pad(date.year, 4))-\(pad(date.month))-\(pad(date.day))T\(pad(rest / 3_600_000))"
            + ":\(pad(rest / 60_000 % 60)):\(pad(rest / 1000 % 60)).\(pad(rest % 1000, 3))Z"
    }

    private static func month(_ name: String) -> Int? {
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
            .firstIndex(of: name.lowercased()).map { $0 + 1 }
    }

    private static func seconds(year: Int, month: Int, day: Int, time: String) -> Double? {
        let parts = time.split(separator: ":", omittingEmptySubsequences: false).compactMap { Int($0) }
        guard parts.count == 3, (0..<24).contains(parts[0]), (0..<60).contains(parts[1]), (0...60).contains(parts[2]),
            (1...31).contains(day), (1...9999).contains(year)
        else { return nil }
        let days = days(year: year, month: month, day: day)
        guard civil(days: days).day == day else { return nil }
        return Double(days * 86400 + parts[0] * 3600 + parts[1] * 60 + parts[2])
    }

    /// Days since 1970 in the Gregorian calendar; years run from March so that the leap day is their last.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = floorDivide(y, 400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let yearOfEra = y - era * 400
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        let z = days + 719_468
        let era = floorDivide(z, 146_097)
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let index = (5 * dayOfYear + 2) / 153
        let month = index < 10 ? index + 3 : index - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * index + 2) / 5 + 1)
    }

    private static func floorDivide(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : -((b - 1 - a) / b) }
}
