// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import GRDB
internal import TicketModel

/// What can be wrong with a journal, and how it is said.
enum JournalFailure: Error {
    case cannotCreate
    case notAJournal
    case newer(Int)
    case notDurable
    case noIntent(part: String)
    case locked(by: String?)
    case lockFailed(Int32)

    /// The diagnostic of an error that a journal met; its cause is always this machine.
    static func diagnostic(_ error: any Error, path: String) -> any Error {
        if error is Diagnostic || error is CancellationError { return error }
        let (code, message, remedy) = words(error)
        return Diagnostic(code: code, message, subject: path, remedy: remedy, cause: .machine)
    }

    private static func words(_ error: any Error) -> (code: String, message: String, remedy: String) {
        switch error {
        case cannotCreate:
            return (
                "journal.cannot-create", "the journal cannot be made: \(String(cString: strerror(errno)))",
                "make its folder writable, or name another file in `journal:`"
            )
        case notAJournal:
            return (
                "journal.not-a-journal", "the file is a database, but no journal of Ticketferry",
                "name another file in `journal:`; this one was not touched"
            )
        case newer(let version):
            return (
                "journal.newer",
                "the journal is from a newer version of Ticketferry (its format is \(version), known is \(JournalSchema.version))",
                "go on with that version; the journal was not touched"
            )
        case notDurable:
            return (
                "journal.not-durable", "SQLite does not take `synchronous = FULL`", "report this; nothing was written"
            )
        case noIntent(let part):
            return (
                "journal.no-intent", "the answer to “\(part)” came without its intent being written down",
                "report this with the log; then run the same command again"
            )
        case locked(let owner):
            return (
                "journal.locked",
                "another run has this journal open" + (owner.map { " (process \($0))" } ?? ""),
                "wait until it ends, or stop it with ctrl-C in its terminal"
            )
        case lockFailed(let number):
            return (
                "journal.lock-failed", "the journal cannot be locked: \(String(cString: strerror(number)))",
                "make its folder writable and local, or name another file in `journal:`"
            )
        case let error as DatabaseError: return words(of: error)
        default:
            return ("journal.failed", "the journal failed: \(error)", "check the disk, then run the same command again")
        }
    }

    /// Never the arguments of a statement: they hold data of tickets.
    private static func words(of error: DatabaseError) -> (code: String, message: String, remedy: String) {
        let text = error.message ?? "SQLite error \(error.resultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_FULL:
            return (
                "journal.disk-full", "the disk is full: the journal cannot be written, so nothing more was sent",
                "make room, then run the same command again to go on"
            )
        case .SQLITE_NOTADB:
            return (
                "journal.not-a-journal", "the file is no database",
                "name another file in `journal:`; this one was not touched"
            )
        case .SQLITE_CORRUPT:
            return (
                "journal.damaged", "the journal is damaged: \(text)",
                "put a copy of it back; or move it away and rebuild it with `migrate --adopt`"
            )
        case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
            return (
                "journal.cannot-open", "the journal cannot be opened for writing: \(text)",
                "make the file and its folder writable, or name another file in `journal:`"
            )
        case .SQLITE_IOERR:
            return (
                "journal.disk", "the disk failed under the journal: \(text)",
                "check the disk and its limits (`ulimit -f`), then run the same command again to go on"
            )
        default:
            return ("journal.failed", "the journal failed: \(text)", "check the disk, then run the same command again")
        }
    }
}
