// SPDX-License-Identifier: Apache-2.0

import FlyingFox
import FlyingSocks
import Foundation

/// A pool whose sockets send at once (`TCP_NODELAY`).
///
/// The server writes the head of an answer and its body apart; with Nagle's rule the body would wait for the client's
/// delayed acknowledgement of the head, which costs every answer 40 ms on Linux. Sockets that are accepted inherit the
/// option from the one that listens.
struct PromptSocketPool<Base: AsyncSocketPool>: AsyncSocketPool {
    let base: Base

    func prepare() async throws { try await base.prepare() }

    func run() async throws { try await base.run() }

    func suspendSocket(_ socket: Socket, untilReadyFor events: Socket.Events) async throws {
        // A socket that cannot take it is only slower.
        try? socket.setValue(true, for: BoolSocketOption(level: Int32(IPPROTO_TCP), name: TCP_NODELAY))
        try await base.suspendSocket(socket, untilReadyFor: events)
    }
}
