// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(1))) struct `HTTP over sockets` {
    /// Runs with a server and a transport that are both closed afterwards.
    private func run(
        _ script: @escaping LoopbackServer.Script, transport: AsyncHTTPClientTransport = AsyncHTTPClientTransport(),
        _ test: (LoopbackServer, AsyncHTTPClientTransport) async throws -> Void
    ) async throws {
        let server = try await LoopbackServer(script)
        do {
            try await test(server, transport)
        } catch {
            await transport.close()
            await server.stop()
            throw error
        }
        await transport.close()
        await server.stop()
    }

    private func request(
        _ server: LoopbackServer, _ method: HTTPRequest.Method = .post, path: String = "/t", query: String? = nil,
        body: OutgoingBody = .empty
    ) -> OutgoingRequest {
        OutgoingRequest(
            method: method,
            url: EndpointURL(scheme: "http", host: "127.0.0.1", port: server.port, path: path, query: query),
            fields: [.acceptEncoding: "gzip"], body: body)
    }

    private func failure(
        _ transport: AsyncHTTPClientTransport, _ request: OutgoingRequest, deadline: Duration = .seconds(10),
        limit: Int = 1 << 20
    ) async -> HTTPFailure? {
        await #expect(throws: HTTPFailure.self) {
            _ = try await transport.send(request, deadline: deadline, limit: limit)
        }
    }

    @Test func `a pinned host is reached at its address, under its own name`() async throws {
        try await run({ _ in [LoopbackServer.answer("ok", status: "200 OK", fields: "")] }) { server, transport in
            var request = request(server, .get)
            request.url.host = "files.example"
            let pinned = transport.pinned("files.example", to: "127.0.0.1")
            let answer = try await pinned.send(request, deadline: .seconds(10), limit: 100)
            #expect(answer.status == 200)
            #expect(server.requests.first?.fields["host"] == "files.example:\(server.port)")
            #expect(await transport.addresses(of: "localhost")?.contains("127.0.0.1") == true)
            #expect(await transport.addresses(of: "nobody.invalid") == [])
        }
    }

    @Test func `a request arrives byte for byte`() async throws {
        try await run({ _ in [LoopbackServer.answer("ok", status: "201 Created", fields: "X-A: 1\r\nX-A: 2\r\n")] }) {
            server, transport in
            let target = "/a%2Fb/c%20d/"  // what is encoded stays as it is
            let query =
                PercentEncoding.query([("status[]", "a b"), ("q", "50% + ü|^{}\\`~!*'"), ("e", "")])
                + "&x=:@/?!$'()*+,;"
            let answer = try await transport.send(
                request(server, path: target, query: query, body: .bytes(Array("{}".utf8))), deadline: .seconds(10))
            #expect(answer.status == 201)
            #expect(answer.body == Array("ok".utf8))
            #expect(answer.fields[values: .init("X-A")!] == ["1", "2"])
            let got = try #require(server.requests.first)
            #expect(got.line == "POST \(target)?\(query) HTTP/1.1")
            #expect(got.body == Array("{}".utf8))
            #expect(got.fields["host"] == "127.0.0.1:\(server.port)")
            #expect(got.fields["accept-encoding"] == "gzip")
        }
    }

    @Test func `a form with a file is sent with its length`() async throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "ferry-\(UUID().uuidString)")
        let size = 300_000
        try Data(repeating: 97, count: size).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        try await run({ _ in [LoopbackServer.answer("{}")] }) { server, transport in
            let body = OutgoingBody(parts: [.bytes([1, 2]), .file(url, size: size), .bytes([3])])
            _ = try await transport.send(request(server, body: body), deadline: .seconds(20))
            let got = try #require(server.requests.first)
            #expect(got.body == [1, 2] + Array(repeating: 97, count: size) + [3])
        }
    }

    @Test func `any status is an answer, and redirects are not followed`() async throws {
        for status in ["301 Moved", "404 Not Found", "500 Oops", "503 Busy", "299 Odd"] {
            try await run({ _ in [LoopbackServer.answer("x", status: status, fields: "Location: /other\r\n")] }) {
                server, transport in
                let answer = try await transport.send(request(server, .get), deadline: .seconds(10))
                #expect(answer.status == Int(status.prefix(3)))
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test func `pieces and compression are undone`() async throws {
        let gzip: [UInt8] = [
            0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xAB, 0x56, 0xCA, 0xCF, 0x56, 0xB2, 0x2A, 0x29,
            0x2A, 0x4D, 0xAD, 0x05, 0x00, 0x90, 0x5F, 0xD4, 0xA7, 0x0B, 0x00, 0x00, 0x00,
        ]
        let pieces = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"ok\r\n7\r\n\":true}\r\n0\r\n\r\n"
        let compressed = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(gzip.count)\r\n\r\n"
        try await run({ $0.line.hasPrefix("GET /pieces") ? [.say(pieces)] : [.say(compressed), .bytes(gzip)] }) {
            server, transport in
            for path in ["/pieces", "/gzip"] {
                let answer = try await transport.send(request(server, .get, path: path), deadline: .seconds(10))
                #expect(String(decoding: answer.body, as: UTF8.self) == #"{"ok":true}"#)
            }
        }
        let small = AsyncHTTPClientTransport(decompressedLimit: 5)
        try await run({ _ in [.say(compressed), .bytes(gzip)] }, transport: small) { server, transport in
            #expect(await failure(transport, request(server))?.reason == .tooLarge)
        }
        try await run({ _ in [.say(compressed), .bytes([0x1F, 0x8B] + Array(repeating: 7, count: gzip.count - 2))] }) {
            server, transport in
            let failure = await failure(transport, request(server))
            #expect(failure?.certainty == .uncertain)
            #expect(failure?.reason == .malformed)
        }
    }

    @Test func `an answer longer than the limit ends uncertain`() async throws {
        try await run({ _ in [LoopbackServer.answer(String(repeating: "x", count: 5000))] }) { server, transport in
            let failure = await failure(transport, request(server), limit: 4999)
            #expect(failure?.reason == .tooLarge)
            #expect(failure?.certainty == .uncertain)
        }
    }

    @Test func `nobody at the port: not sent`() async throws {
        let server = try await LoopbackServer { _ in [] }
        let request = request(server)
        await server.stop()
        let transport = AsyncHTTPClientTransport()
        let failure = await failure(transport, request)
        #expect(failure?.certainty == .notSent)
        #expect(failure?.reason == .unreachable)
        await transport.close()
    }

    @Test func `a host that does not exist: not sent`() async throws {
        let transport = AsyncHTTPClientTransport(connectTimeout: .seconds(3))
        let request = OutgoingRequest(method: .post, url: try #require(EndpointURL("http://no-such-host.invalid/")))
        #expect(await failure(transport, request, deadline: .seconds(20))?.certainty == .notSent)
        await transport.close()
    }

    @Test func `a server without TLS behind https: not sent`() async throws {
        try await run({ _ in [.close] }) { server, transport in
            var request = request(server)
            // The talker waits for a blank line that a handshake never sends.
            request.url = EndpointURL(scheme: "https", host: "127.0.0.1", port: server.port)
            let quick = AsyncHTTPClientTransport(connectTimeout: .milliseconds(300))
            #expect(await failure(quick, request)?.certainty == .notSent)
            await quick.close()
        }
    }

    @Test(
        arguments: [
            [], [.say("HTTP/1.1 200 OK\r\nContent-")], [.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"id\"")],
            [.say("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"id\r\n")],
            [.say("HTTP/1.1 100 Continue\r\n\r\n")],
        ] as [[LoopbackServer.Step]])
    func `a connection closed before the answer is complete: uncertain, and sent once`(steps: [LoopbackServer.Step])
        async throws
    {
        for method in [HTTPRequest.Method.get, .post, .put, .delete] {
            try await run({ _ in steps + [.close] }) { server, transport in
                let failure = await failure(
                    transport, request(server, method, body: method == .get ? .empty : .bytes([65])))
                #expect(failure?.certainty == .uncertain)
                #expect(failure?.reason == .connectionLost)
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test(arguments: ["SMTP ready\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
    func `an answer that is no HTTP: uncertain`(answer: String) async throws {
        try await run({ _ in [.say(answer), .close] }) { server, transport in
            let failure = await failure(transport, request(server))
            #expect(failure?.certainty == .uncertain)
            #expect(failure?.reason == .malformed)
        }
    }

    @Test(arguments: [[], [.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")]] as [[LoopbackServer.Step]])
    func `a slow answer ends at its deadline: uncertain`(steps: [LoopbackServer.Step]) async throws {
        try await run({ _ in steps }) { server, transport in
            let start = ContinuousClock.now
            let failure = await failure(transport, request(server), deadline: .milliseconds(200))
            #expect(failure?.certainty == .uncertain)
            #expect(failure?.reason == .timeout)
            #expect(start.duration(to: .now) < .seconds(8))
            #expect(server.requests.count == 1)
        }
    }

    @Test func `a request cancelled under way ends at once: uncertain`() async throws {
        try await run({ _ in [] }) { server, transport in
            let request = request(server)
            let task = Task { try await transport.send(request, deadline: .seconds(50)) }
            for _ in 0..<2000 where server.requests.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            task.cancel()
            let failure = await #expect(throws: HTTPFailure.self) { _ = try await task.value }
            #expect(failure?.certainty == .uncertain)
            #expect(failure?.reason == .cancelled)
        }
    }

    @Test func `connections are kept, and one that the server closed between requests costs no write a second sending`()
        async throws
    {
        for pause in [0, 1, 40] {
            try await run({
                $0.line.hasPrefix("GET") ? [LoopbackServer.answer("{}"), .close] : [LoopbackServer.answer("{}")]
            }) { server, transport in
                for _ in 0..<25 {
                    _ = try await transport.send(request(server, .get), deadline: .seconds(10))
                    if pause > 0 { try await Task.sleep(for: .milliseconds(pause)) }
                    // Either on a new connection or, where the close was not seen in time, uncertain: never not sent.
                    do {
                        _ = try await transport.send(request(server, body: .bytes([65])), deadline: .seconds(10))
                    } catch let failure as HTTPFailure {
                        #expect(failure.certainty == .uncertain)
                    }
                }
                #expect(server.requests.count { $0.line.hasPrefix("POST") } <= 25)
            }
        }
    }

    @Test func `a write into a kept connection that dies with it is uncertain and not sent again`() async throws {
        // A starved machine may let the kept connection go idle first; then the case is set up again.
        var wasKept = false
        for _ in 0..<100 where !wasKept {
            let single = AsyncHTTPClientTransport(connections: 1)
            try await run({ $0.line.hasPrefix("GET") ? [LoopbackServer.answer("{}")] : [.close] }, transport: single) {
                server, transport in
                _ = try await transport.send(request(server, .get), deadline: .seconds(10))
                let failure = await failure(transport, request(server, body: .bytes([65])))
                #expect(failure?.certainty == .uncertain)
                try await Task.sleep(for: .milliseconds(100))
                #expect(server.requests.map { String($0.line.prefix(4)) } == ["GET ", "POST"])
                wasKept = server.connections == 1
            }
        }
        #expect(wasKept)
    }

    @Test func `nothing is sent after closing, and closing twice is fine`() async throws {
        let transport = AsyncHTTPClientTransport()
        await transport.close()
        await transport.close()
        let request = OutgoingRequest(method: .post, url: try #require(EndpointURL("http://127.0.0.1:9/")))
        #expect(await failure(transport, request)?.certainty == .notSent)
    }

}
