// SPDX-License-Identifier: Apache-2.0
import Foundation
import Migration
import TicketModel

/// A plan as JSON, written while it is made: 100,000 changes never stand in memory together.
///
/// `{"changes":[…],"diagnostics":[…],"digest":"…","summary":{…},"version":1}`, keys sorted.
final class PlanDocument {
    /// Nil: standard output.
    private let file: DocumentFile?
    private var isFirst = true

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
        try write(
            "],\"diagnostics\":\(said),\"digest\":\"\(summary.digest)\",\"summary\":\(summary.json.canonicalText),\"version\":1}\n"
        )
        try file?.finish()
    }

    /// A plan that was kept: its digest, and what was signed with it.
    ///
    /// Goes through the file change by change: a line each. The remedy names the migration file.
    /// - Throws: `Diagnostic` for a file that is no plan.
    static func read(_ path: String, of migration: String) throws -> (digest: String, seal: PlanSeal) {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else {
            throw Diagnostic(
                code: "plan.missing", "the plan cannot be read", at: SourceLocation(file: path),
                remedy: "name a file that `plan -o` wrote")
        }
        var seal = PlanSeal()
        let head = Data("{\"changes\":[".utf8)
        let tail = Data("],\"diagnostics\":[".utf8)
        // Quotes within texts are escaped, so that the last of these is the document's own.
        guard data.starts(with: head), let end = data.range(of: tail, options: .backwards),
            let rest = try? JSON(parsing: Data("{\"changes\":[".utf8) + data[end.lowerBound...]),
            rest["version"]?.int == 1, let digest = rest["digest"]?.string
        else { throw Diagnostic.noPlan(path, of: migration) }
        for line in data[head.count..<end.lowerBound].split(separator: UInt8(ascii: "\n")) {
            let change = line.last == UInt8(ascii: ",") ? line.dropLast() : line
            guard let seals = try? JSON(parsing: Data(change))["seals"]?.array else {
                throw Diagnostic.noPlan(path, of: migration)
            }
            for text in seals.compactMap(\.string) { seal.add(text) }
        }
        return (digest, seal)
    }

    /// Of the file, in hex; nil for standard output.
    var sha256: String? { file?.sha256 }

    private func write(_ text: String) throws {
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
