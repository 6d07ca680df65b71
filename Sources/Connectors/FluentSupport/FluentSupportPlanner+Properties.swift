// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

extension FluentSupportPlanner {
    /// Losses of what a ticket of Fluent Support has no place for.
    mutating func lostProperties() {
        func text(_ value: FieldValue) -> String {
            switch value {
            case .string(let text), .number(let text): text
            case .bool(let flag): flag ? "yes" : "no"
            case .list(let texts): texts.joined(separator: ", ")
            }
        }
        let nowhere = "Fluent Support has no place for it"
        for (field, value) in [
            ("type", ticket.type), ("department", ticket.department), ("brand", ticket.brand),
            ("language", ticket.language),
            ("organization", ticket.organization), ("dueAt", ticket.dueAt?.description),
        ] {
            if let value { lose(field, value, nowhere) }
        }
        if let name = ticket.mailbox, name.lowercased() != home?.name.lowercased() {
            lose("mailbox", name, "the ticket goes to the mailbox “\(home?.name ?? "–")”")
        }
        if let end = ticket.closedAt {
            let stands = (ticket.resolvedAt ?? end) == end
            lose(
                "closedAt", end.description, "Fluent Support has one time for resolved and closed",
                stands ? .substitute : .migrationNote)
        }
        let times = [
            ("createdAt", ticket.createdAt), ("updatedAt", ticket.updatedAt), ("resolvedAt", ticket.resolvedAt),
        ]
        for case (let field, let time?) in times where time.fractionDigits > 0 {
            lose(field, time.description, "Fluent Support keeps whole seconds", .substitute)
        }
        for person in ticket.participants where !ticket.isRequester(person) {
            let name = [person.displayName, person.displayName == person.email ? nil : person.email].compactMap { $0 }
            lose("participants[]", name.joined(separator: " "), "the free plugin has no participants")
        }
        for name in ticket.customFields.keys.sorted() {
            lose("customFields.\(name)", ticket.customFields[name].map(text), "the free plugin has no custom fields")
        }
        if let rating = ticket.rating {
            lose("rating", [rating.score, rating.comment].compactMap { $0 }.joined(separator: ": "), nowhere)
        }
        for entry in ticket.timeEntries {
            lose(
                "timeEntries[]",
                ["\(entry.seconds) s", entry.author?.displayName, entry.note].compactMap { $0 }.joined(separator: ", "),
                nowhere)
        }
        for relation in ticket.relations {
            lose("relations[]", "\(relation.kind.rawValue) \(relation.ticket)", nowhere)
        }
        if ticket.spam { lose("spam", "yes", nowhere) }
        if let channel = ticket.channel, channel.utf8.contains(where: { !($0.isNameByte || $0 == UInt8(ascii: "-")) }) {
            lose("channel", channel, "Fluent Support's source is a short word")
        }
        func archive(_ field: String, _ isThere: Bool) {
            if isThere { plan.losses.append(Loss(field: field, reason: nowhere, fallback: .archive)) }
        }
        archive("extras", !ticket.extras.isEmpty)
        archive("messages[].extras", ticket.messages.contains { !$0.extras.isEmpty })
        archive("messages[].to", ticket.messages.contains { !$0.to.isEmpty })
        archive("messages[].cc", ticket.messages.contains { !$0.cc.isEmpty })
        archive("messages[].messageId", ticket.messages.contains { $0.messageID != nil })
        archive("messages[].inReplyTo", ticket.messages.contains { $0.inReplyTo != nil })
    }

    /// A step for each tag that is there, in one request for all tickets of the tag; the others are losses.
    mutating func tags() {
        for tag in ticket.tags {
            guard let title = site.tag(tag, promised: site.promised) else {
                lose("tags[]", tag, "Fluent Support has no such tag, and the free plugin's API cannot make one")
                continue
            }
            plan.steps.append(
                Step(
                    key: key("set:tag:\(tag)"), verb: .set, name: "tag \(tag)", needs: [createKey], requests: 0,
                    undo: .withTicket, payload: ["op": "tag", "title": .string(title)], batch: "tag \(title)",
                    value: tag))
        }
    }

    /// The internal note that says what Fluent Support could not hold; for what a later run finds, one more.
    mutating func migrationNote() {
        for (key, lines) in MigrationNotes.notes(of: noteLines, progress: progress, key: key) { note(key, lines) }
    }

    private mutating func note(_ key: WriteKey, _ lines: [(name: String, text: String)]) {
        guard !lines.isEmpty else { return }
        var html =
            "<p><strong>Ticketferry</strong>: \(FluentSupportText.html(text: "ticket \(ticket.number ?? ticket.id)"))</p><ul>"
        for line in lines { html += "<li>\(FluentSupportText.html(text: line.text))</li>" }
        let text = FluentSupportText(html: html + "</ul>", place: .agent)
        let step = Step(
            key: key, verb: .append, name: "migration note", needs: [createKey], undo: .withTicket,
            payload: [
                "op": "note", "content": .string(text.sent),
                "lines": .array(lines.map { .string($0.name) }),
                "proofs": .array(text.proofs.map { .string($0) }),
            ])
        // After the messages, before the tags.
        plan.steps.insert(step, at: plan.steps.firstIndex { $0.batch != nil } ?? plan.steps.endIndex)
    }

    /// For a ticket that is made already and gets messages: into the muted mailbox first, wherever it stands by now.
    ///
    /// Where it stands is not known here: an earlier run may have had another policy, and people move tickets and delete
    /// mailboxes. Moving it costs nothing where it is there already.
    mutating func stageAgain() {
        guard isStaged, progress.done[createKey] != nil,
            plan.steps.contains(where: { $0.verb == .append && progress.done[$0.key] == nil })
        else { return }
        // Each time is a step of its own: one that an earlier run did says nothing of where the ticket is now.
        let round = 1 + (progress.done.values.map(\.order).max() ?? 0)
        let home = progress.done[key("set:mailbox_id")]?.receipt.details
        var payload: JSON = ["op": "stage", "mailbox": .string(options.staging), "round": JSON(round)]
        let begun = progress.done.filter { $0.key.part.hasPrefix("set:stage:") }.values.map(\.receipt.details)
            .filter { ($0["round"]?.int ?? 0) > (home?["round"]?.int ?? 0) }
            .min { ($0["round"]?.int ?? 0) < ($1["round"]?.int ?? 0) }
        if let begun {
            // A run broke off in between: what it found is where people had the ticket.
            payload["back"] = begun["back"] ?? .null
        } else if let was = home?["home"] ?? progress.done[createKey]?.receipt.details["home"] {
            payload["was"] = was
        }
        var step = Step(
            key: key("set:stage:\(round)"), verb: .set, name: "staging mailbox", needs: [createKey], requests: 2,
            undo: .impossible, payload: payload)
        step.isHarmfulLate = true
        plan.steps.insert(step, at: min(1, plan.steps.count))
    }

    /// Dates, the real mailbox, and the date of change.
    mutating func properties(assignee: Int?) {
        let clocks = clocks()
        if progress.done[createKey] != nil { laterChanges(assignee: assignee) }
        if options.datesInFile {
            finishTicket(clocks)
        } else {
            for (name, time) in clocks where name != "updated_at" {
                set(
                    name, .string(site.zone.local(time)), value: time.description, moves: name != "created_at")
            }
        }
        let isMoved =
            progress.done[createKey].map { born in
                plan.steps.contains { $0.key == createKey && !$0.holds("mailbox", of: born.fingerprint) }
            } ?? false
        if isStaged || isMoved, let home { set("mailbox_id", JSON(home.id), value: home.name, moves: true) }
        if !options.datesInFile, let time = clocks.first(where: { $0.0 == "updated_at" })?.1 {
            set("updated_at", .string(site.zone.local(time)), value: time.description, moves: true)
        }
        look()
        if assignee == nil, let firstResponder {
            plan.losses.append(
                Loss(
                    field: "assignee",
                    reason: "Fluent Support assigns an unassigned ticket to the agent who replies first",
                    fallback: .finishingFile))
            // Whoever was given the ticket by people keeps it, also where it is the one who replied first: that leaves a line
            // of the plugin in the ticket, as their answer leaves a row that carries none of our marks.
            plan.finishing.append(
                "UPDATE \(options.tablePrefix)fs_tickets SET agent_id = NULL WHERE id = {id:ticket} AND message_id = '\(createKey.marker)' AND agent_id = \(firstResponder)\(unlessPeople("'response', 'internal_info'"));"
            )
        }
    }

    /// The condition that nobody but us left a row of these types in the ticket.
    private func unlessPeople(_ types: String) -> String {
        " AND NOT EXISTS (SELECT 1 FROM \(options.tablePrefix)fs_conversations AS c WHERE c.ticket_id = {id:ticket} AND c.conversation_type IN (\(types)) AND COALESCE(c.message_id, '') NOT LIKE 'ferry-%')"
    }

    /// Where the date of change does not tell it, the ticket is looked at after a property was set, whose answer shows
    /// nothing of it: how it stands then is ours, and what it becomes later is people's.
    private mutating func look() {
        guard options.datesInFile,
            Self.laterColumns.contains(where: { name in plan.steps.contains { $0.key == key("set:\(name)") } })
        else { return }
        var step = Step(
            key: key("set:look"), verb: .set, name: "look", needs: [createKey], undo: .withTicket,
            payload: ["op": "look"], undoneByOthers: true)
        step.isAftermath = true
        plan.steps.append(step)
    }

    private mutating func set(
        _ name: String, _ value: JSON, value shown: String, moves: Bool, mails: Int = 0, requests: Int = 1
    ) {
        var step = Step(
            key: key("set:\(name)"), verb: .set, name: name, needs: [createKey], mails: mails, requests: requests,
            undo: .withTicket, payload: ["op": "property", "name": .string(name), "value": value], value: shown,
            undoneByOthers: moves)
        step.isHarmfulLate = name == "agent_id"
        step.isAftermath = moves && name != "mailbox_id"
        plan.steps.append(step)
    }

    /// What a ticket is born with and what can be set later, in this order.
    static let laterColumns = ["status", "priority", "client_priority", "title", "agent_id", "resolved_at"]

    /// What a ticket is born with is set again where it changed since.
    private mutating func laterChanges(assignee: Int?) {
        guard let create = plan.steps.first(where: { $0.key == createKey }), let born = progress.done[createKey]
        else { return }
        for name in Self.laterColumns {
            guard var value = create.payload["ticket"]?[name] else {
                if name == "agent_id", ticket.assignee == nil, !create.holds("ticket.agent_id", of: born.fingerprint) {
                    lose("assignee", nil, "nobody is assigned any more, and the API takes no agent away", .archive)
                }
                continue
            }
            // This route takes no slashes off.
            if name == "title" { value = .string(title.stored) }
            // What was set once is set again when it goes back to what it was born with.
            if progress.done[key("set:\(name)")] == nil, create.holds("ticket.\(name)", of: born.fingerprint) {
                continue
            }
            let mail = name == "agent_id" ? mails("ticket_agent_on_change") : 0
            // The new agent would be told by e-mail: in the staging mailbox, and back.
            let requests = name == "agent_id" && isStaged ? 4 : 1
            set(name, value, value: value.text ?? "", moves: false, mails: mail, requests: requests)
        }
    }

    /// The ticket's clocks in the order in which they are set; only those that the source tells.
    func clocks() -> [(String, Timestamp)] {
        var lastAgent: Timestamp?
        var lastCustomer: Timestamp?
        var waiting: Timestamp?
        var standIn: Timestamp?
        for (index, message) in ticket.messages.enumerated() where message.kind == .reply {
            guard let time = message.createdAt else { continue }
            if index > 0, let author = message.author, isAgent(author) {
                lastAgent = max(lastAgent ?? time, time)
                waiting = time
            } else {
                if index == 0 || lastAgent.map({ waiting == $0 }) == true { waiting = time }
                lastCustomer = max(lastCustomer ?? time, time)
                if index > 0, message.author.map(ticket.isRequester) != true { standIn = time }
            }
        }
        let born = ticket.createdAt ?? ticket.messages.first?.createdAt
        let changed = ticket.updatedAt ?? ticket.messages.compactMap(\.createdAt).max() ?? born
        // A third person's words set the agents' clock here, which cannot be emptied again.
        let agent = lastAgent ?? (writesAsAgent ? standIn : nil)
        let all: [(String, Timestamp?)] = [
            ("created_at", born), ("last_agent_response", agent), ("last_customer_response", lastCustomer ?? born),
            ("waiting_since", waiting ?? born), ("updated_at", changed),
        ]
        return all.compactMap { name, time in time.map { (name, $0) } }
    }

    private mutating func finishTicket(_ clocks: [(String, Timestamp)]) {
        guard !clocks.isEmpty else { return }
        // Clocks only go back, so that a line run twice changes nothing; and they stay once people answered, since they are
        // theirs then.
        func line(_ clocks: [(String, Timestamp)], _ guards: String) {
            guard !clocks.isEmpty else { return }
            let sets = clocks.map { name, time in
                "\(name) = LEAST(COALESCE(\(name), '\(site.zone.local(time))'), '\(site.zone.local(time))')"
            }
            plan.finishing.append(
                "UPDATE \(options.tablePrefix)fs_tickets SET \(sets.joined(separator: ", ")) WHERE id = {id:ticket} AND message_id = '\(createKey.marker)'\(guards);"
            )
        }
        line(
            clocks.filter { $0.0 != "created_at" },
            unlessPeople("'response'"))
        line(clocks.filter { $0.0 == "created_at" }, "")
        plan.losses.append(
            Loss(
                field: "createdAt", reason: "`dates: finish`: the ticket's dates are set by the finishing file",
                fallback: .finishingFile))
    }
}
