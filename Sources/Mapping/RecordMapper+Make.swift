// SPDX-License-Identifier: Apache-2.0
import TicketModel

extension RecordMapper {
    /// Makes what one maker makes of a record, or of a node in it.
    mutating func make(_ maker: MakerProgram, _ context: UInt32) throws {
        guard let key = try scalar(maker.ticketKey, context).map({ trimmed($0) }), !key.isEmpty else { return }
        var fragment = Pending(
            ruleIndex: maker.ruleIndex, kind: maker.kind, context: context, ticketKey: key, payload: 0..<0)
        switch maker.kind {
        case .tag:
            if let rule = maker.tag { try makeTags(rule, fragment) }
            return
        case .participant:
            try makePerson(maker.person, fragment)
            return
        default: break
        }
        if let rule = maker.messageKey {
            fragment.messageKey = try scalar(rule, context).map { trimmed($0) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        if maker.opens { fragment.flags.insert(.opens) }
        let start = out.count
        if maker.kind == .ticket {
            try appendTicket(maker, &fragment)
        } else {
            for field in maker.fields { try append(field, &fragment) }
        }
        fragment.payload = start..<out.count
        pending.append(fragment)
        if let tags = maker.tags {
            let fragment = Pending(
                ruleIndex: maker.ruleIndex, kind: .tag, context: context, ticketKey: key, payload: 0..<0)
            try makeTags(tags, fragment)
        }
        if !maker.participants.isEmpty { try makeParticipants(maker, key, context) }
    }

    private mutating func appendTicket(_ maker: MakerProgram, _ fragment: inout Pending) throws {
        let start = out.count
        var places = HeadPlaces(messages: 0, participants: 0, tags: 0)
        for i in 0..<maker.fields.count {
            if i == maker.messagesAt { places.messages = UInt32(out.count - start) }
            if i == maker.participantsAt { places.participants = UInt32(out.count - start) }
            if i == maker.tagsAt { places.tags = UInt32(out.count - start) }
            let before = out.count
            let field = maker.fields[i]
            try append(field, &fragment)
            if field.isRequester, out.count > before {
                places.requesterStart = UInt32(before - start + field.prefix.count)
                // Without the comma behind it.
                places.requesterEnd = UInt32(out.count - start - 1)
            }
        }
        let end = UInt32(out.count - start)
        if maker.messagesAt == maker.fields.count { places.messages = end }
        if maker.participantsAt == maker.fields.count { places.participants = end }
        if maker.tagsAt == maker.fields.count { places.tags = end }
        fragment.places = places
    }

    private mutating func makeTags(_ rule: Rule, _ fragment: Pending) throws {
        // Taken out for the time: the mapper fills it and is itself at work.
        var values: [Range<Int>] = []
        swap(&values, &list)
        try append(valuesOf: rule, fragment.context, to: &values)
        for value in values {
            var fragment = fragment
            let start = out.count
            append(quoted: plan.isOwnFormat ? value : trimmed(value))
            fragment.payload = start..<out.count
            pending.append(fragment)
        }
        values.removeAll(keepingCapacity: true)
        swap(&values, &list)
    }

    private mutating func makePerson(_ rules: [PersonRule], _ fragment: Pending) throws {
        guard try find(rules, role: nil, fragment.context) == .somebody, !isRequester() else { return }
        var fragment = fragment
        let start = out.count
        appendPerson()
        fragment.payload = start..<out.count
        pending.append(fragment)
    }

    /// Whoever asked is no third person.
    private func isRequester() -> Bool {
        guard !plan.isOwnFormat, let email = person[PersonField.email.rawValue], let requesterEmail else {
            return false
        }
        return text(email).lowercased() == text(requesterEmail).lowercased()
    }

    /// A rule that only names an address, over a repeated or split value, gives one participant for each.
    private mutating func makeParticipants(_ maker: MakerProgram, _ key: Range<Int>, _ context: UInt32) throws {
        let fragment = Pending(
            ruleIndex: maker.ruleIndex, kind: .participant, context: context, ticketKey: key, payload: 0..<0)
        for rule in maker.participants {
            if case .fields = rule.source, rule.fields.count == 1, let only = rule.fields.first,
                matches(rule.when, context)
            {
                for value in try values(only.rule, context) {
                    for i in person.indices { person[i] = nil }
                    person[only.field.rawValue] = trimmed(value)
                    guard !isRequester() else { continue }
                    var fragment = fragment
                    let start = out.count
                    appendPerson()
                    fragment.payload = start..<out.count
                    pending.append(fragment)
                }
            } else {
                try makePerson([rule], fragment)
            }
        }
    }

    private mutating func append(_ field: Maker.Field, _ fragment: inout Pending) throws {
        let context = fragment.context
        switch field.value {
        case .text(let rule):
            if let value = try scalar(rule, context) {
                if field.oddity == .number, !plan.isOwnFormat,
                    tree.bytes[trimmed(value)].elementsEqual(tree.bytes[fragment.ticketKey])
                {
                    return
                }
                appendText(field, value)
            }
        case .time(let rule):
            if let time = try time(rule, context) { append(field.prefix, time) }
        case .messageTime(let rule):
            if let time = try time(rule, context) {
                append(field.prefix, time)
                fragment.flags.insert(.hasTime)
                fragment.seconds = time.seconds
                fragment.nanoseconds = time.nanoseconds
            }
        case .person(let rules, let role):
            switch try find(rules, role: role, context) {
            case .nobody: break
            case .requester: fragment.flags.insert(.authorIsRequester)
            case .somebody:
                if fragment.kind == .ticket, role == .customer { requesterEmail = person[PersonField.email.rawValue] }
                out.append(contentsOf: field.prefix)
                appendPerson()
                out.append(UInt8(ascii: ","))
            }
        case .status(let rule, let writesLabel):
            try appendWord("status", rule, statusWords, writesLabel, \.statusLabels, context)
        case .priority(let rule, let writesLabel):
            try appendWord("priority", rule, priorityWords, writesLabel, \.priorityLabels, context)
        case .kind(let rule): try appendKind(field, rule, context)
        case .flag(let rule):
            guard let value = try scalar(rule, context) else { return }
            if ["1", "true", "yes", "y", "on"].contains(text(trimmed(value)).lowercased()) {
                out.append(contentsOf: field.prefix)
                out.append(contentsOf: "true,".utf8)
            }
        case .integer(let rule):
            let mark = tree.mark
            guard let value = try scalar(rule, context) else { return }
            guard let number = Int(text(trimmed(value))), number >= 0 else {
                tree.undo(to: mark)
                return
            }
            out.append(contentsOf: field.prefix)
            out.append(contentsOf: "\(number),".utf8)
        case .strings(let rule):
            let keepsBlanks = plan.isOwnFormat
            let values = try values(rule, context).map { keepsBlanks ? $0 : trimmed($0) }.filter { !$0.isEmpty }
            if !values.isEmpty {
                out.append(contentsOf: field.prefix)
                appendList(values)
                out.append(UInt8(ascii: ","))
            }
        case .body(let rule): try appendBody(field, rule, context)
        case .customFields(let fields): try appendCustomFields(field, fields, context)
        case .rating(let score, let comment): try appendRating(field, score, comment, context)
        case .relations(let relations): try appendRelations(field, relations, context)
        case .eachRelation(let path, let kind, let ticket): try appendRelations(field, path, kind, ticket, context)
        case .timeEntries(let entries): try appendTimeEntries(field, entries, context)
        case .json(let rule):
            let mark = tree.mark
            guard let value = try scalar(rule, context) else { return }
            guard let json = list(value) else {
                tree.undo(to: mark)
                return
            }
            out.append(contentsOf: field.prefix)
            json.write(into: &out)
            out.append(UInt8(ascii: ","))
        case .extras(let rule):
            fragment.extrasAt = out.count
            if let rule, let value = try scalar(rule, context) {
                // The fragment is the next one that is appended.
                if case .object(let members)? = try? JSON(parsing: tree.bytes[value]), !members.isEmpty {
                    givenExtras.append((pending.count, members))
                }
            }
        }
    }

    /// A path of a file never leads out of its folder; everything else stands as the source has it.
    private mutating func appendText(_ field: Maker.Field, _ value: Range<Int>) {
        if field.oddity == .file {
            let parts = tree.bytes[value].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            let isSafe = parts.allSatisfy {
                !$0.isEmpty && !$0.elementsEqual("..".utf8) && !$0.contains(0) && !$0.contains(0x5C)
            }
            guard isSafe else { return }
        }
        out.append(contentsOf: field.prefix)
        append(quoted: field.oddity == .id ? trimmed(value) : value)
        out.append(UInt8(ascii: ","))
    }

    private mutating func append(_ prefix: [UInt8], _ time: Timestamp) {
        out.append(contentsOf: prefix)
        out.append(UInt8(ascii: "\""))
        time.append(to: &out)
        append("\",")
    }

    private mutating func appendList(_ values: [Range<Int>]) {
        out.append(UInt8(ascii: "["))
        for (i, value) in values.enumerated() {
            if i > 0 { out.append(UInt8(ascii: ",")) }
            append(quoted: value)
        }
        out.append(UInt8(ascii: "]"))
    }

    // MARK: words

    private func word(for label: Range<Int>, in words: WordTable) -> [UInt8]? {
        tree.bytes.withUnsafeBytes { words.word(for: UnsafeRawBufferPointer(rebasing: $0[label])) }
    }

    private mutating func count(_ label: Range<Int>, in counts: WritableKeyPath<RecordMapper, LabelCounts>) {
        // By a copy: the label's bytes and the counts are both the mapper's own.
        let copy = Array(tree.bytes[label])
        copy.withUnsafeBytes { self[keyPath: counts].add($0) }
    }

    private mutating func appendWord(
        _ name: StaticString, _ rule: Rule, _ words: WordTable, _ writesLabel: Bool,
        _ counts: WritableKeyPath<RecordMapper, LabelCounts>, _ context: UInt32
    ) throws {
        guard let value = try scalar(rule, context) else { return }
        let label = trimmed(value)
        guard !label.isEmpty else { return }
        if let word = word(for: label, in: words) {
            append(member: name, "\":\"")
            out.append(contentsOf: word)
            append("\",")
        } else {
            if words.fails {
                throw Diagnostic(
                    code: "mapping.unknown-label", "no word is told for the \(name) `\(text(value))`", at: location(),
                    remedy: "add it to `words.\(name)`, or say `\"*\": keep` there")
            }
            count(label, in: counts)
        }
        if writesLabel {
            append(member: name, "Label\":")
            append(quoted: label)
            out.append(UInt8(ascii: ","))
        }
    }

    private mutating func append(member name: StaticString, _ rest: StaticString) {
        out.append(UInt8(ascii: "\""))
        append(name)
        append(rest)
    }

    /// Appends a text of ours as it stands.
    @inline(__always)
    mutating func append(_ text: StaticString) {
        out.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// A message whose kind is not told, or told by a label without a word, is a note: nothing private becomes public.
    private mutating func appendKind(_ field: Maker.Field, _ rule: Rule?, _ context: UInt32) throws {
        out.append(contentsOf: field.prefix)
        out.append(UInt8(ascii: "\""))
        if let word = try kindWord(rule, context) { out.append(contentsOf: word) } else { append("note") }
        append("\",")
    }

    private mutating func kindWord(_ rule: Rule?, _ context: UInt32) throws -> [UInt8]? {
        let mark = tree.mark
        guard let rule, let value = try scalar(rule, context) else { return nil }
        let label = trimmed(value)
        if let word = word(for: label, in: kindWords) { return word }
        if let word = Self.kinds.first(where: { tree.isEqual(label, $0) }) { return word }
        if kindWords.fails {
            throw Diagnostic(
                code: "mapping.unknown-label", "no word is told for the kind `\(text(value))`", at: location(),
                remedy: "add it to `words.kind`, or say `\"*\": note` there")
        }
        count(label, in: \.kindLabels)
        tree.undo(to: mark)
        return nil
    }

    private static let kinds = Message.Kind.allCases.map { Array($0.rawValue.utf8) }

    // MARK: bodies

    private mutating func appendBody(_ field: Maker.Field, _ rule: BodyRule, _ context: UInt32) throws {
        var kind = plan.rules.bodies
        var content: Range<Int>?
        if let html = rule.html, let value = try scalar(html, context) {
            content = value
            kind = .html
            if let lines = rule.lineBreaks, let flag = try scalar(lines, context), text(flag) == "true" {
                kind = .htmlLines
            }
        } else if let plain = rule.text, let value = try scalar(plain, context) {
            content = value
            kind = .text
        } else if let body = rule.body {
            content = try scalar(body, context)
        }
        guard let content, !content.isEmpty else { return }
        out.append(contentsOf: field.prefix)
        append(kind == .text ? "{\"text\":" : "{\"html\":")
        append(quoted: content)
        append(kind == .htmlLines ? ",\"lineBreaks\":true}," : "},")
    }
}
