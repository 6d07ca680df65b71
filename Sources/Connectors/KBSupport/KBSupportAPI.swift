// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import HTTPTypes
internal import TicketModel
package import Transport

/// KB Support's REST API, WordPress's own, and WordPress's XML-RPC, with one login.
package struct KBSupportAPI: Sendable {
    /// The plugin's own API.
    static let plugin = APIPath.wordPress("kbs/v1")
    /// WordPress's own API: media, terms, users.
    static let core = APIPath.wordPress("wp/v2")
    /// What stands before the plugin: WordPress.
    static let wordPress = WordPressSite(connector: "kb-support", plugin: "KB Support", namespace: "kbs/v1")
    /// The most that a page holds.
    static let perPage = 100

    /// The migration's login.
    package var client: APIClient

    /// Wraps a client.
    package init(client: APIClient) { self.client = client }

    /// The site's address, without login.
    var address: String { WordPressSite.address(of: client) }

    /// Where people see a ticket.
    func page(ofTicket id: Int) -> String {
        "\(WordPressSite.folder(of: client))wp-admin/post.php?post=\(id)&action=edit"
    }

    /// Reads; the answer is of whatever status.
    ///
    /// - Throws: a `Diagnostic` where no answer came.
    func get(
        _ path: String, _ query: [(name: String, value: String)] = [], api: APIPath? = nil
    ) async throws -> APIAnswer {
        try await client.read(APICall(.get, path, query: query, api: api))
    }

    /// Reads and demands a JSON answer of success.
    ///
    /// - Throws: a `Diagnostic` in this connector's words.
    func read(_ path: String, _ query: [(name: String, value: String)] = [], api: APIPath? = nil) async throws -> JSON {
        let answer = try await get(path, query, api: api)
        guard answer.isSuccess, let json = answer.json else { throw Self.diagnostic(of: answer, client: client) }
        return json
    }

    /// All rows of a listing that has to be there: a refusal is never an empty one.
    ///
    /// - Throws: a `Diagnostic` also for what ``all(_:_:api:)`` gives nil for.
    func demand(
        _ path: String, _ query: [(name: String, value: String)] = [], api: APIPath? = nil
    ) async throws -> [JSON] {
        if let rows = try await all(path, query, api: api) { return rows }
        throw Diagnostic(
            code: "kb-support.refused-list", "the site does not give the list `\(path)` to this login",
            subject: address,
            remedy: "look whether a security plugin closes it, and use an administrator's login", cause: .refused)
    }

    /// All rows of a listing, page by page; nil where the login may not see it or the route is not there.
    func all(
        _ path: String, _ query: [(name: String, value: String)] = [], api: APIPath? = nil
    ) async throws -> [JSON]? {
        var out: [JSON] = []
        var seen: Set<String> = []
        var page = 1
        while true {
            let answer = try await get(
                path, query + [("per_page", String(Self.perPage)), ("page", String(page))], api: api)
            // The end: WordPress's own listings and the plugin's tickets say 400 behind it, the others give nothing.
            if page > 1, answer.status == 400 { return out }
            if [401, 403, 404].contains(answer.status), answer.json != nil { return nil }
            guard answer.isSuccess, let rows = answer.json?.array else {
                throw Self.diagnostic(of: answer, client: client)
            }
            var isNew = false
            for row in rows where seen.insert(row["id"]?.text ?? "").inserted {
                out.append(row)
                isNew = true
            }
            // Some of the plugin's listings know no pages and give all each time.
            if rows.count < Self.perPage || !isNew { return out }
            page += 1
        }
    }

    /// Sends a request that writes, and says what its answer proves.
    func send(_ call: APICall) async -> Sent {
        await client.send(call) { Self.proof(of: $0, client: client) }
    }

    /// Uploads a file into WordPress's media library, below a ticket or reply.
    ///
    /// Files are public there. `slug` is stored without the dash at its end.
    func upload(
        path: String, name: String, type: String, size: Int, parent: Int, slug: String, date: String?
    ) async -> Sent {
        var parts: [MultipartPart] = [
            .field("post", String(parent)), .field("title", name), .field("slug", slug),
        ]
        if let date { parts.append(.field("date_gmt", date)) }
        parts.append(.file("file", fileName: name, type: type, .file(URL(fileURLWithPath: path), size: size)))
        return await send(
            APICall(.post, "media", body: .multipart(parts), deadline: .seconds(600), api: Self.core))
    }

    private static func proof(of answer: APIAnswer, client: APIClient) -> Sent {
        let diagnostic = diagnostic(of: answer, client: client)
        guard let json = answer.json else {
            // A proxy's word that the body is too long: it was not passed on.
            return answer.status == 413 ? .refused(status: 413, diagnostic) : .uncertain(diagnostic)
        }
        if answer.isSuccess { return json.members != nil ? .understood(json) : .uncertain(diagnostic) }
        guard let code = json["code"]?.string, json["message"]?.string != nil else { return .uncertain(diagnostic) }
        switch answer.status {
        // Timed out, in conflict, locked, too early, closed by the client: the first request may still be at work.
        case 408, 409, 423, 425, 499: return .uncertain(diagnostic)
        case 400...499: return .refused(status: answer.status, diagnostic)
        // The plugin says with 500 that a field is missing or wrong, WordPress that it does not take a file.
        case 500 where isRefusal(code): return .refused(status: 500, diagnostic)
        default: return .uncertain(diagnostic)
        }
    }

    private static func isRefusal(_ code: String) -> Bool {
        code == "required_fields" || code == "invalid_email" || code.hasPrefix("rest_upload_")
    }

    /// What an answer that is no success says, in this connector's words.
    static func diagnostic(of answer: APIAnswer, client: APIClient) -> Diagnostic {
        guard let json = answer.json else { return answer.problem }
        let text = (json["message"]?.string ?? "").unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }
        let said = client.redact(String(String(String.UnicodeScalarView(text)).prefix(240)))
        let words = said.isEmpty ? "" : ": “\(said)”"
        func make(_ code: String, _ text: String, _ remedy: String, _ cause: ExitCause) -> Diagnostic {
            Diagnostic(
                code: "kb-support.\(code)", "\(text) (HTTP \(answer.status))\(words)", subject: answer.request,
                remedy: remedy, cause: cause)
        }
        let code = json["code"]?.string ?? ""
        switch answer.status {
        case 200..<300:
            return make(
                "odd-answer", "KB Support gave an answer that was not understood",
                "compare the plugin's version with `ticketferry connectors kb-support`", .unavailable)
        case 401:
            return make(
                "unauthorized", "KB Support refused the login",
                "make a new application password and put it into the migration's secret", .refused)
        case 403:
            return make(
                "forbidden", "the login may not do this in KB Support",
                "use the login of an administrator or of a support manager", .refused)
        case 404 where code == "rest_no_route":
            return make(
                "no-route", "the site has no such route", "switch KB Support on, and update it if it is old", .refused)
        case 404:
            return make(
                "not-there", "something that the request names is not there any more",
                "run `ticketferry plan` to see what the target has now", .someFailed)
        case 500 where isRefusal(code):
            return make(
                "refused", "the site refused the request", "compare the message with the ticket", .someFailed)
        case 500...:
            return make(
                "server-error", "the site failed", "look into the site's error log, then run the same command again",
                .unavailable)
        default:
            return make(
                "refused", "the site refused the request",
                "compare the message with the ticket and the site's settings",
                .someFailed)
        }
    }
}
