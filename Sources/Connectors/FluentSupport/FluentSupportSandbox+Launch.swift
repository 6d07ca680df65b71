// SPDX-License-Identifier: Apache-2.0

import Migration
import Sandbox
import TicketModel

extension FluentSupportSandbox {
    /// Opens a practice site and its port, for `ticketferry sandbox`.
    ///
    /// - Parameter launch: `seed` is the number of made-up tickets and what they come from.
    /// - Returns: the site, which listens already; serve it with its `run()`.
    /// - Throws: a `Diagnostic`: bad faults, a state file or a port that cannot be had.
    static func launch(_ launch: SandboxLaunch) async throws -> any RunningSandbox {
        let seed = launch.seed ?? 1
        let faults = try launch.faults.map { try SandboxFaults(parsing: $0, seed: seed) } ?? SandboxFaults(seed: seed)
        let port = launch.port ?? 0
        guard let port = UInt16(exactly: port) else {
            throw Diagnostic(
                code: "sandbox.port-in-use", "there is no port \(port)",
                remedy: "choose a --port from 1 to 65535, or leave it out to take a free one", cause: .usage)
        }
        // Ten thousand tickets are made up in a moment; a number far beyond that was meant as a seed alone.
        let tickets = Int(min(launch.seed ?? 0, 10_000))
        let sandbox = try await open(SandboxOptions(state: launch.state, seed: seed, tickets: tickets))
        let log = launch.log
        let front = SandboxFront(sandbox, faults: faults) { moment, request, response in
            if moment == .answering { log("\(request.method) \(request.path) \(response?.status ?? 0)") }
            return .goOn
        }
        do {
            return Running(
                server: try await SandboxServer.start(front, port: port), tickets: await sandbox.state.tickets.count)
        } catch {
            await sandbox.close()
            throw error
        }
    }

    /// A practice site that listens.
    private struct Running: RunningSandbox {
        let server: SandboxServer.Running
        let tickets: Int

        var url: String { "http://127.0.0.1:\(server.port)" }

        var introduction: [String] {
            [
                "any login will do: admin, or the agents ada, bruno and chiyo, with any password",
                "one mailbox Support, five tags, \(tickets) tickets",
                "\(url)/_sandbox/mails shows the mails that were not sent, /_sandbox/state all that is stored, "
                    + "/_sandbox/requests the counts of requests",
            ]
        }

        func run() async throws { try await server.run() }

        func stop() async { await server.stop() }
    }
}
