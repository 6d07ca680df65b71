// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import Synchronization
import Testing
import TicketModel

@testable import Transport

@Suite(.timeLimit(.minutes(1))) struct `Calls of an API` {
    private let login = Authentication.basic(user: "ann", Secret("hunter22/x y"))

    @Test func `a call carries the login, the tool's name and its body as canonical JSON`() async throws {
        let api = ScriptedAPI([.answer(201, #"{"id":7}"#)])
        let client = try api.client(authentication: .bearer(Secret("tok-en-1")))
        let answer = try await client.call(
            APICall(.post, "tickets", query: [("q", "a b")], body: .json(.array([.number("1"), .string("ü")]))))
        #expect(answer.json?["id"] == .number("7"))
        let request = try #require(api.requests.first)
        #expect(request.url.text == "https://desk.example/api/tickets?q=a%20b")
        #expect(request.fields[.authorization] == "Bearer tok-en-1")
        #expect(request.fields[.userAgent] == "Ticketferry/0")
        #expect(request.fields[.contentType] == "application/json")
        #expect(String(decoding: api.bodies[0], as: UTF8.self) == "[1,\"ü\"]")
    }

    @Test func `a read follows redirects on its own host, with its login`() async throws {
        let api = ScriptedAPI([
            .answer(301, "", [.location: "/api/tickets/"]), .answer(307, "", [.location: "https://desk.example/b/"]),
            .answer(200, "[]"),
        ])
        let answer = try await api.client(authentication: login).call(APICall(.get, "tickets"))
        #expect(answer.redirectedTo?.text == "https://desk.example/b/")
        #expect(api.requests.map(\.url.path) == ["/api/tickets", "/api/tickets/", "/b/"])
        #expect(api.requests.allSatisfy { $0.fields[.authorization] != nil })
    }

    @Test(arguments: [
        "https://evil.example/api", "//evil.example/", "http://desk.example/api/tickets", "https://desk.example:8443/",
        "https://desk.example.evil.example/", "https://desk.example./x",
    ])
    func `a redirect elsewhere is refused, for reads and writes alike, and nothing is sent there`(location: String)
        async throws
    {
        for method in [HTTPRequest.Method.get, .post] {
            let api = ScriptedAPI([.answer(302, "", [.location: location]), .answer(200, "{}")])
            let client = try api.client(authentication: login)
            let failure = await #expect(throws: HTTPFailure.self) { try await client.call(APICall(method, "tickets")) }
            #expect(failure?.reason == .redirectElsewhere)
            #expect(failure?.certainty == .uncertain)
            #expect(api.requests.count == 1)
        }
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func `a write is not redirected, and not known to be undone`(status: Int) async throws {
        for call in [
            APICall(.post, "t"), APICall(.delete, "t"), APICall(.get, "t", effect: .write),
            APICall(.post, "t", effect: .read),
        ] {
            let api = ScriptedAPI([.answer(status, "", [.location: "/api/t/"]), .answer(200, "{}")])
            let client = try api.client()
            let failure = await #expect(throws: HTTPFailure.self) { try await client.call(call) }
            #expect(failure?.reason == .redirectedWrite)
            #expect(failure?.certainty == .uncertain)
            #expect(api.requests.count == 1)
        }
    }

    @Test func `redirects without end have one`() async throws {
        let api = ScriptedAPI([
            .answer(302, "", [.location: "a"]), .answer(302, "", [.location: "b"]), .answer(302, "", [.location: "b"]),
        ])
        let client = try api.client()
        let failure = await #expect(throws: HTTPFailure.self) { try await client.call(APICall(.get, "t")) }
        #expect(failure?.reason == .redirectLoop)
        #expect(api.requests.count <= 6)
        let nowhere = try ScriptedAPI([.answer(302, "")]).client()
        await #expect(throws: HTTPFailure.self) { try await nowhere.call(APICall(.get, "t")) }
    }

    @Test func `a read is tried again and its tries are counted and logged`() async throws {
        let api = ScriptedAPI([
            .failure(HTTPFailure(.uncertain, .connectionLost, "")), .answer(502, "<html>"), .answer(200, #"{"a":"#),
            .answer(200, "{}"),
        ])
        let answer = try await api.client().call(APICall(.get, "t"))
        #expect(answer.attempts == 4)
        #expect(api.log.exchanges.map(\.attempt) == [1, 2, 3, 4])
        #expect(api.log.exchanges.map(\.status) == [nil, 502, 200, 200])
        #expect(api.log.exchanges[0].failure == "connection-lost")
    }

    @Test func `a page in place of an answer is asked for again, whatever else went wrong before`() async throws {
        let page = "<html><title>Blocked</title>"
        let lost = HTTPFailure(.uncertain, .connectionLost, "")
        let mixed = ScriptedAPI([.failure(lost), .answer(429, "{}"), .answer(200, page), .answer(200, "{}")])
        #expect(try await mixed.client().call(APICall(.get, "t")).json != nil)
        let wrong = ScriptedAPI([.answer(403, page)])
        #expect(try await wrong.client().call(APICall(.get, "t")).status == 403)
        #expect(wrong.requests.count == RetryPolicy.triesAfterPage + 1, "a wrong address is said soon")
    }

    @Test func `XML is no page: it is asked for once`() async throws {
        let api = ScriptedAPI([.answer(200, "<?xml version='1.0'?><a/>", [.contentType: "text/xml; charset=UTF-8"])])
        #expect(try await api.client().call(APICall(.get, "t")).status == 200)
        #expect(api.requests.count == 1)
    }

    @Test func `a read gives up after its last try and says what happened then`() async throws {
        let api = ScriptedAPI([.failure(HTTPFailure(.uncertain, .timeout, "slow"))])
        let client = try api.client(retries: RetryPolicy(attempts: 3))
        let failure = await #expect(throws: HTTPFailure.self) { try await client.call(APICall(.get, "t")) }
        #expect(failure?.reason == .timeout)
        #expect(failure?.request == "GET https://desk.example/api/t")
        #expect(api.requests.count == 3)
    }

    @Test(arguments: [200, 400, 403, 404, 408, 409, 413, 425, 500, 502, 503, 504, 524])
    func `a write that was answered is sent once, whatever the answer`(status: Int) async throws {
        for body in ["", "<html>", #"{"id":"#, "{}"] {
            let api = ScriptedAPI([.answer(status, body, [.retryAfter: "1"])])
            #expect(try await api.client().call(APICall(.post, "t", body: .json(.null))).status == status)
            #expect(api.requests.count == 1)
        }
    }

    @Test(arguments: HTTPFailure.Reason.allCases)
    func `a write that may have arrived is sent once, and its failure stays uncertain`(reason: HTTPFailure.Reason)
        async throws
    {
        let api = ScriptedAPI([.failure(HTTPFailure(.uncertain, reason, ""))])
        let client = try api.client()
        let failure = await #expect(throws: HTTPFailure.self) { try await client.call(APICall(.post, "t")) }
        #expect(failure?.certainty == .uncertain)
        #expect(api.requests.count == 1)
    }

    @Test func `a write that was refused by 429 or never connected waits as asked and goes on`() async throws {
        let api = ScriptedAPI([
            .answer(429, "", [.retryAfter: "40"]), .failure(HTTPFailure(.notSent, .unreachable, "")),
            .answer(200, "{}"),
        ])
        #expect(try await api.client().call(APICall(.post, "t")).isSuccess)
        #expect(api.requests.count == 3)
        #expect(api.clock.now.since >= .seconds(40))
    }

    @Test func `a pause longer than the longest is the caller's to decide`() async throws {
        let api = ScriptedAPI([.answer(429, "{}", [.retryAfter: "86400"])])
        let answer = try await api.client().call(APICall(.get, "t"))
        #expect(answer.retryAfter == .seconds(86_400))
        #expect(api.requests.count == 1)
    }

    @Test(arguments: [
        (200, "<html><title>Hi</title>", "http.html-page"), (200, "", "http.empty-answer"),
        (200, #"{"a"#, "http.truncated-answer"),
        (500, "Fatal error: x", "http.php-error"), (200, "hello", "http.not-json"), (401, "{}", "http.unauthorized"),
        (403, "{}", "http.forbidden"), (404, "{}", "http.not-found"), (429, "{}", "http.throttled"),
        (500, "{}", "http.server-error"),
        (422, #"{"message":"no"}"#, "http.refused"),
    ])
    func `an answer that is not what the API promises is named`(status: Int, body: String, code: String) async throws {
        let answer = try await ScriptedAPI([.answer(status, body)]).client(retries: .never).call(APICall(.get, "t"))
        #expect(answer.problem.code == code)
    }
}

@Suite(.timeLimit(.minutes(1))) struct `Secrets` {
    private let password = #"hün"ter/22 <&'x>"#

    private var echoes: [String] {
        return [
            password, #"hün\"ter/22 <&'x>"#, #"hün\"ter\/22 <&'x>"#, #"h\u00fcn\"ter\/22 <&'x>"#,
            "hün&quot;ter/22 &lt;&amp;&#039;x&gt;",
            "h%C3%BCn%22ter%2F22%20%3C%26%27x%3E", "h%c3%bcn%22ter%2f22%20%3c%26%27x%3e",
            "h%C3%BCn%22ter%2F22+%3C%26%27x%3E",
            Authentication.basic(user: "ann", Secret(password)).field.map { String($0.value.dropFirst(6)) } ?? "",
        ]
    }

    @Test func `a secret is taken out in every form in which a server may give it back`() {
        let redactor = Redactor(Authentication.basic(user: "ann", Secret(password)).secrets)
        for echo in echoes { #expect(redactor.clean("a \(echo) b") == "a ••• b") }
        #expect(Redactor([Secret("x"), Secret("")]).clean("x-ray") == "x-ray")
    }

    @Test func `no secret stands in a log line, a description, an excerpt or an error`() async throws {
        let secret = "s3cr3t-pass-word"
        let bodies = [
            "<html><title>no \(secret)</title>", "Warning: \(secret)\n{}", #"{"message":"bad key \#(secret)"}"#,
            "oops \(secret)",
            String(repeating: "x", count: 190) + secret, "Fatal error: \(secret)", #"{"a":"\#(secret)"#,
            "\"\(secret)\"",
        ]
        for authentication in [
            Authentication.basic(user: "ann", Secret(secret)), .bearer(Secret(secret)),
            .header(.init("X-Key")!, Secret(secret)),
        ] {
            for body in bodies {
                let api = ScriptedAPI([.answer(400, body, [.location: "https://b.example/?x=\(secret)"])])
                let client = try api.client(authentication: authentication)
                let answer = try await client.call(
                    APICall(.get, "t/\(secret)", query: [("api_key", "other"), ("x", secret)]))
                var shown = [
                    "\(client)", "\(answer.problem)", answer.noise ?? "", answer.request, api.log.exchanges[0].line,
                ]
                var bare = api.requests[0]
                bare.url = EndpointURL(scheme: "https", host: "a.example", query: "token=\(secret)")
                var dumped = ""
                dump(bare, to: &dumped)
                shown += ["\(bare)", String(reflecting: bare), dumped, "\(api.log.exchanges)"]
                if answer.json == nil { shown.append("\(answer.answer)") }
                for text in shown {
                    #expect(!text.contains("s3cr"), "\(text)")
                    #expect(!text.contains("api_key=other"))
                }
            }
        }
    }

    @Test func `no secret stands in a failure`() async throws {
        let secret = "s3cr3t-pass-word"
        for turn in [
            ScriptedAPI.Turn.failure(HTTPFailure(.uncertain, .malformed, "got \(secret)")),
            .answer(302, "", [.location: "https://b.example/\(secret)?\(secret)"]),
        ] {
            let api = ScriptedAPI([turn])
            let client = try api.client(authentication: .bearer(Secret(secret)), retries: .never)
            let failure = await #expect(throws: HTTPFailure.self) {
                try await client.call(APICall(.get, "t", query: [("x", secret)]))
            }
            let shown = try #require(failure)
            #expect(!"\(shown) \(String(reflecting: shown)) \(shown.diagnostic)".contains("s3cr"))
        }
    }

    @Test(arguments: [
        ("api_key=1&page=2", "api_key=•••&page=2"),
        ("X-Amz-Signature=ab&X-Amz-Credential=k", "X-Amz-Signature=•••&X-Amz-Credential=•••"),
        ("fst_file=1&secure_sign=ab", "fst_file=1&secure_sign=•••"), ("%74oken=1", "%74oken=•••"),
        ("assigned=1&q", "assigned=1&q"),
    ])
    func `values of secret-looking names are not shown`(query: String, shown: String) throws {
        #expect(Redactor.redactedPath(try #require(EndpointURL("https://a.example/b?\(query)"))) == "/b?\(shown)")
    }

    @Test func `a download sends the login to its own host only, also across redirects`() async throws {
        let api = ScriptedAPI([.answer(302, "no", [.location: "https://files.example/x?sig=1"]), .answer(200, "bytes")])
        let client = try api.client(authentication: .bearer(Secret("tok-en-1")))
        let sink = MemorySink(limit: 100)
        let head = try await client.download(try #require(EndpointURL("https://desk.example/f")), into: sink)
        #expect(head.status.code == 200)
        #expect(String(decoding: sink.bytes, as: UTF8.self) == "bytes")
        #expect(api.requests.map { $0.fields[.authorization] } == ["Bearer tok-en-1", nil])
        #expect(api.log.exchanges.map(\.received) == [2, 5])
    }

    @Test(arguments: [
        "http://127.0.0.1/", "https://169.254.169.254/", "http://desk.example/", "https://[0:0:0:0:0:0:0:1]/",
    ])
    func `a download is not led into a private network or out of encryption`(location: String) async throws {
        let api = ScriptedAPI([.answer(302, "", [.location: location]), .answer(200, "bytes")])
        let client = try api.client()
        let url = try #require(EndpointURL("https://desk.example/f"))
        let failure = await #expect(throws: HTTPFailure.self) {
            _ = try await client.download(url, into: MemorySink(limit: 9))
        }
        #expect(failure?.reason == .redirectElsewhere)
        #expect(api.requests.count == 1)
    }

    @Test(arguments: [
        (["10.0.0.7"], false), (["93.184.216.34", "127.0.0.1"], false), (["fd00::1"], false), (["169.254.1.1"], false),
        (["::ffff:10.0.0.1"], false), ([], false), (["93.184.216.34"], true), (["2606:2800:21f::1"], true),
    ])
    func `a name that resolves into a private network is refused, another is reached where it was looked up`(
        addresses: [String], isFetched: Bool
    ) async throws {
        let api = ScriptedAPI([.answer(200, "bytes")])
        let named = NamedTransport(addresses: addresses, transport: try api.client().transport)
        let client = try api.client(through: named)
        let url = try #require(EndpointURL("https://files.example/f"))
        if isFetched {
            _ = try await client.download(url, into: MemorySink(limit: 9))
            #expect(named.pins.value.withLock { $0 } == ["files.example \(addresses[0])"])
        } else {
            await #expect(throws: HTTPFailure.self) { try await client.download(url, into: MemorySink(limit: 9)) }
            #expect(api.requests.isEmpty)
            _ = try await client.download(url, into: MemorySink(limit: 9), allowsPrivateAddresses: true)
        }
        #expect(api.requests.count == 1)
        // The site's own host may well be private: the user named it.
        _ = try await client.download(try #require(EndpointURL("https://desk.example/f")), into: MemorySink(limit: 9))
        #expect(api.requests.count == 2)
    }
}

/// A transport whose every name resolves to the same addresses.
private struct NamedTransport: HTTPTransport {
    let addresses: [String]
    let transport: any HTTPTransport
    let pins = Kept<[String]>([])

    func send(
        _ request: OutgoingRequest, deadline: Duration, into sink: any ResponseSink
    ) async throws -> HTTPResponse {
        try await transport.send(request, deadline: deadline, into: sink)
    }

    func addresses(of host: String) async -> [String]? { addresses }

    func pinned(_ host: String, to address: String) -> any HTTPTransport {
        pins.value.withLock { $0.append("\(host) \(address)") }
        return transport
    }
}
