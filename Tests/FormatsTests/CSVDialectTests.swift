// SPDX-License-Identifier: Apache-2.0

import Formats
import Testing
import TicketModel

@Suite struct CSVDialectTests {
    static func detect(_ text: String) -> CSVDialect { CSVDialect.detect(Array(text.utf8), isWhole: true) }

    @Test(arguments: [",", ";", "\t", "|"]) func findsTheDelimiter(_ delimiter: String) throws {
        let rows = [
            ["id", "subject", "price", "created"], ["1", "\"Hello, world; how | are\tyou\"", "1.5", "2024-01-02"],
            ["2", "\"x\ny\"", "", "2024-01-03"], ["3", "plain", "7", "2024-01-04"],
        ]
        let found = Self.detect(rows.map { $0.joined(separator: delimiter) }.joined(separator: "\r\n"))
        #expect(found.delimiter == delimiter.utf8.first)
        #expect(found.quote == .byte(0x22))
        #expect(found.header == true)
        #expect(found.skip == 0)
        #expect(found.rowEnd == .lineFeed)
    }

    @Test func decimalCommasDoNotHideSemicolons() {
        #expect(Self.detect("Nr;Preis;Text\n1;1,50;Hallo, Welt\n2;2,75;x\n3;9,99;y, z, w\n").delimiter == 0x3B)
    }

    @Test func excelsSeparatorLineCounts() throws {
        let text = "sep=|\r\nid|text\r\n1|a,b\r\n2|c,d\r\n"
        let found = Self.detect(text)
        #expect(found.delimiter == 0x7C)
        #expect(found.skip == 1)
        let reader = try CSVReader(MemoryByteSource(text), diagnostics: Heard())
        #expect(try reader.all().map { $0.tree.children.map(\.text) } == [["1", "a,b"], ["2", "c,d"]])
    }

    @Test func apostrophesCanQuote() {
        #expect(Self.detect("id,text\n1,'a, b'\n2,'c, d'\n3,'e'\n").quote == .byte(0x27))
        #expect(Self.detect("id,text\n1,it's\n2,'tis\n3,x\n").quote != .byte(0x27))
    }

    @Test func quotesThatQuoteNothingAreText() {
        let found = Self.detect("id\ttext\n1\t\"Hi\" he said\n2\t\"No\" she said\n3\t\"x\n4\ty\n")
        #expect(found.delimiter == 0x09)
        #expect(found.quote == CSVDialect.Quote.none)
    }

    @Test func aCellLongerThanTheSampleIsStillQuoted() {
        let long = String(repeating: "line of text, more\n", count: 20_000)
        #expect(Self.detect("id,text\n1,\"\(long)\"\n2,x\n").quote == .byte(0x22))
        #expect(Self.detect("id,text\n1,\"\(long)").quote == .byte(0x22))
    }

    @Test func quotesTakenForTextAreSaid() throws {
        let heard = Heard()
        let reader = try CSVReader(MemoryByteSource("id\ttext\n1\t\"Hi\" he said\n2\t\"No\" she\n"), diagnostics: heard)
        #expect(
            try reader.all().map { $0.tree.children.map(\.text) } == [["1", "\"Hi\" he said"], ["2", "\"No\" she"]])
        #expect(heard.codes == ["csv.quotes-are-text"])
    }

    @Test func windowsPathsAreNoEscapes() {
        #expect(
            Self.detect("id,text\n1,\"path C:\\Program Files\\App\\bin\"\n2,\"it's \"\"x\"\"\"\n").escape == .doubled)
        #expect(Self.detect("id,text\n\"1\",\"C:\\dir\\\"\n\"2\",\"x\"\n\"3\",\"y\"\n").escape == .doubled)
    }

    @Test func addslashesIsRecognised() throws {
        // KB Support's export: every cell quoted, `"` made `'`, then addslashes.
        let text =
            "\"ID\",\"Customer\",\"Content\"\r\n\"1\",\"Pat O\\'Brien\",\"line\nbreak\"\r\n\"2\",\"x\",\"\\\\server says \\'no\\'\"\r\n"
        let found = Self.detect(text)
        #expect(found.escape == .backslash)
        let reader = try CSVReader(MemoryByteSource(text), diagnostics: Heard())
        #expect(
            try reader.all().map { $0.tree.children.map(\.text) } == [
                ["1", "Pat O'Brien", "line\nbreak"], ["2", "x", "\\server says 'no'"],
            ])
    }

    @Test func backslashQuotesAreRecognised() {
        #expect(Self.detect("id,text\n1,\"say \\\"a, b\\\" x\"\n2,\"it's, y\"\n3,\"z\"\n").escape == .backslash)
    }

    @Test func titlesAboveTheHeaderAreFound() {
        #expect(Self.detect("Tickets\nGenerated 2024-01-01\n\nid,subject,status\n1,a,open\n2,b,open\n").skip == 3)
        #expect(Self.detect("Tickets,,\n,,\nid,subject,status\n1,a,open\n2,b,open\n").skip == 2)
    }

    @Test func aFirstRowOfDataIsNoHeader() {
        #expect(Self.detect("1,hello,2024-01-02\n2,you,2024-01-03\n").header == false)
        #expect(Self.detect("ana@x.example,hello\nbo@x.example,you\n").header == false)
    }

    @Test func loneCarriageReturnsEndRows() {
        let found = Self.detect("id;b\r1;2\r3;4\r")
        #expect(found.rowEnd == .carriageReturn)
        #expect(found.delimiter == 0x3B)
    }

    @Test func whatIsToldIsKept() {
        let asked = CSVDialect(delimiter: 0x3B, quote: CSVDialect.Quote.none, escape: .both, header: false, skip: 1)
        let found = CSVDialect.detect(Array("a,b\n1,2\n".utf8), isWhole: true, asked: asked)
        #expect(found.delimiter == 0x3B && found.quote == CSVDialect.Quote.none && found.escape == .both)
        #expect(found.header == false && found.skip == 1)
    }

    @Test func settingsAreReadAsMappingsWriteThem() throws {
        var dialect = CSVDialect.auto
        let said = [
            ("delimiter", "tab"), ("encoding", "Windows-1252"), ("quote", "none"), ("escape", "both"),
            ("header", "absent"),
            ("skip", "2"),
        ]
        for (name, value) in said { try dialect.set(name, to: value) }
        #expect(
            dialect
                == CSVDialect(
                    delimiter: 0x09, encoding: .windows1252, quote: CSVDialect.Quote.none, escape: .both, header: false,
                    skip: 2))
        for name in CSVDialect.settingNames { try dialect.set(name, to: "auto") }
        #expect(dialect == .auto)
        let wrong = [
            ("delimiter", ";;"), ("encoding", "ebcdic"), ("quote", "no"), ("escape", "x"), ("header", "maybe"),
            ("skip", "-1"),
            ("delimeter", ","),
        ]
        for (name, value) in wrong {
            #expect((#expect(throws: Diagnostic.self) { try dialect.set(name, to: value) })?.code == "csv.setting")
        }
    }
}
