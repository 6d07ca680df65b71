// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Mapping
internal import TicketModel

extension MigrationFile {
    private static let keys = [
        "ticketferry", "name", "source", "target", "mapping", "journal", "archive", "select", "notifications",
        "attachments", "header", "concurrency", "rest",
    ]

    /// Reads a migration file.
    ///
    /// - Parameters:
    ///   - path: the file, relative to the working directory or absolute.
    ///   - connectors: all that it may name.
    /// - Returns: the file with every name in it checked; no secret is read.
    /// - Throws: `Diagnostic` with cause `badInput` and the place: `migration.unknown-key` with the nearest known one,
    ///   `migration.literal-secret`, `migration.missing-key`, …
    public static func read(_ path: String, connectors: [ConnectorDescriptor]) throws -> MigrationFile {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else {
            throw Diagnostic(
                code: "migration.not-found", isFolder.boolValue ? "this is a folder" : "there is no such file",
                at: SourceLocation(file: path),
                remedy: "name a migration file; the README has one to start from")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Diagnostic(
                code: "migration.unreadable", "the file cannot be read", at: SourceLocation(file: path),
                remedy: "fix its permissions", cause: .machine)
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw Diagnostic(
                code: "migration.encoding", "the file is not UTF-8", at: SourceLocation(file: path),
                remedy: "name a migration file in YAML, saved as UTF-8")
        }
        return try MigrationFile(yaml: text, path: path, connectors: connectors)
    }

    /// Decodes a migration file's text; see ``read(_:connectors:)``.
    public init(yaml: String, path: String, connectors: [ConnectorDescriptor]) throws {
        let text = yaml.hasPrefix("\u{FEFF}") ? String(yaml.dropFirst()) : yaml
        let root = try YAMLValue.document(text, file: path, area: "migration")
        let entries = Entries(try root.entries("a migration", known: Self.keys), of: "a migration", in: root)
        let version = try entries.needed("ticketferry", example: "ticketferry: 1")
        guard version.text == "1" else {
            throw version.error(
                "migration.version", "this tool knows version 1 of migration files, not `\(version.text ?? "")`",
                remedy: "write `ticketferry: 1`, or get a newer Ticketferry")
        }
        self.path = path
        let url = URL(fileURLWithPath: path).standardizedFileURL
        let folder = url.deletingLastPathComponent().path
        let stem = folder + "/" + url.deletingPathExtension().lastPathComponent
        self.folder = folder
        let name = try entries.needed("name", example: "name: acme-to-fluent")
        self.name = try name.string("`name`")
        guard !self.name.isEmpty else {
            throw name.error("migration.no-name", "the name is empty", remedy: "write one; it is part of every key")
        }
        source = try Self.side(entries.needed("source", example: "source: {connector: …}"), .source, connectors, folder)
        target = try Self.side(entries.needed("target", example: "target: {connector: …}"), .target, connectors, folder)
        mapping = try entries["mapping"].map { try Self.mapping($0, folder) }
        func file(_ key: String, _ ending: String) throws -> String {
            try entries[key].map { try Self.absolute($0.string("`\(key)`"), folder) } ?? stem + ending
        }
        journal = try file("journal", ".journal")
        let archive = try file("archive", ".archive")
        self.archive = entries["archive"]?.text == "none" ? nil : archive
        log = stem + ".log"
        finishingFile = stem + ".finish.sql"
        selection = try entries["select"].map { try Selection($0, folder: folder) } ?? Selection()
        notifications = try entries["notifications"].flatMap {
            NotificationPolicy(
                rawValue: try $0.word("`notifications`", of: NotificationPolicy.allCases.map(\.rawValue)))
        }
        attachments = try entries["attachments"].map(Self.attachments) ?? .copy
        header = try entries["header"].map { try Self.absolute($0.string("`header`"), folder) }
        concurrency = try entries["concurrency"].map(Self.concurrency) ?? 8
        keepsRest = try entries["rest"].map { try $0.word("`rest`", of: ["extras", "drop"]) == "extras" }
    }

    // MARK: Sides

    private static func side(
        _ value: YAMLValue, _ side: ConnectorOption.Side, _ connectors: [ConnectorDescriptor], _ folder: String
    ) throws -> Side {
        let what = "`\(side.rawValue)`"
        let all = try value.entries(what)
        guard let connector = all.first(where: { $0.key == "connector" })?.value else {
            throw value.error(
                "migration.missing-key", "\(what) does not say which connector",
                remedy: "add `connector: ` and one of: " + names(connectors, side).joined(separator: ", "))
        }
        let name = try connector.word("`connector`", of: names(connectors, side))
        guard let descriptor = connectors.first(where: { $0.name == name }) else {
            throw connector.error(
                "migration.unknown-word", "there is no such connector", remedy: "see `ticketferry connectors`")
        }
        // What every source may say beside the connector's own options.
        let common: [ConnectorOption] =
            side == .source ? [ConnectorOption("files", "", kind: .path), ConnectorOption("zone", "")] : []
        let options: [ConnectorOption] = descriptor.options.filter { $0.side == side || $0.side == .both }
        let known = options + common.filter { one in !options.contains { $0.name == one.name } }
        let keys = ["connector"] + (side == .source ? ["name"] : []) + known.map(\.name)
        let entries = Entries(try value.entries(what, known: keys), of: what, in: value)
        var side = Side(connector: name, options: [:], location: value.location, descriptor: descriptor)
        let isSandbox = entries["url"]?.text?.hasPrefix("sandbox:") == true
        for option in known {
            guard let written = entries[option.name] else {
                if option.required, !isSandbox { throw entries.missing(option.name, example: example(option)) }
                continue
            }
            if option.name == "name" { continue }
            side.options[option.name] = Option(
                value: try decode(written, option, folder, isSandbox: isSandbox), location: written.location)
        }
        side.name = try entries["name"]?.string("`name`")
        return side
    }

    private static func names(_ connectors: [ConnectorDescriptor], _ side: ConnectorOption.Side) -> [String] {
        connectors.filter { side == .source ? $0.openSource != nil : $0.isTarget }.map(\.name)
    }

    private static func example(_ option: ConnectorOption) -> String {
        switch option.kind {
        case .secret: "\(option.name): ${NAME}"
        case .secrets: "\(option.name): {NAME: file:PATH}"
        default: "\(option.name): …"
        }
    }

    private static func decode(
        _ value: YAMLValue, _ option: ConnectorOption, _ folder: String, isSandbox: Bool
    ) throws -> Option.Value {
        let what = "`\(option.name)`"
        switch option.kind {
        case .text: return .text(try sandboxPath(value.string(what), folder))
        case .choice: return .text(try value.word(what, of: option.choices))
        case .number: return .text(String(try value.int(what)))
        case .flag: return .flag(try value.flag(what))
        case .path: return .text(absolute(try value.string(what), folder))
        case .paths: return .list(try value.strings(what).map { absolute($0, folder) })
        case .secret: return .secret(try secret(value, what, folder))
        case .secrets:
            var secrets: [String: SecretReference] = [:]
            for entry in try value.entries(what) {
                secrets[entry.key] = try secret(entry.value, "the secret of `\(entry.key)`", folder)
            }
            return .secrets(secrets)
        }
    }

    /// `sandbox:FILE` names a file like any other option does.
    private static func sandboxPath(_ text: String, _ folder: String) -> String {
        guard text.hasPrefix("sandbox:"), text != "sandbox:" else { return text }
        return "sandbox:" + absolute(String(text.dropFirst("sandbox:".count)), folder)
    }

    private static func secret(_ value: YAMLValue, _ what: String, _ folder: String) throws -> SecretReference {
        let text = try value.string(what)
        if text.hasPrefix("${"), text.hasSuffix("}"), text.utf8.count > 3 {
            return .environment(String(text.dropFirst(2).dropLast()))
        }
        if text.hasPrefix("file:") { return .file(absolute(String(text.dropFirst(5)), folder)) }
        if text.hasPrefix("command:") { return .command(String(text.dropFirst(8))) }
        // The text itself is never said: it may well be the secret.
        throw value.error(
            "migration.literal-secret", "\(what) is a secret and must not stand in a file like this one",
            remedy:
                "write ${NAME} for a variable of the environment, file:PATH or command:…, and change the secret if others saw it"
        )
    }

    // MARK: Other keys

    private static func mapping(_ value: YAMLValue, _ folder: String) throws -> MappingReference {
        let text = try value.string("`mapping`")
        if ShippedMapping.names.contains(text) { return .shipped(text) }
        for candidate in [text, text + ".yaml"] {
            let path = absolute(candidate, folder)
            if FileManager.default.fileExists(atPath: path) { return .path(path) }
        }
        let near = EditDistance.nearest(to: text, in: ShippedMapping.names).map { "did you mean `\($0)`? " } ?? ""
        throw value.error(
            "migration.no-mapping", "there is no mapping `\(text)`, neither shipped nor beside this file",
            remedy: near + "shipped are: " + ShippedMapping.names.joined(separator: ", "))
    }

    private static func attachments(_ value: YAMLValue) throws -> AttachmentPolicy {
        guard value.isMap else {
            return try value.word("`attachments`", of: ["copy", "skip"]) == "copy" ? .copy : .skip
        }
        let entries = Entries(try value.entries("`attachments`", known: ["link"]), of: "`attachments`", in: value)
        let base = try entries.needed("link", example: "link: https://files.example.com/").string("`link`")
        return .link(base: base.hasSuffix("/") ? base : base + "/")
    }

    private static func concurrency(_ value: YAMLValue) throws -> Int {
        let number = try value.int("`concurrency`")
        guard (1...256).contains(number) else {
            throw value.error(
                "migration.bad-value", "`concurrency` is \(number)", remedy: "write a number from 1 to 256")
        }
        return number
    }

    /// A path of the file, `~` and `-` as shells and our own commands have them.
    static func absolute(_ path: String, _ folder: String) -> String {
        if path == "-" { return path }
        let path = (path as NSString).expandingTildeInPath
        return path.hasPrefix("/")
            ? path
            : URL(fileURLWithPath: folder + "/" + path).standardizedFileURL.path
                + (path.hasSuffix("/") ? "/" : "")
    }
}

/// Entries of a map, by key.
struct Entries {
    private let all: [String: YAMLValue]
    private let what: String
    private let map: YAMLValue

    init(_ entries: [YAMLValue.Entry], of what: String, in map: YAMLValue) {
        all = Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        self.what = what
        self.map = map
    }

    /// Absent and `null` are the same.
    subscript(key: String) -> YAMLValue? { all[key].flatMap { $0.isNull ? nil : $0 } }

    func needed(_ key: String, example: String) throws -> YAMLValue {
        guard let value = self[key] else { throw missing(key, example: example) }
        return value
    }

    func missing(_ key: String, example: String) -> Diagnostic {
        map.error("migration.missing-key", "\(what) has no `\(key)`", remedy: "add `\(example)`")
    }
}
