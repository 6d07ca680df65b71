// SPDX-License-Identifier: Apache-2.0

/// Bytes that are already in memory, given out in chunks of a chosen size: for tests and for small embedded texts.
package final class MemoryByteSource: ByteSource {
    package let name: String
    private let bytes: [UInt8]
    private let chunk: Int
    private var position = 0

    /// Makes a source that gives at most `chunk` bytes a read.
    package init(_ bytes: [UInt8], chunk: Int = .max, name: String = "memory") {
        self.bytes = bytes
        self.chunk = max(1, chunk)
        self.name = name
    }

    /// Makes a source of a text in UTF-8.
    package convenience init(_ text: String, chunk: Int = .max, name: String = "memory") {
        self.init(Array(text.utf8), chunk: chunk, name: name)
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(chunk, buffer.count, bytes.count - position)
        guard count > 0, let target = buffer.baseAddress else { return 0 }
        bytes.withUnsafeBytes { from in
            if let start = from.baseAddress { target.copyMemory(from: start + position, byteCount: count) }
        }
        position += count
        return count
    }
}
