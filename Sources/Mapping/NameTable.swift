// SPDX-License-Identifier: Apache-2.0

/// Names as small numbers: those of the mapping first, then those that the records bring.
///
/// Looked up by bytes, so that a name inside a record (`<field name="…">`) costs a hash and no `String`.
struct NameTable: Sendable {
    private var bytes: [UInt8] = []
    private var ranges: [Range<Int>] = []
    private var hashes: [UInt64] = []
    private var slots: [Int32] = Array(repeating: -1, count: 64)

    /// How many names there are.
    var count: Int { ranges.count }

    /// The bytes of a name.
    func name(_ id: UInt32) -> ArraySlice<UInt8> { bytes[ranges[Int(id)]] }

    /// A name as text.
    func text(_ id: UInt32) -> String { String(decoding: name(id), as: UTF8.self) }

    /// The number of a name, given a new one if needed.
    mutating func id(_ name: String) -> UInt32 {
        var name = name
        return name.withUTF8 { id(UnsafeRawBufferPointer($0)) }
    }

    /// The number of a name that is known already.
    func find(_ name: UnsafeRawBufferPointer) -> Int? {
        let hash = Self.hash(name)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let id = Int(slots[slot])
            if hashes[id] == hash, isName(id, name) { return id }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Two texts of one hash are nearly always the same: compared all the same, since names come from the dump.
    private func isName(_ id: Int, _ name: UnsafeRawBufferPointer) -> Bool {
        let range = ranges[id]
        guard range.count == name.count else { return false }
        return bytes.withUnsafeBytes { ByteText.equal($0, range, name) }
    }

    /// The number of a name, given a new one if needed.
    mutating func id(_ name: UnsafeRawBufferPointer) -> UInt32 {
        let hash = Self.hash(name)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let id = Int(slots[slot])
            if hashes[id] == hash, isName(id, name) { return UInt32(id) }
            slot = (slot + 1) & (slots.count - 1)
        }
        let id = ranges.count
        slots[slot] = Int32(id)
        ranges.append(bytes.count..<bytes.count + name.count)
        bytes.append(contentsOf: name)
        hashes.append(hash)
        if ranges.count * 2 > slots.count { grow() }
        return UInt32(id)
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: slots.count * 2)
        for (id, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(id)
        }
    }

    private static func hash(_ name: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash ^ (hash >> 29)
    }
}
