// SPDX-License-Identifier: Apache-2.0

/// One table of a practice helpdesk: rows by ascending ids that are never given twice.
///
/// It remembers which rows changed since the last ``takeChanges()``, so that a commit writes those alone.
package struct SandboxTable<Row: Codable & Sendable>: Sendable {
    private var rows: [Int: Row] = [:]
    /// The ids in ascending order.
    package private(set) var ids: [Int] = []
    /// The greatest id ever given.
    package private(set) var last = 0
    private var dirty: Set<Int> = []

    /// An empty table.
    package init() {}

    package var count: Int { ids.count }
    package var isEmpty: Bool { ids.isEmpty }

    /// All rows by ascending id.
    package var all: some Sequence<Row> { ids.lazy.compactMap { rows[$0] } }

    /// A row; setting nil deletes it, setting an id that is not there makes the row with that id.
    package subscript(id: Int) -> Row? {
        get { rows[id] }
        set {
            dirty.insert(id)
            place(newValue, at: id)
        }
    }

    /// Adds a row under the next id.
    package mutating func insert(_ make: (Int) -> Row) -> Row {
        let row = make(last + 1)
        self[last + 1] = row
        return row
    }

    /// The ids that changed since the last call, ascending, with their rows; nil for those deleted.
    package mutating func takeChanges() -> [(id: Int, row: Row?)] {
        defer { dirty.removeAll(keepingCapacity: true) }
        return dirty.sorted().map { ($0, rows[$0]) }
    }

    /// Puts a row back as read from a state file; it does not count as changed.
    package mutating func restore(_ row: Row?, at id: Int) { place(row, at: id) }

    /// Puts back the greatest id ever given.
    package mutating func restore(last id: Int) { last = max(last, id) }

    private mutating func place(_ row: Row?, at id: Int) {
        let old = rows.updateValueOrRemove(row, forKey: id)
        if row != nil, old == nil {
            if id > (ids.last ?? 0) {
                ids.append(id)
            } else {
                ids.insert(id, at: ids.firstIndex { $0 > id } ?? ids.endIndex)
            }
        } else if row == nil, old != nil {
            ids.removeAll { $0 == id }
        }
        last = max(last, id)
    }
}

extension Dictionary {
    fileprivate mutating func updateValueOrRemove(_ value: Value?, forKey key: Key) -> Value? {
        if let value { updateValue(value, forKey: key) } else { removeValue(forKey: key) }
    }
}
