// SPDX-License-Identifier: Apache-2.0
import TicketModel

extension RecordMapper {
    /// Makes what one maker makes of a record, or of a node in it.
    mutating func make(_ maker: Maker, _ index: Int, _ context: UInt32) throws {
        guard let key = try scalar(maker.ticketKey, context).map({ trimmed($0) }), !key.isEmpty else { return }
        var fragment = Pending(maker: index, kind: maker.kind, context: context, ticketKey: key, payload: 0..<0)
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
        for field in maker.fields { try append(field, &fragment) }
        fragment.payload = start..<out.count
        pending.append(fragment)
        if let tags = maker.tags {
            try makeTags(tags, Pending(maker: index, kind: .tag, context: context, ticketKey: key, payload: 0..<0))
        }
        if !maker.participants.isEmpty { try makeParticipants(maker, index, key, context) }
    }

    private mutating func makeTags(_ rule: Rule, _ fragment: Pending) throws {
        for value in try values(rule, fragment.context) {
            var fragment = fragment
            let start = out.count
            append(quoted: plan.isOwnFormat ? value : trimmed(value))
            fragment.payload = start..<out.count
            pending.append(fragment)
        }
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
    private mutating func makeParticipants(_ maker: Maker, _ index: Int, _ key: Range<Int>, _ context: UInt32) throws {
        let fragment = Pending(maker: index, kind: .participant, context: context, ticketKey: key, payload: 0..<0)
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
                // A number only says something where it differs from the id.
                let isNumber = field.prefix.elementsEqual("\"number\":".utf8)
                if isNumber, !plan.isOwnFormat, tree.bytes[trimmed(value)].elementsEqual(tree.bytes[fragment.ticketKey])
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
        case .status(let rule, let writesLabel): try appendWord("status", rule, plan.rules.status, writesLabel, context)
        case .priority(let rule, let writesLabel):
            try appendWord("priority", rule, plan.rules.priority, writesLabel, context)
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
                if case .object(let members)? = try? JSON(parsing: tree.bytes[value]) { fragment.extras = members }
            }
        }
    }

    /// A path of a file never leads out of its folder; everything else stands as the source has it.
    private mutating func appendText(_ field: Maker.Field, _ value: Range<Int>) {
        if field.prefix.elementsEqual("\"file\":".utf8) {
            let parts = tree.bytes[value].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            let isSafe = parts.allSatisfy {
                !$0.isEmpty && !$0.elementsEqual("..".utf8) && !$0.contains(0) && !$0.contains(0x5C)
            }
            guard isSafe else { return }
        }
        out.append(contentsOf: field.prefix)
        // Keys are compared without the blanks around them, so they are written like that.
        append(quoted: field.prefix.elementsEqual("\"id\":".utf8) ? trimmed(value) : value)
        out.append(UInt8(ascii: ","))
    }

    private mutating func append(_ prefix: [UInt8], _ time: Timestamp) {
        out.append(contentsOf: prefix)
        out.append(UInt8(ascii: "\""))
        time.append(to: &out)
        out.append(contentsOf: "\",".utf8)
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

    private func word(for label: Range<Int>, in words: Words) -> [UInt8]? {
        let bytes = Array(tree.bytes[trimmed(label)])
        if let word = words.exact[bytes] { return word }
        if let word = words.folded[bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }] { return word }
        if case .word(let word) = words.otherwise { return word }
        if !words.isTold, words.canonical.contains(where: { $0.utf8.elementsEqual(bytes) }) { return bytes }
        return nil
    }

    private mutating func appendWord(
        _ name: String, _ rule: Rule, _ words: Words, _ writesLabel: Bool, _ context: UInt32
    ) throws {
        guard let label = try scalar(rule, context), !trimmed(label).isEmpty else { return }
        if let word = word(for: label, in: words) {
            out.append(contentsOf: "\"\(name)\":\"".utf8)
            out.append(contentsOf: word)
            out.append(contentsOf: "\",".utf8)
        } else {
            if case .fail = words.otherwise {
                throw Diagnostic(
                    code: "mapping.unknown-label", "no word is told for the \(name) `\(text(label))`", at: location(),
                    remedy: "add it to `words.\(name)`, or say `\"*\": keep` there")
            }
            met.labelsWithoutWord[name, default: [:]][text(trimmed(label)), default: 0] += 1
        }
        if writesLabel {
            out.append(contentsOf: "\"\(name)Label\":".utf8)
            append(quoted: trimmed(label))
            out.append(UInt8(ascii: ","))
        }
    }

    /// A message whose kind is not told, or told by a label without a word, is a note: nothing private becomes public.
    private mutating func appendKind(_ field: Maker.Field, _ rule: Rule?, _ context: UInt32) throws {
        out.append(contentsOf: field.prefix)
        out.append(UInt8(ascii: "\""))
        var kind = Array(Message.Kind.note.rawValue.utf8)
        let mark = tree.mark
        if let rule, let label = try scalar(rule, context) {
            let bytes = Array(tree.bytes[trimmed(label)])
            let isCanonical = Message.Kind.allCases.contains { $0.rawValue.utf8.elementsEqual(bytes) }
            if let word = word(for: label, in: plan.rules.kind) {
                kind = word
            } else if isCanonical {
                kind = bytes
            } else if case .fail = plan.rules.kind.otherwise {
                throw Diagnostic(
                    code: "mapping.unknown-label", "no word is told for the kind `\(text(label))`", at: location(),
                    remedy: "add it to `words.kind`, or say `\"*\": note` there")
            } else {
                met.labelsWithoutWord["kind", default: [:]][text(trimmed(label)), default: 0] += 1
                tree.undo(to: mark)
            }
        }
        out.append(contentsOf: kind)
        out.append(contentsOf: "\",".utf8)
    }

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
        out.append(contentsOf: (kind == .text ? "{\"text\":" : "{\"html\":").utf8)
        append(quoted: content)
        out.append(contentsOf: (kind == .htmlLines ? ",\"lineBreaks\":true}," : "},").utf8)
    }
}
