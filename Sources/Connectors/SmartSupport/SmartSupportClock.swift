// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Mapping
internal import TicketModel
internal import Transport

/// The site's clock: MySQL datetimes without a zone, of whole seconds.
struct SmartSupportClock: Sendable {
    let zone: Zone
    /// Whether only today's distance from UTC is known: times of the other half of the year may be an hour off.
    let isFixed: Bool

    /// `YYYY-MM-DD HH:MM:SS` of a local time counted as if it were UTC.
    static func text(wall seconds: Int64) -> String {
        String(Timestamp(seconds: seconds).description.prefix(19)).replacing("T", with: " ")
    }

    /// A moment on the site's clock, counted as if it were UTC.
    func wall(_ time: Timestamp) -> Int64 { zone.local(ofInstant: time.seconds) }

    /// A value of a row on the site's clock, counted as if it were UTC; nil for none.
    func wall(_ value: JSON?) -> Int64? {
        if let text = value?.string, let local = Self.local(text) { return local }
        return time(value).map(wall)
    }

    /// Reads a value of a row: with an offset as it stands, numbers as seconds since 1970, else on the site's clock.
    ///
    /// Nil for no time, also `0000-00-00 …`.
    func time(_ value: JSON?, isUTC: Bool = false) -> Timestamp? {
        guard let text = value?.text, !text.isEmpty, !text.hasPrefix("0000") else { return nil }
        if let time = Timestamp(text) { return time }
        if let seconds = Int64(text), seconds > 100_000_000 { return Timestamp(seconds: seconds) }
        guard let local = Self.local(text) else { return nil }
        return Timestamp(seconds: isUTC ? local : zone.instant(ofLocal: local).seconds)
    }

    private static func local(_ text: String) -> Int64? {
        guard !text.hasPrefix("0000") else { return nil }
        if let time = Timestamp("\(text)Z") { return time.seconds }
        return text.utf8.count == 10 ? Timestamp("\(text)T00:00:00Z")?.seconds : nil
    }

    // MARK: Finding out

    /// Which clock the site goes by.
    ///
    /// /ping tells the server's time; its distance from UTC (by the answer's `Date` or our own clock) is what holds. A
    /// zone that WordPress or the migration file names and that has that distance now is taken whole, so that summer time is
    /// right; one that contradicts /ping is warned of.
    static func find(
        ping: JSON, index: JSON?, date: String?, wanted: String?, subject: String
    ) -> (SmartSupportClock, Diagnostic?) {
        let data = SmartSupportAPI.data(ping)
        let now = Date().timeIntervalSince1970
        let utc = date.flatMap { HTTPDate.parse($0, now: now) }.map { Int64($0) } ?? Int64(now)
        let named = wanted.flatMap(Zone.named)
        let told = SmartSupportAPI.text(data, ["timezone", "timezone_string", "time_zone", "zone"]).flatMap(Zone.named)
        let wordPress = index?["timezone_string"]?.string.flatMap { $0.isEmpty ? nil : Zone.named($0) }
        func warn(_ code: String, _ text: String, _ remedy: String) -> Diagnostic {
            Diagnostic(
                .warning, code: "smart-support.\(code)", text, subject: subject, remedy: remedy, cause: .badInput)
        }
        guard let offset = offset(data, utc: utc) else {
            if let zone = told ?? named ?? wordPress { return (SmartSupportClock(zone: zone, isFixed: false), nil) }
            return (
                SmartSupportClock(zone: Zone(name: "UTC", offset: 0), isFixed: true),
                warn(
                    "no-zone", "the site does not tell its time, so its dates are read as UTC",
                    "add `zone: Europe/Berlin` (or whichever holds) in the migration file")
            )
        }
        func fits(_ zone: Zone) -> Bool { zone.local(ofInstant: utc) - utc == offset }
        if let zone = [named, told, wordPress].compactMap({ $0 }).first(where: fits) {
            return (SmartSupportClock(zone: zone, isFixed: false), nil)
        }
        let sign = offset < 0 ? "-" : "+"
        let minutes = abs(offset) / 60
        func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
        let name = offset == 0 ? "UTC" : "\(sign)\(two(minutes / 60)):\(two(minutes % 60))"
        let clock = SmartSupportClock(zone: Zone(name: name, offset: Int(offset)), isFixed: offset != 0)
        guard wanted != nil else {
            // WordPress shows that it goes by a fixed distance, or shows nothing at all.
            guard clock.isFixed, index == nil else { return (clock, nil) }
            return (
                clock,
                warn(
                    "no-zone-name",
                    "only the site's distance from UTC is known: times of the other half of the year may be an hour off",
                    "add `zone: Europe/Berlin` (or whichever holds) in the migration file")
            )
        }
        return (
            clock,
            warn(
                "zone-differs", "the site's clock goes by \(name) now, which is not the zone `\(wanted ?? "")`",
                "correct `zone`, or leave it out; /ping is believed")
        )
    }

    /// The distance of the server's time from UTC, to the quarter of an hour; nil where /ping tells none.
    private static func offset(_ data: JSON, utc: Int64) -> Int64? {
        for key in ["server_time", "time", "current_time", "datetime", "now", "date", "local_time", "timestamp"] {
            guard let text = data[key]?.string else { continue }
            if let time = Timestamp(text) {
                // With its own offset: the local part is what counts.
                guard let local = Timestamp("\(text.prefix(19))Z") else { continue }
                if text.hasSuffix("Z") || text.hasSuffix("z") { continue }
                return local.seconds - time.seconds
            }
            guard let local = local(text), text.utf8.count >= 19 else { continue }
            let distance = local - utc
            let rounded = Int64((Double(distance) / 900).rounded()) * 900
            if abs(rounded) <= 14 * 3600 { return rounded }
        }
        return nil
    }
}
