// SPDX-License-Identifier: Apache-2.0

import CLibXML2
import TicketModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Drives libxml2's push parser over a source and hands its events to a subclass.
///
/// Safe by construction: no network, no DTD is loaded, no entity beyond the five is expanded, a declaration of one ends
/// the reading, depth and size have limits. Memory is a chunk, the element text that libxml2 holds back, and what the
/// subclass keeps.
package class XMLPushParser {
    /// The limits of a reading.
    package struct Limits: Sendable {
        /// How deep elements may nest.
        package var depth = 1000
        /// How many bytes one record, or one tag, comment or CDATA section, may have.
        package var recordBytes = 256 << 20
        /// How many bytes are given to the parser at a time.
        package var chunk = 128 * 1024

        /// The limits that every dump met so far keeps.
        package init() {}
    }

    let limits: Limits
    let fileName: String
    private let text: TextByteSource?
    private let raw: any ByteSource
    private var rawCount = 0
    @exclusivity(unchecked) var context: xmlParserCtxtPtr?
    private var buffer: UnsafeMutableRawBufferPointer
    // Unchecked as in XMLReader: touched at every event, by one task.
    @exclusivity(unchecked) var failure: (any Error)?
    var isEnding = false
    private var isOver = false
    @exclusivity(unchecked) var hasRoot = false
    private var atStart = true
    /// Whether the last piece of a CDATA section ended with a CR, whose LF may be in the next.
    @exclusivity(unchecked) private var endsInReturn = false
    /// Line breaks given to the parser, and bytes since the last one: where a bad byte stands.
    var fedLines = 0
    var fedColumn = 0
    /// Lines dropped before the document starts.
    var skippedLines = 0
    /// How many elements are open.
    @exclusivity(unchecked) final private(set) var depth = 0

    package var bytesRead: Int { text?.rawBytesRead ?? rawCount }
    /// How many records are complete; for what errors say.
    var completeRecords: Int { 0 }
    /// How many bytes the unfinished record has.
    var pendingBytes: Int { 0 }

    /// Opens a document: settles the encoding by its mark, what the mapping tells, or its declaration.
    ///
    /// - Throws: `Diagnostic` `xml.not-xml`, or what the source throws.
    package init(_ source: any ByteSource, encoding: TextEncoding?, limits: Limits = Limits()) throws {
        self.limits = limits
        fileName = source.name
        let peeked = try PeekedByteSource(source, size: 4096)
        switch try XMLEncoding.settle(peeked, asked: encoding) {
        case .ours(let found):
            let made = TextByteSource(peeked, encoding: found)
            text = made
            raw = made
        case .foreign:
            text = nil
            raw = peeked
        }
        buffer = .allocate(byteCount: max(64, limits.chunk), alignment: 16)
        _ = Self.isReady
        var handler = Self.makeHandler()
        let made = xmlCreatePushParserCtxt(&handler, Unmanaged.passUnretained(self).toOpaque(), nil, 0, nil)
        var options = XML_PARSE_NONET.rawValue | XML_PARSE_BIG_LINES.rawValue | XML_PARSE_HUGE.rawValue
        if text != nil { options |= XML_PARSE_IGNORE_ENC.rawValue }
        xmlCtxtUseOptions(made, Int32(options))
        context = made
    }

    deinit {
        if let context {
            if let document = context.pointee.myDoc { xmlFreeDoc(document) }
            xmlFreeParserCtxt(context)
        }
        buffer.deallocate()
    }

    private static let isReady: Bool = {
        xmlInitParser()
        return true
    }()

    // MARK: For subclasses

    /// An element starts; the pointers hold during the call, names as long as the parser.
    func elementStarted(
        _ local: UnsafePointer<UInt8>, _ prefix: UnsafePointer<UInt8>?, _ uri: UnsafePointer<UInt8>?,
        _ attributes: XMLAttributes
    ) {}

    /// The innermost element ends.
    func elementEnded() {}

    /// Some of the text of the innermost element.
    func characters(_ text: UnsafePointer<UInt8>, _ count: Int) {}

    /// Something is wrong: drops the record that is not complete.
    func abandonRecord() {}

    /// Ends the reading with an error; the first one counts.
    final func fail(_ error: any Error) {
        guard failure == nil else { return }
        failure = error
        if let context { xmlStopParser(context) }
    }

    /// Gives the parser one chunk more; false when there is nothing left, or an error is to be thrown.
    ///
    /// A section that libxml2 has to hold back until its end is scanned anew with every chunk, so chunks grow with what it
    /// holds: the work stays in proportion to the input.
    final func feed() -> Bool {
        guard !isOver, let context else { return false }
        var size = buffer.count
        if let input = context.pointee.input {
            let held = input.pointee.end - input.pointee.cur
            size = max(size, held)
            if held + pendingBytes > limits.recordBytes { fail(tooLarge()) }
        }
        do {
            if failure == nil { try give(size, to: context) }
        } catch let fault as EncodingFault {
            let place = SourceLocation(file: fileName, line: fedLines + 1 + skippedLines, column: fedColumn + 1)
            fail(fault.diagnostic(area: "xml", at: place))
        } catch { fail(error) }
        if failure == nil, pendingBytes > limits.recordBytes { fail(tooLarge()) }
        guard failure != nil else { return !isOver }
        abandonRecord()
        isOver = true
        return false
    }

    /// Throws what ended the reading before its time, once everything before it is given out.
    final func throwFailure() throws {
        if let failure { throw failure }
    }

    /// The place of the tag that is just being read: its `<`.
    final func tagPlace() -> (line: Int, column: Int) {
        guard let input = context?.pointee.input?.pointee, let cur = input.cur, let base = input.base else {
            return (1, 1)
        }
        var at = cur
        var breaks = 0
        while at > base, at.pointee != 0x3C {
            at -= 1
            if at.pointee == 0x0A { breaks += 1 }
        }
        let line = Int(input.line) - breaks + skippedLines
        return (line, column(of: at, base: base, otherwise: Int(input.col) - (cur - at)))
    }

    /// The column in bytes; for lines longer than 4 kB libxml2's own count, in characters.
    final func column(of at: UnsafePointer<UInt8>, base: UnsafePointer<UInt8>, otherwise: Int) -> Int {
        var back = at
        while back > base, at - back < 4096 {
            if (back - 1).pointee == 0x0A { return at - back + 1 }
            back -= 1
        }
        return max(1, otherwise)
    }

    // MARK: The machine

    private func give(_ size: Int, to context: xmlParserCtxtPtr) throws {
        if size > buffer.count {
            buffer.deallocate()
            buffer = .allocate(byteCount: size, alignment: 16)
        }
        var count = 0
        while count < buffer.count - 63 {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            let got = try raw.read(into: room)
            rawCount += got
            count += got
            // A source that gives little at a time is taken as it comes, unless much is held back.
            if got == 0 || count >= limits.chunk && size <= limits.chunk || got < room.count && size <= limits.chunk {
                break
            }
        }
        guard count > 0, let base = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            isEnding = true
            xmlParseChunk(context, nil, 0, 1)
            isOver = true
            if failure == nil, !hasRoot { fail(noElement()) }
            return
        }
        var start = 0
        if atStart, text != nil {
            // Plug-ins that print blank lines before the export are common, and XML forbids them.
            while start < count, [0x20, 0x09, 0x0A, 0x0D].contains(base[start]) {
                if base[start] == 0x0A { skippedLines += 1 }
                start += 1
            }
            atStart = start == count
        }
        note(base + start, count - start)
        if start < count {
            UnsafePointer(base + start).withMemoryRebound(to: CChar.self, capacity: count - start) {
                _ = xmlParseChunk(context, $0, Int32(count - start), 0)
            }
        }
    }

    private func note(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        let breaks = CSVWindow.lineBreaks(bytes, count, carriageReturns: false)
        fedLines += breaks
        if breaks == 0 {
            fedColumn += count
        } else {
            var tail = 0
            while bytes[count - 1 - tail] != 0x0A { tail += 1 }
            fedColumn = tail
        }
    }

    func started(
        _ local: UnsafePointer<UInt8>, _ prefix: UnsafePointer<UInt8>?, _ uri: UnsafePointer<UInt8>?,
        _ attributes: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ count: Int32
    ) {
        guard failure == nil else { return }
        hasRoot = true
        endsInReturn = false
        depth += 1
        guard depth <= limits.depth else {
            return fail(
                Diagnostic(
                    code: "xml.too-deep", "elements nest deeper than \(limits.depth) levels", at: here(),
                    remedy: "this is no export that we know of: look at the place, and cut out what nests so deep"))
        }
        elementStarted(local, prefix, uri, XMLAttributes(attributes, Int(count)))
    }

    /// Some of a CDATA section: libxml2's push parser leaves its line ends as they are, and XML wants LF.
    func section(_ text: UnsafePointer<UInt8>, _ count: Int) {
        var from = 0
        if endsInReturn, count > 0, text[0] == 0x0A { from = 1 }
        endsInReturn = false
        while from < count {
            let found = memchr(text + from, 0x0D, count - from)
            let end = found.map { UnsafeRawPointer(text).distance(to: $0) } ?? count
            if end > from { characters(text + from, end - from) }
            guard end < count else { return }
            var lineFeed: UInt8 = 0x0A
            characters(&lineFeed, 1)
            from = end + 1
            if from == count { endsInReturn = true } else if text[from] == 0x0A { from += 1 }
        }
    }

    func ended() {
        guard failure == nil else { return }
        endsInReturn = false
        elementEnded()
        depth -= 1
    }

    func here() -> SourceLocation {
        let place = tagPlace()
        return SourceLocation(file: fileName, line: place.line, column: place.column)
    }
}
