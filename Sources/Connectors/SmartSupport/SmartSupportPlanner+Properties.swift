// SPDX-License-Identifier: Apache-2.0
internal import Migration
internal import TicketModel

extension SmartSupportPlanner {
    /// The internal note that says what Smart Support could not hold; for what a later run finds, one more.
    ///
    /// It comes before all messages: what the site makes of internal notes shows with it, and not with a private text.
    mutating func migrationNote() {
        guard hasNotes || progress.done.keys.contains(where: \.isMigrationNote) else { return }
        // What says no more than that something is not there needs no line.
        let lines = book.noteLines.filter { !$0.hasPrefix("messages[]: ") } + noteLines
        for (key, lines) in MigrationNotes.notes(of: lines, progress: progress, key: key) { note(key, lines) }
    }

    private mutating func note(_ key: WriteKey, _ lines: [(name: String, text: String)]) {
        // Where notes follow there is always one of ours before them: it shows whether the site keeps them internal.
        guard !lines.isEmpty || key.part == "note" && ticket.messages.contains(where: { $0.kind == .note }) else {
            return
        }
        var html =
            "<p><strong>Ticketferry</strong>: \(FluentSupportText.html(text: "ticket \(ticket.number ?? ticket.id)"))</p>"
        if !lines.isEmpty { html += "<ul>" }
        for line in lines { html += "<li>\(FluentSupportText.html(text: line.text))</li>" }
        if !lines.isEmpty { html += "</ul>" }
        let text = SmartSupportText(.html(html, lineBreaks: true))
        let place = (plan.steps.lastIndex { $0.payload["lines"] != nil } ?? 0) + 1
        plan.steps.insert(
            Step(
                key: key, verb: .append, name: "migration note", needs: [createKey], undo: .impossible,
                payload: [
                    "op": "note", "text": .string(text.marked(key)),
                    "lines": .array(lines.map { .string($0.name) }),
                ]), at: place)
    }

    /// The first note of a ticket is read back.
    mutating func countReadingBack() {
        guard !SmartSupportTarget.hasNote(progress.done.values.map(\.receipt)),
            let first = plan.steps.firstIndex(where: { step in
                step.payload["op"]?.string == "note" && progress.done[step.key] == nil
            })
        else { return }
        plan.steps[first].requests += 1
    }

    /// The status, which replies may change, last of all; and what changed since the ticket was made.
    mutating func properties(status: String?, wishes: Wishes) {
        var wishes = wishes
        if let done = progress.done[createKey] {
            wishes.subject = SmartSupportText(subject: ticket.subject ?? "").sent
            if wishes.subject.isEmpty { wishes.subject = "–" }
            laterChanges(wishes, done)
        }
        guard let status else { return look() }
        let key = key("set:status")
        let born = plan.steps.first { $0.key == createKey }?.value
        let hasReplies = plan.steps.contains { $0.payload["op"]?.string == "reply" }
        guard hasReplies || born != status || progress.done[key] != nil else { return }
        var step = Step(
            key: key, verb: .set, name: "status", needs: [createKey], mails: 1,
            undo: .impossible, payload: ["op": "set", "name": "status", "value": .string(status)], value: status,
            undoneByOthers: true, isPeoples: true)
        // Each time that it is sent, it mails.
        step.isUndoneByMessagesAlone = true
        plan.steps.append(step)
    }

    /// A ticket whose status is the site's own business is looked at after its replies, which may change it: what it is
    /// then is ours, and what it becomes later is people's.
    private mutating func look() {
        guard plan.steps.contains(where: { $0.payload["op"]?.string == "reply" }) else { return }
        plan.steps.append(
            Step(
                key: key("set:look"), verb: .set, name: "look", needs: [createKey], undo: .withTicket,
                payload: ["op": "look"], undoneByOthers: true))
    }

    /// What the ticket was made with is set again where it changed since.
    private mutating func laterChanges(_ wishes: Wishes, _ done: TicketProgress.Done) {
        guard let born = done.receipt.details["values"] else { return }
        let now = Self.values(wishes)
        for (name, value) in wishes.all {
            guard let value, isThere(name, value) else { continue }
            let key = key("set:\(name)")
            guard born[name] != now[name] || progress.done[key] != nil else { continue }
            plan.steps.append(
                Step(
                    key: key, verb: .set, name: name, needs: [createKey], mails: name == "agent" ? 1 : 0,
                    undo: .impossible,
                    payload: ["op": "set", "name": .string(name), "value": .string(value)],
                    value: name == "subject" ? nil : value))
        }
    }

    /// Whether the API can set it: agents, departments and products go by their ids.
    private func isThere(_ name: String, _ value: String) -> Bool {
        switch name {
        case "agent": site.agentID(value) != nil
        case "department": SmartSupportSite.find(value, in: site.departments)?.id != nil
        case "product": SmartSupportSite.find(value, in: site.products)?.id != nil
        default: true
        }
    }
}
