// SPDX-License-Identifier: Apache-2.0
import Mapping
import Migration
import Synchronization
import TicketModel

/// A helpdesk in memory, without idempotency keys: what it is asked twice it does twice.
final class FakeHelpdesk: Sendable {
    struct Stored: Hashable, Sendable {
        var id: String
        var marker: String
        var subject: String
        /// Marker and text of each message, in the order of arrival.
        var parts: [String]
        var properties: [String: String]
        var tags: Set<String>
    }

    struct State: Sendable {
        var tickets: [Stored] = []
        var lastID = 0
        var isMuted = false
        var stagingMade = 0
        var mails = 0
        /// Steps that changed something, by marker and verb.
        var writes: [String] = []
        var requests = 0
        var fingerprintsRead = 0
        /// Whether a changed status is e-mailed, each time that it is sent.
        var mailsStatus = false
        /// Whether messages change the status, so that it is sent again after them.
        var movesStatus = false
        /// Whether only the answers to a creation and to a status tell how the ticket stands.
        var onlyStatusTells = false
        /// How many tickets are read again at this moment, and were at the most.
        var reading = 0
        var mostReading = 0
        /// Whether it refuses every policy but `allow`.
        var cannotMute = false
        var settleTime = Duration.seconds(60)
        /// Whether its list is cheap.
        var listsCheaply = false
        /// What goes on working after we gave up.
        var late: [(at: Duration, step: Step, ticket: String?)] = []
    }

    let state = Mutex(State())

    /// All that counts, whatever ids were given.
    var content: [Stored] {
        state.withLock { state in
            state.tickets.map { ticket in
                var ticket = ticket
                ticket.id = ""
                return ticket
            }.sorted { ($0.marker, $0.subject) < ($1.marker, $1.subject) }
        }
    }

    var mails: Int { state.withLock { $0.mails } }
    var isMuted: Bool { state.withLock { $0.isMuted } }
    var writes: [String] { state.withLock { $0.writes } }

    /// Performs a step; nil: there is no such ticket.
    static func perform(_ step: Step, ticket: String?, in state: inout State) -> Receipt? {
        state.writes.append("\(step.verb.rawValue) \(step.key.marker)")
        switch step.verb {
        case .create:
            state.lastID += 1
            let id = "\(state.lastID)"
            state.tickets.append(
                Stored(
                    id: id, marker: step.key.marker, subject: step.payload["subject"]?.string ?? "", parts: [],
                    properties: [:], tags: []))
            if !state.isMuted { state.mails += 1 }
            return Receipt(id: id, url: "https://new.example/\(id)")
        case .append, .attach:
            guard let i = state.tickets.firstIndex(where: { $0.id == ticket }) else { return nil }
            state.tickets[i].parts.append("\(step.key.marker) \(step.payload["text"]?.string ?? "")")
            state.tickets[i].properties["updatedAt"] = "now"
            if !state.isMuted { state.mails += 1 }
            return Receipt(id: "\(state.tickets[i].id)-\(state.tickets[i].parts.count)")
        case .set:
            guard let i = state.tickets.firstIndex(where: { $0.id == ticket }) else { return nil }
            if let tag = step.payload["tag"]?.string {
                state.tickets[i].tags.insert(tag)
            } else {
                for member in step.payload.members ?? [] { state.tickets[i].properties[member.key] = member.value.text }
                if step.mails > 0, !state.isMuted { state.mails += step.mails }
            }
            return Receipt(id: state.tickets[i].id)
        case .delete:
            state.tickets.removeAll { $0.id == ticket }
            return ticket.map { Receipt(id: $0) }
        }
    }
}

/// What goes wrong with a request.
enum Fault: CaseIterable, Sendable {
    case none
    /// Never arrived.
    case lost
    /// Done, but the answer got lost.
    case answerLost
    /// We gave up, and it was done five seconds later.
    case late
    case busy
    case rejected
    /// Done, and answered with a no.
    case rejectedButDone
}

/// A target over ``FakeHelpdesk``.
///
/// Each instance is one process' view of it.
final class FakeTarget: TicketTarget {
    let helpdesk: FakeHelpdesk
    let clock: SimulatedClock
    let plug: Plug
    let policyGiven: NotificationPolicy
    /// What goes wrong, by step; called once for each request.
    let fault: @Sendable (Step) -> Fault
    /// What people may have changed: makes look-ups fail to tell.
    let cannotTell: Bool
    let pause: Duration?
    /// How long an answer takes, by the simulated clock.
    let delay: (@Sendable () -> Duration)?
    private let inFlight = Mutex<(now: Int, sum: Int, count: Int)>((0, 0, 0))

    /// How many requests were at work on average when one began.
    var meanInFlight: Double { inFlight.withLock { Double($0.sum) / Double(max(1, $0.count)) } }

    init(
        _ helpdesk: FakeHelpdesk, clock: SimulatedClock, plug: Plug = Plug(), policy: NotificationPolicy = .mute,
        cannotTell: Bool = false, pause: Duration? = nil, delay: (@Sendable () -> Duration)? = nil,
        fault: @escaping @Sendable (Step) -> Fault = { _ in .none }
    ) {
        self.helpdesk = helpdesk
        self.clock = clock
        self.plug = plug
        policyGiven = policy
        self.cannotTell = cannotTell
        self.pause = pause
        self.delay = delay
        self.fault = fault
    }

    var features: TargetFeatures {
        TargetFeatures(
            notes: true, notificationPolicies: [.mute, .allow, .refuse],
            settleTime: helpdesk.state.withLock { $0.settleTime }, finishingHead: ["-- finish"],
            listsCheaply: helpdesk.state.withLock { $0.listsCheaply })
    }
    var address: String { "https://new.example" }

    func prepare(policy: NotificationPolicy?, sink: any DiagnosticSink) async throws {
        try plug.point()
        if policy != .allow, helpdesk.state.withLock({ $0.cannotMute }) {
            throw Diagnostic(code: "fake.cannot-mute", "no", remedy: "allow", cause: .refused)
        }
    }

    func policy() async throws -> NotificationPolicy { policyGiven }

    func borrowings() async throws -> [Borrowing] {
        guard policyGiven == .mute else { return [] }
        return [
            Borrowing(
                name: "e-mails", summary: "muted", before: .bool(helpdesk.isMuted), during: .bool(true))
        ]
    }

    func preparations() async throws -> [String] { [] }

    func plan(
        _ draft: Draft, losses: [Loss], files: [[Result<ResolvedFile, FileUnavailable>]],
        identity: MigrationIdentity, progress: TicketProgress
    ) async -> TicketPlan {
        let ticket = draft.ticket
        let mails = policyGiven == .mute ? 0 : 1
        let create = Step(
            key: identity.key(ticket: ticket.id, part: "ticket"), verb: .create, name: "ticket", mails: mails,
            undo: .delete, payload: ["subject": JSON(ticket.subject)],
            exclusive: ticket.requester?.email.map { ["customer \($0)"] } ?? [])
        var plan = TicketPlan(steps: [create])
        for (i, (key, message)) in zip(ticket.messageKeys(), ticket.messages).enumerated().dropFirst() {
            let ofMessage = i < files.count ? files[i] : []
            for case .failure(let missing) in ofMessage {
                plan.losses.append(
                    Loss(field: "messages[].attachments[]", reason: missing.reason, fallback: .archive))
            }
            let step = Step(
                key: identity.key(ticket: ticket.id, part: "message:\(key)"), verb: .append,
                name: "\(message.kind == .note ? "note" : "message") \(key)",
                needs: [create.key], mails: mails, undo: .withTicket,
                payload: ["text": JSON(message.body?.content), "kind": .string(message.kind.rawValue)],
                files: ofMessage.compactMap { try? $0.get() })
            plan.steps.append(step)
            plan.finishing.append("UPDATE r SET d = 1 WHERE id = '{id:\(step.key.part)}'")
        }
        for loss in losses {
            plan.steps.append(
                Step(
                    key: identity.key(ticket: ticket.id, part: "note"), verb: .append, name: "note of losses",
                    needs: [create.key], undo: .withTicket, payload: ["text": .string(loss.reason)]))
        }
        var status = set("status", JSON(ticket.status?.rawValue), ticket, identity, create)
        if helpdesk.state.withLock({ $0.mailsStatus }) { status.mails = mails }
        if helpdesk.state.withLock({ $0.movesStatus }) { (status.undoneByOthers, status.isPeoples) = (true, true) }
        plan.steps.append(status)
        for tag in ticket.tags {
            plan.steps.append(
                Step(
                    key: identity.key(ticket: ticket.id, part: "set:tag \(tag)"), verb: .set, name: "tag \(tag)",
                    needs: [create.key], undo: .withTicket, payload: ["tag": .string(tag)], batch: "tag \(tag)"))
        }
        var last = set("updatedAt", JSON(ticket.updatedAt?.description ?? "2020"), ticket, identity, create)
        last.undoneByOthers = true
        plan.steps.append(last)
        if ticket.subject == "unwritable" {
            plan.refusals = [Diagnostic(code: "fake.unwritable", "no", remedy: "none")]
        }
        if ticket.extras.contains(where: { $0.key == "lossy" }) {
            plan.losses = [Loss(field: "extras.lossy", value: "1", reason: "no place", fallback: .archive)]
        }
        return plan
    }

    private func set(
        _ name: String, _ value: JSON, _ ticket: Ticket, _ identity: MigrationIdentity, _ create: Step
    ) -> Step {
        Step(
            key: identity.key(ticket: ticket.id, part: "set:\(name)"), verb: .set, name: name, needs: [create.key],
            undo: .restore, payload: .object([JSON.Member(name, value)]), value: value.text)
    }

    func inventory() async throws -> [FoundTicket] {
        try plug.point()
        settleLate()
        return helpdesk.state.withLock { $0.tickets }.compactMap { ticket in
            guard let (digest, generation) = WriteKey.parse(marker: ticket.marker) else { return nil }
            return FoundTicket(
                digest: digest, generation: generation,
                receipt: Receipt(id: ticket.id, stored: ticket.properties["status"]))
        }
    }

    func lookUp(_ step: Step, receipts: [WriteKey: Receipt]) async throws -> LookUp {
        try plug.point()
        settleLate()
        if cannotTell { return .cannotTell(Diagnostic(code: "fake.cannot-tell", "two of them", remedy: "decide")) }
        let tickets = helpdesk.state.withLock { $0.tickets }
        if step.verb == .create {
            let found = tickets.filter { $0.marker == step.key.marker }
            return found.first.map { .found(Receipt(id: $0.id, url: "https://new.example/\($0.id)")) } ?? .notFound
        }
        guard let ticket = tickets.first(where: { $0.id == ticketID(step, receipts) }),
            let i = ticket.parts.firstIndex(where: { $0.hasPrefix(step.key.marker) })
        else { return .notFound }
        var receipt = Receipt(id: "\(ticket.id)-\(i + 1)")
        receipt.losses = Self.losses(of: step)
        return .found(receipt)
    }

    /// What is stored otherwise than it was sent: an answer says it, and a look-up sees it too.
    private static func losses(of step: Step) -> [Loss] {
        guard step.payload["text"]?.string?.contains("mangled") == true else { return [] }
        return [Loss(field: "messages[]", reason: "it was mangled", fallback: .archive)]
    }

    func adopt(_ steps: [Step], ticket: Receipt) async throws -> [WriteKey: Receipt] {
        try plug.point()
        settleLate()
        helpdesk.state.withLock { state in
            state.reading += 1
            state.mostReading = max(state.mostReading, state.reading)
        }
        defer { helpdesk.state.withLock { $0.reading -= 1 } }
        if let pause { try await Task.sleep(for: pause) }
        guard let stored = helpdesk.state.withLock({ $0.tickets.first { $0.id == ticket.id } }) else { return [:] }
        var receipts: [WriteKey: Receipt] = [:]
        for step in steps {
            if step.verb == .append, let i = stored.parts.firstIndex(where: { $0.hasPrefix(step.key.marker) }) {
                receipts[step.key] = Receipt(id: "\(ticket.id)-\(i + 1)")
            }
            if step.verb == .set, let (name, value) = step.payload.members?.first.map({ ($0.key, $0.value) }) {
                let isSet =
                    name == "tag" ? stored.tags.contains(value.text ?? "") : stored.properties[name] == value.text
                if isSet { receipts[step.key] = ticket }
            }
        }
        return receipts
    }

    func storedFingerprint(ticket: Receipt) async throws -> String? {
        helpdesk.state.withLock { state in
            state.fingerprintsRead += 1
            return state.tickets.first { $0.id == ticket.id }?.properties["status"]
        }
    }

    func borrow(_ borrowing: Borrowing) async throws {
        try plug.point()
        helpdesk.state.withLock { $0.isMuted = true }
        try plug.point()
    }

    func giveBack(_ borrowing: Borrowing) async throws -> GiveBack {
        try plug.point()
        settleLate()
        helpdesk.state.withLock { $0.isMuted = borrowing.before.bool ?? false }
        try plug.point()
        return .givenBack
    }

    func apply(_ step: Step, receipts: [WriteKey: Receipt]) async -> Outcome {
        let dead = Outcome.uncertain(Diagnostic(code: "fake.dead", "unplugged", remedy: "", cause: .unavailable))
        guard (try? plug.point()) != nil else { return dead }
        inFlight.withLock { inFlight in
            inFlight.now += 1
            inFlight.sum += inFlight.now
            inFlight.count += 1
        }
        defer { inFlight.withLock { $0.now -= 1 } }
        if let pause { try? await Task.sleep(for: pause) }
        if let delay { try? await clock.sleep(for: delay()) }
        let outcome = perform(step, receipts, fault(step))
        guard (try? plug.point()) != nil else { return dead }
        return outcome
    }

    func applyBatch(_ steps: [Step], receipts: [WriteKey: Receipt]) async -> Outcome {
        let dead = Outcome.uncertain(Diagnostic(code: "fake.dead", "unplugged", remedy: "", cause: .unavailable))
        guard let first = steps.first, (try? plug.point()) != nil else { return dead }
        let fault = fault(first)
        var outcome = dead
        for step in steps { outcome = perform(step, receipts, fault) }
        guard (try? plug.point()) != nil else { return dead }
        return outcome
    }

    private func perform(_ step: Step, _ receipts: [WriteKey: Receipt], _ fault: Fault) -> Outcome {
        settleLate()
        let ticket = ticketID(step, receipts)
        func send() -> Receipt? {
            helpdesk.state.withLock { FakeHelpdesk.perform(step, ticket: ticket, in: &$0) }
        }
        let lost = Diagnostic(code: "fake.lost", "the connection broke", remedy: "wait", cause: .unavailable)
        helpdesk.state.withLock { $0.requests += 1 }
        switch fault {
        case .none:
            guard var receipt = send() else {
                return .rejected(Diagnostic(code: "fake.no-ticket", "no such ticket", remedy: "look"))
            }
            receipt.stored = helpdesk.state.withLock { state in
                if step.verb == .create { return "new" }
                if state.onlyStatusTells, step.name != "status" { return nil }
                return state.tickets.first { $0.id == ticket }?.properties["status"]
            }
            return .understood(receipt, losses: Self.losses(of: step))
        case .lost: return .uncertain(lost)
        case .answerLost:
            _ = send()
            return .uncertain(lost)
        case .late:
            helpdesk.state.withLock { $0.late.append((clock.elapsed() + .seconds(5), step, ticket)) }
            return .uncertain(lost)
        case .busy: return .notNow(lost, retryAfter: .seconds(3))
        case .rejectedButDone:
            _ = send()
            return .rejected(Diagnostic(code: "fake.rejected", "not that one", remedy: "look"))
        case .rejected: return .rejected(Diagnostic(code: "fake.rejected", "not that one", remedy: "look"))
        }
    }

    /// What the server still had to do is done when its time has come.
    private func settleLate() {
        let now = clock.elapsed()
        helpdesk.state.withLock { state in
            let due = state.late.filter { $0.at <= now }
            state.late.removeAll { $0.at <= now }
            for one in due { _ = FakeHelpdesk.perform(one.step, ticket: one.ticket, in: &state) }
        }
    }

    private func ticketID(_ step: Step, _ receipts: [WriteKey: Receipt]) -> String? {
        step.needs.first.flatMap { receipts[$0]?.id }
    }
}
