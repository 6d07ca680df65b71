// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The migration of the real KB Support export into a practice helpdesk of its own.
final class PracticeMigration {
    let tool: Tool
    let practice: Practice
    /// The environment that its secret comes from.
    static let environment = ["PRACTICE_PASSWORD": "any"]

    /// Starts the helpdesk and writes `crash.yaml`.
    ///
    /// - Parameters:
    ///   - faults: what the helpdesk does wrong, in the sandbox's words; nil: nothing.
    ///   - target: more lines of the target, `key: value`.
    ///   - more: more lines of the migration.
    /// - Throws: where the tool is not built or the helpdesk does not start.
    init(faults: String? = nil, target: [String] = [], more: [String] = []) throws {
        tool = try Tool()
        practice = try Practice(tool, faults: faults)
        try Self.write("crash", to: "crash.yaml", tool, url: practice.url, target: target, more: more)
    }

    /// Writes a migration file.
    static func write(
        _ name: String, to file: String, _ tool: Tool, url: String, target: [String] = [], more: [String] = []
    ) throws {
        let samples = Tool.samples.appending(path: "kb-support").path
        let lines =
            [
                "ticketferry: 1", "name: \(name)", "source:", "  connector: xml",
                "  path: \(samples)/wordpress.wxr.xml",
                "  mapping: kb-support-wxr", "  files: \(samples)/uploads/", "target:", "  connector: fluent-support",
                "  url: \(url)", "  username: admin", "  password: ${PRACTICE_PASSWORD}", "  settle: 1",
            ] + (target.contains { $0.hasPrefix("mailbox:") } ? [] : ["  mailbox: Support"]) + target.map { "  " + $0 }
            + ["mapping: kb-support-to-fluent-support"] + more
        try tool.write(lines.joined(separator: "\n") + "\n", to: file)
    }

    /// Runs a command on the migration.
    @discardableResult
    func run(_ command: String, _ flags: String..., file: String = "crash.yaml", seconds: Double = 120) throws
        -> Tool.Result
    {
        try tool.run([command, file] + flags, environment: Self.environment, seconds: seconds)
    }

    /// Starts `migrate` and goes on.
    func start(_ flags: String..., file: String = "crash.yaml") throws -> Running {
        try tool.start(["migrate", file] + flags, environment: Self.environment)
    }

    /// Waits until so many writes more than `base` have come, or the run has ended; false: it has ended.
    func wait(for running: Running, writes: Int, since base: Practice.Counts, seconds: Double = 60) throws -> Bool {
        let end = Date().addingTimeInterval(seconds)
        while try (practice.counts() - base).ofTickets < writes {
            guard running.isRunning else { return false }
            try #require(Date() < end, "no \(writes) writes within \(seconds) s")
            usleep(2_000)
        }
        return running.isRunning
    }

    /// Ends the helpdesk and removes the folder.
    func close() {
        practice.stop()
        tool.remove()
    }

    /// What an undisturbed run leaves, made once for all tests.
    static let undisturbed: Result<PracticeSite, any Error> = Result {
        let migration = try PracticeMigration()
        defer { migration.close() }
        let run = try migration.run("migrate")
        try #require(run.code == 0, "\(run.errors)")
        return try migration.practice.site()
    }

    /// The end of each story: as of an undisturbed run, nobody e-mailed, nothing borrowed, nothing left to do.
    func expectUndisturbedEnd(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let site = try practice.site()
        let wanted = try Self.undisturbed.get()
        #expect(wanted.tickets.count == 60)
        #expect(site.differences(from: wanted) == [], sourceLocation: sourceLocation)
        #expect(site.doubles == [], sourceLocation: sourceLocation)
        #expect(site.mails == 0, sourceLocation: sourceLocation)
        #expect(site.mailboxes == ["Support off: "], sourceLocation: sourceLocation)
        let before = try practice.counts()
        let last = try run("migrate")
        #expect(last.code == 0, "\(last.errors)", sourceLocation: sourceLocation)
        #expect(last.output.contains("60 unchanged"), "\(last.output)", sourceLocation: sourceLocation)
        #expect((try practice.counts() - before).writes == 0, sourceLocation: sourceLocation)
        let status = try run("status", "--json")
        #expect(status.output.contains("\"borrowed\":[]"), "\(status.output)", sourceLocation: sourceLocation)
        #expect(status.output.contains("\"failures\":[]"), "\(status.output)", sourceLocation: sourceLocation)
    }
}

/// Random numbers that follow from a seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
