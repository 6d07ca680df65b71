// SPDX-License-Identifier: Apache-2.0
internal import Formats
internal import Foundation
internal import Mapping
package import TicketModel

/// Turns one dump into another, without a network: `ticketferry convert`.
package struct Converter {
    /// What is written.
    package enum Target: String, Sendable, CaseIterable {
        case jsonl, csv, xml

        /// By the ending of an output's name; nil for none that is known.
        package init?(path: String) {
            guard let dot = path.lastIndex(of: ".") else { return nil }
            switch path[path.index(after: dot)...].lowercased() {
            case "jsonl", "ndjson", "json": self = .jsonl
            case "csv": self = .csv
            case "xml": self = .xml
            default: return nil
            }
        }
    }

    /// What came of it.
    package struct Outcome: Sendable {
        package var result: DumpResult
        /// The catalogue's path, where one was written.
        package var catalogue: String?
        /// The mapping that was used, nil for canonical lines.
        package var mapping: String?
    }

    package var job: DumpJob
    package var target: Target

    /// A conversion.
    package init(_ job: DumpJob, to target: Target) {
        self.job = job
        self.target = target
    }

    /// Converts.
    ///
    /// The output appears under its name when it is complete, readable by its owner alone; after an error or an
    /// interruption nothing is left of it.
    ///
    /// - Parameters:
    ///   - inputs: the dump's files.
    ///   - output: a path, or `-` for standard output.
    ///   - rejects: where records that fail are listed, as lines `{"at":…,"code":…,"reason":…}`; nil: the first ends the run.
    ///   - diagnostics: takes what can be gone on from.
    ///   - progress: told after every block; what it throws ends the run.
    /// - Returns: what was read and where it went.
    /// - Throws: `Diagnostic`, and what `progress` throws.
    package func run(
        _ inputs: InputSet, to output: String, rejects: String? = nil, diagnostics: any DiagnosticSink,
        progress: @escaping (DumpProgress) throws -> Void = { _ in }
    ) throws -> Outcome {
        try Self.refuseSameFile(inputs, output)
        var job = job
        let rejectFile = try rejects.map { try RejectFile($0) }
        job.rejects = rejectFile
        let run = DumpRun(job, inputs: inputs, diagnostics: diagnostics, progress: progress)
        let file = try FileByteSink(path: output)
        var outcome: Outcome
        switch target {
        case .jsonl:
            outcome = Outcome(result: try run.run(into: LineFile(file)))
            try file.finish()
            outcome.catalogue = try writeCatalogue(run, beside: output)
        case .csv, .xml:
            let spool = try LineSpool()
            outcome = Outcome(result: try run.run(into: spool))
            try target == .csv ? CSVTarget.write(spool, to: file) : XMLTarget.write(spool, to: file)
        }
        outcome.mapping = job.plan?.name
        try rejectFile?.finish()
        return outcome
    }

    /// An export that is converted onto itself would be gone.
    private static func refuseSameFile(_ inputs: InputSet, _ output: String) throws {
        let url = URL(fileURLWithPath: output).resolvingSymlinksInPath()
        for file in inputs.files where file.name != "-" && output != "-" {
            guard URL(fileURLWithPath: file.name).resolvingSymlinksInPath() == url else { continue }
            throw Diagnostic(
                code: "convert.same-file", "the output is one of the inputs", at: SourceLocation(file: output),
                remedy: "name another file for the output; nothing was written", cause: .usage)
        }
    }

    private func writeCatalogue(_ run: DumpRun, beside output: String) throws -> String? {
        guard output != "-", let tables = run.tables else { return nil }
        let path = (output.hasSuffix(".jsonl") ? String(output.dropLast(6)) : output) + ".catalogue.jsonl"
        let sink = try FileByteSink(path: path)
        guard try tables.writeCatalogue(to: sink) > 0 else { return nil }
        try sink.finish()
        return path
    }
}

/// Lists what could not be converted.
private final class RejectFile: RejectSink {
    private let sink: FileByteSink

    init(_ path: String) throws { sink = try FileByteSink(path: path) }

    func reject(_ reason: Diagnostic) throws {
        let line = JSON.object(
            [
                JSON.Member("at", .string(reason.location?.description ?? "")),
                JSON.Member("code", .string(reason.code)),
                JSON.Member("fix", .string(reason.remedy)), JSON.Member("reason", .string(reason.message)),
            ])
        try (line.canonicalBytes() + [0x0A]).withUnsafeBytes { try sink.write($0) }
    }

    func finish() throws { try sink.finish() }
}
