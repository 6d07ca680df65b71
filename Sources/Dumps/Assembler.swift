// SPDX-License-Identifier: Apache-2.0
package import Mapping
package import TicketModel

/// Makes the canonical line of a ticket from its fragments.
///
/// The same fragments give the same bytes, in whatever order their records stood, as long as messages have times or ids:
/// - The head by the maker's `onRepeat`; without a head there is no ticket, and its records are left aside.
/// - Messages: what opened the ticket, then by time, then by the maker, then by their own id (numbers by value), then by
///   place. A message without a time stays behind the one before it in its record; alone in its record it comes last.
/// - Attachments on the message of their key, else on the first. On a message that is not there they are left aside with it.
/// - Tags, participants and a message's attachments keep their order if one record holds them all; from several records
///   they are sorted by bytes. Tags and participants are sets.
package struct Assembler {
    /// By kind of record (``Fragment/kindOfRecord``): how many records ended up in no ticket though a maker claimed them.
    package private(set) var leftAside: [Int] = []
    /// Keys of tickets that came twice under `onRepeat: ambiguous`.
    package private(set) var ambiguous = 0
    /// How many tickets have a requester, and how many of these no address.
    package private(set) var requesters = (all: 0, withoutEmail: 0)
    private let ticketRepeat: [RepeatPolicy]
    private let messageRepeat: [RepeatPolicy]
    private let place: (UInt64, UInt32) -> SourceLocation
    private let enrich: (([UInt8]) throws -> [UInt8])?

    private var heads: [Int] = []
    private var slots: [Slot] = []
    private var attachments: [(fragment: Int, slot: Int)] = []
    private var participants: [Int] = []
    private var tags: [Int] = []

    /// A message and what it is sorted by.
    private struct Slot {
        var fragment: Int
        /// 0: opened the ticket, 1: has a time, 2: has none.
        var group: UInt8
        var seconds: Int64
        var nanoseconds: UInt32
        /// How many messages without a time stand between it and the one whose time it goes by.
        var carried: Int32
        var isDropped = false
        /// Bytes in place of the fragment's, when several were filled into one.
        var payload: [UInt8]?
    }

    /// An assembler for the tickets of one plan.
    ///
    /// - Parameters:
    ///   - ticketRepeat: what to do with a ticket that comes twice, by the index of its maker.
    ///   - messageRepeat: the same for messages with ids.
    ///   - place: where a record (by its number and line) stands.
    ///   - enrich: adds to an attachment's object what the folder of files tells; nil without such a folder.
    package init(
        ticketRepeat: [RepeatPolicy], messageRepeat: [RepeatPolicy],
        place: @escaping (UInt64, UInt32) -> SourceLocation, enrich: (([UInt8]) throws -> [UInt8])? = nil
    ) {
        self.ticketRepeat = ticketRepeat
        self.messageRepeat = messageRepeat
        self.place = place
        self.enrich = enrich
    }

    /// Appends the line of a ticket, without a line break.
    ///
    /// - Parameters:
    ///   - fragments: all fragments with one key, in the order of the input; their ranges are in `bytes`.
    ///   - bytes: the payloads.
    ///   - out: what the line is appended to.
    /// - Returns: false if there is no ticket for them: they are counted as left aside, and nothing is appended.
    /// - Throws: `Diagnostic` for a ticket or message that comes twice where the maker says `fail`.
    package mutating func assemble(
        _ fragments: UnsafeBufferPointer<Fragment>, of bytes: UnsafeRawBufferPointer, to out: inout [UInt8]
    ) throws -> Bool {
        sortOut(fragments)
        guard let chosen = heads.first else { return setAside(fragments) }
        var head = UnsafeRawBufferPointer(rebasing: bytes[fragments[chosen].payload])
        guard heads.count > 1 else {
            try write(head: head, fragments[chosen].places, fragments, bytes, to: &out)
            return true
        }
        let repeated = fragments[heads[1]]
        switch policy(ticketRepeat, repeated.ruleIndex) {
        case .fail:
            throw Diagnostic(
                code: "dump.repeated-ticket",
                "ticket \(text(bytes, repeated.ticketKey)) comes twice, first at \(location(fragments[chosen]))",
                at: location(repeated),
                remedy: "if one ticket has several records, say `onRepeat: first`, `last` or `fill` in the mapping; "
                    + "else its key is not the ticket's id")
        case .ambiguous:
            ambiguous += 1
            return setAside(fragments)
        case .first:
            dropSets(of: heads.dropFirst(), fragments)
            try write(head: head, nil, fragments, bytes, to: &out)
        case .last:
            dropSets(of: heads.dropLast(), fragments)
            head = UnsafeRawBufferPointer(rebasing: bytes[fragments[heads[heads.count - 1]].payload])
            try write(head: head, nil, fragments, bytes, to: &out)
        case .fill:
            let filled = heads.dropFirst().reduce(Array(head)) { $0.filled(from: Array(bytes[fragments[$1].payload])) }
            try filled.withUnsafeBytes { try write(head: $0, nil, fragments, bytes, to: &out) }
        }
        return true
    }

    private func location(_ fragment: Fragment) -> SourceLocation { place(fragment.record, fragment.line) }

    private func text(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private func policy(_ policies: [RepeatPolicy], _ index: UInt16) -> RepeatPolicy {
        Int(index) < policies.count ? policies[Int(index)] : .fail
    }

    private mutating func sortOut(_ fragments: UnsafeBufferPointer<Fragment>) {
        heads.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
        attachments.removeAll(keepingCapacity: true)
        participants.removeAll(keepingCapacity: true)
        tags.removeAll(keepingCapacity: true)
        var timed: (record: UInt64, seconds: Int64, nanoseconds: UInt32, carried: Int32)?
        for i in fragments.indices {
            let fragment = fragments[i]
            switch fragment.kind {
            case .ticket: heads.append(i)
            case .message:
                var slot = Slot(fragment: i, group: 2, seconds: .max, nanoseconds: 0, carried: 0)
                if fragment.flags.contains(.hasTime) {
                    slot.group = 1
                    slot.seconds = fragment.seconds
                    slot.nanoseconds = fragment.nanoseconds
                    timed = (fragment.record, fragment.seconds, fragment.nanoseconds, 0)
                } else if let before = timed, before.record == fragment.record {
                    slot.group = 1
                    slot.seconds = before.seconds
                    slot.nanoseconds = before.nanoseconds
                    slot.carried = before.carried + 1
                    timed?.carried += 1
                }
                if fragment.flags.contains(.opens) { slot.group = 0 }
                slots.append(slot)
            case .attachment: attachments.append((i, -1))
            case .participant: participants.append(i)
            case .tag: tags.append(i)
            }
        }
    }

    /// A record counts once, by its first fragment.
    private mutating func countAside(_ fragment: Fragment) {
        guard fragment.part == 0 else { return }
        let kind = Int(fragment.kindOfRecord)
        while leftAside.count <= kind { leftAside.append(0) }
        leftAside[kind] += 1
    }

    private mutating func setAside(_ fragments: UnsafeBufferPointer<Fragment>) -> Bool {
        for fragment in fragments { countAside(fragment) }
        return false
    }

    /// The tags and participants of heads that did not stay go with them.
    private mutating func dropSets(of losers: ArraySlice<Int>, _ fragments: UnsafeBufferPointer<Fragment>) {
        let records = Set(losers.map { fragments[$0].record })
        tags.removeAll { records.contains(fragments[$0].record) }
        participants.removeAll { records.contains(fragments[$0].record) }
    }

    private mutating func write(
        head: UnsafeRawBufferPointer, _ places: HeadPlaces?, _ fragments: UnsafeBufferPointer<Fragment>,
        _ bytes: UnsafeRawBufferPointer, to out: inout [UInt8]
    ) throws {
        if slots.count > 1 {
            try dropRepeated(fragments, bytes)
            sortMessages(fragments, bytes)
        }
        if !attachments.isEmpty { place(attachments: fragments, bytes) }
        let layout = places.map { HeadLayout($0) } ?? HeadLayout(head)
        if let requester = layout.requester {
            requesters.all += 1
            // `email` is the first of a person's keys.
            let hasEmail =
                requester.count > 3 && head[requester.lowerBound + 2] == UInt8(ascii: "e")
            if !hasEmail { requesters.withoutEmail += 1 }
        }
        out.append(UInt8(ascii: "{"))
        Self.members(head[1..<layout.messages], to: &out)
        try writeMessages(requester: layout.requester.map { head[$0] }, fragments, bytes, to: &out)
        out.append(UInt8(ascii: ","))
        Self.members(head[layout.messages..<layout.participants], to: &out)
        writeSet("\"participants\":[", participants, fragments, bytes, to: &out)
        Self.members(head[layout.participants..<layout.tags], to: &out)
        writeSet("\"tags\":[", tags, fragments, bytes, to: &out)
        Self.members(head[layout.tags..<head.count - 1], to: &out)
        if out[out.count - 1] == UInt8(ascii: ",") { out.removeLast() }
        out.append(UInt8(ascii: "}"))
    }

    /// Copies members as they stand, with a comma behind.
    @inline(__always)
    private static func members(_ slice: Slice<UnsafeRawBufferPointer>, to out: inout [UInt8]) {
        guard let last = slice.last else { return }
        out.append(contentsOf: UnsafeRawBufferPointer(rebasing: slice))
        if last != UInt8(ascii: ",") { out.append(UInt8(ascii: ",")) }
    }

    private mutating func writeMessages(
        requester: Slice<UnsafeRawBufferPointer>?, _ fragments: UnsafeBufferPointer<Fragment>,
        _ bytes: UnsafeRawBufferPointer, to out: inout [UInt8]
    ) throws {
        out.append(contentsOf: "\"messages\":[".utf8)
        var next = 0
        for s in slots.indices where !slots[s].isDropped {
            let fragment = fragments[slots[s].fragment]
            if out[out.count - 1] != UInt8(ascii: "[") { out.append(UInt8(ascii: ",")) }
            out.append(UInt8(ascii: "{"))
            while next < attachments.count, attachments[next].slot < s { next += 1 }
            if next < attachments.count, attachments[next].slot == s {
                try writeAttachments(&next, fragments, bytes, to: &out)
                out.append(UInt8(ascii: ","))
            }
            if fragment.flags.contains(.authorIsRequester), let requester {
                out.append(contentsOf: "\"author\":".utf8)
                out.append(contentsOf: UnsafeRawBufferPointer(rebasing: requester))
                out.append(UInt8(ascii: ","))
            }
            if let filled = slots[s].payload {
                out.append(contentsOf: filled[1...])
            } else {
                let payload = fragment.payload
                out.append(
                    contentsOf: UnsafeRawBufferPointer(rebasing: bytes[payload.lowerBound + 1..<payload.upperBound]))
            }
        }
        if slots.isEmpty, !attachments.isEmpty {
            // Files of a ticket without a message: nothing may be lost, and what is not told to be public is a note.
            var next = 0
            out.append(UInt8(ascii: "{"))
            try writeAttachments(&next, fragments, bytes, to: &out)
            out.append(contentsOf: ",\"kind\":\"note\"}".utf8)
        }
        out.append(UInt8(ascii: "]"))
    }

    private func writeAttachments(
        _ next: inout Int, _ fragments: UnsafeBufferPointer<Fragment>, _ bytes: UnsafeRawBufferPointer,
        to out: inout [UInt8]
    ) throws {
        let slot = attachments[next].slot
        out.append(contentsOf: "\"attachments\":[".utf8)
        while next < attachments.count, attachments[next].slot == slot {
            if out[out.count - 1] != UInt8(ascii: "[") { out.append(UInt8(ascii: ",")) }
            let payload = bytes[fragments[attachments[next].fragment].payload]
            if let enrich {
                out.append(contentsOf: try enrich(Array(payload)))
            } else {
                out.append(contentsOf: UnsafeRawBufferPointer(rebasing: payload))
            }
            next += 1
        }
        out.append(UInt8(ascii: "]"))
    }

    /// Writes a set with a comma behind; nothing for an empty one.
    private func writeSet(
        _ name: StaticString, _ indices: [Int], _ fragments: UnsafeBufferPointer<Fragment>,
        _ bytes: UnsafeRawBufferPointer, to out: inout [UInt8]
    ) {
        guard let first = indices.first else { return }
        var values = indices.map { UnsafeRawBufferPointer(rebasing: bytes[fragments[$0].payload]) }
        // `""` and `{}` are absent.
        values.removeAll { $0.count <= 2 }
        if values.isEmpty { return }
        if indices.contains(where: { fragments[$0].record != fragments[first].record }) {
            values.sort { IdentifierOrder.bytes($0, $1) < 0 }
        }
        out.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        for (i, value) in values.enumerated() {
            if values[..<i].contains(where: { IdentifierOrder.bytes($0, value) == 0 }) { continue }
            if i > 0 { out.append(UInt8(ascii: ",")) }
            out.append(contentsOf: value)
        }
        out.append(contentsOf: "],".utf8)
    }

    private mutating func sortMessages(_ fragments: UnsafeBufferPointer<Fragment>, _ bytes: UnsafeRawBufferPointer) {
        func key(_ slot: Slot) -> UnsafeRawBufferPointer? {
            fragments[slot.fragment].messageKey.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) }
        }
        func precedes(_ a: Slot, _ b: Slot) -> Bool {
            if a.group != b.group { return a.group < b.group }
            if a.seconds != b.seconds { return a.seconds < b.seconds }
            if a.nanoseconds != b.nanoseconds { return a.nanoseconds < b.nanoseconds }
            if a.carried != b.carried { return a.carried < b.carried }
            let x = fragments[a.fragment].ruleIndex
            let y = fragments[b.fragment].ruleIndex
            if x != y { return x < y }
            switch (key(a), key(b)) {
            case (let a?, let b?):
                let order = IdentifierOrder.compare(a, b)
                if order != 0 { return order < 0 }
            case (.some, nil): return true
            case (nil, .some): return false
            case (nil, nil): break
            }
            return a.fragment < b.fragment
        }
        if zip(slots, slots.dropFirst()).contains(where: { precedes($1, $0) }) { slots.sort(by: precedes) }
    }

    /// Whether two messages may have one id: a look at each pair, for the few messages that most tickets have.
    private func mayRepeat(_ fragments: UnsafeBufferPointer<Fragment>, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard slots.count <= 16 else { return true }
        for s in slots.indices.dropFirst() {
            guard let key = fragments[slots[s].fragment].messageKey, !key.isEmpty else { continue }
            for t in 0..<s {
                if let other = fragments[slots[t].fragment].messageKey, other.count == key.count,
                    bytes[other].elementsEqual(bytes[key])
                {
                    return true
                }
            }
        }
        return false
    }

    /// Messages with the id of an earlier one of the same maker, by that maker's `onRepeat`.
    private mutating func dropRepeated(
        _ fragments: UnsafeBufferPointer<Fragment>, _ bytes: UnsafeRawBufferPointer
    ) throws {
        guard mayRepeat(fragments, bytes) else { return }
        struct Key: Hashable {
            let rule: UInt16
            let id: [UInt8]
        }
        var seen: [Key: Int] = [:]
        var ambiguousKeys: Set<Key> = []
        for s in slots.indices {
            let fragment = fragments[slots[s].fragment]
            guard let range = fragment.messageKey, !range.isEmpty else { continue }
            let key = Key(rule: fragment.ruleIndex, id: Array(bytes[range]))
            guard let earlier = seen[key] else {
                seen[key] = s
                continue
            }
            switch policy(messageRepeat, fragment.ruleIndex) {
            case .fail:
                throw Diagnostic(
                    code: "dump.repeated-message",
                    "message \(text(bytes, range)) of ticket \(text(bytes, fragment.ticketKey)) comes twice, first at "
                        + "\(location(fragments[slots[earlier].fragment]))",
                    at: location(fragment),
                    remedy: "say `onRepeat: first`, `last` or `fill` at the message's maker; else its key is not its id"
                )
            case .first: slots[s].isDropped = true
            case .last:
                slots[earlier].isDropped = true
                seen[key] = s
            case .fill:
                let first = slots[earlier].payload ?? Array(bytes[fragments[slots[earlier].fragment].payload])
                slots[earlier].payload = first.filled(from: Array(bytes[fragment.payload]))
                slots[s].isDropped = true
            case .ambiguous:
                ambiguousKeys.insert(key)
                slots[s].isDropped = true
                countAside(fragment)
            }
        }
        for key in ambiguousKeys {
            guard let s = seen[key] else { continue }
            slots[s].isDropped = true
            countAside(fragments[slots[s].fragment])
        }
        slots.removeAll(where: \.isDropped)
    }

    private mutating func place(
        attachments fragments: UnsafeBufferPointer<Fragment>, _ bytes: UnsafeRawBufferPointer
    ) {
        var kept: [(fragment: Int, slot: Int)] = []
        for attachment in attachments {
            let fragment = fragments[attachment.fragment]
            var slot: Int? = 0
            if let key = fragment.messageKey, !key.isEmpty {
                slot = slots.firstIndex {
                    fragments[$0.fragment].messageKey.map { bytes[$0].elementsEqual(bytes[key]) } ?? false
                }
                // The ticket's own id stands for the message that opened it.
                if slot == nil, bytes[key].elementsEqual(bytes[fragment.ticketKey]) { slot = 0 }
            }
            if let slot { kept.append((attachment.fragment, slot)) } else { countAside(fragment) }
        }
        var isScattered: Set<Int> = []
        for (a, b) in zip(kept, kept.dropFirst()) where a.slot == b.slot {
            if fragments[a.fragment].record != fragments[b.fragment].record { isScattered.insert(a.slot) }
        }
        kept.sort { a, b in
            if a.slot != b.slot { return a.slot < b.slot }
            if isScattered.contains(a.slot) {
                let order = IdentifierOrder.bytes(
                    UnsafeRawBufferPointer(rebasing: bytes[fragments[a.fragment].payload]),
                    UnsafeRawBufferPointer(rebasing: bytes[fragments[b.fragment].payload]))
                if order != 0 { return order < 0 }
            }
            return a.fragment < b.fragment
        }
        attachments = kept
    }
}

/// Where in a head's object the assembler's own members go, and where the requester stands.
private struct HeadLayout {
    /// Where `messages`, `participants` and `tags` go: offsets of the members that follow them.
    var messages: Int
    var participants: Int
    var tags: Int
    var requester: Range<Int>?

    /// As the mapper says it.
    init(_ places: HeadPlaces) {
        messages = Int(places.messages)
        participants = Int(places.participants)
        tags = Int(places.tags)
        requester = places.requesterEnd > 0 ? Int(places.requesterStart)..<Int(places.requesterEnd) : nil
    }

    /// By looking.
    init(_ head: UnsafeRawBufferPointer) {
        let end = head.count - 1
        messages = -1
        participants = -1
        tags = -1
        CanonicalScan.members(of: head, object: 0..<head.count) { key, value in
            let first = head[key.lowerBound + 1]
            // No other key of a ticket starts with `m`, `p` or `t` between these: mailbox < messages < number, …
            if messages < 0, first >= 0x6D, Self.follows(head, key, "messages") { messages = key.lowerBound }
            if participants < 0, first >= 0x70, Self.follows(head, key, "participants") {
                participants = key.lowerBound
            }
            if tags < 0, first >= 0x74, Self.follows(head, key, "tags") {
                tags = key.lowerBound
                return false
            }
            if first == 0x72, CanonicalScan.string(head, key) == "requester" { requester = value }
            return true
        }
        if tags < 0 { tags = end }
        if participants < 0 { participants = tags }
        if messages < 0 { messages = participants }
    }

    private static func follows(_ head: UnsafeRawBufferPointer, _ key: Range<Int>, _ name: StaticString) -> Bool {
        IdentifierOrder.bytes(
            UnsafeRawBufferPointer(rebasing: head[key.lowerBound + 1..<key.upperBound - 1]),
            UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)) > 0
    }
}

extension [UInt8] {
    /// A canonical object with its absent members filled from another: of custom fields and extras each member alone, of
    /// people only the whole (half of one person and half of another is nobody).
    func filled(from other: [UInt8]) -> [UInt8] {
        guard let mine = try? JSON(parsing: self).members, let others = try? JSON(parsing: other).members else {
            return self
        }
        func fill(_ mine: [JSON.Member], _ others: [JSON.Member], deep: Bool) -> [JSON.Member] {
            var result = mine
            for member in others {
                if let i = result.firstIndex(where: { $0.key == member.key }) {
                    if deep, member.key == "customFields" || member.key == "extras",
                        let a = result[i].value.members, let b = member.value.members
                    {
                        result[i].value = .object(fill(a, b, deep: false))
                    }
                } else {
                    result.append(member)
                }
            }
            return result
        }
        return JSON.object(fill(mine, others, deep: true)).canonicalBytes()
    }
}
