// SPDX-License-Identifier: Apache-2.0

extension CSVDialect {
    /// How much of a sample each guess is tried on.
    private static let scored = 64 * 1024

    /// Fills in what a dialect leaves open, by looking at the first bytes of a file.
    ///
    /// Tries each delimiter with each quote and keeps the reading with the most even rows. Milliseconds; deterministic.
    ///
    /// - Parameters:
    ///   - sample: the start of the text in UTF-8, without a byte order mark.
    ///   - isWhole: whether the sample is the whole file.
    ///   - asked: what is told already.
    /// - Returns: the dialect with nothing left open.
    package static func detect(_ sample: [UInt8], isWhole: Bool, asked: CSVDialect = .auto) -> CSVDialect {
        var found = asked
        found.encoding = asked.encoding ?? .utf8
        let start = sample.prefix(scored)
        let startIsWhole = isWhole && start.count == sample.count
        let hint = separatorLine(start)
        if found.rowEnd == nil {
            found.rowEnd = start.contains(0x0A) || !start.contains(0x0D) ? .lineFeed : .carriageReturn
        }

        let known = CSVSyntax(found)
        var best: (score: Double, syntax: CSVSyntax)?
        for delimiter in found.delimiter.map({ [$0] }) ?? hint.map({ [$0] }) ?? [0x2C, 0x3B, 0x09, 0x7C] {
            guard start.contains(delimiter) || found.delimiter != nil || delimiter == 0x2C else { continue }
            for quote in quotes(of: found, in: start) {
                for backslash in found.escape.map({ [$0 != .doubled] }) ?? (quote == nil ? [false] : [false, true]) {
                    guard !backslash || start.contains(0x5C) || found.escape != nil else { continue }
                    var syntax = known
                    syntax.delimiter = delimiter
                    syntax.quote = quote
                    syntax.backslash = backslash
                    syntax.doubled = found.escape.map { $0 != .backslash } ?? true
                    let reading = CSVSample(start, syntax, isWhole: startIsWhole)
                    var score = reading.score
                    // A quote that quotes nothing is no better than none; `'` also stands at the start of plain words.
                    if quote != nil, reading.quoted == 0, reading.looseQuotes > 0 { score *= 0.999 }
                    if quote == 0x27, reading.quoted * 3 < reading.rows.count { score *= 0.9 }
                    if score > (best?.score ?? -1) + 1e-9 { best = (score, syntax) }
                }
            }
        }
        var syntax = best?.syntax ?? known
        if found.delimiter == nil { found.delimiter = syntax.delimiter }
        if found.quote == nil { found.quote = syntax.quote.map { .byte($0) } ?? Quote.none }
        if found.escape == nil { found.escape = escape(sample, &syntax, isWhole: isWhole) }
        syntax = CSVSyntax(found)

        let reading = CSVSample(start, syntax, isWhole: startIsWhole, maxRows: 200)
        let top = firstRow(of: reading, hasHint: hint != nil)
        if found.skip == nil { found.skip = top.map { reading.rows[$0].line - 1 } ?? 0 }
        if found.header == nil {
            let skip = found.skip ?? 0
            let first = reading.rows.first { $0.line > skip && !$0.isBlank }
            found.header = first.map { looksLikeHeader($0.cells) } ?? true
        }
        return found
    }

    /// The line `sep=;` that Excel understands and writes.
    private static func separatorLine(_ sample: ArraySlice<UInt8>) -> UInt8? {
        let head = sample.prefix(8)
        guard head.count >= 6, head.prefix(4).elementsEqual("sep=".utf8) else { return nil }
        let after = head[head.startIndex + 5]
        return after == 0x0A || after == 0x0D ? head[head.startIndex + 4] : nil
    }

    private static func quotes(of dialect: CSVDialect, in sample: ArraySlice<UInt8>) -> [UInt8?] {
        switch dialect.quote {
        case .some(.none): return [nil]
        case .byte(let byte): return [byte]
        case nil:
            var candidates: [UInt8?] = [0x22]
            if sample.contains(0x27) { candidates.append(0x27) }
            if sample.contains(0x22) { candidates.append(nil) }
            return candidates
        }
    }

    /// Doubled quotes, unless the sample proves backslashes.
    ///
    /// PHP's addslashes puts a backslash before each `'`, `"`, `\` and NUL, so a file of it may hold `O\'Brien` and never
    /// a `\"`. It is taken for that only if no `'` and no backslash stands otherwise: Windows paths must stay what they are.
    private static func escape(_ sample: [UInt8], _ syntax: inout CSVSyntax, isWhole: Bool) -> Escape {
        guard syntax.quote != nil, sample.contains(0x5C) else { return .doubled }
        let whole = CSVSample(sample[...], syntax, isWhole: isWhole)
        if syntax.backslash { return whole.doubledQuotes > 0 && whole.escapedQuotes > 0 ? .both : .backslash }
        var apostrophes = 0
        var i = 0
        while i < sample.count {
            if sample[i] == 0x27 { return .doubled }
            if sample[i] == 0x5C {
                guard i + 1 < sample.count else { break }
                guard [0x27, 0x22, 0x5C, 0x30].contains(sample[i + 1]) else { return .doubled }
                if sample[i + 1] == 0x27 { apostrophes += 1 }
                i += 1
            }
            i += 1
        }
        guard apostrophes > 0 else { return .doubled }
        return whole.doubledQuotes > 0 ? .both : .backslash
    }

    /// The first row that is as wide as the others: what stands above are titles.
    private static func firstRow(of reading: CSVSample, hasHint: Bool) -> Int? {
        let width = reading.width.cells
        guard width > 1 else { return reading.rows.firstIndex { !$0.isBlank } }
        let rows = hasHint ? reading.rows.dropFirst() : reading.rows[...]
        return rows.firstIndex { $0.filled >= 2 && $0.filled * 2 >= width }
            ?? rows.firstIndex { !$0.isBlank }
    }

    /// Whether a row reads like names of columns: nothing in it is a number, an address or a date.
    private static func looksLikeHeader(_ cells: [[UInt8]]) -> Bool {
        for cell in cells {
            let text = cell.filter { $0 != 0x20 }
            guard let first = text.first else { continue }
            if text.contains(0x40), text.contains(0x2E) { return false }
            let digits = text.count { $0 >= 0x30 && $0 <= 0x39 }
            let marks = text.count { [0x2D, 0x2E, 0x2F, 0x3A, 0x2C, 0x54, 0x5A, 0x2B].contains($0) }
            if first >= 0x30, first <= 0x39, digits + marks == text.count { return false }
        }
        return true
    }
}
