// SPDX-License-Identifier: Apache-2.0
package import Foundation
package import HTTPTypes
internal import Synchronization

/// Takes the body of an answer piece by piece.
package protocol ResponseSink: Sendable {
    /// Takes the next piece of the body that belongs to this head; is not called for an empty body.
    func receive(_ bytes: [UInt8], of head: HTTPResponse) async throws
}

/// Collects a body in memory, up to a limit.
package final class MemorySink: ResponseSink {
    private let limit: Int
    private let collected = Mutex<[UInt8]>([])

    /// Collects up to `limit` bytes; one more is an ``HTTPFailure`` (`tooLarge`).
    package init(limit: Int) { self.limit = limit }

    /// What has come so far.
    package var bytes: [UInt8] { collected.withLock { $0 } }

    package func receive(_ bytes: [UInt8], of head: HTTPResponse) async throws {
        try collected.withLock {
            guard $0.count + bytes.count <= limit else { throw HTTPFailure.tooLarge(limit: limit) }
            $0.append(contentsOf: bytes)
        }
    }
}

/// Writes the body of a successful answer into a file that is open already, and keeps the start of any other.
package final class FileSink: ResponseSink {
    private struct State {
        var written = 0
        var excerpt: [UInt8] = []
    }

    private let handle: FileHandle
    private let limit: Int
    private let state = Mutex(State())

    /// Writes to an open file, which stays the caller's to close; more than `limit` bytes are refused.
    package init(_ handle: FileHandle, limit: Int) {
        self.handle = handle
        self.limit = limit
    }

    /// How many bytes were written.
    package var written: Int { state.withLock { $0.written } }

    /// The first bytes of the body of an answer that was no success.
    package var excerpt: [UInt8] { state.withLock { $0.excerpt } }

    package func receive(_ bytes: [UInt8], of head: HTTPResponse) async throws {
        try state.withLock {
            guard head.status.kind == .successful else {
                $0.excerpt += bytes.prefix(max(0, 4096 - $0.excerpt.count))
                return
            }
            guard $0.written + bytes.count <= limit else { throw HTTPFailure.tooLarge(limit: limit) }
            try handle.write(contentsOf: Data(bytes))
            $0.written += bytes.count
        }
    }
}
