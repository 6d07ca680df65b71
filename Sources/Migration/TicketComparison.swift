// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Holds what a target has of a ticket against what must be there.
///
/// Pure: the bytes of files are left to whoever fetches them, as ``files``.
struct TicketComparison {
    private(set) var differences: [Difference] = []
    /// Files that are there by name and size.
    private(set) var files: [(message: String, expected: ExpectedFile, stored: StoredFile)] = []
    /// Messages whose dates are still to be set by the finishing file.
    private(set) var waitingDates = 0
    private let expected: ExpectedTicket
    private let stored: StoredTicket

    init(_ expected: ExpectedTicket, _ stored: StoredTicket) {
        self.expected = expected
        self.stored = stored
        compareProperties()
        compareMessages()
    }

    private mutating func compareProperties() {
        for (name, value) in expected.properties.sorted(by: { $0.key < $1.key }) where stored.properties[name] != value
        {
            differences.append(Difference(.property, name, expected: value, found: stored.properties[name]))
        }
        for tag in expected.tags.subtracting(stored.tags).sorted() {
            differences.append(Difference(.missingTag, tag, expected: tag))
        }
    }

    private mutating func compareMessages() {
        let pairing = MessagePairing(expected.messages, stored.messages)
        let datesAreSet =
            !expected.datesInFile
            || pairing.pairs.contains { e, s in
                expected.messages[e].createdAt != nil && expected.messages[e].createdAt == stored.messages[s].createdAt
            }
        for (e, s) in pairing.pairs.sorted(by: { $0.key < $1.key }) {
            compare(expected.messages[e], stored.messages[s], datesAreSet: datesAreSet)
        }
        for e in pairing.missing {
            differences.append(Difference(.missingMessage, expected.messages[e].name))
        }
        for (s, e) in pairing.doubled {
            differences.append(Difference(.doubledMessage, expected.messages[e].name, found: stored.messages[s].id))
        }
        for s in pairing.added {
            let message = stored.messages[s]
            let author = message.author.map { " by \($0)" } ?? ""
            differences.append(
                Difference(
                    .addedMessage, "\(message.kind.rawValue) \(message.id)", found: message.kind.rawValue + author))
        }
        for e in pairing.outOfOrder { differences.append(Difference(.order, expected.messages[e].name)) }
    }

    private mutating func compare(_ expected: ExpectedMessage, _ stored: StoredMessage, datesAreSet: Bool) {
        let name = expected.name
        if stored.kind != expected.kind {
            let kind: Difference.Kind = expected.kind == .reply ? .hidden : .exposed
            differences.append(
                Difference(kind, name, expected: expected.kind.rawValue, found: stored.kind.rawValue))
        }
        if let author = expected.author, author != stored.author {
            differences.append(Difference(.author, name, expected: author, found: stored.author))
        }
        if !expected.holds(stored) { differences.append(Difference(.text, name)) }
        if let date = expected.createdAt, date != stored.createdAt {
            if datesAreSet {
                differences.append(
                    Difference(.date, name, expected: date.description, found: stored.createdAt?.description))
            } else {
                waitingDates += 1
            }
        }
        compareFiles(of: name, expected.files, stored.files)
    }

    private mutating func compareFiles(of name: String, _ expected: [ExpectedFile], _ stored: [StoredFile]) {
        var left = stored
        var unpaired: [ExpectedFile] = []
        for file in expected {
            guard
                let at = left.firstIndex(where: {
                    file.names.contains($0.name) && ($0.size == nil || $0.size == file.size)
                })
            else {
                unpaired.append(file)
                continue
            }
            files.append((name, file, left.remove(at: at)))
        }
        for file in unpaired {
            let shown = "\(name): \(file.names.sorted().first ?? "")"
            if let at = left.firstIndex(where: { file.names.contains($0.name) }) {
                let found = left.remove(at: at)
                differences.append(
                    Difference(
                        .changedFile, shown, expected: "\(file.size) bytes",
                        found: found.size.map { "\($0) bytes" }))
            } else {
                differences.append(Difference(.missingFile, shown, expected: "\(file.size) bytes"))
            }
        }
        for file in left {
            differences.append(
                Difference(.addedFile, "\(name): \(file.name)", found: file.size.map { "\($0) bytes" }))
        }
    }
}

extension ExpectedMessage {
    /// Whether a stored message has the right text: by its proof and by its words, as far as both are known.
    func holds(_ stored: StoredMessage) -> Bool {
        if let proof = stored.proof, !proofs.isEmpty, !proofs.contains(proof) { return false }
        // By bytes: two spellings of one letter are equal as texts.
        return texts.isEmpty || texts.contains { $0.utf8.elementsEqual(stored.text.utf8) }
    }

    /// Whether anything is known by which a text could be told from another.
    fileprivate func tells(_ stored: StoredMessage) -> Bool {
        !texts.isEmpty || (stored.proof != nil && !proofs.isEmpty)
    }
}

/// Which stored message is which expected one.
///
/// By the key where the target shows it; else by text, kind and author in order; else by the place between two that are
/// known.
struct MessagePairing {
    /// By the place among the expected, the place among the stored.
    private(set) var pairs: [Int: Int] = [:]
    /// Expected ones that are not there.
    private(set) var missing: [Int] = []
    /// Stored ones that are there a second time, with the expected one that they repeat.
    private(set) var doubled: [(stored: Int, expected: Int)] = []
    /// Stored ones that are none of ours.
    private(set) var added: [Int] = []
    /// Expected ones that stand at another place; as few as possible.
    private(set) var outOfOrder: [Int] = []

    init(_ expected: [ExpectedMessage], _ stored: [StoredMessage]) {
        var free = Set(stored.indices)
        let byDigest = Dictionary(grouping: stored.indices.filter { stored[$0].digest != nil }) {
            stored[$0].digest ?? ""
        }
        for (e, message) in expected.enumerated() {
            guard let found = byDigest[message.digest] else { continue }
            // The one that is as it must be is the original; the others are doubles.
            let first = found.first { message.holds(stored[$0]) } ?? found[0]
            pairs[e] = first
            for s in found where s != first { doubled.append((s, e)) }
            free.subtract(found)
        }
        let known = Set(expected.map(\.digest))
        func pairFree(_ fits: (ExpectedMessage, StoredMessage) -> Bool) {
            for (e, message) in expected.enumerated() where pairs[e] == nil {
                let candidates = free.sorted().filter { s in
                    stored[s].digest.map { !known.contains($0) } ?? true
                }
                guard let s = candidates.first(where: { fits(message, stored[$0]) }) else { continue }
                pairs[e] = s
                free.remove(s)
            }
        }
        pairFree { $0.tells($1) && $0.holds($1) && $0.kind == $1.kind && ($0.author == nil || $0.author == $1.author) }
        pairFree { $0.tells($1) && $0.holds($1) && $0.kind == $1.kind }
        pairFree { $0.tells($1) && $0.holds($1) }
        pairByPlace(expected, stored, &free)
        missing = expected.indices.filter { pairs[$0] == nil }
        for s in free.sorted() {
            if let e = expected.firstIndex(where: {
                $0.tells(stored[s]) && $0.holds(stored[s]) && $0.kind == stored[s].kind
            }
            ) {
                doubled.append((s, e))
            } else {
                added.append(s)
            }
        }
        outOfOrder = Self.outOfOrder(pairs.filter { expected[$0.key].hasPlace })
    }

    /// Pairs what stands alone between two known messages and resembles what must be there.
    private mutating func pairByPlace(
        _ expected: [ExpectedMessage], _ stored: [StoredMessage], _ free: inout Set<Int>
    ) {
        for (e, message) in expected.enumerated() where pairs[e] == nil {
            let before = (0..<e).compactMap { pairs[$0] }.last ?? -1
            let after = ((e + 1)..<max(e + 1, expected.count)).compactMap { pairs[$0] }.first ?? stored.count
            let between = free.sorted().filter { $0 > before && $0 < after }
            guard
                let s = between.first(where: { s in
                    let other = stored[s]
                    guard other.digest == nil, message.author == nil || message.author == other.author else {
                        return false
                    }
                    return !message.tells(other) || message.createdAt == other.createdAt && other.createdAt != nil
                        || message.texts.contains { Self.resembles($0, other.text) }
                })
            else { continue }
            pairs[e] = s
            free.remove(s)
        }
    }

    /// Whether two texts begin and end alike for at least half of the longer one.
    private static func resembles(_ a: String, _ b: String) -> Bool {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        let shorter = min(a.count, b.count)
        var same = 0
        while same < shorter, a[same] == b[same] { same += 1 }
        var tail = 0
        while tail < shorter - same, a[a.count - 1 - tail] == b[b.count - 1 - tail] { tail += 1 }
        return (same + tail) * 2 >= max(a.count, b.count)
    }

    /// The expected messages that are not in the longest part that stands in order.
    private static func outOfOrder(_ pairs: [Int: Int]) -> [Int] {
        let order = pairs.sorted { $0.key < $1.key }
        // Of each length, the chain that ends lowest; quadratic only in what one ticket has.
        var ends: [Int] = []
        var before = [Int?](repeating: nil, count: order.count)
        for i in order.indices {
            let at = ends.firstIndex { order[$0].value > order[i].value } ?? ends.count
            before[i] = at > 0 ? ends[at - 1] : nil
            if at == ends.count { ends.append(i) } else { ends[at] = i }
        }
        var inOrder = Set<Int>()
        var last = ends.last
        while let i = last {
            inOrder.insert(i)
            last = before[i]
        }
        return order.indices.filter { !inOrder.contains($0) }.map { order[$0].key }
    }
}
