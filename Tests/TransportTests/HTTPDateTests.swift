// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import Testing
import Transport

@Suite("Dates and Retry-After")
struct HTTPDateTests {
    static let moment = 784_111_777.0

    @Test(
        "the three forms of RFC 9110 are one moment",
        arguments: [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        ])
    func threeForms(text: String) {
        #expect(HTTPDate.parse(text, now: Self.moment) == Self.moment)
    }

    @Test(
        "other texts are no dates",
        arguments: [
            "", "soon", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "1994-11-06T08:49:37Z",
        ])
    func refuses(text: String) {
        #expect(HTTPDate.parse(text, now: Self.moment) == nil)
    }

    @Test("a year of two digits more than 50 years ahead is past")
    func twoDigits() throws {
        let now = 1_795_225_200.0
        let past = try #require(HTTPDate.parse("Sunday, 06-Nov-94 08:49:37 GMT", now: now))
        #expect(past == Self.moment)
        let future = try #require(HTTPDate.parse("Sunday, 06-Nov-30 08:49:37 GMT", now: now))
        #expect(HTTPDate.timestamp(future) == "2030-11-06T08:49:37.000Z")
    }

    @Test(
        "timestamps are right around leap days and before 1970",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399.5, "2100-02-28T23:59:59.500Z"), (-1, "1969-12-31T23:59:59.000Z"),
        ])
    func timestamps(seconds: Double, expected: String) {
        #expect(HTTPDate.timestamp(seconds) == expected)
    }

    @Test("Retry-After is read as seconds and as a date against the server's own clock")
    func retryAfter() {
        func read(_ text: String, date: String? = nil) -> Duration? {
            var fields: HTTPFields = [.retryAfter: text]
            fields[.date] = date
            return RetryAfter.read(fields, now: Self.moment)
        }
        #expect(read("120") == .seconds(120))
        #expect(read(" 0 ") == .zero)
        #expect(read("Sun, 06 Nov 1994 08:50:37 GMT") == .seconds(60))
        #expect(read("Sun, 06 Nov 1994 08:48:37 GMT") == .zero)
        #expect(read("Sun, 06 Nov 1994 18:50:37 GMT", date: "Sun, 06 Nov 1994 18:50:07 GMT") == .seconds(30))
        #expect(read("-5") == nil)
        #expect(read("a while") == nil)
        #expect(read("99999999999999999999") != nil)
        #expect(RetryAfter.read([:], now: 0) == nil)
    }
}
