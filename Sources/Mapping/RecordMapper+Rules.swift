// SPDX-License-Identifier: Apache-2.0
import TicketModel

extension RecordMapper {
    /// Whether all conditions hold.
    @inline(__always)
    mutating func matches(_ conditions: [Condition], _ context: UInt32) -> Bool {
        conditions.isEmpty || allHold(conditions, context)
    }

    private mutating func allHold(_ conditions: [Condition], _ context: UInt32) -> Bool {
        for condition in conditions {
            guard holds(condition.test, condition.path, context) else { return false }
        }
        for condition in conditions where condition.isLiteral {
            if let node = tree.firstFull(condition.path, from: context) { tree.use(node) }
        }
        return true
    }

    private func holds(_ test: Condition.Test, _ path: RulePath, _ context: UInt32) -> Bool {
        switch test {
        case .present: return tree.firstFull(path, from: context) != nil
        case .absent: return tree.firstFull(path, from: context) == nil
        case .not(let test): return !holds(test, path, context)
        case .anyOf(let tests):
            for test in tests where holds(test, path, context) { return true }
            return false
        case .equals(let text):
            return tree.each(path, from: context) { tree.isEqual(tree.text($0), text) }
        case .glob(let glob): return tree.each(path, from: context) { glob.matches(tree.bytes[tree.text($0)]) }
        }
    }

    /// The one value of a rule; nil where it yields nothing.
    ///
    /// What a failed rule looked at is left over again.
    @inline(__always)
    mutating func scalar(_ rule: Rule, _ context: UInt32) throws -> Range<Int>? {
        guard let path = rule.plain else { return try evaluate(rule, context) }
        guard let node = tree.firstFull(path, from: context) else { return nil }
        tree.use(node)
        return tree.text(node)
    }

    private mutating func evaluate(_ rule: Rule, _ context: UInt32) throws -> Range<Int>? {
        let mark = tree.mark
        if matches(rule.when, context) {
            let raw = try source(rule, context)
            if let raw, let value = convert(rule, raw) { return value }
            if let raw, case .omit = outcome(rule, raw) { return nil }
        }
        tree.undo(to: mark)
        if let otherwise = rule.otherwise { return try scalar(otherwise, context) }
        return nil
    }

    private mutating func source(_ rule: Rule, _ context: UInt32) throws -> Range<Int>? {
        switch rule.source {
        case .path(let path):
            guard let node = tree.firstFull(path, from: context) else { return nil }
            tree.use(node)
            return tree.text(node)
        case .constant(let range): return tree.constant(range)
        case .text(let pieces):
            var parts: [Range<Int>] = []
            for piece in pieces {
                switch piece {
                case .constant(let range): parts.append(tree.constant(range))
                case .rule(let rule):
                    guard let part = try scalar(rule, context) else { return nil }
                    parts.append(part)
                }
            }
            let start = tree.bytes.count
            for part in parts { tree.copy(part) }
            return start..<tree.bytes.count
        case .reference(let tables, let by):
            guard let key = try scalar(by, context) else { return nil }
            for reference in tables {
                guard let row = try row(reference.table, key: key) else { continue }
                if let value = field(reference.field, ofRow: row), !value.isEmpty { return value }
            }
            return nil
        case .first(let rules):
            for rule in rules {
                if let value = try scalar(rule, context) { return value }
            }
            return nil
        }
    }

    /// A field of a row that stands in the tree's bytes.
    func field(_ index: Int, ofRow row: Range<Int>) -> Range<Int>? {
        var at = row.lowerBound
        var left = index
        while at + 4 <= row.upperBound {
            var length: UInt32 = 0
            for i in 0..<4 { length |= UInt32(tree.bytes[at + i]) << UInt32(8 * i) }
            at += 4
            if left == 0 { return length == .max ? nil : at..<at + Int(length) }
            if length != .max { at += Int(length) }
            left -= 1
        }
        return nil
    }

    /// All values of a rule, in order.
    mutating func values(_ rule: Rule, _ context: UInt32) throws -> [Range<Int>] {
        var values: [Range<Int>] = []
        try append(valuesOf: rule, context, to: &values)
        return values
    }

    /// Appends all values of a rule, in order.
    ///
    /// A path that is only split, as tags are, goes without lists in between.
    mutating func append(valuesOf rule: Rule, _ context: UInt32, to values: inout [Range<Int>]) throws {
        guard let path = rule.listPath else {
            values += try evaluateAll(rule, context)
            return
        }
        var node = tree.first(path.name, in: context)
        while node != RecordTree.none {
            if !tree.isEmpty(node) {
                tree.use(node)
                tree.append(piecesOf: tree.text(node), by: rule.split, to: &values)
            }
            node = tree.next(path.name, in: context, after: node)
        }
    }

    private mutating func evaluateAll(_ rule: Rule, _ context: UInt32) throws -> [Range<Int>] {
        let mark = tree.mark
        var values: [Range<Int>] = []
        if matches(rule.when, context) {
            switch rule.source {
            case .first(let rules): for rule in rules { values += try self.values(rule, context) }
            case .path(let path):
                for node in tree.all(path, from: context) where !tree.isEmpty(node) {
                    tree.use(node)
                    values.append(tree.text(node))
                }
            default: if let value = try source(rule, context) { values = [value] }
            }
            if !rule.split.isEmpty { values = values.flatMap { tree.split($0, by: rule.split) }.map { trimmed($0) } }
            if rule.conversion == .lines { values = values.flatMap { lines($0) } }
            let hadSome = !values.isEmpty
            values = values.compactMap { convert(rule, $0, splitting: false) }.filter { !$0.isEmpty }
            if !values.isEmpty || (hadSome && rule.otherwise == nil) { return values }
        }
        tree.undo(to: mark)
        if let otherwise = rule.otherwise { return try self.values(otherwise, context) }
        return []
    }

    private mutating func lines(_ value: Range<Int>) -> [Range<Int>] {
        if tree.bytes[value].first == UInt8(ascii: "["), let list = (try? JSON(parsing: tree.bytes[value]))?.array {
            return list.compactMap(\.string).map { tree.scratch($0.utf8) }
        }
        return tree.split(value, by: [0x0A])
    }

    /// A range without the blanks around it.
    @inline(__always)
    func trimmed(_ range: Range<Int>) -> Range<Int> { tree.trimmed(range) }

    private func outcome(_ rule: Rule, _ value: Range<Int>) -> LabelMap.Outcome {
        guard let map = rule.map else { return .keep }
        return tree.bytes.withUnsafeBytes { map.outcome($0, value) }
    }

    /// `split`, `map` and `as`, in this order.
    private mutating func convert(_ rule: Rule, _ value: Range<Int>, splitting: Bool = true) -> Range<Int>? {
        var value = value
        if splitting, !rule.split.isEmpty {
            let pieces = tree.split(value, by: rule.split).map { trimmed($0) }
            guard let first = pieces.first(where: { !$0.isEmpty }) else { return nil }
            value = first
        }
        switch outcome(rule, value) {
        case .keep: break
        case .omit: return nil
        case .constant(let range): value = tree.constant(range)
        }
        guard let conversion = rule.conversion else { return value }
        return apply(conversion, to: value)
    }

    private mutating func apply(_ conversion: Conversion, to value: Range<Int>) -> Range<Int>? {
        switch conversion {
        case .seconds, .milliseconds, .json, .lines, .bool: return value
        case .trim: return trimmed(value)
        case .lower: return tree.scratch(text(value).lowercased().utf8)
        case .upper: return tree.scratch(text(value).uppercased().utf8)
        case .number: return number(trimmed(value))
        case .host: return host(value)
        case .basename:
            let bytes = tree.bytes[value]
            let slash = bytes.lastIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
            return slash.map { $0 + 1..<value.upperBound } ?? value
        case .ending:
            let bytes = tree.bytes[value]
            guard let point = bytes.lastIndex(of: UInt8(ascii: ".")), point + 1 < value.upperBound,
                !bytes[point...].contains(UInt8(ascii: "/"))
            else { return nil }
            return point..<value.upperBound
        case .after(let marker):
            guard !marker.isEmpty, value.count >= marker.count else { return nil }
            var at = value.upperBound - marker.count
            while at >= value.lowerBound {
                if tree.bytes[at..<at + marker.count].elementsEqual(marker) {
                    return at + marker.count..<value.upperBound
                }
                at -= 1
            }
            return nil
        }
    }

    private func host(_ value: Range<Int>) -> Range<Int>? {
        var low = value.lowerBound
        let bytes = tree.bytes
        if let scheme = bytes[value].firstIndex(of: UInt8(ascii: "/")), scheme + 1 < value.upperBound,
            bytes[scheme + 1] == UInt8(ascii: "/")
        {
            low = scheme + 2
        }
        let end = bytes[low..<value.upperBound].firstIndex { [0x2F, 0x3F, 0x23].contains($0) } ?? value.upperBound
        return low < end ? low..<end : nil
    }

    /// The digits of a JSON number; a single comma before decimals becomes a point.
    private mutating func number(_ value: Range<Int>) -> Range<Int>? {
        var bytes = Array(tree.bytes[value])
        if !bytes.contains(UInt8(ascii: ".")), bytes.filter({ $0 == UInt8(ascii: ",") }).count == 1,
            let comma = bytes.firstIndex(of: UInt8(ascii: ","))
        {
            bytes[comma] = UInt8(ascii: ".")
        }
        guard case .number(let digits)? = try? JSON(parsing: bytes) else { return nil }
        return tree.scratch(digits.utf8)
    }

    /// The time of a rule; an unreadable one is nothing, counted, and left over.
    mutating func time(_ rule: Rule, _ context: UInt32) throws -> Timestamp? {
        let mark = tree.mark
        if case .first(let rules) = rule.source {
            if matches(rule.when, context) {
                for rule in rules {
                    if let time = try time(rule, context) { return time }
                }
            }
        } else if matches(rule.when, context), let raw = try source(rule, context), let value = convert(rule, raw) {
            if let time = read(value, rule) { return time }
            note(\.unreadableDates, rule.text, value)
        }
        tree.undo(to: mark)
        if let otherwise = rule.otherwise { return try time(otherwise, context) }
        return nil
    }

    private mutating func read(_ value: Range<Int>, _ rule: Rule) -> Timestamp? {
        let patterns = rule.formats.isEmpty ? plan.rules.dates : rule.formats
        let reading: DatePattern.Reading? = tree.bytes.withUnsafeBytes { bytes in
            let text = UnsafeRawBufferPointer(rebasing: bytes[value])
            for pattern in patterns {
                if let reading = pattern.read(text) { return reading }
            }
            return nil
        }
        guard let reading else { return nil }
        var seconds = reading.seconds
        if !reading.hasOffset {
            if let zone = rule.zone ?? zone {
                let instant = zone.instant(ofLocal: seconds)
                seconds = instant.seconds
                if instant.doubtful { met.ambiguousTimes += 1 }
            } else {
                met.timesWithoutZone += 1
            }
        }
        return Timestamp(seconds: seconds, fraction: reading.fraction, fractionDigits: reading.fractionDigits)
    }
}
