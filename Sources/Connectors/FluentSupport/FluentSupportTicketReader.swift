// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// Makes a canonical ticket of a row of the listing and the single ticket's answer.
struct FluentSupportTicketReader {
    let zone: FluentSupportZone
    /// From the listing: its `content` is what was stored.
    let row: JSON
    /// The answer to the single ticket.
    let all: JSON
    /// Responses whose stored text could not be worked out.
    private(set) var unproven = 0

    init(zone: FluentSupportZone, row: JSON, all: JSON) {
        self.zone = zone
        self.row = row
        self.all = all
    }

    mutating func ticket(url: String?) -> Ticket {
        let single = all["ticket"] ?? .null
        var rest = row
        var ticket = Ticket(id: rest.take("id")?.text ?? "")
        ticket.url = url
        ticket.subject = rest.take("title")?.string
        ticket.statusLabel = rest.take("status")?.string
        ticket.status = ["new": .new, "active": .open, "closed": .closed][ticket.statusLabel ?? ""]
        let client = rest.take("client_priority")?.string
        let own = rest.take("priority")?.string
        ticket.priorityLabel = client.flatMap { $0.isEmpty ? nil : $0 } ?? own
        ticket.priority = ["normal": .normal, "medium": .high, "critical": .urgent][ticket.priorityLabel ?? ""]
        ticket.channel = rest.take("source")?.string
        ticket.createdAt = zone.time(rest.take("created_at")?.string)
        ticket.updatedAt = zone.time(rest.take("updated_at")?.string)
        // A column on the site's clock, unlike the two above.
        ticket.resolvedAt = zone.time(rest.take("resolved_at")?.string)
        ticket.mailbox = single["mailbox"]?["name"]?.string ?? rest["mailbox"]?["name"]?.string
        ticket.product = single["product"]?["title"]?.string ?? rest["product"]?["title"]?.string
        ticket.requester = person(single["customer"]) ?? person(rest["customer"], role: .customer)
        ticket.assignee = person(single["agent"]) ?? person(rest["agent"], role: .agent)
        let tags = (single["tags"] ?? rest["tags"])?.array ?? []
        ticket.tags = Set(tags.compactMap { $0["title"]?.string }).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }

        var opening = Message(kind: .reply)
        opening.author = ticket.requester
        opening.createdAt = ticket.createdAt
        if let text = rest.take("content")?.string { opening.body = .html(text, lineBreaks: true) }
        opening.attachments = attachments(single["attachments"])
        opening.messageID = rest.take("message_id")?.string
        var responses = (all["responses"]?.array ?? single["responses"]?.array ?? []).map { message($0) }
        // They come newest first by id.
        responses.sort { a, b in
            if let x = a.createdAt, let y = b.createdAt, x != y { return x < y }
            return (Int(a.id ?? "") ?? 0) < (Int(b.id ?? "") ?? 0)
        }
        ticket.messages = [opening] + responses
        if own != ticket.priorityLabel, let own { ticket.extras.append(.init("priority", .string(own))) }
        let derived: Set<String> = [
            "customer_id", "agent_id", "mailbox_id", "product_id", "live_activity", "customer", "agent", "mailbox",
            "product",
            "tags", "preview_response", "content_hash", "hash", "responses", "attachments", "carbon_copy",
        ]
        for member in rest.members ?? [] where !derived.contains(member.key) && !member.value.isNull {
            if member.value.string?.isEmpty != true { ticket.extras.append(member) }
        }
        return ticket
    }

    private mutating func message(_ response: JSON) -> Message {
        let type = response["conversation_type"]?.string ?? ""
        let kind: Message.Kind =
            switch type {
            case "response": .reply
            case "internal_info": .event
            // Drafts were never sent, and a kind that is not known is private.
            default: .note
            }
        var message = Message(kind: kind)
        message.id = response["id"]?.text
        message.author = person(response["person"])
        message.createdAt = zone.time(response["created_at"]?.string)
        message.messageID = response["message_id"]?.string
        message.attachments = attachments(response["attachments"])
        if let rendered = response["content"]?.string {
            let stored = FluentSupportRendering.stored(rendered, hash: response["content_hash"]?.string)
            if stored == nil, response["content_hash"]?.string != nil { unproven += 1 }
            message.body = .html(stored ?? FluentSupportRendering.plain(rendered), lineBreaks: true)
        }
        if type != "response", type != "note", type != "internal_info" {
            message.extras.append(.init("conversation_type", .string(type)))
        }
        if let source = response["source"]?.string, !source.isEmpty {
            message.extras.append(.init("source", .string(source)))
        }
        if response["is_important"]?.string == "yes" { message.extras.append(.init("is_important", "yes")) }
        return message
    }

    private func person(_ json: JSON?, role: Person.Role? = nil) -> Person? {
        guard let json, json.members != nil else { return nil }
        func text(_ name: String) -> String? {
            guard let value = json[name]?.string, !value.isEmpty else { return nil }
            return value
        }
        var person = Person(id: json["id"]?.text, role: role)
        switch json["person_type"]?.string {
        case "agent": person.role = .agent
        case "customer": person.role = .customer
        default: break
        }
        person.givenName = text("first_name")
        person.familyName = text("last_name")
        person.email = text("email")
        return person
    }

    private func attachments(_ list: JSON?) -> [Attachment] {
        (list?.array ?? []).map { file in
            var attachment = Attachment()
            attachment.name = file["title"]?.string
            attachment.mediaType = file["file_type"]?.string
            attachment.size = file["file_size"]?.int
            attachment.url = file["secureUrl"]?.string
            return attachment
        }
    }
}

/// Works out what was stored from what the single ticket shows: WordPress has put paragraphs around it and made links.
enum FluentSupportRendering {
    /// The stored text, proven by its hash; nil where no way back was found.
    static func stored(_ rendered: String, hash: String?) -> String? {
        guard let hash else { return nil }
        let starts = [rendered, plain(rendered)]
        for start in starts + starts.map(withoutQuotedParagraphs) {
            for links in [start, withoutTargets(start), withoutLinks(start), withoutLinks(withoutTargets(start))] {
                let all =
                    candidates(links) + aboveBlocks(links) + belowLine(links)
                    + candidates(withoutWrappedComments(plain(links)))
                for text in all {
                    if FluentSupportText.md5(text) == hash { return text }
                    // Some versions keep windows line ends, which the rendering does not show.
                    guard text.utf8.contains(0x0A) else { continue }
                    let windows = text.replacing("\n", with: "\r\n")
                    if FluentSupportText.md5(windows) == hash { return windows }
                }
            }
        }
        return nil
    }

    /// Without the line break that rendering puts at the end.
    static func plain(_ rendered: String) -> String {
        rendered.hasSuffix("\n") ? String(rendered.dropLast()) : rendered
    }

    /// A text below paragraphs of its own, such as the header line that names an author: rendering puts a paragraph
    /// around what follows.
    private static func belowLine(_ text: String) -> [String] {
        var out: [String] = []
        var from = text.startIndex
        // The text below the first paragraph, the second and so on; nobody has more than some before a bare line.
        while out.count < 200, let end = text[from...].range(of: "</p>\n") {
            from = end.upperBound
            let head = text[..<end.upperBound].dropLast().replacing(">\n", with: ">")
            let rest = plain(String(text[end.upperBound...]))
            let open = rest.hasSuffix("</p>") ? String(rest.dropLast(4)) : rest
            let comments = withoutWrappedComments(rest)
            out += (candidates(rest) + [open, comments] + candidates(comments) + aboveBlocks(rest)).map { head + $0 }
        }
        return out
    }

    /// A text that begins with bare words above its first block: rendering puts a paragraph around the words.
    private static func aboveBlocks(_ text: String) -> [String] {
        guard text.hasPrefix("<p>"), let end = text.range(of: "</p>\n") else { return [] }
        let words = text[..<end.lowerBound].dropFirst(3)
        let rest = plain(String(text[end.upperBound...]))
        let open = rest.hasSuffix("</p>") ? String(rest.dropLast(4)) : rest
        return (candidates(rest) + [open]).map { words + $0 }
    }

    /// Without the paragraph that rendering puts around a comment.
    private static func withoutWrappedComments(_ text: String) -> String {
        text.replacing("<p><!--", with: "<!--").replacing("--></p>\n", with: "-->")
    }

    private static func candidates(_ text: String) -> [String] {
        let joined = withoutBreaksAtTags(text)
        let flat = withoutParagraphs(text)
        var out = [text, flat, joined, withoutParagraphs(joined), withoutParagraphs(text, gap: "\n\n\n")]
        for name in ["br"] {
            out.append(flat.replacing("<\(name) />", with: "<\(name)>"))
            out.append(joined.replacing("<\(name) />", with: "<\(name)>"))
            out.append(text.replacing("<\(name) />\n", with: "<\(name)>"))
            out.append(text.replacing("<\(name) />\n", with: "<\(name) />"))
            out.append(joined.replacing("<\(name) />\n", with: "<\(name)>"))
        }
        return out
    }

    /// `<p>a</p>\n<p>b<br />\nc</p>` as it was typed: lines.
    private static func withoutParagraphs(_ text: String, gap: String = "\n\n") -> String {
        var out = text.replacing("</p>\n<p>", with: gap).replacing("<br />\n", with: "\n")
        if out.hasPrefix("<p>") { out = String(out.dropFirst(3)) }
        if out.hasSuffix("\n") { out = String(out.dropLast()) }
        if out.hasSuffix("</p>") { out = String(out.dropLast(4)) }
        return out
    }

    /// Without the paragraphs that rendering puts into quotations.
    private static func withoutQuotedParagraphs(_ text: String) -> String {
        text.replacing("<blockquote><p>", with: "<blockquote>").replacing("</p></blockquote>", with: "</blockquote>")
    }

    /// Without line breaks right before or after a tag.
    private static func withoutBreaksAtTags(_ text: String) -> String {
        text.replacing(">\n", with: ">").replacing("\n<", with: "<")
    }

    private static func withoutTargets(_ text: String) -> String {
        text.replacing(" target=\"_blank\"", with: "").replacing("target=\"_blank\" ", with: "")
            .replacing(" rel=\"noopener\"", with: "").replacing(" rel=\"noopener noreferrer\"", with: "")
    }

    /// Bare addresses that rendering made into links.
    static func withoutLinks(_ text: String) -> String {
        var out = ""
        var rest = text[...]
        while let open = rest.range(of: "<a href=\"") {
            out += rest[..<open.lowerBound]
            guard let end = rest[open.upperBound...].range(of: "\""),
                let close = rest[end.upperBound...].range(of: ">"),
                let last = rest[close.upperBound...].range(of: "</a>")
            else {
                out += rest[open.lowerBound...]
                return out
            }
            let address = rest[open.upperBound..<end.lowerBound]
            let shown = rest[close.upperBound..<last.lowerBound]
            if address == shown || address == "mailto:\(shown)" || address == "http://\(shown)" {
                // Making the link, WordPress writes `&amp;` as a number.
                out += shown.replacing("&#038;", with: "&amp;")
            } else {
                out += rest[open.lowerBound..<last.upperBound]
            }
            rest = rest[last.upperBound...]
        }
        return out + rest
    }
}
