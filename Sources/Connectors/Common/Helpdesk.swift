// SPDX-License-Identifier: Apache-2.0
package import Migration
package import Sandbox
internal import TicketModel
package import Transport

/// What the folder of a helpdesk gives: its descriptor, its exam and its practice site are all made of this one value.
package struct Helpdesk: Sendable {
    /// Kebab case, as in a migration file.
    package var name: String
    /// One line for lists.
    package var summary: String
    /// What may stand under `source:` or `target:`; `url` and the logins too.
    package var options: [ConnectorOption]
    /// What it can do and where its limits are, a line each.
    package var features: [String]
    /// Where it departs from what connectors do, each with its reason.
    package var deviations: [ConnectorDescriptor.Deviation]
    /// Where the API lies below the address that a user typed.
    package var api: APIPath
    /// The address where `url` may be left out; nil: it has to be said.
    package var defaultURL: String?
    /// A ticket's page for people, from `url` as a user typed it and the ticket's id; nil: not known.
    package var page: (@Sendable (_ site: String, _ id: String) -> String?)?
    /// Opens it for reading over a connection; nil: it cannot be read from.
    package var source: (@Sendable (OpenContext, Connection) async throws -> any TicketSource)?
    /// Opens it for writing over a connection; nil: it cannot be written to.
    package var target: (@Sendable (OpenContext, Connection) async throws -> any TicketTarget)?
    /// Its practice site.
    package var practice: Practice

    /// A practice site and what it can be told to do otherwise.
    package struct Practice: Sendable {
        /// What the vendor's document leaves open: the real ones do it one way or another.
        package var switches: [ConnectorDescriptor.PracticeSwitch]
        /// Opens it; throws a `Diagnostic` for a state file or switch that cannot hold.
        package var open: @Sendable (SandboxOptions) async throws -> any SandboxHelpdesk
        /// How to log in, a line each, for the terminal.
        package var introduction: [String]
        /// What a migration file needs beside `url` and the login to read or write all of the practice site, for the exam;
        /// it is given the e-mail addresses of all customers (a source that lists by address takes them).
        ///
        /// A value replaces what the exam makes up for the option by itself.
        package var options: @Sendable (_ customers: [String]) -> [String: OptionValue]
        /// Whether its API tells the zone of its times; where not, a source needs `zone:`, in the exam as everywhere.
        package var tellsZone: Bool

        /// Describes a practice site; see the properties.
        package init(
            switches: [ConnectorDescriptor.PracticeSwitch] = [], introduction: [String], tellsZone: Bool = true,
            options: @escaping @Sendable (_ customers: [String]) -> [String: OptionValue] = { _ in [:] },
            open: @escaping @Sendable (SandboxOptions) async throws -> any SandboxHelpdesk
        ) {
            self.switches = switches
            self.introduction = introduction
            self.options = options
            self.tellsZone = tellsZone
            self.open = open
        }
    }

    /// Describes a helpdesk; see the properties.
    package init(
        name: String, summary: String, options: [ConnectorOption], features: [String],
        deviations: [ConnectorDescriptor.Deviation], api: APIPath, practice: Practice,
        defaultURL: String? = nil,
        page: (@Sendable (_ site: String, _ id: String) -> String?)? = nil,
        source: (@Sendable (OpenContext, Connection) async throws -> any TicketSource)? = nil,
        target: (@Sendable (OpenContext, Connection) async throws -> any TicketTarget)? = nil
    ) {
        self.name = name
        self.summary = summary
        self.options = options
        self.features = features
        self.deviations = deviations
        self.api = api
        self.defaultURL = defaultURL
        self.page = page
        self.practice = practice
        self.source = source
        self.target = target
    }

    /// What the registry lists.
    package var descriptor: ConnectorDescriptor {
        var openSource: ConnectorDescriptor.Open<any TicketSource>?
        if let source { openSource = { context in try await source(context, connection(context)) } }
        var openTarget: ConnectorDescriptor.Open<any TicketTarget>?
        if let target { openTarget = { context in try await target(context, connection(context)) } }
        var descriptor = ConnectorDescriptor(
            name: name, summary: summary, options: options, features: features, deviations: deviations,
            openSource: openSource, openTarget: openTarget, switches: practice.switches,
            sandbox: { try await launch($0) })
        descriptor.page = page
        return descriptor
    }

    /// The connection that a migration file asks for; nothing is sent.
    ///
    /// `url: sandbox:` and `sandbox:FILE` are the practice site in this process, with any login.
    /// - Throws: a `Diagnostic` for an address that cannot hold.
    func connection(_ context: OpenContext) async throws -> Connection {
        guard let url = context.text("url") ?? defaultURL else {
            throw Diagnostic(
                code: "\(name).no-url", "\(name) needs `url`", subject: context.file,
                remedy: "add the address of the helpdesk to the migration file", cause: .badInput)
        }
        guard url.hasPrefix("sandbox:") else {
            return try Connection(
                url: url, api: api, transport: AsyncHTTPClientTransport(connections: context.concurrency),
                context: context)
        }
        let file = String(url.dropFirst("sandbox:".count))
        let path = file.isEmpty || file.hasPrefix("/") ? file : "\(context.folder)/\(file)"
        let site = try await practice.open(SandboxOptions(state: path.isEmpty ? nil : path))
        return try Connection(url: "http://127.0.0.1", api: api, transport: InProcessTransport(site), context: context)
    }
}
