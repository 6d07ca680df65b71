// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import HTTPTypes
internal import Migration
internal import Synchronization
internal import TicketModel
internal import Transport

/// Notes of a check, from whatever task.
final class ExamNotes<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }
    var value: Value { state.withLock { $0 } }
    func change<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        state.withLock { value in
            var copy = value
            let result = body(&copy)
            value = copy
            return result
        }
    }
}

extension IncomingResponse {
    fileprivate init(_ status: Int, _ body: String, type: String, _ more: HTTPFields = [:]) {
        var fields = more
        fields[.contentType] = type
        self.init(status: status, fields: fields, body: Array(body.utf8))
    }
}

extension Exam {
    /// 429 for every third request, with seconds, then with a date; the next request has to come after the pause.
    func throttled() async throws -> [String] {
        try await onSite(tickets: 6) { site in
            let usual = try await site.readAll()
            var out: [String] = []
            for usesDate in [false, true] {
                let pausedUntil = ExamNotes(Duration.zero)
                let early = ExamNotes(0)
                let time = site.time
                let opening = ExamSite.Opening { request, number, next in
                    if time.elapsed() < pausedUntil.value { early.change { $0 += 1 } }
                    guard number % 3 == 1 else { return try await next(request) }
                    // A date has whole seconds: what is left of this one is part of the pause.
                    pausedUntil.change { $0 = time.elapsed() + .seconds(6) }
                    let when = usesDate ? Self.date(time.calendar + 7) : "7"
                    return IncomingResponse(
                        429, "{\"message\":\"slow down\"}", type: "application/json", [.retryAfter: when])
                }
                let found = try await site.readAll(opening)
                let word = usesDate ? "429 with a date" : "429 with seconds"
                out += Self.differences(found, usual, word)
                if early.value > 0 { out.append("\(word): \(early.value) requests came before the time it asked for") }
            }
            return out
        }
    }

    private static func date(_ seconds: Double) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return format.string(from: Date(timeIntervalSince1970: seconds))
    }

    func unavailable() async throws -> [String] {
        try await onSite(tickets: 5) { site in
            let usual = try await site.readAll()
            var out: [String] = []
            for status in [500, 502, 503] {
                for (type, body) in [
                    ("text/html", "<html><body>trouble</body></html>"),
                    ("application/json", "{\"message\":\"trouble\"}"),
                    ("text/html", ""),
                ] {
                    let word = "\(status) with \(body.isEmpty ? "nothing" : type)"
                    let passing = ExamSite.Opening { request, number, next in
                        if number % 3 == 2 { return IncomingResponse(status, body, type: type) }
                        return try await next(request)
                    }
                    switch try await attempt(site, passing) {
                    case .success(let found): out += Self.differences(found, usual, "passing \(word)")
                    case .failure(let diagnostic):
                        // A 500 with the API's own JSON may be its last word on this request.
                        if status != 500 || type == "text/html" { out.append("passing \(word): \(diagnostic)") }
                    }
                    let staying = ExamSite.Opening { request, number, next in
                        if number >= 3 { return IncomingResponse(status, body, type: type) }
                        return try await next(request)
                    }
                    switch try await attempt(site, staying) {
                    case .success(let found): out += Self.differences(found, usual, "staying \(word)")
                    case .failure(let diagnostic):
                        if status == 503, diagnostic.cause != .unavailable {
                            out.append("staying \(word) is called \(diagnostic.cause): \(diagnostic)")
                        }
                    }
                }
            }
            return out
        }
    }

    func brokenAnswers() async throws -> [String] {
        try await onSite(tickets: 5) { site in
            let usual = try await site.readAll()
            var out: [String] = []
            for trouble in Trouble.allCases {
                let passing = ExamSite.Opening { request, number, next in
                    let answer = try await next(request)
                    return number % 3 == 2 || trouble.isHarmless ? trouble.spoil(answer) : answer
                }
                switch try await attempt(site, passing) {
                case .success(let found): out += Self.differences(found, usual, "now and then \(trouble.rawValue)")
                case .failure(let diagnostic):
                    if trouble.isHarmless { out.append("\(trouble.rawValue): \(diagnostic)") }
                }
                guard !trouble.isHarmless else { continue }
                let staying = ExamSite.Opening { request, number, next in
                    let answer = try await next(request)
                    return number >= 3 ? trouble.spoil(answer) : answer
                }
                if case .success(let found) = try await attempt(site, staying) {
                    out += Self.differences(found, usual, "from the fourth answer on \(trouble.rawValue)")
                }
            }
            return out
        }
    }

    /// What happens to answers on their way.
    private enum Trouble: String, CaseIterable {
        case cut = "cut in the middle"
        case empty = "empty bodies"
        case page = "an HTML page with status 200"
        case garbage = "bytes that are no text"
        case otherShape = "JSON of another shape"
        case mark = "a byte order mark"
        case warning = "a PHP warning before the JSON"

        /// Whether an answer can be read all the same.
        var isHarmless: Bool { self == .mark || self == .warning }

        func spoil(_ answer: IncomingResponse) -> IncomingResponse {
            guard answer.body.first == UInt8(ascii: "{") || answer.body.first == UInt8(ascii: "[") else {
                return answer
            }
            var answer = answer
            switch self {
            case .cut: answer.body = Array(answer.body.prefix(answer.body.count / 2))
            case .empty: answer.body = []
            case .page:
                answer.body = Array("<!DOCTYPE html><html><body><h1>Just a moment…</h1></body></html>".utf8)
                answer.fields[.contentType] = "text/html"
            case .garbage: answer.body = [0xFF, 0xFE, 0x00, 0xC3, 0x28]
            case .otherShape: answer.body = Array("{\"oops\":true}".utf8)
            case .mark: answer.body = [0xEF, 0xBB, 0xBF] + answer.body
            case .warning:
                let text = "<br />\n<b>Warning</b>:  Undefined array key in <b>/srv/x.php</b> on line <b>7</b><br />\n"
                answer.body = Array(text.utf8) + answer.body
            }
            answer.fields[.contentLength] = nil
            return answer
        }
    }

    // MARK: The key

    /// The key stops being one after so many requests.
    func revokedKey() async throws -> [String] {
        try await onSite(tickets: 6) { site in
            let (source, transport) = try await site.source(ExamSite.Opening(pageSize: 3))
            let usual = try await ExamSite.readAll(source)
            let total = transport.count
            var out: [String] = []
            var refusals = 0
            for limit in Set([0, 1, 2, 3, total / 2, total - 2, total - 1]).sorted() where limit >= 0 && limit < total {
                let secrets = examinee.secrets
                let opening = ExamSite.Opening(pageSize: 3) { request, number, next in
                    try await next(number < limit ? request : Self.withoutKey(request, secrets))
                }
                switch try await attempt(site, opening) {
                case .success(let found): out += Self.differences(found, usual, "revoked after \(limit) requests")
                case .failure(let diagnostic):
                    refusals += 1
                    if diagnostic.cause != .refused {
                        out.append("revoked after \(limit) requests, it is called \(diagnostic.cause): \(diagnostic)")
                    }
                }
            }
            if refusals == 0 { out.append("a wrong key is never noticed") }
            return out
        }
    }

    /// A request with another key in the place of the right one.
    static func withoutKey(_ request: OutgoingRequest, _ secrets: [String]) -> OutgoingRequest {
        func changed(_ text: String) -> String { secrets.reduce(text) { $0.replacing($1, with: "revoked-0000") } }
        var request = request
        for field in request.fields {
            var value = changed(field.value)
            if value.hasPrefix("Basic "), let data = Data(base64Encoded: String(value.dropFirst(6))) {
                let login = changed(String(decoding: data, as: UTF8.self))
                value = "Basic " + Data(login.utf8).base64EncodedString()
            }
            request.fields[field.name] = value
        }
        request.url.query = request.url.query.map(changed)
        request.body.parts = request.body.parts.map { part in
            guard case .bytes(let bytes) = part, let text = String(validating: bytes, as: UTF8.self) else {
                return part
            }
            return .bytes(Array(changed(text).utf8))
        }
        return request
    }
}
