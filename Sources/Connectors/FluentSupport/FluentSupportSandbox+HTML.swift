// SPDX-License-Identifier: Apache-2.0

import TicketModel

extension FluentSupportSandbox {
    /// What WordPress does to the HTML of posts before it is stored.
    ///
    /// Written from measurements of the real site; held against them by a test.
    enum PostHTML {
        /// The whole pass: controls dropped, entities made regular, tags and attributes that are not allowed removed.
        static func clean(_ text: [UInt8]) -> [UInt8] {
            split(escapeLoneOpenings(regularEntities(dropControls(text))))
        }

        static func dropControls(_ text: [UInt8]) -> [UInt8] {
            text.filter { $0 >= 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        }

        /// `&` becomes `&amp;` unless an entity starts there; numbers get three digits, zero goes.
        static func regularEntities(_ text: [UInt8]) -> [UInt8] {
            guard text.contains(amp) else { return text }
            var out: [UInt8] = []
            out.reserveCapacity(text.count + 16)
            var i = 0
            while i < text.count {
                guard text[i] == amp else {
                    out.append(text[i])
                    i += 1
                    continue
                }
                if let (replacement, length) = entity(text[i...]) {
                    out += replacement
                    i += length
                } else {
                    out += "&amp;".utf8
                    i += 1
                }
            }
            return out
        }

        private static func entity(_ text: ArraySlice<UInt8>) -> (replacement: [UInt8], length: Int)? {
            guard let end = text.prefix(40).firstIndex(of: UInt8(ascii: ";")) else { return nil }
            let length = end - text.startIndex + 1
            let name = text[(text.startIndex + 1)..<end]
            guard let first = name.first else { return nil }
            guard first == UInt8(ascii: "#") else {
                let word = String(decoding: name, as: UTF8.self)
                return AllowedHTML.entities.contains(word) ? (Array(text[text.startIndex...end]), length) : nil
            }
            let digits = name.dropFirst()
            if let x = digits.first, x == UInt8(ascii: "x") || x == UInt8(ascii: "X") {
                let bare = digits.dropFirst().drop { $0 == UInt8(ascii: "0") }
                guard bare.count <= 6,
                    let value = UInt32(String(decoding: digits.dropFirst(), as: UTF8.self), radix: 16)
                else { return nil }
                guard value != 0 else { return ([], length) }
                return isCharacter(value) ? (Array("&#x".utf8) + bare + [UInt8(ascii: ";")], length) : nil
            }
            let bare = digits.drop { $0 == UInt8(ascii: "0") }
            guard !digits.isEmpty, bare.count <= 7, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
                return nil
            }
            guard let value = UInt32(String(decoding: bare, as: UTF8.self)) else { return ([], length) }
            guard isCharacter(value) else { return nil }
            let padding = Array(repeating: UInt8(ascii: "0"), count: max(0, 3 - bare.count))
            return (Array("&#".utf8) + padding + bare + [UInt8(ascii: ";")], length)
        }

        private static func isCharacter(_ value: UInt32) -> Bool {
            switch value {
            case 0x9, 0xA, 0xD, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
            default: false
            }
        }

        /// A `<` that no `>` closes before the next `<` is text.
        static func escapeLoneOpenings(_ text: [UInt8]) -> [UInt8] {
            guard text.contains(lt) else { return text }
            var out: [UInt8] = []
            var i = 0
            while i < text.count {
                guard text[i] == lt else {
                    out.append(text[i])
                    i += 1
                    continue
                }
                let end = text[(i + 1)...].firstIndex { $0 == lt || $0 == gt } ?? text.count
                if end < text.count, text[end] == gt {
                    out += text[i...end]
                    i = end + 1
                } else {
                    out += escape(regularEntities(Array(text[i..<end])))
                    i = end
                }
            }
            return out
        }

        static func escape(_ text: [UInt8]) -> [UInt8] {
            var out: [UInt8] = []
            for byte in text {
                switch byte {
                case lt: out += "&lt;".utf8
                case gt: out += "&gt;".utf8
                case UInt8(ascii: "\""): out += "&quot;".utf8
                case UInt8(ascii: "'"): out += "&#039;".utf8
                default: out.append(byte)
                }
            }
            return out
        }

        private static func split(_ text: [UInt8]) -> [UInt8] {
            var out: [UInt8] = []
            out.reserveCapacity(text.count)
            var i = 0
            while i < text.count {
                switch text[i] {
                case gt:
                    out += "&gt;".utf8
                    i += 1
                case lt:
                    let end = commentEnd(text, from: i) ?? text[i...].firstIndex(of: gt).map { $0 + 1 } ?? text.count
                    out += tag(text[i..<end])
                    i = end
                default:
                    out.append(text[i])
                    i += 1
                }
            }
            return out
        }

        private static func commentEnd(_ text: [UInt8], from start: Int) -> Int? {
            guard text[start...].starts(with: "<!--".utf8) else { return nil }
            var i = start + 4
            while i < text.count, text[i] != 0x0A {
                if text[i...].starts(with: "-->".utf8) { return i + 3 }
                i += 1
            }
            return i == text.count ? i : nil
        }

        private static func tag(_ raw: ArraySlice<UInt8>) -> [UInt8] {
            let text = unquoteSlashes(raw)
            if text.starts(with: "<!--".utf8) { return comment(text) }
            var rest = text.dropFirst().drop(while: isBlank)
            var closing = false
            if rest.first == slash {
                closing = true
                rest = rest.dropFirst().drop(while: isBlank)
            }
            let name = Array(rest.prefix { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") })
            rest = rest.dropFirst(name.count)
            if rest.last == gt { rest = rest.dropLast() }
            guard !name.isEmpty, !rest.contains(gt) else { return [] }
            let element = String(decoding: name, as: UTF8.self).lowercased()
            // The attributes of an object stay only for a PDF among the site's own uploads: never what a ticket holds.
            guard let allowed = element == "object" ? [] : AllowedHTML.elements[element] else { return [] }
            if closing { return Array("</".utf8) + name + [gt] }
            var out: [UInt8] = [lt] + name
            for attribute in attributes(Array(rest), element: element, allowed: allowed) {
                out.append(0x20)
                out += attribute.filter { $0 != lt && $0 != gt }
            }
            if lastInk(rest) == slash { out += " /".utf8 }
            return out + [gt]
        }

        private static func lastInk(_ text: ArraySlice<UInt8>) -> UInt8? { text.last { !isBlank($0) } }

        /// `\"` inside a tag loses its backslash.
        private static func unquoteSlashes(_ text: ArraySlice<UInt8>) -> [UInt8] {
            var out: [UInt8] = []
            for byte in text {
                if byte == UInt8(ascii: "\""), out.last == UInt8(ascii: "\\") { out.removeLast() }
                out.append(byte)
            }
            return out
        }

        private static func comment(_ text: [UInt8]) -> [UInt8] {
            var inner = remove("-->", from: remove("<!--", from: text))
            while true {
                let next = clean(inner)
                if next == inner { break }
                inner = next
            }
            guard !inner.isEmpty else { return [] }
            var out: [UInt8] = []
            for byte in inner where !(byte == dash && out.last == dash) { out.append(byte) }
            if out.last == dash { out.removeLast() }
            return Array("<!--".utf8) + out + Array("-->".utf8)
        }

        private static func remove(_ part: String, from text: [UInt8]) -> [UInt8] {
            var out: [UInt8] = []
            var i = 0
            while i < text.count {
                if text[i...].starts(with: part.utf8) {
                    i += part.utf8.count
                } else {
                    out.append(text[i])
                    i += 1
                }
            }
            return out
        }

        static let lt = UInt8(ascii: "<")
        static let gt = UInt8(ascii: ">")
        static let amp = UInt8(ascii: "&")
        static let slash = UInt8(ascii: "/")
        static let dash = UInt8(ascii: "-")

        static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }
    }
}
