// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import TicketModel
internal import Transport

/// Smartsupp's API v2: reads, writes, and what its answers mean.
struct SmartsuppAPI: Sendable {
    /// Where it lies below the host.
    static let path = APIPath.plain("v2")
    /// The most conversations that a search gives without being asked for more (the vendor's own client says 250).
    static let searchSize = 200
    /// Messages of a page, by the field notes.
    static let messageSize = 200

    var client: APIClient
    /// Conversations of a page.
    var pageSize = searchSize

    /// The service's address, without login.
    var address: String { client.base.endpoint("").text }

    /// Reads and demands a JSON answer of success.
    ///
    /// - Throws: a `Diagnostic` in this connector's words.
    func read(_ path: String, _ query: [(name: String, value: String)] = []) async throws -> JSON {
        try await read(APICall(.get, path, query: query))
    }

    /// Reads by a call of its own, such as a search by POST.
    func read(_ call: APICall) async throws -> JSON {
        let answer = try await client.read(call)
        guard answer.isSuccess, let json = answer.json else { throw Self.diagnostic(of: answer, client: client) }
        return json
    }

    /// Reads one thing; nil where the API says that there is none.
    func find(_ path: String, _ query: [(name: String, value: String)] = []) async throws -> JSON? {
        let answer = try await client.read(APICall(.get, path, query: query))
        if answer.status == 404 || answer.status == 410, let json = answer.json, Self.isOwnRefusal(json) { return nil }
        if answer.status == 204 { return nil }
        guard answer.isSuccess, let json = answer.json else { throw Self.diagnostic(of: answer, client: client) }
        let rows = json["items"]?.array ?? json.array
        if rows?.isEmpty == true || json.isNull { return nil }
        let found = rows?.first ?? json
        guard let id = found["id"]?.text, !id.isEmpty else { throw Self.diagnostic(of: answer, client: client) }
        return found
    }

    /// A page of the search for conversations, oldest first: a read, although it goes by POST.
    func search(after: JSON?, size: Int? = nil, timezone: String) async throws -> JSON {
        var body: JSON = [
            "timezone": .string(timezone), "size": JSON(size ?? pageSize), "query": [], "sort": [["createdAt": "asc"]],
        ]
        if let after { body["after"] = after }
        return try await read(APICall(.post, "conversations/search", body: .json(body), effect: .read))
    }

    /// Sends a request that writes, and says what its answer proves.
    func send(_ call: APICall, allowsEmpty: Bool = false) async -> Sent {
        await client.send(call) { answer in
            let diagnostic = Self.diagnostic(of: answer, client: client)
            guard let json = answer.json else {
                if allowsEmpty, answer.isSuccess, case .notJSON(.empty, _, _) = answer.answer {
                    return .understood(.null)
                }
                // A proxy's word that the body is too long: it was not passed on.
                return answer.status == 413 ? .refused(status: 413, diagnostic) : .uncertain(diagnostic)
            }
            if answer.isSuccess {
                return json.members != nil || allowsEmpty ? .understood(json) : .uncertain(diagnostic)
            }
            switch answer.status {
            // Timed out, in conflict (the ext_id may be there), locked, too early: the first may be at work or done.
            case 408, 409, 423, 425, 499: return .uncertain(diagnostic)
            case 400...499 where Self.isOwnRefusal(json): return .refused(status: answer.status, diagnostic)
            default: return .uncertain(diagnostic)
            }
        }
    }

    /// Whether an answer has the shape of the API's own errors: `{code, message}`.
    static func isOwnRefusal(_ json: JSON) -> Bool { json["code"]?.text != nil }

    /// What an answer that is no success says, in this connector's words.
    static func diagnostic(of answer: APIAnswer, client: APIClient) -> Diagnostic {
        guard let json = answer.json else { return answer.problem }
        let said = client.redact(json["message"]?.string ?? json["error"]?.string ?? "").prefix(240)
        let words = said.isEmpty ? "" : ": “\(said)”"
        func make(_ code: String, _ text: String, _ remedy: String, _ cause: ExitCause) -> Diagnostic {
            Diagnostic(
                code: "smartsupp.\(code)", "\(text) (HTTP \(answer.status))\(words)", subject: answer.request,
                remedy: remedy, cause: cause)
        }
        switch answer.status {
        case 200..<300:
            return make(
                "odd-answer", "Smartsupp gave an answer that was not understood",
                "open the address with the token in another tool and compare it with the API's document", .unavailable)
        case 401:
            return make(
                "unauthorized", "Smartsupp refused the token",
                "make a new access token in Smartsupp's settings and put it into the migration's secret", .refused)
        case 403:
            return make(
                "forbidden", "the token may not do this",
                "use a token of this very account, with the rights to read and write conversations and contacts",
                .refused)
        case 404, 410:
            return make(
                "not-there", "Smartsupp has nothing at this address",
                "check `url` (https://api.smartsupp.com/v2); if something was deleted there, run `ticketferry plan`",
                .someFailed)
        case 500...:
            return make(
                "server-error", "Smartsupp failed", "run the same command again in some minutes", .unavailable)
        default:
            return make(
                "refused", "Smartsupp refused the request", "compare the message with the chat's contents", .someFailed)
        }
    }
}

/// Where a listing goes on.
enum SmartsuppCursor {
    /// What to hand back for the next page; nil: this was the last one.
    ///
    /// A cursor is opaque, but the service's own clients show it as the time of the last row alone: of two chats of one
    /// millisecond on both sides of a page's end the second would be lost. So a lone number is widened by one, which
    /// brings the last rows again (repeated ids are dropped); where that brings nothing new, it goes back as it came.
    ///
    /// - Parameters:
    ///   - given: the answer's `after`.
    ///   - sent: what this page was asked with.
    ///   - ascending: whether rows come oldest first.
    ///   - isEmpty: whether the page had no rows.
    /// - Returns: the cursor for the next page.
    static func next(_ given: JSON?, sent: JSON?, ascending: Bool, isEmpty: Bool) -> JSON? {
        guard !isEmpty, let given, !isNothing(given), given != sent else { return nil }
        guard let widened = widen(given, by: ascending ? -1 : 1), widened != sent else { return given }
        return widened
    }

    private static func isNothing(_ cursor: JSON) -> Bool {
        switch cursor {
        case .null: true
        case .string(let text): text.isEmpty
        case .array(let items): items.isEmpty || items.allSatisfy(\.isNull)
        case .bool(let more): !more
        default: false
        }
    }

    /// Whether a page ends at the very time that it was asked to begin with: there may be more rows of it than fit.
    static func isStuck(_ given: JSON?, sent: JSON?) -> Bool {
        guard let given, let sent, let widened = widen(given, by: -1) else { return false }
        return widened == sent
    }

    private static func widen(_ cursor: JSON, by step: Int) -> JSON? {
        switch cursor {
        case .number(let digits): return Int(digits).map { JSON($0 + step) }
        case .array(let items) where items.count == 1:
            guard case .number(let digits) = items[0], let number = Int(digits) else { return nil }
            return .array([JSON(number + step)])
        default: return nil
        }
    }

    /// As the value of a query.
    static func text(_ cursor: JSON) -> String {
        if let text = cursor.text { return text }
        if let items = cursor.array, items.count == 1, let text = items[0].text { return text }
        return cursor.canonicalText
    }
}
