// SPDX-License-Identifier: Apache-2.0
public import TicketModel

/// A migration file, decoded and checked against the connectors it names; secrets are not read yet.
public struct MigrationFile: Sendable {
    /// The `source:` or the `target:` of a migration.
    public struct Side: Sendable {
        /// The connector's name.
        public var connector: String
        /// What the source is called in keys; nil: the source tells it.
        public var name: String?
        /// By name, as written.
        public var options: [String: Option]
        /// Where it stands in the file.
        public var location: SourceLocation
        var descriptor: ConnectorDescriptor
    }

    /// An option as written.
    public struct Option: Sendable {
        /// What is written, by the kind that the connector gives the option.
        public var value: Value
        /// Where it is written, for diagnostics.
        public var location: SourceLocation

        /// What is written.
        public enum Value: Sendable {
            case text(String)
            case flag(Bool)
            case list([String])
            case secret(SecretReference)
            case secrets([String: SecretReference])
        }
    }

    /// The `mapping:` with the write half.
    public enum MappingReference: Hashable, Sendable {
        case shipped(String)
        /// Absolute.
        case path(String)
    }

    /// As the user named it.
    public var path: String
    /// Where it lies, absolute; paths in it are relative to that.
    public var folder: String
    /// Part of every key: another name is another migration.
    public var name: String
    /// Where tickets are read from.
    public var source: Side
    /// Where tickets are written to.
    public var target: Side
    /// The mapping with the write half; nil where the file names none.
    public var mapping: MappingReference?
    /// Absolute, as all paths below.
    public var journal: String
    /// Nil: `none`.
    public var archive: String?
    /// The file of the log.
    public var log: String
    /// Where lines for the target's database go.
    public var finishingFile: String
    /// Which tickets go, before `--only` and `--limit`.
    public var selection: Selection
    /// Nil: the safest that the target has.
    public var notifications: NotificationPolicy?
    /// Whether files are copied, linked to or left out.
    public var attachments: AttachmentPolicy
    /// The file of the header line's template.
    public var header: String?
    /// Tickets and requests at once, at most: 1 to 256.
    public var concurrency: Int
    /// Whether what the mapping does not name is kept in `extras`; nil: as the mapping says.
    public var keepsRest: Bool?
}

/// Where a secret is to be found.
///
/// Never the secret itself.
public enum SecretReference: Hashable, Sendable {
    case environment(String)
    /// The first line of a file; absolute.
    case file(String)
    /// The first line that a command of the shell prints.
    case command(String)
}
