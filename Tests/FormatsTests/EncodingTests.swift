// SPDX-License-Identifier: Apache-2.0

import Formats
import Testing
import TicketModel

@Suite struct EncodingTests {
    static let text = "id,text\n1,Grüße – € „x“\n2,ÿ\n"

    static func bytes(_ text: String, _ encoding: TextEncoding) -> [UInt8] {
        switch encoding {
        case .utf8: return Array(text.utf8)
        case .utf16LE: return text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        case .utf16BE: return text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
        case .latin1: return text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        case .windows1252:
            let special: [UInt32: UInt8] = [0x20AC: 0x80, 0x201E: 0x84, 0x201C: 0x93, 0x2013: 0x96]
            return text.unicodeScalars.map { special[$0.value] ?? UInt8(truncatingIfNeeded: $0.value) }
        }
    }

    static func decode(_ bytes: [UInt8], _ encoding: TextEncoding, chunk: Int) throws -> String {
        let source = TextByteSource(MemoryByteSource(bytes, chunk: chunk), encoding: encoding)
        var out: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
            if count == 0 { break }
            #expect(UTF8Check.prefix(Array(buffer[..<count])).verdict == .valid)
            out += buffer[..<count]
        }
        #expect(source.rawBytesRead == bytes.count)
        return String(decoding: out, as: UTF8.self)
    }

    @Test(arguments: TextEncoding.allCases, [1, 2, 3, 5, 7, 64, 4096])
    func textComesOutTheSameAtEveryChunkSize(_ encoding: TextEncoding, _ chunk: Int) throws {
        var text = encoding == .latin1 ? "Grüße ÿ\n" : Self.text
        if encoding == .utf8 || encoding == .utf16LE || encoding == .utf16BE { text += "😀 日本語 😀😀\n" }
        text = String(repeating: text, count: 9)
        #expect(try Self.decode(Self.bytes(text, encoding), encoding, chunk: chunk) == text)
        #expect(try Self.decode(encoding.byteOrderMark + Self.bytes(text, encoding), encoding, chunk: chunk) == text)
    }

    @Test(arguments: [TextEncoding.utf8, .utf16LE, .utf16BE, .windows1252], [true, false])
    func autoFindsTheEncoding(_ encoding: TextEncoding, _ marked: Bool) throws {
        let heard = Heard()
        let bytes = (marked ? encoding.byteOrderMark : []) + Self.bytes(Self.text, encoding)
        let reader = try CSVReader(MemoryByteSource(bytes, chunk: 5), diagnostics: heard)
        let found = try reader.all()
        #expect(found.map { $0.tree.children.map(\.text) } == [["1", "Grüße – € „x“"], ["2", "ÿ"]])
        #expect(reader.dialect.encoding == encoding)
        #expect(heard.codes == (encoding == .windows1252 ? ["csv.encoding-guessed"] : []))
        #expect(reader.bytesRead == bytes.count)
    }

    @Test(arguments: [1 << 20, 1, 7])
    func aLateBadByteIsAnErrorWithItsPlaceAfterAllRowsBeforeIt(_ chunk: Int) throws {
        let good = "id,text\n" + String(repeating: "1,some text that fills the rows\n", count: 10_000)
        let bytes = Array(good.utf8) + Array("2,Gr".utf8) + [0xFC] + Array("n\n3,x\n".utf8)
        let reader = try CSVReader(MemoryByteSource(bytes, chunk: chunk, name: "t.csv"), diagnostics: Heard())
        var count = 0
        let error = #expect(throws: Diagnostic.self) {
            while let block = try reader.nextBlock() { count += block.records.count }
        }
        #expect(count == 10_000)
        #expect(error?.code == "csv.encoding")
        #expect(error?.location == SourceLocation(file: "t.csv", line: 10_002, column: 5))
        #expect(error?.remedy.contains("encoding: windows-1252") == true)
        #expect(error?.message.contains("0xFC") == true)
    }

    @Test func utf8IsCheckedStrictly() {
        let bad: [[UInt8]] = [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xC3, 0x28], [0xE2, 0x82, 0x28],
        ]
        for bytes in bad {
            let prefix = Array("0123456789abcdefghi".utf8)
            #expect(UTF8Check.prefix(prefix + bytes + [0x41]).length == prefix.count, "\(bytes)")
            #expect(UTF8Check.prefix(prefix + bytes + [0x41]).verdict == .invalid, "\(bytes)")
        }
        #expect(UTF8Check.prefix([0x41, 0xE2, 0x82]).verdict == .cut)
        #expect(UTF8Check.prefix([0x41, 0xE2, 0x82]).length == 1)
    }

    @Test func aLoneSurrogateIsAnError() {
        let error = #expect(throws: EncodingFault.self) {
            try Self.decode([0x41, 0, 0x00, 0xD8, 0x41, 0], .utf16LE, chunk: 99)
        }
        #expect(error?.encoding == .utf16LE)
    }

    @Test func missingFilesAndFoldersAreSaid() {
        #expect(
            (#expect(throws: Diagnostic.self) { try FileByteSource(path: "/no/such/file.csv") })?.code
                == "input.missing")
        #expect((#expect(throws: Diagnostic.self) { try FileByteSource(path: "/") })?.code == "input.directory")
    }
}
