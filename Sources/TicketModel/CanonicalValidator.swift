// SPDX-License-Identifier: Apache-2.0

/// Holds bytes against ``CanonicalShape/ticket``, in one pass and without making values.
struct CanonicalValidator {
    private let b: UnsafeRawBufferPointer
    private var at = 0
    private var path = CanonicalPath()
    private var depthLeft = 512

    private init(_ b: UnsafeRawBufferPointer) { self.b = b }

    static func validate(_ bytes: UnsafeRawBufferPointer) throws {
        if let bad = UTF8Check.firstInvalid(bytes) {
            throw CanonicalLineError(problem: "not UTF-8", path: "", offset: bad)
        }
        var validator = CanonicalValidator(bytes)
        try validator.value(.ticket)
        guard validator.at == bytes.count else { throw validator.error("something follows the ticket") }
    }

    private func error(_ problem: String, at offset: Int? = nil) -> CanonicalLineError {
        CanonicalLineError(problem: problem, path: path.text, offset: offset ?? at)
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard at < b.count, b[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func expect(_ byte: UInt8, _ what: String) throws {
        guard take(byte) else { throw error("\(what) expected") }
    }

    private mutating func value(_ shape: CanonicalShape) throws {
        switch shape {
        case .string: try nonEmptyString()
        case .word(let words):
            let range = try nonEmptyString()
            guard words.contains(where: { matches($0, range) }) else {
                throw error("not one of \(words.joined(separator: ", "))", at: range.lowerBound)
            }
        case .time:
            let range = try nonEmptyString()
            let slice = UnsafeRawBufferPointer(rebasing: b[range])
            var again: [UInt8] = []
            Timestamp(rfc3339: slice)?.append(to: &again)
            guard again.elementsEqual(slice) else {
                throw error("not a canonical time (2024-06-01T12:00:00Z)", at: range.lowerBound)
            }
        case .sha256:
            let range = try nonEmptyString()
            guard range.count == 64, b[range].allSatisfy({ CanonicalScan.hex($0) != nil }) else {
                throw error("not a SHA-256 in lower-case hex", at: range.lowerBound)
            }
        case .flag: guard word("true") else { throw error("only true may stand here") }
        case .count:
            let start = at
            try number()
            guard b[start..<at].allSatisfy({ (0x30...0x39).contains($0) }), at - start < 19 else {
                throw error("not a whole number", at: start)
            }
        case .list(let element): try array(element, unique: false, mayBeEmpty: false)
        case .set(let element): try array(element, unique: true, mayBeEmpty: false)
        case .messages(let element): try array(element, unique: false, mayBeEmpty: true)
        case .object(let name, let fields): try object(name, fields)
        case .customFields: try members { try $0.customField() }
        case .free: try members { try $0.anything() }
        }
    }

    private func matches(_ word: String, _ range: Range<Int>) -> Bool {
        word.utf8.count == range.count && word.utf8.elementsEqual(b[range])
    }

    private mutating func word(_ word: StaticString) -> Bool {
        guard at + word.utf8CodeUnitCount <= b.count, CanonicalScan.equal(b, at, word) else { return false }
        at += word.utf8CodeUnitCount
        return true
    }

    @discardableResult
    private mutating func nonEmptyString() throws -> Range<Int> {
        let range = try string()
        if range.isEmpty { throw error("an empty value should be left out", at: range.lowerBound) }
        return range
    }

    /// The range inside of the quotes.
    private mutating func string() throws -> Range<Int> {
        try expect(UInt8(ascii: "\""), "a string")
        let start = at
        while at < b.count {
            switch b[at] {
            case UInt8(ascii: "\""):
                at += 1
                return start..<at - 1
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x20: throw error("a control character stands in a string")
            default: at += 1
            }
        }
        throw error("a string never closes")
    }

    /// The one canonical escape of a byte.
    private mutating func escape() throws {
        guard at + 1 < b.count else { throw error("a string never closes") }
        switch b[at + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            at += 2
        case UInt8(ascii: "u"):
            guard at + 5 < b.count, b[at + 2] == 0x30, b[at + 3] == 0x30, let high = CanonicalScan.hex(b[at + 4]),
                high < 2, let low = CanonicalScan.hex(b[at + 5]), ![8, 9, 10, 12, 13].contains(high << 4 | low)
            else { throw error("an escape that is not needed") }
            at += 6
        default: throw error("an escape that is not needed")
        }
    }

    private mutating func number() throws {
        var parser = at
        func digits() -> Bool {
            let start = parser
            while parser < b.count, (0x30...0x39).contains(b[parser]) { parser += 1 }
            return parser > start
        }
        func skip(_ bytes: UInt8...) -> Bool {
            guard parser < b.count, bytes.contains(b[parser]) else { return false }
            parser += 1
            return true
        }
        _ = skip(UInt8(ascii: "-"))
        var good = skip(0x30) || digits()
        if good, skip(UInt8(ascii: ".")) { good = digits() }
        if good, skip(UInt8(ascii: "e"), UInt8(ascii: "E")) {
            _ = skip(UInt8(ascii: "+"), UInt8(ascii: "-"))
            good = digits()
        }
        guard good else { throw error("not a value that may stand here") }
        at = parser
    }

    private mutating func array(_ shape: CanonicalShape, unique: Bool, mayBeEmpty: Bool) throws {
        try expect(UInt8(ascii: "["), "a list")
        if take(UInt8(ascii: "]")) {
            guard mayBeEmpty else { throw error("an empty list should be left out") }
            return
        }
        var seen: Set<[UInt8]> = []
        var index = 0
        repeat {
            path.steps.append(.index(index))
            let start = at
            try value(shape)
            if unique, !seen.insert(Array(b[start..<at])).inserted { throw error("twice in a set", at: start) }
            path.steps.removeLast()
            index += 1
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"), "a comma or ]")
    }

    private mutating func object(_ name: String, _ fields: [CanonicalShape.Field]) throws {
        let start = at
        try expect(UInt8(ascii: "{"), "an object")
        if at < b.count, b[at] == UInt8(ascii: "}") {
            throw error(
                fields.contains { $0.required }
                    ? "its required fields are missing" : "an empty object should be left out")
        }
        var next = 0
        var seen: UInt8 = 0
        repeat {
            let keyStart = at
            let key = try string()
            try expect(UInt8(ascii: ":"), "a colon")
            var field = next
            while field < fields.count, !matches(fields[field].key, key) { field += 1 }
            guard field < fields.count else {
                let text = String(decoding: b[key], as: UTF8.self)
                let known = fields.contains { matches($0.key, key) }
                throw error(
                    known ? "\(text) is twice or not in the order of the bytes" : "unknown key \(text)", at: keyStart)
            }
            if let missing = fields[next..<field].first(where: \.required) {
                throw error("\(missing.key) is missing or not in its place", at: keyStart)
            }
            path.steps.append(.key(fields[field].key))
            try value(fields[field].shape)
            path.steps.removeLast()
            if name == "body" { seen |= 1 << UInt8(field) }
            next = field + 1
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"), "a comma or }")
        if let missing = fields[next...].first(where: \.required) {
            throw error("\(missing.key) is missing", at: start)
        }
        // html, html + lineBreaks or text
        if name == "body", ![0b001, 0b011, 0b100].contains(seen) {
            throw error("a body is html (with lineBreaks or without) or text", at: start)
        }
    }

    private mutating func members(_ each: (inout CanonicalValidator) throws -> Void) throws {
        try expect(UInt8(ascii: "{"), "an object")
        if at < b.count, b[at] == UInt8(ascii: "}") { throw error("an empty object should be left out") }
        var previous: [UInt8]?
        repeat {
            let keyStart = at
            let range = try string()
            try expect(UInt8(ascii: ":"), "a colon")
            var key: [UInt8] = []
            CanonicalScan.unescape(UnsafeRawBufferPointer(rebasing: b[range]), into: &key)
            if let previous, !previous.lexicographicallyPrecedes(key) {
                throw error("keys are not sorted by bytes, or twice", at: keyStart)
            }
            path.steps.append(.key(String(decoding: key, as: UTF8.self)))
            previous = key
            try each(&self)
            path.steps.removeLast()
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"), "a comma or }")
    }

    private mutating func customField() throws {
        guard at < b.count else { throw error("a value expected") }
        switch b[at] {
        case UInt8(ascii: "\""): try nonEmptyString()
        case UInt8(ascii: "["): try array(.string, unique: false, mayBeEmpty: false)
        case UInt8(ascii: "t"), UInt8(ascii: "f"):
            guard word("true") || word("false") else { throw error("not a value that may stand here") }
        default: try number()
        }
    }

    private mutating func anything() throws {
        guard at < b.count, depthLeft > 0 else { throw error("a value expected, or nested too deeply") }
        depthLeft -= 1
        defer { depthLeft += 1 }
        switch b[at] {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"):
            if at + 1 < b.count, b[at + 1] == UInt8(ascii: "}") { at += 2 } else { try members { try $0.anything() } }
        case UInt8(ascii: "["):
            at += 1
            if take(UInt8(ascii: "]")) { return }
            repeat { try anything() } while take(UInt8(ascii: ","))
            try expect(UInt8(ascii: "]"), "a comma or ]")
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            guard word("true") || word("false") || word("null") else { throw error("not a value that may stand here") }
        default: try number()
        }
    }
}
