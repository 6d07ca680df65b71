// SPDX-License-Identifier: Apache-2.0

import TicketModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension CSVReader {
    /// Why the loop over rows ended.
    enum Stop {
        /// The window holds no further complete row.
        case needsMore
        /// As many records as were asked for are there.
        case full
        /// The input is used up.
        case atEnd
        /// The row cannot be read.
        case failed(Diagnostic)
    }

    /// Reads rows until the window has no further complete one.
    ///
    /// A row that is cut by the window's end is read again from its start when more has come: the window grows twofold,
    /// so that costs at most as much again.
    ///
    /// - Parameters:
    ///   - limit: after how many records to stop.
    ///   - undoesEscapes: whether the text of cells is made plain where it lies; then a row cannot be read twice.
    /// - Returns: why it ended.
    func scanRows(limit: Int, undoesEscapes: Bool = true) -> Stop {
        let base = window.base
        let end = window.end
        let isFinal = window.isFinal
        let syntax = syntax
        let stops = stops
        let defused = options.defused
        let known = columns.count
        let delimiter = syntax.delimiter
        let carriageReturnEnds = syntax.carriageReturnEnds
        let origin = window.start
        var position = origin

        rows: while position < end {
            let rowStart = position
            let rowNodes = nodes.count
            let rowEscapes = escaped.count
            nodes.append(
                RecordBlock.Node(
                    name: 0, parent: RecordBlock.Node.none, firstChild: UInt32(rowNodes + 1),
                    next: RecordBlock.Node.none, start: 0, length: 0))
            var column = 0
            var q = rowStart
            var breaks = 0
            var hasContent = false
            var stray = false
            var lastExtra = 0

            cells: while true {
                var cellStart = q
                var cellEnd = q
                var hasEscapes = false
                if q < end, let quote = syntax.quote, base[q] == quote {
                    hasContent = true
                    cellStart = q &+ 1
                    var r = cellStart
                    while true {
                        if syntax.backslash {
                            while r < end, base[r] != quote, base[r] != 0x5C { r &+= 1 }
                        } else if r < end {
                            r =
                                memchr(base + r, Int32(quote), end &- r).map {
                                    UnsafeMutablePointer<UInt8>(base).distance(
                                        to: $0.assumingMemoryBound(to: UInt8.self))
                                } ?? end
                        }
                        guard r < end else {
                            drop(rowNodes, rowEscapes, rowStart)
                            return isFinal ? .failed(unclosed(tooLong: false, opened: cellStart &- 1)) : .needsMore
                        }
                        if base[r] == 0x5C, base[r] != quote {
                            hasEscapes = true
                            r &+= 2
                            continue
                        }
                        let after = r &+ 1
                        guard after < end || isFinal else {
                            drop(rowNodes, rowEscapes, rowStart)
                            return .needsMore
                        }
                        if after >= end || stops[Int(base[after])] && base[after] != 0x5C {
                            cellEnd = r
                            q = after
                            break
                        }
                        if syntax.doubled, base[after] == quote {
                            hasEscapes = true
                            r = after &+ 1
                            continue
                        }
                        // Blanks and a CR between the closing quote and what ends the cell are not part of it.
                        var next = after
                        while next < end, base[next] == 0x20 || base[next] == 0x09 || base[next] == 0x0D,
                            !stops[Int(base[next])]
                        { next &+= 1 }
                        guard next < end || isFinal else {
                            drop(rowNodes, rowEscapes, rowStart)
                            return .needsMore
                        }
                        if next >= end || stops[Int(base[next])] && base[next] != 0x5C {
                            cellEnd = r
                            q = next
                            break
                        }
                        stray = true
                        r = after
                    }
                    breaks &+= CSVWindow.lineBreaks(
                        base + cellStart, cellEnd &- cellStart, carriageReturns: carriageReturnEnds)
                } else {
                    while true {
                        while q < end, !stops[Int(base[q])] { q &+= 1 }
                        guard q < end, base[q] == 0x5C, syntax.backslash else { break }
                        guard q &+ 1 < end else {
                            q &+= 1
                            break
                        }
                        hasEscapes = true
                        if base[q &+ 1] == 0x0A { breaks &+= 1 }
                        q &+= 2
                    }
                    cellEnd = q
                }
                guard q < end || isFinal else {
                    drop(rowNodes, rowEscapes, rowStart)
                    return .needsMore
                }
                let ends = q >= end || base[q] != delimiter
                // An unquoted last cell keeps the CR of its CRLF, which is no text.
                if ends, !carriageReturnEnds, cellEnd == q, cellEnd > cellStart, base[cellEnd &- 1] == 0x0D {
                    cellEnd &-= 1
                }
                if ends, q < end, base[q] == 0x0D, q &+ 1 == end, !isFinal {
                    drop(rowNodes, rowEscapes, rowStart)
                    return .needsMore
                }

                let length = cellEnd &- cellStart
                if length > 0 { hasContent = true }
                let isDefused = defused && length > 0 && base[cellStart] == 0x27
                if isDefused, !hasEscapes { cellStart &+= 1 }
                if hasEscapes { escaped.append(UInt32(nodes.count)) }
                let name = column < known ? columns.base[column] : extraName(column)
                if column >= known, length > 0 { lastExtra = column &+ 1 }
                nodes.append(
                    RecordBlock.Node(
                        name: name, parent: UInt32(rowNodes), firstChild: RecordBlock.Node.none,
                        next: UInt32(nodes.count &+ 1), start: UInt32(cellStart &- origin),
                        length: UInt32(cellEnd &- cellStart)))
                column &+= 1
                guard ends else {
                    q &+= 1
                    continue
                }
                if q < end {
                    if base[q] == 0x0D, q &+ 1 < end, base[q &+ 1] == 0x0A { q &+= 1 }
                    q &+= 1
                    breaks &+= 1
                }
                break cells
            }

            position = q
            if stray {
                if strays.count == 0 { strays.line = line }
                strays.count += 1
            }
            if hasContent {
                if q >= end, base[end &- 1] != 0x0A, column < known, recordsRead > 0 { shortEnd = line }
                if column > known, known > 0 {
                    // A delimiter at the end of rows makes no column.
                    nodes.truncate(to: rowNodes + 1 + max(known, lastExtra))
                    if lastExtra > known {
                        if longRows.count == 0 { longRows.line = line }
                        longRows.count += 1
                    }
                }
                nodes.base[nodes.count - 1].next = RecordBlock.Node.none
                if undoesEscapes, escaped.count > 0 { unescape(origin: origin) }
                records.append(
                    RecordBlock.Record(
                        set: 0, root: UInt32(rowNodes), end: UInt32(nodes.count),
                        line: UInt32(truncatingIfNeeded: line),
                        column: 1))
                recordsRead += 1
            } else {
                nodes.truncate(to: rowNodes)
            }
            if undoesEscapes { escaped.truncate(to: 0) }
            line += breaks
            window.start = position
            if records.count >= limit { return .full }
        }
        window.start = position
        return isFinal ? .atEnd : .needsMore
    }

    /// Takes back a row that is not complete.
    @inline(__always)
    private func drop(_ rowNodes: Int, _ rowEscapes: Int, _ rowStart: Int) {
        nodes.truncate(to: rowNodes)
        escaped.truncate(to: rowEscapes)
        window.start = rowStart
    }

    /// The name of a column past the header.
    private func extraName(_ column: Int) -> UInt32 {
        if let known = extraNames[column] { return known }
        // While the header itself is read nothing has a name yet.
        guard !header.isEmpty else { return 0 }
        let name = "column \(column + 1)"
        let index = UInt32(names.firstIndex(of: name) ?? names.count)
        if Int(index) == names.count { names.append(name) }
        extraNames[column] = index
        return index
    }

    /// Undoes the escapes of the row's cells where they lie: text only gets shorter.
    private func unescape(origin: Int) {
        let base = window.base + origin
        for k in 0..<escaped.count {
            let index = Int(escaped.base[k])
            // A cell past the header may have been dropped.
            guard index < nodes.count else { continue }
            let start = Int(nodes.base[index].start)
            let isQuoted = start + origin > 0 && base[start - 1] == syntax.quote
            let length = Self.undoEscapes(base + start, Int(nodes.base[index].length), syntax, isQuoted: isQuoted)
            let isDefused = options.defused && length > 0 && base[start] == 0x27
            nodes.base[index].start = UInt32(isDefused ? start + 1 : start)
            nodes.base[index].length = UInt32(isDefused ? length - 1 : length)
        }
    }

    /// Makes the text of a cell plain in place and gives its new length.
    static func undoEscapes(
        _ text: UnsafeMutablePointer<UInt8>, _ count: Int, _ syntax: CSVSyntax, isQuoted: Bool
    ) -> Int {
        let doubled = isQuoted && syntax.doubled ? syntax.quote : nil
        guard syntax.backslash else { return doubled.map { undouble(text, count, $0) } ?? count }
        var from = 0
        var to = 0
        while from < count {
            let byte = text[from]
            if from &+ 1 < count {
                if syntax.backslash, byte == 0x5C, syntax.isEscapable(text[from &+ 1]) {
                    text[to] = text[from &+ 1] == 0x30 ? 0 : text[from &+ 1]
                    to &+= 1
                    from &+= 2
                    continue
                }
                if byte == doubled, text[from &+ 1] == byte { from &+= 1 }
            }
            text[to] = byte
            to &+= 1
            from &+= 1
        }
        return to
    }

    /// The commonest escape alone, in runs.
    private static func undouble(_ text: UnsafeMutablePointer<UInt8>, _ count: Int, _ quote: UInt8) -> Int {
        var from = 0
        var to = 0
        while from < count {
            let found = memchr(text + from, Int32(quote), count - from)
            // The run ends with the first quote of a pair; the second is passed over.
            let end = found.map { UnsafeMutableRawPointer(text).distance(to: $0) + 1 } ?? count
            if to != from { memmove(text + to, text + from, end - from) }
            to += end - from
            from = end < count && found != nil && text[end] == quote ? end + 1 : end
        }
        return to
    }

    /// The place of a position in the window, at or after the start of the current row.
    func place(_ position: Int) -> SourceLocation {
        let range = window.start..<max(window.start, position)
        let carriageReturns = syntax.carriageReturnEnds
        var lineStart = range.upperBound
        while lineStart > range.lowerBound {
            let before = window.base[lineStart - 1]
            if before == 0x0A || (before == 0x0D && carriageReturns) { break }
            lineStart -= 1
        }
        return SourceLocation(
            file: text.name, line: line + window.lineBreaks(range, carriageReturns: carriageReturns),
            column: position - lineStart + 1)
    }

    /// The error for a quote that does not close: before the end of the file, or before the limit of a row.
    func unclosed(tooLong: Bool, opened: Int? = nil) -> Diagnostic {
        let count = recordsRead == 1 ? "1 record" : "\(recordsRead) records"
        guard !tooLong else {
            return Diagnostic(
                code: "csv.record-too-long",
                "the row that starts here does not end within \(options.recordLimit >> 20) MB (after \(count))",
                at: place(window.start),
                remedy:
                    "look for a quote that never closes in this row, or say `quote: none` in the mapping if the file does not quote"
            )
        }
        let line = place(opened ?? window.start).line ?? line
        return Diagnostic(
            code: "csv.unterminated-quote",
            "quote opened on line \(line) never closes; the file ends in the middle of a record, after \(count)",
            at: place(window.end),
            remedy: "close the quote, or say `quote: none` in the mapping if the file does not quote; "
                + "if the file was cut off, export it again")
    }
}
