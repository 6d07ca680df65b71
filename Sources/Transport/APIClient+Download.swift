// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes
internal import TicketModel

extension APIClient {
    /// Fetches a file, such as an attachment, into a sink.
    ///
    /// The login goes to the site's own host only, also across redirects, which may lead elsewhere here (file stores do
    /// that). Private addresses other than the site's own host are refused, written as digits or resolved from a name:
    /// the name is looked up once and the connection made to the address that was looked at, so that a name that changes
    /// in between leads nowhere. A public address that forwards into a private network is beyond what can be seen here.
    /// One try: a sink cannot be rewound, so who wants another makes another sink.
    ///
    /// - Returns: the head of the last answer, of whatever status.
    /// - Throws: ``HTTPFailure``, and what the sink throws.
    package func download(
        _ url: EndpointURL, into sink: any ResponseSink, deadline: Duration = .seconds(600),
        allowsPrivateAddresses: Bool = false
    ) async throws -> HTTPResponse {
        var url = url
        for _ in 0...5 {
            let way = allowsPrivateAddresses || isOwn(url) ? transport : try await publicWay(to: url)
            var request = OutgoingRequest(url: url, fields: [.accept: "*/*", .acceptEncoding: "identity"])
            request.fields[.userAgent] = fields[.userAgent]
            if let login = authentication.field, isOwn(url) { request.fields[login.name] = login.value }
            let counting = CountingSink(sink)
            let (head, _) = try await observed(
                request, into: counting, deadline: deadline, attempt: 1, through: way,
                received: { counting.count })
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

    /// What carries a request to a public address and to no other.
    private func publicWay(to url: EndpointURL) async throws -> any HTTPTransport {
        func refusal() -> HTTPFailure {
            HTTPFailure(
                .notSent, .redirectElsewhere, "the file's address leads into a private network",
                request: redact("GET \(Redactor.redacted(url))"),
                advice: "allow private addresses if the file really lies there")
        }
        guard !url.isPrivateAddress else { throw refusal() }
        guard let addresses = await transport.addresses(of: url.host) else { return transport }
        guard let first = addresses.first else {
            throw HTTPFailure(
                .notSent, .unknownHost, "the host \(url.host) is not known",
                request: redact("GET \(Redactor.redacted(url))"))
        }
        guard addresses.allSatisfy({ !EndpointURL(scheme: url.scheme, host: $0).isPrivateAddress }) else {
            throw refusal()
        }
        return first == url.host ? transport : transport.pinned(url.host, to: first)
    }
}
