// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TicketModel

/// The addresses that a source asks for: the API lists no tickets but those of one address.
struct SupportEngineAddresses: Hashable, Sendable {
    /// In the file's order, each once.
    ///
    /// Case and accents stay: a server may tell them apart.
    var all: [String]

    /// Reads a list (one a line), a CSV by the name of a column, or a catalogue (`NAME.catalogue.jsonl`).
    ///
    /// - Throws: a `Diagnostic` (`supportengine.emails`) for a file that is not there, has no such column or no address.
    init(path: String, column: String?) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Self.fault("the file of addresses cannot be read", path, "check `emails`: one address a line")
        }
        var bytes = Array(data)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard let text = String(validatingUTF8: bytes) else {
            throw Self.fault("the file of addresses is not UTF-8", path, "save it as UTF-8")
        }
        let found: [String]
        if let column {
            found = try Self.column(column, of: text, path: path)
        } else if path.hasSuffix(".jsonl") {
            found = Self.catalogue(text)
        } else {
            found = text.split(whereSeparator: \.isNewline).map(String.init)
            if path.lowercased().hasSuffix(".csv"), let head = found.first, !head.contains("@") {
                throw Self.fault(
                    "the file of addresses is a CSV, and nobody said which column they are in", path,
                    "name the column in `emailsColumn`, one of: \(head)")
            }
        }
        self.init(found)
        if all.isEmpty {
            throw Self.fault(
                "the file of addresses has none in it", path,
                "write one address a line, or name the column of a CSV in `emailsColumn`")
        }
    }

    /// Takes addresses as they are, without blanks around them, comments and doubles.
    init(_ found: [String]) {
        var seen: Set<[UInt8]> = []
        all = found.compactMap { line in
            var text = line.trimmingBlanks
            // `Zoë <zoe@x.example>`, as address books write it.
            if text.hasSuffix(">"), let open = text.lastIndex(of: "<") {
                text = String(text[text.index(after: open)...].dropLast()).trimmingBlanks
            }
            guard !text.isEmpty, !text.hasPrefix("#"), seen.insert(Array(text.utf8)).inserted else { return nil }
            return text
        }
    }

    /// The customers of another source's catalogue.
    private static func catalogue(_ text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            guard let entry = try? JSON(parsing: Array(line.utf8)), let email = entry["email"]?.string,
                ["customer", "person", nil].contains(entry["kind"]?.string)
            else { return nil }
            return email
        }
    }

    private static func column(_ name: String, of text: String, path: String) throws -> [String] {
        let head = text.prefix { !$0.isNewline }
        let marks: [Character] = [";", ",", "\t"]
        let delimiter = marks.max { a, b in head.count { $0 == a } < head.count { $0 == b } } ?? ","
        let rows = rows(text, delimiter: delimiter)
        let names = (rows.first ?? []).map(\.trimmingBlanks)
        guard
            let index = names.firstIndex(of: name) ?? names.firstIndex(where: { $0.lowercased() == name.lowercased() })
        else {
            throw fault(
                "the file of addresses has no column “\(name)”", path,
                "name one of its columns in `emailsColumn`: \(names.joined(separator: ", "))")
        }
        return rows.dropFirst().compactMap { $0.indices.contains(index) ? $0[index] : nil }
    }

    /// The fields of a CSV; quotes doubled inside quotes, line breaks inside them kept.
    private static func rows(_ text: String, delimiter: Character) -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var field = ""
        var isQuoted = false
        var pending: Character?
        for character in text {
            if isQuoted {
                if pending == "\"" {
                    pending = nil
                    if character == "\"" {
                        field.append(character)
                        continue
                    }
                    isQuoted = false
                } else if character == "\"" {
                    pending = "\""
                    continue
                } else {
                    field.append(character)
                    continue
                }
            }
            if character == "\"" && field.isEmpty {
                isQuoted = true
            } else if character == delimiter {
                row.append(field)
                field = ""
            } else if character.isNewline {
                rows.append(row + [field])
                (row, field) = ([], "")
            } else {
                field.append(character)
            }
        }
        return rows + (row.isEmpty && field.isEmpty ? [] : [row + [field]])
    }

    private static func fault(_ message: String, _ path: String, _ remedy: String) -> Diagnostic {
        Diagnostic(
            code: "supportengine.emails", message, at: SourceLocation(file: path), remedy: remedy, cause: .badInput)
    }
}

extension String {
    /// The text of bytes; nil where they are no UTF-8.
    fileprivate init?(validatingUTF8 bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        self = text
    }
}
