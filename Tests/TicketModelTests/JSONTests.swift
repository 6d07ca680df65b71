// SPDX-License-Identifier: Apache-2.0
import Testing
import TicketModel

@Suite("The JSON tree")
struct JSONTests {
    @Test(
        "reads what RFC 8259 allows and writes it canonically",
        arguments: [
            (#" {"b":1,"a":[true,false,null]} "#, #"{"a":[true,false,null],"b":1}"#),
            (#"{"a":1,"A":2,"ä":3,"é":4}"#, #"{"A":2,"a":1,"ä":3,"é":4}"#),
            (#"-0.50e+10"#, "-0.50e+10"),
            (#""\u00e9\ud83d\ude00\/\b\f\n\r\t\u0001""#, "\"é😀/\\b\\f\\n\\r\\t\\u0001\""),
            ("[]", "[]"), ("{}", "{}"), ("\"\u{7F}\u{2028}\"", "\"\u{7F}\u{2028}\""),
        ])
    func readsAndWrites(text: String, canonical: String) throws {
        let value = try JSON(parsing: text)
        #expect(value.canonicalText == canonical)
        #expect(try JSON(parsing: canonical) == value)
    }

    @Test("every byte is escaped alike wherever it stands among eight")
    func escapesAnywhere() {
        let short: [UInt8: String] = [0x08: "b", 0x09: "t", 0x0A: "n", 0x0C: "f", 0x0D: "r", 0x22: "\"", 0x5C: "\\"]
        for byte in UInt8(0)..<0x80 {
            var expected = [byte]
            if let letter = short[byte] {
                expected = Array("\\\(letter)".utf8)
            } else if byte < 0x20 {
                let digits = String(byte, radix: 16)
                expected = Array("\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
            }
            for length in 1..<20 {
                for place in 0..<length {
                    // 0xC3 0xBC on both sides: bytes of more than ASCII are never escaped.
                    let before = (0..<place).map { UInt8($0 % 2 == 0 ? 0xC3 : 0xBC) }
                    let after = [UInt8](repeating: 0x7A, count: length - place - 1)
                    var out: [UInt8] = []
                    (before + [byte] + after).withUnsafeBytes { JSONText.append(escaped: $0, to: &out) }
                    #expect(out == before + expected + after)
                }
            }
        }
    }

    @Test(
        "refuses what is not JSON, with the place",
        arguments: [
            ("", 0), ("{", 1), ("[1,]", 3), ("01", 1), ("1.", 2), ("\"a\nb\"", 2), (#""\ud800""#, 7), ("nul", 3),
            ("{\"a\" 1}", 5), ("1 2", 2), (#""\u12g4""#, 3), ("\"abc", 4), ("+1", 0), ("tru", 3),
        ])
    func refuses(text: String, offset: Int) {
        #expect { try JSON(parsing: text) } throws: { ($0 as? JSONSyntaxError)?.offset == offset }
    }

    @Test("refuses bytes that are no UTF-8 instead of changing them")
    func refusesBrokenText() {
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: [0x22, 0xC3, 0x28, 0x22] as [UInt8]) }
    }

    @Test("is not brought down by depth")
    func boundsDepth() {
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: String(repeating: "[", count: 100_000)) }
    }

    @Test("taking a member leaves the rest as extras")
    func takes() throws {
        var value = try JSON(parsing: #"{"id":"7","x":1,"n":12}"#)
        #expect(value.take("id")?.int == 7)
        #expect(value.take("n")?.text == "12")
        #expect(value.take("none") == nil)
        #expect(value.canonicalText == #"{"x":1}"#)
    }
}

@Suite("Timestamps")
struct TimestampTests {
    @Test(
        "read RFC 3339 and print it in UTC, with the fraction as given",
        arguments: [
            ("2024-06-01T12:00:00Z", "2024-06-01T12:00:00Z"),
            ("2024-06-01T12:00:00+02:00", "2024-06-01T10:00:00Z"),
            ("2024-02-29T23:59:60-00:30", "2024-03-01T00:29:59Z"),
            ("1969-12-31T23:59:59.500Z", "1969-12-31T23:59:59.500Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
            ("9999-12-31t23:59:59.123456789987z", "9999-12-31T23:59:59.123456789Z"),
            ("2024-06-01 12:00:00.0+00:00", "2024-06-01T12:00:00.0Z"),
        ])
    func readAndPrint(text: String, canonical: String) {
        #expect(Timestamp(text)?.description == canonical)
    }

    @Test(
        "never guess",
        arguments: [
            "2024-06-01T12:00:00", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
            "2024-06-01T24:00:00Z", "2024-06-01", "2024-06-01T12:00:00.Z", "2024-06-01T12:00:00+2:00", "",
            "2024-06-01T12:00:00Zx",
        ])
    func refuse(text: String) { #expect(Timestamp(text) == nil) }

    @Test("go by the instant, whatever digits the fraction has")
    func compare() throws {
        let short = try #require(Timestamp("2024-06-01T12:00:00.5Z"))
        let long = try #require(Timestamp("2024-06-01T12:00:00.49999Z"))
        #expect(long < short)
    }

    @Test("are the calendar's own inverse for every day of eight centuries")
    func roundTrip() {
        for day in stride(from: Int64(-150_000), through: 150_000, by: 1) {
            let stamp = Timestamp(seconds: day * 86_400 + 45_296)
            let c = stamp.civil
            let back = Timestamp.seconds(
                year: c.year, month: c.month, day: c.day, hour: c.hour, minute: c.minute, second: c.second)
            guard back == stamp.seconds else {
                Issue.record("day \(day) came back as \(String(describing: back))")
                return
            }
        }
    }
}
