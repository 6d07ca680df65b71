// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// A made-up ticket for an address of the operator's, written like any other and taken back again: whether an e-mail
/// arrives there shows what a migration would send.
public struct Canary: Sendable {
    private let setup: MigrationSetup
    private let target: any TicketTarget
    private let journal: any Journal
    private let options: RunOptions

    /// Prepares; nothing is sent yet.
    ///
    /// - Parameters:
    ///   - address: the operator's own.
    ///   - setup: of the migration whose mapping, policy and pace it goes by; its source is not read.
    ///   - target: what the migration writes to.
    ///   - journal: of its own, so that a canary that was broken off is taken back by the next.
    ///   - options: what the migration is allowed.
    public init(
        address: String, setup: MigrationSetup, target: any TicketTarget, journal: any Journal,
        options: RunOptions
    ) {
        var setup = setup
        setup.name += " canary"
        setup.sourceName = "canary"
        setup.selection = Selection()
        setup.archive = nil
        setup.creating = []
        setup.source = CanarySource(ticket: Self.ticket(for: address, now: setup.clock.now()))
        self.setup = setup
        self.target = target
        self.journal = journal
        var options = options
        (options.archive, options.finishingFile, options.seal, options.adopts) = (nil, nil, nil, false)
        options.confirm = { _ in true }
        self.options = options
    }

    /// Writes the ticket: a question, an answer, closed.
    ///
    /// A canary of an earlier run that is still there is taken back first.
    /// - Returns: what the run says of it.
    /// - Throws: `Diagnostic` when it was refused or could not be written whole; what was written of it is taken back.
    public func fly() async throws -> RunReport {
        if try await journal.head() != nil { _ = try await remove() }
        let report = try await Runner(setup: setup, target: target, journal: journal, options: options).migrate()
        guard let cause = report.exitCause else { return report }
        _ = try await remove()
        throw Diagnostic(
            code: "canary.not-written", "the canary's ticket could not be written whole",
            remedy: report.failures.first?.failure?.remedy ?? "run `ticketferry check`; no ticket of yours was written",
            cause: cause)
    }

    /// Takes the ticket back.
    ///
    /// - Returns: what became of it; a target that cannot delete keeps it closed.
    /// - Throws: `Diagnostic` where target or journal cannot be read.
    public func remove() async throws -> UndoReport {
        var undo = UndoOptions()
        undo.isForced = true
        undo.allowsNotifications = options.allowsNotifications
        return try await Undoer(setup: setup, target: target, journal: journal, options: undo).undo()
    }

    private static func ticket(for address: String, now: Timestamp) -> Ticket {
        let person = Person(role: .customer, name: "Ticketferry Canary", email: address)
        var ticket = Ticket(id: "canary")
        ticket.number = "canary"
        ticket.subject = "Ticketferry canary"
        ticket.status = .closed
        ticket.requester = person
        ticket.createdAt = Timestamp(seconds: now.seconds - 7200)
        var question = Message(kind: .reply)
        question.id = "question"
        question.author = person
        question.createdAt = ticket.createdAt
        question.body = .text("This ticket tests whether a migration sends e-mails. It is taken back in a moment.")
        var answer = Message(kind: .reply)
        answer.id = "answer"
        answer.author = Person(role: .agent, name: "Ticketferry")
        answer.createdAt = Timestamp(seconds: now.seconds - 3600)
        answer.body = .text("If you read this in an e-mail, the migration would have sent e-mails.")
        ticket.messages = [question, answer]
        return ticket
    }
}

/// The one ticket as a source.
private struct CanarySource: TicketSource {
    var ticket: Ticket

    func identity() async throws -> String? { "canary" }

    func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        Page(stubs: [Stub(id: ticket.id, line: CanonicalLine(ticket))], next: nil, total: 1)
    }

    func fetch(_ stub: Stub) async throws -> CanonicalLine { CanonicalLine(ticket) }

    func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        .failure(FileUnavailable("the canary has no files"))
    }

    func losses() async -> [Loss] { [] }

    func readReport() async -> ReadReport { ReadReport() }
}
