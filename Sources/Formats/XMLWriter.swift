// SPDX-License-Identifier: Apache-2.0

import TicketModel

/// Writes an XML 1.0 document in UTF-8, indented, each text exactly as it was.
///
/// Text with characters that XML 1.0 cannot hold (controls, U+FFFE, U+FFFF) is written as base64 of its UTF-8: an element
/// gets `base64="true"`, an attribute `name` becomes `name.base64`. ``XMLReader`` with `base64` gives the text again. A CR
/// is written as `&#13;`, which readers keep.
package struct XMLWriter: ~Copyable {
    /// An attribute to be written.
    package typealias Attribute = (name: String, value: String)

    private let sink: any ByteSink
    private var buffer = RawBuffer<UInt8>(capacity: 320 * 1024)
    private var open: [String] = []
    private static let flushSize = 256 * 1024

    /// Starts a document.
    package init(_ sink: any ByteSink) {
        self.sink = sink
        put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
    }

    /// Opens an element that holds elements.
    ///
    /// - Throws: `Diagnostic` `xml.name` for what is no name of XML, or what the sink throws.
    package mutating func start(_ name: String, _ attributes: [Attribute] = []) throws {
        try tag(name, attributes)
        put(">\n")
        open.append(name)
    }

    /// Closes the innermost element.
    ///
    /// - Throws: what the sink throws.
    package mutating func end() throws {
        guard let name = open.popLast() else { return }
        indent()
        put("</")
        put(name)
        put(">\n")
        if buffer.count >= Self.flushSize { try flush() }
    }

    /// Writes an element with a text and nothing else.
    ///
    /// - Throws: `Diagnostic` `xml.name` for what is no name of XML.
    package mutating func leaf(_ name: String, _ text: String, _ attributes: [Attribute] = []) throws {
        var text = text
        try text.withUTF8 { try leaf(name, $0, attributes) }
    }

    /// Writes an element with a text in UTF-8 and nothing else.
    ///
    /// - Throws: `Diagnostic` `xml.name` for what is no name of XML.
    package mutating func leaf(
        _ name: String, _ text: UnsafeBufferPointer<UInt8>, _ attributes: [Attribute] = []
    ) throws {
        try tag(name, attributes)
        if text.isEmpty { return put("/>\n") }
        if Self.canHold(text) {
            put(">")
            escape(text, inAttribute: false)
        } else {
            put(" base64=\"true\">")
            buffer.append(contentsOf: Base64.encode(text))
        }
        put("</")
        put(name)
        put(">\n")
    }

    /// Closes what is open, writes out what is left and finishes the sink.
    ///
    /// - Throws: what the sink throws.
    package consuming func finish() throws {
        while !open.isEmpty { try end() }
        try flush()
        try sink.finish()
    }

    /// Whether XML 1.0 has all characters of a text.
    package static func canHold(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        for i in 0..<text.count {
            let byte = text[i]
            if byte < 0x20, byte != 0x09, byte != 0x0A, byte != 0x0D { return false }
            if byte == 0xEF, i + 2 < text.count, text[i + 1] == 0xBF, text[i + 2] >= 0xBE { return false }
        }
        return true
    }

    private mutating func tag(_ name: String, _ attributes: [Attribute]) throws {
        indent()
        put("<")
        put(try Self.checked(name))
        for attribute in attributes {
            var value = attribute.value
            let name = try Self.checked(attribute.name)
            value.withUTF8 { text in
                put(" ")
                put(name)
                if Self.canHold(text) {
                    put("=\"")
                    escape(text, inAttribute: true)
                } else {
                    put(".base64=\"")
                    buffer.append(contentsOf: Base64.encode(text))
                }
                put("\"")
            }
        }
    }

    private mutating func escape(_ text: UnsafeBufferPointer<UInt8>, inAttribute: Bool) {
        guard let base = text.baseAddress else { return }
        var from = 0
        for i in 0..<text.count {
            let byte = base[i]
            guard byte <= 0x3E else { continue }
            let entity: StaticString
            switch byte {
            case 0x26: entity = "&amp;"
            case 0x3C: entity = "&lt;"
            case 0x3E: entity = "&gt;"
            case 0x0D: entity = "&#13;"
            case 0x22 where inAttribute: entity = "&quot;"
            // Readers turn these into blanks in attributes.
            case 0x09 where inAttribute: entity = "&#9;"
            case 0x0A where inAttribute: entity = "&#10;"
            default: continue
            }
            buffer.append(base + from, count: i - from)
            buffer.append(entity.utf8Start, count: entity.utf8CodeUnitCount)
            from = i + 1
        }
        buffer.append(base + from, count: text.count - from)
    }

    private mutating func indent() {
        for _ in 0..<open.count { put("  ") }
    }

    private mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            if let base = bytes.baseAddress { buffer.append(base, count: bytes.count) }
        }
    }

    private mutating func flush() throws {
        try sink.write(UnsafeRawBufferPointer(start: buffer.base, count: buffer.count))
        buffer.truncate(to: 0)
    }

    private static func checked(_ name: String) throws -> String {
        func isLetter(_ byte: UInt8) -> Bool {
            byte >= 0x80 || byte == 0x5F || (byte >= 0x41 && byte <= 0x5A) || (byte >= 0x61 && byte <= 0x7A)
        }
        var isFirst = true
        for byte in name.utf8 {
            let isRest = (byte >= 0x30 && byte <= 0x39) || byte == 0x2D || byte == 0x2E || byte == 0x3A
            guard isLetter(byte) || (!isFirst && isRest) else { throw badName(name) }
            isFirst = false
        }
        guard !isFirst else { throw badName(name) }
        return name
    }

    private static func badName(_ name: String) -> Diagnostic {
        Diagnostic(
            code: "xml.name", "`\(name)` cannot be the name of an XML element or attribute",
            remedy: "write it as the text of an element or the value of an attribute", cause: .bug)
    }
}
