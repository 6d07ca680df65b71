// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import Mapping
internal import Migration
internal import TicketModel

/// One reading of a dump: tables first, then records → fragments → canonical lines.
///
/// A plan in which all of a ticket stands in one record (``ReadPlan/keepsTicketsInOneRecord``) streams, in the order of
/// the input. Any other plan may scatter a ticket: its fragments are sorted (on disk past the limit) and the tickets come
/// in the order of their ids, numbers by value, so that shuffled records give the same bytes.
final class DumpRun {
    private let job: DumpJob
    private let inputs: InputSet
    private let diagnostics: any DiagnosticSink
    private let progress: (DumpProgress) throws -> Void
    private var state = DumpProgress()
    /// The files whose records were read, with the number of the first one of each.
    private let places = RecordPlaces()
    private(set) var tables: TableStore?

    /// Makes a run.
    ///
    /// - Parameters:
    ///   - job: how to read.
    ///   - inputs: the dump's files.
    ///   - diagnostics: takes what can be gone on from.
    ///   - progress: told after every block; what it throws (an interruption) ends the run.
    init(
        _ job: DumpJob, inputs: InputSet, diagnostics: any DiagnosticSink,
        progress: @escaping (DumpProgress) throws -> Void
    ) {
        self.job = job
        self.inputs = inputs
        self.diagnostics = diagnostics
        self.progress = progress
        state.bytesInAll = inputs.size
    }

    /// Reads everything and hands the lines to `sink`.
    func run(into sink: any LineSink) throws -> DumpResult {
        guard let plan = job.plan else { return try runCanonical(into: sink) }
        let store = try readTables(plan)
        tables = store
        var mapper = RecordMapper(plan: plan, zone: job.zone, tables: store)
        let place = places
        var assembler = Assembler(
            ticketRepeat: plan.ticketRepeat, messageRepeat: plan.messageRepeat, place: { place.location($0, $1) },
            enrich: job.files.map { files in { try files.enrich($0) } })
        let out = LineWriter(sink)
        let seen = try SeenTickets()
        var spilled = 0
        var result = DumpResult()
        state.phase = .reading
        state.bytes = 0
        if plan.keepsTicketsInOneRecord {
            try eachBlock(plan) { block, sets, ordinal in
                guard let fragments = try self.fragments(&mapper, block, ordinal, sets, &result) else { return }
                try self.stream(fragments, &assembler, out, seen, &result)
            }
            try seen.refuseRepeated(places)
        } else {
            let sorter = SpillSorter(limit: job.memoryLimit)
            try eachBlock(plan) { block, sets, ordinal in
                guard let fragments = try self.fragments(&mapper, block, ordinal, sets, &result) else { return }
                try fragments.bytes.withUnsafeBytes { bytes in
                    for fragment in fragments.fragments {
                        let key = UnsafeRawBufferPointer(rebasing: bytes[fragment.ticketKey])
                        try sorter.add(key: key) { FragmentGroup.write(fragment, of: bytes, to: &$0) }
                    }
                }
            }
            try assemble(sorter, &assembler, out, &result)
            spilled = sorter.spilled
        }
        try out.flush()
        result.tickets = out.count
        result.spilled = spilled
        result.identity = mapper.identity
        finish(&result, plan, mapper.tally, assembler)
        if result.tickets == 0 && result.rejected == 0 && result.report.inTickets == 0 && result.report.read > 0
            && !plan.ticketRepeat.contains(.ambiguous)
        {
            throw Diagnostic(
                code: "dump.no-tickets",
                "none of \(result.report.read) records became a ticket by the mapping `\(plan.name)`",
                at: SourceLocation(file: inputs.files[0].name),
                remedy: "compare the mapping's names with what is there: `ticketferry inspect --columns` shows it; "
                    + "then say --mapping with the one that fits")
        }
        return result
    }

    // MARK: the passes

    private func readTables(_ plan: ReadPlan) throws -> TableStore? {
        guard !plan.tablePasses.isEmpty else { return nil }
        let place = places
        let store = TableStore(tables: plan.tables, limit: job.memoryLimit) { place.location($0, $1) }
        state.phase = .tables
        for pass in plan.tablePasses {
            var mapper = RecordMapper(plan: plan, zone: job.zone, tables: store)
            state.bytes = 0
            state.records = 0
            try eachBlock(plan) { block, sets, ordinal in
                try store.add(try mapper.tableRows(of: block, firstOrdinal: ordinal, sets: sets, tables: pass))
            }
            try store.finishPass(tables: pass)
        }
        return store
    }

    private func eachBlock(_ plan: ReadPlan, _ body: (RecordBlock, [Int], UInt64) throws -> Void) throws {
        var ordinal: UInt64 = 0
        var before = 0
        places.removeAll()
        state.records = 0
        for file in inputs.files {
            places.add(file.name, first: ordinal)
            guard let opened = try inputs.open(file, for: plan, diagnostics: diagnostics) else { continue }
            while true {
                let next: RecordBlock?
                do {
                    next = try opened.reader.nextBlock()
                } catch var diagnostic as Diagnostic where diagnostic.code.hasSuffix(".cut-off") {
                    if let ticket = lastTicket {
                        diagnostic.message += "; the record before it belongs to ticket \(ticket)"
                    }
                    throw diagnostic
                }
                guard let block = next else { break }
                let count = block.records.count
                try body(block, opened.sets, ordinal)
                ordinal += UInt64(count)
                state.records += count
                state.bytes = before + opened.reader.bytesRead
                try progress(state)
            }
            before += file.size
        }
    }

    /// The kinds of records in the order that fragments count them in.
    private var kinds: [String] = []

    /// The ticket that was read last: for saying where a file was cut off.
    private var lastTicket: String?

    /// The fragments of a block; nil when there are none.
    ///
    /// With rejects, records that fail are set aside one by one.
    private func fragments(
        _ mapper: inout RecordMapper, _ block: RecordBlock, _ ordinal: UInt64, _ sets: [Int], _ result: inout DumpResult
    ) throws -> FragmentBlock? {
        var made: FragmentBlock
        if let rejects = job.rejects {
            let before = mapper
            do {
                made = try mapper.fragments(of: block, firstOrdinal: ordinal, sets: sets)
            } catch is Diagnostic {
                mapper = before
                made = try rejecting(&mapper, block, ordinal, sets, rejects, &result)
            }
        } else {
            made = try mapper.fragments(of: block, firstOrdinal: ordinal, sets: sets)
        }
        if made.kinds.count > kinds.count { kinds = made.kinds }
        if let last = made.fragments.last { lastTicket = String(decoding: made.bytes[last.ticketKey], as: UTF8.self) }
        return made.fragments.isEmpty ? nil : made
    }

    private func rejecting(
        _ mapper: inout RecordMapper, _ block: RecordBlock, _ ordinal: UInt64, _ sets: [Int], _ rejects: any RejectSink,
        _ result: inout DumpResult
    ) throws -> FragmentBlock {
        var group = FragmentGroup()
        var kinds: [String] = []
        for (i, record) in block.records.enumerated() {
            var alone = block
            alone.records = [record]
            let before = mapper
            do {
                let made = try mapper.fragments(of: alone, firstOrdinal: ordinal + UInt64(i), sets: sets)
                made.bytes.withUnsafeBytes { for fragment in made.fragments { group.append(fragment, of: $0) } }
                kinds = made.kinds
            } catch let reason as Diagnostic {
                mapper = before
                result.rejected += 1
                try rejects.reject(reason)
            }
        }
        var made = FragmentBlock()
        made.bytes = group.bytes
        made.fragments = group.fragments
        made.kinds = kinds
        return made
    }

    // MARK: fragments to lines

    /// Tickets whose fragments come from one record each.
    private func stream(
        _ block: FragmentBlock, _ assembler: inout Assembler, _ out: LineWriter, _ seen: SeenTickets,
        _ result: inout DumpResult
    ) throws {
        try block.bytes.withUnsafeBytes { bytes in
            try block.fragments.withUnsafeBufferPointer { fragments in
                var start = 0
                while start < fragments.count {
                    let record = fragments[start].record
                    var end = start + 1
                    while end < fragments.count, fragments[end].record == record { end += 1 }
                    let group = UnsafeBufferPointer(rebasing: fragments[start..<end])
                    let key = UnsafeRawBufferPointer(rebasing: bytes[group[0].ticketKey])
                    if try self.write(group, bytes, &assembler, out, &result) {
                        try seen.add(key, record: record, line: group[0].line)
                    }
                    start = end
                }
            }
        }
        state.tickets = out.count
    }

    private func write(
        _ group: UnsafeBufferPointer<Fragment>, _ bytes: UnsafeRawBufferPointer, _ assembler: inout Assembler,
        _ out: LineWriter, _ result: inout DumpResult
    ) throws -> Bool {
        do {
            return try out.line { try assembler.assemble(group, of: bytes, to: &$0) }
        } catch let reason as Diagnostic where job.rejects != nil && reason.cause == .badInput {
            result.rejected += 1
            try job.rejects?.reject(reason)
            return false
        }
    }

    private func assemble(
        _ sorter: SpillSorter, _ assembler: inout Assembler, _ out: LineWriter, _ result: inout DumpResult
    ) throws {
        state.phase = .sorting
        let items = try sorter.finish()
        var group = FragmentGroup()
        var key: [UInt8] = []
        var done = 0
        func close() throws {
            guard !group.fragments.isEmpty else { return }
            try group.bytes.withUnsafeBytes { bytes in
                try group.fragments.withUnsafeBufferPointer { fragments in
                    _ = try self.write(fragments, bytes, &assembler, out, &result)
                }
            }
            group.removeAll()
        }
        while try items.next({ itemKey, item in
            if !key.elementsEqual(itemKey) || group.fragments.isEmpty {
                try close()
                key = Array(itemKey)
            }
            group.append(key: itemKey, item: item)
        }) {
            done += 1
            if done % 4096 == 0 {
                state.tickets = out.count
                try progress(state)
            }
        }
        try close()
        state.tickets = out.count
    }

    // MARK: canonical lines as input

    private func runCanonical(into sink: any LineSink) throws -> DumpResult {
        let out = LineWriter(sink)
        let seen = try SeenTickets()
        var result = DumpResult()
        var ordinal: UInt64 = 0
        var before = 0
        for file in inputs.files {
            places.add(file.name, first: ordinal)
            let reader = try CanonicalReader(try file.open())
            while let block = try reader.nextBlock() {
                try block.bytes.withUnsafeBytes { bytes in
                    try LineSpool.split(bytes) { line, number in
                        ordinal += 1
                        guard !line.isEmpty else { return }
                        do {
                            let made = try CanonicalReader.line(line, of: file.name, at: block.firstLine + number)
                            try made.withUnsafeBytes { made in
                                try out.line {
                                    $0.append(contentsOf: made); return true
                                }
                                if let id = CanonicalScan.member("id", of: made, object: 0..<made.count) {
                                    try seen.add(
                                        UnsafeRawBufferPointer(rebasing: made[id.lowerBound + 1..<id.upperBound - 1]),
                                        record: ordinal - 1, line: UInt32(block.firstLine + number))
                                }
                            }
                        } catch let reason as Diagnostic where job.rejects != nil {
                            result.rejected += 1
                            try job.rejects?.reject(reason)
                        }
                        state.records += 1
                    }
                }
                state.bytes = before + reader.bytesRead
                state.tickets = out.count
                try progress(state)
            }
            before += file.size
        }
        try out.flush()
        try seen.refuseRepeated(places)
        result.tickets = out.count
        result.report.read = state.records
        result.report.inTickets = out.count
        return result
    }

    // MARK: the report

    private func finish(_ result: inout DumpResult, _ plan: ReadPlan, _ tally: Tally, _ assembler: Assembler) {
        var report = ReadReport()
        for (kind, counts) in tally.records {
            let index = kinds.firstIndex(of: kind)
            let unused = index.flatMap { $0 < assembler.leftAside.count ? assembler.leftAside[$0] : nil } ?? 0
            report.read += counts.read
            report.inTickets += counts.inTickets - unused
            report.inTables += counts.inTables
            if counts.leftAside + unused > 0 { report.leftAside[kind] = counts.leftAside + unused }
        }
        report.timesWithoutZone = tally.timesWithoutZone
        report.unmappedLabels = tally.labelsWithoutWord
        result.report = report
        result.losses = plan.losses
        let requesters = assembler.requesters
        if requesters.withoutEmail > 0 {
            result.losses.append(
                Loss(
                    field: "requester.email", value: nil,
                    reason: "requesters without an e-mail address in the dump: \(requesters.withoutEmail) of "
                        + "\(requesters.all)",
                    fallback: .archive))
        }
        say(tally, assembler, plan)
    }

    private func say(_ tally: Tally, _ assembler: Assembler, _ plan: ReadPlan) {
        func warn(_ code: String, _ message: String, _ remedy: String, count: Int = 1, at place: SourceLocation? = nil)
        {
            diagnostics.emit(Diagnostic(.warning, code: code, message, at: place, remedy: remedy, count: count))
        }
        if tally.timesWithoutZone > 0 {
            warn(
                "dump.time-without-zone", "times name no zone and were read as UTC",
                "say the zone with --zone, or `zone:` in the mapping", count: tally.timesWithoutZone)
        }
        if tally.ambiguousTimes > 0 {
            warn(
                "dump.ambiguous-time",
                "local times at a change of clocks were read as the first of two, or moved forward",
                "nothing, unless an hour matters: the dump cannot tell", count: tally.ambiguousTimes)
        }
        for (field, labels) in tally.labelsWithoutWord.sorted(by: { $0.key < $1.key }) {
            for (label, count) in labels.sorted(by: { $0.key < $1.key }) {
                warn(
                    "dump.label-without-word", "the \(field) `\(label)` has no canonical word; the label alone is kept",
                    "add it to `words: \(field):` in the mapping", count: count)
            }
        }
        let samples: [(String, String, String, [String: Tally.Sample])] = [
            (
                "dump.unreadable-date", "is no date that can be read", "say its `format` in the mapping",
                tally.unreadableDates
            ),
            ("dump.no-row", "is in no row of the table", "check the table's `when` and `key`", tally.refsWithoutRow),
            (
                "dump.unreadable-value", "cannot be read as the mapping says, and stays as it is",
                "look at the value in the dump", tally.unreadableTrees
            ),
        ]
        for (code, what, remedy, all) in samples {
            for (path, sample) in all.sorted(by: { $0.key < $1.key }) {
                warn(code, "\(path): `\(sample.first)` \(what)", remedy, count: sample.count, at: sample.at)
            }
        }
        if assembler.ambiguous > 0 {
            warn(
                "dump.ambiguous-ticket", "tickets came twice and were left aside, as the mapping says",
                "say `onRepeat: first`, `last` or `fill` in the mapping", count: assembler.ambiguous)
        }
        for (table, count) in (tables?.ambiguousKeys ?? [:]).sorted(by: { $0.key < $1.key }) {
            warn(
                "table.ambiguous-key",
                "keys of the table `\(plan.tables[table].name)` stand for several and are not looked up",
                "nothing, unless another column tells them apart", count: count)
        }
    }
}
