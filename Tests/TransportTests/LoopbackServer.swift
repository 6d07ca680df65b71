// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the server does with one connection's next request.
struct Script: Sendable {
    enum Action: Sendable {
        case send([UInt8])
        case pause(milliseconds: Int)
        /// Closes the connection in order.
        case close
        /// Closes it with a reset.
        case reset
        /// Closes without having read the request.
        case closeUnread
    }

    var actions: [Action]

    init(_ actions: Action...) { self.actions = actions }

    /// A whole answer of a known length.
    static func answer(_ status: String = "200 OK", _ fields: String = "", body: [UInt8]) -> Script {
        let head = "HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\(fields)\r\n"
        return Script(.send(Array(head.utf8) + body))
    }

    static func answer(_ status: String = "200 OK", _ fields: String = "", _ body: String) -> Script {
        answer(status, fields, body: Array(body.utf8))
    }

    static func text(_ text: String) -> Action { .send(Array(text.utf8)) }
}

/// A server on 127.0.0.1 that plays one script a request, over plain sockets, so that it can misbehave at will.
///
/// A thread for the listener and one a connection hold it, so that it outlives its last mention in a test; each ends when
/// nothing comes for a while.
final class LoopbackServer: Sendable {
    struct Seen: Sendable {
        var head: String
        var body: [UInt8]
        var connection: Int
    }

    private struct State {
        var scripts: [Script]
        var seen: [Seen] = []
        var connections = 0
    }

    let port: Int
    private let listener: Int32
    private let state: Mutex<State>

    init(_ scripts: Script...) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRNOTAVAIL) }
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        state = Mutex(State(scripts: scripts))
        Self.limitWait(of: listener)
        Thread.detachNewThread { self.acceptAll() }
    }

    private func acceptAll() {
        while true {
            let connection = accept(listener, nil, nil)
            if connection < 0 {
                if errno == EINTR || errno == ECONNABORTED { continue }
                break
            }
            Self.limitWait(of: connection)
            let index = state.withLock { state in
                state.connections += 1
                return state.connections
            }
            Thread.detachNewThread {
                self.serve(connection, index)
                Glibc.close(connection)
            }
        }
        // Only this thread gives the descriptor back: were it reused while we accept, we would steal the connections
        // of another server.
        Glibc.close(listener)
    }

    /// Waits of at most 20 s, so that no thread stays for ever.
    private static func limitWait(of socket: Int32) {
        var time = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout.size(ofValue: time)))
    }

    /// Refuses connections from now on.
    func close() { shutdown(listener, Int32(SHUT_RDWR)) }

    var seen: [Seen] { state.withLock { $0.seen } }

    private func serve(_ connection: Int32, _ index: Int) {
        var rest: [UInt8] = []
        while true {
            let next = state.withLock { $0.scripts.first }
            if case .closeUnread? = next?.actions.first {
                state.withLock { _ = $0.scripts.removeFirst() }
                return
            }
            guard let request = read(connection, rest: &rest, index) else { return }
            let script = state.withLock { state -> Script? in
                state.seen.append(request)
                return state.scripts.isEmpty ? nil : state.scripts.removeFirst()
            }
            guard let script else { return }
            for action in script.actions {
                switch action {
                case .send(let bytes): if send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) < 0 { return }
                case .pause(let milliseconds): usleep(UInt32(milliseconds) * 1000)
                case .close, .closeUnread: return
                case .reset:
                    var linger = linger(l_onoff: 1, l_linger: 0)
                    setsockopt(
                        connection, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
                    return
                }
            }
        }
    }

    /// One request with a body of known length or none.
    private func read(_ connection: Int32, rest: inout [UInt8], _ index: Int) -> Seen? {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let blank: [UInt8] = [13, 10, 13, 10]
        while true {
            if let end = rest.firstRange(of: blank)?.upperBound {
                let head = String(decoding: rest[..<end], as: UTF8.self)
                let length =
                    head.lowercased().split(separator: "\r\n")
                    .first { $0.hasPrefix("content-length:") }.flatMap { Int($0.dropFirst(15).filter(\.isNumber)) } ?? 0
                if rest.count >= end + length {
                    let body = Array(rest[end..<end + length])
                    rest.removeFirst(end + length)
                    return Seen(head: head, body: body, connection: index)
                }
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            if count <= 0 { return nil }
            rest += buffer[..<count]
        }
    }
}
