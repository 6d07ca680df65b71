// SPDX-License-Identifier: Apache-2.0
import Crypto
import Foundation
import Migration
import TicketModel

/// A plan as JSON, written while it is made: 100,000 changes never stand in memory together.
///
/// `{"changes":[…],"diagnostics":[…],"digest":"…","migration":{…},"seal":"…","summary":{…},"version":1}`, keys sorted. The
/// seal is the SHA-256 of the document without the seal's own member: whatever is changed by hand is noticed.
final class PlanDocument {
    /// Nil: standard output.
    private let file: DocumentFile?
    private var isFirst = true
    private var content = SHA256()

    /// Starts a document.
    ///
    /// - Parameter path: a file, readable by its owner alone; nil: standard output.
    /// - Throws: `Diagnostic`, as ``DocumentFile``.
    init(path: String?) throws {
        file = try path.map { try DocumentFile($0) }
        try write("{\"changes\":[")
    }

    /// Adds a change.
    func add(_ change: TicketChange) throws {
        try write((isFirst ? "" : ",\n") + change.json.canonicalText)
        isFirst = false
    }

    /// Ends the document.
    func finish(_ summary: PlanSummary, diagnostics: [Diagnostic]) throws {
        let said = JSON.array(diagnostics.map(\.json)).canonicalText
        let migration = (summary.head?.json ?? .null).canonicalText
        try write("],\"diagnostics\":\(said),\"digest\":\"\(summary.digest)\",\"migration\":\(migration),")
        let rest = "\"summary\":\(summary.json.canonicalText),\"version\":1}\n"
        content.update(data: Data(rest.utf8))
        try put(Self.member(seal: content.finalize().hex) + rest)
        try file?.finish()
    }

    private static func member(seal: String) -> String { "\"seal\":\"\(seal)\"," }

    /// A plan that was kept, with all that was signed with it.
    ///
    /// Goes through the file change by change: a line each. The remedy names the migration file.
    /// - Throws: `Diagnostic` for a file that is no plan, and for one that was changed since it was kept.
    static func read(_ path: String, of migration: String) throws -> PlanSeal {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else {
            throw Diagnostic(
                code: "plan.missing", "the plan cannot be read", at: SourceLocation(file: path),
                remedy: "name a file that `plan -o` wrote")
        }
        let head = Data("{\"changes\":[".utf8)
        let tail = Data("],\"diagnostics\":[".utf8)
        // Quotes within texts are escaped, so that the last of these is the document's own.
        guard data.starts(with: head), let end = data.range(of: tail, options: .backwards),
            let rest = try? JSON(parsing: Data("{\"changes\":[".utf8) + data[end.lowerBound...]),
            rest["version"]?.int == 1, let digest = rest["digest"]?.string
        else { throw Diagnostic.noPlan(path, of: migration) }
        guard let sealed = rest["seal"]?.string, let of = JournalHead(json: rest["migration"]) else {
            throw Diagnostic.unsealed(path, of: migration)
        }
        var content = SHA256()
        guard let member = data.range(of: Data(Self.member(seal: sealed).utf8), options: .backwards) else {
            throw Diagnostic.changed(path, of: migration)
        }
        content.update(data: data[..<member.lowerBound])
        content.update(data: data[member.upperBound...])
        guard content.finalize().hex == sealed else { throw Diagnostic.changed(path, of: migration) }
        var seal = PlanSeal(of: of, digest: digest)
        for line in data[head.count..<end.lowerBound].split(separator: UInt8(ascii: "\n")) {
            let change = line.last == UInt8(ascii: ",") ? line.dropLast() : line
            guard let seals = try? JSON(parsing: Data(change))["seals"]?.array else {
                throw Diagnostic.noPlan(path, of: migration)
            }
            for text in seals.compactMap(\.string) { seal.add(text) }
        }
        return seal
    }

    /// Of the file, in hex; nil for standard output.
    var sha256: String? { file?.sha256 }

    private func write(_ text: String) throws {
        content.update(data: Data(text.utf8))
        try put(text)
    }

    private func put(_ text: String) throws {
        if let file { return try file.write(text) }
        guard Console.write(text, to: STDOUT_FILENO) else { throw Failure.unwritable("-") }
    }
}

extension Diagnostic {
    fileprivate static func noPlan(_ path: String, of migration: String) -> Diagnostic {
        Diagnostic(
            code: "plan.unreadable", "this is no plan, or not all of it", at: SourceLocation(file: path),
            remedy: "make it again with `ticketferry plan \(migration) -o \(path)`")
    }

    fileprivate static func changed(_ path: String, of migration: String) -> Diagnostic {
        Diagnostic(
            code: "plan.changed", "the plan's file was changed since `plan -o` wrote it",
            at: SourceLocation(file: path),
            remedy:
                "make it again with `ticketferry plan \(migration) -o FILE` (`--only` and `select:` leave tickets out); nothing was written",
            cause: .refused)
    }

    fileprivate static func unsealed(_ path: String, of migration: String) -> Diagnostic {
        Diagnostic(
            code: "plan.unsealed",
            "the plan's file does not say which migration it is of, nor carries the seal of its content: an earlier version of ticketferry made it",
            at: SourceLocation(file: path),
            remedy: "make it again with `ticketferry plan \(migration) -o FILE`; nothing was written", cause: .refused)
    }
}

extension SHA256Digest {
    /// Lower case.
    var hex: String { map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
}

/// All losses of a plan as a CSV.
final class LossFile {
    private let file: DocumentFile

    /// Starts the file, readable by its owner alone.
    init?(_ path: String?) throws {
        guard let path else { return nil }
        file = try DocumentFile(path)
        try row(["ticket", "field", "value", "reason", "kept in"])
    }

    /// Adds the losses of a change.
    func add(_ change: TicketChange) throws {
        for loss in change.losses {
            try row([change.id, loss.field, loss.value ?? "", loss.reason, loss.fallback.rawValue])
        }
    }

    /// Ends the file.
    func finish() throws { try file.finish() }

    private func row(_ cells: [String]) throws {
        try file.write(cells.map(Self.cell).joined(separator: ",") + "\r\n")
    }

    /// Quoted, and defused for spreadsheets: text from tickets must not become a formula.
    private static func cell(_ text: String) -> String {
        let risky = text.first.map { "=+-@\t\r".contains($0) } ?? false
        return "\"" + (risky ? "'" : "") + text.replacing("\"", with: "\"\"") + "\""
    }
}
