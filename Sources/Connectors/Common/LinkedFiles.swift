// SPDX-License-Identifier: Apache-2.0
package import Migration
package import TicketModel
package import Transport

/// Fetches the files that a dump only links to: without any login, from public addresses unless the source says
/// `privateAddresses: true`, with the checks of all downloads.
package struct LinkedFiles: LinkFetcher {
    private let fetcher: AttachmentFetcher
    private let client: APIClient

    /// Prepares; nothing is sent.
    ///
    /// - Parameters:
    ///   - context: of the source whose links they are.
    ///   - transport: nil: sockets.
    /// - Throws: a `Diagnostic` where there is no client to be made.
    package init(_ context: OpenContext, transport: (any HTTPTransport)? = nil) throws {
        fetcher = AttachmentFetcher(
            allowsPrivateAddresses: context.flag("privateAddresses"), clock: context.clock)
        // A site that nothing is on: no link is its own, so none gets around a check.
        let nowhere = try BaseURL.parse("https://links.invalid", api: .plain("")).base
        client = Connection(
            base: nowhere, transport: transport ?? AsyncHTTPClientTransport(connections: context.concurrency),
            pacer: Pacer(PacingCurve(ceiling: context.concurrency, perMinute: context.requestsPerMinute)),
            log: context.log
        ).client(.none)
    }

    package func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        try await fetcher.file(for: attachment, client: client)
    }

    package func close() async {
        fetcher.close()
        await client.transport.close()
    }
}
