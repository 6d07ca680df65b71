// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import TicketModel
internal import Transport

/// Smartsupp's account API (v1): GET and POST only, the key in a header, ids as strings, errors `{error, message}`.
struct SmartsuppAccountAPI: Sendable {
    private static let header = HTTPField.Name("apiKey")

    var client: APIClient

    /// Takes a connection whose host has the API at its root.
    init(connection: Connection, key: Secret) {
        var connection = connection
        connection.base.api = .plain("")
        client = connection.client(Self.header.map { .header($0, key) } ?? .none)
    }

    /// Asks whether the key is good.
    ///
    /// - Throws: a `Diagnostic` where it is not.
    func test() async throws { _ = try await read("test") }

    /// The users of an account.
    func users(_ account: String) async throws -> [JSON] { try await list(account, "users") }

    /// The triggers of an account.
    func triggers(_ account: String) async throws -> [JSON] { try await list(account, "triggers") }

    private func list(_ account: String, _ what: String) async throws -> [JSON] {
        if let rows = SmartsuppAPI.rows(try await read("accounts/\(PercentEncoding.encode(account))/\(what)")) {
            return rows
        }
        throw Diagnostic(
            code: "smartsupp.odd-answer", "Smartsupp's account API gave no list of \(what)",
            remedy: "check `accountUrl`: https://api.smartsupp.com", cause: .unavailable)
    }

    private func read(_ path: String) async throws -> JSON {
        let answer = try await client.read(APICall(.get, path))
        guard answer.isSuccess, let json = answer.json else { throw Self.diagnostic(of: answer, client: client) }
        return json
    }

    /// Sends a request that writes; `secret` is one that stands in its body.
    func send(_ path: String, _ body: JSON, secret: Secret? = nil) async -> Sent {
        var client = client
        if let secret { client.otherSecrets.append(secret) }
        let sender = client
        return await sender.send(APICall(.post, path, body: .json(body))) { answer in
            let diagnostic = Self.diagnostic(of: answer, client: sender)
            guard let json = answer.json else { return .uncertain(diagnostic) }
            if answer.isSuccess { return json.members == nil ? .uncertain(diagnostic) : .understood(json) }
            switch answer.status {
            case 408, 409, 423, 425, 499: return .uncertain(diagnostic)
            case 400...499 where json["error"]?.string != nil: return .refused(status: answer.status, diagnostic)
            default: return .uncertain(diagnostic)
            }
        }
    }

    /// Deletes a user or a trigger: by GET, as all but creations and updates go (the vendor's PHP client).
    ///
    /// One that is gone already is understood.
    func delete(_ account: String, _ what: String, _ id: String) async -> Sent {
        let path = "accounts/\(PercentEncoding.encode(account))/\(what)/\(PercentEncoding.encode(id))/delete"
        let sender = client
        return await sender.send(APICall(.get, path, effect: .write)) { answer in
            let diagnostic = Self.diagnostic(of: answer, client: sender)
            // Success may come without a body (the document).
            if answer.isSuccess {
                if let json = answer.json { return json["error"] == nil ? .understood(json) : .uncertain(diagnostic) }
                if case .notJSON(.empty, _, _) = answer.answer { return .understood(.null) }
                return .uncertain(diagnostic)
            }
            guard let json = answer.json, json["error"]?.string != nil else { return .uncertain(diagnostic) }
            switch answer.status {
            case 404, 410: return .understood(.null)
            case 408, 409, 423, 425, 499: return .uncertain(diagnostic)
            case 400...499: return .refused(status: answer.status, diagnostic)
            default: return .uncertain(diagnostic)
            }
        }
    }

    /// What an answer that is no success says.
    static func diagnostic(of answer: APIAnswer, client: APIClient) -> Diagnostic {
        guard let json = answer.json else { return answer.problem }
        let kind = json["error"]?.string ?? ""
        let said = client.redact(json["message"]?.string ?? kind).prefix(240)
        let words = said.isEmpty ? "" : ": “\(said)”"
        func make(_ code: String, _ text: String, _ remedy: String, _ cause: ExitCause) -> Diagnostic {
            Diagnostic(
                code: "smartsupp.\(code)", "\(text) (HTTP \(answer.status))\(words)", subject: answer.request,
                remedy: remedy, cause: cause)
        }
        switch answer.status {
        case 401:
            return make(
                "account-unauthorized", "Smartsupp's account API refused the key",
                "ask Smartsupp for a key of the account API and put it into `apiKey`; the token of the API v2 is another",
                .refused)
        case 403:
            return make(
                "account-forbidden", "the key may not do this in this account",
                "check `account`: a key reaches only the accounts that it made", .refused)
        case 404:
            return make(
                "no-account", "the account API has no such account", "write the account's id, a number, into `account`",
                .badInput)
        case 500...:
            return make(
                "account-server-error", "Smartsupp's account API failed", "run the same command again in some minutes",
                .unavailable)
        default:
            return make(
                "account-refused", "Smartsupp's account API refused the request",
                "compare the message with the catalogue's entry", .someFailed)
        }
    }
}
