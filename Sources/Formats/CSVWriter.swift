// SPDX-License-Identifier: Apache-2.0

/// Writes a CSV as RFC 4180 has it, in UTF-8: commas, CRLF, quotes only where they are needed.
///
/// Spreadsheets calculate what starts with `=`, `+`, `-`, `@`, a tab or a CR, and tickets are written by strangers. Such
/// a cell gets a `'` before it; so does one that starts with `'`, so that the reader with `defused` takes back exactly
/// what was put there. Read back with ``CSVDialect/written``, every row gives the same cells.
package struct CSVWriter: ~Copyable {
    private let sink: any ByteSink
    private var buffer = RawBuffer<UInt8>(capacity: 320 * 1024)
    private var rowStart = 0
    private var cellsInRow = 0
    private var hasContent = false
    private static let flushSize = 256 * 1024

    /// Starts a file with its header.
    ///
    /// - Throws: what the sink throws.
    package init(_ sink: any ByteSink, header: [String]) throws {
        self.sink = sink
        for name in header { cell(name) }
        try endRow()
    }

    /// Adds a cell to the row.
    package mutating func cell(_ text: String) {
        var text = text
        text.withUTF8 { cell($0) }
    }

    /// Adds a cell of UTF-8 to the row.
    package mutating func cell(_ text: UnsafeBufferPointer<UInt8>) {
        if cellsInRow > 0 { buffer.append(0x2C) }
        cellsInRow += 1
        guard let base = text.baseAddress, text.count > 0 else { return }
        hasContent = true
        var needsQuotes = false
        var hasQuotes = false
        for i in 0..<text.count {
            let byte = base[i]
            if byte > 0x2C { continue }
            if byte == 0x22 { hasQuotes = true }
            if byte == 0x22 || byte == 0x2C || byte == 0x0A || byte == 0x0D { needsQuotes = true }
        }
        if needsQuotes { buffer.append(0x22) }
        switch base[0] {
        case 0x3D, 0x2B, 0x2D, 0x40, 0x09, 0x0D, 0x27: buffer.append(0x27)
        default: break
        }
        if hasQuotes {
            var from = 0
            for i in 0..<text.count where base[i] == 0x22 {
                buffer.append(base + from, count: i + 1 - from)
                buffer.append(0x22)
                from = i + 1
            }
            buffer.append(base + from, count: text.count - from)
        } else {
            buffer.append(base, count: text.count)
        }
        if needsQuotes { buffer.append(0x22) }
    }

    /// Ends the row.
    ///
    /// - Throws: what the sink throws.
    package mutating func endRow() throws {
        if !hasContent {
            // A row of nothing but commas is no row to readers.
            let commas = max(0, cellsInRow - 1)
            buffer.truncate(to: rowStart)
            buffer.append(0x22)
            buffer.append(0x22)
            for _ in 0..<commas { buffer.append(0x2C) }
        }
        buffer.append(0x0D)
        buffer.append(0x0A)
        if buffer.count >= Self.flushSize { try flush() }
        rowStart = buffer.count
        cellsInRow = 0
        hasContent = false
    }

    /// Writes out what is left and finishes the sink.
    ///
    /// - Throws: what the sink throws.
    package consuming func finish() throws {
        try flush()
        try sink.finish()
    }

    private mutating func flush() throws {
        try sink.write(UnsafeRawBufferPointer(start: buffer.base, count: buffer.count))
        buffer.truncate(to: 0)
    }
}
