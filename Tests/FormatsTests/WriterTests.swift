// SPDX-License-Identifier: Apache-2.0

import Formats
import Testing
import TicketModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A small generator that gives the same numbers everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

@Suite struct WriterTests {
    static let pieces = [
        "a", "b c", ",", "\"", "\"\"", "\n", "\r", "\r\n", "'", "=1+1", "-", "+", "@x", "\t", ";", "é", "😀", "\\", " ",
        "\\\"",
        "<b>", "&amp;", "]]>", "日本", "\0", "\u{1}", "\u{FFFE}", "\u{1B}[31m", "column 2", "x y",
    ]

    static func text(_ random: inout SplitMix) -> String {
        (0..<Int.random(in: 0...5, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
    }

    @Test(arguments: 0..<60) func aWrittenCSVIsReadBackExactly(_ seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let columns = Int.random(in: 1...5, using: &random)
        let header = (0..<columns).map { "h\($0)" + Self.text(&random) }
        let rows = (0..<Int.random(in: 0...12, using: &random)).map { _ in (0..<columns).map { _ in Self.text(&random) }
        }
        let sink = MemoryByteSink()
        var writer = try CSVWriter(sink, header: header)
        for row in rows {
            for cell in row { writer.cell(cell) }
            try writer.endRow()
        }
        try writer.finish()
        for (chunk, window) in [(1 << 20, 1 << 19), (1, 64), (2, 64), (3, 70), (7, 65), (64, 90)] {
            let heard = Heard()
            let reader = try CSVReader(
                MemoryByteSource(sink.bytes, chunk: chunk), dialect: .written,
                options: .init(defused: true, window: window), diagnostics: heard)
            #expect(reader.header == header)
            #expect(try reader.all().map { $0.tree.children.map(\.text) } == rows)
            #expect(heard.codes.isEmpty)
        }
    }

    @Test func noWrittenCellCanBeAFormula() throws {
        let sink = MemoryByteSink()
        var writer = try CSVWriter(sink, header: ["=h"])
        for text in ["=1", "+1", "-1", "@x", "\tx", "\rx", "'x", "x=1"] {
            writer.cell(text)
            try writer.endRow()
        }
        try writer.finish()
        #expect(
            String(decoding: sink.bytes, as: UTF8.self)
                == "'=h\r\n'=1\r\n'+1\r\n'-1\r\n'@x\r\n'\tx\r\n\"'\rx\"\r\n''x\r\nx=1\r\n")
    }

    @Test(arguments: 0..<60) func aWrittenXMLIsReadBackExactly(_ seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let sink = MemoryByteSink()
        var writer = XMLWriter(sink)
        var expected: [[Tree]] = []
        try writer.start("tickets", [("made", Self.text(&random))])
        for _ in 0..<Int.random(in: 0...10, using: &random) {
            let (attribute, subject, body) = (Self.text(&random), Self.text(&random), Self.text(&random))
            try writer.start("ticket", [("n", attribute)])
            try writer.leaf("subject", subject)
            try writer.leaf("body", body, [("kind", subject)])
            try writer.end()
            expected.append([
                Tree("@n", attribute), Tree("subject", subject), Tree("body", body, [Tree("@kind", subject)]),
            ])
        }
        try writer.finish()
        for chunk in [1 << 17, 1, 3, 64] {
            var options = XMLReader.Options(base64: true)
            options.limits.chunk = chunk
            let reader = try XMLReader(
                MemoryByteSource(sink.bytes, chunk: chunk), sets: ["/tickets/ticket"], options: options)
            #expect(try reader.all().map(\.tree.children) == expected)
        }
    }

    @Test func namesThatXMLDoesNotHaveAreRefused() throws {
        for name in ["", "1a", "a b", "<x", "a>", "a\"", "-a"] {
            var writer = XMLWriter(MemoryByteSink())
            var code: String?
            do { try writer.start(name) } catch { code = (error as? Diagnostic)?.code }
            #expect(code == "xml.name", "\(name)")
        }
    }

    @Test func aFileAppearsOnlyWhenItIsFinishedAndIsPrivate() throws {
        let path = "/tmp/ticketferry-test-\(UInt64.random(in: 0 ... .max)).txt"
        defer { unlink(path) }
        do {
            let sink = try FileByteSink(path: path)
            try Array("gone".utf8).withUnsafeBytes { try sink.write($0) }
        }
        #expect(access(path, F_OK) != 0)
        let sink = try FileByteSink(path: path)
        try Array("kept".utf8).withUnsafeBytes { try sink.write($0) }
        #expect(access(path, F_OK) != 0)
        try sink.finish()
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        let peeked = try PeekedByteSource(FileByteSource(path: path))
        #expect(peeked.head == Array("kept".utf8) && peeked.isWhole)
    }

    @Test func aPlaceThatCannotBeWrittenIsSaid() {
        let error = #expect(throws: Diagnostic.self) { try FileByteSink(path: "/no/such/folder/x.csv") }
        #expect(error?.code == "output.unwritable")
        #expect(error?.cause == .machine)
    }
}
