// SPDX-License-Identifier: Apache-2.0

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The attributes of an element as libxml2 gives them: five pointers each.
struct XMLAttributes {
    private let pointers: UnsafeMutablePointer<UnsafePointer<UInt8>?>?
    /// How many there are.
    let count: Int

    init(_ pointers: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ count: Int) {
        self.pointers = pointers
        self.count = pointers == nil ? 0 : count
    }

    /// The index of an attribute's name.
    @inline(__always)
    func name(_ k: Int, in names: inout XMLNames) -> UInt32? {
        guard let pointers, let local = pointers[5 * k] else { return nil }
        return names.index(local, pointers[5 * k + 1], pointers[5 * k + 2], isAttribute: true)
    }

    /// Hands over the plain value of an attribute.
    ///
    /// Unless it replaces entities, which we never let it do, libxml2 gives every `&` of a value as `&#38;`, whatever
    /// stood in the document; so undoing that is exact.
    @inline(__always)
    func withValue<Result>(_ k: Int, _ body: (UnsafePointer<UInt8>, Int) throws -> Result) rethrows -> Result? {
        guard let pointers, let start = pointers[5 * k + 3], let end = pointers[5 * k + 4] else { return nil }
        let length = end - start
        guard memchr(start, 0x26, length) != nil else { return try body(start, length) }
        var plain: [UInt8] = []
        plain.reserveCapacity(length)
        let mark: [UInt8] = [0x26, 0x23, 0x33, 0x38, 0x3B]
        var i = 0
        while i < length {
            plain.append(start[i])
            let isMark = start[i] == 0x26 && length - i >= mark.count && memcmp(start + i, mark, mark.count) == 0
            i += isMark ? mark.count : 1
        }
        return try plain.withUnsafeBufferPointer { buffer in
            try buffer.baseAddress.map { try body($0, buffer.count) }
        }
    }
}
