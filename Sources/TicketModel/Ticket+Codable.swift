// SPDX-License-Identifier: Apache-2.0

/// For users of the library: a ticket is encoded as the object that its canonical line is, in whatever format the
/// encoder writes. Costs a tree; our own ways use ``CanonicalLine``.
extension Ticket: Codable {
    /// Decodes a ticket in any spelling that ``CanonicalLine`` makes canonical.
    ///
    /// - Throws: `DecodingError.dataCorrupted` over a ``CanonicalLineError`` where a key or a value is none of a ticket's,
    ///   else what the decoder throws.
    public init(from decoder: any Decoder) throws {
        let json = try JSON(from: decoder)
        do {
            self = try CanonicalLine(canonicalizing: json).ticket()
        } catch let error as CanonicalLineError {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: error.description, underlyingError: error))
        }
    }

    /// Encodes the object that the canonical line is.
    ///
    /// - Throws: what the encoder throws.
    public func encode(to encoder: any Encoder) throws {
        try JSON(parsing: CanonicalLine(self).bytes).encode(to: encoder)
    }
}

/// A tree of JSON through any coder. Numbers go as `Int64` or `Double`: digits past their precision are not kept.
extension JSON: Codable {
    private struct Name: CodingKey {
        let stringValue: String
        let intValue: Int?

        init(stringValue: String) {
            self.stringValue = stringValue
            intValue = nil
        }

        init(intValue: Int) {
            stringValue = String(intValue)
            self.intValue = intValue
        }
    }

    /// Decodes any value; what is no whole number of 64 bits becomes a `Double`'s digits.
    ///
    /// - Throws: what the decoder throws.
    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Name.self) {
            self = .object(
                try container.allKeys.map { Member($0.stringValue, try container.decode(JSON.self, forKey: $0)) })
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [JSON] = []
            while !container.isAtEnd { elements.append(try container.decode(JSON.self)) }
            self = .array(elements)
        } else {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let value = try? container.decode(Bool.self) {
                self = .bool(value)
            } else if let value = try? container.decode(Int64.self) {
                self = .number(String(value))
            } else if let value = try? container.decode(Double.self), value.isFinite {
                self = .number(value.description)
            } else {
                self = .string(try container.decode(String.self))
            }
        }
    }

    /// Encodes the tree; members in their order, as far as the encoder keeps one.
    ///
    /// - Throws: what the encoder throws.
    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .object(let members):
            var container = encoder.container(keyedBy: Name.self)
            for member in members { try container.encode(member.value, forKey: Name(stringValue: member.key)) }
        case .array(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .bool(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .string(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .number(let digits):
            var container = encoder.singleValueContainer()
            if let value = Int64(digits) {
                try container.encode(value)
            } else {
                try container.encode(Double(digits) ?? 0)
            }
        }
    }
}
