// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes
package import TicketModel

/// The answer to a call of an API, of whatever status.
package struct APIAnswer: Sendable {
    package var status: Int
    package var fields: HTTPFields
    /// The body, read.
    ///
    /// An excerpt in it is free of the client's secrets.
    ///
    /// JSON is as it came and may repeat a secret: what is shown of it goes through ``APIClient/redact(_:)`` first.
    package var answer: JSONAnswer
    /// The bytes of a body that is no JSON, for APIs that speak XML; may repeat a secret.
    package var body: [UInt8] = []
    /// What PHP said around the JSON, free of the client's secrets; for one note in the log.
    package var noise: String?
    /// The request as it may be shown: `GET https://host/path`.
    package var request: String
    /// How often it was sent.
    package var attempts: Int
    /// How long the last try took.
    package var duration: Duration
    /// How long the server asks to wait, where it does.
    package var retryAfter: Duration?
    /// The address at which the site's own redirects ended, where there were any.
    package var redirectedTo: EndpointURL?
    /// Knows the secrets of the client that called.
    let redactor: Redactor

    /// Whether the status is 2xx.
    package var isSuccess: Bool { (200..<300).contains(status) }

    /// The JSON, where it is that.
    package var json: JSON? { answer.json }

    /// Whether a web page stands in the answer's place, as firewalls and caches show them; XML is none.
    var isPage: Bool {
        guard case .notJSON(.html, let status, _) = answer, status == 200 || status == 403 else { return false }
        let type = fields[.contentType]?.lowercased() ?? ""
        return !type.hasPrefix("text/xml") && !type.hasPrefix("application/xml")
    }
}

extension APIAnswer {
    /// What is wrong with an answer that was not what the API promises, in general terms.
    package var problem: Diagnostic {
        switch answer {
        case .notJSON(let kind, _, let excerpt): notJSON(kind, excerpt)
        case .json(_, let json): refused(said: message(of: json))
        }
    }

    private func notJSON(_ kind: JSONAnswer.NotJSON, _ excerpt: String) -> Diagnostic {
        let said = excerpt.isEmpty ? "" : ": “\(excerpt)”"
        let cause: ExitCause = status == 401 || status == 403 ? .refused : .unavailable
        switch kind {
        case .html:
            return make(
                "http.html-page", "the site answered with a web page (HTTP \(status)) where its API should be\(said)",
                status == 403 || status == 406
                    ? "a firewall seems to refuse this request: have it allow the API's address for this login"
                    : "open the address in a browser; look whether the site is in maintenance or the API switched off",
                cause)
        case .empty:
            return make(
                "http.empty-answer", "the site answered with nothing (HTTP \(status))",
                "look into the site's error log: its code has most likely crashed", cause)
        case .truncated:
            return make(
                "http.truncated-answer", "the site's answer breaks off (HTTP \(status))\(said)",
                "look into the site's error log: memory or time may have run out", cause)
        case .phpError:
            return make(
                "http.php-error", "the site's code crashed (HTTP \(status))\(said)", "look into the site's error log",
                cause)
        case .other:
            return make(
                "http.not-json", "the site's answer is no JSON (HTTP \(status))\(said)",
                "check that `url` is the address of the helpdesk's site or API", cause)
        }
    }

    private func refused(said: String?) -> Diagnostic {
        let words = said.map { ": “\($0)”" } ?? ""
        return switch status {
        case 401:
            make(
                "http.unauthorized", "the site refused the login (HTTP 401)\(words)",
                "check user name and password or key", .refused)
        case 403:
            make(
                "http.forbidden", "the login may not do this (HTTP 403)\(words)",
                "give its account the permission, or use another login", .refused)
        case 404, 410:
            make(
                "http.not-found", "there is nothing at this address (HTTP \(status))\(words)",
                "check `url`, and that the helpdesk is installed and switched on there", .badInput)
        case 429:
            make(
                "http.throttled", "the site goes on asking for a pause (HTTP 429)\(words)",
                "run the same command later, or with a lower `--rate`", .unavailable)
        case 500...:
            make(
                "http.server-error", "the site failed (HTTP \(status))\(words)",
                "look into the site's error log, then run the same command again", .unavailable)
        default:
            make(
                "http.refused", "the site refused the request (HTTP \(status))\(words)",
                "compare the message with the helpdesk's settings", .unavailable)
        }
    }

    private func make(_ code: String, _ message: String, _ remedy: String, _ cause: ExitCause) -> Diagnostic {
        Diagnostic(code: code, message, subject: request, remedy: remedy, cause: cause)
    }

    /// The sentence that most APIs put under one of these names.
    private func message(of json: JSON) -> String? {
        let text = json["message"]?.string ?? json["error"]?.string ?? json["error"]?["message"]?.string ?? json.string
        return text.map { Excerpt.plain(Array($0.utf8)[...], clean: redactor.clean) }
    }
}
