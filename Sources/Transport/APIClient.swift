// SPDX-License-Identifier: Apache-2.0
package import HTTPTypes
package import TicketModel

/// Calls one API politely: with its login, at its pace, with the retries that are safe, and with every secret kept.
///
/// A value: clients that share a ``Pacer`` share their pace, so an agent's own login is a copy with another
/// ``authentication``.
package struct APIClient: Sendable {
    package var base: BaseURL
    package var authentication: Authentication { didSet { learnSecrets() } }
    /// Fields of every call.
    package var fields: HTTPFields
    package var retries: RetryPolicy
    /// How long one try may take, unless the call says otherwise.
    package var deadline: Duration
    /// The most bytes of an answer that is read into memory.
    package var bodyLimit: Int
    /// Secrets beside the login that must not be shown, such as one that goes into a body.
    package var otherSecrets: [Secret] = [] { didSet { learnSecrets() } }
    /// Made once and not for each request: a secret has a dozen forms.
    private(set) var redactor: Redactor

    package let transport: any HTTPTransport
    package let pacer: Pacer
    let log: (any TransportLog)?
    let timekeeper: Timekeeper
    let dice: Dice

    /// Makes a client; nothing is sent.
    ///
    /// `pacer` is one for all clients of a helpdesk; `version` is the tool's, for `User-Agent: Ticketferry/VERSION`;
    /// `log` hears of every exchange.
    package init(
        base: BaseURL, authentication: Authentication, transport: any HTTPTransport, pacer: Pacer,
        version: String, retries: RetryPolicy = RetryPolicy(), deadline: Duration = .seconds(60),
        bodyLimit: Int = 64 << 20, log: (any TransportLog)? = nil, timekeeper: Timekeeper = .system, dice: Dice = Dice()
    ) {
        self.base = base
        self.authentication = authentication
        self.transport = transport
        self.pacer = pacer
        self.retries = retries
        self.deadline = deadline
        self.bodyLimit = bodyLimit
        self.log = log
        self.timekeeper = timekeeper
        self.dice = dice
        redactor = Redactor(authentication.secrets)
        fields = [.userAgent: "Ticketferry/\(version)", .accept: "application/json"]
    }

    /// Waits by the client's clock.
    package func pause(_ duration: Duration) async throws { try await timekeeper.sleep(duration) }

    /// Takes this client's secrets out of a text, such as a message that the helpdesk sent.
    package func redact(_ text: String) -> String { redactor.clean(text) }

    private mutating func learnSecrets() { redactor = Redactor(authentication.secrets + otherSecrets) }

    /// Makes a call and gives its answer, of whatever status.
    ///
    /// Reads are sent again by ``retries`` and follow redirects on their own host. A write is sent again only where
    /// nothing of it can have been done: never connected, or 429. Everything else is the caller's to decide.
    ///
    /// - Throws: ``HTTPFailure``: `notSent`, or `uncertain`, with what was tried last. `CancellationError` where
    ///   nothing was sent since the last answer.
    package func call(_ call: APICall) async throws -> APIAnswer {
        var url =
            call.api.map { base.endpoint(call.path, of: $0, query: call.query) }
            ?? base.endpoint(call.path, query: call.query)
        var redirects = 0
        var attempt = 1
        var pages = 0
        while true {
            let request = outgoing(call, to: url)
            let wait: Duration
            do {
                var answer = try await exchange(request, call: call, attempt: attempt)
                if let target = try redirect(answer, of: request, effect: call.effect, count: redirects) {
                    redirects += 1
                    url = target
                    continue
                }
                if redirects > 0 { answer.redirectedTo = url }
                if answer.isPage { pages += 1 }
                guard attempt < retries.attempts, isWorthAnotherTry(answer, call.effect, pages) else { return answer }
                if let asked = answer.retryAfter, asked > retries.longestPause { return answer }
                // The pacer waits for Retry-After, for all requests alike; the jitter spreads what starts after it.
                wait = retries.delay(after: attempt, share: dice.share())
            } catch let failure as HTTPFailure {
                let again = call.effect == .read ? retries.retriesRead(failure) : retries.retriesWrite(failure)
                guard attempt < retries.attempts, again else { throw failure }
                wait = retries.delay(after: attempt, share: dice.share())
            }
            try await timekeeper.sleep(wait)
            attempt += 1
        }
    }

    private func isWorthAnotherTry(_ answer: APIAnswer, _ effect: APICall.Effect, _ pages: Int) -> Bool {
        switch effect {
        case .read: retries.retriesRead(status: answer.status, answer: answer.answer, pages: pages)
        case .write: retries.retriesWrite(status: answer.status)
        }
    }

    private func outgoing(_ call: APICall, to url: EndpointURL) -> OutgoingRequest {
        let (body, type) = call.body.encoded(dice: dice)
        var fields = fields
        for field in call.fields { fields[field.name] = field.value }
        if let type { fields[.contentType] = type }
        fields[.acceptEncoding] = "gzip"
        if let login = authentication.field, isOwn(url) { fields[login.name] = login.value }
        return OutgoingRequest(method: call.method, url: url, fields: fields, body: body)
    }

    /// Whether an address belongs to whom the login belongs to: the site's host and port, and no weaker encryption.
    func isOwn(_ url: EndpointURL) -> Bool {
        if url.origin == base.site.origin { return true }
        return url.host == base.site.host && url.scheme == "https" && base.site.scheme == "http"
            && url.port == nil && base.site.port == nil
    }

    private func exchange(_ request: OutgoingRequest, call: APICall, attempt: Int) async throws -> APIAnswer {
        let sink = MemorySink(limit: bodyLimit)
        let (head, duration) = try await observed(
            request, into: sink, deadline: call.deadline ?? deadline, attempt: attempt, received: { sink.bytes.count })
        let redactor = redactor
        let (answer, noise) = JSONAnswer.read(sink.bytes, status: head.status.code, clean: redactor.clean)
        return APIAnswer(
            status: head.status.code, fields: head.headerFields, answer: answer,
            body: answer.json == nil ? sink.bytes : [], noise: noise, request: redactor.clean(request.summary),
            attempts: attempt, duration: duration,
            retryAfter: RetryAfter.read(head.headerFields, now: timekeeper.calendar()), redactor: redactor)
    }

    /// One exchange, paced and logged, its failures named and cleaned.
    func observed(
        _ request: OutgoingRequest, into sink: any ResponseSink, deadline: Duration, attempt: Int,
        through other: (any HTTPTransport)? = nil, received: @Sendable () -> Int
    ) async throws -> (head: HTTPResponse, duration: Duration) {
        try await pacer.pace(isRetry: attempt > 1, outcome: { outcome(of: $0.head) }) {
            let time = timekeeper.calendar()
            let start = timekeeper.now()
            func note(_ status: Int?, _ failure: String?) {
                AnswerMeter.current?.add(timekeeper.now() - start, bytes: request.body.count + received())
                log?.record(
                    LoggedExchange(
                        time: time, method: request.method.rawValue, origin: request.url.origin,
                        path: redactor.clean(Redactor.redactedPath(request.url)), status: status, failure: failure,
                        milliseconds: (timekeeper.now() - start).inMilliseconds, sent: request.body.count,
                        received: received(), attempt: attempt))
            }
            do {
                let head = try await (other ?? transport).send(request, deadline: deadline, into: sink)
                note(head.status.code, nil)
                return (head, timekeeper.now() - start)
            } catch var failure as HTTPFailure {
                note(nil, failure.reason.rawValue)
                failure.detail = redactor.clean(failure.detail)
                failure.request = redactor.clean(request.summary)
                throw failure
            } catch {
                note(nil, error is CancellationError ? "cancelled" : "failed")
                throw error
            }
        }
    }

    private func outcome(of head: HTTPResponse) -> PacingCurve.Outcome {
        guard [429, 503].contains(head.status.code) else { return .answered }
        let asked = RetryAfter.read(head.headerFields, now: timekeeper.calendar())
        return .throttled(retryAfter: asked.map { min($0, retries.longestPause) })
    }
}
