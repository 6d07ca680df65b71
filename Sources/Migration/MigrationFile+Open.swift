// SPDX-License-Identifier: Apache-2.0
public import Foundation
internal import Mapping
public import TicketModel

extension MigrationFile {
    /// What the source's or the target's connector is opened with: secrets read from where the file says.
    ///
    /// For `url: sandbox:` any login will do: those that are missing are made up.
    /// - Throws: `Diagnostic` that names the variable, file or command that gave no secret.
    public func context(
        for side: Side, sink: any DiagnosticSink, requestsPerMinute: Int? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        log: @escaping @Sendable (String) -> Void = { _ in }, clock: any RunClock = SystemRunClock()
    ) throws -> OpenContext {
        let isSandbox = if case .text(let url) = side.options["url"]?.value { url.hasPrefix("sandbox:") } else { false }
        var options: [String: OptionValue] = [:]
        for (name, option) in side.options {
            switch option.value {
            case .text(let text): options[name] = .text(text)
            case .flag(let flag): options[name] = .flag(flag)
            case .list(let list): options[name] = .list(list)
            case .secret(let reference):
                do {
                    options[name] = .secret(try reference.read(name, at: option.location, environment: environment))
                } catch let missing as Diagnostic where isSandbox {
                    // Any login will do here; the real site will want it.
                    var missing = missing
                    missing.severity = .note
                    missing.message += "; the practice site takes any login, the real one will not"
                    sink.emit(missing)
                    options[name] = .secret(Secret("sandbox"))
                }
            case .secrets(let references):
                options[name] = .secrets(
                    try references.mapValues { try $0.read(name, at: option.location, environment: environment) })
            }
        }
        if isSandbox {
            for option in side.descriptor.options where option.required && options[option.name] == nil {
                options[option.name] = option.kind == .secret ? .secret(Secret("sandbox")) : .text("sandbox")
            }
        }
        // Only sources that read by a mapping know this word; others keep everything.
        if let keepsRest { options["rest"] = .text(keepsRest ? "extras" : "drop") }
        return OpenContext(
            options: options, folder: folder, file: path, concurrency: concurrency,
            requestsPerMinute: requestsPerMinute, sink: sink, log: log, clock: clock,
            migration: source.name.map { "\(name) from \($0)" } ?? name)
    }

    /// The connector of the source.
    public var sourceConnector: ConnectorDescriptor { source.descriptor }

    /// The connector of the target.
    public var targetConnector: ConnectorDescriptor { target.descriptor }

    /// From canonical tickets to drafts: the mapping's write half, or what the connectors do by themselves.
    ///
    /// - Throws: `Diagnostic` for a mapping or template that cannot be read.
    public func ticketMapping() throws -> TicketMapping {
        let write = try writeMapping()
        var template = HeaderTemplate.standard
        if let header {
            template = try HeaderTemplate(
                String(decoding: Self.bytes(of: header, "header"), as: UTF8.self), file: header)
        }
        let line = template
        return TicketMapping { ticket in write.draft(of: ticket, header: line) }
    }

    /// The kinds of the catalogue that the mapping wants made in the target where they are missing.
    ///
    /// - Throws: `Diagnostic` for a mapping that cannot be read.
    public func creatingKinds() throws -> Set<CatalogueEntry.Kind> { try writeMapping().creating }

    /// The mapping's write half; one that changes nothing where the file names none.
    private func writeMapping() throws -> WriteMapping {
        var write = WriteMapping.none
        switch mapping {
        case .shipped(let name): write = try ShippedMapping.named(name).write ?? .none
        case .path(let path):
            let file = try MappingFile(yaml: Array(Self.bytes(of: path, "mapping")), file: path)
            write = file.write ?? .none
        case nil: break
        }
        return write
    }

    /// A fingerprint of this file and of the mapping and the header that it names, of which no secret is a part.
    ///
    /// - Throws: `Diagnostic` for a file that cannot be read.
    public func definition() throws -> String {
        var parts = [String(decoding: try Self.bytes(of: path, "migration file"), as: UTF8.self)]
        if case .path(let path) = mapping {
            parts.append(String(decoding: try Self.bytes(of: path, "mapping"), as: UTF8.self))
        }
        if let header { parts.append(String(decoding: try Self.bytes(of: header, "header"), as: UTF8.self)) }
        // Lists of customers and addresses that an option names.
        for option in source.options.sorted(by: { $0.key < $1.key }) {
            guard case .text(let text) = option.value.value,
                let data = FileManager.default.contents(atPath: Self.absolute(text, folder))
            else { continue }
            parts.append(Fingerprint(of: data).text)
        }
        return Fingerprint(ofTexts: parts).text
    }

    private static func bytes(of path: String, _ what: String) throws -> Data {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Diagnostic(
                code: "migration.no-\(what)", "the \(what) cannot be read", at: SourceLocation(file: path),
                remedy: "fix the path or the file's permissions")
        }
        return data
    }
}

extension MigrationFile.Side {
    /// The file that a practice site stands in, absolute; nil for any other address, and for one that forgets all.
    public var practiceFile: String? {
        guard case .text(let url) = options["url"]?.value, url.hasPrefix("sandbox:"), url != "sandbox:" else {
            return nil
        }
        return String(url.dropFirst("sandbox:".count))
    }
}

extension SecretReference {
    /// The secret itself, without the line break at its end.
    func read(_ option: String, at location: SourceLocation, environment: [String: String]) throws -> Secret {
        func missing(_ code: String, _ message: String, _ remedy: String) -> Diagnostic {
            Diagnostic(code: code, "`\(option)`: \(message)", at: location, remedy: remedy)
        }
        switch self {
        case .environment(let name):
            guard let text = environment[name], !text.isEmpty else {
                throw missing(
                    "migration.secret-not-set", "the variable \(name) is not set",
                    "set \(name), for instance with `export \(name)=…`")
            }
            return Secret(text)
        case .file(let path):
            guard let text = try? String(contentsOfFile: path, encoding: .utf8), let secret = Self.firstLine(text)
            else {
                throw missing(
                    "migration.secret-no-file", "the file \(path) cannot be read or is empty",
                    "write the secret into its first line")
            }
            return secret
        case .command(let command):
            guard let text = Self.output(of: command), let secret = Self.firstLine(text) else {
                throw missing(
                    "migration.secret-no-command", "the command failed or printed nothing",
                    "run it in a shell: it must print the secret and end with 0")
            }
            return secret
        }
    }

    private static func firstLine(_ text: String) -> Secret? {
        let line = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).first ?? ""
        return line.isEmpty ? nil : Secret(String(line))
    }

    private static func output(of command: String) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        let pipe = Pipe()
        process.standardOutput = pipe
        do {
            try process.run()
        } catch {
            return nil
        }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
    }
}

extension MigrationFile {
    /// The labels that the mapping's write half may give, by field: what `check` holds against the target.
    ///
    /// - Throws: `Diagnostic` for a mapping that cannot be read.
    public func mappingLabels() throws -> [String: [String]] {
        let write = try writeMapping()
        return ["status": write.labels(of: "status"), "priority": write.labels(of: "priority")]
    }
}
