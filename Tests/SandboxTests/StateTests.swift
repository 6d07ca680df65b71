// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sandbox
import Testing
import TicketModel

@testable import Connectors

/// The state file: what was answered is in it, whatever happens afterwards.
@Suite struct StateTests {
    @Test func `Everything is there again after reopening, bytes of files too, and ids go on`() async throws {
        try await Fixture.temporary { folder in
            let options = Site.options(state: "\(folder)/state", tickets: 3)
            let first = try await Site(options)
            let id = try await first.ticket()
            let hash = try await first.upload("a.txt", Array("some words".utf8), ticket: id).body["attachments"]?[0]
            try await first.ask("POST", "/tickets/\(id)/responses", ["content": "x", "attachments": [hash ?? .null]])
            let gone = try await first.ticket()
            try await first.ask("DELETE", "/tickets/\(gone)/delete")
            let before = await first.sandbox.dump()
            await first.sandbox.close()
            let second = try await Site(options)
            #expect(await second.sandbox.dump() == before)
            #expect(try await second.ticket() == gone + 1)
            let digest = before["attachments"]?[0]?["sha256"]?.string ?? ""
            #expect(await second.sandbox.bytes(digest) == Array("some words".utf8))
            await second.sandbox.close()
        }
    }

    @Test func `A commit cut at any byte is dropped whole, those before it stay`() async throws {
        try await Fixture.temporary { folder in
            let path = "\(folder)/state"
            let (log, _) = try SandboxLog.open(path)
            try log.append([.init(table: "a", id: 1, row: Array("{\"x\":1}".utf8))])
            let whole = try Data(contentsOf: URL(fileURLWithPath: path)).count
            try log.append([.init(table: "a", id: 2, row: Array("{\"x\":2}".utf8)), .init(table: "a", id: 1, row: nil)])
            log.close()
            let all = try Data(contentsOf: URL(fileURLWithPath: path))
            for length in whole..<all.count {
                try all.prefix(length).write(to: URL(fileURLWithPath: path))
                let (again, entries) = try SandboxLog.open(path)
                #expect(entries.count == 1, "cut at \(length)")
                try again.append([.init(table: "a", id: 3, row: Array("{}".utf8))])
                again.close()
                let (last, after) = try SandboxLog.open(path)
                #expect(after.map(\.id) == [1, 3])
                last.close()
            }
        }
    }

    @Test func `A sandbox that was not closed has lost nothing that it answered`() async throws {
        try await Fixture.temporary { folder in
            let path = "\(folder)/state"
            let site = try await Site(Site.options(state: path))
            let id = try await site.ticket(["message_id": "m-1-"])
            // What a process that was killed leaves behind: the file as it is now.
            try FileManager.default.copyItem(atPath: path, toPath: "\(folder)/after-kill")
            let again = try await Site(Site.options(state: "\(folder)/after-kill"))
            #expect(await again.stored("tickets", id)?["columns"]?["message_id"]?.string == "m-1-")
            #expect(await again.sandbox.mails().count == 1)
            await again.sandbox.close()
            await site.sandbox.close()
        }
    }

    @Test func `A second sandbox on the same state file is refused`() async throws {
        try await Fixture.temporary { folder in
            let options = Site.options(state: "\(folder)/state")
            let site = try await Site(options)
            let error = await #expect(throws: Diagnostic.self) { _ = try await Site(options) }
            #expect(error?.code == "sandbox.state-in-use")
            await site.sandbox.close()
        }
    }

    @Test func `The same seed makes the same tickets`() async throws {
        let (a, b) = (try await Site(Site.options(tickets: 10)), try await Site(Site.options(tickets: 10)))
        let c = try await Site(Site.options(tickets: 10, seed: 2))
        #expect(await a.sandbox.dump() == b.sandbox.dump())
        #expect(await a.sandbox.dump() != c.sandbox.dump())
    }
}
