// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sandbox
internal import TicketModel

/// What PHP and the database do around the pages.
extension SupportEngineSandbox {
    /// What ends a page early.
    enum Crash: Error {
        case database(String, line: Int)
        /// A value of a kind that a function of PHP does not take.
        case type
    }

    /// The size of a column.
    enum Size {
        /// 255 characters.
        case characters
        /// 65,535 bytes.
        case bytes
    }

    func isAuthorized(_ request: SandboxRequest) -> Bool {
        let words = (request.headers["authorization"] ?? "").split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return false }
        return options.logins.map { $0.contains { $0.password == words[1] } } ?? true
    }

    /// Form or JSON; what is neither, or cannot be read, is nothing.
    func read(_ request: SandboxRequest, noise: inout String) -> Input {
        var input = Input()
        for item in request.query { input.query[item.name] = .string(item.value) }
        let type = request.headers["content-type"] ?? ""
        if type.hasPrefix("application/json") {
            guard String(validating: request.body, as: UTF8.self) != nil,
                let json = try? JSON(parsing: request.body), let members = json.members
            else { return input }
            for member in members { input.post[member.key] = member.value }
            return input
        }
        // PHP fills the form for POST alone, and not one over its limit.
        guard request.method == "POST" else { return input }
        if request.body.count > 8 << 20 {
            noise +=
                "<br />\n<b>Warning</b>:  POST Content-Length of \(request.body.count) bytes exceeds the limit of 8388608 bytes in <b>Unknown</b> on line <b>0</b><br />\n"
            return input
        }
        if type.lowercased().hasPrefix("application/x-www-form-urlencoded") {
            for item in PercentCoding.form(String(decoding: request.body, as: UTF8.self)) {
                input.post[item.name] = .string(item.value)
            }
        } else if type.lowercased().hasPrefix("multipart/form-data"), let mark = type.range(of: "boundary=") {
            for (name, value) in Self.multipart(request.body, boundary: String(type[mark.upperBound...])) {
                input.post[name] = .string(value)
            }
        }
        return input
    }

    private static func multipart(_ body: [UInt8], boundary: String) -> [(String, String)] {
        let plain = boundary.trimmingCharacters(in: CharacterSet(charactersIn: "\" "))
        let text = String(decoding: body, as: UTF8.self)
        return text.components(separatedBy: "--\(plain)").compactMap { part in
            guard let head = part.range(of: "\r\n\r\n"), let name = part.range(of: "name=\""),
                name.upperBound < head.lowerBound
            else { return nil }
            let value = part[head.upperBound...]
            return (
                String(part[name.upperBound...].prefix { $0 != "\"" }),
                String(value.hasSuffix("\r\n") ? value.dropLast() : value)
            )
        }
    }

    // MARK: Values

    /// The custom fields: a text that holds JSON; an object in its place ends the page.
    static func decodeFields(_ json: JSON?) throws -> [String: JSON] {
        guard let json else { return [:] }
        if json.members != nil || json.array != nil { throw Crash.type }
        guard let text = json.text, let fields = try? JSON(parsing: Array(text.utf8)) else { return [:] }
        if let list = fields.array {
            return Dictionary(list.enumerated().map { (String($0), $1) }, uniquingKeysWith: { $1 })
        }
        return Dictionary((fields.members ?? []).map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
    }

    /// PHP's truth: nothing, `""`, `"0"`, 0, false and an empty list are false.
    static func isTrue(_ json: JSON?) -> Bool {
        switch json {
        case nil, .null?: false
        case .bool(let value)?: value
        case .number(let digits)?: Double(digits) != 0
        case .string(let text)?: !text.isEmpty && text != "0"
        case .array(let list)?: !list.isEmpty
        case .object(let members)?: !members.isEmpty
        }
    }

    /// A value as the text that the database gets.
    static func text(_ json: JSON?, page: String, line: Int, noise: inout String) -> String {
        switch json {
        case nil, .null?: return ""
        case .bool(let value)?: return value ? "1" : ""
        case .number(let text)?, .string(let text)?: return text
        case .array?, .object?:
            noise +=
                "<br />\n<b>Warning</b>:  Array to string conversion in <b>/var/www/html/api/\(page)</b> on line <b>\(line)</b><br />\n"
            return "Array"
        }
    }

    /// A text as its column holds it.
    func column(_ name: String, _ text: String, _ size: Size) throws -> JSON {
        var text = text
        if isOn("utf8mb3"), text.unicodeScalars.contains(where: { $0.value >= 0x1_0000 }) {
            guard isOn("lax-mode") else {
                throw Crash.database(
                    "SQLSTATE[22007]: Invalid datetime format: 1366 Incorrect string value for column '\(name)' at row 1",
                    line: 76)
            }
            text = text.unicodeScalars.map { $0.value >= 0x1_0000 ? "????" : String($0) }.joined()
        }
        let isLong =
            switch size {
            case .characters: text.unicodeScalars.count > 255
            case .bytes: text.utf8.count > 65_535
            }
        guard isLong else { return .string(text) }
        guard isOn("lax-mode") else {
            throw Crash.database(
                "SQLSTATE[22001]: String data, right truncated: 1406 Data too long for column '\(name)' at row 1",
                line: name == "value" ? 84 : 76)
        }
        switch size {
        case .characters: return .string(String(String.UnicodeScalarView(text.unicodeScalars.prefix(255))))
        case .bytes:
            var bytes = Array(text.utf8.prefix(65_535))
            while !bytes.isEmpty, String(validating: bytes, as: UTF8.self) == nil { bytes.removeLast() }
            return .string(String(decoding: bytes, as: UTF8.self))
        }
    }

    func priority(_ text: String) throws -> JSON {
        guard isOn("priority-enum"), !["low", "medium", "high"].contains(text.lowercased()) else {
            return try column("priority", isOn("priority-enum") ? text.lowercased() : text, .characters)
        }
        if isOn("lax-mode") { return "" }
        throw Crash.database(
            "SQLSTATE[01000]: Warning: 1265 Data truncated for column 'priority' at row 1", line: 76)
    }

    func number(_ name: String, _ text: String) throws -> JSON {
        if let number = Int(text.trimmingCharacters(in: .whitespaces)) { return JSON(number) }
        if isOn("lax-mode") { return JSON(Int(text.prefix { $0.isASCII && $0.isNumber }) ?? 0) }
        throw Crash.database(
            "SQLSTATE[22007]: Invalid datetime format: 1366 Incorrect integer value: '\(text)' for column '\(name)' at row 1",
            line: 76)
    }

    /// A statement; nil where it failed and nobody noticed.
    func silently(_ work: () throws -> Int) throws -> Int? {
        do { return try work() } catch Crash.database(let words, let line) {
            if isOn("silent-errors") { return nil }
            throw Crash.database(words, line: line)
        }
    }

    // MARK: Answers

    func absent() -> SandboxResponse {
        SandboxResponse(
            status: 404, headers: ["Content-Type": "text/html; charset=UTF-8"],
            body: Array(
                "<!doctype html><html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>"
                    .utf8
            ))
    }

    func crash(_ crash: Crash, page: String, noise: String) -> SandboxResponse {
        guard isOn("display-errors") else { return SandboxResponse(status: 500, headers: Self.json, body: []) }
        let path = "/var/www/html/api/\(page)"
        let (what, line, trace) =
            switch crash {
            case .database(let words, let line):
                ("PDOException: \(words)", line, "#0 \(path)(\(line)): PDOStatement-&gt;execute()\n#1 {main}")
            case .type:
                (
                    "TypeError: json_decode(): Argument #1 ($json) must be of type string, array given", 28,
                    "#0 \(path)(28): json_decode()\n#1 {main}"
                )
            }
        let text =
            "\(noise)<br />\n<b>Fatal error</b>:  Uncaught \(what) in \(path):\(line)\nStack trace:\n\(trace)\n  thrown in <b>\(path)</b> on line <b>\(line)</b><br />\n"
        return SandboxResponse(status: 200, headers: Self.json, body: Array(text.utf8))
    }

    func say(_ json: JSON, status: Int = 200, noise: String = "") -> SandboxResponse {
        var isForeign = false
        let shown = shown(json, isForeign: &isForeign)
        let head = isOn("display-errors") ? noise : ""
        // Where PHP cannot make JSON of what the database gave, it makes nothing.
        if isOn("latin1"), isForeign {
            return SandboxResponse(status: status, headers: Self.json, body: Array(head.utf8))
        }
        return SandboxResponse(status: status, headers: Self.json, body: Array(head.utf8) + Self.encode(shown))
    }

    /// Without our own columns; numbers as strings where the switch says so.
    private func shown(_ json: JSON, isForeign: inout Bool) -> JSON {
        switch json {
        case .number(let digits): return isOn("ids-as-strings") ? .string(digits) : json
        case .array(let list): return .array(list.map { shown($0, isForeign: &isForeign) })
        case .object(let members):
            let isWeb = members.contains { $0.key == "_web" }
            return .object(
                members.filter { $0.key != "_web" }.map { member in
                    if isWeb, member.value.string?.utf8.contains(where: { $0 >= 0x80 }) == true { isForeign = true }
                    return .init(member.key, shown(member.value, isForeign: &isForeign))
                })
        default: return json
        }
    }

    /// JSON as PHP writes it: slashes and everything beyond ASCII escaped.
    private static func encode(_ json: JSON) -> [UInt8] {
        var out: [UInt8] = []
        let digits = Array("0123456789abcdef".utf8)
        func quote(_ text: String) {
            out.append(0x22)
            for unit in text.utf16 {
                switch unit {
                case 0x22: out += "\\\"".utf8
                case 0x5C: out += "\\\\".utf8
                case 0x2F: out += "\\/".utf8
                case 0x08: out += "\\b".utf8
                case 0x0C: out += "\\f".utf8
                case 0x0A: out += "\\n".utf8
                case 0x0D: out += "\\r".utf8
                case 0x09: out += "\\t".utf8
                case 0x20..<0x7F: out.append(UInt8(unit))
                default:
                    out += "\\u".utf8
                    for shift: UInt16 in [12, 8, 4, 0] { out.append(digits[Int(unit >> shift & 15)]) }
                }
            }
            out.append(0x22)
        }
        func write(_ json: JSON) {
            switch json {
            case .null: out += "null".utf8
            case .bool(let value): out += (value ? "true" : "false").utf8
            case .number(let digits): out += digits.utf8
            case .string(let text): quote(text)
            case .array(let list):
                out += "[".utf8
                for (index, item) in list.enumerated() {
                    if index > 0 { out += ",".utf8 }
                    write(item)
                }
                out += "]".utf8
            case .object(let members):
                out += "{".utf8
                for (index, member) in members.enumerated() {
                    if index > 0 { out += ",".utf8 }
                    quote(member.key)
                    out += ":".utf8
                    write(member.value)
                }
                out += "}".utf8
            }
        }
        write(json)
        return out
    }
}
