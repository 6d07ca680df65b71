// SPDX-License-Identifier: Apache-2.0

/// What stands in an input, path by path: counts, values, lengths.
///
/// What `inspect` looks at.
///
/// Streaming; memory is bounded by the limits on paths, values and their lengths.
package struct Survey: Sendable {
    /// One path: a column, an element, an attribute.
    package struct Path: Sendable {
        /// The path from the root of the input or of the record, `/` between names.
        package var path: String
        /// How many times it is there.
        package var count = 0
        /// How many times it has text that is not blank.
        package var filled = 0
        /// The longest text, in bytes.
        package var longest = 0
        /// The different texts with their counts, as long as there are not too many; long ones are cut.
        package var values: [String: Int] = [:]
        /// Whether ``values`` has all of them.
        package var isComplete = true
        var parent: Int
    }

    /// How many different texts of a path are kept.
    package let valueLimit: Int
    /// How many bytes of a text are kept.
    package let lengthLimit: Int
    /// How many paths are kept: a document with endless names must not fill the memory.
    package let pathLimit: Int
    /// All paths, in the order that they were met.
    package private(set) var paths: [Path] = []
    /// Whether there were more paths than the limit.
    package private(set) var isCut = false
    private var indices: [Key: Int] = [:]

    private struct Key: Hashable {
        var parent: Int
        var name: String
    }

    /// Makes an empty survey.
    package init(valueLimit: Int = 50, lengthLimit: Int = 120, pathLimit: Int = 5000) {
        self.valueLimit = valueLimit
        self.lengthLimit = lengthLimit
        self.pathLimit = pathLimit
    }

    /// The index of a path, made when it is new; -1 for the top, and for what is past the limit.
    mutating func index(_ name: String, under parent: Int) -> Int {
        let key = Key(parent: parent, name: name)
        if let known = indices[key] { return known }
        guard paths.count < pathLimit else {
            isCut = true
            return -1
        }
        paths.append(Path(path: parent < 0 ? name : "\(paths[parent].path)/\(name)", parent: parent))
        indices[key] = paths.count - 1
        return paths.count - 1
    }

    /// Counts one occurrence with its text.
    mutating func add(_ index: Int, _ text: UnsafeBufferPointer<UInt8>, fullLength: Int) {
        guard index >= 0 else { return }
        paths[index].count += 1
        guard text.contains(where: { $0 > 0x20 }) else { return }
        paths[index].filled += 1
        paths[index].longest = max(paths[index].longest, fullLength)
        guard paths[index].isComplete else { return }
        var end = min(text.count, lengthLimit)
        while end < text.count, end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
        let value = String(decoding: UnsafeBufferPointer(rebasing: text[..<end]), as: UTF8.self)
        if paths[index].values[value] != nil || paths[index].values.count < valueLimit {
            paths[index].values[value, default: 0] += 1
        } else {
            paths[index].isComplete = false
        }
    }

    /// Adds the records of a block: paths are relative to the record, the record's own first.
    package mutating func add(_ block: RecordBlock) {
        var places = [Int](repeating: -1, count: block.nodes.count)
        block.bytes.withUnsafeBufferPointer { bytes in
            for record in block.records {
                for index in Int(record.root)..<Int(record.end) {
                    let node = block.nodes[index]
                    let isRoot = index == Int(record.root)
                    let parent = isRoot ? -1 : places[Int(node.parent)]
                    guard isRoot || parent >= 0 else { continue }
                    places[index] = self.index(block.names[Int(node.name)], under: parent)
                    let start = Int(node.start)
                    let text = UnsafeBufferPointer(rebasing: bytes[start..<start + Int(node.length)])
                    add(places[index], text, fullLength: text.count)
                }
            }
        }
    }
}
