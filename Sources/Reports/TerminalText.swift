// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Text from tickets on its way to a terminal.
package enum TerminalText {
    /// The text without what a terminal would obey: C0 and C1 controls, escape sequences' introducers, overrides of the
    /// writing direction, line and paragraph separators.
    ///
    /// Each becomes `�`; a line break and a tab become a blank.
    package static func safe(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x09, 0x0A, 0x0D: out.append(" ")
            case 0x00...0x1F, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
                out.append("\u{FFFD}")
            default: out.append(scalar)
            }
        }
        return String(out)
    }

    /// How many columns a text takes: wide East Asian characters and emoji two, combining marks none.
    package static func width(_ text: String) -> Int {
        text.reduce(0) { $0 + width($1) }
    }

    private static func width(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        if scalar.properties.isEmojiPresentation { return 2 }
        switch scalar.value {
        case 0x0300...0x036F, 0x200B...0x200D, 0xFE00...0xFE0F: return 0
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }

    /// The text cut to so many columns, with `…` where something was cut.
    package static func clipped(_ text: String, to columns: Int) -> String {
        guard width(text) > columns else { return text }
        guard columns > 0 else { return "" }
        var out = ""
        var used = 0
        for character in text {
            let next = width(character)
            if used + next > columns - 1 { break }
            out.append(character)
            used += next
        }
        return out + "…"
    }

    /// A count with thin groups of thousands: `41,233`.
    package static func count(_ value: Int) -> String { value.grouped }

    /// A count with its noun: `1 ticket`, `2 tickets`, `3 replies` by `plural`.
    package static func counted(_ value: Int, _ noun: String, _ plural: String? = nil) -> String {
        value.counted(noun, plural)
    }

    /// Seconds in words for people: `42 s`, `3 min 20 s`, `2 h 5 min`.
    package static func duration(seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        switch whole {
        case ..<1: return "less than a second"
        case ..<60: return "\(whole) s"
        case ..<3600: return whole % 60 == 0 ? "\(whole / 60) min" : "\(whole / 60) min \(whole % 60) s"
        default: return whole / 60 % 60 == 0 ? "\(whole / 3600) h" : "\(whole / 3600) h \(whole / 60 % 60) min"
        }
    }

    /// Bytes in words for people, in units of 1,000: `812 bytes`, `1.4 MB`.
    package static func bytes(_ value: Int) -> String {
        var amount = Double(value)
        guard amount >= 1000 else { return counted(value, "byte") }
        var unit = 0
        let units = ["kB", "MB", "GB", "TB"]
        amount /= 1000
        while amount >= 999.95, unit < units.count - 1 {
            amount /= 1000
            unit += 1
        }
        let tenths = Int((amount * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}

extension TerminalText {
    /// The text in lines of at most so many columns, each with the indent before it.
    ///
    /// With `hanging` before each line but the first besides. See ``words(of:)`` for where lines are broken.
    package static func wrapped(
        _ text: String, width columns: Int, indent: String = "", hanging: String = ""
    ) -> [String] {
        wrapped(words(of: text), width: columns, indent: indent, hanging: hanging)
    }

    /// The words in lines of at most so many columns; one that is longer is a line of its own.
    static func wrapped(_ words: [String], width columns: Int, indent: String, hanging: String) -> [String] {
        var lines: [String] = []
        var line = indent
        var isEmpty = true
        for word in words {
            if !isEmpty, width(line) + 1 + width(word) > columns {
                lines.append(line)
                line = indent + hanging
                isEmpty = true
            }
            line += isEmpty ? word : " " + word
            isEmpty = false
        }
        return lines + [line]
    }

    /// What a text may be broken between: at blanks, but not within what stands between backticks, so that commands can be
    /// copied.
    static func words(of text: String) -> [String] {
        var words: [String] = []
        var quoted: [String] = []
        for part in text.split(separator: " ").map(String.init) {
            let isMark = part.count { $0 == "`" } % 2 == 1
            if quoted.isEmpty, !isMark {
                words.append(part)
                continue
            }
            quoted.append(part)
            if isMark, quoted.count > 1 {
                words.append(quoted.joined(separator: " "))
                quoted = []
            }
        }
        // One that nothing closes is no command.
        return words + quoted
    }
}
