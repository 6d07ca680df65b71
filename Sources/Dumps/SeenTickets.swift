// SPDX-License-Identifier: Apache-2.0
internal import Mapping
internal import TicketModel

/// Finds ids that come twice in a stream of tickets, in constant memory.
///
/// 24 bytes a ticket go to a private file; where ids only grow, as in most exports, they are never read again.
final class SeenTickets {
    private struct Sighting: BitwiseCopyable {
        var hash: UInt64
        var record: UInt64
        var line: UInt64
    }

    /// How many sightings are looked at together.
    private let window: Int
    private let file: PrivateFile
    private var count = 0
    private var last: UInt64 = 0
    private var grows = true

    /// Makes the file.
    ///
    /// - Parameter window: how many sightings are held in memory at once when ids have to be compared.
    /// - Throws: `Diagnostic` when the machine cannot make a temporary file.
    init(window: Int = 400_000) throws {
        self.window = window
        file = try PrivateFile()
    }

    /// Takes the id of the next ticket.
    func add(_ key: UnsafeRawBufferPointer, record: UInt64, line: UInt32) throws {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var number: UInt64 = 0
        var isNumber = !key.isEmpty && key.count < 18 && key[0] != 0x30
        for byte in key {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
            if (0x30...0x39).contains(byte) { number = number &* 10 &+ UInt64(byte - 0x30) } else { isNumber = false }
        }
        // The last bytes of FNV-1a are mixed badly.
        hash = (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
        if !isNumber || number <= last { grows = false }
        last = number
        let sighting = Sighting(hash: hash, record: record, line: UInt64(line))
        try withUnsafeBytes(of: sighting) { try file.append($0) }
        count += 1
    }

    /// Ends the run if an id came twice.
    ///
    /// - Throws: `Diagnostic` with both places of the first such id, or when the machine cannot read.
    func refuseRepeated(_ places: RecordPlaces) throws {
        guard !grows else { return }
        try file.flush()
        // Equal ids have equal hashes, so each part of the hashes can be looked at alone.
        let parts = UInt64(count / window + 1)
        var repeated: (first: Sighting, second: Sighting)?
        for part in 0..<parts {
            let sightings = try sightings { $0.hash % parts == part }
                .sorted { ($0.hash, $0.record) < ($1.hash, $1.record) }
            for (first, second) in zip(sightings, sightings.dropFirst())
            where first.hash == second.hash && second.record < repeated?.second.record ?? .max {
                repeated = (first, second)
            }
        }
        guard let (first, second) = repeated else { return }
        throw Diagnostic(
            code: "dump.repeated-ticket",
            "a ticket comes twice, first at \(places.location(first.record, UInt32(clamping: first.line)))",
            at: places.location(second.record, UInt32(clamping: second.line)),
            remedy: "if one ticket has several records, say `onRepeat: first`, `last` or `fill` in the mapping; "
                + "else its key is not the ticket's id")
    }

    private func sightings(where isWanted: (Sighting) -> Bool) throws -> [Sighting] {
        var wanted: [Sighting] = []
        var block = [Sighting](repeating: Sighting(hash: 0, record: 0, line: 0), count: 16_384)
        let size = MemoryLayout<Sighting>.stride
        var offset = 0
        while offset < count {
            let next = min(block.count, count - offset)
            try block.withUnsafeMutableBytes { bytes in
                _ = try file.read(
                    at: offset * size, into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<(next * size)]))
            }
            wanted += block[..<next].filter(isWanted)
            offset += next
        }
        return wanted
    }
}
