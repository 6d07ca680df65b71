// SPDX-License-Identifier: Apache-2.0
import TicketModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A time zone by name, from the system's tzdata: which instant a local time means.
///
/// Local times that happened twice (clocks set back) are read as the first, before the change; those that never happened
/// (clocks set forward) by the offset before the change. Both are told to the caller, who counts them.
package final class Zone: Sendable {
    /// The name as written: `Europe/Berlin`, `UTC`, `+02:00`.
    package let name: String
    /// The local second from which a segment holds, sorted.
    private let starts: [Int64]
    /// By segment: seconds to take away from the local time, and whether the local time is no unique one.
    private let offsets: [Int32]
    private let doubtful: [Bool]
    /// The changes by instant, for the other direction.
    private let firstOffset: Int32
    private let changes: [TZif.Transition]

    private init(
        name: String, starts: [Int64], offsets: [Int32], doubtful: [Bool], changes: [TZif.Transition] = []
    ) {
        self.name = name
        self.firstOffset = offsets[0]
        self.changes = changes
        self.starts = starts
        self.offsets = offsets
        self.doubtful = doubtful
    }

    /// A zone with one offset for ever.
    package convenience init(name: String, offset: Int) {
        self.init(name: name, starts: [.min], offsets: [Int32(offset)], doubtful: [false])
    }

    /// The zone of that name; nil where the system knows none.
    ///
    /// Reads a file: look up once, keep.
    package static func named(_ name: String) -> Zone? {
        if ["utc", "gmt", "z"].contains(name.lowercased()) { return Zone(name: name, offset: 0) }
        if let offset = fixedOffset(name) { return Zone(name: name, offset: offset) }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let plain = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2B, 0x2D, 0x5F].contains(byte)
        }
        guard parts.count <= 3, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(plain) }) else { return nil }
        for folder in [
            "/usr/share/zoneinfo/", "/usr/lib/zoneinfo/", "/usr/share/lib/zoneinfo/", "/var/db/timezone/zoneinfo/",
        ] {
            if let bytes = contents(of: folder + name), let file = TZif(bytes) { return Zone(name: name, file: file) }
        }
        return nil
    }

    /// Zones whose name is near: for "did you mean".
    package static func nearest(to name: String) -> String? {
        guard
            let bytes = contents(of: "/usr/share/zoneinfo/tzdata.zi")
                ?? contents(of: "/usr/share/zoneinfo/zone1970.tab")
        else { return nil }
        var names: [String] = ["UTC"]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
            for word in line.split(whereSeparator: { $0 == " " || $0 == "\t" }) where word.contains("/") {
                names.append(String(word))
            }
        }
        return EditDistance.nearest(to: name, in: names)
    }

    /// `+02:00`, `-0330`, `UTC+2`.
    private static func fixedOffset(_ name: String) -> Int? {
        var text = Substring(name)
        for prefix in ["UTC", "GMT"] where text.hasPrefix(prefix) { text = text.dropFirst(3) }
        guard let sign = text.first, sign == "+" || sign == "-" else { return nil }
        let digits = text.dropFirst().filter { $0 != ":" }
        guard let value = Int(digits), value >= 0, [1, 2, 4].contains(digits.count) else { return nil }
        let minutes = digits.count == 4 ? value / 100 * 60 + value % 100 : value * 60
        guard minutes <= 18 * 60 else { return nil }
        return minutes * (sign == "-" ? -60 : 60)
    }

    private static func contents(of path: String) -> [UInt8]? {
        guard let file = fopen(path, "rb") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes.append(contentsOf: buffer[0..<count])
        }
        return bytes.isEmpty ? nil : bytes
    }

    private convenience init(name: String, file: TZif) {
        var starts: [Int64] = [.min]
        var offsets: [Int32] = [file.firstOffset]
        var doubtful = [false]
        var before = file.firstOffset
        for transition in file.transitions where transition.offset != before {
            let low = transition.at + Int64(min(before, transition.offset))
            let high = transition.at + Int64(max(before, transition.offset))
            // Between the two walls of the change the offset from before it is taken.
            starts.append(low)
            offsets.append(before)
            doubtful.append(true)
            starts.append(high)
            offsets.append(transition.offset)
            doubtful.append(false)
            before = transition.offset
        }
        self.init(name: name, starts: starts, offsets: offsets, doubtful: doubtful, changes: file.transitions)
    }

    /// The instant that a local time means, in seconds since 1970, and whether it is in doubt.
    ///
    /// A few nanoseconds.
    package func instant(ofLocal local: Int64) -> (seconds: Int64, doubtful: Bool) {
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= local { low = middle } else { high = middle }
        }
        return (local - Int64(offsets[low]), doubtful[low])
    }

    /// The local time of an instant, as if it were UTC.
    package func local(ofInstant seconds: Int64) -> Int64 {
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].at <= seconds { low = middle + 1 } else { high = middle }
        }
        return seconds + Int64(low == 0 ? firstOffset : changes[low - 1].offset)
    }
}
