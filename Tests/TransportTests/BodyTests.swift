// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Testing
import TicketModel

@testable import Transport

@Suite(.timeLimit(.minutes(1))) struct `Bodies` {
    private struct Fixed: RandomNumberGenerator, Sendable {
        mutating func next() -> UInt64 { 35 }
    }

    private func file(_ text: String) throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "ferry-\(UUID().uuidString)")
        try Data(text.utf8).write(to: url)
        return url
    }

    @Test func `a multipart form is written as browsers write it, files among it`() throws {
        let url = try file("file's words")
        defer { try? FileManager.default.removeItem(at: url) }
        let (body, type) = APICall.Body.multipart([
            .field("subject", "Grüße\r\n--ferry"),
            .file("files[]", fileName: "a\"b\r\nü.txt", type: "text/plain\r\nX-Evil: 1", .bytes(Array("one".utf8))),
            .file("files[]", fileName: "c.bin", .file(url, size: 12)),
        ]).encoded(dice: Dice(Fixed()))
        #expect(type == "multipart/form-data; boundary=ferry-zz")
        let expected = [
            "--ferry-zz", #"Content-Disposition: form-data; name="subject""#, "", "Grüße", "--ferry",
            "--ferry-zz", #"Content-Disposition: form-data; name="files[]"; filename="a%22b%0D%0Aü.txt""#,
            "Content-Type: text/plainX-Evil: 1", "", "one",
            "--ferry-zz", #"Content-Disposition: form-data; name="files[]"; filename="c.bin""#,
            "Content-Type: application/octet-stream", "", "file's words", "--ferry-zz--", "",
        ].joined(separator: "\r\n")
        let bytes = try body.collected()
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
        #expect(body.count == bytes.count)
    }

    @Test func `boundaries are never the same`() {
        let dice = Dice()
        let types = (0..<100).map { _ in APICall.Body.multipart([]).encoded(dice: dice).type }
        #expect(Set(types).count == 100)
    }

    @Test(arguments: [1, 3, 100])
    func `a file is read in pieces that make the whole`(size: Int) throws {
        let url = try file("0123456789")
        defer { try? FileManager.default.removeItem(at: url) }
        var chunks = OutgoingBody(parts: [.bytes([65]), .bytes([]), .file(url, size: 10), .bytes([66])]).chunks(
            of: size)
        var all: [[UInt8]] = []
        while let chunk = try chunks.next() { all.append(chunk) }
        #expect(String(decoding: all.joined(), as: UTF8.self) == "A0123456789B")
        #expect(all.dropFirst().dropLast().allSatisfy { $0.count <= size })
    }

    @Test(arguments: [9, 11])
    func `a file that changed its size is found before anything is sent`(size: Int) async throws {
        let url = try file("0123456789")
        defer { try? FileManager.default.removeItem(at: url) }
        let api = ScriptedAPI([.answer(200, "{}")])
        let client = try api.client()
        for place in [url, url.appending(path: "gone"), FileManager.default.temporaryDirectory] {
            let call = APICall(.post, "t", body: .multipart([.file("f", fileName: "f", .file(place, size: size))]))
            let failure = await #expect(throws: HTTPFailure.self) { try await client.call(call) }
            #expect(failure?.reason == .file)
            #expect(failure?.certainty == .notSent)
        }
        #expect(api.requests.isEmpty)
    }

    @Test func `a sink in memory refuses one byte too many, and one on disk keeps refusals out of the file`()
        async throws
    {
        let head = HTTPResponse(status: .ok)
        let sink = MemorySink(limit: 3)
        try await sink.receive([1, 2, 3], of: head)
        await #expect(throws: HTTPFailure.self) { try await sink.receive([4], of: head) }
        let url = try file("")
        defer { try? FileManager.default.removeItem(at: url) }
        let handle = try FileHandle(forWritingTo: url)
        let disk = FileSink(handle, limit: 4)
        try await disk.receive([65], of: head)
        try await disk.receive(Array("sorry".utf8), of: HTTPResponse(status: .notFound))
        await #expect(throws: HTTPFailure.self) { try await disk.receive([1, 2, 3, 4], of: head) }
        try handle.close()
        #expect(try Data(contentsOf: url) == Data([65]))
        #expect(disk.written == 1)
        #expect(disk.excerpt == Array("sorry".utf8))
    }

    @Test func `a handler in this process that is slow, crashes or is cancelled leaves an uncertain failure`()
        async throws
    {
        let request = OutgoingRequest(method: .post, url: try #require(EndpointURL("http://localhost/")))
        struct Crash: Error {}
        let slow = InProcessTransport { _, _ in
            try await Task.sleep(for: .seconds(60))
            return IncomingResponse(status: 200)
        }
        let crashing = InProcessTransport { _, _ in throw Crash() }
        let timeout = await #expect(throws: HTTPFailure.self) {
            _ = try await slow.send(request, deadline: .milliseconds(30))
        }
        #expect(timeout?.reason == .timeout)
        let crash = await #expect(throws: HTTPFailure.self) {
            _ = try await crashing.send(request, deadline: .seconds(5))
        }
        #expect(crash?.reason == .connectionLost)
        let task = Task { try await slow.send(request, deadline: .seconds(60)) }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        let cancelled = await #expect(throws: HTTPFailure.self) { _ = try await task.value }
        #expect(cancelled?.reason == .cancelled)
        #expect([timeout, crash, cancelled].allSatisfy { $0?.certainty == .uncertain })
    }

    @Test func `a sink that is cancelled does not make the request look unsent`() async throws {
        struct Cancelled: ResponseSink {
            func receive(_ bytes: [UInt8], of head: HTTPResponse) async throws { throw CancellationError() }
        }
        let transport = InProcessTransport { _, _ in IncomingResponse(status: 200, body: [1]) }
        let request = OutgoingRequest(url: try #require(EndpointURL("http://localhost/")))
        let failure = await #expect(throws: HTTPFailure.self) {
            _ = try await transport.send(request, deadline: .seconds(5), into: Cancelled())
        }
        #expect(failure?.certainty == .uncertain)
    }
}
