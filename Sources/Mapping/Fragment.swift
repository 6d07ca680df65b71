// SPDX-License-Identifier: Apache-2.0
package import TicketModel

// The seam between Mapping (rules over records) and Dumps (grouping, sorting, spilling, joining).
//
// 1. `let plan = try MappingFile(yaml: bytes, name: …).read!` is a ``ReadPlan``: plain values, Sendable.
// 2. For each list in `plan.tablePasses` (empty for most CSVs, one for most others) Dumps reads all inputs once and calls
//    `mapper.tableRows(of: block, firstOrdinal:, tables: thatList)` on every block, and keeps the rows by the table's
//    ``ReadPlan/Table/onRepeat``. Tables of a later pass may look up those of an earlier one.
// 3. Dumps reads all inputs once more and calls `mapper.fragments(of: block, firstOrdinal:)`.
//    A block must come from a reader that was opened with `plan.sets(forFile:)`; its `Record.set` counts into that list.
//    With `plan.isOwnFormat` readers undo what our writers do (`CSVReader.Options.defused`, `XMLReader.Options.base64`).
// 4. `mapper.tally` then says what happened; several mappers (one a task) are added up by `Tally.add`.
//
//     var mapper = RecordMapper(plan: plan, zone: zoneOrNil, tables: lookup)
//     mapper.fragments(of: consuming RecordBlock, firstOrdinal: UInt64, sets: [Int]) throws -> FragmentBlock
//     mapper.tableRows(of: consuming RecordBlock, firstOrdinal: UInt64, sets: [Int], tables: [Int]) throws -> TableRowBlock

/// What one block of records gives to tickets: fragments over one buffer.
package struct FragmentBlock: Sendable {
    /// Keys and payloads of all fragments.
    package var bytes: [UInt8] = []
    /// The fragments, in the order of the records and, within one, of the makers.
    package var fragments: [Fragment] = []
    /// The names of the kinds of records that ``Fragment/kindOfRecord`` counts into; only ever grows within one mapper.
    package var kinds: [String] = []

    /// An empty block.
    package init() {}
}

/// A part of one ticket, as one maker took it from one record.
package struct Fragment: Sendable {
    /// What it is a part of.
    ///
    /// The raw values order fragments of one ticket.
    package enum Kind: UInt8, Sendable {
        /// The ticket's own values: an object without `messages`, `tags` and `participants`.
        case ticket = 0
        /// A message: an object without `attachments`, and without `author` when ``Flags/authorIsRequester``.
        case message = 1
        /// An attachment: an object, on the message ``messageKey`` or, without one, on the message that opened the ticket.
        case attachment = 2
        /// A participant: a person's object.
        case participant = 3
        /// A tag: a JSON string.
        case tag = 4
    }

    /// What a fragment is besides its kind.
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The message opened its ticket.
        package static let opens = Flags(rawValue: 1)
        /// The author is whoever is the ticket's requester; the assembler copies that object.
        package static let authorIsRequester = Flags(rawValue: 2)
        /// ``Fragment/seconds`` and ``Fragment/nanoseconds`` hold the message's time.
        package static let hasTime = Flags(rawValue: 4)
    }

    package var kind: Kind
    package var flags: Flags
    /// Which of the plan's rules of that kind made it: equal times go by it. Also the index in `plan.ticketRepeat` …
    package var ruleIndex: UInt16
    /// The kind of the record it came from: index in ``FragmentBlock/kinds``, for counting what ends up in no ticket.
    package var kindOfRecord: UInt32
    /// The record: its place among all records of all inputs.
    package var record: UInt64
    /// The place within the record: which one of its fragments.
    package var part: UInt32
    /// The line the record starts on.
    package var line: UInt32
    /// The ticket's key: bytes as in the source (not JSON).
    ///
    /// Fragments of one ticket have equal keys.
    package var ticketKey: Range<Int>
    /// A message's own id, or the id of the message an attachment is on; bytes as in the source.
    package var messageKey: Range<Int>?
    /// Canonical JSON: keys sorted by bytes, no blanks, absent left out.
    ///
    /// An object, or for a tag a string.
    package var payload: Range<Int>
    /// The message's time, with ``Flags/hasTime``.
    package var seconds: Int64
    /// The fraction of the message's time.
    package var nanoseconds: UInt32
    /// Of a ticket's own values, fresh from the mapper: where things stand in ``payload``.
    ///
    /// Nil: to be found by looking.
    package var places: HeadPlaces?
}

/// Where in a ticket's payload the members go that other fragments make, and where the requester stands: the mapper
/// knows while it writes, so that nobody has to read its JSON again.
///
/// Offsets from the payload's start: of the member that follows, or of the closing brace.
package struct HeadPlaces: Sendable, BitwiseCopyable {
    package var messages: UInt32
    package var participants: UInt32
    package var tags: UInt32
    /// The requester's object; empty for nobody.
    package var requesterStart: UInt32 = 0
    package var requesterEnd: UInt32 = 0

    /// Makes one; see the properties.
    package init(messages: UInt32, participants: UInt32, tags: UInt32) {
        self.messages = messages
        self.participants = participants
        self.tags = tags
    }

    /// Keeps the places of members within the object.
    mutating func limit(to end: Int) {
        messages = min(messages, UInt32(end))
        participants = min(participants, UInt32(end))
        tags = min(tags, UInt32(end))
    }

    /// Moves everything behind an offset further on.
    mutating func shift(behind offset: Int, by more: Int) {
        func moved(_ place: UInt32) -> UInt32 { Int(place) >= offset ? place + UInt32(more) : place }
        messages = moved(messages)
        participants = moved(participants)
        tags = moved(tags)
        if requesterEnd > 0 {
            requesterStart = moved(requesterStart)
            requesterEnd = moved(requesterEnd)
        }
    }
}

/// What a maker does when a key comes twice.
package enum RepeatPolicy: String, Sendable, CaseIterable {
    /// Bad input, with both places.
    case fail
    /// The first in the order of the input stays.
    case first
    /// The last in the order of the input stays.
    case last
    /// The first stays, and what it leaves absent is filled from the later ones.
    case fill
    /// Nobody: a look-up of that key finds nothing (`tables`), counted.
    case ambiguous
}

/// What one block of records gives to look-up tables.
package struct TableRowBlock: Sendable {
    /// Keys and rows.
    package var bytes: [UInt8] = []
    package var rows: [Row] = []

    /// One row of one table.
    package struct Row: Sendable {
        /// Index in ``ReadPlan/tables``.
        package var table: Int
        /// The key's bytes.
        package var key: Range<Int>
        /// The fields, as ``TableRow`` writes them.
        package var fields: Range<Int>
        /// The record's place among all records of all inputs.
        package var record: UInt64
        /// The line the record starts on.
        package var line: UInt32
    }

    /// An empty block.
    package init() {}
}

/// How the fields of a table's row stand in bytes: for each of the table's fields, in the order of
/// ``ReadPlan/Table/fields``, the length as four bytes (little endian, all ones for absent), then the text.
package enum TableRow {
    /// Appends one field.
    package static func append(_ text: UnsafeRawBufferPointer?, to out: inout [UInt8]) {
        let length = text.map { UInt32($0.count) } ?? .max
        for shift in [0, 8, 16, 24] as [UInt32] { out.append(UInt8(truncatingIfNeeded: length >> shift)) }
        if let text { out.append(contentsOf: text) }
    }

    /// The ranges of the fields within a row's bytes (counted from the start of `bytes`), nil for absent ones.
    package static func fields(of bytes: some Collection<UInt8>) -> [Range<Int>?] {
        var fields: [Range<Int>?] = []
        let bytes = Array(bytes)
        var at = 0
        while at + 4 <= bytes.count {
            var length: UInt32 = 0
            for i in 0..<4 { length |= UInt32(bytes[at + i]) << UInt32(8 * i) }
            at += 4
            if length == .max {
                fields.append(nil)
            } else {
                fields.append(at..<at + Int(length))
                at += Int(length)
            }
        }
        return fields
    }

    /// Row `a` with its absent fields filled from row `b`: ``RepeatPolicy/fill``.
    package static func filled(_ a: [UInt8], from b: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        for (x, y) in zip(fields(of: a), fields(of: b)) {
            if let x {
                a.withUnsafeBytes { append(UnsafeRawBufferPointer(rebasing: $0[x]), to: &out) }
            } else if let y {
                b.withUnsafeBytes { append(UnsafeRawBufferPointer(rebasing: $0[y]), to: &out) }
            } else {
                append(nil, to: &out)
            }
        }
        return out
    }
}

/// Looks rows up: implemented by Dumps, in memory and past a limit on disk.
package protocol TableLookup: AnyObject {
    /// Appends the row's bytes (see ``TableRow``) to `out`.
    ///
    /// - Returns: whether there is such a row; false also for a key that is ambiguous. Nothing is appended then.
    /// - Throws: `Diagnostic` when the machine cannot read.
    func append(rowOf table: Int, key: UnsafeRawBufferPointer, to out: inout [UInt8]) throws -> Bool
}

/// What mapping met on the way: said once with counts, by whoever runs it.
package struct Tally: Sendable, Equatable {
    /// Records of one kind.
    package struct Records: Sendable, Equatable {
        /// In all.
        package var read = 0
        /// Claimed by a maker of tickets, messages, tags, participants or attachments.
        ///
        /// Dumps moves those that end up in no ticket (a reply to a ticket that the mapping leaves out) to
        /// ``leftAside``.
        package var inTickets = 0
        /// Claimed by a table only.
        package var inTables = 0
        /// Claimed by nobody.
        package var leftAside = 0
        /// Makes a count of nothing.
        package init() {}
    }
    /// By the name of the kind: the set and what tells its records apart (`item kbs_log`).
    package var records: [String: Records] = [:]
    /// Labels without a canonical word: how often, by `status` or `priority` and label.
    package var labelsWithoutWord: [String: [String: Int]] = [:]
    /// Times that name no zone and for which none was told; they were read as UTC.
    package var timesWithoutZone = 0
    /// Values that are no readable date, by the path they stand at: how many, and the first.
    package var unreadableDates: [String: Sample] = [:]
    /// Local times that happened twice when a clock was set back (read as the first) or never (moved forward).
    package var ambiguousTimes = 0
    /// Look-ups that found nothing, by the table.
    package var refsWithoutRow: [String: Sample] = [:]
    /// PHP or JSON values that could not be read, by path; they stay as they are.
    package var unreadableTrees: [String: Sample] = [:]

    /// A count with one example.
    package struct Sample: Sendable, Equatable {
        package var count: Int
        package var first: String
        package var at: SourceLocation
        /// Makes one.
        package init(count: Int, first: String, at: SourceLocation) {
            self.count = count
            self.first = first
            self.at = at
        }
    }

    /// Nothing met yet.
    package init() {}

    /// Adds what another mapper met.
    package mutating func add(_ other: Tally) {
        for (kind, more) in other.records {
            records[kind, default: Records()].read += more.read
            records[kind, default: Records()].inTickets += more.inTickets
            records[kind, default: Records()].inTables += more.inTables
            records[kind, default: Records()].leftAside += more.leftAside
        }
        for (field, labels) in other.labelsWithoutWord {
            labelsWithoutWord[field, default: [:]].merge(labels, uniquingKeysWith: +)
        }
        timesWithoutZone += other.timesWithoutZone
        ambiguousTimes += other.ambiguousTimes
        let sum = { (a: Sample, b: Sample) in Sample(count: a.count + b.count, first: a.first, at: a.at) }
        unreadableDates.merge(other.unreadableDates, uniquingKeysWith: sum)
        refsWithoutRow.merge(other.refsWithoutRow, uniquingKeysWith: sum)
        unreadableTrees.merge(other.unreadableTrees, uniquingKeysWith: sum)
    }
}
