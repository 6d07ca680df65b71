// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import Sandbox
internal import TicketModel

extension Helpdesk {
    /// Opens the practice site and its port, for `ticketferry sandbox`.
    ///
    /// - Parameter launch: `seed` is the number of made-up tickets and what they come from.
    /// - Returns: the site, which listens already; serve it with its `run()`.
    /// - Throws: a `Diagnostic`: bad faults, a switch that there is not, a state file or a port that cannot be had.
    func launch(_ launch: SandboxLaunch) async throws -> any RunningSandbox {
        let seed = launch.seed ?? 1
        let faults = try launch.faults.map { try SandboxFaults(parsing: $0, seed: seed) } ?? SandboxFaults(seed: seed)
        guard let port = UInt16(exactly: launch.port ?? 0) else {
            throw Diagnostic(
                code: "sandbox.port-in-use", "there is no port \(launch.port ?? 0)",
                remedy: "choose a --port from 1 to 65535, or leave it out to take a free one", cause: .usage)
        }
        if let wrong = launch.switches.sorted().first(where: { name in !practice.switches.contains { $0.name == name } }
        ) {
            let known = practice.switches.map(\.name).joined(separator: ", ")
            throw Diagnostic(
                code: "sandbox.unknown-switch", "the practice \(name) has no switch `\(wrong)`",
                remedy: known.isEmpty ? "leave --switch out: it has none" : "choose of: \(known)", cause: .usage)
        }
        // Ten thousand tickets are made up in a moment; a number far beyond that was meant as a seed alone.
        var options = SandboxOptions(
            state: launch.state, seed: seed, tickets: Int(min(launch.seed ?? 0, 10_000)),
            logins: launch.logins.isEmpty
                ? nil : launch.logins.map { SandboxLogin(user: $0.user, password: $0.password) })
        options.switches = launch.switches
        let site = try await practice.open(options)
        let log = launch.log
        let front = SandboxFront(site, faults: faults) { moment, request, response in
            if moment == .answering { log("\(request.method) \(request.path) \(response?.status ?? 0)") }
            return .goOn
        }
        do {
            return Listening(
                server: try await SandboxServer.start(front, port: port), lines: practice.introduction)
        } catch {
            await site.close()
            throw error
        }
    }

    /// A practice site that listens.
    private struct Listening: RunningSandbox {
        let server: SandboxServer.Running
        let lines: [String]

        var url: String { "http://127.0.0.1:\(server.port)" }

        var introduction: [String] {
            lines + [
                "\(url)/_sandbox/mails shows the mails that were not sent, /_sandbox/state all that is stored, "
                    + "/_sandbox/requests the counts of requests"
            ]
        }

        func run() async throws { try await server.run() }

        func stop() async { await server.stop() }
    }
}
