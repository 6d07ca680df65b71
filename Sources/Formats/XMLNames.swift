// SPDX-License-Identifier: Apache-2.0

/// The names of elements and attributes, each with its index in a block's table.
///
/// libxml2 keeps one copy of every name for as long as the parser lives, so after the first time a name is found by its
/// address alone.
struct XMLNames: ~Copyable {
    private(set) var names: [String] = []
    private var indices: [String: UInt32] = [:]
    private var slots: RawBuffer<Slot>
    private var used = 0
    private var mask = 0
    /// URI → the prefix that the mapping gives it.
    private let prefixes: [String: String]
    /// The prefixes of the mapping → URI.
    private let declared: [String: String]

    /// One look-up that is remembered.
    ///
    /// Not private: the compiler (6.3) crashes on a private type in a generic buffer.
    struct Slot: BitwiseCopyable {
        var local: UInt = 0
        var prefix: UInt = 0
        var uri: UInt = 0
        /// 0 for a free slot, else the index + 1; attributes and elements have slots of their own.
        var index: UInt32 = 0
        var isAttribute = false
    }

    init(namespaces: [String: String]) {
        declared = namespaces
        prefixes = Dictionary(namespaces.map { ($1, $0) }) { first, second in min(first, second) }
        slots = RawBuffer(capacity: 256)
        clear(256)
    }

    private mutating func clear(_ size: Int) {
        slots = RawBuffer(capacity: size)
        for _ in 0..<size { slots.append(Slot()) }
        mask = size - 1
        used = 0
    }

    /// The index of a name as libxml2 gives it.
    mutating func index(
        _ local: UnsafePointer<UInt8>, _ prefix: UnsafePointer<UInt8>?, _ uri: UnsafePointer<UInt8>?,
        isAttribute: Bool
    ) -> UInt32 {
        let l = UInt(bitPattern: local)
        let p = UInt(bitPattern: prefix)
        let u = UInt(bitPattern: uri)
        var at =
            Int(truncatingIfNeeded: (l ^ p &* 31 ^ u &* 17 ^ (isAttribute ? 0x5555 : 0)) &* 0x9E37_79B9_7F4A_7C15 >> 40)
            & mask
        while slots.base[at].index != 0 {
            let slot = slots.base[at]
            if slot.local == l, slot.prefix == p, slot.uri == u, slot.isAttribute == isAttribute {
                return slot.index &- 1
            }
            at = (at &+ 1) & mask
        }
        let name = (isAttribute ? "@" : "") + spelling(local, prefix, uri, isAttribute: isAttribute)
        let index = intern(name)
        // The table only saves time: when names are too many it starts anew.
        if used * 2 > mask {
            clear(min(65536, (mask + 1) * 2))
            return index
        }
        slots.base[at] = Slot(local: l, prefix: p, uri: u, index: index + 1, isAttribute: isAttribute)
        used += 1
        return index
    }

    /// The index of a name as the mapping writes it.
    mutating func intern(_ name: String) -> UInt32 {
        if let known = indices[name] { return known }
        let index = UInt32(names.count)
        names.append(name)
        indices[name] = index
        return index
    }

    /// A name as the mapping writes it: its prefix for the URI, else the document's own.
    private func spelling(
        _ local: UnsafePointer<UInt8>, _ prefix: UnsafePointer<UInt8>?, _ uri: UnsafePointer<UInt8>?, isAttribute: Bool
    ) -> String {
        let local = String(cString: local)
        let prefix = prefix.map { String(cString: $0) } ?? ""
        guard let uri = uri.map({ String(cString: $0) }) else { return prefix.isEmpty ? local : "\(prefix):\(local)" }
        if let ours = prefixes[uri] { return ours.isEmpty ? local : "\(ours):\(local)" }
        // The mapping means another namespace by this prefix.
        if !prefix.isEmpty || !isAttribute, declared[prefix] != nil { return "{\(uri)}\(local)" }
        return prefix.isEmpty ? local : "\(prefix):\(local)"
    }
}
