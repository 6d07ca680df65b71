// SPDX-License-Identifier: Apache-2.0
package import Migration
internal import Synchronization
package import TicketModel

/// Tickets in memory as a source, a few a page.
package final class MemorySource: TicketSource {
    private let tickets: Mutex<[Ticket]>
    private let pageSize: Int
    private let files: [String: ResolvedFile]
    private let entries: [CatalogueEntry]

    /// Holds tickets; `files` are their attachments' bytes by name.
    package init(
        _ tickets: [Ticket], pageSize: Int = 20, files: [String: ResolvedFile] = [:], catalogue: [CatalogueEntry] = []
    ) {
        self.tickets = Mutex(tickets)
        self.pageSize = pageSize
        self.files = files
        entries = catalogue
    }

    /// Puts others in their place, as if the source had changed.
    package func replace(_ tickets: [Ticket]) { self.tickets.withLock { $0 = tickets } }

    package func identity() async throws -> String? { "exam source" }

    package func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        let all = tickets.withLock { $0 }
        let start = after.flatMap { Int($0.text) } ?? 0
        let end = min(start + pageSize, all.count)
        let stubs = all[min(start, end)..<end].map { Stub(id: $0.id, line: CanonicalLine($0)) }
        return Page(stubs: stubs, next: end < all.count ? Cursor("\(end)") : nil, total: all.count)
    }

    package func fetch(_ stub: Stub) async throws -> CanonicalLine {
        guard let ticket = tickets.withLock({ $0.first { $0.id == stub.id } }) else {
            throw ExamFailure("there is no ticket \(stub.id)")
        }
        return CanonicalLine(ticket)
    }

    package func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        if let file = attachment.name.flatMap({ files[$0] }) { return .success(file) }
        return .failure(FileUnavailable("the exam has no such file"))
    }

    package func catalogue() async throws -> [CatalogueEntry] { entries }

    package func losses() async -> [Loss] { [] }

    package func readReport() async -> ReadReport { ReadReport() }
}
