// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Testing
import TicketModel
import Transport

@Suite("Over real sockets", .timeLimit(.minutes(1)))
struct SocketTests {
    static let gzipped = [UInt8](Data(base64Encoded: "H4sIAAAAAAACA6tWykxRsjKsBQDF+F1ECAAAAA==")!)

    let transport = AsyncHTTPClientTransport(connections: 4, connectTimeout: .seconds(2), decompressedLimit: 1 << 20)

    func url(_ server: LoopbackServer, _ path: String = "/t") -> EndpointURL {
        EndpointURL(scheme: "http", host: "127.0.0.1", port: server.port, path: path)
    }

    func post(_ server: LoopbackServer, _ body: OutgoingBody = .bytes(Array("{}".utf8))) -> OutgoingRequest {
        OutgoingRequest(method: .post, url: url(server), body: body)
    }

    @Test("sends method, path, fields and body, and keeps the connection alive")
    func exchange() async throws {
        let server = try LoopbackServer(.answer("201 Created", "X-A: b\r\n", "{\"id\":1}"), .answer("404 No", "", "no"))
        var request = post(server)
        request.fields[.userAgent] = "Ticketferry/1"
        let first = try await transport.send(request, deadline: .seconds(5))
        #expect(first.status == 201)
        #expect(first.fields[HTTPField.Name("x-a")!] == "b")
        #expect(first.body == Array("{\"id\":1}".utf8))
        #expect(try await transport.send(post(server), deadline: .seconds(5)).status == 404)
        #expect(server.seen.map(\.connection) == [1, 1])
        #expect(server.seen[0].head.hasPrefix("POST /t HTTP/1.1\r\n"))
        #expect(server.seen[0].head.contains("Ticketferry/1"))
        #expect(server.seen[0].body == Array("{}".utf8))
        await transport.close()
        await transport.close()
        #expect(
            await failure { _ = try await transport.send(post(server), deadline: .seconds(1)) }?.certainty == .notSent)
    }

    @Test("nobody listening, and an unknown host, are certainly not sent")
    func notSent() async throws {
        let server = try LoopbackServer()
        server.close()
        let refused = await failure { _ = try await transport.send(post(server), deadline: .seconds(5)) }
        #expect(refused?.certainty == .notSent)
        #expect(refused?.reason == .unreachable)
        let nowhere = OutgoingRequest(url: EndpointURL(scheme: "https", host: "nowhere.invalid"))
        let unknown = await failure { _ = try await transport.send(nowhere, deadline: .seconds(20)) }
        #expect(unknown?.certainty == .notSent)
    }

    @Test("an https address at a server without TLS is not sent")
    func noTLS() async throws {
        let server = try LoopbackServer(Script(Script.text("HTTP/1.1 400 Bad\r\n\r\n"), .close))
        let request = OutgoingRequest(url: EndpointURL(scheme: "https", host: "127.0.0.1", port: server.port))
        // The server waits for a line that the handshake does not hold, so the connection's time runs out.
        let failure = await failure { _ = try await transport.send(request, deadline: .seconds(8)) }
        #expect(failure?.certainty == .notSent)
        #expect(server.seen.isEmpty)
    }

    @Test(
        "whatever breaks after the connection was made is uncertain",
        arguments: [
            Script(.closeUnread), Script(.close), Script(.reset),
            Script(Script.text("HTTP/1.1 200 OK\r\nContent-Le"), .close),
            Script(Script.text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), .close),
            Script(Script.text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":"), .close),
            Script(
                Script.text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":"), .pause(milliseconds: 30), .reset),
            Script(Script.text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n"), .close),
            Script(Script.text("this is not HTTP\r\n\r\n"), .close),
        ])
    func uncertain(script: Script) async throws {
        let server = try LoopbackServer(script)
        let failure = await failure { _ = try await transport.send(post(server), deadline: .seconds(5)) }
        #expect(failure?.certainty == .uncertain)
        #expect(failure.map { [.connectionLost, .malformed].contains($0.reason) } == true)
    }

    @Test(
        "a deadline covers the wait for the head and the body's last byte",
        arguments: [
            Script(.pause(milliseconds: 3000)),
            Script(Script.text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), .pause(milliseconds: 3000)),
        ])
    func deadline(script: Script) async throws {
        let server = try LoopbackServer(script)
        let start = ContinuousClock.now
        let failure = await failure { _ = try await transport.send(post(server), deadline: .milliseconds(300)) }
        #expect(failure?.reason == .timeout)
        #expect(failure?.certainty == .uncertain)
        #expect(ContinuousClock.now - start < .seconds(2))
    }

    @Test("a slow answer within its deadline is an answer")
    func slow() async throws {
        let server = try LoopbackServer(
            Script(
                Script.text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), .pause(milliseconds: 100),
                Script.text("{"),
                .pause(milliseconds: 100), Script.text("}")))
        #expect(try await transport.send(post(server), deadline: .seconds(5)).body == Array("{}".utf8))
    }

    @Test("cancelling before is clean, cancelling on the way is uncertain")
    func cancellation() async throws {
        let server = try LoopbackServer(Script(.pause(milliseconds: 3000)))
        let request = post(server)
        let task = Task { [transport] in try await transport.send(request, deadline: .seconds(10)) }
        while server.seen.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        task.cancel()
        let failed = await failure { _ = try await task.value }
        #expect(failed?.reason == .cancelled)
        #expect(failed?.certainty == .uncertain)
        let early = Task { [transport] in
            try? await Task.sleep(for: .seconds(5))
            return try await transport.send(request, deadline: .seconds(10))
        }
        early.cancel()
        await #expect(throws: CancellationError.self) { try await early.value }
    }

    @Test("chunked and compressed answers are read")
    func encodings() async throws {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n6\r\nid\":1}\r\n0\r\n\r\n"
        let server = try LoopbackServer(
            Script(Script.text(chunked)), .answer("200 OK", "Content-Encoding: gzip\r\n", body: Self.gzipped))
        for _ in 0..<2 {
            let answer = try await transport.send(OutgoingRequest(url: url(server)), deadline: .seconds(5))
            #expect(answer.body == Array("{\"id\":1}".utf8))
        }
    }

    @Test("a damaged, a cut-off and an exploding compressed answer are failures")
    func badGzip() async throws {
        var damaged = Self.gzipped
        damaged[12] ^= 0xFF
        let bomb = try await gzip(zeros: 4 << 20)
        let server = try LoopbackServer(
            .answer("200 OK", "Content-Encoding: gzip\r\n", body: damaged),
            .answer("200 OK", "Content-Encoding: gzip\r\n", body: Array(Self.gzipped.prefix(14))),
            .answer("200 OK", "Content-Encoding: gzip\r\n", body: bomb))
        for reason in [HTTPFailure.Reason.malformed, .malformed, .tooLarge] {
            let failed = await failure {
                let answer = try await transport.send(OutgoingRequest(url: url(server)), deadline: .seconds(5))
                Issue.record("read as \(answer.body.count) bytes")
            }
            #expect(failed?.certainty == .uncertain)
            #expect(failed?.reason == reason)
        }
    }

    /// Zeros compressed by the system's gzip.
    private func gzip(zeros: Int) async throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "head -c \(zeros) /dev/zero | gzip -9"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return [UInt8](data)
    }

    @Test("redirects are given as they are")
    func redirects() async throws {
        let server = try LoopbackServer(.answer("302 Found", "Location: /x\r\n", ""))
        let answer = try await transport.send(OutgoingRequest(url: url(server)), deadline: .seconds(5))
        #expect(answer.status == 302)
        #expect(server.seen.count == 1)
    }

    @Test("a file of 25 MB is streamed into a multipart body whole, and an answer into a file")
    func files() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ferry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("big.bin")
        let size = 25 << 20
        let block = Data((0..<(1 << 16)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
        var contents = Data(capacity: size)
        while contents.count < size { contents.append(block) }
        try contents.write(to: file)
        let server = try LoopbackServer(.answer("200 OK", "", "{}"), .answer("200 OK", "", body: [1, 2, 3]))
        let body = OutgoingBody(parts: [.bytes([1]), .file(file, size: size), .bytes([2])])
        #expect(try await transport.send(post(server, body), deadline: .seconds(30)).status == 200)
        let seen = try #require(server.seen.first)
        #expect(seen.body.count == size + 2)
        #expect(Data(seen.body[1...size]) == contents)

        let target = folder.appendingPathComponent("got")
        try Data().write(to: target)
        let handle = try FileHandle(forWritingTo: target)
        let sink = FileSink(handle, limit: 10)
        _ = try await transport.send(OutgoingRequest(url: url(server)), deadline: .seconds(5), into: sink)
        try handle.close()
        #expect([UInt8](try Data(contentsOf: target)) == [1, 2, 3])

        let changed = post(server, OutgoingBody(parts: [.file(file, size: size - 1)]))
        let failed = await failure { _ = try await transport.send(changed, deadline: .seconds(5)) }
        #expect(failed?.reason == .file)
        #expect(failed?.certainty == .notSent)
    }

    @Test("a field that cannot be sent is not sent, and is not shown")
    func badField() async throws {
        let server = try LoopbackServer(.answer("200 OK", "", "{}"))
        var request = post(server)
        request.fields[.authorization] = "Bearer tok\u{1}123456"
        let failed = await failure { _ = try await transport.send(request, deadline: .seconds(5)) }
        if let failed {
            #expect(failed.certainty == .notSent)
            #expect(!"\(failed)".contains("123456"))
            #expect(server.seen.isEmpty)
        } else {
            // The field's own type has replaced what may not be sent.
            #expect(!server.seen[0].head.contains("\u{1}"))
        }
    }

    @Test("the client over sockets: a lost read is read again, a lost write is not sent again")
    func client() async throws {
        let server = try LoopbackServer(
            Script(.close), .answer("200 OK", "", "{\"id\":1}"), Script(.close), .answer("200 OK", "", "{}"))
        let client = APIClient(
            base: try BaseURL.parse("http://127.0.0.1:\(server.port)", api: .plain("")).base, authentication: .none,
            transport: transport, pacer: Pacer(PacingCurve(ceiling: 4)), version: "1",
            retries: RetryPolicy(base: .milliseconds(5)))
        let answer = try await client.call(APICall(.get, "t"))
        #expect(answer.attempts == 2)
        let failed = await failure { _ = try await client.call(APICall(.post, "t", body: .json([:]))) }
        #expect(failed?.certainty == .uncertain)
        #expect(server.seen.count == 3)
    }

    @Test("with 20 ms of latency eight at a time take at most a fifth of the time of one")
    func parallel() async throws {
        let slow = InProcessTransport { _, _ in
            try await Task.sleep(for: .milliseconds(20))
            return IncomingResponse(status: 200, body: Array("{}".utf8))
        }
        func time(_ ceiling: Int) async throws -> Duration {
            let client = APIClient(
                base: try BaseURL.parse("http://sandbox.localhost", api: .plain("")).base, authentication: .none,
                transport: slow, pacer: Pacer(PacingCurve(ceiling: ceiling)), version: "1")
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<160 { group.addTask { _ = try await client.call(APICall(.get, "t")) } }
                try await group.waitForAll()
            }
            return ContinuousClock.now - start
        }
        let one = try await time(1)
        let eight = try await time(8)
        #expect(eight * 5 <= one)
    }
}
