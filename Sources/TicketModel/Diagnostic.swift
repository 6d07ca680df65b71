// SPDX-License-Identifier: Apache-2.0

/// Where in an input something stands: a file, and in it a line and a column, as far as they are known.
public struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
    /// The path as the user named it, `-` for standard input.
    public var file: String
    /// The line, counted from 1.
    public var line: Int?
    /// The column in bytes, counted from 1.
    public var column: Int?

    /// Names a place.
    public init(file: String, line: Int? = nil, column: Int? = nil) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file`, `file:line` or `file:line:column`, as editors and terminals understand it.
    public var description: String {
        guard let line else { return file }
        guard let column else { return "\(file):\(line)" }
        return "\(file):\(line):\(column)"
    }
}

/// What a diagnostic means for the command: the exit codes of the contract, by cause.
public enum ExitCause: Int32, Sendable, Comparable {
    /// Done, but some records failed or were set aside.
    case someFailed = 1
    /// A flag or an argument is wrong.
    case usage = 64
    /// A migration, mapping or dump cannot be read.
    case badInput = 65
    /// A helpdesk could not be reached or kept failing.
    case unavailable = 69
    /// A bug of ours.
    case bug = 70
    /// This machine: disk, journal, lock, permissions of files.
    case machine = 74
    /// Interrupted; the same command goes on.
    case interrupted = 75
    /// Refused: login, permission or a safety rule.
    case refused = 77

    /// By the code's number, so that `max()` is the one that a command ends with.
    public static func < (a: ExitCause, b: ExitCause) -> Bool { a.rawValue < b.rawValue }
}

/// Something that a user has to know: what happened, where, and what to do about it.
///
/// What can be gone on from is *emitted* to a ``DiagnosticSink``; what cannot is *thrown* (the type is an `Error`).
/// `code` is `area.problem` in kebab case and stable for ever. The remedy is not optional.
public struct Diagnostic: Error, Hashable, Sendable {
    /// How much it matters.
    public enum Severity: String, Sendable, CaseIterable {
        case note, warning, error
    }

    /// How much it matters; an error is what kept something from being done.
    public var severity: Severity
    /// `area.problem` in kebab case; what scripts may rely on.
    public var code: String
    /// What happened, for people: one sentence that holds without the remedy.
    public var message: String
    /// The place in a file, if there is one.
    public var location: SourceLocation?
    /// The request or the thing that it is about when it is no place in a file: `GET https://…`.
    public var subject: String?
    /// What to do, as an imperative sentence.
    public var remedy: String
    /// Which exit code the command ends with when this is thrown.
    public var cause: ExitCause
    /// How many times the same thing was met; said once.
    public var count: Int

    /// Makes a diagnostic; see the type for what each part promises.
    public init(
        _ severity: Severity = .error, code: String, _ message: String, at location: SourceLocation? = nil,
        subject: String? = nil, remedy: String, cause: ExitCause = .badInput, count: Int = 1
    ) {
        self.severity = severity
        self.code = code
        self.message = message
        self.location = location
        self.subject = subject
        self.remedy = remedy
        self.cause = cause
        self.count = count
    }
}

extension Diagnostic: CustomStringConvertible {
    /// The form of the design's section 8: the message with place and code, then `at:` and `fix:` lines.
    public var description: String {
        let place = location.map { "\($0): " } ?? ""
        let times = count > 1 ? " (\(count) times)" : ""
        var lines = ["\(place)\(severity.rawValue): \(message)\(times) [\(code)]"]
        if let subject { lines.append("  at:  \(subject)") }
        if !remedy.isEmpty { lines.append("  fix: \(remedy)") }
        return lines.joined(separator: "\n")
    }
}

/// Takes diagnostics that the work can go on from.
public protocol DiagnosticSink: Sendable {
    /// Takes one; cheap, never fails, may be called from any task.
    func emit(_ diagnostic: Diagnostic)
}

/// Something that a target (or a format) cannot hold, and what is done instead.
///
/// Never silent: counted, listed, reported.
public struct Loss: Hashable, Sendable {
    /// The canonical path of what is lost, with `[]` for list elements: `messages[].createdAt`, `customFields.Order`.
    public var field: String
    /// The value that cannot be held; nil where naming it would say too much or nothing.
    public var value: String?
    /// Why, in words for an admin.
    public var reason: String
    /// Where it is kept instead.
    public var fallback: Fallback

    /// Where a lost value goes.
    public enum Fallback: String, Sendable, CaseIterable {
        /// In the ticket's one internal migration note.
        case migrationNote
        /// In the header line of the message itself (author and date only).
        case header
        /// In the finishing file, which the admin may run.
        case finishingFile
        /// In the archive alone.
        case archive
        /// Another value of the target stands for it.
        case substitute
    }

    /// Names a loss.
    public init(field: String, value: String? = nil, reason: String, fallback: Fallback) {
        self.field = field
        self.value = value
        self.reason = reason
        self.fallback = fallback
    }
}
