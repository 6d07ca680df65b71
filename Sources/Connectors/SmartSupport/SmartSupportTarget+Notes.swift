// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Migration
internal import Synchronization
internal import TicketModel
internal import Transport

/// Lets internal notes go one after another until one was read back and is private.
actor SmartSupportNoteGate {
    private var isOpen = false
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Waits while another note is on its way and nothing is proven; true: whoever asked goes alone.
    func enter() async -> Bool {
        while !isOpen, isBusy { await withCheckedContinuation { waiting.append($0) } }
        if isOpen { return false }
        isBusy = true
        return true
    }

    /// The note is done; proven: all others may go at once.
    func leave(wasAlone: Bool, isProven: Bool) {
        if isProven { isOpen = true }
        if wasAlone { isBusy = false }
        guard isOpen || wasAlone else { return }
        let all = waiting
        waiting = []
        for continuation in all { continuation.resume() }
    }
}

/// Internal notes: nothing tells beforehand whether a site keeps them internal, or whether the key sees them again.
///
/// The first note of each ticket, our own migration note in most, is read back (one request). One that came out public
/// stops all notes after it.
extension SmartSupportTarget {
    /// What became of a note, as the site shows it.
    enum Privacy {
        case isPrivate, isPublic
    }

    func note(_ step: Step, ticket: String, receipts: [WriteKey: Receipt]) async -> Outcome {
        let wasAlone = await gate.enter()
        let outcome = await sendNote(step, ticket: ticket, isFirst: !Self.hasNote(receipts.values))
        await gate.leave(wasAlone: wasAlone, isProven: state.withLock { $0.isPrivacyProven })
        return outcome
    }

    private func sendNote(_ step: Step, ticket: String, isFirst: Bool) async -> Outcome {
        let site = site
        // Only an agent writes notes: the API makes a customer's note public.
        guard let service = site.service, site.takesNotes else {
            return .understood(Self.left(step), losses: leftLoss(step))
        }
        var writer = SmartSupportPlanner.writer(step.payload, site: site)
        if writer.isCustomer { writer = .init(email: service, isHeaded: true) }
        let posted = await post(step, as: writer, isInternal: true, ticket: ticket)
        if let refusal = posted.refusal, refusal.status == 403 {
            bar("the key may not write internal notes")
            say(
                Diagnostic(
                    .warning, code: "smart-support.notes-refused",
                    "the key may not write internal notes (HTTP 403): they stay in the archive", subject: api.address,
                    remedy: "give the key the scope for internal notes and run again with `notes: again`",
                    cause: .refused))
            return .understood(Self.left(step), losses: leftLoss(step))
        }
        guard case .understood(let json) = posted.sent else {
            return posted.sent.failure ?? .uncertain(oddAnswer(step))
        }
        let row = SmartSupportAPI.row(json, ["reply"]) ?? SmartSupportAPI.data(json)
        var told = SmartSupportTicketReader.isInternal(row)
        if isFirst, told != false {
            do {
                let privacy = try await privacy(of: step.key, id: SmartSupportAPI.id(row, "reply"), told, ticket)
                told = privacy == .isPrivate
            } catch {
                // Written, and not proven to be private: it is looked up, which reads it back again.
                return .uncertain(error as? Diagnostic ?? oddAnswer(step))
            }
        }
        if told == false {
            bar("the site makes internal notes public")
            return .rejected(exposed(step, ticket: ticket))
        }
        return .understood(receipt(of: row, step), losses: posted.losses + changed(row, sent: posted.text, step))
    }

    /// Reads a ticket's replies back, with notes and, where nothing says what they are, without.
    ///
    /// `told` is what the answer to the note itself said. A note that even the list with notes does not show is hidden
    /// from this key, and so is no public one.
    private func privacy(of key: WriteKey, id: String?, _ told: Bool?, _ ticket: String) async throws -> Privacy {
        let api = api
        let all = try await api.replies(ticket, notes: true)
        let row = all?.first { row in
            SmartSupportText.carries(SmartSupportText.text(of: row), key)
                || (id != nil && SmartSupportAPI.id(row, "reply") == id)
        }
        note(sight: row == nil ? .hidden : .seen)
        if row == nil, all != nil { return proven() }
        if let row, let shown = SmartSupportTicketReader.isInternal(row) { return shown ? proven() : .isPublic }
        if told == true { return proven() }
        return try await isOpen(key, ticket, api) ? .isPublic : proven()
    }

    /// Whether a message comes without asking for notes.
    private func isOpen(_ key: WriteKey, _ ticket: String, _ api: SmartSupportAPI) async throws -> Bool {
        let without = try await api.replies(ticket, notes: false) ?? []
        return without.contains { SmartSupportText.carries(SmartSupportText.text(of: $0), key) }
    }

    private func proven() -> Privacy {
        state.withLock { $0.isPrivacyProven = true }
        return .isPrivate
    }

    /// Whether a note of ours, found in a ticket, can be read by the customer; then none follows.
    func isExposed(_ row: JSON, _ step: Step, ticket: String) async throws -> Bool {
        guard step.payload["op"]?.string == "note" else { return false }
        let shown = SmartSupportTicketReader.isInternal(row)
        let isExposed = if let shown { !shown } else { try await isOpen(step.key, ticket, api) }
        if isExposed { bar("the site makes internal notes public") }
        return isExposed
    }

    // MARK: Sight

    /// Whether the site may hold a note that the key is not shown.
    ///
    /// Only a note that was seen proves that the key sees them: one of this ticket, one of this run, or one of the
    /// latest tickets. Where none is known our own migration note, which comes first and carries no message, is taken to
    /// be missing; any other note cannot be told.
    func mayHide(
        _ step: Step, _ all: [JSON], _ receipts: [WriteKey: Receipt], ticket: String
    ) async throws -> Bool {
        let api = api
        if try await api.replies(ticket, notes: true) == nil {
            note(sight: .hidden)
            return true
        }
        if all.contains(where: { SmartSupportTicketReader.isInternal($0) == true }) {
            note(sight: .seen)
            return false
        }
        let texts = all.compactMap(SmartSupportText.text)
        let ours = receipts.filter { Self.hasNote([$0.value]) }.keys
        if !ours.isEmpty {
            let isShown = ours.contains { key in texts.contains { SmartSupportText.carries($0, key) } }
            note(sight: isShown ? .seen : .hidden)
            return !isShown
        }
        let sight = try await sight(besides: ticket, api)
        return sight == .unknown ? step.payload["lines"] == nil : sight == .hidden
    }

    /// What is known of this run, else what the latest tickets show; they are looked at once.
    private func sight(besides ticket: String, _ api: SmartSupportAPI) async throws -> Sight {
        let (known, recent) = state.withLock { state in
            defer { if state.sight == .unknown { state.recent = [] } }
            return (state.sight, state.recent)
        }
        guard known == .unknown else { return known }
        for other in recent where other != ticket {
            let rows = try await replies(of: other, api) ?? []
            if rows.contains(where: { SmartSupportTicketReader.isInternal($0) == true }) {
                note(sight: .seen)
                return .seen
            }
        }
        return .unknown
    }

    private func note(sight: Sight) {
        let isNew = state.withLock { state in
            // Seen once is seen: a note that somebody deletes is no hidden one.
            guard state.sight == .unknown else { return false }
            state.sight = sight
            return true
        }
        guard isNew, sight == .hidden else { return }
        say(
            Diagnostic(
                .warning, code: "smart-support.notes-hidden",
                "the key is not shown internal notes: one whose answer gets lost is set aside, and verify finds none",
                subject: api.address,
                remedy: "give the key the scope for internal notes in Smart Support > Settings > Advanced > API",
                cause: .refused))
    }

    // MARK: Left out

    /// Whether an internal note of ours is among receipts; those left in the archive are none.
    static func hasNote(_ receipts: some Sequence<Receipt>) -> Bool {
        receipts.contains { $0.details["note"]?.bool == true && $0.details["left"]?.bool != true }
    }

    /// No note follows in this run, for this reason.
    private func bar(_ reason: String) {
        state.withLock { state in
            state.site?.takesNotes = false
            state.barred = state.barred ?? reason
        }
    }

    /// The receipt of a note that stays in the archive.
    static func left(_ step: Step) -> Receipt {
        var details = details(of: step)
        if details.isNull { details = .object([]) }
        details["left"] = true
        return Receipt(id: "", details: details)
    }

    /// The loss of a note that stays in the archive; the migration note itself is none of the source's.
    private func leftLoss(_ step: Step) -> [Loss] {
        guard step.payload["lines"] == nil else { return [] }
        let reason = state.withLock { $0.barred } ?? "the key may not write internal notes"
        return [
            Loss(
                field: "messages[]", value: "note", reason: "\(reason): it stays in the archive", fallback: .archive)
        ]
    }
}
