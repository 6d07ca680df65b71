// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import Mapping
package import Migration
package import TicketModel

/// A dump as a source of a migration: the connectors `csv`, `xml` and `jsonl`.
///
/// The first listing reads the whole dump into a private file of canonical lines (joined, sorted and checked); pages are
/// blocks of it. A cursor is good within this process.
package actor DumpSource: TicketSource {
    private let job: DumpJob
    private let paths: [String]
    private let diagnostics: any DiagnosticSink
    private let name: String?
    private let links: (any LinkFetcher)?
    private let progress: @Sendable (DumpProgress) -> Void
    private var read: (spool: LineSpool, result: DumpResult)?
    private let catalogueFile: String?
    private var entries: [CatalogueEntry] = []
    private static let pageSize = 512 << 10

    /// Makes a source; nothing is opened yet.
    ///
    /// - Parameters:
    ///   - job: how to read; this source's alone from here on.
    ///   - paths: files, folders, patterns, `-`.
    ///   - name: the source's name as the migration says it; stands over the dump's own.
    ///   - diagnostics: takes what can be gone on from.
    ///   - links: fetches files that the dump only links to; nil: they are losses.
    ///   - catalogueFile: where the catalogue of canonical lines lies.
    ///   - progress: told while the dump is read, from this actor.
    package init(
        _ job: sending DumpJob, paths: [String], name: String? = nil, diagnostics: any DiagnosticSink,
        links: (any LinkFetcher)? = nil, catalogueFile: String? = nil,
        progress: @escaping @Sendable (DumpProgress) -> Void = { _ in }
    ) {
        self.job = job
        self.paths = paths
        self.name = name
        self.diagnostics = diagnostics
        self.links = links
        self.catalogueFile = catalogueFile
        self.progress = progress
    }

    private func opened() throws -> (spool: LineSpool, result: DumpResult) {
        if let read { return read }
        let inputs = try InputSet(paths, diagnostics: diagnostics)
        let spool = try LineSpool()
        let tell = progress
        let run = DumpRun(job, inputs: inputs, diagnostics: diagnostics) { state in
            try Task.checkCancellation()
            tell(state)
        }
        let result = try run.run(into: spool)
        try spool.file.flush()
        entries = try run.tables?.catalogue() ?? []
        read = (spool, result)
        return (spool, result)
    }

    package func identity() async throws -> String? { try name ?? opened().result.identity }

    package func list(since: Timestamp?, after: Cursor?) async throws -> Page {
        let (spool, result) = try opened()
        var offset = after.flatMap { Int($0.text) } ?? 0
        var stubs: [Stub] = []
        while offset < spool.file.count, stubs.isEmpty {
            let block = try spool.lines(from: offset, size: Self.pageSize)
            offset += block.count
            block.withUnsafeBytes { bytes in
                LineSpool.split(bytes) { line, _ in
                    let stub = Self.stub(line)
                    if let since, let updated = stub.updatedAt, updated < since { return }
                    stubs.append(stub)
                }
            }
        }
        return Page(
            stubs: stubs, next: offset < spool.file.count ? Cursor(String(offset)) : nil,
            total: since == nil ? result.tickets : nil)
    }

    private static func stub(_ bytes: UnsafeRawBufferPointer) -> Stub {
        let line = CanonicalLine(trusted: Array(bytes))
        let whole = 0..<bytes.count
        let updated = CanonicalScan.member("updatedAt", of: bytes, object: whole)
            .flatMap { Timestamp(CanonicalScan.string(bytes, $0)) }
        return Stub(id: line.id, updatedAt: updated, fingerprint: line.fingerprint.text, line: line)
    }

    package func fetch(_ stub: Stub) async throws -> CanonicalLine {
        if let line = stub.line { return line }
        let (spool, _) = try opened()
        var found: CanonicalLine?
        try spool.forEach { bytes in
            let line = CanonicalLine(trusted: Array(bytes))
            if line.id == stub.id { found = line }
        }
        guard let found else {
            throw Diagnostic(
                code: "dump.no-such-ticket", "ticket \(stub.id) is not in the dump", remedy: "check the id",
                cause: .usage)
        }
        return found
    }

    package func file(for attachment: Attachment) async throws -> Result<ResolvedFile, FileUnavailable> {
        guard let links, attachment.url != nil else {
            guard let files = job.files else {
                return .failure(FileUnavailable("the folder of the dump's files is not told (`files:`)"))
            }
            return try files.file(for: attachment)
        }
        // What lies in the folder need not be fetched.
        if let files = job.files, attachment.file != nil, case .success(let file) = try files.file(for: attachment) {
            return .success(file)
        }
        return try await links.file(for: attachment)
    }

    package func close() async { await links?.close() }

    /// The mapping's tables of people, tags and the like; of canonical lines, the catalogue file beside them.
    package func catalogue() async throws -> [CatalogueEntry] {
        _ = try opened()
        guard entries.isEmpty, let catalogueFile else { return entries }
        return try CatalogueFile.read(catalogueFile)
    }

    package func losses() async -> [Loss] { read?.result.losses ?? [] }

    package func readReport() async -> ReadReport { read?.result.report ?? ReadReport() }
}
