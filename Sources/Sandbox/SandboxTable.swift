// SPDX-License-Identifier: Apache-2.0

package import TicketModel

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
    private var indices: [String: Index] = [:]

    /// The ids of the rows under each of their keys, ascending.
    private struct Index: Sendable {
        var keys: @Sendable (Row) -> [String]
        var ids: [String: [Int]] = [:]

        mutating func replace(_ old: Row?, by new: Row?, at id: Int) {
            let (before, after) = (Set(old.map(keys) ?? []), Set(new.map(keys) ?? []))
            for key in before.subtracting(after) { ids[key]?.removeAll { $0 == id } }
            for key in after.subtracting(before) { ids[key, default: []].insertSorted(id) }
        }
    }

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

    /// The rows under a key, by ascending id, without looking at all others.
    ///
    /// - Parameters:
    ///   - index: names the keys: the first call under a name makes the index, which changes follow from then on.
    ///   - key: what is looked for.
    ///   - keys: the keys of a row; the same for the same name.
    /// - Returns: the rows; an actor's answer costs as many steps as there are of them.
    package mutating func rows(by index: String, _ key: String, keys: @escaping @Sendable (Row) -> [String]) -> [Row] {
        if indices[index] == nil {
            var made = Index(keys: keys)
            for id in ids { made.replace(nil, by: rows[id], at: id) }
            indices[index] = made
        }
        return (indices[index]?.ids[key] ?? []).compactMap { rows[$0] }
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
            ids.insertSorted(id)
        } else if row == nil, old != nil {
            ids.removeAll { $0 == id }
        }
        for name in indices.keys { indices[name]?.replace(old, by: row, at: id) }
        last = max(last, id)
    }
}

extension SandboxTable<JSON> {
    /// The rows whose member is this text or number, by ascending id, as ``rows(by:_:keys:)`` finds them.
    package mutating func rows(where member: String, is text: String) -> [JSON] {
        rows(by: member, text) { $0[member]?.text.map { [$0] } ?? [] }
    }

    /// The same for texts whose case does not count.
    package mutating func rows(where member: String, isLike text: String) -> [JSON] {
        rows(by: "\(member), any case", text.lowercased()) { $0[member]?.string.map { [$0.lowercased()] } ?? [] }
    }
}

extension [Int] {
    /// Puts a number where it belongs, mostly at the end.
    fileprivate mutating func insertSorted(_ number: Int) {
        insert(number, at: number > (last ?? 0) ? endIndex : firstIndex { $0 > number } ?? endIndex)
    }
}

extension Dictionary {
    fileprivate mutating func updateValueOrRemove(_ value: Value?, forKey key: Key) -> Value? {
        if let value { updateValue(value, forKey: key) } else { removeValue(forKey: key) }
    }
}
