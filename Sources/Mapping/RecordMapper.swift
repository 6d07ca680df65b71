// SPDX-License-Identifier: Apache-2.0
package import Formats
import TicketModel

/// Runs the rules of a read half over records.
///
/// Confined to one task; several may run over the blocks of one input.
///
/// Nothing is kept from block to block but names and counts.
package struct RecordMapper {
    let plan: ReadPlan
    var tree: RecordTree
    private let tables: (any TableLookup)?
    /// The zone of times that name none.
    let zone: Zone?
    /// What was met so far; records are counted by ``fragments(of:firstOrdinal:sets:)`` only.
    package var tally: Tally {
        var all = met
        for (field, labels) in [("status", statusLabels), ("priority", priorityLabels), ("kind", kindLabels)] {
            if let counts = labels.byLabel { all.labelsWithoutWord[field] = counts }
        }
        for (kind, counts) in zip(kinds, counts) { all.records[kind] = counts }
        return all
    }
    /// What identifies the source, as soon as a record has told it.
    package private(set) var identity: String?

    var met = Tally()
    // Labels without a word.
    var statusLabels = LabelCounts()
    var priorityLabels = LabelCounts()
    var kindLabels = LabelCounts()
    let statusWords: WordTable
    let priorityWords: WordTable
    let kindWords: WordTable
    private var kindNames = NameTable()
    /// By set: the kind of records of a set that has but one.
    private var onlyKinds: [Int]
    private let setNames: [[UInt8]]
    private var kinds: [String] = []
    private var counts: [Tally.Records] = []

    // The record at work.
    var out: [UInt8] = []
    var pending: [Pending] = []
    /// What the mapping itself puts into `extras`, by the place in ``pending``; apart, so that a `Pending` is copied as plain bytes.
    var givenExtras: [(pending: Int, members: [JSON.Member])] = []
    private var file = ""
    private var line: UInt32 = 0
    private var column: UInt32 = 0
    /// By set: the makers that take from it.
    private let makers: [[MakerProgram]]
    /// Values of a list at work.
    var list: [Range<Int>] = []
    /// A person at work: by `PersonField`.
    var person: [Range<Int>?] = Array(repeating: nil, count: PersonField.allCases.count)
    /// The last look-up of a person that found nobody.
    var missed: (table: Int, key: Range<Int>)?
    /// The requester's address of the record's ticket.
    var requesterEmail: Range<Int>?
    var rest = RestWriter()

    /// A fragment whose record has not been gone through yet: what is left over may still be added.
    struct Pending {
        var ruleIndex: UInt16
        var kind: Fragment.Kind
        var flags: Fragment.Flags = []
        var context: UInt32
        var ticketKey: Range<Int>
        var messageKey: Range<Int>?
        /// Its payload in ``RecordMapper/out``, with a comma behind every member, without braces.
        var payload: Range<Int>
        /// Where `extras` belongs.
        var extrasAt: Int?
        var seconds: Int64 = 0
        var nanoseconds: UInt32 = 0
        /// Of a ticket: offsets in its payload as ``RecordMapper/out`` has it, without the brace.
        var places: HeadPlaces?
    }

    /// Starts with nothing met.
    ///
    /// - Parameters:
    ///   - plan: the compiled mapping.
    ///   - zone: the zone that the migration names for times without one; stands over the mapping's.
    ///   - tables: where rows are looked up; nil where the plan has no tables.
    package init(plan: ReadPlan, zone: Zone? = nil, tables: (any TableLookup)? = nil) {
        self.plan = plan
        self.zone = zone ?? plan.rules.zone
        self.tables = tables
        tree = RecordTree(rules: plan.rules)
        makers = plan.sets.indices.map { set in
            plan.rules.makers.filter { $0.scope.set == set }.map { MakerProgram($0) }
        }
        statusWords = WordTable(plan.rules.status)
        priorityWords = WordTable(plan.rules.priority)
        kindWords = WordTable(plan.rules.kind)
        onlyKinds = Array(repeating: -1, count: plan.sets.count)
        setNames = plan.sets.map { Array($0.name.utf8) }
    }

    /// The fragments of tickets in a block.
    ///
    /// - Parameters:
    ///   - block: from a reader opened with the sets that `sets` counts.
    ///   - firstOrdinal: the place of the block's first record among all records of all inputs.
    ///   - sets: by the reader's set: the index in ``ReadPlan/sets``.
    /// - Returns: the fragments, in the order of the records.
    /// - Throws: `Diagnostic`: a label where the mapping says `fail`, or what a table's look-up throws.
    package mutating func fragments(
        of block: consuming RecordBlock, firstOrdinal: UInt64, sets: [Int]
    ) throws -> FragmentBlock {
        var result = FragmentBlock()
        let records = block.records
        let file = block.file
        result.bytes.reserveCapacity(block.bytes.count + 64 * records.count)
        tree.load(block)
        self.file = file
        for (number, record) in records.enumerated() {
            let set = sets[Int(record.set)]
            enter(record, set: set)
            for maker in makers[set] {
                if let each = maker.each {
                    for context in tree.all(each, from: tree.root) where matches(maker.when, context) {
                        try make(maker, context)
                    }
                } else if matches(maker.when, tree.root) {
                    try make(maker, tree.root)
                }
            }
            let kind = kindOfRecord(set)
            if pending.isEmpty {
                if isInTables(set) { counts[kind].inTables += 1 } else { counts[kind].leftAside += 1 }
            } else {
                counts[kind].inTickets += 1
                addRest()
                finish(
                    into: &result, kind: UInt32(kind), ordinal: firstOrdinal + UInt64(number), line: record.line)
            }
        }
        result.kinds = kinds
        return result
    }

    /// The rows of tables in a block; see ``fragments(of:firstOrdinal:sets:)``.
    ///
    /// - Parameters:
    ///   - block: from a reader opened with the sets that `sets` counts.
    ///   - firstOrdinal: the place of the block's first record among all records of all inputs.
    ///   - sets: by the reader's set: the index in ``ReadPlan/sets``.
    ///   - wanted: indices in ``ReadPlan/tables``: one of ``ReadPlan/tablePasses``.
    /// - Returns: the rows, in the order of the records.
    /// - Throws: what a table's look-up throws.
    package mutating func tableRows(
        of block: consuming RecordBlock, firstOrdinal: UInt64, sets: [Int], tables wanted: [Int]
    ) throws -> TableRowBlock {
        var result = TableRowBlock()
        let records = block.records
        let file = block.file
        tree.load(block)
        self.file = file
        for (number, record) in records.enumerated() {
            let set = sets[Int(record.set)]
            guard wanted.contains(where: { plan.rules.tables[$0].scope.set == set }) else { continue }
            enter(record, set: set)
            for table in wanted where plan.rules.tables[table].scope.set == set {
                let maker = plan.rules.tables[table]
                for context in contexts(maker.scope) where matches(maker.scope.when, context) {
                    guard let key = try scalar(maker.key, context) else { continue }
                    let keyStart = result.bytes.count
                    result.bytes.append(contentsOf: tree.bytes[key])
                    let fieldsStart = result.bytes.count
                    for rule in maker.fields {
                        let value = try scalar(rule, context)
                        tree.bytes.withUnsafeBytes { bytes in
                            TableRow.append(
                                value.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) }, to: &result.bytes)
                        }
                    }
                    result.rows.append(
                        .init(
                            table: table, key: keyStart..<fieldsStart, fields: fieldsStart..<result.bytes.count,
                            record: firstOrdinal + UInt64(number), line: record.line))
                }
            }
        }
        return result
    }

    private mutating func enter(_ record: RecordBlock.Record, set: Int) {
        tree.enter(record)
        out.removeAll(keepingCapacity: true)
        pending.removeAll(keepingCapacity: true)
        if !givenExtras.isEmpty { givenExtras.removeAll() }
        requesterEmail = nil
        line = record.line
        column = record.column
        for item in plan.rules.lets[set] {
            if let bad = tree.make(item) {
                note(\.unreadableTrees, item.name.map { tree.names.text($0) } ?? ".", bad)
            }
        }
        if identity == nil, let rule = plan.rules.identity, rule.set == set {
            // Only the look at the identity is taken back, not what the `let`s used up.
            let mark = tree.mark
            identity = (try? scalar(rule.rule, tree.root)).flatMap { $0 }.map { text($0) }
            tree.undo(to: mark)
        }
    }

    private func contexts(_ scope: Scope) -> [UInt32] { scope.each.isEmpty ? [tree.root] : tree.nodes(at: scope.each) }

    private mutating func isInTables(_ set: Int) -> Bool {
        if plan.rules.identity?.set == set { return true }
        for table in plan.rules.tables where table.scope.set == set {
            for context in contexts(table.scope) where matches(table.scope.when, context) { return true }
        }
        return false
    }

    /// A set's records are told apart by the value that most of its makers ask for.
    private mutating func kindOfRecord(_ set: Int) -> Int {
        if onlyKinds[set] >= 0 {
            counts[onlyKinds[set]].read += 1
            return onlyKinds[set]
        }
        let start = tree.bytes.count
        tree.bytes.append(contentsOf: setNames[set])
        if let path = plan.rules.kindPaths[set].first, kinds.count < 1000,
            let node = tree.firstFull(path, from: tree.root)
        {
            tree.bytes.append(UInt8(ascii: " "))
            tree.copy(tree.text(node).prefix(64))
        }
        let id = Int(tree.bytes.withUnsafeBytes { kindNames.id(UnsafeRawBufferPointer(rebasing: $0[start...])) })
        if id == kinds.count {
            kinds.append(kindNames.text(UInt32(id)))
            counts.append(Tally.Records())
        }
        if plan.rules.kindPaths[set].isEmpty { onlyKinds[set] = id }
        counts[id].read += 1
        return id
    }

    /// Looks a row up; its bytes stand behind the tree's.
    mutating func row(_ table: Int, key: Range<Int>) throws -> Range<Int>? {
        guard let tables else { return nil }
        let start = tree.bytes.count
        // The look-up appends to the buffer that the key is in: the key goes by a copy.
        let copy = Array(tree.bytes[key])
        let found = try copy.withUnsafeBytes { try tables.append(rowOf: table, key: $0, to: &tree.bytes) }
        return found ? start..<tree.bytes.count : nil
    }

    /// Where the record at work stands.
    func location() -> SourceLocation { SourceLocation(file: file, line: Int(line), column: Int(column)) }

    /// A value as text.
    func text(_ range: Range<Int>) -> String { String(decoding: tree.bytes[range], as: UTF8.self) }

    /// Counts something with its first example.
    mutating func note(_ field: WritableKeyPath<Tally, [String: Tally.Sample]>, _ key: String, _ value: Range<Int>) {
        if met[keyPath: field][key] != nil {
            met[keyPath: field][key]?.count += 1
        } else {
            met[keyPath: field][key] = Tally.Sample(count: 1, first: String(text(value).prefix(80)), at: location())
        }
    }
}
