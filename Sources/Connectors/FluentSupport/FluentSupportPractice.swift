// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import Sandbox
internal import Synchronization
internal import TicketModel

/// The practice site on a port, for `ticketferry sandbox fluent-support`.
final class FluentSupportPractice: RunningSandbox {
    let url: String
    private let server: Task<Void, any Error>

    /// Listens when it comes back.
    ///
    /// - Throws: a `Diagnostic` for a port, state file or faults that cannot be had.
    static func start(_ launch: SandboxLaunch) async throws -> FluentSupportPractice {
        let sandbox = try await FluentSupportSandbox.open(
            SandboxOptions(state: launch.state, seed: launch.seed ?? 1, tickets: launch.seed == nil ? 0 : 60))
        let faults = try launch.faults.map { try SandboxFaults(parsing: $0, seed: launch.seed ?? 1) }
        let front = SandboxFront(sandbox, faults: faults ?? SandboxFaults())
        let (ready, announce) = AsyncThrowingStream.makeStream(of: UInt16.self)
        let server = Task {
            do {
                try await SandboxServer.run(front, port: UInt16(clamping: launch.port ?? 0)) { announce.yield($0) }
                announce.finish()
            } catch {
                announce.finish(throwing: error)
                throw error
            }
        }
        for try await port in ready { return FluentSupportPractice(url: "http://127.0.0.1:\(port)", server: server) }
        throw CancellationError()
    }

    private init(url: String, server: Task<Void, any Error>) {
        self.url = url
        self.server = server
    }

    var introduction: [String] {
        ["log in as admin with any password; agents: ada, bruno, chiyo", "REST: \(url)/wp-json/fluent-support/v2"]
    }

    func run() async throws {
        try await withTaskCancellationHandler { try await server.value } onCancel: { server.cancel() }
    }

    func stop() async {
        server.cancel()
        _ = await server.result
    }
}
