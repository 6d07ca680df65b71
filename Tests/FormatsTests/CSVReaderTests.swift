// SPDX-License-Identifier: Apache-2.0

import Formats
import Testing
import TicketModel

@Suite struct CSVReaderTests {
    /// Reads a text under every size of chunk and window, and gives the rows if all agree.
    static func rows(
        _ text: String, _ dialect: CSVDialect = .written, defused: Bool = false, heard: Heard = Heard()
    ) throws -> (header: [String], rows: [[Tree]], lines: [Int]) {
        var first: (header: [String], rows: [[Tree]], lines: [Int])?
        for (chunk, window) in [(1 << 20, 1 << 19), (1, 64), (2, 65), (3, 67), (7, 71), (64, 64), (13, 128)] {
            let reader = try CSVReader(
                MemoryByteSource(text, chunk: chunk, name: "t.csv"), dialect: dialect,
                options: .init(defused: defused, window: window), diagnostics: first == nil ? heard : Heard())
            let all = try reader.all()
            #expect(reader.recordsRead == all.count)
            #expect(all.allSatisfy { $0.tree.name == "row" && $0.around.isEmpty && $0.column == 1 })
            let found = (reader.header, all.map(\.tree.children), all.map(\.line))
            if let first {
                #expect(first.header == found.0)
                #expect(first.rows == found.1, "chunk \(chunk), window \(window)")
                #expect(first.lines == found.2, "chunk \(chunk), window \(window)")
            }
            first = first ?? found
        }
        return try #require(first)
    }

    static func texts(_ text: String, _ dialect: CSVDialect = .written) throws -> [[String]] {
        try rows(text, dialect).rows.map { $0.map(\.text) }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var what: String
        var text: String
        var rows: [[String]]
        var dialect = CSVDialect.written
        var testDescription: String { what }
    }

    static let cases: [Case] = [
        Case(what: "LF", text: "a,b\n1,2\n3,4\n", rows: [["1", "2"], ["3", "4"]]),
        Case(what: "CRLF", text: "a,b\r\n1,2\r\n3,4\r\n", rows: [["1", "2"], ["3", "4"]]),
        Case(what: "no last line end", text: "a,b\n1,2\n3,4", rows: [["1", "2"], ["3", "4"]]),
        Case(what: "no last line end after CRLF rows", text: "a,b\r\n1,2\r\n3,4", rows: [["1", "2"], ["3", "4"]]),
        Case(what: "quotes", text: "a,b\n\"1\",\"2\"\n", rows: [["1", "2"]]),
        Case(what: "quotes at the very end", text: "a,b\n\"1\",\"2\"", rows: [["1", "2"]]),
        Case(what: "quotes and CRLF", text: "a,b\r\n\"1\",\"2\"\r\n\"3\",\"4\"\r\n", rows: [["1", "2"], ["3", "4"]]),
        Case(what: "delimiters in quotes", text: "a,b\n\"1,x\",\"2;\"\n", rows: [["1,x", "2;"]]),
        Case(
            what: "line breaks in quotes", text: "a,b\n\"1\n2\r\n3\r4\",5\n6,7\n",
            rows: [["1\n2\r\n3\r4", "5"], ["6", "7"]]),
        Case(what: "doubled quotes", text: "a,b\n\"say \"\"hi\"\"\",\"\"\"\"\n", rows: [["say \"hi\"", "\""]]),
        Case(what: "only doubled quotes", text: "a,b\n\"\"\"\"\"\",x\n", rows: [["\"\"", "x"]]),
        Case(what: "quotes inside an unquoted cell", text: "a,b\n5\" disk,\"x\"\n", rows: [["5\" disk", "x"]]),
        Case(what: "empty cells", text: "a,b,c\n,,1\n1,,\n", rows: [["", "", "1"], ["1", "", ""]]),
        Case(what: "empty quoted cells", text: "a,b\n\"\",\"\"\n", rows: [["", ""]]),
        Case(what: "empty rows", text: "a,b\n\n1,2\n\r\n\n3,4\n\n", rows: [["1", "2"], ["3", "4"]]),
        Case(what: "rows of commas", text: "a,b,c\n,,\n1,2,3\n,,\r\n", rows: [["1", "2", "3"]]),
        Case(what: "short rows", text: "a,b,c\n1\n1,2\n", rows: [["1"], ["1", "2"]]),
        Case(what: "a delimiter at the end of rows", text: "a,b\n1,2,\n3,4,,\n", rows: [["1", "2"], ["3", "4"]]),
        Case(what: "blanks are text", text: "a,b\n 1 , 2\n", rows: [[" 1 ", " 2"]]),
        Case(
            what: "blanks after a closing quote", text: "a,b\n\"1\" ,\"2\"\t\n\"3\" \r\n", rows: [["1", "2"], ["3"]]),
        Case(what: "a lone CR in LF rows is text", text: "a,b\n1\r2,3\n", rows: [["1\r2", "3"]]),
        Case(what: "backslashes are text", text: "a,b\n\"C:\\dir\\\",\\n\n", rows: [["C:\\dir\\", "\\n"]]),
        Case(what: "letters of all lengths", text: "a,b\né,€\n😀,\"ß,😀\"\n", rows: [["é", "€"], ["😀", "ß,😀"]]),
        Case(
            what: "a stray quote stays", text: "a,b\n\"he said \"hi\" to me\",2\n3,4\n",
            rows: [["he said \"hi\" to me", "2"], ["3", "4"]]),
        Case(
            what: "CR rows", text: "a,b\r1,2\r\"3\r3\",4\r\r5,6", rows: [["1", "2"], ["3\r3", "4"], ["5", "6"]],
            dialect: {
                var d = CSVDialect.written; d.rowEnd = .carriageReturn; return d
            }()),
        Case(
            what: "backslash escapes",
            text: "a,b\n\"O\\'Brien \\\"x\\\" \\\\\",\"C:\\new\"\n\"ends \\\\\",\"\\\\\"\n\"\\\n\",\"\"\n",
            rows: [["O'Brien \"x\" \\", "C:\\new"], ["ends \\", "\\"], ["\n", ""]],
            dialect: {
                var d = CSVDialect.written; d.escape = .backslash; return d
            }()),
        Case(
            what: "backslash escapes without quotes", text: "a\tb\nx\\\ty\tz\nline\\\nbreak\t\\N\n",
            rows: [["x\ty", "z"], ["line\nbreak", "\\N"]],
            dialect: CSVDialect(
                delimiter: 0x09, quote: CSVDialect.Quote.none, escape: .backslash, header: true, skip: 0,
                rowEnd: .lineFeed)),
        Case(
            what: "both escapes", text: "a,b\n\"O\\'Brien\",\"\"\"x\\\"\"\n", rows: [["O'Brien", "\"x\""]],
            dialect: {
                var d = CSVDialect.written; d.escape = .both; return d
            }()),
        Case(
            what: "no quotes at all", text: "a,b\n\"1,2\"\n", rows: [["\"1", "2\""]],
            dialect: {
                var d = CSVDialect.written; d.quote = CSVDialect.Quote.none; return d
            }()),
    ]

    @Test(arguments: cases) func readsRowsAtEveryChunkSize(_ sample: Case) throws {
        #expect(try Self.texts(sample.text, sample.dialect) == sample.rows)
    }

    @Test func cellsCarryTheHeadersNames() throws {
        let found = try Self.rows("id,\u{FEFF} Subject \u{A0},tag,tag,\n1,s,x,y,z\n")
        #expect(found.header == ["id", "Subject", "tag", "tag", "column 5"])
        #expect(
            found.rows == [
                [Tree("id", "1"), Tree("Subject", "s"), Tree("tag", "x"), Tree("tag", "y"), Tree("column 5", "z")]
            ])
    }

    @Test func aByteOrderMarkIsNoPartOfTheFirstName() throws {
        #expect(try Self.rows("\u{FEFF}id,b\n1,2\n").header == ["id", "b"])
        #expect(try Self.rows("\u{FEFF}\"id\",b\n1,2\n").header == ["id", "b"])
    }

    @Test func extraCellsAreKeptAndWarnedAboutOnce() throws {
        let heard = Heard()
        let found = try Self.rows("a,b\n1,2,3\n1,2,,4\n1,2\n", heard: heard)
        #expect(found.rows[0].map(\.name) == ["a", "b", "column 3"])
        #expect(found.rows[1].map(\.text) == ["1", "2", "", "4"])
        #expect(found.rows[2].count == 2)
        #expect(heard.codes == ["csv.long-row"])
        #expect(heard.all.first?.count == 2)
        #expect(heard.all.first?.location?.line == 2)
    }

    @Test func withoutAHeaderColumnsAreNumbered() throws {
        var dialect = CSVDialect.written
        dialect.header = false
        let found = try Self.rows("1,\"a \"\"b\"\"\"\n2,c,d\n", dialect)
        #expect(
            found.rows == [
                [Tree("column 1", "1"), Tree("column 2", "a \"b\"")],
                [Tree("column 1", "2"), Tree("column 2", "c"), Tree("column 3", "d")],
            ])
        #expect(found.lines == [1, 2])
    }

    @Test(arguments: ["\n", "\r\n", "\r"]) func linesAreCountedWithEveryLineEnd(_ end: String) throws {
        var dialect = CSVDialect.written
        dialect.rowEnd = end == "\r" ? .carriageReturn : .lineFeed
        let text = ["a,b", "1,2", "", "\"x\(end)y\(end)\",2", "3,4", ",", "5,6"].joined(separator: end)
        #expect(try Self.rows(text, dialect).lines == [2, 4, 7, 9])
    }

    @Test func titleLinesAreSkipped() throws {
        var dialect = CSVDialect.written
        dialect.skip = 3
        let found = try Self.rows("Report\r\nof \"today\r\n\r\nid,name\r\n1,x\r\n", dialect)
        #expect(found.header == ["id", "name"])
        #expect(found.lines == [5])
    }

    @Test func defusedCellsAreReadBack() throws {
        let found = try Self.rows("a,b,c\n'=1,''x,y\n\"'a \"\"b\"\"\",'-,'\n", defused: true)
        #expect(found.rows.map { $0.map(\.text) } == [["=1", "'x", "y"], ["a \"b\"", "-", ""]])
    }

    @Test(arguments: [(1 << 20, 1 << 19), (1, 64), (7, 64)])
    func aQuoteThatNeverClosesNamesWhereItOpened(_ sizes: (chunk: Int, window: Int)) throws {
        let text = "a,b\n1,2\n3,\"4\n5,6\n7,8"
        let reader = try CSVReader(
            MemoryByteSource(text, chunk: sizes.chunk, name: "t.csv"), dialect: .written,
            options: .init(window: sizes.window), diagnostics: Heard())
        let block = try #require(try reader.nextBlock())
        #expect(block.records.count == 1)
        let error = #expect(throws: Diagnostic.self) { try reader.nextBlock() }
        #expect(error?.code == "csv.unterminated-quote")
        #expect(error?.message.contains("opened on line 3") == true)
        #expect(error?.message.contains("after 1 record") == true)
        #expect(error?.location == SourceLocation(file: "t.csv", line: 5, column: 4))
        #expect(try reader.nextBlock() == nil)
    }

    @Test func aRowThatNeverEndsIsNotReadIntoMemory() throws {
        let text = "a,b\n1,\"" + String(repeating: "x", count: 100_000)
        let reader = try CSVReader(
            MemoryByteSource(text), dialect: .written, options: .init(window: 64, recordLimit: 10_000),
            diagnostics: Heard())
        let error = #expect(throws: Diagnostic.self) { while try reader.nextBlock() != nil {} }
        #expect(error?.code == "csv.record-too-long")
        #expect(error?.location?.line == 2)
    }

    @Test func aStrayQuoteIsWarnedAbout() throws {
        let heard = Heard()
        _ = try Self.rows("a,b\n1,2\n\"x\"y,2\"\n", heard: heard)
        #expect(heard.codes == ["csv.stray-quote"])
        #expect(heard.all.first?.location?.line == 3)
    }

    @Test func whatIsNoTextIsRefused() throws {
        for bytes: [UInt8] in [
            [0x50, 0x4B, 3, 4, 0, 0, 9], [0x1F, 0x8B, 8, 0], Array("a,b\n1,\0,3,4,5,6,7,8,9,10\n".utf8),
        ] {
            let error = #expect(throws: Diagnostic.self) {
                try CSVReader(MemoryByteSource(bytes), diagnostics: Heard())
            }
            #expect(error?.code == "csv.binary")
        }
    }

    @Test(arguments: ["", "\n", "\r\n\r\n", "\u{FEFF}"]) func anEmptyFileHasNoRecords(_ text: String) throws {
        let reader = try CSVReader(MemoryByteSource(text), diagnostics: Heard())
        #expect(try reader.nextBlock() == nil)
        #expect(reader.recordsRead == 0)
    }

    @Test func aHeaderAloneHasNoRecords() throws {
        let reader = try CSVReader(MemoryByteSource("id,subject\n"), diagnostics: Heard())
        #expect(reader.header == ["id", "subject"])
        #expect(try reader.nextBlock() == nil)
    }

    @Test func aShortLastRowWithoutALineEndIsSuspicious() throws {
        let heard = Heard()
        _ = try Self.rows("a,b,c\n1,2,3\n4,5", heard: heard)
        #expect(heard.codes == ["csv.short-end"])
        #expect(heard.all.first?.location?.line == 3)
        let quiet = Heard()
        _ = try Self.rows("a,b,c\n1,2,3\n4,5\n", heard: quiet)
        _ = try Self.rows("a,b,c\n1,2,3\n4,5,6", heard: quiet)
        #expect(quiet.codes.isEmpty)
    }
}
