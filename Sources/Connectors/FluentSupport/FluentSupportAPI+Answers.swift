// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel
internal import Transport

extension FluentSupportAPI {
    /// Sends a request that writes, and says what its answer proves.
    ///
    /// Only an answer in JSON with a status that the API itself uses proves anything: a firewall's page with 403 or a
    /// crash with 500 may stand before or behind the write.
    func send(_ call: APICall, as agent: String? = nil) async -> Sent {
        let client = login(agent)
        return await client.send(call) { Self.proof(of: $0, client: client) }
    }

    private static func proof(of answer: APIAnswer, client: APIClient) -> Sent {
        let diagnostic = diagnostic(of: answer, client: client)
        guard let json = answer.json else {
            // A proxy's word that the body is too long: it was not passed on.
            return answer.status == 413 ? .refused(status: 413, diagnostic) : .uncertain(diagnostic)
        }
        if answer.isSuccess {
            if json.members != nil { return .understood(json) }
            return .uncertain(diagnostic)
        }
        switch answer.status {
        // Timed out, in conflict, locked, too early, closed by the client: the first request may still be at work.
        case 408, 409, 423, 425, 499: return .uncertain(diagnostic)
        case 400...499 where isOwnRefusal(json): return .refused(status: answer.status, diagnostic)
        default: return .uncertain(diagnostic)
        }
    }

    /// Whether a refusal has a shape that the plugin or WordPress gives.
    ///
    /// That is `message`, a bare string, or `{field: {rule: text}}`; anything else may be a proxy's word about a request
    /// that went through.
    private static func isOwnRefusal(_ json: JSON) -> Bool {
        if let text = json.string { return !text.isEmpty }
        guard let members = json.members, !members.isEmpty else { return false }
        if json["message"]?.string != nil { return true }
        return members.allSatisfy { field in
            guard let rules = field.value.members, !rules.isEmpty else { return false }
            return rules.allSatisfy { $0.value.string != nil }
        }
    }

    /// What an answer that is no success says, in this connector's words.
    static func diagnostic(of answer: APIAnswer, client: APIClient) -> Diagnostic {
        guard let json = answer.json else { return answer.problem }
        let said = client.redact(message(json))
        let words = said.isEmpty ? "" : ": “\(said)”"
        func make(_ code: String, _ text: String, _ remedy: String, _ cause: ExitCause) -> Diagnostic {
            Diagnostic(
                code: "fluent-support.\(code)", "\(text) (HTTP \(answer.status))\(words)", subject: answer.request,
                remedy: remedy, cause: cause)
        }
        let isModel = said.contains("No query results for model")
        switch answer.status {
        case 200..<300:
            return make(
                "odd-answer", "Fluent Support gave an answer that was not understood",
                "compare the plugin's version with `ticketferry connectors fluent-support`", .unavailable)
        case 401:
            return make(
                "unauthorized", "Fluent Support refused the login",
                "make a new application password for an agent and put it into the migration's secret", .refused)
        case 403:
            return make(
                "forbidden", "the login may not do this in Fluent Support",
                "give its agent the permissions, or use an administrator's login", .refused)
        case 404 where json["code"]?.string == "rest_no_route":
            return make(
                "no-route", "Fluent Support has no such route", "switch the plugin on, and update it if it is old",
                .refused)
        case _ where isModel:
            return make(
                "not-there", "something that the request names is not there any more",
                "run `ticketferry plan` to see what the target has now", .someFailed)
        case 500...:
            return make(
                "server-error", "Fluent Support failed",
                "look into the site's error log, then run the same command again",
                .unavailable)
        default:
            return make(
                "refused", "Fluent Support refused the request",
                "compare the message with the ticket and the site's settings",
                .someFailed)
        }
    }

    /// The words of an answer: `message`, a bare string, or `{field: {rule: text}}`; short and on one line.
    static func message(_ json: JSON) -> String {
        var words: [String] = []
        func collect(_ value: JSON, _ depth: Int) {
            if let text = value.string { words.append(text) }
            guard depth < 3 else { return }
            for member in value.members ?? [] where member.key != "data" { collect(member.value, depth + 1) }
        }
        if let text = json["message"]?.string ?? json.string { words = [text] } else { collect(json, 0) }
        let line = words.joined(separator: "; ").unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }
        return String(String(String.UnicodeScalarView(line)).prefix(240))
    }

    /// Whether an answer says that a ticket is not there: 422 or 404 with the model's name, as a bare string or a message.
    static func saysGone(_ answer: APIAnswer) -> Bool {
        guard answer.status == 422 || answer.status == 404, let json = answer.json else { return false }
        return message(json).contains("No query results for model")
    }
}
