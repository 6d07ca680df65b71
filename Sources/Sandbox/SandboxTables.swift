// SPDX-License-Identifier: Apache-2.0

package import TicketModel

/// The tables of a practice helpdesk whose rows are plain JSON, kept in a state file where there is one.
///
/// A change is durable when ``commit()`` returns: an actor calls it at the end of each request.
package struct SandboxTables: Sendable {
    private var tables: [String: SandboxTable<JSON>] = [:]
    private var log: SandboxLog?

    /// Opens the state file, or memory alone for nil.
    ///
    /// - Throws: a ``Diagnostic`` when the file cannot be used.
    package init(state path: String?) throws {
        guard let path else { return }
        let (opened, entries) = try SandboxLog.open(path)
        for entry in entries {
            if let last = entry.last {
                self[entry.table].restore(last: last)
            } else if let id = entry.id {
                guard let row = try? entry.row.map({ try JSON(parsing: $0) }) else {
                    opened.close()
                    throw Diagnostic(
                        code: "sandbox.state-unreadable", "the state file \(path) is not one of this sandbox",
                        remedy: "give --state another file, or delete this one to start anew", cause: .machine)
                }
                self[entry.table].restore(row, at: id)
            }
        }
        log = try opened.replace(with: allEntries())
    }

    /// A table; an empty one under a name that is not there yet.
    package subscript(name: String) -> SandboxTable<JSON> {
        get { tables[name] ?? SandboxTable() }
        _modify { yield &tables[name, default: SandboxTable()] }
    }

    /// Whether nothing was ever stored.
    package var isEmpty: Bool { tables.values.allSatisfy { $0.last == 0 } }

    /// Hands every change since the last call to the state file.
    ///
    /// - Throws: a ``Diagnostic`` when the disk is full; the changes are lost with the process then.
    package mutating func commit() throws {
        var entries: [SandboxLog.Entry] = []
        for name in tables.keys.sorted() {
            for (id, row) in self[name].takeChanges() {
                entries.append(.init(table: name, id: id, row: row?.canonicalBytes()))
            }
        }
        try log?.append(entries)
    }

    /// An object with one array for each table, rows by id.
    package func dump() -> JSON {
        .object(tables.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .array(Array($0.value.all))) })
    }

    /// Flushes to the disk and lets go of the file.
    package mutating func close() {
        log?.close()
        log = nil
    }

    private func allEntries() -> [SandboxLog.Entry] {
        tables.sorted { $0.key < $1.key }.flatMap { name, table in
            [SandboxLog.Entry(table: name, last: table.last)]
                + zip(table.ids, table.all).map { .init(table: name, id: $0, row: $1.canonicalBytes()) }
        }
    }
}
