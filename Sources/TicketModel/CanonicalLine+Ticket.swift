// SPDX-License-Identifier: Apache-2.0

extension CanonicalLine {
    /// The line of a ticket: the one writer.
    ///
    /// Empty strings and empty values are left out like absent ones; of equal tags and equal
    /// participants the first stays; members of `extras` that are null are left out. The ticket's id must not be empty.
    public init(_ ticket: Ticket) {
        var writer = CanonicalWriter()
        writer.write(ticket)
        bytes = writer.out
    }
}

/// Writes canonical JSON.
///
/// A comma stands before every member but the one right after a brace or bracket.
struct CanonicalWriter {
    var out: [UInt8] = []

    private mutating func comma() {
        if let last = out.last, last != UInt8(ascii: "{"), last != UInt8(ascii: "[") { out.append(UInt8(ascii: ",")) }
    }

    private mutating func key(_ key: StaticString) {
        comma()
        out.append(UInt8(ascii: "\""))
        out.append(contentsOf: UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
        out.append(UInt8(ascii: "\""))
        out.append(UInt8(ascii: ":"))
    }

    private mutating func string(_ name: StaticString, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        key(name)
        JSONText.append(quoted: value, to: &out)
    }

    private mutating func time(_ name: StaticString, _ value: Timestamp?) {
        guard let value else { return }
        key(name)
        out.append(UInt8(ascii: "\""))
        value.append(to: &out)
        out.append(UInt8(ascii: "\""))
    }

    private mutating func flag(_ name: StaticString, _ value: Bool) {
        guard value else { return }
        key(name)
        out.append(contentsOf: "true".utf8)
    }

    private mutating func number(_ name: StaticString, _ value: Int?) {
        guard let value else { return }
        key(name)
        out.append(contentsOf: String(value).utf8)
    }

    private mutating func strings(_ name: StaticString, _ values: some Sequence<String>) {
        list(name, values.filter { !$0.isEmpty }) { writer, value in JSONText.append(quoted: value, to: &writer.out) }
    }

    private mutating func list<T>(_ name: StaticString, _ values: [T], _ each: (inout CanonicalWriter, T) -> Void) {
        guard !values.isEmpty else { return }
        key(name)
        elements(values, each)
    }

    private mutating func elements<T>(_ values: [T], _ each: (inout CanonicalWriter, T) -> Void) {
        out.append(UInt8(ascii: "["))
        for (i, value) in values.enumerated() {
            if i > 0 { out.append(UInt8(ascii: ",")) }
            each(&self, value)
        }
        out.append(UInt8(ascii: "]"))
    }

    private mutating func extras(_ extras: [JSON.Member]) {
        let json = CanonicalShape.free(.object(extras))
        guard let members = json.members, !members.isEmpty else { return }
        key("extras")
        json.write(into: &out)
    }

    private mutating func person(_ name: StaticString, _ person: Person?) {
        guard let person else { return }
        let start = out.count
        key(name)
        write(person)
        if out.suffix(2).elementsEqual("{}".utf8) { out.removeSubrange(start...) }
    }

    mutating func write(_ person: Person) {
        out.append(UInt8(ascii: "{"))
        string("email", person.email)
        string("familyName", person.familyName)
        string("givenName", person.givenName)
        string("id", person.id)
        string("name", person.name)
        string("phone", person.phone)
        string("role", person.role?.rawValue)
        out.append(UInt8(ascii: "}"))
    }

    private mutating func write(_ attachment: Attachment) {
        out.append(UInt8(ascii: "{"))
        string("contentId", attachment.contentID)
        string("file", attachment.file)
        flag("inline", attachment.inline)
        string("mediaType", attachment.mediaType)
        string("name", attachment.name)
        string("sha256", attachment.sha256)
        number("size", attachment.size)
        string("url", attachment.url)
        out.append(UInt8(ascii: "}"))
    }

    private mutating func write(_ message: Message) {
        out.append(UInt8(ascii: "{"))
        list("attachments", message.attachments.filter { $0 != Attachment() }) { $0.write($1) }
        person("author", message.author)
        if let body = message.body, !body.content.isEmpty {
            key("body")
            out.append(UInt8(ascii: "{"))
            switch body {
            case .html(let html, let lineBreaks):
                string("html", html)
                flag("lineBreaks", lineBreaks)
            case .text(let text): string("text", text)
            }
            out.append(UInt8(ascii: "}"))
        }
        strings("cc", message.cc)
        time("createdAt", message.createdAt)
        extras(message.extras)
        string("id", message.id)
        string("inReplyTo", message.inReplyTo)
        string("kind", message.kind.rawValue)
        string("messageId", message.messageID)
        strings("to", message.to)
        out.append(UInt8(ascii: "}"))
    }

    private mutating func customFields(_ fields: [String: FieldValue]) {
        let sorted = fields.filter { !$0.value.isEmpty }.sorted { JSONText.precedes($0.key, $1.key) }
        guard !sorted.isEmpty else { return }
        key("customFields")
        out.append(UInt8(ascii: "{"))
        for (name, value) in sorted {
            comma()
            JSONText.append(quoted: name, to: &out)
            out.append(UInt8(ascii: ":"))
            switch value {
            case .string(let text): JSONText.append(quoted: text, to: &out)
            case .number(let digits): out.append(contentsOf: digits.utf8)
            case .bool(let flag): out.append(contentsOf: (flag ? "true" : "false").utf8)
            case .list(let texts):
                elements(texts.filter { !$0.isEmpty }) { JSONText.append(quoted: $1, to: &$0.out) }
            }
        }
        out.append(UInt8(ascii: "}"))
    }

    private mutating func participants(_ people: [Person]) {
        var seen: Set<[UInt8]> = []
        let lines = people.map { person in
            var writer = CanonicalWriter()
            writer.write(person)
            return writer.out
        }
        list("participants", lines.filter { $0.count > 2 && seen.insert($0).inserted }) {
            $0.out.append(contentsOf: $1)
        }
    }

    mutating func write(_ ticket: Ticket) {
        out.reserveCapacity(1024)
        out.append(UInt8(ascii: "{"))
        person("assignee", ticket.assignee)
        string("brand", ticket.brand)
        string("channel", ticket.channel)
        time("closedAt", ticket.closedAt)
        time("createdAt", ticket.createdAt)
        customFields(ticket.customFields)
        string("department", ticket.department)
        time("dueAt", ticket.dueAt)
        extras(ticket.extras)
        string("id", ticket.id)
        string("language", ticket.language)
        string("mailbox", ticket.mailbox)
        key("messages")
        elements(ticket.messages) { $0.write($1) }
        string("number", ticket.number)
        string("organization", ticket.organization)
        participants(ticket.participants)
        string("priority", ticket.priority?.rawValue)
        string("priorityLabel", ticket.priorityLabel)
        string("product", ticket.product)
        if let rating = ticket.rating, !rating.score.isEmpty {
            key("rating")
            out.append(UInt8(ascii: "{"))
            string("comment", rating.comment)
            string("score", rating.score)
            out.append(UInt8(ascii: "}"))
        }
        list("relations", ticket.relations.filter { !$0.ticket.isEmpty }) { writer, relation in
            writer.out.append(UInt8(ascii: "{"))
            writer.string("kind", relation.kind.rawValue)
            writer.string("ticket", relation.ticket)
            writer.out.append(UInt8(ascii: "}"))
        }
        person("requester", ticket.requester)
        time("resolvedAt", ticket.resolvedAt)
        flag("spam", ticket.spam)
        string("status", ticket.status?.rawValue)
        string("statusLabel", ticket.statusLabel)
        string("subject", ticket.subject)
        var seen: Set<[UInt8]> = []
        // By bytes: two spellings of one character are two tags.
        strings("tags", ticket.tags.filter { seen.insert(Array($0.utf8)).inserted })
        list("timeEntries", ticket.timeEntries) { writer, entry in
            writer.out.append(UInt8(ascii: "{"))
            writer.person("author", entry.author)
            writer.time("createdAt", entry.createdAt)
            writer.string("note", entry.note)
            writer.number("seconds", entry.seconds)
            writer.out.append(UInt8(ascii: "}"))
        }
        string("type", ticket.type)
        time("updatedAt", ticket.updatedAt)
        string("url", ticket.url)
        out.append(UInt8(ascii: "}"))
    }
}

extension FieldValue {
    /// Whether there is nothing to write.
    var isEmpty: Bool {
        switch self {
        case .string(let text), .number(let text): text.isEmpty
        case .bool: false
        case .list(let texts): texts.allSatisfy(\.isEmpty)
        }
    }
}
