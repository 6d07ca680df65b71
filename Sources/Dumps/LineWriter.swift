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
