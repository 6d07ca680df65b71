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
        let check = try migration.run("check", file: "locked.yaml")
        #expect(check.code == 74 && check.output.contains("Not ready"), "\(check.output)\(check.errors)")
        #expect(check.errors.contains("journal.unwritable-place"), "\(check.errors)")
        let end = try migration.run("migrate", file: "locked.yaml")
        #expect(end.code == 74, "\(end.output)\(end.errors)")
        #expect(end.errors.contains("journal.") && end.errors.contains("  fix: "), "\(end.errors)")
        #expect((try migration.practice.counts() - before).writes == 0)
    }

    @Test("cut in half is said to be damaged, with 74; it is rebuilt from the target")
    func cutInHalf() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        #expect(try migration.run("migrate").code == 0)
        let journal = migration.tool.folder.appending(path: "crash.journal")
        let bytes = try Data(contentsOf: journal)
        let before = try migration.practice.counts()
        // In the middle, in the middle of a page, in the first page, and to nothing but the head.
        for size in [bytes.count / 2, bytes.count / 2 + 100, 4000, 100] {
            try bytes.prefix(size).write(to: journal)
            let end = try migration.run("migrate")
            #expect(end.code == 74, "\(size): \(end.output)\(end.errors)")
            #expect(
                end.errors.contains("journal.damaged") || end.errors.contains("journal.not-a-journal"), "\(end.errors)")
            #expect(end.errors.contains("  fix: "))
            #expect((try migration.practice.counts() - before).writes == 0)
        }
        let away = migration.tool.folder.appending(path: "damaged.journal")
        try FileManager.default.moveItem(at: journal, to: away)
        let refused = try migration.run("migrate")
        #expect(refused.code == 77 && refused.errors.contains("journal.lost"), "\(refused.errors)")
        let adopted = try migration.run("migrate", "--adopt")
        #expect(adopted.code == 0, "\(adopted.output)\(adopted.errors)")
        try migration.expectUndisturbedEnd()
    }

    @Test("from a newer version is refused with 74 and not touched")
    func newer() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        #expect(try migration.run("migrate", "--limit", "20").code == 0)
        let journal = migration.tool.folder.appending(path: "crash.journal")
        let bytes = try Data(contentsOf: journal)
        // The version of the format stands in the file's head (SQLite's user_version).
        var newer = bytes
        newer.replaceSubrange(60..<64, with: [0, 0, 0, 99])
        try newer.write(to: journal)
        let before = try migration.practice.counts()
        for command in ["migrate", "status", "plan"] {
            let end = try migration.run(command)
            #expect(end.code == 74, "\(command): \(end.output)\(end.errors)")
            #expect(end.errors.contains("journal.newer") && end.errors.contains("  fix: "), "\(end.errors)")
        }
        #expect(try Data(contentsOf: journal) == newer)
        #expect((try migration.practice.counts() - before).writes == 0)
        try bytes.write(to: journal)
        #expect(try migration.run("migrate").code == 0)
        try migration.expectUndisturbedEnd()
    }

    @Test("in a synced folder is warned of, with what to do", arguments: ["Dropbox", "OneDrive - Acme", "marked"])
    func syncedFolder(name: String) throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        let folder = migration.tool.folder.appending(path: name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        if name == "marked" {
            try FileManager.default.createDirectory(
                at: folder.appending(path: ".stfolder"), withIntermediateDirectories: true)
        }
        try PracticeMigration.write(
            "crash", to: "crash.yaml", migration.tool, url: migration.practice.url,
            more: ["journal: \"\(name)/crash.journal\""])
        let end = try migration.run("migrate")
        #expect(end.code == 0, "\(end.output)\(end.errors)")
        #expect(end.errors.contains("[journal.synced-folder]") && end.errors.contains("  fix: "), "\(end.errors)")
        try migration.expectUndisturbedEnd()
    }

    @Test("copied without its newest part is warned of; the target is looked at, and nothing comes twice")
    func withoutItsLog() throws {
        let migration = try PracticeMigration(faults: "latency=5ms")
        defer { migration.close() }
        let before = try migration.practice.counts()
        let running = try migration.start()
        try #require(try migration.wait(for: running, writes: 60, since: before))
        running.signal(SIGKILL)
        _ = running.wait()
        for name in ["crash.journal-wal", "crash.journal-shm"] {
            try FileManager.default.removeItem(at: migration.tool.folder.appending(path: name))
        }
        let end = try migration.run("migrate")
        #expect(end.errors.contains("[journal.wal-missing]") && end.errors.contains("  fix: "), "\(end.errors)")
        if end.code != 0 {
            // Nothing of what was written is known any more: that has to be rebuilt.
            #expect(end.code == 77 && end.errors.contains("[journal.lost]"), "\(end.output)\(end.errors)")
            let adopted = try migration.run("migrate", "--adopt")
            #expect(adopted.code == 0, "\(adopted.output)\(adopted.errors)")
        }
        try migration.expectUndisturbedEnd()
    }

    @Test("that meets a limit on the size of files ends the run with 74; without it it completes")
    func sizeLimit() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        let tool = migration.tool
        // A dump as XML is sorted in temporary files, which would meet the limit first.
        let dump = Tool.samples.appending(path: "kb-support/wordpress.wxr.xml").path
        #expect(try tool.run("convert", dump, "tickets.jsonl").code == 0)
        try tool.write(
            """
            ticketferry: 1
            name: limited
            source: {connector: jsonl, path: tickets.jsonl, name: old}
            target:
              connector: fluent-support
              url: \(migration.practice.url)
              username: admin
              password: ${PRACTICE_PASSWORD}
              settle: 1
              mailbox: Support
            archive: none

            """, to: "limited.yaml")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // In blocks of 512 bytes.
        process.arguments = [
            "-c", "ulimit -f 1000; exec \"$0\" migrate limited.yaml > out.txt 2> err.txt", Tool.binary.path,
        ]
        process.currentDirectoryURL = tool.folder
        process.environment = ProcessInfo.processInfo.environment.merging(PracticeMigration.environment) { $1 }
        try process.run()
        process.waitUntilExit()
        let errors = try tool.read("err.txt")
        #expect(process.terminationReason == .exit && process.terminationStatus == 74, "\(errors)")
        #expect(errors.contains("[journal.disk]") && errors.contains("ulimit"), "\(errors)")
        #expect(try migration.practice.site().doubles == [])
        let last = try migration.run("migrate", file: "limited.yaml")
        #expect(last.code == 0, "\(last.output)\(last.errors)")
        let site = try migration.practice.site()
        #expect(site.tickets.count == 60 && site.doubles == [] && site.mails == 0)
    }

    @Test(
        "on a disk that is read-only meanwhile ends with 74; when it can be written again the run completes",
        .enabled(if: SmallDisk.isPossible, "only root may mount a small disk"))
    func readOnlyDisk() throws {
        let migration = try PracticeMigration()
        defer { migration.close() }
        let disk = try SmallDisk(at: migration.tool.folder.appending(path: "disk"), kilobytes: 8192)
        defer { disk.remove() }
        try PracticeMigration.write(
            "crash", to: "crash.yaml", migration.tool, url: migration.practice.url,
            more: ["journal: disk/crash.journal", "archive: none"])
        #expect(try migration.run("migrate", "--limit", "20").code == 0)
        try disk.setReadOnly(true)
        let before = try migration.practice.counts()
        let end = try migration.run("migrate")
        #expect(end.code == 74, "\(end.output)\(end.errors)")
        #expect(end.errors.contains("journal.") && end.errors.contains("  fix: "), "\(end.errors)")
        #expect((try migration.practice.counts() - before).writes == 0)
        let check = try migration.run("check")
        #expect(check.code == 74 && check.errors.contains("journal.unwritable-place"), "\(check.errors)")
        // What only reads goes on.
        #expect(try migration.run("status").output.contains("20 created"))
        try disk.setReadOnly(false)
        #expect(try migration.run("migrate").code == 0)
        try migration.expectUndisturbedEnd()
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

    /// Whether a disk can be mounted: only by root, and in containers often not even so; tried once.
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

    /// Forbids writing on it, or allows it again.
    func setReadOnly(_ isReadOnly: Bool) throws {
        try Self.mount("-o", isReadOnly ? "remount,ro" : "remount,rw", folder.path)
    }

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
