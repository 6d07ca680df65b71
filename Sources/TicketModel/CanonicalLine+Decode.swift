// SPDX-License-Identifier: Apache-2.0

extension CanonicalLine {
    /// The ticket as a value.
    ///
    /// One pass.
    ///
    /// - Throws: ``CanonicalLineError`` for bytes that are no canonical line (after ``init(validating:)`` never).
    public func ticket() throws -> Ticket {
        try bytes.withUnsafeBytes { buffer in
            guard !buffer.isEmpty, buffer[0] == UInt8(ascii: "{"), buffer[buffer.count - 1] == UInt8(ascii: "}") else {
                throw CanonicalLineError(problem: "not an object", path: "", offset: 0)
            }
            return try CanonicalDecoder(b: buffer).ticket(0..<buffer.count)
        }
    }
}

/// Makes values from canonical bytes.
struct CanonicalDecoder {
    let b: UnsafeRawBufferPointer

    private func error(_ problem: String, _ range: Range<Int>) -> CanonicalLineError {
        CanonicalLineError(problem: problem, path: "", offset: range.lowerBound)
    }

    private func members(_ range: Range<Int>, _ each: (String, Range<Int>) throws -> Void) throws {
        guard range.lowerBound < range.upperBound, b[range.lowerBound] == UInt8(ascii: "{") else {
            throw error("an object expected", range)
        }
        try CanonicalScan.members(of: b, object: range) { key, value in
            try each(CanonicalScan.string(b, key), value)
            return true
        }
    }

    private func list<T>(_ range: Range<Int>, _ each: (Range<Int>) throws -> T) throws -> [T] {
        guard range.lowerBound < range.upperBound, b[range.lowerBound] == UInt8(ascii: "[") else {
            throw error("a list expected", range)
        }
        var values: [T] = []
        try CanonicalScan.elements(of: b, array: range) { values.append(try each($0)) }
        return values
    }

    private func string(_ range: Range<Int>) throws -> String {
        guard range.count >= 2, b[range.lowerBound] == UInt8(ascii: "\"") else {
            throw error("a string expected", range)
        }
        return CanonicalScan.string(b, range)
    }

    private func word<Word: RawRepresentable<String>>(_ range: Range<Int>) throws -> Word {
        guard let word = Word(rawValue: try string(range)) else { throw error("not one of the canonical words", range) }
        return word
    }

    private func time(_ range: Range<Int>) throws -> Timestamp {
        guard range.count >= 2,
            let time = Timestamp(
                rfc3339: UnsafeRawBufferPointer(rebasing: b[range.lowerBound + 1..<range.upperBound - 1]))
        else { throw error("not a time", range) }
        return time
    }

    private func digits(_ range: Range<Int>) -> String { String(decoding: b[range], as: UTF8.self) }

    private func number(_ range: Range<Int>) throws -> Int {
        guard let number = Int(digits(range)) else { throw error("a whole number expected", range) }
        return number
    }

    private func flag(_ range: Range<Int>) -> Bool { range.count == 4 && b[range.lowerBound] == UInt8(ascii: "t") }

    private func free(_ range: Range<Int>) throws -> [JSON.Member] {
        do {
            return try JSON(parsing: b[range]).members ?? []
        } catch {
            throw CanonicalLineError(problem: error.problem, path: "", offset: range.lowerBound + error.offset)
        }
    }

    func person(_ range: Range<Int>) throws -> Person {
        var person = Person()
        try members(range) { key, value in
            switch key {
            case "email": person.email = try string(value)
            case "familyName": person.familyName = try string(value)
            case "givenName": person.givenName = try string(value)
            case "id": person.id = try string(value)
            case "name": person.name = try string(value)
            case "phone": person.phone = try string(value)
            case "role": person.role = try word(value)
            default: throw error("unknown key \(key)", value)
            }
        }
        return person
    }

    private func attachment(_ range: Range<Int>) throws -> Attachment {
        var attachment = Attachment()
        try members(range) { key, value in
            switch key {
            case "contentId": attachment.contentID = try string(value)
            case "file": attachment.file = try string(value)
            case "inline": attachment.inline = flag(value)
            case "mediaType": attachment.mediaType = try string(value)
            case "name": attachment.name = try string(value)
            case "sha256": attachment.sha256 = try string(value)
            case "size": attachment.size = try number(value)
            case "url": attachment.url = try string(value)
            default: throw error("unknown key \(key)", value)
            }
        }
        return attachment
    }

    private func body(_ range: Range<Int>) throws -> Message.Body {
        var html: String?
        var text: String?
        var lineBreaks = false
        try members(range) { key, value in
            switch key {
            case "html": html = try string(value)
            case "text": text = try string(value)
            case "lineBreaks": lineBreaks = flag(value)
            default: throw error("unknown key \(key)", value)
            }
        }
        switch (html, text) {
        case (let html?, nil): return .html(html, lineBreaks: lineBreaks)
        case (nil, let text?): return .text(text)
        default: throw error("a body is html or text", range)
        }
    }

    private func message(_ range: Range<Int>) throws -> Message {
        // A message whose kind is not told is a note.
        var message = Message(kind: .note)
        try members(range) { key, value in
            switch key {
            case "attachments": message.attachments = try list(value, attachment)
            case "author": message.author = try person(value)
            case "body": message.body = try body(value)
            case "cc": message.cc = try list(value, string)
            case "createdAt": message.createdAt = try time(value)
            case "extras": message.extras = try free(value)
            case "id": message.id = try string(value)
            case "inReplyTo": message.inReplyTo = try string(value)
            case "kind": message.kind = try word(value)
            case "messageId": message.messageID = try string(value)
            case "to": message.to = try list(value, string)
            default: throw error("unknown key \(key)", value)
            }
        }
        return message
    }

    private func customFields(_ range: Range<Int>) throws -> [String: FieldValue] {
        var fields: [String: FieldValue] = [:]
        try members(range) { key, value in
            switch b[value.lowerBound] {
            case UInt8(ascii: "\""): fields[key] = .string(try string(value))
            case UInt8(ascii: "["): fields[key] = .list(try list(value, string))
            case UInt8(ascii: "t"), UInt8(ascii: "f"): fields[key] = .bool(flag(value))
            default: fields[key] = .number(digits(value))
            }
        }
        return fields
    }

    private func rating(_ range: Range<Int>) throws -> Ticket.Rating {
        var rating = Ticket.Rating(score: "")
        try members(range) { key, value in
            switch key {
            case "comment": rating.comment = try string(value)
            case "score": rating.score = try string(value)
            default: throw error("unknown key \(key)", value)
            }
        }
        return rating
    }

    private func relation(_ range: Range<Int>) throws -> Ticket.Relation {
        var relation = Ticket.Relation(kind: .related, ticket: "")
        try members(range) { key, value in
            switch key {
            case "kind": relation.kind = try word(value)
            case "ticket": relation.ticket = try string(value)
            default: throw error("unknown key \(key)", value)
            }
        }
        return relation
    }

    private func timeEntry(_ range: Range<Int>) throws -> Ticket.TimeEntry {
        var entry = Ticket.TimeEntry(seconds: 0)
        try members(range) { key, value in
            switch key {
            case "author": entry.author = try person(value)
            case "createdAt": entry.createdAt = try time(value)
            case "note": entry.note = try string(value)
            case "seconds": entry.seconds = try number(value)
            default: throw error("unknown key \(key)", value)
            }
        }
        return entry
    }

    func ticket(_ range: Range<Int>) throws -> Ticket {
        var ticket = Ticket(id: "")
        try members(range) { key, value in
            switch key {
            case "assignee": ticket.assignee = try person(value)
            case "brand": ticket.brand = try string(value)
            case "channel": ticket.channel = try string(value)
            case "closedAt": ticket.closedAt = try time(value)
            case "createdAt": ticket.createdAt = try time(value)
            case "customFields": ticket.customFields = try customFields(value)
            case "department": ticket.department = try string(value)
            case "dueAt": ticket.dueAt = try time(value)
            case "extras": ticket.extras = try free(value)
            case "id": ticket.id = try string(value)
            case "language": ticket.language = try string(value)
            case "mailbox": ticket.mailbox = try string(value)
            case "messages": ticket.messages = try list(value, message)
            case "number": ticket.number = try string(value)
            case "organization": ticket.organization = try string(value)
            case "participants": ticket.participants = try list(value, person)
            case "priority": ticket.priority = try word(value)
            case "priorityLabel": ticket.priorityLabel = try string(value)
            case "product": ticket.product = try string(value)
            case "rating": ticket.rating = try rating(value)
            case "relations": ticket.relations = try list(value, relation)
            case "requester": ticket.requester = try person(value)
            case "resolvedAt": ticket.resolvedAt = try time(value)
            case "spam": ticket.spam = flag(value)
            case "status": ticket.status = try word(value)
            case "statusLabel": ticket.statusLabel = try string(value)
            case "subject": ticket.subject = try string(value)
            case "tags": ticket.tags = try list(value, string)
            case "timeEntries": ticket.timeEntries = try list(value, timeEntry)
            case "type": ticket.type = try string(value)
            case "updatedAt": ticket.updatedAt = try time(value)
            case "url": ticket.url = try string(value)
            default: throw error("unknown key \(key)", value)
            }
        }
        return ticket
    }
}
