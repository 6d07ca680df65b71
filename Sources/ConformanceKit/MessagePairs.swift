// SPDX-License-Identifier: Apache-2.0
internal import TicketModel

/// Which message of a draft is which of those that were read back: in their order, with the fewest changes.
struct MessagePairs {
    enum Pair: Equatable {
        case pair(Int, Int)
        case missing(Int)
        case extra(Int)
    }

    /// In the draft's order.
    private(set) var pairs: [Pair] = []

    private static let gap = 4

    init(_ a: [Message], _ b: [Message], headers: [String?]) {
        // An alignment of two short lists, as of two texts.
        var cost = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
        for i in stride(from: a.count, through: 0, by: -1) {
            for j in stride(from: b.count, through: 0, by: -1) {
                if i == a.count {
                    cost[i][j] = (b.count - j) * Self.gap
                } else if j == b.count {
                    cost[i][j] = (a.count - i) * Self.gap
                } else {
                    let together = Self.distance(a[i], b[j], header: headers[i]) + cost[i + 1][j + 1]
                    cost[i][j] = min(together, cost[i + 1][j] + Self.gap, cost[i][j + 1] + Self.gap)
                }
            }
        }
        var (i, j) = (0, 0)
        while i < a.count || j < b.count {
            if i < a.count, j < b.count,
                cost[i][j] == Self.distance(a[i], b[j], header: headers[i]) + cost[i + 1][j + 1]
            {
                pairs.append(.pair(i, j))
                (i, j) = (i + 1, j + 1)
            } else if i < a.count, cost[i][j] == cost[i + 1][j] + Self.gap {
                pairs.append(.missing(i))
                i += 1
            } else {
                pairs.append(.extra(j))
                j += 1
            }
        }
    }

    private static func distance(_ a: Message, _ b: Message, header: String?) -> Int {
        let isEqual = MessageText(b.body, header: header).isEqual(to: a.body)
        if a.kind != b.kind { return isEqual ? 5 : 3 * gap }
        var distance = isEqual ? 0 : 3
        if a.author?.email != b.author?.email { distance += 1 }
        if a.attachments.count != b.attachments.count { distance += 1 }
        return distance
    }
}
