// SPDX-License-Identifier: Apache-2.0

import Formats
import Testing
import TicketModel

@Suite struct XMLReaderTests {
    typealias Found = (set: Int, tree: Tree, line: Int, column: Int, around: [Tree])

    /// Reads a document under every size of chunk and block, and gives the records if all agree.
    static func read(_ text: String, _ sets: [String], options: XMLReader.Options = .init()) throws -> [Found] {
        var first: [Found]?
        for (chunk, block) in [
            (1 << 17, 1 << 18), (1, 1), (2, 50), (3, 1), (7, 400), (64, 64), (300, 1), (343, 1), (1000, 7),
        ] {
            var options = options
            options.blockSize = block
            options.limits.chunk = chunk
            let reader = try XMLReader(
                MemoryByteSource(text, chunk: chunk, name: "t.xml"), sets: sets, options: options)
            let found = try reader.all()
            #expect(reader.recordsRead == found.count)
            if let first {
                #expect(first.map(\.tree) == found.map(\.tree), "chunk \(chunk)")
                #expect(first.map(\.line) == found.map(\.line), "chunk \(chunk)")
                #expect(first.map(\.column) == found.map(\.column), "chunk \(chunk)")
                #expect(first.map(\.around) == found.map(\.around), "chunk \(chunk)")
                #expect(first.map(\.set) == found.map(\.set), "chunk \(chunk)")
            }
            first = first ?? found
        }
        return try #require(first)
    }

    @Test func aRecordIsAnElementWithItsWholeSubtree() throws {
        let found = try Self.read(
            """
            <?xml version="1.0"?>
            <tickets type="array">
              <ticket id="7"><subject>Hi &amp; bye</subject><tags><tag>a</tag><tag/></tags></ticket>
              <other>no</other>
                <ticket/>
            </tickets>
            """, ["/tickets/ticket"])
        #expect(
            found.map(\.tree) == [
                Tree(
                    "ticket", "",
                    [
                        Tree("@id", "7"), Tree("subject", "Hi & bye"),
                        Tree("tags", "", [Tree("tag", "a"), Tree("tag")]),
                    ]),
                Tree("ticket"),
            ])
        #expect(found.map(\.line) == [3, 5])
        #expect(found.map(\.column) == [3, 5])
        #expect(found.allSatisfy { $0.around == [Tree("tickets", "", [Tree("@type", "array")])] })
    }

    @Test func textIsJoinedAndKeptExactly() throws {
        let found = try Self.read(
            "<a><r>  one <b> x </b>two<![CDATA[ <three> & ]]>&#10;&lt;&#x20AC;\u{1F600}<!-- no --><?pi no?> </r></a>",
            ["/a/r"])
        #expect(found.map(\.tree) == [Tree("r", "  one two <three> & \n<€😀 ", [Tree("b", " x ")])])
    }

    @Test func lineEndsAreLineFeedsAlsoInCDATA() throws {
        let long = String(repeating: "line\r\nsome text here\r\n", count: 60)
        let plain = String(repeating: "line\nsome text here\n", count: 60)
        let found = try Self.read(
            "<a>\r\n<r>1\r\n2\r3&#13;4</r><r><![CDATA[\(long)x]]></r><r>\(long)</r>\r\n</a>", ["/a/r"])
        #expect(found.map(\.tree.text) == ["1\n2\n3\r4", plain + "x", plain])
    }

    @Test func aLineEndCutByThePiecesOfACDATASectionIsOneLineFeed() throws {
        // libxml2 gives long sections in pieces of 300 bytes; here the first ends between CR and LF.
        for before in 296...302 {
            let text = String(repeating: "x", count: before)
            let found = try Self.read("<a><r><![CDATA[\(text)\r\n\(text)\r\r\n]]></r></a>", ["/a/r"])
            #expect(found.map(\.tree.text) == ["\(text)\n\(text)\n\n"])
        }
    }

    @Test func elementsAroundARecordGiveTheirAttributes() throws {
        let found = try Self.read(
            """
            <mysqldump xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><database name="d"><table_data name="t1">
            <row><field name="id">1</field><field name="n" xsi:nil="true" /></row><row/></table_data>
            <table_data name="t2" x="&lt;"><row><field name="id">2</field></row></table_data></database></mysqldump>
            """, ["/mysqldump/database/table_data/row"])
        #expect(found.count == 3)
        #expect(
            found[0].tree
                == Tree(
                    "row", "",
                    [
                        Tree("field", "1", [Tree("@name", "id")]),
                        Tree("field", "", [Tree("@name", "n"), Tree("@xsi:nil", "true")]),
                    ]))
        #expect(
            found.map { $0.around.map(\.name) } == Array(repeating: ["table_data", "database", "mysqldump"], count: 3))
        #expect(found[1].around[0].children == [Tree("@name", "t1")])
        #expect(found[2].around[0].children == [Tree("@name", "t2"), Tree("@x", "<")])
        #expect(found[2].around[1].children == [Tree("@name", "d")])
    }

    @Test func ampersandsInAttributesAreWhatTheDocumentSays() throws {
        let found = try Self.read(
            "<a x='&amp;#38;'><r x='&amp;' y='&#38;&#x26;' z='&amp;#38;' w='a&lt;&quot;&amp;amp;'/></a>", ["/a/r"])
        #expect(found[0].tree.children.map(\.text) == ["&", "&&", "&#38;", "a<\"&amp;"])
        #expect(found[0].around[0].children.map(\.text) == ["&#38;"])
    }

    @Test func severalSetsAndRecordsWithinRecords() throws {
        let found = try Self.read(
            "<r><a>1</a><t><id>9</id><c><m>x</m><m>y</m></c></t><t/></r>", ["/r/t", "/r/a", "/r/t/c/m", "/r/*"])
        #expect(found.map(\.set) == [1, 3, 0, 3, 2, 2, 0, 3])
        #expect(found.map(\.tree.name) == ["a", "a", "t", "t", "m", "m", "t", "t"])
        #expect(found[4].around.map(\.name) == ["c", "t", "r"])
        #expect(found[5].tree == Tree("m", "y"))
    }

    @Test func theRootItselfCanBeTheRecord() throws {
        let found = try Self.read("<a x='1'>t</a>", ["/a"])
        #expect(found.map(\.tree) == [Tree("a", "t", [Tree("@x", "1")])])
    }

    @Test func declaredPrefixesMeanTheirNamespace() throws {
        let text = """
            <rss xmlns:w="urn:wp" xmlns:wp="urn:other" xmlns="urn:d"><w:item w:k="1" k="2"><w:id>1</w:id><wp:id>2</wp:id></w:item></rss>
            """
        var options = XMLReader.Options()
        options.namespaces = ["wp": "urn:wp"]
        #expect(
            try Self.read(text, ["/rss/wp:item"], options: options).map(\.tree) == [
                Tree(
                    "wp:item", "",
                    [Tree("@wp:k", "1"), Tree("@k", "2"), Tree("wp:id", "1"), Tree("{urn:other}id", "2")])
            ])
        #expect(try Self.read(text, ["/rss/w:item"]).map(\.tree.name) == ["w:item"])
        #expect(try Self.read(text, ["/rss/w:item"], options: options).isEmpty)
        options.namespaces = ["": "urn:wp", "d": "urn:d"]
        #expect(
            try Self.read(text, ["/d:rss/item"], options: options).map { $0.tree.children.map(\.name) } == [
                ["@k", "@k", "id", "wp:id"]
            ])
    }

    @Test func anUndeclaredPrefixIsReadAsItStands() throws {
        #expect(try Self.read("<a><wp:r>x</wp:r></a>", ["/a/wp:r"]).map(\.tree) == [Tree("wp:r", "x")])
    }

    @Test func linesPast65535AreRight() throws {
        let text = "<a>" + String(repeating: "\n", count: 200_000) + " <r/></a>"
        let found = try XMLReader(MemoryByteSource(text), sets: ["/a/r"]).all()
        #expect(found.map(\.line) == [200_001])
        #expect(found.map(\.column) == [2])
        let broken = "<a>" + String(repeating: "\n", count: 200_000) + " <r></b></a>"
        let error = #expect(throws: Diagnostic.self) { try XMLReader(MemoryByteSource(broken), sets: ["/a/r"]).all() }
        #expect(error?.location?.line == 200_001)
        #expect(error?.code == "xml.malformed")
    }

    @Test func blankLinesBeforeTheDeclarationArePassedOver() throws {
        let found = try Self.read("\n\n  <?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>\n<r/></a>", ["/a/r"])
        #expect(found.map(\.line) == [5])
    }

    @Test(arguments: [1 << 17, 1, 7])
    func encodingsAreConverted(_ chunk: Int) throws {
        func text(_ label: String) -> String { "<?xml version=\"1.0\"\(label)?><a><r n=\"é\">é</r></a>" }
        let latin = Array(text(" encoding='ISO-8859-1'").unicodeScalars.map { UInt8($0.value) })
        let kinds: [(bytes: [UInt8], asked: TextEncoding?)] = [
            (Array(text("").utf8), nil), (Array("\u{FEFF}\(text(" encoding=\"utf-8\""))".utf8), nil), (latin, nil),
            (Array(text("").unicodeScalars.map { UInt8($0.value) }), .windows1252),
            ([0xFF, 0xFE] + EncodingTests.bytes(text(" encoding=\"UTF-16\""), .utf16LE), nil),
            (EncodingTests.bytes(text(" encoding=\"UTF-16\""), .utf16BE), nil),
            (Array(text(" encoding='ISO-8859-15'").unicodeScalars.map { UInt8($0.value) }), nil),
        ]
        for kind in kinds {
            var options = XMLReader.Options()
            options.encoding = kind.asked
            options.limits.chunk = chunk
            let reader = try XMLReader(MemoryByteSource(kind.bytes, chunk: chunk), sets: ["/a/r"], options: options)
            #expect(try reader.all().map(\.tree) == [Tree("r", "é", [Tree("@n", "é")])])
        }
    }

    @Test func aBadByteIsAnErrorWithItsPlace() throws {
        let bytes = Array("<a>\n<r>good</r>\n<r>b".utf8) + [0xFC] + Array("d</r></a>".utf8)
        for chunk in [1, 5, 1000] {
            let reader = try XMLReader(MemoryByteSource(bytes, chunk: chunk, name: "t.xml"), sets: ["/a/r"])
            #expect(try reader.nextBlock()?.records.count == 1)
            let error = #expect(throws: Diagnostic.self) { try reader.nextBlock() }
            #expect(error?.code == "xml.encoding")
            #expect(error?.location == SourceLocation(file: "t.xml", line: 3, column: 5))
        }
    }
}
