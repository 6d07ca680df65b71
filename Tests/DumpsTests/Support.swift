// SPDX-License-Identifier: Apache-2.0
import Dumps
import Formats
import Foundation
import Mapping
import Migration
import Synchronization
import TicketModel

/// Keeps diagnostics.
final class Said: DiagnosticSink {
    private let diagnostics = Mutex<[Diagnostic]>([])
    func emit(_ diagnostic: Diagnostic) { diagnostics.withLock { $0.append(diagnostic) } }
    var all: [Diagnostic] { diagnostics.withLock { $0 } }
    var codes: [String] { all.map(\.code) }
}

/// The top of the checkout.
let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

func sample(_ name: String) -> String { checkout.appending(path: "samples/\(name)").path }

/// A folder of a test's own, gone at its end.
func withFolder<T>(_ body: (URL) throws -> T) throws -> T {
    let folder = FileManager.default.temporaryDirectory.appending(path: "dumps-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

struct Converted {
    var lines: [String]
    var outcome: Converter.Outcome
    var said: Said
    var catalogue: [String]

    func tickets() throws -> [Ticket] { try lines.map { try CanonicalLine(validating: $0.utf8).ticket() } }
}

/// Converts files to canonical lines.
func convert(
    _ paths: [String], _ plan: ReadPlan?, files: String? = nil, limit: Int? = nil, rejects: String? = nil
) throws -> Converted {
    try withFolder { folder in
        let said = Said()
        var job = DumpJob(plan: plan, files: try files.map { try AttachmentFolder(path: $0) })
        if let limit { job.memoryLimit = limit }
        let output = folder.appending(path: "out.jsonl").path
        let outcome = try Converter(job, to: .jsonl).run(
            try InputSet(paths, diagnostics: said), to: output, rejects: rejects, diagnostics: said)
        func lines(_ path: String) throws -> [String] {
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        }
        return Converted(
            lines: try lines(output), outcome: outcome, said: said,
            catalogue: try outcome.catalogue.map(lines) ?? [])
    }
}

func plan(_ yaml: String) throws -> ReadPlan {
    guard let plan = try MappingFile(yaml: Array(yaml.utf8), file: "test.yaml").read else {
        throw CocoaError(.fileNoSuchFile)
    }
    return plan
}

func shipped(_ name: String) throws -> ReadPlan {
    guard let plan = try ShippedMapping.named(name).read else { throw CocoaError(.fileNoSuchFile) }
    return plan
}
