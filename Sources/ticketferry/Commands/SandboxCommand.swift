// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Connectors
import Foundation
import Migration
import Reports
import TicketModel

/// `ticketferry sandbox NAME`: a practice helpdesk on loopback.
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract: "A practice helpdesk on 127.0.0.1 that speaks the documented API.",
        discussion: """
            It behaves like the real system, oddities included, keeps its state in a file and counts the e-mails that a \
            real site would have sent. It runs until ctrl-C.

            Example:
              ticketferry sandbox fluent-support --port 8090 --state practice.state
            """)

    @Argument(help: "Which helpdesk: see `ticketferry connectors`.")
    var name: String

    @Option(help: "The port on 127.0.0.1; any free one if left out.")
    var port: Int?

    @Option(help: "The file its state is kept in; in memory if left out.")
    var state: String?

    @Option(help: "Fills it with made-up tickets, the same for the same number.")
    var seed: UInt64?

    @Option(help: "Faults to practise with, for instance `429=0.05,drop-after=0.03,latency=20ms`.")
    var faults: String?

    @Option(
        name: .customLong("switch"),
        help: "Does what the vendor's document leaves open the other way; again for more. `connectors NAME` lists them."
    )
    var switches: [String] = []

    @Option(help: "USER:PASSWORD that is accepted, or a key; again for more. Any login if left out.")
    var login: [String] = []

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let console = Console(options)
        guard let connector = Registry.connectors.first(where: { $0.name == name }) else {
            throw Failure.unknownConnector(name)
        }
        guard let open = connector.sandbox else {
            throw Diagnostic(
                code: "sandbox.none", "There is no practice helpdesk for `\(name)`",
                remedy:
                    "Choose one of: \(Registry.connectors.filter { $0.sandbox != nil }.map(\.name).joined(separator: ", "))",
                cause: .usage)
        }
        let verbose = console.verbose
        let sandbox = try await open(
            SandboxLaunch(
                port: port, state: state, seed: seed, faults: faults, switches: Set(switches),
                logins: login.map { Self.login($0) },
                log: { line in
                    if verbose { Console.write(line + "\n", to: STDERR_FILENO) }
                }))
        if console.json {
            console.print(
                json: [
                    "version": 1, "url": .string(sandbox.url),
                    "introduction": .array(sandbox.introduction.map { .string($0) }),
                ])
        } else {
            console.print("\(name) practises at \(console.style.bold(sandbox.url))  (ctrl-C ends it)")
            sandbox.introduction.forEach { console.print("  " + $0) }
        }
        let stop = AsyncStream.makeStream(of: Void.self)
        let signals = Signals { stop.continuation.yield() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sandbox.run() }
            group.addTask {
                for await _ in stop.stream { break }
                await sandbox.stop()
            }
            try await group.next()
            group.cancelAll()
        }
        withExtendedLifetime(signals) {}
    }

    /// `ada:secret`, or a key alone.
    private static func login(_ text: String) -> (user: String, password: String) {
        let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return halves.count == 2 ? (halves[0], halves[1]) : ("", text)
    }
}
