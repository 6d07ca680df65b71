// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import Testing
import TicketModel
import Transport

@Suite("The client's retries", .timeLimit(.minutes(1)))
struct RetryTests {
    @Test("a read is tried again after failures and overload, and gives the answer")
    func reads() async throws {
        let transport = Scripted([
            .failure(.notSent, .unreachable), .failure(.uncertain, .connectionLost), .answer(502, [:], "<html>"),
            .answer(200, [:], "{\"cut"), .answer(200, [:], "{\"id\":7}"),
        ])
        let bench = try Bench(transport)
        let answer = try await bench.client.call(APICall(.get, "tickets"))
        #expect(answer.json?["id"] == 7)
        #expect(answer.attempts == 5)
        #expect(bench.pacer.report.requests == 5)
        #expect(bench.pacer.report.retries == 4)
    }

    @Test("the last answer or failure is given when the tries are used up")
    func givesUp() async throws {
        let bench = try Bench(Scripted(Array(repeating: .answer(503), count: 9)))
        #expect(try await bench.client.call(APICall(.get, "x")).status == 503)
        #expect(bench.pacer.report.requests == 5)
        let dead = try Bench(Scripted(Array(repeating: .failure(.uncertain, .timeout), count: 9)))
        #expect(await failure { _ = try await dead.client.call(APICall(.get, "x")) }?.reason == .timeout)
        #expect(dead.pacer.report.requests == 5)
    }

    @Test(
        "an error of the request is not tried again, also with status 500", arguments: [400, 401, 403, 404, 422, 500])
    func permanent(status: Int) async throws {
        let bench = try Bench(Scripted([.answer(status, [:], "{\"message\":\"no\"}"), .answer(200)]))
        #expect(try await bench.client.call(APICall(.get, "x")).status == status)
        #expect(bench.pacer.report.requests == 1)
    }

    @Test(
        "a write is never sent again unless nothing of it was done",
        arguments: [
            (Scripted.Step.failure(.uncertain, .timeout), 1), (.failure(.uncertain, .connectionLost), 1),
            (.failure(.uncertain, .malformed), 1), (.failure(.uncertain, .unreachable), 1),
            (.answer(500), 1), (.answer(502), 1), (.answer(503, [.retryAfter: "1"]), 1), (.answer(504), 1),
            (.answer(408), 1), (.answer(200, [:], "<html>"), 1), (.answer(200, [:], ""), 1),
            (.answer(429), 2), (.answer(429, [.retryAfter: "3"]), 2), (.failure(.notSent, .unreachable), 2),
        ])
    func writes(first: Scripted.Step, requests: Int) async throws {
        let transport = Scripted([first, .answer(200, [:], "{\"id\":1}")])
        let bench = try Bench(transport)
        _ = try? await bench.client.call(APICall(.post, "tickets", body: .json(["a": 1])))
        #expect(transport.requests.count == requests)
    }

    @Test("the effect is what is said, not what the method suggests")
    func effect() async throws {
        let search = Scripted([.answer(503), .answer(200)])
        _ = try await Bench(search).client.call(APICall(.post, "search", body: .json([:]), effect: .read))
        #expect(search.requests.count == 2)
        let delete = Scripted([.answer(503), .answer(200)])
        _ = try await Bench(delete).client.call(APICall(.get, "delete", effect: .write))
        #expect(delete.requests.count == 1)
    }

    @Test("Retry-After is waited for as a whole, as seconds and as a date")
    func waits() async throws {
        for field in ["90", "Sun, 06 Nov 1994 08:51:07 GMT"] {
            let bench = try Bench(Scripted([.answer(429, [.retryAfter: field]), .answer(200)]))
            _ = try await bench.client.call(APICall(.post, "x"))
            #expect(bench.clock.now.offset >= .seconds(90))
            #expect(bench.clock.now.offset < .seconds(92))
        }
    }

    @Test("a pause of hours is the caller's to decide about")
    func tooLong() async throws {
        let bench = try Bench(Scripted([.answer(429, [.retryAfter: "7200"]), .answer(200)]))
        let answer = try await bench.client.call(APICall(.get, "x"))
        #expect(answer.status == 429)
        #expect(answer.retryAfter == .seconds(7200))
    }

    @Test("back-off has full jitter under a doubling bound")
    func jitter() {
        let policy = RetryPolicy(base: .milliseconds(500), cap: .seconds(30))
        #expect(policy.delay(after: 1, share: 1) == .milliseconds(500))
        #expect(policy.delay(after: 3, share: 1) == .seconds(2))
        #expect(policy.delay(after: 3, share: 0) == .zero)
        #expect(policy.delay(after: 90, share: 1) == .seconds(30))
    }

    @Test("a cancelled wait ends, and nothing more is sent")
    func cancelled() async throws {
        let transport = Scripted([.answer(503, [.retryAfter: "3600"]), .answer(200)])
        let timekeeper = Timekeeper.system
        let client = APIClient(
            base: try BaseURL.parse("https://x.example", api: .plain("")).base, authentication: .none,
            transport: transport, pacer: Pacer(PacingCurve(ceiling: 2), timekeeper: timekeeper), version: "1",
            retries: RetryPolicy(base: .seconds(600), cap: .seconds(600), longestPause: .seconds(7200)))
        let task = Task { try await client.call(APICall(.get, "x")) }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(transport.requests.count == 1)
    }
}

@Suite("The client's redirects and requests", .timeLimit(.minutes(1)))
struct ClientRequestTests {
    static let login = Authentication.bearer(Secret("tok-123456"))

    @Test("a read follows redirects on its own host, with the login")
    func follows() async throws {
        let transport = Scripted([.answer(301, [.location: "/api/tickets/"]), .answer(200, [:], "[]")])
        let answer = try await Bench(transport, login: Self.login).client.call(APICall(.get, "tickets"))
        #expect(answer.json == [])
        #expect(answer.redirectedTo?.path == "/api/tickets/")
        #expect(transport.requests.map(\.url.path) == ["/api/tickets", "/api/tickets/"])
        #expect(transport.requests[1].fields[.authorization] == "Bearer tok-123456")
    }

    @Test("http to https on the same host is followed")
    func upgrades() async throws {
        let transport = Scripted([.answer(301, [.location: "https://x.example/api/t"]), .answer(200)])
        _ = try await Bench(transport, url: "http://x.example").client.call(APICall(.get, "t"))
        #expect(transport.requests.last?.url.scheme == "https")
    }

    @Test(
        "a redirect elsewhere is refused and nothing is sent there",
        arguments: [
            "https://evil.example/api/t", "//evil.example/", "https://help.example.com:8443/api/t",
            "http://help.example.com/api/t", "https://www.help.example.com/api/t",
            "https://help.example.com.evil.example/",
        ])
    func refuses(location: String) async throws {
        let transport = Scripted([.answer(302, [.location: location]), .answer(200)])
        let client = try Bench(transport, login: Self.login).client
        let failure = await failure { _ = try await client.call(APICall(.get, "t")) }
        #expect(failure?.reason == .redirectElsewhere)
        #expect(failure?.diagnostic.code == "http.redirect-elsewhere")
        #expect(failure?.diagnostic.remedy.isEmpty == false)
        #expect(transport.requests.count == 1)
    }

    @Test("a redirected write is an uncertain failure whose remedy names the address")
    func redirectedWrite() async throws {
        let transport = Scripted([.answer(301, [.location: "https://help.example.com/blog/api/t"]), .answer(200)])
        let client = try Bench(transport).client
        let failure = await failure { _ = try await client.call(APICall(.post, "t", body: .json([:]))) }
        #expect(failure?.reason == .redirectedWrite)
        #expect(failure?.certainty == .uncertain)
        #expect(failure?.diagnostic.remedy.contains("https://help.example.com/") == true)
        #expect(transport.requests.count == 1)
    }

    @Test("redirects in a circle end")
    func circle() async throws {
        let steps = (0..<20).map { Scripted.Step.answer(302, [.location: "/api/\($0)"]) }
        let transport = Scripted(steps)
        let client = try Bench(transport).client
        #expect(await failure { _ = try await client.call(APICall(.get, "t")) }?.reason == .redirectLoop)
        #expect(transport.requests.count <= 7)
    }

    @Test("requests carry the usual fields, their body and its type")
    func requests() async throws {
        let transport = Scripted([.answer(200), .answer(200), .answer(200)])
        let bench = try Bench(transport, login: .basic(user: "adä", Secret("p w")))
        _ = try await bench.client.call(APICall(.post, "t", body: .json(["b": "é", "a": 1])))
        _ = try await bench.client.call(APICall(.post, "t", body: .form([("a b", "1&2+3"), ("c[]", "ü")])))
        _ = try await bench.client.call(
            APICall(
                .post, "t",
                body: .multipart([
                    .field("n", "v"), .file("file", fileName: "a\"b\r\n.png", type: "image/png", .bytes([0, 255])),
                ])))
        let sent = transport.requests
        #expect(sent[0].fields[.userAgent] == "Ticketferry/1.2.3")
        #expect(sent[0].fields[.authorization] == "Basic YWTDpDpwIHc=")
        #expect(sent[0].fields[.contentType] == "application/json")
        #expect(String(decoding: try sent[0].body.collected(), as: UTF8.self) == #"{"a":1,"b":"é"}"#)
        #expect(String(decoding: try sent[1].body.collected(), as: UTF8.self) == "a%20b=1%262%2B3&c[]=%C3%BC")
        let type = try #require(sent[2].fields[.contentType])
        let boundary = try #require(type.split(separator: "boundary=").last.map(String.init))
        let expected =
            Array(
                "--\(boundary)\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nv\r\n--\(boundary)\r\n".utf8)
            + Array(
                "Content-Disposition: form-data; name=\"file\"; filename=\"a%22b%0D%0A.png\"\r\nContent-Type: image/png"
                    .utf8)
            + Array("\r\n\r\n".utf8) + [0, 255] + Array("\r\n--\(boundary)--\r\n".utf8)
        #expect(try sent[2].body.collected() == expected)
    }

    @Test("an answer over the limit is refused, not read to its end")
    func limit() async throws {
        let transport = Scripted([.answer(200, [:], String(repeating: " ", count: 5000) + "{}")])
        var client = try Bench(transport).client
        client.bodyLimit = 1000
        let limited = client
        #expect(await failure { _ = try await limited.call(APICall(.get, "t")) }?.reason == .tooLarge)
    }

    @Test(
        "what is wrong with an answer is said with a code and a remedy",
        arguments: [
            (200, "<html><title>Maintenance</title>", "http.html-page"),
            (403, "<html><title>Blocked", "http.html-page"),
            (200, "", "http.empty-answer"), (401, "{\"message\":\"bad\"}", "http.unauthorized"),
            (403, "{}", "http.forbidden"), (404, "{}", "http.not-found"), (422, "\"no\"", "http.refused"),
            (500, "{\"error\":{\"message\":\"x\"}}", "http.server-error"),
        ])
    func problems(status: Int, body: String, code: String) async throws {
        let bench = try Bench(Scripted([.answer(status, [:], body)]), retries: .never)
        let answer = try await bench.client.call(APICall(.get, "t"))
        let problem = #expect(throws: Diagnostic.self) { try answer.requireJSON() }
        #expect(problem?.code == code)
        #expect(problem?.subject == "GET https://help.example.com/api/t")
        #expect(problem?.remedy.isEmpty == false)
    }

    @Test("a file's download sends the login to its own host only, also across redirects")
    func downloads() async throws {
        let transport = Scripted([
            .answer(302, [.location: "https://files.example/x?Signature=abcdef"], "moved"), .answer(200, [:], "bytes"),
        ])
        let client = try Bench(transport, login: Self.login).client
        let sink = MemorySink(limit: 100)
        let url = try #require(EndpointURL("https://help.example.com/up/x.png"))
        let head = try await client.download(url, into: sink)
        #expect(head.status.code == 200)
        #expect(sink.bytes == Array("bytes".utf8))
        #expect(transport.requests[0].fields[.authorization] != nil)
        #expect(transport.requests[1].fields[.authorization] == nil)
    }

    @Test(
        "a download never goes into a private network, not even by a redirect",
        arguments: [
            "http://169.254.169.254/latest", "https://10.0.0.5/x", "https://localhost/x",
        ])
    func privateNetworks(target: String) async throws {
        let url = try #require(EndpointURL(target))
        let direct = Scripted([.answer(200)])
        let client = try Bench(direct).client
        #expect(await failure { _ = try await client.download(url, into: MemorySink(limit: 9)) }?.certainty == .notSent)
        #expect(direct.requests.isEmpty)
        let moved = Scripted([.answer(302, [.location: target]), .answer(200)])
        let other = try Bench(moved).client
        let start = try #require(EndpointURL("https://cdn.example/x"))
        #expect(await failure { _ = try await other.download(start, into: MemorySink(limit: 9)) } != nil)
        #expect(moved.requests.count == 1)
    }
}
