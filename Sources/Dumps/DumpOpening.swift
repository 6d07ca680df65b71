// SPDX-License-Identifier: Apache-2.0
internal import Formats
package import Mapping
package import TicketModel

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// From what a user said (or did not say) of a dump to a job that reads it.
package enum DumpOpening {
    /// A mapping by its name or its path.
    ///
    /// - Parameters:
    ///   - text: the name of a shipped mapping, or a path; what holds a `/` or ends in `.yaml` or `.yml` is a path.
    ///   - folder: what a relative path starts from; nil: the working directory.
    /// - Returns: the mapping, decoded and checked.
    /// - Throws: `Diagnostic` `mapping.unknown`, `mapping.missing`, or what is wrong in the file.
    package static func mapping(_ text: String, folder: String? = nil) throws -> MappingFile {
        let lowered = text.lowercased()
        guard text.contains("/") || lowered.hasSuffix(".yaml") || lowered.hasSuffix(".yml") else {
            return try ShippedMapping.named(text)
        }
        let path = text.hasPrefix("/") || folder == nil ? text : "\(folder!)/\(text)"
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw Diagnostic(
                code: "mapping.missing", "the mapping cannot be read", at: SourceLocation(file: text),
                remedy: "correct its path, or name a shipped one: \(ShippedMapping.names.joined(separator: ", "))")
        }
        return try MappingFile(yaml: Array(bytes), file: text)
    }

    /// How to read inputs: by the mapping that is named, else by the shipped one that recognises them.
    ///
    /// - Parameters:
    ///   - inputs: the dump's files.
    ///   - mapping: a shipped mapping's name or a path; nil: found by looking.
    ///   - folder: what a mapping's relative path starts from; nil: the working directory.
    ///   - format: `csv`, `xml`, `jsonl` where the user says it; without a mapping, `jsonl` is canonical lines.
    ///   - zone: the zone of times that have none; stands over the mapping's own.
    ///   - files: the folder of the attachments' files.
    ///   - sink: told which shipped mapping was recognised.
    /// - Returns: the job; nothing of the dump but what recognising it needs has been read.
    /// - Throws: `Diagnostic`: `input.unrecognised` with the ways out, `zone.unknown`, or what is wrong with the mapping.
    package static func job(
        for inputs: InputSet, mapping: String?, folder: String? = nil, format: String?, zone: String?, files: String?,
        sink: any DiagnosticSink
    ) throws -> DumpJob {
        var plan: ReadPlan?
        if let mapping {
            let file = try Self.mapping(mapping, folder: folder)
            guard let read = file.read else {
                throw Diagnostic(
                    code: "mapping.no-read", "the mapping `\(mapping)` has no `read` half",
                    remedy: "name one that reads dumps")
            }
            plan = read
        } else if format != "jsonl", !(format == nil && inputs.files.allSatisfy { $0.look == .json }) {
            let found = try recognised(inputs, format: format)
            sink.emit(
                Diagnostic(
                    .note, code: "input.recognised", "read by the shipped mapping `\(found.name)`",
                    remedy: "say --mapping to read it by another"))
            plan = found.read
        }
        if var csv = plan, let format, csv.format.rawValue != format, let other = ReadPlan.Format(rawValue: format) {
            csv.format = other
            plan = csv
        }
        try refuseMixed(inputs, plan)
        return DumpJob(
            plan: plan, zone: try zone.map(Self.zone), files: try files.map { try AttachmentFolder(path: $0) })
    }

    /// A zone by its name.
    ///
    /// - Throws: `Diagnostic` `zone.unknown` with the nearest name.
    package static func zone(_ name: String) throws -> Zone {
        guard let zone = Zone.named(name) else {
            let near = Zone.nearest(to: name).map { "did you mean `\($0)`? " } ?? ""
            throw Diagnostic(
                code: "zone.unknown", "there is no zone `\(name)`",
                remedy: near + "write a name of the tz database: Europe/Berlin, America/New_York, UTC")
        }
        return zone
    }

    /// A folder may hold several exports, but one reading takes files of one format.
    private static func refuseMixed(_ inputs: InputSet, _ plan: ReadPlan?) throws {
        let wanted: InputSet.Look = plan.map { $0.format == .xml ? .xml : .text } ?? .json
        guard inputs.files.count > 1, let other = inputs.files.first(where: { $0.look != wanted }) else { return }
        let reader = plan.map { "the mapping `\($0.name)` reads" } ?? "canonical lines are"
        throw Diagnostic(
            code: "input.mixed", "this file is of another format than \(reader)",
            at: SourceLocation(file: other.name), remedy: "name only the files that belong to one export")
    }

    /// How much of a file is looked at: exports name their kind early, but a big site's other content may come first.
    private static let lookedAt = 4 << 20

    private static func recognised(_ inputs: InputSet, format: String?) throws -> MappingFile {
        let shipped = try ShippedMapping.names.map { try ShippedMapping.named($0) }
        for file in inputs.files {
            let wanted = file.look == .xml ? ReadPlan.Format.xml : .csv
            let candidates = shipped.filter {
                $0.read?.format == wanted && !$0.recognise.isEmpty && (format == nil || format == wanted.rawValue)
            }
            let head = try head(of: file)
            // The most specific one: the one that asks for most.
            if let found = candidates.filter({ $0.recognise.allSatisfy { head.contains(Array($0.utf8)) } })
                .max(by: { $0.recognise.count < $1.recognise.count })
            {
                return found
            }
        }
        if inputs.files.allSatisfy({ $0.look == .text }), format == nil || format == "csv" {
            return try ShippedMapping.named("tickets-csv")
        }
        throw Diagnostic(
            code: "input.unrecognised", "no shipped mapping recognises this dump",
            at: SourceLocation(file: inputs.files[0].name),
            remedy:
                "say which one reads it: --mapping NAME (\(ShippedMapping.names.joined(separator: ", "))) or --mapping PATH; "
                + "`ticketferry inspect` shows what is in it")
    }

    private static func head(of file: InputSet.File) throws -> [UInt8] {
        let source = try file.open()
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count < lookedAt {
            let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        // UTF-16 with its zero bytes taken out is good enough to look for ASCII words in.
        return bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) ? bytes.filter { $0 != 0 } : bytes
    }
}
