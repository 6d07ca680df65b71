// SPDX-License-Identifier: Apache-2.0
import Foundation
import Journal
import Testing
import TicketModel

@Suite("Where a journal lies")
struct JournalPlaceTests {
    @Test(arguments: [
        ("/home/ada/Dropbox/acme.journal", "Dropbox"), ("/Users/ada/Dropbox (Acme)/x/acme.journal", "Dropbox"),
        ("/mnt/c/Users/ada/OneDrive - Acme GmbH/a.journal", "OneDrive"),
        ("/Users/ada/Library/Mobile Documents/com~apple~CloudDocs/a.journal", "iCloud"),
        ("/home/ada/Nextcloud/a/b.journal", "Nextcloud"), ("/home/ada/Google Drive/a.journal", "Google Drive"),
        ("/home/ada/dropboxes/a.journal", nil), ("/home/ada/Dropbox", nil), ("/home/ada/work/a.journal", nil),
    ])
    func syncedFoldersAreKnown(path: String, service: String?) {
        #expect(JournalPlace.syncService(path) == service)
    }

    @Test(arguments: [
        ("nfs4", "journal.network-disk"), ("cifs", "journal.network-disk"), ("fuse.sshfs", "journal.network-disk"),
        ("fuse.rclone", "journal.shared-disk"), ("9p", "journal.shared-disk"), ("ext4", nil), ("tmpfs", nil), ("", nil),
    ])
    func disksOfOtherMachinesAreKnown(type: String, code: String?) {
        let found = JournalPlace.network("/x/a.journal", type: type)
        #expect(found?.code == code)
        if code == "journal.network-disk" { #expect(found?.severity == .error && found?.cause == .machine) }
    }

    @Test func theDiskIsThatOfTheLongestMountPoint() {
        let mounts = """
            22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
            30 22 0:26 / /home rw - xfs /dev/vdb rw
            31 30 0:27 / /home/ada/my\\040team rw shared:3 master:1 - nfs4 server:/x rw
            32 22 0:28 / /home/ada2 rw - cifs //s/x rw
            """
        func type(_ path: String) -> String { JournalPlace.fileSystem(of: path, mounts: mounts) }
        #expect(type("/home/ada/my team/a.journal") == "nfs4")
        #expect(type("/home/ada/a.journal") == "xfs" && type("/srv/a.journal") == "ext4")
        #expect(type("/home/ada2/x/a") == "cifs" && JournalPlace.fileSystem(of: "/x", mounts: "") == "")
    }

    @Test func anOrdinaryFolderIsNoWordWorth() async throws {
        let folder = NSTemporaryDirectory() + "ticketferry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(try JournalPlace.look(at: folder + "/a.journal").isEmpty)
        let journal = try SQLiteJournal(path: folder + "/a.journal")
        #expect(try JournalPlace.look(at: folder + "/a.journal").isEmpty)
        await journal.close()
        #expect(try JournalPlace.look(at: folder + "/a.journal").isEmpty)
        #expect(try JournalPlace.look(at: folder + "/no/such/folder/a.journal").isEmpty)
    }
}
