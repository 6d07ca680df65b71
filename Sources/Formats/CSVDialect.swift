// SPDX-License-Identifier: Apache-2.0

/// How a CSV is written; what is nil is found out by looking at the file.
package struct CSVDialect: Sendable, Hashable {
    /// The byte between cells.
    package var delimiter: UInt8?
    /// The encoding of the text.
    package var encoding: TextEncoding?
    /// What cells are quoted with.
    package var quote: Quote?
    /// How a quote stands inside a quoted cell.
    package var escape: Escape?
    /// Whether the first row names the columns.
    package var header: Bool?
    /// How many lines stand above the header (or the first row): titles, dates of the export, blank lines.
    package var skip: Int?
    /// What ends a row.
    package var rowEnd: RowEnd?

    /// What quotes a cell.
    package enum Quote: Sendable, Hashable {
        /// Nothing: quotes are plain text.
        case none
        /// This byte, `"` nearly always.
        case byte(UInt8)
    }

    /// How a quote (and, with backslashes, some other characters) stands inside a quoted cell.
    package enum Escape: String, Sendable, CaseIterable {
        /// `""`, as RFC 4180 says; a backslash is plain text.
        case doubled
        /// `\"`; also `\'`, `\\`, `\0`, and the delimiter and line breaks behind a backslash. Before anything else a
        /// backslash is plain text.
        case backslash
        /// Either.
        case both
    }

    /// What ends a row outside of quotes.
    package enum RowEnd: String, Sendable {
        /// LF or CRLF; a lone CR is text.
        case lineFeed
        /// CR, CRLF or LF.
        case carriageReturn
    }

    /// Makes a dialect; everything not named is found out.
    package init(
        delimiter: UInt8? = nil, encoding: TextEncoding? = nil, quote: Quote? = nil, escape: Escape? = nil,
        header: Bool? = nil, skip: Int? = nil, rowEnd: RowEnd? = nil
    ) {
        self.delimiter = delimiter
        self.encoding = encoding
        self.quote = quote
        self.escape = escape
        self.header = header
        self.skip = skip
        self.rowEnd = rowEnd
    }

    /// Everything found out.
    package static let auto = CSVDialect()

    /// What ``CSVWriter`` writes: commas, `"` doubled, UTF-8, a header.
    package static let written = CSVDialect(
        delimiter: 0x2C, encoding: .utf8, quote: .byte(0x22), escape: .doubled, header: true, skip: 0,
        rowEnd: .lineFeed)

    /// Whether nothing but the encoding is left to find out.
    var isComplete: Bool {
        delimiter != nil && quote != nil && escape != nil && header != nil && skip != nil && rowEnd != nil
    }
}

/// A dialect in the form that loops over bytes want.
struct CSVSyntax: Sendable, Hashable {
    var delimiter: UInt8
    /// nil where nothing is quoted.
    var quote: UInt8?
    var backslash: Bool
    var doubled: Bool
    var carriageReturnEnds: Bool

    init(
        delimiter: UInt8 = 0x2C, quote: UInt8? = 0x22, backslash: Bool = false, doubled: Bool = true,
        carriageReturnEnds: Bool = false
    ) {
        self.delimiter = delimiter
        self.quote = quote
        self.backslash = backslash
        self.doubled = doubled
        self.carriageReturnEnds = carriageReturnEnds
    }

    /// The syntax of a dialect; RFC 4180 where it leaves something open.
    init(_ dialect: CSVDialect) {
        delimiter = dialect.delimiter ?? 0x2C
        switch dialect.quote {
        case .some(.none): quote = nil
        case .byte(let byte): quote = byte
        case nil: quote = 0x22
        }
        let escape = dialect.escape ?? .doubled
        backslash = escape != .doubled
        doubled = escape != .backslash
        carriageReturnEnds = dialect.rowEnd == .carriageReturn
    }

    /// Whether a backslash before this byte is an escape: what addslashes, MySQL and our own delimiters need.
    @inline(__always)
    func isEscapable(_ byte: UInt8) -> Bool {
        byte == 0x5C || byte == 0x22 || byte == 0x27 || byte == delimiter || byte == 0x0A || byte == 0x0D
            || byte == 0x30
    }
}
