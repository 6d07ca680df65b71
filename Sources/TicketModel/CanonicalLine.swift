// SPDX-License-Identifier: Apache-2.0

/// A ticket as one canonical JSON line: what moves between reader, spill, archive, journal, diff and JSON Lines.
///
/// UTF-8, keys sorted by bytes, no blanks, absent values and empty lists left out (`messages` is always there). Equal
/// bytes = equal ticket.
public struct CanonicalLine: Hashable, Sendable {
    /// The bytes, without the line break.
    public let bytes: [UInt8]

    /// Trusts the caller that the bytes are canonical: for our own assembler and archive.
    package init(trusted bytes: [UInt8]) { self.bytes = bytes }
}
