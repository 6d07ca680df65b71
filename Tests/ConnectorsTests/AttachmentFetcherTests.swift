// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Migration
import Synchronization
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Fetching attachments")
struct AttachmentFetcherTests {
    /// One answer of the site.
    enum Answer: Sendable {
        case bytes
        case lost
        case status(Int)
        case page
    }

    private static let bytes = Array("%PDF the bytes of the file".utf8)

    /// Fetches a file from a site that answers so, and says what came of it and how often it was asked.
    private func fetch(_ name: String, _ answers: [Answer]) async throws -> (Result<[UInt8], FileUnavailable>, Int) {
        let left = Mutex((answers: answers[...], asked: 0))
        let transport = InProcessTransport { _, _ in
            let answer = left.withLock { left in
                left.asked += 1
                return left.answers.count > 1 ? left.answers.removeFirst() : left.answers[left.answers.startIndex]
            }
            switch answer {
            case .bytes: return IncomingResponse(status: 200, fields: [.contentType: "text/html"], body: Self.bytes)
            case .lost: throw HTTPFailure(.uncertain, .connectionLost, "the connection was lost")
            case .status(let status): return IncomingResponse(status: status)
            case .page:
                return IncomingResponse(
                    status: 200, fields: [.contentType: "text/html; charset=utf-8"],
                    body: Array("\n<!DOCTYPE html><html><body>Just a moment…</body></html>".utf8))
            }
        }
        let base = try BaseURL.parse("https://old.example", api: .plain("")).base
        let client = Connection(
            base: base, transport: transport, pacer: Pacer(PacingCurve(ceiling: 4)), log: { _ in }
        ).client(.none)
        let fetcher = AttachmentFetcher(clock: HastyClock())
        defer { fetcher.close() }
        var attachment = TicketModel.Attachment()
        (attachment.name, attachment.url) = (name, "https://old.example/files/1")
        let result: Result<[UInt8], FileUnavailable>
        switch try await fetcher.file(for: attachment, client: client) {
        case .success(let file): result = .success(Array(try Data(contentsOf: URL(fileURLWithPath: file.path))))
        case .failure(let reason): result = .failure(reason)
        }
        return (result, left.withLock { $0.asked })
    }

    @Test(
        "what may pass is asked for again, and the whole file comes",
        arguments: [Answer.lost, .status(500), .status(502), .status(408), .page])
    func troubleThatPasses(_ trouble: Answer) async throws {
        let (result, asked) = try await fetch("invoice.pdf", [trouble, trouble, .bytes])
        #expect(try result.get() == Self.bytes)
        #expect(asked == 3)
    }

    @Test("what does not pass is a loss with its reason, after five tries")
    func troubleThatStays() async throws {
        for (trouble, reason) in [
            (Answer.lost, "connection was lost"), (.status(503), "HTTP 503"), (.page, "web page"),
        ] {
            let (result, asked) = try await fetch("invoice.pdf", [trouble])
            guard case .failure(let failure) = result else {
                Issue.record("\(trouble) gave a file")
                continue
            }
            #expect(failure.reason.contains(reason) && asked == 5)
        }
        let (result, asked) = try await fetch("invoice.pdf", [.status(404)])
        #expect(result == .failure(FileUnavailable("the site answered HTTP 404")) && asked == 1)
    }

    @Test("an attachment that is a web page is kept as it is")
    func pageByName() async throws {
        let (result, asked) = try await fetch("report.HTML", [.page])
        #expect(try result.get().count > 20 && asked == 1)
    }
}
