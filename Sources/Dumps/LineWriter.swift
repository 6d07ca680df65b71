// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Collects lines and hands them on in blocks.
final class LineWriter {
    private let sink: any LineSink
    private var buffer: [UInt8] = []
    /// How many lines were made.
    private(set) var count = 0
    private static let blockSize = 256 << 10

    init(_ sink: any LineSink) {
        self.sink = sink
        buffer.reserveCapacity(Self.blockSize * 2)
    }

    /// Makes a line: `make` appends it and says whether there is one; what it appended before it throws is taken back.
    @discardableResult
    func line(_ make: (inout [UInt8]) throws -> Bool) throws -> Bool {
        let start = buffer.count
        do {
            guard try make(&buffer) else { return false }
        } catch {
            buffer.removeLast(buffer.count - start)
            throw error
        }
        buffer.append(0x0A)
        count += 1
        if buffer.count >= Self.blockSize { try flush() }
        return true
    }

    func flush() throws {
        guard !buffer.isEmpty else { return }
        try buffer.withUnsafeBytes { try sink.take($0) }
        buffer.removeAll(keepingCapacity: true)
    }
}

/// Where records stand: by their number among all records of all inputs.
final class RecordPlaces {
    private var files: [(name: String, first: UInt64)] = []

    func removeAll() { files = [] }

    func add(_ name: String, first: UInt64) { files.append((name, first)) }

    /// The place of a record that starts on that line.
    func location(_ record: UInt64, _ line: UInt32) -> SourceLocation {
        let file = files.last { $0.first <= record }?.name ?? ""
        return SourceLocation(file: file, line: Int(line))
    }
}

/// Finds ids that come twice in a stream of tickets: 24 bytes a ticket, and nothing to do where ids only grow.
final class SeenTickets {
    private struct Sighting {
        var hash: UInt64
        var record: UInt64
        var line: UInt32
    }

    private var sightings: [Sighting] = []
    private var last: UInt64 = 0
    private var grows = true

    func add(_ key: UnsafeRawBufferPointer, record: UInt64, line: UInt32) {
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
        sightings.append(Sighting(hash: hash, record: record, line: line))
    }

    /// - Throws: `Diagnostic` with both places for the first id that came twice.
    func refuseRepeated(_ places: RecordPlaces) throws {
        guard !grows else { return }
        sightings.sort { ($0.hash, $0.record) < ($1.hash, $1.record) }
        let pairs = zip(sightings, sightings.dropFirst()).filter { $0.hash == $1.hash }
        guard let (first, second) = pairs.min(by: { $0.1.record < $1.1.record }) else { return }
        throw Diagnostic(
            code: "dump.repeated-ticket",
            "a ticket comes twice, first at \(places.location(first.record, first.line))",
            at: places.location(second.record, second.line),
            remedy: "if one ticket has several records, say `onRepeat: first`, `last` or `fill` in the mapping; "
                + "else its key is not the ticket's id")
    }
}
