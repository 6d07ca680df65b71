// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import TicketModel

/// Reads Smartsupp's times: RFC 3339, numbers of milliseconds or seconds since 1970, and local times without a zone.
struct SmartsuppClock: Sendable {
    /// Of times that come without one; nil: read as UTC and counted.
    var zone: Zone?
    /// The zone's name, for the search.
    var name = "UTC"
    /// How many times had no zone while none was told.
    private(set) var zoneless = 0

    init(zone: Zone?, name: String = "UTC") {
        self.zone = zone
        self.name = name
    }

    /// The instant; nil for what is no time.
    mutating func time(_ value: JSON?) -> Timestamp? {
        guard let text = value?.text, !text.isEmpty else { return nil }
        if let number = Int64(text) { return Self.instant(number) }
        if let time = Timestamp(text) { return time }
        // `+0200` without the colon.
        let utf8 = Array(text.utf8)
        if utf8.count > 20, let sign = utf8.dropLast(4).last, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            let time = Timestamp(String(text.dropLast(2)) + ":" + text.suffix(2))
        {
            return time
        }
        guard var local = Timestamp(text + "Z") else { return nil }
        guard let zone else {
            zoneless += 1
            return local
        }
        local.seconds = zone.instant(ofLocal: local.seconds).seconds
        return local
    }

    /// Milliseconds, as the hook sends them; numbers too small for that are seconds.
    static func instant(_ number: Int64) -> Timestamp {
        guard number.magnitude >= 100_000_000_000 else { return Timestamp(seconds: number) }
        let rest = number % 1000
        let milliseconds = rest < 0 ? rest + 1000 : rest
        let seconds = (number - milliseconds) / 1000
        return milliseconds == 0
            ? Timestamp(seconds: seconds)
            : Timestamp(seconds: seconds, fraction: UInt32(milliseconds), fractionDigits: 3)
    }
}

/// The fields of an answer, taken one by one; what is left over is extras.
///
/// A name is looked for in both spellings (`created_at`, `createdAt`): the service's own clients show either.
struct SmartsuppFields {
    private(set) var rest: JSON

    init(_ json: JSON) { rest = json }

    /// A field that is there and not null.
    mutating func take(_ name: String) -> JSON? {
        for spelling in [name, Self.camel(name)] {
            if let value = rest.take(spelling), !value.isNull { return value }
        }
        return nil
    }

    /// A text that is not empty; numbers as their digits.
    mutating func text(_ name: String) -> String? {
        guard let text = take(name)?.text, !text.isEmpty else { return nil }
        return text
    }

    /// Drops what only repeats or links.
    mutating func drop(_ names: String...) {
        for name in names { _ = take(name) }
    }

    /// What is left, without what says nothing.
    var extras: [JSON.Member] { (rest.members ?? []).filter { !Self.saysNothing($0.value) } }

    static func saysNothing(_ value: JSON) -> Bool {
        switch value {
        case .null: true
        case .string(let text): text.isEmpty
        case .array(let items): items.isEmpty
        case .object(let members): members.isEmpty
        default: false
        }
    }

    private static func camel(_ name: String) -> String {
        let words = name.split(separator: "_")
        return words.prefix(1).joined() + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }
}

/// The variables of a chat: an agent sees them beside it.
enum SmartsuppVariables {
    /// Stands before what is a property of ours, so that a chat that we wrote is read back as it was.
    static let prefix = "ticket."

    /// Properties of a ticket that are texts.
    static func texts() -> [(name: String, path: WritableKeyPath<Ticket, String?>)] {
        [
            ("subject", \.subject), ("type", \.type), ("channel", \.channel), ("department", \.department),
            ("product", \.product), ("mailbox", \.mailbox), ("brand", \.brand), ("language", \.language),
            ("organization", \.organization),
        ]
    }

    /// What is sent for a ticket: texts only.
    static func variables(of ticket: Ticket) -> [JSON.Member] {
        var out: [JSON.Member] = []
        for (name, path) in texts() {
            if let text = ticket[keyPath: path], !text.isEmpty { out.append(.init(prefix + name, .string(text))) }
        }
        if !ticket.tags.isEmpty { out.append(.init(prefix + "tags", .string(ticket.tags.joined(separator: "\n")))) }
        for name in ticket.customFields.keys.sorted() where isHeld(name) {
            guard let value = ticket.customFields[name] else { continue }
            out.append(.init(name, .string(text(of: value))))
        }
        return out
    }

    /// Whether a custom field of that name can be a variable.
    static func isHeld(_ name: String) -> Bool { !name.isEmpty && !name.hasPrefix(prefix) }

    private static func text(of value: FieldValue) -> String {
        switch value {
        case .string(let text), .number(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .list(let items): items.joined(separator: "\n")
        }
    }

    /// Puts a chat's variables where they belong.
    ///
    /// `{key: value}`, `{key: {label, value}}` and `[{key, label, value}]` are understood; a label is the field's name.
    static func read(_ json: JSON?, into ticket: inout Ticket) {
        var found: [(key: String, label: String?, value: JSON)] = []
        for member in json?.members ?? [] {
            if member.value.members != nil, let value = member.value["value"] {
                found.append((member.key, member.value["label"]?.text, value))
            } else {
                found.append((member.key, nil, member.value))
            }
        }
        for item in json?.array ?? [] {
            guard let key = item["key"]?.text ?? item["name"]?.text, let value = item["value"] else { continue }
            found.append((key, item["label"]?.text, value))
        }
        let known = Dictionary(uniqueKeysWithValues: texts().map { (prefix + $0.name, $0.path) })
        for (key, label, value) in found {
            if let path = known[key], let text = value.text {
                ticket[keyPath: path] = text
            } else if key == prefix + "tags", let text = value.text {
                for tag in text.split(separator: "\n").map(String.init) where !ticket.tags.contains(tag) {
                    ticket.tags.append(tag)
                }
            } else if let field = field(value) {
                let name = label.flatMap { $0.isEmpty || ticket.customFields[$0] != nil ? nil : $0 } ?? key
                ticket.customFields[name] = field
            }
        }
    }

    /// A number is the text of its digits: the service does not tell one from the other, and we write texts only.
    private static func field(_ value: JSON) -> FieldValue? {
        switch value {
        case .null: nil
        case .string(let text): .string(text)
        case .number(let digits): .string(digits)
        case .bool(let flag): .bool(flag)
        case .array(let items) where items.allSatisfy({ $0.text != nil }): .list(items.compactMap(\.text))
        default: .string(value.canonicalText)
        }
    }
}
