// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import TicketModel
internal import Transport

/// SupportEngine's API: four documented pages, and two that only its server files show.
///
/// Every answer is judged by its body: failures come with status 200 (field notes, “Answers”).
struct SupportEngineAPI: Sendable {
    /// Below the site's address.
    static let path = APIPath.plain("api")
    /// Nobody has it: what is asked for before a run to see whether the API answers.
    static let probe = "ticketferry-check@check.invalid"

    /// The migration's login.
    var client: APIClient

    /// The site's address, without login.
    var address: String { WordPressSite.address(of: client) }

    /// What the body of an answer says.
    enum Word {
        case success(JSON)
        /// The error's text, and the whole answer.
        case failure(String, JSON)
        /// No JSON, or none that says whether it worked.
        case unreadable
    }

    /// Judges a body alone.
    static func word(of answer: APIAnswer) -> Word {
        guard let json = answer.json, let said = json["success"], !said.isNull else { return .unreadable }
        let isSuccess = said.bool ?? (said.text == "1" || said.text?.lowercased() == "true")
        return isSuccess ? .success(json) : .failure(json["error"]?.text ?? "", json)
    }

    // MARK: Reading

    /// Reads; a page in the answer's place, with 200, is asked away twice: a firewall's check, a moment of maintenance.
    private func read(_ call: APICall) async throws -> APIAnswer {
        for attempt in 1...2 {
            let answer = try await client.read(call)
            guard answer.status == 200, case .notJSON(.html, _, _) = answer.answer else { return answer }
            try await client.pause(client.retries.base * attempt)
        }
        return try await client.read(call)
    }

    /// The rows of all tickets of an address (or of a person of that name), in the server's order.
    func list(_ email: String) async throws -> [JSON] {
        let answer = try await read(APICall(.get, "tickets_list.php", query: [("user_email", email)]))
        switch Self.word(of: answer) {
        case .success(let json):
            // A row without an id would be a ticket that nobody misses.
            guard let rows = Self.rows(json["tickets"]), rows.allSatisfy({ $0["id"]?.text != nil }) else {
                throw odd(answer)
            }
            return rows
        case .failure(let said, _): throw refusal(answer, said)
        case .unreadable: throw unreadable(answer)
        }
    }

    /// The rows of a list, or of an object in its place: PHP makes one of a list with gaps in its numbers.
    ///
    /// Nil for everything else, also where one row is none: nothing is dropped in silence.
    static func rows(_ json: JSON?) -> [JSON]? {
        let rows = json?.array ?? json?.members?.map(\.value)
        return rows.flatMap { rows in rows.allSatisfy { $0.members != nil } ? rows : nil }
    }

    /// One ticket with its replies and fields; nil where it is gone or the address is not its own.
    func view(_ id: String, email: String) async throws -> JSON? {
        let answer = try await read(
            APICall(.get, "ticket_view.php", query: [("ticket_id", id), ("user_email", email)]))
        switch Self.word(of: answer) {
        case .success(var json):
            guard json["ticket"]?.members != nil, let replies = Self.rows(json["replies"]) else { throw odd(answer) }
            json["replies"] = .array(replies)
            return json
        case .failure(let said, _):
            let words = said.lowercased()
            if words.contains("not found") || words.contains("no permission") { return nil }
            throw refusal(answer, said)
        case .unreadable: throw unreadable(answer)
        }
    }

    /// The categories, or the custom fields, by a page that the document does not name; nil where it is absent.
    ///
    /// It reports errors of the database as text with status 200, as of a server without that table; other sites show
    /// their own page for one that is absent.
    /// - Throws: a `Diagnostic` for an answer of another shape: names are never left out in silence.
    func extra(_ page: String, _ member: String) async throws -> [JSON]? {
        let answer = try await read(APICall(.get, page))
        switch Self.word(of: answer) {
        case .success(let json):
            guard let rows = Self.rows(json[member]) else { throw odd(answer) }
            return rows
        case .failure: return nil
        case .unreadable:
            if (400..<500).contains(answer.status) { return nil }
            if answer.status == 200, case .notJSON(.html, _, _) = answer.answer { return nil }
            throw unreadable(answer)
        }
    }

    /// Asks once whether the API answers to this login; goes over to https where the site leads there.
    ///
    /// - Throws: a `Diagnostic` for a refused token, a site without the API, a page in its place.
    mutating func begin(_ sink: any DiagnosticSink) async throws {
        let answer = try await read(APICall(.get, "tickets_list.php", query: [("user_email", Self.probe)]))
        switch Self.word(of: answer) {
        case .success: break
        case .failure(let said, _): throw refusal(answer, said)
        case .unreadable: throw unreadable(answer)
        }
        guard let end = answer.redirectedTo, client.base.site.scheme == "http", end.scheme == "https" else { return }
        // A write that is redirected loses its body on the way.
        client.base.site.scheme = "https"
        sink.emit(
            Diagnostic(
                .warning, code: "supportengine.https", "the site leads http to https; https is used",
                subject: address, remedy: "write https:// in `url`: the token travelled unencrypted once",
                cause: .refused)
        )
    }

    // MARK: Diagnostics

    /// The API's own no, with status 200 or another.
    func refusal(_ answer: APIAnswer, _ said: String) -> Diagnostic {
        let words = said.isEmpty ? "" : ": “\(shown(said))”"
        if said.contains("SQLSTATE") {
            return Diagnostic(
                code: "supportengine.database", "SupportEngine's database refused the request\(words)",
                subject: answer.request, remedy: "have the server's database repaired, then run the same command again",
                cause: .unavailable)
        }
        return Diagnostic(
            code: "supportengine.unauthorized",
            "SupportEngine refused the request (HTTP \(answer.status))\(words): most likely the token is wrong",
            subject: answer.request,
            remedy: "copy the API token from SupportEngine's settings into the migration's secret; nothing was written",
            cause: .refused)
    }

    /// An answer that nobody can read.
    func unreadable(_ answer: APIAnswer) -> Diagnostic {
        if answer.status == 429 || answer.status >= 500 { return overloaded(answer) }
        if case .notJSON(let kind, _, _) = answer.answer {
            if answer.status == 404 || answer.status == 410 {
                return Diagnostic(
                    code: "supportengine.no-api",
                    "there is no SupportEngine API at this address (HTTP \(answer.status))", subject: answer.request,
                    remedy:
                        "check `url`: the address of the site, with its folder if it stands in one, with or without /api",
                    cause: .badInput)
            }
            if kind == .empty, answer.status == 200 {
                return Diagnostic(
                    code: "supportengine.empty-answer",
                    "SupportEngine answered with nothing (HTTP 200): what it stored is most likely no valid UTF-8 on its database connection",
                    subject: answer.request,
                    remedy: "set the server's database connection to utf8mb4, then run the same command again",
                    cause: .refused)
            }
        }
        if answer.status == 401 || answer.status == 403, let json = answer.json {
            return refusal(answer, json["error"]?.text ?? json["message"]?.text ?? "")
        }
        return answer.json == nil ? answer.problem : odd(answer)
    }

    /// An answer of the server or of a gateway before it, in SupportEngine's place, each time that it was asked.
    private func overloaded(_ answer: APIAnswer) -> Diagnostic {
        let isPause = answer.status == 429
        return Diagnostic(
            code: isPause ? "supportengine.too-many-requests" : "supportengine.server-error",
            isPause
                ? "the server, or a gateway before it, asks for a pause (HTTP 429), and went on doing so each time it was asked again"
                : "the server, or a gateway before it, answered HTTP \(answer.status) in SupportEngine's place, each time it was asked",
            subject: answer.request,
            remedy: isPause
                ? "run the same command again later, with fewer requests: `--rate 30/min`, or a smaller `concurrency`"
                : "look whether the site works in a browser and into the server's error log, then run the same command again",
            cause: .unavailable)
    }

    /// JSON that is not what this API promises.
    func odd(_ answer: APIAnswer) -> Diagnostic {
        Diagnostic(
            code: "supportengine.odd-answer", "the answer is not one of SupportEngine's (HTTP \(answer.status))",
            subject: answer.request, remedy: "check that `url` is the address of SupportEngine", cause: .unavailable)
    }

    /// The server's words, short, on one line, without our secrets.
    func shown(_ text: String) -> String {
        let line = client.redact(text).unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        return String(String(String.UnicodeScalarView(line)).prefix(240))
    }

    // MARK: Writing

    /// Sends a form that writes; `id` is the name of the answer's id.
    ///
    /// With it come the ids of custom fields without which it was refused.
    ///
    /// Only an id that is not `0` proves a write, only the complaint about required fields proves that there is none:
    /// everything else (also `Missing required fields`: a body that got lost on the way) proves nothing.
    func send(
        _ page: String, _ form: [(name: String, value: String)], id: String
    ) async -> (sent: Sent, demanded: [String]) {
        var demanded: [String] = []
        let sent = await client.send(APICall(.post, page, body: .form(form))) { answer in
            switch Self.word(of: answer) {
            case .success(let json):
                if let made = json[id]?.text, !made.isEmpty, made != "0" { return .understood(json) }
                return .uncertain(
                    Diagnostic(
                        code: "supportengine.not-stored",
                        "SupportEngine said that it worked and gave no id: most likely nothing was stored",
                        subject: answer.request,
                        remedy: "run the same command again: what was written is looked up first", cause: .unavailable))
            case .failure(let said, let json):
                if let errors = json["custom_field_errors"]?.members, !errors.isEmpty {
                    demanded = errors.map(\.key).sorted()
                    return .refused(status: answer.status, missingFields(demanded, answer))
                }
                if answer.status == 401 || answer.status == 403 {
                    return .refused(status: answer.status, refusal(answer, said))
                }
                return .uncertain(
                    Diagnostic(
                        code: "supportengine.refused", "SupportEngine did not take it: “\(shown(said))”",
                        subject: answer.request,
                        remedy: "run the same command again: what was written is looked up first", cause: .unavailable))
            case .unreadable:
                // A proxy's word that the body is too long: it was not passed on.
                if answer.status == 413 { return .refused(status: 413, answer.problem) }
                return .uncertain(unreadable(answer))
            }
        }
        return (sent, demanded)
    }

    private func missingFields(_ ids: [String], _ answer: APIAnswer) -> Diagnostic {
        Diagnostic(
            code: "supportengine.required-field",
            "SupportEngine demands a value of the custom fields \(ids.sorted().joined(separator: ", "))",
            subject: answer.request, remedy: "give them a value under `customFields` of the mapping", cause: .badInput)
    }
}
