// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// All that the tool knows of a connector: a plain value, listed in the registry.
///
/// Nothing else names a helpdesk.
public struct ConnectorDescriptor: Sendable {
    /// Opens a connector; throws a `Diagnostic` for options that cannot hold.
    ///
    /// Sends nothing yet.
    public typealias Open<Side> = @Sendable (OpenContext) async throws -> Side

    /// Kebab case, as in a migration file.
    public var name: String
    /// One line for lists.
    public var summary: String
    /// What may stand under `source:` or `target:` besides what every connector takes.
    public var options: [ConnectorOption]
    /// What it can do and where its limits are, a line each, for `connectors NAME`.
    public var features: [String]
    /// The page of a ticket for people, from the source's `url` and the ticket's id; nil: not known.
    ///
    /// For redirects where what was read does not tell it.
    public var page: (@Sendable (_ site: String, _ id: String) -> String?)?
    /// Where it departs from what connectors do, each with its reason.
    public var deviations: [Deviation]
    /// Nil: it cannot be read from.
    public var openSource: Open<any TicketSource>?
    /// Nil: it cannot be written to.
    public var openTarget: Open<any TicketTarget>?
    /// For files: what they are written by, instead of ``openTarget``.
    public var openExport: Open<ExportTarget>?
    /// What its practice helpdesk can be told to do otherwise.
    public var switches: [PracticeSwitch]
    /// Starts its practice helpdesk; nil: it has none.
    public var sandbox: (@Sendable (SandboxLaunch) async throws -> any RunningSandbox)?

    /// A declared departure from the exam that all connectors sit.
    public struct Deviation: Hashable, Sendable {
        /// The name of the exam's check that it does not pass, as `ExamCheck` in `ConformanceKit` lists them.
        ///
        /// Any other words are a limit that users are told of; they excuse nothing in the exam.
        public var check: String
        /// Why it cannot be otherwise, for people.
        public var reason: String
        /// The switches of the practice site under which alone it does not pass, each by itself; empty: it never does.
        public var switches: Set<String>

        /// Declares one.
        public init(check: String, reason: String, switches: Set<String> = []) {
            self.check = check
            self.reason = reason
            self.switches = switches
        }
    }

    /// Something that the vendor's document leaves open, and that a practice helpdesk can do one way or another.
    public struct PracticeSwitch: Hashable, Sendable {
        /// Kebab case, for `--switch`.
        public var name: String
        /// What it does when it is on, for people.
        public var help: String
        /// Whether the connector has to refuse such a system: with a diagnostic of the cause ``ExitCause/refused``.
        public var refuses: Bool

        /// Names a switch.
        public init(_ name: String, _ help: String, refuses: Bool = false) {
            self.name = name
            self.help = help
            self.refuses = refuses
        }
    }

    /// Whether it can be written to.
    public var isTarget: Bool { openTarget != nil || openExport != nil }

    /// Describes a connector; see the properties.
    public init(
        name: String, summary: String, options: [ConnectorOption], features: [String] = [],
        deviations: [Deviation] = [], openSource: Open<any TicketSource>? = nil,
        openTarget: Open<any TicketTarget>? = nil, openExport: Open<ExportTarget>? = nil,
        switches: [PracticeSwitch] = [],
        sandbox: (@Sendable (SandboxLaunch) async throws -> any RunningSandbox)? = nil
    ) {
        self.name = name
        self.summary = summary
        self.options = options
        self.features = features
        self.deviations = deviations
        self.openSource = openSource
        self.openTarget = openTarget
        self.openExport = openExport
        self.switches = switches
        self.sandbox = sandbox
    }
}

/// An option of a connector in a migration file.
public struct ConnectorOption: Hashable, Sendable {
    /// What its value is, as written and as resolved.
    public enum Kind: String, Sendable, CaseIterable {
        case text
        /// One of ``ConnectorOption/choices``.
        case choice
        case number
        case flag
        /// A file or folder, made absolute.
        case path
        /// One or several files, folders and globs, made absolute; `-` stays.
        case paths
        /// `${NAME}`, `file:PATH` or `command:…`; a literal is an error.
        case secret
        /// A map of names to secrets.
        case secrets
    }

    /// Which side takes it.
    public enum Side: String, Sendable, CaseIterable {
        case source, target, both
    }

    /// Camel case.
    public var name: String
    /// What it means, in one line for people.
    public var help: String
    /// How its value is read and checked.
    public var kind: Kind
    /// Whether a migration file without it is refused.
    public var required: Bool
    /// Under which of `source:` and `target:` it may stand.
    public var side: Side
    /// The words that a `choice` takes; the first is the default.
    public var choices: [String]

    /// Describes an option; see the properties.
    public init(
        _ name: String, _ help: String, kind: Kind = .text, required: Bool = false, side: Side = .both,
        choices: [String] = []
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.required = required
        self.side = side
        self.choices = choices
    }
}

/// The value of an option after `${NAME}`, `file:` and `command:` were resolved and paths made absolute.
public enum OptionValue: Hashable, Sendable {
    /// Of a text, choice, number or path.
    case text(String)
    case flag(Bool)
    case list([String])
    case secret(Secret)
    case secrets([String: Secret])
}

/// What a connector is opened with.
public struct OpenContext: Sendable {
    /// By name; an option that was not given is absent.
    public var options: [String: OptionValue]
    /// The migration file's folder, absolute.
    public var folder: String
    /// What the source or target is called in the migration file: for places in diagnostics.
    public var file: String
    /// What a connector puts on things that it makes for one migration alone.
    ///
    /// The migration's name, with the source's where the migration file tells it; empty outside of a migration.
    public var migration: String
    /// The ceiling of requests at once.
    public var concurrency: Int
    /// The ceiling of requests a minute; nil: the connector's own.
    public var requestsPerMinute: Int?
    /// Takes what the connector can go on from.
    public var sink: any DiagnosticSink
    /// Takes one line for the log; the connector has taken all secrets out of it.
    public var log: @Sendable (String) -> Void
    /// The time to wait and measure by; in simulations not the machine's.
    public var clock: any RunClock
    /// Fetches what a dump links to; nil: its links stay links.
    public var links: (any LinkFetcher)?

    /// Gathers what a connector is opened with; see the properties.
    public init(
        options: [String: OptionValue], folder: String, file: String, concurrency: Int = 8,
        requestsPerMinute: Int? = nil, sink: any DiagnosticSink, log: @escaping @Sendable (String) -> Void = { _ in },
        clock: any RunClock = SystemRunClock(), migration: String = ""
    ) {
        self.migration = migration
        self.options = options
        self.folder = folder
        self.file = file
        self.concurrency = concurrency
        self.requestsPerMinute = requestsPerMinute
        self.sink = sink
        self.log = log
        self.clock = clock
    }

    /// The text of an option; nil if it is absent or of another kind.
    public func text(_ name: String) -> String? {
        if case .text(let value) = options[name] { value } else { nil }
    }

    /// The whole number of an option.
    public func number(_ name: String) -> Int? { text(name).flatMap { Int($0) } }

    /// Whether a flag is on; absent is off.
    public func flag(_ name: String) -> Bool {
        if case .flag(let value) = options[name] { value } else { false }
    }

    /// The secret of an option.
    public func secret(_ name: String) -> Secret? {
        if case .secret(let value) = options[name] { value } else { nil }
    }

    /// The secrets of an option by name; empty if it is absent.
    public func secrets(_ name: String) -> [String: Secret] {
        if case .secrets(let value) = options[name] { value } else { [:] }
    }

    /// The texts of a list; one text is a list of one.
    public func list(_ name: String) -> [String] {
        switch options[name] {
        case .list(let value): value
        case .text(let value): [value]
        default: []
        }
    }
}

/// How a practice helpdesk is to be started.
public struct SandboxLaunch: Sendable {
    /// Nil: any free one, on 127.0.0.1.
    public var port: Int?
    /// The file that its state is durable in; nil: in memory.
    public var state: String?
    /// Fills it with made-up tickets.
    public var seed: UInt64?
    /// Its faults, in the sandbox's words.
    public var faults: String?
    /// The switches that are on, by name.
    public var switches: Set<String>
    /// The logins that are accepted; empty: any.
    ///
    /// Helpdesks with keys take the password as the key.
    public var logins: [(user: String, password: String)]
    /// Takes one line for each request.
    public var log: @Sendable (String) -> Void

    /// Asks for a sandbox; see the properties.
    public init(
        port: Int? = nil, state: String? = nil, seed: UInt64? = nil, faults: String? = nil,
        switches: Set<String> = [], logins: [(user: String, password: String)] = [],
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.port = port
        self.state = state
        self.seed = seed
        self.faults = faults
        self.switches = switches
        self.logins = logins
        self.log = log
    }
}

/// A practice helpdesk that listens.
public protocol RunningSandbox: Sendable {
    /// Where: `http://127.0.0.1:PORT`.
    var url: String { get }
    /// How to log in and what is in it, a line each, for the terminal. Its logins are no secrets.
    var introduction: [String] { get }
    /// Serves until ``stop()`` or the task's cancellation.
    func run() async throws
    /// Commits its state and ends.
    func stop() async
}
