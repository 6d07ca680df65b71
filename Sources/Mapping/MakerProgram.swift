// SPDX-License-Identifier: Apache-2.0

/// A maker as the mapper runs it.
///
/// A class, since it is taken up for every record: a ``Maker`` is a struct of a dozen lists, and each one's references
/// would be counted up and down each time.
final class MakerProgram: Sendable {
    /// Index among the makers of its kind.
    let ruleIndex: UInt16
    let kind: Fragment.Kind
    let opens: Bool
    /// The nodes within the record it takes; nil for the record itself.
    let each: RulePath?
    let when: [Condition]
    let ticketKey: Rule
    let messageKey: Rule?
    let fields: [Maker.Field]
    /// The first field behind which a ticket's `messages`, `participants` and `tags` do not stand any more.
    let messagesAt: Int
    let participantsAt: Int
    let tagsAt: Int
    let tag: Rule?
    let person: [PersonRule]
    let tags: Rule?
    let participants: [PersonRule]

    init(_ maker: Maker) {
        ruleIndex = UInt16(maker.index)
        kind = maker.kind
        opens = maker.opens
        each = maker.scope.each.isEmpty ? nil : RulePath(steps: maker.scope.each, text: "each")
        when = maker.scope.when
        ticketKey = maker.ticketKey
        messageKey = maker.messageKey
        fields = maker.fields
        func place(_ name: String) -> Int {
            maker.fields.firstIndex { name.utf8.lexicographicallyPrecedes($0.prefix.dropFirst().dropLast(2)) }
                ?? maker.fields.count
        }
        messagesAt = place("messages")
        participantsAt = place("participants")
        tagsAt = place("tags")
        tag = maker.tag
        person = maker.person
        tags = maker.tags
        participants = maker.participants
    }
}
