// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Small work on bytes in buffers that somebody else holds: what rules do for every value.
enum ByteText {
    /// Whether a range of a buffer holds those bytes; both have the same length.
    @inline(__always)
    static func equal(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ other: UnsafeRawBufferPointer) -> Bool {
        guard let a = bytes.baseAddress, let b = other.baseAddress else { return range.isEmpty }
        return memcmp(a + range.lowerBound, b, range.count) == 0
    }

    /// A range without the blanks (and controls) around it.
    @inline(__always)
    static func trimmed(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Range<Int> {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high, bytes[low] <= 0x20 { low += 1 }
        while high > low, bytes[high - 1] <= 0x20 { high -= 1 }
        return low..<high
    }
}
