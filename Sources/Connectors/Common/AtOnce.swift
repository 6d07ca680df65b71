// SPDX-License-Identifier: Apache-2.0

extension Sequence where Element: Sendable {
    /// What `read` gives for each element, in their order, with so many reads under way at the same time.
    ///
    /// The client's pace still holds. The first error ends all and is thrown.
    func mapAtOnce<Out: Sendable>(
        _ most: Int = 32, _ read: @escaping @Sendable (Element) async throws -> Out
    ) async throws -> [Out] {
        try await withThrowingTaskGroup(of: (Int, Out).self) { group in
            var out: [(Int, Out)] = []
            for (place, element) in enumerated() {
                if place >= most, let one = try await group.next() { out.append(one) }
                group.addTask { (place, try await read(element)) }
            }
            for try await one in group { out.append(one) }
            return out.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}
