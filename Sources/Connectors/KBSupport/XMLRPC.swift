// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// XML-RPC as WordPress speaks it: what it sends and answers, as JSON trees.
enum XMLRPC {
    /// What stands in a call.
    indirect enum Value: Sendable {
        case string(String)
        case int(Int)
        /// `20210203T04:05:06`, in UTC.
        case date(String)
        case array([Value])
        case object([(String, Value)])
    }

    /// A call or an answer.
    enum Message: Sendable {
        case call(method: String, parameters: [JSON])
        case answer(JSON)
        case fault(code: Int, text: String)
    }

    /// The bytes of a call.
    static func call(_ method: String, _ parameters: [Value]) -> [UInt8] {
        var out = "<?xml version=\"1.0\"?><methodCall><methodName>\(method)</methodName><params>"
        for parameter in parameters { out += "<param>\(text(parameter))</param>" }
        return Array((out + "</params></methodCall>").utf8)
    }

    /// The bytes of an answer, as a practice site gives it.
    static func answer(_ value: JSON) -> [UInt8] {
        let inner = "<params><param>\(text(of: value))</param></params>"
        return Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<methodResponse>\(inner)</methodResponse>\n".utf8)
    }

    /// The bytes of a fault.
    static func fault(_ code: Int, _ words: String) -> [UInt8] {
        let inner = text(of: ["faultCode": JSON(code), "faultString": .string(words)])
        return Array(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<methodResponse><fault>\(inner)</fault></methodResponse>\n"
                .utf8)
    }

    private static func text(_ value: Value) -> String {
        switch value {
        case .string(let text): "<value>\(string(text))</value>"
        case .int(let number): "<value><int>\(number)</int></value>"
        case .date(let date): "<value><dateTime.iso8601>\(date)</dateTime.iso8601></value>"
        case .array(let items): "<value><array><data>\(items.map(text).joined())</data></array></value>"
        case .object(let members):
            "<value><struct>"
                + members.map { "<member><name>\(escaped($0.0))</name>\(text($0.1))</member>" }.joined()
                + "</struct></value>"
        }
    }

    private static func text(of value: JSON) -> String {
        switch value {
        case .null: "<value><string></string></value>"
        case .bool(let bool): "<value><boolean>\(bool ? 1 : 0)</boolean></value>"
        case .number(let digits): "<value><int>\(digits)</int></value>"
        case .string(let text): "<value><string>\(escaped(text))</string></value>"
        case .array(let items): "<value><array><data>\(items.map(text(of:)).joined())</data></array></value>"
        case .object(let members):
            "<value><struct>"
                + members.map { "<member><name>\(escaped($0.key))</name>\(text(of: $0.value))</member>" }
                .joined() + "</struct></value>"
        }
    }

    /// A text; in base64 where XML cannot hold it or would change it (control characters, CR), and where WordPress
    /// would: it cuts blanks off the ends of plain strings (measured), not of decoded ones.
    private static func string(_ text: String) -> String {
        func isBlank(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { $0.value <= 0x20 } ?? false }
        let isPlain =
            !isBlank(text.unicodeScalars.first) && !isBlank(text.unicodeScalars.last)
            && text.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && $0.value != 0xFFFE && $0.value != 0xFFFF || $0 == "\n" || $0 == "\t"
            }
        return isPlain
            ? "<string>\(escaped(text))</string>"
            : "<base64>\(Data(text.utf8).base64EncodedString())</base64>"
    }

    /// Escaped scalar by scalar: a combining mark behind a `<` must not hide it.
    private static func escaped(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out.append(contentsOf: "&amp;".unicodeScalars)
            case "<": out.append(contentsOf: "&lt;".unicodeScalars)
            case ">": out.append(contentsOf: "&gt;".unicodeScalars)
            default: out.append(scalar)
            }
        }
        return String(out)
    }

    /// Reads a call or an answer; nil for what is neither, whole.
    static func read(_ bytes: [UInt8]) -> Message? {
        var reader = XMLRPCReader(bytes)
        return reader.message()
    }
}

/// Reads the few elements of XML-RPC; forgiving about blanks, prologues and noise before the first element.
private struct XMLRPCReader {
    private enum Token: Equatable {
        case open(String)
        case close(String)
        case text([UInt8])
    }

    private var tokens: [Token] = []
    private var at = 0
    /// In a call WordPress cuts blanks off the ends of strings.
    private var trims = false

    init(_ bytes: [UInt8]) { tokens = Self.tokens(bytes) }

    mutating func message() -> XMLRPC.Message? {
        while let token = next() {
            switch token {
            case .open("methodResponse"): return answer()
            case .open("methodCall"): return call()
            default: continue
            }
        }
        return nil
    }

    private mutating func answer() -> XMLRPC.Message? {
        skipBlanks()
        let kind = next()
        if kind == .open("fault") {
            guard let value = value() else { return nil }
            return .fault(code: value["faultCode"]?.int ?? 0, text: value["faultString"]?.text ?? "")
        }
        guard kind == .open("params"), open("param"), let value = value(), close("param"), close("params"),
            close("methodResponse")
        else { return nil }
        return .answer(value)
    }

    private mutating func call() -> XMLRPC.Message? {
        guard open("methodName"), case .text(let name)? = next(), close("methodName"), open("params") else {
            return nil
        }
        trims = true
        var parameters: [JSON] = []
        while open("param") {
            guard let value = value(), close("param") else { return nil }
            parameters.append(value)
        }
        return .call(method: String(decoding: name, as: UTF8.self), parameters: parameters)
    }

    private mutating func value() -> JSON? {
        guard open("value") else { return nil }
        var bare: [UInt8] = []
        while case .text(let text)? = peek {
            bare += text
            at += 1
        }
        if close("value") { return .string(String(decoding: bare, as: UTF8.self)) }
        guard case .open(let type)? = next() else { return nil }
        let value: JSON?
        switch type {
        case "array": value = array()
        case "struct": value = object()
        case "nil": value = close("nil") ? .null : nil
        default: value = scalar(type)
        }
        guard let value, close("value") else { return nil }
        return value
    }

    private mutating func scalar(_ type: String) -> JSON? {
        var bytes: [UInt8] = []
        while case .text(let text)? = peek {
            bytes += text
            at += 1
        }
        guard close(type) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        switch type {
        case "int", "i4": return .number(text.trimmingBlanks)
        case "boolean": return .bool(text.trimmingBlanks == "1")
        case "base64":
            return Data(base64Encoded: text, options: .ignoreUnknownCharacters)
                .map { .string(String(decoding: $0, as: UTF8.self)) }
        default: return .string(trims ? KBSupportText.title(text, KBSupportSite()) : text)
        }
    }

    private mutating func array() -> JSON? {
        guard open("data") else { return nil }
        var items: [JSON] = []
        while !close("data") {
            guard let item = value() else { return nil }
            items.append(item)
        }
        return close("array") ? .array(items) : nil
    }

    private mutating func object() -> JSON? {
        var members: [JSON.Member] = []
        while open("member") {
            guard open("name") else { return nil }
            var name: [UInt8] = []
            while case .text(let text)? = peek {
                name += text
                at += 1
            }
            guard close("name"), let value = value(), close("member") else { return nil }
            members.append(.init(String(decoding: name, as: UTF8.self), value))
        }
        return close("struct") ? .object(members) : nil
    }

    // MARK: Tokens

    private var peek: Token? { at < tokens.count ? tokens[at] : nil }

    private mutating func next() -> Token? {
        guard let token = peek else { return nil }
        at += 1
        return token
    }

    private mutating func open(_ name: String) -> Bool { take(.open(name)) }

    private mutating func close(_ name: String) -> Bool { take(.close(name)) }

    /// Takes a token, blanks before it passed over; else nothing.
    private mutating func take(_ wanted: Token) -> Bool {
        let start = at
        skipBlanks()
        if peek == wanted {
            at += 1
            return true
        }
        at = start
        return false
    }

    private mutating func skipBlanks() {
        while case .text(let text)? = peek, text.allSatisfy(\.isHTMLBlank) { at += 1 }
    }

    private static func tokens(_ bytes: [UInt8]) -> [Token] {
        var out: [Token] = []
        var i = 0
        func find(_ text: String, from start: Int) -> Int? {
            let wanted = Array(text.utf8)
            var j = start
            while j + wanted.count <= bytes.count {
                if bytes[j] == wanted[0], bytes[j..<(j + wanted.count)].elementsEqual(wanted) { return j }
                j += 1
            }
            return nil
        }
        while i < bytes.count {
            guard bytes[i] == UInt8(ascii: "<") else {
                let start = i
                while i < bytes.count, bytes[i] != UInt8(ascii: "<") { i += 1 }
                out.append(.text(decoded(bytes[start..<i])))
                continue
            }
            if bytes[i...].starts(with: "<![CDATA[".utf8) {
                guard let end = find("]]>", from: i + 9) else { return out }
                out.append(.text(Array(bytes[(i + 9)..<end])))
                i = end + 3
                continue
            }
            if bytes[i...].starts(with: "<!--".utf8) {
                guard let end = find("-->", from: i + 4) else { return out }
                i = end + 3
                continue
            }
            guard let end = bytes[i...].firstIndex(of: UInt8(ascii: ">")) else { return out }
            var inner = bytes[(i + 1)..<end]
            i = end + 1
            if inner.first == UInt8(ascii: "?") || inner.first == UInt8(ascii: "!") { continue }
            let isEmpty = inner.last == UInt8(ascii: "/")
            if isEmpty { inner = inner.dropLast() }
            let isClosing = inner.first == UInt8(ascii: "/")
            let name = String(
                decoding: inner.drop { $0 == UInt8(ascii: "/") }.prefix { !$0.isHTMLBlank }, as: UTF8.self)
            out.append(isClosing ? .close(name) : .open(name))
            if isEmpty { out.append(.close(name)) }
        }
        return out
    }

    private static func decoded(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        guard bytes.contains(UInt8(ascii: "&")) else { return Array(bytes) }
        return Array(HTMLEntities.decode(String(decoding: bytes, as: UTF8.self)).utf8)
    }
}

/// The few character references that WordPress writes around plain text.
enum HTMLEntities {
    private static let names = ["lt": "<", "gt": ">", "amp": "&", "quot": "\"", "apos": "'"]

    /// Decodes references by number and the five names of XML, once; all else stays.
    static func decode(_ text: String) -> String {
        let bytes = Array(text.utf8)
        guard bytes.contains(UInt8(ascii: "&")) else { return text }
        var out: [UInt8] = []
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "&"), let end = bytes[i...].prefix(11).firstIndex(of: UInt8(ascii: ";")),
                let found = character(String(decoding: bytes[(i + 1)..<end], as: UTF8.self))
            {
                out += found.utf8
                i = end + 1
            } else {
                out.append(bytes[i])
                i += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func character(_ name: String) -> String? {
        if let found = names[name] { return found }
        guard name.hasPrefix("#") else { return nil }
        let digits = name.dropFirst()
        let isHex = digits.hasPrefix("x") || digits.hasPrefix("X")
        let value = isHex ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        return value.flatMap(Unicode.Scalar.init).map { String($0) }
    }
}
