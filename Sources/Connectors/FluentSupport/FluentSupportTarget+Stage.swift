// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import TicketModel
internal import Transport

/// Where a ticket stands while it is written: in the muted mailbox, and afterwards where people look for it.
extension FluentSupportTarget {
    /// Sets a column of a ticket.
    func put(_ name: String, _ value: JSON, ticket: Int) async -> Sent {
        await api.send(
            APICall(
                .put, "tickets/\(ticket)/property", body: .json(["prop_name": .string(name), "prop_value": value])))
    }

    /// What is kept of a step beside its id, for later plans: which message became the ticket's own text, where the ticket
    /// was made, which lines a note holds.
    static func details(of step: Step) -> JSON {
        var details: JSON = .object([])
        for name in ["opening", "lines"] {
            if let value = step.payload[name] { details[name] = value }
        }
        if let home = step.payload["mailbox"]?.int { details["home"] = JSON(home) }
        return details.members?.isEmpty == false ? details : .null
    }

    /// Puts a ticket into the staging mailbox and notes where people had it.
    func stage(_ step: Step, ticket: Int) async -> Outcome {
        guard let staging = site.staging?.id else { return .rejected(missingStaging(step)) }
        let from: Int?
        switch await column("mailbox_id", of: ticket, step) {
        case .success(let value): from = value
        case .failed(let outcome): return outcome
        }
        if from != staging {
            if let failure = await put("mailbox_id", JSON(staging), ticket: ticket).failure { return failure }
        }
        learn(staged: true, ticket: ticket)
        var details: JSON = ["round": step.payload["round"] ?? .null]
        if let back = step.payload["back"] {
            if back.int != nil { details["back"] = back }
        } else if let was = step.payload["was"]?.int, let from, from != was,
            liveMailboxes(site).contains(where: { $0.id == from })
        {
            details["back"] = JSON(from)
        }
        return .understood(Receipt(id: String(ticket), details: details), losses: [])
    }

    /// Moves a ticket to where people look for it: where they had it before it was staged again, else its own mailbox.
    func moveHome(_ step: Step, ticket: Int, receipts: [WriteKey: Receipt]) async -> Outcome {
        guard let home = step.payload["value"]?.int else { return .rejected(missingStaging(step)) }
        let done = receipts[step.key]?.details["round"]?.int ?? 0
        let round = receipts.filter { $0.key.part.hasPrefix("set:stage:") }.values.map(\.details)
            .max { ($0["round"]?.int ?? 0) < ($1["round"]?.int ?? 0) }
        var goal = home
        if let round, (round["round"]?.int ?? 0) > done, let back = round["back"]?.int,
            liveMailboxes(site).contains(where: { $0.id == back })
        {
            goal = back
        }
        if let failure = await put("mailbox_id", JSON(goal), ticket: ticket).failure { return failure }
        learn(staged: false, ticket: ticket)
        return .understood(
            Receipt(
                id: String(ticket), details: ["home": JSON(home), "round": JSON(max(done, round?["round"]?.int ?? 0))]),
            losses: [])
    }

    /// Gives a ticket to another agent without an e-mail to them: in the staging mailbox, and back to where it stood.
    ///
    /// Whole as it is, it may be sent again.
    func assignSilently(_ step: Step, ticket: Int) async -> Outcome {
        guard let staging = site.staging?.id else { return .rejected(missingStaging(step)) }
        let value = step.payload["value"] ?? .null
        let understood = Outcome.understood(Receipt(id: String(ticket)), losses: [])
        let from: Int?
        switch await column("agent_id", of: ticket, step) {
        case .success(let agent) where agent == value.int: return understood
        case .success: break
        case .failed(let outcome): return outcome
        }
        switch await column("mailbox_id", of: ticket, step) {
        case .success(let value): from = value
        case .failed(let outcome): return outcome
        }
        let moves = from.flatMap { $0 == staging ? nil : $0 }
        if from != staging, let failure = await put("mailbox_id", JSON(staging), ticket: ticket).failure {
            return failure
        }
        let sent = await put("agent_id", value, ticket: ticket)
        // It may still be performed, and would be told by e-mail outside of the staging mailbox. The step of the real
        // mailbox comes after this one.
        if case .uncertain(let diagnostic) = sent { return .uncertain(diagnostic) }
        // Back also after a refusal: the ticket is people's.
        if let moves, let failure = await put("mailbox_id", JSON(moves), ticket: ticket).failure {
            return sent.failure ?? failure
        }
        return sent.failure ?? understood
    }

    /// What must be done before a message is sent: a ticket that this process did not put into the staging mailbox goes
    /// there, whatever the journal says of it.
    ///
    /// - Returns: nil when the message may go.
    func stageIfNeeded(_ step: Step, ticket: Int) async -> Outcome? {
        guard site.policy == .stage, !isStaged(ticket) else { return nil }
        guard let staging = site.staging?.id else { return .rejected(missingStaging(step)) }
        switch await put("mailbox_id", JSON(staging), ticket: ticket) {
        case .understood:
            learn(staged: true, ticket: ticket)
            return nil
        case .refused(_, let diagnostic): return .rejected(diagnostic)
        case .notNow(let diagnostic, let pause): return .notNow(diagnostic, retryAfter: pause)
        // Nothing of the message was sent.
        case .uncertain(let diagnostic): return .notNow(diagnostic, retryAfter: .seconds(5))
        }
    }

    private enum Column {
        case success(Int?)
        case failed(Outcome)
    }

    /// A number as the ticket has it now.
    private func column(_ name: String, of ticket: Int, _ step: Step) async -> Column {
        do {
            guard let all = try await whole(ticket, api) else { return .failed(.rejected(gone(step, ticket: ticket))) }
            return .success(all["ticket"]?[name]?.int)
        } catch let diagnostic as Diagnostic {
            return .failed(.notNow(diagnostic, retryAfter: .seconds(5)))
        } catch {
            return .failed(.notNow(gone(step, ticket: ticket), retryAfter: .zero))
        }
    }
}
