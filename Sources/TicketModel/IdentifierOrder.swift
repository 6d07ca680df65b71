// SPDX-License-Identifier: Apache-2.0

/// The order of ids: numbers by their value and before all else, other texts by bytes.
package enum IdentifierOrder {
    /// -1, 0 or 1.
    ///
    /// Zero only for equal bytes: `7` and `07` differ, the shorter first.
    package static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        switch (isNumber(a), isNumber(b)) {
        case (true, true):
            let x = digits(a)
            let y = digits(b)
            if x.count != y.count { return x.count < y.count ? -1 : 1 }
            let order = bytes(x, y)
            return order != 0 ? order : a.count == b.count ? 0 : a.count < b.count ? -1 : 1
        case (true, false): return -1
        case (false, true): return 1
        case (false, false): return bytes(a, b)
        }
    }

    /// Whether one id stands before another.
    package static func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.withUnsafeBytes { x in b.withUnsafeBytes { y in compare(x, y) < 0 } }
    }

    /// Compares by bytes, the shorter of two first when one starts with the other.
    package static func bytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let count = min(a.count, b.count)
        var i = 0
        while i < count {
            if a[i] != b[i] { return a[i] < b[i] ? -1 : 1 }
            i += 1
        }
        return a.count == b.count ? 0 : a.count < b.count ? -1 : 1
    }

    private static func isNumber(_ b: UnsafeRawBufferPointer) -> Bool {
        !b.isEmpty && b.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func digits(_ b: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: b.drop { $0 == 0x30 })
    }
}
