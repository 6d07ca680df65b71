// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import Synchronization
import TicketModel
import Transport

/// A clock that only sleeping moves: whoever waits goes on at once and finds that the time has passed.
struct JumpingClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (a: Instant, b: Instant) -> Bool { a.offset < b.offset }
    }

    final class Hand: Sendable {
        let offset = Mutex(Duration.zero)
        let sleeps = Mutex<[Duration]>([])
    }

    let hand = Hand()
    var now: Instant { Instant(offset: hand.offset.withLock { $0 }) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        let before = now
        hand.sleeps.withLock { $0.append(before.duration(to: deadline)) }
        hand.offset.withLock { $0 = max($0, deadline.offset) }
        await Task.yield()
    }
}

/// Random numbers that repeat.
struct Counting: RandomNumberGenerator {
    var state: UInt64 = 1
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state
    }
}

/// A transport that plays answers and failures in order, without a deadline, and keeps the requests.
final class Scripted: HTTPTransport {
    typealias Step = Result<IncomingResponse, HTTPFailure>

    private let steps: Mutex<[Step]>
    private let kept = Mutex<[OutgoingRequest]>([])

    init(_ steps: [Step]) { self.steps = Mutex(steps) }

    var requests: [OutgoingRequest] { kept.withLock { $0 } }

    func send(
        _ request: OutgoingRequest, deadline: Duration, into sink: any ResponseSink
    ) async throws -> HTTPResponse {
        kept.withLock { $0.append(request) }
        let step = steps.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        let answer = try (step ?? .failure(HTTPFailure(.notSent, .unknownHost, "the script has ended"))).get()
        let head = HTTPResponse(status: .init(code: answer.status), headerFields: answer.fields)
        if !answer.body.isEmpty { try await sink.receive(answer.body, of: head) }
        return head
    }
}

extension Result where Success == IncomingResponse, Failure == HTTPFailure {
    static func answer(_ status: Int, _ fields: HTTPFields = [:], _ body: String = "{}") -> Self {
        .success(IncomingResponse(status: status, fields: fields, body: Array(body.utf8)))
    }

    static func failure(_ certainty: HTTPFailure.Certainty, _ reason: HTTPFailure.Reason) -> Self {
        .failure(HTTPFailure(certainty, reason, "made up"))
    }
}

/// Keeps what is logged.
final class KeptLog: TransportLog {
    private let kept = Mutex<[LoggedExchange]>([])
    var exchanges: [LoggedExchange] { kept.withLock { $0 } }
    func record(_ exchange: LoggedExchange) { kept.withLock { $0.append(exchange) } }
}

/// A client over a transport, with a clock of its own and jitter that repeats.
struct Bench {
    let clock = JumpingClock()
    let log = KeptLog()
    let pacer: Pacer
    var client: APIClient

    init(
        _ transport: any HTTPTransport, url: String = "https://help.example.com", api: APIPath = .plain("api"),
        login: Authentication = .none, retries: RetryPolicy = RetryPolicy(), calendar: Double = 784_111_777
    ) throws {
        let timekeeper = Timekeeper(clock: clock, calendar: { calendar })
        pacer = Pacer(PacingCurve(ceiling: 8), timekeeper: timekeeper)
        client = APIClient(
            base: try BaseURL.parse(url, api: api).base, authentication: login, transport: transport, pacer: pacer,
            version: "1.2.3", retries: retries, log: log, timekeeper: timekeeper, dice: Dice(Counting()))
    }

    var slept: [Duration] { clock.hand.sleeps.withLock { $0 } }
}

/// The failure that an operation ends with.
func failure(of operation: () async throws -> Void) async -> HTTPFailure? {
    do { try await operation() } catch { return error as? HTTPFailure }
    return nil
}
