// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes
internal import TicketModel

extension APIClient {
    /// Fetches a file, such as an attachment, into a sink.
    ///
    /// The login goes to the site's own host only, also across redirects, which may lead elsewhere here (file stores do
    /// that). Private addresses other than the site's own host are refused, as ``EndpointURL/isPrivateAddress`` sees
    /// them. One try: a sink cannot be rewound, so who wants another makes another sink.
    ///
    /// - Returns: the head of the last answer, of whatever status.
    /// - Throws: ``HTTPFailure``, and what the sink throws.
    package func download(
        _ url: EndpointURL, into sink: any ResponseSink, deadline: Duration = .seconds(600),
        allowsPrivateAddresses: Bool = false
    ) async throws -> HTTPResponse {
        var url = url
        for _ in 0...5 {
            guard allowsPrivateAddresses || isOwn(url) || !url.isPrivateAddress else {
                throw HTTPFailure(
                    .notSent, .redirectElsewhere, "the file's address leads into a private network",
                    request: redact("GET \(Redactor.redacted(url))"),
                    advice: "allow private addresses if the file really lies there")
            }
            var request = OutgoingRequest(url: url, fields: [.accept: "*/*", .acceptEncoding: "identity"])
            request.fields[.userAgent] = fields[.userAgent]
            if let login = authentication.field, isOwn(url) { request.fields[login.name] = login.value }
            let counting = CountingSink(sink)
            let (head, _) = try await observed(
                request, into: counting, deadline: deadline, attempt: 1, received: { counting.count })
            guard [301, 302, 303, 307, 308].contains(head.status.code) else { return head }
            guard let location = head.headerFields[.location], let target = url.resolving(location) else { return head }
            if url.scheme == "https", target.scheme == "http" {
                throw HTTPFailure(
                    .uncertain, .redirectElsewhere, "the file's address redirects from https to unencrypted http",
                    request: redact(request.summary),
                    advice: "fetch the file by hand and put it into the `files` folder")
            }
            url = target
        }
        throw HTTPFailure(
            .uncertain, .redirectLoop, "the file's address redirects without end",
            request: redact("GET \(Redactor.redacted(url))"))
    }
}
