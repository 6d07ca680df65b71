// SPDX-License-Identifier: Apache-2.0

/// A ticket as one canonical JSON line: what moves between reader, spill, archive, journal, diff and JSON Lines.
///
/// UTF-8, keys sorted by bytes, no blanks, absent values, empty strings and empty lists left out (`messages` is always
/// there), strings escaped only where JSON demands it, times in UTC. Equal bytes = equal ticket.
public struct CanonicalLine: Hashable, Sendable {
    /// The bytes, without the line break.
    public let bytes: [UInt8]

    /// Trusts the caller that the bytes are canonical: for our own assembler and archive.
    package init(trusted bytes: [UInt8]) { self.bytes = bytes }

    /// Takes bytes that must be canonical already: an unknown key, a wrong type, another order, a blank, an empty value
    /// or an escape too many is an error.
    ///
    /// One pass, nothing is made on the way but the copy of the bytes.
    ///
    /// - Throws: ``CanonicalLineError`` with the path and the offset of what is wrong.
    public init(validating bytes: some Sequence<UInt8>) throws {
        let bytes = Array(bytes)
        try bytes.withUnsafeBytes { try CanonicalValidator.validate($0) }
        self.bytes = bytes
    }

    /// Takes a ticket in any spelling of JSON (other order of keys, blanks, `null`, empty values, times with an offset)
    /// and makes it canonical.
    ///
    /// Unknown keys and wrong types are still errors.
    ///
    /// - Throws: ``CanonicalLineError``; its offset is told for broken JSON only.
    public init(canonicalizing bytes: some Sequence<UInt8>) throws {
        let json: JSON
        do {
            json = try JSON(parsing: bytes)
        } catch {
            throw CanonicalLineError(problem: error.problem, path: "", offset: error.offset)
        }
        try self.init(canonicalizing: json)
    }

    /// Makes a tree of JSON canonical; see ``init(canonicalizing:)-(Sequence)``.
    public init(canonicalizing json: JSON) throws {
        guard let ticket = try CanonicalShape.ticket.canonical(json, at: CanonicalPath()) else {
            throw CanonicalLineError(problem: "a ticket needs an id", path: "", offset: nil)
        }
        bytes = ticket.canonicalBytes()
    }

    /// The ticket's id.
    ///
    /// Cheap: reads only up to it.
    public var id: String {
        bytes.withUnsafeBytes { buffer in
            guard let range = CanonicalScan.member("id", of: buffer, object: 0..<buffer.count) else { return "" }
            return CanonicalScan.string(buffer, range)
        }
    }
}

extension CanonicalLine: CustomStringConvertible {
    /// The line as text.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// Why bytes are not a canonical line: what is wrong, and where.
public struct CanonicalLineError: Error, Hashable, Sendable, CustomStringConvertible {
    /// In a few words.
    public var problem: String
    /// The path of the value, `messages[2].author.role`; empty for the ticket itself.
    public var path: String
    /// In bytes from the start of the line; nil where only the path is known.
    public var offset: Int?

    /// `path: problem (at byte n)`.
    public var description: String {
        (path.isEmpty ? "" : "\(path): ") + problem + (offset.map { " (at byte \($0))" } ?? "")
    }
}

/// A path into a ticket that costs nothing until somebody asks for its text.
struct CanonicalPath {
    enum Step {
        case key(String)
        case index(Int)
    }
    var steps: [Step] = []

    func appending(_ key: String) -> CanonicalPath { CanonicalPath(steps: steps + [.key(key)]) }
    func appending(_ index: Int) -> CanonicalPath { CanonicalPath(steps: steps + [.index(index)]) }

    var text: String {
        var text = ""
        for step in steps {
            switch step {
            case .key(let key): text += text.isEmpty ? key : "." + key
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}
