// SPDX-License-Identifier: Apache-2.0

import TicketModel

extension CSVReader {
    /// Refuses what is not text before it becomes strange tickets.
    static func refuseBinary(_ source: PeekedByteSource, encoding: TextEncoding?) throws {
        let kinds: [(start: [UInt8], what: String)] = [
            ([0x50, 0x4B, 0x03, 0x04], "a ZIP archive or an Excel workbook"),
            ([0x1F, 0x8B], "compressed with gzip"), ([0xD0, 0xCF, 0x11, 0xE0], "an old Excel workbook"),
            (Array("%PDF".utf8), "a PDF"), (Array("SQLite format 3".utf8), "an SQLite database"),
        ]
        if let kind = kinds.first(where: { source.head.starts(with: $0.start) }) {
            throw Diagnostic(
                code: "csv.binary", "this is not a CSV: it is \(kind.what)", at: SourceLocation(file: source.name),
                remedy: "unpack it, or save it as CSV, and read that")
        }
        guard encoding == nil, !TextEncoding.detect(source.head, isWhole: source.isWhole).isSure,
            let zero = source.head.firstIndex(of: 0)
        else { return }
        let before = source.head[..<zero]
        let line = before.count { $0 == 0x0A } + 1
        let column = zero - (before.lastIndex(of: 0x0A) ?? -1)
        throw Diagnostic(
            code: "csv.binary", "this is not a CSV: a NUL byte stands in it",
            at: SourceLocation(file: source.name, line: line, column: column),
            remedy:
                "export it as text; if the file is right, say its `encoding` in the mapping (for instance `utf-16le`, or `utf-8` to keep NUL bytes)"
        )
    }

    /// Opens the text in the encoding that was told or that its start shows.
    static func decode(
        _ source: PeekedByteSource, asked: TextEncoding?, diagnostics: any DiagnosticSink
    ) -> TextByteSource {
        if let asked { return TextByteSource(source, encoding: asked) }
        let found = TextEncoding.detect(source.head, isWhole: source.isWhole)
        if let foreign = found.firstForeignByte {
            let before = source.head[..<foreign]
            diagnostics.emit(
                Diagnostic(
                    .note, code: "csv.encoding-guessed",
                    "the file is not UTF-8; it is read as \(found.encoding.rawValue)",
                    at: SourceLocation(
                        file: source.name, line: before.count { $0 == 0x0A } + 1,
                        column: foreign - (before.lastIndex(of: 0x0A) ?? -1)),
                    remedy: "say `encoding:` in the mapping if letters with accents come out wrong"))
        }
        return TextByteSource(source, encoding: found.encoding, wasGuessed: !found.isSure)
    }

    /// Passes over the lines above the header.
    func skipLines(_ count: Int) throws {
        while line <= count {
            var at = window.start
            while at < window.end, window.base[at] != 0x0A, !(syntax.carriageReturnEnds && window.base[at] == 0x0D) {
                at += 1
            }
            let needsNext = at < window.end && window.base[at] == 0x0D && at + 1 == window.end
            if at >= window.end || needsNext, !window.isFinal {
                try more()
                continue
            }
            guard at < window.end else {
                window.start = window.end
                return
            }
            if window.base[at] == 0x0D, at + 1 < window.end, window.base[at + 1] == 0x0A { at += 1 }
            window.start = at + 1
            line += 1
        }
    }

    /// Takes the names of the columns from the first row, or makes them.
    func readHeader(isThere: Bool, wasAsked: Bool) throws {
        var origin = window.start
        var before = line
        while true {
            let stop = scanRows(limit: 1, undoesEscapes: false)
            if records.count > 0 { break }
            switch stop {
            case .failed(let diagnostic): throw diagnostic
            case .needsMore: try more()
            case .full, .atEnd: return
            }
            origin = window.start
            before = line
        }
        let cells = (1..<nodes.count).map { headerCell($0, origin: origin) }
        header = isThere ? cells.enumerated().map { columnName($1, $0) } : cells.indices.map { "column \($0 + 1)" }
        name()
        if !isThere {
            // The row is data: it is read again.
            window.start = origin
            line = before
            if !wasAsked {
                diagnostics.emit(
                    Diagnostic(
                        .note, code: "csv.no-header",
                        "the first row looks like data; the columns are named `column 1` and so on",
                        at: SourceLocation(file: text.name, line: line),
                        remedy: "say `header: present` in the mapping if it names the columns"))
            }
        }
        nodes.truncate(to: 0)
        records.truncate(to: 0)
        escaped.truncate(to: 0)
        recordsRead = 0
    }

    /// Gives each column the index of its name; columns of one name share it.
    private func name() {
        var indices: [String: UInt32] = [:]
        for column in header {
            let index = indices[column] ?? UInt32(names.count)
            if indices.updateValue(index, forKey: column) == nil { names.append(column) }
            columns.append(index)
        }
    }

    private func headerCell(_ index: Int, origin: Int) -> [UInt8] {
        let node = nodes.base[index]
        let start = origin + Int(node.start)
        var bytes = window.copy(start..<start + Int(node.length))
        let isQuoted = start > 0 && window.base[start - 1] == syntax.quote
        let length = bytes.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { Self.undoEscapes($0, buffer.count, syntax, isQuoted: isQuoted) } ?? 0
        }
        // Where there are escapes, the loop over rows leaves the `'` to whoever undoes them.
        let isDefused = options.defused && bytes.first == 0x27 && escaped.array().contains(UInt32(index))
        return Array(bytes.prefix(length).dropFirst(isDefused ? 1 : 0))
    }

    /// A header without the blanks and marks around it; `column 3` if nothing is left.
    private func columnName(_ cell: [UInt8], _ column: Int) -> String {
        // What we wrote ourselves is read back as it stands.
        if options.defused, !cell.isEmpty { return String(decoding: cell, as: UTF8.self) }
        let text = String(decoding: cell, as: UTF8.self).unicodeScalars
        func isBlank(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.isWhitespace || scalar == "\u{FEFF}" || scalar == "\u{200B}"
        }
        let trimmed = text.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
        var name = ""
        name.unicodeScalars.append(contentsOf: trimmed)
        return name.isEmpty ? "column \(column + 1)" : name
    }
}
