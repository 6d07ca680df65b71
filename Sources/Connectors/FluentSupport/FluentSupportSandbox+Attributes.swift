// SPDX-License-Identifier: Apache-2.0

import Sandbox
import TicketModel

extension FluentSupportSandbox.PostHTML {
    private typealias Allowed = FluentSupportSandbox.AllowedHTML
    private static let quote = UInt8(ascii: "\"")
    private static let apostrophe = UInt8(ascii: "'")

    /// The attributes that stay, each as it is written again.
    ///
    /// What is not well formed is skipped up to a blank.
    static func attributes(_ text: [UInt8], element: String, allowed: Set<String>) -> [[UInt8]] {
        var out: [[UInt8]] = []
        var seen: Set<String> = []
        func keep(_ name: [UInt8], _ value: [UInt8]?, _ mark: UInt8 = quote) {
            let lower = String(decoding: name, as: UTF8.self).lowercased()
            guard seen.insert(String(decoding: name, as: UTF8.self)).inserted,
                allowed.contains(lower) || Allowed.everywhere.contains(lower) || isDataName(lower)
            else { return }
            guard var value else { return out.append(name) }
            if element == "a", lower == "download" { return }
            if Allowed.addresses.contains(lower) { value = withoutBadScheme(value) }
            if lower == "style" {
                value = cleanStyle(value)
                if value.isEmpty { return }
            }
            out.append(name + [UInt8(ascii: "="), mark] + value + [mark])
        }
        var rest = text[...]
        var name: [UInt8]?
        var wantsValue = false
        while !rest.isEmpty {
            var working = false
            if wantsValue, let known = name, let (value, mark, after) = attributeValue(rest) {
                keep(known, value, mark)
                (name, wantsValue, rest, working) = (nil, false, after, true)
            } else if let known = name, !wantsValue {
                let after = rest.drop(while: isBlank)
                if after.first == UInt8(ascii: "=") {
                    (wantsValue, rest, working) = (true, after.dropFirst().drop(while: isBlank), true)
                } else if after.count < rest.count {
                    keep(known, nil)
                    (name, rest, working) = (nil, after, true)
                }
            } else if name == nil, let first = rest.first, isLetter(first) || first == UInt8(ascii: "_") {
                let word = Array(rest.prefix { isLetter($0) || isDigit($0) || "-_:.".utf8.contains($0) })
                (name, rest, working) = (word, rest.dropFirst(word.count), true)
            }
            if !working {
                rest = skipBroken(rest)
                (name, wantsValue) = (nil, false)
            }
        }
        if let known = name, !wantsValue { keep(known, nil) }
        return out
    }

    private static func attributeValue(_ text: ArraySlice<UInt8>) -> ([UInt8], UInt8, ArraySlice<UInt8>)? {
        guard let first = text.first else { return nil }
        if first == quote || first == apostrophe {
            guard let end = text.dropFirst().firstIndex(of: first),
                let after = closed(text[(end + 1)...])
            else { return nil }
            return (Array(text[(text.startIndex + 1)..<end]), first, after)
        }
        let value = text.prefix { !isBlank($0) && $0 != quote && $0 != apostrophe }
        guard !value.isEmpty, let after = closed(text[value.endIndex...]) else { return nil }
        return (Array(value), quote, after)
    }

    /// After a value come blanks or the end, before which one `/` may stand.
    private static func closed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let after = text.drop(while: isBlank)
        if after.count < text.count || text.isEmpty { return after }
        return text.count == 1 && text.first == slash ? [] : nil
    }

    private static func skipBroken(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = text
        while let first = rest.first, !isBlank(first) {
            if first == quote || first == apostrophe {
                guard let end = rest.dropFirst().firstIndex(of: first) else { return [] }
                rest = rest[(end + 1)...]
            } else {
                rest = rest.dropFirst()
            }
        }
        return rest.drop(while: isBlank)
    }

    private static func isDataName(_ name: String) -> Bool {
        guard name.hasPrefix("data-"), !name.hasSuffix("-"), !name.contains("--") else { return false }
        return name.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        }
    }

    /// An address loses each scheme that is not allowed, also one behind another.
    static func withoutBadScheme(_ value: [UInt8]) -> [UInt8] {
        var text = dropControls(value)
        for _ in 0..<6 {
            guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return text }
            let head = text[..<colon]
            if contains(head, "/?") { return text }
            let scheme = String(decoding: head.filter { !isBlank($0) }, as: UTF8.self).lowercased()
            let rest = text[(colon + 1)...].drop(while: isBlank)
            let ink = rest.lastIndex { !isBlank($0) }.map { rest[...$0] } ?? rest.prefix(0)
            let next = (Allowed.schemes.contains(scheme) ? Array("\(scheme):".utf8) : []) + ink
            if next == text { return text }
            text = next
            if Allowed.schemes.contains(scheme) { return text }
        }
        return text
    }

    private static func contains(_ text: some Sequence<UInt8>, _ part: String) -> Bool {
        String(decoding: Array(text), as: UTF8.self).contains(part)
    }

    /// A style keeps the declarations whose property is allowed and whose value calls nothing unknown.
    static func cleanStyle(_ value: [UInt8]) -> [UInt8] {
        let text = dropControls(value).filter { $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
        var kept: [[UInt8]] = []
        for part in text.split(separator: UInt8(ascii: ";")) {
            let item = String(decoding: part, as: UTF8.self).trimmingBlanks()
            guard !item.isEmpty, isAllowed(declaration: item) else { continue }
            kept.append(Array(item.utf8))
        }
        return Array(kept.joined(separator: [UInt8(ascii: ";")]))
    }

    private static let withAddress: Set<String> = [
        "background", "background-image", "cursor", "filter", "list-style", "list-style-image",
    ]

    private static func isAllowed(declaration: String) -> Bool {
        let parts = declaration.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var test = Array(declaration.utf8)
        if parts.count == 2 {
            let property = parts[0].trimmingBlanks()
            let custom = property.hasPrefix("--") && property.utf8.count > 2
            guard custom || Allowed.styles.contains(property) else { return false }
            if custom || withAddress.contains(property) {
                guard let rest = withoutAddresses(test) else { return false }
                test = rest
            }
        }
        test = withoutFunctions(test)
        let refused = Set("\\(&=}".utf8)
        return !test.contains { refused.contains($0) } && !contains(test, "/*")
    }

    /// Takes `url(…)` out; nil when an address has a scheme that is not allowed.
    private static func withoutAddresses(_ text: [UInt8]) -> [UInt8]? {
        var out: [UInt8] = []
        var i = 0
        while i < text.count {
            if text[i...].starts(with: "url(".utf8), let end = text[i...].firstIndex(of: UInt8(ascii: ")")) {
                let inner = String(decoding: text[(i + 4)..<end], as: UTF8.self).trimmingBlanks()
                let bare = Array(inner.utf8).filter { $0 != quote && $0 != apostrophe }
                guard !bare.isEmpty, withoutBadScheme(bare) == bare else { return nil }
                i = end + 1
            } else {
                out.append(text[i])
                i += 1
            }
        }
        return out
    }

    /// Takes calls of `var`, `calc`, `min`, `max`, `minmax` and `clamp` out, nested ones too.
    private static func withoutFunctions(_ text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var i = 0
        while i < text.count {
            let before = i > 0 ? text[i - 1] : 0x20
            let name = ["minmax", "clamp", "calc", "var", "min", "max"].first { text[i...].starts(with: "\($0)(".utf8) }
            if let name, !isLetter(before), !isDigit(before), before != UInt8(ascii: "_"),
                let end = balanced(text, from: i + name.utf8.count)
            {
                i = end
            } else {
                out.append(text[i])
                i += 1
            }
        }
        return out
    }

    private static func balanced(_ text: [UInt8], from start: Int) -> Int? {
        var depth = 0
        for i in start..<text.count {
            if text[i] == UInt8(ascii: "(") { depth += 1 }
            if text[i] == UInt8(ascii: ")") {
                depth -= 1
                if depth == 0 { return i + 1 }
            }
        }
        return nil
    }
}
