// SPDX-License-Identifier: Apache-2.0

/// A growing buffer of plain values for the hot loops: appending costs a compare and a store.
///
/// An `Array` checks uniqueness and bounds at every append; at one append a cell that is what readers would spend
/// their time on.
struct RawBuffer<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int) {
        self.capacity = max(16, capacity)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    @inline(__always)
    mutating func append(_ element: Element) {
        if count == capacity { grow(to: count + 1) }
        (base + count).initialize(to: element)
        count &+= 1
    }

    @inline(__always)
    mutating func append(_ from: UnsafePointer<Element>, count more: Int) {
        if count &+ more > capacity { grow(to: count + more) }
        (base + count).update(from: from, count: more)
        count &+= more
    }

    mutating func append(contentsOf elements: [Element]) {
        elements.withUnsafeBufferPointer { from in
            if let start = from.baseAddress { append(start, count: from.count) }
        }
    }

    /// Drops everything from an index on.
    @inline(__always)
    mutating func truncate(to length: Int) { count = length }

    /// The elements as an array: one copy.
    func array() -> [Element] { Array(UnsafeBufferPointer(start: base, count: count)) }

    /// Gives memory back that one huge record made necessary.
    mutating func reset(keeping limit: Int) {
        count = 0
        guard capacity > limit else { return }
        base.deallocate()
        capacity = max(16, limit)
        base = .allocate(capacity: capacity)
    }

    private mutating func grow(to needed: Int) {
        let larger = max(needed, capacity * 2)
        let fresh = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        fresh.update(from: base, count: count)
        base.deallocate()
        base = fresh
        capacity = larger
    }
}
