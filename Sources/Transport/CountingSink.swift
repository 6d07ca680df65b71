// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import Synchronization

/// Passes on the bodies of all answers but redirects, and counts bytes.
final class CountingSink: ResponseSink {
    private let next: any ResponseSink
    private let bytes = Mutex(0)

    init(_ next: any ResponseSink) { self.next = next }

    var count: Int { bytes.withLock { $0 } }

    func receive(_ bytes: [UInt8], of head: HTTPResponse) async throws {
        self.bytes.withLock { $0 += bytes.count }
        if head.status.kind != .redirection { try await next.receive(bytes, of: head) }
    }
}
