// SPDX-License-Identifier: Apache-2.0

/// The paths of all sets, walked at once: one look-up an element.
struct XMLPaths: ~Copyable {
    /// The state of an element that no set can be at or below.
    static let nowhere: Int32 = 0
    /// The state above the document's element.
    static let root: Int32 = 1

    private let sets: [[String]]
    /// For each state: which sets are how far.
    private var members: [[Member]] = [[], []]
    private var steps: [[Int32]] = [[], []]
    /// For each state: the sets that an element in this state belongs to.
    private(set) var accepted: [[UInt32]] = [[], []]

    private struct Member: Hashable {
        var set: Int
        var position: Int
    }

    /// Takes paths such as `/rss/channel/item`; `*` stands for any one element.
    init(_ paths: [String]) {
        sets = paths.map { $0.split(separator: "/").map(String.init) }
        members[1] = sets.indices.map { Member(set: $0, position: 0) }
    }

    /// The state of a child with this name.
    @inline(__always)
    mutating func step(_ state: Int32, _ name: UInt32, _ names: borrowing XMLNames) -> Int32 {
        if state == Self.nowhere { return Self.nowhere }
        let row = Int(state)
        if Int(name) < steps[row].count, steps[row][Int(name)] >= 0 { return steps[row][Int(name)] }
        return learn(row, Int(name), names)
    }

    private mutating func learn(_ row: Int, _ name: Int, _ names: borrowing XMLNames) -> Int32 {
        let text = names.names[name]
        let next = members[row].compactMap { member -> Member? in
            let path = sets[member.set]
            guard member.position < path.count, path[member.position] == text || path[member.position] == "*" else {
                return nil
            }
            return Member(set: member.set, position: member.position + 1)
        }
        var state = Self.nowhere
        if !next.isEmpty {
            state = Int32(members.firstIndex(of: next) ?? members.count)
            if Int(state) == members.count {
                members.append(next)
                steps.append([])
                accepted.append(next.filter { $0.position == sets[$0.set].count }.map { UInt32($0.set) })
            }
        }
        // A document with endless different names must not fill the memory with what is only a cache.
        guard name < 4096 else { return state }
        if steps[row].count <= name { steps[row] += Array(repeating: -1, count: name + 1 - steps[row].count) }
        steps[row][name] = state
        return state
    }
}
