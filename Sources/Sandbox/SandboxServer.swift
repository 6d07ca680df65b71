// SPDX-License-Identifier: Apache-2.0

import FlyingFox
import FlyingSocks
import Foundation
import TicketModel

/// Serves a practice helpdesk on a port of 127.0.0.1, never on another address.
public struct SandboxServer: Sendable {
    /// Serves until the task is cancelled, then closes the port and lets go of the state.
    ///
    /// - Parameters:
    ///   - front: the helpdesk with its faults.
    ///   - port: the port; 0 takes a free one.
    ///   - onReady: called once with the port when requests can come.
    /// - Throws: a ``Diagnostic`` with the code `sandbox.port-in-use` when the port cannot be had.
    public static func run(
        _ front: SandboxFront, port: UInt16 = 0, onReady: @Sendable (UInt16) async throws -> Void = { _ in }
    ) async throws {
        try await serve(front, port: port) { bound in
            try await onReady(bound)
            // The port stays open until somebody cancels; a clock that nobody waits for otherwise.
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
        }
        await front.helpdesk.close()
    }

    /// A server whose port is open.
    public struct Running: Sendable {
        /// The port on 127.0.0.1.
        public let port: UInt16
        fileprivate let task: Task<Void, any Error>

        /// Closes the port and lets go of the state; done when both are.
        public func stop() async {
            task.cancel()
            _ = await task.result
        }

        /// Serves until this task is cancelled, then closes the port and lets go of the state.
        public func run() async throws {
            try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        }
    }

    /// Opens the port and gives it before ``Running/run()`` is called; requests are answered from then on.
    ///
    /// - Throws: the ``Diagnostic`` of ``run(_:port:onReady:)``.
    public static func start(_ front: SandboxFront, port: UInt16 = 0) async throws -> Running {
        let (ports, ready) = AsyncThrowingStream.makeStream(of: UInt16.self)
        let task = Task {
            do {
                try await run(front, port: port) { ready.yield($0) }
                ready.finish()
            } catch {
                ready.finish(throwing: error)
                throw error
            }
        }
        for try await bound in ports { return Running(port: bound, task: task) }
        task.cancel()
        throw unavailable(port, CancellationError())
    }

    /// Serves while `body` runs and gives its value, then closes the port; the helpdesk stays open.
    ///
    /// - Throws: what `body` throws, or the ``Diagnostic`` of ``run(_:port:onReady:)``.
    @discardableResult
    public static func serve<Value: Sendable>(
        _ front: SandboxFront, port: UInt16 = 0, while body: @Sendable (UInt16) async throws -> Value
    ) async throws -> Value {
        // Answers may be held back for long, so the server itself has no time-out.
        let server = HTTPServer(
            address: try sockaddr_in.inet(ip4: "127.0.0.1", port: port), timeout: 86_400,
            pool: PromptSocketPool(base: HTTPServer.defaultPool()), logger: .disabled,
            handler: Handler(front: front))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            let failed = AsyncStream.makeStream(of: (any Error).self)
            group.addTask {
                do {
                    try await server.run()
                } catch is CancellationError {
                } catch {
                    // Who waits for the port is told at once.
                    failed.continuation.yield(error)
                }
                failed.continuation.finish()
            }
            do {
                try await listening(server, failed: failed.stream)
            } catch {
                await server.stop(timeout: 0)
                try await group.waitForAll()
                throw Self.unavailable(port, error)
            }
            let bound: UInt16
            switch await server.listeningAddress {
            case .ip4(_, let port): bound = port
            default: bound = port
            }
            let result: Result<Value, any Error>
            do { result = .success(try await body(bound)) } catch { result = .failure(error) }
            await server.stop(timeout: 0)
            group.cancelAll()
            while let ended = await group.nextResult() {
                if case .failure = ended { continue }
            }
            return try result.get()
        }
    }

    /// Waits for the port: long, since a busy machine may be slow, but no longer than the server lives.
    private static func listening(_ server: HTTPServer, failed: AsyncStream<any Error>) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await server.waitUntilListening(timeout: 60) }
            group.addTask {
                for await error in failed { throw error }
                try await Task.sleep(for: .seconds(60))
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private static func unavailable(_ port: UInt16, _ error: any Error) -> Diagnostic {
        Diagnostic(
            code: "sandbox.port-in-use", "the sandbox cannot listen on 127.0.0.1:\(port): \(error)",
            remedy: "choose another --port, or leave it out to take a free one", cause: .machine)
    }

    /// Carries requests from the server's types to ours and answers back.
    private struct Handler: HTTPHandler {
        let front: SandboxFront

        func handleRequest(_ request: HTTPRequest) async throws -> HTTPResponse {
            var headers: [String: String] = [:]
            for (name, value) in request.headers { headers[name.rawValue.lowercased()] = value }
            let ours = SandboxRequest(
                request.method.rawValue, target: request.target.rawValue, headers: headers,
                body: Array(try await request.bodyData))
            switch await front.reply(to: ours) {
            case .answer(let response):
                return HTTPResponse(
                    statusCode: HTTPStatusCode(response.status, phrase: ""), headers: Self.headers(response),
                    body: Data(response.body))
            case .cut(let response, let bytes):
                let body = HTTPBodySequence(
                    from: CutBody(bytes: Array(response.body.prefix(bytes))), count: response.body.count)
                return HTTPResponse(
                    statusCode: HTTPStatusCode(response.status, phrase: ""), headers: Self.headers(response), body: body
                )
            case .dropped:
                // The one answer for which this server writes nothing before it asks a handler that can fail, which
                // closes the connection without a byte.
                return HTTPResponse(webSocket: Hangup())
            }
        }

        private static func headers(_ response: SandboxResponse) -> HTTPHeaders {
            var headers = HTTPHeaders()
            for (name, value) in response.headers { headers[HTTPHeader(name)] = value }
            return headers
        }
    }

    /// Fails before anything is written.
    private struct Hangup: WSHandler {
        func makeFrames(for client: AsyncThrowingStream<WSFrame, any Error>) async throws -> AsyncStream<WSFrame> {
            throw SandboxConnectionLost()
        }
    }

    /// Gives some bytes and then fails, so that the connection closes in the middle of a body.
    private struct CutBody: AsyncBufferedSequence {
        typealias Element = UInt8
        let bytes: [UInt8]

        func makeAsyncIterator() -> Iterator { Iterator(rest: bytes[...]) }

        struct Iterator: AsyncBufferedIteratorProtocol {
            var rest: ArraySlice<UInt8>

            mutating func next() async throws -> UInt8? {
                guard let byte = rest.popFirst() else { throw SandboxConnectionLost() }
                return byte
            }

            mutating func nextBuffer(suggested count: Int) async throws -> ArraySlice<UInt8>? {
                guard !rest.isEmpty else { throw SandboxConnectionLost() }
                let part = rest.prefix(count)
                rest = rest.dropFirst(count)
                return part
            }
        }
    }
}
