// SPDX-License-Identifier: Apache-2.0
import Crypto
import TicketModel

/// Replaces customers' and third persons' addresses and names by pseudonyms: the same person always by the same one.
///
/// Agents stay: they have to be found in the target. Addresses are replaced wherever they stand, in texts and extras too;
/// names where a person has them, and in texts where the whole name stands. Numbers of telephones go.
struct Redaction {
    let emails: Bool
    let names: Bool
    private var kept: Set<String> = []
    private var replaced: [(name: [UInt8], by: [UInt8])] = []

    init(emails: Bool, names: Bool) {
        self.emails = emails
        self.names = names
    }

    mutating func redact(_ ticket: inout Ticket) {
        let people =
            [ticket.requester, ticket.assignee].compactMap { $0 } + ticket.participants
            + ticket.messages.compactMap(\.author) + ticket.timeEntries.compactMap(\.author)
        kept = Set(people.filter { $0.role == .agent }.compactMap { $0.email?.lowercased() })
        for person in people where person.role != .agent { learn(person) }
        replaced.sort { $0.name.count > $1.name.count }
        ticket.requester = ticket.requester.map { redacted($0) }
        ticket.assignee = ticket.assignee.map { redacted($0) }
        ticket.participants = ticket.participants.map { redacted($0) }
        for i in ticket.timeEntries.indices {
            ticket.timeEntries[i].author = ticket.timeEntries[i].author.map { redacted($0) }
            ticket.timeEntries[i].note = ticket.timeEntries[i].note.map { redacted($0) }
        }
        ticket.subject = ticket.subject.map { redacted($0) }
        let comment = ticket.rating?.comment.map { redacted($0) }
        ticket.rating?.comment = comment
        ticket.extras = ticket.extras.map { JSON.Member($0.key, redacted($0.value)) }
        ticket.customFields = ticket.customFields.mapValues { redacted($0) }
        for i in ticket.messages.indices { redact(&ticket.messages[i]) }
    }

    private func redact(_ message: inout Message) {
        message.author = message.author.map { redacted($0) }
        message.to = message.to.map { redacted($0) }
        message.cc = message.cc.map { redacted($0) }
        switch message.body {
        case .html(let text, let lines): message.body = .html(redacted(text), lineBreaks: lines)
        case .text(let text): message.body = .text(redacted(text))
        case nil: break
        }
        message.extras = message.extras.map { JSON.Member($0.key, redacted($0.value)) }
    }

    private static func code(_ text: String) -> String {
        let digest = SHA256.hash(data: Array("ticketferry-pseudonym\n\(text.lowercased())".utf8))
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: digest.prefix(5).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func key(_ person: Person) -> String { person.email ?? person.displayName ?? "" }

    private mutating func learn(_ person: Person) {
        guard names,
            let name = Person(name: person.name, givenName: person.givenName, familyName: person.familyName)
                .displayName,
            name.count >= 4
        else { return }
        replaced.append((Array(name.utf8), Array("Person \(Self.code(Self.key(person)))".utf8)))
    }

    private func redacted(_ person: Person) -> Person {
        guard person.role != .agent else { return person }
        var person = person
        if names, person.name != nil || person.givenName != nil || person.familyName != nil {
            let name = "Person \(Self.code(Self.key(person)))"
            person.name = name
            person.givenName = nil
            person.familyName = nil
        }
        if names || emails { person.phone = nil }
        if emails, let email = person.email { person.email = Self.pseudonym(email) }
        return person
    }

    /// An address that can never be delivered to (RFC 2606).
    private static func pseudonym(_ email: String) -> String { "person-\(code(email))@redacted.invalid" }

    private func redacted(_ json: JSON) -> JSON {
        switch json {
        case .string(let text): .string(redacted(text))
        case .array(let elements): .array(elements.map { redacted($0) })
        case .object(let members): .object(members.map { JSON.Member($0.key, redacted($0.value)) })
        default: json
        }
    }

    private func redacted(_ value: FieldValue) -> FieldValue {
        switch value {
        case .string(let text): .string(redacted(text))
        case .list(let texts): .list(texts.map { redacted($0) })
        default: value
        }
    }

    /// A text without addresses and names.
    private func redacted(_ text: String) -> String {
        var bytes = Array(text.utf8)
        if emails, bytes.contains(UInt8(ascii: "@")) { bytes = withoutEmails(bytes) }
        if names { for (name, new) in replaced { bytes = Self.replace(name, by: new, in: bytes) } }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte >= 0x80
            || Array("._%+-'".utf8).contains(byte)
    }

    private func withoutEmails(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var at = 0
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "@") else {
                out.append(bytes[at])
                at += 1
                continue
            }
            var local = out.count
            while local > 0, Self.isAddressByte(out[local - 1]) { local -= 1 }
            while local < out.count, out[local] == UInt8(ascii: "'") { local += 1 }
            var end = at + 1
            while end < bytes.count, Self.isAddressByte(bytes[end]) { end += 1 }
            while end > at + 1, [UInt8(ascii: "."), UInt8(ascii: "'"), UInt8(ascii: "-")].contains(bytes[end - 1]) {
                end -= 1
            }
            let address = String(decoding: out[local...] + bytes[at..<end], as: UTF8.self)
            if local < out.count, bytes[at..<end].contains(UInt8(ascii: ".")), !kept.contains(address.lowercased()) {
                out.removeLast(out.count - local)
                out.append(contentsOf: Self.pseudonym(address).utf8)
            } else {
                out.append(contentsOf: bytes[at..<end])
            }
            at = end
        }
        return out
    }

    private static func replace(_ old: [UInt8], by new: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= old.count else { return bytes }
        var out: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == old[0], at + old.count <= bytes.count, bytes[at..<at + old.count].elementsEqual(old) {
                out.append(contentsOf: new)
                at += old.count
            } else {
                out.append(bytes[at])
                at += 1
            }
        }
        return out
    }
}
