// SPDX-License-Identifier: Apache-2.0
internal import Foundation
public import TicketModel

/// Where a journal lies, and what of it could hurt: a folder that a program copies elsewhere while it is written, a disk of
/// another machine, a journal that was copied without its newest part.
public enum JournalPlace {
    /// Looks at the place of a journal before it is opened.
    ///
    /// - Returns: what users should know.
    /// - Throws: `Diagnostic` with cause `machine` for a place where a journal cannot be trusted.
    public static func look(at path: String) throws -> [Diagnostic] {
        let absolute = URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
        let table = FileManager.default.contents(atPath: "/proc/self/mountinfo")
        let mounts = String(decoding: table ?? Data(), as: UTF8.self)
        var found = network(absolute, type: fileSystem(of: absolute, mounts: mounts)).map { [$0] } ?? []
        if let refused = found.first(where: { $0.severity == .error }) { throw refused }
        if let service = syncService(absolute) {
            found.append(
                Diagnostic(
                    .warning, code: "journal.synced-folder",
                    "the journal lies in a folder of \(service), which may copy or replace it while it is written",
                    subject: path,
                    remedy: "name a file outside of it in `journal:`, or pause \(service) until the migration is done"))
        }
        if isWithoutLog(path) {
            found.append(
                Diagnostic(
                    .warning, code: "journal.wal-missing",
                    "the last run did not end, and the journal's newest part (\(path)-wal) is missing: copied without it, or taken away",
                    subject: path,
                    remedy:
                        "put the file back if you have it; else go on: what the target holds is looked at before anything is sent, and `migrate --adopt` rebuilds what is refused"
                ))
        }
        return found
    }

    /// Why a file or folder of a run cannot be made or written at a place; nil: it can.
    ///
    /// Writes nothing: the permissions and the disk are asked.
    public static func unwritable(_ path: String) -> Diagnostic? {
        var place = URL(fileURLWithPath: path).standardizedFileURL.path
        if access(place, F_OK) == 0, access(place, W_OK) != 0 { return unwritable(path, place) }
        // SQLite puts files beside a journal, and what is not there yet is made in the next folder that is.
        repeat { place = (place as NSString).deletingLastPathComponent } while place != "/" && access(place, F_OK) != 0
        var status = stat()
        if stat(place, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
            errno = ENOTDIR
            return unwritable(path, place)
        }
        return access(place, W_OK | X_OK) == 0 ? nil : unwritable(path, place)
    }

    private static func unwritable(_ path: String, _ place: String) -> Diagnostic {
        Diagnostic(
            code: "journal.unwritable-place",
            "a run could not write here: \(String(cString: strerror(errno))) (\(place))", subject: path,
            remedy:
                "give this user the right to write there, or name another place in `journal:` and `archive:`; nothing was written",
            cause: .machine)
    }

    /// What a file system of that type, as Linux names it, means for a journal; nil: nothing.
    package static func network(_ path: String, type: String) -> Diagnostic? {
        if ["nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "davfs", "fuse.davfs2", "fuse.sshfs"]
            .contains(
                type)
        {
            return Diagnostic(
                code: "journal.network-disk",
                "the journal lies on a network disk (\(type)), where neither its lock nor its commits can be trusted",
                subject: path,
                remedy: "name a file on this machine's own disk in `journal:`; nothing was written", cause: .machine)
        }
        guard
            ["9p", "drvfs", "ceph", "lustre", "vboxsf", "virtiofs", "glusterfs"].contains(type)
                || type.hasPrefix("fuse")
        else { return nil }
        return Diagnostic(
            .warning, code: "journal.shared-disk",
            "the journal lies on a disk that may be shared with other machines (\(type))", subject: path,
            remedy: "name a file on this machine's own disk in `journal:` unless you know that locks hold there")
    }

    /// The program that keeps a folder of this path the same on other machines; nil: none that is known.
    ///
    /// By the folders' names, as the programs give them, and by what they put into them.
    package static func syncService(_ path: String) -> String? {
        let folders = path.split(separator: "/").dropLast().map(String.init)
        for folder in folders {
            let name = folder.lowercased()
            for (service, names) in services
            where names.contains(where: { name == $0 || name.hasPrefix($0 + " ") || name.hasPrefix($0 + "-") }) {
                return service
            }
        }
        var folder = ""
        for name in folders {
            folder += "/" + name
            for (service, marks) in marks where marks.contains(where: { access(folder + "/" + $0, F_OK) == 0 }) {
                return service
            }
        }
        return nil
    }

    private static let services: [(String, [String])] = [
        ("Dropbox", ["dropbox"]), ("OneDrive", ["onedrive"]),
        ("iCloud", ["icloud", "icloud drive", "iclouddrive", "mobile documents", "com~apple~clouddocs"]),
        ("Nextcloud", ["nextcloud"]), ("ownCloud", ["owncloud"]),
        ("Google Drive", ["google drive", "googledrive", "googledrivestream"]), ("Syncthing", ["syncthing"]),
        ("pCloud", ["pclouddrive", "pcloud drive"]), ("MEGA", ["megasync"]), ("Box", ["box sync"]),
        ("Seafile", ["seafile"]), ("Tresorit", ["tresorit"]),
    ]

    private static let marks: [(String, [String])] = [
        ("Dropbox", [".dropbox", ".dropbox.cache"]), ("Syncthing", [".stfolder"]),
        ("Nextcloud", [".nextcloudsync.log", ".sync_nextcloud.db"]), ("ownCloud", [".owncloudsync.log"]),
        ("Resilio Sync", [".sync/ID"]),
    ]

    /// The type of the file system that a file is on, from Linux' table of mounts: the longest mount point wins, among
    /// equal ones the last.
    package static func fileSystem(of path: String, mounts: String) -> String {
        var best = (point: "", type: "")
        for line in mounts.split(separator: "\n") {
            let halves = line.components(separatedBy: " - ")
            let words = halves[0].split(separator: " ")
            guard halves.count == 2, words.count > 4, let type = halves[1].split(separator: " ").first else { continue }
            var point = String(words[4])
            for (code, character) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
                point = point.replacing(code, with: character)
            }
            let isAbove = point == "/" || path == point || path.hasPrefix(point + "/")
            if isAbove, point.utf8.count >= best.point.utf8.count { best = (point, String(type)) }
        }
        return best.type
    }

    /// Whether a process wrote it last that did not close it, while its newest part is not there.
    ///
    /// A process that is killed leaves that part behind, and one that ends in good order empties the lock's file.
    private static func isWithoutLog(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0, status.st_size > 0, access(path + "-wal", F_OK) != 0 else { return false }
        guard stat(path + ".lock", &status) == 0, status.st_size > 0 else { return false }
        return !SQLiteJournal.isInUse(path: path)
    }
}
