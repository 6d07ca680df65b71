// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// What this machine can do to a run: a second one, somebody else's journal, no room, no permission.
@Suite("The journal", .serialized)
struct JournalTroubleTests {
    @Test("has one writer: a second run beside the first ends with 74 and disturbs nothing")
    func secondRun() throws {
        let migration = try PracticeMigration(faults: "latency=10ms")
        defer { migration.close() }
        let before = try migration.practice.counts()
        let first = try migration.start()
        try #require(try migration.wait(for: first, writes: 10, since: before))
        let second = try migration.run("migrate")
        #expect(first.isRunning, "the first run was over before the second began")
        #expect(second.code == 74, "\(second.output)\(second.errors)")
        #expect(second.errors.contains("journal.locked"), "\(second.errors)")
        #expect(second.errors.contains("  fix: "), "\(second.errors)")
        let end = first.wait()
        #expect(end.code == 0, "\(end.errors)")
        try migration.expectUndisturbedEnd()
    }

    @Test("of another migration is refused with 74, and nothing is sent")
    func anotherMigration() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        #expect(try migration.run("migrate", "--limit", "1").code == 0)
        try PracticeMigration.write(
            "another", to: "another.yaml", migration.tool, url: migration.practice.url, more: ["journal: crash.journal"]
        )
        let before = try migration.practice.counts()
        let other = try migration.run("migrate", file: "another.yaml")
        #expect(other.code == 74, "\(other.output)\(other.errors)")
        #expect(other.errors.contains("  fix: "), "\(other.errors)")
        #expect((try migration.practice.counts() - before).writes == 0)
    }

    @Test("in a folder that cannot be written ends the run with 74 before anything is sent")
    func readOnly() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        let locked = migration.tool.folder.appending(path: "locked")
        try FileManager.default.createDirectory(at: locked, withIntermediateDirectories: true)
        // Root may write anywhere but into what is no folder.
        let name = getuid() == 0 ? "site.txt/x.journal" : "locked/x.journal"
        try migration.tool.write("no folder\n", to: "site.txt")
        chmod(locked.path, 0o500)
        defer { chmod(locked.path, 0o700) }
        try PracticeMigration.write(
            "locked", to: "locked.yaml", migration.tool, url: migration.practice.url, more: ["journal: \(name)"])
        let before = try migration.practice.counts()
        let end = try migration.run("migrate", file: "locked.yaml")
        #expect(end.code == 74, "\(end.output)\(end.errors)")
        #expect(end.errors.contains("journal.") && end.errors.contains("  fix: "), "\(end.errors)")
        #expect((try migration.practice.counts() - before).writes == 0)
    }

    @Test(
        "on a full disk ends the run with 74; with room again it completes, nothing lost and nothing twice",
        .enabled(if: SmallDisk.isPossible, "only root may mount a small disk"), arguments: [96, 200])
    func fullDisk(kilobytes: Int) throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        let disk = try SmallDisk(at: migration.tool.folder.appending(path: "disk"), kilobytes: kilobytes)
        defer { disk.remove() }
        let more = ["journal: disk/crash.journal", "archive: none"]
        try PracticeMigration.write("crash", to: "crash.yaml", migration.tool, url: migration.practice.url, more: more)
        let full = try migration.run("migrate")
        #expect(full.code == 74, "\(full.output)\(full.errors)")
        #expect(full.errors.contains("disk is full"), "\(full.errors)")
        #expect(full.errors.contains("  fix: "), "\(full.errors)")
        #expect(try migration.practice.site().doubles == [])
        try disk.grow(kilobytes: 8192)
        let last = try migration.run("migrate")
        #expect(last.code == 0, "\(last.output)\(last.errors)")
        try migration.expectUndisturbedEnd()
    }
}

/// A file system in memory that is soon full.
struct SmallDisk {
    let folder: URL

    /// Root who may mount.
    ///
    /// Containers often may not: it is tried once.
    static let isPossible: Bool = {
        guard getuid() == 0 else { return false }
        let folder = FileManager.default.temporaryDirectory.appending(path: "ticketferry-disk-\(UUID().uuidString)")
        guard let disk = try? SmallDisk(at: folder, kilobytes: 64) else { return false }
        disk.remove()
        try? FileManager.default.removeItem(at: folder)
        return true
    }()

    init(at folder: URL, kilobytes: Int) throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Self.mount("-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", folder.path)
    }

    /// Gives it more room; what is on it stays.
    func grow(kilobytes: Int) throws { try Self.mount("-o", "remount,size=\(kilobytes)k", folder.path) }

    func remove() { try? Self.run("umount", [folder.path]) }

    private static func mount(_ arguments: String...) throws { try run("mount", arguments) }

    private static func run(_ name: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        struct Failed: Error {}
        if process.terminationStatus != 0 { throw Failed() }
    }
}
