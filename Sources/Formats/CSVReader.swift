// SPDX-License-Identifier: Apache-2.0

package import TicketModel

/// Reads a CSV: one record a row, a root named `row` with one child a cell under the header's name.
///
/// Bytes are looked at once; cells stay where they were read and a block takes its stretch of the input in one copy.
/// Rows that are empty, or nothing but delimiters, are dropped. Cells past the header are kept as `column 13` and warned
/// about; cells that a short row lacks are absent. A quote inside a quoted cell that neither closes it nor is escaped is
/// kept as text, and warned about.
package final class CSVReader: RecordReader {
    /// What the reader does beside the dialect.
    package struct Options: Sendable {
        /// Takes the `'` off again that ``CSVWriter`` puts before cells that a spreadsheet would calculate.
        package var defused: Bool
        /// How many bytes are read at a time, and about the size of a block.
        package var window: Int
        /// How long a single row may be: a quote that never closes must not swallow the memory.
        package var recordLimit: Int

        /// Makes options; the defaults are right for files.
        package init(defused: Bool = false, window: Int = 512 * 1024, recordLimit: Int = 16 << 20) {
            self.defused = defused
            self.window = window
            self.recordLimit = recordLimit
        }
    }

    /// The dialect as told or found, complete.
    package let dialect: CSVDialect
    /// The names of the columns, in the order of the file; repeated ones as often as they stand there.
    package internal(set) var header: [String] = []
    /// How many records were given or are complete in the block to come.
    @exclusivity(unchecked) package internal(set) var recordsRead = 0
    package var bytesRead: Int { text.rawBytesRead }

    let syntax: CSVSyntax
    let options: Options
    let diagnostics: any DiagnosticSink
    let text: TextByteSource
    // Exclusivity is not checked where every cell passes by: the reader is confined to one task and calls nobody back.
    @exclusivity(unchecked) var window: CSVWindow
    /// The line that the next row starts on.
    @exclusivity(unchecked) var line = 1
    /// The names of all nodes: `row`, the header's, `column N`.
    var names = ["row"]
    /// For each column of the header its index in ``names``.
    @exclusivity(unchecked) var columns: RawBuffer<UInt32>
    @exclusivity(unchecked) var nodes: RawBuffer<RecordBlock.Node>
    @exclusivity(unchecked) var records: RawBuffer<RecordBlock.Record>
    /// The nodes whose text holds escapes, to be undone when their row is complete.
    @exclusivity(unchecked) var escaped: RawBuffer<UInt32>
    var extraNames: [Int: UInt32] = [:]
    @exclusivity(unchecked) var longRows = (count: 0, line: 0)
    @exclusivity(unchecked) var strays = (count: 0, line: 0)
    /// The line of a last row that ends without a line end and lacks cells.
    var shortEnd: Int?
    /// Bytes that end a run of an unquoted cell.
    let stops: UnsafeMutablePointer<Bool>
    private var failure: (any Error)?
    private var isFinished = false

    /// Opens a CSV: looks at its start, settles the dialect and reads the header.
    ///
    /// - Throws: `Diagnostic`: `csv.binary`, `csv.encoding`, `csv.unterminated-quote`, or what the source throws.
    package init(
        _ source: any ByteSource, dialect asked: CSVDialect = .auto, options: Options = Options(),
        diagnostics: any DiagnosticSink
    ) throws {
        self.options = options
        self.diagnostics = diagnostics
        let peeked = try PeekedByteSource(source)
        try Self.refuseBinary(peeked, encoding: asked.encoding)
        let opened = Self.decode(peeked, asked: asked.encoding, diagnostics: diagnostics)
        text = opened
        let needsLook = !asked.isComplete
        window = CSVWindow(capacity: needsLook ? max(options.window, PeekedByteSource.peekSize) : options.window)
        var failed: (any Error)?
        do { try window.fill(from: opened) } catch { failed = error }
        failure = failed
        var settled = asked
        settled.encoding = opened.encoding
        if needsLook {
            let sample = window.all
            settled = CSVDialect.detect(sample, isWhole: window.isFinal, asked: settled)
            if asked.quote == nil, settled.quote == CSVDialect.Quote.none, let at = sample.firstIndex(of: 0x22) {
                diagnostics.emit(
                    Diagnostic(
                        .note, code: "csv.quotes-are-text",
                        "the quotes in this file do not quote cells; they are kept as text",
                        at: SourceLocation(file: opened.name, line: sample[..<at].count { $0 == 0x0A } + 1),
                        remedy: "say `quote: '\"'` in the mapping if they do"))
            }
        }
        dialect = settled
        let syntax = CSVSyntax(settled)
        self.syntax = syntax
        columns = RawBuffer(capacity: 64)
        nodes = RawBuffer(capacity: 16 * 1024)
        records = RawBuffer(capacity: 1024)
        escaped = RawBuffer(capacity: 64)
        stops = .allocate(capacity: 256)
        stops.initialize(repeating: false, count: 256)
        stops[Int(syntax.delimiter)] = true
        stops[0x0A] = true
        if syntax.carriageReturnEnds { stops[0x0D] = true }
        if syntax.backslash { stops[0x5C] = true }
        try skipLines(settled.skip ?? 0)
        try readHeader(isThere: settled.header ?? true, wasAsked: asked.header != nil)
    }

    deinit { stops.deallocate() }

    package func nextBlock() throws -> RecordBlock? {
        guard !isFinished else { return nil }
        while true {
            let from = window.start
            let stop = scanRows(limit: .max)
            if records.count > 0 { return takeBlock(from: from) }
            switch stop {
            case .failed(let diagnostic):
                try end(throwing: diagnostic)
            case .needsMore:
                try more()
            case .atEnd, .full:
                isFinished = true
                warn()
                return nil
            }
        }
    }

    /// Gets more input, or throws what keeps it from coming, with the place where the input broke off.
    func more() throws {
        if let failure { try end(throwing: located(failure)) }
        if window.length >= options.recordLimit { try end(throwing: unclosed(tooLong: true)) }
        do { try window.fill(from: text) } catch {
            // What came before the bad place is read first.
            failure = error
        }
    }

    private func end(throwing error: any Error) throws {
        isFinished = true
        warn()
        throw error
    }

    private func located(_ error: any Error) -> any Error {
        guard let fault = error as? EncodingFault else { return error }
        return fault.diagnostic(area: "csv", at: place(window.end))
    }

    private func takeBlock(from: Int) -> RecordBlock {
        var block = RecordBlock(file: text.name)
        block.names = names
        block.bytes = window.copy(from..<window.start)
        block.nodes = nodes.array()
        block.records = records.array()
        nodes.reset(keeping: 256 * 1024)
        records.reset(keeping: 64 * 1024)
        return block
    }

    /// Says what was met on the way, once, with its count.
    private func warn() {
        if longRows.count > 0 {
            diagnostics.emit(
                Diagnostic(
                    .warning, code: "csv.long-row",
                    "rows have more cells than the \(header.count) columns; the rest is kept as `column \(header.count + 1)` and so on",
                    at: SourceLocation(file: text.name, line: longRows.line),
                    remedy: "check `delimiter` and `quote` in the mapping, and this row", count: longRows.count))
        }
        if strays.count > 0 {
            diagnostics.emit(
                Diagnostic(
                    .warning, code: "csv.stray-quote",
                    "a quote stands inside a quoted cell without being doubled or escaped; it is kept as text",
                    at: SourceLocation(file: text.name, line: strays.line),
                    remedy:
                        "look at the row; say `escape: backslash` or `quote: none` in the mapping if that is how the file is written",
                    count: strays.count))
        }
        if let shortEnd {
            diagnostics.emit(
                Diagnostic(
                    .warning, code: "csv.short-end",
                    "the last row has fewer cells than there are columns and no line end: the file may be cut off",
                    at: SourceLocation(file: text.name, line: shortEnd),
                    remedy: "compare the number of rows with the old system, and export again if some are missing"))
        }
        shortEnd = nil
        longRows.count = 0
        strays.count = 0
    }
}
