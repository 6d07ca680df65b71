// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import Testing
import TicketModel

@testable import Transport

/// 1994-11-06 08:49:37 UTC.
private let then = 784_111_777.0

@Suite struct `Pauses that servers ask for` {
    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "sun, 06 nov 1994 08:49:37 utc",
    ])
    func `HTTP's three forms of a date are read`(text: String) { #expect(HTTPDate.parse(text, now: then) == then) }

    @Test(arguments: [
        ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400.0), ("Fri, 31 Dec 1999 23:59:60 GMT", 946_684_800),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Friday, 01-Jan-99 00:00:00 GMT", 915_148_800),
    ])
    func `dates fall on their second`(text: String, seconds: Double) {
        #expect(HTTPDate.parse(text, now: 1_800_000_000) == seconds)
    }

    @Test(arguments: [
        "", "soon", "Sun, 31 Feb 1999 00:00:00 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET", "06 Nov 1994 08:49:37", "Sun, 06 Nov 199 08:49:37 GMT", "1994-11-06T08:49:37Z",
    ])
    func `other texts are no dates`(text: String) { #expect(HTTPDate.parse(text, now: then) == nil) }

    @Test(
        arguments: [
            ("120", nil, 120.0), (" 1.5 ", nil, 1.5), ("0", nil, 0), ("99999999999999999999", nil, 1e9),
            ("Sun, 06 Nov 1994 08:50:37 GMT", nil, 60), ("Sunday, 06-Nov-94 08:50:37 GMT", nil, 60),
            ("Sun Nov  6 08:50:37 1994", nil, 60), ("Sun, 06 Nov 1994 08:00:00 GMT", nil, 0),
            ("Sun, 06 Nov 1994 10:00:30 GMT", "Sun, 06 Nov 1994 10:00:00 GMT", 30),
            ("-5", nil, nil), ("soon", nil, nil), ("", nil, nil), ("1e9", nil, nil), (".", nil, nil),
        ] as [(String, String?, Double?)])
    func `Retry-After is seconds or a date by the server's own clock`(text: String, date: String?, seconds: Double?) {
        var fields: HTTPFields = [.retryAfter: text]
        fields[.date] = date
        #expect(RetryAfter.read(fields, now: then) == seconds.map { .seconds($0) })
    }

    @Test func `times in logs are RFC 3339`() {
        #expect(HTTPDate.timestamp(then + 0.25) == "1994-11-06T08:49:37.250Z")
        #expect(HTTPDate.timestamp(-0.001) == "1969-12-31T23:59:59.999Z")
    }
}

@Suite struct `What is sent again` {
    @Test(arguments: 1...8)
    func `the wait doubles up to its cap and is never longer than its share`(attempt: Int) {
        let policy = RetryPolicy(base: .seconds(1), cap: .seconds(30))
        #expect(policy.delay(after: attempt, share: 1) == .seconds([1, 2, 4, 8, 16, 30, 30, 30][attempt - 1]))
        #expect(policy.delay(after: attempt, share: 0) == .zero)
        #expect(policy.delay(after: 10_000, share: 1) == .seconds(30))
    }

    @Test func `a write is sent again after 429 and after nothing else that was answered`() {
        for status in 100..<600 { #expect(RetryPolicy().retriesWrite(status: status) == (status == 429)) }
    }

    @Test func `a write is sent again only where it never reached a host`() {
        for reason in HTTPFailure.Reason.allCases {
            #expect(!RetryPolicy().retriesWrite(HTTPFailure(.uncertain, reason, "")))
            #expect(RetryPolicy().retriesWrite(HTTPFailure(.notSent, reason, "")) == (reason == .unreachable))
        }
    }

    @Test(arguments: [
        (200, JSONAnswer.json(status: 200, .null), false), (404, .json(status: 404, .null), false),
        (500, .json(status: 500, .null), false), (500, .notJSON(.html, status: 500, excerpt: ""), true),
        (503, .json(status: 503, .null), true), (429, .json(status: 429, .null), true),
        (200, .notJSON(.truncated, status: 200, excerpt: ""), true),
        (200, .notJSON(.html, status: 200, excerpt: ""), true),
        (403, .notJSON(.html, status: 403, excerpt: ""), true), (404, .notJSON(.html, status: 404, excerpt: ""), false),
    ])
    func `a read is sent again where another try may help`(status: Int, answer: JSONAnswer, again: Bool) {
        #expect(RetryPolicy().retriesRead(status: status, answer: answer) == again)
        if case .notJSON(.html, _, _) = answer, status < 500 {
            #expect(
                !RetryPolicy().retriesRead(status: status, answer: answer, pages: 3), "a wrong address is said soon")
        }
    }
}
