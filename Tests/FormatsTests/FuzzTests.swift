// SPDX-License-Identifier: Apache-2.0

import Formats
import Testing
import TicketModel

/// Nonsense must give the same answer, or the same error, however it arrives.
@Suite struct FuzzTests {
    static let scraps: [String] = [
        "a", "b,c", ",", "\"", "\"\"", "\n", "\r", "\r\n", "'", ";", "\t", "\\", "\\\"", "\\'", " ", "é", "😀", "|", "1",
        "\"x\"", ",\"y\",",
    ]
    static let tags: [String] = [
        "<r>", "</r>", "<a>", "</a>", "<b x='1'>", "</b>", "<c/>", "text", "&amp;", "&#65;", "<![CDATA[", "]]>", "\r\n",
        "\r", "\n",
        "<!-- c -->", "<?p i?>", "é", "&", "<", ">", "\"", "<a y=\"&lt;\r\n\">",
    ]

    /// Everything that a reading gave: records, warnings and the error.
    struct Answer: Equatable {
        var trees: [Tree] = []
        var lines: [Int] = []
        var warnings: [Diagnostic] = []
        var error: Diagnostic?
    }

    static func readAll(_ reader: any RecordReader, _ answer: inout Answer) {
        do {
            while let block = try reader.nextBlock() {
                for record in block.records {
                    answer.trees.append(Tree(block, record.root))
                    answer.lines.append(Int(record.line))
                }
            }
        } catch { answer.error = error as? Diagnostic }
    }

    static func csv(_ bytes: [UInt8], _ dialect: CSVDialect, chunk: Int, window: Int) -> Answer {
        var answer = Answer()
        let heard = Heard()
        do {
            let reader = try CSVReader(
                MemoryByteSource(bytes, chunk: chunk), dialect: dialect, options: .init(window: window),
                diagnostics: heard)
            readAll(reader, &answer)
        } catch { answer.error = error as? Diagnostic }
        answer.warnings = heard.all
        return answer
    }

    @Test(arguments: 0..<40) func aCSVReadsTheSameHoweverItIsCut(_ seed: UInt64) {
        var random = SplitMix(state: seed &* 7919)
        for _ in 0..<25 {
            let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                Self.scraps.randomElement(using: &random) ?? ""
            }.joined()
            var bytes = Array(text.utf8)
            if Int.random(in: 0..<6, using: &random) == 0, !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 1...255, using: &random)
            }
            let dialect = CSVDialect(
                delimiter: [0x2C, 0x3B, 0x09].randomElement(using: &random), encoding: .utf8,
                quote: [.byte(0x22), .byte(0x27), CSVDialect.Quote.none].randomElement(using: &random),
                escape: CSVDialect.Escape.allCases.randomElement(using: &random), header: Bool.random(using: &random),
                skip: Int.random(in: 0...1, using: &random),
                rowEnd: [.lineFeed, .carriageReturn].randomElement(using: &random))
            let whole = Self.csv(bytes, dialect, chunk: .max, window: 1 << 19)
            for (chunk, window) in [(1, 64), (3, 64), (64, 65), (.max, 64), (.max, 101)] {
                #expect(
                    Self.csv(bytes, dialect, chunk: chunk, window: window) == whole,
                    "\(text.debugDescription) \(dialect)")
            }
        }
    }

    @Test(arguments: 0..<40) func aFoundDialectIsTheSameHoweverTheFileArrives(_ seed: UInt64) {
        var random = SplitMix(state: seed &* 104_729)
        let text = (0..<80).map { _ in Self.scraps.randomElement(using: &random) ?? "" }.joined()
        let whole = Self.csv(Array(text.utf8), .auto, chunk: .max, window: 1 << 19)
        #expect(Self.csv(Array(text.utf8), .auto, chunk: 3, window: 64) == whole)
    }

    static func xml(_ bytes: [UInt8], chunk: Int, block: Int) -> Answer {
        var answer = Answer()
        var options = XMLReader.Options(blockSize: block)
        options.limits.chunk = chunk
        do {
            readAll(
                try XMLReader(MemoryByteSource(bytes, chunk: chunk), sets: ["/r/a", "/r/a/b"], options: options),
                &answer)
        } catch { answer.error = error as? Diagnostic }
        return answer
    }

    @Test(arguments: 0..<40) func anXMLReadsTheSameHoweverItIsCut(_ seed: UInt64) {
        var random = SplitMix(state: seed &* 31337)
        for _ in 0..<25 {
            var text = "<r>"
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                switch Int.random(in: 0..<8, using: &random) {
                case 0: text += Self.tags.randomElement(using: &random) ?? ""
                case 1: text += "<a><b>\r\n&lt;<c/>x</b>y</a>"
                case 2: text += "<a x='é&amp;'>\r<![CDATA[ \r\n ]]></a>"
                default: text += "<a>text 😀<b/></a>\r\n"
                }
            }
            if Bool.random(using: &random) { text += "</r>" }
            let whole = Self.xml(Array(text.utf8), chunk: 1 << 17, block: 1 << 18)
            for chunk in [1, 2, 3, 7, 64] {
                let other = Self.xml(Array(text.utf8), chunk: chunk, block: 1)
                #expect(other.trees == whole.trees, "\(text.debugDescription)")
                #expect(other.lines == whole.lines, "\(text.debugDescription)")
                #expect((other.error == nil) == (whole.error == nil), "\(text.debugDescription)")
            }
        }
    }
}
