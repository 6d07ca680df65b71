// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import Synchronization
import TicketModel

@testable import Transport

/// A clock on which every wait is over at once and has lasted as long as it should.
final class JumpingClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var since: Duration
        func advanced(by duration: Duration) -> Instant { Instant(since: since + duration) }
        func duration(to other: Instant) -> Duration { other.since - since }
        static func < (a: Instant, b: Instant) -> Bool { a.since < b.since }
    }

    private let time = Mutex(Duration.zero)
    private let waits = Mutex<[Duration]>([])

    var now: Instant { Instant(since: time.withLock { $0 }) }
    var minimumResolution: Duration { .nanoseconds(1) }
    /// How long was waited, each time.
    var waited: [Duration] { waits.withLock { $0 } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        let from = time.withLock { time in
            defer { time = max(time, deadline.since) }
            return time
        }
        waits.withLock { $0.append(deadline.since - from) }
        await Task.yield()
    }

    func advance(by duration: Duration) { time.withLock { $0 += duration } }
}

/// A value that tasks share.
final class Kept<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}

/// Keeps what it hears.
final class KeptLog: TransportLog {
    private let kept = Mutex<[LoggedExchange]>([])
    var exchanges: [LoggedExchange] { kept.withLock { $0 } }
    func record(_ exchange: LoggedExchange) { kept.withLock { $0.append(exchange) } }
}

/// An API of scripted answers, and what it was asked.
final class ScriptedAPI: Sendable {
    /// One answer, or a failure instead.
    enum Turn: Sendable {
        case answer(Int, String, HTTPFields = [:])
        case failure(HTTPFailure)
    }

    private let turns: Mutex<[Turn]>
    private let asked = Mutex<[(request: OutgoingRequest, body: [UInt8])]>([])
    let clock = JumpingClock()
    let log = KeptLog()

    init(_ turns: [Turn]) { self.turns = Mutex(turns) }

    var requests: [OutgoingRequest] { asked.withLock { $0.map(\.request) } }
    var bodies: [[UInt8]] { asked.withLock { $0.map(\.body) } }

    func client(
        _ address: String = "https://desk.example", api: APIPath = .plain("api"),
        authentication: Authentication = .none,
        retries: RetryPolicy = RetryPolicy(), through other: (any HTTPTransport)? = nil
    ) throws -> APIClient {
        let timekeeper = Timekeeper(clock: clock, calendar: { 784_111_777 })
        let transport = InProcessTransport { request, body in
            self.asked.withLock { $0.append((request, body)) }
            let turn = self.turns.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
            switch turn {
            case .answer(let status, let text, let fields):
                return IncomingResponse(status: status, fields: fields, body: Array(text.utf8))
            case .failure(let failure): throw failure
            }
        }
        return APIClient(
            base: try BaseURL.parse(address, api: api).base, authentication: authentication,
            transport: other ?? transport,
            pacer: Pacer(PacingCurve(ceiling: 4), timekeeper: timekeeper), version: "0", retries: retries, log: log,
            timekeeper: timekeeper)
    }
}
