// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// The body of a request: parts in order, of which files are read only as they are sent.
package struct OutgoingBody: Sendable {
    /// A run of bytes, or a file's contents.
    package enum Part: Sendable {
        case bytes([UInt8])
        /// A file and how long it was when the request was made.
        case file(URL, size: Int)
    }

    package var parts: [Part]

    /// Puts parts one after another.
    package init(parts: [Part]) { self.parts = parts }

    /// No body at all.
    package static var empty: OutgoingBody { OutgoingBody(parts: []) }

    /// A body in memory.
    package static func bytes(_ bytes: [UInt8]) -> OutgoingBody { OutgoingBody(parts: [.bytes(bytes)]) }

    /// Its length, known before it is sent.
    package var count: Int {
        parts.reduce(0) { sum, part in
            switch part {
            case .bytes(let bytes): sum + bytes.count
            case .file(_, let size): sum + size
            }
        }
    }

    /// Whether there is nothing to send.
    package var isEmpty: Bool { parts.isEmpty }

    /// The next pieces, of at most `size` bytes each.
    ///
    /// - Throws: an ``HTTPFailure`` (`file`) when a file is gone or shorter than it was.
    package func chunks(of size: Int = 64 << 10) -> BodyChunks { BodyChunks(parts: parts[...], size: size) }

    /// The whole body in memory; for sandboxes in this process.
    package func collected() throws -> [UInt8] {
        var chunks = chunks()
        var all: [UInt8] = []
        while let chunk = try chunks.next() { all += chunk }
        return all
    }

    /// Sees to it that every file can be read and is as long as said, before anything is sent.
    package func checkFiles() throws {
        for case .file(let url, let size) in parts {
            let handle = try? FileHandle(forReadingFrom: url)
            let end = try? handle?.seekToEnd()
            try? handle?.close()
            guard end == UInt64(size) else {
                throw HTTPFailure(.notSent, .file, "\(url.lastPathComponent) is gone or has changed its size")
            }
        }
    }
}

/// Reads a body piece by piece; one file is open at a time.
package struct BodyChunks {
    private var parts: ArraySlice<OutgoingBody.Part>
    private let size: Int
    private var handle: FileHandle?
    private var left = 0

    init(parts: ArraySlice<OutgoingBody.Part>, size: Int) {
        self.parts = parts
        self.size = size
    }

    /// The next piece; nil at the end.
    package mutating func next() throws -> [UInt8]? {
        while true {
            if let handle {
                if left > 0 {
                    guard let data = try? handle.read(upToCount: Swift.min(size, left)), !data.isEmpty else {
                        throw HTTPFailure(.uncertain, .file, "a file became shorter or unreadable while it was sent")
                    }
                    left -= data.count
                    return [UInt8](data)
                }
                try? handle.close()
                self.handle = nil
            }
            guard let part = parts.popFirst() else { return nil }
            switch part {
            case .bytes(let bytes):
                if !bytes.isEmpty { return bytes }
            case .file(let url, let count):
                do { handle = try FileHandle(forReadingFrom: url) } catch {
                    throw HTTPFailure(.uncertain, .file, "\(url.lastPathComponent) cannot be opened")
                }
                left = count
            }
        }
    }
}
