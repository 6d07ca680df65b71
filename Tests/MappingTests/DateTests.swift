import Testing
// SPDX-License-Identifier: Apache-2.0
import TicketModel

@testable import Mapping

private func read(_ text: String, _ pattern: DatePattern) -> DatePattern.Reading? {
    var text = text
    return text.withUTF8 { pattern.read(UnsafeRawBufferPointer($0)) }
}

private func shown(_ reading: DatePattern.Reading?) -> String? {
    reading.map {
        Timestamp(seconds: $0.seconds, fraction: $0.fraction, fractionDigits: $0.fractionDigits).description
            + ($0.hasOffset ? "" : " local")
    }
}

@Suite struct `Dates` {
    @Test(arguments: [
        ("2024-06-01", "2024-06-01T00:00:00Z local"), ("2024-06-01 12:30", "2024-06-01T12:30:00Z local"),
        ("2024-06-01T12:30:15.250", "2024-06-01T12:30:15.250Z local"),
        (" 2024-06-01 12:30:15 ", "2024-06-01T12:30:15Z local"),
        ("2024-06-01T12:30:15+02:00", "2024-06-01T10:30:15Z"), ("2024-06-01 12:30:15 UTC", "2024-06-01T12:30:15Z"),
        ("2024-06-01 12:30:15 -0330", "2024-06-01T16:00:15Z"), ("2024-06-01T12:30:15Z", "2024-06-01T12:30:15Z"),
        ("Sat, 01 Jun 2024 12:00:00 +0200", "2024-06-01T10:00:00Z"), ("1 Jun 2024 12:00 GMT", "2024-06-01T12:00:00Z"),
        ("03/04/2024", nil), ("0000-00-00 00:00:00", nil), ("2024-02-30", nil), ("2023-02-29 10:00", nil), ("", nil),
        ("2024-06-01 25:00", nil), ("yesterday", nil), ("2024-06-01 12:30:15 x", nil), ("1717243200", nil),
    ])
    func `auto takes only what can be read in one way`(text: String, expected: String?) {
        #expect(shown(read(text, .auto)) == expected)
    }

    @Test(arguments: [
        ("dd.MM.yyyy HH:mm", "01.06.2024 12:30", "2024-06-01T12:30:00Z local"),
        ("dd.MM.yyyy HH:mm", "1.6.2024 12:30", nil),
        ("d.M.yyyy H:mm", "01.06.2024 9:30", "2024-06-01T09:30:00Z local"),
        ("M/d/yy h:mm a", "6/1/24 12:05 AM", "2024-06-01T00:05:00Z local"),
        ("M/d/yy h:mm a", "6/1/24 12:05\u{202F}pm", "2024-06-01T12:05:00Z local"), ("M/d/yy h:mm", "6/1/24 1:05", nil),
        ("dd/MMM/yy h:mm a", "05/Dec/25 8:47 AM", "2025-12-05T08:47:00Z local"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2024-06-01T12:00:00.5+01:00", "2024-06-01T11:00:00.5Z"),
        ("EEEE, d MMMM yyyy", "Saturday, 1 June 2024", "2024-06-01T00:00:00Z local"),
        ("seconds", "1717243200", "2024-06-01T12:00:00Z"),
        ("seconds", "0", nil), ("milliseconds", "1717243200123", "2024-06-01T12:00:00.123Z"),
        ("dd.MM.yy", "01.01.70", "1970-01-01T00:00:00Z local"),
    ])
    func `patterns take the whole text`(pattern: String, text: String, expected: String?) throws {
        #expect(shown(read(text, try #require(DatePattern(pattern)))) == expected)
    }

    @Test(arguments: ["dd.MM", "yyyy-QQ", "", "yyyy 'open"])
    func `patterns without a year or with unknown letters are refused`(pattern: String) {
        #expect(DatePattern(pattern) == nil)
    }

    @Test func `an unreadable date is absent, counted and kept`() throws {
        let run = try MappingRun(
            "read: {format: csv, tickets: {each: row, key: Id, createdAt: C, updatedAt: U}}",
            .init("t.csv", "Id,C,U\n1,03/04/2024,2024-06-01 12:00:00\n2,0000-00-00 00:00:00,\n"))
        #expect(run.tickets["1"] == ["extras": ["C": "03/04/2024"], "id": "1", "updatedAt": "2024-06-01T12:00:00Z"])
        #expect(run.tickets["2"]?["extras"] == ["C": "0000-00-00 00:00:00"])
        #expect(run.tally.unreadableDates["C"]?.count == 2)
        #expect(run.tally.timesWithoutZone == 1)
    }
}

@Suite struct `Zones` {
    private func local(_ text: String) throws -> Int64 { try #require(Timestamp(text + "Z")).seconds }

    @Test(arguments: [
        ("Europe/Berlin", "2024-06-01T12:00:00", "2024-06-01T10:00:00Z", false),
        ("Europe/Berlin", "2024-01-01T12:00:00", "2024-01-01T11:00:00Z", false),
        ("Europe/Berlin", "2024-10-27T02:30:00", "2024-10-27T00:30:00Z", true),
        ("Europe/Berlin", "2024-03-31T02:30:00", "2024-03-31T01:30:00Z", true),
        ("Europe/Berlin", "2060-07-01T00:00:00", "2060-06-30T22:00:00Z", false),
        ("America/New_York", "2024-07-04T00:00:00", "2024-07-04T04:00:00Z", false),
        ("Asia/Kolkata", "2024-07-04T00:00:00", "2024-07-03T18:30:00Z", false),
        ("Australia/Lord_Howe", "2024-01-01T00:00:00", "2023-12-31T13:00:00Z", false),
        ("UTC", "2024-07-04T00:00:00", "2024-07-04T00:00:00Z", false),
        ("+05:30", "2024-07-04T00:00:00", "2024-07-03T18:30:00Z", false),
    ])
    func `tell the instant of a local time`(name: String, text: String, expected: String, isDoubtful: Bool) throws {
        let zone = try #require(Zone.named(name))
        let instant = zone.instant(ofLocal: try local(text))
        #expect(Timestamp(seconds: instant.seconds).description == expected)
        #expect(instant.doubtful == isDoubtful)
    }

    @Test(arguments: [
        "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia",
        "America/St_Johns",
    ])
    func `local time and instant are each other's inverse`(name: String) throws {
        let zone = try #require(Zone.named(name))
        for seconds in stride(from: Int64(0), to: 2_900_000_000, by: 86_400 * 3 + 1234) {
            let local = zone.local(ofInstant: seconds)
            let back = zone.instant(ofLocal: local)
            #expect(back.doubtful || back.seconds == seconds)
        }
    }

    @Test(arguments: ["Europe/Berln", "../../etc/passwd", "", "Nowhere"])
    func `unknown names are nobody's zone`(name: String) {
        #expect(Zone.named(name) == nil)
    }
}
