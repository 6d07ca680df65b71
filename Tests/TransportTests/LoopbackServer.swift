// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import Synchronization

/// A server on this machine that says exactly the bytes it is told to, also wrong ones.
final class LoopbackServer: Sendable {
    /// A request as it came.
    struct Request: Sendable {
        var line: String
        /// By name in lower case.
        var fields: [String: String]
        var body: [UInt8]
        /// Which connection it came on, from 0.
        var connection: Int
    }

    /// What to do with a request, in order.
    enum Step: Sendable {
        case say(String)
        case bytes([UInt8])
        case close
    }

    typealias Script = @Sendable (Request) -> [Step]

    private let channel: any Channel
    private let log: Log

    final class Log: Sendable {
        let requests = Mutex<[Request]>([])
        let connections = Mutex(0)
    }

    /// Listens on a free port.
    init(_ script: @escaping Script) async throws {
        let log = Log()
        self.log = log
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                let number = log.connections.withLock { count in
                    defer { count += 1 }
                    return count
                }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Talker(number, log, script))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { channel.localAddress?.port ?? 0 }
    var requests: [Request] { log.requests.withLock { $0 } }
    var connections: Int { log.connections.withLock { $0 } }

    func stop() async { try? await channel.close() }

    /// An answer with a length.
    static func answer(_ body: String, status: String = "200 OK", fields: String = "") -> Step {
        .say("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
    }
}

private final class Talker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let number: Int
    private let log: LoopbackServer.Log
    private let script: LoopbackServer.Script
    private var received: [UInt8] = []

    init(_ number: Int, _ log: LoopbackServer.Log, _ script: @escaping LoopbackServer.Script) {
        (self.number, self.log, self.script) = (number, log, script)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytesView
        while let request = next() {
            log.requests.withLock { $0.append(request) }
            for step in script(request) {
                switch step {
                case .say(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                case .bytes(let bytes): context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
                case .close: context.close(promise: nil)
                }
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// The next whole request, if it is there; bodies have lengths.
    private func next() -> LoopbackServer.Request? {
        let text = String(decoding: received, as: UTF8.self)
        guard let end = text.utf8.indices.first(where: { text.utf8[$0...].starts(with: "\r\n\r\n".utf8) }) else {
            return nil
        }
        let head = String(text.utf8[..<end]) ?? ""
        var lines = head.utf8.split(separator: 10).map { String($0.last == 13 ? $0.dropLast() : $0) ?? "" }
        guard !lines.isEmpty else { return nil }
        let line = lines.removeFirst()
        var fields: [String: String] = [:]
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        let start = head.utf8.count + 4
        let length = fields["content-length"].flatMap { Int($0) } ?? 0
        guard received.count >= start + length else { return nil }
        let body = Array(received[start..<start + length])
        received.removeFirst(start + length)
        return LoopbackServer.Request(line: line, fields: fields, body: body, connection: number)
    }
}
