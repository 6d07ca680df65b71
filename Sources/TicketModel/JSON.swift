// SPDX-License-Identifier: Apache-2.0

/// A small JSON tree: how vendors' answers are read.
///
/// What is known is taken, what is left over is `extras`.
///
/// Objects keep the order of the text; numbers keep their digits (`1e3` stays `1e3`), so that nothing is lost on the
/// way. Equality of objects does not look at order.
public enum JSON: Sendable {
    case null
    case bool(Bool)
    /// The digits as written.
    case number(String)
    case string(String)
    case array([JSON])
    case object([Member])

    /// One member of an object.
    public struct Member: Sendable, Hashable {
        /// The name as decoded; doubles in one object are possible.
        public var key: String
        /// What stands under the name; `null` is a value too.
        public var value: JSON

        /// Pairs a key with its value.
        public init(_ key: String, _ value: JSON) {
            self.key = key
            self.value = value
        }
    }
}

extension JSON: Hashable {
    /// Whether both hold the same; members of objects are compared without their order, numbers by their digits.
    public static func == (a: JSON, b: JSON) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let x), .bool(let y)): x == y
        case (.number(let x), .number(let y)): x == y
        case (.string(let x), .string(let y)): x == y
        case (.array(let x), .array(let y)): x == y
        case (.object(let x), .object(let y)): x.sorted { $0.key < $1.key } == y.sorted { $0.key < $1.key }
        default: false
        }
    }

    /// Hashes in agreement with `==`: the order of members does not matter.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let x): hasher.combine(x)
        case .number(let x): hasher.combine(x)
        case .string(let x): hasher.combine(x)
        case .array(let x): hasher.combine(x)
        case .object(let x): for member in x.sorted(by: { $0.key < $1.key }) { hasher.combine(member) }
        }
    }
}

extension JSON {
    /// The member of that name; nil for an absent one and for anything that is not an object.
    ///
    /// The first of doubles.
    public subscript(_ key: String) -> JSON? {
        get {
            guard case .object(let members) = self else { return nil }
            return members.first { $0.key == key }?.value
        }
        set {
            guard case .object(var members) = self else { return }
            let index = members.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let i?, let value?): members[i].value = value
            case (let i?, nil): members.remove(at: i)
            case (nil, let value?): members.append(Member(key, value))
            case (nil, nil): break
            }
            self = .object(members)
        }
    }

    /// The element at an index; nil past the end and for anything that is not an array.
    public subscript(_ index: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// The text of a string.
    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The text of a string or the digits of a number: helpdesks give ids as either.
    ///
    /// Never that of other kinds.
    public var text: String? {
        switch self {
        case .string(let value), .number(let value): value
        default: nil
        }
    }

    /// A whole number, also one written as a string.
    public var int: Int? { text.flatMap { Int($0) } }

    /// A boolean.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The elements of an array.
    public var array: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The members of an object.
    public var members: [Member]? {
        if case .object(let value) = self { value } else { nil }
    }

    /// Whether it is `null`.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// Removes a member and gives it: what has been taken is no longer among the extras.
    public mutating func take(_ key: String) -> JSON? {
        let value = self[key]
        if value != nil { self[key] = nil }
        return value
    }
}

// Not by `nil`: `isNull ? nil : value` would be `null` then instead of nothing.
extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string from a literal.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number from a literal.
    public init(integerLiteral value: Int) { self = .number(String(value)) }
    /// `true` or `false` from a literal.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An array from a literal.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// An object from a literal, in the order as written; equal keys are kept.
    public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map { Member($0.0, $0.1) }) }

    /// A whole number.
    public init(_ value: Int) { self = .number(String(value)) }
    /// A string, or `null` for nil.
    public init(_ value: String?) { self = value.map { .string($0) } ?? .null }
}
