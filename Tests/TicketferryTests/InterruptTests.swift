// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// ctrl-C and SIGTERM: finish what is in flight, give back, say how to go on; a second one ends at once.
@Suite("Interrupted", .serialized)
struct InterruptTests {
    @Test("once, a run ends with 75, gives back what it borrowed and says how to go on", arguments: [SIGINT, SIGTERM])
    func once(_ signal: Int32) throws {
        let migration = try PracticeMigration(faults: "latency=10ms")
        defer { migration.close() }
        let before = try migration.practice.counts()
        let running = try migration.start()
        try #require(try migration.wait(for: running, writes: 60, since: before))
        running.signal(signal)
        let end = running.wait(seconds: 20)
        #expect(end.code == 75, "\(end.output)\(end.errors)")
        #expect(end.output.contains("the same command goes on"), "\(end.output)")
        let site = try migration.practice.site()
        #expect(site.mailboxes == ["Support off: "], "given back")
        #expect(site.tickets.count < 60 && !site.tickets.isEmpty)
        let status = try migration.run("status")
        #expect(!status.output.contains("borrowed"), "\(status.output)")
        let last = try migration.run("migrate")
        #expect(last.code == 0, "\(last.output)\(last.errors)")
        try migration.expectUndisturbedEnd()
    }

    @Test("twice, it ends at once; every other command says what is borrowed; restore gives back")
    func twice() throws {
        let migration = try PracticeMigration(
            faults: "hold=1@2s", more: ["notifications: mute"])
        defer { migration.close() }
        // The mailbox is muted by seven slow requests; the run is over before it writes much.
        let running = try migration.start()
        let end = Date().addingTimeInterval(90)
        while try !migration.practice.site().mailboxes[0].contains("ticket_"), Date() < end { usleep(50_000) }
        usleep(300_000)
        running.signal(SIGINT)
        usleep(300_000)
        running.signal(SIGINT)
        #expect(running.wait(seconds: 2).code == 130)
        try migration.practice.settle()
        #expect(try migration.practice.site().mailboxes != ["Support off: "])
        for command in ["status", "plan"] {
            let said = try migration.run(command)
            #expect(said.code == 0, "\(said.errors)")
            #expect((said.output + said.errors).contains("orrowed"), "\(command): \(said.output)\(said.errors)")
            #expect((said.output + said.errors).contains("ticketferry restore"), "\(command)")
        }
        let shown = try migration.run("show", "1")
        #expect(shown.errors.contains("still borrowed"), "\(shown.errors)")
        let restored = try migration.run("restore")
        #expect(restored.code == 0, "\(restored.output)\(restored.errors)")
        #expect(restored.output.contains("given back"), "\(restored.output)")
        let site = try migration.practice.site()
        #expect(site.mailboxes == ["Support off: "])
        #expect(site.mails == 0)
        #expect(!(try migration.run("status").output.contains("orrowed")))
    }

    @Test("with tickets half-written, the muted staging mailbox stays until they are complete, and is said")
    func halfWritten() throws {
        let migration = try PracticeMigration(faults: "latency=30ms")
        defer { migration.close() }
        let before = try migration.practice.counts()
        let running = try migration.start()
        try #require(try migration.wait(for: running, writes: 40, since: before))
        running.signal(SIGKILL)
        _ = running.wait()
        try migration.practice.settle()
        let restored = try migration.run("restore")
        #expect(restored.code == 1, "\(restored.output)\(restored.errors)")
        #expect(restored.errors.contains("still holds"), "\(restored.errors)")
        let status = try migration.run("status")
        #expect(status.output.contains("orrowed"), "\(status.output)")
        let last = try migration.run("migrate")
        #expect(last.code == 0, "\(last.output)\(last.errors)")
        try migration.expectUndisturbedEnd()
    }
}
