// SPDX-License-Identifier: Apache-2.0
import Foundation
import Migration
import Sandbox
import Testing
import TicketModel
import Transport

@testable import Connectors

@Suite("Fluent Support as a source")
struct FluentSupportSourceTests {
    @Test("reads every ticket once, its texts proven by their hashes", arguments: FluentSupportTargetTests.benches)
    func everything(real: Bool) async throws {
        let bench = real ? try FluentSupportBench.real() : try await .practice(tickets: 30)
        let source = FluentSupportSource(api: bench.api, sink: Notes(), perPage: 7)
        var ids: [String] = []
        var after: Cursor?
        var total: Int?
        var counts: [Message.Kind: Int] = [:]
        var files = 0
        repeat {
            let page = try await source.list(since: nil, after: after)
            total = page.total
            for stub in page.stubs {
                ids.append(stub.id)
                let line = try await source.fetch(stub)
                _ = try CanonicalLine(validating: line.bytes)
                let ticket = try line.ticket()
                #expect(ticket.id == stub.id && ticket.requester != nil && ticket.createdAt != nil)
                for message in ticket.messages {
                    counts[message.kind, default: 0] += 1
                    files += message.attachments.count
                }
            }
            after = page.next
        } while after != nil
        #expect(Set(ids).count == ids.count && ids.count == total)
        let losses = await source.losses()
        if real { print("source:", ids.count, "tickets,", counts, files, "files,", losses.map { $0.value ?? "" }) }
        #expect(losses.isEmpty || real)
    }

    @Test(
        "works out what was stored from what is rendered",
        arguments: [
            ("<p>x</p>\n", "<p>x</p>"), ("<p>a<br />\nb</p>\n", "a\nb"), ("<p>a</p>\n<p>b</p>\n", "a\n\nb"),
            (
                "<blockquote><p>On Mon:<br>old</p></blockquote>\n<p>My <a href=\"https://x.example/?q=1&amp;r=2\" target=\"_blank\">link</a>.</p>\n",
                "<blockquote>On Mon:<br>old</blockquote><p>My <a href=\"https://x.example/?q=1&amp;r=2\">link</a>.</p>"
            ),
            (
                "<p>A.</p>\n<p>B <a href=\"https://x.example/a?b=1&#038;c=6\" rel=\"nofollow\" target=\"_blank\">https://x.example/a?b=1&#038;c=6</a> and <a href=\"mailto:me@x.example\" target=\"_blank\">me@x.example</a></p>\n",
                "A.\n\nB https://x.example/a?b=1&amp;c=6 and me@x.example"
            ),
            ("<h2>S</h2>\n<ol>\n<li>O</li>\n</ol>\n", "<h2>S</h2><ol><li>O</li></ol>"),
            (
                "<p>see <a href=\"https://x.example/\" rel=\"nofollow\" target=\"_blank\">https://x.example/</a></p>\n",
                "see https://x.example/"
            ),
        ])
    func rendering(rendered: String, stored: String) {
        #expect(FluentSupportRendering.stored(rendered, hash: FluentSupportText.md5(stored)) == stored)
        #expect(FluentSupportRendering.stored(rendered, hash: "0") == nil)
    }

    @Test("reads both clocks of the site")
    func clocks() throws {
        let zone = FluentSupportZone(identifier: "Europe/Berlin", offset: 0)
        #expect(zone.time("2024-06-01T12:00:00+00:00") == Timestamp("2024-06-01T12:00:00Z"))
        #expect(zone.time("2024-06-01 12:00:00") == Timestamp("2024-06-01T10:00:00Z"))
        #expect(zone.time("2024-01-01 12:00:00") == Timestamp("2024-01-01T11:00:00Z"))
        #expect(zone.local(try #require(Timestamp("2024-06-01T10:00:00Z"))) == "2024-06-01 12:00:00")
        #expect(zone.time("0000-00-00 00:00:00") == nil && zone.time(nil) == nil)
        #expect(
            FluentSupportZone(identifier: "", offset: 5.5).local(try #require(Timestamp("2024-06-01T10:00:00Z")))
                == "2024-06-01 15:30:00")
    }
}
