// SPDX-License-Identifier: Apache-2.0

import TicketModel

/// The moments of a request at which an observer is asked.
public enum SandboxMoment: Sendable, Hashable {
    /// The request is here; nothing is done yet.
    case arrived
    /// The change is in the state; the answer is ready.
    case committed
    /// The answer is about to leave, delays and faults over.
    case answering
}

/// What an observer wants to happen.
public enum SandboxVerdict: Sendable {
    case goOn
    /// The connection is closed without an answer.
    case drop
    /// This answer instead.
    case answer(SandboxResponse)
}

/// Looks at every request at each moment.
///
/// To hold an answer back, it returns late.
public typealias SandboxObserver =
    @Sendable (SandboxMoment, SandboxRequest, SandboxResponse?) async -> SandboxVerdict

/// What reaches the other side.
public enum SandboxReply: Sendable, Hashable {
    case answer(SandboxResponse)
    /// The answer's head and so many bytes of its body, then the connection closes.
    case cut(SandboxResponse, bytes: Int)
    /// The connection closes without a byte.
    case dropped
}

/// The connection was closed before the whole answer was there.
public struct SandboxConnectionLost: Error, Sendable, Hashable {
    /// Makes the error.
    public init() {}
}

/// The common front of practice helpdesks: faults, delays, counts and the `/_sandbox/` pages around a helpdesk.
///
/// - `GET /_sandbox/mails`: the mails that were not sent. `DELETE` is not offered: counts only grow.
/// - `GET /_sandbox/state`: everything that is stored.
/// - `GET /_sandbox/requests`: counts of requests by method and route since the start, with arrivals, commits and answers.
public actor SandboxFront {
    /// The helpdesk behind.
    public nonisolated let helpdesk: any SandboxHelpdesk
    private let faults: SandboxFaults
    private let observer: SandboxObserver?
    private var seen: [UInt64: Int] = [:]
    private var counts: [String: Int] = [:]
    private var arrived = 0
    private var committed = 0
    private var answered = 0

    /// Puts a front around a helpdesk.
    public init(
        _ helpdesk: any SandboxHelpdesk, faults: SandboxFaults = SandboxFaults(), observer: SandboxObserver? = nil
    ) {
        self.helpdesk = helpdesk
        self.faults = faults
        self.observer = observer
    }

    /// How many requests came, by `METHOD route`; requests for `/_sandbox/` are not counted.
    public func requestCounts() -> [String: Int] { counts }

    /// Handles one request as if it had come over a socket.
    ///
    /// Requests are handled side by side.
    public func reply(to request: SandboxRequest) async -> SandboxReply {
        if request.path.hasPrefix("/_sandbox/") { return .answer(await page(request)) }
        arrived += 1
        counts["\(request.method) \(helpdesk.route(of: request))", default: 0] += 1
        let fingerprint = SandboxFaults.fingerprint(request)
        let occurrence = seen[fingerprint, default: 0]
        seen[fingerprint] = occurrence + 1
        let fault = faults.fault(for: request, occurrence: occurrence)

        if let early = await ask(.arrived, request, nil) { return early }
        if faults.latency > .zero { try? await Task.sleep(for: faults.latency) }
        switch fault {
        case .status(let status, let pause): return .answer(Self.trouble(status, pause))
        case .html: return .answer(Self.firewall(403))
        case .dropBefore: return .dropped
        default: break
        }
        let response = await helpdesk.respond(to: request)
        committed += 1
        if let other = await ask(.committed, request, response) { return other }
        var reply = SandboxReply.answer(response)
        switch fault {
        case .statusAfter(let status): reply = .answer(Self.trouble(status))
        case .htmlAfter: reply = .answer(Self.firewall(200))
        case .dropAfter: reply = .dropped
        case .truncate: reply = .cut(response, bytes: response.body.count / 2)
        case .hold(let duration): try? await Task.sleep(for: duration)
        default: break
        }
        if let other = await ask(.answering, request, response) { return other }
        answered += 1
        return reply
    }

    /// ``reply(to:)`` for callers in the same process.
    ///
    /// - Throws: ``SandboxConnectionLost`` where a socket would have closed.
    public func exchange(_ request: SandboxRequest) async throws -> SandboxResponse {
        guard case .answer(let response) = await reply(to: request) else { throw SandboxConnectionLost() }
        return response
    }

    private func ask(_ moment: SandboxMoment, _ request: SandboxRequest, _ response: SandboxResponse?) async
        -> SandboxReply?
    {
        guard let observer else { return nil }
        return switch await observer(moment, request, response) {
        case .goOn: nil
        case .drop: .dropped
        case .answer(let other): .answer(other)
        }
    }

    private func page(_ request: SandboxRequest) async -> SandboxResponse {
        switch (request.method, request.path) {
        case ("GET", "/_sandbox/mails"):
            let mails = await helpdesk.mails().map { mail -> JSON in
                ["to": .string(mail.to), "kind": .string(mail.kind), "ticket": JSON(mail.ticket)]
            }
            return SandboxResponse(json: ["count": JSON(mails.count), "mails": .array(mails)])
        case ("GET", "/_sandbox/state"):
            return SandboxResponse(json: await helpdesk.dump())
        case ("GET", "/_sandbox/requests"):
            let byRoute = counts.sorted { $0.key < $1.key }.map { JSON.Member($0.key, JSON($0.value)) }
            return SandboxResponse(json: [
                "arrived": JSON(arrived), "committed": JSON(committed), "answered": JSON(answered),
                "routes": .object(byRoute),
            ])
        default:
            return SandboxResponse(status: 404, json: ["message": "no such page of the sandbox"])
        }
    }

    private static func trouble(_ status: Int, _ pause: Duration = .seconds(1)) -> SandboxResponse {
        let retry = status == 429 || status == 503
        return SandboxResponse(
            status: status, json: ["message": .string("The sandbox was told to answer \(status)")],
            headers: retry ? ["Retry-After": Self.seconds(pause)] : [:])
    }

    /// `1`, or `0.2`: real sites send whole seconds, practice may be shorter.
    private static func seconds(_ pause: Duration) -> String {
        let milliseconds = pause.components.seconds * 1000 + pause.components.attoseconds / 1_000_000_000_000_000
        if milliseconds % 1000 == 0 { return "\(milliseconds / 1000)" }
        let rest = "\(1000 + milliseconds % 1000)".dropFirst()
        return "\(milliseconds / 1000).\(rest)"
    }

    private static func firewall(_ status: Int) -> SandboxResponse {
        SandboxResponse(
            status: status, headers: ["Content-Type": "text/html; charset=UTF-8"],
            body: Array("<!DOCTYPE html><html><body><h1>Request blocked</h1></body></html>".utf8))
    }
}
