// SPDX-License-Identifier: Apache-2.0
import Formats
import TicketModel

@testable import Mapping

/// Runs a mapping over dumps in memory, and puts the fragments together in the plainest way.
struct MappingRun {
    struct Input {
        var name: String
        var bytes: [UInt8]

        init(_ name: String, _ text: String) {
            self.name = name
            bytes = Array(text.utf8)
        }

        init(_ name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }
    }

    /// By the ticket's key, as the canonical line has it.
    private(set) var tickets: [String: JSON] = [:]
    /// Fragments whose ticket no maker made.
    private(set) var orphans: [Fragment.Kind: Int] = [:]
    private(set) var tally = Tally()
    private(set) var identity: String?
    private(set) var plan: ReadPlan

    /// Decodes and runs a mapping.
    init(_ yaml: String, _ inputs: Input..., zone: Zone? = nil) throws {
        try self.init(MappingFile(yaml: Array(yaml.utf8), file: "test.yaml"), inputs, zone: zone)
    }

    init(_ file: MappingFile, _ inputs: [Input], zone: Zone? = nil) throws {
        guard let plan = file.read else { throw Diagnostic(code: "test.no-read", "no read half", remedy: "") }
        self.plan = plan
        let tables = TestTables(plan.tables)
        for pass in plan.tablePasses {
            var mapper = RecordMapper(plan: plan, zone: zone, tables: tables)
            try Self.read(plan, inputs) { block, first, sets in
                tables.add(try mapper.tableRows(of: block, firstOrdinal: first, sets: sets, tables: pass))
            }
        }
        var mapper = RecordMapper(plan: plan, zone: zone, tables: tables)
        var parts: [(Fragment, key: String, message: String?, payload: JSON)] = []
        try Self.read(plan, inputs) { block, first, sets in
            let result = try mapper.fragments(of: block, firstOrdinal: first, sets: sets)
            for fragment in result.fragments {
                let text = { (range: Range<Int>) in String(decoding: result.bytes[range], as: UTF8.self) }
                let payload = try JSON(parsing: result.bytes[fragment.payload])
                // Every payload has to be canonical already.
                guard payload.canonicalBytes() == Array(result.bytes[fragment.payload]) else {
                    throw Diagnostic(code: "test.not-canonical", text(fragment.payload), remedy: "")
                }
                parts.append((fragment, text(fragment.ticketKey), fragment.messageKey.map(text), payload))
            }
        }
        tally = mapper.tally
        identity = mapper.identity
        assemble(parts)
    }

    private static func read(
        _ plan: ReadPlan, _ inputs: [Input], _ body: (RecordBlock, UInt64, [Int]) throws -> Void
    ) throws {
        var ordinal: UInt64 = 0
        for input in inputs {
            let sets = plan.sets(forFile: input.name)
            let source = MemoryByteSource(input.bytes, name: input.name)
            let reader: any RecordReader
            if plan.format == .xml {
                reader = try XMLReader(
                    source, sets: sets.map { plan.sets[$0].at ?? "" },
                    options: .init(namespaces: plan.namespaces, base64: plan.isOwnFormat))
            } else {
                var dialect = CSVDialect()
                dialect.encoding = .utf8
                dialect.delimiter = plan.csv.delimiter?.utf8.first
                dialect.escape = plan.csv.escape == "\\" ? .backslash : nil
                reader = try CSVReader(
                    source, dialect: dialect, options: .init(defused: plan.isOwnFormat), diagnostics: Ignore())
            }
            while let block = try reader.nextBlock() {
                let count = UInt64(block.records.count)
                try body(block, ordinal, sets)
                ordinal += count
            }
        }
    }

    private struct Ignore: DiagnosticSink {
        func emit(_ diagnostic: Diagnostic) {}
    }

    private mutating func assemble(_ parts: [(Fragment, key: String, message: String?, payload: JSON)]) {
        for part in parts where part.0.kind == .ticket { tickets[part.key] = part.payload }
        var lists: [String: [String: [JSON]]] = [:]
        for part in parts where part.0.kind != .ticket {
            guard let ticket = tickets[part.key] else {
                orphans[part.0.kind, default: 0] += 1
                continue
            }
            var payload = part.payload
            switch part.0.kind {
            case .message:
                if part.0.flags.contains(.authorIsRequester) { payload["author"] = ticket["requester"] }
                if part.0.flags.contains(.opens) {
                    lists[part.key, default: [:]]["messages", default: []].insert(payload, at: 0)
                } else {
                    lists[part.key, default: [:]]["messages", default: []].append(payload)
                }
            case .attachment:
                payload["on"] = part.message.map { .string($0) }
                lists[part.key, default: [:]]["attachments", default: []].append(payload)
            case .participant: lists[part.key, default: [:]]["participants", default: []].append(payload)
            default: lists[part.key, default: [:]]["tags", default: []].append(payload)
            }
        }
        for (key, list) in lists {
            for (name, elements) in list { tickets[key]?[name] = .array(elements) }
        }
    }
}

/// Tables in memory; `onRepeat` as the contract says it.
final class TestTables: TableLookup {
    private let tables: [ReadPlan.Table]
    private var rows: [[UInt8]: [UInt8]?] = [:]

    init(_ tables: [ReadPlan.Table]) { self.tables = tables }

    func add(_ block: TableRowBlock) {
        for row in block.rows {
            let key = [UInt8(row.table)] + block.bytes[row.key]
            let fields = Array(block.bytes[row.fields])
            if let before = rows[key] {
                switch tables[row.table].onRepeat {
                case .last: rows[key] = fields
                case .fill: rows[key] = before.map { TableRow.filled($0, from: fields) }
                case .ambiguous: rows[key] = .some(nil)
                case .first, .fail: break
                }
            } else {
                rows[key] = fields
            }
        }
    }

    func append(rowOf table: Int, key: UnsafeRawBufferPointer, to out: inout [UInt8]) -> Bool {
        guard let row = rows[[UInt8(table)] + key], let row else { return false }
        out += row
        return true
    }
}
