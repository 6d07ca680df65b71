// SPDX-License-Identifier: Apache-2.0

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The stretch of the input that is in memory: what is not used yet moves to the front when more is read.
struct CSVWindow: ~Copyable {
    private(set) var base: UnsafeMutablePointer<UInt8>
    /// Where the unused bytes start.
    var start = 0
    /// One past the last byte read.
    private(set) var end = 0
    /// Whether the input is all read.
    private(set) var isFinal = false
    private var capacity: Int
    private let normal: Int

    init(capacity: Int) {
        // Sources give whole characters and want room for some.
        normal = max(64, capacity)
        self.capacity = normal
        base = .allocate(capacity: normal)
    }

    deinit { base.deallocate() }

    /// How many bytes are unused.
    var length: Int { end - start }

    /// The unused bytes.
    var all: [UInt8] { copy(start..<end) }

    func copy(_ range: Range<Int>) -> [UInt8] {
        Array(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    /// Reads until the window is full or the input ends; doubles the window if the unused bytes fill it.
    ///
    /// - Throws: what the source throws; what was read before stays.
    mutating func fill(from source: TextByteSource) throws {
        let kept = end - start
        if kept + 64 > capacity || (capacity > normal && kept < normal / 2) {
            let size = kept + 64 > capacity ? capacity * 2 : normal
            let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
            fresh.update(from: base + start, count: kept)
            base.deallocate()
            base = fresh
            capacity = size
        } else if start > 0 {
            memmove(base, base + start, kept)
        }
        start = 0
        end = kept
        while capacity - end >= 64 {
            let room = UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end)
            let got = try source.read(into: room)
            if got == 0 {
                isFinal = true
                return
            }
            end += got
        }
    }

    /// How many line breaks stand in a range; a lone CR counts only where `carriageReturns` end lines.
    func lineBreaks(_ range: Range<Int>, carriageReturns: Bool) -> Int {
        guard !range.isEmpty else { return 0 }
        return Self.lineBreaks(base + range.lowerBound, range.count, carriageReturns: carriageReturns)
    }

    /// The same for any bytes.
    static func lineBreaks(_ p: UnsafePointer<UInt8>, _ count: Int, carriageReturns: Bool) -> Int {
        var breaks = lineFeeds(p, count)
        guard carriageReturns else { return breaks }
        var i = 0
        while i < count {
            if p[i] == 0x0D, !(i &+ 1 < count && p[i &+ 1] == 0x0A) { breaks &+= 1 }
            i &+= 1
        }
        return breaks
    }

    /// Counts LF, eight bytes at a time.
    @inline(__always)
    private static func lineFeeds(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int {
        let raw = UnsafeRawPointer(p)
        let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        var found = 0
        var i = 0
        while count &- i >= 8 {
            // One counter a byte, so at most 255 words between sums.
            let stop = min(count &- 7, i &+ 255 &* 8)
            var counters: UInt64 = 0
            while i < stop {
                let x = raw.loadUnaligned(fromByteOffset: i, as: UInt64.self) ^ 0x0A0A_0A0A_0A0A_0A0A
                counters &+= ~(((x & low) &+ low) | x | low) &>> 7
                i &+= 8
            }
            let pairs = (counters & 0x00FF_00FF_00FF_00FF) &+ (counters &>> 8 & 0x00FF_00FF_00FF_00FF)
            found &+= Int((pairs &* 0x0001_0001_0001_0001) &>> 48)
        }
        while i < count {
            found &+= p[i] == 0x0A ? 1 : 0
            i &+= 1
        }
        return found
    }
}
