// SPDX-License-Identifier: Apache-2.0
internal import Foundation
public import TicketModel

/// Where a ticket was and where it is now.
public struct MovedTicket: Hashable, Sendable {
    /// In the source.
    public var id: String
    /// What people quote in the source; nil where it has none.
    public var number: String?
    /// Its page in the source; nil where nobody knows it.
    public var sourceURL: String?
    /// In the target.
    public var targetID: String
    /// Its page in the target; nil where the target does not tell.
    public var targetURL: String?
    /// How far it is.
    public var state: TicketRecord.State

    /// Names both places.
    public init(
        id: String, number: String?, sourceURL: String?, targetID: String, targetURL: String?,
        state: TicketRecord.State
    ) {
        self.id = id
        self.number = number
        self.sourceURL = sourceURL
        self.targetID = targetID
        self.targetURL = targetURL
        self.state = state
    }

    /// The form of `ids --json`.
    public var json: JSON {
        [
            "id": .string(id), "number": JSON(number), "sourceUrl": JSON(sourceURL), "state": .string(state.rawValue),
            "targetId": .string(targetID), "url": JSON(targetURL),
        ]
    }
}

/// All tickets of a migration that are in the target, from journal and archive alone.
public struct TicketIDs: Sendable {
    private let journal: any Journal
    private let pages: [String: String]
    private let page: @Sendable (String) -> String?

    /// Reads the addresses of the source's pages from the archive, if there is one: about 150 bytes a ticket in memory.
    ///
    /// - Throws: `Diagnostic` with cause `refused` after a purge.
    public init(_ file: MigrationFile, journal: any Journal) async throws {
        try await journal.refuseIfPurged()
        self.journal = journal
        var pages: [String: String] = [:]
        if let archive = file.archive {
            try ArchiveStore.forEachLine(of: archive) { line in
                guard let ticket = try? line.ticket(), let url = ticket.url else { return }
                pages[ticket.id] = url
            }
        }
        self.pages = pages
        let site: String? = if case .text(let url) = file.source.options["url"]?.value { url } else { nil }
        let form = file.sourceConnector.page
        page = { id in site.flatMap { form?($0, id) } }
    }

    /// Hands each ticket to `body`, in the order of the ids' bytes.
    public func forEach(_ body: (MovedTicket) throws -> Void) async throws {
        var last: String?
        while true {
            let tickets = try await journal.tickets(after: last, limit: 500)
            guard let end = tickets.last else { return }
            last = end.id
            for ticket in tickets where ticket.id != CatalogueEntry.ticketID {
                guard let targetID = ticket.targetID else { continue }
                try body(
                    MovedTicket(
                        id: ticket.id, number: ticket.number, sourceURL: pages[ticket.id] ?? page(ticket.id),
                        targetID: targetID, targetURL: ticket.targetURL, state: ticket.state))
            }
        }
    }
}
