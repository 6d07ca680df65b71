// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes

extension APIClient {
    /// Where an answer redirects a read to; nil for an answer that is no redirect.
    ///
    /// - Throws: an uncertain ``HTTPFailure``: `redirectedWrite` (most clients would send a GET instead, and nothing
    ///   would be written), `redirectElsewhere` (the login would go to another host), `redirectLoop`.
    func redirect(
        _ answer: APIAnswer, of request: OutgoingRequest, effect: APICall.Effect, count: Int
    ) throws -> EndpointURL? {
        guard [301, 302, 303, 307, 308].contains(answer.status) else { return nil }
        guard let location = answer.fields[.location], let target = request.url.resolving(location) else {
            throw HTTPFailure(
                .uncertain, .redirectLoop, "the site redirects (HTTP \(answer.status)) but does not say where to",
                request: answer.request)
        }
        let place = redact(Redactor.redacted(target))
        let advice = "write `url: \(redact(suggestion(for: target)))` in the migration file"
        guard isOwn(target) else {
            let isWeaker = target.host == request.url.host && target.scheme == "http"
            throw HTTPFailure(
                .uncertain, .redirectElsewhere,
                isWeaker
                    ? "the site redirects from https to unencrypted http, which would show the login to everybody"
                    : "the site redirects to \(place), which is another host; the login is not sent there",
                request: answer.request,
                advice: isWeaker ? "have the site's host mend its https, or the site's address in its settings" : advice
            )
        }
        // A search by POST is a read, but it, too, would lose its body.
        guard effect == .read, request.method == .get || request.method == .head else {
            throw HTTPFailure(
                .uncertain, .redirectedWrite,
                "the site redirects to \(place); a \(request.method.rawValue) is not sent on, since its body would be lost",
                request: answer.request, advice: advice)
        }
        guard count < 5, target != request.url else {
            throw HTTPFailure(
                .uncertain, .redirectLoop, "the site redirects in a circle, last to \(place)", request: answer.request)
        }
        return target
    }

    /// The site's address as it would have to be for the redirect not to happen: without the API's path.
    private func suggestion(for target: EndpointURL) -> String {
        guard let parsed = try? BaseURL.parse(target.text, api: base.api).base else { return target.origin }
        let path = parsed.site.path
        // Only a folder that was there before can be told from the endpoint's own path.
        return target.origin + (path.hasPrefix(base.site.path) ? base.site.path : "/")
    }
}
