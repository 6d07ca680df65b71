// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import Migration
internal import TicketModel

extension KBSupportPlanner {
    /// Dates, tags, company: what is set after the messages; and the losses of what has no place.
    mutating func properties(create: Created, opening: Int?) {
        laterAssignee(create.agent)
        company()
        let born = ticket.createdAt ?? opening.flatMap { ticket.messages[$0].createdAt }
        if site.hasXMLRPC {
            edit(create, born: born)
        } else {
            for tag in ticket.tags { book.lose("tags[]", tag, "KB Support's REST API sets no tags") }
            if let time = ticket.createdAt {
                book.lose("createdAt", time.description, "KB Support's REST API takes no dates")
            }
            if opening.map({ ticket.messages[$0].createdAt != nil }) == true {
                loseOnce("messages[].createdAt", "KB Support's REST API takes no dates")
            }
        }
        if site.hasXMLRPC, let opening, let time = ticket.messages[opening].createdAt, let born, time != born {
            loseOnce("messages[].createdAt", "a ticket and its first text have one date", .substitute)
        }
        if let channel = ticket.channel, channel != "REST API" {
            book.lose("channel", channel, "KB Support notes “REST API” for every ticket that comes by it")
        }
        book.loseProperties(
            of: ticket, except: ["department", "organization", "requester", "tags", "createdAt", "channel"])
        lostOfMessages()
    }

    private mutating func lostOfMessages() {
        let replies = ticket.messages.filter { $0.kind == .reply }
        let nowhere = "KB Support has no place for it"
        for (field, isThere) in [
            ("messages[].extras", replies.contains { !$0.extras.isEmpty }),
            ("messages[].to", replies.contains { !$0.to.isEmpty }),
            ("messages[].cc", replies.contains { !$0.cc.isEmpty }),
            ("messages[].messageId", replies.contains { $0.messageID != nil }),
            ("messages[].inReplyTo", replies.contains { $0.inReplyTo != nil }),
        ] where isThere { book.lose(field, nil, nowhere, .archive) }
    }

    /// A ticket is born with its agent; a later run sets another one.
    private mutating func laterAssignee(_ agent: Int?) {
        guard let done = progress.done[createKey] else { return }
        let setKey = key("set:agent")
        guard let agent, progress.done[setKey] != nil || done.receipt.details["agent"]?.int != agent else { return }
        steps.append(
            Step(
                key: setKey, verb: .set, name: "agent", needs: [createKey], undo: .impossible,
                payload: ["op": "update", "body": ["agent": JSON(agent)]], value: String(agent)))
    }

    private mutating func company() {
        guard let name = ticket.organization else { return }
        guard let id = KBSupportSite.id(of: name, in: site.companies) else {
            return book.lose("organization", name, "KB Support has no company of that name, and no API makes one")
        }
        if site.companies[id] != name {
            book.lose("organization", name, "the company is written “\(site.companies[id] ?? "")” there", .substitute)
        }
        steps.append(
            Step(
                key: key("set:company"), verb: .set, name: "company", needs: [createKey], undo: .impossible,
                payload: ["op": "update", "body": ["company": JSON(id)]], value: name))
    }

    /// Title and text as they are (REST capitalizes them), the date and the tags, in one call of XML-RPC.
    private mutating func edit(_ create: Created, born: Timestamp?) {
        var tags: [String] = []
        for tag in ticket.tags {
            // What looks like an element would be taken out; written as references it stays, and is shown the same.
            let sent = KBSupportText.line(tag.utf8.contains(UInt8(ascii: "<")) ? KBSupportText.html(text: tag) : tag)
            let stored = HTMLEntities.decode(sent)
            if stored.isEmpty {
                book.lose("tags[]", tag, "WordPress takes no tag without a letter")
                continue
            }
            let known = KBSupportSite.id(of: stored, in: site.tags).flatMap { site.tags[$0] } ?? stored
            if known != tag { book.lose("tags[]", tag, "WordPress writes the tag “\(known)”", .substitute) }
            if !tags.contains(sent) { tags.append(sent) }
        }
        var payload: JSON = [
            "op": "edit", "title": .string(create.title), "content": .string(create.content),
            "tags": .array(tags.map { .string($0) }),
        ]
        if let born {
            payload["date"] = .string(Self.date(born))
            loseFraction("createdAt", born)
            loseFraction("messages[].createdAt", born)
        }
        steps.append(
            Step(
                key: key("set:ticket"), verb: .set, name: "date and tags", needs: [createKey], undo: .impossible,
                payload: payload, value: born?.description))
    }

    /// The status, after all else: always sent, since its answer shows how the ticket stands now.
    mutating func finish(status: String, isAssigned: Bool) {
        var status = status
        if !site.hasXMLRPC, status == "new", isAssigned {
            book.lose("status", "new", "KB Support makes an assigned ticket open, and REST cannot say new", .substitute)
            status = "open"
        }
        let closes = status == "closed"
        steps.append(
            Step(
                key: key("set:status"), verb: .set, name: "status", needs: [createKey],
                // Closing by XML-RPC passes the plugin's own way by: no e-mail (measured, agents and administrators).
                mails: closes && !site.hasXMLRPC ? 1 : 0, requests: site.hasXMLRPC ? 2 : 1, undo: .impossible,
                payload: ["op": site.hasXMLRPC ? "state" : "status", "status": .string(status)], value: status,
                undoneByOthers: true, isPeoples: true))
    }
}
