// SPDX-License-Identifier: Apache-2.0

/// Why bytes are not JSON, with the offset of the offending byte.
public struct JSONSyntaxError: Error, Hashable, Sendable {
    /// What is wrong, in a few words.
    public var problem: String
    /// Where, counted in bytes from 0.
    public var offset: Int
}

extension JSON {
    /// Reads one JSON text, strictly by RFC 8259: nothing but blanks before and after.
    ///
    /// - Throws: ``JSONSyntaxError``; also for nesting deeper than `maxDepth`, bytes that are not UTF-8 and lone
    ///   surrogate escapes, so that no text is changed in silence.
    public init(parsing bytes: some Sequence<UInt8>, maxDepth: Int = 512) throws(JSONSyntaxError) {
        var parser = JSONParser(bytes: Array(bytes), depthLeft: maxDepth)
        parser.skipBlanks()
        self = try parser.value()
        parser.skipBlanks()
        guard parser.at == parser.bytes.count else { throw parser.error("something follows the value") }
    }

    /// Reads one JSON text from a string; see ``init(parsing:maxDepth:)-(Sequence,_)``.
    public init(parsing text: String) throws(JSONSyntaxError) {
        try self.init(parsing: Array(text.utf8))
    }
}

/// A recursive-descent parser over a whole buffer.
///
/// Answers are small; dumps never pass here.
struct JSONParser {
    let bytes: [UInt8]
    var at = 0
    var depthLeft: Int

    init(bytes: [UInt8], depthLeft: Int) {
        self.bytes = bytes
        self.depthLeft = depthLeft
    }

    func error(_ problem: String) -> JSONSyntaxError { JSONSyntaxError(problem: problem, offset: at) }

    mutating func skipBlanks() {
        while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    }

    mutating func value() throws(JSONSyntaxError) -> JSON {
        guard at < bytes.count else { throw error("the text ends where a value should stand") }
        switch bytes[at] {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): try word("true"); return .bool(true)
        case UInt8(ascii: "f"): try word("false"); return .bool(false)
        case UInt8(ascii: "n"): try word("null"); return .null
        default: return .number(try number())
        }
    }

    private mutating func word(_ word: StaticString) throws(JSONSyntaxError) {
        for i in 0..<word.utf8CodeUnitCount {
            guard at < bytes.count, bytes[at] == word.utf8Start[i] else { throw error("not a JSON value") }
            at += 1
        }
    }

    private mutating func enter() throws(JSONSyntaxError) {
        guard depthLeft > 0 else { throw error("nested too deeply") }
        depthLeft -= 1
        at += 1
        skipBlanks()
    }

    private mutating func object() throws(JSONSyntaxError) -> JSON {
        try enter()
        defer { depthLeft += 1 }
        var members: [JSON.Member] = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipBlanks()
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw error("a member's name is missing") }
            let key = try string()
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw error("a colon is missing") }
            skipBlanks()
            members.append(JSON.Member(key, try value()))
            skipBlanks()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw error("a comma or } is missing") }
        }
    }

    private mutating func array() throws(JSONSyntaxError) -> JSON {
        try enter()
        defer { depthLeft += 1 }
        var elements: [JSON] = []
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            skipBlanks()
            elements.append(try value())
            skipBlanks()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw error("a comma or ] is missing") }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    mutating func number() throws(JSONSyntaxError) -> String {
        let start = at
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = at
        while at < bytes.count, (0x30...0x39).contains(bytes[at]) { at += 1 }
        if at == start { throw error("not a JSON value") }
    }

    mutating func string() throws(JSONSyntaxError) -> String {
        at += 1
        var start = at
        var text: [UInt8] = []
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                text.append(contentsOf: bytes[start..<at])
                guard let string = String(validating: text, as: UTF8.self) else { throw error("not UTF-8") }
                at += 1
                return string
            case UInt8(ascii: "\\"):
                text.append(contentsOf: bytes[start..<at])
                at += 1
                try escape(into: &text)
                start = at
            case 0..<0x20:
                throw error("a control character stands in a string")
            default:
                at += 1
            }
        }
        throw error("a string never closes")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONSyntaxError) {
        guard at < bytes.count else { throw error("a string never closes") }
        let escaped = bytes[at]
        at += 1
        switch escaped {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escaped)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = UInt32(try hex())
            if (0xD800..<0xDC00).contains(scalar) {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw error("half a surrogate pair") }
                let low = UInt32(try hex())
                guard (0xDC00..<0xE000).contains(low) else { throw error("half a surrogate pair") }
                scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let character = Unicode.Scalar(scalar) else { throw error("half a surrogate pair") }
            text.append(contentsOf: Array(UTF8.encode(character)!))
        default: throw error("not an escape")
        }
    }

    private mutating func hex() throws(JSONSyntaxError) -> UInt16 {
        guard at + 4 <= bytes.count,
            let value = UInt16(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16),
            bytes[at] != UInt8(ascii: "+")
        else { throw error("not an escape") }
        at += 4
        return value
    }
}
