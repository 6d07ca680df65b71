// SPDX-License-Identifier: Apache-2.0

import Formats
import Testing
import TicketModel

@Suite struct XMLSafetyTests {
    static func error(_ text: String, chunk: Int = 1 << 17, options: XMLReader.Options = .init()) -> (
        Diagnostic?, records: Int
    ) {
        var records = 0
        var options = options
        options.limits.chunk = chunk
        do {
            let reader = try XMLReader(
                MemoryByteSource(text, chunk: chunk, name: "t.xml"), sets: ["/a/r"], options: options)
            while let block = try reader.nextBlock() { records += block.records.count }
            return (nil, records)
        } catch { return (error as? Diagnostic, records) }
    }

    static let hostile: [(text: String, code: String)] = [
        ("<!DOCTYPE a [<!ENTITY x \"boom\">]><a><r>&x;</r></a>", "xml.entity-declaration"),
        ("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a><r>&x;</r></a>", "xml.entity-declaration"),
        ("<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1:9/x\">%p;]><a><r/></a>", "xml.entity-declaration"),
        (
            "<!DOCTYPE a [<!NOTATION n SYSTEM \"x\"><!ENTITY x SYSTEM \"y\" NDATA n>]><a><r/></a>",
            "xml.entity-declaration"
        ),
        ("<!DOCTYPE a [<!ATTLIST r x CDATA \"long\">]><a><r/></a>", "xml.attribute-default"),
        ("<a><r>&nbsp;</r></a>", "xml.undeclared-entity"),
        ("<!DOCTYPE a SYSTEM \"http://127.0.0.1:9/a.dtd\"><a><r>&nbsp;</r></a>", "xml.undeclared-entity"),
        ("<!DOCTYPE a SYSTEM \"http://127.0.0.1:9/a.dtd\"><a><r x=\"&nbsp;\"/></a>", "xml.undeclared-entity"),
        ("<a><r>\u{1}</r></a>", "xml.invalid-character"),
        ("<a><r>x & y</r></a>", "xml.malformed"),
        ("<a><r>x & y; z</r></a>", "xml.malformed"),
        ("<a><r>5 < 6</r></a>", "xml.malformed"),
        ("<a><r></a></r>", "xml.malformed"),
        ("<a><r x=1/></a>", "xml.malformed"),
        ("<a/><b/>", "xml.malformed"),
        ("hello", "xml.malformed"),
        ("", "xml.empty"), ("  \n", "xml.empty"), ("<!-- only -->", "xml.empty"),
    ]

    @Test(arguments: hostile.indices, [1 << 17, 1, 7]) func hostileAndBrokenDocumentsAreRefused(
        _ index: Int, _ chunk: Int
    ) {
        let sample = Self.hostile[index]
        let (error, _) = Self.error(sample.text, chunk: chunk)
        #expect(error?.code == sample.code, "\(sample.text): \(String(describing: error))")
        #expect(error?.remedy.isEmpty == false)
    }

    @Test func declarationsWithoutValuesAreFine() {
        let text =
            "<!DOCTYPE a [<!ELEMENT a (r)*><!ATTLIST r x (one|two) #IMPLIED y CDATA #REQUIRED>]><a><r x='one' y='2'/></a>"
        #expect(Self.error(text) == (nil, 1))
        #expect(Self.error(text, chunk: 1) == (nil, 1))
    }

    @Test func aDoctypeAloneIsFineAndNothingIsLoaded() {
        #expect(Self.error("<!DOCTYPE a SYSTEM \"http://127.0.0.1:9/a.dtd\"><a><r/></a>") == (nil, 1))
    }

    @Test(arguments: [1 << 17, 1 << 10]) func deepNestingIsAnErrorAndNoCrash(_ chunk: Int) {
        let text =
            "<a><r>ok</r><r>" + String(repeating: "<x>", count: 100_000) + String(repeating: "</x>", count: 100_000)
            + "</r></a>"
        let (error, records) = Self.error(text, chunk: chunk)
        #expect(error?.code == "xml.too-deep")
        #expect(records == 1)
        let fine = "<a><r>" + String(repeating: "<x>", count: 990) + String(repeating: "</x>", count: 990) + "</r></a>"
        #expect(Self.error(fine) == (nil, 1))
    }

    @Test func aHugeRecordIsAnErrorAndDoesNotFillTheMemory() {
        var options = XMLReader.Options()
        options.limits.recordBytes = 1 << 20
        for body in ["<x>text</x>", "text text", "<![CDATA[text]]>"] {
            let text = "<a><r/><r>" + String(repeating: body, count: 400_000) + "</r></a>"
            let (error, records) = Self.error(text, options: options)
            #expect(error?.code == "xml.record-too-large")
            #expect(records == 1)
        }
        let (error, _) = Self.error(
            "<a><r/><r><![CDATA[" + String(repeating: "text", count: 900_000) + "]]></r></a>", options: options)
        #expect(error?.code == "xml.record-too-large")
    }

    @Test func textsPastTenMegabytesAreRead() throws {
        let long = String(repeating: "QUJDREVG", count: 1_500_000)
        for text in ["<a><r>\(long)</r></a>", "<a><r><![CDATA[\(long)]]></r></a>", "<a><r x=\"\(long)\"/></a>"] {
            let reader = try XMLReader(MemoryByteSource(text), sets: ["/a/r"])
            let block = try #require(try reader.nextBlock())
            #expect(block.bytes.count == long.utf8.count)
        }
    }

    @Test func aFileCutOffAnywhereIsRecognisedAndWhatIsCompleteIsGiven() throws {
        let text =
            "<?xml version=\"1.0\"?>\n<a t=\"x\">\n <r>one</r>\n <r n=\"1\">two &amp; <![CDATA[x]]><b>y</b><!-- c --></r>\n</a>"
        let whole = Array(text.utf8)
        let first = try #require(text.utf8.firstRange(of: Array("</r>".utf8)))
        let firstEnd = text.utf8.distance(from: text.utf8.startIndex, to: first.upperBound)
        for length in 25..<whole.count {
            for chunk in [1, 1 << 17] {
                let reader = try XMLReader(
                    MemoryByteSource(Array(whole[..<length]), chunk: chunk, name: "t.xml"), sets: ["/a/r"])
                var records = 0
                var error: Diagnostic?
                do { while let block = try reader.nextBlock() { records += block.records.count } } catch let thrown
                    as Diagnostic
                {
                    error = thrown
                }
                let shown = String(decoding: whole[..<length], as: UTF8.self)
                #expect(
                    error?.code == "xml.cut-off" || (length < 32 && error?.code == "xml.empty"),
                    "\(shown): \(String(describing: error))")
                #expect(records >= (length >= firstEnd ? 1 : 0))
                if length == firstEnd + 10 {
                    #expect(
                        error?.message == "the file ends in the middle of the element `r`, after 1 record"
                            || error?.message.contains("after 1 record") == true)
                    #expect(error?.location?.line == 4)
                }
            }
        }
    }
}
