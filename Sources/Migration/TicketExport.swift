// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// A file as the target of a migration: it has no e-mails, no look-ups and nothing to undo.
public struct ExportTarget: Sendable {
    /// The file that is written, absolute.
    public var path: String
    /// The folder beside it where attachments lie by their hash, made when the first one comes.
    public var files: String
    /// The file beside it that takes the catalogue, made where there is any.
    public var catalogue: String
    /// Begins a new version of the file; nothing is seen of it before ``TicketExport/finish()``.
    public var begin: @Sendable () throws -> any TicketExport

    /// Names a file and what writes it; see the properties.
    public init(
        path: String, files: String, catalogue: String, begin: @escaping @Sendable () throws -> any TicketExport
    ) {
        self.path = path
        self.files = files
        self.catalogue = catalogue
        self.begin = begin
    }
}

/// One version of an exported file while it is written.
///
/// Used by one task at a time. Without ``finish()`` nothing is left of it.
public protocol TicketExport: AnyObject {
    /// Adds a ticket behind those before.
    ///
    /// - Throws: `Diagnostic` with cause `machine` when the disk fails.
    func add(_ line: CanonicalLine) throws
    /// Makes the whole file visible at once, durable and readable by its owner alone.
    ///
    /// - Throws: `Diagnostic` with cause `machine`; the file is as it was before then.
    func finish() throws
}
