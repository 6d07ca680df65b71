// SPDX-License-Identifier: Apache-2.0

import TicketModel

extension CSVDialect {
    /// The names of the settings, as mappings write them.
    package static let settingNames = ["delimiter", "encoding", "quote", "escape", "header", "skip"]

    /// Sets a part of the dialect to what a mapping says; `auto` leaves it to be found out.
    ///
    /// - Throws: `Diagnostic` `csv.setting`, without a place, which the caller knows.
    package mutating func set(_ name: String, to value: String) throws {
        let isAuto = value == "auto"
        switch name {
        case "delimiter":
            let words: [String: UInt8] = ["tab": 0x09, "\\t": 0x09, "comma": 0x2C, "semicolon": 0x3B, "pipe": 0x7C]
            guard let byte = words[value] ?? Self.byte(value) else {
                if !isAuto { throw Self.wrong(name, value, "one character, `tab` or `auto`") }
                return delimiter = nil
            }
            delimiter = byte
        case "encoding":
            encoding = TextEncoding(label: value)
            guard isAuto || encoding != nil else {
                throw Self.wrong(
                    name, value, TextEncoding.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ") + " or `auto`"
                )
            }
        case "quote":
            if value == "none" { return quote = Quote.none }
            quote = Self.byte(value).map { .byte($0) }
            guard isAuto || quote != nil else { throw Self.wrong(name, value, "one character, `none` or `auto`") }
        case "escape":
            escape = Escape(rawValue: value)
            guard isAuto || escape != nil else {
                throw Self.wrong(name, value, "`doubled`, `backslash`, `both` or `auto`")
            }
        case "header":
            header = ["present": true, "true": true, "absent": false, "false": false][value]
            guard isAuto || header != nil else { throw Self.wrong(name, value, "`present`, `absent` or `auto`") }
        case "skip":
            skip = Int(value).flatMap { $0 >= 0 ? $0 : nil }
            guard isAuto || skip != nil else { throw Self.wrong(name, value, "a number of lines or `auto`") }
        default:
            throw Self.wrong(name, value, "one of " + Self.settingNames.joined(separator: ", "), isName: true)
        }
    }

    private static func byte(_ value: String) -> UInt8? {
        guard value.utf8.count == 1, let byte = value.utf8.first, byte != 0x0A, byte != 0x0D else { return nil }
        return byte
    }

    private static func wrong(_ name: String, _ value: String, _ allowed: String, isName: Bool = false) -> Diagnostic {
        Diagnostic(
            code: "csv.setting",
            isName ? "`\(name)` is no setting of a CSV" : "`\(name)` of a CSV cannot be `\(value)`",
            remedy: "say \(allowed)")
    }
}
