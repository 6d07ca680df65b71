// SPDX-License-Identifier: Apache-2.0
import Foundation
import Journal
import Migration
import TicketModel

extension MigrateCommand {
    /// Whether a text looks like one plain e-mail address: what is none would only fail in the target, after the first write.
    static func isAddress(_ text: String) -> Bool {
        let halves = text.split(separator: "@", omittingEmptySubsequences: false)
        guard halves.count == 2, !halves[0].isEmpty, !halves[1].isEmpty else { return false }
        let labels = halves[1].split(separator: ".", omittingEmptySubsequences: false)
        return labels.count >= 2 && labels.allSatisfy { !$0.isEmpty }
            && !text.contains { $0.isWhitespace || $0.isNewline || ",;<>()[]\"\\".contains($0) }
    }

    /// Makes a ticket for the operator's own address, asks whether a mail came, and takes it back.
    ///
    /// - Throws: `Diagnostic` where a mail came, nobody can be asked, or the ticket could not be taken back.
    func flyCanary(
        to address: String, _ opened: OpenedMigration, target: any TicketTarget, _ run: RunOptions, _ console: Console
    ) async throws {
        guard console.interactive else { throw Diagnostic.canaryNeedsTerminal }
        let path = opened.file.journal + ".canary"
        let journal = try SQLiteJournal(path: path)
        let canary = Canary(
            address: address, setup: opened.setup, target: target, journal: journal, options: run)
        let came: Bool
        let back: UndoReport
        do {
            let report = try await canary.fly()
            console.progress.clear()
            let url = report.failures.first?.targetURL ?? ""
            console.say("A ticket for \(address) was made, answered and closed. \(url)")
            console.say("Look into that mailbox and into those of the agents; a minute or two is usual.")
            came = console.confirm("Did an e-mail arrive?")
            back = try await canary.remove()
        } catch {
            await journal.close()
            throw error
        }
        await journal.close()
        console.progress.clear()
        if back.failed.isEmpty, back.state == .finished {
            for suffix in ["", "-wal", "-shm", ".lock"] { unlink(path + suffix) }
            console.say(
                back.deleted > 0
                    ? "The canary's ticket is deleted." : "The target cannot delete: the canary's ticket stays, closed."
            )
        } else {
            throw Diagnostic.canaryStays(back.failed.first?.diagnostic)
        }
        if came { throw Diagnostic.canaryMailed }
    }
}

extension Diagnostic {
    static func canaryAddress(_ text: String, _ migration: String) -> Diagnostic {
        Diagnostic(
            code: "canary.no-address", "`--canary` takes an e-mail address of yours, and “\(text)” is none",
            remedy:
                "for example: `ticketferry migrate \(migration) --canary you@your.example`; nothing was sent or written",
            cause: .usage)
    }

    fileprivate static var canaryNeedsTerminal: Diagnostic {
        Diagnostic(
            code: "canary.needs-terminal", "--canary asks whether an e-mail arrived, and there is no terminal",
            remedy: "run it at a terminal; nothing was written", cause: .usage)
    }

    fileprivate static var canaryMailed: Diagnostic {
        Diagnostic(
            code: "canary.mailed", "the canary's ticket sent an e-mail: so would every ticket of yours",
            remedy:
                "find what sends it (a workflow, an SMTP plugin, a webhook) and switch it off, then try the canary again; no ticket of yours was written",
            cause: .refused)
    }

    fileprivate static func canaryStays(_ why: Diagnostic?) -> Diagnostic {
        Diagnostic(
            code: "canary.stays",
            "the canary's ticket could not be taken back\(why.map { ": \($0.message)" } ?? "")",
            remedy: "run the same command again: it takes it back first", cause: .unavailable)
    }
}
