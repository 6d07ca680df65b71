// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// Where a listing was left: opaque to all but its source.
public struct Cursor: Hashable, Sendable {
    /// The source's own text.
    public var text: String

    /// Wraps a source's own text.
    public init(_ text: String) { self.text = text }
}

/// What a listing tells of one ticket.
public struct Stub: Sendable {
    /// The ticket's id in the source.
    public var id: String
    /// When the ticket last changed, where the listing tells.
    public var updatedAt: Timestamp?
    /// Differs when the ticket differs; nil where the listing cannot tell.
    public var fingerprint: String?
    /// The whole ticket, where the listing has it (dumps always).
    public var line: CanonicalLine?

    /// Makes a stub; see the properties.
    public init(id: String, updatedAt: Timestamp? = nil, fingerprint: String? = nil, line: CanonicalLine? = nil) {
        self.id = id
        self.updatedAt = updatedAt
        self.fingerprint = fingerprint
        self.line = line
    }
}

/// A block of stubs and where to go on; `next` is nil at the end.
public struct Page: Sendable {
    /// In the source's order; may be empty before the end.
    public var stubs: [Stub]
    /// Where to go on; nil at the end.
    public var next: Cursor?
    /// How many tickets there are in all, where the source tells.
    public var total: Int?

    /// Makes a page; see the properties.
    public init(stubs: [Stub], next: Cursor?, total: Int? = nil) {
        self.stubs = stubs
        self.next = next
        self.total = total
    }
}

/// Reads tickets.
///
/// Sends nothing but reads.
///
/// For dumps, listing and fetching are one stream: every stub carries its line, and a cursor is only good for going on
/// within the same process.
public protocol TicketSource: Sendable {
    /// The source's own name (from the dump's head or the site's address), if it tells one.
    func identity() async throws -> String?
    /// The next page. `after` nil starts anew, also after a whole listing (the plan lists, then the run lists again); the
    /// listing is complete when `next` is nil. Not called again before the last call has come back. With `since`, tickets
    /// whose date of change is earlier may be left out; those without a date never are.
    func list(since: Timestamp?, after: Cursor?) async throws -> Page
    /// The whole ticket of a stub that came without its line.
    func fetch(_ stub: Stub) async throws -> CanonicalLine
    /// Where the bytes of an attachment are, fetched to this machine if need be.
    ///
    /// - Returns: nil with the reason as a loss where they cannot be had; the ticket still goes.
    func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable>
    /// What the helpdesk has beside its tickets, as far as its API tells; in a stable order. Sends only reads.
    func catalogue() async throws -> [CatalogueEntry]
    /// The losses that reading itself brought (what the dump cannot tell), each once; complete after the last page.
    func losses() async -> [Loss]
    /// The records that no maker claimed and other counts for the report; complete after the last page.
    func readReport() async -> ReadReport
    /// Changes that do not move the date of change which the listing shows, as people name them (`notes and tags`); nil:
    /// none are known.
    var changesWithoutDate: String? { get }
    /// Removes what it spilled and ends connections; nothing may be called after it.
    func close() async
}

extension TicketSource {
    /// What the helpdesk has beside its tickets; by default nothing is told.
    public func catalogue() async throws -> [CatalogueEntry] { [] }

    /// By default none are known.
    public var changesWithoutDate: String? { nil }

    /// Ends connections; by default there are none.
    public func close() async {}
}

/// Why a file's bytes cannot be had, in words for an admin.
public struct FileUnavailable: Error, Hashable, Sendable {
    /// A part of a sentence: `it stays at https://…`.
    public var reason: String

    /// Gives the reason.
    public init(_ reason: String) { self.reason = reason }
}

/// Fetches files that a source only links to.
///
/// Each address is asked once; what came of it holds for the life of the fetcher.
public protocol LinkFetcher: Sendable {
    /// The file at an attachment's address, on this machine.
    ///
    /// - Returns: why not, as a loss, for addresses that may not be asked or do not give it.
    /// - Throws: `Diagnostic` where this machine cannot keep it.
    func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable>
    /// Removes what was fetched and ends connections.
    func close() async
}

/// Where every record of a source went: read = in tickets + in tables + left aside.
public struct ReadReport: Hashable, Sendable {
    /// Records read in all.
    public var read = 0
    /// Records that became a part of a ticket.
    public var inTickets = 0
    /// Records that only tell about others: agents, labels, properties.
    public var inTables = 0
    /// Left aside, by kind (set, and the values its makers ask for), with counts.
    public var leftAside: [String: Int] = [:]
    /// Times without a zone that were read as UTC because nobody said otherwise.
    public var timesWithoutZone = 0
    /// Labels without a word, by field: label → count.
    public var unmappedLabels: [String: [String: Int]] = [:]

    /// Nothing read yet.
    public init() {}
}
