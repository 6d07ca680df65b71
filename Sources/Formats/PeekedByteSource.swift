// SPDX-License-Identifier: Apache-2.0

/// A source whose first bytes can be looked at before they are read: what detection needs, also on a pipe.
package final class PeekedByteSource: ByteSource {
    /// How many bytes are looked at: enough rows to judge a dialect, little enough to be free.
    package static let peekSize = 256 * 1024

    package var name: String { source.name }
    /// The first bytes of the input, up to the size that was asked for.
    package let head: [UInt8]
    /// Whether ``head`` is the whole input.
    package let isWhole: Bool
    private let source: any ByteSource
    private var position = 0

    /// Reads the head.
    ///
    /// - Throws: what the source throws.
    package init(_ source: any ByteSource, size: Int = PeekedByteSource.peekSize) throws {
        self.source = source
        var ended = false
        head = try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            while count < size {
                let got = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: raw[count...]))
                if got == 0 {
                    ended = true
                    break
                }
                count += got
            }
        }
        isWhole = ended
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard position < head.count else { return isWhole ? 0 : try source.read(into: buffer) }
        let count = min(buffer.count, head.count - position)
        buffer.copyBytes(from: head[position..<position + count])
        position += count
        return count
    }
}
