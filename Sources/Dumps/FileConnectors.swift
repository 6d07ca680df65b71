// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Mapping
package import Migration
internal import TicketModel

/// Dumps as connectors: `csv`, `xml` and `jsonl`.
package enum FileConnectors {
    /// In the order of lists.
    package static let descriptors: [ConnectorDescriptor] = [
        descriptor(
            "csv", "CSV files, by a mapping; the dialect is found by looking",
            features: ["delimiter, quotes, escapes, header and encoding are found by looking; the mapping can set each"]
        ),
        descriptor(
            "xml", "XML files, by a mapping",
            features: [
                "no network, no entities, no DTD: such files are refused", "one pass, memory independent of the size",
            ]),
        descriptor(
            "jsonl", "canonical JSON Lines: what `convert` writes, and a migration's archive",
            features: ["every line is checked against the schema"]),
    ]

    private static func descriptor(_ name: String, _ summary: String, features: [String]) -> ConnectorDescriptor {
        var options = [
            ConnectorOption(
                "path", "files, folders and globs, one or a list; `-` is standard input", kind: .paths, required: true,
                side: .source),
            ConnectorOption(
                "files",
                "the folder where the attachments' files lie; without it what lies beside the file, else their links are fetched",
                kind: .path,
                side: .source),
        ]
        if name != "jsonl" {
            options.insert(
                ConnectorOption(
                    "mapping", "the read half: a shipped mapping's name or a path; found by looking if left out",
                    side: .source),
                at: 1)
            options.append(
                ConnectorOption("zone", "the zone of times that have none, such as Europe/Berlin", side: .source))
        }
        options.append(
            ConnectorOption(
                "privateAddresses",
                "whether links to files may lead to this machine or into a private network; only for dumps you trust",
                kind: .flag, side: .source))
        options.append(
            ConnectorOption(
                "path",
                "the file that is written; attachments go into NAME.files and the catalogue into NAME.catalogue.jsonl beside it",
                kind: .path, required: true, side: .target))
        let format = Converter.Target(rawValue: name) ?? .jsonl
        return ConnectorDescriptor(
            name: name, summary: summary, options: options,
            features: features + written[name, default: []],
            openSource: { context in try source(name, context) },
            openExport: { context in try FileExport.target(format, context) })
    }

    /// What each is like as a target.
    private static let written: [String: [String]] = [
        "csv": [
            "as a target: one row a message, the ticket's columns on each; the mapping `ticketferry-csv` reads it back exactly",
            wholeFile,
        ],
        "xml": ["as a target: `<tickets><ticket>`; the mapping `ticketferry-xml` reads it back exactly", wholeFile],
        "jsonl": ["as a target: one canonical line a ticket", wholeFile],
    ]
    private static let wholeFile =
        "the file is written anew by each run and appears when it is complete; tickets that a run leaves out are kept from the archive"

    private static func source(_ format: String, _ context: OpenContext) throws -> DumpSource {
        let paths = context.list("path")
        let inputs = try InputSet(paths, diagnostics: context.sink)
        let beside = OwnFolder(paths: paths)
        var job = try DumpOpening.job(
            for: inputs, mapping: context.text("mapping"), folder: context.folder, format: format,
            zone: context.text("zone"), files: context.text("files") ?? beside?.files, sink: context.sink)
        switch context.text("rest") {
        case "drop": job.plan = job.plan?.droppingRest()
        case "extras": job.plan = job.plan?.keepingRest()
        default: break
        }
        return DumpSource(
            job, paths: paths, name: beside?.source, diagnostics: context.sink, links: context.links,
            catalogueFile: beside?.catalogue)
    }
}

/// What an archive or an exported file of ours has beside its tickets.
private struct OwnFolder {
    /// The folder of files by their hash.
    var files: String?
    /// The catalogue of the tickets.
    var catalogue: String?
    /// The name of the source that an archive was made of.
    var source: String?

    /// Nil for several inputs, or where nothing of ours lies beside the one.
    init?(paths: [String]) {
        guard let path = paths.first, paths.count == 1, path != "-" else { return nil }
        func isFolder(_ path: String) -> Bool {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
        }
        let url = URL(fileURLWithPath: path)
        let archive =
            isFolder(path) ? url : url.lastPathComponent == "tickets.jsonl" ? url.deletingLastPathComponent() : nil
        var candidates: [String] = [url.deletingPathExtension().path + ".files"]
        if let archive { candidates.append(archive.path + "/files") }
        files = candidates.first(where: isFolder)
        let name = archive.flatMap { try? String(contentsOf: $0.appendingPathComponent(".source"), encoding: .utf8) }
        source = name?.split(whereSeparator: \.isNewline).first.map(String.init)
        let catalogues = [
            archive.map { $0.path + "/catalogue.jsonl" } ?? url.deletingPathExtension().path + ".catalogue.jsonl"
        ]
        catalogue = catalogues.first { FileManager.default.fileExists(atPath: $0) }
        if files == nil, source == nil, catalogue == nil { return nil }
    }
}
