// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import Migration
import Reports
import TicketModel

/// `ticketferry check MIGRATION`: whether it is ready.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Says whether a migration is ready: file, mapping, logins, permissions, settings that would hurt.",
        discussion: """
            Sends nothing but reads, and ends with the code that `migrate` would refuse with.

            Example:
              ticketferry check acme.yaml
            """)

    @Argument(help: "The migration file.", completion: .file(extensions: ["yaml", "yml"]))
    var migration: String

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let console = Console(options)
        let opened = try await OpenedMigration(migration, console: console)
        try await opened.file.warnOfBorrowed(console)
        let journal = try opened.journalForReading()
        var findings = try await opened.using {
            switch opened.destination {
            case .helpdesk(let target):
                try await Check(
                    setup: opened.setup, target: target, journal: journal, labels: try opened.file.mappingLabels()
                ).run()
            case .file(let target): try await opened.export(to: target, journal: journal).check()
            }
        }
        await journal.close()
        findings.problems += opened.placeProblems()
        console.progress.clear()
        for problem in findings.problems { console.emit(problem) }
        if console.json {
            console.print(
                json: [
                    "version": 1, "ready": .bool(findings.cause == nil), "source": .string(findings.source),
                    "target": .string(findings.target), "policy": .string(findings.policy.rawValue),
                    "tickets": findings.tickets.map { JSON($0) } ?? .null,
                    "sample": findings.sample.json, "diagnostics": .array(console.diagnostics.map(\.json)),
                ])
        } else {
            show(findings, opened, console)
        }
        console.finish()
        if let cause = findings.cause { throw ExitCode(cause.rawValue) }
    }

    private func show(_ findings: Check.Findings, _ opened: OpenedMigration, _ console: Console) {
        let style = console.style
        let ok = style.green("ok  ")
        console.print("\(ok) migration \(style.bold(opened.file.name)), mapping and secrets")
        let count = findings.tickets.map { ", " + TerminalText.counted($0, "ticket") } ?? ""
        console.print("\(ok) source \(opened.file.source.connector) “\(TerminalText.safe(findings.source))”\(count)")
        let address = TerminalText.safe(findings.target)
        switch opened.destination {
        case .helpdesk:
            console.print("\(ok) target \(opened.file.target.connector) at \(address): login and permissions")
            console.print("\(ok) e-mails: \(findings.policy.words)")
        case .file: console.print("\(ok) target \(opened.file.target.connector) file \(address): sends no e-mails")
        }
        let sample = findings.sample
        console.print(
            "\(ok) the first \(TerminalText.counted(sample.total, "ticket")): "
                + "\(TerminalText.counted(sample.losses, "loss", "losses")), "
                + TerminalText.counted(sample.mails, "e-mail"))
        ReadReportText(sample.read, style: style, width: console.width).lines.forEach { console.print($0) }
        console.print()
        if findings.cause == nil {
            console.print(style.green("Ready.") + " Next: ticketferry plan \(migration)")
        } else {
            console.print(style.red("Not ready:") + " see the errors above")
        }
    }
}

extension NotificationPolicy {
    /// In words for an admin.
    var words: String {
        switch self {
        case .stage: "muted: tickets go through a staging mailbox of their own"
        case .mute: "muted for the time of the run"
        case .allow: "not muted; a run needs --allow-notifications"
        case .refuse: "none may be sent"
        }
    }
}
